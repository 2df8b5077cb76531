//! Small pieces of text: safe, padded and cut to a width, with times and counts for people.

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::shell_prefix::without_shell_prefix;
use crate::event::is_safe;
use crate::view::Tail;

/// How many lines of a failed step's output are shown.
const MAX_TAIL_LINES: usize = 20;

/// The last lines of an output, each once with its count.
pub fn tail_lines(tail: &Tail) -> Vec<String> {
    let lines = tail.lines();
    let left_out = lines.len().saturating_sub(MAX_TAIL_LINES);
    let earlier = lines[..left_out].iter().fold(tail.dropped(), |earlier, line| earlier.saturating_add(line.count));
    let first = (earlier > 0).then(|| format!("… ({earlier} lines before)"));
    let rest = lines[left_out..].iter().map(|line| match line.count {
        1 => said(&line.text),
        count => format!("{}  ({count} times)", said(&line.text)),
    });
    first.into_iter().chain(rest).collect()
}

/// A count with its noun: `1 step`, `2 steps`.
pub fn plural(count: u32, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A duration for people: `0.6 s`, `1 min 05 s`, `2 h 03 min`.
pub fn duration(millis: u64) -> String {
    // Rounded first, so that 59.96 s is a minute and not 60.0 s.
    let tenths = millis.saturating_add(50) / 100;
    let seconds = tenths / 10;
    match seconds {
        0..60 => format!("{seconds}.{} s", tenths % 10),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// A line that a step printed, for a person: without what a shell writes in front of its message.
pub fn said(line: &str) -> String {
    clean(&without_shell_prefix(line))
}

/// A text as one safe line. What comes from a host is made safe when its event is made, but names out of a journal are
/// not.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str("    "),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if is_safe(c) => out.push(c),
            c if c.is_ascii() => write!(out, "\\x{:02x}", u32::from(c)).expect("a string takes all"),
            c => write!(out, "\\u{{{:x}}}", u32::from(c)).expect("a string takes all"),
        }
    }
    out
}

/// Fills a text with blanks up to a number of columns.
pub fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// Cuts a text to a number of columns; the last one of a cut text is `…`.
pub fn truncate(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut room = width.saturating_sub(1);
    for c in text.chars() {
        let columns = c.width().unwrap_or(0);
        if columns > room {
            break;
        }
        room -= columns;
        out.push(c);
    }
    if width > 0 {
        out.push('…');
    }
    out
}

/// Cuts a text to a number of columns.
pub fn cut(text: &str, width: usize) -> String {
    let mut room = width;
    let fits = |c: &char| {
        let columns = c.width().unwrap_or(0);
        let fits = columns <= room;
        room = room.saturating_sub(columns);
        fits
    };
    text.chars().take_while(fits).collect()
}

/// Rows of cells as aligned columns, two blanks apart.
pub fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: [usize; N] = std::array::from_fn(|at| rows.iter().map(|row| row[at].width()).max().unwrap_or(0));
    let mut out = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| pad(cell, width)).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}
