//! `archive`: a tar or zip file unpacked on the host.
//!
//! It is unpacked into a private directory inside the target, and only when all of it is there are the entries moved
//! in, the one that `creates` names last of all. So a run that is killed in between leaves no `creates` behind, and
//! the next run unpacks again over whatever half was moved; files of an older tree with other names stay.

use super::address::{
    CHECKSUM, DIGESTERS, FETCHERS, HTML_PAGE, NOT_FOUND, SHA256, SHA512, URL, VERIFIED, ask_checksum_file, file_name,
    first_url, lower_digests, unseen,
};
use super::cause::Cause;
use super::doubt::is_outside;
use super::download::verification;
use super::field::{ONE_PATH, boolean, integer, path, text, texts};
use super::rule::{at_most_one, exactly_one, only_with};
use super::url::without_password;
use super::{Args, Doubt, Kind, Need, Recipe, When};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Unpacks a tar (plain, gzip, xz, bzip2, zstd) or zip archive, downloaded or already on the host.",
    check: "the path that `creates` names is there",
    fields: &[
        texts("url", "Where to download it from; a list is tried in order.").matching(&URL).keeps_secrets(),
        path("src", "The archive's path on the host, instead of `url`."),
        path("into", "The directory to unpack into; made where it is missing.").required(),
        path("creates", "A path that is there once the archive is unpacked: what the check looks for.")
            .required()
            .matching(&ONE_PATH),
        integer("strip", "How many leading directories of each entry to leave away.").default("0"),
        boolean("keep", "Keep the downloaded archive in `into`; by default it is removed."),
        text("sha256", "The SHA-256 digest of the archive.").matching(&SHA256),
        text("sha512", "The SHA-512 digest of the archive.").matching(&SHA512),
        text("checksum", "The address of a checksum file (`SHA256SUMS`, `FILE.sha512`), in which the host looks the archive's name up.")
            .matching(&CHECKSUM)
            .keeps_secrets(),
    ],
    rules: &[
        exactly_one(&["url", "src"]).hint("give `url`, or `src` for a file that is already on the host"),
        only_with("keep", "url").hint("an archive named by `src` is never removed: remove `keep`"),
        at_most_one(VERIFIED),
    ],
    needs: &[FETCHERS.when(When::Given(&["url", "checksum"])), DIGESTERS],
    shell: include_str!("archive.sh"),
    causes: &[
        HTML_PAGE,
        NOT_FOUND,
        Cause {
            words: &["this is not an archive: it is an html page"],
            sentence: "The file is a web page: what brought it followed the link of a page; take the link of the archive itself.",
        },
        Cause {
            words: &["cannot unpack", "file name too long"],
            sentence: "The archive holds a name that is too long for the host's file system, which takes 255 bytes for one and 4095 for a whole path.",
        },
        Cause {
            words: &["what is packed in this file is not a tar archive"],
            sentence: "This is one packed file, not an archive of files: use the kind `download`, and unpack it in a later step (`gzip -d`, `xz -d`).",
        },
    ],
    example: "\
- name: Download Kafka
  archive:
    url: https://archive.apache.org/dist/kafka/2.8.1/kafka_2.12-2.8.1.tgz
    into: \"~\"
    creates: ~/kafka_2.12-2.8.1/bin/kafka-topics.sh
",
    doubts: |args| {
        let outside = args.text("creates").zip(args.text("into")).filter(|(path, into)| is_outside(path, into));
        let outside = outside.map(|(path, into)| {
            let message = format!("`creates` is outside of `into`: {} is not in {}", path.display(), into.display());
            Doubt::new(
                "creates",
                message,
                "name a path that the archive brings, below `into`: the step fails where it is missing",
            )
        });
        outside.into_iter().chain(unseen(args, "what it was unpacked from")).collect()
    },
    locks: true,
    hook: Some(hook),
    ..Kind::named("archive")
};

fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let into = args.text("into").cloned().unwrap_or_default();
    let creates = args.text("creates").cloned().unwrap_or_default();
    if creates.raw().trim_end_matches('/') == into.raw().trim_end_matches('/') {
        let same = Diagnostic::error(args.place("creates"), "`creates` is the directory that is unpacked into");
        return Err(vec![same.hint("name a file that only the archive brings")]);
    }
    lower_digests(args, recipe);
    ask_checksum_file(
        args,
        recipe,
        "pb_by_checksum archive_check \"$arg_creates\"",
        "pb_by_checksum archive_apply \"$arg_creates\"",
    );
    let url = first_url(args);
    let name = url.as_ref().and_then(file_name);
    if args.flag("keep") && name.is_none() {
        let nameless = "the address ends without a file name to keep the archive under";
        return Err(vec![Diagnostic::error(args.place("keep"), nameless)]);
    }
    let source = args.text("src").cloned().or(url).unwrap_or_default();
    recipe.subject = name.as_ref().unwrap_or(&without_password(&source)).display();
    recipe.needs.insert(0, unpacker(&source));
    recipe.equivalent_commands = Some(commands(args, &into, name));
    Ok(())
}

/// Downloaded beside what it brings, as `keep` leaves it, then unpacked.
fn commands(args: &Args<'_>, into: &Text, name: Option<Text>) -> Script {
    let name = name.unwrap_or_else(|| Text::from("archive"));
    let fetched = Text::new(format!("{}/{}", into.raw().trim_end_matches('/'), name.raw()));
    let file = args.text("src").unwrap_or(&fetched);
    let strip = args.get("strip").map_or_else(String::new, |arg| arg.value.display());
    let strip = Text::new(strip);
    let url = without_password(&first_url(args).unwrap_or_default());
    let values = [("into", into), ("file", file), ("url", &url), ("strip", &strip)];
    let mut script = Script::fill("mkdir -p @{into}", &values);
    if args.is_given("url") {
        script.line(&Script::fill("curl -fL -o @{file} @{url}", &values));
    }
    script.line(&verification(args, file));
    script.line(&match (is_zip(file), strip.raw()) {
        (true, _) => Script::fill("unzip -q -o @{file} -d @{into}", &values),
        (false, "0") => Script::fill("tar -xf @{file} -C @{into}", &values),
        (false, _) => Script::fill("tar -xf @{file} -C @{into} --strip-components @{strip}", &values),
    });
    if args.is_given("url") && !args.flag("keep") {
        script.line(&Script::fill("rm @{file}", &values));
    }
    script
}

fn is_zip(source: &Text) -> bool {
    let path = source.raw().split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    [".zip", ".jar", ".war"].iter().any(|end| path.ends_with(end))
}

/// What unpacks an archive of this name.
fn unpacker(source: &Text) -> Need {
    if is_zip(source) {
        return Need::one_of(
            &["unzip", "bsdtar", "busybox", "python3"],
            "install unzip in an earlier step (`package: unzip`)",
        );
    }
    Need::one_of(&["tar", "bsdtar", "busybox"], "install tar in an earlier step (`package: tar`)")
}
