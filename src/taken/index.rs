//! The index of what a host offers, which may say anything.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::is_hex;
use crate::kinds::Takes;

/// The largest index that is read.
pub(super) const MAX_INDEX: u64 = 64 * 1024 * 1024;
/// The most entries of one.
const MAX_ENTRIES: usize = 200_000;
/// The longest path below a target. The longest that Linux takes has 4,095 bytes, with the target in front.
const MAX_PATH: usize = 4000;
/// The longest part of one that Linux takes.
const MAX_PART: usize = 255;

/// One thing that is to be here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offered {
    /// The parts of its path below the target; none for the target itself.
    pub(super) parts: Vec<String>,
    /// What it is.
    pub(super) what: What,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A directory.
    Directory,
    /// A file.
    File {
        /// How many bytes it has.
        size: u64,
        /// Their SHA-256.
        digest: String,
        /// The mode that it gets, where it is not left as it is.
        mode: Option<u32>,
        /// Where its bytes begin in what is sent; `None` where only its mode differs.
        offset: Option<u64>,
    },
}

/// Reads an index; `offered` is how many bytes the host says that it has.
pub(super) fn read(bytes: &[u8], takes: &Takes, offered: u64) -> Result<Vec<Offered>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "a name that is not UTF-8".to_owned())?;
    if offered > takes.limit {
        return Err(format!("{offered} bytes, and the step takes {} at most", takes.limit));
    }
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("an index that is cut off".to_owned());
    }
    let mut entries = Vec::new();
    let mut sent = 0u64;
    for line in text.lines() {
        if entries.len() == MAX_ENTRIES {
            return Err(format!("more than {MAX_ENTRIES} files"));
        }
        let entry = entry(line, takes)?;
        if let What::File { size, offset: Some(offset), .. } = &entry.what {
            if *offset != sent {
                return Err("files that are not one behind the other".to_owned());
            }
            sent = sent.checked_add(*size).filter(|sent| *sent <= offered).ok_or("more bytes than it has")?;
        }
        entries.push(entry);
    }
    if sent != offered {
        return Err("bytes that belong to no file".to_owned());
    }
    fit_together(&entries)?;
    Ok(entries)
}

/// Whether the entries can be there beside each other.
fn fit_together(entries: &[Offered]) -> Result<(), String> {
    let mut sorts: BTreeMap<&[String], bool> = BTreeMap::new();
    let mut parents: BTreeSet<&[String]> = BTreeSet::new();
    for entry in entries {
        let is_file = matches!(entry.what, What::File { .. });
        if sorts.insert(&entry.parts, is_file).is_some() {
            return Err(format!("`{}` twice", entry.parts.join("/")));
        }
        parents.extend((0..entry.parts.len()).map(|at| &entry.parts[..at]));
    }
    match parents.iter().find(|parent| sorts.get(**parent) == Some(&true)) {
        Some(parent) => Err(format!("`{}` as a file and as a directory", parent.join("/"))),
        None => Ok(()),
    }
}

fn entry(line: &str, takes: &Takes) -> Result<Offered, String> {
    let odd = || "a line that is not understood".to_owned();
    let (sort, rest) = line.split_once(' ').ok_or_else(odd)?;
    if sort == "d" {
        return Ok(Offered { parts: parts(rest)?, what: What::Directory });
    }
    let mut words = rest.splitn(5, ' ');
    let mut word = || words.next().ok_or_else(odd);
    let (mode, size, digest, offset, path) = (word()?, word()?, word()?, word()?, word()?);
    let offset = match (sort, offset) {
        ("f", offset) => Some(number(offset).ok_or_else(odd)?),
        ("m", "-") => None,
        _ => return Err(odd()),
    };
    let digest = Some(digest).filter(|digest| digest.len() == 64 && is_hex(digest)).ok_or_else(odd)?.to_owned();
    let what = What::File { size: number(size).ok_or_else(odd)?, digest, mode: wanted_mode(mode, takes)?, offset };
    Ok(Offered { parts: parts(path)?, what })
}

/// A number in digits alone.
fn number(word: &str) -> Option<u64> {
    word.bytes().all(|b| b.is_ascii_digit()).then(|| word.parse().ok())?
}

/// The mode of a file as the step has it. Where the host says it, nothing but the rights to read, to write and to run is taken.
fn wanted_mode(word: &str, takes: &Takes) -> Result<Option<u32>, String> {
    if !takes.keeps_mode {
        return Ok(takes.mode);
    }
    let mode = u32::from_str_radix(word, 8).ok().filter(|mode| word.len() <= 4 && *mode <= 0o777);
    mode.map(Some).ok_or_else(|| "a mode that no file gets here".to_owned())
}

