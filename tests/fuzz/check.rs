//! What must hold of every input. That nothing panics, aborts, takes too long or too much memory is seen from outside.

use std::sync::{Arc, Mutex};

use pinboot::compile::{compile_all, compile_some};
use pinboot::event::{Escaper, Mode, is_safe, to_json_line};
use pinboot::ids::RunId;
use pinboot::journal::{JournalRead, StateDir};
use pinboot::plan::show;
use pinboot::playbook::{Inputs, leftovers, lint, load, snippets};
use pinboot::remote::frame::Frame;
use pinboot::remote::splitter::{Piece, Splitter};
use pinboot::remote::streams::Streams;
use pinboot::remote::{Identity, program};
use pinboot::report::{Jsonl, Plain, Reporter as _, Style, failure_block};
use pinboot::source::{Diagnostic, Severity, Sources, render};
use pinboot::view::RunView;

use crate::chance::Chance;
use crate::frames::{self, NONCE};
use crate::input::{Input, Kind};
use crate::journals;
use crate::program;

/// What an endless stream may make a reader keep, in kB.
const MOST_KEPT: usize = 24 * 1024;

/// How many bytes stand for an endless stream.
const ENDLESS: usize = 32 << 20;

/// The smallest pieces in which a long stream comes.
const SMALL: usize = 64;

/// One in so many inputs is read by the built program as well.
const BY_PROGRAM: u64 = 40;

/// One in so many accepted playbooks becomes the program for a host.
const PROGRAMS: u64 = 16;

/// What is wrong with how this input is answered.
pub(crate) fn check(input: &Input, folder: &std::path::Path) -> Result<(), String> {
    let chance = &mut Chance::new(input.chance);
    match input.kind {
        Kind::Playbook | Kind::Variables => {
            let accepted = of_playbook(input)?;
            if chance.one_in(BY_PROGRAM) { program::lints(input, folder, accepted) } else { Ok(()) }
        }
        Kind::Journal => {
            of_journal(input, folder)?;
            if chance.one_in(BY_PROGRAM) { program::shows(folder) } else { Ok(()) }
        }
        Kind::Frames => of_frames(input, chance),
    }
}

/// The playbook, and the files of variables that the command line gives.
pub(crate) fn read_as(input: &Input) -> (Vec<u8>, Vec<(String, Vec<u8>)>) {
    match input.kind {
        Kind::Variables => (PLAYBOOK.as_bytes().to_vec(), vec![("given.yml".to_owned(), input.bytes.clone())]),
        _ => (input.bytes.clone(), Vec::new()),
    }
}

/// What local files hold.
pub(crate) const FILES: [(&str, &str); 2] =
    [("more.yml", "given: here\n"), ("x.tmpl", "{% if a %}{{ a }}{% endif %} {{ list | join(' ') }}\n")];

const PLAYBOOK: &str = "\
vars: { a: 1, b: '{{ a }}', list: [x, y], map: { k: v }, home: ~/x, deep: '{{ map.k }}' , secret: abcdefgh, place: p }
secrets: [secret]
vars_files: [more.yml]
hosts: { h: { address: '{{ place }}.example', user: u } }
steps:
  - { name: 'Say {{ a }}', command: 'echo {{ a }} {{ b }} {{ list }} {{ map.k }} {{ deep }}', creates: '{{ home }}' }
  - { name: Write, file: { path: '{{ home }}/f', content: '{{ secret }} {{ given }}' } }
  - { name: Each, command: 'ls {{ item }}', loop: '{{ list }}', when: a != item, unless: test -e {{ item }} }
";

fn inputs(input: &Input) -> (Vec<u8>, Inputs) {
    let (playbook, vars_files) = read_as(input);
    let loader = |name: &str| {
        let found = FILES.iter().find(|(known, _)| *known == name);
        found.map(|(_, text)| text.as_bytes().to_vec()).ok_or_else(|| "no such file".to_owned())
    };
    let mut inputs = Inputs::new("me", loader);
    inputs.vars_files = vars_files;
    inputs.env.insert("TOWN".to_owned(), "Leeds".to_owned());
    (playbook, inputs)
}

