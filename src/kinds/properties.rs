//! `properties`: single settings of a configuration file.
//!
//! The check compares values as the program that reads the file has them: continued lines, escapes and quotes are taken apart, and of
//! a setting that is there twice the one counts that counts there. A setting is changed in its place, or where it stands in a
//! comment, and all other bytes stay.

use super::candidate::edited;
use super::field::{boolean, one_of, path, text, text_map, texts, validate};
use super::file::PATH;
use super::line::SECTION;
use super::rule::any_of;
use super::{ArgValue, Args, Kind, Pattern, Recipe};
use crate::script::{Script, Text};
use crate::source::{Diagnostic, Span};

const KEY: Pattern = Pattern {
    what: "name of a setting",
    fits: |key| !key.is_empty() && key.trim() == key && !key.chars().any(char::is_control),
    on_host: "case $pb_value in '' | ' '* | *' ' | *[!!-~' ']*) false ;; esac",
    hint: "write the name as it stands in the file, without what separates it from its value",
};

const VALUE: Pattern = Pattern {
    what: "value of a setting",
    fits: |value| !value.contains(['\n', '\r', '\0']),
    on_host: "case $pb_value in *'\n'* | *'\r'*) false ;; esac",
    hint: "a value is one line; with `|` a text ends in a line feed, with `>-` it does not",
};

const FORMATS: &[&str] = &["properties", "ini", "env", "sshd", "postgresql"];

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Sets single settings of a configuration file, each in its place, and leaves everything else as it is.",
    check: "each setting has this value, as the program that reads the file takes it: of several the last one counts, for sshd the first",
    fields: &[
        path("path", "The file's path on the host.").required().matching(&PATH),
        text_map("set", "Names and values. A `~/` at the beginning of a value is the home directory.")
            .names(&KEY)
            .matching(&VALUE)
            .keeps_secrets(),
        texts("unset", "Names of settings that shall not be there.").matching(&KEY),
        one_of(
            "format",
            FORMATS,
            "How the file is read: Java's properties; `ini` with sections and `name = value`; `env`, assignments as a shell and systemd read them; `sshd`, for sshd_config and ssh_config; `postgresql` for postgresql.conf.",
        )
        .default("properties"),
        text(
            "section",
            "With `ini` the section `[NAME]`, with `sshd` the line that begins a block (`Match User git`); without it what stands before the first one.",
        )
        .matching(&SECTION),
        boolean("uncomment", "Put a setting that is only there as a comment (`#name=`) into its place.").default("true"),
        boolean("create", "Make the file where it is missing; by default that is a failure."),
        validate("path"),
    ],
    rules: &[any_of(&["set", "unset"])],
    subject: "path",
    shell: include_str!("properties.sh"),
    example: "\
- name: Let the broker answer other hosts
  properties:
    path: ~/kafka/config/server.properties
    set:
      listeners: PLAINTEXT://0.0.0.0:9092
      log.retention.hours: 24
    unset: log.retention.ms
",
    hook: Some(hook),
    ..Kind::named("properties")
};

fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let format = args.text("format").and_then(Text::literal).unwrap_or_default();
    let mut wrong = Vec::new();
    if args.is_given("section") && !matches!(format, "ini" | "sshd") {
        let none =
            Diagnostic::error(args.key_place("section"), format!("a file of the format `{format}` has no sections"));
        wrong.push(none.hint("remove `section`, or write `format: ini` or `format: sshd`"));
    }
    let unset = args.texts("unset");
    for key in unset.iter().filter_map(Text::literal).filter(|key| !is_key(format, key)) {
        wrong.push(odd_key(args.place("unset"), format, key));
    }
    let empty = Vec::new();
    let set = if let Some(ArgValue::Map(map)) = args.get("set").map(|arg| &arg.value) { map } else { &empty };
    for (key, span, arg) in set {
        if !is_key(format, key) {
            wrong.push(odd_key(*span, format, key));
        }
        if unset.iter().any(|gone| gone.literal() == Some(key)) {
            let both = Diagnostic::error(*span, format!("`{key}` stands in `set` and in `unset`"));
            wrong.push(both.hint("keep one of them"));
        }
        if let ArgValue::Text(value) = &arg.value
            && value.literal().is_some_and(|value| !is_value(format, value))
        {
            let lost = Diagnostic::error(
                arg.span,
                format!("the value of `{key}` cannot be written in a file of the format `{format}`"),
            );
            wrong.push(lost.hint(
                "blanks at its ends, and what looks like a comment behind a blank, are not a part of a value there",
            ));
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let path = args.text("path").cloned().unwrap_or_default();
    recipe.equivalent_commands = Some(edited(args, &path, &commands(args, format, &path, &unset)));
    Ok(())
}

/// Whether a format can have a setting of this name.
fn is_key(format: &str, key: &str) -> bool {
    match format {
        "properties" => true,
        "ini" => !key.contains(['=', ':', '[', ']']) && !key.starts_with(['#', ';']),
        _ => {
            key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.$-".contains(&b))
        }
    }
}

/// Whether a format gives back a value that is written into it.
fn is_value(format: &str, value: &str) -> bool {
    match format {
        "ini" => value.trim() == value,
        "sshd" => value.trim() == value && !value.is_empty() && !value.contains(" #") && !value.starts_with('#'),
        _ => true,
    }
}

fn odd_key(span: Span, format: &str, key: &str) -> Diagnostic {
    Diagnostic::error(span, format!("invalid name `{key}` of a setting in a file of the format `{format}`"))
        .hint(KEY.hint)
}

/// What prints the new text, as a person would type it.
fn commands(args: &Args<'_>, format: &str, path: &Text, unset: &[Text]) -> Script {
    let mut script = if unset.is_empty() {
        Script::fill("{ cat @{path};", &[("path", path)])
    } else {
        let names: Vec<String> = unset.iter().map(|name| name.raw().replace('.', "\\.")).collect();
        let expression = Text::new(format!("^[[:space:]]*({})[[:space:]]*[=:]", names.join("|")));
        Script::fill("{ { grep -vE @{expression} @{path} || :; };", &[("expression", &expression), ("path", path)])
    };
    let set = args.map("set");
    if !set.is_empty() {
        script.append(&Script::fill(" printf '%s\\n'", &[]));
        let sign = match format {
            "sshd" => " ",
            "ini" | "postgresql" => " = ",
            _ => "=",
        };
        for (key, value) in &set {
            script.word(&Text::new(format!("{key}{sign}")));
            if !value.raw().is_empty() {
                script.append(&Script::quoted(value));
            }
        }
        script.append(&Script::fill(";", &[]));
    }
    script.append(&Script::fill(" }", &[]));
    script
}
