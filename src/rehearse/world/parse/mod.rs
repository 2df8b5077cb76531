//! From the YAML of a rehearsal file to a [`World`], with every error at its own place and all of them at once.

mod host;
mod reader;
mod urls;

use std::path::Path;

use self::reader::Reader;
use crate::node::{Node, Value};
use crate::rehearse::world::model::World;
use crate::source::{Diagnostic, Span, Spanned};

const TOP: &[&str] = &["like", "host", "urls", "commands", "absent", "files"];

/// Reads a rehearsal file.
///
/// Local files are looked for in the rehearsal file's directory (`folder`) and then by the path as it is written;
/// `is_file` says whether a file exists. The world can be used only if no diagnostic is an error.
pub fn parse(document: &Node, folder: &Path, is_file: &dyn Fn(&Path) -> bool) -> (World, Vec<Diagnostic>) {
    parse_over(World::default(), document, folder, is_file)
}

/// Reads a rehearsal file; what it does not say is as in another world.
pub fn parse_over(
    base: World,
    document: &Node,
    folder: &Path,
    is_file: &dyn Fn(&Path) -> bool,
) -> (World, Vec<Diagnostic>) {
    let mut reader = Reader { folder, is_file, diagnostics: Vec::new() };
    let world = world(&mut reader, base, document);
    (world, reader.diagnostics)
}

/// The rehearsal files that a rehearsal file builds on, the lowest first, as they are written there, with their places.
pub fn like(document: &Node) -> Vec<Spanned<&str>> {
    let Value::Map(entries) = &document.value else { return Vec::new() };
    let nodes = match entries.iter().find(|entry| entry.key == "like").map(|entry| &entry.value) {
        Some(Node { value: Value::List(items), .. }) => items.as_slice(),
        Some(node) => std::slice::from_ref(node),
        None => &[],
    };
    nodes.iter().filter_map(|node| Some(Spanned { value: node.as_text()?, span: node.span })).collect()
}

fn world(reader: &mut Reader<'_>, base: World, document: &Node) -> World {
    let user = base.user.clone();
    let mut world = base;
    world.shared = world.stand_ins();
    if document.value == Value::Null {
        return world;
    }
    let mut home_given = false;
    for entry in reader.map(document, "a map with `like`, `host`, `urls`, `commands`, `absent`, `files`") {
        match entry.key.as_str() {
            "like" => match &entry.value.value {
                Value::List(items) => items.iter().for_each(|item| drop(reader.text(item))),
                _ => drop(reader.text(&entry.value)),
            },
            "host" => home_given = host::host(reader, &entry.value, &mut world),
            "urls" => urls::urls(reader, &entry.value, &mut world),
            "commands" => host::commands(reader, &entry.value, &mut world),
            "absent" => {
                for item in reader.list(&entry.value, "a list of command names") {
                    if let Some(name) = reader.text(item).filter(|name| reader.command_name(item.span, name)) {
                        world.commands.retain(|command| command.name != name);
                        world.absent.push(name);
                    }
                }
            }
            "files" => host::files(reader, &entry.value, &mut world),
            _ => reader.unknown_key(entry, "", TOP),
        }
    }
    let own = |part: &str| match &document.value {
        Value::Map(entries) => match entries.iter().find(|entry| entry.key == part).map(|entry| &entry.value.value) {
            Some(Value::Map(entries)) => entries.iter().map(|entry| entry.key.clone()).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    let own = [own("commands"), own("urls")].concat();
    world.shared.retain(|name| !own.contains(name));
    if !home_given && world.user != user {
        world.home = if world.user == "root" { "/root".to_owned() } else { format!("/home/{}", world.user) };
    }
    for (name, span) in present_and_absent(document) {
        reader.diagnostics.push(
            Diagnostic::error(span, format!("`{name}` is both a stand-in and absent"))
                .hint("remove it from `absent` or from `commands`"),
        );
    }
    world
}

/// The commands that are under `commands` as well as under `absent`.
fn present_and_absent(document: &Node) -> Vec<(String, Span)> {
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
