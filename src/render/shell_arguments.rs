//! Which program gets a word of shell as an argument: what stands in an argument list can be read by every user of the host.

use std::collections::HashMap;

/// Commands of the shell itself: their words stand in no argument list.
const OWN: &[&str] = &[
    ".", ":", "[", "[[", "alias", "case", "cd", "declare", "echo", "exit", "export", "false", "for", "let", "local",
    "print", "printf", "pwd", "read", "readonly", "return", "select", "set", "shift", "test", "trap", "true",
    "typeset", "unset",
];

/// Words that may stand before a command.
const BEFORE: &[&str] =
    &["!", "if", "elif", "while", "until", "then", "else", "do", "{", "time", "command", "builtin", "eval", "exec"];

/// A piece of shell, read once from its start.
pub(crate) struct Arguments<'s> {
    walk: Walk<'s>,
    /// Whether a name is that of a function of this text.
    functions: HashMap<String, bool>,
}

impl<'s> Arguments<'s> {
    pub(crate) fn of(shell: &'s str) -> Self {
        let walk = Walk { commands: vec![Command::default()], shell, at: 0 };
        Self { walk, functions: HashMap::new() }
    }

    /// The program to which the word at this byte is an argument; `None` where a command of the shell itself, an assignment or a
    /// redirection has it. The bytes of later calls are further on.
    pub(crate) fn program(&mut self, at: usize) -> Option<String> {
        while self.walk.at < at {
            self.walk.step();
        }
        let command = self.walk.commands.last()?;
        if command.redirects {
            return None;
        }
        let mut words = command.words.iter().map(String::as_str);
        let program = words.find(|word| !BEFORE.contains(word) && !is_assignment(word))?.to_owned();
        (!OWN.contains(&program.as_str()) && !self.is_function(&program)).then_some(program)
    }

    fn is_function(&mut self, name: &str) -> bool {
        let shell = self.walk.shell;
        let find = || shell.contains(&format!("{name}()")) || shell.contains(&format!("{name} ()"));
        *self.functions.entry(name.to_owned()).or_insert_with(find)
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+".contains(&b))
    })
}

/// A command that is being read, and what ends it.
#[derive(Default)]
struct Command {
    /// Its words that are whole.
    words: Vec<String>,
    /// The word in hand.
    word: Option<String>,
    /// The word in hand, or the next one, is what a redirection leads to.
    redirects: bool,
    /// Open quotes.
    quote: Option<char>,
    /// The character that ends the substitution around it.
    end: Option<char>,
}

impl Command {
    fn part(&mut self, c: char) {
        self.word.get_or_insert_default().push(c);
    }

    fn word_ends(&mut self) {
        if let Some(word) = self.word.take() {
            if !self.redirects {
                self.words.push(word);
            }
            self.redirects = false;
        }
    }

    fn ends(&mut self) {
        self.word_ends();
        self.words.clear();
        self.redirects = false;
    }
}

struct Walk<'s> {
    commands: Vec<Command>,
    shell: &'s str,
    at: usize,
}

impl Walk<'_> {
    /// Reads the next character, or two of them.
    fn step(&mut self) {
        let rest = &self.shell[self.at..];
        let Some(c) = rest.chars().next() else {
            self.at += 1;
            return;
        };
        let next = rest[c.len_utf8()..].chars().next();
        let mut length = c.len_utf8();
        let depth = self.commands.len();
        let command = self.commands.last_mut().expect("one is always open");
        match (command.quote, c) {
            (Some('\''), '\'') | (Some('"'), '"') => command.quote = None,
            (Some('\''), _) => command.part(c),
            (_, '\\') => {
                if let Some(escaped) = next {
                    length += escaped.len_utf8();
                    if escaped != '\n' {
                        command.part(escaped);
                    }
                }
            }
            (_, '$') if next == Some('(') => {
                length += 1;
                command.part('x');
                self.commands.push(Command { end: Some(')'), ..Command::default() });
            }
            (None, _) if command.end == Some(c) && depth > 1 => drop(self.commands.pop()),
            (_, '`') => {
                command.part('x');
                self.commands.push(Command { end: Some('`'), ..Command::default() });
            }
            (Some(_), _) => command.part(c),
            (None, '\'' | '"') => {
                command.word.get_or_insert_default();
                command.quote = Some(c);
            }
            (None, '#') if command.word.is_none() => length = rest.find('\n').unwrap_or(rest.len()),
            (None, '\n' | ';' | '|' | ')') => command.ends(),
            (None, '&') if !command.redirects => command.ends(),
            (None, '(') => {
                command.ends();
                self.commands.push(Command { end: Some(')'), ..Command::default() });
            }
            (None, '<' | '>') => {
                // The number of a stream belongs to the redirection.
                if command.word.as_ref().is_some_and(|word| word.bytes().all(|b| b.is_ascii_digit())) {
                    command.word = None;
                }
                command.word_ends();
                command.redirects = true;
            }
            (None, c) if c.is_whitespace() => command.word_ends(),
            (None, c) => command.part(c),
        }
        self.at += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_an_argument_of_programs_alone() {
        for (shell, program) in [
            ("curl -u S https://h", Some("curl")),
            ("curl -H \"X: y\" --token=S", Some("curl")),
            ("printf '%s' S | curl -K -", None),
            ("printf %s a | curl -K - S", Some("curl")),
            ("TOKEN=S curl h", None),
            ("A=b TOKEN=S curl h", None),
            ("env TOKEN=S curl h", Some("env")),
            ("export TOKEN=S; curl h", None),
            ("if test S = x; then ls; fi", None),
            ("if grep -q S f; then ls; fi", Some("grep")),
            ("x=$(curl S)", Some("curl")),
            ("echo \"$(sed s/a/S/ f)\"", Some("sed")),
            ("echo $(printf a) S", None),
            ("ls $(printf a) S", Some("ls")),
            ("(cd /x && tool S)", Some("tool")),
            ("cat > S", None),
            ("cat 2>&1 S", Some("cat")),
            ("tool <<< S", None),
            ("tool a >log S", Some("tool")),
            ("case S in x) ls ;; esac", None),
            ("case x in x) ls S ;; esac", Some("ls")),
            ("say() { printf %s \"$1\"; }\nsay S", None),
            ("# it's\nls S", Some("ls")),
            ("ls \\\n  S", Some("ls")),
            ("! command sudo tool S", Some("sudo")),
            ("S a", None),
            ("for x in S; do ls; done", None),
            ("a & b S", Some("b")),
            ("it 'S'", Some("it")),
            ("eval curl S", Some("curl")),
            ("eval S", None),
            ("exec curl S", Some("curl")),
        ] {
            let at = shell.rfind('S').expect("a secret");
            assert_eq!(Arguments::of(shell).program(at).as_deref(), program, "{shell}");
        }
    }
}
