//! Which file imports which: no two files may need each other.
//!
//! An import through a facade (`pub use child::Item`) counts for the file that has the item. A facade that only passes items on
//! imports nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::sources;

/// A file of `src/` as a module.
#[derive(Debug, Default)]
struct Module {
    file: PathBuf,
    code: String,
    /// Names that its `use` items bring in, with the paths that they stand for.
    imports: BTreeMap<String, Vec<String>>,
    /// Paths that it takes everything of.
    globs: Vec<Vec<String>>,
    /// Paths in its code outside of `use` items.
    paths: Vec<Vec<String>>,
    /// Names that its code mentions outside of `use` items.
    mentions: BTreeSet<String>,
}

type Modules = BTreeMap<Vec<String>, Module>;

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The module path of a file: `engine/host.rs` and `engine/host/mod.rs` are `engine::host`.
fn module_path(file: &Path) -> Vec<String> {
    let mut path: Vec<String> =
        file.with_extension("").iter().map(|part| part.to_str().expect("a name in ASCII").to_owned()).collect();
    if path.last().is_some_and(|last| last == "mod") {
        path.pop();
    }
    path
}

/// The code without what stands in string literals, so that no text is taken for a path.
fn without_strings(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find(['"', '\'']) {
        out.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        if rest[at..].starts_with('\'') {
            // A character, or the beginning of a lifetime.
            let end = if behind.starts_with('\\') { behind[2..].find('\'').map(|end| end + 2) } else { None };
            let length =
                end.or_else(|| behind.chars().next().map(char::len_utf8).filter(|at| behind[*at..].starts_with('\'')));
            rest = length.map_or(behind, |length| &behind[length + 1..]);
            continue;
        }
        let hashes = rest[..at].chars().rev().take_while(|c| *c == '#').count();
        let is_raw = rest[..at - hashes].ends_with('r');
        let close = format!("\"{}", "#".repeat(hashes));
        let end = if is_raw { behind.find(&close).map(|end| end + close.len()) } else { end_of_string(behind) };
        rest = &behind[end.unwrap_or(behind.len())..];
    }
    out + rest
}

fn end_of_string(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Splits `a::{b, c::{d, e as f}, g::*}` into its paths; each with the name that it is known by, `*` for all.
fn flatten(tree: &str, before: &[String], into: &mut Vec<(String, Vec<String>)>) {
    let tree = tree.trim();
    if tree.is_empty() {
        return;
    }
    if let Some((head, list)) = tree.split_once('{') {
        let mut path = before.to_vec();
        path.extend(head.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned));
        let list = list.trim_end().strip_suffix('}').unwrap_or(list);
        let (mut depth, mut from) = (0, 0);
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    flatten(&list[from..at], &path, into);
                    from = at + 1;
                }
                _ => {}
            }
        }
        flatten(&list[from..], &path, into);
        return;
    }
    let (whole, alias) = tree.split_once(" as ").map_or((tree, None), |(whole, alias)| (whole, Some(alias.trim())));
    let mut path = before.to_vec();
    path.extend(whole.split("::").map(|part| part.trim().to_owned()));
    if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
        path.pop();
    }
    let name = alias.map_or_else(|| path.last().cloned().unwrap_or_default(), str::to_owned);
    into.push((name, path));
}

fn read(code: &str, file: PathBuf) -> Module {
    let code = without_strings(code);
    let mut module = Module { file, ..Module::default() };
    let mut rest = String::new();
    let mut lines = code.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            // What follows is for tests.
            let mut item = lines.next().unwrap_or("}");
            while !item.trim_end().ends_with([';', '}']) {
                item = lines.next().unwrap_or("}");
            }
            continue;
        }
        let start = line.trim_start();
        let visible = start
            .strip_prefix("pub ")
            .or_else(|| start.strip_prefix("pub(").and_then(|it| it.split_once(") ")).map(|it| it.1));
        let item = visible.unwrap_or(start);
        if item.starts_with("mod ") && item.ends_with(';') {
            continue;
        }
        let Some(tree) = item.strip_prefix("use ") else {
            rest.push_str(line);
            rest.push('\n');
            continue;
        };
        let mut tree = tree.to_owned();
        while !tree.trim_end().ends_with(';') {
            tree.push_str(lines.next().unwrap_or(";"));
        }
        let mut found = Vec::new();
        flatten(tree.trim_end().trim_end_matches(';'), &[], &mut found);
        for (name, path) in found {
            if name == "*" {
                module.globs.push(path[..path.len() - 1].to_vec());
            } else {
                module.imports.insert(name, path);
            }
        }
    }
    let mut at = 0;
    while let Some(start) = rest[at..].find(|c: char| c.is_ascii_alphabetic() || c == '_').map(|start| at + start) {
        let end = rest[start..].find(|c: char| !is_word(c) && c != ':').map_or(rest.len(), |end| start + end);
        let path: Vec<String> = rest[start..end]
            .split("::")
            .filter(|part| !part.is_empty())
            .map(|part| part.trim_matches(':').to_owned())
            .collect();
        module.mentions.extend(path.first().cloned());
        if path.len() > 1 {
            module.paths.push(path);
        }
        at = end.max(start + 1);
    }
    module.code = rest;
    module
}

