//! `urls`: what each URL answers, and the trees of archives.

use std::path::PathBuf;

use super::reader::{Reader, has_dots};
use crate::node::{Node, Value};
use crate::rehearse::world::model::{Body, TreeEntry, TreeKind, Url, UrlAnswer, World};
use crate::source::{Diagnostic, Span};

const ANSWER: &[&str] = &["body", "tgz", "zip", "file", "status", "type", "redirect", "cut_after"];
const TREE_ENTRY: &[&str] = &["content", "mode", "link", "directory"];

/// Reads `urls`.
pub(super) fn urls(reader: &mut Reader<'_>, node: &Node, world: &mut World) {
    let mut ports: Vec<(u16, bool, Span)> = Vec::new();
    let mut own: Vec<Url> = Vec::new();
    for entry in reader.map(node, "a map from a URL to its answer") {
        let mut url = match Url::parse(&entry.key) {
            Ok(url) => url,
            Err(expected) => {
                reader.error(entry.key_span, "invalid URL", expected);
                continue;
            }
        };
        match ports.iter().find(|(port, secure, _)| *port == url.port && *secure != url.secure) {
            Some((port, secure, first)) => {
                let scheme = if *secure { "https" } else { "http" };
                reader.diagnostics.push(
                    Diagnostic::error(entry.key_span, format!("port {port} already serves {scheme}"))
                        .related(*first, "first used here"),
                );
            }
            None => ports.push((url.port, url.secure, entry.key_span)),
        }
        if let Some(same) = own.iter().find(|known| known.text() == url.text()) {
            reader.diagnostics.push(
                Diagnostic::error(entry.key_span, format!("duplicate URL `{}`", same.text()))
                    .hint("give the URL a list of answers: they are sent one after the other"),
            );
        }
        url.answers = match &entry.value.value {
            Value::List(items) if items.is_empty() => {
                reader.error(entry.value.span, "no answer", "expected at least one answer");
                Vec::new()
            }
            Value::List(items) => items.iter().map(|item| answer(reader, item)).collect(),
            _ => vec![answer(reader, &entry.value)],
        };
        own.push(url);
    }
    world.urls.retain(|known| own.iter().all(|url| url.text() != known.text()));
    world.urls.append(&mut own);
}

fn answer(reader: &mut Reader<'_>, node: &Node) -> UrlAnswer {
    let mut answer = UrlAnswer::default();
    if matches!(node.value, Value::Scalar { .. }) {
        answer.body = Body::Text(reader.text(node).unwrap_or_default());
        return answer;
    }
    let mut bodies: Vec<Span> = Vec::new();
    let mut status = None;
    for entry in reader.map(node, "the body's text, or a map with `body`, `tgz`, `zip`, `file`, `status`, …") {
        match entry.key.as_str() {
            "body" => answer.body = Body::Text(reader.text(&entry.value).unwrap_or_default()),
            "tgz" => answer.body = Body::Tgz(tree(reader, &entry.value)),
            "zip" => answer.body = Body::Zip(tree(reader, &entry.value)),
            "file" => {
                if let Some(path) = reader.text(&entry.value) {
                    answer.body = Body::File(local_file(reader, entry.value.span, &path));
                }
            }
            "status" => status = reader.number(&entry.value, 200, 599),
            "type" => answer.content_type = reader.header(&entry.value),
            "redirect" => answer.location = reader.header(&entry.value),
            "cut_after" => answer.cut_after = reader.number(&entry.value, 0, u64::MAX),
            _ => reader.unknown_key(entry, "of an answer", ANSWER),
        }
        if matches!(entry.key.as_str(), "body" | "tgz" | "zip" | "file") {
            bodies.push(entry.key_span);
        }
    }
    if let [first, second, ..] = bodies[..] {
        reader
            .diagnostics
            .push(Diagnostic::error(second, "an answer has only one body").related(first, "first given here"));
    }
    let default = if answer.location.is_some() { 302 } else { 200 };
    answer.status = status.and_then(|number| u16::try_from(number).ok()).unwrap_or(default);
    answer
}

fn local_file(reader: &mut Reader<'_>, span: Span, written: &str) -> PathBuf {
    let tried = [reader.folder.join(written), PathBuf::from(written)];
    if let Some(path) = tried.iter().find(|path| (reader.is_file)(path)) {
        return path.clone();
    }
    let hint = format!("looked for {} and {written}", tried[0].display());
    reader.diagnostics.push(Diagnostic::error(span, format!("no such file: `{written}`")).hint(hint));
    tried[0].clone()
}

fn tree(reader: &mut Reader<'_>, node: &Node) -> Vec<TreeEntry> {
    let mut tree = Vec::new();
    for entry in reader.map(node, "a map from a path in the archive to its content") {
        let path = entry.key.trim_end_matches('/');
        if path.is_empty() || path.starts_with('/') || has_dots(path) || path.len() > 255 {
            let expected = "expected a relative path without `..`, of at most 255 bytes";
            reader.error(entry.key_span, "invalid path in an archive", expected);
            continue;
        }
        let directory = entry.key.ends_with('/');
        let mut mode = None;
        let mut what = if directory { TreeKind::Directory } else { TreeKind::File(String::new()) };
        match &entry.value.value {
            Value::Map(fields) => {
                for field in fields {
                    match field.key.as_str() {
                        "content" => what = TreeKind::File(reader.text(&field.value).unwrap_or_default()),
                        "link" => what = TreeKind::Link(reader.text(&field.value).unwrap_or_default()),
                        "directory" => what = TreeKind::Directory,
                        "mode" => mode = reader.mode(&field.value),
                        _ => reader.unknown_key(field, "of an entry of an archive", TREE_ENTRY),
                    }
                }
            }
            Value::Null => {}
            _ => what = TreeKind::File(reader.text(&entry.value).unwrap_or_default()),
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
