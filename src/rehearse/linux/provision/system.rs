//! The host's configuration: its users, names, certificates and identity.

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use super::super::ids::{self, LOGIN_ID};
use super::super::root::{make_directory, trouble};
use super::files::{give, make_directory_if_missing, make_parents, put};
use super::login::Login;
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
    let is_system = |id: u32| (1..LOGIN_ID).contains(&id) || id == 65534 || id == 65535;
    let mut passwd = vec![format!("root:x:0:0:root:/root:{}", login.shell)];
    let mut group = vec!["root:x:0:".to_owned()];
    if login.id != 0 {
        let Login { user, home, shell, id } = login;
        passwd.push(format!("{user}:x:{id}:{id}::{home}:{shell}"));
        group.push(format!("{user}:x:{id}:"));
    }
    for (file, lines) in [("/etc/passwd", &mut passwd), ("/etc/group", &mut group)] {
        for line in fs::read_to_string(file).unwrap_or_default().lines() {
            let fields: Vec<&str> = line.split(':').collect();
            let id = fields.get(2).and_then(|id| id.parse().ok());
            if fields[0] != "root" && fields[0] != login.user && id.is_some_and(is_system) {
                lines.push(line.to_owned());
            }
        }
    }
    let names: Vec<&str> = passwd.iter().filter_map(|line| line.split(':').next()).collect();
    let is_member = |name: &&str| *name != login.user && names.contains(name);
    for line in &mut group {
        let Some((front, members)) = line.rsplit_once(':') else { continue };
        let members: Vec<&str> = members.split(',').filter(is_member).collect();
        *line = format!("{front}:{}", members.join(","));
    }
    // No user has a password, and none of the machine's is known here.
    let shadow =
        lines_of(&passwd, |name| format!("{name}:{}:19000:0:99999:7:::", if name == "root" { "*" } else { "!" }));
    let gshadow = lines_of(&group, |name| format!("{name}:!::"));
    let shadow_group = group.iter().find_map(|line| line.strip_prefix("shadow:x:")?.split(':').next()?.parse().ok());
    put(Path::new("/etc/passwd"), (passwd.join("\n") + "\n").as_bytes(), 0o644)?;
    put(Path::new("/etc/group"), (group.join("\n") + "\n").as_bytes(), 0o644)?;
    for (file, text) in [("/etc/shadow", shadow), ("/etc/gshadow", gshadow)] {
        put(Path::new(file), text.as_bytes(), 0o640)?;
        if ids::are_many()
            && let Some(id) = shadow_group
        {
            chown(file, None, Some(id)).map_err(|error| trouble(file, error))?;
        }
    }
    for copy in ["/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/.pwd.lock"] {
        let _ = fs::remove_file(copy);
    }
    Ok(())
}

/// A line for the name in front of each of these lines.
fn lines_of(lines: &[String], line: impl Fn(&str) -> String) -> String {
    lines.iter().filter_map(|one| one.split(':').next()).map(|name| line(name) + "\n").collect()
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
    give(home, login.owner())?;
    for entry in fs::read_dir("/etc/skel").into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_file())
            && let Ok(bytes) = fs::read(entry.path())
        {
            let path = home.join(entry.file_name());
            put(&path, &bytes, 0o644)?;
            give(&path, login.owner())?;
        }
    }
    Ok(())
}

/// The directory of the login user's sessions.
pub(super) fn runtime(login: &Login) -> String {
    format!("/run/user/{}", login.id)
}

/// Makes that directory.
pub(super) fn runtime_of(login: &Login) -> Result<(), Refused> {
    let path = runtime(login);
    let path = Path::new(&path);
    make_parents(path)?;
    make_directory(path, 0o700)?;
    give(path, login.owner())
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
    // A host that is logged in to has it, and `sshd -t` looks for it.
    make_directory_if_missing(Path::new("/run/sshd"), 0o755)?;
    make_directory_if_missing(Path::new("/var/tmp"), 0o1777)?;
    make_directory_if_missing(Path::new("/usr/local/bin"), 0o755)
}
