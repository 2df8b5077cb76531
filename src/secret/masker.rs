//! Replaces secrets in output by `***`, in every encoding that they may have.
//!
//! An automaton (Aho and Corasick) looks for all forms of all secrets at once, with one step per byte. Its state says how
//! many of the last bytes may be the start of a form. A [`MaskStream`] holds back exactly these bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use zeroize::{Zeroize as _, Zeroizing};

use super::Secret;
use super::encodings::{Forms, LinePlace};

/// A shorter beginning of a secret is not masked where a text is cut.
const MIN_PIECE: u64 = 7;

/// The same at the end of a line, which ends in most cases because it is complete.
const MIN_PIECE_OF_A_LINE: u64 = 9;

/// The same where a text says that it was cut, or may have been.
const MIN_PIECE_AT_A_CUT: u64 = 4;

/// The same where it is certain that a text was cut.
const MIN_PIECE_AT_A_CERTAIN_CUT: u64 = 3;

/// The same for a secret in an encoding: at least three of its characters stand in so many.
const MIN_ENCODED_PIECE: u64 = 6;

/// How many blanks and line breaks in a row a dump may have within a form.
const MAX_GAP: u64 = 8;

/// What replaces a secret.
pub const MASK: &str = "***";

/// Hides the secrets of a run; cheap to clone.
#[derive(Clone)]
pub struct Masker(Arc<Automata>);

struct Automata {
    exact: Automaton,
    wrapped: Automaton,
    grouped: Automaton,
    /// Bytes that no form starts with.
    idle: [bool; 256],
    /// Short lines of values with several lines: they are masked at their place in a line, in a text that was cut.
    lines: Vec<(LinePlace, Zeroizing<Vec<u8>>)>,
}

impl std::fmt::Debug for Masker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Masker(***)")
    }
}

impl Masker {
    /// Hides these secrets, given with their names. Secrets of fewer than 4 bytes are not masked.
    pub fn new(secrets: &[(String, Secret)]) -> Self {
        let mut forms = Forms::default();
        for (_, secret) in secrets {
            forms.add(secret.expose());
        }
        let [exact, wrapped, grouped] = [&forms.exact, &forms.wrapped, &forms.grouped].map(Automaton::new);
        for form in forms.exact.into_iter().chain(forms.wrapped).chain(forms.grouped) {
            Zeroizing::new(form);
        }
        let idle =
            std::array::from_fn(|byte| exact.root[byte] == 0 && wrapped.root[byte] == 0 && grouped.root[byte] == 0);
        let lines = forms.lines.into_iter().map(|(place, line)| (place, Zeroizing::new(line))).collect();
        Self(Arc::new(Automata { exact, wrapped, grouped, idle, lines }))
    }

    /// Whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.0.idle.iter().all(|idle| *idle)
    }

    /// Hides every secret in a complete text, and the beginning of one at its end or before a line's end.
    pub fn mask(&self, text: &str) -> String {
        let out = self.mask_bytes(text.as_bytes());
        String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    /// The same in bytes.
    pub(super) fn mask_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        if self.is_empty() {
            return bytes.to_owned();
        }
        let mut stream = self.stream();
        let mut out = stream.push(bytes);
        out.extend(stream.finish());
        out
    }

    /// Hides every secret in bytes of which parts were cut off, and even short beginnings of one where that may have been. Of a
    /// secret with several lines each line is hidden where it is all of a line here, behind blanks and the marks of a diff; text may
    /// stand before the first one and behind the last one.
    pub(super) fn mask_cut(&self, bytes: &[u8]) -> Vec<u8> {
        if self.is_empty() {
            return bytes.to_owned();
        }
        let mut stream = MaskStream { is_of_a_cut_text: true, ..self.stream() };
        let mut out = stream.push(bytes);
        out.extend(stream.break_off());
        if self.0.lines.is_empty() {
            return out;
        }
        out.split_inclusive(|byte| *byte == b'\n').flat_map(|line| self.mask_line(line)).copied().collect()
    }

    fn mask_line<'a>(&self, line: &'a [u8]) -> impl Iterator<Item = &'a u8> {
        let text = line.strip_prefix(b"+").or_else(|| line.strip_prefix(b"-")).unwrap_or(line).trim_ascii_start();
        let (start, end) = (line.len() - text.len(), line.trim_ascii_end().len());
        let content = text.trim_ascii_end();
        let secret = self.0.lines.iter().find_map(|(place, secret)| match place {
            _ if content == secret.as_slice() => Some(start..end),
            LinePlace::First if content.ends_with(secret) => Some(end - secret.len()..end),
            LinePlace::Last if content.starts_with(secret) => Some(start..start + secret.len()),
            _ => None,
        });
        let mask = if secret.is_some() { MASK.as_bytes() } else { &[] };
        let secret = secret.unwrap_or(0..0);
        line[..secret.start].iter().chain(mask).chain(&line[secret.end..])
    }

    /// Starts a stream of bytes.
    pub fn stream(&self) -> MaskStream {
        MaskStream {
            automata: self.clone(),
            exact: 0,
            wrapped: Broken::new(1),
            grouped: Broken::new(MAX_GAP),
            is_of_a_cut_text: false,
            dots: None,
            pending: Vec::new(),
            base: 0,
            found: VecDeque::new(),
            masked_to: None,
        }
    }
}

