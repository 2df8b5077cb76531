//! Replaces secrets in output by `***`, in every encoding that they may have.
//!
//! An automaton (Aho and Corasick) looks for all forms of all secrets at once, with one step per byte. Its state says how
//! many of the last bytes may be the start of a form. A [`MaskStream`] holds back exactly these bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use zeroize::Zeroize as _;

use super::Secret;
use super::encodings::Forms;

/// A shorter beginning of a secret is not masked where a text is cut.
const MIN_PIECE: u64 = 7;

/// The same at the end of a line, which ends in most cases because it is complete.
const MIN_PIECE_OF_A_LINE: u64 = 9;

/// The same where it is certain that a text was cut.
const MIN_PIECE_AT_A_CUT: u64 = 3;

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
            zeroize::Zeroizing::new(form);
        }
        let idle =
            std::array::from_fn(|byte| exact.root[byte] == 0 && wrapped.root[byte] == 0 && grouped.root[byte] == 0);
        Self(Arc::new(Automata { exact, wrapped, grouped, idle }))
    }

    /// Whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.0.idle.iter().all(|idle| *idle)
    }

    /// Hides every secret in a complete text, and the beginning of one at its end or before a line's end.
    pub fn mask(&self, text: &str) -> String {
        self.mask_with(text, MIN_PIECE)
    }

    /// Hides every secret in a text of which parts were cut off, and even short beginnings of one where that may have been.
    pub fn mask_cut(&self, text: &str) -> String {
        self.mask_with(text, MIN_PIECE_AT_A_CUT)
    }

    fn mask_with(&self, text: &str, min_piece: u64) -> String {
        if self.is_empty() {
            return text.to_owned();
        }
        let mut stream = MaskStream { min_piece, ..self.stream() };
        let mut out = stream.push(text.as_bytes());
        out.extend(stream.finish());
        String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    /// Starts a stream of bytes.
    pub fn stream(&self) -> MaskStream {
        MaskStream {
            automata: self.clone(),
            exact: 0,
            wrapped: Broken::new(1),
            grouped: Broken::new(MAX_GAP),
            min_piece: MIN_PIECE,
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
    /// The shortest beginning of a secret that is hidden at a cut.
    min_piece: u64,
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
            if self.exact == 0 && self.wrapped.state == 0 && self.grouped.state == 0 {
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
            let min_piece = match byte {
                b'\n' | b'\r' if self.min_piece == MIN_PIECE => MIN_PIECE_OF_A_LINE,
                _ => self.min_piece,
            };
            if is_cut(byte) && before >= min_piece && automata.exact.depth(self.exact) <= before {
                self.find(at - before, at);
            }
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
        let exact_from = at - automata.exact.depth(self.exact);
        let wrapped_from = self.wrapped.first_needed(&automata.wrapped, at);
        let grouped_from = self.grouped.first_needed(&automata.grouped, at);
        self.release(exact_from.min(wrapped_from).min(grouped_from))
    }

    /// Ends the stream, and returns what was held back.
    pub fn finish(&mut self) -> Vec<u8> {
        let end = self.base + self.pending.len() as u64;
        let Masker(automata) = self.automata.clone();
        let piece = automata.exact.depth(self.exact);
        if piece >= self.min_piece {
            self.find(end - piece, end);
        }
        let out = self.release(end);
        self.exact = 0;
        self.wrapped.clear();
        self.grouped.clear();
        out
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

/// Whether a text that is cut off may continue with this byte: with a line's end, or with what stands behind a word that was cut.
fn is_cut(byte: u8) -> bool {
    // 0xe2 starts the character `…`.
    matches!(byte, b'\n' | b'\r' | b',' | b'.' | b')' | b'"' | b'\'' | b']' | b'}' | b'>' | b';' | b'`' | 0xe2)
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
