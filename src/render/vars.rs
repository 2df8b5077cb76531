//! A host's variables: scopes laid over one another, every value rendered once, in the order that their uses ask for.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use minijinja::Value;

use super::renderer::Renderer;
use super::scope::{HostVars, Registered, for_each_found};
use super::templates::{OrderedMap, Templates, letters};
use super::{Loader, syntax};
use crate::node::{Entry, Node, Style, Value as NodeValue};
use crate::script::{Part, Text};
use crate::secret::Secret;
use crate::source::{Diagnostic, Sources, Spanned};

/// The shortest value that can be masked without masking half of every line.
const SHORTEST_SECRET: usize = 4;

/// What is declared for one host.
pub(crate) struct Declarations<'d> {
    /// The scopes, lowest first.
    pub(crate) scopes: [&'d [Entry]; 4],
    /// The names of the variables that are secrets.
    pub(crate) secrets: &'d [Spanned<String>],
    /// Variables of the environment that templates may ask for.
    pub(crate) from_env: &'d [Spanned<String>],
    /// The environment itself.
    pub(crate) env: &'d BTreeMap<String, String>,
    /// Names of variables whose declaration could not be read.
    pub(crate) unreadable: &'d BTreeSet<String>,
    /// Whether any other name may be that of a variable which could not be read.
    pub(crate) any_name: bool,
    /// Whether more of the environment may be asked for than could be read.
    pub(crate) any_env: bool,
}

/// Lays the scopes over one another, lowest first, and renders every variable.
pub(crate) fn resolve(
    declared: &Declarations<'_>,
    registered: &Registered,
    templates: &Templates,
    sources: &mut Sources,
    loader: &Loader,
) -> (HostVars, Vec<Diagnostic>) {
    let mut definitions: BTreeMap<&str, &Entry> = BTreeMap::new();
    for entry in declared.scopes.iter().copied().flatten() {
        definitions.insert(&entry.key, entry);
    }
    let (order, circles) = order(&definitions, templates, sources);
    let mut host =
        HostVars { holes: !registered.names.is_empty() || !declared.secrets.is_empty(), ..HostVars::default() };
    let holes: HashMap<String, Value> =
        registered.names.keys().map(|name| (name.clone(), Value::from(Text::registered(name)))).collect();
    host.context.vars = Arc::new(holes);
    host.declared =
        definitions.keys().copied().chain(registered.names.keys().map(String::as_str)).map(str::to_owned).collect();
    host.allowed_env = declared.from_env.iter().map(|name| name.value.clone()).collect();
    let given = host
        .allowed_env
        .iter()
        .filter_map(|name| declared.env.get(name).map(|value| (name.clone(), Value::from(value.as_str()))));
    let given = Value::from_object(OrderedMap(given.collect()));
    host.context.extra.push(("env", given));
    let reached: HashSet<&str> = order.iter().copied().collect();
    host.failed.extend(declared.unreadable.iter().cloned());
    (host.any_name, host.any_env) = (declared.any_name, declared.any_env);
    host.failed.extend(definitions.keys().filter(|name| !reached.contains(*name)).map(|name| (*name).to_owned()));

    let mut renderer = Renderer::new(templates, sources, host, registered, loader);
    renderer.faults.extend(circles);
    for name in order {
        let entry = definitions[name];
        let secret = declared.secrets.iter().any(|secret| secret.value == name);
        match renderer.variable(&entry.value) {
            None => {
                renderer.host.failed.insert(name.to_owned());
            }
            Some(value) if secret => keep_secret(&mut renderer, name, entry, &value),
            Some(value) => {
                Arc::make_mut(&mut renderer.host.context.vars).insert(name.to_owned(), value);
            }
        }
    }
    let Renderer { host, faults, .. } = renderer;
    (host, faults)
}

/// Puts a secret's value aside and its hole into the context.
fn keep_secret(renderer: &mut Renderer<'_>, name: &str, entry: &Entry, value: &Value) {
    let fault = match letters(value) {
        Err(reason) => Some(Diagnostic::error(entry.value.span, format!("the secret `{name}` {reason}"))),
        Ok(coded) => {
            // A secret may be made of other secrets; its value is whole.
            let text = Text::new(coded.into_owned());
            let whole = text.parts().fold(String::new(), |mut whole, part| {
                match part {
                    Part::Letters(letters) => whole.push_str(letters),
                    Part::Secret(other) => whole.push_str(renderer.host.secrets.get(other).map_or("", Secret::expose)),
                    Part::Registered(_) => {}
                }
                whole
            });
            let short = whole.len() < SHORTEST_SECRET;
            renderer.host.secrets.insert(name.to_owned(), Secret::new(whole));
            short.then(|| {
                Diagnostic::error(
                    entry.value.span,
                    format!("the secret `{name}` is shorter than {SHORTEST_SECRET} bytes"),
                )
                .hint("so short a value cannot be masked without masking half of every line; take it out of `secrets`")
            })
        }
    };
    match fault {
        Some(fault) => {
            renderer.host.failed.insert(name.to_owned());
            renderer.faults.push(fault);
        }
        None => {
            Arc::make_mut(&mut renderer.host.context.vars).insert(name.to_owned(), Value::from(Text::secret(name)));
        }
    }
}

