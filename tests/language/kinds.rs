//! A small table of kinds, so that the language is tested apart from what the real kinds do.

use pinboot::kinds::{Arg, ArgValue, Args, Content, Effect, Field, Kind, Manual, Recipe, Shape};
use pinboot::script::{Script, Text};
use pinboot::source::Diagnostic;

const fn field(name: &'static str, shape: Shape, required: bool) -> Field {
    Field { name, shape, required, doc: "a field" }
}

fn get<'a>(args: &'a Args<'_>, name: &str) -> Option<&'a ArgValue> {
    args.fields.iter().find(|(known, _, _)| *known == name).map(|(_, _, arg)| &arg.value)
}

fn words(value: Option<&ArgValue>) -> Vec<String> {
    match value {
        Some(ArgValue::Text(text)) => vec![text.display()],
        Some(ArgValue::List(items)) => items.iter().flat_map(|item| words(Some(&item.value))).collect(),
        Some(ArgValue::Map(entries)) => {
            entries.iter().map(|(key, _, item)| format!("{key}={}", words(Some(&item.value)).join(","))).collect()
        }
        Some(ArgValue::Shell(script)) => vec![script.as_str().to_owned()],
        Some(ArgValue::Bool(flag)) => vec![flag.to_string()],
        Some(ArgValue::Integer(number)) => vec![number.to_string()],
        Some(ArgValue::File { path, bytes }) => vec![format!("{path} has {} bytes", bytes.len())],
        None => Vec::new(),
    }
}

fn shell(args: &Args<'_>) -> Result<Recipe, Vec<Diagnostic>> {
    let Some(ArgValue::Shell(script)) = get(args, "run") else { return Err(Vec::new()) };
    Ok(Recipe { subject: String::new(), apply: script.clone(), ..Recipe::default() })
}

/// What was given, in the subject; enough to see what a field became.
#[expect(clippy::unnecessary_wraps, reason = "it stands in for a kind's `compile`")]
fn shown(args: &Args<'_>) -> Result<Recipe, Vec<Diagnostic>> {
    let subject = args.fields.iter().map(|(name, _, arg)| format!("{name}: {}", words(Some(&arg.value)).join(" | ")));
    let content = match get(args, "content").or_else(|| get(args, "template")) {
        Some(ArgValue::Text(text)) => Some(Content::Text(text.clone())),
        _ => None,
    };
    Ok(Recipe {
        subject: subject.collect::<Vec<_>>().join("; "),
        effect: content.map_or(Effect::None, Effect::Content),
        check: Some(Script::default()),
        ..Recipe::default()
    })
}

fn package(args: &Args<'_>) -> Result<Recipe, Vec<Diagnostic>> {
    Ok(Recipe { needs_root: true, ..shown(args)? })
}

fn export(args: &Args<'_>) -> Result<Recipe, Vec<Diagnostic>> {
    let Some(ArgValue::Map(entries)) = get(args, "*") else { return Err(Vec::new()) };
    let exports = entries
        .iter()
        .filter_map(|(name, _, Arg { value, .. })| match value {
            ArgValue::Text(text) => Some((name.clone(), text.clone())),
            _ => None,
        })
        .collect();
    Ok(Recipe { effect: Effect::Exports(exports), ..shown(args)? })
}

fn manual(args: &Args<'_>) -> Result<Recipe, Vec<Diagnostic>> {
    let Some(ArgValue::Text(text)) = get(args, "text") else { return Err(Vec::new()) };
    let wait = matches!(get(args, "wait"), Some(ArgValue::Bool(true)));
    Ok(Recipe { effect: Effect::Manual(Manual { text: Text::new(text.raw()), wait }), ..Recipe::default() })
}

macro_rules! kind {
    ($name:literal, $short:expr, $compile:expr, $($field:expr),+) => {
        &Kind { name: $name, summary: "", check: "", fields: &[$($field),+], short: $short, example: "", compile: $compile }
    };
}

/// The kinds of these tests.
pub(crate) const KINDS: &[&Kind] = &[
    kind!("command", Some("run"), shell, field("run", Shape::Shell, true)),
    kind!(
        "script",
        Some("run"),
        shell,
        field("run", Shape::Shell, true),
        field("shell", Shape::OneOf(&["sh", "bash"]), false)
    ),
    kind!(
        "package",
        Some("name"),
        package,
        field("name", Shape::Any, true),
        field("state", Shape::OneOf(&["present", "absent"]), false)
    ),
    kind!(
        "download",
        None,
        shown,
        field("url", Shape::Texts, true),
        field("to", Shape::Path, true),
        field("mode", Shape::Mode, false)
    ),
    kind!(
        "file",
        None,
        shown,
        field("path", Shape::Path, true),
        field("content", Shape::Text, false),
        field("src", Shape::LocalPath, false),
        field("template", Shape::LocalTemplate, false),
        field("backup", Shape::Bool, false),
        field("tries", Shape::Integer, false)
    ),
    kind!(
        "export",
        None,
        export,
        field("scope", Shape::OneOf(&["user", "system"]), false),
        field("*", Shape::TextMap, true)
    ),
    kind!(
        "manual",
        None,
        manual,
        field("text", Shape::Text, true),
        field("check", Shape::Shell, false),
        field("wait", Shape::Bool, false)
    ),
];
