//! The engine's sentences for people. Nothing reads them back: decisions are made on types.

use std::time::Duration;

use super::ledger::{Contradiction, Findings};
use crate::event::{GuardFault, Outcome, Reason, group_words};
use crate::exit::Exit;
use crate::host_value;
use crate::ids::{RunId, StepId};
use crate::remote::frame::{HomeFault, RecordFault, SudoFault};
use crate::secret::HostText;
use crate::transport::{login_as, user_to_use};

/// Why a host did not carry out the run: exit code, sentence and advice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) exit: Exit,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Refusal {
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    pub(super) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    fn unfit(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Exit::HostUnfit, message).with_hint(hint)
    }
}

/// Advice for a host whose record contradicts the journal.
const INSPECT: &str = "nothing was started; inspect the host, then start a new run (checks skip what is already done): pinboot run PLAYBOOK";

/// Why a step ended as it did; `skipped` is what the plan says of a step that it skips.
pub(super) fn why(outcome: Outcome, reason: &Reason, skipped: Option<&str>) -> Option<String> {
    Some(match reason {
        Reason::Manual => "a person has to do this".to_owned(),
        Reason::When => return skipped.map(str::to_owned),
        Reason::OnlyIf => "`only_if` failed".to_owned(),
        Reason::GroupOnlyIf { group } => format!("`only_if` of {} failed", group_words(group)),
        Reason::WhenChanged => "none of the steps in `when_changed` changed".to_owned(),
        Reason::DoneEarlier { earlier_run } => format!("done in run {earlier_run}"),
        Reason::FoundDone => "its result was lost, but its check passes".to_owned(),
        Reason::AssumedDone => "its result was lost; assumed to be done (on_unknown: done)".to_owned(),
        Reason::Owed => "an earlier change was still owed to it".to_owned(),
        Reason::Always => "it has no check and runs each time".to_owned(),
        Reason::Rebooted | Reason::Status | Reason::Integrity => return None,
        Reason::CheckError => "the check failed".to_owned(),
        Reason::GuardError { guard, group, fault } => guard_error(guard, group.as_deref(), *fault),
        Reason::Verify => "the command succeeded, but the check still reports a difference".to_owned(),
        Reason::Timeout { alive } => and_alive("it took longer than its timeout", alive.as_deref()),
        Reason::CheckTimeout { alive } => and_alive("its check took longer than the step's timeout", alive.as_deref()),
        Reason::Stopped { alive } if outcome == Outcome::Unknown => {
            and_alive("its check was stopped", alive.as_deref())
        }
        Reason::Stopped { alive } => and_alive("it was stopped", alive.as_deref()),
        Reason::NotRebooted => "the host did not reboot in time: it is in the same boot as before".to_owned(),
        Reason::SecretMissing { secret } => {
            format!("the host no longer has the secret `{secret}`: `pinboot rerun` sends it again")
        }
        Reason::NotRegistered { variable } => format!(
            "nothing was registered as `{variable}`: the step that registers it was unchanged or skipped, so it printed nothing"
        ),
        Reason::FactUnknown { fact } => match host_value::fact(fact) {
            Some(known) => format!("`host.{fact}` could not be found out on this host: it comes from {}", known.source),
            None => format!("`host.{fact}` could not be found out on this host"),
        },
        Reason::NoValue { message } => message.clone(),
        Reason::DiskFull => "there is no space left on the host for its result".to_owned(),
        Reason::ReadOnly => "its result could not be stored: the host's file system has become read-only".to_owned(),
        Reason::ResultLost { earlier_run: None } => "started, no result recorded, and there is no check".to_owned(),
        Reason::ResultLost { earlier_run: Some(run) } => {
            format!("started in run {run}, no result recorded there, and there is no check")
        }
        Reason::NotStored { result } => {
            format!("it ended as {result}, but the host could not store that")
        }
        Reason::NotAsked => "started, no result recorded, and the run was stopped before its check".to_owned(),
        Reason::Other { word } => format!("the host's runner reported `{word}`"),
    })
}

