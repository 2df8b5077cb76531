//! Reads what a run is made of: the playbook, files of variables, and the local files that steps name.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;

use super::color::has_color;
use super::error::CommandError;
use super::system::local_user;
use crate::compile::{compile_all, lock_warnings};
use crate::event::Mode;
use crate::flags::Flags;
use crate::inventory::Host;
use crate::kinds::Tree;
use crate::local::read_tree;
use crate::lock::Lock;
use crate::node::decode;
use crate::plan::Plan;
use crate::playbook::{Inputs, Loaded, leftovers, load};
use crate::source::{Sources, merged, near, render};
use crate::taken;

/// The largest local file that a step may use.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// A playbook compiled for each of its hosts.
pub(super) struct Ready {
    /// The playbook's own name, or its file's.
    pub(super) name: String,
    /// The playbook's bytes, and those of the files that it uses.
    pub(super) bytes: Vec<u8>,
    /// Every host with its plan. The paths of keys are those that will be opened.
    pub(super) plans: Vec<(Host, Plan)>,
    /// The flags, without the values of secret variables.
    pub(super) flags: Flags,
    /// Warnings, rendered.
    pub(super) warnings: String,
}

/// Reads a playbook with these flags and compiles it for each host.
pub(super) fn read(path: &Path, flags: &Flags, mode: Mode) -> Result<Ready, CommandError> {
    read_with(path, flags, mode, read_lock)
}

/// The same with another lock than the one beside the playbook.
pub(super) fn read_with(
    path: &Path,
    flags: &Flags,
    mode: Mode,
    lock: impl FnOnce(&Path, &mut Sources) -> Result<Lock, CommandError>,
) -> Result<Ready, CommandError> {
    let bytes = read_file(path).map_err(|error| cannot_read("the playbook", path, &error))?;
    let mut sources = Sources::default();
    let lock = lock(path, &mut sources)?;
    let loaded = load_playbook(path, bytes.clone(), flags, lock, &mut sources)?;
    let plans = compile_all(&loaded, &mut sources, mode)
        .map_err(|diagnostics| CommandError::diagnostics(&diagnostics, &sources))?;
    let mut warnings = leftovers(&loaded);
    // What the lock has for nothing harms no run.
    warnings.extend(lock_warnings(&loaded, &plans, &Lock { entries: Vec::new(), ..loaded.inputs.lock.clone() }));
    let warnings = render(&merged(warnings), &sources, has_color(&io::stderr()));
    let Loaded { playbook, inputs, used_bytes, .. } = loaded;
    let mut flags = inputs.flags;
    flags.forget_secrets(|name| playbook.secrets.iter().any(|secret| secret.value == name));
    let name = playbook.name.map_or_else(|| path.display().to_string(), |name| name.value);
    let plans = plans.into_iter().map(|(host, plan)| (find_key(host, path), plan)).collect();
    // Another version of a used file is another version of the playbook.
    let bytes = [bytes, used_bytes].concat();
    Ok(Ready { name, bytes, plans, flags, warnings })
}

/// Loads a playbook with these flags, the environment of this machine and its files.
pub(super) fn load_playbook(
    path: &Path,
    bytes: Vec<u8>,
    flags: &Flags,
    lock: Lock,
    sources: &mut Sources,
) -> Result<Loaded, CommandError> {
    let folder = folder_of(path).to_owned();
    let mut inputs = Inputs::new(local_user(), move |name| {
        read_file(&find(Path::new(name), &folder)).map_err(|error| error.to_string())
    });
    let folder = folder_of(path).to_owned();
    inputs.find_target = Box::new(move |name, reads| find_target(Path::new(name), &folder, reads));
    for file in &flags.vars_files {
        let bytes = read_file(file).map_err(|error| cannot_read("--vars-file", file, &error))?;
        inputs.vars_files.push((file.display().to_string(), bytes));
    }
    inputs.trees = Box::new(trees(folder_of(path).to_owned()));
    inputs.flags = flags.clone();
    inputs.lock = lock;
    inputs.env = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    load(sources, &path.display().to_string(), bytes, inputs)
        .map_err(|diagnostics| CommandError::diagnostics(&diagnostics, sources))
}

