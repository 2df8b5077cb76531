//! What one host will run: a plan. It knows nothing of YAML, and is made without time, network or chance.

mod needs;
pub mod options;
pub mod show;
mod summary;
mod uses;

pub use needs::defer_needs;
pub use summary::StepSummary;
pub use uses::Uses;

use std::sync::Arc;
use std::time::Duration;

use crate::event::{Mode, group_words};
use crate::host_value::Expr;
use crate::ids::{Digest, HostId, RunId, StepId, StepKey, StepLabel};
use crate::kinds::Recipe;
use crate::script::{Script, Text};

/// Everything that one host runs in one run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The host.
    pub host: HostId,
    /// Whether steps are applied or only checked.
    pub mode: Mode,
    /// The steps in order; every iteration of a loop is a step of its own.
    pub steps: Vec<PlannedStep>,
    /// The secret variables that steps use, name and value. They are sent apart from the program.
    pub secrets: Vec<(String, crate::secret::Secret)>,
}

/// One step of a plan.
#[derive(Clone, Debug)]
pub struct PlannedStep {
    /// Its number in the plan.
    pub id: StepId,
    /// Its number for people.
    pub label: StepLabel,
    /// Its name, with the item for an iteration.
    pub name: String,
    /// The kind's name, such as `package`.
    pub kind: &'static str,
    /// What other runs call it too.
    pub key: StepKey,
    /// The steps, and the fields of steps, that wait for it (`when_changed`, `restart_on`), in the plan or left out of it: what it
    /// changes is owed to each of them.
    pub watched_by: Vec<StepKey>,
    /// The digest over everything that the host would do for it: equal digests mean the same step.
    pub digest: Digest,
    /// Its line in the playbook, as `file:line`.
    pub origin: String,
    /// What happens.
    pub action: Action,
}

/// What happens for a step.
#[derive(Clone, Debug)]
pub enum Action {
    /// It was decided before anything was sent that the step does not run.
    Skip {
        /// Why, such as `when: role_arn != ""`.
        why: String,
    },
    /// The check runs, then the command if it is needed.
    Apply(Box<StepSpec>),
}

/// The `only_if` of a group of steps: the host is asked once in a run, before the first of them that may run.
#[derive(Clone, Debug)]
pub struct Question {
    /// Its number among those of the plan, from 1.
    pub number: u32,
    /// The group's name; empty for the playbook.
    pub group: String,
    /// What is asked, whose shell asks, where, and with what environment.
    pub spec: StepSpec,
    /// The same as bytes: a step with the same `only_if` and the same surroundings has the same digest.
    pub(crate) surroundings: Vec<u8>,
}

/// A step's recipe and its options.
#[derive(Clone, Debug, Default)]
pub struct StepSpec {
    /// What the kind contributes.
    pub recipe: Recipe,
    /// What of `when` only the host can decide: where it is false, the step is skipped.
    pub when: Option<HostCondition>,
    /// The questions of the groups around it, the outermost first: where one is answered with no, the step is skipped.
    pub questions: Vec<Arc<Question>>,
    /// `only_if`: where it fails, the step is skipped.
    pub only_if: Option<Script>,
    /// `when_changed`: at least one of these steps must have changed in this run. The list is empty where all that it names
    /// are left out of the plan.
    pub when_changed: Option<Vec<StepId>>,
    /// What `when_changed` names, in the plan or left out of it.
    pub watches: Vec<StepKey>,
    /// The kind's fields that name steps (`restart_on`), each with those of them that are in the plan.
    pub waiting: Vec<OwedField>,
    /// `creates`: where the path exists, the step is satisfied.
    pub creates: Option<Text>,
    /// `unless`: where it succeeds, the step is satisfied.
    pub unless: Option<Script>,
    /// The user, from `sudo`, `run_as` and what the kind needs.
    pub run_as: RunAs,
    /// `cwd`; `None` for the user's home.
    pub cwd: Option<Text>,
    /// `env`, in order, after the exports of steps that are left out.
    pub env: Vec<(String, Text)>,
    /// `timeout`.
    pub timeout: Option<Duration>,
    /// `retries`: further attempts after the first.
    pub retries: u32,
    /// `delay` before each further attempt.
    pub delay: Duration,
    /// `register`.
    pub register: Option<String>,
    /// `changes: false`: the step only asks. It never counts as changed, and `--check` runs it too.
    pub only_asks: bool,
    /// `allow_failure`.
    pub allow_failure: bool,
    /// `always`: a rerun repeats the step even if it succeeded and has no check.
    pub always: bool,
    /// `on_unknown`.
    pub on_unknown: OnUnknown,
    /// Where the host may have a record of this step from earlier runs, the latest first. Only a step without a check in a
    /// rerun has some: a recorded success counts for the step, and a start without a result keeps it from starting again.
    pub earlier: Vec<(RunId, StepId)>,
    /// What the journal knows of the step, for a host that has deleted its records of all those runs.
    pub remembered: Option<Remembered>,
    /// The expressions that the host evaluates for the step, by the names of their values.
    pub values: Vec<(String, Arc<Expr>)>,
}

