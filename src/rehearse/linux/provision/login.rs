//! The login user.

use std::path::Path;

use super::super::ids::{self, LOGIN_ID};
use crate::rehearse::refused::Refused;
use crate::rehearse::world::World;

/// The login user as the host knows it.
#[derive(Clone, Debug)]
pub(in crate::rehearse::system) struct Login {
    pub(in crate::rehearse::system) user: String,
    pub(in crate::rehearse::system) home: String,
    pub(in crate::rehearse::system) shell: String,
    pub(in crate::rehearse::system) id: u32,
}

impl Login {
    /// The id that its files belong to as the host's root sees it: 0 where all users of the host share one.
    pub(super) fn owner(&self) -> u32 {
        if ids::are_many() { self.id } else { 0 }
    }
}

impl Login {
    /// The login user that the world describes.
    pub(super) fn new(world: &World) -> Result<Self, Refused> {
        let shell = match &world.shell {
            Some(shell) if Path::new(shell).exists() => shell.clone(),
            Some(shell) => {
                return Err(Refused::new(
                    format!("this machine has no {shell}, which the rehearsal file names as the login shell"),
                    "install it, or name another shell under `host: { shell: … }`",
                ));
            }
            None if Path::new("/bin/bash").exists() => "/bin/bash".to_owned(),
            None => "/bin/sh".to_owned(),
        };
        let id = if world.user == "root" { 0 } else { LOGIN_ID };
        let home = if id == 0 { "/root".to_owned() } else { world.home.clone() };
        Ok(Self { user: world.user.clone(), home, shell, id })
    }
}
