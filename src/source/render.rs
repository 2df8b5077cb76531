//! Diagnostics as text, with line and caret.

use std::borrow::Cow;
use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::diagnostic::{Diagnostic, Severity};
use super::text::{Source, SourceId, Sources, Span, is_invisible};

/// The most diagnostics that are shown: more cannot be fixed at once.
const SHOWN: usize = 100;

/// The longest lines that are shown, in bytes; of longer ones only the place is given.
const LONGEST: usize = 16 * 1024;

/// How much of a line behind the last place in it is looked at, in bytes; a terminal is less wide.
const BEHIND: usize = 1024;

/// Diagnostics as text, in the order of their places, with a closing line that counts them.
///
/// Control characters of the file are made visible, so that the text can be written to a terminal.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, color: bool) -> String {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|diagnostic| (diagnostic.span.is_some(), diagnostic.span));
    if sorted.len() > SHOWN {
        // Warnings must not push errors out of sight.
        sorted.sort_by_key(|diagnostic| diagnostic.severity == Severity::Warning);
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for diagnostic in sorted.iter().take(SHOWN) {
        out.push_str(&one(diagnostic, sources, &renderer));
        out.push_str("\n\n");
    }
    let count = |severity| sorted.iter().filter(|diagnostic| diagnostic.severity == severity).count();
    let counts: Vec<String> = [(count(Severity::Error), "error"), (count(Severity::Warning), "warning")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}{}", if count == 1 { "" } else { "s" }))
        .collect();
    if !counts.is_empty() {
        let first = if sorted.len() > SHOWN { format!("; the first {SHOWN} are shown") } else { String::new() };
        writeln!(out, "{}{first}", counts.join(", ")).expect("a string takes all");
    }
    out
}

