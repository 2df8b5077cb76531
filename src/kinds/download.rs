//! `download`: a file fetched by the host itself.
//!
//! The target is absent, old, or whole at every moment: the body goes into a private directory beside it, is checked
//! there (digest, else type and emptiness), and is renamed into place. An interrupted download starts anew, because
//! both `curl -C -` and `wget -c` join two versions of a file without a word where it changed in between.

use super::args::{file_name, finish, is_secret};
use super::{Args, Field, Kind, Need, Recipe, Shape};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

/// What fetches, best first.
pub(super) const FETCHERS: Need = Need {
    any_of: &["curl", "wget", "busybox", "python3"],
    hint: "install curl or wget in an earlier step (`package: curl`)",
};

/// What computes a digest, best first.
pub(super) const DIGESTERS: Need = Need {
    any_of: &["sha256sum", "shasum", "openssl", "busybox", "python3"],
    hint: "install coreutils or openssl in an earlier step",
};

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    name: "download",
    summary: "Downloads a file to the host.",
    check: "the file is there and its digest fits; without a digest, it is not empty and of the type that its name says",
    fields: &[
        Field {
            name: "url",
            shape: Shape::Texts,
            required: true,
            doc: "Where from: an https:// or http:// address, or a list of them, tried in order.",
        },
        Field {
            name: "to",
            shape: Shape::Path,
            required: true,
            doc: "Where to on the host; behind a last `/` the address's file name is put.",
        },
        Field { name: "sha256", shape: Shape::Text, required: false, doc: "The SHA-256 digest of the file." },
        Field { name: "sha512", shape: Shape::Text, required: false, doc: "The SHA-512 digest of the file." },
        Field { name: "mode", shape: Shape::Mode, required: false, doc: "The file's mode; 0644 for a new file." },
    ],
    short: None,
    example: "\
- name: Put the IAM library among Kafka's
  download:
    url: https://github.com/aws/aws-msk-iam-auth/releases/download/v1.1.5/aws-msk-iam-auth-1.1.5-all.jar
    to: ~/kafka_2.12-2.8.1/libs/
",
    compile,
};

fn compile(args: &Args<'_>) -> Result<Recipe, Vec<Diagnostic>> {
    let mut faults = Vec::new();
    let urls = args.urls("url", &mut faults);
    let mut to = args.required("to", &mut faults);
    if to.raw().ends_with('/') {
        match urls.first().and_then(file_name) {
            Some(name) => to = Text::new(format!("{}{}", to.raw(), name.raw())),
            None if urls.is_empty() => {}
            None => {
                let fault =
                    Diagnostic::error(args.place("to"), "the address ends without a file name to put behind this `/`");
                faults.push(fault.hint("write the whole path, with the file's name"));
            }
        }
    }
    let (algorithm, digest) = args.digest(&mut faults);
    let mode = args.mode("mode", &mut faults);
    let first = urls.first().cloned().unwrap_or_default();
    let values = [("to", &to), ("mode", &mode), ("algorithm", &algorithm), ("digest", &digest), ("url", &first)];
    let mut check = hiding(&urls);
    check.line(&Script::fill("pb_download_check @{to} @{mode} @{algorithm} @{digest} @{url}", &values));
    let mut apply = hiding(&urls);
    apply.line(&Script::fill("pb_download @{to} @{mode} @{algorithm} @{digest}", &values));
    for url in &urls {
        apply.word(url);
    }
    let mut equivalent_commands = Script::fill("curl -fL -o @{to} @{url}", &values);
    if !digest.raw().is_empty() {
        equivalent_commands.line(&Script::fill("sha256sum @{to}    # must be @{digest} (@{algorithm})", &values));
    }
    if !mode.raw().is_empty() {
        equivalent_commands.line(&Script::fill("chmod @{mode} @{to}", &values));
    }
    let equivalent_commands = Some(equivalent_commands);
    let mut needs = vec![FETCHERS];
    if !digest.raw().is_empty() {
        needs.push(DIGESTERS);
    }
    finish(
        Recipe { subject: to.display(), check: Some(check), apply, equivalent_commands, needs, ..Recipe::default() },
        faults,
    )
}

/// The line that keeps addresses out of every message, where one of them holds a secret.
pub(super) fn hiding(urls: &[Text]) -> Script {
    if urls.iter().any(is_secret) { Script::fill("pb_hide_url=1", &[]) } else { Script::default() }
}
