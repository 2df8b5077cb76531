//! What a program says of the facts and expressions that its plan uses.

use std::collections::{BTreeMap, BTreeSet};

use super::minify::Names;
use crate::host_value::{self, Expr, FUNCTION, Leaf, PREFIX, is_fact};
use crate::plan::{Action, Plan};

/// The functions behind the runner, whose names these are; nothing where the plan uses none of them.
pub(super) fn shell(plan: &Plan, names_of_runner: &Names) -> String {
    let mut exprs: BTreeMap<&str, &Expr> = BTreeMap::new();
    let mut facts: BTreeSet<String> = BTreeSet::new();
    let steps = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Apply(spec) => Some(&**spec),
        Action::Skip { .. } => None,
    });
    for spec in steps.chain(plan.questions().into_iter().map(|question| &question.spec)) {
        exprs.extend(spec.values.iter().map(|(name, expr)| (name.as_str(), &**expr)));
        facts.extend(spec.uses().values.into_iter().filter(|name| is_fact(name)));
    }
    for expr in exprs.values() {
        expr.each_part(&mut |leaf| {
            if let Leaf::Variable(name) = leaf
                && is_fact(name)
            {
                facts.insert(name.to_owned());
            }
        });
    }
    if exprs.is_empty() && facts.is_empty() {
        return String::new();
    }
    let functions: String = exprs.iter().map(|(name, expr)| expr.function(name)).collect();
    let names: Vec<&str> = facts.iter().map(|name| &name[1..]).collect();
    let calls: Vec<String> = names.iter().map(|name| format!("pb_fact_{name}")).collect();
    let helpers = host_value::helpers(&format!("{functions}\n{}", calls.join(" ")));
    let registered = names_of_runner.short("pb_registered");
    let taken = taken(&format!("{helpers}{functions}"));
    let values = exprs.keys().fold(String::new(), |all, name| format!("{all} {PREFIX}{name}"));
    let each = format!(
        "for pb_fact in {}; do\npb_ret=\n\"pb_fact_$pb_fact\"\n[ -z \"$pb_ret\" ] || eval \"{PREFIX}0$pb_fact=\\$pb_ret\"\n\
         {registered}=\"${registered} {PREFIX}0$pb_fact\"\ndone\n",
        names.join(" ")
    );
    let each = if names.is_empty() { String::new() } else { each };
    format!("pb_find_facts() {{\n{registered}=\"${registered}{values} pb_fact{taken}\"\n{each}}}\n{helpers}{functions}")
}

/// The variables of some functions, which no step shall find in its shell.
fn taken(shell: &str) -> String {
    let words = shell.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| word.starts_with("pb_"));
    let functions: BTreeSet<&str> =
        shell.lines().filter_map(|line| line.split_once("() {")).map(|found| found.0).collect();
    let is_variable = |word: &&str| {
        !functions.contains(word)
            && !word.starts_with(PREFIX)
            && !word.starts_with(FUNCTION)
            && *word != "pb_facts_root"
    };
    let variables: BTreeSet<&str> = words.filter(is_variable).collect();
    variables.into_iter().fold(String::new(), |all, name| format!("{all} {name}"))
}
