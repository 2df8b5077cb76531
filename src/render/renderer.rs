//! The renderer of one host: what its templates may ask for, and what was found wrong in them.
//!
//! Everything that can be said of a template without its values is in `check`; `eval` makes values of what passed. `names`
//! knows which names are defined where, and `condition` decides `when`.

use std::collections::BTreeSet;

use minijinja::Value;

use super::Loader;
use super::context::FACTS_NAME;
use super::iteration::Iteration;
use super::scope::{HostVars, Origin, Registered};
use super::syntax::TemplateError;
use super::templates::Templates;
use crate::node::Node;
use crate::source::{Diagnostic, Sources};

/// Renders the fields of one host.
pub(crate) struct Renderer<'a> {
    pub(crate) templates: &'a Templates,
    pub(crate) sources: &'a mut Sources,
    pub(crate) host: HostVars,
    pub(super) registered: &'a Registered,
    pub(super) loader: &'a Loader,
    /// The step that is being rendered; `None` for variables and hosts, which come before all steps.
    pub(crate) step: Option<usize>,
    /// Whether that step has a loop, so that `item` and `index` are defined.
    pub(crate) in_loop: bool,
    /// The names that its loop gives its items.
    pub(crate) loop_names: Vec<String>,
    /// Whether it may have a loop that could not be read.
    pub(crate) may_loop: bool,
    /// Whether that step is left out of the run: what the run alone would give it is not missed.
    pub(crate) left_out: bool,
    /// What was found wrong.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The secrets that rendered values contain.
    pub(crate) secrets_used: BTreeSet<String>,
}

impl<'a> Renderer<'a> {
    /// The names of registered values that may hold a secret.
    pub(crate) fn secretive(&self) -> &'a BTreeSet<String> {
        &self.registered.secretive
    }

    pub(crate) fn new(
        templates: &'a Templates,
        sources: &'a mut Sources,
        host: HostVars,
        registered: &'a Registered,
        loader: &'a Loader,
    ) -> Self {
        Self {
            templates,
            sources,
            host,
            registered,
            loader,
            step: None,
            in_loop: false,
            loop_names: Vec::new(),
            may_loop: false,
            left_out: false,
            diagnostics: Vec::new(),
            secrets_used: BTreeSet::new(),
        }
    }

    /// Sets `item`, `index` and the loop's own names, or takes them away.
    pub(crate) fn iterate(&mut self, iteration: Option<&Iteration>) {
        let extra = &mut self.host.context.extra;
        extra.retain(|(name, _)| name == "env" || name == FACTS_NAME);
        if let Some(Iteration { item, index, named }) = iteration {
            extra.extend([("item".into(), item.clone()), ("index".into(), Value::from(*index))]);
            extra.extend(named.iter().map(|(name, value)| (name.clone().into(), value.clone())));
        }
    }

    /// Whether the loop of the step that is being rendered defines a name.
    pub(super) fn is_of_loop(&self, name: &str) -> bool {
        Iteration::NAMES.contains(&name) || self.loop_names.iter().any(|known| known == name)
    }

    /// Lets what is rendered next be written in this scope.
    pub(crate) fn enter(&mut self, scope: usize) {
        self.host.context.scope = self.registered.scopes.get(scope).filter(|scope| scope.names.is_some()).cloned();
    }

    /// A local path of the file that is rendered as the loader takes it.
    pub(super) fn local_path(&self, path: &str) -> String {
        self.host.context.scope.as_ref().map_or_else(|| path.to_owned(), |scope| scope.path(path))
    }

    /// The name that the host has for a value that a step registers.
    pub(crate) fn registered_as(&self, name: &str) -> String {
        self.host.context.global(name).unwrap_or(name).to_owned()
    }

    /// Renders what stands at a group of steps: it knows of no loop, and of no value that a step of the group registers. What a
    /// step has itself (`None`) is rendered as it is.
    pub(crate) fn where_given<T>(&mut self, group: Option<usize>, render: impl FnOnce(&mut Self) -> T) -> T {
        let Some(group) = group else { return render(self) };
        let extra = self.host.context.extra.clone();
        let (start, scope) = self.registered.groups[group];
        let step = self.step.replace(start);
        let of_step = self.host.context.scope.take();
        self.enter(scope);
        let (in_loop, may_loop) = (self.in_loop, self.may_loop);
        let names = std::mem::take(&mut self.loop_names);
        (self.in_loop, self.may_loop) = (false, false);
        self.iterate(None);
        let rendered = render(self);
        (self.step, self.in_loop, self.may_loop, self.loop_names) = (step, in_loop, may_loop, names);
        self.host.context.extra = extra;
        self.host.context.scope = of_step;
        rendered
    }

    /// Reports what is wrong in a template at its place in the file.
    pub(super) fn report_at(&mut self, origin: Origin<'_>, error: TemplateError) {
        let span = origin.place(self.sources, error.at.start, error.at.end);
        let mut diagnostic = Diagnostic::error(span, error.message);
        diagnostic.hint = error.hint;
        self.diagnostics.push(diagnostic);
    }

    /// The same for what came out when the template was evaluated: a value from outside may be the cause.
    pub(super) fn report_evaluated(&mut self, origin: Origin<'_>, error: TemplateError) {
        let before = self.diagnostics.len();
        self.report_at(origin, error);
        if let Origin::Node(node) = origin {
            self.blame(before, node);
        }
    }

    /// Reports that a value has the wrong shape, unless an error of it has been reported.
    pub(super) fn expected(&mut self, node: &Node, what: &str) {
        if node.is_broken() {
            return;
        }
        let diagnostic = Diagnostic::error(node.span, format!("expected {what}, found {}", node.shape_name()));
        self.diagnostics.push(diagnostic.label(format!("expected {what}")));
    }
}
