//! The wait for a host that another run has.

use std::time::Duration;

use tokio::time::Instant;

use super::backoff::Backoff;

/// The first pause before a busy host is asked again.
const FIRST_BUSY_DELAY: Duration = Duration::from_millis(500);
/// A busy host is asked again after pauses that grow up to this.
const MAX_BUSY_DELAY: Duration = Duration::from_secs(5);

/// The wait for the end of another run.
pub(super) struct Waiting {
    pub(super) since: Instant,
    pub(super) backoff: Backoff,
    /// The last message about it.
    pub(super) reported: String,
}

impl Waiting {
    pub(super) fn new() -> Self {
        let backoff = Backoff::new(FIRST_BUSY_DELAY, MAX_BUSY_DELAY);
        Self { since: Instant::now(), backoff, reported: String::new() }
    }
}
