//! `absent`: what shall not be on the host.
//!
//! A link is removed, and what it leads to stays. A directory with something in it is removed only with `tree`. What a slip of the pen
//! would name (the root, a home, a directory of the system, a mount point) is refused.

use super::field::{boolean, texts};
use super::{Kind, Pattern, When};

/// Directories that a system does not work without.
const SYSTEM: &[&str] = &[
    "bin",
    "boot",
    "dev",
    "etc",
    "home",
    "lib",
    "lib32",
    "lib64",
    "media",
    "mnt",
    "opt",
    "proc",
    "root",
    "run",
    "sbin",
    "srv",
    "sys",
    "tmp",
    "usr",
    "var",
    "usr/bin",
    "usr/lib",
    "usr/lib64",
    "usr/local",
    "usr/sbin",
    "usr/share",
    "var/lib",
    "var/log",
];

const PATH: Pattern = Pattern {
    what: "path to remove",
    fits: can_be_removed,
    on_host: "case $pb_value in '' | *'\n'* | *[*?]* | *'$'* | '~'* | -* | . | .. | */. | */.. | *//* | */./* | */../* | ./* | ../*) false ;; /*/?*) ;; /*) false ;; esac",
    hint: "name one path, without a pattern; `/`, a home and the directories of the system are not removed",
};

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Removes files, links and directories from the host.",
    check: "nothing is at any of the paths, and no link without a target either",
    fields: &[
        texts(
            "path",
            "The path on the host, or a list of them; of a link, the link itself goes and not what it leads to.",
        )
        .required()
        .matching(&PATH),
        boolean("tree", "Remove a directory with everything in it; otherwise it must be empty.").default("false"),
    ],
    short: Some("path"),
    subject: "path",
    shell: include_str!("absent.sh"),
    commands: &[(When::Is("tree", "false"), "rm -df @{path}"), (When::Is("tree", "true"), "rm -rf @{path}")],
    example: "\
- name: Remove the site that nginx comes with
  absent: /etc/nginx/sites-enabled/default
  sudo: true
",
    ..Kind::named("absent")
};

/// Whether a path names one thing, and nothing that a slip of the pen would name.
fn can_be_removed(path: &str) -> bool {
    if path.contains(['*', '?', '\n']) || super::value::variable_in(path).is_some() {
        return false;
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    match parts.as_slice() {
        [] | [.., ".."] | ["~"] => false,
        [first, ..] if first.starts_with('~') && *first != "~" => false,
        parts => !path.starts_with('/') || !SYSTEM.contains(&parts.join("/").as_str()),
    }
}
