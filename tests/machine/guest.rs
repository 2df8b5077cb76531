//! One guest: its disk, its power switch, and the files of its controller.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::image::{Image, image};
use super::world::{Call, Printed, Started};

/// How long anything in a guest may take: it runs in software, and two guests share the machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(150);

/// How many guests may run at once.
const AT_ONCE: usize = 2;

static RUNNING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

/// What the guest's process 1 is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Init {
    /// systemd, with logind and PAM: ready in about 12 s.
    Systemd,
    /// A shell script that starts sshd: ready in about 4 s.
    Plain,
}

/// A guest, and the controller's directory with a playbook, a key and `known_hosts`.
pub(crate) struct Guest {
    image: &'static Image,
    init: Init,
    port: u16,
    /// The disk, the consoles, the controller's home.
    dir: TempDir,
    boots: usize,
    qemu: Option<Child>,
    _turn: Turn,
}

/// The right to run a guest.
struct Turn;

impl Turn {
    fn take() -> Self {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut running = ENDED.wait_while(running, |n| *n >= AT_ONCE).unwrap_or_else(PoisonError::into_inner);
        *running += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        ENDED.notify_one();
    }
}

impl Guest {
    /// Starts a guest and waits until it answers; `None` if this machine cannot have one, after the reason was printed.
    pub(crate) fn start(init: Init) -> Option<Self> {
        Self::start_with(init, "")
    }

    /// Starts a guest with these words on its kernel's command line.
    pub(crate) fn start_with(init: Init, words: &str) -> Option<Self> {
        let image = image()?;
        let turn = Turn::take();
        let dir = TempDir::with_prefix("pinboot-machine-").expect("a temporary folder");
        let made = Command::new("qemu-img")
            .args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b"])
            .arg(image.file("disk.img"))
            .arg(dir.path().join("disk"))
            .status();
        assert!(made.expect("qemu-img starts").success(), "a disk of its own");
        // The port is free now, and qemu takes it next.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
        let host = fs::read_to_string(image.file("host.pub")).expect("the host's key");
        fs::write(dir.path().join("known_hosts"), format!("[127.0.0.1]:{port} {host}")).expect("known_hosts");
        let mut guest = Self { image, init, port, dir, boots: 0, qemu: None, _turn: turn };
        guest.switch_on(words);
        Some(guest)
    }