/// A guard that could not find out.
fn guard_error(guard: &str, group: Option<&str>, fault: GuardFault) -> String {
    let why = match fault {
        GuardFault::NotFound => {
            "a command in it was not found (status 127); if that is an answer, ask `command -v NAME`".to_owned()
        }
        GuardFault::NotExecutable => "a command in it cannot be executed (status 126)".to_owned(),
        GuardFault::Signal { number } => format!("it was killed by signal {number}"),
        GuardFault::Syntax => "the host's shell does not understand it".to_owned(),
    };
    let whose = group.map_or_else(String::new, |group| format!(" of {}", group_words(group)));
    format!("`{guard}`{whose} could not find out: {why}")
}

/// What ended a step, and what of it lives all the same.
fn and_alive(what: &str, alive: Option<&str>) -> String {
    match alive {
        Some(alive) => format!("{what}; still alive on the host: {alive}"),
        None => what.to_owned(),
    }
}

/// Another run holds the host; `owner` is what it wrote about itself.
pub(super) fn busy(owner: &str) -> String {
    let mut words = owner.split_ascii_whitespace().map(|word| HostText::new(word).without_secrets());
    let mut next = || words.next().unwrap_or_else(|| "-".to_owned());
    let (run, who, since) = (next(), next(), next());
    if run == "-" {
        return "another process holds the host's lock, and no runner of a run lives that has taken it".to_owned();
    }
    format!("another run holds the host: run {run}, started by {who} at {since}")
}

/// The end of a run that its host could not carry out, where the reason was lost with the runner.
pub(super) fn unfit_for_an_unknown_reason() -> Refusal {
    Refusal::unfit(
        "the host cannot carry out the run",
        "start a new run; it will report the reason if the problem persists",
    )
}

/// The host has another plan under the run's id.
pub(super) fn other_plan() -> Refusal {
    Refusal::new(Exit::Mismatch, "the host has a run of this id with another plan").with_hint("start a new run")
}

/// The host lacks the record of an earlier run.
pub(super) fn record_lost(run: &RunId) -> Refusal {
    let message = format!(
        "the host has no record of run {run}, which was started there, and has not had enough runs since to forget it: \
         this is another host or an older copy of its disk, or ~/.pinboot was removed there"
    );
    Refusal::new(Exit::Mismatch, message).with_hint(INSPECT)
}

/// The host's record of an earlier run lacks a result that it had stored.
pub(super) fn record_stale(run: &RunId, step: StepId) -> Refusal {
    let message = format!(
        "the host has no result of step {step} in its record of run {run}, although it had stored one: this is an older \
         copy of that host's disk"
    );
    Refusal::new(Exit::Mismatch, message).with_hint(INSPECT)
}

/// The user's home directory cannot be used.
pub(super) fn home(fault: &HomeFault, clean: impl Fn(&str) -> String) -> Refusal {
    match fault {
        HomeFault::Unset => Refusal::unfit("the login shell has no HOME", "give the user a home directory on the host"),
        HomeFault::NotEntered(path) => Refusal::unfit(
            format!("the user's home directory {} cannot be entered", clean(path)),
            "create it on the host and give it to the user, or log in as another user",
        ),
    }
}

/// The run's record cannot be kept.
pub(super) fn record(fault: &RecordFault, clean: impl Fn(&str) -> String) -> Refusal {
    match fault {
        RecordFault::Link => {
            Refusal::unfit("~/.pinboot on the host is a symbolic link", "inspect it, and remove it if it is not yours")
        }
        RecordFault::Owner => Refusal::unfit(
            "~/.pinboot on the host belongs to another user",
            "inspect it, and remove it if it is not yours",
        ),
        RecordFault::Mode => Refusal::unfit(
            "~/.pinboot on the host can be read or written by others",
            "type `chmod 700 ~/.pinboot` there",
        ),
        RecordFault::CutOff => cut_off(false),
        RecordFault::NoLock => Refusal::unfit(
            "the host has neither flock nor /proc, so two runs at once could not be kept apart",
            "install util-linux on the host, or mount /proc",
        ),
        RecordFault::Error(text) => record_error(&clean(text)),
    }
}

