//! What `download` and `archive` share: addresses, digests, and what goes wrong with them.

use super::cause::Cause;
use super::doubt::names_a_version;
use super::{Args, Doubt, Need, Pattern, Recipe, When};
use crate::script::{Script, Text};

/// An address that a host may be asked to fetch.
pub(super) const URL: Pattern = Pattern {
    what: "address",
    fits: is_url,
    on_host: "case $pb_value in \
              *[!!-~]*) false ;; \
              [Hh][Tt][Tt][Pp]://[!/]* | [Hh][Tt][Tt][Pp][Ss]://[!/]*) ;; \
              *) false ;; esac",
    hint: "write the whole address, beginning with https:// or http:// and a host; a blank in it is %20",
};

/// The digits of a SHA-256 digest.
pub(super) const SHA256: Pattern = Pattern {
    what: "SHA-256 digest",
    fits: |digest| is_digest(digest, 64),
    on_host: "case $pb_value in *[!0-9A-Fa-f]*) false ;; *) [ ${#pb_value} = 64 ] ;; esac",
    hint: "write the 64 hexadecimal digits that `sha256sum FILE` prints in front of the file's name",
};

/// The digits of a SHA-512 digest.
pub(super) const SHA512: Pattern = Pattern {
    what: "SHA-512 digest",
    fits: |digest| is_digest(digest, 128),
    on_host: "case $pb_value in *[!0-9A-Fa-f]*) false ;; *) [ ${#pb_value} = 128 ] ;; esac",
    hint: "write the 128 hexadecimal digits that `sha512sum FILE` prints in front of the file's name",
};

/// The address of a checksum file.
pub(super) const CHECKSUM: Pattern = Pattern {
    what: "address of a checksum file",
    fits: is_url,
    on_host: URL.on_host,
    hint: "write the address of the file of digests, such as https://example.org/dist/SHA256SUMS; a digest itself is `sha256:` or `sha512:`",
};

/// The fields of a digest.
const DIGESTS: &[&str] = &["sha256", "sha512"];

/// The fields that say which bytes are wanted.
pub(super) const VERIFIED: &[&str] = &["sha256", "sha512", "checksum"];

/// What fetches, best first.
pub(super) const FETCHERS: Need =
    Need::one_of(&["curl", "wget", "busybox", "python3"], "install curl or wget in an earlier step (`package: curl`)");

/// What computes a digest, best first.
pub(super) const DIGESTERS: Need = Need::one_of(
    &["sha256sum", "shasum", "openssl", "busybox", "python3"],
    "install coreutils or openssl in an earlier step",
)
.when(When::Given(VERIFIED));

/// What computes a SHA-256, in every case.
pub(super) const SHA256_PROGRAMS: Need = Need { when: When::Always, ..DIGESTERS };

/// Why something that was fetched was refused.
pub(super) const CAUSES: &[Cause] = &[HTML_PAGE, NOT_FOUND];

/// An address of a page.
pub(super) const HTML_PAGE: Cause = Cause {
    words: &["refused what came from", "an html page"],
    sentence: "The address leads to a web page and not to the file: copy the link of the file itself (on GitHub: /releases/download/, not /releases/tag/).",
};

/// An address of nothing.
pub(super) const NOT_FOUND: Cause = Cause {
    words: &["the server answered 404"],
    sentence: "There is nothing at that address: check the version in it; old releases move to an archive (archive.apache.org).",
};

/// Gives the digests to the shell as the programs print them, in lower case.
pub(super) fn lower_digests(args: &Args<'_>, recipe: &mut Recipe) {
    for name in DIGESTS {
        if let Some(digest) = args.text(name).and_then(Text::literal) {
            recipe.set(name, Script::quoted(&Text::new(digest.to_ascii_lowercase())));
        }
    }
}

/// Has the step ask the checksum file, if one is given, for the digest of what it fetches; `check` and `apply` carry its functions
/// out with that.
pub(super) fn ask_checksum_file(args: &Args<'_>, recipe: &mut Recipe, check: &'static str, apply: &'static str) {
    if let Some(checksum) = args.text("checksum") {
        recipe.set("checksum", Script::quoted(checksum));
        recipe.check = Some(Script::fill(check, &[]));
        recipe.apply = Script::fill(apply, &[]);
    }
}

/// The first address of a `url` field.
pub(super) fn first_url(args: &Args<'_>) -> Option<Text> {
    args.texts("url").into_iter().next()
}

/// What the check of something that is fetched without a digest cannot see, where its address may lead elsewhere tomorrow.
pub(super) fn unseen(args: &Args<'_>, what: &str) -> Option<Doubt> {
    let urls = args.texts("url");
    let moves = urls.iter().filter_map(Text::literal).any(|url| !names_a_version(url));
    (moves && !VERIFIED.iter().any(|digest| args.is_given(digest))).then(|| {
        let message = format!(
            "the check cannot see whether {what} is what this address has now: it names no version, and there is no digest"
        );
        Doubt::new("url", message, "add `sha256:`, `sha512:` or `checksum:`, or name a version in the address; without these, what is there stays")
    })
}

/// The last part of a URL's path: the name that the file has there; `None` where the path ends in a slash.
pub(super) fn file_name(url: &Text) -> Option<Text> {
    let path = url.raw().split(['?', '#']).next().unwrap_or_default();
    let (_, behind_scheme) = path.split_once("://").unwrap_or(("", path));
    let (_, name) = behind_scheme.rsplit_once('/')?;
    (!name.is_empty() && name != "." && name != "..").then(|| Text::new(name))
}

fn is_url(url: &str) -> bool {
    let lower = url.to_ascii_lowercase();
    let behind = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"));
    behind.is_some_and(|behind| !behind.is_empty() && !behind.starts_with('/'))
        && !url.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn is_digest(digest: &str, digits: usize) -> bool {
    digest.len() == digits && digest.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::{file_name, is_url};
    use crate::script::Text;

    #[test]
    fn an_address_is_validated_before_anything_is_sent() {
        for (url, fits) in [
            ("https://example.org/a.zip", true),
            ("HTTP://example.org", true),
            ("", false),
            ("https://example.org/a b", false),
            ("file:///etc/passwd", false),
            ("https:///x", false),
            ("https://", false),
        ] {
            assert_eq!(is_url(url), fits, "{url}");
        }
    }

    #[test]
    fn a_file_has_the_name_that_its_address_ends_with() {
        let name = |url: &str| file_name(&Text::from(url)).map(|name| name.raw().to_owned());
        assert_eq!(name("https://example.org/dist/kafka.tgz?x=1/2#y"), Some("kafka.tgz".to_owned()));
        assert_eq!(name("https://example.org/dist/"), None);
        assert_eq!(name("https://example.org"), None);
        assert_eq!(name("https://example.org/.."), None);
    }
}
