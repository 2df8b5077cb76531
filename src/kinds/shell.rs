//! The shell functions that the kinds' scripts call: found, and sent with a plan only where it needs them.

use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Where the functions are written, in the order in which they are defined on the host.
const SOURCES: &[&str] = &[
    include_str!("shell/common.sh"),
    include_str!("shell/file.sh"),
    include_str!("shell/fetch.sh"),
    include_str!("shell/download.sh"),
    include_str!("shell/archive.sh"),
    include_str!("shell/package.sh"),
    include_str!("shell/export.sh"),
    include_str!("shell/kafka.sh"),
    include_str!("shell/reboot.sh"),
];

/// One function: its name, its text from `pb_name() {` to the closing brace, and the other functions it mentions.
struct Helper {
    name: &'static str,
    body: &'static str,
    mentions: Vec<usize>,
}

static HELPERS: LazyLock<Vec<Helper>> = LazyLock::new(|| {
    let mut helpers: Vec<Helper> = SOURCES.iter().flat_map(|source| functions(source)).collect();
    let names: Vec<&str> = helpers.iter().map(|helper| helper.name).collect();
    for (at, helper) in helpers.iter_mut().enumerate() {
        let mentioned: BTreeSet<&str> = words(helper.body).collect();
        helper.mentions = (0..names.len()).filter(|&other| other != at && mentioned.contains(names[other])).collect();
    }
    helpers
});

/// The functions that these scripts call, and those that they call in turn, in the order of their definition.
///
/// The words that the runner itself provides (`not_so`, `pb_refuse`, `pb_content`, `pb_progress`) are not among them.
pub fn helpers(used_by: &[&str]) -> Vec<(&'static str, &'static str)> {
    let mut wanted = vec![false; HELPERS.len()];
    let mut open: Vec<usize> = Vec::new();
    for script in used_by {
        for word in words(script) {
            open.extend(HELPERS.iter().position(|helper| helper.name == word));
        }
    }
    while let Some(at) = open.pop() {
        if !std::mem::replace(&mut wanted[at], true) {
            open.extend(&HELPERS[at].mentions);
        }
    }
    HELPERS.iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(helper, _)| (helper.name, helper.body)).collect()
}

/// Every function of one source, `pb_name() {` at the start of a line to `}` at the start of a line.
fn functions(source: &'static str) -> Vec<Helper> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find("() {\n") {
        let start = rest[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let end = rest[at..].find("\n}\n").map_or(rest.len(), |end| at + end + 3);
        let name = &rest[start..at];
        if name.starts_with("pb_") {
            found.push(Helper { name, body: &rest[start..end], mentions: Vec::new() });
        }
        rest = &rest[end..];
    }
    found
}

/// Every `pb_…` word of a piece of shell.
fn words(script: &str) -> impl Iterator<Item = &str> {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    script.match_indices("pb_").filter_map(move |(at, _)| {
        let before = script[..at].chars().next_back();
        let end = script[at..].find(|c| !letter(c)).map_or(script.len(), |end| at + end);
        (!before.is_some_and(|c| letter(c) || c.is_ascii_uppercase())).then(|| &script[at..end])
    })
}

#[cfg(test)]
mod tests {
    use super::{HELPERS, helpers, words};

    #[test]
    fn only_what_is_mentioned_is_sent_and_what_that_needs() {
        assert!(helpers(&["touch x", "not_so"]).is_empty());
        let names: Vec<_> = helpers(&["pb_topic a"]).into_iter().map(|(name, _)| name).collect();
        assert!(names.contains(&"pb_topic") && names.contains(&"pb_fold"), "{names:?}");
        assert!(!names.contains(&"pb_unpack"), "{names:?}");
    }

    #[test]
    fn a_function_is_told_from_a_word_that_ends_like_it() {
        let found: Vec<_> = words("xpb_a pb_b;pb_c\n\"$pb_home\"").collect();
        assert_eq!(found, ["pb_b", "pb_c", "pb_home"]);
    }

    #[test]
    fn every_function_is_whole_and_has_its_own_name() {
        let mut names: Vec<_> = HELPERS.iter().map(|helper| helper.name).collect();
        assert!(names.len() > 20, "{names:?}");
        for helper in HELPERS.iter() {
            assert!(helper.body.ends_with("\n}\n"), "{}", helper.body);
            assert_eq!(helper.body.matches("() {\n").count(), 1, "{}", helper.body);
        }
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn the_words_of_the_runner_are_not_defined_here() {
        for word in ["not_so", "pb_refuse", "pb_content", "pb_progress"] {
            assert!(helpers(&[word]).is_empty(), "{word}");
        }
        // The runner takes these functions into its own shell: one of the same name would replace its own.
        let runner: String = crate::remote::runner_shell().concat();
        for helper in HELPERS.iter() {
            assert!(!runner.contains(&format!("{}()", helper.name)), "the runner has its own {}", helper.name);
        }
    }
}
