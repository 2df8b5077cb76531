//! `archive`: a tar or zip file unpacked on the host.
//!
//! It is unpacked into a private directory inside the target, and only when all of it is there are the entries moved
//! in, the one that `creates` names last of all. So a run that is killed in between leaves no `creates` behind, and
//! the next run unpacks again over whatever half was moved; files of an older tree with other names stay.

use super::args::{file_name, finish};
use super::download::{DIGESTERS, FETCHERS, hiding};
use super::{Args, Field, Kind, Need, Recipe, Shape};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    name: "archive",
    summary: "Unpacks a tar (plain, gzip, xz, bzip2, zstd) or zip archive, downloaded or already on the host.",
    check: "the path that `creates` names is there",
    fields: &[
        Field {
            name: "url",
            shape: Shape::Texts,
            required: false,
            doc: "Where to download it from; a list is tried in order.",
        },
        Field {
            name: "src",
            shape: Shape::Path,
            required: false,
            doc: "The archive's path on the host, instead of `url`.",
        },
        Field {
            name: "into",
            shape: Shape::Path,
            required: true,
            doc: "The directory to unpack into; made where it is missing.",
        },
        Field {
            name: "creates",
            shape: Shape::Path,
            required: true,
            doc: "A path that is there once the archive is unpacked: what the check looks for.",
        },
        Field {
            name: "strip",
            shape: Shape::Integer,
            required: false,
            doc: "How many leading directories of each entry to leave away.",
        },
        Field {
            name: "keep",
            shape: Shape::Bool,
            required: false,
            doc: "Keep the downloaded archive in `into`; by default it is removed.",
        },
        Field { name: "sha256", shape: Shape::Text, required: false, doc: "The SHA-256 digest of the archive." },
        Field { name: "sha512", shape: Shape::Text, required: false, doc: "The SHA-512 digest of the archive." },
    ],
    short: None,
    example: "\
- name: Download Kafka
  archive:
    url: https://archive.apache.org/dist/kafka/2.8.1/kafka_2.12-2.8.1.tgz
    into: \"~\"
    creates: ~/kafka_2.12-2.8.1/bin/kafka-topics.sh
",
    compile,
};

fn compile(args: &Args<'_>) -> Result<Recipe, Vec<Diagnostic>> {
    let mut faults = Vec::new();
    let urls = args.urls("url", &mut faults);
    let src = args.text("src");
    match (args.key("url"), args.key("src")) {
        (Some(_), Some(second)) => {
            faults.push(Diagnostic::error(second, "an archive comes from `url` or from `src`, not from both"));
        }
        (None, None) => {
            let fault = Diagnostic::error(args.span, "this step does not say where the archive comes from");
            faults.push(fault.hint("give `url`, or `src` for a file that is already on the host"));
        }
        _ => {}
    }
    let into = args.required("into", &mut faults);
    if args.get("creates").is_none() {
        let fault = Diagnostic::error(args.span, "this step needs `creates`");
        faults.push(
            fault.hint("name a file inside the archive, as it is called once unpacked: it tells whether that was done"),
        );
    }
    let creates = args.text("creates").cloned().unwrap_or_default();
    if args.get("creates").is_some() && creates.raw().trim_end_matches('/') == into.raw().trim_end_matches('/') {
        let fault = Diagnostic::error(args.place("creates"), "`creates` is the directory that is unpacked into");
        faults.push(fault.hint("name a file that only the archive brings"));
    }
    let (algorithm, digest) = args.digest(&mut faults);
    let strip = args.integer("strip").unwrap_or(0);
    let keep = args.flag("keep", false);
    if keep && src.is_some() {
        let fault = Diagnostic::error(args.key("keep").unwrap_or(args.span), "`keep` is about a downloaded archive");
        faults.push(fault.hint("an archive named by `src` is never removed: leave `keep` out"));
    }
    let kept = match (keep, urls.first().map(file_name)) {
        (true, Some(Some(name))) => name,
        (true, Some(None)) => {
            faults.push(Diagnostic::error(
                args.place("keep"),
                "the address ends without a file name to keep the archive under",
            ));
            Text::default()
        }
        _ => Text::default(),
    };
    let strip = Text::new(strip.to_string());
    let source = src.or(urls.first()).cloned().unwrap_or_default();
    let values = [
        ("into", &into),
        ("creates", &creates),
        ("source", &source),
        ("strip", &strip),
        ("kept", &kept),
        ("algorithm", &algorithm),
        ("digest", &digest),
    ];
    let mut check = hiding(&urls);
    check.line(&Script::fill("pb_archive_check @{creates} @{source}", &values));
    let mut apply = hiding(&urls);
    apply.line(&if src.is_some() {
        Script::fill("pb_unpack_file @{into} @{creates} @{strip} @{algorithm} @{digest} @{source}", &values)
    } else {
        Script::fill("pb_unpack_url @{into} @{creates} @{strip} @{kept} @{algorithm} @{digest}", &values)
    });
    for url in &urls {
        apply.word(url);
    }
    let strip_words = if strip.literal() == Some("0") {
        Script::default()
    } else {
        Script::fill(" --strip-components @{strip}", &values)
    };
    let mut equivalent_commands = if src.is_some() {
        Script::fill("tar -xf @{source} -C @{into}", &values)
    } else {
        Script::fill("curl -fL @{source} | tar -xf - -C @{into}", &values)
    };
    equivalent_commands.append(&strip_words);
    let equivalent_commands = Some(equivalent_commands);
    let mut needs = vec![unpacker(&source)];
    if src.is_none() {
        needs.push(FETCHERS);
    }
    if !digest.raw().is_empty() {
        needs.push(DIGESTERS);
    }
    let subject = match file_name(&source) {
        Some(name) if src.is_none() => name.display(),
        _ => source.display(),
    };
    finish(Recipe { subject, check: Some(check), apply, equivalent_commands, needs, ..Recipe::default() }, faults)
}

/// What unpacks an archive of this name.
fn unpacker(source: &Text) -> Need {
    let path = source.raw().split(['?', '#']).next().unwrap_or_default();
    if [".zip", ".jar", ".war"].iter().any(|end| path.to_ascii_lowercase().ends_with(end)) {
        return Need {
            any_of: &["unzip", "bsdtar", "busybox", "python3"],
            hint: "install unzip in an earlier step (`package: unzip`)",
        };
    }
    Need { any_of: &["tar", "bsdtar", "busybox"], hint: "install tar in an earlier step (`package: tar`)" }
}
