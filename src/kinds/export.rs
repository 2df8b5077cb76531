//! `export`: environment variables for every later step and for every later shell of the user.
//!
//! The values stand in a marked block of each file that the user's shells read at their start: `.bashrc` (read by
//! interactive shells and, under sshd, by `ssh host command`), `.profile` and whichever of `.bash_profile` and
//! `.bash_login` a login bash reads instead of it, and those of zsh, fish, csh, ksh and mksh where they are in use.
//! The block stands at the top of its file, because Ubuntu's `.bashrc` returns early for shells that are not
//! interactive. Where a line further down sets the same variable by hand, to something that does not build on it, the
//! block's assignment would be lost: then, and only then, it is repeated at the end. Lines of the user are never
//! changed. With `scope: system` the places are `/etc/environment` and `/etc/profile.d/pinboot.sh`.
//!
//! One block serves all `export` steps: a step replaces the lines of its own names and leaves the others.

use super::args::{finish, is_secret};
use super::{ArgValue, Args, Effect, Field, Kind, Recipe, Shape};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    name: "export",
    summary: "Sets environment variables for every later step and every later shell of the user, login or not.",
    check: "the marked block is in each file that the user's shells read, exactly once, with these values",
    fields: &[
        Field { name: "*", shape: Shape::TextMap, required: true, doc: "Names and values." },
        Field {
            name: "scope",
            shape: Shape::OneOf(&["user", "system"]),
            required: false,
            doc: "`user` (the default), or `system`: for every user of the host.",
        },
    ],
    short: None,
    example: "\
- name: Make CLASSPATH last
  export:
    CLASSPATH: ~/kafka_2.12-2.8.1/libs/aws-msk-iam-auth-1.1.5-all.jar
",
    compile,
};

fn compile(args: &Args<'_>) -> Result<Recipe, Vec<Diagnostic>> {
    let mut faults = Vec::new();
    let mut exports: Vec<(String, Text)> = Vec::new();
    let scope = if args.text("scope").and_then(Text::literal) == Some("system") { "system" } else { "user" };
    let map = match args.get("*").map(|arg| &arg.value) {
        Some(ArgValue::Map(map)) => map.as_slice(),
        _ => &[],
    };
    for (name, span, arg) in map {
        let ArgValue::Text(value) = &arg.value else {
            faults.push(Diagnostic::error(arg.span, format!("the value of `{name}` is no text")));
            continue;
        };
        if !is_name(name) {
            let fault = Diagnostic::error(*span, format!("`{name}` is no name for an environment variable"));
            faults.push(fault.hint("letters, digits and _, not beginning with a digit"));
        }
        if value.raw().contains(['\n', '\r']) {
            let fault = Diagnostic::error(arg.span, format!("the value of `{name}` has more than one line"));
            faults.push(fault.hint("an exported value is one line"));
        }
        exports.push((name.clone(), value.clone()));
    }
    if exports.is_empty() && faults.is_empty() {
        faults.push(
            Diagnostic::error(args.span, "this step exports nothing")
                .hint("write names and values, as in { CLASSPATH: ~/x.jar }"),
        );
    }
    // What the check prints travels through the log, where no secret may be.
    let show = Text::from(if exports.iter().any(|(_, value)| is_secret(value)) { "hidden" } else { "shown" });
    let scope_text = Text::from(scope);
    let values = [("scope", &scope_text), ("show", &show)];
    let mut check = Script::fill("pb_export check @{scope} @{show}", &values);
    let mut apply = Script::fill("pb_export write @{scope} @{show}", &values);
    for (name, value) in &exports {
        check.word(&Text::new(name.clone())).word(value);
        apply.word(&Text::new(name.clone())).word(value);
    }
    let mut equivalent_commands = Script::default();
    for (name, value) in &exports {
        let values = [("name", &Text::new(name.clone())), ("value", value)];
        equivalent_commands.line(&Script::fill(
            "export @{name}=@{value}    # now, and in the files that every later shell reads",
            &values,
        ));
    }
    let equivalent_commands = Some(equivalent_commands);
    let subject = exports.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" ");
    let needs_root = scope == "system";
    finish(
        Recipe {
            subject,
            check: Some(check),
            apply,
            equivalent_commands,
            needs_root,
            effect: Effect::Exports(exports),
            ..Recipe::default()
        },
        faults,
    )
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
