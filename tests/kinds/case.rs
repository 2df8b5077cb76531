//! What a file under `tests/kinds/NAME/` says: see `tests/kinds/README.md`, which this file keeps to.

use std::path::PathBuf;

/// One case.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// `file/new.yaml`, with the number of the case where the file has several.
    pub(crate) place: String,
    /// The file itself, and which of its cases this is.
    pub(crate) file: PathBuf,
    pub(crate) number: usize,
    /// `case`: what it shows, one sentence.
    pub(crate) title: String,
    /// The parts of a playbook that stand in it, letter by letter.
    pub(crate) playbook: String,
    /// `local`: files of the machine that pinboot runs on.
    pub(crate) local: Vec<(String, Content)>,
    /// `host`: each host that the case is tried on.
    pub(crate) hosts: Vec<HostSpec>,
    /// `needs`: programs of this machine without which the case is left out.
    pub(crate) needs: Vec<String>,
    /// `root: true`: the case is left out where the tests are not run by root.
    pub(crate) root: bool,
    /// `except`: shells under which it does not hold, and why.
    pub(crate) except: Vec<(String, String)>,
    pub(crate) expect: Expect,
}

/// What is expected.
#[derive(Clone, Debug)]
pub(crate) enum Expect {
    /// `error`: the playbook is refused before anything is sent.
    Refused(Vec<Refusal>),
    /// `unfit`: the host is refused before anything is changed.
    Unfit { what: String, says: Vec<String> },
    /// Everything else.
    Runs(Box<Runs>),
}

/// One error of a refused playbook.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Refusal {
    pub(crate) error: String,
    pub(crate) hint: Option<String>,
    /// The text that the error points at; not compared where the case does not give it.
    pub(crate) at: Option<String>,
}

/// What is expected of a playbook that runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs {
    /// `outcome`: of each step, in the first run.
    pub(crate) outcomes: Vec<String>,
    /// `check`: of each step, with `--check` on the host as it is at first.
    pub(crate) check: Option<Vec<String>>,
    /// `again`: of each step, in the second run.
    pub(crate) again: Option<Vec<String>>,
    /// `status`: the exit status of the step that failed.
    pub(crate) status: Option<i32>,
    /// `diff`: of each step.
    pub(crate) diff: Option<Vec<String>>,
    /// `prints`: all that the steps print, exactly.
    pub(crate) prints: Option<String>,
    /// `says`: pieces of what the steps print.
    pub(crate) says: Vec<String>,
    /// `hides`: what is neither printed nor in a diff.
    pub(crate) hides: Vec<String>,
    /// `cause`: a piece of the sentence that explains the failure.
    pub(crate) cause: Option<String>,
    /// `subject`: what the terminal says of each step.
    pub(crate) subject: Option<Vec<String>>,
    /// `as_root`: whether the step asks for root by itself.
    pub(crate) as_root: Option<bool>,
    /// `after`: files of the host after the first run.
    pub(crate) after: Vec<(String, After)>,
    /// `commands`: what the stand-ins were called with in the first run.
    pub(crate) commands: Option<Vec<String>>,
    /// `requests`: how often each path was asked for in the first run.
    pub(crate) requests: Vec<(String, usize)>,
    /// `new_shells_see`: variables in every kind of shell that starts afterwards.
    pub(crate) new_shells_see: Vec<(String, String)>,
    /// `shells_print`: what a command prints afterwards.
    pub(crate) shells_print: Vec<Probe>,
    /// `repaired`: of each step, once the trouble has ended.
    pub(crate) repaired: Option<Vec<String>>,
    /// `undone`: shell of the host that undoes what the step did.
    pub(crate) undone: Option<String>,
    /// `equivalent`: why the commands of the dry run do something else.
    pub(crate) equivalent: Option<String>,
}

/// A command that is tried after the first run, and what it prints.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    pub(crate) command: Vec<String>,
    pub(crate) prints: String,
}

