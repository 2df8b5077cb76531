//! Regular expressions as awk reads them on a host: POSIX extended, in bytes.
//!
//! Hosts have different awks, and only what all of them read alike is taken: intervals, backreferences, `\d`, words' borders and
//! lazy repetitions are refused. A test compares the answers with those of every awk that is there.

use super::Pattern;

/// A regular expression.
pub(super) const ERE: Pattern = Pattern {
    what: "regular expression",
    fits: |text| Ere::new(text).is_some(),
    on_host: "pb_rest=${pb_value#^}; case ${pb_rest%\\$} in '' | *[!A-Za-z0-9_=:/.,@%' '-]*) false ;; esac",
    hint: "POSIX extended, as every awk reads it: `[0-9]` and `[[:space:]]` instead of `\\d` and `\\s`, no `{n}`, no `(?:…)`, no lazy `+?`, \
           `^` and `$` at the ends only, and a backslash only in front of one of `.[]()*+?{}|^$/\\`",
};

/// The bytes that an expression takes at one place.
type Set = [bool; 256];

/// One step of an expression, as a machine carries it out.
enum Op {
    Take(Box<Set>),
    /// Continues at both.
    Fork(usize, usize),
    Start,
    End,
}

/// An expression that was read.
pub(super) struct Ere {
    ops: Vec<Op>,
}

impl Ere {
    /// `None` where some awk reads it differently, or not at all.
    pub(super) fn new(text: &str) -> Option<Self> {
        let mut reader = Reader { rest: text.as_bytes(), depth: 0 };
        let ops = reader.alternatives()?;
        (reader.rest.is_empty() && !text.contains(['\n', '\0'])).then_some(Self { ops })
    }

    /// Whether some part of a line fits.
    pub(super) fn is_in(&self, line: &str) -> bool {
        let line = line.as_bytes();
        let mut current: Vec<usize> = Vec::new();
        for at in 0..=line.len() {
            // An attempt starts at each place.
            current.push(0);
            let mut seen = vec![false; self.ops.len() + 1];
            let mut next = Vec::new();
            while let Some(op) = current.pop() {
                if std::mem::replace(&mut seen[op], true) {
                    continue;
                }
                match self.ops.get(op) {
                    None => return true,
                    Some(Op::Fork(one, other)) => current.extend([*one, *other]),
                    Some(Op::Start) if at == 0 => current.push(op + 1),
                    Some(Op::End) if at == line.len() => current.push(op + 1),
                    Some(Op::Take(set)) if line.get(at).is_some_and(|byte| set[usize::from(*byte)]) => {
                        next.push(op + 1);
                    }
                    Some(_) => {}
                }
            }
            current = next;
        }
        false
    }
}

/// Reads an expression. Every part is made of steps whose targets count from its own beginning.
struct Reader<'a> {
    rest: &'a [u8],
    depth: u32,
}

/// The same steps further behind.
fn moved(ops: Vec<Op>, by: usize) -> impl Iterator<Item = Op> {
    ops.into_iter().map(move |op| match op {
        Op::Fork(one, other) => Op::Fork(one + by, other + by),
        other => other,
    })
}

impl Reader<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn takes(&mut self, byte: u8) -> bool {
        let found = self.rest.first() == Some(&byte);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn alternatives(&mut self) -> Option<Vec<Op>> {
        let mut ops = self.sequence()?;
        while self.takes(b'|') {
            let other = self.sequence()?;
            // A fork, the first, a jump over the second, the second.
            let (first, second) = (ops.len(), other.len());
            let mut both = vec![Op::Fork(1, first + 2)];
            both.extend(moved(ops, 1));
            both.push(Op::Fork(first + 2 + second, first + 2 + second));
            both.extend(moved(other, first + 2));
            ops = both;
        }
        Some(ops)
    }

    /// At least one piece: an empty expression means different things to different awks.
    fn sequence(&mut self) -> Option<Vec<Op>> {
        let mut ops = Vec::new();
        if self.takes(b'^') {
            ops.push(Op::Start);
        }
        while !matches!(self.rest.first(), None | Some(b'|' | b')')) {
            if self.takes(b'$') {
                ops.push(Op::End);
                matches!(self.rest.first(), None | Some(b'|' | b')')).then_some(())?;
                break;
            }
            let piece = self.piece()?;
            let by = ops.len();
            ops.extend(moved(piece, by));
        }
        (!ops.is_empty()).then_some(ops)
    }

