//! A plan as one POSIX sh program, and its delivery.

use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::Duration;

use crate::event::Mode;
use crate::ids::{RunId, StepId};
use crate::kinds::{self, Content, Recipe};
use crate::plan::{Action, OnUnknown, Plan, PlannedStep, Remembered, RunAs, StepSpec};
use crate::script::{Part, Script, Text};
use crate::secret::Secret;
use crate::transport::Exec;

pub mod points;

const RUNNER: &str = include_str!("runner.sh");
const DELIVER: &str = include_str!("deliver.sh");

/// The largest exec string that is used; a larger program goes over standard input, at the price of a round trip.
///
/// OpenSSH's limit is 131,071 bytes (Linux's for one argument); the rest is room for the login shell's own words.
const EXEC_LIMIT: usize = 120_000;

/// A content larger than this is carried as raw bytes behind the program instead of in its text.
const INLINE_LIMIT: usize = 32 * 1024;

/// How long a host may take to reboot where the step has no `timeout`.
const REBOOT: Duration = Duration::from_mins(10);

/// What makes one run's programs and frames its own.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The run.
    pub run: RunId,
    /// 32 hexadecimal digits that every frame of the run carries.
    pub nonce: String,
    /// Who starts the run and when, as `user@machine 2026-11-24T06:00:00Z`, for whoever finds the host busy.
    pub started_by: String,
    /// The host's POSIX shell, `/bin/sh`.
    pub shell: String,
}

/// What earlier runs saw of a host. Another host, or an older copy of this one, is refused before anything is claimed there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedHost {
    /// The run that saw it last.
    pub run: RunId,
    /// What the machine calls itself in `/etc/machine-id`; `None`: nobody knows, or whoever knows the host has vouched for it.
    pub machine_id: Option<String>,
    /// Results that the host said it had stored: of each run the last one.
    pub stored: Vec<Stored>,
}

/// A result that a host said it had stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The run.
    pub run: RunId,
    /// When the host still had it, RFC 3339: it forgets a run only for the sake of later ones.
    pub since: String,
    /// The step.
    pub step: StepId,
}

impl Stored {
    /// `RUN/STEP:YYYYMMDD:hhmmssmmm`, without anything that a shell could misread.
    fn word(&self) -> String {
        let digits: String = self.since.chars().filter(char::is_ascii_digit).take(17).collect();
        let (day, time) = digits.split_at(digits.len().min(8));
        format!("{}/{}:{day:0<8}:{time:0<9}", self.run, self.step)
    }
}

/// Writes the file that the host keeps as the run's `plan`.
pub fn program(plan: &Plan, identity: &Identity) -> Vec<u8> {
    program_around(&minified(RUNNER), plan, identity)
}

/// The program with this runner.
fn program_around(runner: &str, plan: &Plan, identity: &Identity) -> Vec<u8> {
    let mut blobs = Blobs::default();
    let mut steps = String::new();
    let mut looks = String::new();
    let mut reboots = String::new();
    for step in &plan.steps {
        write!(steps, "pb_step_{}() {{\n{}}}\n", step.id, step_body(step, &mut blobs)).expect("a string takes all");
        if let Action::Apply(work) = &step.action
            && (work.run_as != RunAs::Login || !work.recipe.needs.is_empty())
        {
            write!(looks, " {}", step.id).expect("a string takes all");
        }
        if matches!(&step.action, Action::Apply(work) if work.recipe.reboots()) {
            write!(reboots, " {}", step.id).expect("a string takes all");
        }
    }
    let mode = match plan.mode {
        Mode::Run => "run",
        Mode::Check => "check",
    };
    let helpers: String = kinds::helpers(&scripts(plan)).into_iter().map(|(_, body)| format!("{body}\n")).collect();
    let mut text = format!(
        "pb_run={} pb_nonce={} pb_mode={mode} pb_total={} pb_user_of={} pb_looks={} pb_reboots={} pb_secret={}\n",
        identity.run,
        identity.nonce,
        plan.steps.len(),
        Text::from(identity.started_by.as_str()).quote(),
        Text::from(looks.trim_start()).quote(),
        Text::from(reboots.trim_start()).quote(),
        if plan.secrets.is_empty() { "" } else { "1" },
    );
    text.push_str(runner);
    writeln!(text, "pb_lib={}", Script::author(helpers).as_word()).expect("a string takes all");
    text.push_str(&steps);
    text.push_str("pb_main\nexit\n");
    blobs.place(text)
}

