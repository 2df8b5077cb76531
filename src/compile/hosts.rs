//! The hosts that the command line leaves, and where and as whom to log in to each.

use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::ids::HostId;
use crate::inventory::{self, Host, Target};
use crate::node::Node;
use crate::playbook::{HostEntry, Inputs, Loaded};
use crate::render::renderer::Renderer;
use crate::render::syntax::is_template;
use crate::script::Part;
use crate::secret::Secret;
use crate::source::Diagnostic;

/// A chosen host whose values are not rendered yet.
pub(super) struct Chosen<'p> {
    /// Its entry in the playbook.
    pub(super) entry: Option<&'p HostEntry>,
    /// `--host`, where it is given.
    pub(super) target: Option<Target>,
}

/// The hosts that `--host` and `--limit` leave.
pub(super) fn choose(loaded: &Loaded) -> Result<Vec<Chosen<'_>>, Vec<Diagnostic>> {
    let (playbook, flags) = (&loaded.playbook, &loaded.inputs.flags);
    let mut diagnostics = unknown_limits(loaded);
    let kept = |host: &&HostEntry| flags.limit.is_empty() || flags.limit.contains(&host.name.value);
    let entries: Vec<&HostEntry> = playbook.hosts.iter().filter(kept).collect();
    if let Some(Err(why)) = flags.user.as_deref().map(inventory::check_user) {
        diagnostics.push(Diagnostic::without_place(format!("--user: {why}")));
    }
    let chosen = match &flags.host {
        Some(text) => match Target::parse(text) {
            // The one host that it replaces still says who logs in, with which key and with which variables.
            Ok(target) => {
                let entry = if let [only] = entries.as_slice() { Some(*only) } else { None };
                vec![Chosen { entry, target: Some(target) }]
            }
            Err(why) => {
                let hint = "write it as [USER@]ADDRESS[:PORT], an IPv6 address with a port in brackets";
                diagnostics.push(Diagnostic::without_place(format!("--host {text}: {why}")).hint(hint));
                Vec::new()
            }
        },
        None => entries.into_iter().map(|entry| Chosen { entry: Some(entry), target: None }).collect(),
    };
    if chosen.is_empty() && diagnostics.is_empty() && !playbook.unresolved.hosts {
        diagnostics.push(
            Diagnostic::without_place("there is no host to run on")
                .hint("add `hosts:` to the playbook, or give --host [USER@]ADDRESS[:PORT]"),
        );
    }
    if diagnostics.is_empty() { Ok(chosen) } else { Err(diagnostics) }
}

/// An error for each `--limit` that names no host of the playbook.
fn unknown_limits(loaded: &Loaded) -> Vec<Diagnostic> {
    let names = || loaded.playbook.hosts.iter().map(|host| host.name.value.as_str());
    let unknown = loaded.inputs.flags.limit.iter().filter(|name| !names().any(|known| known == *name));
    let error = |name: &String| {
        let error = Diagnostic::without_place(format!("--limit: the playbook has no host `{name}`"))
            .did_you_mean(name, names());
        if error.hint.is_some() {
            return Some(error);
        }
        let hint = format!("its hosts: {}", names().collect::<Vec<_>>().join(", "));
        (!loaded.playbook.unresolved.hosts).then(|| error.hint(hint))
    };
    unknown.filter_map(error).collect()
}

/// The password for sudo that a host has of its own, a secret; `None` where it has none.
pub(super) fn sudo_password(renderer: &mut Renderer<'_>, chosen: &Chosen<'_>) -> Option<Secret> {
    let node = chosen.entry?.sudo_password.as_ref()?;
    let used = renderer.secrets_used.clone();
    let text = renderer.text(node)?;
    renderer.secrets_used = used;
    if text.raw().is_empty() {
        return None;
    }
    let mut password = Zeroizing::new(String::new());
    let mut is_secret = false;
    for part in text.parts() {
        match part {
            Part::Characters(characters) => password.push_str(characters),
            Part::Secret(name) => {
                is_secret = true;
                password.push_str(renderer.host.secrets.get(name)?.expose());
            }
            _ => return None,
        }
    }
    let fault = if !is_secret {
        // What may be a real password is not shown.
        if node.as_text().is_some_and(|text| !is_template(text)) {
            renderer.sources.hide(node.span);
        }
        "is written in the playbook, where everybody can read it"
    } else if password.contains(['\n', '\0']) {
        "has more than one line"
    } else {
        return Some(Secret::new(password.as_str()));
    };
    let error = Diagnostic::error(node.span, format!("`sudo_password` {fault}"));
    renderer.diagnostics.push(error.hint(
        "name a variable of `secrets:`, such as `sudo_password: \"{{ sudo_password }}\"`, and give it with `from_env`, or use --ask-sudo-pass",
    ));
    None
}

/// A chosen host with its values; `None` where one of them has an error.
pub(super) fn host(renderer: &mut Renderer<'_>, inputs: &Inputs, chosen: &Chosen<'_>) -> Option<Host> {
    let (entry, target) = (chosen.entry, chosen.target.as_ref());
    let before = renderer.diagnostics.len();
    let mut field = |node: Option<&Node>, what: &str, check: fn(&str) -> Result<String, String>| {
        let node = node?;
        let text = renderer.plain_text(node, what)?;
        match check(&text) {
            Ok(text) => Some(text),
            Err(why) => {
                renderer.report_value(node, Diagnostic::error(node.span, format!("{what}: {why}")));
                None
            }
        }
    };
    let address = match target {
        Some(target) => Some(target.address.clone()),
        None => field(entry.and_then(|entry| entry.address.as_ref()), "the address", inventory::check_address),
    };
    let port = match target {
        Some(target) => target.port,
        None => field(entry.and_then(|entry| entry.port.as_ref()), "the port", |text| {
            inventory::check_port(text).map(|port| port.to_string())
        })
        .and_then(|text| text.parse().ok()),
    };
    let user = match inputs.flags.user.clone().or_else(|| target.and_then(|target| target.user.clone())) {
        Some(user) => Some(user),
        None => field(entry.and_then(|entry| entry.user.as_ref()), "the user", inventory::check_user),
    };
    let key = match &inputs.flags.key {
        Some(key) => Some(key.clone()),
        None => {
            field(entry.and_then(|entry| entry.key.as_ref()), "the key", |text| Ok(text.to_owned())).map(PathBuf::from)
        }
    };
    if renderer.diagnostics.len() != before {
        return None;
    }
    let address = address?;
    let id = if target.is_some() { address.clone() } else { entry?.name.value.clone() };
    Some(Host {
        id: HostId(id),
        address,
        port: port.unwrap_or(22),
        user: user.unwrap_or_else(|| inputs.local_user.clone()),
        // An empty key means that there is none, which a variable can set.
        key: key.filter(|key| !key.as_os_str().is_empty()),
    })
}
