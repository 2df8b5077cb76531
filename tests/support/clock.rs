//! A clock that a test can set: `libfaketime` in every process that gets its environment.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::{left_out, need};

/// A clock of its own for some processes. The time since the machine was started cannot be set.
pub(crate) struct Clock {
    library: PathBuf,
    file: PathBuf,
    /// Names of memory that the library wants to share between processes.
    shared: String,
    keeper: Child,
    _dir: tempfile::TempDir,
}

impl Clock {
    /// A clock that is right until it is set. `None` if `faketime` is not installed; the test has said that.
    pub(crate) fn new() -> Option<Self> {
        let faketime = need("faketime", "faketime")?;
        let libraries = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        let library =
            libraries.map(|entry| entry.path().join("faketime/libfaketimeMT.so.1")).find(|library| library.exists());
        let Some(library) = library else {
            left_out("no libfaketime below /usr/lib; `apt-get install faketime` brings it in");
            return None;
        };
        let dir = tempfile::Builder::new().prefix("pinboot-clock-").tempdir().expect("a temporary folder");
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(dir.path(), open).expect("chmod");
        // The program makes the shared memory, and removes it when its child has ended.
        let mut keeper = Command::new(faketime)
            .args(["-f", "+0", "sh", "-c", "echo \"$FAKETIME_SHARED\"; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("faketime starts");
        let mut shared = String::new();
        let mut printed = BufReader::new(keeper.stdout.take().expect("a pipe"));
        printed.read_line(&mut shared).expect("its memory's names");
        let clock =
            Self { library, file: dir.path().join("time"), shared: shared.trim().to_owned(), keeper, _dir: dir };
        clock.set("+0");
        Some(clock)
    }

    /// Sets it, for all processes at once: `+1y`, `-1y`, `+0`.
    pub(crate) fn set(&self, time: &str) {
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{time}\n")).expect("the time is written");
        fs::rename(&new, &self.file).expect("the time is set");
    }

    /// What a process needs in its environment to use this clock.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_SHARED", self.shared.clone()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
        ]
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
