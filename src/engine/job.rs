//! What the engine is asked to do.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use crate::event::{Mode, Outcome};
use crate::exit::Exit;
use crate::ids::{RunId, StepId};
use crate::inventory::Host;
use crate::plan::StepSummary;
use crate::remote::{ExpectedHost, Identity};
use crate::secret::{Masker, Secret};

/// Recognises known errors: from the name of a step's kind and what the step printed to the likely cause.
pub type FindCause = fn(kind: &str, output: &str) -> Option<String>;

/// What one host is to do.
#[derive(Clone, Debug)]
pub struct Job {
    /// The host.
    pub host: Host,
    /// The run, as the host knows it.
    pub identity: Identity,
    /// The steps; none where the plan is not known here.
    pub steps: Vec<StepSummary>,
    /// The steps that need a result; `None` where the plan is not known at all.
    pub planned: Option<Vec<StepId>>,
    /// Run or check.
    pub mode: Mode,
    /// Hides the run's secrets.
    pub masker: Masker,
    /// Whether the output of steps is dropped: it may hold secrets that are not known here, so they cannot be masked.
    pub muted: bool,
    /// The host that is expected, where earlier runs have seen it.
    pub expected: Option<ExpectedHost>,
    /// What the user types to resume the run; `None` where nothing can, as in a rehearsal.
    pub resume_command: Option<ResumeCommand>,
    /// The files of this machine that steps send; `None` where the playbook that names them is not here.
    pub files: Option<Arc<dyn LocalFiles>>,
    /// What is delivered.
    pub task: Task,
}

/// Files of this machine that steps send, by the SHA-256 of their bytes.
pub trait LocalFiles: Send + Sync + std::fmt::Debug {
    /// Whether the plan had a file of this digest.
    fn has(&self, digest: &str) -> bool;
    /// Opens it at an offset; the error says why its bytes cannot be had any more.
    ///
    /// # Errors
    /// It cannot be read, or is not as it was when the plan was made.
    fn open(&self, digest: &str, offset: u64) -> Result<Box<dyn Read + Send>, String>;
}

/// A command that resumes a run, for the user to type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumeCommand(String);

impl ResumeCommand {
    /// The command on the machine that has the run's journal.
    pub fn rerun(run: &RunId) -> Self {
        Self(format!("pinboot rerun {run}"))
    }

    /// The command on every other machine.
    pub fn attach(host: &Host, run: &RunId) -> Self {
        Self(format!("pinboot attach {}@{} {run}", host.user, host.shown_address()))
    }
}

impl std::fmt::Display for ResumeCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is delivered to a host.
#[derive(Clone, Debug)]
pub enum Task {
    /// A program to carry out.
    Deliver {
        /// The file that the host keeps as the run's plan.
        program: Arc<Vec<u8>>,
        /// Secrets, sent apart from it.
        secrets: Vec<(String, Secret)>,
        /// A run that is followed instead as long as it is running.
        after: Option<RunId>,
    },
    /// Nothing: the run is on the host already and is followed to its end.
    Attach {
        /// Steps that an earlier controller saw finish.
        finished: Vec<(StepId, Outcome)>,
        /// The exit code that they lead to.
        exit: Exit,
        /// Whether the host reported the run to an earlier controller: then it must have a record of it.
        arrived: bool,
        /// Where the runner died before the end of the run, another one continues with the host's own plan and with these
        /// secrets, which are sent apart; `None`: no runner is started.
        resume: Option<Vec<(String, Secret)>>,
    },
}

/// How the loop behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many hosts at once.
    pub forks: usize,
    /// For how long pinboot tries to restore a lost connection.
    pub reconnect_for: Duration,
    /// For how long pinboot waits for a host that another run has; zero: not at all.
    pub wait: Duration,
    /// For how long a login may take to run the command.
    pub start_timeout: Duration,
    /// What was to be stopped from the beginning, as by `pinboot cancel`.
    pub stop: StopRequest,
    /// Recognises known errors in a step's output.
    pub cause: FindCause,
}

/// What the user wants, in the order in which it can only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StopRequest {
    /// Carry on.
    #[default]
    None,
    /// Start no further step; the current one continues.
    AfterStep,
    /// Stop the current step as well.
    Now,
    /// Detach at once, whatever the hosts are doing; with the exit code of the signal that asked for it.
    Detach(Exit),
}

impl StopRequest {
    /// Whether this asks for more than `other` does.
    pub fn is_stronger_than(self, other: Self) -> bool {
        self.strength() > other.strength()
    }

    fn strength(self) -> u8 {
        match self {
            Self::None => 0,
            Self::AfterStep => 1,
            Self::Now => 2,
            Self::Detach(_) => 3,
        }
    }
}
