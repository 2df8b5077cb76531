//! From the YAML of a rehearsal file to a [`World`], every fault at its own place and all of them at once.

use std::path::{Path, PathBuf};

use super::{Answer, Body, HostFile, StandIn, TreeEntry, TreeKind, Url, World};
use crate::node::{Entry, Node, Value};
use crate::source::{Diagnostic, Span};

/// Reads a rehearsal file.
///
/// Local files are looked for beside the rehearsal file (`folder`) and then as they are written; `is_file` says which
/// of them exists. The world is usable only where no diagnostic is an error.
pub fn parse(document: &Node, folder: &Path, is_file: &dyn Fn(&Path) -> bool) -> (World, Vec<Diagnostic>) {
    let mut reader = Reader { folder, is_file, faults: Vec::new() };
    let world = reader.world(document);
    (world, reader.faults)
}

const TOP: &[&str] = &["host", "urls", "commands", "absent", "files"];
const HOST: &[&str] = &["user", "home", "shell", "hostname", "os_release"];
const ANSWER: &[&str] = &["body", "tgz", "zip", "file", "status", "type", "redirect", "cut_after"];
const TREE_ENTRY: &[&str] = &["content", "mode", "link", "directory"];
const FILE: &[&str] = &["content", "mode"];

struct Reader<'a> {
    folder: &'a Path,
    is_file: &'a dyn Fn(&Path) -> bool,
    faults: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn world(&mut self, document: &Node) -> World {
        let mut world = World::default();
        if document.value == Value::Null {
            return world;
        }
        let mut home_given = false;
        for entry in self.map(document, "a map with the rehearsal's parts") {
            match entry.key.as_str() {
                "host" => home_given = self.host(&entry.value, &mut world),
                "urls" => self.urls(&entry.value, &mut world),
                "commands" => self.commands(&entry.value, &mut world),
                "absent" => {
                    for item in self.list(&entry.value, "a list of command names") {
                        if let Some(name) = self.text(item).filter(|name| self.command_name(item.span, name)) {
                            world.absent.push(name);
                        }
                    }
                }
                "files" => self.files(&entry.value, &mut world),
                other => self.unknown(entry.key_span, other, "part", TOP),
            }
        }
        if !home_given {
            world.home = if world.user == "root" { "/root".to_owned() } else { format!("/home/{}", world.user) };
        }
        for (name, span) in Self::names_twice(document) {
            self.faults.push(
                Diagnostic::error(span, format!("`{name}` is both a stand-in and absent"))
                    .hint("leave it out of `absent`, or take its script out of `commands`"),
            );
        }
        world
    }

    /// Commands that stand under `commands` and under `absent`.
    fn names_twice(document: &Node) -> Vec<(String, Span)> {
        let part = |name: &str| match &document.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == name).map(|entry| &entry.value.value),
            _ => None,
        };
        match (part("commands"), part("absent")) {
            (Some(Value::Map(commands)), Some(Value::List(absent))) => absent
                .iter()
                .filter_map(|node| match &node.value {
                    Value::Scalar { text, .. } if commands.iter().any(|entry| entry.key == *text) => {
                        Some((text.clone(), node.span))
                    }
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    fn host(&mut self, node: &Node, world: &mut World) -> bool {
        let mut home_given = false;
        for entry in self.map(node, "a map with `user`, `home`, `shell`, `hostname`, `os_release`") {
            match entry.key.as_str() {
                "user" => {
                    if let Some(user) = self.text(&entry.value) {
                        if is_user_name(&user) {
                            world.user = user;
                        } else {
                            self.fault(
                                entry.value.span,
                                "not a user name",
                                "expected letters, digits, `-` and `_`, at most 32",
                            );
                        }
                    }
                }
                "home" => {
                    if let Some(home) = self.absolute(&entry.value) {
                        world.home = home;
                        home_given = true;
                    }
                }
                "shell" => world.shell = self.absolute(&entry.value).or(world.shell.take()),
                "hostname" => {
                    if let Some(name) = self.text(&entry.value) {
                        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
                        if !name.is_empty() && name.len() <= 64 && name.bytes().all(fits) {
                            world.hostname = name;
                        } else {
                            self.fault(
                                entry.value.span,
                                "not a host name",
                                "expected letters, digits, `-` and `.`, at most 64",
                            );
                        }
                    }
                }
                "os_release" => {
                    for line in self.map(&entry.value, "a map such as `{ ID: amzn, VERSION_ID: \"2\" }`") {
                        let fits = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
                        if line.key.is_empty() || !line.key.bytes().all(fits) {
                            self.fault(
                                line.key_span,
                                "not a name of os-release",
                                "expected capitals, digits and `_`, such as `VERSION_ID`",
                            );
                        } else if let Some(value) = self.text(&line.value) {
                            if value.contains('\n') {
                                self.fault(line.value.span, "a value of os-release is one line", "expected one line");
                            } else {
                                world.os_release.push((line.key.clone(), value));
                            }
                        }
                    }
                }
                other => self.unknown(entry.key_span, other, "key of `host`", HOST),
            }
        }
        home_given
    }

    fn commands(&mut self, node: &Node, world: &mut World) {
        for entry in self.map(node, "a map from a command's name to its script") {
            if !self.command_name(entry.key_span, &entry.key) {
                continue;
            }
            if entry.key == "sudo" {
                self.faults.push(
                    Diagnostic::error(entry.key_span, "`sudo` is the host's own and has no stand-in")
                        .hint("leave it out: the host has a sudo that asks for no password"),
                );
            } else if let Some(script) = self.text(&entry.value) {
                world.commands.push(StandIn { name: entry.key.clone(), script });
            }
        }
    }

    fn files(&mut self, node: &Node, world: &mut World) {
        for entry in self.map(node, "a map from a path on the host to its content") {
            let path = &entry.key;
            if !(path.starts_with('/') || path.starts_with("~/")) || path.ends_with('/') || has_dots(path) {
                self.fault(
                    entry.key_span,
                    "not a path on the host",
                    "expected an absolute path, or one that begins with `~/`, without `..`",
                );
                continue;
            }
            let mut file = HostFile { path: path.clone(), mode: 0o644, content: String::new() };
            if let Value::Map(fields) = &entry.value.value {
                for field in fields {
                    match field.key.as_str() {
                        "content" => file.content = self.text(&field.value).unwrap_or_default(),
                        "mode" => file.mode = self.mode(&field.value).unwrap_or(file.mode),
                        other => self.unknown(field.key_span, other, "key of a file", FILE),
                    }
                }
            } else {
                file.content = self.text(&entry.value).unwrap_or_default();
            }
            world.files.push(file);
        }
    }

    fn urls(&mut self, node: &Node, world: &mut World) {
        let mut places: Vec<(u16, bool, Span)> = Vec::new();
        for entry in self.map(node, "a map from a URL to its answer") {
            let mut url = match Url::parse(&entry.key) {
                Ok(url) => url,
                Err(expected) => {
                    self.fault(entry.key_span, "not a URL that can be served", expected);
                    continue;
                }
            };
            match places.iter().find(|(port, secure, _)| *port == url.port && *secure != url.secure) {
                Some((port, secure, first)) => {
                    let scheme = if *secure { "https" } else { "http" };
                    self.faults.push(
                        Diagnostic::error(entry.key_span, format!("port {port} already speaks {scheme}"))
                            .related(*first, "first used here"),
                    );
                }
                None => places.push((url.port, url.secure, entry.key_span)),
            }
            if let Some(same) = world.urls.iter().find(|known| known.text() == url.text()) {
                self.faults.push(
                    Diagnostic::error(entry.key_span, format!("`{}` is answered twice", same.text()))
                        .hint("give one URL a list of answers: they are given one after the other"),
                );
            }
            url.answers = match &entry.value.value {
                Value::List(items) if items.is_empty() => {
                    self.fault(entry.value.span, "no answer", "expected at least one answer");
                    Vec::new()
                }
                Value::List(items) => items.iter().map(|item| self.answer(item)).collect(),
                _ => vec![self.answer(&entry.value)],
            };
            world.urls.push(url);
        }
    }

    fn answer(&mut self, node: &Node) -> Answer {
        let mut answer = Answer::default();
        if matches!(node.value, Value::Scalar { .. }) {
            answer.body = Body::Text(self.text(node).unwrap_or_default());
            return answer;
        }
        let mut bodies: Vec<Span> = Vec::new();
        let mut status = None;
        for entry in self.map(node, "the body's text, or a map with `body`, `tgz`, `zip`, `file`, `status`, …") {
            match entry.key.as_str() {
                "body" => answer.body = Body::Text(self.text(&entry.value).unwrap_or_default()),
                "tgz" => answer.body = Body::Tgz(self.tree(&entry.value)),
                "zip" => answer.body = Body::Zip(self.tree(&entry.value)),
                "file" => {
                    if let Some(path) = self.text(&entry.value) {
                        answer.body = Body::File(self.local_file(entry.value.span, &path));
                    }
                }
                "status" => status = self.number(&entry.value, 200, 599).map(|(number, _)| number),
                "type" => answer.content_type = self.header(&entry.value),
                "redirect" => answer.location = self.header(&entry.value),
                "cut_after" => answer.cut_after = self.number(&entry.value, 0, u64::MAX).map(|(number, _)| number),
                other => self.unknown(entry.key_span, other, "key of an answer", ANSWER),
            }
            if matches!(entry.key.as_str(), "body" | "tgz" | "zip" | "file") {
                bodies.push(entry.key_span);
            }
        }
        if let [first, second, ..] = bodies[..] {
            self.faults.push(Diagnostic::error(second, "an answer has one body").related(first, "first given here"));
        }
        let default = if answer.location.is_some() { 302 } else { 200 };
        answer.status = status.and_then(|number| u16::try_from(number).ok()).unwrap_or(default);
        answer
    }

    fn local_file(&mut self, span: Span, written: &str) -> PathBuf {
        let tried = [self.folder.join(written), PathBuf::from(written)];
        if let Some(path) = tried.iter().find(|path| (self.is_file)(path)) {
            return path.clone();
        }
        let hint = format!("looked for {} and {written}", tried[0].display());
        self.faults.push(Diagnostic::error(span, format!("no such file: `{written}`")).hint(hint));
        tried[0].clone()
    }

    fn tree(&mut self, node: &Node) -> Vec<TreeEntry> {
        let mut tree = Vec::new();
        for entry in self.map(node, "a map from a path inside the archive to its content") {
            let path = entry.key.trim_end_matches('/');
            if path.is_empty() || path.starts_with('/') || has_dots(path) || path.len() > 255 {
                self.fault(
                    entry.key_span,
                    "not a path inside an archive",
                    "expected a relative path without `..`, of at most 255 bytes",
                );
                continue;
            }
            let directory = entry.key.ends_with('/');
            let mut mode = None;
            let mut what = if directory { TreeKind::Directory } else { TreeKind::File(String::new()) };
            match &entry.value.value {
                Value::Map(fields) => {
                    for field in fields {
                        match field.key.as_str() {
                            "content" => what = TreeKind::File(self.text(&field.value).unwrap_or_default()),
                            "link" => what = TreeKind::Link(self.text(&field.value).unwrap_or_default()),
                            "directory" => what = TreeKind::Directory,
                            "mode" => mode = self.mode(&field.value),
                            other => self.unknown(field.key_span, other, "key of an archive's entry", TREE_ENTRY),
                        }
                    }
                }
                Value::Null => {}
                _ => what = TreeKind::File(self.text(&entry.value).unwrap_or_default()),
            }
            let default = match &what {
                TreeKind::File(_) => 0o644,
                TreeKind::Directory => 0o755,
                TreeKind::Link(_) => 0o777,
            };
            tree.push(TreeEntry { path: path.to_owned(), mode: mode.unwrap_or(default), what });
        }
        tree
    }

    fn map<'n>(&mut self, node: &'n Node, expected: &str) -> &'n [Entry] {
        match &node.value {
            Value::Map(entries) => entries,
            Value::Null => &[],
            _ => {
                self.fault(node.span, "not a map", &format!("expected {expected}"));
                &[]
            }
        }
    }

    fn list<'n>(&mut self, node: &'n Node, expected: &str) -> &'n [Node] {
        match &node.value {
            Value::List(items) => items,
            Value::Null => &[],
            _ => {
                self.fault(node.span, "not a list", &format!("expected {expected}"));
                &[]
            }
        }
    }

    fn text(&mut self, node: &Node) -> Option<String> {
        if let Value::Scalar { text, .. } = &node.value {
            return Some(text.clone());
        }
        let what = match &node.value {
            Value::Null => "nothing is written here",
            Value::List(_) => "a list where one text belongs",
            _ => "a map where one text belongs",
        };
        self.fault(node.span, what, "expected a text");
        None
    }

    fn header(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node)?;
        if text.is_empty() || text.bytes().any(|b| !(b' '..0x7f).contains(&b)) {
            self.fault(node.span, "cannot stand in a header", "expected one line of printable ASCII");
            return None;
        }
        Some(text)
    }

    fn absolute(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node)?;
        let text = if text.len() > 1 { text.trim_end_matches('/').to_owned() } else { text };
        if !text.starts_with('/') || text.len() < 2 || has_dots(&text) || text.contains([':', '\n']) {
            self.fault(
                node.span,
                "not a path on the host",
                "expected an absolute path without `..`, `:` or a line end",
            );
            return None;
        }
        Some(text)
    }

    fn number(&mut self, node: &Node, least: u64, most: u64) -> Option<(u64, Span)> {
        let text = self.text(node)?;
        match text.parse::<u64>() {
            Ok(number) if (least..=most).contains(&number) => Some((number, node.span)),
            _ if most == u64::MAX => {
                self.fault(node.span, &format!("`{text}` is not a number of bytes"), "expected a whole number");
                None
            }
            _ => {
                self.fault(
                    node.span,
                    &format!("`{text}` is not a number from {least} to {most}"),
                    &format!("expected a number from {least} to {most}"),
                );
                None
            }
        }
    }

    fn mode(&mut self, node: &Node) -> Option<u32> {
        let text = self.text(node)?;
        let digits = text.trim_start_matches('0');
        match u32::from_str_radix(if digits.is_empty() { "0" } else { digits }, 8) {
            Ok(mode) if mode <= 0o7777 && text.len() <= 5 => Some(mode),
            _ => {
                self.fault(node.span, &format!("`{text}` is not a mode"), "expected octal digits, such as 0755");
                None
            }
        }
    }

    fn command_name(&mut self, span: Span, name: &str) -> bool {
        let fits = |b: u8| b.is_ascii_graphic() && !b"/'\"\\$`*?[]".contains(&b);
        if !name.is_empty() && name.bytes().all(fits) && name != "." && name != ".." && !name.starts_with('-') {
            return true;
        }
        self.fault(span, "not a command's name", "expected a name without a slash, a blank or shell letters");
        false
    }

    fn unknown(&mut self, span: Span, written: &str, what: &str, known: &[&str]) {
        let fault = Diagnostic::error(span, format!("unknown {what}: `{written}`"))
            .hint(format!("known are {}", known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")))
            .did_you_mean(written, known.iter().copied());
        self.faults.push(fault);
    }

    fn fault(&mut self, span: Span, message: &str, expected: &str) {
        self.faults.push(Diagnostic::error(span, message).label(expected));
    }
}

fn has_dots(path: &str) -> bool {
    path.split('/').any(|part| part == ".." || part == ".") || path.contains('\0')
}

fn is_user_name(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'.';
    !name.is_empty() && name.len() <= 32 && !name.starts_with(['-', '.']) && name.bytes().all(fits)
}
