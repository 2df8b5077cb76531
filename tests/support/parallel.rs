//! Work of a test that is done in several threads.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Does each piece of some work, several at a time; what failed, in the order of the pieces.
pub(crate) fn in_parallel<F: Send>(
    count: usize,
    threads: usize,
    work: impl Fn(usize) -> Result<(), F> + Sync,
) -> Vec<F> {
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        break;
                    }
                    if let Err(failure) = work(at) {
                        failures.lock().expect("no thread panics with it").insert(at, failure);
                    }
                }
            });
        }
    });
    failures.into_inner().expect("no thread panics with it").into_values().collect()
}