    /// A file beside the guest, such as a console or a file of the controller.
    pub(crate) fn here(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Switches it on and waits until it answers.
    pub(crate) fn switch_on(&mut self, words: &str) {
        assert!(self.qemu.is_none(), "it is switched off");
        self.boots += 1;
        let init = match self.init {
            Init::Systemd => "systemd.show_status=1",
            Init::Plain => "pinboot.plain",
        };
        let log = File::create(self.here("qemu")).expect("a file");
        let mut command = Command::new("qemu-system-x86_64");
        command
            .args(["-accel", "tcg,thread=multi", "-cpu", "max", "-m", "384", "-display", "none", "-nodefaults"])
            .arg("-kernel")
            .arg(self.image.file("vmlinuz"))
            .arg("-initrd")
            .arg(self.image.file("initrd.gz"))
            .args(["-append", &format!("console=ttyS0 panic=-1 quiet mitigations=off net.ifnames=0 {init} {words}")])
            .args(["-drive", &format!("file={},if=virtio,cache=writeback", self.here("disk").display())])
            .args(["-netdev", &format!("user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{}-:22", self.port)])
            .args(["-device", "virtio-net-pci,netdev=net,romfile=", "-device", "virtio-rng-pci"])
            .args(["-serial", &format!("file:{}", self.console_file().display())])
            .args(["-serial", &format!("file:{}", self.second_line().display())])
            .args(["-qmp", &format!("unix:{},server,nowait", self.here("control").display())])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.qemu = Some(command.spawn().expect("qemu starts"));
        if self.init == Init::Systemd {
            // sshd may listen before users may log in.
            self.until("it has booted", |guest| guest.console().contains("Multi-User System"));
        }
        self.until("it answers", Self::answers);
    }

    /// Cuts the power: the guest ends between two instructions.
    pub(crate) fn cut_power(&mut self) {
        let mut qemu = self.qemu.take().expect("it is switched on");
        qemu.kill().expect("it is killed");
        qemu.wait().expect("it has ended");
    }

    /// Presses the reset button.
    pub(crate) fn reset(&self) {
        let mut control = UnixStream::connect(self.here("control")).expect("qemu's control");
        control.write_all(br#"{"execute":"qmp_capabilities"}{"execute":"system_reset"}"#).expect("the command is sent");
        let mut answers = BufReader::new(control).lines();
        let done = answers.by_ref().map(|line| line.expect("an answer")).filter(|line| line.contains("\"return\""));
        assert_eq!(done.take(2).count(), 2, "both commands are answered");
    }

    /// The guest's console since it was switched on.
    pub(crate) fn console(&self) -> String {
        text(&self.console_file())
    }

    fn console_file(&self) -> PathBuf {
        self.here(&format!("console.{}", self.boots))
    }

    /// What programs in the guest wrote to `/dev/ttyS1`.
    fn second_line(&self) -> PathBuf {
        self.here(&format!("said.{}", self.boots))
    }

    /// Waits for this text on the second serial line.
    pub(crate) fn wait_for(&mut self, words: &str) {
        self.until(words, |guest| text(&guest.second_line()).contains(words));
    }

    #[track_caller]
    fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self) {
            let ended = self.qemu.as_mut().expect("it is switched on").try_wait().expect("a child");
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "timed out: {what} ({ended:?})\n{}\n{}\n{}",
                text(&self.here("qemu")),
                self.console(),
                text(&self.second_line())
            );
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Whether sshd shows its banner; qemu accepts connections even if sshd does not run.
    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let mut banner = [0; 4];
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
        stream.read_exact(&mut banner).is_ok() && banner == *b"SSH-"
    }

    /// Runs a shell command in the guest with OpenSSH's client, and returns its output.
    #[track_caller]
    pub(crate) fn shell(&self, shell: &str) -> String {
        let output = Command::new("ssh")
            .args(["-F", "none", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=60"])
            .args(["-o", &format!("UserKnownHostsFile={}", self.here("known_hosts").display()), "-i"])
            .arg(self.image.file("key"))
            .args(["-p", &self.port.to_string(), "ec2-user@127.0.0.1", shell])
            .stdin(Stdio::null())
            .output()
            .expect("ssh starts");
        assert!(output.status.success(), "{shell}: {output:?}\n{}", self.console());
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Writes the playbook: its steps, in YAML.
    pub(crate) fn steps(&self, steps: &str) {
        fs::write(self.here("p.yaml"), format!("name: A test\nsteps:\n{steps}")).expect("the playbook is written");
    }

    /// pinboot with these words and the options to reach the guest as this user.
    fn reach(&self, user: &str, words: &[&str]) -> Call {
        let call = Call::new(self.dir.path()).args(words).args(["--host-key", "strict", "--known-hosts"]);
        let call = call.arg(self.here("known_hosts"));
        call.args(["--host", &format!("{user}@127.0.0.1:{}", self.port), "--key"]).arg(self.image.file("key"))
    }

    pub(crate) fn run(&self, more: &[&str]) -> Printed {
        self.run_as("ec2-user", more)
    }

    pub(crate) fn run_as(&self, user: &str, more: &[&str]) -> Printed {
        self.reach(user, &["run", "p.yaml"]).args(more).run()
    }

    /// Starts a run without waiting for its end.
    pub(crate) fn start_run(&self, more: &[&str]) -> Started {
        Started::start(self.reach("ec2-user", &["run", "p.yaml"]).args(more))
    }

    /// Runs pinboot with only these words, such as `rerun`.
    pub(crate) fn pinboot(&self, words: &[&str]) -> Printed {
        Call::new(self.dir.path()).args(words).run()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if self.qemu.is_some() {
            self.cut_power();
        }
    }
}

fn text(file: &std::path::Path) -> String {
    String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).into_owned()
}
