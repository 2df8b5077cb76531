//! What the lock file says to the steps of a plan, and what lint says of the file.

use std::collections::BTreeSet;

use crate::host_value::{Expr, cases};
use crate::inventory::Host;
use crate::kinds::{Arg, ArgValue, Fetch, FetchCase, FetchState, Recipe, address_name, without_password};
use crate::lock::{Lock, Locked};
use crate::plan::{Action, Plan};
use crate::playbook::{Loaded, Step};
use crate::render::renderer::Renderer;
use crate::script::{Part, Script, Text};
use crate::source::{Diagnostic, Span};

/// The fields that a step gives, see [`crate::kinds::Args`].
type Fields = Vec<(&'static str, Span, Arg)>;

/// What a step fetches. A digest of the lock stands in for one that the step does not give, and for its checksum file.
pub(super) fn look_up(renderer: &mut Renderer<'_>, step: &Step, lock: &Lock, fields: &mut Fields) -> Option<Fetch> {
    let of = |name: &str| fields.iter().find(|(known, _, _)| *known == name).map(|(_, span, arg)| (*span, arg.clone()));
    let (key, urls) = of("url")?;
    let checksum = of("checksum").and_then(|(_, arg)| texts(&arg).pop());
    let found = cases_of(&texts(&urls), checksum, renderer);
    let mut digests = Vec::new();
    let mut cases = Vec::new();
    for (name, case) in found.cases {
        let locked = digest(renderer, urls.span, &case.urls, lock);
        digests.push((name, locked.clone()));
        cases.push(FetchCase { locked, ..case });
    }
    let mut fetch = Fetch {
        place: urls.span,
        names: [Some(step.name.value.clone()), step.id().map(|id| id.value.to_owned())].into_iter().flatten().collect(),
        cases,
        state: FetchState::Open,
    };
    if of("sha256").or_else(|| of("sha512")).is_some() {
        fetch.state = FetchState::Given;
        return Some(fetch);
    }
    let Some(digest) = chosen(renderer, &found.name, digests, lock) else { return Some(fetch) };
    fields.retain(|(name, _, _)| *name != "checksum");
    fields.push(("sha256", key, Arg { span: urls.span, value: ArgValue::Text(digest) }));
    fetch.state = FetchState::Locked;
    Some(fetch)
}

/// The addresses of a step, on each kind of host.
struct Cases {
    /// What a host calls the addresses that it gets.
    name: Text,
    /// Each of these names, and what is fetched there.
    cases: Vec<(String, FetchCase)>,
}

/// The addresses of a step on each kind of host, without those that only a host knows.
fn cases_of(urls: &[Text], checksum: Option<Text>, renderer: &Renderer<'_>) -> Cases {
    let values = &renderer.host.values;
    let is_known = |text: &Text| cases(std::slice::from_ref(text), values).is_some();
    let urls: Vec<Text> = urls.iter().filter(|url| is_known(url)).cloned().collect();
    let checksum = checksum.filter(is_known);
    let name = Text::new(urls.iter().map(shown).collect::<Vec<_>>().join(" "));
    let all: Vec<Text> = urls.iter().chain([&name]).chain(&checksum).cloned().collect();
    let found = if urls.is_empty() { None } else { cases(&all, values) };
    let case = |mut texts: Vec<Text>| {
        let checksum = if checksum.is_some() { texts.pop() } else { None };
        let name = texts.pop().map(|name| name.raw().to_owned()).unwrap_or_default();
        (name, FetchCase { urls: texts, checksum, locked: None })
    };
    Cases { cases: found.into_iter().flatten().map(case).collect(), name }
}

/// An address without passwords and secrets, in which the values of the host are left open.
fn shown(url: &Text) -> String {
    let part = |part: Part<'_>| match part {
        Part::Host { name, written } => Text::host(name, written),
        Part::Characters(characters) => characters.to_owned(),
        _ => "***".to_owned(),
    };
    without_password(url).parts().map(part).collect()
}

/// The digest that the lock has for these addresses.
fn digest(renderer: &mut Renderer<'_>, place: Span, urls: &[Text], lock: &Lock) -> Option<String> {
    let locked: Vec<&Locked> = urls.iter().filter_map(|url| lock.find(&address_name(url)?)).collect();
    let first = locked.first()?;
    if let Some(other) = locked.iter().find(|other| other.sha256 != first.sha256) {
        let message = format!("the lock has different bytes for {} and {}", first.url, other.url);
        let error = Diagnostic::error(place, message);
        renderer
            .diagnostics
            .push(error.hint("addresses of one step stand for the same bytes: make two steps of them, or lock again"));
        return None;
    }
    Some(first.sha256.clone())
}
/// The digest of the addresses that the host gets, of these names and digests. It is chosen on the host where there are several; one
/// that gets other addresses has none.
fn chosen(
    renderer: &mut Renderer<'_>,
    name: &Text,
    digests: Vec<(String, Option<String>)>,
    lock: &Lock,
) -> Option<Text> {
    let first = digests.iter().find_map(|(_, digest)| digest.clone())?;
    if digests.iter().all(|(_, digest)| digest.as_ref() == Some(&first)) {
        return Some(Text::new(first));
    }
    let key = Box::new(renderer.text_expr(name).ok()?);
    let file = file_name(lock);
    let digest = Expr::Lookup {
        written: file.to_owned(),
        key: key.clone(),
        entries: digests.into_iter().filter_map(|(name, digest)| Some((name, Expr::Text(digest?)))).collect(),
        otherwise: Some(Box::new(Expr::Fail {
            before: format!("{file} has no digest for "),
            shown: key,
            after: ", which this host gets: `pinboot lock` adds it, where there is something at that address"
                .to_owned(),
        })),
    };
    Some(Text::new(Text::host(&renderer.keep_value(digest), &format!("its sha256 in {file}"))))
}