fn one(diagnostic: &Diagnostic, sources: &Sources, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let message = visible(&diagnostic.message);
    let mut group = if diagnostic.span.is_none() && diagnostic.hint.is_none() {
        Group::with_title(level.primary_title(message.as_ref()))
    } else {
        level.primary_title(message.as_ref()).elements(Vec::<annotate_snippets::Message<'_>>::new())
    };
    let related: Vec<(Span, Cow<'_, str>)> =
        diagnostic.related.iter().map(|(span, words)| (*span, visible(words))).collect();
    let label = diagnostic.label.as_deref().map(visible);
    let windows = diagnostic.span.map(|span| windows(span, &related, sources)).unwrap_or_default();
    for window in &windows {
        let mut snippet =
            Snippet::source(window.text.as_str()).line_start(window.line).path(window.name.as_str()).fold(true);
        for (span, words) in &related {
            if let Some(range) = window.range(*span) {
                snippet = snippet.annotation(AnnotationKind::Context.span(range).label(words.as_ref()));
            }
        }
        if let Some(range) = diagnostic.span.and_then(|span| window.range(span)) {
            let mut annotation = AnnotationKind::Primary.span(range);
            if let Some(label) = &label {
                annotation = annotation.label(label.as_ref());
            }
            snippet = snippet.annotation(annotation);
        }
        group = group.element(snippet);
    }
    let place = diagnostic.span.filter(|span| windows.iter().all(|window| window.source != span.source));
    let place = place.map(|span| (visible(&sources.get(span.source).name), sources.line_column(span)));
    if let Some((name, (line, column))) = &place {
        group = group.element(Origin::path(name.as_ref()).line(*line).char_column(*column));
    }
    let hint = diagnostic.hint.as_deref().map(visible);
    if let Some(hint) = &hint {
        group = group.element(Level::HELP.message(hint.as_ref()));
    }
    renderer.render(&[group])
}

/// The lines of one source that a diagnostic shows: all between the first and the last place, control characters made
/// visible, so that the offsets of the places have to be carried over.
struct Window {
    source: SourceId,
    name: String,
    line: usize,
    text: String,
    /// For each byte of the original text in the window and one behind: its offset in `text`.
    map: Vec<usize>,
    start: usize,
}

impl Window {
    fn range(&self, span: Span) -> Option<std::ops::Range<usize>> {
        let at = |offset: usize| self.map.get(offset.checked_sub(self.start)?).copied();
        (span.source == self.source).then_some(())?;
        let start = at(span.start)?;
        let end = at(span.end).unwrap_or(self.text.len());
        Some(start..end.max(start))
    }
}

fn windows(primary: Span, related: &[(Span, Cow<'_, str>)], sources: &Sources) -> Vec<Window> {
    let mut spans: Vec<Span> = vec![first_line(primary, sources)];
    spans.extend(related.iter().map(|(span, _)| first_line(*span, sources)));
    let mut order: Vec<SourceId> = Vec::new();
    for span in &spans {
        if !order.contains(&span.source) {
            order.push(span.source);
        }
    }
    order
        .into_iter()
        .filter_map(|id| {
            let inside = || spans.iter().filter(|span| span.source == id);
            let from = inside().map(|span| span.start).min().unwrap_or(0);
            let to = inside().map(|span| span.end).max().unwrap_or(from);
            window(sources.get(id), id, from, to)
        })
        .collect()
}

/// A place cut to its first line: an error in a block is shown at its start.
fn first_line(span: Span, sources: &Sources) -> Span {
    let len = sources.slice(span).lines().next().map_or(0, str::len);
    Span { end: (span.start + len).min(span.end), ..span }
}

/// The lines of these bytes; nothing where one of them is too long before the place to be shown.
fn window(source: &Source, id: SourceId, from: usize, to: usize) -> Option<Window> {
    let text = &source.text;
    let from = floor(text, from);
    let to = floor(text, to).max(from);
    let bom = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let start = text[..from].rfind('\n').map_or(bom.min(from), |at| at + 1);
    let end = text[to..].find('\n').map_or(text.len(), |at| to + at);
    let end = floor(text, end.min(to + BEHIND));
    if text[start..end].split('\n').any(|line| line.len() > LONGEST) {
        return None;
    }
    let mut shown = String::new();
    let mut map = Vec::with_capacity(end - start + 1);
    for c in text[start..end].chars() {
        for _ in 0..c.len_utf8() {
            map.push(shown.len());
        }
        match c {
            '\n' | '\t' => shown.push(c),
            '\r' => {}
            c => push_visible(&mut shown, c),
        }
    }
    map.push(shown.len());
    let line = text[..start].bytes().filter(|&b| b == b'\n').count() + 1;
    Some(Window { source: id, name: visible(&source.name).into_owned(), line, text: shown, map, start })
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// A message's words on one line, control characters made visible.
fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| !hidden(c)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().fold(String::new(), |mut out, c| {
        push_visible(&mut out, c);
        out
    }))
}

/// Controls, what is invisible, and noncharacters: what a terminal would obey or hide.
fn hidden(c: char) -> bool {
    c.is_control() || is_invisible(c) || matches!(c, '\u{fdd0}'..='\u{fdef}')
}

fn push_visible(out: &mut String, c: char) {
    if hidden(c) {
        let code = u32::from(c);
        let written = if code < 0x100 { write!(out, "\\x{code:02x}") } else { write!(out, "\\u{{{code:x}}}") };
        written.expect("a string takes all");
    } else {
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(text: &str) -> (Sources, SourceId) {
        let mut sources = Sources::default();
        let id = sources.add("play.yml", text);
        (sources, id)
    }

    #[test]
    fn of_a_very_long_line_the_place_is_given() {
        let (sources, id) = sources(&format!("name: x\nlong: {}\n", "é".repeat(LONGEST)));
        let at = |start| {
            let error = Diagnostic::error(Span { source: id, start, end: start + 2 }, "too much").hint("less");
            render(&[error], &sources, false)
        };
        let far = at(14 + LONGEST);
        assert!(far.starts_with("error: too much\n--> play.yml:2:8199\n"), "{far}");
        assert!(far.contains("= help: less") && far.len() < 200, "{far}");
        // What lies behind the place costs nothing.
        let near = at(18);
        assert!(near.contains("--> play.yml:2:9\n") && near.contains("2 | long: éé"), "{near}");
        assert!(near.lines().any(|line| line.trim_end().ends_with("        ^")) && near.len() < 1000, "{near}");
    }

    #[test]
    fn a_diagnostic_shows_its_line_with_a_caret() {
        let (sources, id) = sources("name: x\nsteps:\n  - rum: a\n");
        let span = Span { source: id, start: 19, end: 22 };
        let warning = Diagnostic::warning(Span { source: id, start: 0, end: 4 }, "a plain name");
        let error =
            Diagnostic::error(span, "no kind is called `rum`").label("unknown kind").hint("did you mean `run`?");
        let expected = "\
warning: a plain name
 --> play.yml:1:1
  |
1 | name: x
  | ^^^^

error: no kind is called `rum`
 --> play.yml:3:5
  |
3 |   - rum: a
  |     ^^^ unknown kind
  |
  = help: did you mean `run`?

1 error, 1 warning
";
        assert_eq!(render(&[error, warning], &sources, false), expected);
    }

    #[test]
    fn two_places_and_what_a_terminal_would_obey() {
        let (sources, id) = sources("\u{feff}a: 1\r\nb: \u{1b}[31m é\r\nc: 1\r\na: 2\r\n");
        let first = Span { source: id, start: 3, end: 4 };
        let at = sources.get(id).text.rfind("a: 2").expect("there");
        let second = Span { source: id, start: at, end: at + 1 };
        let shown =
            render(&[Diagnostic::error(second, "twice \u{1b}[0m").related(first, "first given here")], &sources, false);
        assert!(shown.contains("1 | a: 1\n  | - first given here"), "{shown}");
        assert!(shown.contains("4 | a: 2\n  | ^"), "{shown}");
        assert!(shown.contains("--> play.yml:4:1"), "{shown}");
        assert!(!shown.contains(['\u{1b}', '\r']), "{shown}");
        let esc = sources.get(id).text.find('\u{1b}').expect("there");
        let shown =
            render(&[Diagnostic::error(Span { source: id, start: esc + 6, end: esc + 8 }, "x")], &sources, false);
        assert!(shown.contains("2 | b: \\x1b[31m é\n  |             ^"), "{shown}");
    }

    #[test]
    fn without_a_place_and_at_the_end_of_the_file() {
        let (sources, id) = sources("a:");
        let shown = render(
            &[
                Diagnostic::error(Span { source: id, start: 2, end: 2 }, "nothing here"),
                Diagnostic::without_place("no such file").hint("look"),
                Diagnostic::without_place("alone"),
            ],
            &sources,
            false,
        );
        assert!(
            shown.starts_with(
                "error: no such file\n |\n = help: look\n\nerror: alone\n\nerror: nothing here\n --> play.yml:1:3\n"
            ),
            "{shown}"
        );
        assert!(shown.ends_with("\n3 errors\n"), "{shown}");
        let many = vec![Diagnostic::without_place("many"); 101];
        assert!(render(&many, &sources, false).ends_with("\n101 errors; the first 100 are shown\n"));
    }
}
