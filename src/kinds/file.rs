//! `file`: a file with given bytes, mode and owner.
//!
//! A symbolic link is followed: the file that it leads to is replaced, and the link stays. The new bytes go into a file
//! of the same directory that no other user can read, which is then renamed over the old one. Without `mode` and
//! `owner` an old file keeps its own; a new one gets 0644 and belongs to the user that the step runs as. `backup: true`
//! keeps what was there as `PATH.bak-` and the time in UTC, each time the bytes change. A missing directory is made, as
//! every kind makes it, and the check says so.

use super::doubt::tilde_doubts;
use super::field::{boolean, local_path, local_template, mode, path, text, validate};
use super::rule::exactly_one;
use super::{ArgValue, Args, Content, Doubt, Effect, Kind, Pattern, Recipe, When};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

/// The path of a file, by its text.
pub(super) const PATH: Pattern = Pattern {
    what: "path of a file",
    fits: |path| !path.ends_with('/'),
    on_host: "case $pb_value in */) false ;; esac",
    hint: "this is the name of a directory: write the whole path, with the file's name",
};

/// A user or group as `chown` takes it.
pub(super) const OWNER: Pattern = Pattern {
    what: "user or group",
    fits: |name| !name.is_empty() && !name.starts_with('-') && !name.contains([':', ' ', '\n', '/']),
    on_host: "case $pb_value in '' | -* | *[:/]* | *[!!-~]*) false ;; esac",
    hint: "`owner` and `group` are two fields, each a name or a number",
};

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Writes a file on the host: whole, at once, with the mode and owner that are asked for.",
    check: "bytes, mode and owner are the same; a difference is shown as a diff",
    fields: &[
        path("path", "The file's path on the host.").required().matching(&PATH),
        text("content", "What the file shall hold.").keeps_secrets(),
        local_path("src", "A local file whose bytes it shall hold."),
        local_template("template", "A local file that is rendered like any value of the playbook.").keeps_secrets(),
        mode(
            "mode",
            "The file's mode; by default an old file keeps its own and a new one gets 0644; 0600 where it holds a secret.",
        ),
        text("owner", "The user that owns it, by name or number.").matching(&OWNER),
        text("group", "The group that owns it, by name or number.").matching(&OWNER),
        boolean("backup", "Keep the old bytes beside it, as PATH.bak- and the time in UTC, when they change."),
        validate("path"),
    ],
    rules: &[exactly_one(CONTENTS)],
    subject: "path",
    effect: content,
    shell: include_str!("file.sh"),
    commands: &[
        (When::Missing(&["validate"]), "cat >@{path}    # the content below"),
        (When::Given(&["validate"]), "cat >@{path}.new    # the content below"),
        (When::Given(&["validate"]), "@{validate}"),
        (When::Given(&["validate"]), "cp @{path}.new @{path} && rm @{path}.new"),
        (When::Given(&["owner"]), "chown @{owner} @{path}"),
        (When::Given(&["group"]), "chgrp @{group} @{path}"),
        // Last, because a new owner takes some bits away.
        (When::Given(&["mode"]), "chmod @{mode} @{path}"),
    ],
    example: "\
- name: Configure the client
  file:
    path: ~/kafka_2.12-2.8.1/bin/client.properties
    content: |
      security.protocol = SASL_SSL
      sasl.mechanism = AWS_MSK_IAM
    mode: 0640
",
    doubts,
    hook: Some(hide_secret),
    ..Kind::named("file")
};

/// A `~` that stays as it is, and a secret that others can read.
fn doubts(args: &Args<'_>) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    for name in CONTENTS {
        let Some(arg) = args.get(name) else { continue };
        doubts.extend(tilde_doubts(args, name));
        let mode = args.text("mode").and_then(Text::literal).filter(|_| args.may_hold_secret(&arg.value));
        if let Some(mode) = mode.filter(|mode| mode.ends_with(['4', '5', '6', '7'])) {
            let message = format!("every user of the host can read the secret in this file: its mode is {mode}");
            doubts.push(Doubt::new("mode", message, "write 0600, or 0640 and a `group`; without `mode` it is 0600"));
        }
    }
    doubts
}

/// A file that holds a secret is for its owner alone, unless `mode` says otherwise.
#[expect(clippy::unnecessary_wraps, reason = "the form of a hook, which may refuse fields")]
fn hide_secret(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    if !args.is_given("mode")
        && CONTENTS.iter().filter_map(|name| args.get(name)).any(|arg| args.may_hold_secret(&arg.value))
    {
        let mode = Text::from("0600");
        recipe.set("mode", Script::quoted(&mode));
        let path = args.text("path").cloned().unwrap_or_default();
        let chmod = Script::fill("chmod @{mode} @{path}", &[("mode", &mode), ("path", &path)]);
        recipe.equivalent_commands.get_or_insert_default().line(&chmod);
    }
    Ok(())
}

/// The three ways to say what a file holds.
const CONTENTS: &[&str] = &["content", "src", "template"];

fn content(args: &Args<'_>) -> Effect {
    match CONTENTS.iter().find_map(|name| args.get(name)).map(|arg| &arg.value) {
        Some(ArgValue::Text(text)) => Effect::Content(Content::Text(text.clone())),
        Some(ArgValue::File { bytes, .. }) => Effect::Content(Content::Bytes(bytes.clone())),
        _ => Effect::None,
    }
}
