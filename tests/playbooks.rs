//! Playbooks that are refused, and what a person then reads: each `err_NAME.yml` stands beside its `err_NAME.stderr`.
//!
//! With `PINBOOT_ACCEPT=1` in the environment the expected texts are written anew.

use std::fs;
use std::path::Path;

use pinboot::compile::compile_all;
use pinboot::event::Mode;
use pinboot::playbook::{Inputs, lint, load_with};
use pinboot::source::{Diagnostic, Sources, render};

use crate::language::kinds;

/// Everything that is said about one playbook, as `pinboot lint` would.
fn said(folder: &Path, name: &str, bytes: Vec<u8>) -> String {
    let (beside, folder) = (folder.to_owned(), folder.to_owned());
    let loader = move |file: &str| fs::read(folder.join(file)).map_err(|error| error.kind().to_string());
    let mut inputs = Inputs::new("me", loader);
    inputs.env.insert("HOME_TOWN".to_owned(), "Leeds".to_owned());
    // A first line `#! -e NAME=VALUE --vars-file FILE` gives variables as the command line would.
    let first = String::from_utf8_lossy(&bytes).lines().next().unwrap_or("").to_owned();
    let words = |flag: &str| {
        let given = first.split(" --").flat_map(|part| {
            part.split(" -e ")
                .enumerate()
                .map(|(at, text)| if at > 0 { format!("e {text}") } else { text.to_owned() })
                .collect::<Vec<_>>()
        });
        given.filter_map(|part| part.strip_prefix(flag).map(|value| value.trim().to_owned())).collect::<Vec<_>>()
    };
    inputs.flags.vars = words("e ");
    for file in words("vars-file ") {
        // A test that changes single characters of a case may have changed the name.
        let bytes = fs::read(beside.join(&file)).unwrap_or_default();
        inputs.vars_files.push((file, bytes));
    }
    let mut sources = Sources::default();
    let mut found: Vec<Diagnostic> = Vec::new();
    match load_with(kinds::KINDS, &mut sources, name, bytes, inputs) {
        Err(errors) => found.extend(errors),
        Ok(loaded) => {
            found.extend(compile_all(&loaded, &mut sources, Mode::Run).err().unwrap_or_default());
            found.extend(lint(&loaded, &sources));
        }
    }
    render(&found, &sources, false)
}

