use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::samples::{header, plan, run};
use super::*;
use crate::event::{Event, EventKind, Outcome, to_json_line};
use crate::exit::Exit;
use crate::ids::StepId;
use crate::plan::Plan;
use crate::view::samples::{ended, gone, looked_at, ready, said, stamped, started};

fn write(state: &StateDir, header: &Header, events: &[Event]) -> PathBuf {
    let mut journal = state.create(header).unwrap();
    for event in events {
        journal.append(event).unwrap();
    }
    journal.folder().to_owned()
}

/// Fifty events: fifteen steps without a check, each started, with output and an end; the last one failed.
fn fifty() -> (Plan, Vec<Event>) {
    let texts: Vec<String> = (1..=15).map(|number| format!("do {number}")).collect();
    let mut kinds = vec![("", started(&["a"], 15)), ("a", ready())];
    for number in 1..=15 {
        let outcome = if number == 15 { Outcome::Failed } else { Outcome::Changed };
        kinds.extend([
            ("a", looked_at(number)),
            ("a", said(number, "wörk\n")),
            ("a", ended(number, outcome, None, false)),
        ]);
    }
    kinds.extend([
        ("a", gone(Exit::StepFailed)),
        ("", crate::view::RunView::default().run_finished()),
        ("a", EventKind::Unknown),
    ]);
    (plan(&texts.iter().map(String::as_str).collect::<Vec<_>>()), stamped(&kinds))
}

#[test]
fn the_state_folder_follows_the_environment() {
    let dir = |pairs: &[(&str, &str)]| {
        state_dir(|name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value)))
    };
    for (pairs, expected) in [
        (&[("PINBOOT_STATE_DIR", "here"), ("XDG_STATE_HOME", "/x"), ("HOME", "/h")][..], Some("here")),
        (&[("PINBOOT_STATE_DIR", ""), ("XDG_STATE_HOME", "/x"), ("HOME", "/h")], Some("/x/pinboot")),
        (&[("XDG_STATE_HOME", "x"), ("HOME", "/h")], Some("/h/.local/state/pinboot")),
        (&[("HOME", "/h")], Some("/h/.local/state/pinboot")),
        (&[], None),
    ] {
        assert_eq!(dir(pairs).as_deref(), expected.map(Path::new), "{pairs:?}");
    }
}

#[test]
fn what_was_written_is_read_back_and_others_cannot_read_it() {
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::open(&temp.path().join("deep/state")).unwrap();
    let (plan, events) = fifty();
    let header = header("00000001", &plan);
    let folder = write(&state, &header, &events);
    let read = state.read(&header.run).unwrap();
    assert_eq!((&read.header, &read.events, read.torn), (&header, &events, None));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for file in ["run.json", "events.jsonl", "lock"] {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
    // The journal's lines are those of `--output json`, with one field more.
    let text = fs::read_to_string(folder.join("events.jsonl")).unwrap();
    for (line, event) in text.lines().zip(&events) {
        assert!(line.starts_with(to_json_line(event).trim_end_matches('}')), "{line}");
        assert_eq!(&crate::event::from_json_line(line).unwrap(), event);
    }
}

#[test]
fn progress_is_not_written_down() {
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::open(temp.path()).unwrap();
    let mut journal = state.create(&header("00000001", &plan(&[]))).unwrap();
    let kind = EventKind::StepProgress { step: StepId(1), bytes: 1, total: None };
    journal.append(&Event { seq: 0, at: String::new(), host: None, kind }).unwrap();
    assert_eq!(journal.next_seq(), 1);
    assert!(state.read(&run("00000001")).unwrap().events.is_empty());
}

#[test]
fn a_state_folder_that_others_can_change_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    StateDir::open(temp.path()).unwrap();
    for path in [temp.path().to_owned(), temp.path().join("runs")] {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o770)).unwrap();
        let error = StateDir::open(temp.path()).unwrap_err();
        assert_eq!(error.kind.exit(), Exit::LocalError);
        assert_eq!(error.message, format!("the state folder {} can be written by others", path.display()));
        assert_eq!(error.hint, Some(format!("chmod go-w '{}'", path.display())));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    }
    let file = temp.path().join("file");
    fs::write(&file, "").unwrap();
    assert_eq!(StateDir::open(&file).unwrap_err().kind, JournalErrorKind::Local);
}

