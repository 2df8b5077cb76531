//! What a shell writes in front of its own messages: its name, a line number, and that the text came by `eval`.
//!
//! A step's shell reads more than the author's text, so the number is that of no line that the author knows, and the name is not
//! that of a file. A person is shown the message alone; JSON and the journal keep the line as it came.

use std::borrow::Cow;

/// The names under which the runner starts shells; bash calls itself `environment` in a function, and zsh names the text.
const NAMES: [&str; 10] = ["plan", "sh", "bash", "dash", "ksh", "mksh", "zsh", "yash", "environment", "(eval)"];

/// Those that some shells write alone, without a line number.
const ALONE: [&str; 4] = ["plan", "sh", "ksh", "mksh"];

/// How messages of yash begin, which names only what was evaluating: a program may print `eval: ` too.
const YASH: [&str; 5] =
    ["no such command `", "cannot execute command `", "parameter `", "redirection: ", "syntax error: "];

/// A line of output without what a shell wrote in front of its message.
pub(super) fn without_shell_prefix(line: &str) -> Cow<'_, str> {
    by_name(line).or_else(|| by_yash(line).map(Cow::Borrowed)).unwrap_or(Cow::Borrowed(line))
}

/// The message behind a shell's name.
fn by_name(line: &str) -> Option<Cow<'_, str>> {
    // mksh may say first how bad it is.
    let graded = ["E: ", "W: ", "F: "].iter().find_map(|grade| line.strip_prefix(grade));
    let named = graded.unwrap_or(line);
    let (name, rest) = NAMES.iter().find_map(|name| Some((*name, named.strip_prefix(name)?)))?;
    if let Some(rest) = bracketed(rest) {
        return Some(Cow::Borrowed(rest));
    }
    if let Some(rest) = rest.strip_prefix(": ") {
        return behind_colon(rest).or_else(|| {
            let is_said = graded.is_some() || ALONE.contains(&name) && (rest.contains(": ") || is_of_yash(rest));
            is_said.then_some(Cow::Borrowed(rest))
        });
    }
    by_zsh(rest.strip_prefix(':')?)
}

/// `[12]: MESSAGE`, as Korn shells write it.
fn bracketed(rest: &str) -> Option<&str> {
    let (number, rest) = rest.strip_prefix('[')?.split_once("]: ")?;
    is_number(number).then_some(rest)
}

/// `12: MESSAGE`, `12: eval: MESSAGE` and `12: eval: 3: MESSAGE` of dash; `line 12: MESSAGE`, `eval: line 12: MESSAGE` of bash and
/// BusyBox; `cd: line 12: MESSAGE` of BusyBox, where the built-in command stays.
fn behind_colon(rest: &str) -> Option<Cow<'_, str>> {
    let evaluated = rest.strip_prefix("eval: ");
    if let Some(rest) = numbered(evaluated.unwrap_or(rest)) {
        let Some(inner) = rest.strip_prefix("eval: ") else { return Some(Cow::Borrowed(rest)) };
        // A command can be called by a number, and then nothing but the shell's words follows.
        let message = numbered(inner).filter(|message| message.contains(": "));
        return Some(Cow::Borrowed(message.unwrap_or(inner)));
    }
    if evaluated.is_some() {
        return evaluated.map(Cow::Borrowed);
    }
    let (command, message) = rest.split_once(": ")?;
    let message = message.strip_prefix("line ").and_then(numbered)?;
    let is_word = !command.is_empty() && !command.contains(char::is_whitespace);
    is_word.then(|| Cow::Owned(format!("{command}: {message}")))
}

/// The text behind `12: ` or `line 12: `.
fn numbered(text: &str) -> Option<&str> {
    let (number, rest) = text.strip_prefix("line ").unwrap_or(text).split_once(": ")?;
    is_number(number).then_some(rest)
}

