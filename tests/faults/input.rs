//! What a person writes wrong: every fault of a file in one go, at its place, and nothing sent.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use super::world::{Call, Printed, World, folder, general};

/// The program in an empty folder with these files; what it prints, and all of it as snapshots have it.
fn printed(files: &[(&str, &[u8])], words: &[&str]) -> (Printed, String) {
    let controller = folder("pinboot-controller-");
    let call = files.iter().fold(Call::new(controller.path()), |call, (name, bytes)| call.file(name, bytes));
    let started = Instant::now();
    let printed = call.args(words).run();
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(
        !controller.path().join("state/runs").exists() || words[0] != "run",
        "no run is started: {words:?} {printed:?}"
    );
    let text = printed.shown().replace(&controller.path().display().to_string(), "HERE");
    (printed, general(&text))
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
  - name: A word that is not an answer
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
fn all_errors_of_a_playbook_are_reported_at_once() {
    let (faults, text) = printed(&[("p.yaml", MANY.as_bytes())], &["run", "p.yaml"]);
    assert_eq!(faults.code, Some(2));
    kept!("many", text);
    let (lint, _) = printed(&[("p.yaml", MANY.as_bytes())], &["lint", "p.yaml"]);
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
fn errors_of_variables_hide_no_errors_of_steps() {
    let play = b"vars: { version: 1, names: [a] }\nhosts: { a: { address: h, user: u } }\nsteps:\n  - name: One\n    command: echo {{ version }} {{ verison }} {{ more }}\n    retries: yes\n".as_slice();
    let more = b"more: 1\nmore: 2\na-b: 3\n".as_slice();
    let words = ["run", "p.yaml", "--vars-file", "more.yaml", "-e", "names=x", "-e", "nmaes=[x]", "-e", "version=2"];
    let (faults, text) = printed(&[("p.yaml", play), ("more.yaml", more)], &words);
    assert_eq!(faults.code, Some(2));
    kept!("variables_and_steps", text);
}

#[test]
fn files_that_are_not_playbooks() {
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
        let (faults, text) = printed(&[("p.yaml", bytes)], &["run", "p.yaml"]);
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
        let (faults, text) = printed(&files, words);
        assert_eq!(faults.code, Some(2), "{words:?}: {faults:?}");
        write!(all, "$ pinboot {}\n{text}", words.join(" ")).expect("a string takes all");
    }
    kept!("command_line", all);
}

#[test]
fn what_needs_no_host_prints_its_result_and_nothing_else() {
    let controller = folder("pinboot-controller-");
    let call = |words: &[&str]| Call::new(controller.path()).args(words);
    let good = "steps:\n  - { name: First, command: ls, always: true }\n";
    call(&["lint", "p.yaml", "--host=h"]).exit(2).stderr_has(&["unexpected argument '--host'"]).check();
    call(&["lint", "p.yaml"])
        .exit(2)
        .stderr("pinboot: cannot read p.yaml: No such file or directory (os error 2)\n")
        .check();
    let hosts = format!("hosts: {{ a: {{ address: h }} }}\n{good}");
    call(&["lint", "p.yaml"]).file("p.yaml", &hosts).stdout("p.yaml: no problems found\n").check();
    call(&["lint", "p.yaml", "--json"]).check();
    call(&["runs"]).stdout("no run is recorded here\n").check();
    call(&["runs", "--json"]).check();
    call(&["completions", "bash"]).stdout_has(&["complete -F _pinboot"]).check();
}

#[test]
fn each_command_explains_itself() {
    let controller = folder("pinboot-controller-");
    let mut all = String::new();
    let commands =
        ["run", "rehearse", "rerun", "cancel", "attach", "runs", "runs repair", "show", "lint", "kinds", "completions"];
    for command in [""].iter().chain(&commands) {
        let call = Call::new(controller.path()).args(command.split_whitespace()).arg("--help");
        write!(all, "$ pinboot {command} --help\n{}", call.shown()).expect("a string takes all");
    }
    kept!("help", all);
}

#[test]
fn a_byte_order_mark_and_other_line_ends_make_no_other_plan() {
    let text = "name: x\nhosts: { a: { address: 10.0.0.1, user: u } }\nsteps:\n  - name: y\n    script: |\n      echo a\n      echo b\n";
    let plain = printed(&[("p.yaml", text.as_bytes())], &["run", "p.yaml", "--dry-run"]);
    assert_eq!(plain.0.code, Some(0), "{plain:?}");
    for other in [format!("\u{feff}{text}"), text.replace('\n', "\r\n")] {
        assert_eq!(printed(&[("p.yaml", other.as_bytes())], &["run", "p.yaml", "--dry-run"]).1, plain.1);
    }
}

#[test]
fn a_dry_run_opens_no_connection_and_needs_no_key() {
    let Some(world) = World::new() else { return };
    world.steps("  - { name: Touch, command: touch touched, always: true }\n");
    let call = world.reach(&["run", "p.yaml", "--dry-run", "--key", "no such key"]);
    let printed = call.stdout_has(&["touch touched", "Nothing was sent"]).check();
    assert!(!printed.stdout.is_empty());
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

#[test]
fn what_is_not_a_file_is_refused_and_never_waited_for() {
    let controller = folder("pinboot-controller-");
    let made = std::process::Command::new("mkfifo").arg(controller.path().join("pipe")).status();
    assert!(made.is_ok_and(|made| made.success()));
    let play = |field: &str| {
        format!(
            "hosts: {{ a: {{ address: h, user: u }} }}\nsteps:\n  - {{ name: Write, file: {{ path: ~/x, {field} }} }}\n"
        )
    };
    for (field, words, expected) in [
        ("content: x", ["lint", "pipe", ""], "cannot read pipe: it is a pipe; only a regular file can be read"),
        ("content: x", ["run", "/dev/zero", ""], "cannot read the playbook /dev/zero: it is a device"),
        ("content: x", ["lint", "p.yaml", "--vars-file=pipe"], "cannot read --vars-file pipe: it is a pipe"),
        ("src: pipe", ["lint", "p.yaml", ""], "`pipe` cannot be read: it is a pipe"),
        ("template: /dev/zero", ["lint", "p.yaml", ""], "`/dev/zero` cannot be read: it is a device"),
        (
            "content: x",
            ["lint", "p.yml", ""],
            "cannot read p.yml: No such file or directory (os error 2)\n  did you mean p.yaml?",
        ),
    ] {
        let call = Call::new(controller.path()).file("p.yaml", play(field).as_bytes());
        let started = Instant::now();
        let given: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        let printed = call.args(&given).run();
        assert!(started.elapsed() < Duration::from_secs(5), "{given:?}: {:?}", started.elapsed());
        assert!(printed.code == Some(2) && printed.stderr.contains(expected), "{given:?}: {printed:?}");
    }
}

#[test]
fn what_a_reader_would_not_see_is_visible_wherever_it_is_shown() {
    let play = b"vars: { who: x }\nhosts: { a: { address: h, user: u } }\nsteps:\n  - { name: 'Greet {{ who }}', command: 'echo {{ who }}', always: true }\n".as_slice();
    let given = "who=a\u{202e}b\u{200b}";
    for json in [false, true] {
        let words = ["run", "p.yaml", "--dry-run", "-e", given, "--output", if json { "json" } else { "human" }];
        let (printed, _) = printed(&[("p.yaml", play)], &words);
        assert_eq!(printed.code, Some(0), "{printed:?}");
        let visible = if json { "Greet a\\\\u{202e}b" } else { "Greet a\\u{202e}b\\u{200b}" };
        assert!(printed.stdout.contains(visible), "{printed:?}");
        assert!(!printed.stdout.contains(['\u{202e}', '\u{200b}']), "{printed:?}");
    }
}

#[test]
fn lint_lets_a_shell_read_every_piece_of_shell() {
    let head = "hosts: { a: { address: h, user: u } }\nvars: { x: 1 }\nsteps:\n";
    let steps = "  - name: Cut\n    command: touch x\n    unless: grep -q \"x # y\" f\n\
        \x20 - name: Loop\n    script: |\n      set -e\n      for i in 1 2; do\n        echo $i\n    always: true\n\
        \x20 - name: Bracket\n    command: test -e {{ x }} )\n    only_if: \"if true; then echo\"\n    always: true\n\
        \x20 - name: Bash\n    script: { shell: bash, text: \"a=(1 2); echo ${a[0]}\" }\n    always: true\n\
        \x20 - name: Quote\n    command: echo 'it\n    always: true\n\
        \x20 - name: Person\n    manual: { text: Do it, check: \"done\" }\n\
        \x20 - name: Right\n    script: |\n      {% if x %}for a in b; do{% else %}for a in c; do{% endif %}\n      if [ {{ x }} = 1 ]; then echo 'b'; fi; done\n      cat <<'END'\n      it's\n      END\n    always: true\n";
    let play = format!("{head}{steps}");
    let (lint, _) = printed(&[("p.yaml", play.as_bytes())], &["lint", "p.yaml"]);
    assert_eq!(lint.code, Some(2), "{lint:?}");
    for (words, place) in [
        ("YAML takes what follows ` #` for a comment", "p.yaml:6:24"),
        ("`sh` does not understand this", "p.yaml:11:9"),
        ("`sh` does not understand this", "p.yaml:14:14"),
        ("`sh` does not understand this", "p.yaml:15:15"),
        ("`sh` does not understand this", "p.yaml:21:19"),
        ("`sh` does not understand this", "p.yaml:24:36"),
    ] {
        let block = lint.stderr.split("\n\n").find(|block| block.contains(&format!("{place}\n")));
        assert!(block.is_some_and(|block| block.contains(words)), "{place}: {}", lint.stderr);
    }
    assert!(lint.stderr.ends_with("\n6 errors\n"), "{}", lint.stderr);
    let right = format!("{head}{}", steps.split_at(steps.find("  - name: Right").expect("it is there")).1);
    let (lint, _) = printed(&[("p.yaml", right.as_bytes())], &["lint", "p.yaml"]);
    assert_eq!((lint.code, lint.stderr.as_str()), (Some(0), ""), "{lint:?}");
}

/// Playbooks that would take all of the stack, the memory or a day, if they were let.
#[test]
fn no_playbook_exhausts_the_machine_that_reads_it() {
    let step = |value: &str| format!("steps:\n  - {{ name: x, command: {value}, always: true }}\n");
    let vars = |lines: String| format!("vars:\n{lines}{}", step("ls"));
    let many = |line: &dyn Fn(usize) -> String| (0..1000).map(line).collect::<String>();
    let list = format!("vars: {{ l: [{}] }}\n", vec!["x"; 1000].join(", "));
    for (what, text) in [
        ("terms", step(&format!("'{{{{ {}1 }}}}'", "1+".repeat(100_000)))),
        ("brackets", step(&format!("'{{{{ {}1{} }}}}'", "(".repeat(50_000), ")".repeat(50_000)))),
        (
            "a condition",
            format!("steps:\n  - {{ name: x, command: ls, always: true, when: '{}1' }}\n", "1+".repeat(100_000)),
        ),
        ("loops", step("'{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}'")),
        ("nested statements", step(&format!("'{}x{}'", "{% if 1 %}".repeat(5000), "{% endif %}".repeat(5000)))),
        ("a chain of statements", step(&format!("'{{% if 1 %}}{}{{% endif %}}'", "{% elif 1 %}x".repeat(5000)))),
        ("indentation", step("\"{{ 'x' | indent(2000000000, true) }}\"")),
        ("a product", step("\"{{ 'x' * 2000000000 }}\"")),
        ("doubling", step(&format!("\"{{% set x = 'aaaa' %}}{}\"", "{% set x = x ~ x %}".repeat(60)))),
        (
            "many lists",
            format!(
                "steps:\n{}",
                many(&|at| format!(
                    "  - {{ name: s{at}, command: 'echo {{{{ range(100000)|list|length }}}}', always: true }}\n"
                ))
            ),
        ),
        ("many expressions", step(&format!("'{}'", "{{ x }}".repeat(100_000)))),
        (
            "iterations",
            format!(
                "{list}steps:\n{}",
                many(&|at| format!("  - {{ name: s{at}, command: ls, always: true, loop: '{{{{ l }}}}' }}\n"))
            ),
        ),
        (
            "hosts",
            format!(
                "hosts:\n{}{}",
                (0..20_000).map(|at| format!("  h{at}: {{ address: h }}\n")).collect::<String>(),
                step("ls")
            ),
        ),
        ("undefined names", vars((0..30_000).map(|at| format!("  v{at:05}: '{{{{ w{at:05} }}}}'\n")).collect())),
        (
            "watched steps",
            format!(
                "steps:\n{}",
                many(&|at| format!(
                    "  - {{ name: s{at}, command: ls, when_changed: [{}] }}\n",
                    vec!["t"; 100].join(", ")
                ))
            ),
        ),
        ("keys", (0..50_000).map(|at| format!("k{at}: 1\n")).collect()),
    ] {
        let text = if what == "hosts" { text } else { format!("hosts: {{ a: {{ address: h }} }}\n{text}") };
        let controller = folder("pinboot-controller-");
        let started = Instant::now();
        let lint = Call::new(controller.path()).file("p.yaml", text.as_bytes()).args(["lint", "p.yaml"]).run();
        // A released program needs a tenth of this.
        assert!(started.elapsed() < Duration::from_secs(30), "{what}: {:?}", started.elapsed());
        assert_eq!(lint.code, Some(2), "{what}: {}", lint.stderr.chars().take(500).collect::<String>());
    }
}