/// The absolute path that one means in this module; `None` where it leads out of the crate.
fn absolute(modules: &Modules, here: &[String], path: &[String]) -> Option<Vec<String>> {
    let mut base = match path.first()?.as_str() {
        "crate" => Vec::new(),
        "self" => here.to_vec(),
        "super" => here[..here.len().saturating_sub(1)].to_vec(),
        first => {
            let child: Vec<String> = here.iter().cloned().chain([first.to_owned()]).collect();
            if modules.contains_key(&child) {
                let rest = path[1..].iter().cloned();
                return Some(child.into_iter().chain(rest).collect());
            }
            let import = modules.get(here)?.imports.get(first)?;
            if import.first()? == first {
                return None;
            }
            let base = absolute(modules, here, import)?;
            return Some(base.into_iter().chain(path[1..].iter().cloned()).collect());
        }
    };
    for part in &path[1..] {
        if part == "super" {
            base.pop();
        } else {
            base.push(part.clone());
        }
    }
    Some(base)
}

/// The module that has what an absolute path names, followed through facades.
fn home(modules: &Modules, path: &[String], depth: usize) -> Option<Vec<String>> {
    let length = (1..=path.len()).rev().find(|length| modules.contains_key(&path[..*length]))?;
    let (module, rest) = path.split_at(length);
    // The module itself: what is taken of it is seen where it is used.
    let item = rest.first()?;
    let here = &modules[module];
    if depth < 5 && !here.mentions_own(item) {
        if let Some(import) = here.imports.get(item)
            && let Some(target) = absolute(modules, module, import)
        {
            return home(modules, &target, depth + 1);
        }
        for glob in &here.globs {
            if let Some(mut target) = absolute(modules, module, glob) {
                let file = modules.get(&target);
                if file.is_some_and(|file| file.mentions_own(item)) {
                    target.push(item.clone());
                    return home(modules, &target, depth + 1);
                }
            }
        }
    }
    Some(module.to_vec())
}

impl Module {
    /// Whether the item of this name is defined here.
    fn mentions_own(&self, item: &str) -> bool {
        ["struct ", "enum ", "trait ", "fn ", "const ", "static ", "type ", "macro_rules! "].iter().any(|word| {
            let start = format!("{word}{item}");
            // Not the lifetime of `&'static Item`.
            let is_item = |at: usize| self.code[..at].chars().next_back().is_none_or(char::is_whitespace);
            let is_whole = |at: usize| !self.code[at + start.len()..].starts_with(is_word);
            self.code.match_indices(&start).any(|(at, _)| is_item(at) && is_whole(at))
        })
    }
}

/// Each file with those that it imports.
fn edges(modules: &Modules) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let mut edges: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
    for (here, module) in modules {
        // An item that is only passed on is not needed here.
        let used = module.imports.iter().filter(|(name, _)| module.mentions.contains(*name)).map(|(_, path)| path);
        let targets = used.chain(&module.paths).filter_map(|path| home(modules, &absolute(modules, here, path)?, 0));
        let targets = targets.filter(|target| target != here).collect();
        edges.insert(here.clone(), targets);
    }
    edges
}

/// The circles: groups of files in which each needs every other.
fn circles(edges: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>) -> Vec<Vec<Vec<String>>> {
    let reach = |from: &Vec<String>| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&Vec<String>> = vec![from];
        while let Some(next) = open.pop() {
            for target in edges.get(next).into_iter().flatten() {
                if seen.insert(target.clone()) {
                    open.push(target);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<_, _> = edges.keys().map(|from| (from.clone(), reach(from))).collect();
    let mut found: Vec<Vec<Vec<String>>> = Vec::new();
    for (file, others) in &reached {
        if others.contains(file) && !found.iter().any(|circle| circle.contains(file)) {
            found.push(others.iter().filter(|other| reached[*other].contains(file)).cloned().collect());
        }
    }
    found
}

#[test]
fn no_two_files_import_each_other() {
    let modules: Modules =
        sources().into_iter().map(|(_, file, code)| (module_path(&file), read(&code, file))).collect();
    let edges = edges(&modules);
    assert!(edges.values().map(BTreeSet::len).sum::<usize>() > 200, "imports are found");
    let mut wrong = Vec::new();
    for circle in circles(&edges) {
        wrong.push("a circle:".to_owned());
        for file in &circle {
            let inside = edges[file].iter().filter(|target| circle.contains(target));
            let names: Vec<String> = inside.map(|target| modules[target].file.display().to_string()).collect();
            wrong.push(format!("  {} imports {}", modules[file].file.display(), names.join(", ")));
        }
    }
    assert!(
        wrong.is_empty(),
        "files that need each other are one thought, or lack a third file below both:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn circles_are_found_behind_facades_and_aliases() {
    let file = |name: &str, code: &str| (module_path(Path::new(name)), read(code, PathBuf::from(name)));
    let modules: Modules = [
        file("a/mod.rs", "mod b;\nmod c;\npub use b::{B, b, self as other};\npub(crate) use c::C;\n"),
        file(
            "a/b.rs",
            "use super::C;\npub struct B;\npub fn b() {}\nfn f(c: C) {}\nconst T: &str = \"crate::d::D\";\n",
        ),
        file(
            "a/c.rs",
            "use crate::a;\npub struct C;\nfn g(b: &'static B) -> a::B {}\n#[cfg(test)]\nuse crate::d::D;\n",
        ),
        file("d.rs", "use crate::a::{B, C as See};\npub struct D;\nfn h(b: B, c: See) {}\n"),
    ]
    .into();
    let edges = edges(&modules);
    let name = |file: &str| module_path(Path::new(file));
    assert_eq!(edges[&name("a/mod.rs")], BTreeSet::new(), "a facade needs nothing");
    assert_eq!(edges[&name("a/b.rs")], BTreeSet::from([name("a/c.rs")]));
    assert_eq!(edges[&name("a/c.rs")], BTreeSet::from([name("a/b.rs")]));
    assert_eq!(edges[&name("d.rs")], BTreeSet::from([name("a/b.rs"), name("a/c.rs")]));
    assert_eq!(circles(&edges), [vec![name("a/b.rs"), name("a/c.rs")]]);
}
