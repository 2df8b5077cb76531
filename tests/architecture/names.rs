//! One word, one meaning: no two files offer a type of the same name to others.

use std::collections::BTreeMap;

use super::sources;

/// Names that may have two meanings, and why.
const TWICE: &[(&str, &str)] = &[(
    "RehearsalHost",
    "the one for Linux, and the one of other systems, which refuses: only one of them is compiled",
)];

/// The types that a file offers to others.
fn offered(code: &str) -> impl Iterator<Item = String> {
    code.lines().filter_map(|line| {
        let line = line.trim_start();
        let rest = line.strip_prefix("pub ").or_else(|| Some(line.strip_prefix("pub(")?.split_once(") ")?.1))?;
        let (word, rest) = rest.split_once(' ')?;
        let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        matches!(word, "struct" | "enum" | "trait" | "type" | "union").then_some(name)
    })
}

#[test]
fn a_public_name_has_one_meaning() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, file, code) in sources() {
        for name in offered(&code) {
            places.entry(name).or_default().push(file.display().to_string());
        }
    }
    assert!(places.len() > 200, "types are found");
    let is_known = |name: &str| TWICE.iter().any(|(known, _)| *known == name);
    let wrong: Vec<String> = places
        .iter()
        .filter(|(name, files)| files.len() > 1 && !is_known(name))
        .map(|(name, files)| format!("`{name}` in {}", files.join(" and ")))
        .collect();
    assert!(wrong.is_empty(), "names with two meanings:\n{}", wrong.join("\n"));
}
