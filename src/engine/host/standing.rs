//! What is known about the run on its host while the connection is not there, and what the user reads about it.

use super::HostTask;
use crate::engine::connection_end::Standing;
use crate::engine::job::{StopRequest, Task};
use crate::engine::messages;
use crate::transport::Connect;

impl<C: Connect> HostTask<'_, C> {
    /// What is known about the run on its host.
    pub(super) fn standing(&self) -> Standing {
        match &self.job.task {
            _ if self.ready => Standing::Reported,
            Task::Attach { arrived: true, .. } => Standing::Reported,
            Task::Attach { arrived: false, .. } => Standing::Unanswered,
            Task::Deliver { .. } if self.delivered => Standing::Unanswered,
            Task::Deliver { .. } => Standing::NotSent,
        }
    }

    /// Whether this request ends the host's part at once. A stop does where nothing was sent; anything else has to be asked of the
    /// host, which may be at work already.
    pub(super) fn ends_at_once(&self, request: StopRequest) -> bool {
        match request {
            StopRequest::None => false,
            StopRequest::Detach(_) => true,
            StopRequest::AfterStep | StopRequest::Now => self.standing() == Standing::NotSent,
        }
    }

    /// Whether a user who wants the run to stop waits for a host that has not said a word about it. A stop that was wanted from the
    /// beginning, as by `pinboot cancel`, waits as long as any command.
    pub(super) fn waits_in_vain(&self, request: StopRequest) -> bool {
        matches!(request, StopRequest::AfterStep | StopRequest::Now) && !self.ready && request != self.options.stop
    }

    pub(super) fn stopped_message(&self) -> String {
        match *self.stop_request.borrow() {
            StopRequest::None if self.attaches() && self.already_finished => messages::WAS_STOPPED.to_owned(),
            StopRequest::None if self.attaches() => self.with_resume(messages::STOPPED_ELSEWHERE),
            _ => self.with_resume(messages::STOPPED),
        }
    }

    /// What the user should know who detaches.
    pub(super) fn continues(&self) -> String {
        match self.standing() {
            Standing::NotSent => messages::NOTHING_STARTED.to_owned(),
            Standing::Unanswered => self.with_resume(messages::NOT_ANSWERED),
            // The host of a rehearsal does not outlive pinboot.
            Standing::Reported if self.job.resume_command.is_none() => "the run ends with its host".to_owned(),
            Standing::Reported => self.with_resume("the run continues on the host"),
        }
    }

    /// Appends what the user types to resume the run, where something can.
    pub(super) fn with_resume(&self, message: &str) -> String {
        match &self.job.resume_command {
            Some(command) => format!("{message}; resume with `{command}`"),
            None => message.to_owned(),
        }
    }
}
