//! A web server with faults, for what hosts download.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::case::{BodySpec, Length, ReplySpec};
use super::world::bytes;

/// The server, on a port of its own of this machine.
pub(crate) struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn new(replies: &[(String, ReplySpec)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let replies: Arc<HashMap<String, ReplySpec>> = Arc::new(replies.iter().cloned().collect());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (replies, asked) = (Arc::clone(&replies), Arc::clone(&all));
                std::thread::spawn(move || serve(stream, &replies, &asked));
            }
        });
        Self { port, asked }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// How many times a path was asked for.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.asked.lock().expect("unbroken").iter().filter(|known| *known == path).count()
    }

    pub(crate) fn forget(&self) {
        self.asked.lock().expect("unbroken").clear();
    }
}

/// The answer with a body, or with the rest of it.
fn sent(spec: &BodySpec, before: usize, request: &str) -> Vec<u8> {
    let asked = |name: &str| {
        let line = request.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}: ")))?;
        line.split_once(": ").map(|(_, value)| value.trim().to_owned())
    };
    let is_later = before > 0 && spec.then.is_some();
    let body = bytes(spec.then.as_ref().filter(|_| is_later).unwrap_or(&spec.body));
    let etag = spec.etag.as_ref().map(|etag| if is_later { etag.replacen('"', "\"then-", 1) } else { etag.clone() });
    let versions = [&etag, &spec.modified];
    let fits = spec.deaf || asked("if-range").is_some_and(|wanted| versions.contains(&&Some(wanted)));
    let from: Option<usize> = asked("range")
        .filter(|_| fits)
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok())
        .filter(|from| *from < body.len());
    let mut head = match from {
        None => "HTTP/1.1 200 OK\r\n".to_owned(),
        Some(from) => {
            format!("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{}/{}\r\n", body.len() - 1, body.len())
        }
    };
    let length = match spec.length {
        Length::Right => Some(body.len() - from.unwrap_or(0)),
        Length::None => None,
        Length::Longer(length) => Some(length),
    };
    for (name, value) in [
        ("Content-Length", length.map(|length| length.to_string())),
        ("ETag", etag),
        ("Last-Modified", spec.modified.clone()),
    ] {
        head.extend(value.map(|value| format!("{name}: {value}\r\n")));
    }
    let end = spec.cut.filter(|_| before == 0).unwrap_or(body.len()).min(body.len());
    [head.as_bytes(), b"Connection: close\r\n\r\n", &body[from.unwrap_or(0)..end]].concat()
}

/// The line of a server that is busy; a date is written by the machine's own `date`.
fn retry_after(wait: &str) -> String {
    let Some(seconds) = wait.strip_prefix("date ") else { return format!("Retry-After: {wait}\r\n") };
    let mut date = std::process::Command::new("date");
    date.env("LC_ALL", "C").args(["-u", "-d", &format!("{seconds} seconds"), "+%a, %d %b %Y %H:%M:%S GMT"]);
    let date = String::from_utf8(date.output().expect("a date").stdout).expect("a date");
    format!("Retry-After: {}\r\n", date.trim())
}

fn serve(mut stream: TcpStream, replies: &HashMap<String, ReplySpec>, asked: &Mutex<Vec<String>>) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&buffer[..count]),
        }
    }
    let line = String::from_utf8_lossy(&request).into_owned();
    let path = line.split(' ').nth(1).unwrap_or("/").split('?').next().unwrap_or("/").to_owned();
    let before = {
        let mut asked = asked.lock().expect("unbroken");
        let before = asked.iter().filter(|known| **known == path).count();
        asked.push(path.clone());
        before
    };
    let reply = replies.get(&path);
    let _ = stream.write_all(&answer(reply, before, &line));
    if matches!(reply, Some(ReplySpec::Stall)) {
        // Nothing more comes; the read ends when the client has hung up.
        let _ = stream.set_read_timeout(Some(Duration::from_mins(1)));
        let _ = stream.read(&mut buffer);
    }
}

/// The bytes of an answer to a path that was asked for so many times before.
fn answer(reply: Option<&ReplySpec>, before: usize, request: &str) -> Vec<u8> {
    let head = |status: &str, length: Option<usize>| {
        let length = length.map_or_else(String::new, |length| format!("Content-Length: {length}\r\n"));
        format!("HTTP/1.1 {status}\r\n{length}Connection: close\r\n").into_bytes()
    };
    let failed = |status: u16| {
        let page = format!("<html><body>{status}</body></html>").into_bytes();
        [head(&format!("{status} Status"), Some(page.len())), b"\r\n".to_vec(), page].concat()
    };
    match reply {
        None => failed(404),
        Some(ReplySpec::Status(status)) => failed(*status),
        Some(ReplySpec::Body(spec)) if before < spec.failures => {
            let retry_after = spec.retry_after.as_deref().map_or_else(String::new, retry_after);
            [head("503 Status", Some(0)), retry_after.into_bytes(), b"\r\n".to_vec()].concat()
        }
        Some(ReplySpec::Body(spec)) => sent(spec, before, request),
        Some(ReplySpec::Redirect(target)) => {
            [head("302 Found", Some(0)), format!("Location: {target}\r\n\r\n").into_bytes()].concat()
        }
        Some(ReplySpec::Stall) if before > 0 => failed(404),
        Some(ReplySpec::Stall) => [head("200 OK", Some(1_000_000)), b"\r\nP".to_vec()].concat(),
    }
}