/// What a host is like before the first run.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostSpec {
    /// Under which name `like` knows it.
    pub(crate) name: String,
    pub(crate) files: Vec<(String, FileSpec)>,
    pub(crate) programs: Programs,
    pub(crate) stand_ins: Vec<(String, String)>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) web: Vec<(String, ReplySpec)>,
    pub(crate) trouble: Option<Trouble>,
    /// `root: private`: its root is one of its own, and root carries everything out.
    pub(crate) private: bool,
}

impl HostSpec {
    /// Whether it needs mounts of its own, which only root can make.
    pub(crate) fn mounts(&self) -> bool {
        self.private || self.trouble.is_some()
    }
}

/// `trouble`: a small file system of the host, and what goes wrong there until it is repaired.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    /// `at`: where it is mounted.
    pub(crate) at: String,
    /// `options`: as of `mount -t tmpfs -o`.
    pub(crate) options: String,
    /// `starts`, `ends`: shell of this machine, in that directory.
    pub(crate) starts: String,
    pub(crate) ends: String,
}

/// Which programs of this machine the host has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Programs {
    #[default]
    All,
    /// `only`: these, and those that the runner cannot do without.
    Only(Vec<String>),
    /// `without`: all but these.
    Without(Vec<String>),
    /// `busybox: true`: the applets of busybox and nothing else.
    Busybox,
}

/// A file, folder or link that the host has at first.
#[derive(Clone, Debug)]
pub(crate) enum FileSpec {
    File {
        content: Content,
        mode: Option<u32>,
        owner: Option<u32>,
        group: Option<u32>,
    },
    Folder {
        mode: Option<u32>,
    },
    Link(String),
    /// `made_by`: a piece of shell of this machine, which finds the path in `$1`.
    MadeBy(String),
}

/// Bytes: a text, or what a piece of shell prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Text(String),
    OutputOf(String),
}

/// What the web server answers.
#[derive(Clone, Debug)]
pub(crate) enum ReplySpec {
    Body(Box<BodySpec>),
    Status(u16),
    Redirect(String),
    Stall,
}

/// A body, and how it comes.
#[derive(Clone, Debug)]
pub(crate) struct BodySpec {
    pub(crate) body: Content,
    pub(crate) length: Length,
    /// So many times 503 first, with this `Retry-After`: seconds, or `date` and seconds.
    pub(crate) failures: usize,
    pub(crate) retry_after: Option<String>,
    /// The version, for requests of a part; what was asked for once is `then` from there on, with another version.
    pub(crate) etag: Option<String>,
    pub(crate) modified: Option<String>,
    pub(crate) then: Option<Content>,
    /// The first answer ends after so many bytes.
    pub(crate) cut: Option<usize>,
    /// A part is sent whatever version it is asked for of.
    pub(crate) deaf: bool,
}

impl BodySpec {
    /// A body that comes as one should.
    pub(crate) fn of(body: Content) -> Self {
        Self {
            body,
            length: Length::Right,
            failures: 0,
            retry_after: None,
            etag: None,
            modified: None,
            then: None,
            cut: None,
            deaf: false,
        }
    }
}

/// What the server says of a body's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    Right,
    None,
    /// The body ends before it.
    Longer(usize),
}

/// What a path is like after the first run.
#[derive(Clone, Debug, Default)]
pub(crate) struct After {
    pub(crate) absent: bool,
    pub(crate) content: Option<Content>,
    pub(crate) contains: Vec<(String, Option<usize>)>,
    pub(crate) lacks: Vec<String>,
    pub(crate) mode: Option<u32>,
    pub(crate) owner: Option<u32>,
    pub(crate) group: Option<u32>,
    pub(crate) link: Option<String>,
    pub(crate) size: Option<u64>,
    /// `kept: true`: the same file as before, not written anew.
    pub(crate) kept: bool,
    /// `entries`: the names in a folder.
    pub(crate) entries: Option<Vec<String>>,
    /// `executable: true`.
    pub(crate) executable: bool,
}
