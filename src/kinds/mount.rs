//! `mount`: a file system at its place, now and at each boot.
//!
//! The kernel and `/etc/fstab` are asked both. One line of the table is changed, field by field. What is mounted already is remounted where
//! only its options differ, and unmounted first where it is something else; nothing is unmounted by force.

use super::cause::Cause;
use super::field::{integer, one_of, path, text, texts};
use super::rule::not_when;
use super::typed::TypedLine;
use super::{Args, Kind, Need, Pattern, Recipe, When};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

/// What is mounted. A blank is written into the table as `\040`.
pub(super) const SOURCE: Pattern = Pattern {
    what: "source of a mount",
    fits: |what| !what.is_empty() && !what.starts_with('-') && !what.chars().any(char::is_control),
    on_host: "case $pb_value in '' | -* | *[!!-~' ']*) false ;; esac",
    hint: "write a device, UUID=…, LABEL=…, HOST:/EXPORT, tmpfs, or the path of a file or a directory",
};

const AT: Pattern = Pattern {
    what: "mount point",
    fits: |at| {
        let parts = || at.trim_start_matches('/').trim_end_matches('/').split('/');
        let is_whole = at.starts_with('/') && !at.contains("//") && !at.chars().any(char::is_control);
        is_whole && !parts().any(|part| matches!(part, "." | ".."))
    },
    on_host: "case $pb_value in *[!!-~' ']* | *//* | */. | */.. | */./* | */../*) false ;; /*) ;; *) false ;; esac",
    hint: "write the whole path of the mount point, beginning with `/` and without `..`",
};

const TYPE: Pattern = Pattern {
    what: "type of a file system",
    fits: |name| {
        let is_word = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b));
        is_word && !name.is_empty() && !name.starts_with('-') && name != "swap"
    },
    on_host: "case $pb_value in '' | swap | -* | *[!A-Za-z0-9._+-]*) false ;; esac",
    hint: "such as ext4, xfs, nfs4, tmpfs or none; swap space is a kind of its own (`swap`)",
};

/// An option in the table.
pub(super) const OPTION: Pattern = Pattern {
    what: "option of a mount",
    fits: |option| {
        let is_shown = !option.is_empty() && !option.starts_with('-') && !option.chars().any(char::is_control);
        is_shown && option != "remount"
    },
    on_host: "case $pb_value in '' | -* | *[!!-~' ']* | remount | remount,* | *,remount | *,remount,*) false ;; esac",
    hint: "write options as in /etc/fstab, such as noatime or size=1G; where they differ, what is mounted is remounted without more ado",
};

const DIGIT: Pattern = Pattern {
    what: "number of a line in /etc/fstab",
    fits: |number| matches!(number, "0" | "1" | "2"),
    on_host: "case $pb_value in [012]) ;; *) false ;; esac",
    hint: "`dump` is 0 or 1; `pass` is 0 for no check, 1 for the root of the host and 2 for the others",
};

