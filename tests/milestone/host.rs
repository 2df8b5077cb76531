//! A stand-in for the EC2 host: a home directory, and a `PATH` on which stand-ins come first.
//!
//! Everything of it lies in one temporary folder:
//!
//! | place | what |
//! |---|---|
//! | `home/` | the login user's home, with the start-up files of Amazon Linux |
//! | `bin/` | the stand-ins, first on the `PATH` |
//! | `system/` | links to this machine's own programs, without its package managers, Java and AWS client |
//! | `shells/sh` | the shell under test, also `sh` on the `PATH` |
//! | `rpmdb/`, `repository/` | what is installed, and what yum can install |
//! | `broker/` | the topics, and every call of `kafka-topics.sh` |
//!
//! A real OpenSSH server leads a login there: `SetEnv HOME=… PATH=…` in its configuration wins over the password file's
//! home (tried with OpenSSH 9.2: `$HOME` and `~` are the temporary home, bash reads the `.bashrc` in it), so the exec
//! string runs as on any host, with no forced command in between. Only the first working directory stays the real
//! home: whatever relies on it instead of `$HOME` shows in a test as a file in the wrong place.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use pinboot::ids::Digest;
use tempfile::TempDir;

/// Programs of this machine that the host must not have unless a stand-in gives them.
const NOT_THERE: &[&str] = &[
    "apk",
    "apt",
    "apt-cache",
    "apt-get",
    "aws",
    "dnf",
    "dpkg",
    "dpkg-query",
    "java",
    "microdnf",
    "rpm",
    "sudo",
    "yum",
    "zypper",
];

/// Which program is the host's `sh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shell {
    /// Debian's and Ubuntu's.
    Dash,
    /// Amazon Linux's.
    Bash,
    /// That of small images.
    Busybox,
}

impl Shell {
    /// The program, if this machine has it.
    pub(crate) fn program(self) -> Option<PathBuf> {
        let name = match self {
            Self::Dash => "dash",
            Self::Bash => "bash",
            Self::Busybox => "busybox",
        };
        ["/bin", "/usr/bin"].iter().map(|dir| Path::new(dir).join(name)).find(|path| path.exists())
    }
}

/// The stand-in host; its folder goes with it.
pub(crate) struct Host {
    dir: TempDir,
}

impl Host {
    /// Lays out a fresh host: no Java, no Kafka, no AWS client, no topics.
    pub(crate) fn new(shell: Shell) -> Self {
        let dir = TempDir::with_prefix("pinboot-host-").expect("a temporary folder");
        let host = Self { dir };
        for folder in ["home", "bin", "system", "shells", "programs", "rpmdb", "repository", "broker"] {
            fs::create_dir(host.place(folder)).expect("a folder of the host");
        }
        host.stand_in("bin/yum", include_str!("stand-ins/yum"));
        host.stand_in("bin/rpm", include_str!("stand-ins/rpm"));
        host.stand_in("bin/sudo", include_str!("stand-ins/sudo"));
        host.stand_in("programs/java", include_str!("stand-ins/java"));
        host.write(
            "repository/java-1.8.0-openjdk",
            "full: java-1.8.0-openjdk-1.8.0.382.b05-1.amzn2.0.2.x86_64\nversion: 1.8.0.382.b05\n\
             provides: java-1.8.0-openjdk\nprovides: java-1.8.0\nprovides: java\nprogram: java\n",
        );
        host.write("broker/topics", "__amazon_msk_canary\n__consumer_offsets\n");
        host.write(
            "home/.bashrc",
            "# .bashrc\n\n# Source global definitions\nif [ -f /etc/bashrc ]; then\n\t. /etc/bashrc\nfi\n",
        );
        host.write(
            "home/.bash_profile",
            "# .bash_profile\n\n# Get the aliases and functions\nif [ -f ~/.bashrc ]; then\n\t. ~/.bashrc\nfi\n",
        );
        let sh = shell.program().expect("the shell under test is installed");
        symlink(&sh, host.shell()).expect("a link to the shell under test");
        host.link_system(&sh);
        host
    }

    /// A place in the host's folder.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The login user's home.
    pub(crate) fn home(&self) -> PathBuf {
        self.place("home")
    }

    /// The shell under test, under the name `sh`.
    pub(crate) fn shell(&self) -> PathBuf {
        self.place("shells/sh")
    }