/// `12: MESSAGE` and `cd:12: MESSAGE` behind the name and one colon.
fn by_zsh(rest: &str) -> Option<Cow<'_, str>> {
    let (place, message) = rest.split_once(": ")?;
    match place.rsplit_once(':') {
        None if is_number(place) => Some(Cow::Borrowed(message)),
        Some((command, number)) if is_number(number) => Some(Cow::Owned(format!("{command}: {message}"))),
        _ => None,
    }
}

/// `eval: MESSAGE` and `eval:12: MESSAGE`.
fn by_yash(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("eval:")?;
    match rest.strip_prefix(' ') {
        Some(message) => is_of_yash(message).then_some(message),
        None => rest.split_once(": ").filter(|(number, _)| is_number(number)).map(|(_, message)| message),
    }
}

fn is_of_yash(message: &str) -> bool {
    YASH.iter().any(|begin| message.starts_with(begin))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shells_message_is_shown_without_its_place_in_our_text() {
        for (line, shown) in [
            // dash
            ("sh: 200: eval: foo: not found", "foo: not found"),
            ("plan: 12: eval: 3: foo: not found", "foo: not found"),
            ("sh: 1: foo: not found", "foo: not found"),
            ("sh: 1: eval: 3: not found", "3: not found"),
            ("sh: 8: cd: can't cd to /nonexistent", "cd: can't cd to /nonexistent"),
            ("plan: 16: eval: Syntax error: \")\" unexpected", "Syntax error: \")\" unexpected"),
            ("dash: 3: eval: novar: parameter not set", "novar: parameter not set"),
            // bash
            ("sh: line 13: foo: command not found", "foo: command not found"),
            ("plan: eval: line 992: syntax error near unexpected token `)'", "syntax error near unexpected token `)'"),
            ("environment: line 21: cd: /nonexistent: No such file", "cd: /nonexistent: No such file"),
            ("bash: line 19: foo: command not found", "foo: command not found"),
            // BusyBox
            ("sh: eval: line 12: foo: not found", "foo: not found"),
            ("sh: cd: line 8: can't cd to /x: No such file", "cd: can't cd to /x: No such file"),
            ("sh: .: line 14: can't open '/x': No such file", ".: can't open '/x': No such file"),
            ("sh: a: bad number", "a: bad number"),
            ("sh: can't kill pid 9: No such process", "can't kill pid 9: No such process"),
            // mksh and ksh
            ("E: sh: foo: inaccessible or not found", "foo: inaccessible or not found"),
            ("W: ksh: /x/y: create: No such file", "/x/y: create: No such file"),
            ("E: plan: syntax error: unexpected ')'", "syntax error: unexpected ')'"),
            ("sh: foo: inaccessible or not found", "foo: inaccessible or not found"),
            ("ksh[3]: foo: not found", "foo: not found"),
            ("ksh: eval: line 3: foo: not found", "foo: not found"),
            // zsh
            ("(eval):4: command not found: foo", "command not found: foo"),
            ("(eval):cd:8: no such file or directory: /x", "cd: no such file or directory: /x"),
            ("zsh:1: command not found: foo", "command not found: foo"),
            // yash
            ("eval: no such command `foo'", "no such command `foo'"),
            ("sh: no such command `foo'", "no such command `foo'"),
            ("eval:16: syntax error: encountered `)'", "syntax error: encountered `)'"),
            ("eval: redirection: cannot open file `/x'", "redirection: cannot open file `/x'"),
        ] {
            assert_eq!(without_shell_prefix(line), shown);
        }
    }

    #[test]
    fn what_a_program_says_stays() {
        for line in [
            "",
            "plan",
            "sh: ok",
            "bash: installed",
            "shell: 3: x",
            "eval: loss 0.3",
            "eval: epoch 3: loss 0.2",
            "plan: 3 to add",
            "sh:",
            "sh: 12:",
            "./install.sh: line 12: foo: command not found",
            "/opt/x/run: 3: foo: not found",
            "E: Unable to locate package foo",
            "tar: x: Cannot open: No such file",
            "environment: production: ready",
        ] {
            assert_eq!(without_shell_prefix(line), line);
        }
    }
}