#[test]
fn one_process_writes_a_run_at_a_time() {
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::open(temp.path()).unwrap();
    let name = run("00000001");
    let journal = state.create(&header("00000001", &plan(&[]))).unwrap();
    let error = state.reopen(&name).unwrap_err();
    assert_eq!(error.kind.exit(), Exit::Busy);
    assert_eq!(error.message, format!("run 00000001 is held by process {} of this machine", std::process::id()));
    assert!(state.is_held(&name));
    drop(journal);
    assert!(!state.is_held(&name));
    let (mut journal, _) = state.reopen(&name).unwrap();
    assert!(state.reopen(&name).is_err());
    for event in &fifty().1[..3] {
        journal.append(event).unwrap();
    }
    drop(journal);
    assert_eq!(state.reopen(&name).unwrap().0.next_seq(), 4);
}

#[test]
fn after_a_failed_write_nothing_more_is_promised() {
    let temp = tempfile::tempdir().unwrap();
    let full = fs::OpenOptions::new().append(true).open("/dev/full").unwrap();
    let lock = fs::File::create(temp.path().join("lock")).unwrap();
    let mut journal = Journal::new(run("00000001"), temp.path().to_owned(), full, 1, lock);
    let event = &fifty().1[0];
    let error = journal.append(event).unwrap_err();
    assert_eq!((error.kind.exit(), error.hint.as_deref()), (Exit::LocalError, Some("make room on that disk")));
    assert!(journal.append(event).unwrap_err().message.ends_with("is not written any more after an error"));
}

#[test]
fn a_journal_cut_at_any_byte_is_a_shorter_one_and_can_be_continued() {
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::open(temp.path()).unwrap();
    let (plan, events) = fifty();
    let path = write(&state, &header("00000001", &plan), &events).join("events.jsonl");
    let bytes = fs::read(&path).unwrap();
    let ends: Vec<usize> = bytes.iter().zip(1..).filter(|(byte, _)| **byte == b'\n').map(|(_, end)| end).collect();
    assert_eq!(ends.len(), 50);
    for cut in 0..=bytes.len() {
        for zeros in [0, 1, 4096] {
            let torn = [&bytes[..cut], &vec![0; zeros]].concat();
            let (read, noted) = super::read::parse(&torn, &path).unwrap();
            let whole = ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(read, events[..whole], "cut at {cut}");
            let length = ends[..whole].last().copied().unwrap_or(0);
            assert_eq!(noted.map_or(0, |noted| noted.bytes), (torn.len() - length) as u64, "cut at {cut}");
        }
    }
    // As after a power cut: the file has its length, and zeros where the last of it was not on disk.
    for cut in 0..bytes.len() {
        let zeroed = [&bytes[..cut], &vec![0; bytes.len() - cut]].concat();
        let (read, noted) = super::read::parse(&zeroed, &path).unwrap();
        let whole = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(read, events[..whole], "zeros from {cut} on");
        let length = ends[..whole].last().copied().unwrap_or(0);
        assert_eq!(noted.map(|noted| (noted.whole, noted.bytes)), Some((length as u64, (bytes.len() - length) as u64)));
    }
    let cut = ends[20] + 7;
    fs::write(&path, [&bytes[..cut], &[0; 100]].concat()).unwrap();
    let (mut journal, read) = state.reopen(&run("00000001")).unwrap();
    assert_eq!((read.events.len(), read.torn.unwrap().bytes), (21, 107));
    for event in &events[21..] {
        journal.append(event).unwrap();
    }
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_flipped_bit_never_makes_a_step_done() {
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::open(temp.path()).unwrap();
    let (plan, events) = fifty();
    let folder = write(&state, &header("00000001", &plan), &events);
    let path = folder.join("events.jsonl");
    let bytes = fs::read(&path).unwrap();
    let mut refused = 0;
    for place in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << (place % 8);
        match super::read::parse(&flipped, &path) {
            Ok((read, torn)) => {
                assert!(torn.is_some() && events.starts_with(&read) && read.len() >= 48, "byte {place}");
            }
            Err(error) => {
                refused += 1;
                assert_eq!(error.kind.exit(), Exit::Mismatch);
                let line = bytes[..place].split(|byte| *byte == b'\n').count();
                assert!(error.message.starts_with(&format!("{}:{line}: ", path.display())), "{place}: {error}");
            }
        }
    }
    assert!(refused > bytes.len() * 9 / 10);
    fs::write(&path, [&bytes[..100], b"?", &bytes[101..]].concat()).unwrap();
    let damaged = fs::read(&path).unwrap();
    assert!(state.read(&run("00000001")).is_err() && state.reopen(&run("00000001")).is_err());
    assert_eq!(fs::read(&path).unwrap(), damaged, "a damaged file is left as it is");
    fs::write(&path, &bytes).unwrap();

    let path = folder.join("run.json");
    let bytes = fs::read(&path).unwrap();
    for place in 0..bytes.len() - 1 {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << (place % 8);
        let error = Header::from_line(&flipped, "run.json").unwrap_err();
        assert_eq!(error.kind.exit(), Exit::Mismatch, "byte {place}");
    }
}

