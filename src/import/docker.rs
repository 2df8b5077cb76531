//! Containers: `docker run …` of a script, and Ansible's modules for docker.

use super::draft::{DraftStep, Item};
use super::reading::ScriptReader;
use super::values::{field, item};
use crate::node::{Entry, Node, Value};

/// Options of `docker run` with a value, and the fields that they are here; those of one letter may stand against their value.
const OPTIONS: &[(&str, &str)] = &[
    ("--name", "name"),
    ("-p", "ports"),
    ("--publish", "ports"),
    ("-v", "volumes"),
    ("--volume", "volumes"),
    ("-e", "env"),
    ("--env", "env"),
    ("-l", "labels"),
    ("--label", "labels"),
    ("--network", "network"),
    ("--net", "network"),
    ("--restart", "restart"),
    ("-u", "user"),
    ("--user", "user"),
    ("-m", "memory"),
    ("--memory", "memory"),
    ("--cpus", "cpus"),
    ("--pull", "pull"),
];

/// `docker run -d --name NAME … IMAGE`: a container that stays. With an option that has no field it stays shell.
pub(super) fn container(reader: &ScriptReader, program: &str, rest: &[&str]) -> Option<Vec<DraftStep>> {
    let ["run", rest @ ..] = rest else { return None };
    let mut rest = rest.iter().copied();
    let mut fields: Vec<(&str, Vec<String>)> = Vec::new();
    let (mut stays, mut image) = (false, None);
    while let Some(word) = rest.next() {
        if matches!(word, "-d" | "--detach") {
            stays = true;
            continue;
        }
        if !word.starts_with('-') {
            image = Some(word);
            break;
        }
        let known = |name: &str| OPTIONS.iter().find(|(option, _)| *option == name).map(|(_, field)| *field);
        let (field, value) = match word.split_once('=').filter(|_| word.starts_with("--")) {
            Some((name, value)) => (known(name)?, value),
            None => match known(word) {
                Some(field) => (field, rest.next()?),
                None => (known(word.get(..2)?)?, word.get(2..)?),
            },
        };
        let value = reader.value(value);
        match fields.iter_mut().find(|(name, _)| *name == field) {
            Some((_, values)) => values.push(value),
            None => fields.push((field, vec![value])),
        }
    }
    let image = image.filter(|_| stays)?;
    let name = fields.iter().find(|(name, _)| *name == "name").map(|(_, values)| values[0].clone())?;
    let mut all = vec![("name".to_owned(), Item::text(&name)), ("image".to_owned(), Item::text(reader.value(image)))];
    let command: Vec<String> = rest.map(|word| reader.value(word)).collect();
    if !command.is_empty() {
        all.push(("command".to_owned(), Item::List(command.iter().map(Item::text).collect())));
    }
    for (field, values) in fields.iter().filter(|(field, _)| *field != "name") {
        let value = match *field {
            "env" | "labels" => {
                let pair =
                    |text: &String| text.split_once('=').map(|(name, value)| (name.to_owned(), Item::text(value)));
                Item::Map(values.iter().map(pair).collect::<Option<_>>()?)
            }
            "ports" | "volumes" => Item::texts(values),
            _ => Item::text(values.last()?),
        };
        all.push(((*field).to_owned(), value));
    }
    if program == "podman" {
        all.push(("engine".to_owned(), Item::text("podman")));
    }
    Some(vec![DraftStep::new(format!("Run the container {name}"), "container", Item::Map(all))])
}

/// Fields of `docker_container` that mean the same here.
const SAME: &[(&str, &str)] = &[
    ("name", "name"),
    ("image", "image"),
    ("env", "env"),
    ("ports", "ports"),
    ("published_ports", "ports"),
    ("volumes", "volumes"),
    ("network_mode", "network"),
    ("user", "user"),
    ("labels", "labels"),
    ("memory", "memory"),
    ("cpus", "cpus"),
];

/// Ansible's `docker_container`.
pub(super) fn container_module(value: &Node) -> DraftStep {
    let mut fields = Vec::new();
    let mut look = Vec::new();
    for Entry { key, value: given, .. } in entries(value) {
        let text = given.as_text().unwrap_or_default();
        match (key.as_str(), text) {
            (key, _) if SAME.iter().any(|(theirs, _)| *theirs == key) => {
                let (_, ours) = SAME.iter().find(|(theirs, _)| *theirs == key).expect("it is one of them");
                fields.push(((*ours).to_owned(), item(given)));
            }
            ("state", "present") => {
                look.push("`present` did not start it; `state: stopped` keeps it from running".to_owned());
            }
            ("state", _) => fields.push(("state".to_owned(), item(given))),
            ("restart_policy", policy) => {
                let times = field(value, "restart_retries").and_then(Node::as_text).filter(|_| policy == "on-failure");
                let times = times.map_or_else(String::new, |times| format!(":{times}"));
                fields.push(("restart".to_owned(), Item::text(format!("{policy}{times}"))));
            }
            ("pull", "true" | "yes" | "always") => fields.push(("pull".to_owned(), Item::text("always"))),
            ("command", words) => {
                let list = match &given.value {
                    Value::List(_) => item(given),
                    _ => Item::List(words.split_whitespace().map(Item::text).collect()),
                };
                fields.push(("command".to_owned(), list));
            }
            ("networks", _) => match network(given) {
                Some(name) => fields.push(("network".to_owned(), Item::text(name))),
                None => look.push("`networks`: a container has one network here".to_owned()),
            },
            ("pull" | "restart_retries" | "detach" | "keep_volumes" | "networks_cli_compatible" | "comparisons", _) => {
            }
            _ => look.push(format!("`{key}` of `docker_container` has no counterpart here")),
        }
    }
    let mut step = DraftStep::new("docker_container: what it did", "container", Item::Map(fields));
    step.look = look;
    step
}

/// Ansible's `docker_compose_v2`, and the older `docker_compose`.
pub(super) fn compose_module(value: &Node) -> DraftStep {
    let mut fields = Vec::new();
    let mut look = Vec::new();
    for Entry { key, value: given, .. } in entries(value) {
        let text = given.as_text().unwrap_or_default();
        let field = match (key.as_str(), text) {
            ("project_src", _) => ("project", item(given)),
            ("project_name", _) => ("name", item(given)),
            ("files" | "profiles", _) => (key.as_str(), item(given)),
            ("env_files" | "env_file", _) => ("env_file", item(given)),
            ("remove_orphans", _) => ("remove_orphans", item(given)),
            ("pull", "always" | "true" | "yes") => ("pull", Item::text("always")),
            ("state", "absent") => ("state", Item::text("down")),
            ("pull", _) | ("state", "present") => continue,
            _ => {
                look.push(format!("`{key}` of `docker_compose_v2` has no counterpart here"));
                continue;
            }
        };
        fields.push((field.0.to_owned(), field.1));
    }
    let mut step = DraftStep::new("docker_compose_v2: what it did", "compose", Item::Map(fields));
    step.look = look;
    step
}

/// The one network of a list.
fn network(list: &Node) -> Option<String> {
    let Value::List(items) = &list.value else { return None };
    let [one] = items.as_slice() else { return None };
    field(one, "name").unwrap_or(one).as_text().map(str::to_owned)
}

fn entries(node: &Node) -> &[Entry] {
    if let Value::Map(entries) = &node.value { entries } else { &[] }
}
