//! The host's `sudo`: reads its command line as sudo does and has the host run the command.
//!
//! A session has no way to root by itself. So this side hands its standard streams to the host over a socket, passes
//! signals on, and ends as the command ended.

use std::ffi::{OsStr, OsString};
use std::io::{self, IoSlice, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};

use super::init::complain;
use super::root::OWN;

/// What is asked of the host; the three standard streams travel with its length in front of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ask {
    /// As whom; root where nothing was said.
    pub(super) user: String,
    /// The command and its arguments, bytes as they are; empty: the user's shell.
    pub(super) argv: Vec<Vec<u8>>,
    /// Whether the user's shell is to run the command (`-s`, `-i`).
    pub(super) shell: bool,
    /// Whether that shell is a login shell in the user's home (`-i`).
    pub(super) login: bool,
    /// Where.
    pub(super) cwd: Vec<u8>,
    /// Variables that survive.
    pub(super) env: Vec<(Vec<u8>, Vec<u8>)>,
    /// Who asks, for `SUDO_USER`.
    pub(super) caller: String,
}

/// The signals that are passed on to the command.
const PASSED_ON: &[SignalKind] = &[
    SignalKind::hangup(),
    SignalKind::interrupt(),
    SignalKind::quit(),
    SignalKind::terminate(),
    SignalKind::user_defined1(),
    SignalKind::user_defined2(),
];

/// What a sudo command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum StopRequest {
    /// Run something.
    Run(Box<Ask>, Keep),
    /// Nothing to be done (`-v`, `-k`, `-K`): the password is never asked for.
    Nothing,
    /// Say what may be done (`-l`).
    List,
    /// The version (`-V`).
    Version,
}

/// Which of the caller's variables survive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Keep {
    all: bool,
    names: Vec<String>,
}

/// Variables that survive by themselves.
const ALWAYS_KEPT: &[&str] = &["TERM", "LANG", "LANGUAGE", "COLORTERM", "DISPLAY", "LS_COLORS"];

pub(super) fn run(args: &[OsString]) -> ExitCode {
    match wish(args) {
        Err(what) => complain(&format!("sudo: {what}"), 1),
        Ok(StopRequest::Nothing) => ExitCode::SUCCESS,
        Ok(StopRequest::Version) => say("Sudo version 1.9 (pinboot's stand-in)\n"),
        Ok(StopRequest::List) => {
            say("The user may run the following commands on this host:\n    (ALL) NOPASSWD: ALL\n")
        }
        Ok(StopRequest::Run(mut ask, keep)) => {
            ask.cwd = std::env::current_dir().unwrap_or_default().into_os_string().as_bytes().to_vec();
            ask.caller = std::env::vars_os()
                .find(|(name, _)| name == "USER")
                .map_or_else(String::new, |(_, user)| user.to_string_lossy().into_owned());
            let mut env: Vec<_> = std::env::vars_os()
                .filter(|(name, _)| kept(name, &keep))
                .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
                .collect();
            env.append(&mut ask.env);
            ask.env = env;
            match carry_out(&ask) {
                Ok(code) => ExitCode::from(code),
                Err(error) => complain(&format!("sudo: the host does not answer: {error}"), 1),
            }
        }
    }
}

fn say(text: &str) -> ExitCode {
    if io::stdout().write_all(text.as_bytes()).is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn kept(name: &OsStr, keep: &Keep) -> bool {
    let Some(name) = name.to_str() else { return keep.all };
    // With these the caller would change what the command is.
    let never =
        matches!(name, "PATH" | "HOME" | "USER" | "LOGNAME" | "SHELL" | "MAIL" | "IFS") || name.starts_with("LD_");
    let always = ALWAYS_KEPT.contains(&name) || name.starts_with("LC_");
    !never && (always || keep.all || keep.names.iter().any(|wanted| wanted == name))
}

/// Reads a command line as sudo does.
fn wish(args: &[OsString]) -> Result<StopRequest, String> {
    let mut ask = Ask { user: "root".to_owned(), ..Ask::default() };
    let mut keep = Keep::default();
    let mut at = 0;
    let mut other = None;
    while let Some(arg) = args.get(at).map(|arg| arg.as_bytes()) {
        at += 1;
        if arg == b"--" {
            break;
        }
        if let Some(long) = arg.strip_prefix(b"--") {
            let long = String::from_utf8_lossy(long).into_owned();
            let (name, given) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (long.as_str(), None),
            };
            let mut value = || {
                if let Some(value) = &given {
                    return Ok(value.clone());
                }
                at += 1;
                let next = args.get(at - 1).map(|value| value.to_string_lossy().into_owned());
                next.ok_or_else(|| format!("option '--{name}' requires an argument"))
            };
            match name {
                "user" => ask.user = value()?,
                "group" | "prompt" | "host" | "close-from" => drop(value()?),
                "chdir" => return Err("you are not permitted to use the -D option".to_owned()),
                "preserve-env" => match given {
                    Some(names) => keep.names.extend(names.split(',').map(str::to_owned)),
                    None => keep.all = true,
                },
                "login" => (ask.shell, ask.login) = (true, true),
                "shell" => ask.shell = true,
                "list" => other = Some(StopRequest::List),
                "version" => other = Some(StopRequest::Version),
                "validate" | "remove-timestamp" => other = Some(StopRequest::Nothing),
                "reset-timestamp" if args.len() == at => other = Some(StopRequest::Nothing),
                "reset-timestamp" | "non-interactive" | "set-home" | "preserve-groups" | "background" | "stdin" => {}
                _ => return Err(format!("unrecognized option '--{name}'")),
            }
            continue;
        }
        let Some(letters) = arg.strip_prefix(b"-").filter(|letters| !letters.is_empty()) else {
            at -= 1;
            break;
        };
        let mut letters = letters.iter().copied();
        while let Some(letter) = letters.next() {
            match letter {
                b'E' => keep.all = true,
                b's' => ask.shell = true,
                b'i' => (ask.shell, ask.login) = (true, true),
                b'l' => other = Some(StopRequest::List),
                b'V' => other = Some(StopRequest::Version),
                b'v' | b'K' => other = Some(StopRequest::Nothing),
                b'k' if args.len() == at => other = Some(StopRequest::Nothing),
                b'k' | b'n' | b'H' | b'P' | b'b' | b'S' | b'A' => {}
                b'u' | b'g' | b'p' | b'h' | b'C' | b'r' | b't' | b'T' | b'U' => {
                    let mut value: Vec<u8> = letters.by_ref().collect();
                    if value.is_empty() {
                        let next = args
                            .get(at)
                            .ok_or_else(|| format!("option requires an argument -- '{}'", char::from(letter)))?;
                        value = next.as_bytes().to_vec();
                        at += 1;
                    }
                    if letter == b'u' {
                        ask.user = String::from_utf8_lossy(&value).into_owned();
                    }
                }
                _ => return Err(format!("invalid option -- '{}'", char::from(letter).escape_default())),
            }
        }
    }
    if let Some(other) = other {
        return Ok(other);
    }
    let mut rest = args.get(at..).unwrap_or_default();
    while let Some((first, behind)) = rest.split_first() {
        let bytes = first.as_bytes();
        let Some(equals) = bytes.iter().position(|&b| b == b'=') else { break };
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
        if equals == 0 || !bytes[..equals].iter().all(is_name) {
            break;
        }
        ask.env.push((bytes[..equals].to_vec(), bytes[equals + 1..].to_vec()));
        rest = behind;
    }
    ask.argv = rest.iter().map(|arg| arg.as_bytes().to_vec()).collect();
    if ask.argv.is_empty() && !ask.shell {
        return Err("a command is required, as in `sudo -n id`".to_owned());
    }
    Ok(StopRequest::Run(Box::new(ask), keep))
}

