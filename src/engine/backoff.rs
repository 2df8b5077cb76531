//! Pauses between attempts that grow, each with a little chance in it.

use std::time::Duration;

/// The first pause before a lost connection is tried again. The model in the tests lives through a million of them, and
/// waits for none.
pub(super) const FIRST_DELAY: Duration = if cfg!(test) { Duration::ZERO } else { Duration::from_millis(250) };
/// Pauses between attempts to connect grow up to this.
pub(super) const MAX_DELAY: Duration = Duration::from_secs(15);

/// Pauses that double up to a limit.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    limit: Duration,
    next: Duration,
}

impl Backoff {
    pub(super) fn new(first: Duration, limit: Duration) -> Self {
        Self { first, limit, next: first }
    }

    /// The next pause, without the chance in it.
    pub(super) fn peek(&self) -> Duration {
        self.next
    }

    /// The next pause.
    pub(super) fn next(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.limit);
        with_jitter(pause)
    }

    /// Starts again with the first pause.
    pub(super) fn reset(&mut self) {
        self.next = self.first;
    }
}

/// Makes a pause up to half as long again, so that many controllers do not come back at once.
#[expect(clippy::disallowed_methods, reason = "the clock's last digits are chance enough here")]
pub(super) fn with_jitter(pause: Duration) -> Duration {
    let nanos =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    pause + pause.mul_f64(f64::from(nanos % 1000) / 2000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_limit_and_begin_again() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, second * 5);
        for (least, most) in [(1, 1.5), (2, 3.0), (4, 6.0), (5, 7.5), (5, 7.5)] {
            assert_eq!(backoff.peek(), second * least);
            let pause = backoff.next();
            assert!(pause >= second * least && pause.as_secs_f64() <= most, "{pause:?}");
        }
        backoff.reset();
        assert_eq!(backoff.peek(), second);
    }
}
