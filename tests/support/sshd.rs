//! A real SSH server on a free loopback port, for the current user, with everything it needs in one directory: OpenSSH's,
//! or where a test wants it one of the small ones.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long anything that must happen may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Which server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Software {
    /// OpenSSH's sshd: what EC2's images have.
    OpenSsh,
    /// dropbear, of small images and routers.
    Dropbear,
    /// tinysshd, one process a connection, ed25519 keys only.
    Tinysshd,
}

impl Software {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::OpenSsh, Self::Dropbear, Self::Tinysshd];

    /// Its name, as people write it.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OpenSsh => "OpenSSH",
            Self::Dropbear => "dropbear",
            Self::Tinysshd => "tinysshd",
        }
    }

    /// What its processes are called.
    pub(crate) fn process(self) -> &'static str {
        match self {
            Self::OpenSsh => "sshd",
            Self::Dropbear => "dropbear",
            Self::Tinysshd => "tinysshd",
        }
    }

    /// What its log says once for each login.
    fn login(self) -> &'static str {
        match self {
            Self::OpenSsh => "Accepted publickey",
            Self::Dropbear => "Pubkey auth succeeded",
            Self::Tinysshd => " accepted {packet_auth",
        }
    }
}

/// What a server shall be like.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Which server it is; the small ones have no `config`, and need root.
    pub(crate) software: Software,
    /// Lines for `sshd_config`, instead of the fixture's own for the same keywords.
    pub(crate) config: Vec<String>,
    /// Variables that every session gets (`SetEnv`); values may hold blanks, no quotes.
    pub(crate) environment: Vec<(String, String)>,
    /// Key types of the host, in `ssh-keygen -t` words.
    pub(crate) host_keys: Vec<&'static str>,
    /// Shell that is carried out before the server starts, in a mount namespace of its own (which needs root).
    pub(crate) mounts: String,
    /// Whether the server has processes and a boot of its own: see [`Options::machine`].
    pub(crate) is_machine: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            software: Software::OpenSsh,
            config: Vec::new(),
            environment: Vec::new(),
            host_keys: vec!["ed25519"],
            mounts: String::new(),
            is_machine: false,
        }
    }
}

impl Options {
    /// Chooses the server.
    #[must_use]
    pub(crate) fn software(mut self, software: Software) -> Self {
        self.software = software;
        self
    }

    /// Adds a line to `sshd_config`.
    #[must_use]
    pub(crate) fn line(mut self, line: impl Into<String>) -> Self {
        self.config.push(line.into());
        self
    }

    /// Sets a variable for every session.
    #[must_use]
    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        // Of two settings with one name sshd takes the first.
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Chooses the host's key types.
    #[must_use]
    pub(crate) fn host_keys(mut self, types: &[&'static str]) -> Self {
        self.host_keys = types.to_vec();
        self
    }

    /// Mounts something over the machine's own files, for this server and its sessions only: see [`super::mounts`].
    #[must_use]
    pub(crate) fn mounts(mut self, shell: impl Into<String>) -> Self {
        self.mounts = shell.into();
        self
    }

    /// Lets the server be a machine of its own: all that it starts can be ended at once, as by a loss of power
    /// ([`Sshd::lose_power`]), and [`Sshd::restart`] boots it, with the same disk, nothing in memory, and another boot id.
    #[must_use]
    pub(crate) fn machine(mut self) -> Self {
        self.is_machine = true;
        self
    }

    /// Starts it; `None` where there is no OpenSSH (which has been said then).
    pub(crate) fn start(self) -> Option<Sshd> {
        Sshd::start_with(&self)
    }
}

/// What the server has said so far.
#[derive(Debug, Default)]
struct Log {
    text: Mutex<String>,
    more: Condvar,
}

/// A running server; stopped when it is dropped.
#[derive(Debug)]
pub(crate) struct Sshd {
    /// Its port on 127.0.0.1.
    pub(crate) port: u16,
    /// All its files: `sshd_config`, `host_<type>`, `id_ed25519` (a key that it accepts), `authorized_keys`, `known_hosts`.
    pub(crate) dir: TempDir,
    /// The user to log in as.
    pub(crate) user: String,
    options: Options,
    child: Child,
    log: Arc<Log>,
}

impl Sshd {
    /// A server with nothing special.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&Options::default())
    }

    fn start_with(options: &Options) -> Option<Self> {
        super::small::is_here(options.software)?;
        super::need("ssh-keygen", "openssh-client")?;
        let dir = tempfile::Builder::new().prefix("pinboot-sshd-").tempdir().expect("a temporary directory");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
        super::small::make_host_key(dir.path(), options.software);
        if options.software == Software::OpenSsh {
            for kind in &options.host_keys {
                keygen(&dir.path().join(format!("host_{kind}")), kind);
            }
        }
        keygen(&dir.path().join("id_ed25519"), "ed25519");
        fs::copy(dir.path().join("id_ed25519.pub"), dir.path().join("authorized_keys")).expect("authorized_keys");
        Some(Self::run(dir, options, None))
    }

