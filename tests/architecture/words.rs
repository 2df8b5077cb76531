//! Plain English: words and turns of phrase that no message, comment or document uses.
//!
//! What a program on the wire or in a file of a user calls something stays as it is; these are listed with their reason.

use std::fs;
use std::path::{Path, PathBuf};

/// What is not written, and what is written instead.
const PHRASES: &[(&str, &str)] = &[
    ("is so", "say what holds"),
    ("was so", "say what holds"),
    ("were so", "say what holds"),
    ("be so", "say what holds"),
    ("not so", "`needs change`"),
    ("so already", "`unchanged`, or `satisfied`"),
    ("told", "reported, asked, given"),
    ("come to", "reach, result in"),
    ("comes to", "reaches, results in"),
    ("came to", "reached, resulted in"),
    ("go on with", "continue"),
    ("goes on with", "continues"),
    ("gone on with", "continued, resumed"),
    ("go on there", "continue on the host"),
    ("goes on there", "continues on the host"),
    ("begun", "started"),
    ("mend", "fix"),
    ("mends", "fixes"),
    ("mended", "fixed"),
    ("by hand", "manually"),
    ("of then", "say which"),
    ("whoever", "the user, the caller"),
    ("letters", "text, characters"),
    ("nobody", "no one, nothing"),
    ("somebody", "a user, another process"),
    ("nothing to complain", "no problems found"),
    ("is no", "`invalid x`, `not a x`"),
    ("are no", "`not x`"),
    ("was no", "`was not`"),
    ("were no", "`were not`"),
];

/// Where such a word is right: the phrase, a part of the line, and why.
const RIGHT: &[(&str, &str, &str)] = &[
    ("letters", "digit", "what a name may be made of"),
    ("letters", "capital", "what a name may be made of"),
    ("letters", "upper", "what a name may be made of"),
    ("letters", "lower", "what a name may be made of"),
    ("letters", "a-z", "what a name may be made of"),
    ("by hand", "\"by hand\"", "what a journal of an earlier version says"),
    ("nobody", "`nobody`", "the user of that name"),
    ("nobody", "\"nobody\"", "the user of that name"),
    ("nobody", "Nobody", "the user of that name"),
    ("nobody", "nobody.example", "a name that does not exist"),
];

/// What is read: everything that a person reads, but the record of decisions, which is history.
const PLACES: &[&str] = &[
    "src",
    "tests",
    "docs",
    "playbooks",
    "benches",
    "README.md",
    "CHANGELOG.md",
    "Cargo.toml",
    "clippy.toml",
    "deny.toml",
    "justfile",
    ".ci/run",
];

/// Not read: history, this list itself, and files as an earlier version wrote them.
const LEFT_OUT: &[&str] =
    &["docs/decisions/", "tests/architecture/words.rs", "tests/wire/old-run/", "src/event/old_journal.jsonl"];

fn files(path: &Path, into: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            files(&entry.expect("an entry").path(), into);
        }
    } else {
        into.push(path.to_owned());
    }
}

/// The words around a place in a line: the one before, and the one behind.
fn neighbours(line: &str, from: usize, to: usize) -> (&str, &str) {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let before = line[..from].trim_end().rsplit(|c| !is_letter(c)).next().unwrap_or_default();
    let behind = line[to..].trim_start().split(|c| !is_letter(c)).next().unwrap_or_default();
    (before, behind)
}

/// The phrases of a line, as whole words in any case.
fn found(line: &str) -> Vec<&'static str> {
    let lower = line.to_ascii_lowercase();
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_written = |phrase: &str| {
        lower.match_indices(phrase).any(|(at, _)| {
            let end = at + phrase.len();
            let is_whole = !lower[..at].ends_with(is_letter) && !lower[end..].starts_with(is_letter);
            let (before, behind) = neighbours(&lower, at, end);
            // “There is no x” and “x is no longer y” are plain enough.
            let is_plain = phrase.ends_with(" no")
                && (before == "there" || matches!(behind, "longer" | "more" | "less" | "later" | "other"))
                || phrase.ends_with(" so") && matches!(behind, "that" | "far" | "much" | "many" | "long");
            is_whole && !is_plain
        })
    };
    let is_right = |phrase: &str| RIGHT.iter().any(|(known, part, _)| *known == phrase && line.contains(part));
    let phrases = PHRASES.iter().map(|(phrase, _)| *phrase);
    phrases.filter(|phrase| is_written(phrase) && !is_right(phrase)).collect()
}

#[test]
fn every_text_is_plain_english() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    for place in PLACES {
        files(&root.join(place), &mut all);
    }
    all.sort();
    assert!(all.len() > 200, "the texts are found");
    let mut wrong = Vec::new();
    for path in all {
        let name = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
        let (Ok(text), false) = (fs::read_to_string(&path), LEFT_OUT.iter().any(|left| name.starts_with(left))) else {
            continue;
        };
        for (line, number) in text.lines().zip(1..) {
            for phrase in found(line) {
                let instead = PHRASES.iter().find(|(known, _)| *known == phrase).map_or("", |(_, instead)| instead);
                wrong.push(format!("{name}:{number}: `{phrase}` ({instead}): {}", line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} lines are not plain English:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn words_are_found_whole_and_only_where_they_are_wrong() {
    assert_eq!(found("// Whoever is told of it"), ["told", "whoever"]);
    assert_eq!(found("`x` is no file mode"), ["is no"]);
    assert_eq!(found("there is no file; it is no longer there; it may_have_begun; is so that"), Vec::<&str>::new());
    assert_eq!(found("lower-case letters only"), Vec::<&str>::new());
    assert_eq!(found("the letters of a value, which was Not So"), ["not so", "letters"]);
}
