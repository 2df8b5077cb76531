//! A web server with faults, for what hosts download.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::case::{Length, ReplySpec};
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
    let _ = stream.write_all(&answer(reply, before));
    if matches!(reply, Some(ReplySpec::Stall)) {
        // Nothing more comes; the read ends when the client has hung up.
        let _ = stream.set_read_timeout(Some(Duration::from_mins(1)));
        let _ = stream.read(&mut buffer);
    }
}

/// The bytes of an answer to a path that was asked for so many times before.
fn answer(reply: Option<&ReplySpec>, before: usize) -> Vec<u8> {
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
        Some(ReplySpec::Body { failures, .. }) if before < *failures => failed(503),
        Some(ReplySpec::Body { body, length, .. }) => {
            let body = bytes(body);
            let length = match length {
                Length::Right => Some(body.len()),
                Length::None => None,
                Length::Longer(length) => Some(*length),
            };
            [head("200 OK", length), b"\r\n".to_vec(), body].concat()
        }
        Some(ReplySpec::Redirect(target)) => {
            [head("302 Found", Some(0)), format!("Location: {target}\r\n\r\n").into_bytes()].concat()
        }
        Some(ReplySpec::Stall) if before > 0 => failed(404),
        Some(ReplySpec::Stall) => [head("200 OK", Some(1_000_000)), b"\r\nP".to_vec()].concat(),
    }
}
