//! What the program says of one step: assignments that the runner reads.

use std::fmt::Write as _;
use std::time::Duration;

use super::blobs::Blobs;
use super::minify::Names;
use crate::host_value;
use crate::kinds::{Content, Guard, Recipe};
use crate::plan::options::OptionValue;
use crate::plan::{Action, OnUnknown, OwedField, PlannedStep, Question, Remembered, RunAs, StepSpec};
use crate::script::{Script, Text};

/// A content larger than this is carried as raw bytes behind the program instead of in its text.
const INLINE_LIMIT: usize = 32 * 1024;

/// How the function begins that says what is here of what a step gives: `ask.sh` leaves its line out, since it differs from machine to
/// machine.
pub(super) const HERE: &str = "pb_here() { ";

/// How long a host may take to reboot where the step has no `timeout`.
const REBOOT: Duration = Duration::from_mins(10);

/// Assignments of what a step says of itself, one a line.
struct Settings<'n> {
    text: String,
    names: &'n Names,
}

impl<'n> Settings<'n> {
    fn new(names: &'n Names) -> Self {
        Self { text: String::new(), names }
    }

    /// Sets what the runner has as `pb_step_NAME`; without a value nothing is sent.
    fn set(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            writeln!(self.text, "{}={value}", self.names.short(&format!("pb_step_{name}")))
                .expect("a string takes all");
        }
    }

    /// Calls the functions of the expressions that a step uses: what another line uses as it is read must be there by then.
    fn call_values(&mut self, work: &StepSpec) {
        for (name, _) in &work.values {
            writeln!(self.text, "{}{name}", host_value::FUNCTION).expect("a string takes all");
        }
    }

    /// Sets a text that a shell evaluates later.
    fn set_quoted(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.set(name, &Script::author(text).as_word());
        }
    }
}

/// What the function of one step says of it; `names` are those of the runner that reads it.
pub(super) fn step_body(step: &PlannedStep, names: &Names, blobs: &mut Blobs) -> String {
    let mut settings = Settings::new(names);
    match &step.action {
        Action::Skip { .. } => settings.set("skip", "1"),
        Action::Apply(work) => {
            settings.call_values(work);
            settings.set("when", work.when.as_ref().map_or("", |when| when.variable.as_str()));
            say_check(&mut settings, work);
            say_command(&mut settings, work);
            say_shell(&mut settings, work, blobs);
            say_values(&mut settings, work);
            say_debts(&mut settings, step, work);
            say_options(&mut settings, work);
            say_earlier_runs(&mut settings, work);
            let asked: Vec<String> = work.questions.iter().map(|question| function_of(question)).collect();
            settings.set("groups", &listed(&asked));
            // A later run looks at what this one stored only where there is no check.
            if !work.has_check() {
                settings.set("digest", &step.digest.as_str()[..16]);
            }
        }
    }
    settings.text
}

/// The name of the function of a group's question, without what stands before the names of all of them.
pub(super) fn function_of(question: &Question) -> String {
    format!("g{}", question.number)
}

/// What the function of a group's question says of it.
pub(super) fn question_body(question: &Question, names: &Names, blobs: &mut Blobs) -> String {
    let mut settings = Settings::new(names);
    settings.call_values(&question.spec);
    settings.set_quoted("name", &question.group);
    say_check(&mut settings, &question.spec);
    say_shell(&mut settings, &question.spec, blobs);
    say_values(&mut settings, &question.spec);
    say_options(&mut settings, &question.spec);
    settings.text
}

/// How the runner finds out whether the step needs a change.
fn say_check(settings: &mut Settings<'_>, work: &StepSpec) {
    let alone = lone_creates(work);
    if let Some(path) = alone {
        settings.set("creates", &path.quote());
    } else {
        let ask = question(work);
        if !ask.is_empty() {
            settings.set_quoted("check", &ask);
        }
        if let Some(guard) = lone_unless(work) {
            settings.set("guard", if guard.zero_is_yes() { "yes" } else { "no" });
        }
        settings.set("first_guard", first_guard(work).map_or("", |guard| guard.name));
    }
    if work.has_check() && alone.is_none() {
        settings.set("verify", "check");
    }
}

/// What changes the host, or what a person is asked to do.
fn say_command(settings: &mut Settings<'_>, work: &StepSpec) {
    if let Some(manual) = work.recipe.manual() {
        settings.set_quoted("manual", &manual.text.quote());
        if manual.wait {
            settings.set("wait", "1");
        }
    } else {
        settings.set("apply", &work.recipe.apply.as_word());
    }
    if let Some(shell) = work.recipe.interpreter() {
        settings.set("shell", shell);
    }
    if work.recipe.reboots() {
        settings.set("reboot", "1");
    }
    if work.recipe.upload().is_some() {
        settings.set("files", "1");
    }
}

