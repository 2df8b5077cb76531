//! A link between pinboot and a server that does harm on demand.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

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
    /// What the host says goes on a byte at a time.
    is_sliced: AtomicBool,
    rewriting: Mutex<Option<Rewriting>>,
}

/// Words that become others of the same length, whoever says them.
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
}

impl Link {
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let shared = Arc::new(Shared::default());
        let link = Self { port: listener.local_addr().expect("its address").port(), shared: Arc::clone(&shared) };
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if shared.is_shut.load(Ordering::SeqCst) {
                    // (In good order: a socket that is dropped with something unread in it is reset.)
                    let _ = near.shutdown(Shutdown::Write);
                    std::thread::spawn(move || std::io::copy(&mut &near, &mut std::io::sink()));
                    continue;
                }
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                for socket in [&near, &far] {
                    socket.set_nodelay(true).expect("a socket");
                }
                let flow = Flow { near, far, is_swallowed: AtomicBool::default(), is_flipped: AtomicBool::default() };
                let flow = Arc::new(flow);
                shared.flows.lock().expect("flows").push(Arc::clone(&flow));
                let (up, shared, and) = (Arc::clone(&flow), Arc::clone(&shared), Arc::clone(&shared));
                std::thread::spawn(move || {
                    up.carry(&up.near, &up.far, &AtomicBool::default(), &AtomicBool::default(), &and);
                });
                std::thread::spawn(move || {
                    flow.carry(&flow.far, &flow.near, &flow.is_flipped, &shared.is_sliced, &shared);
                });
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
    /// (What is to be changed comes in one piece: it stands in the first packet that each side sends.)
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

    fn carry(
        &self,
        mut from: &TcpStream,
        mut to: &TcpStream,
        flipped: &AtomicBool,
        sliced: &AtomicBool,
        shared: &Shared,
    ) {
        let mut bytes = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            if self.is_swallowed.load(Ordering::SeqCst) {
                continue;
            }
            shared.rewrite(&mut bytes[..length]);
            if flipped.swap(false, Ordering::SeqCst) {
                bytes[0] ^= 0x10;
            }
            let size = if sliced.load(Ordering::SeqCst) { 1 } else { length };
            if bytes[..length].chunks(size).any(|piece| to.write_all(piece).is_err()) {
                break;
            }
        }
        if !self.is_swallowed.load(Ordering::SeqCst) {
            self.end();
        }
    }
}
