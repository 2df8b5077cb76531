//! Groups of steps: a name, options for all of them, and the steps.

use super::Parser;
use crate::node::{Entry, Node, ScalarStyle, Value};
use crate::plan::options;
use crate::playbook::document::MAX_NESTED_GROUPS;
use crate::playbook::group::Group;
use crate::source::{Diagnostic, Span, Spanned, near};

impl Parser<'_> {
    /// The group that is the playbook itself.
    pub(super) fn whole(start: Span) -> Group {
        empty(start, None)
    }

    /// A group inside another one.
    pub(super) fn new_group(start: Span, outer: usize) -> Group {
        empty(start, Some(outer))
    }

    /// Reads a group, and its steps.
    pub(super) fn group(&mut self, node: Node, outer: usize) {
        let Value::Map(entries) = node.value else { return };
        let start = entries.first().map_or(node.span, |entry| entry.key_span);
        if self.depth(outer) >= MAX_NESTED_GROUPS {
            self.unresolved.steps = true;
            self.report(
                Diagnostic::error(start, format!("groups stand more than {MAX_NESTED_GROUPS} deep in one another"))
                    .hint("write the inner steps beside one another"),
            );
            return;
        }
        let mut group = Group { scope: self.scope, ..empty(start, Some(outer)) };
        group.steps = self.steps.len()..self.steps.len();
        let mut steps = Vec::new();
        for entry in entries {
            if entry.key == "steps" && !entry.broken {
                steps.push(entry);
            } else {
                self.group_entry(entry, &mut group);
            }
        }
        if group.name.value.is_empty() && group.leftover.is_empty() {
            self.report(
                Diagnostic::error(group.span, "the group has no `name`")
                    .hint("add one: the run and `--only` refer to the group by it"),
            );
        }
        self.check_user(&group.options);
        let at = self.groups.len();
        self.groups.push(group);
        for entry in steps {
            self.steps(entry, at);
        }
        self.groups[at].steps.end = self.steps.len();
    }

    fn depth(&self, group: usize) -> usize {
        std::iter::successors(Some(group), |at| self.groups[*at].outer).count()
    }

    /// Reads one key of a group.
    pub(super) fn group_entry(&mut self, entry: Entry, group: &mut Group) {
        if entry.key == "name" && !entry.broken {
            match self.name(entry, "group") {
                Ok((name, node)) => (group.name, group.name_node) = (name, node),
                Err(entry) => group.leftover.push((entry.key, entry.value)),
            }
            return;
        }
        match options::find(&entry.key).filter(|_| !entry.broken) {
            Some(row) if row.inherits.at_groups() || row.name == "id" => {
                let given = self.option(row, entry);
                group.options.push(given);
            }
            found => {
                if !entry.broken {
                    self.report_group_key(&entry, found.is_some(), group.is_use);
                }
                self.unresolved.tags |= near(&entry.key, ["tags"]).is_some();
                self.put_aside_of_group(entry, group);
            }
        }
    }

    fn put_aside_of_group(&mut self, entry: Entry, group: &mut Group) {
        self.may_register(&entry.value);
        self.unresolved.values.push(entry.value.clone());
        group.leftover.push((entry.key, entry.value));
    }

    fn report_group_key(&mut self, entry: &Entry, is_option: bool, is_use: bool) {
        let key = &entry.key;
        let own: &[&str] = if is_use { &["name", "id", "use", "with"] } else { &["name", "id", "steps"] };
        let known = || options::names_at_groups().chain(own.iter().copied());
        let what = if is_use { "use of a file" } else { "group" };
        let error = |message: String| Diagnostic::error(entry.key_span, message);
        if is_option {
            let hint = match key.as_str() {
                "loop" if is_use => {
                    "give the file the list with `with:`, and write `loop` on the steps of the file".to_owned()
                }
                "register" if is_use => "what a file registers is seen in that file only".to_owned(),
                "loop" => "write `loop` on each of the steps, which run for one item after another then".to_owned(),
                "when_changed" => {
                    "write it on the steps that are to run; `when_changed: [NAME]` may name a group as well".to_owned()
                }
                _ => format!("write `{key}` on the steps that it is meant for"),
            };
            return self.report(error(format!("`{key}` belongs to a step, not to a {what}")).hint(hint));
        }
        if self.kinds.iter().any(|kind| kind.name == *key) {
            let (message, hint) = if is_use {
                (
                    format!("a step has one kind, but this one uses a file and has `{key}`"),
                    "split it into two steps".to_owned(),
                )
            } else {
                (
                    format!("a group has steps and no kind, but this one has `{key}`"),
                    format!("write it as a step of the group: `- name: …` and `{key}:` below it"),
                )
            };
            return self.report(error(message).hint(hint));
        }
        let mut unknown =
            error(format!("unknown key `{key}` of a {what}")).label("unknown key").did_you_mean(key, known());
        if unknown.hint.is_none() {
            unknown = unknown.hint(format!("known keys: {}", known().collect::<Vec<_>>().join(", ")));
        }
        self.report(unknown);
    }
}

fn empty(start: Span, outer: Option<usize>) -> Group {
    Group {
        name: Spanned { value: String::new(), span: start },
        name_node: Node { value: Value::Broken { text: String::new(), style: ScalarStyle::Plain }, span: start },
        span: Span { end: start.end, ..start },
        options: Vec::new(),
        scope: 0,
        is_use: false,
        with: Vec::new(),
        outer,
        steps: 0..0,
        question: None,
        leftover: Vec::new(),
    }
}
