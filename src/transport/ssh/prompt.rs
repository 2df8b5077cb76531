//! Questions for the user at the terminal: passphrases, and whether a host key is right.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::questions::{Questions, Tty};
use super::sanitize;
use crate::secret::Secret;

/// Why there is no passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPassphrase {
    /// There is no terminal to ask at.
    NoTerminal,
    /// Asking failed, for this reason.
    Failed(String),
    /// The user stopped the command at the question.
    GivenUp,
}

/// How often a passphrase is asked for, as by `ssh`.
const MAX_TRIES: u32 = 3;

type AskPassphrase = dyn FnMut(&Path, u32) -> Result<Secret, NoPassphrase> + Send;

/// Where the passphrase of an encrypted key file comes from; it is asked for only if it is needed, one at a time.
#[derive(Clone)]
pub struct Passphrase {
    ask: Arc<Mutex<AskPassphrase>>,
    tries: u32,
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

impl Passphrase {
    /// A source with this function.
    pub fn new(mut ask: impl FnMut(&Path) -> Result<Secret, NoPassphrase> + Send + 'static) -> Self {
        Self { ask: Arc::new(Mutex::new(move |path: &Path, _: u32| ask(path))), tries: 1 }
    }

    /// The passphrase from the environment if there is one, otherwise a question without echo at the terminal.
    pub fn standard(from_environment: Option<Secret>, questions: Questions) -> Self {
        if let Some(secret) = from_environment {
            return Self::new(move |_| Ok(secret.clone()));
        }
        let ask = move |path: &Path, earlier: u32| ask_on_terminal(&questions, path, earlier > 0);
        Self { ask: Arc::new(Mutex::new(ask)), tries: MAX_TRIES }
    }

    /// How often it is worth asking.
    pub(crate) fn tries(&self) -> u32 {
        self.tries
    }

    /// Asks for the passphrase of this file; `earlier` answers were wrong.
    pub(crate) fn ask(&self, path: &Path, earlier: u32) -> Result<Secret, NoPassphrase> {
        (self.ask.lock().unwrap_or_else(PoisonError::into_inner))(path, earlier)
    }
}

impl Questions {
    /// Asks for a password without echo.
    pub fn password(&self, question: &str) -> Result<Secret, NoPassphrase> {
        if !Self::is_possible() {
            return Err(NoPassphrase::NoTerminal);
        }
        let ask = |tty: &mut Tty<'_>| {
            let line = tty.read_hidden(question)?;
            Ok(Secret::new(line.strip_suffix('\n').unwrap_or(&line)))
        };
        self.ask(ask).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => NoPassphrase::GivenUp,
            _ => NoPassphrase::Failed(error.to_string()),
        })
    }
}

fn ask_on_terminal(questions: &Questions, path: &Path, again: bool) -> Result<Secret, NoPassphrase> {
    let wrong = if again { "This passphrase does not open the key. " } else { "" };
    questions.password(&format!("{wrong}Passphrase for {}: ", sanitize::path(path)))
}

/// A host whose key is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostKeyQuestion {
    /// The host's name in known_hosts.
    pub host: String,
    /// The address that answered.
    pub address: String,
    /// The algorithm of its key, such as `ssh-ed25519`.
    pub key_type: String,
    /// `SHA256:…` as OpenSSH writes it.
    pub fingerprint: String,
}

impl HostKeyQuestion {
    /// The question as text.
    pub fn text(&self) -> String {
        format!(
            "The authenticity of host '{} ({})' can't be established.\n{} key fingerprint is {}.\n",
            sanitize::escaped(self.host.as_bytes(), 300),
            sanitize::escaped(self.address.as_bytes(), 100),
            sanitize::escaped(self.key_type.as_bytes(), 64),
            self.fingerprint,
        )
    }

    /// What an answer means: `yes` or the fingerprint accepts the key, `no` refuses it; `None` for anything else.
    pub fn judge(&self, answer: &str) -> Option<bool> {
        let answer = answer.trim();
        match answer.to_ascii_lowercase().as_str() {
            "yes" => Some(true),
            "no" => Some(false),
            _ if answer == self.fingerprint => Some(true),
            _ => None,
        }
    }
}

