//! What a person writes wrong: every fault of a file in one go, at its place, and nothing sent.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use super::world::{Told, World, folder, general, pinboot};

/// The program in an empty folder with these files; what a person sees.
fn told(files: &[(&str, &[u8])], words: &[&str]) -> (Told, String) {
    let controller = folder("pinboot-controller-");
    for (name, bytes) in files {
        fs::write(controller.path().join(name), bytes).expect("a file");
    }
    let begun = Instant::now();
    let told = Told::of(&pinboot(controller.path()).args(words).output().expect("pinboot starts"));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(!controller.path().join("state/runs").exists() || words[0] != "run", "no run is begun: {words:?} {told:?}");
    let text = format!("exit {}\n--- stdout\n{}--- stderr\n{}", told.code.unwrap_or(-1), told.stdout, told.stderr);
    let text = text.replace(&controller.path().display().to_string(), "HERE");
    (told, general(&text))
}

macro_rules! kept {
    ($name:expr, $text:expr) => {
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!($name, $text);
        })
    };
}

const MANY: &str = "\
name: Many faults
vars:
  version: 2.8.1
hosts:
  a: { address: 10.0.0.1, user: ec2-user, prot: 22 }
steps:
  - name: An unknown key
    comand: echo hi
  - name: Two kinds
    command: echo hi
    script: echo hi
  - name: A wrong type
    command: echo {{ verison }}
    retries: yes
  - name: A word that is no answer
    command: echo hi
    on_unknown: perhaps
  - name: Quoted
    command: echo \"{{ version }}\"
  - name: Not to be fetched
    download: { url: ftp://example.org/x, to: ~/x, sha256: abc }
    timeout: 90
  - name: The same key twice
    command: echo hi
    creates: /x
    creates: /y
  - name: An odd decision
    command: echo hi
    when: version
";

#[test]
fn all_faults_of_a_playbook_are_told_in_one_go() {
    let (faults, text) = told(&[("p.yaml", MANY.as_bytes())], &["run", "p.yaml"]);
    assert_eq!(faults.code, Some(2));
    kept!("many", text);
    let (lint, _) = told(&[("p.yaml", MANY.as_bytes())], &["lint", "p.yaml"]);
    assert_eq!(lint.code, Some(2));
    let errors = |text: &str| {
        let blocks = text.split("\n\n").filter(|block| block.starts_with("error: "));
        blocks.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(errors(&lint.stderr), errors(&faults.stderr), "lint says the same");
    assert!(lint.stderr.contains("warning: the step `Quoted` runs every time"), "and what is likely wrong: {lint:?}");
    assert_eq!(lint.stderr.matches("warning: the step `Quoted`").count(), 1);
}

#[test]
fn faults_of_variables_hide_no_faults_of_steps() {
    let play = b"vars: { version: 1, names: [a] }\nhosts: { a: { address: h, user: u } }\nsteps:\n  - name: One\n    command: echo {{ version }} {{ verison }} {{ more }}\n    retries: yes\n".as_slice();
    let more = b"more: 1\nmore: 2\na-b: 3\n".as_slice();
    let words = ["run", "p.yaml", "--vars-file", "more.yaml", "-e", "names=x", "-e", "nmaes=[x]", "-e", "version=2"];
    let (faults, text) = told(&[("p.yaml", play), ("more.yaml", more)], &words);
    assert_eq!(faults.code, Some(2));
    kept!("variables_and_steps", text);
}

#[test]
fn files_that_are_no_playbook() {
    let deep = format!("name: x\nsteps: {}", "[".repeat(100_000));
    let large = format!("name: x\nsteps:\n  - name: y\n    command: {}\n", "z".repeat(2 << 20));
    let bomb = "a: &a [x,x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n";
    let mut all = String::new();
    for (name, bytes) in [
        ("tab", b"name: x\nsteps:\n\t- name: y\n".as_slice()),
        ("open quote", b"name: \"x\nsteps: []\n"),
        ("deep", deep.as_bytes()),
        ("large", large.as_bytes()),
        ("aliases", bomb.as_bytes()),
        ("NUL", b"name: a\0b\n"),
        ("escaped NUL", b"name: x\nsteps:\n  - name: y\n    command: \"a\\0b\"\n"),
        ("escape", b"name: a\x1b[31mb\n"),
        ("the same key twice", b"name: x\nvars:\n  a: 1\n  b: 2\n  a: 3\nsteps: []\n"),
        ("two documents", b"name: x\n---\nname: y\n"),
        ("empty", b""),
        ("binary", b"\x7fELF\x02\x01\x01\xff\xfe"),
    ] {
        let (faults, text) = told(&[("p.yaml", bytes)], &["run", "p.yaml"]);
        assert_eq!(faults.code, Some(2), "{name}: {faults:?}");
        assert!(text.len() < 4000, "{name}: {text}");
        write!(all, "# {name}\n{text}").expect("a string takes all");
    }
    kept!("no_playbook", all);
}

#[test]
fn words_on_the_command_line() {
    let good = b"name: x\nvars: { version: 1 }\nhosts: { a: { address: 10.0.0.1, user: u } }\nsteps:\n  - { name: First, command: 'echo {{ version }}', always: true }\n".as_slice();
    let files = [("milestone.yaml", good), ("more.yaml", b"verison: 3\n".as_slice())];
    let mut all = String::new();
    for words in [
        &["run", "milestnoe.yaml"][..],
        &["run", "."],
        &["run", "milestone.yaml", "-e", "verison=2"],
        &["run", "milestone.yaml", "-e", "version"],
        &["run", "milestone.yaml", "--vars-file", "mroe.yaml"],
        &["run", "milestone.yaml", "--limit", "b"],
        &["run", "milestone.yaml", "--only", "Frist"],
        &["run", "milestone.yaml", "--from", "9"],
        &["run", "milestone.yaml", "--dry-run", "--check"],
        &["run", "milestone.yaml", "--forks", "0"],
        &["run", "milestone.yaml", "--host-key", "never"],
        &["rerun"],
        &["rerun", "zzz"],
        &["show", "3f9c"],
        &["kinds", "comand"],
        &["rnu"],
    ] {
        let (faults, text) = told(&files, words);
        assert_eq!(faults.code, Some(2), "{words:?}: {faults:?}");
        write!(all, "$ pinboot {}\n{text}", words.join(" ")).expect("a string takes all");
    }
    kept!("command_line", all);
}

#[test]
fn a_byte_order_mark_and_other_line_ends_make_no_other_plan() {
    let text = "name: x\nhosts: { a: { address: 10.0.0.1, user: u } }\nsteps:\n  - name: y\n    script: |\n      echo a\n      echo b\n";
    let plain = told(&[("p.yaml", text.as_bytes())], &["run", "p.yaml", "--dry-run"]);
    assert_eq!(plain.0.code, Some(0), "{plain:?}");
    for other in [format!("\u{feff}{text}"), text.replace('\n', "\r\n")] {
        assert_eq!(told(&[("p.yaml", other.as_bytes())], &["run", "p.yaml", "--dry-run"]).1, plain.1);
    }
}

#[test]
fn a_dry_run_opens_no_connection_and_needs_no_key() {
    let Some(world) = World::new() else { return };
    world.steps("  - { name: Touch, command: touch touched, always: true }\n");
    let told = Told::of(
        &world.reach(&["run", "p.yaml", "--dry-run", "--key", "no such key"]).output().expect("pinboot starts"),
    );
    let told = told.exits(0).says(&["touch touched", "Nothing was sent"]);
    assert!(!told.stdout.is_empty());
    assert!(!world.server.log().contains("Connection from"), "{}", world.server.log());
    assert!(!world.here("state").exists(), "it leaves no trace here either");
}

#[test]
fn a_check_leaves_nothing_but_its_own_record() {
    let Some(world) = World::new() else { return };
    world.steps(
        "
  - { name: Touch, command: touch touched, creates: ~/touched }
  - { name: File, file: { path: ~/a/file, content: text } }
  - { name: Always, command: touch other, always: true }
  - { name: Lines, export: { NAME: value } }
",
    );
    fs::write(world.there(".bashrc"), "# mine\n").expect("a file");
    world.run(&["--check"]).exits(0);
    let mut left: Vec<_> =
        fs::read_dir(world.home.path()).expect("home").flatten().map(|entry| entry.file_name()).collect();
    left.sort();
    assert_eq!(left, [".bashrc", ".pinboot"]);
    assert_eq!(world.read(".bashrc"), "# mine\n");
    let outcomes: Vec<String> = world.journal().into_iter().filter(|line| !line.starts_with("exit")).collect();
    assert_eq!(outcomes.len(), 4, "{outcomes:?}");
    assert!(outcomes.iter().all(|line| line.ends_with("would_change") || line.ends_with("unknown")), "{outcomes:?}");
}
