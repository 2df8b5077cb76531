//! `PINBOOT_ACCEPT=1`: the diffs that came are written into the cases that expected others.

use std::fs;
use std::path::Path;

use super::cases::Failure;
use super::read::documents;

/// Writes the diffs that came into the cases that expected others; gives how many.
pub(crate) fn accept(failures: &[Failure]) -> usize {
    let mut accepted: Vec<(&Path, usize)> = Vec::new();
    for failure in failures {
        let Some((file, number, diff)) = &failure.diff else { continue };
        if accepted.contains(&(file.as_path(), *number)) {
            continue;
        }
        let text = fs::read_to_string(file).expect("a case");
        if let Some(text) = with_diff(&text, *number, diff) {
            fs::write(file, text).expect("written");
            accepted.push((file, *number));
        }
    }
    accepted.len()
}

/// The text of a file with another `diff` in one of its cases.
fn with_diff(text: &str, number: usize, diff: &str) -> Option<String> {
    let documents = documents(text);
    let first = documents.get(number)?.0;
    let last = documents.get(number + 1).map_or(usize::MAX, |(line, _)| line - 1);
    let lines: Vec<&str> = text.lines().collect();
    let start = (first - 1..lines.len().min(last)).find(|at| lines[*at].starts_with("diff:"))?;
    let end = (start + 1..lines.len())
        .find(|at| !lines[*at].starts_with(' ') && !lines[*at].is_empty())
        .unwrap_or(lines.len());
    let mut out: Vec<String> = lines[..start].iter().map(ToString::to_string).collect();
    out.push("diff: |".to_owned());
    out.extend(diff.trim_end().lines().map(|line| format!("  {line}").trim_end().to_owned()));
    out.extend(lines[end..].iter().map(ToString::to_string));
    Some(out.join("\n") + "\n")
}

#[test]
fn an_accepted_diff_replaces_the_old_one_alone() {
    let text = "case: a\ndiff: |\n  old\n\n  older\nafter:\n  ~/f: x\n---\ncase: b\ndiff: \"\"\n";
    let first = with_diff(text, 0, "new\n").expect("a diff");
    assert_eq!(first, "case: a\ndiff: |\n  new\nafter:\n  ~/f: x\n---\ncase: b\ndiff: \"\"\n");
    assert_eq!(with_diff(text, 1, "-x\n+y\n").expect("a diff"), text.replace("diff: \"\"", "diff: |\n  -x\n  +y"));
}