#[test]
fn refused_playbooks_say_what_is_wrong() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/playbooks");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .expect("the folder is there")
        .filter_map(|entry| entry.expect("an entry").file_name().into_string().ok())
        .filter(|name| {
            Path::new(name).extension().is_some_and(|end| end == "yml")
                && (name.starts_with("err_") || name.starts_with("lint_"))
        })
        .collect();
    names.sort();
    assert!(names.len() > 10, "the cases are gone: {names:?}");
    let accept = crate::support::accepts();
    let mut wrong = Vec::new();
    for name in names {
        let said = said(&folder, &name, fs::read(folder.join(&name)).expect("a case"));
        let beside = folder.join(name.replace(".yml", ".stderr"));
        if accept {
            fs::write(&beside, &said).expect("the expected text is written");
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        let refused = said.contains("error: ");
        if expected != said || refused != name.starts_with("err_") {
            wrong.push(format!("== {name}: expected\n{expected}\n== but it said\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const RIGHT: &str = r#"name: All of it
vars:
  user_id: 12c0d092d679
  version: 2.8.1
  home: ~/kafka-{{ version }}
  topics: [pin, geo]
  conf: { port: 22, owner: me }
  token: from outside
secrets: [token]
from_env: [HOME_TOWN]
vars_files: more.yml
hosts:
  one: { address: "{{ conf.port }}.example.org", port: 22, user: me, vars: { place: here } }
steps:
  - name: First
    command: date
    register: today
    always: true
  - name: Second
    script: echo {{ today }} {{ token }} {{ env.HOME_TOWN }}
    creates: "{{ home }}/x"
    when_changed: First
  - name: Third
    command: echo {{ item }} {{ user_id }} {{ place }} {{ version }} {{ more }}
    loop: "{{ topics }}"
    unless: test {{ index }} = 3
    when: user_id != ""
  - name: Fourth
    file: { path: "{{ home }}/conf", content: "{{ conf.owner }}", backup: true }
    when_changed: [Second, Third]
    timeout: 90s
  - { name: Fifth, command: ls, always: true, tags: [some] }
"#;

/// One thing is wrong in a playbook that is right otherwise: one error is reported, and nothing that follows from it.
#[test]
fn an_error_is_reported_once_and_nothing_that_follows_from_it() {
    let loader = |file: &str| if file == "more.yml" { Ok(b"more: x".to_vec()) } else { Err("no such file".to_owned()) };
    let errors = |text: &str| {
        let mut inputs = Inputs::new("me", loader);
        inputs.env.insert("HOME_TOWN".to_owned(), "Leeds".to_owned());
        inputs.flags.vars = vec!["topics=[a, b]".to_owned(), "place=there".to_owned()];
        inputs.flags.limit = vec!["one".to_owned()];
        inputs.flags.skip_tags = vec!["some".to_owned()];
        let mut sources = Sources::default();
        let found = load_with(kinds::KINDS, &mut sources, "p.yml", text.as_bytes().to_vec(), inputs);
        let found = found.and_then(|loaded| compile_all(&loaded, &mut sources, Mode::Run));
        found.err().unwrap_or_default().into_iter().map(|error| error.message).collect::<Vec<_>>()
    };
    assert_eq!(errors(RIGHT), Vec::<String>::new());
    let cases = [
        ("vars:\n", "var:\n", "unknown playbook key `var`"),
        ("vars:\n", "variables:\n", "unknown playbook key `variables`"),
        ("vars_files:", "var_files:", "unknown playbook key `var_files`"),
        ("more.yml", "none.yml", "`none.yml` cannot be read: no such file"),
        ("hosts:", "host:", "unknown playbook key `host`"),
        ("secrets:", "secret:", "unknown playbook key `secret`"),
        ("secrets: [token]", "secrets: { a: b }", "`secrets`: expected a list of texts, found a map"),
        ("from_env: [HOME_TOWN]", "from_env: { a: b }", "`from_env`: expected a list of texts, found a map"),
        ("  version: 2.8.1\n", "  version: 2.8.1\nvars:\n", "the key `vars` is given twice"),
        ("  - name: Second", "steps:\n  - name: Second", "the key `steps` is given twice"),
        ("  user_id:", "  user-id:", "invalid variable name `user-id`"),
        ("user_id: 12c0d092d679", "user_id: *id", "YAML aliases are not allowed in playbooks"),
        ("  user_id: 12c0d092d679", "  <<: id", "YAML merge keys are not allowed in playbooks"),
        ("topics: [pin, geo]", "topics: &t [pin, geo]", "YAML anchors are not allowed in playbooks"),
        ("conf: { port: 22,", "conf: { port: 22, port: 23,", "the key `port` is given twice"),
        ("home: ~/kafka-{{ version }}", "home: {{ version }}/kafka", "a value that starts with `{{` needs quotes"),
        ("home: ~/kafka-{{ version }}", "home: {{ version }}", "a value that starts with `{{` needs quotes"),
        ("~/kafka-{{ version }}", "~/kafka-{{ home }}", "circular variable definition: home -> home"),
        (
            "~/kafka-{{ version }}",
            "\"~/\\e{{ version }}\"",
            "the control character U+001B is not allowed in a playbook",
        ),
        ("address:", "adress:", "unknown host key `adress`"),
        (", vars: { place: here }", ", var: { place: here }", "unknown host key `var`"),
        ("port: 22, user: me", "port: ssh, user: me", "`port`: expected a number, found text"),
        (
            "{ address: \"{{ conf.port }}.example.org\", port: 22, user: me, vars: { place: here } }",
            "h",
            "`one`: expected a map, found text",
        ),
        ("  - name: First\n    command", "  - command", "the step has no `name`"),
        ("  - name: First\n", "  - nam: First\n", "unknown kind or option `nam`"),
        ("  - name: First\n", "  - name: !x First\n", "YAML tags are not allowed in playbooks"),
        ("  - name: First\n", "  - name: First\u{7}\n", "the control character U+0007 is not allowed in a playbook"),
        ("    command: date", "    comand: date", "unknown kind or option `comand`"),
        (
            "    command: date\n",
            "    command: date\n    script: ls\n",
            "a step has one kind, but this one has `command` and `script`",
        ),
        ("    command: date\n", "    command: date\n    command: ls\n", "the key `command` is given twice"),
        ("register: today", "regster: today", "unknown kind or option `regster`"),
        ("register: today", "register: [today]", "`register`: expected text, found a list"),
        ("  version: 2.8.1\n", "  version: 2.8.1\n  today: x\n", "`today` is already a variable"),
        ("tags: [some]", "tag: [some]", "unknown kind or option `tag`"),
        ("tags: [some]", "tags: { some: x }", "`tags`: expected a list of texts, found a map"),
        ("    loop: \"{{ topics }}\"", "    loop: 3", "`loop`: expected a list, found text"),
        ("    loop:", "    lop:", "unknown kind or option `lop`"),
        ("when: user_id", "when: usr_id", "`usr_id` is not defined"),
        ("when: user_id != \"\"", "when: \"{{ user_id }}\"", "`when` is already an expression"),
        ("backup: true", "backup: yes", "`backup`: expected `true` or `false`, found text"),
        ("path: ", "pat: ", "`file` has no field `pat`"),
        ("path: \"{{ home }}/conf\", ", "", "`file` needs `path`"),
        ("timeout: 90s", "timeout: 90", "`timeout`: expected a duration, found text"),
        ("[Second, Third]", "[Second, Thrid]", "no step is called `Thrid`"),
    ];
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(right, wrong, message)| {
            assert!(RIGHT.contains(right), "{right:?} is not there");
            let said = errors(&RIGHT.replacen(right, wrong, 1));
            (said != [*message]).then(|| format!("{wrong:?}: {said:#?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const PIECES: &[&str] = &[
    "{{",
    "}}",
    "{%",
    "%}",
    "\"",
    "'",
    "\n",
    "\r",
    "é",
    "\u{1f980}",
    ": ",
    "- ",
    "|",
    "[",
    "]",
    "{",
    "#",
    "\\",
    "\t",
    "&",
    "*",
    "!",
    "\u{1b}",
    "$(",
    "`",
    "~",
];

/// Playbooks of this folder with bytes changed, cut and repeated: whatever comes in, an answer comes out, and nothing
/// that a terminal would obey is in it.
#[test]
fn whatever_is_read_is_answered() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/playbooks");
    let mut seeds: Vec<Vec<u8>> = fs::read_dir(&folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "yml"))
        .map(|path| fs::read(path).expect("a case"))
        .filter(|bytes| !bytes.is_empty())
        .collect();
    seeds.sort();
    let mut state = 7u64;
    let mut below = |limit: usize| {
        // An LCG's high bits are random enough to choose places with.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % limit
    };
    for round in 0..1500 {
        let mut bytes = seeds[below(seeds.len())].clone();
        for _ in 0..=below(4) {
            let at = below(bytes.len() + 1);
            match below(4) {
                0 => bytes.truncate(at),
                1 if at < bytes.len() => bytes[at] = u8::try_from(below(256)).expect("a byte"),
                2 if at < bytes.len() => drop(bytes.remove(at)),
                _ => drop(bytes.splice(at..at, PIECES[below(PIECES.len())].bytes()).collect::<Vec<_>>()),
            }
        }
        let said = said(&folder, "p.yml", bytes);
        let obeyed = |c: char| c.is_control() && c != '\n';
        assert!(!said.contains(obeyed), "round {round}: {said:?}");
    }
}
