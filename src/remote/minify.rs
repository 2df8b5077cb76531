//! Our own shell as it is sent: without comments and indentation, and with short names. Every byte is sent each time.

use std::collections::{BTreeMap, BTreeSet};

/// Names that are known outside of the file that they are written in: they stay as they are.
const FIXED: &[&str] = &[
    // The first line of a plan, which `ask.sh` reads, also that of another version.
    "pb_run",
    "pb_nonce",
    "pb_mode",
    "pb_total",
    "pb_user_of",
    "pb_secret",
    // What tells the delivery, in the same line, that the output of steps is apart from the log.
    "pb_apart",
    // The numbers of the steps for people, in the same line, for `ask.sh`.
    "pb_labels",
    // Whether the runner gets a password for sudo, in the same line.
    "pb_takes_password",
    // What `ask.sh` leaves out when it compares plans.
    "pb_step_before",
    "pb_step_unknown",
    "pb_step_word",
    // What the delivery gives to the runner in the environment, also to that of another version, and what tests give to both.
    "pb_boot_file",
    "pb_from",
    "pb_out",
    "pb_machine_file",
    "pb_mem",
    "pb_point",
    "pb_sudo_limit",
    "pb_umask",
    // What a step's shell has.
    "pb_candidate",
    "pb_content",
    "pb_here",
    "pb_home",
    "pb_plan",
    "pb_progress",
    "pb_refuse",
    "pb_source",
    "pb_why",
    // What stands in front of the delivery, `stop.sh` and `ask.sh`.
    "pb_after",
    "pb_index_bytes",
    "pb_index_first",
    "pb_follow",
    "pb_host",
    "pb_level",
    "pb_mine",
    "pb_part",
    "pb_in",
    "pb_resume",
    "pb_stdin",
    "pb_stored",
    "pb_sum",
    "pb_taken_step",
    "pb_want",
];

/// Shell without its comment lines and indentation. The shell must hold no text over several lines whose blanks matter.
pub(super) fn stripped(shell: &str) -> String {
    let kept = shell.lines().map(str::trim_start).filter(|line| {
        // This comment is a part of a text: it marks where a step's shell ends.
        !line.is_empty() && (!line.starts_with('#') || line.starts_with("# pb-end"))
    });
    kept.fold(String::new(), |mut out, line| {
        out.push_str(line);
        out.push('\n');
        out
    })
}

/// The shell of one file, as it is sent.
pub(super) fn minified(shell: &str) -> String {
    let shell = stripped(shell);
    Names::of(&shell).shorten(&shell)
}

/// The shell of the kinds, as it is sent. Its short names begin with another letter than the runner's, in a copy of whose shell it may
/// run. `called` are the words of the steps that use it.
pub(super) fn minified_library(shell: &str, called: &[&str]) -> String {
    // What tests give to it in the environment: names with a default, and two that a test's value mentions.
    let mut kept: BTreeSet<&str> = ["pb_size", "pb_total"].into();
    let defaults = shell.split("${pb_").skip(1).filter_map(|rest| rest.split_once(":-"));
    let defaults: BTreeSet<&str> =
        defaults.filter(|(_, value)| !value.starts_with('}')).map(|(name, _)| name).collect();
    kept.extend(
        words(shell)
            .map(|(word, _)| word)
            .filter(|word| word.strip_prefix("pb_").is_some_and(|name| defaults.contains(name))),
    );
    kept.extend(called.iter().flat_map(|text| words(text)).map(|(word, _)| word));
    let functions: BTreeSet<&str> = shell.lines().filter_map(|line| line.strip_suffix("() {")).collect();
    let is_name = |word: &str, is_ours: bool| (is_ours || functions.contains(word)) && !kept.contains(word);
    Names::with(shell, 'q', is_name).shorten(shell)
}

/// The short names for those that a text is written with. The runner's begin with `_`, so that none is a name of a kind's functions or
/// of what these use.
#[derive(Debug)]
pub(super) struct Names(BTreeMap<String, String>);

