//! A host's variables: higher scopes replace lower ones, and every value is rendered once, after those that it uses.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::ValueKind;

use super::characters::characters;
use super::context::{FACTS_NAME, OrderedMap};
use super::param::{Param, ScopedVar};
use super::renderer::Renderer;
use super::scope::{GivenBy, HostVars, Registered, for_each_found};
use super::syntax::Use;
use super::templates::Templates;
use super::{Loader, syntax};
use crate::node::{Entry, Node, ScalarStyle, Value as NodeValue};
use crate::script::{Part, Text, own_name};
use crate::secret::Secret;
use crate::source::{Diagnostic, Sources, Span, Spanned};

/// The shortest value that can be masked without masking half of every line, in bytes.
pub(super) const SHORTEST_SECRET: usize = 4;

/// What is declared for one host.
pub(crate) struct Declarations<'d> {
    /// The scopes, lowest first: the playbook's, those of its files, the host's, and what the command line gives.
    pub(crate) scopes: [&'d [Entry]; 4],
    /// The variables of used files, and the parameters of the playbook with their defaults.
    pub(crate) scoped: &'d [ScopedVar],
    /// The parameters of the playbook.
    pub(crate) params: &'d [Param],
    /// Whether they may have no value, because the file is only looked at.
    pub(crate) may_lack: bool,
    /// The names of the variables that are secrets.
    pub(crate) secrets: &'d [Spanned<String>],
    /// Variables of the environment that templates may use.
    pub(crate) from_env: &'d [Spanned<String>],
    /// The environment itself.
    pub(crate) env: &'d BTreeMap<String, String>,
    /// Names of variables whose declaration could not be read.
    pub(crate) unreadable: &'d BTreeSet<String>,
    /// Whether any other name may belong to a variable that could not be read.
    pub(crate) any_name: bool,
    /// Whether `from_env` may list more than could be read.
    pub(crate) any_env: bool,
}

