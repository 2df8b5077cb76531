//! `pinboot import`: the draft of each script and each playbook of Ansible in `tests/import/` stands beside it, and lint finds
//! no error in it. With `PINBOOT_ACCEPT=1` the drafts are written anew.

use std::fs;
use std::path::Path;

use pinboot::playbook::{Inputs, lint, load};
use pinboot::source::{Severity, Sources, render};

use crate::command::Call;

fn draft_of(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import");
    let home = tempfile::tempdir().expect("a home");
    let printed =
        Call::new(home.path()).arg("import").arg(folder.join(name)).exit(0).stderr("").stdout_has(&["steps:"]).check();
    let file = folder.join(name.replace('.', "-") + ".draft.yaml");
    if crate::support::accepts() {
        fs::write(&file, &printed.stdout).expect("written");
    }
    assert_eq!(fs::read_to_string(&file).unwrap_or_default(), printed.stdout, "{name}");
    printed.stdout
}

/// What lint says of a draft.
fn errors_in(draft: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import");
    let loader = move |file: &str| fs::read(folder.join(file)).map_err(|error| error.kind().to_string());
    let mut sources = Sources::default();
    let found = match load(&mut sources, "draft.yaml", draft.as_bytes().to_vec(), Inputs::new("me", loader)) {
        Err(found) => found,
        Ok(loaded) => lint(&loaded, &sources),
    };
    let errors = found.into_iter().filter(|found| found.severity == Severity::Error);
    errors.map(|error| render(&[error], &sources, false)).collect()
}

#[test]
fn the_script_of_the_tutorial_becomes_typed_steps() {
    let draft = draft_of("tutorial.sh");
    assert_eq!(errors_in(&draft), Vec::<String>::new());
    for kind in ["package", "archive", "download", "export", "kafka_topics", "directory", "file", "service", "user"] {
        assert!(draft.contains(&format!("\n    {kind}:\n")), "{kind}: {draft}");
    }
    assert_eq!(draft.matches("    kafka_topics:").count(), 1, "two topics of one cluster are one step");
    assert_eq!(draft.matches("    always: true").count(), 2, "the loop and the pipe stay shell");
}

#[test]
fn a_playbook_of_ansible_becomes_a_draft_without_errors() {
    let draft = draft_of("ansible.yml");
    assert_eq!(errors_in(&draft), Vec::<String>::new());
    assert!(draft.contains("reload_on: Config") && draft.contains("restart_on:"), "handlers are debts: {draft}");
}

#[test]
fn what_is_no_script_and_no_playbook_is_refused() {
    let home = tempfile::tempdir().expect("a home");
    let call =
        |name: &str, text: &str| Call::new(home.path()).file(name, text).arg("import").arg(name).exit(2).stdout("");
    call("a.yml", "a: 1\n").stderr_has(&["this is not a playbook of Ansible", "a script of shell ends in .sh"]).check();
    call("b.yml", "[]\n").stderr_has(&["this playbook has no tasks"]).check();
    call("c.yml", "a: [\n").stderr_has(&["c.yml:"]).check();
    Call::new(home.path()).args(["import", "none.sh"]).exit(2).stdout("").stderr_has(&["cannot read none.sh"]).check();
}
