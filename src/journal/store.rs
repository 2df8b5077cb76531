//! The state folder and the run folders in it.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::error::{JournalError, JournalErrorKind};
use super::header::Header;
use super::layout::{EVENTS, HEADER, LOCK};
use super::past::{HOST_KEEPS, RecordedRun};
use super::read::{self, Damage, JournalRead};
use super::write::Journal;
use crate::event::{Event, EventKind};
use crate::exit::Exit;
use crate::ids::{RunId, unknown_run};

/// So much later than the run before it a run is at least; file systems keep times as fine as this.
const TICK: Duration = Duration::from_millis(1);

/// How many runs [`StateDir::prune`] keeps.
pub const KEPT_RUNS: usize = 200;

/// Where the state folder is: `$PINBOOT_STATE_DIR`, else `$XDG_STATE_HOME/pinboot`, else `~/.local/state/pinboot`.
///
/// `None` where not even a home is known. An empty variable counts as none, and so does a relative `$XDG_STATE_HOME`
/// (its specification says so).
pub fn state_dir(env: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let given = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    given("PINBOOT_STATE_DIR")
        .or_else(|| given("XDG_STATE_HOME").filter(|path| path.is_absolute()).map(|path| path.join("pinboot")))
        .or_else(|| given("HOME").map(|home| home.join(".local/state/pinboot")))
}

/// The state folder of this user.
#[derive(Clone, Debug)]
pub struct StateDir {
    runs: PathBuf,
}