    fn piece(&mut self) -> Option<Vec<Op>> {
        let is_ascii = self.rest.first().is_some_and(u8::is_ascii);
        let atom = self.atom()?;
        let Some(sign @ (b'*' | b'+' | b'?')) = self.rest.first().copied() else { return Some(atom) };
        self.rest = &self.rest[1..];
        // A repetition of the last byte of a character, or of a repetition.
        (is_ascii && !matches!(self.rest.first(), Some(b'*' | b'+' | b'?'))).then_some(())?;
        let length = atom.len();
        let mut ops = Vec::new();
        match sign {
            b'+' => {
                ops.extend(atom);
                ops.push(Op::Fork(0, length + 1));
            }
            b'?' => {
                ops.push(Op::Fork(1, length + 1));
                ops.extend(moved(atom, 1));
            }
            _ => {
                ops.push(Op::Fork(1, length + 2));
                ops.extend(moved(atom, 1));
                ops.push(Op::Fork(0, 0));
            }
        }
        Some(ops)
    }

    fn atom(&mut self) -> Option<Vec<Op>> {
        let mut set = [false; 256];
        match self.next()? {
            b'(' => {
                self.depth += 1;
                (self.depth <= 50).then_some(())?;
                let inner = self.alternatives()?;
                self.depth -= 1;
                return self.takes(b')').then_some(inner);
            }
            b'[' => set = self.bracket()?,
            b'.' => set = [true; 256],
            b'\\' => {
                let escaped = self.next().filter(|byte| b".[]()*+?{}|^$/\\".contains(byte))?;
                set[usize::from(escaped)] = true;
            }
            b'*' | b'+' | b'?' | b'{' | b'^' => return None,
            byte => set[usize::from(byte)] = true,
        }
        Some(vec![Op::Take(Box::new(set))])
    }

    /// What stands between brackets.
    fn bracket(&mut self) -> Option<Set> {
        let negated = self.takes(b'^');
        let mut set = [false; 256];
        let mut is_first = true;
        loop {
            let byte = self.next()?;
            match byte {
                b']' if !is_first => break,
                b'[' if matches!(self.rest.first(), Some(b':')) => {
                    let end = self.rest.windows(2).position(|pair| pair == b":]")?;
                    let class = class(&self.rest[1..end])?;
                    (0..128_u8).filter(class).for_each(|byte| set[usize::from(byte)] = true);
                    self.rest = &self.rest[end + 2..];
                }
                b'[' if matches!(self.rest.first(), Some(b'.' | b'=')) => return None,
                b'\\' => return None,
                // A sign at an end is itself.
                b'-' if !is_first && self.rest.first() != Some(&b']') => return None,
                byte if !byte.is_ascii() => return None,
                byte if self.rest.first() == Some(&b'-') && self.rest.get(1) != Some(&b']') => {
                    let end = self.rest.get(1).copied()?;
                    let is_range = |kind: fn(&u8) -> bool| kind(&byte) && kind(&end) && byte <= end;
                    let kinds: [fn(&u8) -> bool; 3] =
                        [u8::is_ascii_digit, u8::is_ascii_lowercase, u8::is_ascii_uppercase];
                    kinds.into_iter().any(is_range).then_some(())?;
                    (byte..=end).for_each(|byte| set[usize::from(byte)] = true);
                    self.rest = &self.rest[2..];
                }
                byte => set[usize::from(byte)] = true,
            }
            is_first = false;
        }
        Some(if negated { set.map(|is_in| !is_in) } else { set })
    }
}

