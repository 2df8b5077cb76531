//! What the documents say, held against the program: examples are linted, kinds, options, flags and exit codes compared.
//!
//! With `PINBOOT_ACCEPT=1` in the environment the sections on kinds and exit codes are written anew.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use pinboot::compile::compile_all;
use pinboot::event::Mode;
use pinboot::exit::Exit;
use pinboot::host_value::{FACTS, Fact};
use pinboot::ids::{HostId, RunId};
use pinboot::plan::Plan;
use pinboot::plan::options::OPTIONS;
use pinboot::playbook::{Inputs, lint, load};
use pinboot::remote::{Delivery, Identity, program};
use pinboot::source::{Diagnostic, Severity, Sources, render};
use serde_json::Value;

fn root(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(root(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The fenced blocks of a document: the words behind the fence, the line that it stands on, the text.
fn blocks(document: &str) -> Vec<(String, usize, String)> {
    let mut found: Vec<(String, usize, String)> = Vec::new();
    let mut open = false;
    for (at, line) in document.lines().enumerate() {
        match (line.strip_prefix("```"), open) {
            (Some(words), false) => {
                found.push((words.trim().to_owned(), at + 1, String::new()));
                open = true;
            }
            (Some(_), true) => open = false,
            (None, true) => {
                let (_, _, text) = found.last_mut().expect("a block is open");
                text.push_str(line);
                text.push('\n');
            }
            (None, false) => {}
        }
    }
    assert!(!open, "a block is never closed");
    found
}

/// Whether a map has this key at its top.
fn has(text: &str, key: &str) -> bool {
    text.lines().any(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')))
}

/// An example as a whole playbook: a list of steps, or a part without steps, is filled up.
fn whole(example: &str) -> String {
    let step = |name: &str| format!("  - name: {name}\n    command: \"true\"\n    always: true\n");
    if example.starts_with("- ") {
        // Steps that an example watches and does not show.
        let watched = example.lines().filter_map(|line| line.trim().strip_prefix("when_changed: [")?.strip_suffix(']'));
        let watched = watched.flat_map(|names| names.split(", "));
        let named =
            |name: &str| example.contains(&format!("- name: {name}\n")) || example.contains(&format!("  id: {name}\n"));
        let missing = watched.filter(|name| !named(name));
        let before: String = missing.map(step).collect();
        let indented: String = example.lines().map(|line| format!("  {line}\n")).collect();
        return format!("steps:\n{before}{indented}");
    }
    if has(example, "steps") { example.to_owned() } else { format!("{example}steps:\n{}", step("Something")) }
}

/// Everything that lint says about a playbook.
fn said(name: &str, text: &str) -> (Vec<Diagnostic>, String) {
    // Files that an example names are taken to be there.
    let loader = |_: &str| Ok(b"port = {{ port }}\n".to_vec());
    let mut inputs = Inputs::new("me", loader);
    for name in ["AWS_PROFILE", "API_TOKEN", "ADMIN_PASSWORD"] {
        inputs.env.insert(name.to_owned(), "a value from outside".to_owned());
    }
    if !has(text, "hosts") {
        inputs.flags.host = Some("ec2-user@example.org".to_owned());
    }
    let mut sources = Sources::default();
    let mut found = Vec::new();
    match load(&mut sources, name, text.as_bytes().to_vec(), inputs) {
        Err(faults) => found.extend(faults),
        Ok(loaded) => {
            found.extend(compile_all(&loaded, &mut sources, Mode::Run).err().unwrap_or_default());
            found.extend(lint(&loaded, &sources));
        }
    }
    let text = render(&found, &sources, false);
    (found, text)
}

#[test]
fn every_example_is_what_it_says() {
    let mut seen = 0;
    let mut wrong = String::new();
    for name in ["README.md", "docs/language.md"] {
        for (words, line, text) in blocks(&read(name)) {
            let refused = match words.as_str() {
                "yaml" => false,
                "yaml refused" => true,
                _ => continue,
            };
            seen += 1;
            let (found, shown) = said("example", &whole(&text));
            let errors = found.iter().any(|fault| fault.severity == Severity::Error);
            if errors != refused {
                let what = if refused { "is not refused" } else { "is refused" };
                writeln!(wrong, "{name}:{line} {what}\n{text}\n{shown}").expect("a string takes all");
            }
        }
    }
    assert!(seen > 15, "only {seen} examples were found");
    assert!(wrong.is_empty(), "{wrong}");
}

fn pinboot(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_pinboot"))
        .args(arguments)
        .env_clear()
        .output()
        .expect("the program can be started");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The section on the kinds, out of what `pinboot kinds --json` says.
fn kinds() -> String {
    let mut out = String::new();
    for line in pinboot(&["kinds", "--json"]).lines() {
        let kind: Value = serde_json::from_str(line).expect("one object a line");
        if kind["kind"] != "kind" {
            continue;
        }
        let text = |name: &str| kind[name].as_str().unwrap_or_default().to_owned();
        let name = text("name");
        write!(out, "### `{name}`\n\n{}\n\n", text("summary")).expect("a string takes all");
        out.push_str("| field | wants | |\n|---|---|---|\n");
        for field in kind["fields"].as_array().expect("a list") {
            let text = |name: &str| field[name].as_str().unwrap_or_default().replace('|', "\\|");
            let shown = if text("name") == "*" { "NAME".to_owned() } else { format!("`{}`", text("name")) };
            let needed = if field["required"] == true { " (needed)" } else { "" };
            writeln!(out, "| {shown} | {}{needed} | {} |", text("wants"), text("doc")).expect("a string takes all");
        }
        if let Some(short) = kind["short"].as_str() {
            write!(out, "\nShort form: `{name}: …` is `{name}: {{ {short}: … }}`.\n").expect("a string takes all");
        }
        write!(out, "\n**Check:** {}.\n\n```yaml\n{}```\n\n", text("check"), text("example"))
            .expect("a string takes all");
    }
    out
}

/// Compares the part of a document between `<!-- MARK -->` and `<!-- /MARK -->` with what the program says, or writes it.
fn compare(name: &str, mark: &str, right: &str) {
    // Several tests may write into one document.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let document = read(name);
    let (begin, end) = (format!("<!-- {mark} -->\n\n"), format!("<!-- /{mark} -->\n"));
    let (before, rest) = document.split_once(&begin).expect("the section's beginning");
    let (section, behind) = rest.split_once(&end).expect("the section's end");
    if crate::support::accepts() {
        fs::write(root(name), format!("{before}{begin}{right}{end}{behind}")).expect("the document is written");
        return;
    }
    assert!(
        section == right,
        "{name} is out of date; `PINBOOT_ACCEPT=1 cargo test --test main docs::` writes this section:\n{right}"
    );
}

/// The table of the options, out of what `pinboot kinds --json` says.
fn options() -> String {
    let mut out = "| option | value | default | read by | at a group | |\n|---|---|---|---|---|---|\n".to_owned();
    for line in pinboot(&["kinds", "--json"]).lines() {
        let option: Value = serde_json::from_str(line).expect("one object a line");
        let text = |name: &str| option[name].as_str().unwrap_or_default().replace('|', "\\|");
        if option["kind"] == "option" {
            let (name, wants, default) = (text("name"), text("wants"), text("default"));
            let (read_by, at_groups, doc) = (text("read_by"), text("at_groups"), text("doc"));
            writeln!(out, "| `{name}` | {wants} | {default} | {read_by} | {at_groups} | {doc} |")
                .expect("a string takes all");
        }
    }
    out + "\n"
}

/// The names of the options in one sentence.
fn option_names() -> String {
    let names: Vec<String> = OPTIONS.iter().map(|option| format!("`{}`", option.name)).collect();
    format!("Options: {}.\n\n", names.join(", "))
}

#[test]
fn the_readme_names_every_kind() {
    let names: Vec<String> = pinboot::kinds::KINDS.iter().map(|kind| format!("`{}`", kind.name)).collect();
    compare("README.md", "kinds", &format!("Kinds: {}.\n\n", names.join(", ")));
}

#[test]
fn the_readme_names_every_option() {
    compare("README.md", "options", &option_names());
}

/// The table of the facts.
fn facts() -> String {
    let row = |fact: &Fact| format!("| `host.{}` | {} | {} |\n", fact.name, fact.doc, fact.source);
    format!(
        "| fact | what it is | where it comes from |\n|---|---|---|\n{}\n",
        FACTS.iter().map(row).collect::<String>()
    )
}

#[test]
fn the_facts_are_documented() {
    compare("docs/language.md", "facts", &facts());
}

#[test]
fn the_options_are_those_of_the_program() {
    compare("docs/language.md", "options", &options());
}

#[test]
fn the_kinds_are_those_of_the_program() {
    compare("docs/language.md", "kinds", &kinds());
}

#[test]
fn the_exit_codes_are_those_of_the_program() {
    compare("README.md", "exits", &format!("| | |\n|---|---|\n{}\n", Exit::short_table()));
    compare("docs/cli.md", "exits", &format!("| code | meaning |\n|---|---|\n{}\n", Exit::table()));
    compare(
        "docs/cli.md",
        "ranks",
        &format!("| code, the most urgent first | why |\n|---|---|\n{}\n", Exit::rank_table()),
    );
}

#[test]
fn every_option_is_described() {
    // The hint for a key that is nothing like any other lists them.
    let (found, _) = said("probe", "steps:\n  - name: A\n    command: b\n    qqqqqqqqqqqqqqqq: c\n");
    let hint = found.iter().filter_map(|fault| fault.hint.as_deref()).find_map(|hint| hint.strip_prefix("options: "));
    let options: Vec<&str> = hint.expect("the hint lists the options").split(", ").collect();
    assert!(options.len() > 15, "{options:?}");
    let document = read("docs/language.md");
    let missing: Vec<&&str> =
        options.iter().filter(|option| !document.contains(&format!("\n| `{option}` |"))).collect();
    assert!(missing.is_empty(), "docs/language.md has no row for {missing:?}");
}

#[test]
fn every_command_flag_and_variable_is_described() {
    let document = read("docs/cli.md");
    let mut missing = Vec::new();
    let top = pinboot(&["--help"]);
    let commands = top.split_once("Commands:\n").expect("the list").1.split_once("\n\n").expect("its end").0;
    let commands = commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let commands: Vec<&str> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.contains(&"run") && commands.contains(&"rerun"), "{commands:?}");
    for command in commands {
        if !document.contains(&format!("pinboot {command}")) {
            missing.push(format!("pinboot {command}"));
        }
        let help = pinboot(&[command, "--help"]);
        let words = help.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
        for word in words.filter(|word| word.starts_with("PINBOOT_") || word.starts_with("--") && word.len() > 3) {
            let described = document.match_indices(word).any(|(at, _)| {
                !document[at + word.len()..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            });
            if !described && !missing.contains(&word.to_owned()) {
                missing.push(word.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "docs/cli.md does not describe {missing:?}");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut documents: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(root).to_vec();
    for folder in ["docs", "docs/decisions"] {
        let entries = fs::read_dir(root(folder)).expect("a folder").map(|entry| entry.expect("an entry").path());
        documents.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    let mut broken = Vec::new();
    for path in documents {
        let text = fs::read_to_string(&path).expect("a document");
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap_or_default();
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains("://") && !path.with_file_name(file).exists() {
                broken.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_exec_string_is_the_one_that_is_shown() {
    let identity = Identity {
        run: RunId::from_random([1, 2, 3, 4]),
        nonce: "0".repeat(32),
        started_by: "me@here 2026-11-24T06:00:00Z".to_owned(),
        shell: "/bin/sh".to_owned(),
    };
    let plan = Plan { host: HostId("h".to_owned()), mode: Mode::Run, steps: Vec::new(), secrets: Vec::new() };
    let exec = Delivery::new(&program(&plan, &identity), &identity, &[]).exec();
    let command = String::from_utf8(exec.command).expect("ASCII");
    // No quote is in a word that is spelt: the last two words are what stands between the last four of them.
    let quotes: Vec<usize> = command.rmatch_indices('\'').map(|(at, _)| at).take(4).collect();
    let shown = format!("{}'DELIVERY' 'PLAN'", &command[..quotes[3]]);
    for name in ["docs/wire.md", "docs/decisions/0008-exec-string.md"] {
        assert!(read(name).contains(&format!("\n{shown}\n")), "{name} does not show\n{shown}");
    }
}