/// All shell of a plan, for finding the helpers that it mentions.
fn scripts(plan: &Plan) -> Vec<&str> {
    plan.steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Apply(work) => Some(work),
            Action::Skip { .. } => None,
        })
        .flat_map(|work| work.recipe.check.iter().chain([&work.recipe.apply]))
        .map(Script::as_str)
        .collect()
}

/// Raw bytes that stand behind the program's text; their places are known only once the text is whole.
#[derive(Default)]
struct Blobs {
    bytes: Vec<Vec<u8>>,
}

impl Blobs {
    /// Digits for a place in the file, the same number of them whatever the place is.
    const WIDTH: usize = 10;

    /// Takes a blob in and gives the shell that writes it to standard output.
    fn add(&mut self, bytes: &[u8]) -> String {
        self.bytes.push(bytes.to_vec());
        format!("tail -c +{} \"$pb_plan\" | head -c {}", Self::mark(self.bytes.len() - 1), bytes.len())
    }

    fn mark(index: usize) -> String {
        format!("@{index:0width$}", width = Self::WIDTH - 1)
    }

    /// Puts the blobs behind the text and writes their places into it.
    fn place(self, text: String) -> Vec<u8> {
        let mut at = text.len() + 1;
        let mut text = text;
        for (index, bytes) in self.bytes.iter().enumerate() {
            text = text.replacen(&Self::mark(index), &format!("{at:0width$}", width = Self::WIDTH), 1);
            at += bytes.len();
        }
        let mut file = text.into_bytes();
        file.extend(self.bytes.into_iter().flatten());
        file
    }
}

/// What the function of one step says of it.
fn step_body(step: &PlannedStep, blobs: &mut Blobs) -> String {
    let mut body = String::new();
    let mut set = |name: &str, value: &str| {
        if !value.is_empty() {
            writeln!(body, "{name}={value}").expect("a string takes all");
        }
    };
    let quoted = |text: &str| Script::author(text).as_word();
    let work = match &step.action {
        Action::Skip { .. } => {
            set("skip", "1");
            return body;
        }
        Action::Apply(work) => work,
    };
    let alone = lone_creates(work);
    if let Some(path) = alone {
        set("creates", &path.quote());
    } else {
        let ask = question(work);
        if !ask.is_empty() {
            set("ask", &quoted(&ask));
        }
        if work.recipe.check.is_none() && work.creates.is_none() && work.only_if.is_none() && work.unless.is_some() {
            set("guard", "1");
        }
    }
    if work.has_check() && alone.is_none() {
        set("verify", "check");
    }
    if let Some(manual) = work.recipe.manual() {
        set("byhand", &quoted(&manual.text.quote()));
        if manual.wait {
            set("wait", "1");
        }
    } else {
        set("apply", &work.recipe.apply.as_word());
    }
    match &work.run_as {
        RunAs::Login => {}
        RunAs::Root => set("as", "root"),
        RunAs::RootToApply => set("as", "apply"),
        RunAs::User(name) => {
            set("as", "user");
            set("user", &name.quote());
        }
    }
    if let Some(cwd) = &work.cwd {
        set("cwd", &quoted(&cwd.quote()));
    }
    if !work.env.is_empty() {
        set("env", &quoted(&assignments(&work.env)));
    }
    set("args", &arguments(&work.recipe));
    if let Some(content) = work.recipe.content() {
        set("content", &quoted(&format!("pb_content() {{ {}; }}", content_command(content, &work.run_as, blobs))));
    }
    if !work.recipe.exports().is_empty() {
        set("exports", &quoted(&assignments(work.recipe.exports())));
        let names: Vec<&str> = work.recipe.exports().iter().map(|(name, _)| name.as_str()).collect();
        set("export_names", &quoted(&names.join(" ")));
    }
    let (registered, secrets) = holes(work);
    set("uses", &listed(&registered));
    set("secrets", &listed(&secrets));
    let needs: Vec<String> = work.recipe.needs.iter().map(|need| need.any_of.join("|")).collect();
    set("needs", &listed(&needs));
    if let Some(shell) = work.recipe.interpreter() {
        set("shell", shell);
    }
    if let Some(timeout) = work.timeout.or(work.recipe.reboots().then_some(REBOOT)) {
        set("timeout", &seconds(timeout));
    }
    if work.recipe.reboots() {
        set("reboot", "1");
    }
    if work.retries > 0 {
        set("retries", &work.retries.to_string());
        set("delay", &seconds(work.delay));
    }
    set("register", work.register.as_deref().unwrap_or(""));
    if work.allow_failure {
        set("allow", "1");
    }
    match work.on_unknown {
        OnUnknown::Fail => {}
        OnUnknown::Rerun => set("unknown", "rerun"),
        OnUnknown::Done => set("unknown", "done"),
    }
    if work.only_when_changed {
        let ids: Vec<String> = work.when_changed.iter().map(ToString::to_string).collect();
        // (A step that is not in the plan cannot have changed: number 0 never does.)
        set("after", &if ids.is_empty() { "0".to_owned() } else { listed(&ids) });
    }
    let earlier: Vec<String> = work.earlier.iter().map(|(run, id)| format!("{run}/{id}")).collect();
    set("before", &listed(&earlier));
    match &work.remembered {
        None => {}
        Some(Remembered::Done(run)) => set("word", &format!("'done {run}'")),
        Some(Remembered::Begun(run)) => set("word", &format!("'begun {run}'")),
    }
    // (Only where nothing can be asked does a later run look at what this one stored.)
    if !work.has_check() {
        set("step_digest", &step.digest.as_str()[..16]);
    }
    body
}

