//! What `lint` says with the real kinds: each `NAME.yaml` of `tests/lints` stands beside its `NAME.stderr`.
//!
//! With `PINBOOT_ACCEPT=1` in the environment the expected texts are written anew.

use std::fs;
use std::path::Path;

use pinboot::compile::{compile_all, compile_some};
use pinboot::event::Mode;
use pinboot::playbook::{Inputs, lint, load};
use pinboot::source::{Severity, Sources, merged, render};

fn said(folder: &Path, name: &str) -> String {
    let beside = folder.to_owned();
    let inputs =
        Inputs::new("me", move |file: &str| fs::read(beside.join(file)).map_err(|error| error.kind().to_string()));
    let mut sources = Sources::default();
    let bytes = fs::read(folder.join(name)).expect("a case");
    let found = match load(&mut sources, name, bytes, inputs) {
        Err(errors) => errors,
        Ok(loaded) => {
            let mut found = lint(&loaded, &sources);
            found.extend(compile_some(&loaded, &mut sources).1);
            let refused = found.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
            let runs = compile_all(&loaded, &mut sources, Mode::Run).is_ok();
            assert_ne!(runs, refused, "{name}: a run takes what lint only doubts");
            merged(found)
        }
    };
    render(&found, &sources, false)
}

#[test]
fn lint_says_what_is_most_likely_not_meant() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lints");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .expect("the folder is there")
        .filter_map(|entry| entry.expect("an entry").file_name().into_string().ok())
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "yaml"))
        .collect();
    names.sort();
    assert!(names.len() > 3, "the cases are gone: {names:?}");
    let mut wrong = Vec::new();
    for name in names {
        let said = said(&folder, &name);
        let beside = folder.join(name.replace(".yaml", ".stderr"));
        if crate::support::accepts() {
            fs::write(&beside, &said).expect("the expected text is written");
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        if expected != said {
            wrong.push(format!("== {name}: expected\n{expected}\n== but it said\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
