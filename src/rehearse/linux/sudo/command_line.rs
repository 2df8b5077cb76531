//! The command line of `sudo`, read as sudo reads it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use super::request::SudoRequest;

/// What a command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Invocation {
    /// Run a command or a shell.
    Run(Box<SudoRequest>, KeptVariables),
    /// Nothing: `-v`, `-k` and `-K` are about a password that is never asked for.
    Nothing,
    /// List what the user may run (`-l`).
    List,
    /// Show the version (`-V`).
    Version,
}

/// Which of the caller's variables the command sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KeptVariables {
    all: bool,
    names: Vec<String>,
}

/// Variables that are always kept.
const ALWAYS_KEPT: &[&str] = &["TERM", "LANG", "LANGUAGE", "COLORTERM", "DISPLAY", "LS_COLORS"];

impl KeptVariables {
    /// Whether the command sees the caller's variable of this name.
    pub(super) fn contains(&self, name: &OsStr) -> bool {
        let Some(name) = name.to_str() else { return self.all };
        // With these the caller could change which command runs, and how.
        let never =
            matches!(name, "PATH" | "HOME" | "USER" | "LOGNAME" | "SHELL" | "MAIL" | "IFS") || name.starts_with("LD_");
        let always = ALWAYS_KEPT.contains(&name) || name.starts_with("LC_");
        !never && (always || self.all || self.names.iter().any(|wanted| wanted == name))
    }
}

/// Reads a command line.
pub(super) fn parse(args: &[OsString]) -> Result<Invocation, String> {
    let mut options = Options::new(args);
    while options.next()? {}
    let Options { mut request, kept, other, at, .. } = options;
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
        request.env.push((bytes[..equals].to_vec(), bytes[equals + 1..].to_vec()));
        rest = behind;
    }
    request.argv = rest.iter().map(|arg| arg.as_bytes().to_vec()).collect();
    if request.argv.is_empty() && !request.shell {
        return Err("a command is required, as in `sudo -n id`".to_owned());
    }
    Ok(Invocation::Run(Box::new(request), kept))
}

/// The options in front of the command, as far as they are read.
struct Options<'a> {
    args: &'a [OsString],
    /// The index of the next argument.
    at: usize,
    request: SudoRequest,
    kept: KeptVariables,
    /// What is asked for instead of running a command.
    other: Option<Invocation>,
}

impl<'a> Options<'a> {
    fn new(args: &'a [OsString]) -> Self {
        let request = SudoRequest { user: "root".to_owned(), ..SudoRequest::default() };
        Self { args, at: 0, request, kept: KeptVariables::default(), other: None }
    }

    /// Reads one argument; false if the options have ended.
    fn next(&mut self) -> Result<bool, String> {
        let Some(arg) = self.args.get(self.at).map(|arg| arg.as_bytes()) else { return Ok(false) };
        if let Some(long) = arg.strip_prefix(b"--") {
            self.at += 1;
            if long.is_empty() {
                return Ok(false);
            }
            self.long(&String::from_utf8_lossy(long))?;
            return Ok(true);
        }
        let Some(flags) = arg.strip_prefix(b"-").filter(|flags| !flags.is_empty()) else { return Ok(false) };
        self.at += 1;
        self.short(flags)?;
        Ok(true)
    }

    fn is_last(&self) -> bool {
        self.args.len() == self.at
    }

