//! A link between pinboot and a server that does harm on demand.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// Relays connections from a port of its own.
pub(crate) struct Link {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    flows: Mutex<Vec<Arc<Flow>>>,
    /// New connections are ended before a byte has gone through.
    is_shut: AtomicBool,
    /// Passes on what the host sends one byte at a time.
    is_sliced: AtomicBool,
    rewriting: Mutex<Option<Rewriting>>,
    /// How much of what the host says the next connection carries before it is reset; 0 for all.
    limit: AtomicU64,
    /// When a connection was reset last.
    reset: Mutex<Option<SystemTime>>,
}

/// Words to be replaced by others of the same length, from either side.
struct Rewriting {
    from: &'static str,
    into: &'static str,
    /// How often they did.
    count: usize,
}

struct Flow {
    near: TcpStream,
    far: TcpStream,
    /// Bytes vanish, and nothing says so.
    is_swallowed: AtomicBool,
    /// The next byte from the host is changed.
    is_flipped: AtomicBool,
    /// See [`Shared`]; and how much it has carried so far.
    limit: u64,
    carried: AtomicU64,
}

impl Link {
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let shared = Arc::new(Shared::default());
        let link = Self { port: listener.local_addr().expect("its address").port(), shared: Arc::clone(&shared) };
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if shared.is_shut.load(Ordering::SeqCst) {
                    // Closed explicitly: a socket that is dropped with unread data is reset.
                    let _ = near.shutdown(Shutdown::Write);
                    std::thread::spawn(move || std::io::copy(&mut &near, &mut std::io::sink()));
                    continue;
                }
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                for socket in [&near, &far] {
                    socket.set_nodelay(true).expect("a socket");
                }
                let flow = Arc::new(Flow {
                    near,
                    far,
                    is_swallowed: AtomicBool::default(),
                    is_flipped: AtomicBool::default(),
                    limit: shared.limit.swap(0, Ordering::SeqCst),
                    carried: AtomicU64::default(),
                });
                shared.flows.lock().expect("flows").push(Arc::clone(&flow));
                let (up, shared, and) = (Arc::clone(&flow), Arc::clone(&shared), Arc::clone(&shared));
                std::thread::spawn(move || up.carry(&up.near, &up.far, &and, false));
                std::thread::spawn(move || flow.carry(&flow.far, &flow.near, &shared, true));
            }
        });
        link
    }

    fn each(&self, harm: impl Fn(&Flow)) {
        self.shared.flows.lock().expect("flows").iter().for_each(|flow| harm(flow));
    }

    /// Ends the connections that there are.
    pub(crate) fn cut(&self) {
        self.each(Flow::end);
    }

    /// Lets the bytes of the connections that there are vanish from now on; new ones go through.
    pub(crate) fn swallow(&self) {
        self.each(|flow| flow.is_swallowed.store(true, Ordering::SeqCst));
    }

    /// Changes a bit of the next byte that comes from the host.
    pub(crate) fn flip(&self) {
        self.each(|flow| flow.is_flipped.store(true, Ordering::SeqCst));
    }

    /// Ends new connections at once from now on.
    pub(crate) fn shut(&self) {
        self.shared.is_shut.store(true, Ordering::SeqCst);
    }

    /// Lets new connections through again.
    pub(crate) fn open(&self) {
        self.shared.is_shut.store(false, Ordering::SeqCst);
    }

    /// Lets what the host says come a byte at a time.
    pub(crate) fn slice(&self) {
        self.shared.is_sliced.store(true, Ordering::SeqCst);
    }

    /// Changes these words into others of the same length from now on.
    pub(crate) fn rewrite(&self, from: &'static str, into: &'static str) {
        assert_eq!(from.len(), into.len());
        *self.shared.rewriting.lock().expect("words") = Some(Rewriting { from, into, count: 0 });
    }

    /// Changes nothing any more.
    pub(crate) fn let_be(&self) {
        *self.shared.rewriting.lock().expect("words") = None;
    }

    /// How often they were changed.
    pub(crate) fn rewrites(&self) -> usize {
        self.shared.rewriting.lock().expect("words").as_ref().map_or(0, |rewriting| rewriting.count)
    }

    /// Resets the next connection, on both sides, behind so many bytes from the host.
    pub(crate) fn reset_behind(&self, bytes: u64) {
        self.shared.limit.store(bytes, Ordering::SeqCst);
    }

    /// When a connection was reset, which has been seen then.
    pub(crate) fn was_reset(&self) -> Option<SystemTime> {
        self.shared.reset.lock().expect("its time").take()
    }

    /// How much the host said on the last connection.
    pub(crate) fn carried(&self) -> u64 {
        let flows = self.shared.flows.lock().expect("flows");
        flows.last().map_or(0, |flow| flow.carried.load(Ordering::SeqCst))
    }

    /// How many connections went through.
    pub(crate) fn flows(&self) -> usize {
        self.shared.flows.lock().expect("flows").len()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shut();
        self.cut();
    }
}

impl Shared {
    /// Rewrites what passes. The part to change is in the first packet of each side, so it arrives in one piece.
    fn rewrite(&self, bytes: &mut [u8]) {
        if let Some(Rewriting { from, into, count }) = &mut *self.rewriting.lock().expect("words")
            && let Some(at) = bytes.windows(from.len()).position(|window| window == from.as_bytes())
        {
            bytes[at..at + from.len()].copy_from_slice(into.as_bytes());
            *count += 1;
        }
    }
}

impl Flow {
    fn end(&self) {
        for socket in [&self.near, &self.far] {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// Ends both sides with RST, as a firewall does that has forgotten the connection.
    fn reset(&self) {
        for socket in [&self.near, &self.far] {
            // A socket that is disconnected sends RST, even if others still have it open.
            let _ = rustix::net::connect_unspec(socket);
        }
    }

    /// Carries what one side says to the other; what the host says comes with what its link does to that.
    fn carry(&self, mut from: &TcpStream, mut to: &TcpStream, shared: &Shared, is_host: bool) {
        let mut bytes = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            if self.is_swallowed.load(Ordering::SeqCst) {
                continue;
            }
            shared.rewrite(&mut bytes[..length]);
            let (mut length, mut size) = (length, length);
            let mut is_last = false;
            if is_host {
                if self.is_flipped.swap(false, Ordering::SeqCst) {
                    bytes[0] ^= 0x10;
                }
                if shared.is_sliced.load(Ordering::SeqCst) {
                    size = 1;
                }
                let before = self.carried.fetch_add(length as u64, Ordering::SeqCst);
                if self.limit > 0 && before + length as u64 >= self.limit {
                    length = usize::try_from(self.limit - before).expect("less than a buffer");
                    is_last = true;
                }
            }
            if bytes[..length].chunks(size).any(|piece| to.write_all(piece).is_err()) {
                break;
            }
            if is_last {
                *shared.reset.lock().expect("its time") = Some(SystemTime::now());
                self.reset();
                return;
            }
        }
        if !self.is_swallowed.load(Ordering::SeqCst) {
            self.end();
        }
    }
}
