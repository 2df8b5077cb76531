//! The builder for tests of the command line: what the user types, in which folder, and everything that the user then sees.
//!
//! [`Call::check`] compares exit code, standard output and standard error. What a test does not mention has its default:
//! exit 0, and nothing on either stream. So no line appears unnoticed.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// No call of the program takes so long on any machine: one that does hangs, and is ended so that its test fails.
const LONGEST_CALL: Duration = Duration::from_mins(10);

/// One call of the program, with what it must print.
pub(crate) struct Call {
    command: Command,
    folder: PathBuf,
    exit: i32,
    stdout: Expected,
    stderr: Expected,
}

/// What one stream must hold.
enum Expected {
    /// Exactly this text, times and the folder replaced as in [`general`].
    Exactly(String),
    /// Each of these texts, whatever else there is.
    Each(Vec<String>),
}

impl Expected {
    #[track_caller]
    fn check(&self, stream: &str, text: &str, all: &str) {
        match self {
            Self::Exactly(expected) => assert_eq!(text, expected, "{stream} of\n{all}"),
            Self::Each(parts) => {
                for part in parts {
                    assert!(text.contains(part), "no `{part}` in the {stream} of\n{all}");
                }
            }
        }
    }
}

fn started(command: &mut Command) -> Output {
    ended(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts"))
}

/// Waits for the end of a program, and ends one that hangs.
#[track_caller]
pub(crate) fn ended(child: Child) -> Output {
    let pid = Pid::from_child(&child);
    let (end, ends) = mpsc::channel::<()>();
    let watching = thread::spawn(move || {
        let hangs = ends.recv_timeout(LONGEST_CALL) == Err(mpsc::RecvTimeoutError::Timeout);
        if hangs {
            let _ = kill_process(pid, Signal::KILL);
        }
        hangs
    });
    let output = child.wait_with_output().expect("its output");
    drop(end);
    let hangs = watching.join().expect("the watching thread");
    assert!(!hangs, "it hangs: {}", Printed::of(&output).shown());
    output
}

impl Call {
    /// The program in this folder and in an environment that holds nothing of the developer's.
    pub(crate) fn new(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pinboot"));
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", folder)
            .env("USER", "me")
            .env("PINBOOT_STATE_DIR", folder.join("state"))
            .current_dir(folder)
            .stdin(Stdio::null());
        let nothing = || Expected::Exactly(String::new());
        Self { command, folder: folder.to_owned(), exit: 0, stdout: nothing(), stderr: nothing() }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Writes a file into the folder first.
    pub(crate) fn file(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        fs::write(self.folder.join(name), bytes).expect("a file");
        self
    }

    /// Runs the call under another program, such as `sh -c SCRIPT sh`, which gets the call as its arguments.
    pub(crate) fn under(mut self, program: &str, args: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(args).arg(self.command.get_program()).args(self.command.get_args());
        command.env_clear().envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(&self.folder).stdin(Stdio::null());
        self.command = command;
        self
    }

    /// The exit code; 0 unless it is given.
    pub(crate) fn exit(mut self, code: i32) -> Self {
        self.exit = code;
        self
    }

    /// The whole of standard output.
    pub(crate) fn stdout(mut self, text: impl Into<String>) -> Self {
        self.stdout = Expected::Exactly(text.into());
        self
    }

    /// The whole of standard error.
    pub(crate) fn stderr(mut self, text: impl Into<String>) -> Self {
        self.stderr = Expected::Exactly(text.into());
        self
    }

    /// Parts of standard output, where the rest differs from call to call.
    pub(crate) fn stdout_has(mut self, parts: &[&str]) -> Self {
        self.stdout = Expected::Each(parts.iter().map(|part| (*part).to_owned()).collect());
        self
    }

    /// Parts of standard error, where the rest differs from call to call.
    pub(crate) fn stderr_has(mut self, parts: &[&str]) -> Self {
        self.stderr = Expected::Each(parts.iter().map(|part| (*part).to_owned()).collect());
        self
    }

    /// Runs it and compares everything.
    #[track_caller]
    pub(crate) fn check(self) -> Printed {
        let Self { mut command, folder, exit, stdout, stderr } = self;
        let folder = folder.display().to_string();
        let plain = |text: &str| general(&text.replace(&folder, "HERE"));
        let printed = Printed::of(&started(&mut command)).exits(exit);
        let all = printed.shown();
        stdout.check("standard output", &plain(&printed.stdout), &all);
        stderr.check("standard error", &plain(&printed.stderr), &all);
        printed
    }

    /// Runs it and insists on an exit code; what it prints is for the test to look at.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Printed {
        self.run().exits(code)
    }

    /// Runs it.
    pub(crate) fn run(mut self) -> Printed {
        Printed::of(&started(&mut self.command))
    }

    /// Runs it and returns all that is seen, for a snapshot.
    pub(crate) fn shown(self) -> String {
        let folder = self.folder.display().to_string();
        general(&self.run().shown().replace(&folder, "HERE"))
    }

    /// The command, for a test that starts it in its own way.
    pub(crate) fn into_command(self) -> Command {
        self.command
    }
}

/// What one call printed, and its exit code.
#[derive(Clone, Debug)]
pub(crate) struct Printed {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Printed {
    pub(crate) fn of(output: &Output) -> Self {
        assert!(output.status.signal().is_none(), "a signal ended it: {output:?}");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("what is printed is UTF-8");
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Insists on an exit code, and on output that is fit to be shown.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        let all = format!("{}{}", self.stdout, self.stderr);
        assert!(!all.contains("panicked"), "{all}");
        assert!(!all.chars().any(|c| c.is_control() && c != '\n'), "{all:?}");
        self
    }

    /// Everything, as snapshots have it.
    pub(crate) fn shown(&self) -> String {
        format!("exit {}\n--- stdout\n{}--- stderr\n{}", self.code.unwrap_or(-1), self.stdout, self.stderr)
    }

    /// Insists on these texts, on either stream.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        let all = format!("{}{}", self.stdout, self.stderr);
        for word in words {
            assert!(all.contains(word), "no `{word}` in\n{all}");
        }
        self
    }
}

/// Replaces times and fingerprints, and what each shell words in its own way.
pub(crate) fn general(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        for at in 0..words.len() {
            let bare = words[at].trim_end_matches([',', ')', '”', '.']);
            let is_time = bare.contains('.') && bare.parse::<f64>().is_ok();
            let unit = words.get(at + 1).is_some_and(|next| next.trim_end_matches([',', ')', ';', ':', '.']) == "s");
            if is_time && unit {
                // In a column, a long time leaves fewer blanks before it.
                let missing = if at > 0 && words[at - 1].is_empty() { bare.len().saturating_sub(3) } else { 0 };
                words[at] = format!("{}0.0", " ".repeat(missing));
            }
            if let Some(place) = words[at].find("SHA256:") {
                let end = words[at][place + 7..].find(|c: char| !c.is_ascii_alphanumeric() && !"+/".contains(c));
                let rest = end.map_or("", |end| &words[at][place + 7 + end..]).to_owned();
                words[at] = format!("{}SHA256:PRINT{rest}", &words[at][..place]);
            }
            if words[at].len() > 20 && words[at].ends_with('Z') && words[at].starts_with("20") {
                "NOW".clone_into(&mut words[at]);
            }
        }
        let mut line = words.join(" ");
        if is_a_death_notice(line.trim()) {
            continue;
        }
        for (of_some, of_all) in SHELLS_WORDS {
            line = line.replace(of_some, of_all);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    // A step that said nothing else said nothing.
    out.replace("  last lines\n  next ", "  output   none\n  next ")
}

/// What bash and BusyBox say, and what dash says instead. What stands before it is not replaced: the user sees no shell's name.
const SHELLS_WORDS: [(&str, &str); 2] = [
    ("no-such-program: command not found", "no-such-program: not found"),
    ("cd: /nonexistent: No such file or directory", "cd: can't cd to /nonexistent"),
];

/// Whether a shell reports a child's death, which some do in one line, some in two, and some not at all.
fn is_a_death_notice(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["Killed" | "Terminated"] => true,
        [pid, "Done" | "Killed" | "Terminated", ..] => pid.parse::<u32>().is_ok(),
        _ => false,
    }
}
