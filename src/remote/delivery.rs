//! What goes to a host to start a run or to follow one.

use std::fmt::Write as _;
use std::sync::LazyLock;

use super::exec_string::{EXEC_LIMIT, cksum, encode, wrap_encoded};
use super::identity::{ExpectedHost, Identity, Stored, is_machine_id};
use super::minify::minified;
use super::pieces;
use super::streams::StreamPosition;
use crate::ids::RunId;
use crate::plan::SUDO_PASSWORD;
use crate::script::Text;
use crate::secret::Secret;
use crate::transport::Exec;

pub(super) const DELIVER: &str = include_str!("deliver.sh");

/// Assignments in front of the delivery's shell: pb_after, pb_in, pb_follow and pb_resume, each of which may be empty.
struct Settings(String);

/// How secrets go over standard input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecretInput {
    /// As they are.
    #[default]
    Plain,
    /// Behind lines that a start-up file of the login shell may read in their place.
    Padded,
}

/// What starts a run on a host.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// The program itself.
    pub program: &'a [u8],
    /// The run that it is for.
    pub identity: &'a Identity,
    /// What goes over standard input.
    pub secrets: &'a [(String, Secret)],
    /// What is wanted of the run's streams.
    pub from: StreamPosition,
    /// A run that is to be followed instead while it runs.
    pub after: Option<&'a RunId>,
    /// The host that is meant.
    pub known: Option<&'a ExpectedHost>,
}

impl<'a> Delivery<'a> {
    /// A program for any host, of which nothing was heard yet.
    pub fn new(program: &'a [u8], identity: &'a Identity, secrets: &'a [(String, Secret)]) -> Self {
        Self { program, identity, secrets, from: StreamPosition::START, after: None, known: None }
    }

    /// Wraps the program for one exec. It is in the exec string where it has room there, otherwise it goes over standard input.
    pub fn exec(&self) -> Exec {
        let mut input = Input::new(self.secrets, SecretInput::Plain);
        let (sum, settings) = (cksum(self.program), self.follows_instead());
        // An argument cannot hold a NUL, not even in octal: some shells end the text there.
        if !self.program.contains(&0) {
            let words = [self.header(&sum, &input, &settings), encode(self.program)];
            let command = wrap_encoded(&self.identity.shell, &words);
            if command.len() <= EXEC_LIMIT {
                return Exec { command, stdin: input.bytes };
            }
        }
        input.what.push_str(" plan");
        input.bytes.extend(self.program);
        let header = self.header(&sum, &input, &settings);
        Exec { command: wrap_encoded(&self.identity.shell, &[header]), stdin: input.bytes }
    }

    /// The same for a host whose login shell reads standard input. The plan is in the exec string; where it has no room there,
    /// its pieces were stored before, which `in_pieces` says. Secrets, which no argument list may hold, are padded.
    pub fn exec_past_login(&self, in_pieces: bool) -> Exec {
        let mut input = Input::new(self.secrets, SecretInput::Padded);
        let mut settings = self.follows_instead();
        let mut words = Vec::new();
        if in_pieces {
            input.what.push_str(" plan");
            settings.0 = format!("{} {}", settings.0, pieces::files(self.identity));
        } else {
            words.push(encode(self.program));
        }
        words.insert(0, self.header(&cksum(self.program), &input, &settings));
        Exec { command: wrap_encoded(&self.identity.shell, &words), stdin: input.bytes }
    }

    fn header(&self, sum: &str, input: &Input, settings: &Settings) -> String {
        header(self.identity, self.from, sum, self.known, input, settings)
    }

    fn follows_instead(&self) -> Settings {
        Settings(format!("pb_after={} pb_in= pb_follow= pb_resume=", self.after.map_or("", RunId::as_str)))
    }
}

