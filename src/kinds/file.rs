//! `file`: a file with given bytes, mode and owner.
//!
//! A symbolic link is followed: the file that it leads to is replaced, and the link stays. The new bytes go into a
//! file of the same directory that nobody else can read, which is then renamed over the old one. Without `mode` and
//! `owner` an old file keeps its own; a new one gets 0644 and belongs to whom the step runs as. `backup: true` keeps
//! what was there as `PATH.bak-` and the time in UTC, each time the bytes change. The directory must be there: a
//! mistyped path is an error and not a new tree.

use super::args::{finish, is_secret};
use super::{Arg, ArgValue, Args, Content, Effect, Field, Kind, Recipe, Shape};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    name: "file",
    summary: "Writes a file on the host: whole, at once, with the mode and owner that are asked for.",
    check: "bytes, mode and owner are the same; a difference is shown as a diff",
    fields: &[
        Field { name: "path", shape: Shape::Path, required: true, doc: "The file's path on the host." },
        Field { name: "content", shape: Shape::Text, required: false, doc: "What the file shall hold." },
        Field { name: "src", shape: Shape::LocalPath, required: false, doc: "A local file whose bytes it shall hold." },
        Field {
            name: "template",
            shape: Shape::LocalTemplate,
            required: false,
            doc: "A local file that is rendered like any value of the playbook.",
        },
        Field {
            name: "mode",
            shape: Shape::Mode,
            required: false,
            doc: "The file's mode; by default an old file keeps its own and a new one gets 0644.",
        },
        Field { name: "owner", shape: Shape::Text, required: false, doc: "The user that owns it, by name or number." },
        Field { name: "group", shape: Shape::Text, required: false, doc: "The group that owns it, by name or number." },
        Field {
            name: "backup",
            shape: Shape::Bool,
            required: false,
            doc: "Keep the old bytes beside it, as PATH.bak- and the time in UTC, when they change.",
        },
    ],
    short: None,
    example: "\
- name: Configure the client
  file:
    path: ~/kafka_2.12-2.8.1/bin/client.properties
    content: |
      security.protocol = SASL_SSL
      sasl.mechanism = AWS_MSK_IAM
    mode: 0640
",
    compile,
};

/// The three ways to say what a file holds.
const CONTENTS: [&str; 3] = ["content", "src", "template"];

fn compile(args: &Args<'_>) -> Result<Recipe, Vec<Diagnostic>> {
    let mut faults = Vec::new();
    let path = args.required("path", &mut faults);
    if path.raw().ends_with('/') {
        let fault = Diagnostic::error(args.place("path"), format!("`{}` is a directory's name", path.display()));
        faults.push(fault.hint("write the whole path, with the file's name"));
    }
    let given: Vec<(&str, &Arg)> = CONTENTS.iter().filter_map(|name| args.get(name).map(|arg| (*name, arg))).collect();
    let content = match given.as_slice() {
        [] => {
            let fault = Diagnostic::error(args.span, "this step does not say what the file holds");
            faults.push(fault.hint("give exactly one of `content`, `src` and `template`"));
            None
        }
        [(_, arg)] => match &arg.value {
            ArgValue::Text(text) => Some(Content::Text(text.clone())),
            ArgValue::File { bytes, .. } => Some(Content::Bytes(bytes.clone())),
            other => panic!("what a file holds came as {other:?}"),
        },
        [(first, _), (second, _), ..] => {
            let fault = Diagnostic::error(
                args.key(second).unwrap_or(args.span),
                format!("`{first}` and `{second}` both say what the file holds"),
            );
            let place = args.key(first).unwrap_or(args.span);
            faults.push(fault.related(place, "first said here").hint("keep exactly one of them"));
            None
        }
    };
    let mode = args.mode("mode", &mut faults);
    let owner = owner_of(args, "owner", &mut faults);
    let group = owner_of(args, "group", &mut faults);
    // A diff travels through the log, where no secret may be.
    let hidden = matches!(&content, Some(Content::Text(text)) if is_secret(text));
    let show = Text::from(if hidden { "hidden" } else { "diff" });
    let backup = Text::from(if args.flag("backup", false) { "backup" } else { "" });
    let values =
        [("path", &path), ("mode", &mode), ("owner", &owner), ("group", &group), ("show", &show), ("backup", &backup)];
    let check = Script::fill("pb_file_check @{path} @{mode} @{owner} @{group} @{show}", &values);
    let apply = Script::fill("pb_file_put @{path} @{mode} @{owner} @{group} @{backup}", &values);
    let mut equivalent_commands = Script::fill("cat >@{path}    # the content below", &values);
    for (given, line) in
        [(&mode, "chmod @{mode} @{path}"), (&owner, "chown @{owner} @{path}"), (&group, "chgrp @{group} @{path}")]
    {
        if !given.raw().is_empty() {
            equivalent_commands.line(&Script::fill(line, &values));
        }
    }
    let equivalent_commands = Some(equivalent_commands);
    let effect = content.map_or(Effect::None, Effect::Content);
    finish(
        Recipe { subject: path.display(), check: Some(check), apply, equivalent_commands, effect, ..Recipe::default() },
        faults,
    )
}

/// A user or group as `chown` takes it, or an empty text.
fn owner_of(args: &Args<'_>, name: &str, faults: &mut Vec<Diagnostic>) -> Text {
    let Some(text) = args.text(name) else { return Text::default() };
    let fits =
        |letters: &str| !letters.is_empty() && !letters.starts_with('-') && !letters.contains([':', ' ', '\n', '/']);
    if text.literal().is_some_and(|letters| !fits(letters)) {
        let fault = Diagnostic::error(args.place(name), format!("`{}` is no name for `{name}`", text.display()));
        faults.push(fault.hint("`owner` and `group` are two fields, each a name or a number"));
    }
    text.clone()
}
