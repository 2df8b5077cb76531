//! The names that a playbook uses, and where.

use std::collections::HashSet;

use super::document::Playbook;
use super::step::Step;
use crate::kinds::Shape;
use crate::node::{Node, Value};
use crate::plan::options::Form;
use crate::render::syntax;
use crate::render::templates::Templates;
use crate::render::vars::{for_each_name, for_each_use};

/// Every name of the playbook's own that hosts and steps use; `vars` are not looked at. A used file sees none of them: what it is
/// given counts.
pub(super) fn used_in_steps<'p>(playbook: &'p Playbook, templates: &Templates) -> HashSet<&'p str> {
    let mut used = HashSet::new();
    let hosts = playbook.hosts.iter();
    let of_hosts =
        hosts.flat_map(|host| [&host.address, &host.user, &host.port, &host.key, &host.sudo_password]).flatten();
    let groups = || playbook.groups.iter().filter(|group| group.scope == 0);
    let steps = || playbook.steps.iter().filter(|step| step.scope == 0);
    let of_groups = groups().flat_map(|group| {
        let options = group.options.iter().map(|given| &given.value);
        options.chain([&group.name_node]).chain(&group.with)
    });
    let of_params = playbook.scoped.iter().filter(|var| var.scope == 0).map(|var| &var.entry.value);
    let nodes = of_hosts.chain(&playbook.unresolved.values).chain(of_groups).chain(of_params);
    for node in nodes.chain(steps().flat_map(own_nodes)) {
        for_each_use(node, templates, &mut |_, name, _| {
            used.insert(name);
        });
    }
    let conditions = steps().flat_map(|step| &step.options).filter(|given| given.group.is_none());
    let conditions = conditions.chain(groups().flat_map(|group| &group.options));
    let conditions = conditions.filter(|given| matches!(given.row.form, Form::Condition) && !given.broken);
    let fields = steps().flat_map(|step| &step.fields);
    let fields = fields.filter(|given| given.row.shape == Shape::Conditions && !given.broken);
    let asked = conditions.map(|given| &given.value).chain(fields.map(|given| &given.value));
    used.extend(asked.flat_map(used_in_conditions));
    used
}

/// Everything in a step itself that may contain templates.
pub(super) fn own_nodes(step: &Step) -> impl Iterator<Item = &Node> {
    let fields = step.fields.iter().map(|given| &given.value);
    let options = step.options.iter().filter(|given| given.group.is_none()).map(|given| &given.value);
    std::iter::once(&step.name_node).chain(fields).chain(options).chain(step.leftover.iter().map(|(_, node)| node))
}

/// The names in a condition or in a list of them, which are expressions without braces.
fn used_in_conditions(node: &Node) -> Vec<&str> {
    match &node.value {
        Value::List(items) => items.iter().flat_map(used_in_conditions).collect(),
        Value::Scalar { text, .. } => {
            let tokens = syntax::tokens(text, 0..text.len());
            syntax::uses(&tokens).into_iter().map(|found| found.name).collect()
        }
        _ => Vec::new(),
    }
}

/// Every name that is used anywhere.
pub(super) fn used_names<'p>(playbook: &'p Playbook, templates: &Templates) -> HashSet<&'p str> {
    let mut used = used_in_steps(playbook, templates);
    for entry in playbook.vars.iter().chain(playbook.hosts.iter().flat_map(|host| &host.vars)) {
        for_each_use(&entry.value, templates, &mut |_, name, _| {
            used.insert(name);
        });
    }
    used
}

/// The paths of the local template files of a playbook; `None` for a path that is a template itself.
pub(super) fn template_files(playbook: &Playbook) -> impl Iterator<Item = Option<&str>> {
    let fields = playbook.steps.iter().filter(|step| step.scope == 0).flat_map(|step| &step.fields);
    let paths =
        fields.filter(|given| given.row.shape == Shape::LocalTemplate).filter_map(|given| given.value.as_text());
    paths.map(|path| (!syntax::is_template(path)).then_some(path))
}

/// The names that a local template file uses.
pub(super) fn used_in_text(text: &str, templates: &Templates) -> HashSet<String> {
    let mut used = HashSet::new();
    for_each_name(text, templates, &mut |name, _| {
        used.insert(name.to_owned());
    });
    used
}
