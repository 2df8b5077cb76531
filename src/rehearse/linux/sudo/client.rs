//! The `sudo` that a session calls: it hands its streams to the host, passes signals on, and ends as the command ended.

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use super::super::places::SUDO_SOCKET;
use super::super::shared::fail;
use super::command_line::{Invocation, KeptVariables, parse};
use super::request::SudoRequest;

/// The signals that are passed on to the command.
const PASSED_ON: &[SignalKind] = &[
    SignalKind::hangup(),
    SignalKind::interrupt(),
    SignalKind::quit(),
    SignalKind::terminate(),
    SignalKind::user_defined1(),
    SignalKind::user_defined2(),
];

/// Runs `sudo` with these arguments.
pub(in crate::rehearse::system) fn run(args: &[OsString]) -> ExitCode {
    match parse(args) {
        Err(what) => fail(&format!("sudo: {what}"), 1),
        Ok(Invocation::Nothing) => ExitCode::SUCCESS,
        Ok(Invocation::Version) => print("Sudo version 1.9 (pinboot's stand-in)\n"),
        Ok(Invocation::List) => {
            print("The user may run the following commands on this host:\n    (ALL) NOPASSWD: ALL\n")
        }
        Ok(Invocation::Run(request, kept)) => match execute(&with_surroundings(*request, &kept)) {
            Ok(code) => ExitCode::from(code),
            Err(error) => fail(&format!("sudo: the host does not answer: {error}"), 1),
        },
    }
}

fn print(text: &str) -> ExitCode {
    if io::stdout().write_all(text.as_bytes()).is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Adds the caller's directory, name and variables.
fn with_surroundings(mut request: SudoRequest, kept: &KeptVariables) -> SudoRequest {
    request.cwd = std::env::current_dir().unwrap_or_default().into_os_string().as_bytes().to_vec();
    request.caller = std::env::vars_os()
        .find(|(name, _)| name == "USER")
        .map_or_else(String::new, |(_, user)| user.to_string_lossy().into_owned());
    let mut env: Vec<_> = std::env::vars_os()
        .filter(|(name, _)| kept.contains(name))
        .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
        .collect();
    env.append(&mut request.env);
    request.env = env;
    request
}

/// Has the host run the command, passes signals on to it, and returns its exit code.
fn execute(request: &SudoRequest) -> io::Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Signals are caught before the command starts, so that none is lost.
        let (passed, mut to_pass) = tokio::sync::mpsc::unbounded_channel();
        for kind in PASSED_ON {
            let (mut stream, passed, number) = (signal(*kind)?, passed.clone(), kind.as_raw_value());
            tokio::spawn(async move {
                while stream.recv().await.is_some() {
                    let _ = passed.send(number);
                }
            });
        }
        let socket = UnixStream::connect(SUDO_SOCKET)?;
        request.send(&socket)?;
        let mut signals = socket.try_clone()?;
        tokio::spawn(async move {
            while let Some(number) = to_pass.recv().await {
                // If the write fails, the host or the command has ended.
                let _ = u8::try_from(number).map(|number| signals.write_all(&[number]));
            }
        });
        tokio::task::spawn_blocking(move || {
            let mut code = [0];
            (&socket).read_exact(&mut code)?;
            Ok(code[0])
        })
        .await
        .map_err(io::Error::other)?
    })
}