type AskHostKey = dyn FnMut(&HostKeyQuestion) -> bool + Send;

/// Decides about unknown host keys, one host at a time.
#[derive(Clone)]
pub struct Ask(Arc<Mutex<AskHostKey>>);

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ask")
    }
}

impl Ask {
    /// A decision by this function.
    pub fn new(ask: impl FnMut(&HostKeyQuestion) -> bool + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(ask)))
    }

    /// Asks the user at the terminal; without a terminal the key is refused.
    pub fn terminal(questions: Questions) -> Self {
        Self::new(move |question| questions.ask(|tty| confirm(question, tty)).unwrap_or(false))
    }

    /// Asks about this host.
    pub(crate) fn about(&self, question: &HostKeyQuestion) -> bool {
        (self.0.lock().unwrap_or_else(PoisonError::into_inner))(question)
    }
}

/// Where a question is written, and its answers are read.
trait Terminal: Write {
    /// The next line; an empty text is the end of input.
    fn answer(&mut self) -> io::Result<String>;

    /// A message as it fits there.
    fn wrapped(&self, message: &str) -> String {
        message.to_owned()
    }
}

impl Terminal for Tty<'_> {
    fn answer(&mut self) -> io::Result<String> {
        self.read_line().map(|line| line.to_string())
    }

    fn wrapped(&self, message: &str) -> String {
        Tty::wrapped(self, message)
    }
}

/// Asks until there is an answer; the end of input means no.
fn confirm(question: &HostKeyQuestion, terminal: &mut impl Terminal) -> io::Result<bool> {
    let mut prompt = "Are you sure you want to continue connecting (yes/no/[fingerprint])? ";
    let text = terminal.wrapped(&question.text());
    write!(terminal, "{text}")?;
    loop {
        write!(terminal, "{prompt}")?;
        terminal.flush()?;
        let answer = terminal.answer()?;
        if answer.is_empty() {
            return Ok(false);
        }
        if let Some(decision) = question.judge(&answer) {
            return Ok(decision);
        }
        prompt = "Please type 'yes', 'no' or the fingerprint: ";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers in a row, and what was shown.
    struct Script<'a>(std::str::SplitInclusive<'a, char>, Vec<u8>);

    impl Write for Script<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Terminal for Script<'_> {
        fn answer(&mut self) -> io::Result<String> {
            Ok(self.0.next().unwrap_or_default().to_owned())
        }
    }

    #[test]
    fn the_question_is_repeated_until_it_is_answered_and_escapes_its_text() {
        let question = HostKeyQuestion {
            host: "h\u{1b}[2J".into(),
            address: "192.0.2.1:22".into(),
            key_type: "ssh-ed25519".into(),
            fingerprint: "SHA256:AbC".into(),
        };
        for (answers, decision, times) in [("yes\n", true, 1), ("y\n\nno\n", false, 3), ("what?\n", false, 2)] {
            let mut script = Script(answers.split_inclusive('\n'), Vec::new());
            assert_eq!(confirm(&question, &mut script).unwrap(), decision, "{answers:?}");
            let shown = String::from_utf8(script.1).unwrap();
            assert!(shown.contains("'h\\x1b[2J (192.0.2.1:22)'") && shown.contains("SHA256:AbC"), "{shown}");
            assert_eq!(shown.matches("fingerprint]").count() + shown.matches("Please type").count(), times, "{shown}");
        }
    }

    #[test]
    fn only_a_complete_word_or_the_fingerprint_is_an_answer() {
        let question = HostKeyQuestion {
            host: "h".into(),
            address: "192.0.2.1:22".into(),
            key_type: "ssh-ed25519".into(),
            fingerprint: "SHA256:AbC".into(),
        };
        for (answer, meaning) in [
            ("yes\n", Some(true)),
            ("YES", Some(true)),
            ("no", Some(false)),
            ("SHA256:AbC\n", Some(true)),
            ("SHA256:abc", None),
            ("y", None),
            ("", None),
        ] {
            assert_eq!(question.judge(answer), meaning, "{answer:?}");
        }
    }
}
