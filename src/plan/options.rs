//! The options of a step, in one table. Parsing, name checks, rendering, digest, dry run, help and documents walk it.
//!
//! A new option is one row here and its use: a field of [`StepSpec`] that the row writes and reads, and the code that acts
//! on that field. An option that is used up before there is a plan, as `when` is, has no such field.

use std::time::Duration;

use super::{HostCondition, OnUnknown, RunAs, StepSpec};
use crate::ids::{Digest, StepId};
use crate::kinds::{self, Pattern, Shape};
use crate::script::{Script, Text};

/// One option of a step.
#[derive(Clone, Copy, Debug)]
pub struct StepOption {
    /// The YAML key.
    pub name: &'static str,
    /// How its value is written.
    pub form: Form,
    /// Who acts on it.
    pub read_by: ReadBy,
    /// One sentence for help and documents.
    pub doc: &'static str,
    /// What holds without it, in a few words; empty where nothing needs to be said.
    pub default: &'static str,
    /// Whether it limits when a step runs, or says that the step is meant to run each time: a step without a check should
    /// have one of these.
    pub limits_runs: bool,
    /// How steps get it from the groups around them, and from the playbook.
    pub inherits: Inherits,
    /// The kinds that do not take it from a group: there it means something else.
    pub not_taken_by: &'static [&'static str],
    /// What its text must look like besides.
    pub(crate) rule: Option<&'static ValueRule>,
    /// The field of the plan's step that holds it.
    pub(crate) slot: Option<Slot>,
    /// What it adds to the step's digest.
    pub(crate) digest: Option<DigestPart>,
}

/// What the text of an option must look like, and what is said of one that does not.
#[derive(Debug)]
pub(crate) struct ValueRule {
    /// What it must look like, here and on the host.
    pub(crate) pattern: &'static Pattern,
    /// What an error says of a written value, behind the option's name.
    pub(crate) written: &'static str,
    /// What the host says of a value that only it knows.
    pub(crate) on_host: &'static str,
}

impl ValueRule {
    /// Whether a text is right, as far as it is known.
    pub(crate) fn fits(&self, text: &Text) -> bool {
        text.literal().is_none_or(self.pattern.fits)
    }

    /// The shell that fails the step where this text is wrong; nothing where the text is known.
    pub(crate) fn question(&self, option: &StepOption, text: &Text) -> Option<String> {
        let ask = format!("pb_value={}; {}", text.quote(), self.pattern.on_host);
        let refuse = format!("{{ echo '{}: {}' >&2; trap - 0; exit 1; }}", option.name, self.on_host);
        text.literal().is_none().then(|| format!("{ask} || {refuse}"))
    }
}

/// `creates` as an option.
const ONE_PATH: ValueRule = ValueRule {
    pattern: &Pattern { hint: "ask for the file with `unless`, as in: ls ~/app-*.jar > /dev/null", ..kinds::ONE_PATH },
    written: "is one path, and this is a pattern",
    on_host: "the value is a pattern and not a path",
};

/// How an option's value is written.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// As a kind's field of this shape.
    Field(Shape),
    /// A user of the host.
    User,
    /// A whole number, this one at most.
    UpTo(u32),
    /// `90s`, `5m`, `1h30m`.
    Duration {
        /// Whether it may be `0s`.
        zero: bool,
    },
    /// A map of environment variables.
    Variables,
    /// An expression without braces.
    Condition,
    /// A list, or an expression that becomes one.
    Items,
    /// A name for a variable; read before any variable has a value.
    Name,
    /// Names or ids of earlier steps; read before any variable has a value.
    Steps,
    /// A word for a step; read before any variable has a value.
    Id,
    /// `true` or `false`; read before any variable has a value.
    Switch,
    /// One word or several; read before any variable has a value.
    Words,
}

/// Who acts on an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadBy {
    /// This program, before it connects.
    Controller,
    /// The runner on the host, which decides whether a step starts and what its result means.
    Runner,
    /// The step's check.
    Check,
    /// The step's command.
    Apply,
    /// The check and the command.
    Both,
}

impl ReadBy {
    /// The word for help and documents.
    pub fn word(self) -> &'static str {
        match self {
            ReadBy::Controller => "controller",
            ReadBy::Runner => "runner",
            ReadBy::Check => "check",
            ReadBy::Apply => "apply",
            ReadBy::Both => "check and apply",
        }
    }
}