const PRESENT: When = When::Is("state", "present");
const EPHEMERAL: When = When::Is("state", "ephemeral");
const UNMOUNTED: When = When::Is("state", "unmounted");
const ABSENT: When = When::Is("state", "absent");

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Mounts a file system, now and at each boot, or unmounts it.",
    check: "/proc/self/mountinfo: what is on top at `at`, from where, and with which of the options that the kernel shows; /etc/fstab: the fields of its line; whether systemd has read that",
    fields: &[
        path("at", "The mount point; it is made where it is missing.").required().matching(&AT),
        text("what", "A device, `UUID=…`, `LABEL=…`, `HOST:/EXPORT`, `tmpfs`, a file with a file system, or for a bind the path that is shown at `at`.")
            .matching(&SOURCE),
        text("type", "The type of the file system; by default `none` for a bind and `auto` for a device or a file.").matching(&TYPE),
        texts("options", "Options as in /etc/fstab; by default `defaults`.").matching(&OPTION).joined(),
        integer("dump", "The fifth field of the line: whether `dump` saves it.").matching(&DIGIT).default("0"),
        integer("pass", "The sixth field: when it is checked at boot; 0 for never.").matching(&DIGIT).default("0"),
        one_of(
            "state",
            &["mounted", "present", "ephemeral", "unmounted", "absent"],
            "`mounted`: now and in /etc/fstab. `present`: in /etc/fstab alone, whatever is mounted. `ephemeral`: now alone. `unmounted`: not now, and /etc/fstab stays. `absent`: neither; the mount point stays.",
        )
        .default("mounted"),
    ],
    rules: &[
        not_when("what", UNMOUNTED),
        not_when("what", ABSENT),
        not_when("type", UNMOUNTED),
        not_when("type", ABSENT),
        not_when("options", UNMOUNTED),
        not_when("options", ABSENT),
        not_when("dump", EPHEMERAL),
        not_when("dump", UNMOUNTED),
        not_when("dump", ABSENT),
        not_when("pass", EPHEMERAL),
        not_when("pass", UNMOUNTED),
        not_when("pass", ABSENT),
    ],
    subject: "at",
    needs: &[
        Need::one_of(&["mount"], "install it in an earlier step (package: mount, or util-linux)"),
        Need::one_of(&["umount"], "install it in an earlier step (package: mount, or util-linux)"),
    ],
    needs_root: When::Always,
    shell: include_str!("mount.sh"),
    causes: &[
        Cause {
            words: &["wrong fs type, bad option, bad superblock"],
            sentence: "The device holds no file system of this type, an option is not one of its, or the program that mounts it is missing (nfs-common or nfs-utils, cifs-utils): `dmesg | tail` often says which.",
        },
        Cause {
            words: &["unknown filesystem type"],
            sentence: "The kernel of the host knows no such file system, or the device holds none: `lsblk -f` shows what it holds.",
        },
        Cause {
            words: &["special device", "does not exist"],
            sentence: "There is no such device, or for a share of the network the program of its type is missing (nfs-common or nfs-utils, cifs-utils): `lsblk -f` shows the devices.",
        },
        Cause {
            words: &["need a /sbin/mount."],
            sentence: "The program for this type of file system is missing: install it in an earlier step (nfs-common or nfs-utils, cifs-utils).",
        },
        Cause {
            words: &["already mounted or mount point busy"],
            sentence: "The device is mounted elsewhere or in use, as a part of RAID, LVM or swap: `lsblk` shows by what.",
        },
        Cause {
            words: &["cannot mount", "permission denied"],
            sentence: "Not even root may mount here: the host is a container, or the server does not let this host in.",
        },
        Cause {
            words: &["access denied by server"],
            sentence: "The server does not export this directory to this host: see /etc/exports there.",
        },
    ],
    example: "\
- name: Mount the disk of the data
  mount: { what: LABEL=data, at: /var/lib/kafka, type: xfs, options: [noatime, nofail] }
",
    hook: Some(hook),
    ..Kind::named("mount")
};

/// What no rule says: the type that follows from the rest, and what a user would type.
fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let is_gone = UNMOUNTED.holds(args) || ABSENT.holds(args);
    let at = args.text("at").cloned().unwrap_or_default();
    if is_gone {
        if matches!(at.literal(), Some("/" | "/proc" | "/sys" | "/dev" | "/run" | "/etc" | "/usr")) {
            let refused = format!("{} is not unmounted: the host does not work without it", at.raw());
            return Err(vec![Diagnostic::error(args.place("at"), refused).hint("name another mount point")]);
        }
        recipe.equivalent_commands = Some(take_away(args, &at));
        return Ok(());
    }
    let Some(what) = args.text("what") else {
        let missing = Diagnostic::error(args.span, "`mount` needs `what`");
        return Err(vec![missing.hint("say what is mounted, or write `state: unmounted` or `state: absent`")]);
    };
    let kind = file_system(args, what)?;
    recipe.set("type", Script::quoted(&kind));
    recipe.equivalent_commands = Some(bring(args, what, &at, &kind));
    Ok(())
}

/// Whether the options have one of these.
fn has_option(args: &Args<'_>, names: &[&str]) -> bool {
    args.texts("options").iter().any(|option| names.contains(&option.raw()))
}

