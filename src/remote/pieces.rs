//! A plan in pieces, each in an argument list of its own.
//!
//! A long plan goes over standard input. A start-up file of the login shell that reads there takes it away. Then the plan goes in
//! pieces, one with each connection, and nothing of it on standard input.

use super::exec_string::{EXEC_LIMIT, encode, wrap_encoded};
use super::identity::Identity;
use super::minify::minified;
use crate::transport::Exec;

const PIECE: &str = include_str!("piece.sh");

/// How long an exec string may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecSize {
    /// As OpenSSH accepts it.
    Long,
    /// As every server accepts it.
    Short,
}

impl ExecSize {
    fn bytes(self) -> usize {
        match self {
            Self::Long => EXEC_LIMIT,
            Self::Short => 7_900,
        }
    }

    /// Whether a command is short enough.
    pub fn takes(self, exec: &Exec) -> bool {
        exec.command.len() <= self.bytes()
    }
}

/// A plan in pieces.
#[derive(Clone, Debug)]
pub struct Pieces {
    encoded: Vec<String>,
    size: ExecSize,
}

impl Pieces {
    /// Cuts a program so that each piece has room in an exec string.
    pub fn of(program: &[u8], identity: &Identity, size: ExecSize) -> Self {
        let room = size.bytes() - exec_string(identity, 0, "").len();
        let mut encoded = Vec::new();
        let (mut from, mut used) = (0, 0);
        for at in 0..program.len() {
            // The byte behind it decides about the length of a number, so each is counted with the most that it can take.
            let cost = encode(&program[at..=at]).len().max(if program[at].is_ascii_graphic() { 1 } else { 5 });
            if used + cost > room {
                encoded.push(encode(&program[from..at]));
                (from, used) = (at, 0);
            }
            used += cost;
        }
        encoded.push(encode(&program[from..]));
        Self { encoded, size }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.encoded.len()
    }

    /// What they were cut for.
    pub fn size(&self) -> ExecSize {
        self.size
    }

    /// The command that stores one of them, counted from 1.
    pub fn exec(&self, identity: &Identity, number: usize) -> Exec {
        let piece = self.encoded.get(number - 1).map_or("", String::as_str);
        Exec { command: exec_string(identity, number, piece), stdin: Vec::new() }
    }
}

/// The files of a run's pieces, in order, as the delivery's shell finds them from the run's folder.
pub(super) fn files(identity: &Identity) -> String {
    format!("pb_in='../../piece.{}.[0-9]*'", identity.run)
}

fn exec_string(identity: &Identity, number: usize, piece: &str) -> Vec<u8> {
    let script =
        format!("pb_run={} pb_nonce={} pb_part={number:06}\n{}", identity.run, identity.nonce, minified(PIECE));
    wrap_encoded(&identity.shell, &[encode(script.as_bytes()), piece.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RunId;

    #[test]
    fn each_piece_has_room_and_together_they_are_the_program() {
        let identity = Identity {
            run: RunId::from_random([1, 2, 3, 4]),
            nonce: "00112233445566778899aabbccddeeff".to_owned(),
            started_by: "me@here then".to_owned(),
            shell: "/bin/sh".to_owned(),
        };
        let program: Vec<u8> = (0..60_000_u32).flat_map(|n| [b'a', u8::try_from(n % 256).expect("a byte")]).collect();
        for size in [ExecSize::Long, ExecSize::Short] {
            let pieces = Pieces::of(&program, &identity, size);
            assert!(pieces.count() > 1, "{size:?}");
            let all: Vec<usize> =
                (1..=pieces.count()).map(|number| pieces.exec(&identity, number).command.len()).collect();
            assert!(all.iter().all(|length| *length <= size.bytes()), "{all:?}");
            let encoded = pieces.encoded.iter().map(String::len).sum::<usize>();
            assert!(encoded >= program.len(), "{encoded}");
        }
        assert_eq!(Pieces::of(b"", &identity, ExecSize::Long).count(), 1);
    }
}
