//! `docs/faults.md`: each row of the fault matrix, the case that covers it, and what is seen.
//!
//! It is made from the tables beside the tests and from their snapshots, and held against the file; with
//! `PINBOOT_ACCEPT=1` in the environment the file is written again.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::rows::{Case, Seen};
use crate::support::sshd::Software;

/// The sections and rows: what can go wrong between a person and a host.
const MATRIX: &[(&str, &[(&str, &str)])] = &[
    (
        "A. Connecting and logging in",
        &[
            ("A1", "The key is the wrong one"),
            ("A2", "The key's file can be read by others"),
            ("A3", "The key's file is a folder, a pipe, a device, or much too large"),
            ("A4", "The key is encrypted, and there is no terminal to ask for the passphrase"),
            ("A5", "The key's file is missing, empty, cut off, a public key, or has other line ends"),
            ("A6", "The server does not support keys of this type; the server is not OpenSSH"),
            ("A7", "The host's key is not known"),
            ("A8", "The host's key has changed"),
            ("A9", "known_hosts has a key of another type for the host"),
            ("A10", "known_hosts has markers, patterns, negations, hashes, odd blanks"),
            ("A11", "known_hosts cannot be read, or has broken lines"),
            ("A12", "Two runs add a key at once; the disk is full meanwhile"),
            ("A13", "Nothing listens; nothing answers; no such name; the first of several addresses is dead"),
            ("A14", "Something accepts the connection and sends nothing"),
            ("A15", "Something answers that is not an SSH server, or answers much too slowly"),
            ("A16", "The server allows few attempts, and the agent holds many keys"),
            ("A17", "The server is full"),
            ("A18", "The server blocks an address after a refused login"),
            ("A19", "The server allows one session per connection"),
            ("A20", "The account has expired; logins are disabled"),
            ("A21", "The login shell does not exist, or refuses logins"),
            ("A22", "Another command is forced on the login"),
            ("A23", "Any login shell, with start-up files that print and change things"),
            ("A24", "No cipher in common; bits are flipped on the way"),
        ],
    ),
    (
        "B. During a run",
        &[
            ("B1", "The connection is reset"),
            ("B2", "The connection becomes a black hole"),
            ("B3", "The server's process for the session is killed; the server is restarted"),
            ("B4", "The connection is cut between the delivery and its answer"),
            ("B5", "The host is restarted in the middle of a step"),
            ("B6", "A step restarts the host on purpose"),
            ("B7", "The host loses power, and with it all writes that were not synced"),
            ("B8", "The controller sleeps"),
            ("B9", "The controller's address changes"),
            ("B10", "Keys are exchanged again during much output"),
            ("B11", "A step prints 100 MB, or one line of that length"),
            ("B12", "A step prints bytes that are not text"),
            ("B13", "A step prints late, only to standard error, or nothing"),
            ("B14", "A step leaves a child process that holds its output"),
            ("B15", "A step reads its standard input"),
            ("B16", "The delivery is cut off"),
            ("B17", "A step is killed, or exits with 255, 126, 127"),
            ("B18", "A step takes too long, and ignores SIGTERM"),
            ("B19", "sudo asks for a password"),
            ("B20", "sudo is missing, requires a terminal, or does not know the user"),
            ("B21", "The host stalls"),
            ("B22", "The reader of the output is slow, or stops reading"),
        ],
    ),
    (
        "C. The state of the host",
        &[
            ("C1", "The disk is full before the run"),
            ("C2", "The disk fills up in a step"),
            ("C3", "The file system is read-only, or becomes so"),
            ("C4", "Nothing may be executed in the home directory; there is no /tmp"),
            ("C5", "HOME is unset, missing, not writable, or has an odd name"),
            ("C6", "The record's folder is a link, open to all, or another user's"),
            ("C7", "The clock jumps"),
            ("C8", "Programs for downloads and checksums are missing"),
            ("C9", "setsid, flock, sync or GNU tail are missing"),
            ("C10", "The package manager's lock is held, or stale"),
            ("C11", "A proxy is needed; certificates do not match"),
            ("C12", "Everything of a session is killed at its end"),
            ("C13", "The runner dies and its step lives; another process has its process id by then"),
        ],
    ),
    (
        "E. The controller",
        &[
            ("E1", "Ctrl-C, once, twice, three times"),
            ("E2", "SIGTERM, SIGHUP, SIGQUIT, a reader that stops reading"),
            ("E3", "SIGKILL"),
            ("E4", "The journal's disk is full"),
            ("E5", "The journal cannot be written"),
            ("E6", "The journal is torn or damaged"),
            ("E7", "Two controllers want one host"),
            ("E8", "Two reruns of one run"),
            ("E9", "The playbook is edited between a run and its rerun"),
            ("E10", "Another host has the address"),
            ("E11", "The controller's clock jumps"),
            ("E12", "The state folder is open, a link, read-only; too few descriptors"),
        ],
    ),
];

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