/// The record cannot be kept, and a program on the host said this.
fn record_error(text: &str) -> Refusal {
    if text.contains("No space left") || text.contains("quota") {
        Refusal::unfit(
            format!("the host's disk is full: {text}"),
            "free some space in the user's home directory (`df -h ~`, `df -i ~`) and run the command again",
        )
    } else if text.contains("File exists") {
        Refusal::unfit(
            format!("~/.pinboot on the host is not a folder: {text}"),
            "inspect it, and move it away if you do not need it",
        )
    } else if text.contains("Read-only") {
        Refusal::unfit(
            format!("the host's home directory is read-only: {text}"),
            "the file system may be damaged: see `dmesg` on the host, and remount it writable",
        )
    } else {
        Refusal::unfit(
            format!("the run's record cannot be kept in ~/.pinboot on the host: {text}"),
            "make the user's home directory writable for the user",
        )
    }
}

/// The host cannot hold the run's secrets.
pub(super) fn memory(text: &str) -> Refusal {
    if text.is_empty() {
        Refusal::unfit(
            "the host has no file system in memory for the secrets ($XDG_RUNTIME_DIR or /dev/shm)",
            "mount a tmpfs on /dev/shm, or take the variables out of `secrets:`",
        )
    } else {
        Refusal::unfit(
            format!("the secrets cannot be held in the host's memory: {text}"),
            "free some space in /dev/shm",
        )
    }
}

/// A step needs root, and `sudo` does not give it.
pub(super) fn sudo(step: &str, fault: &SudoFault, clean: impl Fn(&str) -> String) -> Refusal {
    let needs = format!("the step `{step}` needs root");
    let text = match fault {
        SudoFault::Missing => {
            return Refusal::unfit(
                format!("{needs}, and the host has no sudo"),
                "log in as root, or install sudo (or doas)",
            );
        }
        SudoFault::NoAnswer(limit) => {
            return Refusal::unfit(
                format!("{needs}, and sudo gave no answer in {}", clean(limit)),
                "see what `sudo -n true` waits for on the host: PAM, a directory service or name resolution may hang",
            );
        }
        SudoFault::WrongPassword => {
            return Refusal::unfit(
                format!("{needs}, and sudo does not take the password"),
                "it was tried once; give the right one with --ask-sudo-pass, PINBOOT_SUDO_PASSWORD or the host's `sudo_password`",
            );
        }
        SudoFault::Error(text) => clean(text),
    };
    if text.contains("password") {
        Refusal::unfit(
            format!("{needs}, and sudo asks for a password"),
            "give it with --ask-sudo-pass or PINBOOT_SUDO_PASSWORD, or let the user use sudo without one (`NOPASSWD:` in /etc/sudoers.d), \
             as EC2's images do for ec2-user and ubuntu",
        )
    } else if text.starts_with("doas:") {
        Refusal::unfit(
            format!("{needs}, and doas refuses: {text}"),
            "doas asks for a password at a terminal alone: write `permit nopass USER` into /etc/doas.conf, or install sudo",
        )
    } else if text.contains("tty") {
        Refusal::unfit(
            format!("{needs}, and sudo wants a terminal"),
            "take `requiretty` out of /etc/sudoers for the user",
        )
    } else if text.contains("not in the sudoers") || text.contains("not allowed") {
        Refusal::unfit(
            format!("{needs}, and the user may not use sudo"),
            "log in as a user who may (ec2-user, ubuntu), or add the user to sudoers",
        )
    } else {
        Refusal::unfit(format!("{needs}, and sudo says: {text}"), "fix sudo on the host")
    }
}