/// How a step gets an option that stands at a group around it, or at the top of the playbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inherits {
    /// It cannot stand there.
    No,
    /// The innermost counts, and one of these options takes the place of all of them further out.
    Nearest(&'static [&'static str]),
    /// Every one of them has to be true.
    All,
    /// They add up.
    Adds,
    /// They are put together by name, and the innermost of a name counts.
    Merges,
    /// The host is asked once for all steps of the group.
    AskedOnce,
}

impl Inherits {
    /// Whether the option can stand at a group.
    pub fn at_groups(self) -> bool {
        self != Self::No
    }

    /// A few words for help and documents.
    pub fn words(self) -> &'static str {
        match self {
            Self::No => "",
            Self::Nearest(_) => "the innermost counts",
            Self::All => "all have to be true",
            Self::Adds => "they add up",
            Self::Merges => "merged by name",
            Self::AskedOnce => "asked once",
        }
    }
}

/// Of these two the innermost says whose shell a step has.
const USER: &[&str] = &["sudo", "run_as"];

/// What a reboot means by them is not what a command does: they are about the reboot itself.
const NOT_REBOOT: &[&str] = &["reboot"];

/// A rendered option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionValue {
    /// Shell, values already quoted.
    Shell(Script),
    /// A text, possibly with holes.
    Text(Text),
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Number(u32),
    /// A length of time.
    Duration(Duration),
    /// Environment variables, in order.
    Variables(Vec<(String, Text)>),
    /// Steps of the plan.
    Steps(Vec<StepId>),
    /// What the host decides.
    Condition(HostCondition),
}

impl OptionValue {
    fn shell(self) -> Option<Script> {
        if let Self::Shell(script) = self { Some(script) } else { None }
    }

    fn text(self) -> Option<Text> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    fn condition(self) -> Option<HostCondition> {
        if let Self::Condition(condition) = self { Some(condition) } else { None }
    }

    fn flag(&self) -> bool {
        matches!(self, Self::Flag(true))
    }

    fn number(&self) -> Option<u32> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    fn duration(&self) -> Option<Duration> {
        if let Self::Duration(duration) = self { Some(*duration) } else { None }
    }

    fn variables(self) -> Vec<(String, Text)> {
        if let Self::Variables(variables) = self { variables } else { Vec::new() }
    }

    fn steps(self) -> Vec<StepId> {
        if let Self::Steps(steps) = self { steps } else { Vec::new() }
    }
}

/// Where a step of a plan holds an option.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// Writes the option's value.
    pub(crate) set: fn(&mut StepSpec, OptionValue),
    /// Reads it; `None` where it says nothing beyond its default.
    pub(crate) get: fn(&StepSpec) -> Option<OptionValue>,
}

/// Makes an option's parts of a digest, names and bytes, from the step and the digests of the steps that it watches.
type DigestParts = fn(&StepSpec, &[Digest]) -> Vec<(&'static str, Vec<u8>)>;

/// What an option adds to a step's digest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DigestPart {
    /// Its place among the parts of all options. A new option takes a higher number than all others: digests of steps
    /// that do not use it stay what they are.
    pub(crate) place: u32,
    /// What makes its parts.
    pub(crate) parts: DigestParts,
}

const fn option(name: &'static str, form: Form, read_by: ReadBy, doc: &'static str) -> StepOption {
    StepOption {
        name,
        form,
        read_by,
        doc,
        default: "",
        limits_runs: false,
        inherits: Inherits::No,
        not_taken_by: &[],
        rule: None,
        slot: None,
        digest: None,
    }
}

impl StepOption {
    const fn default(mut self, words: &'static str) -> Self {
        self.default = words;
        self
    }

    const fn limits_runs(mut self) -> Self {
        self.limits_runs = true;
        self
    }

    const fn at_groups(mut self, how: Inherits) -> Self {
        self.inherits = how;
        self
    }

    const fn not_taken_by(mut self, kinds: &'static [&'static str]) -> Self {
        self.not_taken_by = kinds;
        self
    }

    const fn rule(mut self, rule: &'static ValueRule) -> Self {
        self.rule = Some(rule);
        self
    }

    const fn slot(mut self, set: fn(&mut StepSpec, OptionValue), get: fn(&StepSpec) -> Option<OptionValue>) -> Self {
        self.slot = Some(Slot { set, get });
        self
    }

    const fn digest(mut self, place: u32, parts: DigestParts) -> Self {
        self.digest = Some(DigestPart { place, parts });
        self
    }

    /// Whether the value is read before any variable has a value, so that it cannot hold a template.
    pub(crate) fn is_static(&self) -> bool {
        matches!(self.form, Form::Name | Form::Steps | Form::Id | Form::Switch | Form::Words)
    }
}