/// `creates`, where it is the only question and the runner can answer it without a process.
fn lone_creates(work: &StepSpec) -> Option<&Text> {
    let path = work.creates.as_ref()?;
    let absolute = path.raw().starts_with('/') || path.raw().starts_with("~/");
    let alone = work.recipe.check.is_none() && work.unless.is_none() && work.only_if.is_none();
    (alone && absolute && matches!(work.run_as, RunAs::Login | RunAs::RootToApply)).then_some(path)
}

/// Everything that can say *so*, *not so* or *passed over*, in the order in which it is asked.
fn question(work: &StepSpec) -> String {
    let mut ask = String::new();
    let author = |script: &Script| format!("eval {}", script.as_word());
    if let Some(only_if) = &work.only_if {
        writeln!(ask, "( {} ) >&2 || exit 77", author(only_if)).expect("a string takes all");
    }
    if let Some(path) = &work.creates {
        writeln!(ask, "[ ! -e {} ] || exit 0", path.quote()).expect("a string takes all");
    }
    match (&work.unless, &work.recipe.check) {
        (Some(unless), None) if ask.is_empty() => ask.push_str(unless.as_str()),
        (Some(unless), check) => {
            writeln!(ask, "if ( {} ) >&2; then exit 0; fi", author(unless)).expect("a string takes all");
            ask.push_str(check.as_ref().map_or("not_so", Script::as_str));
        }
        (None, Some(check)) => ask.push_str(check.as_str()),
        (None, None) if ask.is_empty() => {}
        (None, None) => ask.push_str("not_so"),
    }
    ask
}

/// `A='…'; export A` for each.
fn assignments(variables: &[(String, Text)]) -> String {
    let lines: Vec<String> =
        variables.iter().map(|(name, value)| format!("{name}={}; export {name}", value.quote())).collect();
    lines.join("\n")
}

