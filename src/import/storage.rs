//! File systems, swap space and databases: modules of Ansible, and the commands of scripts.

use super::draft::{DraftStep, Item};
use super::reading::ScriptReader;
use super::values::{field, item};
use crate::node::Node;

/// `mount`, whose states have the same names here but for two.
pub(super) fn mount(value: &Node) -> DraftStep {
    let text = |name: &str| field(value, name).and_then(Node::as_text);
    let state = text("state").unwrap_or("mounted");
    let is_gone = matches!(state, "absent" | "unmounted");
    let mut fields = Vec::new();
    let pairs = [
        (["path", "name"], "at"),
        (["src", "src"], "what"),
        (["fstype", "fstype"], "type"),
        (["opts", "opts"], "options"),
        (["dump", "dump"], "dump"),
        (["passno", "passno"], "pass"),
    ];
    for (theirs, ours) in pairs {
        if let Some(given) = theirs.iter().find_map(|name| field(value, name)).filter(|_| ours == "at" || !is_gone) {
            fields.push((ours.to_owned(), item(given)));
        }
    }
    let mut step_state = state;
    let mut look = Vec::new();
    match state {
        "remounted" => {
            step_state = "mounted";
            look.push("it remounted each time; here that is done where the options differ, and `what` has to be said");
        }
        "absent_from_fstab" => {
            step_state = "absent";
            look.push("it kept what was mounted; `state: absent` unmounts it as well");
        }
        "absent" => look.push("it removed the mount point as well: add a step `absent: PATH` where that is wanted"),
        _ => {}
    }
    if step_state == "absent" {
        fields.retain(|(name, _)| name == "at");
    }
    if step_state != "mounted" {
        fields.push(("state".to_owned(), Item::text(step_state)));
    }
    if field(value, "fstab").is_some() {
        look.push("the table is always /etc/fstab here");
    }
    let mut step = DraftStep::new("mount: what it did", "mount", Item::Map(fields));
    step.look = look.into_iter().map(str::to_owned).collect();
    step
}

/// The commands by which a script makes swap space: one step does the work of all, and stands where the first of them did.
pub(super) fn swap(reader: &ScriptReader, program: &str, rest: &[&str]) -> Option<Vec<DraftStep>> {
    let path = reader.path(rest.last()?);
    let is_known = is_swap(reader, &path);
    match program {
        "fallocate" | "truncate" if path.contains("swap") => {
            let at = rest.iter().position(|word| matches!(*word, "-l" | "--length" | "-s" | "--size"))?;
            Some(vec![step(&path, Some(mebibytes(rest.get(at + 1)?)?))])
        }
        "dd" => {
            let value = |name: &str| rest.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            let path = reader.path(value("of").filter(|path| path.contains("swap"))?);
            let count: u64 = value("count")?.parse().ok()?;
            let bytes = bytes(value("bs")?)?.checked_mul(count)?;
            Some(vec![step(&path, Some(bytes / (1 << 20)).filter(|size| size << 20 == bytes))])
        }
        "chmod" | "chown" | "mkswap" | "swapon" if is_known => Some(Vec::new()),
        "mkswap" | "swapon" if path.starts_with("/dev/") => Some(vec![step(&path, None)]),
        "swapon" if matches!(rest, ["-s" | "--show" | "-a" | "--all"]) => Some(Vec::new()),
        _ => None,
    }
}

/// Whether a command adds the line of known swap space to the table of file systems.
pub(super) fn is_swap_line(reader: &ScriptReader, text: &str) -> bool {
    let is_named = |word: &str| is_swap(reader, word.trim_matches(['"', '\'']));
    text.contains("/etc/fstab") && text.contains(" swap ") && text.split_whitespace().any(is_named)
}

fn is_swap(reader: &ScriptReader, path: &str) -> bool {
    reader.draft.steps.iter().any(|step| {
        matches!(&step.keys[0], (kind, Item::Map(fields)) if kind == "swap"
            && fields.iter().any(|(field, value)| field == "path" && *value == Item::text(path)))
    })
}

fn step(path: &str, size: Option<u64>) -> DraftStep {
    let mut fields = vec![("path".to_owned(), Item::text(path))];
    if let Some(size) = size {
        let size = if size % 1024 == 0 { format!("{}G", size / 1024) } else { format!("{size}M") };
        fields.push(("size".to_owned(), Item::text(size)));
    }
    DraftStep::new("Swap space", "swap", Item::Map(fields))
}

/// A number of bytes as `dd` and `fallocate` read it.
fn bytes(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit {
        "" => 1,
        "k" | "K" | "KiB" => 1 << 10,
        "m" | "M" | "MiB" => 1 << 20,
        "g" | "G" | "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

fn mebibytes(text: &str) -> Option<u64> {
    bytes(text).filter(|bytes| bytes % (1 << 20) == 0 && *bytes > 0).map(|bytes| bytes >> 20)
}

/// The options of a role that stand in one text: `CREATEDB,NOSUPERUSER`.
pub(super) fn role_flags(text: &str) -> Vec<(String, Item)> {
    let flags = text.split(',').map(|flag| flag.trim().to_lowercase());
    let known = ["superuser", "createdb", "createrole", "inherit", "login", "replication", "bypassrls"];
    flags
        .filter_map(|flag| {
            let name = known.iter().find(|name| flag == **name || flag.strip_prefix("no") == Some(name))?;
            Some(((*name).to_owned(), Item::Plain((flag == *name).to_string())))
        })
        .collect()
}
