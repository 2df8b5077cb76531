//! The runner's shell: joined from its files, and made small for sending.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::minify::{Names, stripped};

/// The files of the runner. Their order does not matter: they define functions, and the program calls `pb_main` at its end.
pub(super) const FILES: &[&str] = &[
    include_str!("runner/main.sh"),
    include_str!("runner/frames.sh"),
    include_str!("runner/locks.sh"),
    include_str!("runner/secrets.sh"),
    include_str!("runner/login_scope.sh"),
    include_str!("runner/record.sh"),
    include_str!("runner/world.sh"),
    include_str!("runner/preflight.sh"),
    include_str!("runner/step.sh"),
    include_str!("runner/check.sh"),
    include_str!("runner/apply.sh"),
    include_str!("runner/shell.sh"),
    include_str!("runner/waiting.sh"),
    include_str!("runner/processes.sh"),
];

/// Variables that the program sets outside of these files.
const GIVEN: &[&str] = &["pb_run", "pb_nonce", "pb_mode", "pb_total", "pb_user_of", "pb_secret"];

/// The runner as it is sent.
pub(super) static RUNNER: LazyLock<Runner> = LazyLock::new(|| Runner::new(&FILES.concat()));

/// The runner's text and the names in it.
pub(super) struct Runner {
    /// The shell.
    pub(super) text: String,
    names: Names,
}

impl Runner {
    fn new(source: &str) -> Self {
        let source = stripped(&format!("{source}\n{}", forget(source)));
        let names = Names::of(&source);
        Self { text: names.shorten(&source), names }
    }

    /// What one of the runner's names is in its text.
    pub(super) fn name<'a>(&'a self, name: &'a str) -> &'a str {
        self.names.short(name)
    }

    /// The runner with other lines in place of some comments.
    pub(super) fn with(&self, change: impl FnOnce(&str) -> String) -> String {
        let source = FILES.concat();
        self.names.shorten(&stripped(&change(&format!("{source}\n{}", forget(&source)))))
    }
}

/// The function that takes the runner's variables away, for a shell that is a copy of the runner's.
fn forget(source: &str) -> String {
    let source = stripped(source);
    let of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let names = source.split(|c| !of_word(c)).filter(|word| word.starts_with("pb_") && !word.ends_with('_'));
    let functions: BTreeSet<&str> =
        source.lines().filter_map(|line| line.split_once("() {")).map(|found| found.0).collect();
    let variables: BTreeSet<&str> =
        names.chain(GIVEN.iter().copied()).filter(|word| !functions.contains(word)).collect();
    let variables: Vec<&str> = variables.into_iter().collect();
    format!("pb_forget_variables() {{ unset -v {}; }}\n", variables.join(" "))
}
