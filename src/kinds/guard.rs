//! A question that the author asks in shell: `unless`, `only_if`, and the `check` of a step for a person.
//!
//! It has three answers. Status 0 means yes, and any other that a command ends with means no. A command that was not found (127), that
//! could not be executed (126) or that a signal ended has answered nothing, and neither has a text that the shell does not
//! understand. A guard that treats such a status itself (`missing || true`) ends with another one.

use crate::script::Script;

/// The status that ends a check whose guard could not find out; its name and its status are on standard output then. Without a
/// status the shell did not understand it.
const NO_ANSWER: u32 = 82;

/// The statuses that answer nothing, as patterns of the shell: not executable, not found, and 128 and the number of a signal. yash
/// gives 384 and that number for a process that it waited for.
const NOTHING_SAID: &str = "126 | 127 | 129 | 1[3-8]? | 19[0-2] | [34]??";

/// A guard of a step.
#[derive(Clone, Copy, Debug)]
pub struct Guard<'a> {
    /// The option's or the field's name.
    pub name: &'static str,
    /// What the author wrote.
    pub shell: &'a Script,
}

impl<'a> Guard<'a> {
    /// The shell that asks, and what a status of 0 means there: `! COMMAND` is asked without its first word, since the shell
    /// would make a yes of a command that it did not find.
    fn question(self) -> (&'a str, bool) {
        let text = self.shell.as_str().trim_end();
        let negated = text.trim_start().strip_prefix('!').filter(|rest| rest.starts_with([' ', '\t']));
        let one_pipeline = |rest: &&str| !rest.contains([';', '&', '\n', '#']) && !rest.contains("||");
        negated.filter(one_pipeline).map_or((text, true), |rest| (rest.trim_start(), false))
    }

    /// Whether a status of 0 is the guard's yes.
    pub fn zero_is_yes(self) -> bool {
        self.question().1
    }

    /// The shell that asks the guard where a shell is there for it alone, whose status is then the guard's own. In front of it the
    /// shell must have what [`Guard::trap`] says.
    ///
    /// The whole text is read before any of it runs, because it is a part of one command. Only then is the trap taken away.
    pub fn alone(self) -> String {
        format!("case 1 in 1)\n{}\n{}\n;; esac >&2", self.ready(), self.question().0)
    }

    /// What takes the trap away once the shell has understood the text. dash and BusyBox end `command -v NAME`, `type NAME` and
    /// `hash NAME` with 127 where there is no such command: that is an answer.
    fn ready(self) -> &'static str {
        let text = self.question().0;
        let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || ";&|(){}!".contains(c)).collect();
        let asks = words.windows(2).any(|pair| matches!(pair, ["command", "-v" | "-V"]));
        if asks || words.iter().any(|word| matches!(*word, "type" | "hash")) {
            "trap 'case $? in 127) exit 1 ;; esac' 0"
        } else {
            "trap - 0"
        }
    }

    /// What a shell that did not understand the guard ends with.
    pub fn trap(self) -> String {
        format!("trap 'echo {}; exit {NO_ANSWER}' 0", self.name)
    }

    /// Asks the guard in a subshell, and does the one or the other by its answer.
    ///
    /// It stands in no condition, where `set -e` would be without effect.
    pub fn ask(self, yes: &str, no: &str, output: &str) -> String {
        let (text, zero_is_yes) = self.question();
        let (zero, other) = if zero_is_yes { (yes, no) } else { (no, yes) };
        format!(
            "{}\nset +e\n(\ncase 1 in 1)\n{}\nset -e\n{text}\n;; esac\n) {output}\npb_answered=$?\ntrap - 0\nset -e\n\
             case $pb_answered in 0) {zero} ;; {NOTHING_SAID}) echo \"{} $pb_answered\"; exit {NO_ANSWER} ;; *) {other} ;; esac",
            self.trap(),
            self.ready(),
            self.name,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_ask_for_a_command_is_answered_by_a_status_that_answers_nothing_elsewhere() {
        for (text, is_answer) in [
            ("command -v aws >/dev/null && aws sts x", true),
            ("if ! command -v aws; then exit 1; fi", true),
            ("type aws", true),
            ("hash aws 2>/dev/null", true),
            ("tset -e x", false),
            ("test -e type/x", false),
        ] {
            let shell = Script::author(text);
            let guard = Guard { name: "check", shell: &shell };
            for asked in [guard.alone(), guard.ask("", "", "")] {
                assert_eq!(asked.contains("127) exit 1"), is_answer, "{asked}");
            }
        }
    }

    #[test]
    fn a_command_that_is_turned_round_is_asked_as_it_is() {
        for (text, asked, zero_is_yes) in [
            ("test -e x", "test -e x", true),
            ("! test -e x", "test -e x", false),
            (" !\ttest -e x\n", "test -e x", false),
            ("! a | b", "a | b", false),
            ("! a || b", "! a || b", true),
            ("! a; b", "! a; b", true),
            ("! a && b", "! a && b", true),
            ("! a\nb", "! a\nb", true),
            ("!a", "!a", true),
        ] {
            let shell = Script::author(text);
            let guard = Guard { name: "unless", shell: &shell };
            assert_eq!(guard.question(), (asked, zero_is_yes), "{text}");
        }
    }
}