impl StateDir {
    /// Opens the state folder, and makes it where it is missing.
    ///
    /// A folder that belongs to another user, or that others can write to, is refused: a journal decides which steps are
    /// not repeated.
    pub fn open(dir: &Path) -> Result<Self, JournalError> {
        let runs = dir.join("runs");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&runs)
            .map_err(|error| JournalError::io("cannot make the folder", &runs, &error))?;
        for path in [dir, &runs] {
            let meta = fs::metadata(path).map_err(|error| JournalError::io("cannot look at", path, &error))?;
            let refuse = |what: &str, hint: String| {
                let message = format!("the state folder {} {what}", path.display());
                Err(JournalError::new(JournalErrorKind::Local, message).hint(hint))
            };
            if meta.uid() != rustix::process::geteuid().as_raw() {
                return refuse("belongs to another user", "set PINBOOT_STATE_DIR to a folder of yours".to_owned());
            }
            if meta.mode() & 0o022 != 0 {
                return refuse("can be written by others", format!("chmod go-w {}", quoted(path)));
            }
        }
        Ok(Self { runs })
    }

    /// The folder of a run.
    pub fn folder(&self, run: &RunId) -> PathBuf {
        self.runs.join(run.as_str())
    }

    /// Creates the journal of a new run.
    pub fn create(&self, header: &Header) -> Result<Journal, JournalError> {
        let folder = self.folder(&header.run);
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(|error| JournalError::io("cannot make the folder", &folder, &error))?;
        self.fill(&folder, header).inspect_err(|_| {
            // Nothing was started, so what is left of the folder would only confuse.
            let _ = fs::remove_dir_all(&folder);
        })
    }

    fn fill(&self, folder: &Path, header: &Header) -> Result<Journal, JournalError> {
        let lock = lock(folder, &header.run)?;
        let path = folder.join(EVENTS);
        let events = create_new(&path).map_err(|error| JournalError::io("cannot make", &path, &error))?;
        // The header comes last and under its name at once, so that a folder with a header has everything.
        let path = folder.join(HEADER);
        let write = || {
            let new = folder.join("run.json.new");
            let mut file = create_new(&new)?;
            file.write_all(header.to_line().as_bytes())?;
            file.set_modified(self.after_all_others()?)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(folder)?.sync_all()?;
            File::open(&self.runs)?.sync_all()
        };
        write().map_err(|error| JournalError::io("cannot write", &path, &error))?;
        Ok(Journal::new(header.run.clone(), folder.to_owned(), events, 1, lock))
    }

    /// Now, or just after the newest run where the clock was set back since: runs are listed in the order in which they
    /// were started.
    fn after_all_others(&self) -> io::Result<SystemTime> {
        let mut latest = SystemTime::now();
        for entry in fs::read_dir(&self.runs)? {
            let written = fs::metadata(entry?.path().join(HEADER)).and_then(|meta| meta.modified());
            if let Ok(written) = written {
                latest = latest.max(written + TICK);
            }
        }
        Ok(latest)
    }

    /// Opens the journal of an old run to add to it: takes its lock, reads it, and cuts off what a crash tore.
    pub fn reopen(&self, run: &RunId) -> Result<(Journal, JournalRead), JournalError> {
        let folder = self.folder(run);
        if !folder.is_dir() {
            return Err(self.unknown(run.as_str()));
        }
        let lock = lock(&folder, run)?;
        let read = self.read(run)?;
        let path = folder.join(EVENTS);
        let open = || {
            let events = OpenOptions::new().append(true).open(&path)?;
            if let Some(torn) = read.torn {
                events.set_len(torn.whole)?;
                events.sync_all()?;
            }
            Ok(events)
        };
        let events = open().map_err(|error: io::Error| JournalError::io("cannot open", &path, &error))?;
        let next = read.events.len() as u64 + 1;
        Ok((Journal::new(run.clone(), folder, events, next, lock), read))
    }

    /// Reads a run. Touches nothing, so a run that another process writes may be read.
    pub fn read(&self, run: &RunId) -> Result<JournalRead, JournalError> {
        let folder = self.folder(run);
        let header = self.header(run)?;
        let path = folder.join(EVENTS);
        let bytes = fs::read(&path).map_err(|error| JournalError::io("cannot read", &path, &error))?;
        let (events, torn) = read::parse(&bytes, &path)?;
        Ok(JournalRead { header, events, torn, folder })
    }

    /// What is wrong with a run's events, where they are damaged. Touches nothing.
    pub fn damage(&self, run: &RunId) -> Result<Option<Damage>, JournalError> {
        self.header(run)?;
        let path = self.folder(run).join(EVENTS);
        let bytes = fs::read(&path).map_err(|error| JournalError::io("cannot read", &path, &error))?;
        read::damage(&bytes, &path)
    }

    /// Cuts a damaged run's events off where the damage begins; gives what was cut and the copy of the whole that is kept.
    pub fn cut(&self, run: &RunId) -> Result<Option<(Damage, PathBuf)>, JournalError> {
        let folder = self.folder(run);
        let _lock = lock(&folder, run)?;
        let Some(damage) = self.damage(run)? else { return Ok(None) };
        let path = folder.join(EVENTS);
        // The copy of an earlier repair is never overwritten.
        let mut number = 1;
        let copy = loop {
            let copy = folder.join(format!("{EVENTS}.damaged{number}"));
            if !copy.exists() {
                break copy;
            }
            number += 1;
        };
        let cut = || {
            let mut kept = create_new(&copy)?;
            io::copy(&mut File::open(&path)?, &mut kept)?;
            kept.sync_all()?;
            File::open(&folder)?.sync_all()?;
            let events = OpenOptions::new().write(true).open(&path)?;
            events.set_len(damage.whole)?;
            events.sync_all()
        };
        cut().map_err(|error| JournalError::io("cannot repair", &path, &error))?;
        Ok(Some((damage, copy)))
    }

    /// The runs that this one finishes, the last one first, as far back as a host keeps them and as they can be read.
    pub fn before(&self, header: &Header) -> Vec<RecordedRun> {
        let mut before: Vec<RecordedRun> = Vec::new();
        while before.len() < HOST_KEEPS {
            let Some(run) = &before.last().map_or(header, |last| &last.header).rerun_of else { break };
            let Ok(earlier) = self.read(run) else { break };
            before.push(earlier.into());
        }
        before
    }

    fn header(&self, run: &RunId) -> Result<Header, JournalError> {
        let path = self.folder(run).join(HEADER);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(self.unknown(run.as_str())),
            Err(error) => return Err(JournalError::io("cannot read", &path, &error)),
        };
        let header = Header::from_line(&bytes, &path.display().to_string())?;
        if header.run != *run {
            let message = format!("{}: it is of run {}", path.display(), header.run);
            return Err(JournalError::new(JournalErrorKind::Corrupt, message));
        }
        Ok(header)
    }

    /// The run that the user means: the last one, or the one whose id starts with this.
    pub fn resolve(&self, given: Option<&str>) -> Result<RunId, JournalError> {
        let Some(given) = given else {
            return self.list()?.into_iter().next().ok_or_else(|| {
                JournalError::new(JournalErrorKind::UnknownRun, "no run is recorded here")
                    .hint("start one: pinboot run PLAYBOOK")
            });
        };
        let runs = self.list()?;
        let mut fitting = runs.iter().filter(|run| !given.is_empty() && run.as_str().starts_with(given));
        match (fitting.next(), fitting.next()) {
            (Some(run), None) => Ok(run.clone()),
            (Some(first), Some(second)) => {
                let message = format!("`{given}` is the beginning of several runs: {first}, {second}");
                Err(JournalError::new(JournalErrorKind::UnknownRun, message).hint("give one more character"))
            }
            _ => Err(self.unknown(given)),
        }
    }

    fn unknown(&self, given: &str) -> JournalError {
        let runs = self.list().unwrap_or_default();
        let near = runs
            .iter()
            .map(|run| (strsim::osa_distance(given, run.as_str()), run))
            .filter(|(distance, _)| *distance <= 3)
            .min_by_key(|(distance, _)| *distance);
        let hint = match near {
            Some((_, run)) => format!("did you mean {run}?"),
            None => "pinboot runs lists them".to_owned(),
        };
        let given: String = given.chars().filter(|c| crate::event::is_safe(*c)).take(40).collect();
        JournalError::new(JournalErrorKind::UnknownRun, unknown_run(&given)).hint(hint)
    }

    /// Every run with a header, the newest first.
    pub fn list(&self) -> Result<Vec<RunId>, JournalError> {
        let failed = |error: io::Error| JournalError::io("cannot list", &self.runs, &error);
        let mut runs = Vec::new();
        for entry in fs::read_dir(&self.runs).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Some(run) = entry.file_name().to_str().and_then(RunId::parse) else { continue };
            // The header's file is written once: its time is when the run started, and later than that of every run before.
            // A damaged header keeps its place.
            if let Ok(meta) = fs::metadata(entry.path().join(HEADER)) {
                runs.push((meta.mtime(), meta.mtime_nsec(), run));
            }
        }
        runs.sort_by(|left, right| right.cmp(left));
        Ok(runs.into_iter().map(|(_, _, run)| run).collect())
    }

    /// Whether some process writes this run at this moment.
    pub fn is_held(&self, run: &RunId) -> bool {
        File::open(self.folder(run).join(LOCK))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Removes the oldest runs beyond `keep`, and says how many it removed.
    ///
    /// A run that is being written is left alone, and so is one whose end was not seen or of which the host may still
    /// have something to report: only its journal says where to look.
    pub fn prune(&self, keep: usize) -> Result<usize, JournalError> {
        let mut removed = 0;
        for run in self.list()?.iter().skip(keep) {
            let folder = self.folder(run);
            let Ok(_lock) = lock(&folder, run) else { continue };
            let closed = self.read(run).is_ok_and(|read| is_closed(&read.events));
            if closed {
                fs::remove_dir_all(&folder).map_err(|error| JournalError::io("cannot remove", &folder, &error))?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

fn is_closed(events: &[Event]) -> bool {
    matches!(events.last(), Some(Event { kind: EventKind::RunFinished { exit, .. }, .. }) if !matches!(exit, Exit::ConnectionLost | Exit::OutcomeUnknown))
}

fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)
}

/// Takes the lock of a run, or says who has it.
fn lock(folder: &Path, run: &RunId) -> Result<File, JournalError> {
    let path = folder.join(LOCK);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(&path).map_err(|error| JournalError::io("cannot open", &path, &error))?;
    match file.try_lock() {
        Ok(()) => {
            // Only for the message of the next one; without it the lock holds as well.
            let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.take(32).read_to_string(&mut holder);
            let holder = match holder.trim().parse::<u32>() {
                Ok(pid) => format!("process {pid}"),
                Err(_) => "another process".to_owned(),
            };
            let message = format!("run {run} is held by {holder} of this machine");
            Err(JournalError::new(JournalErrorKind::Locked, message).hint("wait for it, or stop it"))
        }
        Err(TryLockError::Error(error)) => Err(JournalError::io("cannot lock", &path, &error)),
    }
}

/// A path as a word for a shell, for hints.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
