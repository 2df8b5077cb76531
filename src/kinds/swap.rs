//! `swap`: a file or a device as swap space, now and at each boot.
//!
//! The kernel, the file and `/etc/fstab` are asked. A file of another size is made anew beside the old one, which stays in use until the new
//! one is whole. What holds something else than swap space is never overwritten.

use super::cause::Cause;
use super::field::{integer, one_of, path, text, texts};
use super::mount::OPTION;
use super::rule::not_when;
use super::typed::TypedLine;
use super::{Args, Kind, Pattern, Recipe, When};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

const PATH: Pattern = Pattern {
    what: "path of swap space",
    fits: |path| {
        let parts = || path.split('/').skip(1);
        let is_whole = path.starts_with('/') && !path.chars().any(char::is_control);
        is_whole && path != "/etc/fstab" && !parts().any(|part| matches!(part, "" | "." | ".."))
    },
    on_host: "case $pb_value in /etc/fstab | *[!!-~' ']* | *//* | */ | */. | */.. | */./* | */../*) false ;; /*) ;; *) false ;; esac",
    hint: "write the whole path of a file or a device, such as /swapfile",
};

const SIZE: Pattern = Pattern {
    what: "size",
    fits: |size| mebibytes(size).is_some(),
    on_host: "case $pb_value in '' | 0* | [MGT] | *[!0-9MGT]* | *[MGT]?*) false ;; *[MGT]) [ ${#pb_value} -le 7 ] ;; *) false ;; esac",
    hint: "write a number with M, G or T, such as 512M or 2G; they count in steps of 1024",
};

const PRIORITY: Pattern = Pattern {
    what: "priority",
    fits: |priority| priority.parse::<u16>().is_ok_and(|priority| priority <= 32767),
    on_host: "case $pb_value in '' | *[!0-9]*) false ;; 0) ;; 0*) false ;; *) [ ${#pb_value} -le 5 ] && [ \"$pb_value\" -le 32767 ] ;; esac",
    hint: "a number from 0 to 32767; what has a higher one is used first",
};

const ABSENT: When = When::Is("state", "absent");

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Gives the host swap space, now and at each boot, or takes it away.",
    check: "/proc/swaps: whether it is in use, and with which priority; the size, the mode and the owner of the file; /etc/fstab: the fields of its line",
    fields: &[
        path("path", "The file, or a device that holds swap space.").matching(&PATH).default("/swapfile"),
        text("size", "The size of the file, such as `2G`; a device has its own.").matching(&SIZE),
        integer("priority", "Which swap space is used first; by default the kernel counts down from -2.")
            .matching(&PRIORITY),
        texts("options", "Options in /etc/fstab, such as `nofail`; by default `sw`.").matching(&OPTION).joined(),
        one_of("state", &["present", "absent"], "Whether it is there.").default("present"),
    ],
    rules: &[not_when("size", ABSENT), not_when("priority", ABSENT), not_when("options", ABSENT)],
    short: Some("path"),
    subject: "path",
    needs_root: When::Always,
    shell: include_str!("swap.sh"),
    causes: &[
        Cause {
            words: &["stays in use", "cannot allocate memory"],
            sentence: "The memory of the host has no room for what is in the swap space: stop something that needs much of it, or give the host other swap space first.",
        },
        Cause {
            words: &["cannot be used as swap space", "operation not permitted"],
            sentence: "Not even root may do this here: the host is a container, and swap space belongs to the machine that it runs on.",
        },
        Cause {
            words: &["cannot be used as swap space", "invalid argument"],
            sentence: "The file system cannot hold swap space, or the file has holes: name a path on another file system, such as ext4 or xfs, or a device.",
        },
    ],
    example: "\
- name: Swap space
  swap: { path: /swapfile, size: 2G }
",
    hook: Some(hook),
    ..Kind::named("swap")
};

