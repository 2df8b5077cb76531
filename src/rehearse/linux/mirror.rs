//! The mirror: answers the rehearsal file's URLs, over HTTPS under their real names.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::{ServerConfig, sign::CertifiedKey};

use super::archive;
use super::dns;
use crate::rehearse::refused::Refused;
use crate::rehearse::world::{Answer, Body, Url, World};

/// A request's head longer than this is no download's.
const LONGEST_HEAD: usize = 64 << 10;
/// As much of a request's body is read before the answer; no stand-in looks at it.
const LONGEST_BODY: u64 = 1 << 20;

/// The certificate authority that only this host trusts.
#[derive(Clone)]
pub(super) struct Authority(Arc<CertifiedIssuer<'static, KeyPair>>);

impl Authority {
    /// Makes a fresh one.
    pub(super) fn new() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        params.distinguished_name.push(DnType::CommonName, "pinboot rehearsal");
        Ok(Self(Arc::new(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)))
    }

    /// Its certificate, to be trusted.
    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    fn certify(&self, name: &str) -> Result<CertifiedKey, Box<dyn std::error::Error>> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &*self.0)?;
        let private = PrivateKeyDer::try_from(key.serialize_der())?;
        let chain = vec![certificate.der().clone(), CertificateDer::clone(self.0.der())];
        Ok(CertifiedKey::new(chain, ring::sign::any_supported_type(&private)?))
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

/// Certificates by name, each made when it is asked for the first time.
#[derive(Debug)]
struct Certificates {
    authority: Authority,
    /// For clients that name nobody: whom they reach by address.
    unnamed: String,
    made: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().unwrap_or(&self.unnamed).to_ascii_lowercase();
        let mut made = lock(&self.made);
        if let Some(key) = made.get(&name) {
            return Some(Arc::clone(key));
        }
        let key = Arc::new(self.authority.certify(&name).ok()?);
        made.insert(name, Arc::clone(&key));
        Some(key)
    }
}

/// A body that is ready to be sent.
#[derive(Debug)]
enum Ready {
    Bytes(Vec<u8>),
    File(File, u64),
}

impl Ready {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(_, length) => *length,
        }
    }

    /// Reads from an offset; an empty piece is the end.
    fn piece(&self, at: u64, most: usize) -> io::Result<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => {
                let from = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                Ok(bytes[from..(from + most).min(bytes.len())].to_vec())
            }
            Self::File(file, _) => {
                let mut piece = vec![0; most];
                let length = file.read_at(&mut piece, at)?;
                piece.truncate(length);
                Ok(piece)
            }
        }
    }
}

/// One URL, its bodies ready.
#[derive(Debug)]
struct Served {
    url: Url,
    bodies: Vec<Ready>,
}

/// Everything that is served, and what was asked for.
#[derive(Clone, Debug)]
pub(super) struct Mirror {
    table: Arc<Vec<Served>>,
    certificates: Arc<Certificates>,
    asked: Arc<Mutex<Asked>>,
    file: Arc<str>,
}

#[derive(Debug, Default)]
struct Asked {
    times: Vec<u64>,
    missing: Vec<String>,
}

impl Mirror {
    /// Makes every body ready; local files are opened now.
    pub(super) fn new(world: &World, authority: &Authority) -> Result<Self, Refused> {
        let mut table = Vec::new();
        for url in &world.urls {
            let mut bodies = Vec::new();
            for answer in &url.answers {
                bodies.push(match &answer.body {
                    Body::Text(text) => Ready::Bytes(text.clone().into_bytes()),
                    Body::Tgz(tree) => Ready::Bytes(archive::tgz(tree)),
                    Body::Zip(tree) => Ready::Bytes(archive::zip(tree)),
                    Body::File(path) => open(path)?,
                });
            }
            table.push(Served { url: url.clone(), bodies });
        }
        let unnamed = table.iter().find(|served| served.url.name.parse::<Ipv4Addr>().is_ok());
        let unnamed = unnamed.map_or_else(|| "127.0.0.1".to_owned(), |served| served.url.name.clone());
        let certificates = Certificates { authority: authority.clone(), unnamed, made: Mutex::default() };
        let asked = Asked { times: vec![0; table.len()], missing: Vec::new() };
        Ok(Self {
            table: Arc::new(table),
            certificates: Arc::new(certificates),
            asked: Arc::new(Mutex::new(asked)),
            file: world.file.clone().unwrap_or_else(|| "the rehearsal file".to_owned()).into(),
        })
    }

