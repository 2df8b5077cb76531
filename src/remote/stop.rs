//! Asking a run to stop, from outside of it.

use super::exec_string::wrap;
use super::identity::Identity;
use super::minify::minified;
use crate::secret::HostText;
use crate::transport::Exec;

const STOP: &str = include_str!("stop.sh");

/// What a host answers to a stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// A runner has got the signal.
    Received,
    /// The runner was dead, and what lived of its step has been ended.
    Ended,
    /// The runner was dead, and this lives of its step all the same: pids and commands, which the host cuts.
    Left(HostText),
    /// The runner was dead, and nothing of the run lives.
    Gone,
    /// The run had ended before.
    Over,
    /// The host does not know the run.
    Unknown,
}

/// The command that asks a run to stop: at level 1 no new step starts, level 2 ends the current step as well.
pub fn stop(identity: &Identity, level: u8) -> Exec {
    let script = format!("pb_run={} pb_level={level}\n{}", identity.run, minified(STOP));
    Exec { command: wrap(&identity.shell, &[script.as_bytes()]), stdin: Vec::new() }
}

/// Reads the answer to it, behind whatever the login says; `None` where there is none.
pub fn stopped(output: &[u8]) -> Option<Stopped> {
    let line = output.trim_ascii_end().rsplit(|byte| *byte == b'\n').next()?;
    if let Some(left) = line.strip_prefix(b"left ") {
        return Some(Stopped::Left(HostText::new(left)));
    }
    Some(match line {
        b"received" => Stopped::Received,
        b"gone" => Stopped::Gone,
        b"ended" => Stopped::Ended,
        b"over" => Stopped::Over,
        b"none" => Stopped::Unknown,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_the_last_line() {
        assert_eq!(stopped(b"Welcome!\nreceived\n"), Some(Stopped::Received));
        assert_eq!(stopped(b"left 12 sleep 600, 13 sh\n"), Some(Stopped::Left(HostText::new("12 sleep 600, 13 sh"))));
        assert_eq!(stopped(b"This account is currently not available.\n"), None);
        assert_eq!(stopped(b""), None);
    }
}