/// The definitions in an order in which each comes behind those that it uses, and the circles among the others.
fn order<'a>(
    definitions: &BTreeMap<&'a str, &'a Entry>,
    templates: &Templates,
    sources: &Sources,
) -> (Vec<&'a str>, Vec<Diagnostic>) {
    let mut uses: BTreeMap<&str, BTreeMap<&str, (Range<usize>, &Node)>> = BTreeMap::new();
    let mut users: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (&name, entry) in definitions {
        let used = uses.entry(name).or_default();
        for_each_use(&entry.value, templates, &mut |node, other, at| {
            if let Some((&other, _)) = definitions.get_key_value(other) {
                used.entry(other).or_insert((at, node));
            }
        });
        for other in used.keys() {
            users.entry(other).or_default().push(name);
        }
    }
    let mut missing: BTreeMap<&str, usize> = uses.iter().map(|(name, used)| (*name, used.len())).collect();
    let mut order: Vec<&str> = missing.iter().filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect();
    let mut at = 0;
    while let Some(name) = order.get(at).copied() {
        at += 1;
        for user in users.get(name).into_iter().flatten() {
            let count = missing.get_mut(user).expect("every user is a definition");
            *count -= 1;
            if *count == 0 {
                order.push(user);
            }
        }
    }
    let mut left: BTreeSet<&str> = missing.iter().filter(|(_, count)| **count > 0).map(|(name, _)| *name).collect();
    let mut circles = Vec::new();
    while let Some(start) = left.first().copied() {
        let mut path = vec![start];
        let mut seen = HashMap::from([(start, 0)]);
        let mut last = start;
        // Whatever is left needs something that is left too, unless that was part of a circle told already.
        while let Some(next) = uses[last].keys().copied().find(|name| left.contains(name)) {
            if let Some(from) = seen.insert(next, path.len()) {
                circles.push(describe(&path[from..], &uses, definitions, sources));
                break;
            }
            path.push(next);
            last = next;
        }
        for name in path {
            left.remove(name);
        }
    }
    (order, circles)
}

/// How many variables of a circle are shown.
const SHOWN: usize = 8;

fn describe(
    circle: &[&str],
    uses: &BTreeMap<&str, BTreeMap<&str, (Range<usize>, &Node)>>,
    definitions: &BTreeMap<&str, &Entry>,
    sources: &Sources,
) -> Diagnostic {
    let next = |at: usize| circle[(at + 1) % circle.len()];
    let place = |at: usize| {
        let (range, node) = &uses[circle[at]][next(at)];
        node.place(sources, range.start, range.end)
    };
    let mut chain: Vec<&str> = circle.iter().take(SHOWN).copied().collect();
    if circle.len() > SHOWN {
        chain.push("…");
    }
    chain.push(circle[0]);
    let mut fault = Diagnostic::error(place(0), format!("variables go round in a circle: {}", chain.join(" -> ")))
        .label(format!("`{}` needs `{}`", circle[0], next(0)))
        .hint("give one of them a value of its own");
    if circle.len() == 1 {
        fault = fault.related(definitions[circle[0]].key_span, "declared here");
    }
    for (at, name) in circle.iter().enumerate().take(SHOWN).skip(1) {
        fault = fault.related(place(at), format!("`{name}` needs `{}`", next(at)));
    }
    fault
}

/// Calls with each scalar of a node and each name that its templates ask for.
pub(crate) fn for_each_use<'n>(
    node: &'n Node,
    templates: &Templates,
    call: &mut impl FnMut(&'n Node, &'n str, Range<usize>),
) {
    match &node.value {
        NodeValue::Null => {}
        NodeValue::List(items) => items.iter().for_each(|item| for_each_use(item, templates, call)),
        NodeValue::Map(entries) => entries.iter().for_each(|entry| for_each_use(&entry.value, templates, call)),
        NodeValue::Scalar { text, style } | NodeValue::Broken { text, style } => {
            if *style != Style::Literal && syntax::is_template(text) {
                for_each_name(text, templates, &mut |name, at| call(node, name, at));
            }
        }
    }
}

/// Calls with each name that a text's templates ask their surroundings for.
pub(crate) fn for_each_name<'t>(text: &'t str, templates: &Templates, call: &mut impl FnMut(&'t str, Range<usize>)) {
    for_each_found(text, templates, &mut |found| call(found.name, found.at));
}
