//! A playbook of Ansible as a draft.

use super::draft::{Draft, DraftStep, Item, unique_names};
use super::modules;
use super::values::{facts, field, item, list};
use crate::node::{Entry, Node, Value};
use crate::render::syntax;

/// The draft of a playbook from one of Ansible; `name` is what the file is called.
///
/// # Errors
/// What is not a playbook of Ansible, in one sentence.
pub fn import(name: &str, document: &Node) -> Result<String, String> {
    let Value::List(plays) = &document.value else {
        return Err("this is not a playbook of Ansible: it is not a list of plays or tasks".to_owned());
    };
    let mut reader = TaskReader::default();
    name.clone_into(&mut reader.draft.name);
    reader.draft.remarks.push(
        "A draft, made from a playbook of Ansible. Read it, change what the comments point at, and try it with \
         `pinboot lint` and `pinboot rehearse`."
            .to_owned(),
    );
    let is_play = |node: &Node| field(node, "hosts").is_some();
    if plays.iter().any(is_play) {
        for play in plays {
            reader.play(play);
        }
    } else {
        let steps = reader.tasks(plays);
        reader.draft.steps.extend(steps);
    }
    reader.handlers();
    if reader.draft.steps.is_empty() {
        return Err("this playbook has no tasks".to_owned());
    }
    unique_names(&mut reader.draft.steps);
    reader.declare();
    Ok(reader.draft.write())
}

/// A handler, and the steps that notify it.
#[derive(Debug)]
struct Handler {
    name: String,
    task: Node,
    notified_by: Vec<String>,
}

#[derive(Debug, Default)]
struct TaskReader {
    draft: Draft,
    handlers: Vec<Handler>,
    /// Names of handlers, and the step that names each of them.
    notified: Vec<(String, String)>,
    registered: Vec<String>,
}

impl TaskReader {
    fn play(&mut self, play: &Node) {
        if let Some(name) = field(play, "name").and_then(Node::as_text)
            && self.draft.steps.is_empty()
        {
            name.clone_into(&mut self.draft.name);
        }
        if let Some(hosts) = field(play, "hosts").and_then(Node::as_text) {
            self.draft.remarks.push(format!("Its hosts were `{hosts}` of an inventory: name them under `hosts:`."));
        }
        if let Some(Value::Map(vars)) = field(play, "vars").map(|vars| &vars.value) {
            for entry in vars {
                self.draft.vars.retain(|(name, _)| *name != entry.key);
                self.draft.vars.push((entry.key.clone(), item(&entry.value)));
            }
        }
        for (key, option) in [("become", "sudo"), ("become_user", "run_as")] {
            if let Some(value) = field(play, key)
                && self.draft.options.iter().all(|(name, _)| name != option)
            {
                self.draft.options.push((option.to_owned(), item(value)));
            }
        }
        if self.draft.options.iter().any(|(name, _)| name == "run_as") {
            self.draft.options.retain(|(name, _)| name != "sudo");
        }
        for (key, what) in [
            ("roles", "its roles are not here: import their tasks one by one, and use them with `use:`"),
            ("vars_files", "its files of variables: `vars_files:` takes them as they are"),
            ("vars_prompt", "it asks for variables: give them with `-e`, or declare `params:`"),
        ] {
            if field(play, key).is_some() {
                self.draft.remarks.push(format!("look here: {what}"));
            }
        }
        for part in ["pre_tasks", "tasks", "post_tasks"] {
            if let Some(Value::List(tasks)) = field(play, part).map(|tasks| &tasks.value) {
                let steps = self.tasks(tasks);
                self.draft.steps.extend(steps);
            }
        }
        if let Some(Value::List(handlers)) = field(play, "handlers").map(|handlers| &handlers.value) {
            for task in handlers {
                let name = field(task, "name").and_then(Node::as_text).unwrap_or("handler").to_owned();
                self.handlers.push(Handler { name, task: task.clone(), notified_by: Vec::new() });
            }
        }
    }

    fn tasks(&mut self, tasks: &[Node]) -> Vec<DraftStep> {
        tasks.iter().filter_map(|task| self.task(task)).collect()
    }

    /// A task as a step, or a block as a group.
    fn task(&mut self, task: &Node) -> Option<DraftStep> {
        let Value::Map(entries) = &task.value else { return None };
        if let Some(Value::List(inner)) = field(task, "block").map(|block| &block.value) {
            let name = field(task, "name").and_then(Node::as_text).unwrap_or("A group").to_owned();
            let mut steps = self.tasks(inner);
            unique_names(&mut steps);
            let steps = steps.into_iter().map(|step| {
                let mut keys = vec![("name".to_owned(), Item::Text(step.name))];
                keys.extend(step.keys);
                Item::Map(keys)
            });
            let mut group = DraftStep { name, look: Vec::new(), keys: Vec::new() };
            self.options(entries, &mut group, "block");
            group.keys.push(("steps".to_owned(), Item::List(steps.collect())));
            if field(task, "rescue").is_some() || field(task, "always").is_some() {
                group.look.push("`rescue` and `always` of a block have no counterpart".to_owned());
            }
            return Some(group);
        }
        let module = entries.iter().find(|entry| !modules::is_option(&entry.key))?;
        let short = module.key.rsplit('.').next().unwrap_or(&module.key);
        let name = field(task, "name").and_then(Node::as_text).map(facts);
        let mut step = modules::step(short, &module.value, field(task, "args"))?;
        if let Some(name) = name {
            step.name = name;
        }
        self.options(entries, &mut step, short);
        for notified in list(field(task, "notify")) {
            self.notified.push((notified, step.name.clone()));
        }
        Some(step)
    }

