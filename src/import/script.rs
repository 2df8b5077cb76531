//! A script of shell as a draft.

use super::draft::{DraftStep, Item, unique_names};
use super::lexer::{SimpleCommand, commands};
use super::reading::{ScriptReader, literal};
use super::{storage, tutorial};

/// The draft of a playbook from a script; `name` is what the script is called.
pub fn import(name: &str, script: &str) -> String {
    let mut reader = ScriptReader { folder: "~".to_owned(), ..ScriptReader::default() };
    name.clone_into(&mut reader.draft.name);
    reader.draft.remarks.push(
        "A draft, made from a script. Read it, change what the comments point at, and try it with `pinboot lint` and \
         `pinboot rehearse`."
            .to_owned(),
    );
    for command in commands(script) {
        reader.command(&command);
    }
    if reader.draft.steps.is_empty() {
        let nothing =
            DraftStep::new("Nothing", "command", Item::text("true")).with("changes", Item::Plain("false".to_owned()));
        reader.draft.steps.push(nothing.look("no command of the script acts on a host"));
    }
    unique_names(&mut reader.draft.steps);
    reader.draft.write()
}

impl ScriptReader {
    /// Reads one command.
    fn command(&mut self, command: &SimpleCommand) {
        let texts = command.texts();
        let (root, words) = without_sudo(&texts);
        if let Some(user) = becomes(&texts) {
            let login = self.draft.host.iter().any(|(name, value)| name == "user" && *value == Item::text(&user));
            "~".clone_into(&mut self.folder);
            self.user = (user != "root" && !login).then_some(user.clone());
            if user == "root" {
                self.draft.options.push(("sudo".to_owned(), Item::Plain("true".to_owned())));
            }
            return;
        }
        if let Some(steps) = self.typed(command, words) {
            for step in steps {
                self.push(step, root);
            }
        } else {
            let step = self.shell(command, root);
            self.push(step, false);
        }
    }

    /// The steps of a command that has a kind; `None` where it stays shell. No step where it needs none.
    fn typed(&mut self, command: &SimpleCommand, words: &[&str]) -> Option<Vec<DraftStep>> {
        if storage::is_swap_line(self, &command.text) {
            return Some(Vec::new());
        }
        if command.complex {
            return None;
        }
        if let Some((name, value)) = assignment(words) {
            self.draft.vars.push((name.to_lowercase(), Item::text(self.value(value))));
            self.variables.push(name.to_owned());
            return Some(Vec::new());
        }
        tutorial::steps(self, command, words)
    }

    /// A step that runs the command as it was written.
    fn shell(&self, command: &SimpleCommand, root: bool) -> DraftStep {
        let mut text = command.text.clone();
        if let Some((input, _)) = &command.input {
            text = format!("{text}\n{input}EOF");
        }
        let kind = if text.contains('\n') { "script" } else { "command" };
        let line = text.lines().next().unwrap_or_default().trim();
        let short: String = line.chars().take(50).collect();
        let name = if short.len() < line.len() { format!("Run {short}…") } else { format!("Run {short}") };
        let mut step = DraftStep::new(literal(&name), kind, Item::text(literal(&text)))
            .with("always", Item::Plain("true".to_owned()));
        if self.folder != "~" {
            step = step.with("cwd", Item::text(&self.folder));
        }
        let used = self.variables.iter().filter(|name| uses(&text, name));
        let env: Vec<_> =
            used.map(|name| (name.clone(), Item::text(format!("{{{{ {} }}}}", name.to_lowercase())))).collect();
        if !env.is_empty() {
            step = step.with("env", Item::Map(env));
        }
        let what = "this runs each time; if it changes something, replace `always` by a check (`creates` or `unless`)";
        let step = step.look(format!("line {} of the script: {what}", command.line));
        if root && !text.contains("sudo ") { step.with("sudo", Item::Plain("true".to_owned())) } else { step }
    }

    /// Adds a step; two neighbours that one step can do become one.
    fn push(&mut self, step: DraftStep, root: bool) {
        let mut step = step;
        let own = |step: &DraftStep, name: &str| step.keys.iter().any(|(key, _)| key == name);
        let by_itself = matches!(
            step.keys[0].0.as_str(),
            "package" | "service" | "user" | "group" | "repository" | "sysctl" | "swap" | "mount"
        );
        if root && !by_itself && !own(&step, "sudo") {
            step = step.with("sudo", Item::Plain("true".to_owned()));
        } else if let Some(user) = self.user.clone().filter(|_| !root && !by_itself && !own(&step, "sudo")) {
            step = step.with("run_as", Item::text(user));
        }
        if let Some(last) = self.draft.steps.last_mut()
            && tutorial::merge(last, &step)
        {
            return;
        }
        self.draft.steps.push(step);
    }
}

/// Whether a piece of shell uses a variable.
fn uses(text: &str, name: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let bare = format!("${name}");
    text.contains(&format!("${{{name}")) || text.match_indices(&bare).any(|(at, _)| ends(&text[at + bare.len()..]))
}

/// The words behind `sudo`, and whether it stands there.
fn without_sudo<'w>(words: &'w [&'w str]) -> (bool, &'w [&'w str]) {
    match words {
        ["sudo", rest @ ..] if !rest.first().is_some_and(|word| word.starts_with('-')) => (true, rest),
        ["sudo", "-E" | "-H" | "-n", rest @ ..] => (true, rest),
        words => (false, words),
    }
}

/// The user that a script becomes with `sudo -u NAME -i`, `sudo su` or `su - NAME`.
fn becomes(words: &[&str]) -> Option<String> {
    match words {
        ["sudo", "-u", name, "-i" | "-s"]
        | ["sudo", "-i", "-u", name]
        | ["sudo", "su", "-" | "-l", name]
        | ["su", "-" | "-l", name] => Some((*name).to_owned()),
        ["sudo", "-i" | "-s" | "su"] | ["sudo", "su", "-" | "-l"] | ["su" | "su -"] => Some("root".to_owned()),
        _ => None,
    }
}

/// The name and the value of a command that only sets a variable.
fn assignment<'w>(words: &[&'w str]) -> Option<(&'w str, &'w str)> {
    let [word] = words else { return None };
    let (name, value) = word.split_once('=')?;
    let fits = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (fits && !name.starts_with(|c: char| c.is_ascii_digit())).then_some((name, value))
}
