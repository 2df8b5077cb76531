//! Messages that are wider than the terminal: broken at blanks, since the terminal breaks them anywhere.
//!
//! Only sentences are. Commands, and what a host printed, stay as they are, and in a sentence what stands between backquotes is one
//! word: it may be copied.

use unicode_width::UnicodeWidthChar as _;

/// Breaks every line of a message; what continues a line is indented below it, and behind the name of a hint.
pub(crate) fn wrap_message(text: &str, columns: Option<usize>) -> String {
    if columns.is_none() {
        return text.to_owned();
    }
    let lines: Vec<String> = text.split('\n').map(|line| wrap(line, hanging(line), columns)).collect();
    lines.join("\n")
}

/// Breaks the sentences of rendered diagnostics, and none of the lines of a file that they show.
pub(crate) fn wrap_diagnostics(text: &str, columns: Option<usize>) -> String {
    if columns.is_none() {
        return text.to_owned();
    }
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| {
            let bare = without_codes(line);
            let start = bare.trim_start_matches(' ');
            let help =
                start.strip_prefix("= ").is_some_and(|name| name.starts_with("help: ") || name.starts_with("note: "));
            if help {
                wrap(line, bare.len() - start.len() + "= help: ".len(), columns)
            } else if bare.starts_with("error: ") || bare.starts_with("warning: ") {
                wrap(line, 2, columns)
            } else {
                line.to_owned()
            }
        })
        .collect();
    lines.join("\n")
}

/// Breaks one line; what continues it is indented by so many blanks. Without a width it stays as it is.
pub(crate) fn wrap(line: &str, indent: usize, columns: Option<usize>) -> String {
    let Some(columns) = columns.filter(|columns| width(line) > *columns) else { return line.to_owned() };
    let indent = indent.min(columns / 3);
    let start = line.len() - line.trim_start_matches(' ').len();
    let mut out = line[..start].to_owned();
    let (mut used, mut blanks) = (start, 0);
    for (at, word) in words(&line[start..]).into_iter().enumerate() {
        if at > 0 && used + blanks + width(word) > columns {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            used = indent;
        } else {
            out.push_str(&" ".repeat(blanks));
            used += blanks;
        }
        let bare = word.trim_end_matches(' ');
        out.push_str(bare);
        used += width(bare);
        blanks = word.len() - bare.len();
    }
    out
}

/// Puts pieces behind a line, three blanks apart; a piece that has no room there stands below it.
pub(crate) fn append(mut line: String, pieces: &[String], indent: usize, columns: Option<usize>) -> String {
    for piece in pieces {
        let used = line.rsplit('\n').next().map_or(0, width);
        if columns.is_none_or(|columns| used + 3 + width(piece) <= columns) {
            line = format!("{line}   {piece}");
        } else {
            line = format!("{line}\n{}", wrap(&format!("{:indent$}{piece}", ""), indent, columns));
        }
    }
    line
}

/// Where a line of a message goes on.
fn hanging(line: &str) -> usize {
    let text = line.trim_start_matches(' ');
    let name = if text.starts_with("hint: ") { "hint: ".len() } else { 2 };
    line.len() - text.len() + name
}

/// The words of a line, each with the blanks behind it. Text between backquotes is not divided, nor what follows a dot between two
/// parts of a line.
fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    let mut is_quoted = false;
    let mut is_blank = false;
    let mut is_part = false;
    for (at, c) in line.char_indices() {
        let is_dot = c == '·' && is_blank;
        if c != ' ' && is_blank && !is_quoted && (is_dot || !is_part) {
            words.push(&line[start..at]);
            start = at;
        }
        is_blank = c == ' ';
        is_part = is_part || is_dot;
        if c == '`' {
            is_quoted = !is_quoted && line[at + 1..].contains('`');
        }
    }
    words.push(&line[start..]);
    words
}

/// The columns of a text, blanks at its end and the codes of colours left out.
fn width(text: &str) -> usize {
    without_codes(text.trim_end_matches(' ')).chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// A text without the codes of colours.
fn without_codes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\x1b' {
            chars.by_ref().find(char::is_ascii_alphabetic);
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_broken_at_blanks() {
        for (line, broken) in [
            ("short", "short"),
            ("host: one two three four five", "host: one two three\n  four five"),
            ("  hint: one two three four five", "  hint: one two\n      three four\n      five"),
            ("    one two three four five", "    one two three\n      four five"),
            ("one two three four f", "one two three four f"),
            ("one two three four fi", "one two three four\n  fi"),
            // What may be copied, and what has no blank, is longer than the line rather than broken.
            ("type `pinboot rerun 0badcafe` now", "type\n  `pinboot rerun 0badcafe`\n  now"),
            ("a /home/ec2-user/kafka_2.12/bin b", "a\n  /home/ec2-user/kafka_2.12/bin\n  b"),
            ("2 steps: 1 failed · 12.3 s · run 0badcafe", "2 steps: 1 failed\n  · 12.3 s\n  · run 0badcafe"),
            ("it's a ` alone, one two", "it's a ` alone, one\n  two"),
            ("  name     \x1b[31mfailed\x1b[0m 0 why", "  name     \x1b[31mfailed\x1b[0m 0\n    why"),
            ("äöü äöü äöü äöü äöü äöü", "äöü äöü äöü äöü äöü\n  äöü"),
            ("一二三四 一二三四 一二三四", "一二三四 一二三四\n  一二三四"),
            ("", ""),
        ] {
            assert_eq!(wrap_message(line, Some(20)), broken);
            assert_eq!(wrap_message(line, None), line);
        }
    }

    #[test]
    fn the_sentences_of_diagnostics_are_broken() {
        let text = "\x1b[1merror\x1b[0m: \x1b[1mthis is not a step\x1b[0m\n  --> a-very-long-name.yaml:1:1\n   |\n 1 | a: a very long line\n   \
                    = help: one two three four\n\n1 error";
        let broken = "\x1b[1merror\x1b[0m: \x1b[1mthis is not a\n  step\x1b[0m\n  --> a-very-long-name.yaml:1:1\n   |\n 1 | a: a very long line\n   \
                      = help: one two\n      three four\n\n1 error";
        assert_eq!(wrap_diagnostics(text, Some(20)), broken);
        assert_eq!(wrap_diagnostics(text, None), text);
    }

    #[test]
    fn pieces_that_have_no_room_stand_below() {
        let pieces = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let line = |texts: &[&str], columns| append("  1 Name  failed".to_owned(), &pieces(texts), 6, columns);
        assert_eq!(line(&["(allowed)", "exit status 1"], None), "  1 Name  failed   (allowed)   exit status 1");
        assert_eq!(
            line(&["(allowed)", "exit status 1"], Some(28)),
            "  1 Name  failed   (allowed)\n      exit status 1"
        );
        assert_eq!(
            line(&["one two three four five six"], Some(20)),
            "  1 Name  failed\n      one two three\n      four five six"
        );
        assert_eq!(line(&[], Some(10)), "  1 Name  failed");
    }

    #[test]
    fn a_tiny_terminal_gets_each_word() {
        assert_eq!(wrap("  why      one two", 11, Some(4)), "  why\n one\n two");
        assert_eq!(wrap("one two", 2, Some(1)), "one\ntwo");
    }
}