/// The parts of a path below the target.
fn parts(path: &str) -> Result<Vec<String>, String> {
    if path == "." {
        return Ok(Vec::new());
    }
    let is_part = |part: &str| {
        !matches!(part, "" | "." | "..") && part.len() <= MAX_PART && !part.chars().any(|c| c.is_control() || c == '\0')
    };
    if path.len() > MAX_PATH || !path.split('/').all(is_part) {
        let shown: String = path.chars().take(200).flat_map(char::escape_default).collect();
        return Err(format!("the path `{shown}`, which no file below the target has"));
    }
    Ok(path.split('/').map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes() -> Takes {
        Takes {
            place: None,
            to: "/t".to_owned(),
            per_host: false,
            name: None,
            mode: None,
            keeps_mode: false,
            limit: 100,
            here: String::new(),
        }
    }

    fn file(size: u64, offset: u64, path: &str) -> String {
        format!("f - {size} {} {offset} {path}\n", "a".repeat(64))
    }

    #[test]
    fn an_index_names_files_one_behind_the_other() {
        let text = format!("d .\n{}{}d sub\n", file(3, 0, "a b"), file(4, 3, "sub/ c "));
        let entries = read(text.as_bytes(), &takes(), 7).expect("it is fine");
        assert_eq!(entries.len(), 4);
        assert_eq!(entries[2].parts, ["sub", " c "]);
        assert_eq!(read(b"", &takes(), 0), Ok(Vec::new()));
    }

    #[test]
    fn nothing_leads_out_of_the_target() {
        for path in [
            "..",
            "../x",
            "a/../b",
            "/etc/passwd",
            "a//b",
            "a/",
            "/",
            "",
            "./a",
            "a/.",
            "a\tb",
            "a\u{7f}b",
            "a\u{85}b",
            "\u{1b}[2J",
        ] {
            assert!(read(file(1, 0, path).as_bytes(), &takes(), 1).is_err(), "{path:?}");
            assert!(read(format!("d {path}\n").as_bytes(), &takes(), 0).is_err(), "{path:?}");
        }
        let long = "x".repeat(256);
        assert!(read(file(1, 0, &long).as_bytes(), &takes(), 1).is_err());
        assert!(read(b"d \xff\n", &takes(), 0).is_err());
        assert!(read(file(1, 0, &"y/".repeat(2500)[..4999]).as_bytes(), &takes(), 1).is_err());
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let twice = file(1, 0, "a") + &file(1, 1, "a");
        let below_a_file = file(1, 0, "a") + &file(1, 1, "a/b");
        let gap = file(1, 0, "a") + &file(1, 2, "b");
        let back = file(5, 0, "a") + &file(1, 0, "b");
        let below_the_root = file(1, 0, ".") + "d x\n";
        for (text, offered) in [
            (twice, 2),
            (below_a_file, 2),
            (gap, 2),
            (back, 5),
            (below_the_root, 1),
            (file(1, 0, "a"), 2),
            (file(2, 0, "a"), 1),
            (file(101, 0, "a"), 101),
            (file(u64::MAX, 0, "a") + &file(2, u64::MAX, "b"), 1),
            (file(1, 0, "a").trim_end().to_owned(), 1),
            ("l - 1 x 0 a\n".to_owned(), 0),
            ("f - +1 x 0 a\n".to_owned(), 1),
            ("f\n".to_owned(), 0),
        ] {
            assert!(read(text.as_bytes(), &takes(), offered).is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_gives_no_mode_that_was_not_asked_for() {
        let line = |mode: &str| format!("m {mode} 1 {} - a\n", "0".repeat(64));
        let mode = |takes: &Takes, word: &str| {
            read(line(word).as_bytes(), takes, 0).map(|entries| match entries[0].what {
                What::File { mode, .. } => mode,
                What::Directory => None,
            })
        };
        assert_eq!(mode(&takes(), "0777"), Ok(None));
        assert_eq!(mode(&Takes { mode: Some(0o640), ..takes() }, "0777"), Ok(Some(0o640)));
        let keeps = Takes { keeps_mode: true, ..takes() };
        assert_eq!(mode(&keeps, "0755"), Ok(Some(0o755)));
        for word in ["4755", "-", "7777", "00000000777"] {
            assert!(mode(&keeps, word).is_err(), "{word}");
        }
    }
}