/// The command that follows a run which the host knows already. It starts no run.
///
/// With `resume` it starts a runner on the host's own plan where there is none before the run is over, and gives it these
/// secrets. `known` is the host that is meant.
pub fn follow(
    identity: &Identity,
    from: StreamPosition,
    resume: Option<&[(String, Secret)]>,
    secret_input: SecretInput,
    known: Option<&ExpectedHost>,
) -> Exec {
    let input = Input::new(resume.unwrap_or_default(), secret_input);
    let how = if resume.is_some() { "pb_follow=1 pb_resume=1" } else { "pb_follow=1 pb_resume=" };
    let header = header(identity, from, "", known, &input, &Settings(format!("pb_after= pb_in= {how}")));
    Exec { command: wrap_encoded(&identity.shell, &[header]), stdin: input.bytes }
}

/// What goes over standard input.
struct Input {
    /// What it is, for the delivery's shell.
    what: String,
    /// What the delivery's shell does with standard input before that.
    skip: &'static str,
    bytes: Vec<u8>,
}

impl Input {
    /// More than a program reads at once that wants one line.
    const PADDING: usize = 1024;
    /// Reads up to the line behind the padding.
    const SKIP: &str = "while IFS= read -r pb_line && [ \"${pb_line##*.}\" != pinboot ]; do :; done\n";

    /// The secrets' line, which comes first, and the password for sudo behind it; nothing where there are none.
    fn new(secrets: &[(String, Secret)], secret_input: SecretInput) -> Self {
        if secrets.is_empty() {
            return Self { what: String::new(), skip: "", bytes: Vec::new() };
        }
        let (passwords, others): (Vec<_>, Vec<_>) = secrets.iter().partition(|(name, _)| name == SUDO_PASSWORD);
        let (mut bytes, skip) = match secret_input {
            SecretInput::Plain => (Vec::new(), ""),
            SecretInput::Padded => {
                let line = [b".".repeat(62).as_slice(), b"x\n"].concat();
                ([line.repeat(Self::PADDING).as_slice(), b".pinboot\n"].concat(), Self::SKIP)
            }
        };
        let mut what = Vec::new();
        if !others.is_empty() {
            what.push("secrets");
            bytes.extend(secret_line(&others).expose().as_bytes());
            bytes.push(b'\n');
        }
        for (_, password) in passwords {
            what.push("sudo");
            bytes.extend(password.expose().as_bytes());
            bytes.push(b'\n');
        }
        Self { what: what.join(" "), skip, bytes }
    }
}

/// The delivery's shell, encoded: the same for every connection.
static DELIVERY: LazyLock<String> = LazyLock::new(|| encode(minified(DELIVER).as_bytes()));

/// The delivery's shell, encoded, with what it has to know in front.
fn header(
    identity: &Identity,
    from: StreamPosition,
    sum: &str,
    known: Option<&ExpectedHost>,
    input: &Input,
    more: &Settings,
) -> String {
    // A journal may hold anything; only a valid machine id is sent.
    let machine_id = known.and_then(|known| known.machine_id.as_deref()).filter(|id| is_machine_id(id));
    let stored: Vec<String> = known.iter().flat_map(|known| &known.stored).map(Stored::word).collect();
    let settings = format!(
        "pb_run={} pb_nonce={} pb_from={} pb_out={} pb_sum='{sum}' pb_stdin='{}' pb_host={} pb_stored='{}' {}\n{}",
        identity.run,
        identity.nonce,
        from.log,
        from.out,
        input.what,
        machine_id.unwrap_or_default(),
        stored.join(" "),
        more.0,
        input.skip,
    );
    encode(settings.as_bytes()) + &DELIVERY
}

/// One line of shell that puts each secret into a file of its own in `$pb_mem`, as an assignment.
fn secret_line(secrets: &[&(String, Secret)]) -> Secret {
    let line = secrets.iter().fold(String::new(), |mut line, (name, secret)| {
        let assignment =
            zeroize::Zeroizing::new(format!("pb_s_{name}={}", Text::from(secret.expose()).quote_exactly()));
        // `%b` again makes the whole one line without quotes.
        write!(line, "printf %b '{}\\n' >\"$pb_mem/{name}\" && ", encode(assignment.as_bytes()))
            .expect("a string takes all");
        line
    });
    Secret::new(format!("{line}:"))
}
