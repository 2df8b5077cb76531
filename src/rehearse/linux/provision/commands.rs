//! The commands that the rehearsal file replaces or removes, and the host's `sudo`.

use std::fs;
use std::io;
use std::path::Path;

use super::super::places::{LOG, OWN, PROGRAM, USED_COMMANDS};
use super::super::root::{make_directory, trouble};
use super::files::put;
use crate::rehearse::refused::Refused;
use crate::rehearse::role::HIDDEN;
use crate::rehearse::world::{StandIn, World};

/// Where commands are looked for.
const COMMAND_PLACES: &[&str] =
    &["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/games", "/usr/local/games"];

/// Installs the stand-ins, so that every `PATH` leads to them, and removes the commands that must be absent.
pub(super) fn install(world: &World) -> Result<(), Refused> {
    let scripts = Path::new(OWN).join("commands");
    make_directory(&scripts, 0o755)?;
    make_directory(Path::new(LOG), 0o1777)?;
    put(Path::new(USED_COMMANDS), b"", 0o666)?;
    for name in world.absent.iter().chain(world.commands.iter().map(|command| &command.name)) {
        remove(name)?;
    }
    for StandIn { name, script } in &world.commands {
        let place = scripts.join(name);
        let first = if script.starts_with("#!") { "" } else { "#!/bin/sh\n" };
        put(&place, format!("{first}{script}").as_bytes(), 0o755)?;
        // The name of a command has no quotes, so it needs no escaping between them.
        let wrapper = format!(
            "#!/bin/sh\n# A stand-in of the rehearsal: records that it was used, then runs its script.\n\
             {{ echo '{name}' >> {USED_COMMANDS}; }} 2> /dev/null\nexec '{}' \"$@\"\n",
            place.display()
        );
        put(&Path::new("/usr/bin").join(name), wrapper.as_bytes(), 0o755)?;
    }
    remove("sudo")?;
    if world.absent.iter().any(|name| name == "sudo") {
        return Ok(());
    }
    put(Path::new("/usr/bin/sudo"), format!("#!/bin/sh\nexec {PROGRAM} {HIDDEN} sudo \"$@\"\n").as_bytes(), 0o755)
}

fn remove(name: &str) -> Result<(), Refused> {
    for place in COMMAND_PLACES {
        let path = Path::new(place).join(name);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => return Err(trouble(&path.display(), error)),
        }
    }
    Ok(())
}