    /// The addresses that URLs name instead of a host's name; the loopback has to have them.
    pub(super) fn addresses(&self) -> Vec<Ipv4Addr> {
        let mut out: Vec<Ipv4Addr> = Vec::new();
        for served in self.table.iter() {
            if let Ok(address) = served.url.name.parse::<Ipv4Addr>()
                && !address.is_loopback()
                && !out.contains(&address)
            {
                out.push(address);
            }
        }
        out
    }

    /// Which URLs were asked for how often, and those that nobody has.
    pub(super) fn used(&self) -> (Vec<(String, u64)>, Vec<String>) {
        let asked = lock(&self.asked);
        let urls = self.table.iter().zip(&asked.times).map(|(served, times)| (served.url.text(), *times)).collect();
        (urls, asked.missing.clone())
    }

    /// Listens on every port that a URL names, and on those of http and https.
    pub(super) fn serve(&self) -> io::Result<()> {
        dns::serve()?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.certificates) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let mut ports: Vec<(u16, bool)> = Vec::new();
        for served in self.table.iter() {
            if !ports.iter().any(|(port, _)| *port == served.url.port) {
                ports.push((served.url.port, served.url.secure));
            }
        }
        for (port, secure) in [(443, true), (80, false)] {
            if !ports.iter().any(|(known, _)| *known == port) {
                ports.push((port, secure));
            }
        }
        for (port, secure) in ports {
            let listener = std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
            listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(listener)?;
            let (mirror, acceptor) = (self.clone(), acceptor.clone());
            tokio::spawn(async move {
                loop {
                    let Ok((stream, _)) = listener.accept().await else { continue };
                    let (mirror, acceptor) = (mirror.clone(), acceptor.clone());
                    tokio::spawn(async move {
                        // What goes wrong on a connection, its client sees.
                        if secure {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                let _ = mirror.exchange(stream, port, secure).await;
                            }
                        } else {
                            let _ = mirror.exchange(stream, port, secure).await;
                        }
                    });
                }
            });
        }
        Ok(())
    }

    /// One request and its answer; the connection ends behind it.
    async fn exchange(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        port: u16,
        secure: bool,
    ) -> io::Result<()> {
        let Some(head) = Head::read(&mut stream).await? else { return Ok(()) };
        let Some(target) = head.target(secure, port) else {
            let reply = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            stream.write_all(reply).await?;
            return stream.shutdown().await;
        };
        let found = self.find(&target);
        let Some((served, turn)) = found else {
            let text = self.missing(&target);
            let head = format!(
                "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                text.len()
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(text.as_bytes()).await?;
            return stream.shutdown().await;
        };
        let (answer, body) = (&served.url.answers[turn], &served.bodies[turn]);
        let range = if answer.status == 200 { head.range() } else { None };
        let from = range.unwrap_or(0).min(body.len());
        stream.write_all(response_head(answer, body.len(), range).as_bytes()).await?;
        if head.method == "HEAD" {
            return stream.shutdown().await;
        }
        let end = answer.cut_after.map_or(body.len(), |cut| (from + cut).min(body.len()));
        let mut at = from;
        while at < end {
            let most = usize::try_from(end - at).unwrap_or(usize::MAX).min(64 << 10);
            let piece = body.piece(at, most)?;
            if piece.is_empty() {
                break;
            }
            at += piece.len() as u64;
            stream.write_all(&piece).await?;
        }
        stream.flush().await?;
        if answer.cut_after.is_some() {
            // Dropped without a word, as a line is that was cut.
            return Ok(());
        }
        stream.shutdown().await
    }

    /// The URL that a request means, and the turn of its answer.
    fn find(&self, target: &Url) -> Option<(&Served, usize)> {
        let without_query = target.path.split('?').next().unwrap_or_default();
        let place = |path: &str| {
            self.table.iter().position(|served| {
                let url = &served.url;
                (url.secure, url.port, url.name.as_str(), url.path.as_str())
                    == (target.secure, target.port, target.name.as_str(), path)
            })
        };
        let at = place(&target.path).or_else(|| place(without_query))?;
        let mut asked = lock(&self.asked);
        let before = asked.times[at];
        asked.times[at] += 1;
        let last = self.table[at].url.answers.len().checked_sub(1)?;
        Some((&self.table[at], usize::try_from(before).unwrap_or(last).min(last)))
    }

    /// Notes a URL that nobody has, and says which key to add.
    fn missing(&self, target: &Url) -> String {
        let url = target.text();
        let mut asked = lock(&self.asked);
        if !asked.missing.contains(&url) && asked.missing.len() < 1000 {
            asked.missing.push(url.clone());
        }
        format!(
            "pinboot rehearse: {} has no stand-in for {url}\nAdd one there:\n\nurls:\n  {url}:\n    body: …\n",
            self.file
        )
    }
}

