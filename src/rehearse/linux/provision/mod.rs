//! Turns the private root into the host that the world describes: users, names, certificates, stand-ins and files.
//!
//! It runs after the pivot, so every path is the host's own.

mod commands;
mod files;
mod login;
mod system;

use std::path::{Path, PathBuf};

use self::files::{give, make_parents_of, put};
use super::places::LOG;
use super::root::bind;
use crate::rehearse::refused::Refused;
use crate::rehearse::world::World;

pub(super) use self::login::Login;

/// Makes the private root the host that the world describes; `authority` is the mirror's certificate.
pub(super) fn provision(world: &World, authority: &str) -> Result<Login, Refused> {
    let login = Login::new(world)?;
    system::users(&login)?;
    system::names(world)?;
    system::trust(authority)?;
    system::home_of(&login)?;
    system::runtime_of(&login)?;
    system::machine(world)?;
    commands::install(world)?;
    for file in &world.files {
        let path = match file.path.strip_prefix("~/") {
            Some(rest) => Path::new(&login.home).join(rest),
            None => PathBuf::from(&file.path),
        };
        let owner = if path.starts_with(&login.home) { login.owner() } else { 0 };
        make_parents_of(&path, owner)?;
        put(&path, file.content.as_bytes(), file.mode)?;
        give(&path, owner)?;
    }
    Ok(login)
}

/// Gives every directory that the login user may write to a mount of its own; the rest becomes read-only for it.
pub(super) fn open_writable_places(login: &Login) -> Result<(), Refused> {
    let runtime = system::runtime(login);
    for place in ["/tmp", "/var/tmp", "/dev/shm", login.home.as_str(), runtime.as_str(), LOG] {
        bind(Path::new(place), Path::new(place))?;
    }
    Ok(())
}
