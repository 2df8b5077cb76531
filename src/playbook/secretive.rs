//! Which variables hold a secret, or may.

use std::collections::{BTreeMap, HashSet};

use super::document::Playbook;
use super::load::Loaded;
use super::step::Step;
use super::uses::own_nodes;
use crate::node::Node;
use crate::render::templates::Templates;
use crate::render::vars::for_each_use;

/// The names of variables that hold a secret: secrets themselves, what is made of them, and what a step registers that has one,
/// since its command may print it.
pub(crate) fn secretive(loaded: &Loaded) -> HashSet<String> {
    let playbook = &loaded.playbook;
    let of_params = playbook.scoped.iter().filter(|var| var.param.as_ref().is_some_and(|param| param.secret));
    let mut found: HashSet<String> = playbook.secrets.iter().map(|secret| secret.value.clone()).collect();
    found.extend(of_params.map(|var| var.entry.key.clone()));
    if found.is_empty() {
        return found;
    }
    let hosts = playbook.hosts.iter().flat_map(|host| &host.vars);
    let all = playbook.vars.iter().chain(&loaded.file_vars).chain(hosts).chain(&loaded.given_vars);
    let scoped = playbook.scoped.iter().map(|var| (&var.entry, var.scope));
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut note = |node: &Node, scope: usize, user: &str| {
        for_each_use(node, &loaded.templates, &mut |_, name, _| {
            if let Some(name) = playbook.scopes[scope].global(name) {
                users.entry(name.to_owned()).or_default().push(user.to_owned());
            }
        });
    };
    for (entry, scope) in all.map(|entry| (entry, 0)).chain(scoped) {
        note(&entry.value, scope, &entry.key);
    }
    for step in &playbook.steps {
        let Some(register) = step.register() else { continue };
        let user = playbook.scopes[step.scope].global(register.value).unwrap_or(register.value);
        for node in own_nodes(step) {
            note(node, step.scope, user);
        }
        for given in step.options.iter().filter(|given| given.group.is_some()) {
            note(&given.value, given.group.map_or(0, |group| playbook.groups[group].scope), user);
        }
    }
    let mut open: Vec<String> = found.iter().cloned().collect();
    while let Some(name) = open.pop() {
        for user in users.get(&name).into_iter().flatten() {
            if found.insert(user.clone()) {
                open.push(user.clone());
            }
        }
    }
    found
}

/// The same in a step, by the names of its file; its items may hold secrets too.
pub(super) fn secretive_in<'p>(
    playbook: &'p Playbook,
    step: &'p Step,
    secretive: &'p HashSet<String>,
    templates: &Templates,
) -> HashSet<&'p str> {
    let mut found: HashSet<&str> = match &playbook.scopes[step.scope].names {
        None => secretive.iter().map(String::as_str).collect(),
        Some(names) => {
            names.iter().filter(|(_, global)| secretive.contains(*global)).map(|(name, _)| name.as_str()).collect()
        }
    };
    let mut holds = false;
    if let Some(items) = step.option("loop").filter(|_| !found.is_empty()) {
        for_each_use(items, templates, &mut |_, name, _| holds |= found.contains(name));
    }
    if holds {
        found.insert("item");
        found.extend(step.loop_names());
    }
    found
}
