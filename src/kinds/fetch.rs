//! `fetch`: a file or a tree of the host, brought to the machine that pinboot runs on.
//!
//! The plan holds what is there already, so the host answers the check by itself. Apply writes what differs into the record of the run;
//! pinboot takes it from there while the run goes on.

use super::address::SHA256_PROGRAMS;
use super::doubt::Doubt;
use super::field::{boolean, local_target, mode, path, text};
use super::rule::at_most_one;
use super::{Args, Effect, Kind, Pattern, Recipe, Takes};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

/// What a host may send where the step says nothing else.
const LIMIT: &str = "1G";

const SIZE: Pattern = Pattern {
    what: "size",
    fits: |size| bytes(size).is_some(),
    on_host: "case $pb_value in '' | 0* | [KMGT] | *[!0-9KMGT]* | *[KMGT]?*) false ;; *) [ ${#pb_value} -le 4 ] ;; esac",
    hint: "write a number of bytes, or a number with K, M, G or T, such as 500M; they count in steps of 1024",
};

const LOCAL_MODE: Pattern = Pattern {
    what: "mode of a file here",
    fits: |mode| u32::from_str_radix(mode, 8).is_ok_and(|mode| mode <= 0o777),
    on_host: "case $pb_value in 0[0-7][0-7][0-7] | [0-7][0-7][0-7]) ;; *) false ;; esac",
    hint: "write three octal digits, such as 0600 or 644: nothing that a host sends gets a set-user-ID bit",
};

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Brings a file of the host, or a tree, to the machine that pinboot runs on.",
    check: "the SHA-256 of each file on the host is that of the file here, and its mode is as given; links and devices in a tree are left out",
    fields: &[
        path("from", "The file, or the directory with everything in it.").required(),
        local_target(
            "to",
            "The path here, as the playbook's folder has it; behind a last `/` the name at the end of `from` is put.",
        )
        .required(),
        boolean("per_host", "Whether a folder with the host's name stands between: `TO/HOST`, or `TO/HOST/NAME`.")
            .default("false"),
        mode("mode", "The mode of the files here. A new file has 0600 otherwise, and one that is there keeps its own.")
            .matching(&LOCAL_MODE),
        boolean("keep_mode", "Whether the files here get the modes that they have on the host.").default("false"),
        text("limit", "What is taken at most, such as `500M`.").matching(&SIZE).default(LIMIT),
    ],
    rules: &[at_most_one(&["mode", "keep_mode"])],
    subject: "from",
    needs: &[SHA256_PROGRAMS],
    shell: include_str!("fetch.sh"),
    example: "\
- name: Keep what the broker was set up with
  fetch: { from: /etc/kafka/server.properties, to: backup/, per_host: true }
",
    doubts,
    hook: Some(hook),
    ..Kind::named("fetch")
};

/// A mode that lets others read what was fetched is the author's own decision; one that does not let its owner read is an oversight.
fn doubts(args: &Args<'_>) -> Vec<Doubt> {
    let mode = args.text("mode").and_then(Text::literal).and_then(|mode| u32::from_str_radix(mode, 8).ok());
    if mode.is_none_or(|mode| mode & 0o400 != 0) {
        return Vec::new();
    }
    let message = "with this mode the files cannot be read here, and every run fetches them again";
    vec![Doubt::new("mode", message, "give the owner the right to read: 0600")]
}

fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let text = |name: &str| args.text(name).cloned().unwrap_or_default();
    let (from, to) = (text("from"), text("to"));
    for name in ["limit", "mode"] {
        if args.text(name).is_some_and(|text| text.literal().is_none()) {
            let unknown =
                Diagnostic::error(args.place(name), format!("`{name}` must be known before the host is asked"));
            return Err(vec![unknown.hint("write it, or use a variable of the playbook that is not a secret")]);
        }
    }
    let mut wanted = to.raw().to_owned();
    let is_folder = wanted.ends_with('/') && !from.raw().ends_with('/');
    let name = from.literal().and_then(|from| from.rsplit('/').next()).unwrap_or_default();
    if is_folder && (name.is_empty() || matches!(name, "." | ".." | "~")) {
        let unnamed = Diagnostic::error(
            args.place("to"),
            "`to` is a folder, and the name at the end of `from` is not known here",
        );
        return Err(vec![unnamed.hint("write the whole path in `to`, without a `/` at its end")]);
    }
    if wanted.len() > 1 {
        wanted.truncate(wanted.trim_end_matches('/').len().max(1));
    }
    let takes = Takes {
        place: Some(args.place("to")),
        to: wanted,
        per_host: args.flag("per_host"),
        name: is_folder.then(|| name.to_owned()),
        mode: args.text("mode").and_then(Text::literal).and_then(|mode| u32::from_str_radix(mode, 8).ok()),
        keeps_mode: args.flag("keep_mode"),
        limit: args.text("limit").and_then(Text::literal).and_then(bytes).unwrap_or_default(),
        here: String::new(),
    };
    recipe.set("limit", Script::quoted(&Text::new(takes.limit.to_string())));
    recipe.set("to", Script::author(Text::new(takes.shown(None)).quote_exactly()));
    recipe.effect = Effect::Takes(takes);
    Ok(())
}

/// `500M` in bytes.
fn bytes(size: &str) -> Option<u64> {
    let (digits, shift) = match size.strip_suffix(['K', 'M', 'G', 'T']) {
        Some(digits) => (digits, 10 * (1 + "KMGT".find(&size[digits.len()..])?)),
        None => (size, 0),
    };
    if digits.is_empty() || digits.len() > 15 || digits.starts_with('0') || !digits.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    // More than this has no place in what the host's shell computes with.
    digits.parse::<u64>().ok()?.checked_mul(1 << shift).filter(|bytes| *bytes <= 1 << 50)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn a_size_has_a_unit_or_none() {
        for (size, number) in [
            ("1", Some(1)),
            ("4096", Some(4096)),
            ("1K", Some(1024)),
            ("2G", Some(2 << 30)),
            ("1024T", Some(1 << 50)),
            ("1025T", None),
            ("0", None),
            ("1.5G", None),
            ("G", None),
            ("1GB", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(bytes(size), number, "{size}");
        }
    }
}