    fn following(&mut self) -> Option<&'a OsString> {
        self.at += 1;
        self.args.get(self.at - 1)
    }

    fn long(&mut self, long: &str) -> Result<(), String> {
        let (name, given) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (long, None),
        };
        let mut value = |given: Option<String>| {
            given
                .or_else(|| self.following().map(|value| value.to_string_lossy().into_owned()))
                .ok_or_else(|| format!("option '--{name}' requires an argument"))
        };
        match name {
            "user" => self.request.user = value(given)?,
            "group" | "prompt" | "host" | "close-from" => drop(value(given)?),
            "chdir" => return Err("you are not permitted to use the -D option".to_owned()),
            "preserve-env" => match given {
                Some(names) => self.kept.names.extend(names.split(',').map(str::to_owned)),
                None => self.kept.all = true,
            },
            "login" => (self.request.shell, self.request.login) = (true, true),
            "shell" => self.request.shell = true,
            "list" => self.other = Some(Invocation::List),
            "version" => self.other = Some(Invocation::Version),
            "validate" | "remove-timestamp" => self.other = Some(Invocation::Nothing),
            "reset-timestamp" if self.is_last() => self.other = Some(Invocation::Nothing),
            "reset-timestamp" | "non-interactive" | "set-home" | "preserve-groups" | "background" | "stdin" => {}
            _ => return Err(format!("unrecognized option '--{name}'")),
        }
        Ok(())
    }

    /// Reads several one-character options in one argument, such as `-nu`.
    fn short(&mut self, flags: &'a [u8]) -> Result<(), String> {
        let mut flags = flags.iter().copied();
        while let Some(flag) = flags.next() {
            match flag {
                b'E' => self.kept.all = true,
                b's' => self.request.shell = true,
                b'i' => (self.request.shell, self.request.login) = (true, true),
                b'l' => self.other = Some(Invocation::List),
                b'V' => self.other = Some(Invocation::Version),
                b'v' | b'K' => self.other = Some(Invocation::Nothing),
                b'k' if self.is_last() => self.other = Some(Invocation::Nothing),
                b'k' | b'n' | b'H' | b'P' | b'b' | b'S' | b'A' => {}
                b'u' | b'g' | b'p' | b'h' | b'C' | b'r' | b't' | b'T' | b'U' => {
                    let mut value: Vec<u8> = flags.by_ref().collect();
                    if value.is_empty() {
                        let next = self.following();
                        let next =
                            next.ok_or_else(|| format!("option requires an argument -- '{}'", char::from(flag)))?;
                        value = next.as_bytes().to_vec();
                    }
                    if flag == b'u' {
                        self.request.user = String::from_utf8_lossy(&value).into_owned();
                    }
                }
                _ => return Err(format!("invalid option -- '{}'", char::from(flag).escape_default())),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Invocation, String> {
        parse(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    fn run(line: &str) -> (SudoRequest, KeptVariables) {
        match read(line) {
            Ok(Invocation::Run(request, kept)) => (*request, kept),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_command_line_is_read_as_sudo_reads_it() {
        let (request, kept) = run("-n -H yum -y install java");
        assert_eq!(request.user, "root");
        assert_eq!(request.argv, [&b"yum"[..], b"-y", b"install", b"java"]);
        assert_eq!(kept, KeptVariables::default());
        let (request, _) = run("-nu service -- sh -c id");
        assert_eq!((request.user.as_str(), request.argv.len()), ("service", 3));
        let (request, _) = run("-uservice A=1 B=x=y env");
        assert_eq!(request.env, [(b"A".to_vec(), b"1".to_vec()), (b"B".to_vec(), b"x=y".to_vec())]);
        assert_eq!(request.argv, [b"env"]);
        let (request, kept) = run("--user=service --preserve-env=X,Y -E env");
        assert_eq!(request.user, "service");
        assert_eq!(kept, KeptVariables { all: true, names: vec!["X".to_owned(), "Y".to_owned()] });
        let (request, _) = run("-i");
        assert!(request.shell && request.login && request.argv.is_empty());
        assert_eq!(read("-v"), Ok(Invocation::Nothing));
        assert_eq!(read("-k"), Ok(Invocation::Nothing));
        assert!(matches!(read("-k id"), Ok(Invocation::Run(..))));
        assert_eq!(read("-n -l"), Ok(Invocation::List));
        for wrong in ["", "-n", "-Z id", "--nonsense id", "-u"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn path_and_loader_variables_are_never_kept() {
        let all = KeptVariables { all: true, names: Vec::new() };
        for (name, kept) in [("PATH", false), ("LD_PRELOAD", false), ("HOME", false), ("CLASSPATH", true)] {
            assert_eq!(all.contains(OsStr::new(name)), kept, "{name}");
        }
        assert!(KeptVariables::default().contains(OsStr::new("LC_ALL")));
        assert!(!KeptVariables::default().contains(OsStr::new("CLASSPATH")));
    }
}
