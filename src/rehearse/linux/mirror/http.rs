//! The part of HTTP/1.1 that the mirror speaks: it reads one request and writes the head of one response.

use std::fmt::Write as _;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::rehearse::world::{Body, Url, UrlAnswer};

/// No download has a request head longer than this.
const MAX_HEAD: usize = 64 << 10;

/// How much of a request's body is read before the response; no stand-in looks at it.
const MAX_REQUEST_BODY: u64 = 1 << 20;

/// The response to a request that names no URL.
pub(super) const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// The head of a request.
#[derive(Debug)]
pub(super) struct RequestHead {
    pub(super) method: String,
    path: String,
    headers: Vec<(String, String)>,
}

impl RequestHead {
    /// Reads a request's head and skips its body; `None` if it is not HTTP.
    pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if bytes.len() > MAX_HEAD || stream.read_buf(&mut bytes).await? == 0 {
                return Ok(None);
            }
        };
        let Some(head) = Self::parse(&String::from_utf8_lossy(&bytes[..end])) else { return Ok(None) };
        let announced = head.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut left = announced.min(MAX_REQUEST_BODY).saturating_sub((bytes.len() - end - 4) as u64);
        while left > 0 {
            let mut piece = [0; 8192];
            let length = stream.read(&mut piece).await? as u64;
            if length == 0 {
                break;
            }
            left = left.saturating_sub(length);
        }
        Ok(Some(head))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split("\r\n");
        let mut first = lines.next()?.split(' ');
        let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
        first.next().filter(|version| version.starts_with("HTTP/1."))?;
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Some(Self { method, path, headers })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The whole URL of the request.
    pub(super) fn url(&self, secure: bool, port: u16) -> Option<Url> {
        let scheme = if secure { "https" } else { "http" };
        let host = self.header("host")?;
        let host = host.rsplit_once(':').map_or(host, |(name, _)| name);
        self.path.starts_with('/').then_some(())?;
        Url::parse(&format!("{scheme}://{host}:{port}{}", self.path)).ok()
    }

    /// The first requested byte if the client resumes a download (`Range: bytes=N-`).
    pub(super) fn first_byte(&self) -> Option<u64> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// The head of the response with this answer, whose body has this length.
pub(super) fn response_head(answer: &UrlAnswer, length: u64, first_byte: Option<u64>) -> String {
    let status = match first_byte {
        Some(from) if from < length => 206,
        Some(_) => 416,
        None => answer.status,
    };
    let left = first_byte.map_or(length, |from| length.saturating_sub(from));
    let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status));
    let kind = answer.content_type.as_deref().unwrap_or(content_type(&answer.body));
    let _ = write!(head, "Content-Type: {kind}\r\nContent-Length: {left}\r\nAccept-Ranges: bytes\r\n");
    if let Some(from) = first_byte {
        let _ = match length.checked_sub(1) {
            Some(last) if from <= last => write!(head, "Content-Range: bytes {from}-{last}/{length}\r\n"),
            _ => write!(head, "Content-Range: bytes */{length}\r\n"),
        };
    }
    if let Some(location) = &answer.location {
        let _ = write!(head, "Location: {location}\r\n");
    }
    head.push_str("Connection: close\r\n\r\n");
    head
}

/// The response for a URL without a stand-in.
pub(super) fn bad_gateway(text: &str) -> String {
    let length = text.len();
    format!(
        "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
    )
}

fn content_type(body: &Body) -> &'static str {
    match body {
        Body::Text(text) if text.trim_start().starts_with('<') => "text/html; charset=utf-8",
        Body::Text(_) => "text/plain; charset=utf-8",
        Body::Tgz(_) => "application/x-gzip",
        Body::Zip(_) | Body::File(_) => "application/octet-stream",
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Stand-in",
    }
}
