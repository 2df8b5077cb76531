//! Waiting for what has no event.

use std::time::{Duration, Instant};

/// Waits until a condition holds or the deadline has passed, and returns whether it holds. It asks again and again, because what
/// processes do on a host has no event that a test could wait for.
pub(crate) fn wait_until(deadline: Instant, mut holds: impl FnMut() -> bool) -> bool {
    while !holds() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    true
}