/// What lint says, the sources of it, and what follows from an accepted playbook.
struct Linted {
    found: Vec<Diagnostic>,
    sources: Sources,
    plans: Option<String>,
}

fn linted(input: &Input) -> Result<Linted, String> {
    let (playbook, inputs) = inputs(input);
    let mut sources = Sources::default();
    let loaded = match load(&mut sources, "p.yaml", playbook, inputs) {
        Ok(loaded) => loaded,
        Err(found) => return Ok(Linted { found, sources, plans: None }),
    };
    let mut found = lint(&loaded, &sources);
    found.extend(leftovers(&loaded));
    drop(snippets(&loaded));
    found.extend(compile_some(&loaded, &mut sources).1);
    let plans = compile_all(&loaded, &mut sources, Mode::Run);
    let accepted = !has_error(&found);
    let is_left = plans.as_ref().is_err_and(|found| found.iter().all(|error| is_left_to_the_user(&error.message)));
    if accepted != plans.is_ok() && !(accepted && is_left) {
        return Err(format!("lint accepts it: {accepted}, and a run: {}", plans.is_ok()));
    }
    let plans = plans.ok().map(|plans| {
        // It takes a debug build a second.
        for (_, plan) in plans.iter().filter(|_| input.chance.is_multiple_of(PROGRAMS)) {
            let identity = Identity {
                run: RunId::from_random([1, 2, 3, 4]),
                nonce: NONCE.to_owned(),
                started_by: "fuzz".to_owned(),
                shell: "sh".to_owned(),
            };
            assert!(!program(plan, &identity).is_empty());
        }
        show::text(&plans, true) + &show::json(&plans)
    });
    Ok(Linted { found, sources, plans })
}

/// Whether lint leaves it to the user of a file with `params`, and only a run insists: on a host, and on the values of parameters.
pub(crate) fn is_left_to_the_user(message: &str) -> bool {
    message.starts_with("there is no host to run on")
        || (message.starts_with("the parameter `") && message.ends_with("` has no value"))
}

fn has_error(found: &[Diagnostic]) -> bool {
    found.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// Whether a playbook is accepted.
pub(crate) fn is_accepted(input: &Input) -> bool {
    linted(input).is_ok_and(|linted| !has_error(&linted.found))
}

/// Errors about what the command line has to add, which no place in the playbook is wrong about.
const WITHOUT_PLACE: &[&str] = &["there is no host to run on", "the plans of all hosts together"];

/// Whether a diagnostic without a text that it could point into says in its words where it is.
fn names_a_place(message: &str) -> bool {
    WITHOUT_PLACE.iter().any(|known| message.starts_with(known))
        || ["p.yaml", "given.yml"].iter().any(|file| message.starts_with(file))
}

fn of_playbook(input: &Input) -> Result<bool, String> {
    let first = linted(input)?;
    let said = render(&first.found, &first.sources, false);
    let again = linted(input)?;
    if said != render(&again.found, &again.sources, false) {
        return Err("lint says something else the second time".to_owned());
    }
    for diagnostic in &first.found {
        let Some(span) = diagnostic.span else {
            if !names_a_place(&diagnostic.message) {
                return Err(format!("an error without a place: {}", diagnostic.message));
            }
            continue;
        };
        let text = &first.sources.get(span.source).text;
        if diagnostic.message.trim().is_empty() || text.get(span.start..span.end).is_none() {
            return Err(format!("a place outside of the text: {diagnostic:?}"));
        }
    }
    let accepted = !has_error(&first.found);
    if !accepted && !said.contains("error: ") {
        return Err(format!("it is refused without an error: {said}"));
    }
    safe(&said)?;
    safe(first.plans.as_deref().unwrap_or_default())?;
    Ok(accepted)
}

/// Whether a text can do nothing to a terminal.
pub(crate) fn safe(text: &str) -> Result<(), String> {
    match text.char_indices().find(|(_, c)| !is_safe(*c) && !matches!(c, '\n' | '\t')) {
        Some((at, c)) => {
            let start = text[..at].char_indices().rev().nth(80).map_or(0, |(at, _)| at);
            Err(format!("U+{:04X} is shown as it is, behind {:?}", u32::from(c), &text[start..at]))
        }
        None => Ok(()),
    }
}

/// Where a reporter writes.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nothing panics with it").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn of_journal(input: &Input, folder: &std::path::Path) -> Result<(), String> {
    let run = RunId::parse(journals::RUN).expect("the name of a run");
    let state = StateDir::open(&folder.join("state")).map_err(|error| error.to_string())?;
    let (header, events) = journals::sealed(&input.bytes);
    std::fs::create_dir_all(state.folder(&run)).expect("the folder of a run");
    std::fs::write(state.folder(&run).join("run.json"), header).expect("written");
    std::fs::write(state.folder(&run).join("events.jsonl"), events).expect("written");
    drop(state.damage(&run));
    match state.read(&run) {
        Err(error) if error.to_string().trim().is_empty() => Err("an error without words".to_owned()),
        Err(_) => Ok(()),
        Ok(read) => of_events(&read),
    }
}

