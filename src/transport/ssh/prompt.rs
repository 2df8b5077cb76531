//! Questions for the user at the terminal: passphrases, and whether a host key is right.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::sanitize;
use crate::secret::Secret;

/// Why there is no passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPassphrase {
    /// There is no terminal to ask at.
    NoTerminal,
    /// Asking failed, for this reason.
    Failed(String),
}

type AskPassphrase = dyn FnMut(&Path) -> Result<Secret, NoPassphrase> + Send;

/// Where the passphrase of an encrypted key file comes from; it is asked for only if it is needed, one at a time.
#[derive(Clone)]
pub struct Passphrase(Arc<Mutex<AskPassphrase>>);

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

impl Passphrase {
    /// A source with this function.
    pub fn new(ask: impl FnMut(&Path) -> Result<Secret, NoPassphrase> + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(ask)))
    }

    /// The passphrase from the environment if there is one, otherwise a prompt without echo on /dev/tty.
    pub fn standard(from_environment: Option<Secret>) -> Self {
        Self::new(move |path| match &from_environment {
            Some(secret) => Ok(secret.clone()),
            None => ask_on_terminal(path),
        })
    }

    /// Asks for the passphrase of this file.
    pub(crate) fn ask(&self, path: &Path) -> Result<Secret, NoPassphrase> {
        (self.0.lock().unwrap_or_else(PoisonError::into_inner))(path)
    }
}

fn ask_on_terminal(path: &Path) -> Result<Secret, NoPassphrase> {
    if OpenOptions::new().read(true).write(true).open("/dev/tty").is_err() {
        return Err(NoPassphrase::NoTerminal);
    }
    rpassword::prompt_password(format!("Passphrase for {}: ", sanitize::path(path)))
        .map(Secret::new)
        .map_err(|error| NoPassphrase::Failed(error.to_string()))
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
    pub fn terminal() -> Self {
        Self::new(|question| confirm_on_terminal(question).unwrap_or(false))
    }

    /// Asks about this host.
    pub(crate) fn about(&self, question: &HostKeyQuestion) -> bool {
        (self.0.lock().unwrap_or_else(PoisonError::into_inner))(question)
    }
}

fn confirm_on_terminal(question: &HostKeyQuestion) -> io::Result<bool> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let answers = BufReader::new(terminal.try_clone()?);
    confirm(question, answers, &mut terminal)
}

/// Asks until there is an answer; the end of input means no.
fn confirm(question: &HostKeyQuestion, mut answers: impl BufRead, terminal: &mut impl Write) -> io::Result<bool> {
    let mut prompt = "Are you sure you want to continue connecting (yes/no/[fingerprint])? ";
    write!(terminal, "{}", question.text())?;
    loop {
        write!(terminal, "{prompt}")?;
        terminal.flush()?;
        let mut answer = String::new();
        if answers.read_line(&mut answer)? == 0 {
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

    #[test]
    fn the_question_is_repeated_until_it_is_answered_and_escapes_its_text() {
        let question = HostKeyQuestion {
            host: "h\u{1b}[2J".into(),
            address: "192.0.2.1:22".into(),
            key_type: "ssh-ed25519".into(),
            fingerprint: "SHA256:AbC".into(),
        };
        for (answers, decision, times) in [("yes\n", true, 1), ("y\n\nno\n", false, 3), ("what?\n", false, 2)] {
            let mut shown = Vec::new();
            assert_eq!(confirm(&question, answers.as_bytes(), &mut shown).unwrap(), decision, "{answers:?}");
            let shown = String::from_utf8(shown).unwrap();
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
