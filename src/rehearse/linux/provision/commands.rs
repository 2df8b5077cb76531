//! The commands that the rehearsal file replaces or removes, and the host's `sudo`.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::super::ids::{self, MORE_IDS};
use super::super::places::{LOG, MISSED_ID, OWN, PROGRAM, USED_COMMANDS};
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
    if !ids::are_many() {
        explain_missing_ids()?;
    }
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

/// Programs that give files to users: where all users share one id, they fail with an error that explains nothing.
const GIVERS: &[&str] = &["chown", "chgrp", "useradd"];

/// Makes those programs say why they fail on a host with one id, and records that one of them did.
fn explain_missing_ids() -> Result<(), Refused> {
    let real = Path::new(OWN).join("real");
    make_directory(&real, 0o755)?;
    for name in GIVERS {
        let Some(found) = COMMAND_PLACES.iter().map(|place| Path::new(place).join(name)).find(|path| path.exists())
        else {
            continue;
        };
        let kept = real.join(name);
        // Behind the link may be a program that goes by its own name, as busybox does.
        let failed = |error: io::Error| trouble(&found.display(), error);
        symlink(fs::canonicalize(&found).map_err(failed)?, &kept).map_err(failed)?;
        if fs::symlink_metadata(&found).is_ok_and(|meta| !meta.is_symlink()) {
            fs::remove_file(&kept).map_err(failed)?;
            fs::copy(&found, &kept).map_err(failed)?;
        }
        let wrapper = format!(
            "#!/bin/sh\n{{ errors=$(LC_ALL=C '{}' \"$@\" 2>&1 >&3); }} 3>&1\nstatus=$?\n\
             [ -z \"$errors\" ] || printf '%s\\n' \"$errors\" >&2\ncase $errors in\n*'Invalid argument'*)\n    : > {MISSED_ID}\n    \
             echo 'pinboot: all users of this throw-away host share one user id, so that no file can belong to another \
             user: {MORE_IDS}' >&2\n    ;;\nesac\nexit \"$status\"\n",
            kept.display()
        );
        put(&found, wrapper.as_bytes(), 0o755)?;
    }
    Ok(())
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
