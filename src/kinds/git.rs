//! `git`: a clone at the commit that a branch, a tag or a number stands for.
//!
//! What the branch or tag stands for is asked of the repository each time, and a tag that was moved is followed. Commits and changes that
//! are only on the host are never lost unless the step says that they may be. git runs as the user whose directory it works in.

use super::cause::Cause;
use super::doubt::Doubt;
use super::field::{boolean, integer, path, text};
use super::typed::TypedLine;
use super::{Args, Kind, Need, Pattern, Recipe};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

const REPO: Pattern = Pattern {
    what: "repository",
    fits: |repo| {
        let is_place =
            repo.starts_with('/') || repo.find(':').is_some_and(|at| at > 0 && !repo[at..].starts_with("::"));
        is_place && !repo.starts_with('-') && repo.bytes().all(|b| b.is_ascii_graphic() || !b.is_ascii())
    },
    on_host: "case $pb_value in -* | *[!!-~]* | :* ) false ;; /*) ;; *::*) false ;; *:*) ;; *) false ;; esac",
    hint: "write its address, such as https://github.com/apache/kafka.git, `git@HOST:PATH`, or a whole path on the host",
};

const REF: Pattern = Pattern {
    what: "ref",
    fits: |name| {
        let is_odd = |b: u8| !b.is_ascii_graphic() && b.is_ascii() || b"~^:?*[\\".contains(&b);
        !name.bytes().any(is_odd)
            && !name.contains("..")
            && !name.contains("@{")
            && !name.starts_with(['-', '/', '.'])
            && !name.ends_with(['/', '.'])
    },
    on_host: "case $pb_value in *[!!-~]* | *[~^:?*\\\\[\\\\\\\\]* | *..* | *@\\{* | [-/.]* | *[/.]) false ;; esac",
    hint: "write the name of a branch or a tag, such as v1.2 or main, or the number of a commit",
};

const DEPTH: Pattern = Pattern {
    what: "depth",
    fits: |depth| depth.parse::<u32>().is_ok_and(|depth| depth > 0),
    on_host: "case $pb_value in '' | 0* | *[!0-9]*) false ;; *) [ ${#pb_value} -le 9 ] ;; esac",
    hint: "it is the number of commits, at least 1; without `depth` all of them come",
};

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Keeps a clone of a git repository at the commit that a branch, a tag or a number stands for.",
    check: "HEAD is the commit that the repository has for `ref` now, no tracked file is changed, and `origin` is the address",
    fields: &[
        text("repo", "The repository: an address, or a whole path on the host.").required().matching(&REPO),
        path("into", "The directory of the clone.").required(),
        text(
            "ref",
            "A branch, a tag or the number of a commit; by default the branch that the repository itself names.",
        )
        .matching(&REF),
        integer("depth", "How many commits of its history to fetch; by default all of them.").matching(&DEPTH),
        boolean("submodules", "Bring its submodules as well, at the commits that it names."),
        boolean(
            "discard_changes",
            "Let go of changes and commits that are only on the host; without it the step fails and shows them.",
        ),
    ],
    subject: "into",
    needs: &[Need::one_of(&["git"], "install it in an earlier step (`package: git`)")],
    shell: include_str!("git.sh"),
    causes: &[
        Cause {
            words: &["dubious ownership"],
            sentence: "The clone belongs to another user: give the step `run_as` with that user, or the directory to the one who acts.",
        },
        Cause {
            words: &["terminal prompts disabled"],
            sentence: "The repository wants a name and a password: use an address of SSH and a key of the host, or a credential helper.",
        },
        Cause {
            words: &["permission denied (publickey"],
            sentence: "The repository does not take the key of the user who acts: add that user's public key to it, as a deploy key.",
        },
        Cause {
            words: &["host key verification failed"],
            sentence: "The user who acts does not know the key of the repository's server: add it to ~/.ssh/known_hosts in an earlier step.",
        },
    ],
    example: "\
- name: Bring the application
  git: { repo: https://github.com/apache/kafka.git, ref: 2.8.1, into: ~/kafka, depth: 1 }
",
    doubts,
    hook: Some(hook),
    ..Kind::named("git")
};

/// A password in an address, which git writes into its configuration.
fn doubts(args: &Args<'_>) -> Vec<Doubt> {
    let repo = args.text("repo").map_or("", Text::raw);
    let place = repo.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    if place.split_once('@').is_none_or(|(user, _)| !user.contains(':')) {
        return Vec::new();
    }
    let message = "git keeps the password in this address in `.git/config`, and shows it in its argument list";
    vec![Doubt::new("repo", message, "use an address of SSH and a deploy key, or a credential helper")]
}

/// What a user would type.
#[expect(clippy::unnecessary_wraps, reason = "the form of a hook, which may refuse fields")]
fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let mut line = TypedLine::new("git clone");
    line.value("--depth", args, "depth").flag("--recurse-submodules", args.flag("submodules"));
    let text = |name: &str| args.text(name).cloned().unwrap_or_default();
    let is_number =
        |name: &Text| matches!(name.raw().len(), 40 | 64) && name.raw().bytes().all(|b| b.is_ascii_hexdigit());
    let commit = args.text("ref").filter(|name| is_number(name));
    if commit.is_none() {
        line.value("--branch", args, "ref");
    }
    let mut script: Script = line.flag("--", true).word(&text("repo")).word(&text("into")).whole();
    if let Some(commit) = commit {
        script.line(&TypedLine::new("git -C").word(&text("into")).flag("checkout", true).word(commit).whole());
    }
    recipe.equivalent_commands = Some(script);
    Ok(())
}
