//! A plan as one script that a person runs on the host: the shell of a run, without the connection and the record.
//!
//! The functions around the steps are the runner's own. Files of this module take the places of those of its functions that speak to
//! a connection or keep a record, and of the runner only what is needed then is in the script.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::blobs::Blobs;
use super::minify::{Names, stripped};
use super::program::{assigned_library, calls, library, preflight};
use super::runner::{FILES, GROUPS, PASSWORD, REBOOT, VALUES, WITH_VALUES, forget};
use super::step_body::{function_of, question_body, step_body};
use super::values;
use crate::kinds;
use crate::plan::{Plan, PlannedStep, SUDO_PASSWORD, show};
use crate::script::{Script, Text};

/// The files of the script that are not the runner's.
const OWN: &[&str] =
    &[include_str!("standalone/main.sh"), include_str!("standalone/tell.sh"), include_str!("standalone/secrets.sh")];

/// What only scripts have whose plans need root.
const SUDO: &str = include_str!("standalone/sudo.sh");

/// What stands in front of the lines that only such scripts have.
const WITH_SUDO: &str = "#:with-sudo ";

/// How a script is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptForm {
    /// With comments and long names, for a person.
    Readable,
    /// As short as what a run sends.
    Short,
}

/// What is said of a script besides its plan.
#[derive(Clone, Copy, Debug)]
pub struct Standalone<'a> {
    /// The comment at its beginning, lines without `#`.
    pub head: &'a str,
    /// Who logs in, where the playbook says it.
    pub login: Option<&'a str>,
    /// Whether the values of secrets are written in it.
    pub has_secrets: bool,
    /// How it is written.
    pub form: ScriptForm,
}

/// Writes the script. The same plan gives the same bytes.
pub fn standalone(plan: &Plan, script: &Standalone<'_>) -> Vec<u8> {
    // What is written for facts and expressions mentions some names of its file, which stay as they are.
    let names = match script.form {
        ScriptForm::Readable => Names::readable(&stripped(&source(plan, false))),
        ScriptForm::Short => Names::of(&stripped(&source(plan, false))),
    };
    let source = source(plan, !values::shell(plan, &names).is_empty());
    let mut blobs = Blobs::default();
    let mut steps = String::new();
    for step in &plan.steps {
        if script.form == ScriptForm::Readable {
            steps.push_str(&comment(step));
        }
        write!(steps, "_{}() {{\n{}{}}}\n", step.id, labelled(step, &names), step_body(step, &names, &mut blobs))
            .expect("a string takes all");
    }
    for question in plan.questions() {
        let body = question_body(question, &names, &mut blobs);
        write!(steps, "_{}() {{\n{body}}}\n", function_of(question)).expect("a string takes all");
    }
    let has_bytes = !blobs.is_empty();
    let mut text = String::from("#!/bin/sh\n");
    for line in script.head.lines() {
        text.push_str(format!("# {line}").trim_end());
        text.push('\n');
    }
    text.push_str(&settings(plan, script, &names, has_bytes));
    text.push_str(&steps);
    let calls = calls(plan);
    text.push_str(&match script.form {
        ScriptForm::Readable => ascii(&readable_library(&calls, &names)),
        ScriptForm::Short => assigned_library(names.short("pb_lib"), &library(&calls)),
    });
    text.push_str(&match script.form {
        ScriptForm::Readable => format!("\n{}\n", ascii(&names.shorten(&source))),
        ScriptForm::Short => names.shorten(&stripped(&source)),
    });
    text.push_str(&values::shell(plan, &names));
    writeln!(text, "{} \"$@\"\nexit", names.short("pb_main")).expect("a string takes all");
    blobs.place(text)
}

/// What the script's functions find set: see `standalone/main.sh`.
fn settings(plan: &Plan, script: &Standalone<'_>, names: &Names, has_bytes: bool) -> String {
    let secrets: Vec<&str> =
        plan.secrets.iter().map(|(name, _)| name.as_str()).filter(|name| *name != SUDO_PASSWORD).collect();
    let mut text = String::new();
    let mut set = |name: &str, value: &str| {
        writeln!(text, "{}={}", names.short(name), Script::author(value).as_word()).expect("a string takes all");
    };
    set("pb_total", &plan.steps.len().to_string());
    set("pb_login", script.login.unwrap_or_default());
    set("pb_secret_names", &secrets.join(" "));
    set("pb_has_bytes", if has_bytes { "1" } else { "" });
    set("pb_preflight_steps", &preflight(plan));
    if script.has_secrets {
        for (name, secret) in plan.secrets.iter().filter(|(name, _)| name != SUDO_PASSWORD) {
            set(&format!("pb_m_{name}"), &format!("pb_s_{name}={}", Text::from(secret.expose()).quote_exactly()));
        }
    }
    text
}

