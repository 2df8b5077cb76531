//! Ends of a host's part of a run for which nothing was started, or nothing more can be.

use super::{HostEnd, HostTask};
use crate::engine::connection_end::Standing;
use crate::engine::job::Task;
use crate::engine::messages::{self, Refusal};
use crate::event::EventKind;
use crate::exit::Exit;
use crate::ids::RunId;
use crate::remote::ExpectedHost;
use crate::transport::Connect;

impl<C: Connect> HostTask<'_, C> {
    /// Reports that the run was not started, and gives the end.
    pub(super) async fn refused(&self, refusal: Refusal) -> HostEnd {
        let Refusal { exit, message, hint } = refusal;
        self.emit(EventKind::HostUnreachable { code: exit, message, hint, followed: self.attaches() }).await;
        HostEnd { exit, message: None }
    }

    /// Unreachable: nothing was started, or the state of an earlier start is unknown.
    pub(super) async fn not_reached(&self, refusal: Refusal) -> HostEnd {
        if !self.attaches() && self.ambiguous_starts == 0 {
            return self.refused(refusal).await;
        }
        let is_reported = self.standing() == Standing::Reported;
        HostEnd::new(refusal.exit, self.with_resume(&messages::not_known(&refusal, is_reported)))
    }

    /// The host refuses to continue a run of which something was started.
    pub(super) async fn cannot_continue(&self, refusal: Refusal) -> HostEnd {
        let current = self.interpreter.current_step();
        let exit = if current.is_some() { Exit::OutcomeUnknown } else { refusal.exit };
        let message = messages::cannot_continue(&refusal.message, current.as_deref());
        self.emit(EventKind::HostNote { message, hint: refusal.hint }).await;
        let message = self.job.resume_command.as_ref().map(|command| format!("once fixed, resume with `{command}`"));
        HostEnd { exit, message }
    }

    /// The host has no record of the run that was to be followed.
    pub(super) async fn not_there(&self) -> HostEnd {
        let run = &self.job.identity.run;
        if matches!(self.job.task, Task::Attach { arrived: false, .. }) {
            return HostEnd::new(Exit::Mismatch, messages::never_arrived(run));
        }
        self.refused(messages::no_record(run)).await
    }

    /// Another machine has the address.
    pub(super) async fn stranger(&self, machine_id: Option<String>) -> HostEnd {
        let Some(ExpectedHost { run, machine_id: Some(expected), .. }) = &self.job.expected else {
            return self.refused(Refusal::new(Exit::Mismatch, messages::NOT_THE_MACHINE)).await;
        };
        let message = messages::other_machine(run, machine_id.as_deref(), expected);
        if self.ready {
            return HostEnd::new(Exit::Mismatch, message);
        }
        let refusal = Refusal::new(Exit::Mismatch, message);
        self.refused(refusal.with_hint(messages::other_machine_hint(self.run_to_rerun()))).await
    }

    fn run_to_rerun(&self) -> &RunId {
        match &self.job.task {
            Task::Deliver { after: Some(after), .. } => after,
            _ => &self.job.identity.run,
        }
    }
}