/// The lock's name as people call it.
fn file_name(lock: &Lock) -> &str {
    let file = lock.file.as_deref().unwrap_or_default();
    file.rsplit('/').next().unwrap_or(file)
}

/// Tells the host that the digest comes from the lock, so that it can say why it does not fit.
pub(super) fn tell(recipe: &mut Recipe, fetch: Option<Fetch>, lock: &Lock) {
    if fetch.as_ref().is_some_and(|fetch| fetch.state == FetchState::Locked) {
        recipe.set("locked", Script::quoted(&Text::from(file_name(lock))));
    }
    recipe.fetch = fetch;
}

fn texts(arg: &Arg) -> Vec<Text> {
    match &arg.value {
        ArgValue::Text(text) => vec![text.clone()],
        ArgValue::List(list) => list.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// What these plans fetch.
pub fn fetches(plans: &[(Host, Plan)]) -> impl Iterator<Item = (&Plan, &Fetch)> {
    plans.iter().flat_map(|(_, plan)| {
        plan.steps.iter().filter_map(move |step| match &step.action {
            Action::Apply(spec) => Some((plan, spec.recipe.fetch.as_ref()?)),
            Action::Skip { .. } => None,
        })
    })
}

/// What is not in the lock, and what is in it for nothing; nothing where there is no lock.
pub fn lock_warnings(loaded: &Loaded, plans: &[(Host, Plan)], lock: &Lock) -> Vec<Diagnostic> {
    let Some(file) = &lock.file else { return Vec::new() };
    let mut found: Vec<Diagnostic> = missing(plans, file).into_iter().map(|(_, warning)| warning).collect();
    found.extend(stale_warnings(loaded, plans, lock));
    found
}

/// What is not in the lock: the name of the address, where there is one, and the warning.
pub fn missing(plans: &[(Host, Plan)], file: &str) -> Vec<(Option<String>, Diagnostic)> {
    let mut found = Vec::new();
    for (_, fetch) in fetches(plans).filter(|(_, fetch)| fetch.state != FetchState::Given) {
        if fetch.cases.is_empty() {
            let message = format!("{file} cannot have a digest for this address, which only the host knows");
            let hint = "give the step `sha256:`, `sha512:` or `checksum:`";
            found.push((None, Diagnostic::warning(fetch.place, message).hint(hint)));
        }
        for case in fetch.cases.iter().filter(|case| case.locked.is_none()) {
            let name = case.name();
            let (message, hint) = match (&name, fetch.cases.len()) {
                (Some(name), 2..) => (
                    format!("{file} has no digest for {name}, which is this address on some hosts"),
                    "`pinboot lock` adds it; if there is nothing at that address, such hosts fail at this step",
                ),
                _ => (
                    format!("{file} has no digest for this address"),
                    "`pinboot lock` adds it; give it the same variables",
                ),
            };
            found.push((name, Diagnostic::warning(fetch.place, message).hint(hint)));
        }
    }
    found
}

/// What is in the lock for nothing.
pub fn stale_warnings(loaded: &Loaded, plans: &[(Host, Plan)], lock: &Lock) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for entry in stale(loaded, plans, lock) {
        if let Some(place) = entry.place {
            let message = format!("the step `{}` does not fetch this address with these variables", entry.step);
            found.push(Diagnostic::warning(place, message).hint("`pinboot lock --prune` removes it"));
        }
    }
    found
}

/// The entries that no step needs: its step is gone, or fetches other addresses. A step that these variables skip may need its own
/// with others.
pub fn stale<'l>(loaded: &Loaded, plans: &[(Host, Plan)], lock: &'l Lock) -> Vec<&'l Locked> {
    let fetched: Vec<&Fetch> = fetches(plans).map(|(_, fetch)| fetch).collect();
    let used: BTreeSet<String> = fetched.iter().flat_map(|fetch| fetch.names_of_addresses()).collect();
    let names: BTreeSet<&str> = fetched.iter().flat_map(|fetch| &fetch.names).map(String::as_str).collect();
    let is_written = |entry: &Locked| loaded.playbook.steps.iter().any(|step| step.name.value == entry.step);
    lock.entries
        .iter()
        .filter(|entry| !used.contains(&entry.url) && (names.contains(entry.step.as_str()) || !is_written(entry)))
        .collect()
}
