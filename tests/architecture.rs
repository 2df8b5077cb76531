//! Who may import whom: the tables of `docs/architecture.md` against every import in `src/`.

mod imports;
mod names;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

type Table = BTreeMap<String, BTreeSet<String>>;

/// Code that is there for tests only.
const TEST_FILES: &[&str] = &["tests.rs", "_tests.rs", "samples.rs", "example.rs", "example/service.rs"];

/// The rows of the table behind a mark of the document.
fn table(document: &str, mark: &str) -> Table {
    let behind = document.split_once(&format!("<!-- {mark} -->\n")).expect("the mark is in the document").1;
    behind
        .lines()
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|row| {
            let mut cells = row.trim_matches('|').split('|').map(str::trim);
            let name = cells.next().expect("a first cell").trim_matches('`').to_owned();
            let list = cells.next().expect("a second cell");
            (name, list.split(',').map(|word| word.trim().to_owned()).collect())
        })
        .collect()
}

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The code of a file without comments and without its unit tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a source");
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.fold(String::new(), |out, line| out + line + "\n")
}

/// Every file of `src/` that is not for tests, with the top-level module that it belongs to.
fn sources() -> Vec<(String, PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    files.sort();
    let sources: Vec<_> = files
        .into_iter()
        .filter_map(|path| {
            let inside = path.strip_prefix(&src).expect("below src").to_owned();
            let name = inside.to_str().expect("a name in ASCII");
            if TEST_FILES.iter().any(|end| name.ends_with(end)) || matches!(name, "lib.rs" | "main.rs") {
                return None;
            }
            let module = name.split('/').next().expect("a first part").trim_end_matches(".rs").to_owned();
            let code = code(&path);
            Some((module, inside, code))
        })
        .collect();
    assert!(sources.len() > 50, "the sources are gone");
    sources
}

/// The words that stand behind each occurrence of a path's beginning: one, or those of a `{…}` list.
fn behind(code: &str, start: &str) -> Vec<String> {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let word = |text: &str| text.trim_start().chars().take_while(|c| is_letter(*c)).collect::<String>();
    code.match_indices(start)
        .filter(|(at, _)| !code[..*at].ends_with(|c: char| is_letter(c) || c == ':'))
        .flat_map(|(at, _)| {
            let rest = &code[at + start.len()..];
            match rest.strip_prefix('{') {
                None => vec![word(rest)],
                Some(list) => {
                    let mut depth = 0;
                    let mut items = vec![String::new()];
                    for c in list.chars() {
                        match c {
                            '}' if depth == 0 => break,
                            ',' if depth == 0 => items.push(String::new()),
                            _ => {
                                depth += i32::from(c == '{') - i32::from(c == '}');
                                items.last_mut().expect("never empty").push(c);
                            }
                        }
                    }
                    items.iter().map(|item| word(item)).filter(|item| !item.is_empty()).collect()
                }
            }
        })
        .collect()
}

fn document() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md")).expect("the document")
}

#[test]
fn a_module_imports_only_what_the_document_grants() {
    let granted = table(&document(), "imports");
    let mut wrong = Vec::new();
    for (module, file, code) in sources() {
        let Some(allowed) = granted.get(&module) else {
            wrong.push(format!("{}: the document has no row for `{module}`", file.display()));
            continue;
        };
        let mut imported = behind(&code, "crate::");
        // At the top of a top-level module `super` is the crate itself.
        if file == Path::new(&format!("{module}.rs")) || file == Path::new(&format!("{module}/mod.rs")) {
            imported.extend(behind(&code, "super::"));
        }
        for other in imported {
            if other != module && !allowed.contains(&other) && !allowed.contains("everything") {
                wrong.push(format!("{}: `{module}` imports `{other}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "not granted in docs/architecture.md:\n{}", wrong.join("\n"));
}

#[test]
fn imports_go_down_and_never_round() {
    let granted = table(&document(), "imports");
    // Each module stands below those that may import it: taking away what needs nothing more must take away all.
    let mut left = granted.clone();
    left.retain(|_, needs| !needs.contains("everything"));
    while !left.is_empty() {
        let free: Vec<String> = left
            .iter()
            .filter(|(_, needs)| !needs.iter().any(|need| left.contains_key(need)))
            .map(|(name, _)| name.clone())
            .collect();
        assert!(!free.is_empty(), "these go round in a circle: {left:?}");
        left.retain(|name, _| !free.contains(name));
    }
}

#[test]
fn what_a_host_sent_is_escaped_behind_the_mask_alone() {
    // Elsewhere it would be cut or changed before a secret in it is found. `plan` and `compile` escape what the author wrote.
    let escapes = |code: &str| behind(code, "crate::event::").iter().any(|name| name == "escape");
    let escaping: Vec<_> =
        sources().into_iter().filter(|(_, _, code)| escapes(code)).map(|(module, ..)| module).collect();
    assert_eq!(escaping, ["compile", "plan", "secret"]);
}

#[test]
fn a_crate_stays_behind_its_door() {
    let doors = table(&document(), "crates");
    let mut wrong = Vec::new();
    for (module, file, code) in sources() {
        for (name, only) in &doors {
            let named = code.match_indices(&format!("{name}::")).any(|(at, _)| {
                let before = code[..at].chars().next_back();
                !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
            });
            if named && !only.contains(&module) {
                wrong.push(format!("{}: `{module}` names the crate `{name}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "not granted in docs/architecture.md:\n{}", wrong.join("\n"));
}

/// Tests share one process. Each of these would reach those that run beside it.
const OF_THE_PROCESS: &[&str] =
    &["set_current_dir(", "set_var(", "remove_var(", "umask(", "set_hook(", "process::exit(", "process::abort("];

#[test]
fn tests_leave_alone_what_belongs_to_the_process() {
    let mut files = Vec::new();
    rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"), &mut files);
    assert!(files.len() > 50, "the tests are gone");
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| !file.ends_with("tests/architecture.rs")) {
        let text = code(file);
        let found = OF_THE_PROCESS.iter().filter(|call| text.contains(*call));
        wrong.extend(found.map(|call| format!("{}: `{call}…)`", file.display())));
    }
    assert!(wrong.is_empty(), "a program gets its own through `Command`:\n{}", wrong.join("\n"));
}

#[test]
fn imports_are_found_in_all_their_forms() {
    let code =
        "use crate::ids::{A, B};\nuse crate::{event::{X, Y}, view};\nlet x = crate::plan::show(a);\nmycrate::no();\n";
    assert_eq!(behind(code, "crate::"), ["ids", "event", "view", "plan"]);
    let document = "<!-- imports -->\n| module | may import |\n|---|---|\n| `a` | b, c |\n| `b` | nothing |\n\ntext";
    let table = table(document, "imports");
    assert_eq!(table["a"], BTreeSet::from(["b".to_owned(), "c".to_owned()]));
    assert_eq!(table.len(), 2);
}