/// The type of the file system, as it is written or as it follows from the rest.
fn file_system(args: &Args<'_>, what: &Text) -> Result<Text, Vec<Diagnostic>> {
    let is_bind = has_option(args, &["bind", "rbind"]);
    let given = args.text("type");
    if is_bind
        && let Some(kind) = given.and_then(Text::literal).filter(|kind| !matches!(*kind, "none" | "bind" | "auto"))
    {
        let message = format!("a bind has no type of its own, and `{kind}` has no effect");
        return Err(vec![Diagnostic::error(args.place("type"), message).hint("remove `type`, or write `none`")]);
    }
    if is_bind {
        if what.literal().is_some_and(|what| !what.starts_with('/')) {
            let message = format!("invalid source of a bind `{}`", what.raw());
            return Err(vec![
                Diagnostic::error(args.place("what"), message).hint("write the whole path that is shown at `at`"),
            ]);
        }
        return Ok(Text::from("none"));
    }
    if let Some(kind) = given {
        return Ok(kind.clone());
    }
    let is_tag = |what: &str| {
        what.split_once('=').is_some_and(|(tag, _)| matches!(tag, "UUID" | "LABEL" | "PARTUUID" | "PARTLABEL"))
    };
    match what.literal() {
        None => Ok(Text::from("auto")),
        Some(what) if is_tag(what) || what.starts_with('/') && !what.starts_with("//") => Ok(Text::from("auto")),
        Some("tmpfs") => Ok(Text::from("tmpfs")),
        Some(what) => {
            let missing = Diagnostic::error(args.span, format!("`mount` needs the `type` of `{what}`"));
            Err(vec![missing.hint("write it, such as `type: nfs4`, `cifs` or `overlay`")])
        }
    }
}

/// A field of a line as it is written into the table.
pub(super) fn encoded(text: &str) -> String {
    let text = text.replace('\\', "\\134").replace(' ', "\\040");
    text.strip_prefix('#').map(|rest| format!("\\043{rest}")).unwrap_or(text)
}

/// What a user would type on a host where nothing is mounted there.
fn bring(args: &Args<'_>, what: &Text, at: &Text, kind: &Text) -> Script {
    let options: Vec<String> = args.texts("options").iter().map(|option| option.raw().to_owned()).collect();
    let options = if options.is_empty() { "defaults".to_owned() } else { options.join(",") };
    let mut script = Script::default();
    if !PRESENT.holds(args) {
        script.line(&Script::fill("mkdir -p @{at}", &[("at", at)]));
        let mut line = TypedLine::new("mount -t");
        line.word(kind).flag("-o", true).word(&Text::new(options.clone())).word(what).word(at);
        script.line(&line.whole());
    }
    if !EPHEMERAL.holds(args) {
        let number = |name: &str| match args.get(name).map(|arg| &arg.value) {
            Some(super::ArgValue::Integer(number)) => number.to_string(),
            Some(super::ArgValue::Text(text)) => text.raw().to_owned(),
            _ => "0".to_owned(),
        };
        let fields = [
            encoded(what.raw()),
            encoded(at.raw().strip_suffix('/').filter(|at| !at.is_empty()).unwrap_or(at.raw())),
            kind.raw().to_owned(),
            encoded(&options),
            number("dump"),
            number("pass"),
        ];
        let line = Text::new(fields.join(" "));
        script.line(&Script::fill("printf '%s\\n' @{line} >> /etc/fstab", &[("line", &line)]));
    }
    script
}

/// What a user would type to have nothing mounted.
fn take_away(args: &Args<'_>, at: &Text) -> Script {
    let mut script = Script::fill("umount @{at}", &[("at", at)]);
    if ABSENT.holds(args) {
        let field = Text::new(encoded(at.raw()).replace('\\', "\\\\"));
        script.line(&without_line(2, &field));
    }
    script
}

/// What takes the lines out of the table that have a text in their first or second field.
pub(super) fn without_line(field: u8, text: &Text) -> Script {
    let line = if field == 1 {
        "awk -v what=@{text} '$1 != what || $3 != \"swap\"' /etc/fstab > /etc/fstab.new && cat /etc/fstab.new > /etc/fstab && rm /etc/fstab.new"
    } else {
        "awk -v at=@{text} '$1 ~ /^#/ || $2 != at' /etc/fstab > /etc/fstab.new && cat /etc/fstab.new > /etc/fstab && rm /etc/fstab.new"
    };
    Script::fill(line, &[("text", text)])
}
