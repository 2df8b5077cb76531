//! One input: what is read as what, and how it follows from a seed and its number.

use crate::chance::Chance;
use crate::corpus;
use crate::frames;
use crate::grammar;
use crate::journals;
use crate::mutate;

/// What the bytes of an input are read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A playbook.
    Playbook,
    /// A file of variables for a playbook that uses them.
    Variables,
    /// `run.json` in the first line, the events in the others.
    Journal,
    /// What a host says on standard output, and behind [`frames::BETWEEN`] on standard error.
    Frames,
}

const KINDS: [(Kind, &str); 4] = [
    (Kind::Playbook, "playbook"),
    (Kind::Variables, "variables"),
    (Kind::Journal, "journal"),
    (Kind::Frames, "frames"),
];

/// What is read.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) kind: Kind,
    pub(crate) bytes: Vec<u8>,
    /// Decides what the input does not say: where streams are cut, and whether the built program reads it as well.
    pub(crate) chance: u64,
}

impl Input {
    /// A file that brings it back: a line with its kind, then its bytes.
    pub(crate) fn to_file(&self) -> Vec<u8> {
        let name = KINDS.iter().find(|(kind, _)| *kind == self.kind).expect("it is in the table").1;
        let mut file = format!("{name} {}\n", self.chance).into_bytes();
        file.extend(&self.bytes);
        file
    }

    /// Reads what [`Input::to_file`] wrote.
    pub(crate) fn from_file(file: &[u8]) -> Self {
        let end = file.iter().position(|byte| *byte == b'\n').expect("the first line is `KIND NUMBER`");
        let line = std::str::from_utf8(&file[..end]).expect("the first line is `KIND NUMBER`");
        let (name, chance) = line.split_once(' ').expect("the first line is `KIND NUMBER`");
        let kind = KINDS.iter().find(|(_, known)| *known == name).expect("a kind of input").0;
        Self { kind, bytes: file[end + 1..].to_vec(), chance: chance.parse().expect("a number") }
    }
}

/// The input with this number.
pub(crate) fn of(seed: u64, number: u64) -> Input {
    let mut chance = Chance::new(seed.wrapping_mul(0x0010_0000_01b3) ^ number.wrapping_mul(0x9e37_79b9));
    let kind = match chance.below(20) {
        0..=10 => Kind::Playbook,
        11..=13 => Kind::Variables,
        14..=16 => Kind::Journal,
        _ => Kind::Frames,
    };
    let mut bytes = match kind {
        Kind::Playbook if chance.one_in(3) => chance.of(corpus::playbooks()).to_vec(),
        Kind::Playbook => grammar::playbook(&mut chance).into_bytes(),
        Kind::Variables if chance.one_in(3) => chance.of(corpus::variables()).to_vec(),
        Kind::Variables => grammar::variables(&mut chance).into_bytes(),
        Kind::Journal => journals::journal(&mut chance),
        Kind::Frames => frames::streams(&mut chance),
    };
    // Half of what is made by the grammar is read as it is.
    if !chance.one_in(2) {
        mutate::mutate(&mut bytes, kind, &mut chance);
    }
    Input { kind, bytes, chance: chance.next() }
}
