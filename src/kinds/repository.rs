//! `repository`: a source of packages besides those of the distribution, with the key that signs it.
//!
//! apt gets a deb822 file and a key in /etc/apt/keyrings, dnf, yum and zypper a .repo file and a key that rpm knows. The key is read on the
//! host without gpg: it must hold the fingerprint that the step names, and it must not have expired.

use super::cause::Cause;
use super::doubt::Doubt;
use super::field::{Field, boolean, list, one_of, text, text_map, texts};
use super::rule::{any_of, not_when};
use super::{Arg, ArgValue, Args, Kind, Need, Pattern, Recipe, When};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

const NAME: Pattern = Pattern {
    what: "name of a repository",
    fits: |name| {
        name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    },
    on_host: "case $pb_value in [!A-Za-z0-9]* | *[!A-Za-z0-9_.-]* | '') false ;; esac",
    hint: "it names the file on the host: a-z, A-Z, 0-9, `_`, `.` and `-`, such as docker",
};

/// One word of a line, such as the address of a repository.
const WORD: Pattern = Pattern {
    what: "word",
    fits: |word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_graphic() && b != b'[' && b != b']'),
    on_host: "case $pb_value in '' | *[!!-~]* | *\\[* | *\\]*) false ;; esac",
    hint: "it is one word, without blanks and brackets",
};

/// An address, which has a scheme in front.
const ADDRESS: Pattern = Pattern {
    what: "address",
    fits: |address| (WORD.fits)(address) && address.split_once(':').is_some_and(|(scheme, _)| !scheme.is_empty()),
    on_host: "case $pb_value in *[!!-~]* | *\\[* | *\\]*) false ;; [a-z]*:*) ;; *) false ;; esac",
    hint: "write the whole address, such as https://download.docker.com/linux/debian",
};

const KEY: Pattern = Pattern {
    what: "key",
    fits: |key| {
        let is_word = key.bytes().all(|b| b.is_ascii_graphic());
        key.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----")
            || is_word && ["https://", "http://", "/"].iter().any(|start| key.starts_with(start))
    },
    on_host: "case $pb_value in '-----BEGIN PGP PUBLIC KEY BLOCK-----'*) ;; *[!!-~]*) false ;; https://* | http://* | /*) ;; *) false ;; esac",
    hint: "write the address of the key, its path on the host, or its text from `-----BEGIN PGP PUBLIC KEY BLOCK-----` on",
};

const FINGERPRINT: Pattern = Pattern {
    what: "fingerprint",
    fits: |print| {
        let digits: Vec<u8> = print.bytes().filter(|b| *b != b' ').collect();
        digits.len() == 40 && digits.iter().all(u8::is_ascii_hexdigit)
    },
    on_host: "case $pb_value in *[!0-9A-Fa-f]*) false ;; *) [ ${#pb_value} = 40 ] ;; esac",
    hint: "write the 40 digits that `gpg --show-keys FILE` prints; a shorter id can be that of another key",
};

const LINE: Pattern = Pattern {
    what: "line",
    fits: |line| !line.contains(['\n', '\r']),
    on_host: "case $pb_value in *[[:cntrl:]]*) false ;; esac",
    hint: "it is one line of the file",
};

const OPTION: Pattern = Pattern {
    what: "option",
    fits: |name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)),
    on_host: "case $pb_value in '' | *[!A-Za-z0-9_.-]*) false ;; esac",
    hint: "an option of dnf.conf(5), such as module_hotfixes",
};

const APT: &[Field] = &[
    text("uri", "The address of the repository.").required().matching(&ADDRESS),
    texts("suites", "Releases there, such as `bookworm`; `/` for one without releases.").required().matching(&WORD),
    texts("components", "Parts of them, such as `main`.").matching(&WORD),
    text("key", "The address of the key that signs it, its path on the host, or its text.").matching(&KEY),
    texts("architectures", "Such as `amd64`; by default those of the host.").matching(&WORD),
    texts("types", "`deb`, `deb-src` or both.").matching(&WORD),
];

