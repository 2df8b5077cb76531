//! The host's configuration: its users, names, certificates and identity.

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::super::root::{make_directory, trouble};
use super::files::{make_directory_if_missing, make_parents, put};
use super::login::{LOGIN_ID, Login};
use crate::rehearse::refused::Refused;
use crate::rehearse::world::World;

/// Files that programs read certificate authorities from.
const TRUST_STORES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Writes the user database: root, the login user and the machine's system users.
pub(super) fn users(login: &Login) -> Result<(), Refused> {
    // Packages and tools refer to the machine's system users; its people are left out.
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

/// Sets the host's name, and makes the name server and the URLs' names resolve to the loopback address.
pub(super) fn names(world: &World) -> Result<(), Refused> {
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

/// Adds the mirror's authority to every trust store.
pub(super) fn trust(authority: &str) -> Result<(), Refused> {
    let mut found = false;
    for store in TRUST_STORES {
        // A store may be a link to another one, which then has the authority twice. That does no harm.
        let Ok(mut text) = fs::read_to_string(store) else { continue };
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(authority);
        let real = fs::canonicalize(store).unwrap_or_else(|_| PathBuf::from(store));
        put(&real, text.as_bytes(), 0o644)?;
        found = true;
    }
    if !found {
        let store = Path::new(TRUST_STORES[0]);
        make_parents(store)?;
        put(store, authority.as_bytes(), 0o644)?;
    }
    Ok(())
}

/// Makes the login user's home, with the files of `/etc/skel`.
pub(super) fn home_of(login: &Login) -> Result<(), Refused> {
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

/// Gives the host a machine id and the operating system of the rehearsal file, and removes the administrator's settings.
pub(super) fn machine(world: &World) -> Result<(), Refused> {
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
        // The machine's own files would contradict it.
        for contrary in ["/etc/debian_version", "/etc/redhat-release", "/etc/system-release", "/etc/lsb-release"] {
            let _ = fs::remove_file(contrary);
        }
    }
    // A fresh host has none of the settings of this machine's administrator, such as proxies or JAVA_HOME.
    for setting in ["/etc/environment", "/etc/wgetrc"] {
        let _ = fs::remove_file(setting);
    }
    for entry in fs::read_dir("/etc/profile.d").into_iter().flatten().flatten() {
        let _ = fs::remove_file(entry.path());
    }
    make_directory_if_missing(Path::new("/var/tmp"), 0o1777)?;
    make_directory_if_missing(Path::new("/usr/local/bin"), 0o755)
}
