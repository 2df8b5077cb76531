//! Reading what a run is made of: the playbook, files of variables, and the local files that steps name.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::fault::Fault;
use crate::compile::compile_all;
use crate::event::Mode;
use crate::exit::Exit;
use crate::flags::Flags;
use crate::inventory::Host;
use crate::plan::Plan;
use crate::playbook::{Inputs, Loaded, leftovers, load};
use crate::source::Sources;

/// The largest local file that is read for a step.
const LARGEST: u64 = 64 * 1024 * 1024;

/// A playbook, ready to be carried out.
pub(super) struct Ready {
    /// The playbook's own name, or its file's.
    pub(super) name: String,
    /// The playbook's bytes.
    pub(super) bytes: Vec<u8>,
    /// Every host with its plan, keys found.
    pub(super) plans: Vec<(Host, Plan)>,
    /// The flags, without the values of secret variables.
    pub(super) flags: Flags,
    /// Warnings, rendered.
    pub(super) warnings: String,
}

/// Reads a playbook with these flags and compiles it for each host.
pub(super) fn read(path: &Path, flags: &Flags, mode: Mode, color: bool) -> Result<Ready, Fault> {
    let bytes = read_file(path).map_err(|why| {
        Fault::new(
            Exit::BadInput,
            format!("the playbook {} cannot be read: {why}", path.display()),
            near_file(path).as_deref(),
        )
    })?;
    let mut sources = Sources::default();
    let loaded = load_playbook(path, bytes.clone(), flags, &mut sources, color)?;
    let plans = compile_all(&loaded, &mut sources, mode)
        .map_err(|faults| Fault::rendered(crate::source::render(&faults, &sources, color)))?;
    let warnings = crate::source::render(&leftovers(&loaded), &sources, color);
    let Loaded { playbook, inputs, .. } = loaded;
    let mut flags = inputs.flags;
    flags.forget_secrets(|name| playbook.secrets.iter().any(|secret| secret.value == name));
    let name = playbook.name.map_or_else(|| path.display().to_string(), |name| name.value);
    let plans = plans.into_iter().map(|(host, plan)| (find_key(host, path), plan)).collect();
    Ok(Ready { name, bytes, plans, flags, warnings })
}

/// Loads a playbook with these flags, this machine's environment and its files.
pub(super) fn load_playbook(
    path: &Path,
    bytes: Vec<u8>,
    flags: &Flags,
    sources: &mut Sources,
    color: bool,
) -> Result<Loaded, Fault> {
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let mut inputs = Inputs::new(local_user(), move |name| {
        read_file(&find(Path::new(name), &folder)).map_err(|error| error.to_string())
    });
    for file in &flags.vars_files {
        let bytes = read_file(file).map_err(|why| {
            Fault::new(
                Exit::BadInput,
                format!("--vars-file {} cannot be read: {why}", file.display()),
                near_file(file).as_deref(),
            )
        })?;
        inputs.vars_files.push((file.display().to_string(), bytes));
    }
    inputs.flags = flags.clone();
    inputs.env = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    load(sources, &path.display().to_string(), bytes, inputs)
        .map_err(|faults| Fault::rendered(crate::source::render(&faults, sources, color)))
}

/// Reads a regular file of a sensible size.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let file = fs::File::open(path)?;
    let meta = file.metadata()?;
    if meta.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 64 MiB"));
    }
    Ok(bytes)
}

/// A file in the same folder whose name is near to one that is not there.
pub(super) fn near_file(path: &Path) -> Option<String> {
    if path.exists() {
        return None;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names: Vec<String> =
        fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    let near = crate::source::near(path.file_name()?.to_str()?, names.iter().map(String::as_str))?;
    Some(format!("did you mean {}?", path.with_file_name(near).display()))
}

/// A local path: `~/` is this machine's home; a relative one is looked for in the playbook's folder, then in the working
/// directory.
fn find(path: &Path, folder: &Path) -> PathBuf {
    if let (Ok(rest), Some(home)) = (path.strip_prefix("~"), std::env::home_dir()) {
        return home.join(rest);
    }
    let beside = folder.join(path);
    if path.is_absolute() || !beside.exists() { path.to_owned() } else { beside }
}

fn find_key(mut host: Host, playbook: &Path) -> Host {
    host.key = host.key.map(|key| find(&key, playbook.parent().unwrap_or(Path::new(""))));
    host
}

/// The user of this machine.
pub(super) fn local_user() -> String {
    ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(|| {
            // (Without either, as under cron: the name that belongs to the number.)
            let uid = rustix::process::getuid().as_raw().to_string();
            let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
            let mut fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
            fields
                .find(|fields| fields.get(2) == Some(&uid.as_str()))
                .map_or(uid.clone(), |fields| fields[0].to_owned())
        })
}