/// Whose shell the step has, and what stands in front of its own text there.
fn say_shell(settings: &mut Settings<'_>, work: &StepSpec, blobs: &mut Blobs) {
    match &work.run_as {
        RunAs::Login => {}
        RunAs::Root => settings.set("as", "root"),
        RunAs::RootToApply => settings.set("as", "apply"),
        RunAs::User(name) => {
            settings.set("as", "user");
            settings.set("user", &name.quote());
        }
    }
    if let Some(cwd) = &work.cwd {
        settings.set_quoted("cwd", &directory(cwd));
    }
    if !work.env.is_empty() {
        settings.set_quoted("env", &assignments(&work.env));
    }
    settings.set("args", &arguments(&work.recipe));
    if let Some(content) = work.recipe.content() {
        settings
            .set_quoted("content", &format!("pb_content() {{ {}; }}", content_command(content, &work.run_as, blobs)));
    }
    if let Some(takes) = work.recipe.takes() {
        settings.set("takes", "1");
        // One line, which is left out where plans are compared.
        settings
            .set_quoted("content", &format!("{HERE}printf %s {}; }}", Text::new(takes.here.as_str()).quote_exactly()));
    }
}

/// What the step takes from earlier ones and leaves to later ones.
fn say_values(settings: &mut Settings<'_>, work: &StepSpec) {
    let (names, values): (Vec<String>, Vec<String>) =
        work.recipe.exports_to_shells().map(|(name, value)| exported(name, value)).unzip();
    settings.set("export_names", &listed(&names));
    if !values.is_empty() {
        settings.set_quoted("exports", &values.join(" "));
    }
    let uses = work.uses();
    settings.set("uses", &listed(&uses.values));
    settings.set("secrets", &listed(&uses.secrets));
}

/// To whom the step's change is owed, and what it waits for itself. What every run calls these steps are file names on the host.
fn say_debts(settings: &mut Settings<'_>, step: &PlannedStep, work: &StepSpec) {
    if work.only_asks {
        settings.set("asks", "1");
    } else {
        let mut owes: Vec<String> = step.watched_by.iter().map(ToString::to_string).collect();
        owes.sort_unstable();
        owes.dedup();
        settings.set("owes", &listed(&owes));
    }
    if work.when_changed.is_some() {
        settings.set("due", step.key.as_str());
    }
    let waiting: Vec<String> = work
        .waiting
        .iter()
        .map(|OwedField { field, steps }| {
            let steps: String = steps.iter().map(|id| format!("{id},")).collect();
            format!("{field}={},{steps}", step.key.of_field(field))
        })
        .collect();
    settings.set("waiting", &listed(&waiting));
}

/// The name and the quoted value of an exported variable as the runner takes them: a colon behind the name puts the value in front
/// of what later steps have.
fn exported(name: &str, value: &Text) -> (String, String) {
    match value.in_front() {
        Some(front) => (format!("{name}:"), front.quote()),
        None => (name.to_owned(), value.quote()),
    }
}

/// What is needed, and what the step's options say.
fn say_options(settings: &mut Settings<'_>, work: &StepSpec) {
    let needs: Vec<String> = work.recipe.needs.iter().map(|need| need.any_of.join("|")).collect();
    settings.set("needs", &listed(&needs));
    if let Some(timeout) = work.timeout.or(work.recipe.reboots().then_some(REBOOT)) {
        settings.set("timeout", &seconds(timeout));
    }
    if work.retries > 0 {
        settings.set("retries", &work.retries.to_string());
        settings.set("delay", &seconds(work.delay));
    }
    settings.set("register", work.register.as_deref().unwrap_or(""));
    if work.allow_failure {
        settings.set("allow", "1");
    }
    match work.on_unknown {
        OnUnknown::Fail => {}
        OnUnknown::Rerun => settings.set("unknown", "rerun"),
        OnUnknown::Done => settings.set("unknown", "done"),
    }
    if let Some(watched) = &work.when_changed {
        let ids: Vec<String> = watched.iter().map(ToString::to_string).collect();
        // A step that is not in the plan cannot have changed: number 0 never does.
        settings.set("after", &if ids.is_empty() { "0".to_owned() } else { listed(&ids) });
    }
}

/// What earlier runs did of the step, for one without a check.
fn say_earlier_runs(settings: &mut Settings<'_>, work: &StepSpec) {
    let earlier: Vec<String> = work.earlier.iter().map(|(run, id)| format!("{run}/{id}")).collect();
    settings.set("before", &listed(&earlier));
    match &work.remembered {
        None => {}
        Some(Remembered::Done(run)) => settings.set("word", &format!("'done {run}'")),
        Some(Remembered::Started(run)) => settings.set("word", &format!("'started {run}'")),
    }
}