/// The ASCII bytes of a class.
fn class(name: &[u8]) -> Option<fn(&u8) -> bool> {
    Some(match name {
        b"alpha" => u8::is_ascii_alphabetic,
        b"digit" => u8::is_ascii_digit,
        b"alnum" => u8::is_ascii_alphanumeric,
        b"upper" => u8::is_ascii_uppercase,
        b"lower" => u8::is_ascii_lowercase,
        b"space" => |byte| matches!(byte, b'\t'..=b'\r' | b' '),
        b"blank" => |byte| matches!(byte, b'\t' | b' '),
        b"punct" => u8::is_ascii_punctuation,
        b"xdigit" => u8::is_ascii_hexdigit,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    const EXPRESSIONS: &[&str] = &[
        "^a",
        "a$",
        "^$",
        "^a$",
        "a",
        "ab*c",
        "ab+c",
        "ab?c",
        "a|b",
        "^(a|bc)+$",
        "^(a|b)?c$",
        "[abc]",
        "[^abc]",
        "[]a]",
        "[^]a]",
        "[[]",
        "[a-c]x",
        "[-a]",
        "[a-]",
        "[[:space:]]",
        "^[[:space:]]*#?[[:blank:]]*Port[[:space:]]",
        "[[:alpha:]_][[:alnum:]_]*=",
        "[[:punct:]]",
        "[[:xdigit:]]",
        "\\.",
        "a\\.b",
        "\\[a\\]",
        "\\(a\\)",
        "a\\*",
        "a\\+",
        "a\\?",
        "a\\|b",
        "\\^a",
        "a\\$",
        "\\{a\\}",
        "a\\\\b",
        "a\\/b",
        "a/b",
        "}",
        "]",
        "\"a\"",
        "'",
        ".",
        "^.$",
        "^..$",
        "a.c",
        "(a)(b)",
        "((a|b)c)*d",
        "^(a*)*$",
        "a|^b|c$",
        "(^a|b$)",
        "é",
        "^#?Port ",
        "=",
        ",",
        "&",
        "~",
        "#",
        "%",
        "@",
        "!",
        "<a>",
        "a-b",
    ];

    const REFUSED: &[&str] = &[
        "",
        "a{2}",
        "{",
        "\\d",
        "\\s+",
        "\\w",
        "\\bx",
        "\\<x",
        "\\t",
        "(?:a)",
        "a+?",
        "a**",
        "a*+",
        "*a",
        "+a",
        "?a",
        "^*",
        "()",
        "a|",
        "|a",
        "(|a)",
        "(a",
        "a)",
        "[a",
        "[a\\]",
        "[\\]]",
        "[z-a]",
        "[a-Z]",
        "[!-~]",
        "[a-c-e]",
        "[[:nothing:]]",
        "[[.a.]]",
        "[é]",
        "é?",
        "a^b",
        "a$b",
        "a\nb",
        "\\",
        "\\1",
    ];

    const LINES: &[&str] = &[
        "",
        "a",
        "b",
        "c",
        "ab",
        "ac",
        "abc",
        "abbc",
        "bc",
        "abcd",
        "aa",
        "a.b",
        "axb",
        "[a]",
        "(a)",
        "a*",
        "a+",
        "a?",
        "a|b",
        "^a",
        "a$",
        "{a}",
        "a\\b",
        "a/b",
        "}",
        "]",
        "[",
        "-",
        "bx",
        "x",
        " ",
        "\t",
        "#Port 22",
        "Port 22",
        "  #  Port 22",
        "k=1",
        "_k9=",
        "!",
        "é",
        "caé",
        "\"a\"",
        "it's",
        "a-b",
        "d",
        "acbcd",
        "B",
        "Z9",
        "<a>",
        "a,b",
        "a&b",
        "~",
        "100%",
        "me@here",
    ];

    /// What an awk says of each expression and each line.
    #[expect(clippy::disallowed_methods, reason = "the awks of this machine are asked")]
    fn asked(awk: &[&str]) -> Option<Vec<bool>> {
        let program = "BEGIN { n = split(ENVIRON[\"expressions\"], e, \"\\n\") } { for (i = 1; i <= n; i++) print $0 ~ (e[i] \"\") }";
        let mut command = Command::new(awk[0]);
        command.args(&awk[1..]).arg(program).env("LC_ALL", "C").env("expressions", EXPRESSIONS.join("\n"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().ok()?;
        child.stdin.take().expect("piped").write_all(format!("{}\n", LINES.join("\n")).as_bytes()).expect("written");
        let output = child.wait_with_output().expect("ended");
        assert!(output.status.success() && output.stderr.is_empty(), "{awk:?}: {output:?}");
        Some(String::from_utf8_lossy(&output.stdout).lines().map(|line| line == "1").collect())
    }

    #[test]
    fn every_awk_reads_an_expression_alike() {
        let read: Vec<Ere> =
            EXPRESSIONS.iter().map(|text| Ere::new(text).unwrap_or_else(|| panic!("`{text}` is refused"))).collect();
        let mut tried = 0;
        for awk in [&["awk"][..], &["mawk"], &["gawk"], &["original-awk"], &["busybox", "awk"]] {
            let Some(said) = asked(awk) else { continue };
            tried += 1;
            assert_eq!(said.len(), LINES.len() * EXPRESSIONS.len(), "{awk:?}");
            let mut said = said.into_iter();
            for line in LINES {
                for (text, ere) in EXPRESSIONS.iter().zip(&read) {
                    // The one true awk takes a whole character where the others take bytes.
                    let is_found = said.next().expect("an answer");
                    assert!(
                        is_found == ere.is_in(line) || line.contains('é') && text.contains('.'),
                        "{awk:?}: `{text}` in {line:?} is {is_found}"
                    );
                }
            }
        }
        assert!(tried > 0);
    }

    #[test]
    fn what_awks_read_differently_is_refused() {
        for text in REFUSED {
            assert!(Ere::new(text).is_none(), "`{text}`");
        }
    }

    #[test]
    fn a_repetition_in_a_repetition_takes_no_longer() {
        let ere = Ere::new("^(a*)*(a*)*b$").expect("it is one");
        assert!(!ere.is_in(&"a".repeat(5_000)));
    }
}