/// Hides secrets in bytes that come in chunks, even if a secret is split between chunks.
///
/// Bytes that may be the start of a secret are held back until the next chunk or [`MaskStream::finish`].
#[derive(Debug)]
pub struct MaskStream {
    automata: Masker,
    exact: u32,
    wrapped: Broken,
    grouped: Broken,
    /// Parts of the text were cut off.
    is_of_a_cut_text: bool,
    /// A beginning of a secret with one or two dots behind it: three say that the text was cut.
    dots: Option<(u64, u64)>,
    /// Bytes that are held back.
    pending: Vec<u8>,
    /// The position of the first pending byte in the stream.
    base: u64,
    /// Secrets among the pending bytes, in order and not adjacent.
    found: VecDeque<(u64, u64)>,
    /// The position after the last mask that was returned.
    masked_to: Option<u64>,
}

impl MaskStream {
    /// Adds bytes, and returns those that can be shown.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Masker(automata) = self.automata.clone();
        let mut at = self.base + self.pending.len() as u64;
        self.pending.extend_from_slice(bytes);
        let mut rest = bytes.iter();
        while let Some(&byte) = rest.as_slice().first() {
            if self.dots.is_none() && self.exact == 0 && self.wrapped.state == 0 && self.grouped.state == 0 {
                let idle = rest.as_slice().iter().take_while(|byte| automata.idle[usize::from(**byte)]).count();
                if idle > 0 {
                    at += idle as u64;
                    rest = rest.as_slice()[idle..].iter();
                    continue;
                }
            }
            rest.next();
            let before = automata.exact.depth(self.exact);
            self.exact = automata.exact.step(self.exact, byte);
            // A secret may continue with this byte as well.
            if let Some(cut) = Cut::at(byte) {
                if before >= self.min_piece(cut) {
                    self.find(at - before, at);
                } else if byte == b'.' && before >= MIN_PIECE_AT_A_CUT && self.dots.is_none() {
                    self.dots = Some((at - before, at));
                }
                if cut == Cut::Certain && self.is_of_a_cut_text {
                    self.find_encoded_pieces(at);
                }
            }
            self.look_for_dots(byte, at);
            let length = automata.exact.longest(self.exact);
            if length > 0 {
                self.find(at + 1 - length, at + 1);
            }
            let wrapped = self.wrapped.step_wrapped(&automata.wrapped, byte, at);
            let grouped = self.grouped.step_grouped(&automata.grouped, byte, at);
            // The one that starts first comes first.
            for (start, end) in wrapped.into_iter().chain(grouped) {
                self.find(start, end);
            }
            at += 1;
        }
        let exact_from = self.dots.map_or(at, |(start, _)| start).min(at - automata.exact.depth(self.exact));
        let wrapped_from = self.wrapped.first_needed(&automata.wrapped, at);
        let grouped_from = self.grouped.first_needed(&automata.grouped, at);
        self.release(exact_from.min(wrapped_from).min(grouped_from))
    }

    /// Ends the stream, and returns what was held back.
    pub fn finish(&mut self) -> Vec<u8> {
        self.end(MIN_PIECE)
    }

    /// Ends a stream that may have been cut, and returns what was held back.
    pub fn break_off(&mut self) -> Vec<u8> {
        self.find_encoded_pieces(self.base + self.pending.len() as u64);
        self.end(if self.is_of_a_cut_text { MIN_PIECE_AT_A_CERTAIN_CUT } else { MIN_PIECE_AT_A_CUT })
    }

    fn end(&mut self, min_piece: u64) -> Vec<u8> {
        let end = self.base + self.pending.len() as u64;
        let Masker(automata) = self.automata.clone();
        let piece = automata.exact.depth(self.exact);
        if piece >= min_piece {
            self.find(end - piece, end);
        }
        let out = self.release(end);
        (self.exact, self.dots) = (0, None);
        self.wrapped.clear();
        self.grouped.clear();
        out
    }

    /// The shortest beginning of a secret that is hidden before a byte at which a text may have been cut.
    fn min_piece(&self, cut: Cut) -> u64 {
        match cut {
            Cut::Certain | Cut::Comma if self.is_of_a_cut_text => MIN_PIECE_AT_A_CERTAIN_CUT,
            _ if self.is_of_a_cut_text => MIN_PIECE_AT_A_CUT,
            Cut::Certain => MIN_PIECE_AT_A_CUT,
            Cut::Line => MIN_PIECE_OF_A_LINE,
            Cut::Comma | Cut::Word => MIN_PIECE,
        }
    }

    /// Hides the beginning of a secret before `...`.
    fn look_for_dots(&mut self, byte: u8, at: u64) {
        let Some((start, end)) = self.dots else { return };
        if byte != b'.' {
            self.dots = None;
        } else if at == end + 2 {
            self.dots = None;
            self.find(start, end);
        }
    }

    /// Hides the beginnings of encoded secrets that end here.
    fn find_encoded_pieces(&mut self, end: u64) {
        let Masker(automata) = self.automata.clone();
        let wrapped = automata.wrapped.depth(self.wrapped.state);
        let grouped = automata.grouped.depth(self.grouped.state);
        let pieces = [(&self.wrapped, wrapped), (&self.grouped, grouped)]
            .map(|(broken, piece)| (piece >= MIN_ENCODED_PIECE).then(|| broken.start(end, piece)));
        if let Some(start) = pieces.into_iter().flatten().min() {
            self.find(start, end);
        }
    }

    /// Records a secret, merged with those that it overlaps or touches.
    fn find(&mut self, mut start: u64, mut end: u64) {
        while let Some((before, before_end)) = self.found.pop_back_if(|(_, before_end)| *before_end >= start) {
            (start, end) = (start.min(before), end.max(before_end));
        }
        self.found.push_back((start, end));
    }

    /// Returns everything before a position.
    fn release(&mut self, safe: u64) -> Vec<u8> {
        let base = self.base;
        let place = |at: u64| usize::try_from(at - base).expect("pending bytes are in memory");
        let mut out = Vec::with_capacity(place(safe));
        let mut from = base;
        while let Some((start, end)) = self.found.pop_front_if(|(start, _)| *start < safe) {
            out.extend_from_slice(&self.pending[place(from)..place(start)]);
            if self.masked_to != Some(start) {
                out.extend_from_slice(MASK.as_bytes());
            }
            from = end.min(safe);
            self.masked_to = Some(from);
            if end > safe {
                self.found.push_front((safe, end));
                break;
            }
        }
        out.extend_from_slice(&self.pending[place(from)..place(safe)]);
        self.pending.drain(..place(safe));
        self.base = safe;
        out
    }
}