/// `creates`, where it is the only question and the runner can answer it without a process.
fn lone_creates(work: &StepSpec) -> Option<&Text> {
    let path = work.creates.as_ref()?;
    let absolute = path.raw().starts_with('/') || path.raw().starts_with("~/");
    let alone = work.recipe.check.is_none() && work.unless.is_none() && work.only_if.is_none() && work.when.is_none();
    let known = path.literal().is_some();
    (alone && absolute && known && matches!(work.run_as, RunAs::Login | RunAs::RootToApply)).then_some(path)
}

/// `only_if`, as a guard.
fn only_if(work: &StepSpec) -> Option<Guard<'_>> {
    work.only_if.as_ref().map(|shell| Guard { name: "only_if", shell })
}

/// `unless`, as a guard.
fn unless(work: &StepSpec) -> Option<Guard<'_>> {
    work.unless.as_ref().map(|shell| Guard { name: "unless", shell })
}

/// The guard that is asked before anything else of the step.
fn first_guard(work: &StepSpec) -> Option<Guard<'_>> {
    only_if(work).or_else(|| unless(work))
}

/// `unless`, where it is the only question and the check's shell is a copy of the runner's. Its status is the answer there; the
/// status of another shell may be that of sudo.
fn lone_unless(work: &StepSpec) -> Option<Guard<'_>> {
    let alone = work.recipe.check.is_none() && work.creates.is_none() && work.only_if.is_none();
    unless(work).filter(|_| alone && matches!(work.run_as, RunAs::Login | RunAs::RootToApply))
}

/// The question whether the step is satisfied, needs a change or is skipped, in the order in which its parts are asked.
fn question(work: &StepSpec) -> String {
    if let Some(guard) = lone_unless(work) {
        return guard.alone();
    }
    let mut ask = String::new();
    if let Some(guard) = only_if(work) {
        writeln!(ask, "{}", guard.ask("", "exit 77", ">&2")).expect("a string takes all");
    }
    for (option, value) in work.options() {
        if let (Some(rule), OptionValue::Text(text)) = (option.rule, &value)
            && let Some(question) = rule.question(option, text)
        {
            writeln!(ask, "{question}").expect("a string takes all");
        }
    }
    if let Some(path) = &work.creates {
        writeln!(ask, "[ ! -e {} ] || {{ trap - 0; exit 0; }}", path.quote()).expect("a string takes all");
    }
    if let Some(guard) = unless(work) {
        writeln!(ask, "{}", guard.ask("exit 0", "", ">&2")).expect("a string takes all");
    }
    match &work.recipe.check {
        Some(check) => ask.push_str(check.as_str()),
        None if ask.is_empty() => {}
        None => ask.push_str("needs_change"),
    }
    ask
}

/// What stands behind `cd --`. A directory that is named from the home, or that only the host knows, is looked for there, and `-` is
/// a name as any other.
fn directory(cwd: &Text) -> String {
    let quoted = cwd.quote();
    match cwd.literal() {
        Some(path) if path == "~" || path.starts_with('/') || path.starts_with("~/") => quoted,
        _ => format!("\"$pb_home\" 2>/dev/null || cd /; CDPATH= cd -- {quoted}/."),
    }
}

/// `A='…'; export A` for each.
fn assignments(variables: &[(String, Text)]) -> String {
    let lines: Vec<String> =
        variables.iter().map(|(name, value)| format!("{name}={}; export {name}", value.quote())).collect();
    lines.join("\n")
}

/// What a recipe's functions find in `$arg_FIELD`, as one word for `eval`; empty for a recipe that uses none of them.
fn arguments(recipe: &Recipe) -> String {
    if recipe.args.is_empty() { String::new() } else { recipe.assignments().as_word() }
}

/// The command that writes a content to standard output.
fn content_command(content: &Content, run_as: &RunAs, blobs: &mut Blobs) -> String {
    match content {
        Content::Text(text) if text.raw().len() <= INLINE_LIMIT || text.literal().is_none() => {
            format!("printf %s {}", text.quote_exactly())
        }
        Content::Text(text) => bytes_command(text.raw().as_bytes(), run_as, blobs),
        Content::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if bytes.len() <= INLINE_LIMIT && !text.contains('\0') => {
                format!("printf %s {}", Text::from(text).quote_exactly())
            }
            _ => bytes_command(bytes, run_as, blobs),
        },
    }
}

/// Bytes out of the plan's own file, or in octal for another user, who cannot read that file.
fn bytes_command(bytes: &[u8], run_as: &RunAs, blobs: &mut Blobs) -> String {
    match run_as {
        RunAs::User(_) => {
            let octal: String = bytes.iter().map(|byte| format!("\\0{byte:03o}")).collect();
            format!("printf %b '{octal}'")
        }
        _ => blobs.add(bytes),
    }
}

/// Names as one shell word; nothing for none.
fn listed(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("'{}'", names.join(" ")) }
}

/// A duration for `sleep`: whole seconds, which is all that POSIX knows.
fn seconds(duration: Duration) -> String {
    duration.as_secs().max(u64::from(!duration.is_zero())).to_string()
}
