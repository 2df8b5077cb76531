//! `pinboot lock`: writes down the digest of what each address of a playbook gives.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::json;

use super::args::{Cli, LockArgs, flags};
use super::console::{print, print_error, print_warnings};
use super::error::CommandError;
use super::files::{load_playbook, lock_path, read_lock, read_named};
use super::web::{self, Fetched};
use crate::compile::{compile_all, fetches, missing, stale, stale_warnings};
use crate::event::{Mode, VERSION, json_text};
use crate::exit::Exit;
use crate::inventory::Host;
use crate::kinds::{Fetch, FetchCase, FetchState, address_name, helpers};
use crate::lock::{Lock, Locked};
use crate::plan::Plan;
use crate::script::{Part, Text};
use crate::source::{Diagnostic, Sources, near, render};

/// Something that a playbook fetches.
struct Download {
    /// What the lock calls it: the first of its addresses.
    name: String,
    /// What the playbook calls the step.
    steps: Vec<String>,
    /// What the lock calls each address, and the address itself.
    urls: Vec<(String, String)>,
    /// The address of its checksum file: what the lock calls it, and the address itself.
    checksum: Option<(String, String)>,
    /// Whether it is one of several, of which each host fetches one.
    is_choice: bool,
}

/// What became of one download.
enum Outcome {
    Locked(Locked),
    Kept,
    Changed {
        was: Locked,
        now: Fetched,
    },
    Missing,
    /// There is nothing at an address that only some hosts would get.
    Absent(String),
    Failed(String),
    Refused(String),
}

/// Locks a playbook, or compares its lock with what the addresses give now.
pub(super) fn lock(cli: &Cli, args: &LockArgs) -> Result<Exit, CommandError> {
    let path = &args.playbook;
    let bytes = read_named(path)?;
    let mut sources = Sources::default();
    let lock = read_lock(path, &mut sources)?;
    let mut loaded = load_playbook(path, bytes, &flags(&[&args.vars]), lock, &mut sources)?;
    if loaded.playbook.hosts.is_empty() {
        // What is fetched does not depend on the name of a host that is not known yet.
        loaded.inputs.flags.host = Some("host".to_owned());
    }
    let plans =
        compile_all(&loaded, &mut sources, Mode::Run).map_err(|found| CommandError::diagnostics(&found, &sources))?;
    let mut lock = loaded.inputs.lock.clone();
    let downloads = downloads(&plans);
    let chosen = chosen(&args.update, &downloads)?;
    if !downloads.is_empty() {
        web::need_curl()?;
    }
    let mut lines = String::new();
    let mut exit = Exit::Success;
    let mut outcomes: Vec<Outcome> = Vec::new();
    for (at, download) in downloads.iter().enumerate() {
        outcomes.push(one(download, &lock, args.check, chosen.contains(&at)));
    }
    fail_where_nothing_is_there(&plans, &downloads, &mut outcomes);
    let mut absent: Vec<&str> = Vec::new();
    for (download, outcome) in downloads.iter().zip(outcomes) {
        lines.push_str(&if cli.wants_json() { json_line(download, &outcome) } else { line(download, &outcome) });
        exit = Exit::worst([exit, outcome.exit()]);
        match outcome {
            Outcome::Locked(locked) => {
                lock.entries.retain(|entry| !download.urls.iter().any(|(name, _)| *name == entry.url));
                lock.put(locked);
            }
            Outcome::Absent(_) => absent.push(&download.name),
            _ => {}
        }
    }
    let unneeded: Vec<String> = stale(&loaded, &plans, &lock).iter().map(|entry| entry.url.clone()).collect();
    if args.prune {
        lock.entries.retain(|entry| !unneeded.contains(&entry.url));
        lines.extend(unneeded.iter().map(|url| removed(cli, url)));
    }
    // What is left of warnings is what no command can lock, and what nothing needs.
    let file = lock_path(path);
    let mut open: Vec<Diagnostic> = missing(&plans, &file.display().to_string())
        .into_iter()
        .filter(|(name, _)| name.as_ref().is_none_or(|name| absent.contains(&name.as_str())))
        .map(|(_, warning)| warning)
        .collect();
    if args.prune {
        open.clear();
    } else {
        open.extend(stale_warnings(&loaded, &plans, &lock));
    }
    print_warnings(&render(&open, &sources, super::color::has_color(&std::io::stderr())));
    if !args.check && (lock.entries != loaded.inputs.lock.entries) {
        write(&file, &lock)?;
    }
    if downloads.is_empty() && lines.is_empty() && !cli.wants_json() {
        lines = format!("{}: no step fetches anything that can be locked\n", path.display());
    }
    print(&lines).map(|printed| Exit::worst([exit, printed]))
}