    /// What a login has in its environment.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let path = format!("{}:{}", self.place("bin").display(), self.place("system").display());
        vec![("HOME".to_owned(), self.home().display().to_string()), ("PATH".to_owned(), path)]
    }

    /// Takes programs away.
    pub(crate) fn without(&self, programs: &[&str]) {
        for program in programs {
            for folder in ["bin", "system"] {
                let path = self.place(folder).join(program);
                if path.symlink_metadata().is_ok() {
                    fs::remove_file(path).expect("a program is taken away");
                }
            }
        }
    }

    /// Puts the AWS client's stand-in on the host; it is refused until `role_trusts_itself`.
    pub(crate) fn install_aws(&self) {
        self.stand_in("bin/aws", include_str!("stand-ins/aws"));
    }

    /// What the person does in the console.
    pub(crate) fn role_trusts_itself(&self) {
        self.write("role.trusted", "");
    }

    /// Lets sudo ask for a password.
    pub(crate) fn deny_sudo(&self) {
        self.write("sudo.denied", "");
    }

    /// Lets the broker refuse to create these topics, and no others.
    pub(crate) fn refuse_topics(&self, names: &[&str]) {
        self.write("broker/refused", &names.join("\n"));
    }

    /// The broker's topics, sorted.
    pub(crate) fn topics(&self) -> Vec<String> {
        let mut topics = self.lines("broker/topics");
        topics.sort();
        topics
    }

    /// The lines of a file of the host; none where it is not there.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        fs::read_to_string(self.place(name)).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Everything that a step could have changed: path, kind, mode, owner, time of change and digest of each entry of the
    /// home (without pinboot's own record), of what is installed and of the topics.
    pub(crate) fn tree(&self) -> BTreeMap<PathBuf, String> {
        let mut tree = BTreeMap::new();
        for folder in ["home", "bin", "rpmdb", "broker"] {
            self.walk(&self.place(folder), &mut tree);
        }
        tree.retain(|path, _| !path.ends_with("broker/calls") && !path.ends_with("broker/classpath"));
        tree
    }

    fn walk(&self, folder: &Path, tree: &mut BTreeMap<PathBuf, String>) {
        for entry in fs::read_dir(folder).expect("a folder of the host is read") {
            let path = entry.expect("an entry of the host").path();
            let name = path.strip_prefix(self.dir.path()).expect("a path of the host").to_owned();
            if name == Path::new("home/.pinboot") {
                continue;
            }
            let meta = path.symlink_metadata().expect("an entry's metadata");
            let mut line =
                format!("{:o} {}:{} {}.{:09}", meta.mode(), meta.uid(), meta.gid(), meta.mtime(), meta.mtime_nsec());
            if meta.is_file() {
                let bytes = fs::read(&path).expect("a file of the host is read");
                write!(line, " {}", Digest::of(&bytes)).expect("text grows");
            } else if meta.is_symlink() {
                write!(line, " -> {}", fs::read_link(&path).expect("a link is read").display()).expect("text grows");
            }
            tree.insert(name, line);
            if meta.is_dir() {
                self.walk(&path, tree);
            }
        }
    }

    /// Runs a program as a login of this host would, with more environment, and gives its output.
    pub(crate) fn run(&self, program: &Path, args: &[&str], more: &[(String, String)]) -> std::process::Output {
        Command::new(program)
            .args(args)
            .env_clear()
            .envs(self.environment())
            .envs(more.iter().cloned())
            .current_dir(self.home())
            .stdin(std::process::Stdio::null())
            .output()
            .expect("a program of the host starts")
    }

    /// Kafka's tarball under its own folder's name, with a stand-in for `kafka-topics.sh` that belongs to this host.
    pub(crate) fn kafka_archive(&self, name: &str) -> Vec<u8> {
        let dir = TempDir::with_prefix("pinboot-kafka-").expect("a temporary folder");
        let top = dir.path().join(name);
        for folder in ["bin", "libs", "config"] {
            fs::create_dir_all(top.join(folder)).expect("a folder of the archive");
        }
        let script =
            include_str!("stand-ins/kafka-topics.sh").replace("@world@", &self.dir.path().display().to_string());
        write_program(&top.join("bin/kafka-topics.sh"), &script);
        fs::write(
            top.join("libs").join(format!("{name}.jar")),
            zip("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\n"),
        )
        .expect("a jar of the archive");
        fs::write(top.join("config/server.properties"), "broker.id=0\n").expect("a file of the archive");
        fs::write(top.join("LICENSE"), "Apache License, Version 2.0\n").expect("a file of the archive");
        let archive = dir.path().join("archive.tgz");
        let status = Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(dir.path()).arg(name).status();
        assert!(status.expect("tar starts").success(), "tar packs the archive");
        fs::read(archive).expect("the archive is read")
    }

    /// Writes a stand-in, the host's own folder put in place of `@world@`.
    fn stand_in(&self, name: &str, text: &str) {
        write_program(&self.place(name), &text.replace("@world@", &self.dir.path().display().to_string()));
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.place(name), text).expect("a file of the host");
    }

    /// Links this machine's programs, so that what must be absent really is, and `sh` is the shell under test.
    fn link_system(&self, sh: &Path) {
        let system = self.place("system");
        for folder in ["/usr/bin", "/bin", "/usr/sbin", "/sbin"] {
            let Ok(entries) = fs::read_dir(folder) else { continue };
            for entry in entries.flatten() {
                let name = entry.file_name();
                let absent = NOT_THERE.iter().any(|program| name == *program);
                if !absent && name != "sh" {
                    // The same name stands in several of these folders, most of which are one folder today.
                    drop(symlink(entry.path(), system.join(name)));
                }
            }
        }
        symlink(sh, system.join("sh")).expect("a link to the shell under test");
    }
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).expect("a program is written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a program is made executable");
}

/// The IAM library: small, and a real zip file.
pub(crate) fn iam_jar() -> Vec<u8> {
    zip("software/amazon/msk/auth/iam/IAMClientCallbackHandler.class", b"\xca\xfe\xba\xbe stand-in")
}

/// A zip file with one stored entry.
fn zip(name: &str, data: &[u8]) -> Vec<u8> {
    let (crc, size, length) =
        (crc32(data), u32::try_from(data.len()).expect("small"), u16::try_from(name.len()).expect("short"));
    // What the local and the central header have in common: version, flags, method, time, date, sums, lengths.
    let mut common = vec![10, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
    for number in [crc, size, size] {
        common.extend(number.to_le_bytes());
    }
    common.extend(length.to_le_bytes());
    common.extend([0, 0]);

    let mut file = b"PK\x03\x04".to_vec();
    file.extend(&common);
    file.extend(name.as_bytes());
    file.extend(data);
    let directory = u32::try_from(file.len()).expect("small");
    file.extend(b"PK\x01\x02\x0a\x00");
    file.extend(&common);
    file.extend([0; 14]);
    file.extend(name.as_bytes());
    let end = u32::try_from(file.len()).expect("small");
    file.extend(b"PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00");
    file.extend((end - directory).to_le_bytes());
    file.extend(directory.to_le_bytes());
    file.extend([0, 0]);
    file
}

fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}
