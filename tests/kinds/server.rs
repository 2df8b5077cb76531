//! A web server with faults, for the downloads.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a path answers.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// The whole body with its length.
    Body(Vec<u8>),
    /// The whole body without a length, ended by the connection's end.
    NoLength(Vec<u8>),
    /// A length, and a body that is shorter.
    Cut(usize, Vec<u8>),
    /// A status and a page.
    Status(u16),
    /// A redirection.
    To(String),
    /// 503 so many times, then the body.
    Flaky(usize, Vec<u8>),
    /// The head and a first byte, and then nothing until the client is gone; the next time, 404.
    Stall,
}

/// The server, on a port of its own of this machine.
pub(crate) struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn new(replies: &[(&str, Reply)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let replies: HashMap<String, Reply> =
            replies.iter().map(|(path, reply)| ((*path).to_owned(), reply.clone())).collect();
        let replies = Arc::new(replies);
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
}

fn serve(mut stream: TcpStream, replies: &HashMap<String, Reply>, asked: &Mutex<Vec<String>>) {
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
    let head = |status: &str, length: Option<usize>| {
        let length = length.map_or_else(String::new, |length| format!("Content-Length: {length}\r\n"));
        format!("HTTP/1.1 {status}\r\n{length}Connection: close\r\n").into_bytes()
    };
    let whole = |body: &[u8]| [head("200 OK", Some(body.len())), b"\r\n".to_vec(), body.to_vec()].concat();
    let failed = |status: u16| {
        let page = format!("<html><body>{status}</body></html>").into_bytes();
        [head(&format!("{status} Status"), Some(page.len())), b"\r\n".to_vec(), page].concat()
    };
    let answer = match replies.get(&path) {
        None => failed(404),
        Some(Reply::Status(status)) => failed(*status),
        Some(Reply::Flaky(times, _)) if before < *times => failed(503),
        Some(Reply::Body(body) | Reply::Flaky(_, body)) => whole(body),
        Some(Reply::NoLength(body)) => [head("200 OK", None), b"\r\n".to_vec(), body.clone()].concat(),
        Some(Reply::Cut(length, body)) => [head("200 OK", Some(*length)), b"\r\n".to_vec(), body.clone()].concat(),
        Some(Reply::To(target)) => {
            [head("302 Found", Some(0)), format!("Location: {target}\r\n\r\n").into_bytes()].concat()
        }
        Some(Reply::Stall) if before > 0 => failed(404),
        Some(Reply::Stall) => [head("200 OK", Some(1_000_000)), b"\r\nP".to_vec()].concat(),
    };
    let _ = stream.write_all(&answer);
    if matches!(replies.get(&path), Some(Reply::Stall)) {
        // Nothing more comes; the read ends when the client has hung up.
        let _ = stream.set_read_timeout(Some(Duration::from_mins(1)));
        let _ = stream.read(&mut buffer);
    }
}
