//! A script of shell as commands: words, operators and here-documents, as far as the scripts of tutorials have them.

/// One simple command, with what is done with its output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SimpleCommand {
    /// Its words, quotes removed. A word that a shell would expand keeps its `$`.
    pub(super) words: Vec<ShellWord>,
    /// `>`: the file that it writes, and whether it adds to it.
    pub(super) output: Option<(String, bool)>,
    /// The text of a here-document, and whether the shell would expand it.
    pub(super) input: Option<(String, bool)>,
    /// The command as it was written.
    pub(super) text: String,
    /// The line on which it begins, from 1.
    pub(super) line: usize,
    /// Whether it is more than this lexer takes apart: a pipe, a loop, a function, a substitution.
    pub(super) complex: bool,
}

/// A word of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ShellWord {
    /// Its characters.
    pub(super) text: String,
    /// Whether a variable or a command is in it that the shell would expand.
    pub(super) expands: bool,
}

impl SimpleCommand {
    /// The words as texts.
    pub(super) fn texts(&self) -> Vec<&str> {
        self.words.iter().map(|word| word.text.as_str()).collect()
    }
}

/// Words that begin something longer than a line.
const OPENING: &[&str] = &["if", "for", "while", "until", "case", "{", "(", "function"];
const CLOSING: &[&str] = &["fi", "done", "esac", "}", ")"];

/// The commands of a script, in order.
pub(super) fn commands(script: &str) -> Vec<SimpleCommand> {
    let lines: Vec<&str> = script.lines().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let start = at;
        let mut text = lines[at].to_owned();
        at += 1;
        while (text.ends_with('\\') || has_open_quote(&text)) && at < lines.len() {
            if text.ends_with('\\') && !has_open_quote(&text) {
                text.pop();
            } else {
                text.push('\n');
            }
            text.push_str(lines[at].trim_start());
            at += 1;
        }
        let first = text.split_whitespace().next().unwrap_or_default();
        if OPENING.contains(&first) || first.ends_with("()") || text.contains("() {") {
            at = whole(&lines, start, &mut text);
            found.push(SimpleCommand { text, line: start + 1, complex: true, ..SimpleCommand::default() });
            continue;
        }
        for mut command in simple(&text) {
            command.line = start + 1;
            if let Some((delimiter, expands, tabs)) = here_document(&command.text) {
                let mut body = String::new();
                while at < lines.len() {
                    let line = if tabs { lines[at].trim_start_matches('\t') } else { lines[at] };
                    at += 1;
                    if line == delimiter {
                        break;
                    }
                    body.push_str(line);
                    body.push('\n');
                }
                command.input = Some((body, expands));
            }
            found.push(command);
        }
    }
    found
}