/// Everything that these plans fetch, each address once.
fn downloads(plans: &[(Host, Plan)]) -> Vec<Download> {
    let mut downloads: Vec<Download> = Vec::new();
    for (plan, fetch) in fetches(plans).filter(|(_, fetch)| fetch.state != FetchState::Given) {
        for download in fetch.cases.iter().filter_map(|case| download(plan, fetch, case)) {
            match downloads.iter_mut().find(|known| known.name == download.name) {
                Some(known) => known.is_choice &= download.is_choice,
                None => downloads.push(download),
            }
        }
    }
    downloads
}

/// Where there is nothing at any of the addresses of a step, that is a failure.
fn fail_where_nothing_is_there(plans: &[(Host, Plan)], downloads: &[Download], outcomes: &mut [Outcome]) {
    for (_, fetch) in fetches(plans) {
        let names: Vec<String> = fetch.cases.iter().filter_map(FetchCase::name).collect();
        let of_step: Vec<usize> = (0..downloads.len()).filter(|at| names.contains(&downloads[*at].name)).collect();
        if of_step.iter().all(|at| matches!(outcomes[*at], Outcome::Absent(_) | Outcome::Failed(_))) {
            for at in of_step {
                if let Outcome::Absent(why) = &mut outcomes[at] {
                    outcomes[at] = Outcome::Failed(std::mem::take(why));
                }
            }
        }
    }
}

/// What a step fetches on one kind of host, with the values of its secrets.
fn download(plan: &Plan, fetch: &Fetch, case: &FetchCase) -> Option<Download> {
    let named = |url: &Text| Some((address_name(url)?, filled(plan, url)?));
    Some(Download {
        name: case.name()?,
        steps: fetch.names.clone(),
        checksum: case.checksum.as_ref().and_then(named),
        urls: case.urls.iter().filter_map(named).collect(),
        is_choice: fetch.cases.len() > 1,
    })
}

fn filled(plan: &Plan, text: &Text) -> Option<String> {
    text.parts().try_fold(String::new(), |out, part| match part {
        Part::Characters(characters) => Some(out + characters),
        Part::Secret(name) => {
            let (_, secret) = plan.secrets.iter().find(|(known, _)| known == name)?;
            Some(out + secret.expose())
        }
        _ => None,
    })
}

