//! Every command that the documents show, and every flag that `--help` lists, is typed here as it stands there.
//!
//! The world is the one that README assumes: a host that the milestone can be run on (a throw-away host with its stand-ins), a key,
//! a folder with the repository's playbooks. What a reader fills in (`PLAYBOOK`, `RUN`, `HOST`) is filled in. A command or a flag
//! that no play covers fails the test, and so does a play that no document shows any more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use pinboot::rehearse::RehearsalHost;

use crate::command::{Call, Printed};

/// The documents that a user reads. docs/faults.md is made from tests, which type what it shows.
const DOCUMENTS: [&str; 7] = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/architecture.md",
    "docs/cli.md",
    "docs/language.md",
    "docs/rehearsal.md",
    "docs/wire.md",
];

/// What has happened before a command is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    /// A run of `p.yaml` has ended well.
    Ended,
    /// A run of `f.yaml` has failed.
    Failed,
    /// A run goes on: its step waits.
    Going,
}

/// A command of the documents: its text, what has to be there, its exit code, and a text that it prints.
struct Play(&'static str, Before, i32, &'static str);

use Before::{Ended, Failed, Going, Nothing};

const PLAYS: &[Play] = &[
    Play("pinboot rehearse playbooks/milestone1.yaml", Nothing, 0, "rehearsed: changed 6, then unchanged 6"),
    Play("pinboot run playbooks/milestone1.yaml -e kafka_verison=3.0.0", Nothing, 2, "did you mean `kafka_version`?"),
    Play("pinboot lint playbooks/milestone1.yaml", Nothing, 0, "no problems found"),
    Play("pinboot run playbooks/milestone1.yaml --dry-run", Nothing, 0, "kafka-topics.sh"),
    Play("pinboot run playbooks/milestone1.yaml --check", Nothing, 0, "would change"),
    Play("pinboot run playbooks/milestone1.yaml", Nothing, 0, "0 failed"),
    Play("pinboot rerun", Failed, 1, "resuming run"),
    Play("pinboot cancel", Going, 0, "is stopping its current step"),
    Play("pinboot attach ec2-user@ec2-….amazonaws.com --key …", Ended, 0, "run "),
    Play("pinboot import FILE", Nothing, 0, "look here"),
    Play("pinboot export PLAYBOOK --as sh", Nothing, 0, "touch first"),
    Play("pinboot export PLAYBOOK --as cloud-init", Nothing, 0, "#cloud-config"),
    Play("pinboot COMMAND --help", Nothing, 0, "Usage: pinboot"),
    Play("pinboot run PLAYBOOK", Nothing, 0, "0 failed"),
    Play("pinboot run PLAYBOOK --dry-run", Nothing, 0, "touch first"),
    Play("pinboot run PLAYBOOK --check", Nothing, 0, "check mode"),
    Play("pinboot run", Nothing, 0, "0 failed"),
    Play("pinboot rerun [RUN]", Failed, 1, "resuming run"),
    Play("pinboot cancel [RUN]", Going, 0, "is stopping its current step"),
    Play("pinboot attach HOST [RUN]", Ended, 0, "run "),
    Play("pinboot attach", Ended, 0, "run "),
    Play("pinboot runs", Ended, 0, "started (UTC)"),
    Play("pinboot runs repair RUN", Ended, 0, "is not damaged"),
    Play("pinboot runs repair", Ended, 0, "is not damaged"),
    Play("pinboot show [RUN]", Ended, 0, "p.yaml"),
    Play("pinboot show -v", Ended, 0, "hello"),
    Play("pinboot lint PLAYBOOK…", Nothing, 0, "no problems found"),
    Play("pinboot lint FILE", Nothing, 0, "no problems found"),
    Play("pinboot lock PLAYBOOK", Nothing, 0, "no step fetches anything that can be locked"),
    Play("pinboot lock PLAYBOOK --check", Nothing, 0, "no step fetches anything that can be locked"),
    Play("pinboot lock PLAYBOOK --prune", Nothing, 0, "no step fetches anything that can be locked"),
    Play("pinboot lock PLAYBOOK --update NAME", Nothing, 2, "no step that can be locked is called `NAME`"),
    Play("pinboot params FILE", Nothing, 0, "no parameters"),
    Play("pinboot kinds", Nothing, 0, "kafka_topics"),
    Play("pinboot kinds [KIND]", Nothing, 0, "file"),
    Play("pinboot kinds KIND", Nothing, 0, "content"),
    Play("pinboot rehearse PLAYBOOK", Nothing, 0, "rehearsed: changed"),
    Play("pinboot completions SHELL", Nothing, 0, "pinboot"),
];

