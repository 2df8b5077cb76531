//! `group`: a group of the host, and its number.

use super::cause::Cause;
use super::field::{boolean, integer, one_of, text};
use super::rule::not_when;
use super::typed::TypedLine;
use super::{Args, Kind, Pattern, Recipe, When};
use crate::source::Diagnostic;

/// What the tools of every distribution take for a name. A number alone would be taken for an id.
fn is_name(name: &str) -> bool {
    let body = name.strip_suffix('$').unwrap_or(name);
    let fits = body.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    let is_number = body.bytes().all(|b| b.is_ascii_digit());
    fits && !is_number && !body.starts_with(['-', '.']) && name.len() <= 32
}

const ON_HOST: &str = "case ${pb_value%\\$} in '' | [.-]* | *[!A-Za-z0-9_.-]*) false ;; *[!0-9]*) [ ${#pb_value} -le 32 ] ;; *) false ;; esac";

/// The name of a user.
pub(super) const USER: Pattern = Pattern {
    what: "user name",
    fits: is_name,
    on_host: ON_HOST,
    hint: "a name has up to 32 of a-z, A-Z, 0-9, `_`, `.` and `-`, begins with neither of the last two, and is not a number",
};

/// The name of a group.
pub(super) const GROUP: Pattern = Pattern {
    what: "group name",
    fits: is_name,
    on_host: ON_HOST,
    hint: "a name has up to 32 of a-z, A-Z, 0-9, `_`, `.` and `-`, begins with neither of the last two, and is not a number",
};

/// The name of a group, or its number.
pub(super) const GROUP_OR_ID: Pattern = Pattern {
    what: "group",
    fits: |group| is_name(group) || (ID.fits)(group),
    on_host: "case ${pb_value%\\$} in '' | [.-]* | *[!A-Za-z0-9_.-]*) false ;; *) [ ${#pb_value} -le 9 ] || case $pb_value in *[!0-9]*) [ ${#pb_value} -le 32 ] ;; *) false ;; esac ;; esac",
    hint: "write the name of the group, or its number",
};

/// The number of a user or a group. The last of them stands for none.
pub(super) const ID: Pattern = Pattern {
    what: "id",
    fits: |id| id.bytes().all(|b| b.is_ascii_digit()) && id.parse::<u32>().is_ok_and(|id| id != u32::MAX),
    on_host: "case $pb_value in '' | *[!0-9]*) false ;; *) [ ${#pb_value} -le 9 ] ;; esac",
    hint: "an id is a number up to 4294967294",
};

/// What can go wrong with accounts as with groups.
pub(super) const LOCKED: Cause = Cause {
    words: &["cannot lock /etc/"],
    sentence: "Another program changes the accounts of the host at this moment, or one that did has left a lock: see `ls /etc/*.lock`.",
};

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Makes a group, gives it its number, or removes it.",
    check: "the group of exactly this name, in /etc/group or as the name service has it, and its number",
    fields: &[
        text("name", "The group.").required().matching(&GROUP),
        integer("gid", "Its number; by default the host chooses one.").matching(&ID),
        boolean("system", "Choose the number among those of the system, where the group is made."),
        one_of("state", &["present", "absent"], "Whether it is there.").default("present"),
    ],
    rules: &[not_when("gid", When::Is("state", "absent")), not_when("system", When::Is("state", "absent"))],
    short: Some("name"),
    subject: "name",
    needs_root: When::Always,
    shell: include_str!("group.sh"),
    causes: &[
        LOCKED,
        Cause {
            words: &["cannot remove the primary group of user"],
            sentence: "A user has this group as the primary one: give that user another `group` first, or remove the user.",
        },
        Cause {
            words: &["gid", "already exists"],
            sentence: "Another group has this number: `getent group NUMBER` shows which.",
        },
    ],
    example: "\
- name: Make the group of the application
  group: { name: kafka, system: true }
",
    hook: Some(hook),
    ..Kind::named("group")
};

/// What a user would type.
#[expect(clippy::unnecessary_wraps, reason = "the form of a hook, which may refuse fields")]
fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let is_absent = When::Is("state", "absent").holds(args);
    let mut line = TypedLine::new(if is_absent { "groupdel" } else { "groupadd" });
    line.value("-g", args, "gid").flag("-r", args.flag("system"));
    recipe.equivalent_commands = Some(line.end(args));
    Ok(())
}