/// None of the programs that a step needs is there; `hint` says where to get one.
pub(super) fn tools(step: &str, any_of: &str, hint: Option<&str>) -> Refusal {
    let lack = match any_of.split_once('|') {
        Some(_) => format!("neither {}", any_of.replace('|', " nor ")),
        None => format!("no {any_of}"),
    };
    Refusal::unfit(
        format!("the host has {lack}, which the step `{step}` needs"),
        hint.unwrap_or("install one of them first"),
    )
}

/// The host ends everything of a login when its connection ends.
pub(super) const SESSION_NOTE: (&str, &str) = (
    "the host ends everything of a login with its connection (KillUserProcesses=yes), including the run",
    "let the user use sudo, or type `sudo loginctl enable-linger` for the user there",
);

/// The host sends standard error on standard output.
pub(super) fn merged_streams(run: &RunId) -> (String, String) {
    let message = "the host sends what commands print on standard error as standard output (a wrapper or a forced command \
                   with `2>&1`), so the output of steps is not shown";
    (message.to_owned(), format!("see ~/.pinboot/runs/{run}/out on the host"))
}

/// How many steps a sentence names.
const MAX_NAMED: usize = 20;

/// What a host reported does not match the plan.
pub(super) fn does_not_match(findings: &Findings, title: impl Fn(StepId) -> String) -> String {
    let list = |steps: &[StepId]| {
        let named: Vec<String> = steps.iter().take(MAX_NAMED).map(|step| title(*step)).collect();
        match steps.len().saturating_sub(MAX_NAMED) {
            0 => named.join(", "),
            more => format!("{} and {more} more", named.join(", ")),
        }
    };
    let mut parts = Vec::new();
    if !findings.missing.is_empty() {
        parts.push(format!("there is no result of {}", list(&findings.missing)));
    }
    if let Some(running) = findings.running {
        parts.push(format!("{} was still running", title(running)));
    }
    if !findings.unknown.is_empty() {
        parts.push(format!("the outcome of {} is unknown", list(&findings.unknown)));
    }
    let contradictions = findings.contradictions.iter().take(MAX_NAMED).map(|contradiction| match contradiction {
        Contradiction::NotPlanned(step) => format!("step {step} is not in the plan"),
        Contradiction::Twice(step) => format!("{} was reported twice", title(*step)),
        Contradiction::OutOfOrder(step) => format!("{} was reported after a later step", title(*step)),
        Contradiction::Changed(step, outcome) => {
            format!("{} was changed, and was then reported as {}", title(*step), outcome.word())
        }
        Contradiction::OfOtherMode(step, outcome) => {
            format!("{} was reported as {}, which a run cannot have", title(*step), outcome.word())
        }
        Contradiction::EndWithoutCause(how) => format!("the run ended as {how}, and no step did"),
    });
    parts.extend(contradictions);
    parts.dedup();
    format!("what the host reported does not match the plan: {}", parts.join("; "))
}

/// Between the output of two attempts at a step.
pub(super) fn next_attempt(status: i32, attempt: u32) -> String {
    format!("(exit status {status}; starting attempt {attempt})\n")
}

/// In the output of a step that waits for a person.
pub(super) const WAITING_FOR_A_PERSON: &str = "(waiting for you to do this)\n";

