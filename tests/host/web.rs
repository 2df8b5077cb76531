//! A small web server for the private network: HTTP, with TLS or without, from a function that answers requests.

use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// One request.
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path with its query.
    pub(crate) target: String,
    /// The names are in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// A header's value, trimmed; empty if it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }
}

/// One answer.
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Where a redirection leads.
    pub(crate) location: Option<String>,
    pub(crate) body: Arc<[u8]>,
}

impl Response {
    /// A page of text.
    pub(crate) fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, location: None, body: body.into().into_bytes().into() }
    }
}

/// Serves a socket until the process ends.
pub(crate) fn serve<F>(listener: TcpListener, tls: Option<Arc<ServerConfig>>, answer: F)
where
    F: Fn(&Request) -> Response + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (tls, answer) = (tls.clone(), Arc::clone(&answer));
            // An error here means that the client left early.
            thread::spawn(move || drop(converse(stream, tls, &*answer)));
        }
    });
}

fn converse(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    answer: &dyn Fn(&Request) -> Response,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    let Some(config) = tls else { return exchange(&mut BufReader::new(stream), answer) };
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
    exchange(&mut reader, answer)?;
    reader.get_mut().conn.send_close_notify();
    reader.get_mut().flush()
}

/// Answers one request; the connection ends after it.
fn exchange<S: io::Read + Write>(reader: &mut BufReader<S>, answer: &dyn Fn(&Request) -> Response) -> io::Result<()> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(()) };
    let mut request = Request { method, target, headers: Vec::new(), body: Vec::new() };
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim_end().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':') {
            request.headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    if request.header("expect").eq_ignore_ascii_case("100-continue") {
        reader.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let length = request.header("content-length").parse().unwrap_or(0);
    reader.by_ref().take(length).read_to_end(&mut request.body)?;

    let response = answer(&request);
    let out = reader.get_mut();
    write!(out, "HTTP/1.1 {} Test\r\nContent-Length: {}\r\n", response.status, response.body.len())?;
    if let Some(location) = response.location {
        write!(out, "Location: {location}\r\n")?;
    }
    write!(out, "Connection: close\r\n\r\n")?;
    if request.method != "HEAD" {
        out.write_all(&response.body)?;
    }
    out.flush()
}
