//! Which variables hold a secret, or may.

use std::collections::{BTreeMap, HashSet};

use super::load::Loaded;
use super::step::Step;
use super::uses::nodes;
use crate::render::templates::Templates;
use crate::render::vars::for_each_use;

/// The names of variables that hold a secret: secrets themselves, what is made of them, and what a step registers that has one,
/// since its command may print it.
pub(crate) fn secretive(loaded: &Loaded) -> HashSet<&str> {
    let playbook = &loaded.playbook;
    let mut found: HashSet<&str> = playbook.secrets.iter().map(|secret| secret.value.as_str()).collect();
    if found.is_empty() {
        return found;
    }
    let hosts = playbook.hosts.iter().flat_map(|host| &host.vars);
    let all = playbook.vars.iter().chain(&loaded.file_vars).chain(hosts).chain(&loaded.given_vars);
    let mut users: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in all {
        for_each_use(&entry.value, &loaded.templates, &mut |_, name, _| {
            users.entry(name).or_default().push(&entry.key);
        });
    }
    for step in &playbook.steps {
        let Some(register) = step.register() else { continue };
        for node in nodes(step) {
            for_each_use(node, &loaded.templates, &mut |_, name, _| {
                users.entry(name).or_default().push(register.value);
            });
        }
    }
    let mut open: Vec<&str> = found.iter().copied().collect();
    while let Some(name) = open.pop() {
        open.extend(users.get(name).into_iter().flatten().filter(|user| found.insert(user)));
    }
    found
}

/// The same in a step, whose items may hold secrets too.
pub(super) fn secretive_in<'p>(
    step: &'p Step,
    secretive: &HashSet<&'p str>,
    templates: &Templates,
) -> HashSet<&'p str> {
    let mut found = secretive.clone();
    if let Some(items) = step.option("loop").filter(|_| !secretive.is_empty()) {
        for_each_use(items, templates, &mut |_, name, _| {
            if secretive.contains(name) {
                found.insert("item");
                found.extend(step.loop_names());
            }
        });
    }
    found
}