/// Shows what was read as a run shows it, event by event.
fn of_events(read: &JournalRead) -> Result<(), String> {
    let (lines, json) = (Written::default(), Written::default());
    let style = Style { verbose: true, color: false, rerun: true, commands: Box::new(|_, _, _| None) };
    let sink = || Box::new(lines.clone());
    let mut plain = Plain::new(sink(), sink(), style);
    let mut jsonl = Jsonl::new(Box::new(json.clone()));
    let mut view = RunView::default();
    for event in &read.events {
        view.fold(event);
        plain.event(event, &view).and(jsonl.event(event, &view)).expect("a list takes all");
        safe(&to_json_line(event))?;
    }
    drop((view.exit_code(), view.totals(), view.run_finished(), view.elapsed_ms(), view.not_reached()));
    for host in &view.hosts {
        for step in &host.steps {
            safe(&failure_block(None, host, step, Some("ls"), Some(80)))?;
        }
    }
    for written in [lines, json] {
        let text = String::from_utf8(written.0.lock().expect("nothing panics with it").clone());
        safe(&text.map_err(|error| error.to_string())?)?;
    }
    Ok(())
}

/// Adds pieces; output that was cut is one piece again.
fn add(pieces: &mut Vec<Piece>, more: Vec<Piece>) {
    for piece in more {
        match (pieces.last_mut(), piece) {
            (Some(Piece::Raw(before)), Piece::Raw(behind)) => before.extend(behind),
            (_, piece) => pieces.push(piece),
        }
    }
}

fn split(bytes: &[u8], cut: usize) -> Result<Vec<Piece>, String> {
    let (mut splitter, mut pieces) = (Splitter::new(NONCE), Vec::new());
    for chunk in bytes.chunks(cut) {
        add(&mut pieces, splitter.push(chunk));
    }
    let held = splitter.held();
    let length = |piece: &Piece| match piece {
        Piece::Raw(raw) => raw.len(),
        Piece::Frame(_, length) => *length,
    };
    let given: usize = pieces.iter().map(length).sum();
    if given + held != bytes.len() {
        return Err(format!("{} bytes came, and {given} of them went on while {held} wait", bytes.len()));
    }
    let rest = splitter.finish();
    if !rest.is_empty() {
        add(&mut pieces, vec![Piece::Raw(rest)]);
    }
    Ok(pieces)
}