/// Reads what steps send. Each is read once, for however many hosts and steps.
fn trees(folder: PathBuf) -> impl Fn(&str, &[String]) -> Result<Arc<Tree>, Vec<String>> {
    let known: RefCell<HashMap<_, Arc<Tree>>> = RefCell::default();
    move |name, exclude| {
        let key = (name.to_owned(), exclude.to_vec());
        if let Some(tree) = known.borrow().get(&key) {
            return Ok(Arc::clone(tree));
        }
        let tree = Arc::new(read_tree(&find(Path::new(name), &folder), name, exclude)?);
        known.borrow_mut().insert(key, Arc::clone(&tree));
        Ok(tree)
    }
}

/// Where the lock of a playbook is.
pub(super) fn lock_path(playbook: &Path) -> PathBuf {
    let mut name = playbook.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// The lock beside a playbook; an empty one where there is none.
pub(super) fn read_lock(playbook: &Path, sources: &mut Sources) -> Result<Lock, CommandError> {
    let path = lock_path(playbook);
    let bytes = match read_file(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Lock::default()),
        Err(error) => return Err(cannot_read("the lock file", &path, &error)),
    };
    let name = path.display().to_string();
    let text = decode(&name, bytes).map_err(|error| CommandError::diagnostics(&[*error], sources))?;
    let id = sources.add(name.clone(), text.clone());
    Lock::read(&name, id, &text).map_err(|found| CommandError::diagnostics(&found, sources))
}

/// Reads the file that a command names.
pub(super) fn read_named(path: &Path) -> Result<Vec<u8>, CommandError> {
    read_file(path)
        .map_err(|error| CommandError::input(format!("cannot read {}: {error}", path.display())).hints(near_file(path)))
}

fn cannot_read(what: &str, path: &Path, error: &io::Error) -> CommandError {
    CommandError::input(format!("cannot read {what} {}: {error}", path.display())).hints(near_file(path))
}

/// Reads a regular file of a sensible size. Anything else is refused before it is opened: a pipe would wait for a writer, and
/// to open a device can do something. What takes its place in the meantime is refused as well.
pub(super) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    regular(fs::metadata(path)?.file_type())?;
    let file = fs::OpenOptions::new().read(true).custom_flags(NO_WAIT.bits().cast_signed()).open(path)?;
    regular(file.metadata()?.file_type())?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 64 MiB"));
    }
    Ok(bytes)
}

/// Opening waits for nothing, and makes no terminal ours.
const NO_WAIT: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY);

fn regular(found: fs::FileType) -> io::Result<()> {
    let what = match found {
        found if found.is_file() => return Ok(()),
        found if found.is_dir() => return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")),
        found if found.is_fifo() => "it is a pipe",
        found if found.is_socket() => "it is a socket",
        found if found.is_block_device() || found.is_char_device() => "it is a device",
        _ => "it is not a file",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{what}; only a regular file can be read")))
}

/// Suggests a file in the same folder with a similar name, if this one does not exist.
pub(super) fn near_file(path: &Path) -> Option<String> {
    if path.exists() {
        return None;
    }
    let folder = match folder_of(path) {
        folder if folder.as_os_str().is_empty() => Path::new("."),
        folder => folder,
    };
    let names: Vec<String> =
        fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    let near = near(path.file_name()?.to_str()?, names.iter().map(String::as_str))?;
    Some(format!("did you mean {}?", path.with_file_name(near).display()))
}

/// Where a local path leads: `~/` is this machine's home, and a relative path is looked for in the playbook's folder,
/// then in the working directory.
fn find(path: &Path, folder: &Path) -> PathBuf {
    if let (Ok(rest), Some(home)) = (path.strip_prefix("~"), std::env::home_dir()) {
        return home.join(rest);
    }
    let beside = folder.join(path);
    if path.is_absolute() || !beside.exists() { path.to_owned() } else { beside }
}

/// Where a path leads that a step writes to, and what is there already: a relative one begins at the playbook's folder.
fn find_target(path: &Path, folder: &Path, reads: bool) -> Result<(String, String), String> {
    let whole = match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => folder.join(path),
    };
    let whole = std::path::absolute(whole).map_err(|error| error.to_string())?;
    if !reads {
        return Ok((whole.display().to_string(), String::new()));
    }
    taken::read(&whole).map(|tree| (tree.path, tree.entries))
}

fn find_key(mut host: Host, playbook: &Path) -> Host {
    host.key = host.key.map(|key| find(&key, folder_of(playbook)));
    host
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}