const YUM: &[Field] = &[
    text("baseurl", "The address of the repository; `$releasever` and `$basearch` are the host's.").matching(&ADDRESS),
    text("metalink", "The address of a list of mirrors, instead of `baseurl`.").matching(&ADDRESS),
    text("mirrorlist", "The same in an older form.").matching(&ADDRESS),
    text("gpgkey", "The address of the key that signs it, its path on the host, or its text.").matching(&KEY),
    boolean("gpgcheck", "Whether packages must be signed, which they must by default."),
    boolean("enabled", "Whether it is used without being asked for, which it is by default."),
    text("description", "Its name for people.").matching(&LINE),
    text_map("options", "Other lines of the file, such as `module_hotfixes: 1`.").names(&OPTION).matching(&LINE),
];

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Adds a repository of packages, with its key, or removes it: for apt, dnf, yum or zypper, whichever the host has.",
    check: "the lines of its file; the key is there, holds the fingerprint and has not expired; rpm knows it; no other file of apt names the same packages with another key",
    fields: &[
        text("name", "What the files of the repository are called.").required().matching(&NAME),
        list(
            "apt",
            APT,
            "For hosts with apt-get: /etc/apt/sources.list.d/NAME.sources and /etc/apt/keyrings/NAME.gpg.",
        ),
        list("yum", YUM, "For hosts with dnf, yum or zypper: NAME.repo and /etc/pki/rpm-gpg/RPM-GPG-KEY-NAME."),
        texts("fingerprint", "Fingerprints that the key must have, of itself or of subkeys; another key is refused.")
            .matching(&FINGERPRINT),
        boolean(
            "refresh",
            "Fetch the lists of this repository, and refuse it where they cannot be had; done by default.",
        ),
        one_of("state", &["present", "absent"], "Whether the host has it.").default("present"),
    ],
    rules: &[
        not_when("apt", ABSENT),
        not_when("yum", ABSENT),
        not_when("fingerprint", ABSENT),
        not_when("refresh", ABSENT),
        any_of(&["apt", "yum", "state"]).hint("give `apt`, `yum` or both: a host takes its own"),
    ],
    subject: "name",
    needs: &[Need::one_of(
        &["apt-get", "dnf", "yum", "zypper"],
        "this host has none of the package managers that take repositories from pinboot",
    )],
    needs_root: When::Always,
    shell: include_str!("repository.sh"),
    causes: &[
        Cause {
            words: &["no_pubkey"],
            sentence: "The lists are signed by a key that is not among those of the step: compare its `fingerprint` with that of the vendor's page.",
        },
        Cause {
            words: &["does not have a release file"],
            sentence: "The address has no such suite: open `URI/dists/` in a browser, and compare `suites` with it.",
        },
    ],
    example: "\
- name: Know Docker's packages
  repository:
    name: docker
    apt:
      uri: https://download.docker.com/linux/debian
      suites: bookworm
      components: stable
      key: https://download.docker.com/linux/debian/gpg
    fingerprint: 9DC858229FC7DD38854AE2D88D81803C0EBFCD88
",
    doubts,
    hook: Some(hook),
    ..Kind::named("repository")
};

const ABSENT: When = When::Is("state", "absent");

/// The fields of the one entry of a family.
fn entry<'a>(args: &Args<'a>, family: &str) -> Option<&'a [(String, crate::source::Span, Arg)]> {
    args.entries(family).first().copied()
}

/// A text of an entry; empty where it was not given.
fn of(entry: &[(String, crate::source::Span, Arg)], name: &str) -> Text {
    entry
        .iter()
        .find_map(|(known, _, arg)| match &arg.value {
            ArgValue::Text(text) if known == name => Some(text.clone()),
            _ => None,
        })
        .unwrap_or_default()
}

/// What a key that came by http is worth.
fn doubts(args: &Args<'_>) -> Vec<Doubt> {
    let is_open = |family: &str, field: &str| {
        entry(args, family).is_some_and(|entry| of(entry, field).raw().starts_with("http://"))
    };
    let families = [("apt", "key"), ("yum", "gpgkey")];
    let open = families.iter().filter(|(family, field)| !args.is_given("fingerprint") && is_open(family, field));
    open.map(|(family, _)| {
        let message = "a key that comes by http may be that of another person";
        Doubt::new(family, message, "give its `fingerprint`, or an address with https")
    })
    .collect()
}

/// What no rule says, and what a user would type.
fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    if !ABSENT.holds(args) && !args.is_given("apt") && !args.is_given("yum") {
        let none = Diagnostic::error(args.span, "`repository` needs `apt` or `yum`");
        diagnostics.push(none.hint("give `apt`, `yum` or both: a host takes its own"));
    }
    for family in ["apt", "yum"] {
        if args.entries(family).len() > 1 {
            let several = Diagnostic::error(args.place(family), format!("`{family}` is one repository"));
            diagnostics.push(several.hint("give each repository a step and a name of its own"));
        }
    }
    if let Some(yum) = entry(args, "yum") {
        let sources = ["baseurl", "metalink", "mirrorlist"];
        if sources.iter().all(|name| of(yum, name) == Text::default()) {
            let none = Diagnostic::error(args.place("yum"), "`yum` needs `baseurl`, `metalink` or `mirrorlist`");
            diagnostics.push(none.hint("give one of them"));
        }
    }
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    recipe.equivalent_commands = Some(commands(args));
    Ok(())
}

fn commands(args: &Args<'_>) -> Script {
    let mut script = Script::default();
    let name = args.text("name").cloned().unwrap_or_default();
    let mut line = |literal: &'static str, key: &Text| {
        script.line(&Script::fill(literal, &[("name", &name), ("key", key)]));
    };
    if ABSENT.holds(args) {
        line(
            "rm -f /etc/apt/sources.list.d/@{name}.sources /etc/apt/keyrings/@{name}.gpg /etc/yum.repos.d/@{name}.repo",
            &name,
        );
        return script;
    }
    if let Some(apt) = entry(args, "apt") {
        let key = of(apt, "key");
        if key.raw().starts_with("http") {
            line("curl -fsSL @{key} | gpg --dearmor -o /etc/apt/keyrings/@{name}.gpg", &key);
        } else if key != Text::default() {
            line("gpg --dearmor -o /etc/apt/keyrings/@{name}.gpg    # from the key of the step", &key);
        }
        line("editor /etc/apt/sources.list.d/@{name}.sources    # the lines that the check shows", &key);
        line("apt-get update", &key);
    }
    if let Some(yum) = entry(args, "yum") {
        let key = of(yum, "gpgkey");
        if key != Text::default() {
            line("rpm --import @{key}", &key);
        }
        line("editor /etc/yum.repos.d/@{name}.repo    # the lines that the check shows", &key);
        line("dnf -y makecache", &key);
    }
    script
}
