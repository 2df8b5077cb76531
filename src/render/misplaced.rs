//! An expression in a place where one quoted word does not work, and the form that works.

use std::ops::Range;

use super::scope::Origin;
use super::shell_context::{Inside, Misplaced};
use super::syntax::{self, Segment};
use crate::source::{Diagnostic, Sources};

/// What is wrong with a misplaced expression, with the form that works.
pub(super) fn describe(text: &str, origin: Origin<'_>, found: &Misplaced, sources: &Sources) -> Diagnostic {
    let written = &text[found.at.clone()];
    let span = origin.place(sources, found.at.start, found.at.end);
    let error = |place: &str| Diagnostic::error(span, format!("`{written}` is {place}"));
    let word = "a value is already one quoted word";
    let quoted = |quote: char| {
        let form = found.opened.and_then(|open| unquoted(text, open, quote)).unwrap_or_else(|| written.to_owned());
        format!("{word}; write: {form}")
    };
    let diagnostic = match found.inside {
        Inside::Single => error("inside single quotes").hint(quoted('\'')),
        Inside::Double => error("inside double quotes").hint(quoted('"')),
        Inside::Backquotes => error("inside backquotes").hint("write `$(…)`, which keeps words intact"),
        Inside::Comment => {
            error("in a shell comment").hint("remove it; a line feed in the value would end the comment")
        }
        Inside::HereDocument => error("in a here-document")
            .hint("quotes are plain characters there; write the file with the kind `file`, or use `printf '%s\\n'`"),
        Inside::Backslash => error("after a backslash").hint(format!("{word}; remove the backslash")),
        Inside::Dollar => error("after `$`").hint(format!("{word}; remove the `$`")),
    };
    match found.opened {
        Some(open) => diagnostic.related(origin.place(sources, open, open + 1), "opened here"),
        None => diagnostic,
    }
}

/// A quoted piece of shell with its expressions outside the quotes: `"a {{ x }}"` becomes `"a "{{ x }}`.
fn unquoted(text: &str, open: usize, quote: char) -> Option<String> {
    let template = syntax::split(text).ok()?;
    let expressions = || {
        template.segments.iter().filter_map(|segment| match segment {
            Segment::Expression { outer, .. } => Some(outer.clone()),
            _ => None,
        })
    };
    let close = text[open + 1..]
        .char_indices()
        .map(|(at, c)| (open + 1 + at, c))
        .find(|(at, c)| *c == quote && !text[..*at].ends_with('\\') && !expressions().any(|range| range.contains(at)))?
        .0;
    let mut out = String::new();
    let mut from = open + 1;
    let quoted = |range: Range<usize>, out: &mut String| {
        if !range.is_empty() {
            out.push(quote);
            out.push_str(&text[range]);
            out.push(quote);
        }
    };
    for range in expressions().filter(|range| range.start > open && range.end <= close) {
        quoted(from..range.start, &mut out);
        out.push_str(&text[range.clone()]);
        from = range.end;
    }
    quoted(from..close, &mut out);
    Some(out)
}
