//! The mirror: it answers the rehearsal file's URLs, over HTTPS under their real names.

mod certificates;
mod http;
mod served;

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::ResolvesServerCert;

use self::certificates::Certificates;
use self::http::{BAD_REQUEST, RequestHead, bad_gateway, response_head};
use self::served::Served;
use super::dns;
use crate::rehearse::refused::Refused;
use crate::rehearse::world::{Url, World};

pub(super) use self::certificates::Authority;

/// How many URLs without a stand-in are remembered.
const MAX_MISSING: usize = 1000;

/// Everything that is served, and what was requested.
#[derive(Clone, Debug)]
pub(super) struct Mirror {
    table: Arc<Vec<Served>>,
    certificates: Arc<Certificates>,
    requests: Arc<Mutex<Requests>>,
    file: Arc<str>,
}

#[derive(Debug, Default)]
struct Requests {
    /// How often each URL of the table was requested.
    times: Vec<u64>,
    missing: Vec<String>,
}

impl Mirror {
    /// Prepares every body and opens local files.
    pub(super) fn new(world: &World, authority: &Authority) -> Result<Self, Refused> {
        let table = world.urls.iter().map(Served::new).collect::<Result<Vec<_>, _>>()?;
        let unnamed = table.iter().find(|served| served.url.name.parse::<Ipv4Addr>().is_ok());
        let unnamed = unnamed.map_or_else(|| "127.0.0.1".to_owned(), |served| served.url.name.clone());
        let requests = Requests { times: vec![0; table.len()], missing: Vec::new() };
        Ok(Self {
            table: Arc::new(table),
            certificates: Arc::new(Certificates::new(authority.clone(), unnamed)),
            requests: Arc::new(Mutex::new(requests)),
            file: world.file.clone().unwrap_or_else(|| "the rehearsal file".to_owned()).into(),
        })
    }

    /// The addresses that URLs name instead of a DNS name; the loopback interface needs them.
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

    /// How often each URL was requested, and the requested URLs without a stand-in.
    pub(super) fn used(&self) -> (Vec<(String, u64)>, Vec<String>) {
        let requests = self.requests();
        let urls = self.table.iter().zip(&requests.times).map(|(served, times)| (served.url.text(), *times)).collect();
        (urls, requests.missing.clone())
    }

    /// Starts the name server, and listens on every port that a URL names and on those of http and https.
    pub(super) fn serve(&self) -> io::Result<()> {
        dns::serve()?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.certificates) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        for (port, secure) in self.ports() {
            let listener = std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
            listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(listener)?;
            tokio::spawn(self.clone().accept(listener, port, secure.then(|| acceptor.clone())));
        }
        Ok(())
    }

    /// The ports to listen on, and whether each speaks TLS.
    fn ports(&self) -> Vec<(u16, bool)> {
        let named = self.table.iter().map(|served| (served.url.port, served.url.secure));
        let mut ports: Vec<(u16, bool)> = Vec::new();
        for (port, secure) in named.chain([(443, true), (80, false)]) {
            if !ports.iter().any(|(known, _)| *known == port) {
                ports.push((port, secure));
            }
        }
        ports
    }

    async fn accept(self, listener: TcpListener, port: u16, tls: Option<TlsAcceptor>) {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let (mirror, tls) = (self.clone(), tls.clone());
            tokio::spawn(async move {
                // Only the client needs to know what goes wrong on its connection.
                let _ = match tls {
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => mirror.exchange(stream, port, true).await,
                        Err(error) => Err(error),
                    },
                    None => mirror.exchange(stream, port, false).await,
                };
            });
        }
    }

    /// Answers one request; the connection ends after it.
    async fn exchange(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        port: u16,
        secure: bool,
    ) -> io::Result<()> {
        let Some(head) = RequestHead::read(&mut stream).await? else { return Ok(()) };
        let Some(url) = head.url(secure, port) else {
            stream.write_all(BAD_REQUEST).await?;
            return stream.shutdown().await;
        };
        let Some((served, turn)) = self.find(&url) else {
            stream.write_all(bad_gateway(&self.missing(&url)).as_bytes()).await?;
            return stream.shutdown().await;
        };
        let (answer, body) = (&served.url.answers[turn], &served.bodies[turn]);
        let first_byte = if answer.status == 200 { head.first_byte() } else { None };
        let from = first_byte.unwrap_or(0).min(body.len());
        stream.write_all(response_head(answer, body.len(), first_byte).as_bytes()).await?;
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
            // A connection that is cut ends without a TLS close.
            return Ok(());
        }
        stream.shutdown().await
    }

    /// Finds a URL, with its query and then without it, and which of its answers is next.
    fn find(&self, url: &Url) -> Option<(&Served, usize)> {
        let without_query = url.path.split('?').next().unwrap_or_default();
        let place = |path: &str| {
            self.table.iter().position(|served| {
                let known = &served.url;
                (known.secure, known.port, known.name.as_str(), known.path.as_str())
                    == (url.secure, url.port, url.name.as_str(), path)
            })
        };
        let at = place(&url.path).or_else(|| place(without_query))?;
        let mut requests = self.requests();
        let before = requests.times[at];
        requests.times[at] += 1;
        let last = self.table[at].url.answers.len().checked_sub(1)?;
        Some((&self.table[at], usize::try_from(before).unwrap_or(last).min(last)))
    }

    /// Remembers a URL without a stand-in, and returns a text that says how to add one.
    fn missing(&self, url: &Url) -> String {
        let url = url.text();
        let mut requests = self.requests();
        if !requests.missing.contains(&url) && requests.missing.len() < MAX_MISSING {
            requests.missing.push(url.clone());
        }
        format!("pinboot rehearse: {} has no stand-in for {url}\nAdd one:\n\nurls:\n  {url}:\n    body: …\n", self.file)
    }

    /// The requests so far; a thread that panicked left them valid, since every change is one step.
    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