/// What may stand behind a text that was cut off.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// What says so: `…`, or what replaces a character that was cut.
    Certain,
    /// What stands behind each of several commands.
    Comma,
    /// The end of a line.
    Line,
    /// What stands behind a word.
    Word,
}

impl Cut {
    fn at(byte: u8) -> Option<Self> {
        Some(match byte {
            // The first bytes of U+2026 and U+FFFD.
            0xe2 | 0xef => Self::Certain,
            b',' => Self::Comma,
            b'\n' | b'\r' => Self::Line,
            b'.' | b')' | b'"' | b'\'' | b']' | b'}' | b'>' | b';' | b'`' => Self::Word,
            _ => return None,
        })
    }
}

/// The search for forms that bytes of other kinds interrupt.
#[derive(Debug)]
struct Broken {
    state: u32,
    /// How many such bytes in a row may stand within a form.
    max_gap: u64,
    /// How many have come since the last byte of the form.
    gap: u64,
    /// Their positions within the current form.
    breaks: VecDeque<u64>,
}

impl Broken {
    fn new(max_gap: u64) -> Self {
        Self { state: 0, max_gap, gap: 0, breaks: VecDeque::new() }
    }

    fn clear(&mut self) {
        (self.state, self.gap) = (0, 0);
        self.breaks.clear();
    }

    /// A form continues after one line break of one or two bytes, but not after a second line break.
    fn step_wrapped(&mut self, automaton: &Automaton, byte: u8, at: u64) -> Option<(u64, u64)> {
        if matches!(byte, b'\n' | b'\r') && self.state != 0 && self.gap < self.max_gap {
            self.gap = u64::from(byte == b'\n');
            self.breaks.push_back(at);
            return None;
        }
        self.step(automaton, byte, at)
    }