fn of_frames(input: &Input, chance: &mut Chance) -> Result<(), String> {
    let (out, err) = frames::apart(&input.bytes);
    let whole = split(out, out.len().max(1))?;
    let cuts = [1, 7, 64, 4096, 1 + usize::try_from(chance.below(2000)).expect("small")];
    for cut in cuts.iter().copied().filter(|cut| *cut >= SMALL || out.len() < 20_000) {
        if split(out, cut)? != whole {
            return Err(format!("in chunks of {cut} bytes other pieces come out"));
        }
    }
    let frames = in_order(out, &[], out.len().max(1), &mut Chance::new(1));
    for cut in cuts.iter().copied().filter(|cut| *cut >= SMALL || out.len() < 20_000) {
        if in_order(out, &[], cut, &mut Chance::new(1)) != frames {
            return Err(format!("in chunks of {cut} bytes frames are in another order"));
        }
    }
    let smallest = if input.bytes.len() < 20_000 { 1 } else { SMALL };
    in_order(out, err, smallest + usize::try_from(chance.below(300)).expect("small"), chance);
    escaped(err, chance)?;
    if chance.one_in(60) { endless(out, err) } else { Ok(()) }
}

/// The frames of both streams, which come in chunks of this size, now of one and now of the other.
fn in_order(out: &[u8], err: &[u8], cut: usize, chance: &mut Chance) -> Vec<Frame> {
    let mut streams = Streams::new(NONCE);
    streams.connected();
    let mut pieces = Vec::new();
    let (mut out, mut err) = (out.chunks(cut), err.chunks(cut));
    loop {
        let of_out = err.len() == 0 || chance.one_in(2);
        match if of_out { out.next() } else { err.next() } {
            Some(chunk) if of_out => pieces.extend(streams.stdout(chunk)),
            Some(chunk) => pieces.extend(streams.stderr(chunk).pieces),
            None if err.len() == 0 => break,
            None => {}
        }
        if err.len() > 0 && chance.one_in(9) {
            pieces.extend(streams.tick());
        }
        assert!(streams.position().log >= 1);
    }
    streams.disconnected();
    pieces.extend(streams.closed());
    pieces.extend(streams.give_up());
    let frame = |piece| if let Piece::Frame(frame, _) = piece { Some(frame) } else { None };
    pieces.into_iter().filter_map(frame).collect()
}

/// What steps print is safe, and the same however it is cut.
fn escaped(bytes: &[u8], chance: &mut Chance) -> Result<(), String> {
    let escape = |cut: usize| {
        let mut escaper = Escaper::default();
        let mut text: String = bytes.chunks(cut).map(|chunk| escaper.push(chunk)).collect();
        text.push_str(&escaper.finish());
        text
    };
    let whole = escape(bytes.len().max(1));
    safe(&whole)?;
    let cut = 1 + usize::try_from(chance.below(60)).expect("small");
    // A line that is too long to be held back is given out in parts.
    let long = bytes.split(|byte| *byte == b'\n').any(|line| line.len() > 2000);
    if !long && escape(cut) != whole {
        return Err(format!("in chunks of {cut} bytes the output is another"));
    }
    Ok(())
}

/// The streams over and over: a host that never stops must not fill the memory.
fn endless(out: &[u8], err: &[u8]) -> Result<(), String> {
    let (out, err) = (out.repeat(1 + (1 << 16) / out.len().max(1)), err.repeat(1 + (1 << 16) / err.len().max(1)));
    let mut streams = Streams::new(NONCE);
    streams.connected();
    let before = kept();
    for _ in 0..ENDLESS / out.len().max(err.len()) {
        drop(streams.stdout(&out));
        drop(streams.stderr(&err));
    }
    let grown = kept().saturating_sub(before);
    if grown > MOST_KEPT { Err(format!("an endless stream takes {grown} kB")) } else { Ok(()) }
}

/// What this process keeps in memory, in kB.
fn kept() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says it");
    line.trim().split(' ').next().and_then(|number| number.parse().ok()).expect("a number")
}