    /// Runs the server in this directory, on this port or on a free one.
    fn run(mut dir: TempDir, options: &Options, port: Option<u16>) -> Self {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Another process may take the port between the two binds; then the next one is tried.
            let port = port.unwrap_or_else(free_port);
            let (mut command, ready) = match options.software {
                Software::OpenSsh => (openssh(dir.path(), options, port), "Server listening on"),
                _ => super::small::command(dir.path(), options, port),
            };
            let mut child =
                command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("sshd starts");
            let log = Arc::new(Log::default());
            let stderr = child.stderr.take().expect("a pipe");
            std::thread::spawn({
                let log = Arc::clone(&log);
                move || {
                    for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                        let mut text = log.text.lock().expect("log");
                        text.push_str(String::from_utf8_lossy(&line).trim_end());
                        text.push('\n');
                        log.more.notify_all();
                    }
                    log.text.lock().expect("log").push_str("(sshd has closed its log)\n");
                    log.more.notify_all();
                }
            });
            let mut server =
                Self { port, user: current_user(), dir, options: options.clone(), child, log: Arc::clone(&log) };
            let said = server.wait_log_any(&[ready, "(sshd has closed its log)"]);
            if said.contains(ready) {
                server.write_known_hosts();
                return server;
            }
            assert!(Instant::now() < deadline, "sshd does not start: {said}");
            let Kept { dir: kept } = Kept::from(server);
            dir = kept;
        }
    }

    /// The private key that the server accepts.
    pub(crate) fn key(&self) -> PathBuf {
        self.dir.path().join("id_ed25519")
    }

    /// A known_hosts file that knows this server by all its keys.
    pub(crate) fn known_hosts(&self) -> PathBuf {
        self.dir.path().join("known_hosts")
    }

    /// A file in the server's directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The public key of the host of this type, as the two words `TYPE BASE64`.
    pub(crate) fn host_key(&self, kind: &str) -> String {
        let text = fs::read_to_string(self.dir.path().join(format!("host_{kind}.pub"))).expect("a host key");
        text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    /// Lets one more public key in: the text of a `.pub` file, options in front of it if wanted.
    pub(crate) fn authorize(&self, line: &str) {
        let file = self.dir.path().join("authorized_keys");
        let mut text = fs::read_to_string(&file).expect("authorized_keys");
        let _ = writeln!(text, "{}", line.trim());
        fs::write(&file, text).expect("authorized_keys");
    }

    /// What the server has said so far.
    pub(crate) fn log(&self) -> String {
        self.log.text.lock().expect("log").clone()
    }

    /// What its processes are called.
    pub(crate) fn process(&self) -> &'static str {
        self.options.software.process()
    }

    /// What its log says once for each login.
    pub(crate) fn login_words(&self) -> &'static str {
        self.options.software.login()
    }

    /// How many logins there were.
    pub(crate) fn logins(&self) -> usize {
        self.log().matches(self.login_words()).count()
    }

    /// Waits until the server has said this, and gives all it said.
    pub(crate) fn wait_log(&self, needle: &str) -> String {
        self.wait_log_any(&[needle])
    }

    fn wait_log_any(&self, needles: &[&str]) -> String {
        let text = self.log.text.lock().expect("log");
        let (text, timeout) = self
            .log
            .more
            .wait_timeout_while(text, PATIENCE, |text| !needles.iter().any(|needle| text.contains(needle)))
            .expect("log");
        assert!(!timeout.timed_out(), "sshd never said {needles:?}: {text}");
        text.clone()
    }

    /// The server's own processes that serve connections at this moment: one or two for each, and none of what runs in
    /// the sessions.
    pub(crate) fn sessions(&self) -> Vec<u32> {
        let name = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        below(self.child.id()).into_iter().filter(|pid| name(pid).starts_with(self.process())).collect()
    }

    /// Kills the processes that serve connections, as a crash of the host would look from outside.
    pub(crate) fn kill_sessions(&self) {
        for pid in self.sessions() {
            signal(pid, rustix::process::Signal::KILL);
        }
    }

    /// Ends everything that runs on a machine of its own.
    pub(crate) fn lose_power(&self) {
        assert!(self.options.is_machine, "it shares its processes with this machine");
        // All processes of a namespace end with its first one.
        let init = *below(self.child.id()).first().expect("the machine's first process");
        signal(init, rustix::process::Signal::KILL);
        self.wait_log("(sshd has closed its log)");
    }

    /// The pid of the listening process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stops the listener and starts it anew on the same port with the same files.
    #[must_use]
    pub(crate) fn restart(self) -> Self {
        let port = self.port;
        let options = self.options.clone();
        let Kept { dir } = Kept::from(self);
        Self::run(dir, &options, Some(port))
    }

    fn write_known_hosts(&mut self) {
        let mut text = String::new();
        for kind in &self.options.host_keys {
            let _ = writeln!(text, "[127.0.0.1]:{} {}", self.port, self.host_key(kind));
        }
        fs::write(self.known_hosts(), text).expect("known_hosts");
    }
}