    /// A form continues after a few blanks and line breaks.
    fn step_grouped(&mut self, automaton: &Automaton, byte: u8, at: u64) -> Option<(u64, u64)> {
        if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') && self.state != 0 && self.gap < self.max_gap {
            self.gap += 1;
            self.breaks.push_back(at);
            return None;
        }
        self.step(automaton, byte, at)
    }

    /// The place of a form that ends with this byte.
    fn step(&mut self, automaton: &Automaton, byte: u8, at: u64) -> Option<(u64, u64)> {
        self.gap = 0;
        self.state = automaton.step(self.state, byte);
        if self.state == 0 {
            self.breaks.clear();
        }
        let length = automaton.longest(self.state);
        (length > 0).then(|| (self.start(at + 1, length), at + 1))
    }

    /// The start of the last `length` bytes before `end`, if interruptions do not count.
    fn start(&self, end: u64, length: u64) -> u64 {
        let mut start = end - length;
        if length > 0 {
            for place in self.breaks.iter().rev().take_while(|place| **place < end) {
                if *place < start {
                    break;
                }
                start -= 1;
            }
        }
        start
    }

    /// The first position that may belong to a form which is not complete before `at`.
    fn first_needed(&mut self, automaton: &Automaton, at: u64) -> u64 {
        let from = self.start(at, automaton.depth(self.state));
        while self.breaks.front().is_some_and(|place| *place < from) {
            self.breaks.pop_front();
        }
        from
    }
}

/// An automaton that looks for many patterns at once.
struct Automaton {
    /// The root's next state for each byte.
    root: [u32; 256],
    /// The states; the first one is the root.
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Default)]
struct Node {
    /// The byte that leads here.
    byte: u8,
    /// The first child of this state, or 0.
    child: u32,
    /// The next child of this state's parent, or 0.
    sibling: u32,
    /// The state for the longest suffix of this state's bytes that is the start of a pattern.
    fail: u32,
    /// How many bytes lead here.
    depth: u32,
    /// The length of the longest pattern that ends here, or 0.
    longest: u32,
}

impl Drop for Automaton {
    fn drop(&mut self) {
        self.nodes.iter_mut().for_each(|node| node.byte.zeroize());
    }
}

impl Automaton {
    fn new<'a>(patterns: impl IntoIterator<Item = &'a Vec<u8>>) -> Self {
        let mut this = Self { root: [0; 256], nodes: vec![Node::default()] };
        for pattern in patterns {
            let mut state = 0;
            for byte in pattern {
                state = match this.child(state, *byte) {
                    0 => this.add(state, *byte),
                    child => child,
                };
            }
            let node = &mut this.nodes[state as usize];
            node.longest = node.depth;
        }
        this.link();
        this
    }

    fn add(&mut self, parent: u32, byte: u8) -> u32 {
        let new = u32::try_from(self.nodes.len()).expect("fewer than 2^32 bytes of secrets");
        let Node { child, depth, .. } = self.nodes[parent as usize];
        self.nodes.push(Node { byte, sibling: child, depth: depth + 1, ..Node::default() });
        self.nodes[parent as usize].child = new;
        if parent == 0 {
            self.root[usize::from(byte)] = new;
        }
        new
    }

    /// Sets `fail` and completes `longest`, states with fewer bytes first.
    fn link(&mut self) {
        let mut queue = VecDeque::from([0_u32]);
        while let Some(parent) = queue.pop_front() {
            let mut state = self.nodes[parent as usize].child;
            while state != 0 {
                let node = self.nodes[state as usize];
                let fail = if parent == 0 { 0 } else { self.step(self.nodes[parent as usize].fail, node.byte) };
                self.nodes[state as usize].fail = fail;
                self.nodes[state as usize].longest = node.longest.max(self.nodes[fail as usize].longest);
                queue.push_back(state);
                state = node.sibling;
            }
        }
    }

    fn child(&self, state: u32, byte: u8) -> u32 {
        if state == 0 {
            return self.root[usize::from(byte)];
        }
        let mut child = self.nodes[state as usize].child;
        while child != 0 && self.nodes[child as usize].byte != byte {
            child = self.nodes[child as usize].sibling;
        }
        child
    }

    fn step(&self, mut state: u32, byte: u8) -> u32 {
        loop {
            let next = self.child(state, byte);
            if next != 0 || state == 0 {
                return next;
            }
            state = self.nodes[state as usize].fail;
        }
    }

    fn depth(&self, state: u32) -> u64 {
        u64::from(self.nodes[state as usize].depth)
    }

    fn longest(&self, state: u32) -> u64 {
        u64::from(self.nodes[state as usize].longest)
    }
}

#[cfg(test)]
mod tests;