impl Names {
    /// The runner's names.
    pub(super) fn of(shell: &str) -> Self {
        Self::with(shell, '_', |_, is_ours| is_ours)
    }

    /// The runner's names for a person to read: longer than those that are sent, and as different from those of the kinds.
    pub(super) fn readable(shell: &str) -> Self {
        let ours = words(shell).filter(|(_, is_ours)| *is_ours);
        Self(ours.map(|(name, _)| (name.to_owned(), name.replacen("pb_", "pbr_", 1))).collect())
    }

    /// Gives the shortest names to those that occur most often.
    fn with(shell: &str, first: char, is_name: impl Fn(&str, bool) -> bool) -> Self {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, is_ours) in words(shell) {
            if is_name(name, is_ours) {
                *counts.entry(name).or_default() += 1;
            }
        }
        let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
        counts.sort_by_key(|&(name, count)| (usize::MAX - count, name));
        let taken: BTreeSet<&str> = words(shell).map(|(word, _)| word).collect();
        let short = short_names(first).filter(|short| !taken.contains(short.as_str()));
        Self(counts.into_iter().map(|(name, _)| name.to_owned()).zip(short).collect())
    }

    /// The text with its names made short.
    pub(super) fn shorten(&self, shell: &str) -> String {
        let mut out = String::with_capacity(shell.len());
        let mut rest = shell;
        for (word, _) in words(shell) {
            let (before, behind) = rest.split_once(word).unwrap_or((rest, ""));
            out.push_str(before);
            out.push_str(self.short(word));
            rest = behind;
        }
        out + rest
    }

    /// What a name is in the text that is sent.
    pub(super) fn short<'a>(&'a self, name: &'a str) -> &'a str {
        self.0.get(name).map_or(name, String::as_str)
    }
}

/// `_a`, `_b` and so on, `_aa` after `_Z`, where `_` is the letter that they begin with.
fn short_names(begin: char) -> impl Iterator<Item = String> {
    let characters = || ('a'..='z').chain('A'..='Z');
    let one = characters().map(move |c| format!("{begin}{c}"));
    let two = characters().flat_map(move |first| characters().map(move |second| format!("{begin}{first}{second}")));
    one.chain(two)
}

/// Every word of a shell text, and whether it is a name that may become a short one: `pb_…`, unless it is fixed or of the names
/// that are put together on the host (`pb_r_$name`).
fn words(shell: &str) -> impl Iterator<Item = (&str, bool)> {
    let of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let of_host = |word: &str| ["pb_r_", "pb_s_", "pb_m_", "pb_v_"].iter().any(|prefix| word.starts_with(prefix));
    shell.split(move |c| !of_word(c)).filter(|word| !word.is_empty()).map(move |word| {
        let is_name = word.starts_with("pb_") && !of_host(word) && !FIXED.contains(&word);
        (word, is_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_short_and_nothing_else_does() {
        let shell = "# pb_comment\n  pb_value=$pb_other pb_r_$pb_value \"\\$pb_s_x\" pb_home xpb_value\n\n  pb_value\n";
        assert_eq!(minified(shell), "_a=$_b pb_r_$_a \"\\$pb_s_x\" pb_home xpb_value\n_a\n");
    }

    #[test]
    fn a_short_name_that_is_taken_is_passed_over() {
        assert_eq!(minified("pb_value=$_a\n"), "_b=$_a\n");
    }

    #[test]
    fn the_mark_at_the_end_of_a_steps_shell_is_kept() {
        assert_eq!(minified("a=\"\n  # pb-end\"\n  # other\n"), "a=\"\n# pb-end\"\n");
    }

    #[test]
    fn there_are_names_enough_and_no_two_are_the_same() {
        let names: BTreeSet<String> = short_names('_').collect();
        assert_eq!(names.len(), 52 + 52 * 52);
    }
}
