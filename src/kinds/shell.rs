//! The shell functions of the kinds: found in their files, and sent with a plan only where it needs them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use super::{KINDS, Kind};

/// Functions that several kinds use.
const SHARED: &[&str] = &[
    include_str!("shell/common.sh"),
    include_str!("shell/owner.sh"),
    include_str!("shell/write.sh"),
    include_str!("shell/text.sh"),
    include_str!("shell/edit.sh"),
    include_str!("shell/removal.sh"),
    include_str!("shell/fstab.sh"),
    include_str!("shell/settings.sh"),
    include_str!("shell/fetch.sh"),
    include_str!("shell/verify.sh"),
    include_str!("shell/made.sh"),
    include_str!("shell/accounts.sh"),
    include_str!("shell/sums.sh"),
    include_str!("shell/pgp.sh"),
    include_str!("shell/engine.sh"),
    include_str!("shell/postgresql.sh"),
    include_str!("shell/scram.sh"),
];

/// What stands in front of them, and is carried out before a step's own.
pub const PROLOGUE: &str = include_str!("shell/prologue.sh");

/// One function: its name, its text from `name() {` to the closing brace, and the other functions it mentions.
struct Helper {
    name: &'static str,
    body: &'static str,
    /// Looked for when it is first wanted: no plan wants more than a part of them.
    mentions: OnceLock<Vec<usize>>,
}

static HELPERS: LazyLock<Vec<Helper>> = LazyLock::new(|| {
    let sources = SHARED.iter().copied().chain(KINDS.iter().map(|kind| kind.shell));
    sources.flat_map(functions).collect()
});

/// Where each function stands among them.
static PLACES: LazyLock<HashMap<&'static str, usize>> =
    LazyLock::new(|| HELPERS.iter().enumerate().map(|(at, helper)| (helper.name, at)).collect());

/// The functions that a piece of shell mentions.
fn mentioned(script: &str) -> impl Iterator<Item = usize> {
    words(script).filter_map(|word| PLACES.get(word).copied())
}

/// The functions that these scripts call, and those that they call in turn, in the order of their definition.
///
/// The words that the runner itself provides (`needs_change`, `pb_refuse`, `pb_content`, `pb_progress`) are not among them.
pub fn helpers(used_by: &[&str]) -> Vec<(&'static str, &'static str)> {
    let mut wanted = vec![false; HELPERS.len()];
    let mut open: Vec<usize> = used_by.iter().flat_map(|script| mentioned(script)).collect();
    while let Some(at) = open.pop() {
        if !std::mem::replace(&mut wanted[at], true) {
            open.extend(HELPERS[at].mentions.get_or_init(|| mentioned(HELPERS[at].body).collect()));
        }
    }
    HELPERS.iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(helper, _)| (helper.name, helper.body)).collect()
}

/// What the shell of a kind has, found once for all steps of it.
pub(super) struct OfKind {
    /// Whether it has a check.
    pub(super) checks: bool,
    /// Whether it has something to carry out.
    pub(super) applies: bool,
    /// The variables that it and all that it calls read, without their prefix.
    pub(super) reads: BTreeSet<&'static str>,
}

impl OfKind {
    /// What this kind has.
    pub(super) fn of(kind: &Kind) -> Arc<Self> {
        type Key = (&'static str, usize, usize);
        static KNOWN: Mutex<BTreeMap<Key, Arc<OfKind>>> = Mutex::new(BTreeMap::new());
        // Two shells at one place and of one length are the same one: to compare their texts would take longer.
        let key = (kind.name, kind.shell.as_ptr().addr(), kind.shell.len());
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(key).or_insert_with(|| Arc::new(Self::find(kind))))
    }

    fn find(kind: &Kind) -> Self {
        let own = functions(kind.shell);
        let called = ["check", "apply"].map(|ending| {
            let name = format!("{}_{ending}", kind.name);
            own.iter().any(|function| function.name == name).then_some(name)
        });
        let entries: Vec<&str> = called.iter().flatten().map(String::as_str).collect();
        let bodies = helpers(&entries).into_iter().map(|(_, body)| body);
        let reads = bodies.chain([kind.shell]).flat_map(variables).collect();
        let [checks, applies] = called.map(|name| name.is_some());
        Self { checks, applies, reads }
    }
}

/// The variables that a piece of shell reads, without their prefix.
fn variables(shell: &str) -> impl Iterator<Item = &str> {
    shell.split("arg_").skip(1).map(|rest| {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        &rest[..end]
    })
}

/// Every function of one source, `name() {` at the start of a line to `}` at the start of a line.
fn functions(source: &'static str) -> Vec<Helper> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find("() {\n") {
        let start = rest[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let end = rest[at..].find("\n}\n").map_or(rest.len(), |end| at + end + 3);
        found.push(Helper { name: &rest[start..at], body: &rest[start..end], mentions: OnceLock::new() });
        rest = &rest[end..];
    }
    found
}

/// Every word of a piece of shell that may be a function's name.
fn words(script: &str) -> impl Iterator<Item = &str> {
    script.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| word.contains('_'))
}

