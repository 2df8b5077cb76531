//! `pinboot kinds`: help on the kinds of step, from their table.

use std::fmt::Write as _;

use serde_json::json;

use super::args::Cli;
use super::console::print;
use super::error::CommandError;
use crate::event::{VERSION, json_text};
use crate::exit::Exit;
use crate::kinds::{Field, KINDS, Kind, Shape};
use crate::plan::options::{Form, OPTIONS};
use crate::report::format::columns;
use crate::source::Diagnostic;

/// Lists the kinds, or explains one.
pub(super) fn kinds(cli: &Cli, kind: Option<&str>) -> Result<Exit, CommandError> {
    print(&match kind {
        None if cli.wants_json() => json(KINDS) + &options_json(),
        None => list(KINDS) + &options(),
        Some(kind) => one(KINDS, kind)?,
    })
}

/// One line for each kind.
fn list(kinds: &[&Kind]) -> String {
    let lines: Vec<[String; 2]> = kinds.iter().map(|kind| [kind.name.to_owned(), kind.summary.to_owned()]).collect();
    format!("{}\npinboot kinds KIND shows the fields of a kind and an example.\n", columns(&lines))
}

/// One kind: what it does, its fields, its check, an example.
fn one(kinds: &[&Kind], name: &str) -> Result<String, Box<Diagnostic>> {
    let Some(kind) = kinds.iter().find(|kind| kind.name == name) else {
        let names = kinds.iter().map(|kind| kind.name);
        let unknown = Diagnostic::without_place(format!("there is no kind `{}`", name.escape_debug()));
        let unknown = unknown.did_you_mean(name, names);
        let hinted = unknown.hint.is_some();
        return Err(Box::new(if hinted { unknown } else { unknown.hint("pinboot kinds lists them") }));
    };
    let mut out = format!("{}: {}\n", kind.name, kind.summary);
    if !kind.fields.is_empty() {
        let lines: Vec<[String; 3]> = kind.fields.iter().map(field_cells).collect();
        writeln!(out, "\nfields\n{}", indent(&columns(&lines)).trim_end()).expect("a string takes all");
    }
    if let Some(short) = kind.short {
        writeln!(out, "\nshort form\n  {}: {}", kind.name, short.to_uppercase()).expect("a string takes all");
    }
    writeln!(out, "\ncheck\n  {}", kind.check).expect("a string takes all");
    writeln!(out, "\nexample\n{}", indent(kind.example).trim_end()).expect("a string takes all");
    Ok(out)
}

fn field_cells(field: &Field) -> [String; 3] {
    let name = if field.name == "*" { "NAME".to_owned() } else { field.name.to_owned() };
    let needed = if field.required { ", required" } else { "" };
    [name, format!("{}{needed}", field.shape.words()), field.sentence()]
}

/// One JSON object for each kind.
fn json(kinds: &[&Kind]) -> String {
    kinds
        .iter()
        .map(|kind| {
            let fields: Vec<_> = kind
                .fields
                .iter()
                .map(|field| json!({"name": field.name, "wants": field.shape.words(), "required": field.required, "doc": field.sentence()}))
                .collect();
            let line = json!({
                "v": VERSION, "kind": "kind", "name": kind.name, "summary": kind.summary, "check": kind.check,
                "short": kind.short, "fields": fields, "example": kind.example,
            });
            json_text(&line) + "\n"
        })
        .collect()
}

/// What an option's value is, in words.
fn form_words(form: Form) -> String {
    match form {
        Form::Field(shape) => shape.words(),
        Form::User => "user on the host".to_owned(),
        Form::UpTo(_) => Shape::Integer.words(),
        Form::Duration { .. } => "duration".to_owned(),
        Form::Variables => Shape::TextMap.words(),
        Form::Condition => "expression".to_owned(),
        Form::Items => "list".to_owned(),
        Form::Name => "name".to_owned(),
        Form::Steps => "step name or id, or list of them".to_owned(),
        Form::Id => "word".to_owned(),
        Form::Switch => Shape::Bool.words(),
        Form::Words => Shape::Texts.words(),
    }
}

/// The options that every step can have, in one line each.
fn options() -> String {
    let lines: Vec<[String; 3]> =
        OPTIONS.iter().map(|option| [option.name.to_owned(), form_words(option.form), option.doc.to_owned()]).collect();
    format!("\noptions of every step\n{}", indent(&columns(&lines)))
}

/// Every option as one JSON object a line.
fn options_json() -> String {
    OPTIONS
        .iter()
        .map(|option| {
            let line = json!({
                "v": VERSION, "kind": "option", "name": option.name, "wants": form_words(option.form),
                "default": option.default, "read_by": option.read_by.word(), "at_groups": option.inherits.words(),
                "doc": option.doc,
            });
            json_text(&line) + "\n"
        })
        .collect()
}

fn indent(text: &str) -> String {
    text.lines().fold(String::new(), |mut out, line| {
        writeln!(out, "{}", format!("  {line}").trim_end()).expect("a string takes all");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::field::{one_of, path, rest};

    static SWAP: Kind = Kind {
        summary: "A swap file of a size.",
        check: "`swapon --show` names the file.",
        fields: &[
            path("path", "Where it is.").required(),
            one_of("state", &["present", "absent"], "Which way.").default("present"),
        ],
        short: Some("path"),
        example: "- name: Make room\n  swap:\n    path: /swap\n",
        ..Kind::named("swap")
    };
    static EXPORT: Kind = Kind {
        summary: "Variables that last.",
        check: "The block is there.",
        fields: &[rest("One variable.")],
        example: "- export: { A: b }",
        ..Kind::named("export")
    };

    #[test]
    fn the_list_and_one_kind() {
        let kinds = [&SWAP, &EXPORT];
        assert_eq!(
            list(&kinds),
            "swap    A swap file of a size.\nexport  Variables that last.\n\npinboot kinds KIND shows the fields of a kind and an example.\n"
        );
        insta::assert_snapshot!(one(&kinds, "swap").unwrap());
        assert!(one(&kinds, "export").unwrap().contains("\n  NAME  names and texts  One variable.\n"));
    }

    #[test]
    fn every_option_is_listed_with_its_sentence() {
        let text = options();
        assert!(text.starts_with("\noptions of every step\n  when "), "{text}");
        for option in OPTIONS {
            assert!(text.contains(&format!("\n  {} ", option.name)) && text.contains(option.doc), "{text}");
        }
        assert_eq!(options_json().lines().count(), OPTIONS.len());
    }

    #[test]
    fn an_unknown_kind_has_a_near_name_or_a_way_to_the_list() {
        let error = one(&[&SWAP], "swop").unwrap_err();
        assert_eq!(
            (error.message.as_str(), error.hint.as_deref()),
            ("there is no kind `swop`", Some("did you mean `swap`?"))
        );
        let error = one(&[&SWAP], "nothing\u{1b}").unwrap_err();
        assert_eq!(error.message, "there is no kind `nothing\\u{1b}`");
        assert_eq!(error.hint.as_deref(), Some("pinboot kinds lists them"));
    }
}
