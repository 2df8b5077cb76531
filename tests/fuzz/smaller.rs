//! The smallest input that still fails in the same way.

use std::time::{Duration, Instant};

use crate::input::Input;
use crate::worker::{self, Verdict};

/// How long it may take to make an input smaller; what never ends is left as it is.
const LIMIT: Duration = Duration::from_mins(1);

/// Takes pieces away, large ones first, as long as the input fails alike.
pub(crate) fn smallest(input: &Input, verdict: &Verdict) -> Input {
    let started = Instant::now();
    let mut small = input.clone();
    if *verdict == Verdict::Hangs {
        return small;
    }
    let mut size = small.bytes.len().div_ceil(2);
    while size > 0 {
        let before = small.bytes.len();
        let mut at = 0;
        while at < small.bytes.len() {
            if started.elapsed() > LIMIT {
                return small;
            }
            let mut fewer = small.clone();
            fewer.bytes.drain(at..(at + size).min(small.bytes.len()));
            if worker::once(&fewer).is_like(verdict) {
                small = fewer;
            } else {
                at += size;
            }
        }
        if size == 1 && small.bytes.len() == before {
            break;
        }
        size = if size == 1 { 1 } else { size / 2 };
    }
    small
}
