//! Events for tests of everything that reads a view.

use crate::event::{Event, EventKind, Failure, HostReady, KeyStatus, Mode, Outcome, Phase, Reason};
use crate::exit::Exit;
use crate::ids::{HostId, RunId, StepId, StepLabel};

/// Numbers events and gives them times, 100 ms apart.
pub(crate) fn stamped(kinds: &[(&str, EventKind)]) -> Vec<Event> {
    let stamp = |(place, (host, kind)): (usize, &(&str, EventKind))| Event {
        seq: place as u64 + 1,
        at: format!("2026-01-02T03:04:{:02}.{}00Z", place / 10, place % 10),
        host: (!host.is_empty()).then(|| HostId((*host).to_owned())),
        kind: kind.clone(),
    };
    kinds.iter().enumerate().map(stamp).collect()
}

pub(crate) fn started(hosts: &[&str], steps: u32) -> EventKind {
    EventKind::RunStarted {
        run: RunId::parse("3f9c00ff").unwrap(),
        playbook: "p.yaml".into(),
        name: "P".into(),
        mode: Mode::Run,
        hosts: hosts.iter().map(|host| HostId((*host).to_owned())).collect(),
        steps,
        host_steps: Vec::new(),
        rerun_of: None,
    }
}

pub(crate) fn ready() -> EventKind {
    EventKind::HostReady(HostReady {
        user: "ec2-user".into(),
        address: "10.0.0.1".into(),
        key_type: "ssh-ed25519".into(),
        fingerprint: "SHA256:abc".into(),
        key_status: KeyStatus::Known,
        elapsed_ms: 600,
        followed: false,
        over: false,
        machine_id: None,
    })
}

pub(crate) fn looked_at(step: u32) -> EventKind {
    EventKind::StepStarted { step: StepId(step), label: Some(StepLabel::plain(step)), name: format!("step {step}") }
}

pub(crate) fn ended(step: u32, outcome: Outcome, why: Option<&str>, allowed: bool) -> EventKind {
    EventKind::StepFinished {
        step: StepId(step),
        label: Some(StepLabel::plain(step)),
        name: format!("step {step}"),
        outcome,
        elapsed_ms: 1500,
        status: (outcome == Outcome::Failed).then_some(2),
        failure: (outcome == Outcome::Failed).then_some(Failure::Status),
        why: why.map(str::to_owned),
        diff: None,
        cause: None,
        allowed,
        left: None,
        reason: None,
    }
}

/// A step that ended for this reason.
pub(crate) fn ended_for(step: u32, outcome: Outcome, reason: Reason) -> EventKind {
    let mut kind = ended(step, outcome, None, false);
    if let EventKind::StepFinished { reason: of_step, .. } = &mut kind {
        *of_step = Some(reason);
    }
    kind
}

pub(crate) fn said(step: u32, text: &str) -> EventKind {
    EventKind::StepOutput { step: StepId(step), text: text.into(), phase: Phase::Apply, kept: true }
}

pub(crate) fn gone(exit: Exit) -> EventKind {
    EventKind::HostFinished { exit, message: None }
}