/// Every option, in the order of help: first what decides whether a step runs, in the order in which it is asked.
pub const OPTIONS: &[StepOption] = &[
    option(
        "when",
        Form::Condition,
        ReadBy::Controller,
        "An expression without braces. It must be true or false; where it is false, the step is skipped. What only the host knows in it, facts and registered values, the runner looks at.",
    )
    .at_groups(Inherits::All)
    .slot(
        |spec, value| spec.when = value.condition(),
        |spec| spec.when.clone().map(OptionValue::Condition),
    )
    .digest(9, |spec, _| spec.when.iter().map(|when| ("when", when.variable.clone().into_bytes())).collect()),
    option(
        "loop",
        Form::Items,
        ReadBy::Controller,
        "Runs the step once for each item, as a step of its own with its own check and result: `{{ item }}` is the item, `{{ index }}` its number from 1. Of a map, `{{ item.key }}` and `{{ item.value }}`; of named lists, each name in every combination.",
    ),
    option(
        "when_changed",
        Form::Steps,
        ReadBy::Runner,
        "Names or ids of earlier steps. The step is skipped unless one of them has changed something since this step last succeeded, in this run or in an earlier one.",
    )
    .limits_runs()
    .slot(
        |spec, value| spec.when_changed = Some(value.steps()),
        |spec| spec.when_changed.clone().map(OptionValue::Steps),
    )
    .digest(3, |spec, watched| {
        let watched = watched.iter().map(|digest| ("watched", digest.as_str().as_bytes().to_vec()));
        std::iter::once(("only_when_changed", vec![u8::from(spec.when_changed.is_some())])).chain(watched).collect()
    }),
    option(
        "only_if",
        Form::Field(Shape::Shell),
        ReadBy::Check,
        "Shell for the host. Where it fails, the step is skipped.",
    )
    .at_groups(Inherits::AskedOnce)
    .limits_runs()
    .slot(
        |spec, value| spec.only_if = value.shell(),
        |spec| spec.only_if.clone().map(OptionValue::Shell),
    )
    .digest(1, |spec, _| {
        let own = spec.surroundings();
        let of_groups = spec.questions.iter().flat_map(|question| {
            let mut parts = script_part("only_if", question.spec.only_if.as_ref());
            if question.surroundings != own {
                parts.push(("only_if_in", question.surroundings.clone()));
            }
            parts
        });
        of_groups.chain(script_part("only_if", spec.only_if.as_ref())).collect()
    }),
    option(
        "creates",
        Form::Field(Shape::Path),
        ReadBy::Check,
        "A path on the host. Where it exists, the step is unchanged; after the command it must exist.",
    )
    .limits_runs()
    .rule(&ONE_PATH)
    .slot(
        |spec, value| spec.creates = value.text(),
        |spec| spec.creates.clone().map(OptionValue::Text),
    )
    .digest(4, |spec, _| text_part("creates", spec.creates.as_ref())),
    option(
        "unless",
        Form::Field(Shape::Shell),
        ReadBy::Check,
        "Shell for the host. Where it succeeds, the step is unchanged; after the command it must succeed.",
    )
    .limits_runs()
    .slot(|spec, value| spec.unless = value.shell(), |spec| spec.unless.clone().map(OptionValue::Shell))
    .digest(2, |spec, _| script_part("unless", spec.unless.as_ref())),
    option(
        "sudo",
        Form::Field(Shape::Bool),
        ReadBy::Both,
        "`true`: runs check and command as root (`sudo -n`). `false`: never uses root, even for kinds that need it.",
    )
    .default("as the kind needs")
    .at_groups(Inherits::Nearest(USER))
    .slot(
        |spec, value| spec.run_as = if value.flag() { RunAs::Root } else { RunAs::Login },
        |_| None,
    ),
    option("run_as", Form::User, ReadBy::Both, "Runs check and command as this user of the host (`sudo -n -u`).")
        .default("the login user")
        .at_groups(Inherits::Nearest(USER))
        .slot(
            |spec, value| {
                if let Some(user) = value.text() {
                    spec.run_as = RunAs::User(user);
                }
            },
            |_| None,
        )
        .digest(6, |spec, _| {
            let user = match &spec.run_as {
                RunAs::Login => "login".to_owned(),
                RunAs::Root => "root".to_owned(),
                RunAs::RootToApply => "root to apply".to_owned(),
                RunAs::User(user) => format!("user {}", user.raw()),
            };
            vec![("run_as", user.into_bytes())]
        }),
    option("cwd", Form::Field(Shape::Path), ReadBy::Both, "The directory in which the shell starts; one without `/` in front is looked for in the home.")
        .default("the home directory; `/` for a user without one")
        .at_groups(Inherits::Nearest(&["cwd"]))
        .slot(|spec, value| spec.cwd = value.text(), |spec| spec.cwd.clone().map(OptionValue::Text))
        .digest(5, |spec, _| text_part("cwd", spec.cwd.as_ref())),
    option("env", Form::Variables, ReadBy::Both, "Environment variables for this step.")
        .at_groups(Inherits::Merges)
        .slot(
            |spec, value| spec.env = value.variables(),
            |spec| (!spec.env.is_empty()).then(|| OptionValue::Variables(spec.env.clone())),
        )
        .digest(7, |spec, _| {
            let part = |(name, value): &(String, Text)| {
                [("env", name.clone().into_bytes()), ("value", value.raw().as_bytes().to_vec())]
            };
            spec.env.iter().flat_map(part).collect()
        }),
    option(
        "register",
        Form::Name,
        ReadBy::Apply,
        "A name for what the command prints on standard output, without the white space at both ends. Later steps use it as a variable.",
    )
    .slot(
        |spec, value| spec.register = value.text().map(|name| name.raw().to_owned()),
        |spec| spec.register.as_deref().map(|name| OptionValue::Text(name.into())),
    )
    .digest(8, |spec, _| vec![("register", spec.register.clone().unwrap_or_default().into_bytes())]),
    option(
        "changes",
        Form::Switch,
        ReadBy::Runner,
        "`false`: the `command` or `script` only asks. It runs each time, with `--check` too, and never counts as changed.",
    )
    .default("true")
    .limits_runs()
    .slot(|spec, value| spec.only_asks = !value.flag(), |spec| spec.only_asks.then_some(OptionValue::Flag(false))),
    option(
        "timeout",
        Form::Duration { zero: false },
        ReadBy::Both,
        "Such as `90s`, `5m` or `1h30m`. Then the step's process group gets SIGTERM, 10 s later SIGKILL, and the step has failed. Its check has the same limit.",
    )
    .default("none")
    .at_groups(Inherits::Nearest(&["timeout"]))
    .not_taken_by(NOT_REBOOT)
    .slot(|spec, value| spec.timeout = value.duration(), |spec| spec.timeout.map(OptionValue::Duration)),
    option("retries", Form::UpTo(1000), ReadBy::Apply, "How often a failed command is tried again, 1,000 times at most.")
        .default("0")
        .at_groups(Inherits::Nearest(&["retries"]))
        .not_taken_by(NOT_REBOOT)
        .slot(
            |spec, value| spec.retries = value.number().unwrap_or_default(),
            |spec| (spec.retries > 0).then_some(OptionValue::Number(spec.retries)),
        ),
    option("delay", Form::Duration { zero: true }, ReadBy::Apply, "The pause before each further attempt.")
        .default("0s")
        .at_groups(Inherits::Nearest(&["delay"]))
        .not_taken_by(NOT_REBOOT)
        .slot(
            |spec, value| spec.delay = value.duration().unwrap_or_default(),
            |spec| (!spec.delay.is_zero()).then_some(OptionValue::Duration(spec.delay)),
        ),
    option(
        "allow_failure",
        Form::Field(Shape::Bool),
        ReadBy::Runner,
        "`true`: a failure is reported and counted, and the run continues.",
    )
    .default("false")
    .at_groups(Inherits::Nearest(&["allow_failure"]))
    .slot(|spec, value| spec.allow_failure = value.flag(), |spec| flag(spec.allow_failure)),
    option(
        "always",
        Form::Field(Shape::Bool),
        ReadBy::Controller,
        "`true`: the step is meant to run each time, and a rerun repeats it.",
    )
    .default("false")
    .limits_runs()
    .slot(|spec, value| spec.always = value.flag(), |spec| flag(spec.always)),
    option(
        "on_unknown",
        Form::Field(Shape::OneOf(OnUnknown::WORDS)),
        ReadBy::Runner,
        "What to do with a step without a check that started and left no result: `fail` (exit code 8), `rerun`, or `done` to take it for done.",
    )
    .default("fail")
    .slot(
        |spec, value| {
            spec.on_unknown = value.text().and_then(|word| OnUnknown::named(word.raw())).unwrap_or_default();
        },
        |spec| {
            let default = spec.on_unknown == OnUnknown::default();
            (!default).then(|| OptionValue::Text(spec.on_unknown.word().into()))
        },
    ),
    option(
        "id",
        Form::Id,
        ReadBy::Controller,
        "A word for the step, which no other step has: `when_changed`, `--from` and `--only` accept it like the name. Given to a step with a `loop`, it means all iterations.",
    ),
    option("tags", Form::Words, ReadBy::Controller, "Words that `--tags` and `--skip-tags` select steps by.")
        .at_groups(Inherits::Adds),
];