/// A size in MiB, with what stands behind the number taken for steps of 1024.
fn mebibytes(size: &str) -> Option<u64> {
    let size = size.strip_suffix("iB").unwrap_or(size);
    let (number, unit) = size.split_at_checked(size.len().checked_sub(1)?)?;
    let factor = match unit {
        "M" => 1,
        "G" => 1024,
        "T" => 1024 * 1024,
        _ => return None,
    };
    let fits = !number.starts_with('0') && number.len() <= 6 && number.bytes().all(|b| b.is_ascii_digit());
    number.parse::<u64>().ok().filter(|_| fits).map(|number| number * factor)
}

/// The size in bytes, and what a user would type.
fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let place = args.text("path").cloned().unwrap_or_default();
    let is_absent = ABSENT.holds(args);
    let is_device = place.literal().is_some_and(|place| place.starts_with("/dev/") && !place.starts_with("/dev/shm/"));
    if !is_absent && !args.is_given("size") && place.literal().is_some() && !is_device {
        let missing = Diagnostic::error(args.span, format!("`swap` needs the `size` of {}", place.raw()));
        return Err(vec![missing.hint("write it, such as `size: 2G`; only a device has one of its own")]);
    }
    if is_device && args.is_given("size") {
        let message = format!("{} is a device, which has a size of its own", place.raw());
        return Err(vec![Diagnostic::error(args.place("size"), message).hint("remove `size`")]);
    }
    if let Some(option) = args.texts("options").iter().find(|option| option.raw().starts_with("pri=")) {
        let message = format!("`{}` is written as `priority`", option.raw());
        return Err(vec![Diagnostic::error(args.place("options"), message).hint("write `priority: NUMBER`")]);
    }
    let size = args.text("size").and_then(Text::literal).and_then(mebibytes);
    // What only the host knows is counted there.
    recipe.set(
        "bytes",
        size.map_or_else(Script::default, |size| Script::quoted(&Text::new((size * 1024 * 1024).to_string()))),
    );
    recipe.equivalent_commands =
        Some(if is_absent { take_away(&place, is_device) } else { bring(args, &place, is_device) });
    Ok(())
}

/// What a user would type on a host that has no such swap space.
fn bring(args: &Args<'_>, place: &Text, is_device: bool) -> Script {
    let mut script = Script::default();
    let names = [("path", place)];
    if !is_device {
        let size = args.text("size").cloned().unwrap_or_default();
        script.line(&Script::fill("fallocate -l @{size} @{path}", &[("size", &size), ("path", place)]));
        script.line(&Script::fill("chmod 600 @{path}", &names)).line(&Script::fill("mkswap @{path}", &names));
    }
    script.line(&TypedLine::new("swapon").value("-p", args, "priority").word(place).whole());
    let options: Vec<String> = args.texts("options").iter().map(|option| option.raw().to_owned()).collect();
    let mut options = if options.is_empty() { "sw".to_owned() } else { options.join(",") };
    if let Some(priority) = args.get("priority") {
        options = format!("{options},pri={}", priority.value.display());
    }
    let line = Text::new(format!("{} none swap {options} 0 0", super::mount::encoded(place.raw())));
    script.line(&Script::fill("printf '%s\\n' @{line} >> /etc/fstab", &[("line", &line)]));
    script
}

/// What a user would type to have it no more.
fn take_away(place: &Text, is_device: bool) -> Script {
    let names = [("path", place)];
    let mut script = Script::fill("swapoff @{path}", &names);
    let field = Text::new(super::mount::encoded(place.raw()).replace('\\', "\\\\"));
    script.line(&super::mount::without_line(1, &field));
    if !is_device {
        script.line(&Script::fill("rm @{path}", &names));
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit_that_counts_in_steps_of_1024() {
        for (size, wanted) in [("1M", 1), ("512M", 512), ("2G", 2048), ("2GiB", 2048), ("1T", 1_048_576)] {
            assert_eq!(mebibytes(size), Some(wanted), "{size}");
        }
        for size in ["", "G", "0G", "02G", "2", "2K", "2GB", "2g", "-1G", "1.5G", "1234567M", "2 G", "é"] {
            assert_eq!(mebibytes(size), None, "{size}");
        }
    }
}
