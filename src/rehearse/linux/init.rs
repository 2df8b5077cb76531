//! The host's own processes: pid 1, the host itself, and the keeper of the login user's namespaces.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::mount::{MountFlags, mount_remount};
use rustix::process::{Pid, WaitOptions, umask, wait};

use super::control::{Reply, Request, receive, send};
use super::cut::Cut;
use super::mirror::{Authority, Mirror};
use super::overlay_diff::Snapshot;
use super::provision::{self, Login};
use super::root::{self, OWN, Root};
use super::server;
use super::{broker, loopback, session, sudo};
use crate::exit::Exit;
use crate::rehearse::changes::Used;
use crate::rehearse::refused::Refused;
use crate::rehearse::role::HIDDEN;
use crate::rehearse::world::World;

/// Plays the part that the arguments behind [`HIDDEN`] name.
pub(in crate::rehearse) fn run_role(args: &[OsString]) -> ExitCode {
    let part = args.first().and_then(|part| part.to_str()).unwrap_or_default();
    let rest = args.get(1..).unwrap_or_default();
    match part {
        "init" => init(),
        "host" => host(),
        "hold" => hold(rest),
        "session" => session::enter(rest),
        "sudo" => sudo::run(rest),
        _ => complain("this command is pinboot's own and is called by `pinboot rehearse` alone", Exit::BadInput),
    }
}

/// Says why a part could not be played, on its standard error.
pub(super) fn complain(what: &str, exit: impl Into<ExitCode>) -> ExitCode {
    // Nobody is left to be told where standard error is gone.
    let _ = writeln!(io::stderr(), "pinboot: {what}");
    exit.into()
}

/// Pid 1: starts the host, reaps whatever is left to it, and ends everything with the parent or with the host.
fn init() -> ExitCode {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return complain(&format!("cannot find this program's own file: {error}"), Exit::HostUnfit),
    };
    // Standard input (the listening socket) and output (the control socket) are handed on as they are.
    let host = match Command::new(program).args([HIDDEN, "host"]).spawn() {
        Ok(host) => host,
        Err(error) => return complain(&format!("cannot start the host: {error}"), Exit::HostUnfit),
    };
    std::thread::spawn(|| {
        let control = io::stdout();
        let mut watched = [PollFd::from_borrowed_fd(control.as_fd(), PollFlags::empty())];
        loop {
            match poll(&mut watched, None) {
                Ok(_) if watched[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) => {
                    // The last process of the pid namespace that matters: the kernel ends the others with it.
                    std::process::exit(0);
                }
                _ => {}
            }
        }
    });
    let host = Pid::from_child(&host);
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == host => {
                let code = status.exit_status().and_then(|code| u8::try_from(code).ok());
                return code.map_or(Exit::HostUnfit.into(), ExitCode::from);
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return complain(&format!("pid 1 cannot wait: {error}"), Exit::HostUnfit),
        }
    }
}

/// Everything that the host's threads share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) login: Login,
    /// The process that keeps the login user's namespaces; `None` where root logs in.
    pub(super) holder: Option<Holder>,
    pub(super) mirror: Mirror,
    pub(super) cut: Cut,
    world: World,
    root: Root,
    mark: Mutex<Snapshot>,
}

/// The keeper of the login user's namespaces; it ends when its standard input is closed.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) pid: u32,
    _stdin: ChildStdin,
    _child: Child,
}

fn host() -> ExitCode {
    match be_up() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error.to_string(), Exit::HostUnfit),
    }
}

