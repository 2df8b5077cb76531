//! What one host will be asked, and told. Knows nothing of YAML; made without time, network or chance.

pub mod show;

use std::time::Duration;

use crate::event::Mode;
use crate::ids::{Digest, HostId, RunId, StepId};
use crate::kinds::Recipe;
use crate::script::{Script, Text};

/// Everything that one host is to do in one run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Whose plan it is.
    pub host: HostId,
    /// Run or check.
    pub mode: Mode,
    /// The steps in order, every turn of a loop its own.
    pub steps: Vec<PlannedStep>,
    /// The secret variables that steps use: name and value, sent apart from the program.
    pub secrets: Vec<(String, crate::secret::Secret)>,
}

/// One step of a plan.
#[derive(Clone, Debug)]
pub struct PlannedStep {
    /// Its place in the plan.
    pub id: StepId,
    /// The place of the authored step in the playbook (1-based), as a person counts: `7`, or `7[2]` for a turn.
    pub label: String,
    /// Its name, with the turn's item for a loop.
    pub name: String,
    /// The kind's name, such as `package`.
    pub kind: &'static str,
    /// Digest over everything that the host would do for it: equal digests mean the same step.
    pub digest: Digest,
    /// The line of the playbook that it came from, as `file:line`.
    pub origin: String,
    /// What is to be done.
    pub action: Action,
}

/// What is to be done for a step.
#[derive(Clone, Debug)]
pub enum Action {
    /// Decided before anything was sent: passed over.
    Skip {
        /// Why, such as `when: role_arn != ""`.
        why: String,
    },
    /// Ask, then do.
    Apply(Box<StepSpec>),
}

/// A step's recipe and its options.
#[derive(Clone, Debug)]
pub struct StepSpec {
    /// The kind's own shell.
    pub recipe: Recipe,
    /// `only_if`: failure means skipped.
    pub only_if: Option<Script>,
    /// `when_changed`: at least one of these must have changed in this run.
    pub when_changed: Vec<StepId>,
    /// Whether `when_changed` was given (it may name steps that are not in the plan, and then nothing changed).
    pub only_when_changed: bool,
    /// `creates`: an existing path means already so.
    pub creates: Option<Text>,
    /// `unless`: success means already so.
    pub unless: Option<Script>,
    /// As whom.
    pub run_as: RunAs,
    /// `cwd`; the login user's home where nothing was said.
    pub cwd: Option<Text>,
    /// `env`, in order.
    pub env: Vec<(String, Text)>,
    /// `timeout`.
    pub timeout: Option<Duration>,
    /// `retries`: further tries after the first.
    pub retries: u32,
    /// `delay` between tries.
    pub delay: Duration,
    /// `register`.
    pub register: Option<String>,
    /// `allow_failure`.
    pub allow_failure: bool,
    /// `always`: a rerun does it again even where it was done and nothing can be asked.
    pub always: bool,
    /// `on_unknown`.
    pub on_unknown: OnUnknown,
    /// Where the host may have a record of this very step from earlier runs, the latest first (a rerun of a step without
    /// a check): a stored success stands for the step, and a begin without a result keeps it from being begun again.
    pub earlier: Vec<(RunId, StepId)>,
    /// What the controller remembers of it, for a host that has forgotten all of those runs.
    pub remembered: Option<Remembered>,
}

/// What a controller remembers of a step that nothing can be asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remembered {
    /// It was done in this run.
    Done(RunId),
    /// It began in this run and left no result.
    Begun(RunId),
}

impl StepSpec {
    /// A recipe with nothing said about it: the login user, in its home, one try.
    pub fn plain(recipe: Recipe) -> Self {
        Self {
            recipe,
            only_if: None,
            when_changed: Vec::new(),
            only_when_changed: false,
            creates: None,
            unless: None,
            run_as: RunAs::Login,
            cwd: None,
            env: Vec::new(),
            timeout: None,
            retries: 0,
            delay: Duration::ZERO,
            register: None,
            allow_failure: false,
            always: false,
            on_unknown: OnUnknown::default(),
            earlier: Vec::new(),
            remembered: None,
        }
    }

    /// Whether anything can say that the step is so already.
    pub fn has_check(&self) -> bool {
        self.recipe.check.is_some() || self.creates.is_some() || self.unless.is_some()
    }
}

/// As whom a step runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RunAs {
    /// The login user.
    Login,
    /// Root, check and all (`sudo: true`).
    Root,
    /// Root for what changes things, the login user for the check (kinds that need root by themselves).
    RootToApply,
    /// Another user, check and all (`run_as`).
    User(Text),
}

/// What to do where a step began, left no result, and nothing can be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnUnknown {
    /// Say so and stop (exit 8).
    #[default]
    Fail,
    /// Run it again.
    Rerun,
    /// Take it for done.
    Done,
}
