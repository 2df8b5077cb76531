//! What happened in a case: every cut, every death and every kill where it fell, as a file that can be played again.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::lab::{Kit, Role, shells};
use crate::place::{Descent, Place};

/// Raised when a file of before could no longer be played.
const VERSION: u32 = 1;

/// Which test the case belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Suite {
    /// Random kills and cuts.
    Chaos,
    /// A stop at a random moment.
    Stop,
}

impl Suite {
    /// The test that plays such a recording.
    fn test(self) -> &'static str {
        match self {
            Self::Chaos => "whatever_dies",
            Self::Stop => "a_stop_at_any_moment",
        }
    }
}

/// Whether the shells note their points. In one case of eight they do not: it plays the very program that a user's host gets.
pub(crate) fn is_traced(seed: u64) -> bool {
    !seed.is_multiple_of(8)
}

/// A case, as it went.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Recording {
    version: u32,
    pub(crate) suite: Suite,
    /// The seed: the plan, the run's name and the number of deaths follow from it.
    pub(crate) seed: u64,
    shell: String,
    flock: bool,
    setsid: bool,
    gnu_tail: bool,
    /// Whether the shells noted their points. Without that, places are named by commands, bytes and times alone, and a replay
    /// seldom hits them.
    pub(crate) is_traced: bool,
    /// What was violated.
    pub(crate) violation: String,
    pub(crate) connections: Vec<Connection>,
    pub(crate) controllers: Vec<Controller>,
    pub(crate) kills: Vec<Kill>,
}

/// What became of a connection, in the order in which connections were tried.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Connection {
    pub(crate) fate: Fate,
    /// How it was cut, if it was.
    pub(crate) cut: Option<Cut>,
}

/// What is in store for one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fate {
    /// Nothing.
    Fair,
    /// It cannot be made.
    Unreachable,
    /// It is lost once the command may have been sent; the command may have arrived or not.
    LostOnTheWay(bool),
    /// Standard input ends after so many bytes, and the connection is lost.
    CutIn(u64),
    /// Output is lost after so many bytes.
    CutOut(u64),
}

/// What the host notices of a connection that is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cut {
    /// A reset: the next write fails.
    Reset,
    /// Nothing.
    Unnoticed,
    /// sshd ends the command.
    Hangup,
}

/// A controller: one after another, until the run has ended.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Controller {
    /// Whether it only follows the run.
    pub(crate) follow: bool,
    pub(crate) death: Death,
}

/// When a controller dies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Death {
    Never,
    /// After so many milliseconds.
    AfterTime(f64),
    /// When it has had so many events, and so many kills have fallen in the case, after so many milliseconds more: how a death
    /// after a time is recorded.
    AfterEvent {
        number: u64,
        kills: usize,
        millis: f64,
    },
    /// It cannot write down its event of this number: before, or just after it.
    AtEvent(u64),
}

/// Something that was done to the host, and where.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Kill {
    pub(crate) victim: Victim,
    pub(crate) place: Place,
}

/// What was killed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Victim {
    /// One process: the one at the end of these commands, below the shell that names the place.
    Process { role: Role, descent: Descent },
    /// All of them, with what had not been written to the disk.
    Power(Vec<Loss>),
    /// Nothing: the user asked to stop. Before that, every runner was killed if this says so.
    Stop { murder: bool },
}

/// What a loss of power took from a run's folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Loss {
    /// All but the first bytes of a file.
    Cut { run: String, file: String, left: u64 },
    /// A whole file.
    Removed { run: String, file: String },
}

impl Recording {
    pub(crate) fn new(suite: Suite, seed: u64, kit: &Kit, is_traced: bool) -> Self {
        Self {
            version: VERSION,
            suite,
            seed,
            shell: kit.shell.to_owned(),
            flock: kit.flock,
            setsid: kit.setsid,
            gnu_tail: kit.gnu_tail,
            is_traced,
            violation: String::new(),
            connections: Vec::new(),
            controllers: Vec::new(),
            kills: Vec::new(),
        }
    }

    /// What the host has. The shell has to be installed here as well.
    pub(crate) fn kit(&self) -> Kit {
        let shell = shells().into_iter().find(|shell| *shell == self.shell);
        let shell = shell.unwrap_or_else(|| panic!("the case was played under {}, which is not installed", self.shell));
        Kit { shell, flock: self.flock, setsid: self.setsid, gnu_tail: self.gnu_tail }
    }

    /// The recording that `PINBOOT_REPLAY` names, if it belongs to this suite.
    pub(crate) fn wanted(suite: Suite) -> Option<Self> {
        let file = PathBuf::from(std::env::var_os("PINBOOT_REPLAY")?);
        let recording = Self::read(&file);
        if recording.suite == suite {
            return Some(recording);
        }
        eprintln!("{} is played by `{}`", file.display(), recording.suite.test());
        None
    }

    pub(crate) fn read(file: &Path) -> Self {
        let text = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let recording: Self =
            serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!(recording.version, VERSION, "{} is of another version of this test", file.display());
        recording
    }

    /// Keeps the case, and returns the command that plays it.
    pub(crate) fn keep(&self) -> String {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("torture");
        fs::create_dir_all(&folder).expect("a folder below target");
        let file = folder.join(format!("{:?}-{}.json", self.suite, self.seed).to_lowercase());
        fs::write(&file, serde_json::to_string_pretty(self).expect("JSON")).expect("the case is written down");
        format!("PINBOOT_REPLAY={} cargo test --test torture {}", file.display(), self.suite.test())
    }
}
