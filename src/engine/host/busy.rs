//! What happens at a host that another run has.

use std::ops::ControlFlow::{Break, Continue};

use super::{HostTask, Next};
use crate::engine::backoff::with_jitter;
use crate::engine::messages::{self, Refusal};
use crate::engine::waiting::Waiting;
use crate::event::EventKind;
use crate::exit::Exit;
use crate::remote::streams::Streams;
use crate::transport::Connect;

impl<C: Connect> HostTask<'_, C> {
    /// Another run has the host: pauses for as long as the user wants to wait, or ends.
    pub(super) async fn wait_for_host(&mut self, message: String, hint: String) -> Next {
        let waiting = self.waiting.get_or_insert_with(Waiting::new);
        let left = self.options.wait.saturating_sub(waiting.since.elapsed());
        if left.is_zero() {
            let message = messages::waited_for(&message, self.options.wait);
            let refusal = Refusal::new(Exit::Busy, message).with_hint(hint);
            return Break(self.refused(refusal).await);
        }
        let is_news = waiting.reported != message;
        waiting.reported.clone_from(&message);
        let pause = if waiting.backoff.peek() <= left { waiting.backoff.next() } else { with_jitter(left) };
        if is_news {
            self.emit(EventKind::HostWaiting { message }).await;
        }
        // Nothing of this run is there, not even a byte of a log.
        (self.delivered, self.ready) = (false, false);
        self.streams = Streams::new(&self.job.identity.nonce);
        self.sleep(pause).await;
        Continue(())
    }
}
