//! What is sent to a host, and how it gets past a login shell that reads standard input.

use std::ops::ControlFlow::{Break, Continue};

use super::{HostTask, Next};
use crate::engine::job::{Job, Task};
use crate::engine::messages;
use crate::engine::past_login::PastLogin;
use crate::event::EventKind;
use crate::remote::{Delivery, ExecSize, Pieces, SecretInput, follow};
use crate::transport::{Connect, Exec};

impl<C: Connect> HostTask<'_, C> {
    /// What starts the run, or takes up what was heard of it; nothing for a run that is only followed.
    fn delivery(&self) -> Option<Delivery<'_>> {
        let Task::Deliver { program, secrets, after } = &self.job.task else { return None };
        let delivery = Delivery::new(program, &self.job.identity, secrets);
        let (from, known) = (self.streams.position(), self.job.expected.as_ref());
        Some(Delivery { from, after: after.as_ref(), known, ..delivery })
    }

    /// What the next connection sends.
    pub(super) fn exec(&self) -> Exec {
        let Job { identity, task, expected, .. } = &self.job;
        match (self.delivery(), &self.past_login) {
            (Some(delivery), None) => delivery.exec(),
            (Some(delivery), Some(past_login)) => match past_login.next_piece() {
                Some((pieces, number)) => pieces.exec(identity, number),
                None => delivery.exec_past_login(past_login.pieces.is_some()),
            },
            (None, past_login) => {
                let input = if past_login.is_some() { SecretInput::Padded } else { SecretInput::Plain };
                let resume = if let Task::Attach { resume, .. } = task { resume.as_deref() } else { None };
                follow(identity, self.streams.position(), resume, input, expected.as_ref())
            }
        }
    }

    /// Something on the host has read what was sent over standard input. Nothing was started: it is sent in another way, of which
    /// there are two at most. `size` is what an exec string may be there.
    pub(super) async fn cut_off(&mut self, size: ExecSize) -> Next {
        let exec = self.exec();
        let shorter = |pieces: &Pieces| pieces.size() == ExecSize::Long && size == ExecSize::Short;
        let is_last = self.past_login.as_ref().is_some_and(|past| !past.pieces.as_ref().is_some_and(shorter));
        if is_last || exec.stdin.is_empty() && size == ExecSize::Long {
            return Break(self.not_reached(messages::cut_off(!exec.stdin.is_empty())).await);
        }
        if self.past_login.is_none() {
            let (message, hint) = messages::input_was_read();
            self.emit(EventKind::HostNote { message: message.to_owned(), hint: Some(hint.to_owned()) }).await;
        }
        let pieces = self.delivery().filter(|delivery| !size.takes(&delivery.exec_past_login(false)));
        let pieces = pieces.map(|delivery| Pieces::of(delivery.program, &self.job.identity, size));
        self.past_login = Some(PastLogin { pieces, stored: 0 });
        self.backoff.reset();
        Continue(())
    }

    /// The host has stored a piece of the plan.
    pub(super) async fn piece_stored(&mut self, number: usize) -> Next {
        match self.past_login.as_mut().filter(|past| past.stored + 1 == number) {
            Some(past_login) => past_login.stored = number,
            None => return Break(self.not_reached(messages::cut_off(false)).await),
        }
        (self.fruitless, self.ambiguous_starts, self.quiet_exits) = (0, 0, 0);
        Continue(())
    }
}
