//! `PLAYBOOK.lock`: for each address, the digest of the bytes that a run may take from there.
//!
//! `pinboot lock` writes the file and people review it; every run with the playbook beside it reads it.

use std::fmt::Write as _;

use crate::node::{self, Entry, Node, Value};
use crate::source::{Diagnostic, SourceId, Span};

/// The version of the file that this pinboot writes.
const VERSION: &str = "1";

/// What a lock file says.
#[derive(Clone, Debug, Default)]
pub struct Lock {
    /// The file's name; `None` where the playbook has no such file.
    pub file: Option<String>,
    /// The addresses, in the order of the file.
    pub entries: Vec<Locked>,
}

/// One address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    /// The step that fetched it, as the playbook names it.
    pub step: String,
    /// The address as it may be shown, see [`crate::kinds::Fetch`].
    pub url: String,
    /// The SHA-256 digest of what it gave.
    pub sha256: String,
    /// How many bytes that were.
    pub size: u64,
    /// Its place in the file; `None` for one that was not read from there.
    pub place: Option<Span>,
}

impl Lock {
    /// What is locked for an address.
    pub fn find(&self, url: &str) -> Option<&Locked> {
        self.entries.iter().find(|entry| entry.url == url)
    }

    /// Puts an entry in the place of an earlier one for the same address, or adds it.
    pub fn put(&mut self, locked: Locked) {
        match self.entries.iter_mut().find(|entry| entry.url == locked.url) {
            Some(entry) => *entry = locked,
            None => self.entries.push(locked),
        }
    }

    /// Reads a lock file.
    pub fn read(file: &str, id: SourceId, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut reader = Reader { diagnostics: Vec::new() };
        let entries = reader.file(&node::parse(id, text)?);
        if reader.diagnostics.is_empty() {
            Ok(Self { file: Some(file.to_owned()), entries })
        } else {
            Err(reader.diagnostics)
        }
    }

    /// The file's text, in the order of steps' names and addresses: the same whichever was locked first.
    pub fn text(&self) -> String {
        let mut entries: Vec<&Locked> = self.entries.iter().collect();
        entries.sort_by(|one, other| (&one.step, &one.url).cmp(&(&other.step, &other.url)));
        let mut text =
            "# Written by `pinboot lock`. A run of the playbook takes only these bytes from these addresses.\n\
             # Keep this file beside the playbook, and look at its changes as you look at the playbook's.\n"
                .to_owned();
        writeln!(text, "lock: {VERSION}").expect("a string takes all");
        text.push_str(if entries.is_empty() { "downloads: []\n" } else { "downloads:\n" });
        for entry in entries {
            // A JSON text is one of YAML too, whatever it holds.
            let quoted = |text: &str| serde_json::Value::from(text).to_string();
            writeln!(
                text,
                "  - step: {}\n    url: {}\n    sha256: {}\n    size: {}",
                quoted(&entry.step),
                quoted(&entry.url),
                entry.sha256,
                entry.size
            )
            .expect("a string takes all");
        }
        text
    }
}

/// Reads the tree, and keeps what is wrong with it.
struct Reader {
    diagnostics: Vec<Diagnostic>,
}

impl Reader {
    fn wrong(&mut self, place: Span, message: impl Into<String>) {
        let hint = "`pinboot lock` writes this file; undo the change, or remove the file and lock the playbook again";
        self.diagnostics.push(Diagnostic::error(place, message).hint(hint));
    }

