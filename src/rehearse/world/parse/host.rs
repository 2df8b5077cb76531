//! The parts of a rehearsal file that describe the host itself: `host`, `commands` and `files`.

use super::reader::{Reader, has_dots};
use crate::node::{Node, Value};
use crate::rehearse::world::model::{HostFile, StandIn, World};
use crate::source::Diagnostic;

const HOST: &[&str] = &["user", "home", "shell", "hostname", "os_release"];
const FILE: &[&str] = &["content", "mode"];

/// Reads `host`; returns whether it sets the home directory.
pub(super) fn host(reader: &mut Reader<'_>, node: &Node, world: &mut World) -> bool {
    let mut home_given = false;
    for entry in reader.map(node, "a map with `user`, `home`, `shell`, `hostname`, `os_release`") {
        match entry.key.as_str() {
            "user" => {
                if let Some(user) = user_name(reader, &entry.value) {
                    world.user = user;
                }
            }
            "home" => {
                if let Some(home) = reader.absolute(&entry.value) {
                    world.home = home;
                    home_given = true;
                }
            }
            "shell" => world.shell = reader.absolute(&entry.value).or(world.shell.take()),
            "hostname" => {
                if let Some(name) = host_name(reader, &entry.value) {
                    world.hostname = name;
                }
            }
            "os_release" => os_release(reader, &entry.value, world),
            _ => reader.unknown_key(entry, "in `host`", HOST),
        }
    }
    home_given
}

fn user_name(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let name = reader.text(node)?;
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'.';
    if name.is_empty() || name.len() > 32 || name.starts_with(['-', '.']) || !name.bytes().all(fits) {
        reader.error(node.span, "invalid user name", "expected at most 32 letters, digits, `-` and `_`");
        return None;
    }
    Some(name)
}

fn host_name(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let name = reader.text(node)?;
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
        reader.error(node.span, "invalid host name", "expected at most 64 letters, digits, `-` and `.`");
        return None;
    }
    Some(name)
}

fn os_release(reader: &mut Reader<'_>, node: &Node, world: &mut World) {
    world.os_release.clear();
    for line in reader.map(node, "a map such as `{ ID: amzn, VERSION_ID: \"2\" }`") {
        let fits = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        if line.key.is_empty() || !line.key.bytes().all(fits) {
            let expected = "expected capital letters, digits and `_`, such as `VERSION_ID`";
            reader.error(line.key_span, "invalid name in os-release", expected);
        } else if let Some(value) = reader.text(&line.value) {
            if value.contains('\n') {
                reader.error(line.value.span, "a value in os-release has only one line", "expected one line");
            } else {
                world.os_release.push((line.key.clone(), value));
            }
        }
    }
}

/// Reads `commands`.
pub(super) fn commands(reader: &mut Reader<'_>, node: &Node, world: &mut World) {
    for entry in reader.map(node, "a map from a command's name to its script") {
        if !reader.command_name(entry.key_span, &entry.key) {
            continue;
        }
        if entry.key == "sudo" {
            reader.diagnostics.push(
                Diagnostic::error(entry.key_span, "`sudo` cannot have a stand-in")
                    .hint("remove it: the host has a sudo that asks for no password"),
            );
        } else if let Some(script) = reader.text(&entry.value) {
            world.commands.retain(|command| command.name != entry.key);
            world.absent.retain(|name| *name != entry.key);
            world.commands.push(StandIn { name: entry.key.clone(), script });
        }
    }
}

/// Reads `files`.
pub(super) fn files(reader: &mut Reader<'_>, node: &Node, world: &mut World) {
    for entry in reader.map(node, "a map from a path on the host to its content") {
        let path = &entry.key;
        if !(path.starts_with('/') || path.starts_with("~/")) || path.ends_with('/') || has_dots(path) {
            let expected = "expected a path that starts with `/` or `~/`, without `..`";
            reader.error(entry.key_span, "invalid path on the host", expected);
            continue;
        }
        let mut file = HostFile { path: path.clone(), mode: 0o644, content: String::new() };
        if let Value::Map(fields) = &entry.value.value {
            for field in fields {
                match field.key.as_str() {
                    "content" => file.content = reader.text(&field.value).unwrap_or_default(),
                    "mode" => file.mode = reader.mode(&field.value).unwrap_or(file.mode),
                    _ => reader.unknown_key(field, "of a file", FILE),
                }
            }
        } else {
            file.content = reader.text(&entry.value).unwrap_or_default();
        }
        world.files.retain(|known| known.path != file.path);
        world.files.push(file);
    }
}