/// More calls, for the flags that no document types out: words, what has to be there, the exit code, and a text.
const CONNECT: &str =
    "--key KEY --user ec2-user --host-key strict --known-hosts KNOWN --forks 3 --reconnect-for 30 --yes";
const VALUES: &str = "-e word=hello --var word=hello --vars-file v.yaml";
const STEPS: &str = "--tags a,b --skip-tags c --from 1 --only First --only Say";

fn flag_plays() -> Vec<(String, Before, i32, &'static str)> {
    let mut plays = vec![
        (
            format!("run p.yaml {VALUES} {STEPS} {CONNECT} --ask-sudo-pass --limit h --wait=5 --output json -v"),
            Nothing,
            0,
            "run_finished",
        ),
        ("run p.yaml --host ec2-user@ADDRESS --wait --json --verbose".to_owned(), Nothing, 0, "run_finished"),
        (
            format!(
                "rerun RUN {VALUES} --tags a --skip-tags c --from 1 --only Fails {CONNECT} --ask-sudo-pass --limit h --wait=5 --assume done --same-host -v"
            ),
            Failed,
            1,
            "resuming run",
        ),
        ("rerun --host ec2-user@ADDRESS --wait --json --verbose".to_owned(), Failed, 1, "run_finished"),
        ("rerun --output json".to_owned(), Failed, 1, "run_finished"),
        (format!("cancel RUN --after-step {CONNECT} -v"), Ended, 0, "has ended"),
        ("cancel --host ec2-user@ADDRESS --output json --json --verbose".to_owned(), Ended, 0, "has ended"),
        (
            format!("attach ec2-user@ADDRESS RUN --playbook p.yaml {VALUES} {STEPS} {CONNECT} --ask-sudo-pass -v"),
            Ended,
            0,
            "run ",
        ),
        ("attach ec2-user@ADDRESS --output json --json --verbose".to_owned(), Ended, 0, "run_finished"),
        (format!("lint p.yaml {VALUES}"), Nothing, 0, "no problems found"),
        (
            format!(
                "export p.yaml --as sh {VALUES} {STEPS} --host h --user ec2-user --include-secrets -o out.sh --force -v"
            ),
            Nothing,
            0,
            "out.sh: 2 steps for h",
        ),
        (
            "export p.yaml --as cloud-init --out user-data.gz --max-bytes 16384".to_owned(),
            Nothing,
            0,
            "user-data.gz: 3 steps",
        ),
        (
            "export p.yaml --as cloud-init --script-url https://example.org/p.sh".to_owned(),
            Nothing,
            0,
            "https://example.org/p.sh",
        ),
        (format!("params p.yaml {VALUES}"), Nothing, 0, "no parameters"),
        (format!("lock p.yaml {VALUES} --check"), Nothing, 0, "no step fetches"),
        (format!("lock p.yaml {VALUES} --prune"), Nothing, 0, "no step fetches"),
        (format!("lock p.yaml {VALUES} --update Get"), Nothing, 2, "no step that can be locked"),
        (
            format!(
                "rehearse p.yaml {VALUES} --world p.rehearsal.yaml --on playbooks/worlds/debian-12.yaml --cut --limit h -v"
            ),
            Nothing,
            0,
            "every cut survived",
        ),
    ];
    for words in [
        "runs",
        "runs repair RUN",
        "show",
        "lint p.yaml",
        "lock p.yaml",
        "params p.yaml",
        "import tutorial.sh",
        "export p.yaml --as sh",
        "kinds",
        "completions bash",
        "rehearse p.yaml",
    ] {
        for flag in ["--output json", "--json", "-v", "--verbose"] {
            plays.push((format!("{words} {flag}"), Ended, 0, ""));
        }
    }
    plays.push(("runs repair RUN --cut".to_owned(), Ended, 0, "is not damaged"));
    plays
}

