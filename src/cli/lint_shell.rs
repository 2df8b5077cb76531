//! `sh -n` over the shell of a playbook: what a shell cannot read is found before a host has to.

use std::collections::{BTreeMap, HashSet};
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::playbook::Snippet;
use crate::source::{Diagnostic, Severity, Sources};

/// The most errors that are looked for, and the most shells that are started for one playbook.
const MAX_ERRORS: usize = 20;
const MAX_SHELLS: usize = 200;

/// How long one shell may take.
const LIMIT: Duration = Duration::from_secs(3);

/// The most that is read of what a shell says.
const MAX_SAID: u64 = 64 * 1024;

/// A shell of this machine, and whether it is the one that the host uses.
struct Shell {
    program: PathBuf,
    name: String,
    is_own: bool,
}

/// What a shell says of a text: the line from 1, and its words.
struct Said {
    line: usize,
    words: String,
}

/// Everything that shells do not understand.
pub(super) fn check(snippets: &[Snippet<'_>], sources: &Sources) -> Vec<Diagnostic> {
    let mut by_shell: BTreeMap<&str, Vec<&Snippet<'_>>> = BTreeMap::new();
    let mut seen = HashSet::new();
    for snippet in snippets {
        // One text that stands in many steps is read once, and reported once.
        if seen.insert((snippet.shell, &snippet.texts)) {
            by_shell.entry(snippet.shell).or_default().push(snippet);
        }
    }
    let mut found = Vec::new();
    for (name, snippets) in by_shell {
        if let Some(shell) = Shell::find(name) {
            let mut reader = Reader { shell: &shell, sources, started: 0, found: Vec::new() };
            reader.read(snippets);
            found.append(&mut reader.found);
        }
    }
    found
}

impl Shell {
    /// The shell of this name, or the one of this machine that is most like it.
    fn find(name: &str) -> Option<Self> {
        let like: &[&str] = match name {
            "ksh" | "zsh" => &["bash", "sh"],
            _ => &["sh"],
        };
        std::iter::once(name).chain(like.iter().copied()).find_map(|candidate| {
            let folders = std::env::var_os("PATH")?;
            let mut paths = std::env::split_paths(&folders).map(|folder| folder.join(candidate));
            let program = paths.find(|path| path.is_absolute() && path.is_file())?;
            Some(Self { program, name: candidate.to_owned(), is_own: candidate == name })
        })
    }

    /// Lets the shell read a text; what it says where it does not understand it.
    fn says(&self, text: &str) -> Option<Said> {
        let mut command = Command::new(&self.program);
        if self.name == "zsh" {
            command.arg("-f");
        }
        // Files that shells read at their start have no part in it.
        command.args(["-n", "/dev/stdin"]).env_remove("ENV").env_remove("BASH_ENV").env("LC_ALL", "C");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().ok()?;
        let (mut input, mut output) = (child.stdin.take()?, child.stderr.take()?);
        let text = text.to_owned();
        // A shell stops to read at an error, and its pipe is closed then.
        let writer = std::thread::spawn(move || drop(input.write_all(text.as_bytes())));
        let reader = std::thread::spawn(move || {
            let mut said = Vec::new();
            drop(output.by_ref().take(MAX_SAID).read_to_end(&mut said));
            said
        });
        let ended = wait(&mut child);
        let said = reader.join().unwrap_or_default();
        drop(writer.join());
        // A shell that died of something else has said nothing about the text.
        ended.filter(|code| matches!(code, 1..=3)).and_then(|_| said_of(&String::from_utf8_lossy(&said)))
    }
}

/// The exit status of a shell; `None` if a signal ended it, or it took too long.
fn wait(child: &mut Child) -> Option<i32> {
    let started = Instant::now();
    let mut pause = Duration::from_micros(200);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.code(),
            Ok(None) if started.elapsed() < LIMIT => std::thread::sleep(pause),
            _ => {
                drop(child.kill());
                drop(child.wait());
                return None;
            }
        }
        pause = (pause * 2).min(Duration::from_millis(5));
    }
}

