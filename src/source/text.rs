//! The texts that were read, and places in them.

/// Whether a character turns the direction of writing, has no width, or ends a line without being a line feed: a reader does
/// not see it, and may take the text for another one.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Which text of a [`Sources`] a span lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(u32);

/// A range of bytes in one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The text that the range lies in.
    pub source: SourceId,
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Span {
    /// The part of this span from `start` to `end`, both counted from the span's own start and cut to fit into it.
    #[must_use]
    pub fn part(self, start: usize, end: usize) -> Self {
        let from = (self.start + start).min(self.end);
        Self { source: self.source, start: from, end: (self.start + end).clamp(from, self.end) }
    }
}

/// A value and the place where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// What was written.
    pub value: T,
    /// Where.
    pub span: Span,
}

/// One text that was read, with the name that messages show.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file's name as the user gave it, or the flag that the text came from.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// Every text that was read.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    list: Vec<Source>,
}

impl Sources {
    /// Adds a text, and returns the id that spans into it have.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> SourceId {
        let id = SourceId(u32::try_from(self.list.len()).expect("fewer than 2^32 sources"));
        self.list.push(Source { name: name.into(), text: text.into() });
        id
    }

    /// Adds a text, unless it is there already under this name: an error in it is then reported once.
    pub fn add_once(&mut self, name: &str, text: &str) -> SourceId {
        let same = |source: &Source| source.name == name && source.text == text;
        match self.list.iter().position(same) {
            Some(at) => SourceId(u32::try_from(at).expect("fewer than 2^32 sources")),
            None => self.add(name, text),
        }
    }

    /// Hides what a place holds from everything that is shown of the text: a secret must not show up in a quoted line.
    pub fn hide(&mut self, span: Span) {
        let text = &mut self.list[span.source.0 as usize].text;
        if let Some(shown) = text.get(span.start..span.end) {
            // Every byte keeps its place, so that all other places stay right.
            let hidden =
                shown.bytes().map(|b| if matches!(b, b'\n' | b'\r') { char::from(b) } else { '*' }).collect::<String>();
            text.replace_range(span.start..span.end, &hidden);
        }
    }

    /// The text with this id.
    pub fn get(&self, id: SourceId) -> &Source {
        &self.list[id.0 as usize]
    }

    /// The text that a span covers.
    pub fn slice(&self, span: Span) -> &str {
        self.get(span.source).text.get(span.start..span.end).unwrap_or("")
    }

    /// A line by its place as `file:line`, without the blanks around it; `None` where there is no such line.
    pub fn line(&self, place: &str) -> Option<Span> {
        let (name, line) = place.rsplit_once(':')?;
        let at = self.list.iter().position(|source| source.name == name)?;
        let text = self.list[at].text.as_str();
        let number: usize = line.parse().ok()?;
        let before = text.split_inclusive('\n').take(number.checked_sub(1)?).map(str::len).sum::<usize>();
        let line = text.get(before..)?.lines().next()?;
        let start = before + line.len() - line.trim_start().len();
        Some(Span { source: SourceId(u32::try_from(at).ok()?), start, end: before + line.trim_end().len() })
    }

    /// The 1-based line and column (in characters) of a span's first byte.
    pub fn line_column(&self, span: Span) -> (usize, usize) {
        let text = self.get(span.source).text.as_str();
        let before = text.get(..span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}
