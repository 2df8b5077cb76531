//! `download`: a file fetched by the host itself.
//!
//! The target is absent, old, or complete at every moment: the body goes into a private directory beside it, is
//! verified there (digest, else type and emptiness), and is renamed into place. The next try continues a body that was cut off
//! only where the server says that it still has the same version (`If-Range`): `curl -C -` and `wget -c` alone join two versions
//! of a file without notice. What is left when the step ends is thrown away.

use super::address::{
    CAUSES, CHECKSUM, DIGESTERS, FETCHERS, SHA256, SHA512, URL, VERIFIED, ask_checksum_file, file_name, first_url,
    lower_digests, unseen,
};
use super::candidate::judgement;
use super::field::{mode, path, text, texts, validate};
use super::rule::at_most_one;
use super::url::without_password;
use super::{Args, Kind, Recipe};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Downloads a file to the host.",
    check: "the file is there and its digest fits; without a digest, it is not empty and of the type that its name says",
    fields: &[
        texts("url", "Where from: an https:// or http:// address, or a list of them, tried in order.")
            .required()
            .matching(&URL)
            .keeps_secrets(),
        path("to", "Where to on the host; behind a last `/` the address's file name is put.").required(),
        text("sha256", "The SHA-256 digest of the file.").matching(&SHA256),
        text("sha512", "The SHA-512 digest of the file.").matching(&SHA512),
        text(
            "checksum",
            "The address of a checksum file (`SHA256SUMS`, `FILE.sha512`), in which the host looks the file's name up.",
        )
        .matching(&CHECKSUM)
        .keeps_secrets(),
        mode("mode", "The file's mode; 0644 for a new file."),
        validate("to"),
    ],
    rules: &[at_most_one(VERIFIED)],
    subject: "to",
    needs: &[FETCHERS, DIGESTERS],
    shell: include_str!("download.sh"),
    causes: CAUSES,
    example: "\
- name: Put the IAM library among Kafka's
  download:
    url: https://github.com/aws/aws-msk-iam-auth/releases/download/v1.1.5/aws-msk-iam-auth-1.1.5-all.jar
    to: ~/kafka_2.12-2.8.1/libs/
",
    doubts: |args| unseen(args, "the file").into_iter().collect(),
    locks: true,
    hook: Some(hook),
    ..Kind::named("download")
};

fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let mut to = args.text("to").cloned().unwrap_or_default();
    let url = first_url(args).unwrap_or_default();
    lower_digests(args, recipe);
    ask_checksum_file(
        args,
        recipe,
        "pb_by_checksum download_check \"$arg_to\"",
        "pb_by_checksum download_apply \"$arg_to\"",
    );
    if to.raw().ends_with('/') {
        let Some(name) = file_name(&url) else {
            let nameless =
                Diagnostic::error(args.place("to"), "the address ends without a file name to put behind this `/`");
            return Err(vec![nameless.hint("write the whole path, with the file's name")]);
        };
        to = Text::new(format!("{}{}", to.raw(), name.raw()));
        recipe.set("to", Script::quoted(&to));
        recipe.subject = to.display();
    }
    recipe.equivalent_commands = Some(commands(args, &to, &url));
    Ok(())
}

fn commands(args: &Args<'_>, to: &Text, url: &Text) -> Script {
    let is_judged = args.is_given("validate");
    let file = if is_judged { Text::new(format!("{}.new", to.raw())) } else { to.clone() };
    let mut script = Script::fill("curl -fL -o @{file} @{url}", &[("file", &file), ("url", &without_password(url))]);
    script.line(&verification(args, &file));
    if is_judged {
        script.line(&judgement(args, "validate", to));
        script.line(&Script::fill("cp @{file} @{to} && rm @{file}", &[("file", &file), ("to", to)]));
    }
    if let Some(mode) = args.text("mode") {
        script.line(&Script::fill("chmod @{mode} @{to}", &[("mode", mode), ("to", to)]));
    }
    script
}

/// The line that compares a file's digest, where one was given, or shows both.
pub(super) fn verification(args: &Args<'_>, file: &Text) -> Script {
    if let Some(checksum) = args.text("checksum") {
        let url = without_password(checksum);
        let values = [("url", &url), ("file", file)];
        return if checksum.raw().contains("512") {
            Script::fill("sha512sum @{file} && curl -fsSL @{url}", &values)
        } else {
            Script::fill("sha256sum @{file} && curl -fsSL @{url}", &values)
        };
    }
    let line = |digest, literal| Script::fill(literal, &[("digest", digest), ("file", file)]);
    match (args.text("sha256"), args.text("sha512")) {
        (Some(digest), _) => line(digest, "printf '%s  %s\\n' @{digest} @{file} | sha256sum -c"),
        (_, Some(digest)) => line(digest, "printf '%s  %s\\n' @{digest} @{file} | sha512sum -c"),
        _ => Script::default(),
    }
}
