//! A mirror of the downloads under their real names: an HTTP proxy on a loopback port that answers for every host.
//!
//! A client that uses it as its proxy asks it to `CONNECT archive.apache.org:443`; the mirror ends the TLS
//! connection itself, with a certificate for that very name by a private authority made for this mirror, and answers
//! from a table of whole URLs. So a playbook is tested with its own URLs, its client's own TLS, redirects and all, and
//! nothing leaves the machine: a URL that is not in the table gets a 502 that names it.

use std::collections::HashMap;
use std::fs;
use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::ring};

/// What the mirror says to a request for one URL.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// 200 with these bytes and their length.
    Body(Vec<u8>),
    /// Another status, with a page.
    Status(u16, String),
    /// 302 to this URL.
    Redirect(String),
    /// 200 with the length of all of these bytes, of which only so many come before the connection ends.
    Cut(Vec<u8>, usize),
    /// 200 with the length of all of these bytes, of which only so many come; the connection stays open.
    Stall(Vec<u8>, usize),
}

/// One request as the mirror saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// `GET` or `HEAD`.
    pub(crate) method: String,
    /// The whole URL.
    pub(crate) url: String,
    /// The `Range` header, where there was one.
    pub(crate) range: Option<String>,
}

/// A running mirror; it stops when dropped.
pub(crate) struct Mirror {
    address: SocketAddr,
    authority: PathBuf,
    /// The settings of wget for the whole host.
    wgetrc: PathBuf,
    shared: Arc<Shared>,
    acceptor: Option<thread::JoinHandle<()>>,
}

struct Shared {
    answers: Mutex<HashMap<String, Answer>>,
    requests: Mutex<Vec<Request>>,
    configs: Mutex<HashMap<String, Arc<ServerConfig>>>,
    issuer: Issuer<'static, KeyPair>,
    stopping: AtomicBool,
}

impl Mirror {
    /// Starts a mirror with an empty table; the authority's certificate is written into `dir`.
    pub(crate) fn start(dir: &Path) -> Self {
        let key = KeyPair::generate().expect("a key for the private authority");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters of the private authority");
        params.distinguished_name.push(DnType::CommonName, "pinboot test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).expect("the private authority's certificate");
        let authority = dir.join("authority.pem");
        fs::write(&authority, certificate.pem()).expect("the authority's certificate is written");
        // Built on GnuTLS, wget reads none of the variables for the authority. The user's own .wgetrc must not reach it.
        let wgetrc = dir.join("wgetrc");
        fs::write(&wgetrc, format!("ca_certificate = {}\n", authority.display())).expect("wget's settings are written");

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port for the mirror");
        let address = listener.local_addr().expect("the mirror's address");
        let shared = Arc::new(Shared {
            answers: Mutex::default(),
            requests: Mutex::default(),
            configs: Mutex::default(),
            issuer: Issuer::new(params, key),
            stopping: AtomicBool::new(false),
        });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Self { address, authority, wgetrc, shared, acceptor: Some(acceptor) }
    }

    /// Puts an answer into the table, in place of an older one for the same URL.
    pub(crate) fn set(&self, url: &str, answer: Answer) {
        lock(&self.shared.answers).insert(url.to_owned(), answer);
    }

    /// Every request so far, in order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    /// How often this URL was asked for.
    pub(crate) fn count(&self, url: &str) -> usize {
        lock(&self.shared.requests).iter().filter(|request| request.url == url).count()
    }

    /// The environment that leads `curl`, and whatever else reads these names, to the mirror.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let proxy = format!("http://{}", self.address);
        let authority = self.authority.display().to_string();
        [
            ("https_proxy", proxy.clone()),
            ("http_proxy", proxy),
            ("CURL_CA_BUNDLE", authority.clone()),
            ("SSL_CERT_FILE", authority),
            ("SYSTEM_WGETRC", self.wgetrc.display().to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // The acceptor waits in accept(); one connection wakes it.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        // A client that leaves early is the client's business: what came before it is in the list of requests.
        thread::spawn(move || drop(serve(stream, &shared)));
    }
}

/// The first line and the headers that matter of one request.
struct Head {
    method: String,
    target: String,
    range: Option<String>,
}

/// Answers one connection: a tunnel for `https`, or a request with a whole URL for `http`.
fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    let mut reader = BufReader::new(stream);
    let Some(head) = read_head(&mut reader)? else { return Ok(()) };
    if head.method != "CONNECT" {
        return answer(reader.get_mut(), shared, &head, &head.target);
    }
    let host = head.target.strip_suffix(":443").unwrap_or(&head.target).to_owned();
    // A client says nothing more before it has this answer, so the reader holds no bytes of the handshake.
    reader.get_mut().write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let connection = ServerConnection::new(shared.config_for(&host)).map_err(io::Error::other)?;
    let mut reader = BufReader::new(StreamOwned::new(connection, reader.into_inner()));
    let Some(head) = read_head(&mut reader)? else { return Ok(()) };
    let url = format!("https://{host}{}", head.target);
    let tls = reader.get_mut();
    let result = answer(tls, shared, &head, &url);
    tls.conn.send_close_notify();
    tls.flush()?;
    result
}

fn read_head(reader: &mut impl io::BufRead) -> io::Result<Option<Head>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let mut range = None;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim_end().is_empty() {
            return Ok(Some(Head { method, target, range }));
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("range")
        {
            range = Some(value.trim().to_owned());
        }
    }
}

