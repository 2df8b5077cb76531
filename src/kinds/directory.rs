//! `directory`: a directory with a mode and an owner, and an owner for everything in it.
//!
//! A symbolic link to a directory is followed. The directories above are made where they are missing, with the mode that the host gives
//! to a new one. `tree` follows no link, and gives away only what has another owner.

use super::field::{boolean, mode, path, text};
use super::file::OWNER;
use super::rule::not_when;
use super::{Kind, When};

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Makes a directory on the host, with those above it, and says to whom it and everything in it belongs.",
    check: "a directory is there; mode and owner are the same; with `tree`, everything in it has that owner and group: the first paths that differ are shown",
    fields: &[
        path("path", "The directory's path on the host.").required(),
        text("owner", "The user that owns it, by name or number.").matching(&OWNER),
        text("group", "The group that owns it, by name or number.").matching(&OWNER),
        mode("mode", "The mode of the directory itself; by default an old one keeps its own and a new one gets 0755."),
        boolean("tree", "Give everything in it to `owner` and `group` as well; no link is followed.").default("false"),
    ],
    rules: &[not_when("tree", When::Missing(&["owner", "group"]))
        .hint("`tree` gives everything in the directory to a user or group: add `owner` or `group`, or remove it")],
    short: Some("path"),
    subject: "path",
    shell: include_str!("directory.sh"),
    commands: &[
        (When::Always, "mkdir -p @{path}"),
        (When::All(&[When::Is("tree", "false"), When::Given(&["owner"])]), "chown @{owner} @{path}"),
        (When::All(&[When::Is("tree", "false"), When::Given(&["group"])]), "chgrp @{group} @{path}"),
        (When::All(&[When::Is("tree", "true"), When::Given(&["owner"])]), "chown -Rh @{owner} @{path}"),
        (When::All(&[When::Is("tree", "true"), When::Given(&["group"])]), "chgrp -Rh @{group} @{path}"),
        (When::Given(&["mode"]), "chmod 0@{mode} @{path}"),
    ],
    example: "\
- name: Make the folder of the logs
  directory: { path: /var/log/kafka, owner: kafka, group: kafka, mode: 0750, tree: true }
  sudo: true
",
    ..Kind::named("directory")
};