#[test]
fn a_damaged_journal_is_cut_where_the_damage_begins_and_kept_beside() {
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::open(temp.path()).unwrap();
    let (plan, events) = fifty();
    let name = run("00000001");
    let folder = write(&state, &header("00000001", &plan), &events);
    let path = folder.join("events.jsonl");
    let bytes = fs::read(&path).unwrap();
    assert!(state.damage(&name).unwrap().is_none() && state.cut(&name).unwrap().is_none());
    let ends: Vec<usize> = bytes.iter().zip(1..).filter(|(byte, _)| **byte == b'\n').map(|(_, end)| end).collect();
    for (number, line) in [0, 7, 48].into_iter().enumerate() {
        let begin = if line == 0 { 0 } else { ends[line - 1] };
        let mut damaged = bytes.clone();
        damaged[begin + 9] ^= 1;
        fs::write(&path, &damaged).unwrap();
        let hint = state.read(&name).unwrap_err().hint.unwrap();
        assert!(hint.contains("`pinboot runs repair 00000001`") && hint.contains("HOST 00000001`"), "{hint}");
        let seen = state.damage(&name).unwrap().expect("damage");
        assert_eq!(fs::read(&path).unwrap(), damaged, "it is only looked at");
        assert_eq!((seen.line, seen.kept, seen.bytes), (line + 1, line, (bytes.len() - begin) as u64));
        assert_eq!(seen.events, events[line + 1..]);
        let (_, copy) = state.cut(&name).unwrap().expect("damage");
        assert_eq!(copy, folder.join(format!("events.jsonl.damaged{}", number + 1)));
        assert_eq!(fs::read(&copy).unwrap(), damaged);
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        let (journal, read) = state.reopen(&name).unwrap();
        assert_eq!((read.events.as_slice(), read.torn, journal.next_seq()), (&events[..line], None, line as u64 + 1));
        let error = state.cut(&name).unwrap_err();
        assert_eq!(error.kind, JournalErrorKind::Locked);
    }
    // Nothing of a newer pinboot's is cut.
    let newer = super::checksum::seal(r#"{"v":9,"seq":1,"at":"t","kind":"x"}"#);
    fs::write(&path, newer).unwrap();
    assert_eq!(state.cut(&name).unwrap_err().hint.as_deref(), Some("use that pinboot"));
}

#[test]
fn a_line_that_is_missing_or_from_the_future_is_refused() {
    let (_, events) = fifty();
    let lines: Vec<String> = events.iter().map(|event| super::checksum::seal(&to_json_line(event))).collect();
    let path = Path::new("events.jsonl");
    let error = super::read::parse([&lines[..2], &lines[3..]].concat().concat().as_bytes(), path).unwrap_err();
    assert_eq!(error.message, "events.jsonl:3: event 3 is missing: this is event 4");
    let newer = super::checksum::seal(r#"{"v":9,"seq":1,"at":"t","kind":"x"}"#);
    let error = super::read::parse(newer.as_bytes(), path).unwrap_err();
    assert!(error.message.contains("version 9 of the event format"), "{error}");
    let header = header("00000001", &plan(&[])).to_line().replace("{\"version\":1,", "{\"version\":2,\"more\":{},");
    let sealed = super::checksum::seal(&format!("{}}}", header.split(",\"crc\"").next().unwrap()));
    let error = Header::from_line(sealed.as_bytes(), "run.json").unwrap_err();
    assert_eq!(error.message, "run.json: it was written by a newer pinboot (version 2 of the format)");
}

#[test]
fn runs_are_found_by_their_begin_and_pruned_when_they_are_closed() {
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::open(temp.path()).unwrap();
    assert_eq!(state.resolve(None).unwrap_err().kind.exit(), Exit::BadInput);
    let closed = fifty().1[..49].to_vec();
    for (age, (name, events)) in
        [("3f9c0001", &closed[..]), ("3f9c0002", &closed[..40]), ("3f8c0003", &closed[..]), ("77777777", &closed[..])]
            .into_iter()
            .enumerate()
    {
        let folder = write(&state, &header(name, &plan(&[])), events);
        let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000 + age as u64);
        fs::File::options().write(true).open(folder.join("run.json")).unwrap().set_modified(time).unwrap();
    }
    fs::create_dir(temp.path().join("runs/lost+found")).unwrap();
    let names =
        |state: &StateDir| state.list().unwrap().iter().map(|run| run.as_str()[..4].to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&state), ["7777", "3f8c", "3f9c", "3f9c"]);
    assert_eq!(state.resolve(None).unwrap(), run("77777777"));
    assert_eq!(state.resolve(Some("3f8")).unwrap(), run("3f8c0003"));
    for (given, message, hint) in [
        ("3f9", "`3f9` is the beginning of several runs: 3f9c0002, 3f9c0001", "give one more character"),
        ("3f9c0102", "no run `3f9c0102`", "did you mean 3f9c0002?"),
        ("", "no run ``", "pinboot runs lists them"),
        ("../../etc\u{1b}", "no run `../../etc`", "pinboot runs lists them"),
    ] {
        let error = state.resolve(Some(given)).unwrap_err();
        assert_eq!((error.message.as_str(), error.hint.as_deref()), (message, Some(hint)));
    }
    let (held, _) = state.reopen(&run("3f8c0003")).unwrap();
    assert_eq!(state.prune(1).unwrap(), 1, "one is held, and the end of another was not seen");
    assert_eq!(names(&state), ["7777", "3f8c", "3f9c"]);
    drop(held);
    assert_eq!(state.prune(store::KEPT_RUNS).unwrap(), 0);
    assert_eq!(state.prune(0).unwrap(), 2);
}

#[test]
fn a_clock_that_is_set_back_does_not_change_the_order_of_runs() {
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::open(temp.path()).unwrap();
    let names = ["30000000", "10000000", "20000000"];
    let year = std::time::Duration::from_hours(8760);
    for (at, name) in names.into_iter().enumerate() {
        drop(state.create(&header(name, &plan(&[]))).unwrap());
        if at == 0 {
            // The first of them was started while the clock was a year ahead.
            let file = temp.path().join("runs").join(name).join("run.json");
            let ahead = std::time::SystemTime::now() + year;
            fs::File::options().write(true).open(file).unwrap().set_modified(ahead).unwrap();
        }
    }
    assert_eq!(state.list().unwrap(), names.map(run).into_iter().rev().collect::<Vec<_>>());
    assert_eq!(state.resolve(None).unwrap(), run("20000000"));
}