/// The user stopped before anything was sent.
pub(super) const NOTHING_STARTED: &str = "nothing was started";
/// The user stopped before the host said a word about the run.
pub(super) const NOT_ANSWERED: &str = "the host has not answered: it is not known whether the run was started there";
/// The user stopped the run, here.
pub(super) const STOPPED: &str = "stopped at your request; no further steps were started";
/// The run was stopped while it was followed, but not here.
pub(super) const STOPPED_ELSEWHERE: &str = "the run was stopped from elsewhere; no further steps were started";
/// The run that was to be followed had been stopped.
pub(super) const WAS_STOPPED: &str = "the run was already stopped before its last step";
/// The runner is gone.
pub(super) const RUNNER_DIED: &str = "the runner died (killed, or the host restarted)";
/// The time for reconnecting is over.
pub(super) const NOT_RESTORED: &str = "the connection was lost and not restored in time";
/// The host accepts each connection, and ends it without anything new.
pub(super) const ENDS_EACH_CONNECTION: &str = "the host ends each connection soon and reports nothing new of the run";
/// The command that follows the run ended before the run did: it, or the runner, was killed.
pub(super) const CHANNEL_CLOSED: &str =
    "the host closed the channel before the run ended; the next connection shows whether the run continues";
/// The delivery was killed each time.
pub(super) const KEPT_EXITING: &str = "the remote command kept exiting before producing output";
/// The host ran pinboot's side before.
pub(super) const NO_LONGER_REPORTS: &str = "connected, but the host no longer reports this run";
/// The host says that it is not the one that is expected.
pub(super) const NOT_THE_MACHINE: &str = "the host reports that it is another machine";
/// What can be done about a busy host.
pub(super) const BUSY_HINT: &str = "give --wait to wait for its end; two runs at once would interfere with each other";

/// Why the remote command ended.
pub(super) fn command_ended(signal: Option<&str>) -> String {
    match signal {
        Some(signal) => format!("the remote command was killed (signal {})", HostText::new(signal).without_secrets()),
        None => "the remote command exited".to_owned(),
    }
}

/// The connection is lost, and the host has reported the run.
pub(super) fn continues_without_us(reason: &str) -> String {
    format!("{reason}; the run continues on the host")
}

/// The host was not reached. Whether it is carrying out the run is not known; `is_reported`: it was, when it was last asked.
pub(super) fn not_known(refusal: &Refusal, is_reported: bool) -> String {
    let hint = refusal.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
    let run =
        if is_reported { "the run may continue on the host" } else { "it is not known whether the run was started" };
    format!("{}{hint}; {run}", refusal.message)
}

/// What may keep a login from running a command.
const START_UP_FILES: &str = "a start-up file of the login shell (.bashrc, .profile, .cshrc, /etc/profile.d) or a forced \
                              command may wait for something: see what `ssh USER@HOST true` does";

/// What reads the standard input of a login before the command does.
const INPUT_READERS: &str = "a start-up file of the login shell (.bashrc, .cshrc, config.fish, /etc/profile.d) is the likely \
                             reader: let it read only at a terminal, as in `[ -t 0 ] && read answer`";

/// Something on the host has read what was sent: message and advice.
pub(super) fn input_was_read() -> (&'static str, &'static str) {
    ("the login read what was sent to the run over standard input; sending it in another way", INPUT_READERS)
}

/// The program did not arrive; `was_read`: nothing that goes over standard input does.
pub(super) fn cut_off(was_read: bool) -> Refusal {
    if was_read {
        Refusal::unfit(
            "the login reads all of standard input, and secrets can go no other way",
            "change that start-up file, or take the variables out of `secrets:`",
        )
    } else {
        Refusal::unfit("the program did not arrive complete", "run the command again")
    }
}

/// What is waited for once a login has taken long.
pub(super) fn start_note(waited: Duration) -> (String, &'static str) {
    let message = format!("logged in; the host has not run the command for {} s", waited.as_secs());
    (message, START_UP_FILES)
}

/// The command did not run in time.
pub(super) fn not_run(limit: Duration) -> String {
    format!("the login succeeded, but the host did not run the command in {} s", limit.as_secs())
}

