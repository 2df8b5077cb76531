//! What the lock file says to the steps of a plan, and what lint says of the file.

use std::collections::BTreeSet;

use crate::inventory::Host;
use crate::kinds::{Arg, ArgValue, Fetch, FetchState, Recipe, address_name};
use crate::lock::{Lock, Locked};
use crate::plan::{Action, Plan};
use crate::playbook::{Loaded, Step};
use crate::render::renderer::Renderer;
use crate::script::{Script, Text};
use crate::source::{Diagnostic, Span};

/// The fields that a step gives, see [`crate::kinds::Args`].
type Fields = Vec<(&'static str, Span, Arg)>;

/// What a step fetches. A digest of the lock stands in for one that the step does not give, and for its checksum file.
pub(super) fn look_up(renderer: &mut Renderer<'_>, step: &Step, lock: &Lock, fields: &mut Fields) -> Option<Fetch> {
    let of = |name: &str| fields.iter().find(|(known, _, _)| *known == name).map(|(_, span, arg)| (*span, arg.clone()));
    let (key, urls) = of("url")?;
    let checksum = of("checksum").and_then(|(_, arg)| texts(&arg).pop());
    let mut fetch = Fetch {
        place: urls.span,
        names: [Some(step.name.value.clone()), step.id().map(|id| id.value.to_owned())].into_iter().flatten().collect(),
        urls: texts(&urls),
        checksum,
        state: FetchState::Open,
    };
    if of("sha256").or_else(|| of("sha512")).is_some() {
        fetch.state = FetchState::Given;
        return Some(fetch);
    }
    let locked: Vec<&Locked> = fetch.urls.iter().filter_map(|url| lock.find(&address_name(url)?)).collect();
    let Some(first) = locked.first() else { return Some(fetch) };
    if let Some(other) = locked.iter().find(|other| other.sha256 != first.sha256) {
        let message = format!("the lock has different bytes for {} and {}", first.url, other.url);
        let error = Diagnostic::error(fetch.place, message);
        renderer
            .diagnostics
            .push(error.hint("addresses of one step stand for the same bytes: make two steps of them, or lock again"));
        return Some(fetch);
    }
    fields.retain(|(name, _, _)| *name != "checksum");
    fields.push(("sha256", key, Arg { span: urls.span, value: ArgValue::Text(Text::new(first.sha256.clone())) }));
    fetch.state = FetchState::Locked;
    Some(fetch)
}

/// Tells the host that the digest comes from the lock, so that it can say why it does not fit.
pub(super) fn tell(recipe: &mut Recipe, fetch: Option<Fetch>, lock: &Lock) {
    if let (Some(FetchState::Locked), Some(file)) = (fetch.as_ref().map(|fetch| fetch.state), &lock.file) {
        let name = file.rsplit('/').next().unwrap_or(file);
        recipe.set("locked", Script::quoted(&Text::from(name)));
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
    let mut found = Vec::new();
    for (_, fetch) in fetches(plans).filter(|(_, fetch)| fetch.state == FetchState::Open) {
        let is_known = fetch.urls.iter().any(|url| address_name(url).is_some());
        let (message, hint) = if is_known {
            (format!("{file} has no digest for this address"), "`pinboot lock` adds it; give it the same variables")
        } else {
            (
                format!("{file} cannot have a digest for this address, which only the host knows"),
                "give the step `sha256:`, `sha512:` or `checksum:`",
            )
        };
        found.push(Diagnostic::warning(fetch.place, message).hint(hint));
    }
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
    let used: BTreeSet<String> = fetched.iter().flat_map(|fetch| &fetch.urls).filter_map(address_name).collect();
    let names: BTreeSet<&str> = fetched.iter().flat_map(|fetch| &fetch.names).map(String::as_str).collect();
    let is_written = |entry: &Locked| loaded.playbook.steps.iter().any(|step| step.name.value == entry.step);
    lock.entries
        .iter()
        .filter(|entry| !used.contains(&entry.url) && (names.contains(entry.step.as_str()) || !is_written(entry)))
        .collect()
}