/// Puts the scopes together, lowest first, and renders every variable.
pub(crate) fn resolve(
    declared: &Declarations<'_>,
    registered: &Registered,
    templates: &Templates,
    sources: &mut Sources,
    loader: &Loader,
) -> (HostVars, Vec<Diagnostic>) {
    let mut definitions: BTreeMap<&str, &Entry> = BTreeMap::new();
    let mut scoped: HashMap<&str, &ScopedVar> = HashMap::new();
    for var in declared.scoped {
        definitions.insert(&var.entry.key, &var.entry);
        scoped.insert(&var.entry.key, var);
    }
    let mut from_outside: HashSet<&str> = HashSet::new();
    for (scope, outside) in declared.scopes.iter().zip([false, true, false, true]) {
        for entry in *scope {
            definitions.insert(&entry.key, entry);
            if outside {
                from_outside.insert(&entry.key);
            } else {
                from_outside.remove(entry.key.as_str());
            }
        }
    }
    let scope_of = |name: &str, entry: &Entry| {
        let own = scoped.get(name).filter(|var| std::ptr::eq(&raw const var.entry, entry));
        own.map_or(0, |var| var.scope)
    };
    let global = |name: &str, entry: &Entry, used: &str| {
        let scope = registered.scopes.get(scope_of(name, entry))?;
        scope.global(used).map(str::to_owned)
    };
    let is_secret = |name: &str| {
        declared.secrets.iter().any(|secret| secret.value == name)
            || scoped.get(name).is_some_and(|var| var.param.as_ref().is_some_and(|param| param.secret))
    };
    let (order, cycles) = order(&definitions, templates, sources, &global);
    let mut host = HostVars {
        holes: !registered.names.is_empty() || definitions.keys().any(|name| is_secret(name)),
        ..HostVars::default()
    };
    let holes: HashMap<String, Value> =
        registered.names.keys().map(|name| (name.clone(), Value::from(Text::registered(name)))).collect();
    host.context.vars = Arc::new(holes);
    host.declared = definitions
        .keys()
        .copied()
        .chain(registered.names.keys().map(String::as_str))
        .filter(|name| own_name(name) == *name)
        .map(str::to_owned)
        .collect();
    host.allowed_env = declared.from_env.iter().map(|name| name.value.clone()).collect();
    let given = host
        .allowed_env
        .iter()
        .filter_map(|name| declared.env.get(name).map(|value| (name.clone(), Value::from(value.as_str()))));
    let given = Value::from_object(given.collect::<OrderedMap>());
    host.context.extra.push(("env".into(), given));
    host.context.extra.push((FACTS_NAME.into(), super::host::facts()));
    let reached: HashSet<&str> = order.iter().copied().collect();
    host.failed.extend(declared.unreadable.iter().cloned());
    (host.any_name, host.any_env) = (declared.any_name, declared.any_env);
    host.failed.extend(definitions.keys().filter(|name| !reached.contains(*name)).map(|name| (*name).to_owned()));

    let missing = missing(declared, &definitions, &mut host);
    if !from_outside.is_empty() || !declared.from_env.is_empty() {
        for name in order.iter().filter(|name| scope_of(name, definitions[**name]) == 0) {
            let given = given_for(definitions[name], from_outside.contains(name), &host.given, templates);
            if !given.is_empty() && !is_secret(name) {
                host.given.insert((*name).to_owned(), given);
            }
        }
    }
    let mut renderer = Renderer::new(templates, sources, host, registered, loader);
    renderer.diagnostics.extend(cycles.into_iter().chain(missing));
    for name in order {
        let entry = definitions[name];
        renderer.enter(scope_of(name, entry));
        // What a used file is given may be what an earlier step registers: where it is used decides.
        let steps = scoped.get(name).and_then(|var| var.steps.clone());
        renderer.left_out = steps.clone().is_some_and(|mut steps| steps.all(|at| registered.left_out.contains(&at)));
        renderer.step = steps.map(|steps| steps.start);
        let value = renderer.variable(&entry.value);
        let of_scope = scoped.get(name).and_then(|var| var.param.as_ref());
        let param = of_scope.or_else(|| declared.params.iter().find(|param| param.name == name));
        let wrong = value.as_ref().and_then(|value| param?.check(value, entry.value.span));
        let value = value.filter(|_| wrong.is_none());
        renderer.diagnostics.extend(wrong);
        match value {
            None => {
                renderer.host.failed.insert(name.to_owned());
            }
            Some(value) if is_secret(name) && value.kind() != ValueKind::None => {
                keep_secret(&mut renderer, name, entry, &value);
            }
            Some(value) => {
                // The entries of a map of this name are meant, and not facts.
                if name == "host" && value.kind() == ValueKind::Map {
                    renderer.host.context.extra.retain(|(known, _)| *known != FACTS_NAME);
                }
                Arc::make_mut(&mut renderer.host.context.vars).insert(name.to_owned(), value);
            }
        }
    }
    renderer.enter(0);
    let Renderer { host, diagnostics, .. } = renderer;
    (host, diagnostics)
}

/// Gives the parameters of the playbook without a value none, or an error where they need one.
fn missing(declared: &Declarations<'_>, definitions: &BTreeMap<&str, &Entry>, host: &mut HostVars) -> Vec<Diagnostic> {
    let mut missing = Vec::new();
    let any_name = host.any_name;
    let has_value = |param: &&Param| definitions.contains_key(param.name.as_str()) || any_name;
    for param in declared.params.iter().filter(|param| !has_value(param)) {
        if param.required || declared.may_lack {
            missing.extend((!declared.may_lack).then(|| param.missing()));
            host.failed.insert(param.name.clone());
        } else {
            Arc::make_mut(&mut host.context.vars).insert(param.name.clone(), Value::from(()));
        }
    }
    missing
}

/// What was given from outside for a variable: itself, or what its value uses.
fn given_for(
    entry: &Entry,
    outside: bool,
    known: &HashMap<String, Vec<GivenBy>>,
    templates: &Templates,
) -> Vec<GivenBy> {
    let mut given = Vec::new();
    for_each_found_in(&entry.value, templates, &mut |found| given.extend(given_by(&found, known)));
    if given.is_empty() && outside {
        given.push(GivenBy::At(entry.value.span));
    }
    given
}