/// The command did not run in time, on the first connection; what the login printed and what the host showed before it.
pub(super) fn never_run(limit: Duration, noise: &str, banner: &str) -> Refusal {
    let printed = if noise.is_empty() { String::new() } else { format!("; it printed: {}", last_lines(noise)) };
    let message = format!("{}{printed}{}", not_run(limit), shown_before(noise, banner));
    match user_to_use(noise).or_else(|| user_to_use(banner)) {
        Some(user) => Refusal::new(Exit::LoginRefused, message).with_hint(login_as(user)),
        None => Refusal::unfit(message, START_UP_FILES),
    }
}

/// What a host showed before the login, where it did and has not printed the same since.
fn shown_before(noise: &str, banner: &str) -> String {
    let is_new = !banner.is_empty() && !one_line(noise).contains(&one_line(banner));
    if is_new { format!("; before the login the host showed “{banner}”") } else { String::new() }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The end of what something printed, in one line.
fn last_lines(noise: &str) -> String {
    let lines: Vec<&str> = noise.lines().collect();
    lines[lines.len().saturating_sub(3)..].join(" / ")
}

/// A host that names another user than the one who logged in. A banner alone does not say that: every user sees it.
pub(super) fn other_user(noise: &str, banner: &str) -> Option<Refusal> {
    user_to_use(noise).map(|user| named_user(user, noise, banner))
}

fn named_user(user: &str, noise: &str, banner: &str) -> Refusal {
    let sentence = one_line(noise);
    let says = if sentence.is_empty() { "prints nothing".to_owned() } else { format!("says “{sentence}”") };
    let before = shown_before(noise, banner);
    let message = format!("the host does not let this user run commands; it {says}{before}");
    Refusal::new(Exit::LoginRefused, message).with_hint(login_as(user))
}

/// The host cannot continue a run of which something was started.
pub(super) fn cannot_continue(message: &str, current_step: Option<&str>) -> String {
    match current_step {
        Some(step) => format!("{message}; the run cannot continue there, and the outcome of {step} is not known"),
        None => format!("{message}; the run cannot continue there"),
    }
}

/// Another run of the same plan is still running: message and advice.
pub(super) fn other_run(run: &RunId) -> (String, String) {
    let hint = format!("type `pinboot rerun {run}` to follow it, or give --wait");
    (format!("run {run} is still running on the host"), hint)
}

/// A busy host, and how long was waited for it.
pub(super) fn waited_for(message: &str, waited: Duration) -> String {
    match waited.as_secs() {
        0 => message.to_owned(),
        seconds => format!("{message}; gave up after {seconds} s"),
    }
}

/// The run that was to be followed is not on the host, and nothing says that it ever was.
pub(super) fn never_arrived(run: &RunId) -> String {
    format!("run {run} never reached the host: nothing was started")
}

/// The run that was to be followed was on the host.
pub(super) fn no_record(run: &RunId) -> Refusal {
    let message = format!("the host has no record of run {run}, which was started there");
    let hint = "the address may belong to another host now, or ~/.pinboot was removed there; inspect the host, then start \
                a new run: pinboot run PLAYBOOK";
    Refusal::new(Exit::Mismatch, message).with_hint(hint)
}

/// The address belongs to another machine than in an earlier run.
pub(super) fn other_machine(run: &RunId, machine_id: Option<&str>, expected: &str) -> String {
    let machine_id = machine_id.unwrap_or("missing");
    format!("not the same machine as in run {run}: /etc/machine-id is {machine_id}, expected {expected}")
}

/// Advice for another machine; `run` is what the user reruns.
pub(super) fn other_machine_hint(run: &RunId) -> String {
    format!(
        "nothing was started. If this is the same host with a new id, type `pinboot rerun {run} --same-host`; otherwise \
         start a new run: pinboot run PLAYBOOK"
    )
}

/// The host ran something else than pinboot's command, and printed this.
pub(super) fn something_else_ran(noise: &str, banner: &str) -> Refusal {
    const FORCED: &str = "a forced command (`command=` in authorized_keys, `ForceCommand` in sshd_config)";
    const SHELL: &str =
        "the login shell must run commands with /bin/sh: see the user's entry in /etc/passwd and its start-up files";
    let hint = format!("{FORCED} is one cause; otherwise {SHELL}");
    let before = shown_before(noise, banner);
    if let Some(user) = user_to_use(noise).or_else(|| user_to_use(banner)) {
        return named_user(user, noise, banner);
    }
    if noise.is_empty() {
        let message = format!("the host ran something else than pinboot's command, and it printed nothing{before}");
        return Refusal::unfit(message, hint);
    }
    let printed = last_lines(noise);
    // With PAM the login itself is refused for it, so both have the same exit code.
    if noise.contains("/etc/nologin") {
        return Refusal::new(
            Exit::LoginRefused,
            format!("logins are disabled on the host, which prints: {printed}{before}"),
        )
        .with_hint("it is being shut down or repaired: wait, or remove /etc/nologin there");
    }
    if noise.contains("account is currently not available") || noise.contains("nologin") {
        return Refusal::unfit(
            format!("the user may not log in on the host, which prints: {printed}{before}"),
            "give the user a login shell, or log in as another user",
        );
    }
    let message = format!("the host ran something else than pinboot's command, and it printed: {printed}{before}");
    Refusal::unfit(message, hint)
}

/// A step waits for files of the machine that has the playbook.
pub(super) fn files_are_elsewhere(run: &RunId) -> (String, String) {
    let message =
        "a step waits for files of the machine that has the playbook, and they cannot be sent from here".to_owned();
    (
        message,
        format!("`pinboot rerun {run}` there sends them; here, `pinboot attach USER@HOST {run} --playbook FILE` does"),
    )
}

/// The files that a step waits for are not those of the playbook as it is now.
pub(super) fn files_are_not_here(run: &RunId, name: &str, count: usize) -> (String, String) {
    let name = HostText::new(name).without_secrets();
    let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
    let message = format!(
        "a step waits for {name}{more} as the plan of run {run} had it, and no file here has these bytes any more"
    );
    (message, format!("`pinboot cancel USER@HOST {run}` ends that run; a new one sends the files as they are now"))
}

/// A step offers files, and it is not known here where they belong.
pub(super) fn files_belong_elsewhere(run: &RunId, step: &str) -> (String, String) {
    let message = format!("{step} has files for the machine that has the playbook, and they are not taken from here");
    (
        message,
        format!("`pinboot rerun {run}` there takes them; here, `pinboot attach USER@HOST {run} --playbook FILE` does"),
    )
}

/// A step that was to have files has none.
pub(super) const NOT_OFFERED: &str = "the host no longer has the files that a step has written down";
/// The same where another pinboot has taken them.
pub(super) const TAKEN_ELSEWHERE: &str =
    "another pinboot has taken the files of a step, and not to this place: start a new run to have them here";
/// The host has files, and each attempt to take them ends without a byte.
pub(super) const GIVES_NOTHING: &str = "the host ends each attempt to take its files, and sends nothing";
/// The host reports too much while files are taken.
pub(super) const REPORTS_TOO_MUCH: &str = "the host reports more than can be kept while its files are taken";

/// Output that found no room while files were taken.
pub(super) fn output_left_out(bytes: u64) -> (String, String) {
    let message = format!("{bytes} bytes of the output of later steps are not shown: they came while files were taken");
    (message, "they are in the file `out` of the run's record on the host".to_owned())
}

/// The connection went away after the run had ended on it.
pub(super) const LOST_WITH_FILES: &str = "the connection was lost while files were taken";

/// A step's files could not be taken.
pub(super) fn not_taken(step: &str, why: &str) -> String {
    format!("the files of {step} were not taken: {why}")
}

/// A file ended before all of its bytes were sent.
pub(super) fn file_shrank(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "it became shorter while it was sent".to_owned(),
        _ => format!("it cannot be read any more: {error}"),
    }
}
