//! What makes the private root a host: its users, names, trust, stand-ins and files. Runs after the pivot, so that
//! every path is the host's own.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use super::root::{OWN, bind, make_directory, trouble};
use crate::rehearse::refused::Refused;
use crate::rehearse::world::{StandIn, World};

/// The login user's id inside.
pub(super) const LOGIN_ID: u32 = 1000;

/// Files that some program takes for the list of certificate authorities.
const TRUST_STORES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Where commands are looked for.
const COMMAND_PLACES: &[&str] =
    &["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/games", "/usr/local/games"];

/// The login user as the host knows it.
#[derive(Clone, Debug)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) home: String,
    pub(super) shell: String,
    pub(super) id: u32,
}

/// Makes the private root the host that the world describes.
pub(super) fn provision(world: &World, authority: &str) -> Result<Login, Refused> {
    let shell = match &world.shell {
        Some(shell) if Path::new(shell).exists() => shell.clone(),
        Some(shell) => {
            return Err(Refused::new(
                format!("this machine has no {shell}, which the rehearsal file names as the login shell"),
                "install it, or name another under `host: { shell: … }`",
            ));
        }
        None if Path::new("/bin/bash").exists() => "/bin/bash".to_owned(),
        None => "/bin/sh".to_owned(),
    };
    let id = if world.user == "root" { 0 } else { LOGIN_ID };
    let home = if id == 0 { "/root".to_owned() } else { world.home.clone() };
    let login = Login { user: world.user.clone(), home, shell, id };
    users(&login)?;
    names(world)?;
    trust(authority)?;
    home_of(&login)?;
    machine(world)?;
    commands(world)?;
    for file in &world.files {
        let path = match file.path.strip_prefix("~/") {
            Some(rest) => Path::new(&login.home).join(rest),
            None => PathBuf::from(&file.path),
        };
        make_parents(&path)?;
        put(&path, file.content.as_bytes(), file.mode)?;
    }
    Ok(login)
}

/// Gives every directory in which the login user may write a mount of its own: the rest becomes read-only for it.
pub(super) fn open_writable_places(login: &Login) -> Result<(), Refused> {
    let runtime = format!("/run/user/{}", login.id);
    make_parents(Path::new(&runtime))?;
    make_directory(Path::new(&runtime), 0o700)?;
    let own_log = format!("{OWN}/log");
    for place in ["/tmp", "/var/tmp", "/dev/shm", login.home.as_str(), runtime.as_str(), own_log.as_str()] {
        bind(Path::new(place), Path::new(place))?;
    }
    Ok(())
}

fn users(login: &Login) -> Result<(), Refused> {
    // The machine's people stay out; its system users stay, since packages and tools name them.
    let system = |line: &&str| {
        let mut fields = line.split(':');
        let name = fields.next().unwrap_or_default();
        let id = fields.nth(1).and_then(|id| id.parse::<u32>().ok());
        name != "root" && name != login.user && id.is_some_and(|id| (1..LOGIN_ID).contains(&id) || id >= 65534)
    };
    let mut passwd = format!("root:x:0:0:root:/root:{}\n", login.shell);
    let mut group = "root:x:0:\n".to_owned();
    if login.id != 0 {
        let Login { user, home, shell, id } = login;
        let _ = writeln!(passwd, "{user}:x:{id}:{id}::{home}:{shell}");
        let _ = writeln!(group, "{user}:x:{id}:");
    }
    for (file, text) in [("/etc/passwd", &mut passwd), ("/etc/group", &mut group)] {
        for line in fs::read_to_string(file).unwrap_or_default().lines().filter(system) {
            text.push_str(line);
            text.push('\n');
        }
        put(Path::new(file), text.as_bytes(), 0o644)?;
    }
    let shadow = format!("root:!:19000::::::\n{}:!:19000:0:99999:7:::\n", login.user);
    put(Path::new("/etc/shadow"), shadow.as_bytes(), 0o640)
}

fn names(world: &World) -> Result<(), Refused> {
    let mut hosts = format!("127.0.0.1 localhost\n127.0.0.1 {}\n", world.hostname);
    let mut known: Vec<&str> = Vec::new();
    for url in &world.urls {
        if url.name.parse::<std::net::Ipv4Addr>().is_err() && !known.contains(&url.name.as_str()) {
            known.push(&url.name);
            let _ = writeln!(hosts, "127.0.0.1 {}", url.name);
        }
    }
    put(Path::new("/etc/hosts"), hosts.as_bytes(), 0o644)?;
    put(Path::new("/etc/hostname"), format!("{}\n", world.hostname).as_bytes(), 0o644)?;
    put(Path::new("/etc/resolv.conf"), b"nameserver 127.0.0.1\noptions timeout:1 attempts:1\n", 0o644)?;
    let switch = Path::new("/etc/nsswitch.conf");
    let mut text: String = fs::read_to_string(switch)
        .unwrap_or_default()
        .lines()
        .filter(|line| !line.trim_start().starts_with("hosts:"))
        .fold(String::new(), |text, line| text + line + "\n");
    text.push_str("hosts: files dns\n");
    put(switch, text.as_bytes(), 0o644)?;
    rustix::system::sethostname(world.hostname.as_bytes()).map_err(|error| trouble("set the host's name", error))
}