fn script_part(name: &'static str, script: Option<&Script>) -> Vec<(&'static str, Vec<u8>)> {
    script.map(|script| (name, script.as_str().as_bytes().to_vec())).into_iter().collect()
}

fn text_part(name: &'static str, text: Option<&Text>) -> Vec<(&'static str, Vec<u8>)> {
    text.map(|text| (name, text.raw().as_bytes().to_vec())).into_iter().collect()
}

fn flag(flag: bool) -> Option<OptionValue> {
    flag.then_some(OptionValue::Flag(true))
}

/// The option with this name.
pub fn find(name: &str) -> Option<&'static StepOption> {
    OPTIONS.iter().find(|option| option.name == name)
}

/// The names of all options, in the order of help.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    OPTIONS.iter().map(|option| option.name)
}

/// The names of the options that can stand at a group, and at the top of a playbook.
pub fn names_at_groups() -> impl Iterator<Item = &'static str> + Clone {
    OPTIONS.iter().filter(|option| option.inherits.at_groups()).map(|option| option.name)
}

impl StepSpec {
    /// The options of the step that say something beyond their defaults, in the order of the table.
    pub fn options(&self) -> impl Iterator<Item = (&'static StepOption, OptionValue)> + '_ {
        OPTIONS.iter().filter_map(|option| Some((option, (option.slot?.get)(self)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Recipe;

    #[test]
    fn every_row_is_complete_and_its_places_are_its_own() {
        let mut names: Vec<&str> = names().collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), OPTIONS.len(), "two options have one name");
        let mut places: Vec<u32> = OPTIONS.iter().filter_map(|option| Some(option.digest?.place)).collect();
        places.sort_unstable();
        assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "two options have one place in a digest: {places:?}");
        for option in OPTIONS {
            assert!(option.doc.ends_with('.') && option.doc.len() > 20, "{} has no sentence", option.name);
            assert!(option.slot.is_some() || option.read_by == ReadBy::Controller, "nothing reads {}", option.name);
        }
    }

    #[test]
    fn what_an_option_writes_it_reads_back() {
        let values = |form: Form| match form {
            Form::Field(Shape::Shell) => OptionValue::Shell(Script::author("true")),
            Form::Field(Shape::Bool) => OptionValue::Flag(true),
            Form::Switch => OptionValue::Flag(false),
            Form::Field(Shape::OneOf(words)) => OptionValue::Text(words[1].into()),
            Form::UpTo(most) => OptionValue::Number(most),
            Form::Duration { .. } => OptionValue::Duration(Duration::from_secs(5)),
            Form::Variables => OptionValue::Variables(vec![("A".to_owned(), "b".into())]),
            Form::Steps => OptionValue::Steps(vec![StepId(3)]),
            Form::Condition => OptionValue::Condition(HostCondition { variable: "1a".into(), written: "a".into() }),
            _ => OptionValue::Text("word".into()),
        };
        for option in OPTIONS.iter().filter(|option| !matches!(option.name, "sudo" | "run_as")) {
            let Some(slot) = option.slot else { continue };
            let mut spec = StepSpec::plain(Recipe::default());
            assert_eq!((slot.get)(&spec), None, "{}", option.name);
            (slot.set)(&mut spec, values(option.form));
            assert_eq!((slot.get)(&spec), Some(values(option.form)), "{}", option.name);
            assert_eq!(spec.options().map(|(found, _)| found.name).collect::<Vec<_>>(), [option.name]);
        }
    }
}