    /// The options of a task.
    fn options(&mut self, entries: &[Entry], step: &mut DraftStep, module: &str) {
        let is_shell = matches!(step.keys.first().map(|(kind, _)| kind.as_str()), Some("command" | "script"));
        for entry in entries {
            let plain = || item(&entry.value);
            match entry.key.as_str() {
                "when" => {
                    let conditions = list(Some(&entry.value)).iter().map(|text| facts(text)).collect::<Vec<_>>();
                    let joined = match conditions.as_slice() {
                        [one] => one.clone(),
                        all => all.iter().map(|one| format!("({one})")).collect::<Vec<_>>().join(" and "),
                    };
                    step.keys.push(("when".to_owned(), Item::Text(joined)));
                }
                "become" => step.keys.push(("sudo".to_owned(), plain())),
                "become_user" => {
                    step.keys.retain(|(name, _)| name != "sudo");
                    step.keys.push(("run_as".to_owned(), plain()));
                }
                "loop" | "with_items" | "with_list" | "with_dict" => step.keys.push(("loop".to_owned(), plain())),
                "tags" => step.keys.push(("tags".to_owned(), plain())),
                "environment" => step.keys.push(("env".to_owned(), plain())),
                "ignore_errors" => step.keys.push(("allow_failure".to_owned(), plain())),
                "retries" => step.keys.push(("retries".to_owned(), plain())),
                "delay" => {
                    if let Some(seconds) = entry.value.as_text() {
                        step.keys.push(("delay".to_owned(), Item::Text(format!("{seconds}s"))));
                    }
                }
                "register" if is_shell => {
                    self.registered.extend(entry.value.as_text().map(str::to_owned));
                    step.keys.push(("register".to_owned(), plain()));
                    step.look.push("a registered value is the text that the command prints; `.stdout`, `.rc` and `.changed` have no counterpart".to_owned());
                }
                "changed_when"
                    if is_shell
                        && entry.value.as_text().is_some_and(|text| matches!(text, "false" | "no" | "False")) =>
                {
                    step.keys.retain(|(name, _)| name != "always");
                    step.keys.push(("changes".to_owned(), Item::Plain("false".to_owned())));
                    step.look.clear();
                }
                "register" | "changed_when" | "failed_when" | "until" | "delegate_to" | "run_once" | "no_log"
                | "vars" | "async" | "poll" | "check_mode" | "with_fileglob" | "with_sequence" | "loop_control" => {
                    step.look.push(format!("`{}` of `{module}` has no counterpart here", entry.key));
                }
                _ => {}
            }
        }
        step.look.dedup();
    }

    /// Handlers become steps that wait for the changes of those that notify them.
    fn handlers(&mut self) {
        for (handler, step) in std::mem::take(&mut self.notified) {
            if let Some(known) = self.handlers.iter_mut().find(|known| known.name == handler) {
                known.notified_by.push(step);
            }
        }
        for handler in std::mem::take(&mut self.handlers) {
            if handler.notified_by.is_empty() {
                continue;
            }
            let Some(mut step) = self.task(&handler.task) else { continue };
            let names = Item::texts(&handler.notified_by);
            if let Some(Item::Map(fields)) = step.of_kind("service") {
                let reloads = handler.name.to_lowercase().contains("reload");
                fields.retain(|(name, _)| name != "restart_on" && name != "reload_on");
                fields.push((if reloads { "reload_on" } else { "restart_on" }.to_owned(), names));
                step.look.clear();
            } else {
                step.keys.retain(|(name, _)| name != "always");
                step.keys.push(("when_changed".to_owned(), names));
            }
            step.name = handler.name;
            self.draft.steps.push(step);
        }
    }

    /// Declares the variables that only the inventory or a role has: lint names them until they have a value.
    fn declare(&mut self) {
        let mut used = Vec::new();
        for step in &self.draft.steps {
            names_in(&Item::Map(step.keys.clone()), &mut used);
            names_in(&Item::Text(step.name.clone()), &mut used);
        }
        for (_, value) in &self.draft.vars.clone() {
            names_in(value, &mut used);
        }
        let ours = ["item", "index", "host", "env", "range", "dict", "namespace", "true", "false", "none"];
        for name in used {
            let known = self.draft.vars.iter().any(|(known, _)| *known == name)
                || self.registered.contains(&name)
                || ours.contains(&name.as_str());
            if !known {
                self.draft.vars.push((name, Item::text("CHANGE_ME")));
            }
        }
    }
}

/// The names that the templates and conditions of an item use.
fn names_in(item: &Item, used: &mut Vec<String>) {
    let mut add = |text: &str, range: std::ops::Range<usize>| {
        for found in syntax::uses(&syntax::tokens(text, range)) {
            if !used.iter().any(|known| known == found.name) {
                used.push(found.name.to_owned());
            }
        }
    };
    match item {
        Item::Text(text) => {
            let Ok(template) = syntax::split(text) else { return };
            for segment in &template.segments {
                if let syntax::Segment::Expression { inner, .. } = segment {
                    add(text, inner.clone());
                }
            }
        }
        Item::Plain(_) => {}
        Item::List(items) => items.iter().for_each(|item| names_in(item, used)),
        Item::Map(entries) => {
            for (key, value) in entries {
                match (key.as_str(), value) {
                    ("when", Item::Text(text)) => {
                        for found in syntax::uses(&syntax::tokens(text, 0..text.len())) {
                            if !used.iter().any(|known| known == found.name) {
                                used.push(found.name.to_owned());
                            }
                        }
                    }
                    _ => names_in(value, used),
                }
            }
        }
    }
}