/// The host's life: becomes what the first request says, and answers until the command is gone.
fn be_up() -> io::Result<()> {
    let listener = TcpListener::from(io::stdin().as_fd().try_clone_to_owned()?);
    let control = UnixStream::from(io::stdout().as_fd().try_clone_to_owned()?);
    // Neither may leak into what runs on the host, and a stray line must not reach the control socket.
    let null: OwnedFd = File::options().read(true).write(true).open("/dev/null")?.into();
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;

    let mut requests = BufReader::new(control.try_clone()?);
    let mut replies = control;
    let Some(Request::BeUp { world, host_key, client_key }) = receive(&mut requests)? else {
        return Err(io::Error::other("the first request is not who to be"));
    };
    let (shared, keys) = match prepare(*world, &host_key, &client_key) {
        Ok(ready) => ready,
        Err(Refused { message, hint }) => return send(&mut replies, &Reply::Refused { message, hint }),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    {
        let _entered = runtime.enter();
        shared.mirror.serve().map_err(|error| io::Error::other(format!("the mirror cannot listen: {error}")))?;
        server::serve(listener, Arc::clone(&shared), keys)?;
    }
    broker::serve(Arc::clone(&shared))?;
    send(&mut replies, &Reply::Done)?;
    while let Some(request) = receive(&mut requests)? {
        let reply = answer(&shared, &request).unwrap_or_else(|error| Reply::Failed(error.to_string()));
        send(&mut replies, &reply)?;
    }
    // Whatever still runs on the host ends with pid 1, which ends with this process.
    std::process::exit(0);
}

fn prepare(world: World, host_key: &str, client_key: &str) -> Result<(Arc<Shared>, server::Keys), Refused> {
    let keys = server::Keys::read(host_key, client_key)
        .map_err(|error| Refused::without_hint(format!("the host's keys: {error}")))?;
    let authority =
        Authority::new().map_err(|error| Refused::without_hint(format!("the mirror's certificates: {error}")))?;
    // Local files are opened while their paths still lead to them.
    let mirror = Mirror::new(&world, &authority)?;
    let root = root::enter()?;
    loopback::up()
        .map_err(|error| Refused::without_hint(format!("the loopback interface cannot be brought up: {error}")))?;
    for address in mirror.addresses() {
        loopback::add_address(address).map_err(|error| {
            Refused::without_hint(format!("the loopback interface does not take the address {address}: {error}"))
        })?;
    }
    let login = provision::provision(&world, &authority.pem())?;
    provision::open_writable_places(&login)?;
    let holder = if login.id == 0 { None } else { Some(start_holder(&login, &root)?) };
    let mark = Snapshot::take(&root)
        .map_err(|error| Refused::without_hint(format!("the private root cannot be listed: {error}")))?;
    let shared = Shared { login, holder, mirror, cut: Cut::default(), world, root, mark: Mutex::new(mark) };
    Ok((Arc::new(shared), keys))
}

fn answer(shared: &Shared, request: &Request) -> io::Result<Reply> {
    let poisoned = || io::Error::other("an earlier request failed in its middle");
    match request {
        Request::BeUp { .. } => Err(io::Error::other("the host is up already")),
        Request::Mark => {
            *shared.mark.lock().map_err(|_| poisoned())? = Snapshot::take(&shared.root)?;
            Ok(Reply::Done)
        }
        Request::Changes => {
            let now = Snapshot::take(&shared.root)?;
            Ok(Reply::Changes(now.since(&*shared.mark.lock().map_err(|_| poisoned())?, &shared.root)?))
        }
        Request::Used => {
            let log = fs::read_to_string(format!("{OWN}/log/used")).unwrap_or_default();
            let times = |name: &str| log.lines().filter(|line| *line == name).count() as u64;
            let (urls, missing) = shared.mirror.used();
            let commands =
                shared.world.commands.iter().map(|command| (command.name.clone(), times(&command.name))).collect();
            Ok(Reply::Used(Used { urls, commands, missing }))
        }
        Request::Cut { after } => {
            shared.cut.arm(*after);
            Ok(Reply::Done)
        }
    }
}

/// Starts the keeper of the login user's namespaces and waits until it is ready.
fn start_holder(login: &Login, root: &Root) -> Result<Holder, Refused> {
    let id = login.id;
    let mut child = Command::new("unshare")
        .args(["--user", &format!("--map-user={id}"), &format!("--map-group={id}"), "--mount", "--keep-caps", "--"])
        .args([&format!("{OWN}/pinboot"), HIDDEN, "hold"])
        .args(root.guarded())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| root::trouble("start `unshare` for the login user", error))?;
    let stdin = child.stdin.take().expect("a pipe");
    let mut said = String::new();
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    if out.read_line(&mut said).is_ok() && said == "ready\n" {
        return Ok(Holder { pid: child.id(), _stdin: stdin, _child: child });
    }
    let _ = child.kill();
    let mut errors = String::new();
    let _ = child.stderr.take().expect("a pipe").read_to_string(&mut errors);
    let _ = child.wait();
    Err(super::namespaces::explain(&errors, &|file| fs::read_to_string(file).ok()))
}

/// Keeps the login user's user and mount namespaces, in which all that needs root's rights is read-only.
fn hold(guarded: &[OsString]) -> ExitCode {
    umask(rustix::fs::Mode::from_raw_mode(0o022));
    for mount in guarded {
        let nosuid = if mount == "/dev" { MountFlags::NOSUID } else { MountFlags::empty() };
        let nosuid = if mount == "/" { MountFlags::NOSUID | MountFlags::NODEV } else { nosuid };
        if let Err(error) = mount_remount(Path::new(mount), MountFlags::BIND | MountFlags::RDONLY | nosuid, "") {
            return complain(
                &format!("cannot make {} read-only for the login user: {error}", mount.display()),
                Exit::HostUnfit,
            );
        }
    }
    if writeln!(io::stdout(), "ready").is_err() {
        return Exit::HostUnfit.into();
    }
    let mut rest = Vec::new();
    let _ = io::stdin().read_to_end(&mut rest);
    ExitCode::SUCCESS
}