/// Tests elsewhere that cover a row: below the program, where the fault can be made more precisely.
const ELSEWHERE: &[Case] = &[
    elsewhere(
        "tests/torture.rs",
        "whatever_dies_the_run_ends_as_an_undisturbed_one",
        &["B1", "B4", "B5", "B7", "B16", "E3"],
        "every process dies, the connection is cut at any byte and the power fails, at random from a seed, under five shells",
    ),
    elsewhere(
        "tests/torture.rs",
        "at_every_named_point_a_death_changes_nothing",
        &["B5", "B7"],
        "the runner dies at each named point",
    ),
    elsewhere(
        "tests/torture.rs",
        "a_controller_that_dies_at_any_of_its_events_is_followed_by_another",
        &["E3"],
        "SIGKILL at each event",
    ),
    elsewhere(
        "tests/torture.rs",
        "a_hundred_megabytes_come_whole_through_a_hundred_cuts",
        &["B1", "B11"],
        "100 MB through 100 cuts",
    ),
    elsewhere(
        "tests/machine/reboot.rs",
        "after_a_reboot_step_the_next_step_runs_in_the_new_boot",
        &["B6"],
        "a virtual machine with systemd",
    ),
    elsewhere(
        "tests/machine/reboot.rs",
        "after_a_restart_during_a_step_its_check_decides_or_the_outcome_is_unknown",
        &["B5"],
        "a virtual machine: `reboot -f` in a step with a check, the reset button in one without",
    ),
    elsewhere(
        "tests/machine/power.rs",
        "at_each_sync_a_power_cut_loses_nothing_and_repeats_nothing",
        &["B7"],
        "a virtual machine is switched off before and after each sync and rename of the record",
    ),
    elsewhere(
        "tests/machine/power.rs",
        "a_check_finds_the_unsynced_effect_of_a_step_that_was_lost",
        &["B7"],
        "the step's own writes are lost, its result is not",
    ),
    elsewhere(
        "tests/machine/read_only.rs",
        "the_running_step_is_reported_and_no_other_is_started",
        &["C3"],
        "an emergency remount, and an ext4 that detects an error, during a step",
    ),
    elsewhere(
        "tests/machine/read_only.rs",
        "a_step_whose_result_cannot_be_stored_is_not_started",
        &["C3"],
        "the same during a check",
    ),
    elsewhere(
        "tests/machine/read_only.rs",
        "a_connection_that_is_lost_meanwhile_is_restored",
        &["C3"],
        "the connection is lost as well",
    ),
    elsewhere(
        "tests/machine/read_only.rs",
        "a_runner_that_dies_then_leaves_a_step_with_an_unknown_outcome",
        &["C3"],
        "the runner dies as well",
    ),
    elsewhere(
        "tests/machine/clock.rs",
        "no_decision_depends_on_the_clock",
        &["C7"],
        "a year ahead, two years back, in a step during which the connection is lost",
    ),
    elsewhere(
        "tests/machine/login.rs",
        "a_run_of_a_user_with_sudo_outlives_its_login",
        &["C12"],
        "systemd-logind with KillUserProcesses=yes",
    ),
    elsewhere("tests/survive/reboot.rs", "the_run_goes_on_in_the_next_boot", &["B6"], "a requested restart"),
    elsewhere(
        "tests/survive/reboot.rs",
        "a_host_that_does_not_reboot_in_time_is_a_failure",
        &["B6"],
        "a requested restart that does not happen",
    ),
    elsewhere(
        "tests/survive/reboot.rs",
        "a_rerun_sees_the_reboot_through",
        &["B6", "E3"],
        "the controller dies meanwhile",
    ),
    elsewhere("tests/survive/together.rs", "of_twenty_at_once_one_runs_and_the_others_name_it", &["E7"], "20 at once"),
    elsewhere("tests/survive/together.rs", "a_host_that_another_run_has_is_refused_or_waited_for", &["E7"], "`--wait`"),
    elsewhere(
        "tests/survive/cancel.rs",
        "what_lives_all_the_same_is_named",
        &["B18"],
        "a process that does not end at all",
    ),
    elsewhere("tests/survive/unknown.rs", "what_is_assumed_not_done_runs_again", &["B5"], "`--assume not-done`"),
    elsewhere(
        "tests/survive/attach.rs",
        "a_run_is_followed_without_its_journal",
        &["E3"],
        "another machine takes over",
    ),
    elsewhere("tests/kinds/packages.rs", "cloud_init_is_waited_for_and_named", &["C10"], "cloud-init is still running"),
    elsewhere(
        "tests/ssh/login.rs",
        "tinysshd_accepts_ed25519_and_no_rsa",
        &["A6"],
        "the transport alone, against tinysshd",
    ),
    elsewhere(
        "tests/ssh/known_hosts.rs",
        "never_weaker_than_openssh",
        &["A10"],
        "real `ssh` is asked about the same files",
    ),
    elsewhere(
        "src/transport/ssh/known_hosts/tests.rs",
        "finds_what_ssh_keygen_finds_in_five_hundred_files",
        &["A10"],
        "500 generated files, with `ssh-keygen -F` as the judge",
    ),
    elsewhere(
        "tests/ssh/known_hosts.rs",
        "several_files_are_combined_and_an_unreadable_one_refuses_the_host",
        &["A11"],
        "an unreadable file, and a folder",
    ),
    elsewhere(
        "src/transport/ssh/known_hosts/tests.rs",
        "bad_lines_are_skipped_and_counted",
        &["A11"],
        "malformed lines",
    ),
    elsewhere(
        "src/transport/ssh/known_hosts/tests.rs",
        "fifty_writers_at_once_write_complete_lines",
        &["A12"],
        "50 processes add keys at once",
    ),
    elsewhere(
        "src/transport/ssh/known_hosts/tests.rs",
        "a_full_disk_is_an_error_and_leaves_no_incomplete_line",
        &["A12"],
        "a full disk",
    ),
    elsewhere("tests/ssh/unreachable.rs", "each_address_is_tried_and_named", &["A13"], "several addresses"),
    elsewhere(
        "tests/ssh/unreachable.rs",
        "errors_before_the_banner",
        &["A14", "A15", "A18"],
        "silence, one byte at a time, HTTP, SMTP, a long line, many lines, a penalty",
    ),
    elsewhere("tests/ssh/unreachable.rs", "too_many_logins_at_once_can_be_retried", &["A17"], "MaxStartups 1"),
    elsewhere("tests/ssh/streams.rs", "a_cut_or_a_flipped_bit_is_never_a_normal_end", &["A24", "B1"], "24 places"),
    elsewhere("tests/ssh/streams.rs", "a_host_that_falls_silent_is_noticed", &["B2"], "stopped sessions"),
    elsewhere(
        "tests/ssh/streams.rs",
        "a_rekey_during_a_transfer_loses_nothing",
        &["B10"],
        "30 MB to the host, 20 MB back",
    ),
    elsewhere("tests/ssh/streams.rs", "a_slow_reader_loses_neither_bytes_nor_the_connection", &["B22"], "30 MB"),
    elsewhere(
        "tests/kinds/download/digesters.yaml",
        "Every program that computes a digest finds the right one",
        &["C8"],
        "sha256sum, shasum, openssl, …",
    ),
    elsewhere(
        "tests/kinds/download/fetchers.yaml",
        "A server that is busy for a moment is asked again",
        &["C8", "C11"],
        "curl, wget, BusyBox",
    ),
    elsewhere(
        "tests/kinds/packages.rs",
        "a_lock_that_is_not_given_back_is_named_and_left_alone",
        &["C10"],
        "held without end",
    ),
    elsewhere("tests/kinds/packages.rs", "a_stale_lock_holds_no_step_up", &["C10"], "a stale lock"),
    elsewhere("tests/kinds/packages.rs", "the_kernel_says_who_holds_apts_lock", &["C10"], "apt's own lock"),
    elsewhere("src/journal/tests.rs", "after_a_failed_write_nothing_more_is_promised", &["E5"], "a write that fails"),
    elsewhere(
        "src/journal/tests.rs",
        "a_journal_cut_at_any_byte_is_a_shorter_one_and_can_be_continued",
        &["E6"],
        "cut at each byte",
    ),
    elsewhere("src/journal/tests.rs", "a_flipped_bit_never_makes_a_step_done", &["E6"], "each bit flipped"),
    elsewhere(
        "src/journal/tests.rs",
        "a_line_that_is_missing_or_from_the_future_is_refused",
        &["E6"],
        "lines missing or too new",
    ),
    elsewhere("src/journal/tests.rs", "one_process_writes_a_run_at_a_time", &["E8"], "the journal's lock"),
    elsewhere("src/journal/tests.rs", "a_state_folder_that_others_can_change_is_refused", &["E12"], "modes and owners"),
];

