//! `docs/faults.md`: each row of the fault matrix, the case that covers it, and what is seen.
//!
//! It is made from the tables beside the tests and from their snapshots, and held against the file; with
//! `PINBOOT_ACCEPT=1` in the environment the file is written again.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::elsewhere;
use super::matrix::{MATRIX, MAY_BE_OPEN};
use super::rows::{Case, Seen};
use crate::support::sshd::Software;

/// What no case shows, or not all of a row, and why.
const NOT_AUTOMATED: &[(&str, &str)] =
    &[("B7", "a disk that acknowledges a sync it has not done; a cut between the single writes of one sync")];

/// Rows of which some cases, or all, are played on OpenSSH alone, and why.
const ON_OPENSSH_ALONE: &[(&[&str], &str)] = &[
    (&["B10"], "`RekeyLimit` makes the server exchange keys again; small servers do not have it"),
    (
        &["B19", "B20", "C1", "C3", "C4", "C5", "C6", "C8"],
        "what the delivery finds on the host; the server has no part in it",
    ),
    (
        &["E4", "E5", "E6", "E8", "E9", "E10", "E12"],
        "what happens on this machine; the server sees a login, or nothing",
    ),
];

fn root(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The cases of all files.
fn cases() -> Vec<&'static Case> {
    let here = [
        super::connect::CASES,
        super::servers::CASES,
        super::running::CASES,
        super::stream::CASES,
        super::host::CASES,
        super::hostile::CASES,
        super::rerun::CASES,
        super::restart::CASES,
        super::terminal::CASES,
        super::identity::CASES,
        super::clock::CASES,
        super::waits::CASES,
        super::words::CASES,
    ];
    here.into_iter().flatten().chain(elsewhere::cases()).collect()
}

/// Whether the test of a case exists: a function that is a test, a case of a kind, or a playbook with its expected text.
fn is_there(case: &Case) -> bool {
    let Ok(text) = fs::read_to_string(root(case.file)) else { return false };
    if case.test.is_empty() {
        let beside = case.file.strip_suffix(".yml").map(|stem| root(&format!("{stem}.stderr")));
        return case.file.starts_with("tests/playbooks/") && beside.is_some_and(|beside| beside.exists());
    }
    if Path::new(case.file).extension().is_some_and(|end| end == "yaml") {
        return text.lines().any(|line| line.strip_prefix("case: ") == Some(case.test));
    }
    let Some((before, _)) = text.split_once(&format!("fn {}(", case.test)) else { return false };
    // Its attributes stand above it, behind the end of what comes before.
    let attributes = before.rsplit("\n\n").next().unwrap_or_default();
    ["test]", "::test("].iter().any(|mark| attributes.contains(mark))
}

/// The exit code and the sentence of a case.
fn seen(case: &Case) -> Result<(String, String), String> {
    match case.seen {
        Seen::Text(exit, words) => Ok((exit.to_owned(), words.to_owned())),
        Seen::Shown(name, words) => {
            let file = root("tests/faults/snapshots").join(format!("{name}.snap"));
            let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            let mut exit = String::new();
            for line in text.lines() {
                if let Some(code) = line.strip_prefix("exit ") {
                    code.clone_into(&mut exit);
                }
                if line.contains(words) && !line.starts_with("source: ") {
                    return Ok((exit, format!("`{}`", line.trim().replace('`', "´"))));
                }
            }
            Err(format!("{}: no line with “{words}” in {name}.snap", case.test))
        }
    }
}

/// The servers that a case is played on, as its text has it: all of them, the one that it names, or OpenSSH.
fn servers(case: &Case) -> String {
    let text = fs::read_to_string(root(case.file)).unwrap_or_default();
    let Some((_, text)) = text.split_once(&format!("fn {}(", case.test)) else { return String::new() };
    let text = text.split("\n}\n").next().unwrap_or_default();
    // The servers that cannot show the case are listed there with their reasons.
    let reason = |software: &Software| {
        let (_, behind) = text.split_once("on_each_but(").and(text.split_once(&format!("Software::{software:?},")))?;
        behind.split('"').nth(1)
    };
    let named = |software: &Software| text.contains(&format!("World::on(Software::{software:?},"));
    let is_on_each = text.contains("on_each");
    let plays = |software: &Software| if is_on_each { reason(software).is_none() } else { named(software) };
    let mut names: Vec<String> =
        Software::ALL.iter().filter(|software| plays(software)).map(|software| software.name().to_owned()).collect();
    for software in Software::ALL {
        names.extend(reason(&software).map(|why| format!("not {}: {why}", software.name())));
    }
    if !names.is_empty() {
        return format!("; {}", names.join(", "));
    }
    let words = ["World::", "user_with(", "world(", "machine("];
    if words.iter().any(|word| text.contains(word)) { "; OpenSSH".to_owned() } else { String::new() }
}