/// A request's first lines.
#[derive(Debug)]
struct Head {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
}

impl Head {
    /// Reads a request's head, and its body where one follows; `None`: the client said nothing that can be understood.
    async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if bytes.len() > LONGEST_HEAD || stream.read_buf(&mut bytes).await? == 0 {
                return Ok(None);
            }
        };
        let Some(head) = Self::parse(&String::from_utf8_lossy(&bytes[..end])) else { return Ok(None) };
        let announced = head.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut left = announced.min(LONGEST_BODY).saturating_sub((bytes.len() - end - 4) as u64);
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

    /// The whole URL that is meant.
    fn target(&self, secure: bool, port: u16) -> Option<Url> {
        let scheme = if secure { "https" } else { "http" };
        let host = self.header("host")?;
        let host = host.rsplit_once(':').map_or(host, |(name, _)| name);
        self.path.starts_with('/').then_some(())?;
        Url::parse(&format!("{scheme}://{host}:{port}{}", self.path)).ok()
    }

    /// The first byte that is wished for, where a download is taken up again (`bytes=N-`).
    fn range(&self) -> Option<u64> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

fn response_head(answer: &Answer, length: u64, range: Option<u64>) -> String {
    let status = match range {
        Some(from) if from < length => 206,
        Some(_) => 416,
        None => answer.status,
    };
    let left = range.map_or(length, |from| length.saturating_sub(from));
    let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status));
    let guessed = match &answer.body {
        Body::Text(text) if text.trim_start().starts_with('<') => "text/html; charset=utf-8",
        Body::Text(_) => "text/plain; charset=utf-8",
        Body::Tgz(_) => "application/x-gzip",
        Body::Zip(_) | Body::File(_) => "application/octet-stream",
    };
    let kind = answer.content_type.as_deref().unwrap_or(guessed);
    let _ = write!(head, "Content-Type: {kind}\r\nContent-Length: {left}\r\nAccept-Ranges: bytes\r\n");
    if let Some(from) = range {
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

fn open(path: &PathBuf) -> Result<Ready, Refused> {
    let opened = File::open(path).and_then(|file| file.metadata().map(|meta| (file, meta.len())));
    match opened {
        Ok((file, length)) => Ok(Ready::File(file, length)),
        Err(error) => Err(Refused::new(
            format!("the stand-in {} cannot be read: {error}", path.display()),
            "put it there, or name another file in the rehearsal file",
        )),
    }
}

/// What a panicking thread left is still whole: every change here is one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