/// Adds the lines of a construct that spans several, and returns where it ends.
fn whole(lines: &[&str], start: usize, text: &mut String) -> usize {
    let mut depth = 0i32;
    let mut at = start;
    *text = String::new();
    while at < lines.len() {
        let words = lines[at].split([' ', '\t', ';']).filter(|word| !word.is_empty());
        for word in words {
            depth += i32::from(OPENING.contains(&word) || word.ends_with("(){")) - i32::from(CLOSING.contains(&word));
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(lines[at]);
        at += 1;
        if depth <= 0 {
            break;
        }
    }
    at
}

fn has_open_quote(text: &str) -> bool {
    let mut quote = None;
    let mut characters = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = characters.next() {
        match (quote, c) {
            (None, '#') if before.is_whitespace() => return false,
            (None | Some('"'), '\\') => drop(characters.next()),
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
        before = c;
    }
    quote.is_some()
}

/// The delimiter of a command's here-document, whether its text is expanded, and whether leading tabs are dropped.
fn here_document(text: &str) -> Option<(String, bool, bool)> {
    let behind = &text[text.find("<<")? + 2..];
    if behind.starts_with('<') {
        return None;
    }
    let tabs = behind.starts_with('-');
    let word = behind.trim_start_matches('-').trim_start();
    let word: String = word.chars().take_while(|c| !c.is_whitespace() && !";|&>".contains(*c)).collect();
    let plain: String = word.chars().filter(|c| !"'\"\\".contains(*c)).collect();
    (!plain.is_empty()).then(|| (plain.clone(), plain == word, tabs))
}

/// The simple commands of a line: what stands between `;`, `&&` and the ends.
fn simple(text: &str) -> Vec<SimpleCommand> {
    let characters: Vec<char> = text.chars().collect();
    let mut commands = Vec::new();
    let mut current = Reading::default();
    let (mut at, mut start) = (0, 0);
    while at < characters.len() {
        let here = at;
        let (c, next) = (characters[at], characters.get(at + 1).copied());
        at += 1;
        match c {
            '#' if current.word.is_none() => {
                current.end(&characters[start..here], &mut commands);
                return commands;
            }
            '\'' => at = current.single(&characters, at),
            '"' => at = current.double(&characters, at),
            '\\' => {
                current.push(next.unwrap_or('\\'));
                at += 1;
            }
            ';' | '&' if c == ';' || next == Some('&') => {
                at += usize::from(c == '&');
                current.end(&characters[start..here], &mut commands);
                start = at;
            }
            '>' => {
                let adds = next == Some('>');
                at += usize::from(adds);
                current.finish_word();
                current.redirects = Some(adds);
            }
            '<' if next == Some('<') => at += 1 + delimiter_length(&characters[at + 1..]),
            '|' | '&' | '<' | '(' | ')' | '`' => {
                current.complex = true;
                current.finish_word();
            }
            '$' => {
                current.complex |= next == Some('(');
                current.push('$');
                current.expands();
            }
            c if c.is_whitespace() => current.finish_word(),
            c => current.push(c),
        }
    }
    current.end(&characters[start.min(characters.len())..], &mut commands);
    commands
}

/// How long the delimiter of a here-document is, with what stands in front of it.
fn delimiter_length(behind: &[char]) -> usize {
    let blanks = behind.iter().take_while(|c| **c == '-' || **c == ' ').count();
    let word = behind[blanks..].iter().take_while(|c| !c.is_whitespace() && !";|&>".contains(**c)).count();
    blanks + word
}

/// A command while it is read.
#[derive(Debug, Default)]
struct Reading {
    words: Vec<ShellWord>,
    word: Option<ShellWord>,
    output: Option<(String, bool)>,
    redirects: Option<bool>,
    complex: bool,
}

impl Reading {
    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().text.push(c);
    }

    fn expands(&mut self) {
        self.word.get_or_insert_default().expands = true;
    }

    /// Reads what is in single quotes; returns where it ends.
    fn single(&mut self, characters: &[char], mut at: usize) -> usize {
        self.word.get_or_insert_default();
        while at < characters.len() && characters[at] != '\'' {
            self.push(characters[at]);
            at += 1;
        }
        at + 1
    }

    /// Reads what is in double quotes; returns where it ends.
    fn double(&mut self, characters: &[char], mut at: usize) -> usize {
        self.word.get_or_insert_default();
        while at < characters.len() && characters[at] != '"' {
            let (c, next) = (characters[at], characters.get(at + 1).copied());
            if c == '\\' && next.is_some_and(|next| "\\\"$`".contains(next)) {
                self.push(next.unwrap_or(c));
                at += 2;
                continue;
            }
            if c == '$' || c == '`' {
                self.expands();
                self.complex |= c == '`' || next == Some('(');
            }
            self.push(c);
            at += 1;
        }
        at + 1
    }

    fn finish_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        match self.redirects.take() {
            Some(adds) => self.output = Some((word.text, adds)),
            None => self.words.push(word),
        }
    }

    /// Ends the command, whose whole text this is.
    fn end(&mut self, text: &[char], commands: &mut Vec<SimpleCommand>) {
        self.finish_word();
        let Self { words, output, complex, .. } = std::mem::take(self);
        let text: String = text.iter().collect::<String>().trim().to_owned();
        if !words.is_empty() || complex {
            commands.push(SimpleCommand { words, output, text, complex, ..SimpleCommand::default() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(script: &str) -> Vec<String> {
        let command = |command: &SimpleCommand| {
            let mut shown = command.texts().join("|");
            if let Some((file, adds)) = &command.output {
                shown += &format!(" {}{file}", if *adds { ">>" } else { ">" });
            }
            if let Some((text, expands)) = &command.input {
                shown += &format!(" <<{text:?} {expands}");
            }
            if command.complex {
                shown += &format!(" !{}", command.text);
            }
            shown
        };
        commands(script).iter().map(command).collect()
    }

    #[test]
    fn a_script_is_taken_apart() {
        assert_eq!(shown("a 'b c' \"d $e\" f\\ g # no\n# none\n"), ["a|b c|d $e|f g"]);
        assert_eq!(shown("mkdir x && cd x; ls"), ["mkdir|x", "cd|x", "ls"]);
        assert_eq!(shown("a \\\n  b\n"), ["a|b"]);
        assert_eq!(shown("echo 'export A=1' >> ~/.bashrc"), ["echo|export A=1 >>~/.bashrc"]);
        assert_eq!(shown("cat > f <<'EOF'\na $b\nEOF\nls"), ["cat >f <<\"a $b\\n\" false", "ls"]);
        assert_eq!(shown("cat <<-E > f\n\ta\n\tE\n"), ["cat >f <<\"a\\n\" true"]);
        assert_eq!(shown("a | b"), ["a|b !a | b"]);
        assert_eq!(shown("x=$(date)"), ["x=$|date !x=$(date)"]);
        assert_eq!(shown("if a; then\n  b\nfi\nc"), [" !if a; then\n  b\nfi", "c"]);
        assert_eq!(shown("for i in 1 2; do echo $i; done\n"), [" !for i in 1 2; do echo $i; done"]);
        assert_eq!(shown("f() {\n a\n}\nf"), [" !f() {\n a\n}", "f"]);
        assert_eq!(shown("echo 'a\nb'"), ["echo|a\nb"]);
        assert_eq!(shown(""), Vec::<String>::new());
    }
}
