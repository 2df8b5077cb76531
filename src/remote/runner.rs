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
    include_str!("runner/debts.sh"),
    include_str!("runner/world.sh"),
    include_str!("runner/preflight.sh"),
    include_str!("runner/step.sh"),
    include_str!("runner/check.sh"),
    include_str!("runner/apply.sh"),
    include_str!("runner/shell.sh"),
    include_str!("runner/waiting.sh"),
    include_str!("runner/processes.sh"),
    GROUPS,
    REBOOT,
    PASSWORD,
];

/// What only plans with questions of groups need. It takes the place of functions of the other files, and is left out elsewhere: every
/// byte of the runner is sent with each plan.
pub(super) const GROUPS: &str = include_str!("runner/groups.sh");

/// The same of plans that reboot the host.
pub(super) const REBOOT: &str = include_str!("runner/reboot.sh");

/// The same of plans with a password for sudo.
pub(super) const PASSWORD: &str = include_str!("runner/password.sh");

/// What programs have besides whose plans use values of the host.
pub(super) const VALUES: &str = include_str!("runner/values.sh");

/// What stands in front of the lines that only such programs have.
pub(super) const WITH_VALUES: &str = "#:with-values ";

/// What programs have besides whose steps send files of the controller.
const FILES_OF_STEPS: &str = include_str!("runner/files.sh");

/// What stands in front of the lines that only such programs have.
const WITH_FILES: &str = "#:with-files ";

/// What programs have besides whose steps give files to the controller.
const FILES_FROM_STEPS: &str = include_str!("runner/takes.sh");

/// What stands in front of the lines that only such programs have.
const WITH_TAKES: &str = "#:with-takes ";

/// What a program has besides the runner that each one has, with lines of their own in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// Values of the host.
    pub(super) values: bool,
    /// Files of the controller.
    pub(super) files: bool,
    /// Files for the controller.
    pub(super) takes: bool,
}

/// The runner's shell as it is written.
fn source(parts: Parts) -> String {
    let mut source = FILES.concat();
    for (is_needed, mark, part) in [
        (parts.values, WITH_VALUES, VALUES),
        (parts.files, WITH_FILES, FILES_OF_STEPS),
        (parts.takes, WITH_TAKES, FILES_FROM_STEPS),
    ] {
        if is_needed {
            source = source.replace(mark, "") + part;
        }
    }
    source
}

/// Variables that the program sets outside of these files.
const GIVEN: &[&str] =
    &["pb_run", "pb_nonce", "pb_mode", "pb_total", "pb_user_of", "pb_secret", "pb_apart", "pb_labels"];

/// The runner as it is sent.
pub(super) static RUNNER: LazyLock<Runner> = LazyLock::new(|| Runner::new(&source(Parts::default())));

/// The same for plans that need more of it, by what they need. They have the runner's names.
static WITH_MORE: [LazyLock<String>; 7] = [
    LazyLock::new(|| text_with(1)),
    LazyLock::new(|| text_with(2)),
    LazyLock::new(|| text_with(3)),
    LazyLock::new(|| text_with(4)),
    LazyLock::new(|| text_with(5)),
    LazyLock::new(|| text_with(6)),
    LazyLock::new(|| text_with(7)),
];

fn text_with(needed: u8) -> String {
    let parts = Parts { values: needed & 1 != 0, files: needed & 2 != 0, takes: needed & 4 != 0 };
    RUNNER.with(parts, |source| source.replacen(&[GROUPS, REBOOT, PASSWORD].concat(), "", 1))
}

/// The text that a program has.
pub(super) fn text(parts: Parts) -> &'static str {
    let needed = usize::from(parts.values) | usize::from(parts.files) << 1 | usize::from(parts.takes) << 2;
    needed.checked_sub(1).map_or(&RUNNER.text, |at| &WITH_MORE[at])
}

/// The runner's text and the names in it.
pub(super) struct Runner {
    /// The shell.
    pub(super) text: String,
    /// What stands behind it where the plan has questions of groups.
    pub(super) groups: String,
    /// The same for a plan that reboots the host.
    pub(super) reboot: String,
    /// The same for a plan with a password for sudo.
    pub(super) password: String,
    names: Names,
}

impl Runner {
    fn new(source: &str) -> Self {
        let forget = forget(source);
        let names = Names::of(&stripped(&format!("{source}\n{forget}")));
        let always = source.strip_suffix(&[GROUPS, REBOOT, PASSWORD].concat()).unwrap_or(source);
        let shorten = |shell: &str| names.shorten(&stripped(shell));
        Self {
            text: shorten(&format!("{always}\n{forget}")),
            groups: shorten(GROUPS),
            reboot: shorten(REBOOT),
            password: shorten(PASSWORD),
            names,
        }
    }

    /// What one of the runner's names is in its text.
    pub(super) fn name<'a>(&'a self, name: &'a str) -> &'a str {
        self.names.short(name)
    }

    /// All of its names.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// The runner with other lines in place of some comments.
    pub(super) fn with(&self, parts: Parts, change: impl FnOnce(&str) -> String) -> String {
        let source = source(parts);
        self.names.shorten(&stripped(&change(&format!("{source}\n{}", forget(&source)))))
    }
}

/// The function that takes the runner's variables away, for a shell that is a copy of the runner's.
pub(super) fn forget(source: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_prefixed_and_only_the_fixed_ones_are_sent_as_they_are() {
        let of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let source = stripped(&FILES.concat());
        let assigned = source.split_whitespace().filter_map(|word| word.split_once('=')).map(|(name, _)| name);
        // CDPATH is emptied for one `cd` in the text of a step's shell, and IFS for one `read`: neither is a variable of the runner.
        let for_one = ["CDPATH", "IFS"];
        let own = |name: &&str| {
            !name.is_empty() && name.chars().all(of_word) && !name.starts_with("pb_") && !for_one.contains(name)
        };
        assert_eq!(assigned.filter(own).collect::<Vec<_>>(), Vec::<&str>::new());
        let sent: BTreeSet<&str> = RUNNER.text.split(|c| !of_word(c)).filter(|word| word.starts_with("pb_")).collect();
        assert!(sent.len() < 30, "{sent:?}");
        assert!(sent.contains("pb_home") && !sent.contains("pb_main"), "{sent:?}");
    }

    #[test]
    fn every_function_fits_a_screen() {
        for file in FILES.iter().chain(&[VALUES, FILES_OF_STEPS, FILES_FROM_STEPS]) {
            let mut start = None;
            for (at, line) in file.lines().enumerate() {
                match line.trim_end() {
                    line if line.ends_with("() {") => start = Some((at, line)),
                    "}" | "  }" if start.is_some() => {
                        let (from, name) = start.take().expect("it has a start");
                        assert!(at - from < 40, "{name} has {} lines", at - from + 1);
                    }
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn a_step_says_nothing_that_the_runner_does_not_read() {
        let body = include_str!("step_body.rs");
        let calls = body.split(".set").skip(1).map(|rest| rest.strip_prefix("_quoted").unwrap_or(rest));
        let settings = calls.filter_map(|rest| rest.strip_prefix("(\"")?.split('"').next());
        let names: Vec<String> = settings.map(|name| format!("pb_step_{name}")).collect();
        assert!(names.len() > 30, "{names:?}");
        for name in names {
            assert!(
                source(Parts { values: true, files: true, takes: true }).contains(&format!(" {name}=")),
                "{name} is not reset for each step"
            );
        }
    }
}
