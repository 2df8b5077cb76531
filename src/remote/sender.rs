//! The command that takes files on the host, and what it says.

use super::exec_string::wrap;
use super::identity::Identity;
use super::minify::minified;
use crate::ids::StepId;
use crate::transport::Exec;

const SEND: &str = include_str!("send.sh");

/// More than any line of it.
const MAX_LINE: usize = 64 * 1024;
/// More files than any step waits for.
const MAX_FILES: usize = 1_000_000;

/// The command that takes the files that a step waits for.
pub fn sender(identity: &Identity, step: StepId) -> Exec {
    // Its own names are made short together with those in front of it.
    let script = minified(&format!("pb_run={} pb_nonce={} pb_step={step}\n{SEND}", identity.run, identity.nonce));
    Exec { command: wrap(&identity.shell, &[script.as_bytes()]), stdin: Vec::new() }
}

/// A file of which the host lacks something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// The SHA-256 of its bytes.
    pub digest: String,
    /// How many of them the host has.
    pub offset: u64,
    /// How many there are.
    pub size: u64,
    /// What the step calls it.
    pub name: String,
}

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderEnd {
    /// Nothing is lacking any more, or the step does not wait.
    Done,
    /// Another pinboot sends at the moment.
    Busy,
    /// Something is still lacking.
    Again,
}

/// What the command says: frames, among whatever a login prints.
#[derive(Debug)]
pub struct SenderWords {
    mark: Vec<u8>,
    line: Vec<u8>,
    lacking: Vec<Lacking>,
    is_complete: bool,
    end: Option<SenderEnd>,
}

impl SenderWords {
    /// The words of a run's host.
    pub fn new(nonce: &str) -> Self {
        let mark = format!("\x1epb:{nonce} ").into_bytes();
        Self { mark, line: Vec::new(), lacking: Vec::new(), is_complete: false, end: None }
    }

    /// Takes bytes of the command's output in.
    pub fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                self.read(&line);
            } else if self.line.len() < MAX_LINE {
                self.line.push(*byte);
            }
        }
    }

    fn read(&mut self, line: &[u8]) {
        // A login may print half a line in front of the first frame.
        let Some(at) = line.windows(self.mark.len()).position(|found| found == self.mark) else { return };
        let Some(body) = line[at + self.mark.len()..].strip_suffix(b"\x1e") else { return };
        let body = String::from_utf8_lossy(body);
        match body.split_once(' ').unwrap_or((&body, "")) {
            ("lack", rest) if self.lacking.len() < MAX_FILES => self.lacking.extend(lacking(rest)),
            ("ready", _) => self.is_complete = true,
            ("done", _) => self.end = Some(SenderEnd::Done),
            ("busy", _) => self.end = Some(SenderEnd::Busy),
            ("again", _) => self.end = Some(SenderEnd::Again),
            _ => {}
        }
    }

    /// Whether it is known what the host lacks, or how the command ended.
    pub fn are_known(&self) -> bool {
        self.is_complete || self.end.is_some()
    }

    /// What the host lacks.
    pub fn lacking(&mut self) -> Vec<Lacking> {
        std::mem::take(&mut self.lacking)
    }

    /// How the command ended, as far as it has said so.
    pub fn end(&self) -> Option<SenderEnd> {
        self.end
    }
}

fn lacking(words: &str) -> Option<Lacking> {
    let mut words = words.splitn(4, ' ');
    let digest = words.next().filter(|digest| digest.len() == 64 && crate::ids::is_hex(digest))?.to_owned();
    let (offset, size) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let name = words.next().unwrap_or_default().to_owned();
    (offset <= size).then_some(Lacking { digest, offset, size, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_lacks_is_read_among_what_a_login_prints() {
        let digest = "0".repeat(64);
        let mut words = SenderWords::new("abc");
        words.take(format!("Welcome\nhi \x1epb:abc lack {digest} 7 9 a b\x1e\n\x1epb:other ready\x1e\n").as_bytes());
        words.take(format!("\x1epb:abc lack {digest} 10 9 x\x1e\n\x1epb:abc lack short 0 9 x\x1e\n").as_bytes());
        assert!(!words.are_known());
        words.take(b"\x1epb:abc rea");
        words.take(b"dy\x1e\n");
        assert!(words.are_known());
        assert_eq!(words.lacking(), [Lacking { digest, offset: 7, size: 9, name: "a b".to_owned() }]);
        assert_eq!(words.end(), None);
        words.take(b"\x1epb:abc again\x1e\n");
        assert_eq!(words.end(), Some(SenderEnd::Again));
    }
}