/// The files of a server that has been stopped.
struct Kept {
    dir: TempDir,
}

impl From<Sshd> for Kept {
    fn from(mut server: Sshd) -> Self {
        let spare = tempfile::tempdir().expect("a temporary directory");
        Self { dir: std::mem::replace(&mut server.dir, spare) }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // What a test left running in a session goes as well; what has detached itself is no longer below the server.
        for pid in below(self.child.id()) {
            signal(pid, rustix::process::Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All processes that this one has started, and those that they have.
pub(crate) fn below(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
    children.flat_map(|pid| std::iter::once(pid).chain(below(pid))).collect()
}

/// Makes a key pair without a passphrase; nothing where it is already there.
pub(crate) fn keygen(file: &Path, kind: &str) {
    if file.exists() {
        return;
    }
    let done = Command::new("ssh-keygen")
        .args(["-q", "-N", "", "-C", "test", "-t", kind, "-f"])
        .arg(file)
        .stdin(Stdio::null())
        .status()
        .expect("ssh-keygen runs");
    assert!(done.success(), "ssh-keygen -t {kind}");
}

/// A port of 127.0.0.1 that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// Sends a signal to a process that the test started.
pub(crate) fn signal(pid: u32, signal: rustix::process::Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// The login name of the user who runs the tests.
pub(crate) fn current_user() -> String {
    let output = Command::new("id").arg("-un").output().expect("id runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// OpenSSH's command on this port.
fn openssh(dir: &Path, options: &Options, port: u16) -> Command {
    let sshd = super::need("sshd", "openssh-server").expect("it was there a moment ago");
    if rustix::process::getuid().is_root() {
        // sshd refuses to start without its privilege separation directory, which a package makes at boot.
        fs::create_dir_all("/run/sshd").expect("/run/sshd");
    }
    let file = dir.join("sshd_config");
    fs::write(&file, configuration(dir, options, port)).expect("sshd_config");
    let mut script = format!("set -e\n{}\n", options.mounts);
    let mut command = Command::new("unshare");
    command.args(["-m", "--propagation", "private"]);
    if options.is_machine {
        static BOOTS: AtomicU32 = AtomicU32::new(1);
        let boot = dir.join("boot_id");
        fs::write(&boot, format!("boot-{}\n", BOOTS.fetch_add(1, Ordering::Relaxed))).expect("a boot id");
        command.args(["--pid", "--fork", "--kill-child"]);
        let boot = boot.display();
        let _ = write!(script, "mount -t proc proc /proc\nmount --bind {boot} /proc/sys/kernel/random/boot_id\n");
        script.push_str("mount -t tmpfs -o mode=1777 none /dev/shm\n");
        // The first process has to adopt every process that loses its parent.
        script.push_str("\"$@\" &\nexec </dev/null >/dev/null 2>&1\nwhile :; do sleep 3600 & wait $! || :; done");
    } else {
        script.push_str("exec \"$@\"");
    }
    if options.is_machine || !options.mounts.is_empty() {
        command.args(["sh", "-c", &script, "sh"]).arg(&sshd);
    } else {
        command = Command::new(&sshd);
    }
    command.args(["-D", "-e", "-f"]).arg(&file);
    command
}

fn configuration(dir: &Path, options: &Options, port: u16) -> String {
    let dir = dir.display();
    let mut text = options.config.join("\n");
    text.push('\n');
    let variables: Vec<String> =
        options.environment.iter().map(|(name, value)| format!("\"{name}={value}\"")).collect();
    if !variables.is_empty() {
        let _ = writeln!(text, "SetEnv {}", variables.join(" "));
    }
    for kind in &options.host_keys {
        let _ = writeln!(text, "HostKey {dir}/host_{kind}");
    }
    let own = [
        format!("ListenAddress 127.0.0.1:{port}"),
        format!("AuthorizedKeysFile {dir}/authorized_keys"),
        "PidFile none".to_owned(),
        "UsePAM no".to_owned(),
        "StrictModes no".to_owned(),
        "PermitRootLogin yes".to_owned(),
        "PasswordAuthentication no".to_owned(),
        "KbdInteractiveAuthentication no".to_owned(),
        "PrintMotd no".to_owned(),
        "UseDNS no".to_owned(),
        "LogLevel VERBOSE".to_owned(),
        "MaxStartups 100".to_owned(),
    ];
    for line in own {
        // For most options the first mention counts, for some the last; so what the test says is said alone.
        let keyword = line.split(' ').next().unwrap_or_default();
        if !options.config.iter().any(|given| given.split_whitespace().next() == Some(keyword)) {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}
