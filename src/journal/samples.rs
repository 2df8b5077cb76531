//! Plans and headers for tests of everything that reads a journal.

use super::{Header, HostSummary};
use crate::event::Mode;
use crate::flags::Flags;
use crate::ids::{Digest, HostId, RunId, StepId, StepKey, StepLabel};
use crate::kinds::Recipe;
use crate::plan::{Action, Plan, PlannedStep, StepSpec};
use crate::script::Script;

pub(crate) const TARGET: &str = "ec2-user@10.0.0.1:22";

pub(crate) fn run(name: &str) -> RunId {
    RunId::parse(name).unwrap()
}

/// A step named and digested by `text`; `check`: it can be asked.
pub(crate) fn step(id: u32, text: &str, check: bool) -> PlannedStep {
    let recipe =
        Recipe { check: check.then(|| Script::fill("not_so", &[])), apply: Script::author(text), ..Recipe::default() };
    PlannedStep {
        id: StepId(id),
        label: StepLabel::plain(id),
        name: text.to_owned(),
        kind: "command",
        key: StepKey::new(text, None),
        watched_by: Vec::new(),
        digest: Digest::of(text.as_bytes()),
        origin: format!("p.yaml:{id}"),
        action: Action::Apply(Box::new(StepSpec::plain(recipe))),
    }
}

pub(crate) fn plan(texts: &[&str]) -> Plan {
    let steps = texts.iter().zip(1..).map(|(text, id)| step(id, text, text.starts_with("asked")));
    Plan { host: HostId("a".into()), mode: Mode::Run, steps: steps.collect(), secrets: Vec::new() }
}

pub(crate) fn header(name: &str, plan: &Plan) -> Header {
    Header {
        run: run(name),
        nonce: "00112233445566778899aabbccddeeff".into(),
        started: "2026-01-02T03:04:05.678Z".into(),
        pinboot: "0.1.0".into(),
        cwd: "/home/me".into(),
        playbook: "p.yaml".into(),
        playbook_path: "/home/me/p.yaml".into(),
        playbook_digest: Digest::of(b"name: P"),
        mode: plan.mode,
        flags: Flags { vars: vec!["x=1 2".into()], ..Flags::default() },
        hosts: vec![HostSummary::new(plan, TARGET)],
        rerun_of: None,
    }
}