/// What was given from outside for a name where it is used.
pub(super) fn given_by(found: &Use<'_>, known: &HashMap<String, Vec<GivenBy>>) -> Vec<GivenBy> {
    match &found.attribute {
        Some((name, _)) if found.name == "env" => vec![GivenBy::Environment((*name).to_owned())],
        _ => known.get(found.name).cloned().unwrap_or_default(),
    }
}

/// Calls with each use of a name in the templates of a node.
fn for_each_found_in(node: &Node, templates: &Templates, call: &mut impl FnMut(Use<'_>)) {
    match &node.value {
        NodeValue::Null | NodeValue::Broken { .. } => {}
        NodeValue::List(items) => items.iter().for_each(|item| for_each_found_in(item, templates, call)),
        NodeValue::Map(entries) => {
            for entry in entries {
                for_each_found_in(&entry.value, templates, call);
            }
        }
        NodeValue::Scalar { text, style } => {
            if *style != ScalarStyle::Literal && syntax::is_template(text) {
                for_each_found(text, templates, call);
            }
        }
    }
}

/// Keeps a secret's values apart and puts their holes into the context: those of a list or a map one by one.
fn keep_secret(renderer: &mut Renderer<'_>, name: &str, entry: &Entry, value: &Value) {
    let before = renderer.diagnostics.len();
    let hidden = hide(renderer, name, name, entry.value.span, value);
    if renderer.diagnostics.len() == before {
        Arc::make_mut(&mut renderer.host.context.vars).insert(name.to_owned(), hidden);
    } else {
        renderer.host.failed.insert(name.to_owned());
    }
}

/// A secret value with holes in the place of its texts; `path` is what an error calls it.
fn hide(renderer: &mut Renderer<'_>, name: &str, path: &str, span: Span, value: &Value) -> Value {
    match value.kind() {
        ValueKind::Map => {
            let mut map = OrderedMap::default();
            for key in value.try_iter().into_iter().flatten() {
                let item = value.get_item(&key).unwrap_or_default();
                let key = key.to_string();
                let hidden = hide(renderer, &joined(name, &key), &format!("{path}.{key}"), span, &item);
                map.push(key, hidden, false);
            }
            Value::from_object(map)
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().into_iter().flatten().enumerate();
            let hidden = items.map(|(at, item)| {
                hide(renderer, &joined(name, &at.to_string()), &format!("{path}[{at}]"), span, &item)
            });
            Value::from(hidden.collect::<Vec<_>>())
        }
        // A boolean inside a list or a map says nothing that could be found in a stream.
        ValueKind::None | ValueKind::Bool if name != path => value.clone(),
        _ => hide_text(renderer, name, path, span, value),
    }
}

/// The name of a part of a secret, as a variable of the shell can have it.
fn joined(name: &str, part: &str) -> String {
    let part: String = part.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("{name}__{part}")
}

fn hide_text(renderer: &mut Renderer<'_>, name: &str, path: &str, span: Span, value: &Value) -> Value {
    let raw = match characters(value) {
        Ok(raw) => raw,
        Err(reason) => {
            renderer.diagnostics.push(Diagnostic::error(span, format!("the secret `{path}` {reason}")));
            return Value::default();
        }
    };
    // A secret may contain other secrets; what is masked is its complete value.
    let text = Text::new(raw.into_owned());
    let complete = text.parts().fold(String::new(), |mut complete, part| {
        match part {
            Part::Characters(text) => complete.push_str(text),
            Part::Secret(other) => complete.push_str(renderer.host.secrets.get(other).map_or("", Secret::expose)),
            Part::Registered(_) | Part::Host { .. } | Part::Current(_) => {}
        }
        complete
    });
    if text.parts().any(|part| matches!(part, Part::Host { .. })) {
        let message = format!("the secret `{path}` has a value that only the host knows, and could not be masked");
        let error = Diagnostic::error(span, message);
        renderer.diagnostics.push(error.hint("put the value of the host beside the secret where it is used"));
    }
    if complete.len() < SHORTEST_SECRET {
        let error = Diagnostic::error(span, format!("the secret `{path}` is shorter than {SHORTEST_SECRET} bytes"));
        renderer
            .diagnostics
            .push(error.hint("masking so short a value would mask half of every line; remove it from `secrets`"));
    }
    // Two paths can give the same name, such as `a-b` and `a.b`.
    let mut name = name.to_owned();
    while renderer.host.secrets.get(&name).is_some_and(|known| known.expose() != complete) {
        name.push('_');
    }
    renderer.host.secrets.insert(name.clone(), Secret::new(complete));
    Value::from(Text::secret(&name))
}

/// The definitions ordered so that each comes after those that it uses, and an error for each cycle among the others.
fn order<'a>(
    definitions: &BTreeMap<&'a str, &'a Entry>,
    templates: &Templates,
    sources: &Sources,
    global: &dyn Fn(&str, &Entry, &str) -> Option<String>,
) -> (Vec<&'a str>, Vec<Diagnostic>) {
    let mut uses: BTreeMap<&str, BTreeMap<&str, (Range<usize>, &Node)>> = BTreeMap::new();
    let mut users: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (&name, entry) in definitions {
        let used = uses.entry(name).or_default();
        for_each_use(&entry.value, templates, &mut |node, other, at| {
            let Some(other) = global(name, entry, other) else { return };
            if let Some((&other, _)) = definitions.get_key_value(other.as_str()) {
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
    let mut cycles = Vec::new();
    while let Some(start) = left.first().copied() {
        let mut path = vec![start];
        let mut seen = HashMap::from([(start, 0)]);
        let mut last = start;
        // Whatever is left uses something that is left too, unless that was part of a cycle that has been reported.
        while let Some(next) = uses[last].keys().copied().find(|name| left.contains(name)) {
            if let Some(from) = seen.insert(next, path.len()) {
                cycles.push(describe(&path[from..], &uses, definitions, sources));
                break;
            }
            path.push(next);
            last = next;
        }
        for name in path {
            left.remove(name);
        }
    }
    (order, cycles)
}

/// The most variables of a cycle that are shown.
const SHOWN: usize = 8;

fn describe(
    cycle: &[&str],
    uses: &BTreeMap<&str, BTreeMap<&str, (Range<usize>, &Node)>>,
    definitions: &BTreeMap<&str, &Entry>,
    sources: &Sources,
) -> Diagnostic {
    let next = |at: usize| cycle[(at + 1) % cycle.len()];
    let place = |at: usize| {
        let (range, node) = &uses[cycle[at]][next(at)];
        node.place(sources, range.start, range.end)
    };
    let mut chain: Vec<&str> = cycle.iter().take(SHOWN).map(|name| own_name(name)).collect();
    if cycle.len() > SHOWN {
        chain.push("…");
    }
    chain.push(own_name(cycle[0]));
    let mut error = Diagnostic::error(place(0), format!("circular variable definition: {}", chain.join(" -> ")))
        .label(format!("`{}` uses `{}`", cycle[0], next(0)))
        .hint("give one of them a value that uses none of the others");
    if cycle.len() == 1 {
        error = error.related(definitions[cycle[0]].key_span, "declared here");
    }
    for (at, name) in cycle.iter().enumerate().take(SHOWN).skip(1) {
        error = error.related(place(at), format!("`{name}` uses `{}`", next(at)));
    }
    error
}

/// Calls with each scalar of a node and each name that its templates use.
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
            if *style != ScalarStyle::Literal && syntax::is_template(text) {
                for_each_name(text, templates, &mut |name, at| call(node, name, at));
            }
        }
    }
}

/// Calls with each name that a text's templates do not bind themselves.
pub(crate) fn for_each_name<'t>(text: &'t str, templates: &Templates, call: &mut impl FnMut(&'t str, Range<usize>)) {
    for_each_found(text, templates, &mut |found| call(found.name, found.at));
}