/// Has the host run it, and passes signals on meanwhile.
fn carry_out(ask: &Ask) -> io::Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before anything runs, so that no signal is lost.
        let (passed, mut to_pass) = tokio::sync::mpsc::unbounded_channel();
        for kind in PASSED_ON {
            let (mut stream, passed, number) = (signal(*kind)?, passed.clone(), kind.as_raw_value());
            tokio::spawn(async move {
                while stream.recv().await.is_some() {
                    let _ = passed.send(number);
                }
            });
        }
        let socket = UnixStream::connect(format!("{OWN}/sudo"))?;
        send_ask(&socket, ask)?;
        let mut signals = socket.try_clone()?;
        tokio::spawn(async move {
            while let Some(number) = to_pass.recv().await {
                // The host is gone or the command has ended: nobody is left to be signalled.
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

fn send_ask(socket: &UnixStream, ask: &Ask) -> io::Result<()> {
    let body = serde_json::to_vec(ask)?;
    let length = u32::try_from(body.len()).map_err(io::Error::other)?.to_be_bytes();
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let streams = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&streams));
    let sent = sendmsg(socket, &[IoSlice::new(&length)], &mut control, SendFlags::empty())?;
    if sent != length.len() {
        return Err(io::Error::other("the request was cut short"));
    }
    (&*socket).write_all(&body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<StopRequest, String> {
        wish(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    fn ask(line: &str) -> (Ask, Keep) {
        match read(line) {
            Ok(StopRequest::Run(ask, keep)) => (*ask, keep),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_command_line_is_read_as_sudo_reads_it() {
        let (run, keep) = ask("-n -H yum -y install java");
        assert_eq!(run.user, "root");
        assert_eq!(run.argv, [&b"yum"[..], b"-y", b"install", b"java"]);
        assert_eq!(keep, Keep::default());
        let (run, _) = ask("-nu service -- sh -c id");
        assert_eq!((run.user.as_str(), run.argv.len()), ("service", 3));
        let (run, _) = ask("-uservice A=1 B=x=y env");
        assert_eq!(run.env, [(b"A".to_vec(), b"1".to_vec()), (b"B".to_vec(), b"x=y".to_vec())]);
        assert_eq!(run.argv, [b"env"]);
        let (run, keep) = ask("--user=service --preserve-env=X,Y -E env");
        assert_eq!(run.user, "service");
        assert_eq!(keep, Keep { all: true, names: vec!["X".to_owned(), "Y".to_owned()] });
        let (run, _) = ask("-i");
        assert!(run.shell && run.login && run.argv.is_empty());
        assert_eq!(read("-v"), Ok(StopRequest::Nothing));
        assert_eq!(read("-k"), Ok(StopRequest::Nothing));
        assert!(matches!(read("-k id"), Ok(StopRequest::Run(..))));
        assert_eq!(read("-n -l"), Ok(StopRequest::List));
        for wrong in ["", "-n", "-Z id", "--nonsense id", "-u"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn path_and_loader_variables_never_survive() {
        let all = Keep { all: true, names: Vec::new() };
        for (name, survives) in [("PATH", false), ("LD_PRELOAD", false), ("HOME", false), ("CLASSPATH", true)] {
            assert_eq!(kept(OsStr::new(name), &all), survives, "{name}");
        }
        assert!(kept(OsStr::new("LC_ALL"), &Keep::default()));
        assert!(!kept(OsStr::new("CLASSPATH"), &Keep::default()));
    }
}