/// What a play is typed into.
struct World {
    host: RehearsalHost,
    folder: tempfile::TempDir,
}

fn repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Copies a folder with everything in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("a copy");
        }
    }
}

impl World {
    fn new() -> Option<Self> {
        let world = crate::rehearse_cli::world_of(&repository("playbooks/milestone1.rehearsal.yaml"));
        let host = match RehearsalHost::start_with(&world, Path::new(env!("CARGO_BIN_EXE_pinboot"))) {
            Ok(host) => host,
            Err(refused) => {
                crate::support::left_out(&format!("no throw-away host here: {refused}"));
                return None;
            }
        };
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
        copy(&repository("playbooks"), &folder.path().join("playbooks"));
        let head = format!(
            "name: A small one\nvars: {{ word: hello }}\nhosts: {{ h: {{ address: 127.0.0.1, port: {}, user: ec2-user }} }}\n",
            host.address().port()
        );
        let say = "  - { name: Say, command: 'echo {{ word }}', always: true, tags: [b] }\n";
        let first = "  - { name: First, command: touch first, creates: ~/first, tags: [a] }\n";
        let skipped = "  - { name: Skipped, command: 'true', always: true, tags: [c] }\n";
        write("p.yaml", &format!("{head}steps:\n{first}{say}{skipped}"));
        write("p.rehearsal.yaml", "host: { user: ec2-user }\n");
        let fails = "  - { name: Fails, command: test -e fixed, tags: [a] }\n";
        write("f.yaml", &format!("{head}steps:\n{fails}{skipped}"));
        let waits = "  - { name: Waits, script: 'touch waiting; sleep 60', always: true }\n";
        write("w.yaml", &format!("{head}steps:\n{waits}"));
        write("v.yaml", "word: hello\n");
        write("tutorial.sh", "sudo yum install git\nnano settings\n");
        Some(Self { host, folder })
    }

    /// The program in the user's folder, with a state of its own for each play.
    fn call(&self, state: &Path) -> Call {
        let call = Call::new(self.folder.path()).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        let call = call.env("PINBOOT_STATE_DIR", state).env("PINBOOT_KEY", self.host.key_path());
        call.env("PINBOOT_KNOWN_HOSTS", self.host.known_hosts_path()).env("PINBOOT_HOST_KEY", "strict")
    }

    fn target(&self) -> String {
        format!("ec2-user@{}", self.host.address())
    }

    /// Brings about what has to be there, types the words, and insists on the exit code and the text.
    fn play(&self, words: &[String], before: Before, exit: i32, says: &str) {
        let state = tempfile::tempdir().expect("a folder");
        let run = |playbook: &str, code: i32| {
            self.call(state.path()).args(["run", playbook]).exits(code);
        };
        let mut going = None;
        match before {
            Nothing => {}
            Ended => run("p.yaml", 0),
            Failed => run("f.yaml", 1),
            Going => {
                let mut command = self.call(state.path()).args(["run", "w.yaml", "-v"]).into_command();
                command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
                let child = command.spawn().expect("the program starts");
                going = Some(child);
                let is_started = |run: fs::DirEntry| {
                    fs::read_to_string(run.path().join("events.jsonl")).is_ok_and(|text| text.contains("step_started"))
                };
                let runs = || fs::read_dir(state.path().join("runs")).into_iter().flatten().flatten();
                crate::faults::world::until("the run goes on", || runs().any(is_started));
            }
        }
        let listed = || self.call(state.path()).args(["runs", "--json"]).exits(0).stdout;
        let id = listed().lines().next().and_then(|line| line.split("\"run\":\"").nth(1)?.get(..8).map(str::to_owned));
        let filled = words.iter().map(|word| match word.as_str() {
            "RUN" => id.clone().expect("a run"),
            "KEY" => self.host.key_path().display().to_string(),
            "KNOWN" => self.host.known_hosts_path().display().to_string(),
            word => word.replace("ec2-user@ADDRESS", &self.target()),
        });
        let filled: Vec<String> = filled.collect();
        let mut call = self.call(state.path()).args(&filled);
        if filled.iter().any(|word| word.starts_with("playbooks/")) && filled[0] == "run" {
            call = call.env("PINBOOT_HOST", self.target());
        }
        let printed: Printed = call.run();
        assert_eq!(printed.code, Some(exit), "{filled:?} printed\n{}", printed.shown());
        printed.says(&[says]);
        if let Some(mut child) = going {
            assert_eq!(child.wait().expect("its end").code(), Some(130));
        }
    }
}

