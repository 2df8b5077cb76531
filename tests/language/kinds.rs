//! A small table of kinds, so that the language is tested apart from what the real kinds do.

use pinboot::kinds::field::{
    boolean, integer, list, local_path, local_template, mode, one_of, path, rest, shell, text, texts,
};
use pinboot::kinds::{ArgValue, Args, Content, Effect, Field, Hook, Kind, Manual, Recipe, When};
use pinboot::source::Diagnostic;

fn words(value: Option<&ArgValue>) -> Vec<String> {
    match value {
        Some(ArgValue::Text(text)) => vec![text.display()],
        Some(ArgValue::List(items)) => items.iter().flat_map(|item| words(Some(&item.value))).collect(),
        Some(ArgValue::Map(entries)) => {
            let given = entries.iter().filter(|(_, _, item)| !item.value.display().is_empty());
            let word = |key: &str, value: String| if key == "name" { value } else { format!("{key}={value}") };
            given.map(|(key, _, item)| word(key, words(Some(&item.value)).join(","))).collect()
        }
        Some(ArgValue::Shell(script)) => vec![script.as_str().to_owned()],
        Some(ArgValue::Bool(flag)) => vec![flag.to_string()],
        Some(ArgValue::Integer(number)) => vec![number.to_string()],
        Some(ArgValue::Tree(tree)) => vec![tree.path.clone()],
        Some(ArgValue::File { path, bytes }) => vec![format!("{path} has {} bytes", bytes.len())],
        None => Vec::new(),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it stands in for a kind's hook")]
fn run(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    recipe.subject = String::new();
    recipe.apply = args.shell("run").cloned().unwrap_or_default();
    Ok(())
}

/// What was given, in the subject; enough to see what a field became.
#[expect(clippy::unnecessary_wraps, reason = "it stands in for a kind's hook")]
fn shown(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let subject = args.fields.iter().map(|(name, _, arg)| format!("{name}: {}", words(Some(&arg.value)).join(" | ")));
    recipe.subject = subject.collect::<Vec<_>>().join("; ");
    recipe.check = Some(pinboot::script::Script::default());
    Ok(())
}

fn content(args: &Args<'_>) -> Effect {
    match args.get("content").or_else(|| args.get("template")).map(|arg| &arg.value) {
        Some(ArgValue::Text(text)) => Effect::Content(Content::Text(text.clone())),
        _ => Effect::None,
    }
}

const fn kind(name: &'static str, hook: Option<Hook>, short: Option<&'static str>, fields: &'static [Field]) -> Kind {
    Kind { hook, short, fields, ..Kind::named(name) }
}

const COMMAND: Kind = kind("command", Some(run), Some("run"), &[shell("run", "a field").required()]);
const SCRIPT: Kind = kind(
    "script",
    Some(run),
    Some("run"),
    &[shell("run", "a field").required(), one_of("shell", &["sh", "bash"], "a field")],
);
const PACKAGE: Kind = Kind {
    needs_root: When::Always,
    ..kind(
        "package",
        Some(shown),
        Some("name"),
        &[
            list("name", &[text("name", ""), text("z", ""), text("a", "")], "a field").required(),
            one_of("state", &["present", "absent"], "a field"),
        ],
    )
};
const DOWNLOAD: Kind = kind(
    "download",
    Some(shown),
    None,
    &[texts("url", "a field").required(), path("to", "a field").required(), mode("mode", "a field")],
);
const FILE: Kind = Kind {
    effect: content,
    ..kind(
        "file",
        Some(shown),
        None,
        &[
            path("path", "a field").required(),
            text("content", "a field"),
            local_path("src", "a field"),
            local_template("template", "a field"),
            boolean("backup", "a field"),
            integer("tries", "a field"),
        ],
    )
};
const EXPORT: Kind = Kind {
    effect: |args| Effect::Exports(args.map("*")),
    ..kind("export", Some(shown), None, &[one_of("scope", &["user", "system"], "a field"), rest("a field").required()])
};
const MANUAL: Kind = Kind {
    effect: |args| {
        Effect::Manual(Manual { text: args.text("text").cloned().unwrap_or_default(), wait: args.flag("wait") })
    },
    ..kind("manual", None, None, &[text("text", "a field"), shell("check", "a field"), boolean("wait", "a field")])
};

/// The kinds of these tests.
pub(crate) const KINDS: &[&Kind] = &[&COMMAND, &SCRIPT, &PACKAGE, &DOWNLOAD, &FILE, &EXPORT, &MANUAL];
