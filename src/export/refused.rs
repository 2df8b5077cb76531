//! What cannot be done without pinboot, each with its place in the playbook.

use std::collections::BTreeSet;

use super::script::{Export, Secrets};
use crate::kinds::Effect;
use crate::plan::{Action, PlannedStep, SUDO_PASSWORD};
use crate::playbook::Loaded;
use crate::script::own_name;
use crate::source::{Diagnostic, Sources, Span};

/// What a plan becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A script.
    Sh,
    /// User data of cloud-init.
    CloudInit,
}

/// Everything of the plan that has no place in this format.
pub fn refusals(export: &Export<'_>, format: Format, loaded: &Loaded, sources: &Sources) -> Vec<Diagnostic> {
    let steps = export.plan.steps.iter().filter_map(|step| {
        let (message, hint) = refused(step, format)?;
        Some(match sources.line(&step.origin) {
            Some(span) => Diagnostic::error(span, message).hint(hint),
            None => Diagnostic::without_place(format!("{}: {message}", step.origin)).hint(hint),
        })
    });
    let secrets: Vec<Diagnostic> = if export.secrets == Secrets::Included {
        Vec::new()
    } else {
        let names: BTreeSet<&str> = export.plan.secrets.iter().map(|(name, _)| name.as_str()).collect();
        names
            .into_iter()
            .filter(|name| *name != SUDO_PASSWORD)
            .filter_map(|name| secret(name, format, loaded))
            .collect()
    };
    steps.chain(secrets).collect()
}

/// Why a step cannot be exported, and what to do.
fn refused(step: &PlannedStep, format: Format) -> Option<(String, &'static str)> {
    let Action::Apply(spec) = &step.action else { return None };
    match &spec.recipe.effect {
        Effect::Reboots => Some((
            "a script does not continue after the host has rebooted".to_owned(),
            "leave the step out with --skip-tags, or export the steps before it and those behind it apart (--only, --from)",
        )),
        Effect::Upload(_) => Some((
            "files that are sent beside a run cannot be in a script".to_owned(),
            "put them at an address, for `archive` or `download`; a single file can be `file: { src: … }`",
        )),
        Effect::Takes(_) => Some((
            "a script has no machine to bring the files of a host to".to_owned(),
            "leave the step out with --skip-tags, or copy the files with a `command`",
        )),
        Effect::Manual(manual) if manual.wait && format == Format::CloudInit => Some((
            "a step that waits for a person cannot be done at a machine's first boot".to_owned(),
            "leave `wait` out, which shows the text in the log of cloud-init, or leave the step out with --skip-tags",
        )),
        Effect::None | Effect::Exports(_) | Effect::Content(_) | Effect::Manual(_) | Effect::Interpreter(_) => None,
    }
}

/// Why a secret cannot be left to the script; `None` where the script asks for it.
fn secret(name: &str, format: Format, loaded: &Loaded) -> Option<Diagnostic> {
    let place = declared(name, loaded);
    let is_askable = place.is_some();
    let (message, hint) = match format {
        Format::Sh if is_askable => return None,
        Format::Sh => (
            "what the playbook makes of a secret cannot be made by a script".to_owned(),
            "write it into the script with --include-secrets -o FILE; the file is then readable by you alone",
        ),
        Format::CloudInit => (
            format!(
                "the secret `{}` would stand in the user data, which every program of the machine can read",
                own_name(name)
            ),
            "--include-secrets -o FILE writes it there all the same; better give the machine a role, or fetch the secret in a step",
        ),
    };
    let diagnostic = match place {
        Some(span) => Diagnostic::error(span, message),
        None => Diagnostic::without_place(message),
    };
    Some(diagnostic.hint(hint))
}

/// Where a secret is declared, or the list or map that it is a part of; `None` where it is made of others.
fn declared(name: &str, loaded: &Loaded) -> Option<Span> {
    let is_of = |known: &str| name.strip_prefix(known).is_some_and(|part| part.is_empty() || part.starts_with("__"));
    loaded.secret_places().find(|(known, _)| is_of(known)).map(|(_, span)| span)
}