fn trust(authority: &str) -> Result<(), Refused> {
    let mut somewhere = false;
    for store in TRUST_STORES {
        // A link may lead to another of them, which would then hold the authority twice; that does no harm.
        let Ok(mut text) = fs::read_to_string(store) else { continue };
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(authority);
        let real = fs::canonicalize(store).unwrap_or_else(|_| PathBuf::from(store));
        put(&real, text.as_bytes(), 0o644)?;
        somewhere = true;
    }
    if !somewhere {
        let store = Path::new(TRUST_STORES[0]);
        make_parents(store)?;
        put(store, authority.as_bytes(), 0o644)?;
    }
    Ok(())
}

fn home_of(login: &Login) -> Result<(), Refused> {
    let home = Path::new(&login.home);
    make_parents(home)?;
    if !home.is_dir() {
        make_directory(home, 0o700)?;
    }
    for entry in fs::read_dir("/etc/skel").into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_file())
            && let Ok(bytes) = fs::read(entry.path())
        {
            put(&home.join(entry.file_name()), &bytes, 0o644)?;
        }
    }
    Ok(())
}

fn machine(world: &World) -> Result<(), Refused> {
    let mut random = [0_u8; 16];
    fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut random))
        .map_err(|error| trouble("/dev/urandom", error))?;
    put(Path::new("/etc/machine-id"), format!("{}\n", crate::ids::hex(&random)).as_bytes(), 0o444)?;
    if !world.os_release.is_empty() {
        let text = world.os_release.iter().fold(String::new(), |mut text, (name, value)| {
            let quoted = value.replace('\\', r"\\").replace('"', "\\\"").replace('$', r"\$").replace('`', "\\`");
            let _ = writeln!(text, "{name}=\"{quoted}\"");
            text
        });
        put(Path::new("/etc/os-release"), text.as_bytes(), 0o644)?;
        // What other systems say of themselves would contradict it.
        for contrary in ["/etc/debian_version", "/etc/redhat-release", "/etc/system-release", "/etc/lsb-release"] {
            let _ = fs::remove_file(contrary);
        }
    }
    // What the machine's administrator set for everybody (proxies, JAVA_HOME, …) is not what a fresh host has.
    for setting in ["/etc/environment", "/etc/wgetrc"] {
        let _ = fs::remove_file(setting);
    }
    for entry in fs::read_dir("/etc/profile.d").into_iter().flatten().flatten() {
        let _ = fs::remove_file(entry.path());
    }
    make_directory_if_missing(Path::new("/var/tmp"), 0o1777)?;
    make_directory_if_missing(Path::new("/usr/local/bin"), 0o755)
}

/// Puts the stand-ins where their names are found, whichever way `PATH` is set, and takes away what shall be absent.
fn commands(world: &World) -> Result<(), Refused> {
    let own = Path::new(OWN);
    for (directory, mode) in [("commands", 0o755), ("log", 0o1777)] {
        make_directory(&own.join(directory), mode)?;
    }
    put(&own.join("log/used"), b"", 0o666)?;
    for name in world.absent.iter().chain(world.commands.iter().map(|command| &command.name)) {
        remove_command(name)?;
    }
    for StandIn { name, script } in &world.commands {
        let played = own.join("commands").join(name);
        let first = if script.starts_with("#!") { "" } else { "#!/bin/sh\n" };
        put(&played, format!("{first}{script}").as_bytes(), 0o755)?;
        // A name cannot hold a quote, so that it stands between quotes as it is.
        let wrapper = format!(
            "#!/bin/sh\n# A stand-in of the rehearsal: it notes that it was used and plays its part.\n\
             {{ echo '{name}' >> {OWN}/log/used; }} 2> /dev/null\nexec '{}' \"$@\"\n",
            played.display()
        );
        put(&Path::new("/usr/bin").join(name), wrapper.as_bytes(), 0o755)?;
    }
    remove_command("sudo")?;
    if world.absent.iter().any(|name| name == "sudo") {
        return Ok(());
    }
    let sudo = format!("#!/bin/sh\nexec {OWN}/pinboot {} sudo \"$@\"\n", crate::rehearse::role::HIDDEN);
    put(Path::new("/usr/bin/sudo"), sudo.as_bytes(), 0o755)
}

fn remove_command(name: &str) -> Result<(), Refused> {
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

/// Writes a file as the host's root does: in place of whatever was there, with exactly this mode.
fn put(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Refused> {
    let write = || -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        chown(path, Some(0), Some(0))
    };
    write().map_err(|error| trouble(&path.display(), error))
}

fn make_parents(path: &Path) -> Result<(), Refused> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(|error| trouble(&parent.display(), error))
}

fn make_directory_if_missing(path: &Path, mode: u32) -> Result<(), Refused> {
    if path.is_dir() {
        return Ok(());
    }
    make_directory(path, mode)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(|error| trouble(&path.display(), error))
}