    fn file(&mut self, root: &Node) -> Vec<Locked> {
        let Value::Map(keys) = &root.value else {
            self.wrong(root.span, format!("expected a map, found {}", root.shape_name()));
            return Vec::new();
        };
        let mut entries = Vec::new();
        for Entry { key, key_span, value, .. } in keys {
            match (key.as_str(), &value.value) {
                ("lock", _) if value.as_text() == Some(VERSION) => {}
                ("lock", _) => {
                    self.wrong(value.span, format!("this pinboot reads version {VERSION} of the lock file"));
                }
                ("downloads", Value::List(items)) => {
                    entries.extend(items.iter().filter_map(|item| self.entry(item)));
                }
                ("downloads", _) => self.wrong(value.span, format!("expected a list, found {}", value.shape_name())),
                _ => self.wrong(*key_span, format!("unknown key `{key}`")),
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        for entry in &entries {
            if !seen.insert(entry.url.clone())
                && let Some(place) = entry.place
            {
                self.wrong(place, format!("{} is there twice", entry.url));
            }
        }
        entries
    }

    fn entry(&mut self, node: &Node) -> Option<Locked> {
        let Value::Map(keys) = &node.value else {
            self.wrong(node.span, format!("expected a map, found {}", node.shape_name()));
            return None;
        };
        for key in keys.iter().filter(|entry| !["step", "url", "sha256", "size"].contains(&entry.key.as_str())) {
            self.wrong(key.key_span, format!("unknown key `{}`", key.key));
        }
        let mut text = |name: &str| {
            let found = keys.iter().find(|entry| entry.key == name);
            let text = found.and_then(|entry| entry.value.as_text());
            if text.is_none() {
                self.wrong(found.map_or(node.span, |entry| entry.value.span), format!("`{name}` is missing or empty"));
            }
            Some((text?.to_owned(), found?.value.span))
        };
        let (step, url, sha256, size) = (text("step")?, text("url")?, text("sha256")?, text("size")?);
        let is_digest = sha256.0.len() == 64 && sha256.0.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !is_digest {
            self.wrong(sha256.1, format!("invalid SHA-256 digest `{}`", sha256.0));
        }
        let bytes = size.0.parse();
        if bytes.is_err() {
            self.wrong(size.1, format!("invalid size `{}`", size.0));
        }
        Some(Locked { step: step.0, url: url.0, sha256: sha256.0, size: bytes.unwrap_or(0), place: Some(url.1) })
    }
}

#[cfg(test)]
mod tests {
    use super::{Lock, Locked};
    use crate::source::{Sources, render};

    fn read(text: &str) -> Result<Lock, String> {
        let mut sources = Sources::default();
        let id = sources.add("p.yaml.lock", text.to_owned());
        Lock::read("p.yaml.lock", id, text).map_err(|found| render(&found, &sources, false))
    }

    #[test]
    fn what_is_written_is_read_again() {
        let odd = "https://example.org/a\"b\\c#d: e";
        let entry = |step: &str, url: &str| Locked {
            step: step.to_owned(),
            url: url.to_owned(),
            sha256: "0".repeat(64),
            size: 7,
            place: None,
        };
        let lock = Lock { file: None, entries: vec![entry("Z: {{ x }}", odd), entry("A", "http://h/b")] };
        let text = lock.text();
        let back = read(&text).expect("it is right");
        assert_eq!(back.entries.iter().map(|entry| entry.url.as_str()).collect::<Vec<_>>(), ["http://h/b", odd]);
        assert_eq!(back.text(), text);
        assert_eq!(back.find(odd).map(|entry| (entry.step.as_str(), entry.size)), Some(("Z: {{ x }}", 7)));
        assert_eq!(read(&Lock::default().text()).expect("it is right").entries, []);
    }

    #[test]
    fn what_was_changed_in_it_is_refused() {
        let good = format!(
            "lock: 1\ndownloads:\n  - step: \"A\"\n    url: \"http://h/b\"\n    sha256: {}\n    size: 7\n",
            "a".repeat(64)
        );
        assert!(read(&good).is_ok());
        for (from, to, says) in [
            ("lock: 1", "lock: 2", "this pinboot reads version 1 of the lock file"),
            ("aaaa\n", "aaag\n", "invalid SHA-256 digest"),
            ("size: 7", "size: many", "invalid size `many`"),
            ("size: 7", "sise: 7", "unknown key `sise`"),
            ("    url: \"http://h/b\"\n", "", "`url` is missing or empty"),
            ("downloads:", "download:", "unknown key `download`"),
        ] {
            let said = read(&good.replacen(from, to, 1)).expect_err("it is wrong");
            assert!(said.contains(says) && said.contains("`pinboot lock` writes this file"), "{said}");
        }
    }
}