/// Which downloads `--update` names, by step or address.
fn chosen(names: &[String], downloads: &[Download]) -> Result<BTreeSet<usize>, CommandError> {
    let mut chosen = BTreeSet::new();
    for name in names {
        let called = |download: &Download| {
            download.steps.contains(name) || download.urls.iter().any(|(known, url)| known == name || url == name)
        };
        let found: Vec<usize> = (0..downloads.len()).filter(|at| called(&downloads[*at])).collect();
        if found.is_empty() {
            let known = downloads.iter().flat_map(|download| download.steps.iter().map(String::as_str));
            let error = CommandError::input(format!("--update: no step that can be locked is called `{name}`"));
            let hint = near(name, known).map_or_else(
                || "give the name or id of a step with `download` or `archive`, or one of its addresses".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(error.hint(hint));
        }
        chosen.extend(found);
    }
    Ok(chosen)
}

/// Looks at one download; fetches it where it is not locked, where it is chosen, and where all are compared.
fn one(download: &Download, lock: &Lock, check: bool, chosen: bool) -> Outcome {
    let known = download.urls.iter().find_map(|(name, _)| lock.find(name));
    // Of several addresses, one may lead nowhere.
    if known.is_none() && check && !download.is_choice {
        return Outcome::Missing;
    }
    if known.is_some() && !check && !chosen {
        return Outcome::Kept;
    }
    let fetched = match fetch(download) {
        Ok(fetched) => fetched,
        Err(Outcome::Absent(why)) if known.is_some() || !download.is_choice => return Outcome::Failed(why),
        Err(outcome) => return outcome,
    };
    match known {
        None if check => Outcome::Missing,
        Some(known) if known.sha256 == fetched.sha256 => Outcome::Kept,
        Some(known) if check => Outcome::Changed { was: known.clone(), now: fetched },
        _ => Outcome::Locked(Locked {
            step: download.steps.first().cloned().unwrap_or_default(),
            url: download.name.clone(),
            sha256: fetched.sha256,
            size: fetched.size,
            place: None,
        }),
    }
}

/// Fetches from the first address that gives something, and compares it with the checksum file.
fn fetch(download: &Download) -> Result<Fetched, Outcome> {
    let mut why = String::new();
    let mut is_absent = true;
    for (name, url) in &download.urls {
        print_error(&format!("fetching {name}"));
        match web::digest(url) {
            Ok(fetched) => {
                let is_page = [".html", ".htm", ".xhtml"].iter().any(|end| path_of(url).ends_with(end));
                if fetched.is_page && !is_page {
                    return Err(Outcome::Refused(format!("{name} gives an HTML page and not a file")));
                }
                return match verified(download, &fetched) {
                    Ok(()) => Ok(fetched),
                    Err(why) => Err(Outcome::Refused(why)),
                };
            }
            Err(failure) => {
                is_absent &= failure.is_absent;
                why = format!("{name}: {}", failure.why);
            }
        }
    }
    Err(if is_absent { Outcome::Absent(why) } else { Outcome::Failed(why) })
}

fn path_of(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    path.split_once("://").map_or(path, |(_, path)| path)
}

/// Compares what came with the entry of the checksum file, which is read as a host reads it.
fn verified(download: &Download, fetched: &Fetched) -> Result<(), String> {
    let Some((shown, checksum)) = &download.checksum else { return Ok(()) };
    let text = web::text(checksum).map_err(|why| format!("cannot fetch the checksum file {shown}: {why}"))?;
    let mut input: Vec<u8> = Vec::new();
    for (_, url) in &download.urls {
        input.extend(path_of(url).as_bytes());
        input.push(b'\n');
    }
    input.push(b'\n');
    input.extend(text);
    let functions: String = helpers(&["pb_find_sum"]).into_iter().map(|(_, body)| body).collect();
    let said = web::shell(&format!("{functions}pb_find_sum"), &input)
        .map_err(|error| format!("cannot read the checksum file {shown}: {error}"))?;
    let (algorithm, digest) = said.trim().trim_start_matches("= ").split_once(' ').unwrap_or_default();
    let got = match algorithm {
        "sha256" => &fetched.sha256,
        "sha512" => &fetched.sha512,
        _ => return Err(format!("the checksum file {shown} has no digest for {}", download.name)),
    };
    if digest == got {
        return Ok(());
    }
    Err(format!(
        "{} gives other bytes than the checksum file {shown} says: {algorithm} {got}, not {digest}",
        download.name
    ))
}

impl Outcome {
    fn exit(&self) -> Exit {
        match self {
            Self::Locked(_) | Self::Kept | Self::Absent(_) => Exit::Success,
            Self::Changed { .. } | Self::Missing | Self::Refused(_) => Exit::IntegrityFailed,
            Self::Failed(_) => Exit::Unreachable,
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Locked(_) => "locked",
            Self::Kept => "kept",
            Self::Changed { .. } => "changed",
            Self::Missing => "missing",
            Self::Absent(_) => "absent",
            Self::Failed(_) => "failed",
            Self::Refused(_) => "refused",
        }
    }
}

fn line(download: &Download, outcome: &Outcome) -> String {
    let rest = match outcome {
        Outcome::Locked(locked) => format!("{}: sha256 {}, {} bytes", download.name, locked.sha256, locked.size),
        Outcome::Kept | Outcome::Missing => download.name.clone(),
        Outcome::Changed { was, now } => format!(
            "{}: locked sha256 {}, {} bytes; now sha256 {}, {} bytes",
            download.name, was.sha256, was.size, now.sha256, now.size
        ),
        Outcome::Absent(why) => format!("{why}; a host that gets this address fails"),
        Outcome::Failed(why) | Outcome::Refused(why) => why.clone(),
    };
    format!("{:<8} {rest}\n", outcome.word())
}

fn json_line(download: &Download, outcome: &Outcome) -> String {
    let mut line = json!({
        "v": VERSION, "kind": "locked", "status": outcome.word(), "step": download.steps.first(), "url": download.name,
    });
    match outcome {
        Outcome::Locked(locked) => {
            line["sha256"] = locked.sha256.as_str().into();
            line["size"] = locked.size.into();
        }
        Outcome::Changed { was, now } => {
            line["sha256"] = now.sha256.as_str().into();
            line["size"] = now.size.into();
            line["was"] = was.sha256.as_str().into();
        }
        Outcome::Absent(why) | Outcome::Failed(why) | Outcome::Refused(why) => line["message"] = why.as_str().into(),
        Outcome::Kept | Outcome::Missing => {}
    }
    json_text(&line) + "\n"
}

fn removed(cli: &Cli, url: &str) -> String {
    if cli.wants_json() {
        return json_text(&json!({"v": VERSION, "kind": "locked", "status": "removed", "url": url})) + "\n";
    }
    format!("{:<8} {url}\n", "removed")
}

/// Writes the file in one step: a reader finds the old one or the new one.
fn write(file: &Path, lock: &Lock) -> Result<(), CommandError> {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let new = Path::new(&name);
    fs::write(new, lock.text()).and_then(|()| fs::rename(new, file)).map_err(|error| {
        let _ = fs::remove_file(new);
        CommandError::local(format!("cannot write {}: {error}", file.display()))
    })
}