const fn elsewhere(
    file: &'static str,
    test: &'static str,
    rows: &'static [&'static str],
    broken: &'static str,
) -> Case {
    Case { file, test, rows, broken, seen: Seen::Text("", "") }
}

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
        super::rerun::CASES,
        super::restart::CASES,
        super::terminal::CASES,
        super::identity::CASES,
        super::clock::CASES,
    ];
    here.into_iter().flatten().chain(ELSEWHERE).collect()
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
    let mut out = format!(
        "# Faults, and what the user sees\n\n\
         Everything that is known to go wrong between a user and a host: how the tests break it, the exit code, and the\n\
         sentence that the user sees. Each case also checks the host (what ran, and how often) and the journal.\n\
         `PINBOOT_ACCEPT=1 cargo test --test main faults::report` generates this page from the tests, and a test compares it\n\
         with them. Sentences come from the snapshots, in which `HOME`, `RUN1`, `PORT` and the like replace what differs\n\
         between machines. The name of each case is followed by the servers that it runs on. Errors in a playbook (exit 2)\n\
         are in `tests/playbooks/`, downloads are in `tests/kinds/`.\n\n\
         {} rows, {covered} with a case.\n",
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
        let text = fs::read_to_string(root(case.file)).unwrap_or_default();
        let marks = [format!("fn {}(", case.test), format!("case: {}\n", case.test)];
        if !marks.iter().any(|mark| text.contains(mark)) {
            faults.push(format!("{}: there is no test {}", case.file, case.test));
        }
    }
    for row in known {
        let is_covered = cases().iter().any(|case| case.rows.contains(&row));
        if !is_covered && !NOT_AUTOMATED.iter().any(|(not, _)| *not == row) {
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
