//! A program that runs beside a test; the test can wait for its output.

use std::io::{BufRead as _, BufReader, Read, Write as _, pipe};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The line in the log of a program that has closed its output.
pub(crate) const CLOSED: &str = "(its output has ended)";

#[derive(Default)]
struct Log {
    text: Mutex<String>,
    more: Condvar,
}

/// A running program; it is killed when dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: Arc<Log>,
}

impl Process {
    /// Starts a program; its standard input stays open as long as this value or this process lives.
    pub(crate) fn start(name: &str, command: &mut Command) -> Self {
        let (reader, writer) = pipe().expect("a pipe");
        let second = writer.try_clone().expect("a second end of the pipe");
        let child = command.stdin(Stdio::piped()).stdout(writer).stderr(second).spawn();
        let child = child.unwrap_or_else(|e| panic!("{name} starts: {e}"));
        // The command still has the child's ends of the pipe. While they are open here, its output never ends.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let log = Arc::new(Log::default());
        std::thread::spawn({
            let log = Arc::clone(&log);
            move || keep(reader, &log)
        });
        Self { name: name.to_owned(), child, log }
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes to its standard input.
    pub(crate) fn send(&mut self, words: &str) {
        let input = self.child.stdin.as_mut().expect("its standard input is open");
        if let Err(e) = input.write_all(words.as_bytes()) {
            let state = self.child.try_wait();
            panic!("{}: cannot write {words:?}: {e}; its state: {state:?}; its output:\n{}", self.name, self.log());
        }
    }

    /// Its output so far.
    pub(crate) fn log(&self) -> String {
        self.log.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for this text in its output; fails with the whole output if it takes too long or ends before.
    pub(crate) fn wait_for(&self, needle: &str, patience: Duration) {
        let text = self.log.text.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = |text: &mut String| !text.contains(needle) && !text.contains(CLOSED);
        let waited = self.log.more.wait_timeout_while(text, patience, waits);
        let (text, _) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(text.contains(needle), "{} did not print {needle:?}:\n{text}", self.name);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn keep(reader: impl Read, log: &Log) {
    let mut lines = BufReader::new(reader).split(b'\n');
    loop {
        let line = lines.next().and_then(Result::ok);
        let mut text = log.text.lock().unwrap_or_else(PoisonError::into_inner);
        text.push_str(&line.as_ref().map_or_else(|| CLOSED.into(), |line| String::from_utf8_lossy(line)));
        text.push('\n');
        log.more.notify_all();
        if line.is_none() {
            return;
        }
    }
}
