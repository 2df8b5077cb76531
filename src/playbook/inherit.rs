//! What steps get from the groups around them.

use super::document::Playbook;
use super::group::Group;
use super::step::{Given, Step};
use crate::plan::options::{Inherits, ReadBy, StepOption};
use crate::render::convert::literal;

impl Playbook {
    /// What other steps and other runs call a step: its `id`, or else its name, with what its use puts in front.
    pub(crate) fn called(&self, step: &Step) -> String {
        let scope = &self.scopes[step.scope];
        match step.id() {
            Some(id) => format!("{}{}", scope.id_prefix, id.value),
            None => format!("{}{}", scope.name_prefix, step.name.value),
        }
    }

    /// The groups around a step or a group, the innermost first.
    pub(crate) fn groups_from(&self, innermost: usize) -> impl Iterator<Item = (usize, &Group)> {
        let mut next = Some(innermost);
        std::iter::from_fn(move || {
            let at = next?;
            let group = self.groups.get(at)?;
            next = group.outer;
            Some((at, group))
        })
    }

    /// Gives every step, and every question of a group, what it gets from the groups around it.
    pub(crate) fn inherit_all(&mut self) {
        let mut steps = std::mem::take(&mut self.steps);
        for step in &mut steps {
            self.inherit(step);
        }
        self.steps = steps;
        for at in 0..self.groups.len() {
            self.groups[at].question = self.question(at);
        }
    }

    fn inherit(&self, step: &mut Step) {
        for (at, group) in self.groups_from(step.group) {
            for given in &group.options {
                let means_another_thing = step.kind.is_some_and(|kind| given.row.not_taken_by.contains(&kind.name));
                if !matches!(given.row.inherits, Inherits::No | Inherits::AskedOnce) && !means_another_thing {
                    step.options.push(Given { group: Some(at), ..given.clone() });
                }
            }
        }
    }

    /// The step that stands for a group where its `only_if` is asked: whose shell asks, where, and with what environment.
    fn question(&self, group: usize) -> Option<Step> {
        let own = &self.groups[group];
        let only_if = own.given("only_if")?;
        let mut step = Step::empty(own.span);
        (step.name, step.name_node, step.group) = (own.name.clone(), own.name_node.clone(), group);
        step.scope = own.scope;
        self.inherit(&mut step);
        step.options.retain(|given| given.row.read_by == ReadBy::Both);
        step.options.push(Given { group: Some(group), ..only_if.clone() });
        Some(step)
    }
}

impl Step {
    /// Whether an option of a group has an effect on the step: none further inside takes its place.
    pub(crate) fn takes(&self, group: usize, row: &StepOption) -> bool {
        let inner = self.options.iter().take_while(|given| given.group != Some(group));
        let Inherits::Nearest(names) = row.inherits else { return true };
        let is_there = self.options.iter().any(|given| given.group == Some(group) && given.row.name == row.name);
        // What a template becomes may be nothing.
        let mut replaced = inner.filter(|given| names.contains(&given.row.name) && literal(&given.value).is_some());
        is_there && replaced.next().is_none()
    }
}