/// A condition that the host decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostCondition {
    /// The name of the value that is `true` or `false`.
    pub variable: String,
    /// As it was written.
    pub written: String,
}

/// A field of a kind that waits for changes of other steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwedField {
    /// The field's name.
    pub field: &'static str,
    /// The steps of the plan that it names.
    pub steps: Vec<StepId>,
}

/// What the journal knows of a step without a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remembered {
    /// It succeeded in this run.
    Done(RunId),
    /// It started in this run and left no result.
    Started(RunId),
}

/// What a plan's secrets call the password for sudo: no variable has such a name.
pub const SUDO_PASSWORD: &str = "sudo password";

impl Question {
    /// A question; `spec` has the `only_if`, the user, `cwd`, `env` and `timeout`.
    pub fn new(number: u32, group: impl Into<String>, spec: StepSpec) -> Self {
        let surroundings = spec.surroundings();
        Self { number, group: group.into(), spec, surroundings }
    }

    /// Whose question it is.
    pub fn whose(&self) -> String {
        format!("of {}", group_words(&self.group))
    }
}

impl Plan {
    /// The questions of the plan's groups, each once.
    pub fn questions(&self) -> Vec<&Question> {
        let mut found: Vec<&Question> = Vec::new();
        for step in &self.steps {
            let Action::Apply(spec) = &step.action else { continue };
            for question in &spec.questions {
                if found.iter().all(|known| known.number != question.number) {
                    found.push(question);
                }
            }
        }
        found
    }

    /// Whether something in it is done as another user than the one who logs in.
    pub fn uses_sudo(&self) -> bool {
        self.steps.iter().any(|step| matches!(&step.action, Action::Apply(spec) if spec.run_as != RunAs::Login))
            || self.questions().iter().any(|question| question.spec.run_as != RunAs::Login)
    }

    /// Whether the password for sudo is among its secrets.
    pub fn has_sudo_password(&self) -> bool {
        self.secrets.iter().any(|(name, _)| name == SUDO_PASSWORD)
    }
}

impl StepSpec {
    /// A recipe without options: the login user, in its home, one attempt.
    pub fn plain(recipe: Recipe) -> Self {
        Self { recipe, ..Self::default() }
    }

    /// Whose shell a check has, where, and with what environment, as bytes.
    pub(crate) fn surroundings(&self) -> Vec<u8> {
        let user = match &self.run_as {
            RunAs::Login | RunAs::RootToApply => String::new(),
            RunAs::Root => "root".to_owned(),
            RunAs::User(user) => format!("user {}", user.raw()),
        };
        let cwd = self.cwd.as_ref().map_or("", Text::raw).to_owned();
        let env = self.env.iter().flat_map(|(name, value)| [name.clone(), value.raw().to_owned()]);
        [user, cwd].into_iter().chain(env).collect::<Vec<_>>().join("\0").into_bytes()
    }

    /// Whether anything can tell that the step is satisfied.
    pub fn has_check(&self) -> bool {
        self.recipe.check.is_some() || self.creates.is_some() || self.unless.is_some()
    }
}

/// The user that a step runs as.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum RunAs {
    /// The login user.
    #[default]
    Login,
    /// Root, for the check too (`sudo: true`).
    Root,
    /// Root for the command, the login user for the check: for kinds that need root.
    RootToApply,
    /// Another user, for the check too (`run_as`).
    User(Text),
}

/// What to do with a step without a check that started and left no result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnUnknown {
    /// Stop with exit code 8.
    #[default]
    Fail,
    /// Run it again.
    Rerun,
    /// Assume that it succeeded.
    Done,
}

impl OnUnknown {
    /// The words of the option, in the order of help.
    pub const WORDS: &[&str] = &["fail", "rerun", "done"];

    /// The one that this word stands for.
    pub fn named(word: &str) -> Option<Self> {
        [Self::Fail, Self::Rerun, Self::Done].into_iter().find(|known| known.word() == word)
    }

    /// The word that a playbook uses for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Rerun => "rerun",
            Self::Done => "done",
        }
    }
}
