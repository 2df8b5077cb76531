//! A run for the tests of the commands that show runs.

use crate::event::{Mode, Outcome, Reason};
use crate::exit::Exit;
use crate::flags::Flags;
use crate::ids::{Digest, HostId, RunId, StepId, StepLabel};
use crate::journal::{Header, HostSummary, JournalRead, Torn};
use crate::plan::StepSummary;
use crate::view::RunView;
use crate::view::samples::{ended, ended_for, gone, looked_at, ready, said, stamped, started};

/// A run that failed at the third of four steps.
pub(super) fn journal() -> JournalRead {
    let mut kinds = vec![
        ("", started(&["web"], 4)),
        ("web", ready()),
        ("web", ended(1, Outcome::Changed, None, false)),
        ("web", ended_for(2, Outcome::Skipped, Reason::Manual)),
        ("web", looked_at(3)),
        ("web", said(3, "first\nno such\x1b[topic\n")),
        ("web", ended(3, Outcome::Failed, None, false)),
        ("web", gone(Exit::StepFailed)),
    ];
    let end = RunView::of(&stamped(&kinds)).run_finished();
    kinds.push(("", end));
    let steps = (1..=4).map(|id| StepSummary {
        id: StepId(id),
        label: StepLabel::plain(id),
        name: format!("step {id}"),
        kind: "command".into(),
        digest: Digest::of(b""),
        has_check: false,
        origin: format!("p.yaml:{id}"),
        allowed: false,
        skipped: None,
        when: None,
        earlier: Vec::new(),
        needs: Vec::new(),
        takes: None,
    });
    let header = Header {
        run: RunId::parse("3f9c00ff").unwrap(),
        nonce: "secret-nonce".into(),
        started: "2026-01-02T03:04:00.000Z".into(),
        pinboot: "0.1.0".into(),
        cwd: "/home/me".into(),
        playbook: "p.yaml".into(),
        playbook_path: "/home/me/p.yaml".into(),
        playbook_digest: Digest::of(b""),
        mode: Mode::Run,
        flags: Flags::default(),
        hosts: vec![HostSummary {
            host: HostId("web".into()),
            target: "ec2-user@10.0.0.1:22".into(),
            steps: steps.collect(),
        }],
        rerun_of: RunId::parse("0000000a"),
    };
    let torn = Some(Torn { whole: 100, bytes: 7 });
    JournalRead { header, events: stamped(&kinds), torn, folder: "/state/runs/3f9c00ff".into() }
}