fn document(faults: &mut Vec<String>) -> String {
    let cases = cases();
    let rows = || MATRIX.iter().flat_map(|(_, rows)| rows.iter());
    let of = |row: &str| cases.iter().filter(|case| case.rows.contains(&row)).collect::<Vec<_>>();
    let covered = rows().filter(|(row, _)| !of(row).is_empty()).count();
    let open = rows().filter(|(row, _)| of(row).is_empty() && row.starts_with(MAY_BE_OPEN)).count();
    let open = if open == 0 { String::new() } else { format!(", {open} open") };
    let mut out = format!(
        "# Faults, and what the user sees\n\n\
         Everything that is known to go wrong between a user and a host: how the tests break it, the exit code, and the\n\
         sentence that the user sees. Each case also checks the host (what ran, and how often) and the journal.\n\
         `PINBOOT_ACCEPT=1 cargo test --test main faults::report` generates this page from the tests, and a test compares it\n\
         with them. Sentences come from the snapshots, in which `HOME`, `RUN1`, `PORT` and the like replace what differs\n\
         between machines. The name of each case is followed by the servers that it runs on. Errors in a playbook (exit 2)\n\
         are in `tests/playbooks/`, downloads are in `tests/kinds/`.\n\n\
         {} rows, {covered} with a case{open}.\n",
        rows().count(),
    );
    for (title, rows) in MATRIX {
        let _ = write!(out, "\n## {title}\n");
        for (row, what) in *rows {
            let _ = write!(out, "\n**{row}** {what}.\n\n");
            for case in of(row) {
                let module = case.file.trim_start_matches("tests/faults/").trim_end_matches(".rs");
                let on = servers(case);
                match seen(case) {
                    Ok((exit, words)) if exit.is_empty() && words.is_empty() && case.test.is_empty() => {
                        let _ = writeln!(out, "- {}: {}", case.broken, case.file);
                    }
                    Ok((exit, words)) if exit.is_empty() && words.is_empty() => {
                        let _ = writeln!(out, "- {}: `{}` in {}", case.broken, case.test, case.file);
                    }
                    Ok((exit, words)) if exit.is_empty() => {
                        let _ = writeln!(out, "- {} → {words} (`{module}::{}`{on})", case.broken, case.test);
                    }
                    Ok((exit, words)) => {
                        let _ =
                            writeln!(out, "- {} → exit {exit}: {words} (`{module}::{}`{on})", case.broken, case.test);
                    }
                    Err(fault) => faults.push(fault),
                }
            }
            if of(row).is_empty() && row.starts_with(MAY_BE_OPEN) {
                out.push_str("- open: no case yet\n");
            }
            for (_, why) in NOT_AUTOMATED.iter().filter(|(not, _)| not == row) {
                let _ = writeln!(out, "- not automated: {why}");
            }
            for (_, why) in ON_OPENSSH_ALONE.iter().filter(|(rows, _)| rows.contains(row)) {
                let _ = writeln!(out, "- on OpenSSH alone: {why}");
            }
        }
    }
    out
}

#[test]
fn the_report_says_what_the_tests_do() {
    let mut faults = Vec::new();
    let known: Vec<&str> = MATRIX.iter().flat_map(|(_, rows)| rows.iter().map(|(row, _)| *row)).collect();
    for case in cases() {
        for row in case.rows.iter().filter(|row| !known.contains(*row)) {
            faults.push(format!("{}: there is no row {row}", case.test));
        }
        if !is_there(case) {
            faults.push(format!("{}: there is no test `{}`", case.file, case.test));
        }
    }
    for row in known {
        let is_covered = cases().iter().any(|case| case.rows.contains(&row));
        if !is_covered && !row.starts_with(MAY_BE_OPEN) && !NOT_AUTOMATED.iter().any(|(not, _)| *not == row) {
            faults.push(format!("{row} has neither a case nor a word on why it has none"));
        }
    }
    let new = document(&mut faults);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let file = root("docs/faults.md");
    if crate::support::accepts() {
        fs::write(&file, &new).expect("the document is written");
    }
    let old = fs::read_to_string(&file).unwrap_or_default();
    let first = old.lines().zip(new.lines()).find(|(old, new)| old != new);
    assert!(
        old == new,
        "docs/faults.md is behind (first at {first:?}); `PINBOOT_ACCEPT=1 cargo test --test main faults::report` writes it anew"
    );
}
