//! The terminal on which questions are asked: one question at a time, none that outlasts the user's patience, and a terminal
//! that is left as it was found.
//!
//! A question waits in a thread of its own, and looks every [`LOOK`] whether the user wants to stop. So Ctrl-C ends it, as does
//! every other signal that ends the command.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcgetwinsize, tcsetattr,
};
use zeroize::Zeroizing;

use crate::wrap::wrap_message;

/// How often a question looks whether it is given up.
const LOOK: Duration = Duration::from_millis(50);

/// The longest answer.
const MAX_ANSWER: usize = 16 * 1024;

type Pause = dyn Fn(bool) + Send + Sync;

/// Asks the user at the terminal, for all hosts of one command; cheap to clone.
#[derive(Clone, Default)]
pub struct Questions(Arc<Shared>);

#[derive(Default)]
struct Shared {
    turn: Mutex<()>,
    is_given_up: AtomicBool,
    /// The terminal of the question that waits for its answer at this moment.
    open: Mutex<Option<File>>,
    pause: Mutex<Option<Arc<Pause>>>,
}

impl fmt::Debug for Questions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Questions")
    }
}

impl Questions {
    /// Sets what is called before a question (`true`) and after it (`false`): the status lines pause meanwhile.
    pub fn on_pause(&self, pause: impl Fn(bool) + Send + Sync + 'static) {
        *lock(&self.0.pause) = Some(Arc::new(pause));
    }

    /// Ends the question that is asked at this moment, and every later one before it is asked. What is printed next begins on a
    /// line of its own.
    pub fn give_up(&self) {
        self.0.is_given_up.store(true, Ordering::SeqCst);
        self.end_line();
    }

    /// Ends the line of the question that is open, once.
    fn end_line(&self) {
        if let Some(mut terminal) = lock(&self.0.open).take() {
            let _ = terminal.write_all(b"\n");
        }
    }

    /// Whether there is a terminal to ask at.
    pub(crate) fn is_possible() -> bool {
        Tty::open(&AtomicBool::new(false)).is_ok()
    }

    /// Asks at /dev/tty, once no other question is asked there.
    pub(crate) fn ask<T>(&self, ask: impl FnOnce(&mut Tty<'_>) -> io::Result<T>) -> io::Result<T> {
        let _turn = lock(&self.0.turn);
        let mut tty = Tty::open(&self.0.is_given_up)?;
        if tty.is_given_up() {
            // It is not asked, and so nothing of it stands on a line that would have to end.
            return Err(given_up());
        }
        let pause = lock(&self.0.pause).clone();
        let tell = |is_paused| {
            if let Some(pause) = &pause {
                pause(is_paused);
            }
        };
        let open = tty.file.try_clone()?;
        tell(true);
        *lock(&self.0.open) = Some(open);
        let answer = ask(&mut tty);
        if tty.is_given_up() {
            self.end_line();
            // What was typed is not a command for the shell.
            let _ = tcflush(&tty.file, QueueSelector::IFlush);
        }
        *lock(&self.0.open) = None;
        drop(tty);
        tell(false);
        answer
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn given_up() -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, "the question was given up")
}

/// The terminal during one question.
pub(crate) struct Tty<'a> {
    file: File,
    is_given_up: &'a AtomicBool,
}

impl<'a> Tty<'a> {
    fn open(is_given_up: &'a AtomicBool) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open("/dev/tty")?;
        Ok(Self { file, is_given_up })
    }

    fn is_given_up(&self) -> bool {
        self.is_given_up.load(Ordering::SeqCst)
    }

    /// Reads a line; an empty text is the end of input.
    pub(crate) fn read_line(&mut self) -> io::Result<Zeroizing<String>> {
        let mut line = Zeroizing::new(Vec::with_capacity(MAX_ANSWER));
        while !line.ends_with(b"\n") && line.len() < MAX_ANSWER {
            self.wait()?;
            let mut bytes = Zeroizing::new([0; 1024]);
            match self.file.read(&mut bytes[..]) {
                Ok(0) => break,
                Ok(length) => line.extend_from_slice(&bytes[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Zeroizing::new(String::from_utf8_lossy(&line).into_owned()))
    }

    /// Reads a line that is not shown while it is typed. The terminal hides it before the prompt is there.
    pub(crate) fn read_hidden(&mut self, prompt: &str) -> io::Result<Zeroizing<String>> {
        let hidden = Hidden::start(self.file.try_clone()?)?;
        // The blank behind it is where the answer begins.
        let prompt = format!("{} ", self.wrapped(prompt.trim_end()));
        let line = self.write_all(prompt.as_bytes()).and_then(|()| self.read_line());
        drop(hidden);
        line
    }

    /// A message, broken at the terminal's width.
    pub(crate) fn wrapped(&self, message: &str) -> String {
        let columns = tcgetwinsize(&self.file).ok().map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
        wrap_message(message, columns)
    }

    /// Waits until there is something to read.
    fn wait(&self) -> io::Result<()> {
        let look = Timespec { tv_sec: 0, tv_nsec: i64::from(LOOK.subsec_nanos()) };
        loop {
            if self.is_given_up() {
                return Err(given_up());
            }
            let mut watched = [PollFd::from_borrowed_fd(self.file.as_fd(), PollFlags::IN)];
            match poll(&mut watched, Some(&look)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Write for Tty<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// While this lives, the terminal does not show what is typed.
struct Hidden {
    file: File,
    before: Termios,
}

impl Hidden {
    fn start(file: File) -> io::Result<Self> {
        let before = tcgetattr(&file)?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHO);
        modes.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(&file, OptionalActions::Flush, &modes)?;
        Ok(Self { file, before })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.file, OptionalActions::Now, &self.before);
    }
}
