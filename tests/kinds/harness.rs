//! Runs a recipe as the runner on a host would, with the smallest twins of the runner's own words.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use pinboot::kinds::{self, Arg, ArgValue, Args, Content, Recipe, Shape};
use pinboot::script::{Part, Script, Text};
use pinboot::source::{Diagnostic, Sources, Span};
use tempfile::TempDir;

/// What a check answers, and how an apply of bad integrity ends.
pub(crate) const SO: i32 = 0;
pub(crate) const NOT_SO: i32 = 79;
pub(crate) const REFUSED: i32 = 81;

/// A shell that a host may have as its `sh`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shell {
    pub(crate) name: &'static str,
    words: &'static [&'static str],
}

const SHELLS: &[Shell] = &[
    Shell { name: "dash", words: &["dash"] },
    Shell { name: "bash", words: &["bash", "--posix"] },
    Shell { name: "busybox sh", words: &["busybox", "sh"] },
    Shell { name: "mksh", words: &["mksh"] },
    Shell { name: "yash", words: &["yash", "--posixly-correct"] },
];

/// The shells of this machine; says which are left out, and fails where none may be.
pub(crate) fn shells() -> Vec<Shell> {
    let there = |shell: &&Shell| has(shell.words[0]);
    SHELLS.iter().filter(there).copied().collect()
}

/// Whether a program is on this machine; says that tests are left out where it is not.
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
pub(crate) fn has(program: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()));
    if !found {
        assert!(std::env::var_os("PINBOOT_TEST_ALL").is_none(), "{program} is missing, and no test may be left out");
        eprintln!("left out: what needs `{program}`; apt-get install {program} brings it in");
    }
    found
}

/// Whether this is root; says that tests are left out where it is not.
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
pub(crate) fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        assert!(std::env::var_os("PINBOOT_TEST_ALL").is_none(), "no test may be left out, and some need root");
        eprintln!("left out: what gives files to other users; running the tests as root brings it in");
    }
    root
}

