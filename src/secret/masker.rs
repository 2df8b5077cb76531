//! Replaces secrets in output by `***`, in every encoding that they may have.
//!
//! An automaton (Aho and Corasick) looks for all forms of all secrets at once, with one step per byte. Its state says how
//! many of the last bytes may be the start of a form. A [`MaskStream`] holds back exactly these bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use zeroize::Zeroize as _;

use super::Secret;
use super::encodings::Forms;

/// What replaces a secret.
pub const MASK: &str = "***";

/// Hides the secrets of a run; cheap to clone.
#[derive(Clone)]
pub struct Masker(Arc<Automata>);

struct Automata {
    exact: Automaton,
    wrapped: Automaton,
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
        let [exact, wrapped] = [&forms.exact, &forms.wrapped].map(Automaton::new);
        for form in forms.exact.into_iter().chain(forms.wrapped) {
            zeroize::Zeroizing::new(form);
        }
        let idle = std::array::from_fn(|byte| exact.root[byte] == 0 && wrapped.root[byte] == 0);
        Self(Arc::new(Automata { exact, wrapped, idle }))
    }

    /// Whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.0.idle.iter().all(|idle| *idle)
    }

    /// Hides every secret in a complete text.
    pub fn mask(&self, text: &str) -> String {
        if self.is_empty() {
            return text.to_owned();
        }
        let mut stream = self.stream();
        let mut out = stream.push(text.as_bytes());
        out.extend(stream.finish());
        String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    /// Starts a stream of bytes.
    pub fn stream(&self) -> MaskStream {
        MaskStream {
            automata: self.clone(),
            exact: 0,
            wrapped: 0,
            after_break: false,
            breaks: VecDeque::new(),
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
    wrapped: u32,
    /// Whether the last byte was a line feed within a wrapped form.
    after_break: bool,
    /// The positions of line breaks within the current wrapped form.
    breaks: VecDeque<u64>,
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
            if self.exact == 0 && self.wrapped == 0 {
                let idle = rest.as_slice().iter().take_while(|byte| automata.idle[usize::from(**byte)]).count();
                if idle > 0 {
                    at += idle as u64;
                    rest = rest.as_slice()[idle..].iter();
                    continue;
                }
            }
            rest.next();
            self.exact = automata.exact.step(self.exact, byte);
            let length = automata.exact.longest(self.exact);
            if length > 0 {
                self.find(at + 1 - length, at + 1);
            }
            self.step_wrapped(&automata.wrapped, byte, at);
            at += 1;
        }
        let exact_from = at - automata.exact.depth(self.exact);
        let wrapped_from = self.start_of_wrapped(at, automata.wrapped.depth(self.wrapped));
        let safe = exact_from.min(wrapped_from);
        while self.breaks.front().is_some_and(|place| *place < wrapped_from) {
            self.breaks.pop_front();
        }
        self.release(safe)
    }

    /// Ends the stream, and returns what was held back.
    pub fn finish(&mut self) -> Vec<u8> {
        let out = self.release(self.base + self.pending.len() as u64);
        (self.exact, self.wrapped, self.after_break) = (0, 0, false);
        self.breaks.clear();
        out
    }

    fn step_wrapped(&mut self, automaton: &Automaton, byte: u8, at: u64) {
        let is_break = matches!(byte, b'\n' | b'\r');
        if is_break && self.wrapped != 0 && !self.after_break {
            // A form continues after one line break of one or two bytes, but not after a second line break.
            self.after_break = byte == b'\n';
            self.breaks.push_back(at);
            return;
        }
        self.after_break = false;
        self.wrapped = automaton.step(self.wrapped, byte);
        if self.wrapped == 0 {
            self.breaks.clear();
        }
        let length = automaton.longest(self.wrapped);
        if length > 0 {
            let start = self.start_of_wrapped(at + 1, length);
            self.find(start, at + 1);
        }
    }

    /// The start of the last `length` bytes before `end`, if line breaks do not count.
    fn start_of_wrapped(&self, end: u64, length: u64) -> u64 {
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

    /// Records a secret, merged with those that it overlaps or touches.
    fn find(&mut self, mut start: u64, end: u64) {
        while let Some((before, _)) = self.found.pop_back_if(|(_, before_end)| *before_end >= start) {
            start = start.min(before);
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