/// Writes the table's answer to one request. Every connection ends behind it.
fn answer(out: &mut (impl Read + Write), shared: &Shared, head: &Head, url: &str) -> io::Result<()> {
    lock(&shared.requests).push(Request {
        method: head.method.clone(),
        url: url.to_owned(),
        range: head.range.clone(),
    });
    let known = lock(&shared.answers).get(url).cloned();
    let (status, extra, body, part) = match known {
        Some(Answer::Body(body)) => (200, String::new(), body, None),
        Some(Answer::Status(status, page)) => (status, String::new(), page.into_bytes(), None),
        Some(Answer::Redirect(to)) => (302, format!("Location: {to}\r\n"), Vec::new(), None),
        Some(Answer::Cut(body, after)) => (200, String::new(), body, Some((after, false))),
        Some(Answer::Stall(body, after)) => (200, String::new(), body, Some((after, true))),
        None => (502, String::new(), format!("the mirror has nothing for {url}\n").into_bytes(), None),
    };
    write!(out, "HTTP/1.1 {status} Mirror\r\n{extra}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    if head.method == "HEAD" {
        return out.flush();
    }
    let sent = part.map_or(body.len(), |(after, _)| after.min(body.len()));
    out.write_all(&body[..sent])?;
    out.flush()?;
    if part.is_some_and(|(_, stays)| stays) {
        // Holds the connection until the client gives up, or the read timeout of a minute ends it.
        let mut byte = [0];
        while out.read(&mut byte)? != 0 {}
    }
    Ok(())
}

impl Shared {
    /// The TLS configuration for a host's name, made at its first use.
    fn config_for(&self, host: &str) -> Arc<ServerConfig> {
        let mut configs = lock(&self.configs);
        let config = configs.entry(host.to_owned()).or_insert_with(|| {
            let key = KeyPair::generate().expect("a key for a mirrored host");
            let certificate = CertificateParams::new(vec![host.to_owned()])
                .and_then(|params| params.signed_by(&key, &self.issuer))
                .expect("a certificate for a mirrored host");
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
            let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("TLS versions")
                .with_no_client_auth()
                .with_single_cert(vec![certificate.der().clone()], key)
                .expect("the certificate fits its key");
            Arc::new(config)
        });
        Arc::clone(config)
    }
}