/// What a recipe's functions find in `$arg_FIELD`, as one word for `eval`; empty for a recipe that uses none of them.
fn arguments(recipe: &Recipe) -> String {
    let shells = recipe.check.iter().chain([&recipe.apply]).map(Script::as_str);
    if recipe.args.is_empty() && kinds::helpers(&shells.collect::<Vec<_>>()).is_empty() {
        return String::new();
    }
    let assignments: Vec<String> =
        recipe.args.iter().map(|(name, value)| format!("arg_{name}={}", value.as_str())).collect();
    Script::author(if assignments.is_empty() { ":".to_owned() } else { assignments.join(" ") }).as_word()
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

/// Bytes out of the plan's own file, or (for another user, who cannot read it) spelt out.
fn bytes_command(bytes: &[u8], run_as: &RunAs, blobs: &mut Blobs) -> String {
    match run_as {
        RunAs::User(_) => {
            let spelt: String = bytes.iter().map(|byte| format!("\\0{byte:03o}")).collect();
            format!("printf %b '{spelt}'")
        }
        _ => blobs.add(bytes),
    }
}

/// The names of registered values and of secrets that a step uses, each once.
fn holes(work: &StepSpec) -> (Vec<String>, Vec<String>) {
    let mut registered = Vec::new();
    let mut secrets = Vec::new();
    let mut note = |text: &str| {
        for (prefix, list) in [("$pb_r_", &mut registered), ("$pb_s_", &mut secrets)] {
            for behind in text.split(prefix).skip(1) {
                let name: String = behind.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                if !list.contains(&name) {
                    list.push(name);
                }
            }
        }
    };
    let scripts = [Some(&work.recipe.apply), work.recipe.check.as_ref(), work.only_if.as_ref(), work.unless.as_ref()];
    let arguments = work.recipe.args.iter().map(|(_, value)| value);
    for script in scripts.into_iter().flatten().chain(arguments) {
        note(script.as_str());
    }
    let user = match &work.run_as {
        RunAs::User(name) => Some(name),
        _ => None,
    };
    let content = match work.recipe.content() {
        Some(Content::Text(text)) => Some(text),
        _ => None,
    };
    let manual = work.recipe.manual().map(|manual| &manual.text);
    let variables = work.env.iter().chain(work.recipe.exports()).map(|(_, value)| value);
    for text in [work.creates.as_ref(), work.cwd.as_ref(), user, content, manual].into_iter().flatten().chain(variables)
    {
        for part in text.parts() {
            match part {
                Part::Letters(_) => {}
                Part::Registered(name) => note(&format!("$pb_r_{name}")),
                Part::Secret(name) => note(&format!("$pb_s_{name}")),
            }
        }
    }
    (registered, secrets)
}

/// Names as one shell word; nothing for none.
fn listed(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("'{}'", names.join(" ")) }
}

/// A duration for `sleep`: whole seconds, which is all that POSIX knows.
fn seconds(duration: std::time::Duration) -> String {
    duration.as_secs().max(u64::from(!duration.is_zero())).to_string()
}

/// Our own shell without its comment lines and indentation: every byte is sent each time. (Not for anything with text over
/// several lines in it that means its blanks.)
pub(super) fn minified(shell: &str) -> String {
    let kept = shell.lines().filter(|line| {
        let line = line.trim_start();
        !line.is_empty() && (!line.starts_with('#') || line.starts_with("# pb-end"))
    });
    kept.fold(String::new(), |mut out, line| {
        out.push_str(line.trim_start_matches(' '));
        out.push('\n');
        out
    })
}

/// Wraps a program for one exec.
///
/// `from` is the first byte of the run's log that is wanted, counted from 1; `after` names a run that is to be followed
/// instead, as long as it goes on; `known` is the host that is meant.
pub fn delivery(
    program: &[u8],
    identity: &Identity,
    from: u64,
    after: Option<&RunId>,
    known: Option<&ExpectedHost>,
    secrets: &[(String, Secret)],
) -> Exec {
    let mut input = Input::new(secrets);
    let sum = cksum(program);
    let header = |input: &Input| {
        header(identity, from, &sum, known, &input.what, &format!("pb_after={}", after.map_or("", RunId::as_str)))
    };
    // (A NUL cannot be in an argument, not even spelt: some shells end the text there.)
    if !program.contains(&0) {
        let command = wrap_spelt(identity, &[header(&input), encode(program)]);
        if command.len() <= EXEC_LIMIT {
            return Exec { command, stdin: input.bytes };
        }
    }
    input.what.push_str(" plan");
    input.bytes.extend(program);
    Exec { command: wrap_spelt(identity, &[header(&input)]), stdin: input.bytes }
}

/// The command that follows a run which the host knows already. It begins nothing.
///
/// With `resume` it starts a runner on the host's own plan where there is none before the run is over, and gives it these
/// secrets. `known` is the host that is meant.
pub fn follow(
    identity: &Identity,
    from: u64,
    resume: Option<&[(String, Secret)]>,
    known: Option<&ExpectedHost>,
) -> Exec {
    let input = Input::new(resume.unwrap_or_default());
    let how = if resume.is_some() { "pb_follow=1 pb_resume=1" } else { "pb_follow=1" };
    let command = wrap_spelt(identity, &[header(identity, from, "", known, &input.what, how)]);
    Exec { command, stdin: input.bytes }
}

