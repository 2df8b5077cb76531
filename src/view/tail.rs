//! The last lines of a step's output, in little memory however much it says.

use std::collections::VecDeque;

/// How many different lines are kept.
const MAX_LINES: usize = 50;
/// How many bytes of them are kept.
const MAX_BYTES: usize = 8 * 1024;
/// How many bytes of one line are kept.
const MAX_LINE: usize = 1024;

/// A line and how often it was said in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailLine {
    /// The line, without its end.
    pub text: String,
    /// How often it came, without another in between.
    pub count: u64,
}

/// The last lines of an output; a line that repeats itself is there once, with a count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    lines: VecDeque<TailLine>,
    /// The bytes of `lines`.
    bytes: usize,
    /// What came after the last line feed.
    open: String,
    /// Lines that were said before those that are kept.
    dropped: u64,
}

impl Tail {
    /// Adds a piece of output, which may end within a line.
    pub fn push(&mut self, text: &str) {
        for piece in text.split_inclusive('\n') {
            let (line, ended) = piece.strip_suffix('\n').map_or((piece, false), |line| (line, true));
            let room = MAX_LINE.saturating_sub(self.open.len());
            self.open.push_str(&line[..line.floor_char_boundary(room)]);
            if ended {
                let line = std::mem::take(&mut self.open);
                self.line(line);
            }
        }
    }

    fn line(&mut self, text: String) {
        if let Some(last) = self.lines.back_mut().filter(|last| last.text == text) {
            last.count += 1;
            return;
        }
        self.bytes += text.len();
        self.lines.push_back(TailLine { text, count: 1 });
        while self.lines.len() > MAX_LINES || self.bytes > MAX_BYTES {
            let Some(first) = self.lines.pop_front() else { break };
            self.bytes -= first.text.len();
            self.dropped = self.dropped.saturating_add(first.count);
        }
    }

    /// Takes note of lines that were said and are not at hand.
    pub fn skip(&mut self, lines: u64) {
        self.dropped = self.dropped.saturating_add(lines);
    }

    /// The lines that are kept, the unfinished one among them.
    pub fn lines(&self) -> Vec<TailLine> {
        let mut whole = self.clone();
        if !whole.open.is_empty() {
            whole.push("\n");
        }
        whole.lines.into()
    }

    /// The last line that says anything.
    pub fn last(&self) -> Option<&str> {
        let lines = self.lines.iter().rev().map(|line| line.text.as_str());
        std::iter::once(self.open.as_str()).chain(lines).find(|line| !line.trim().is_empty())
    }

    /// How many lines were said before those that are kept.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(tail: &Tail) -> Vec<String> {
        tail.lines().into_iter().map(|line| format!("{}x{}", line.text, line.count)).collect()
    }

    #[test]
    fn lines_are_joined_over_pieces_and_folded() {
        let mut tail = Tail::default();
        for piece in ["a\nwar", "ning\nwarning\n", "warning", "\n", "b\n\n  \nopen"] {
            tail.push(piece);
        }
        assert_eq!(shown(&tail), ["ax1", "warningx3", "bx1", "x1", "  x1", "openx1"]);
        assert_eq!(tail.last(), Some("open"));
        tail.push("\n\n");
        assert_eq!(tail.last(), Some("open"));
        assert_eq!(tail.dropped(), 0);
    }

    #[test]
    fn memory_is_bounded() {
        let mut tail = Tail::default();
        for number in 0..100 {
            tail.push(&format!("{number}\n{number}\n"));
        }
        assert_eq!((tail.lines().len(), tail.dropped()), (MAX_LINES, 100));
        assert_eq!(shown(&tail)[0], "50x2");
        tail.push(&"ü".repeat(100_000));
        tail.push("\n");
        assert_eq!(tail.lines().last().unwrap().text.len(), MAX_LINE);
        for number in 0..20 {
            tail.push(&format!("{number}{}\n", "y".repeat(2000)));
        }
        assert!(tail.lines().iter().map(|line| line.text.len()).sum::<usize>() <= MAX_BYTES);
    }
}