/// What a person knows a step by.
fn labelled(step: &PlannedStep, names: &Names) -> String {
    let name = Script::author(show::one_line(&step.name)).as_word();
    format!("{}={}\n{}={name}\n", names.short("pb_step_label"), step.label, names.short("pb_step_name"))
}

/// What stands above a step's function: its name, and what a person would type in its place.
fn comment(step: &PlannedStep) -> String {
    let mut text = format!(
        "\n# Step {}: {} ({}, {})\n",
        step.label,
        show::one_line(&step.name),
        step.kind,
        show::one_line(&step.origin)
    );
    if let Some(command) = show::command(step) {
        text.push_str("# In short:\n");
        for line in show::safe_lines(&command) {
            writeln!(text, "{}", format!("#     {line}").trim_end()).expect("a string takes all");
        }
    }
    text
}

/// Our own comments have three dots in one character, which yash does not read where a host has no locale.
fn ascii(shell: &str) -> String {
    let is_comment = |line: &&str| line.trim_start().starts_with('#');
    shell
        .split_inclusive('\n')
        .map(|line| if is_comment(&line) { line.replace('…', "...") } else { line.to_owned() })
        .collect()
}

/// The kinds' functions as they are written.
fn readable_library(calls: &[&str], names: &Names) -> String {
    let functions = kinds::helpers(calls);
    if functions.is_empty() {
        return assigned_library(names.short("pb_lib"), "");
    }
    let bodies: Vec<&str> = functions.iter().map(|(_, body)| *body).collect();
    let about = "\n# The functions that the steps above use. Each shell of a step reads them.\n";
    about.to_owned() + &assigned_library(names.short("pb_lib"), &format!("{}{}", kinds::PROLOGUE, bodies.join("\n")))
}

/// The shell around the steps: the own files, and of the runner's what these mention.
fn source(plan: &Plan, has_values: bool) -> String {
    let has_sudo = plan.uses_sudo();
    let left_out = |file: &str| {
        file == REBOOT || (file == GROUPS && plan.questions().is_empty()) || (file == PASSWORD && !has_sudo)
    };
    let mut runner: Vec<&str> = FILES.iter().copied().filter(|file| !left_out(file)).collect();
    let mut own: Vec<&str> = OWN.to_vec();
    if has_values {
        runner.push(VALUES);
    }
    if has_sudo {
        own.push(SUDO);
    }
    let marked = |text: String| {
        let text = if has_values { text.replace(WITH_VALUES, "") } else { text };
        let text = if has_sudo { text.replace(WITH_SUDO, "") } else { text };
        text.lines()
            .filter(|line| !line.trim_start().starts_with("#:"))
            .fold(String::new(), |out, line| out + line + "\n")
    };
    let own = marked(own.join("\n"));
    let runner = marked(runner.join("\n"));
    let source = format!("{}\n{own}", mentioned(&runner, &own));
    let forget = forget(&source);
    source + "\n" + &forget
}

/// The paragraphs of the runner that define what is mentioned, in their order. What `own` defines is not taken from there; of two
/// definitions the last one counts, as in the runner itself.
fn mentioned(runner: &str, own: &str) -> String {
    let paragraphs: Vec<&str> = runner.split("\n\n").map(|paragraph| paragraph.trim_matches('\n')).collect();
    let mut defined: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, paragraph) in paragraphs.iter().enumerate() {
        defined.extend(definitions(paragraph).map(|name| (name, at)));
    }
    for name in definitions(own) {
        defined.remove(name);
    }
    let mut wanted: BTreeSet<usize> = BTreeSet::new();
    let mut open: Vec<&str> = vec![own];
    while let Some(text) = open.pop() {
        for at in code(text).filter_map(|word| defined.get(word)) {
            if wanted.insert(*at) {
                open.push(paragraphs[*at]);
            }
        }
    }
    let chosen: Vec<&str> = wanted.into_iter().map(|at| paragraphs[at]).collect();
    chosen.join("\n\n") + "\n"
}

/// The functions that a text defines, and the variables that it sets outside of them.
fn definitions(text: &str) -> impl Iterator<Item = &str> {
    let of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.lines().filter(|line| !line.starts_with('#')).flat_map(move |line| {
        let functions = line.match_indices("() {").map(move |(at, _)| {
            let start = line[..at].rfind(|c: char| !of_word(c)).map_or(0, |before| before + 1);
            &line[start..at]
        });
        let variable = line.split_once('=').map(|(name, _)| name).filter(move |name| name.chars().all(of_word));
        functions.chain(variable).filter(|name| name.starts_with("pb_"))
    })
}

/// The words of a text that are not in a comment line.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(move |line| line.split(move |c: char| !of_word(c)))
        .filter(|word| word.starts_with("pb_"))
}
