//! The host process: it prepares the root, starts the servers, and answers the command's requests.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::net::TcpListener;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use super::control::{Reply, Request, receive, send};
use super::cut::Cutter;
use super::mirror::{Authority, Mirror};
use super::overlay_diff::Snapshot;
use super::places::{MISSED_ID, USED_COMMANDS};
use super::shared::{Shared, Users, fail};
use super::{holder, ids, loopback, provision, root, server, session, sudo};
use crate::exit::Exit;
use crate::rehearse::changes::Used;
use crate::rehearse::refused::Refused;
use crate::rehearse::world::World;

/// The limit of a host that has one id, as the verdict names it.
const ONE_ID: &str = "a step gave a file to another user, and this host has one user id";

/// Runs the host until the command is gone.
pub(super) fn run() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string(), Exit::HostUnfit),
    }
}

/// Becomes the host that the first request describes, then answers every further one.
fn serve() -> io::Result<()> {
    let listener = TcpListener::from(io::stdin().as_fd().try_clone_to_owned()?);
    let control = UnixStream::from(io::stdout().as_fd().try_clone_to_owned()?);
    // Programs on the host must not inherit these sockets, and stray output must not reach the control socket.
    let null: OwnedFd = File::options().read(true).write(true).open("/dev/null")?.into();
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;

    let mut requests = BufReader::new(control.try_clone()?);
    let mut replies = control;
    let Some(Request::Start { world, host_key, client_key }) = receive(&mut requests)? else {
        return Err(io::Error::other("the first request did not say which host to start"));
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
    sudo::serve(Arc::clone(&shared))?;
    send(&mut replies, &Reply::Done)?;
    while let Some(request) = receive(&mut requests)? {
        let reply = answer(&shared, &request).unwrap_or_else(|error| Reply::Failed(error.to_string()));
        send(&mut replies, &reply)?;
    }
    // Pid 1 ends with this process, and every process on the host ends with pid 1.
    std::process::exit(0);
}

/// Enters the private root and provisions it.
fn prepare(world: World, host_key: &str, client_key: &str) -> Result<(Arc<Shared>, server::Keys), Refused> {
    let failed = |what: &str, error: &dyn std::fmt::Display| Refused::without_hint(format!("{what}: {error}"));
    let keys =
        server::Keys::read(host_key, client_key).map_err(|error| failed("the host's keys cannot be read", &error))?;
    let authority = Authority::new().map_err(|error| failed("the mirror's certificates cannot be made", &error))?;
    // Local files are opened before the root changes: afterwards their paths lead elsewhere.
    let mirror = Mirror::new(&world, &authority)?;
    let root = root::enter()?;
    let login = provision::provision(&world, &authority.pem())?;
    let users = start_users(&login, &root)?;
    loopback::up().map_err(|error| failed("the loopback interface cannot be brought up", &error))?;
    for address in mirror.addresses() {
        loopback::add_address(address)
            .map_err(|error| failed(&format!("the loopback interface rejects the address {address}"), &error))?;
    }
    let mark = Snapshot::take(&root).map_err(|error| failed("the private root cannot be listed", &error))?;
    let shared = Shared { login, users, mirror, cutter: Cutter::default(), world, root, mark: Mutex::new(mark) };
    Ok((Arc::new(shared), keys))
}

/// Starts what the host's users live in, and moves this process to their network, where it serves them.
fn start_users(login: &provision::Login, root: &root::Root) -> Result<Users, Refused> {
    if ids::are_many() {
        let holder = holder::for_all()?;
        session::enter_network(holder.pid).map_err(Refused::without_hint)?;
        return Ok(Users::OwnIds(holder));
    }
    provision::open_writable_places(login)?;
    Ok(Users::OneId(if login.id == 0 { None } else { Some(holder::for_login(login, root)?) }))
}

fn answer(shared: &Shared, request: &Request) -> io::Result<Reply> {
    let poisoned = || io::Error::other("an earlier request failed halfway");
    match request {
        Request::Start { .. } => Err(io::Error::other("the host is already started")),
        Request::Mark => {
            *shared.mark.lock().map_err(|_| poisoned())? = Snapshot::take(&shared.root)?;
            Ok(Reply::Done)
        }
        Request::Changes => {
            let now = Snapshot::take(&shared.root)?;
            Ok(Reply::Changes(now.since(&*shared.mark.lock().map_err(|_| poisoned())?, &shared.root)?))
        }
        Request::Used => Ok(Reply::Used(used(shared))),
        Request::Cut { after } => {
            shared.cutter.arm(*after);
            Ok(Reply::Done)
        }
    }
}

fn used(shared: &Shared) -> Used {
    let log = fs::read_to_string(USED_COMMANDS).unwrap_or_default();
    let times = |name: &str| log.lines().filter(|line| *line == name).count() as u64;
    let commands = shared.world.commands.iter().map(|command| (command.name.clone(), times(&command.name))).collect();
    let (urls, missing) = shared.mirror.used();
    let limits = if Path::new(MISSED_ID).exists() { vec![format!("{ONE_ID}: {}", ids::MORE_IDS)] } else { Vec::new() };
    Used { urls, commands, missing, limits }
}
