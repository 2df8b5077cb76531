//! What an address gives, fetched by the curl of this machine.
//!
//! curl knows the machine's proxies and certificates, follows the same redirections as on a host, and is on nearly every machine;
//! docs/decisions/0027-lock.md says what else was looked at.

use std::io::{self, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sha2::{Digest as _, Sha256, Sha512};

use super::error::CommandError;

/// The largest checksum file.
const MAX_TEXT_BYTES: u64 = 4 * 1024 * 1024;

/// The pauses before further attempts, where the fault may pass.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// What came from an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fetched {
    pub(super) sha256: String,
    pub(super) sha512: String,
    pub(super) size: u64,
    /// Whether it is a web page.
    pub(super) is_page: bool,
}

/// Says whether there is a curl.
pub(super) fn need_curl() -> Result<(), CommandError> {
    match Command::new("curl").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err(CommandError::local("there is no curl on this machine, which `pinboot lock` fetches with")
            .hint("install curl; nothing was locked")),
    }
}

/// Fetches an address and keeps no byte of it.
pub(super) fn digest(url: &str) -> Result<Fetched, Unfetched> {
    repeated(|| {
        let (mut sha256, mut sha512, mut size) = (Sha256::new(), Sha512::new(), 0);
        let mut head = Vec::new();
        let mut fetching = start(url)?;
        let mut body = fetching.stdout.take().expect("it is piped");
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Unfetched::lasting(format!("curl was cut off: {error}"))),
            };
            sha256.update(&buffer[..count]);
            sha512.update(&buffer[..count]);
            size += count as u64;
            if head.len() < 64 {
                head.extend(buffer[..count].iter().take(64));
            }
        }
        finish(fetching)?;
        let sha256 = data_encoding::HEXLOWER.encode(&sha256.finalize());
        let sha512 = data_encoding::HEXLOWER.encode(&sha512.finalize());
        Ok(Fetched { sha256, sha512, size, is_page: is_page(&head) })
    })
}

/// Fetches a text.
pub(super) fn text(url: &str) -> Result<Vec<u8>, String> {
    repeated(|| {
        let mut fetching = start(url)?;
        let mut text = Vec::new();
        let body = fetching.stdout.take().expect("it is piped");
        let read = body.take(MAX_TEXT_BYTES + 1).read_to_end(&mut text);
        read.map_err(|error| Unfetched::lasting(format!("curl was cut off: {error}")))?;
        if text.len() as u64 > MAX_TEXT_BYTES {
            let _ = fetching.kill();
            let _ = fetching.wait();
            return Err(Unfetched::lasting("it is larger than 4 MiB".to_owned()));
        }
        finish(fetching)?;
        Ok(text)
    })
    .map_err(|failure| failure.why)
}

/// Why something cannot be had.
pub(super) struct Unfetched {
    pub(super) why: String,
    /// Whether the server says that there is nothing at the address.
    pub(super) is_absent: bool,
    /// Whether another attempt may succeed.
    may_pass: bool,
}

impl Unfetched {
    fn lasting(why: String) -> Self {
        Self { why, is_absent: false, may_pass: false }
    }
}

fn repeated<T>(attempt: impl Fn() -> Result<T, Unfetched>) -> Result<T, Unfetched> {
    let mut pauses = PAUSES.iter();
    loop {
        match (attempt(), pauses.next()) {
            (Ok(done), _) => return Ok(done),
            (Err(Unfetched { may_pass: true, .. }), Some(pause)) => std::thread::sleep(*pause),
            (Err(failure), _) => return Err(failure),
        }
    }
}

/// Starts curl. The address goes in on standard input, since everybody can read an argument list.
fn start(url: &str) -> Result<Child, Unfetched> {
    let protocols = if url.to_ascii_lowercase().starts_with("https:") { "=https" } else { "=http,https" };
    // -q comes first: it leaves ~/.curlrc out.
    let mut curl = Command::new("curl");
    curl.args(["-q", "-sS", "-g", "-f", "-L", "--max-redirs", "10", "--proto", protocols, "--proto-redir", protocols])
        .args(["--connect-timeout", "20", "--speed-limit", "1024", "--speed-time", "60", "-K", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = curl.spawn().map_err(|error| Unfetched::lasting(format!("cannot start curl: {error}")))?;
    let quoted = url.replace('\\', "\\\\").replace('"', "\\\"");
    let mut input = child.stdin.take().expect("it is piped");
    // A curl that has ended already says why itself.
    let _ = input.write_all(format!("url = \"{quoted}\"\n").as_bytes());
    Ok(child)
}

/// Waits for curl's end.
fn finish(child: Child) -> Result<(), Unfetched> {
    let ended = child.wait_with_output().map_err(|error| Unfetched::lasting(format!("curl was cut off: {error}")))?;
    if ended.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ended.stderr);
    let said = said.lines().last().unwrap_or_default();
    let why: String = said.strip_prefix("curl: ").unwrap_or(said).chars().filter(|c| !c.is_control()).collect();
    let is_busy = ["408", "429", "500", "502", "503", "504"].iter().any(|code| why.ends_with(code));
    let may_pass = match ended.status.code() {
        Some(22) => is_busy,
        code => matches!(code, Some(7 | 18 | 28 | 52 | 55 | 56 | 92)),
    };
    let is_absent = ended.status.code() == Some(22) && ["404", "410"].iter().any(|code| why.ends_with(code));
    Err(Unfetched { why: if why.is_empty() { ended.status.to_string() } else { why }, is_absent, may_pass })
}

fn is_page(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let head = head.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    head.starts_with("<!doctype html") || head.starts_with("<html")
}

/// Runs shell of the kinds with this input, and gives what it prints.
pub(super) fn shell(script: &str, input: &[u8]) -> io::Result<String> {
    let mut child = Command::new("sh")
        .args(["-c", script])
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut stdin = child.stdin.take().expect("it is piped");
    // It prints a line only when it has read everything.
    let _ = stdin.write_all(input);
    drop(stdin);
    Ok(String::from_utf8_lossy(&child.wait_with_output()?.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::is_page;

    #[test]
    fn a_page_is_told_from_a_file() {
        for page in ["<!DOCTYPE html><html>", "\u{feff}\r\n <HTML lang=en>"] {
            assert!(is_page(page.as_bytes()), "{page}");
        }
        for file in [b"PK\x03\x04".as_slice(), b"", b"<?xml version", b"html"] {
            assert!(!is_page(file), "{file:?}");
        }
    }
}