/// A value of a step, as a test writes it.
#[derive(Clone, Debug)]
pub(crate) enum V {
    T(Text),
    B(bool),
    N(u64),
    L(Vec<V>),
    M(Vec<(&'static str, V)>),
    F(Vec<u8>),
}

impl From<&str> for V {
    fn from(letters: &str) -> Self {
        Self::T(Text::from(letters))
    }
}

impl From<String> for V {
    fn from(letters: String) -> Self {
        Self::T(Text::new(letters))
    }
}

impl From<bool> for V {
    fn from(flag: bool) -> Self {
        Self::B(flag)
    }
}

/// Compiles a step that is given by its rendered fields.
pub(crate) fn compile(kind: &str, fields: &[(&'static str, V)]) -> Result<Recipe, Vec<Diagnostic>> {
    let kind = kinds::find(kind).expect("a kind");
    let mut sources = Sources::default();
    let span = Span { source: sources.add("test", "x"), start: 0, end: 1 };
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| {
            let field = kind.fields.iter().find(|field| field.name == *name).expect("a field of the kind");
            (*name, span, arg(field.shape, value, span))
        })
        .collect();
    kind.compile(&Args { span, fields: &fields })
}

/// The recipe of a step that has no fault.
pub(crate) fn recipe(kind: &str, fields: &[(&'static str, V)]) -> Recipe {
    compile(kind, fields).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// The messages and hints of a step's faults.
pub(crate) fn faults(kind: &str, fields: &[(&'static str, V)]) -> Vec<String> {
    let faults = compile(kind, fields).expect_err("a fault");
    faults.into_iter().map(|fault| format!("{} ({})", fault.message, fault.hint.unwrap_or_default())).collect()
}

fn arg(shape: Shape, value: &V, span: Span) -> Arg {
    let inside = |value: &V| arg(Shape::Text, value, span);
    let value = match (shape, value) {
        (Shape::Shell, V::T(text)) => ArgValue::Shell(Script::author(text.raw())),
        (Shape::Texts, V::T(_)) => ArgValue::List(vec![inside(value)]),
        (_, V::T(text)) => ArgValue::Text(text.clone()),
        (_, V::B(flag)) => ArgValue::Bool(*flag),
        (_, V::N(number)) => ArgValue::Integer(*number),
        (_, V::L(list)) => ArgValue::List(list.iter().map(inside).collect()),
        (_, V::M(map)) => {
            ArgValue::Map(map.iter().map(|(key, value)| ((*key).to_owned(), span, inside(value))).collect())
        }
        (_, V::F(bytes)) => ArgValue::File { path: "local".to_owned(), bytes: bytes.clone() },
    };
    Arg { span, value }
}

/// How a piece of shell ended, and what it said.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A host: a home, programs that stand in front of the machine's own, and an environment.
pub(crate) struct World {
    dir: TempDir,
    pub(crate) home: PathBuf,
    pub(crate) bin: PathBuf,
    env: Vec<(String, String)>,
    only: bool,
}

impl World {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("pinboot kinds ").tempdir().expect("a directory");
        // A blank and a quote: the paths that break what is not quoted.
        let home = dir.path().join("the user's home");
        let bin = dir.path().join("bin");
        for path in [&home, &bin] {
            fs::create_dir(path).expect("a directory");
        }
        Self { dir, home, bin, env: Vec::new(), only: false }
    }

    /// Another environment of the same home.
    pub(crate) fn beside(other: &Self) -> Self {
        Self { home: other.home.clone(), ..Self::new() }
    }

    /// A host with nothing but busybox: every program is one of its applets.
    pub(crate) fn of_busybox() -> Self {
        let mut world = Self::new();
        let done = Command::new("busybox").args(["--install", "-s"]).arg(&world.bin).status().expect("busybox");
        assert!(done.success());
        world.only = true;
        world
    }

    /// A host that has only these programs of the machine.
    pub(crate) fn with_only(programs: &[&str]) -> Self {
        let mut world = Self::new();
        for program in programs {
            let path = std::env::split_paths(&std::env::var_os("PATH").expect("a PATH"))
                .map(|dir| dir.join(program))
                .find(|path| path.is_file())
                .unwrap_or_else(|| panic!("{program} is not here"));
            if fs::read(&path).expect("a program").starts_with(b"#!") {
                // A script finds its own interpreter; whatever it runs then, it runs with the machine's PATH.
                let rest = std::env::var("PATH").expect("a PATH");
                world.stand_in(program, &format!("#!/bin/sh\nPATH='{rest}' exec {} \"$@\"\n", path.display()));
            } else {
                std::os::unix::fs::symlink(&path, world.bin.join(program)).expect("a link");
            }
        }
        world.only = true;
        world
    }

    pub(crate) fn env(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Puts a program in front of the machine's own.
    pub(crate) fn stand_in(&self, name: &str, text: &str) {
        let path = self.bin.join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.home.join(relative)
    }

    pub(crate) fn write(&self, relative: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(&path, content).expect("written");
        path
    }

    pub(crate) fn read(&self, relative: &str) -> String {
        String::from_utf8(fs::read(self.path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}")))
            .expect("text")
    }

    pub(crate) fn read_bytes(&self, relative: &str) -> Vec<u8> {
        fs::read(self.path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
    }

    pub(crate) fn exists(&self, relative: &str) -> bool {
        self.path(relative).symlink_metadata().is_ok()
    }

    pub(crate) fn mode(&self, relative: &str) -> u32 {
        fs::metadata(self.path(relative)).expect("there").permissions().mode() & 0o7777
    }

    /// Runs any shell text in this host, as is.
    pub(crate) fn sh(&self, words: &[&str], text: &str) -> Answer {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(text);
        self.finish(&command)
    }

    pub(crate) fn check(&self, recipe: &Recipe, shell: Shell) -> Answer {
        let check = recipe.check.as_ref().expect("a check");
        self.run(recipe, &format!("(\nset -eu\n{}\n)\nexit $?", check.as_str()), "", shell)
    }

    pub(crate) fn apply(&self, recipe: &Recipe, why: &str, shell: Shell) -> Answer {
        self.run(recipe, &format!("set -eu\n{}\n", recipe.apply.as_str()), why, shell)
    }

    /// Begins a step in a process group of its own, as the runner does, and does not wait for it.
    pub(crate) fn begin(&self, recipe: &Recipe, shell: Shell) -> Child {
        let mut command = self.prepare(recipe, &format!("set -eu\n{}\n", recipe.apply.as_str()), "", shell);
        command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started")
    }

    fn run(&self, recipe: &Recipe, body: &str, why: &str, shell: Shell) -> Answer {
        let command = self.prepare(recipe, body, why, shell);
        self.finish(&command)
    }

    fn prepare(&self, recipe: &Recipe, body: &str, why: &str, shell: Shell) -> Command {
        let content = self.dir.path().join("content");
        let bytes = match recipe.content() {
            None => Vec::new(),
            Some(Content::Bytes(bytes)) => bytes.clone(),
            Some(Content::Text(text)) => filled(text).into_bytes(),
        };
        fs::write(&content, bytes).expect("written");
        let mut program = String::from(
            "not_so() { exit 79; }\n\
             needs_change() { exit 79; }\n\
             pb_refuse() { printf '%s\\n' \"$*\" >&2; exit 81; }\n\
             pb_progress() { :; }\n\
             pb_content() { cat \"$PB_CONTENT\"; }\n\
             pb_home=$HOME\n\
             pb_why=$PB_WHY\n\
             pb_s_password='pass word!'\n\
             pb_s_token=t0ken\n\
             unset PB_WHY\n",
        );
        for (_, helper) in kinds::helpers(&[body]) {
            program.push_str(&kinds::compact(helper));
        }
        writeln!(program, "{}", recipe.assignments().as_str()).expect("a string takes all");
        program.push_str(body);
        let file = self.dir.path().join("program");
        fs::write(&file, program).expect("written");
        let mut command = Command::new(shell.words[0]);
        command.args(&shell.words[1..]).arg(&file).env("PB_CONTENT", &content).env("PB_WHY", why);
        self.settle(&command)
    }

    fn finish(&self, command: &Command) -> Answer {
        let output = self.settle(command).output().expect("started");
        Answer {
            status: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Gives a command this host's environment; the shell itself may be one that the host does not have.
    fn settle(&self, command: &Command) -> Command {
        let path = std::env::var("PATH").expect("a PATH");
        let found = std::env::split_paths(&path)
            .map(|dir| dir.join(command.get_program()))
            .find(|path| path.is_file())
            .expect("the shell");
        let given: Vec<_> = command.get_envs().map(|(name, value)| (name, value.unwrap_or_default())).collect();
        let args = command.get_args();
        let mut command = Command::new(found);
        command.args(args);
        let path = if self.only { self.bin.display().to_string() } else { format!("{}:{path}", self.bin.display()) };
        command.env("PATH", path).env("HOME", &self.home).current_dir(&self.home).stdin(Stdio::null());
        for name in ["CLASSPATH", "SHELL", "JAVA_HOME", "http_proxy", "https_proxy", "BASH_ENV", "ENV"] {
            command.env_remove(name);
        }
        command.envs(given).envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Everything in the home: path to kind, mode, time of change and content.
    pub(crate) fn snapshot(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        walk(&self.home, &mut found);
        found
    }

    /// The check alone: it must change nothing.
    pub(crate) fn ask(&self, recipe: &Recipe, shell: Shell) -> Answer {
        let before = self.snapshot();
        let answer = self.check(recipe, shell);
        assert_eq!(before, self.snapshot(), "{}: the check changed something", shell.name);
        answer
    }

    /// Not so, applied, so; gives what the check said before.
    pub(crate) fn converge(&self, recipe: &Recipe, shell: Shell) -> Answer {
        let before = self.ask(recipe, shell);
        assert_eq!(before.status, NOT_SO, "{}: {before:?}", shell.name);
        let applied = self.apply(recipe, before.out.trim_end(), shell);
        assert_eq!(applied.status, 0, "{}: {applied:?}", shell.name);
        self.is_so(recipe, shell);
        let rest: Vec<_> = self.snapshot().into_keys().filter(|path| is_leftover(path)).collect();
        assert!(rest.is_empty(), "{}: left behind {rest:?}", shell.name);
        before
    }

    /// The check says so, without a word.
    pub(crate) fn is_so(&self, recipe: &Recipe, shell: Shell) {
        let answer = self.ask(recipe, shell);
        assert_eq!((answer.status, answer.out.as_str()), (SO, ""), "{}: {answer:?}", shell.name);
    }

    /// No private directory or half-written file is left.
    pub(crate) fn assert_tidy(&self) {
        let rest: Vec<_> = self.snapshot().into_keys().filter(|path| is_leftover(path)).collect();
        assert!(rest.is_empty(), "left behind {rest:?}");
    }
}

fn is_leftover(path: &Path) -> bool {
    path.file_name().is_some_and(|name| {
        name.to_string_lossy().starts_with(".pinboot-") || name.to_string_lossy().contains(".pinboot-")
    })
}

fn filled(text: &Text) -> String {
    text.parts()
        .map(|part| match part {
            Part::Letters(letters) => letters,
            Part::Registered(_) => "registered",
            Part::Secret(_) => "pass word!",
        })
        .collect()
}

fn walk(dir: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        let meta = path.symlink_metadata().expect("there");
        let times = format!("{:o} {} {}.{}", meta.mode(), meta.uid(), meta.mtime(), meta.mtime_nsec());
        if meta.is_dir() {
            walk(&path, found);
            found.insert(path, times);
        } else if meta.is_symlink() {
            let target = fs::read_link(&path).expect("a link");
            found.insert(path, target.display().to_string());
        } else {
            let content = fs::read(&path).expect("read");
            let text = format!("{times} {}", pinboot::ids::Digest::of(&content));
            found.insert(path, text);
        }
    }
}