/// A function as it is sent: without comment lines and indentation, which cost a byte each in every run.
///
/// What stands between quotes over several lines keeps its blanks, since another program may read them (Python does); a
/// program for awk, which does not read them, is shortened as well.
pub fn compact(body: &str) -> String {
    let mut out = String::with_capacity(body.len());
    let mut quote = None;
    let mut is_awk = false;
    for line in body.lines() {
        let is_code = quote.is_none() || is_awk;
        let code = if is_code { line.trim_start() } else { line };
        if is_code && (code.is_empty() || code.starts_with('#')) {
            continue;
        }
        if quote.is_none() {
            is_awk = code.contains("awk ");
        }
        let begins_open = quote.is_some();
        quote = open_quote(code, quote);
        if begins_open {
            out.push_str(code);
        } else {
            push_tight(&mut out, code);
        }
        out.push('\n');
    }
    out
}

/// Adds a line that begins outside of quotes, without the blanks around `||` and `&&`, which end a word by themselves.
fn push_tight(out: &mut String, line: &str) {
    let mut rest = line;
    while let Some(at) = [rest.find(" || "), rest.find(" && ")].into_iter().flatten().min() {
        let is_code = open_quote(&line[..line.len() - rest.len() + at], None).is_none();
        out.push_str(&rest[..at]);
        out.push_str(if is_code { rest[at..at + 4].trim() } else { &rest[at..at + 4] });
        rest = &rest[at + 4..];
    }
    out.push_str(rest);
}

/// The quote that is open at the end of a line, given the one that was open at its beginning.
fn open_quote(line: &str, open: Option<char>) -> Option<char> {
    let mut quote = open;
    let mut before = ' ';
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (None | Some('"'), '\\') => {
                characters.next();
            }
            (None, '#') if before.is_whitespace() || before == ';' => return None,
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
        before = c;
    }
    quote
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_mentioned_is_sent_and_what_that_needs() {
        assert!(helpers(&["touch x", "needs_change"]).is_empty());
        let names: Vec<_> = helpers(&["kafka_topics_apply"]).into_iter().map(|(name, _)| name).collect();
        assert!(names.contains(&"kafka_topics_apply") && names.contains(&"pb_give_up"), "{names:?}");
        assert!(!names.contains(&"archive_unpack"), "{names:?}");
    }

    #[test]
    fn a_function_is_told_from_a_word_that_ends_like_it() {
        let found: Vec<_> = words("xpb_a pb_b;pb_c\n\"$pb_home\" file_check.x").collect();
        assert_eq!(found, ["xpb_a", "pb_b", "pb_c", "pb_home", "file_check"]);
    }

    #[test]
    fn every_function_is_complete_and_has_its_own_name() {
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
    fn a_function_is_named_after_its_kind_or_after_pinboot() {
        for kind in KINDS {
            for helper in functions(kind.shell) {
                assert!(helper.name.starts_with(&format!("{}_", kind.name)), "{} in {}", helper.name, kind.name);
            }
        }
        for helper in SHARED.iter().flat_map(|source| functions(source)) {
            assert!(helper.name.starts_with("pb_"), "{}", helper.name);
        }
    }

    #[test]
    fn every_field_of_a_kind_reaches_its_shell() {
        for kind in KINDS.iter().filter(|kind| !kind.is_authors_shell()) {
            for name in kind.shell.split("arg_").skip(1) {
                let name: String = name.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                let known = kind.fields.iter().any(|field| field.name == name || field.name == "*" && name == "rest");
                assert!(known || name == "secret" || kind.hook.is_some(), "{}: no field is called {name}", kind.name);
            }
        }
    }

    #[test]
    fn what_is_sent_means_the_same() {
        let body = "f() {\n    # why\n    a 'x\n      y # z\n    ' \"it's\n  b\"\n\n    c # d 'e\n    g=${h#\\'}\n}\n";
        assert_eq!(compact(body), "f() {\na 'x\n      y # z\n    ' \"it's\n  b\"\nc # d 'e\ng=${h#\\'}\n}\n");
        assert_eq!(compact("a && b || c 'd || e' \"f && g\" || h\n"), "a&&b||c 'd || e' \"f && g\"||h\n");
        let awk = "f() {\n    x | awk '\n        # why\n        { print }\n        END { }' |\n        g 'a\n  b'\n}\n";
        assert_eq!(compact(awk), "f() {\nx | awk '\n{ print }\nEND { }' |\ng 'a\n  b'\n}\n");
        // Python reads the blanks at the beginning of a line.
        let python = HELPERS.iter().find(|helper| helper.name == "pb_exec_python").expect("it is there");
        assert!(compact(python.body).contains("\n    max_redirections = 10\n"));
    }

    #[test]
    fn the_words_of_the_runner_are_not_defined_here() {
        for word in ["needs_change", "pb_refuse", "pb_content", "pb_progress"] {
            assert!(helpers(&[word]).is_empty(), "{word}");
        }
        // The runner takes these functions into a shell of its own: one of the same name would replace its own.
        let runner: String = crate::remote::runner_shell().concat();
        for helper in HELPERS.iter() {
            assert!(!runner.contains(&format!("{}()", helper.name)), "the runner has its own {}", helper.name);
        }
    }
}
