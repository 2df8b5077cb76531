//! What came, beside what was expected: nothing where they are the same, and otherwise what a person reads.

use std::fmt::Write as _;
use std::fs;

use super::case::{After, Content, Runs};
use super::tree::{Thing, Tree};
use super::world::{World, bytes, has};

pub(crate) type Held = Result<(), String>;

pub(crate) fn same<E: std::fmt::Display + ?Sized, G: std::fmt::Display + ?Sized>(
    what: &str,
    expected: &E,
    got: &G,
) -> Held {
    let (expected, got) = (expected.to_string(), got.to_string());
    if expected == got { Ok(()) } else { Err(format!("{what}:\n{}", compared(&expected, &got))) }
}

/// Two texts line by line: `-` before what is expected, `+` before what came.
pub(crate) fn compared(expected: &str, got: &str) -> String {
    let (expected, got): (Vec<_>, Vec<_>) = (expected.lines().collect(), got.lines().collect());
    let same_start = expected.iter().zip(&got).take_while(|(one, other)| one == other).count();
    let same_end =
        expected[same_start..].iter().rev().zip(got[same_start..].iter().rev()).take_while(|(a, b)| a == b).count();
    let mut out = String::new();
    let mut add = |mark: char, lines: &[&str]| {
        for line in lines {
            writeln!(out, "    {mark} {line}").expect("a string takes all");
        }
    };
    add(' ', &expected[..same_start]);
    add('-', &expected[same_start..expected.len() - same_end]);
    add('+', &got[same_start..got.len() - same_end]);
    add(' ', &expected[expected.len() - same_end..]);
    out
}

pub(crate) fn contains(what: &str, text: &str, piece: &str) -> Held {
    if text.contains(piece) { Ok(()) } else { Err(format!("{what} lacks `{piece}`:\n{text}")) }
}

/// Whether a path is as it shall be. A `*` at the end of a path stands for anything, and one path must fit.
pub(crate) fn after_is(world: &World, before: &Tree, after: &Tree, path: &str, wanted: &After) -> Held {
    let path = match path.strip_suffix('*') {
        None => path.to_owned(),
        Some(start) => match after.0.keys().filter(|known| known.starts_with(start)).collect::<Vec<_>>().as_slice() {
            [one] => (*one).clone(),
            found => return Err(format!("one path begins like this, and not {found:?}")),
        },
    };
    let name = path.trim_end_matches('/');
    // Of a private root the tree has what was written there.
    let unwritten = if name.starts_with('/') && !after.0.contains_key(name) { world.thing(name) } else { None };
    let found = after.0.get(name).filter(|thing| thing.kind != '-').or(unwritten.as_ref());
    if wanted.absent {
        return if found.is_none() { Ok(()) } else { Err("it is there".to_owned()) };
    }
    let thing = found.ok_or("it is not there")?;
    let read = || fs::read(world.path(&path)).map_err(|error| error.to_string());
    if let Some(content) = &wanted.content {
        let wanted = match content {
            Content::Text(text) => world.filled(text).into_bytes(),
            Content::OutputOf(_) => bytes(content),
        };
        let got = read()?;
        if wanted != got {
            return Err(match (String::from_utf8(wanted), String::from_utf8(got)) {
                (Ok(wanted), Ok(got)) => compared(&wanted, &world.shown(&got)),
                _ => "it has other bytes".to_owned(),
            });
        }
    }
    let text = || read().map(|bytes| world.shown(&String::from_utf8_lossy(&bytes)));
    for (piece, times) in &wanted.contains {
        let text = text()?;
        match times {
            None => contains("it", &text, piece)?,
            Some(times) => {
                same(&format!("how often it holds `{piece}`"), times, &text.matches(piece.as_str()).count())?;
            }
        }
    }
    for piece in &wanted.lacks {
        if text()?.contains(piece.as_str()) {
            return Err(format!("it holds `{piece}`"));
        }
    }
    about_the_thing(world, before, &path, thing, wanted)
}

fn about_the_thing(world: &World, before: &Tree, path: &str, thing: &Thing, wanted: &After) -> Held {
    if let Some(mode) = wanted.mode {
        same("its mode", &format!("{mode:04o}"), &format!("{:04o}", thing.mode))?;
    }
    if wanted.executable && thing.mode & 0o100 == 0 {
        return Err("it is not executable".to_owned());
    }
    if let Some(owner) = wanted.owner {
        same("its owner", &owner, &thing.owner.0)?;
    }
    if let Some(group) = wanted.group {
        same("its group", &group, &thing.owner.1)?;
    }
    if let Some(link) = &wanted.link {
        same("what it leads to", link.as_str(), if thing.kind == 'l' { thing.content.as_str() } else { "no link" })?;
    }
    if let Some(size) = wanted.size {
        same("its size", &size, &fs::metadata(world.path(path)).map_err(|error| error.to_string())?.len())?;
    }
    if wanted.kept && before.0.get(path).is_none_or(|old| old.inode != thing.inode) {
        return Err("it is another file than before".to_owned());
    }
    if let Some(entries) = &wanted.entries {
        let mut names: Vec<_> = fs::read_dir(world.path(path))
            .map_err(|error| error.to_string())?
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .filter(|name| name != ".pinboot")
            .collect();
        names.sort();
        same("its entries", &entries.join("\n"), &names.join("\n"))?;
    }
    Ok(())
}

/// What shells see that start after the run, each started as its user would.
pub(crate) fn shells_see(world: &World, expected: &Runs) -> Held {
    for (name, value) in &expected.new_shells_see {
        let value =
            value.strip_prefix("~/").map_or_else(|| value.clone(), |rest| world.path(rest).display().to_string());
        let print = format!("printf '<%s>\\n' \"${{{name}-unset}}\"");
        for words in [
            &["bash", "-lc"][..],
            &["bash", "-ic"],
            &["dash", "-lc"],
            &["mksh", "-lc"],
            &["busybox", "sh", "-lc"],
            // As sshd starts it for `ssh host command`: bash reads .bashrc although it is not interactive.
            &["env", "SSH_CLIENT=127.0.0.1 1 22", "SHLVL=0", "bash", "-c"],
        ] {
            let program = if words[0] == "env" { "bash" } else { words[0] };
            if has(program) {
                let output = world.output(&[words, &[print.as_str()]].concat());
                let what = format!("{name} in a new shell ({})", words.join(" "));
                same(&what, &world.shown(&format!("<{value}>")), output.lines().last().unwrap_or_default())?;
            }
        }
    }
    for probe in &expected.shells_print {
        let words: Vec<&str> = probe.command.iter().map(String::as_str).collect();
        if has(words[0]) {
            same(
                &format!("what `{}` prints", words.join(" ")),
                probe.prints.trim_end(),
                world.output(&words).trim_end(),
            )?;
        }
    }
    Ok(())
}