/// What goes over standard input.
struct Input {
    /// What it is, for the delivery's shell.
    what: String,
    bytes: Vec<u8>,
}

impl Input {
    /// The secrets' line, which comes first; nothing where there are none.
    fn new(secrets: &[(String, Secret)]) -> Self {
        if secrets.is_empty() {
            return Self { what: String::new(), bytes: Vec::new() };
        }
        let mut bytes = secret_line(secrets).expose().as_bytes().to_vec();
        bytes.push(b'\n');
        Self { what: "secrets".to_owned(), bytes }
    }
}

/// The delivery's shell as it is spelt: the same for every connection.
static DELIVERY: LazyLock<String> = LazyLock::new(|| encode(minified(DELIVER).as_bytes()));

/// The delivery's shell, spelt, with what it has to know in front; `more` are assignments that stand behind empty ones.
fn header(identity: &Identity, from: u64, sum: &str, known: Option<&ExpectedHost>, stdin: &str, more: &str) -> String {
    // (Whatever a journal says of the machine's name: what is none is not sent.)
    let machine_id = known.and_then(|known| known.machine_id.as_deref()).filter(|id| is_machine_id(id));
    let stored: Vec<String> = known.iter().flat_map(|known| &known.stored).map(Stored::word).collect();
    let settings = format!(
        "pb_run={} pb_nonce={} pb_from={from} pb_sum='{sum}' pb_stdin='{stdin}' pb_after= pb_follow= pb_resume= \
         pb_host={} pb_stored='{}' {more}\n",
        identity.run,
        identity.nonce,
        machine_id.unwrap_or_default(),
        stored.join(" "),
    );
    encode(settings.as_bytes()) + &DELIVERY
}

/// Whether a text can be a machine's name in `/etc/machine-id`.
pub(super) fn is_machine_id(text: &str) -> bool {
    text.len() == 32 && super::record::is_hex(text)
}

/// The exec string: a constant that no login shell can misread, and arguments spelt so that none can either.
pub(super) fn wrap(identity: &Identity, words: &[&[u8]]) -> Vec<u8> {
    let spelt: Vec<String> = words.iter().map(|word| encode(word)).collect();
    wrap_spelt(identity, &spelt)
}

/// The same, of arguments that are spelt already.
fn wrap_spelt(identity: &Identity, words: &[String]) -> Vec<u8> {
    let encoded: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    format!("exec {} -c 'p=$(printf %b \"$1\")&&eval \"$p\"' pinboot {}", identity.shell, encoded.join(" "))
        .into_bytes()
}

/// One line of shell that puts each secret into a file of its own in `$pb_mem`, as an assignment.
fn secret_line(secrets: &[(String, Secret)]) -> Secret {
    let line = secrets.iter().fold(String::new(), |mut line, (name, secret)| {
        let assignment =
            zeroize::Zeroizing::new(format!("pb_s_{name}={}", Text::from(secret.expose()).quote_exactly()));
        // (`%b` again, so that the whole is one line without quotes.)
        write!(line, "printf %b '{}\\n' >\"$pb_mem/{name}\" && ", encode(assignment.as_bytes()))
            .expect("a string takes all");
        line
    });
    Secret::new(format!("{line}:"))
}

/// Letters for an argument of `printf %b` between single quotes, so that no login shell can misread them.
///
/// Fish reads backslashes between single quotes and tcsh reads `!` and newlines there (measured), so these and the quote
/// are spelt in octal; a newline is `\n`.
fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() + bytes.len() / 8), |mut out, &byte| {
        match byte {
            b'\n' => out.push_str("\\n"),
            b' '..=b'~' if !b"'\\!".contains(&byte) => out.push(char::from(byte)),
            _ => write!(out, "\\0{byte:03o}").expect("a string takes all"),
        }
        out
    })
}

/// What POSIX `cksum` prints for these bytes: CRC and size.
pub(super) fn cksum(bytes: &[u8]) -> String {
    format!("{} {}", crate::crc32::cksum(bytes), bytes.len())
}