/// The line and the words of a shell's first complaint.
fn said_of(text: &str) -> Option<Said> {
    let mut rest = text.lines().find(|line| !line.trim().is_empty())?.trim();
    let mut line = None;
    loop {
        let before = rest;
        for prefix in ["/dev/stdin:", "line ", "sh:", "zsh:", "bash:", "ksh:", "dash:"] {
            rest = rest.strip_prefix(prefix).unwrap_or(rest).trim_start();
        }
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits > 0 && rest[digits..].starts_with(':') {
            line = line.or_else(|| rest[..digits].parse().ok());
            rest = rest[digits + 1..].trim_start();
        }
        if rest == before {
            break;
        }
    }
    // ksh has the line in the middle of its sentence.
    let inside = || {
        rest.split_once("line ")
            .and_then(|(_, behind)| behind.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
    };
    Some(Said { line: line.or_else(inside).unwrap_or(1), words: rest.trim_end_matches('.').to_owned() })
}

/// Reads the texts of one shell.
struct Reader<'s> {
    shell: &'s Shell,
    sources: &'s Sources,
    started: usize,
    found: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn read(&mut self, snippets: Vec<&Snippet<'_>>) {
        let (mut closed, open): (Vec<_>, Vec<_>) = snippets.into_iter().partition(|snippet| snippet.closed);
        for snippet in open {
            self.alone(snippet);
        }
        // Texts that leave nothing open are read together, which costs one process for all that are right.
        while !closed.is_empty() && self.may_go_on() {
            let Some(said) = self.says(&together(&closed)) else { return };
            let at = which(&closed, said.line);
            let wrong = closed.remove(at);
            if !self.alone(wrong) {
                // The error is not in that text alone: each is read by itself.
                for snippet in std::mem::take(&mut closed) {
                    self.alone(snippet);
                }
            }
        }
    }

    fn may_go_on(&self) -> bool {
        self.found.len() < MAX_ERRORS && self.started < MAX_SHELLS
    }

    fn says(&mut self, text: &str) -> Option<Said> {
        self.started += 1;
        self.shell.says(text)
    }

    /// Reads one text by itself; whether it is wrong.
    fn alone(&mut self, snippet: &Snippet<'_>) -> bool {
        let mut first = None;
        for text in &snippet.texts {
            if !self.may_go_on() {
                return false;
            }
            let Some(said) = self.says(text) else { return false };
            first.get_or_insert(said);
        }
        let Some(said) = first else { return false };
        let mut error = snippet.error(self.sources, said.line, &said.words);
        if !self.shell.is_own {
            error.severity = Severity::Warning;
            error.hint.get_or_insert_with(|| {
                format!("`{}` is not on this machine; `{}` read it instead", snippet.shell, self.shell.name)
            });
        }
        self.found.push(error);
        true
    }
}

/// The texts in one file, each in a function.
fn together(snippets: &[&Snippet<'_>]) -> String {
    snippets.iter().map(|snippet| format!("_() {{\n:\n{}\n}}\n", snippet.texts[0])).collect()
}

/// Which of the texts has this line of the file.
fn which(snippets: &[&Snippet<'_>], line: usize) -> usize {
    let mut end = 0;
    for (at, snippet) in snippets.iter().enumerate() {
        end += snippet.texts[0].matches('\n').count() + 4;
        if line <= end {
            return at;
        }
    }
    snippets.len() - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shells_complaint_is_a_line_and_words() {
        for (text, line, words) in [
            ("/dev/stdin: 3: Syntax error: \"}\" unexpected\n", 3, "Syntax error: \"}\" unexpected"),
            (
                "/dev/stdin: line 2: syntax error near unexpected token `)'\nx\n",
                2,
                "syntax error near unexpected token `)'",
            ),
            ("/dev/stdin: syntax error at line 4: `}' unexpected\n", 4, "syntax error at line 4: `}' unexpected"),
            ("/dev/stdin:5: parse error near `done'\n", 5, "parse error near `done'"),
        ] {
            let said = said_of(text).expect(text);
            assert_eq!((said.line, said.words.as_str()), (line, words));
        }
        assert!(said_of("\n").is_none());
    }
}
