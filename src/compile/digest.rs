//! The digest of a step: equal digests mean the same step, in another run and after an upgrade too.

use crate::ids::Digest;
use crate::kinds::{Content, Effect, Recipe};
use crate::plan::StepSpec;
use crate::plan::options::{DigestPart, OPTIONS};

type Part = (&'static str, Vec<u8>);

/// The digest over everything that the host would do for a step.
///
/// The step's name and its place are not part of it. Neither is how patient the runner is with it, nor what the runner makes
/// of its result: the same command with another `timeout` or `on_unknown` is the same command, and what the host recorded
/// of it still counts.
pub(super) fn digest(kind: &str, spec: &StepSpec, watched: &[Digest]) -> Digest {
    let mut rows: Vec<DigestPart> = OPTIONS.iter().filter_map(|option| option.digest).collect();
    rows.sort_by_key(|row| row.place);
    let of_options = rows.iter().flat_map(|row| (row.parts)(spec, watched));
    let mut fields: Vec<Vec<u8>> = vec![b"1".to_vec(), kind.into()];
    for (name, value) in of_recipe(&spec.recipe).into_iter().chain(of_options) {
        fields.push(name.into());
        fields.push(value);
    }
    Digest::of_fields(fields.iter().map(Vec::as_slice))
}

/// The command of a reboot as the first release wrote it: nothing can tell whether it was done, so a rerun must recognise
/// the step of an earlier version by its digest.
fn first_releases_reboot(recipe: &Recipe) -> Option<String> {
    let message = recipe.args.iter().find(|(name, _)| recipe.reboots() && name == "message")?.1.as_str();
    Some(format!("pb_reboot {}", if message.is_empty() { "''" } else { message }))
}

fn of_recipe(recipe: &Recipe) -> Vec<Part> {
    let Recipe {
        subject: _,
        equivalent_commands: _,
        args,
        check,
        apply,
        needs_root,
        asks_as_root,
        needs,
        effect,
        questions: _,
        doubts: _,
        fetch: _,
    } = recipe;
    let mut parts: Vec<Part> = Vec::new();
    let reboot = first_releases_reboot(recipe);
    for (name, value) in args.iter().filter(|_| reboot.is_none()) {
        parts.push(("arg", name.clone().into_bytes()));
        parts.push(("value", value.as_str().as_bytes().to_vec()));
    }
    parts.extend(check.iter().map(|check| ("check", check.as_str().as_bytes().to_vec())));
    parts.push(("apply", reboot.unwrap_or_else(|| apply.as_str().to_owned()).into_bytes()));
    parts.push(("needs_root", vec![u8::from(*needs_root)]));
    parts.extend(asks_as_root.then(|| ("asks_as_root", Vec::new())));
    parts.extend(needs.iter().map(|need| ("need", need.any_of.join("\0").into_bytes())));
    match effect {
        Effect::None => {}
        Effect::Exports(exports) => {
            for (name, value) in exports {
                parts.push(("export", name.clone().into_bytes()));
                parts.push(("value", value.raw().as_bytes().to_vec()));
            }
        }
        Effect::Content(Content::Text(text)) => parts.push(("content", text.raw().as_bytes().to_vec())),
        Effect::Content(Content::Bytes(bytes)) => parts.push(("bytes", bytes.clone())),
        Effect::Upload(_) => parts.extend(recipe.content().map(|list| ("upload", content_bytes(list)))),
        Effect::Manual(manual) => {
            parts.push(("by_hand", manual.text.raw().as_bytes().to_vec()));
            parts.push(("wait", vec![u8::from(manual.wait)]));
        }
        Effect::Interpreter(interpreter) => parts.push(("interpreter", interpreter.as_bytes().to_vec())),
        Effect::Reboots => parts.push(("reboots", Vec::new())),
        // What is here already is not the host's part; the fields say the rest.
        Effect::Takes(_) => parts.push(("takes", Vec::new())),
    }
    parts
}

fn content_bytes(content: &Content) -> Vec<u8> {
    match content {
        Content::Text(text) => text.raw().as_bytes().to_vec(),
        Content::Bytes(bytes) => bytes.clone(),
    }
}
