//! The rehearsal file of a playbook, and those that it builds on.

use std::path::{Path, PathBuf};

use super::args::RehearseArgs;
use super::error::CommandError;
use crate::inventory::Host;
use crate::node::Node;
use crate::rehearse::{World, world};
use crate::source::{Diagnostic, Severity, Sources};

/// The rehearsal file, read and checked, for one host; `None` if the playbook has none.
pub(super) fn read_world(args: &RehearseArgs, host: &Host) -> Result<Option<World>, CommandError> {
    let path = args.world.clone().unwrap_or_else(|| World::beside(&args.playbook));
    let own = (args.world.is_some() || path.exists()).then_some(path.as_path());
    let Some(named) = own.or(args.on.as_deref()) else { return Ok(None) };
    let mut world = plain_world(host);
    if let Some(own) = own {
        world = read_over(world, own, &mut Vec::new())?;
    }
    if let Some(on) = &args.on {
        world = read_over(world, on, &mut Vec::new())?;
        world.shared = world.stand_ins();
        // What the playbook's own file says holds on every system.
        if let Some(own) = own {
            let (document, sources) = read_document(own)?;
            world = parse_over(world, &document, own, &sources)?;
        }
    }
    world.file = Some(named.display().to_string());
    Ok(Some(world))
}

/// A rehearsal file over those that it builds on; `open` are the files that build on it.
fn read_over(base: World, path: &Path, open: &mut Vec<PathBuf>) -> Result<World, CommandError> {
    let (document, sources) = read_document(path)?;
    let mut base = base;
    open.push(path.to_owned());
    for like in world::like(&document) {
        let below = path.parent().map(Path::to_owned).unwrap_or_default().join(like.value);
        let refused = if open.contains(&below) {
            let circle = Diagnostic::error(like.span, "the rehearsal files build on each other in a circle");
            Some(circle.hint("remove `like` from one of them"))
        } else if below.is_file() {
            None
        } else {
            let missing = Diagnostic::error(like.span, format!("no such file: `{}`", below.display()));
            Some(missing.hint("write the path from the folder of this file"))
        };
        if let Some(refused) = refused {
            return Err(CommandError::diagnostics(&[refused], &sources));
        }
        base = read_over(base, &below, open)?;
    }
    open.pop();
    parse_over(base, &document, path, &sources)
}

/// A rehearsal file as YAML.
fn read_document(path: &Path) -> Result<(Node, Sources), CommandError> {
    let bytes = std::fs::read(path)
        .map_err(|error| CommandError::input(format!("cannot read the rehearsal file {}: {error}", path.display())))?;
    let name = path.display().to_string();
    let mut sources = Sources::default();
    let text = crate::node::decode(&name, bytes).map_err(|error| CommandError::diagnostics(&[*error], &sources))?;
    let id = sources.add(name, text);
    let document =
        crate::node::parse(id, &sources.get(id).text).map_err(|errors| CommandError::diagnostics(&errors, &sources))?;
    Ok((document, sources))
}

fn parse_over(base: World, document: &Node, path: &Path, sources: &Sources) -> Result<World, CommandError> {
    let folder = path.parent().map(PathBuf::from).unwrap_or_default();
    let (world, found) = world::parse_over(base, document, &folder, &|path| path.is_file());
    if found.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return Err(CommandError::diagnostics(&found, sources));
    }
    Ok(world)
}

/// A world without stand-ins for the playbook's own login user.
pub(super) fn plain_world(host: &Host) -> World {
    let home = if host.user == "root" { "/root".to_owned() } else { format!("/home/{}", host.user) };
    World { user: host.user.clone(), home, ..World::default() }
}