/// The commands of a text: in `code`, and as lines of blocks, with or without a prompt; comments behind them are cut off.
fn commands_of(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut is_block = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.starts_with("```") {
            is_block = !is_block;
        } else if is_block {
            let line = line.strip_prefix("$ ").unwrap_or(line);
            let line = line.replace("cargo run --release -- ", "pinboot ");
            if line.starts_with("pinboot ") {
                found.insert(line.split(" #").next().unwrap_or_default().trim().to_owned());
            }
        } else {
            prose.push_str(line);
            prose.push(' ');
        }
    }
    for code in prose.split('`').skip(1).step_by(2).filter(|code| code.starts_with("pinboot ")) {
        found.insert(code.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    found
}

/// What a reader types for a command of the documents; more than one where a part may be left out.
fn typed(text: &str) -> Vec<Vec<String>> {
    let words = text.strip_prefix("pinboot ").expect("a command of pinboot");
    let full = match words {
        "run" => "run p.yaml",
        "attach" => "attach ec2-user@ADDRESS",
        "runs repair" => "runs repair RUN",
        "import FILE" => "import tutorial.sh",
        words => words,
    };
    let full = full.replace("ec2-user@ec2-….amazonaws.com --key …", "ec2-user@ADDRESS --key KEY");
    let full = full.replace("PLAYBOOK…", "p.yaml f.yaml").replace("PLAYBOOK", "p.yaml").replace("FILE", "p.yaml");
    let full = full.replace("HOST", "ec2-user@ADDRESS").replace("SHELL", "bash");
    let variants: Vec<String> = match full.split_once('[') {
        Some((start, rest)) => vec![start.trim().to_owned(), format!("{start}{}", rest.trim_end_matches(']'))],
        None if full.contains("COMMAND") => subcommands().iter().map(|name| full.replace("COMMAND", name)).collect(),
        None => vec![full],
    };
    let split = |text: String| text.replace("KIND", "file").split(' ').map(str::to_owned).collect();
    variants.into_iter().map(split).collect()
}

fn help(words: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    Call::new(folder.path()).args(words).exits(0).stdout
}

fn subcommands() -> Vec<String> {
    let top = help(&["--help"]);
    let commands = top.split_once("Commands:\n").expect("the list").1.split_once("\n\n").expect("its end").0;
    let lines = commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// The flags that a command's help lists, in each of their spellings.
fn flags_of(words: &[&str]) -> BTreeSet<String> {
    let text = help(&[words, &["--help"]].concat());
    let mut found = BTreeSet::new();
    for line in text.lines() {
        let line = line.trim_start();
        let is_flag = |part: &&str| part.starts_with('-') && !part.starts_with("- ");
        for part in line.split(", ").take_while(is_flag) {
            let end = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
            found.insert(part.split(end).next().unwrap_or_default().to_owned());
        }
    }
    assert!(found.contains("--help") && found.contains("-h"), "{words:?}: {text}");
    found
}

#[test]
fn every_command_of_the_documents_is_typed_as_it_stands() {
    let mut shown = BTreeMap::new();
    for name in DOCUMENTS {
        let text = fs::read_to_string(repository(name)).expect("a document");
        shown.extend(commands_of(&text).into_iter().map(|command| (command, name)));
    }
    assert!(shown.len() > 20, "only {shown:?}");
    let missing: Vec<_> = shown.iter().filter(|(text, _)| !PLAYS.iter().any(|play| play.0 == *text)).collect();
    assert!(missing.is_empty(), "no play types {missing:?}");
    let stale: Vec<_> = PLAYS.iter().map(|play| play.0).filter(|text| !shown.contains_key(*text)).collect();
    assert!(stale.is_empty(), "no document shows {stale:?}");
    let Some(world) = World::new() else { return };
    for Play(text, before, exit, says) in PLAYS {
        for words in typed(text) {
            world.play(&words, *before, *exit, says);
        }
    }
}

#[test]
fn every_flag_of_the_help_is_typed() {
    let plays = flag_plays();
    // Flags of the documents' own commands count as well.
    let mut typed_words: Vec<Vec<String>> = PLAYS.iter().flat_map(|play| typed(play.0)).collect();
    typed_words.extend(plays.iter().map(|play| play.0.split(' ').map(str::to_owned).collect()));
    let mut missing = Vec::new();
    let mut names: Vec<Vec<String>> = subcommands().into_iter().map(|name| vec![name]).collect();
    names.push(vec!["runs".to_owned(), "repair".to_owned()]);
    for name in names {
        let words: Vec<&str> = name.iter().map(String::as_str).collect();
        for flag in flags_of(&words) {
            // Both spellings are typed below, for each command. `--keep` waits for Ctrl-C and has a test of its own.
            if flag == "-h" || flag == "--help" || (flag == "--keep" && words == ["rehearse"]) {
                continue;
            }
            let is_typed = |call: &Vec<String>| {
                let is_of =
                    call.starts_with(&name) && (name.len() == 2 || call.get(1).is_none_or(|word| word != "repair"));
                is_of && call.iter().any(|word| *word == flag || word.starts_with(&format!("{flag}=")))
            };
            if !typed_words.iter().any(is_typed) {
                missing.push(format!("{} {flag}", words.join(" ")));
            }
        }
        assert!(!help(&[&words[..], &["-h"]].concat()).is_empty());
    }
    assert!(missing.is_empty(), "no play types {missing:#?}");
    let Some(world) = World::new() else { return };
    for (text, before, exit, says) in plays {
        let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        world.play(&words, before, exit, says);
    }
}

#[test]
fn the_variables_of_the_environment_stand_for_their_flags() {
    let Some(world) = World::new() else { return };
    let state = tempfile::tempdir().expect("a folder");
    let given = [
        ("PINBOOT_VARS_FILE", "v.yaml"),
        ("PINBOOT_LIMIT", "h"),
        ("PINBOOT_USER", "ec2-user"),
        ("PINBOOT_FORKS", "2"),
        ("PINBOOT_RECONNECT_FOR", "30"),
        ("PINBOOT_YES", "true"),
        ("PINBOOT_OUTPUT", "json"),
        ("PINBOOT_LOG", "warn"),
        ("PINBOOT_SH", "/bin/sh"),
        ("PINBOOT_KEEPALIVE", "9"),
        ("PINBOOT_START_TIMEOUT", "60"),
        ("PINBOOT_SUDO_PASSWORD", "not needed here"),
        ("NO_COLOR", "1"),
    ];
    let mut call = world.call(state.path()).args(["run", "p.yaml"]);
    for (name, value) in given {
        call = call.env(name, value);
    }
    call.exits(0).says(&["\"run_finished\""]);
    // Each one that the document lists is given here, by `World::call`, or by a test of what it is about.
    let document = fs::read_to_string(repository("docs/cli.md")).expect("a document");
    let elsewhere = [
        "PINBOOT_HOST",
        "PINBOOT_KEY",
        "PINBOOT_HOST_KEY",
        "PINBOOT_KNOWN_HOSTS",
        "PINBOOT_STATE_DIR",
        "PINBOOT_KEY_PASSPHRASE",
        "PINBOOT_SECRET_NAME",
    ];
    let words =
        document.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| word.starts_with("PINBOOT_"));
    for word in words {
        assert!(given.iter().any(|(name, _)| *name == word) || elsewhere.contains(&word), "no play gives {word}");
    }
}
