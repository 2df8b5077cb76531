use std::path::PathBuf;

use super::*;
use crate::journal::samples::{TARGET, header, plan, run};
use crate::journal::{Header, JournalRead};
use crate::plan::StepSpec;
use crate::script::Text;
use crate::view::samples::{ended, ended_for, looked_at, ready, stamped, started};

/// An old run of these steps with these outcomes.
fn old(texts: &[&str], outcomes: &[Outcome]) -> JournalRead {
    let mut kinds = vec![("", started(&["a"], 9)), ("a", ready())];
    kinds.extend(outcomes.iter().zip(1..).map(|(outcome, id)| ("a", ended(id, *outcome, None, false))));
    JournalRead {
        header: header("0000000a", &plan(texts)),
        events: stamped(&kinds),
        torn: None,
        folder: PathBuf::new(),
    }
}

/// What a rerun needs to know of it.
fn past(read: &JournalRead) -> RecordedRun {
    RecordedRun::from(read.clone())
}

/// What is decided, without what the journal remembers.
fn decided(old: &JournalRead, new: &Plan, target: &str) -> Vec<Disposition> {
    let without_memory = |disposition| match disposition {
        Disposition::RunUnlessRecorded { places, .. } => Disposition::RunUnlessRecorded { places, remembered: None },
        disposition => disposition,
    };
    dispositions(&[past(old)], new, target).into_iter().map(without_memory).collect()
}

/// It runs, unless the host has a record of these steps of these runs.
fn runs(earlier: &[(&str, u32)]) -> Disposition {
    let places = earlier.iter().map(|(name, step)| (run(name), StepId(*step))).collect();
    Disposition::RunUnlessRecorded { places, remembered: None }
}

#[test]
fn what_a_rerun_does_about_a_step() {
    let (ask, anew) = (|| Disposition::Check, || runs(&[]));
    let refers = |step| runs(&[("0000000a", step)]);
    for (texts, new, expected) in [
        (&["x", "asked y", "z"][..], &["x", "asked y", "z"][..], vec![refers(1), ask(), refers(3)]),
        (&["x", "z"], &["x", "z", "more"], vec![refers(1), refers(2), anew()]),
        (&["x", "y"], &["new", "y", "x"], vec![anew(), refers(2), refers(1)]),
        (&["x"], &["x'"], vec![anew()]),
        (&["x", "x", "x"], &["x", "x", "x", "x"], vec![refers(1), refers(2), refers(3), anew()]),
    ] {
        // What the journal saw of a step makes no difference to where the host is to look: it may know more of it.
        for outcomes in [&[][..], &[Outcome::Changed][..], &[Outcome::Failed][..], &[Outcome::Changed; 3][..]] {
            assert_eq!(decided(&old(texts, outcomes), &plan(new), TARGET), expected, "{texts:?} then {new:?}");
        }
    }
}

#[test]
fn a_rerun_takes_nothing_over_from_another_target_or_a_check() {
    let read = old(&["x"], &[Outcome::Changed]);
    let new = plan(&["x"]);
    assert_eq!(decided(&read, &new, TARGET), [runs(&[("0000000a", 1)])]);
    assert_eq!(decided(&read, &new, "ec2-user@10.0.0.2:22"), [runs(&[])]);
    assert_eq!(decided(&read, &Plan { host: HostId("b".into()), ..new.clone() }, TARGET), [runs(&[])]);
    assert_eq!(decided(&read, &Plan { mode: Mode::Check, ..new.clone() }, TARGET), [runs(&[])]);
    let mut asked = read.clone();
    asked.header.mode = Mode::Check;
    assert_eq!(decided(&asked, &new, TARGET), [runs(&[])]);
}

#[test]
fn options_of_a_step_count_as_its_check_or_run_it_always() {
    let read = old(&["x", "x", "x"], &[Outcome::Changed; 3]);
    let mut new = plan(&["x", "x", "x"]);
    let mut change = |place: usize, change: fn(&mut StepSpec)| match &mut new.steps[place].action {
        Action::Apply(work) => change(work),
        Action::Skip { .. } => unreachable!(),
    };
    change(0, |work| work.always = true);
    change(1, |work| work.creates = Some(Text::from("/x")));
    new.steps[2].action = Action::Skip { why: "when".into() };
    assert_eq!(decided(&read, &new, TARGET), [Disposition::RunAlways, Disposition::Check, Disposition::Skip]);
}

#[test]
fn a_chain_of_reruns_refers_to_every_run_that_may_have_done_it() {
    let first = old(&["x", "y"], &[Outcome::Changed, Outcome::Failed]);
    let mut plans = plan(&["x", "y"]);
    let found = dispositions(&[past(&first)], &plans, TARGET);
    apply(&mut plans, found);
    let mut second = old(&["x", "y"], &[]);
    second.header = Header { rerun_of: Some(run("0000000a")), ..header("0000000b", &plans) };
    let both = |step| runs(&[("0000000b", step), ("0000000a", step)]);
    assert_eq!(decided(&second, &plan(&["x", "y"]), TARGET), [both(1), both(2)]);

    // The chain is no longer than the host's memory.
    for number in 0x10..0x30_u32 {
        let found = dispositions(&[past(&second)], &plans, TARGET);
        apply(&mut plans, found);
        second.header = header(&format!("{number:08x}"), &plans);
    }
    let [Disposition::RunUnlessRecorded { places: earlier, .. }, _] = &decided(&second, &plans, TARGET)[..] else {
        panic!("both run")
    };
    assert_eq!((earlier.len(), earlier[0].0.as_str(), earlier[19].0.as_str()), (20, "0000002f", "0000001c"));
}

/// What a chain of journals, the latest first, remembers of the steps of a plan.
fn memory(past: &[RecordedRun], new: &Plan) -> Vec<Option<Remembered>> {
    let remembered = dispositions(past, new, TARGET).into_iter().map(|disposition| match disposition {
        Disposition::RunUnlessRecorded { remembered, .. } => remembered,
        disposition => panic!("{disposition:?}"),
    });
    remembered.collect()
}

#[test]
fn a_journal_remembers_what_was_done_and_what_was_started() {
    use Outcome::{Changed, Failed, Skipped, Unchanged, Unknown};
    let texts = ["a", "b", "c", "d", "e", "f"];
    let mut first = old(&texts, &[Changed, Failed, Unknown, Skipped, Unchanged]);
    first.events.push(stamped(&[("a", looked_at(6))]).remove(0));
    let new = plan(&texts);
    let (done, left) = (|name| Some(Remembered::Done(run(name))), |name| Some(Remembered::Started(run(name))));
    let a = "0000000a";
    assert_eq!(memory(&[past(&first)], &new), [done(a), None, left(a), None, None, left(a)]);
    assert_eq!(memory(&[], &new), vec![None; 6]);

    // A later run says more of some, and nothing of others.
    let mut plans = new.clone();
    let found = dispositions(&[past(&first)], &plans, TARGET);
    apply(&mut plans, found);
    let mut kinds = vec![("", started(&["a"], 6)), ("a", ready())];
    kinds.push(("a", ended_for(1, Unchanged, Reason::DoneEarlier { earlier_run: run(a) })));
    kinds.push(("a", ended(2, Changed, None, false)));
    kinds.push(("a", ended(3, Failed, None, false)));
    kinds.push(("a", ended_for(4, Unknown, Reason::ResultLost { earlier_run: Some(run("00000009")) })));
    let header =
        Header { rerun_of: Some(run(a)), started: "2026-01-03T03:04:05.678Z".into(), ..header("0000000b", &plans) };
    let second = JournalRead { header, events: stamped(&kinds), torn: None, folder: PathBuf::new() };
    let past = [second, first].map(RecordedRun::from);
    assert_eq!(memory(&past, &new), [done(a), done("0000000b"), None, left("00000009"), None, left(a)]);

    // Of each run the last result that the host had stored, and when it still had it.
    let seen = host_identity(&past, &HostId("a".into()), TARGET).unwrap();
    assert_eq!((seen.expected.run, seen.fingerprint.as_str()), (run("0000000b"), "SHA256:abc"));
    assert_eq!(
        seen.expected.stored,
        [
            Stored { run: run(a), since: "2026-01-03T03:04:05.678Z".to_owned(), step: StepId(2) },
            Stored { run: run("0000000b"), since: "2026-01-03T03:04:05.678Z".to_owned(), step: StepId(3) },
        ]
    );
    assert_eq!(host_identity(&past, &HostId("a".into()), "other@10.0.0.1:22"), None);
    // Without the journal of the first, the second one's word for it stands.
    let second = std::slice::from_ref(&past[0]);
    assert_eq!(memory(second, &new)[0], done(a));
    let seen = host_identity(second, &HostId("a".into()), TARGET).unwrap();
    assert_eq!(
        seen.expected.stored[0],
        Stored { run: run(a), since: "2026-01-03T03:04:05.678Z".to_owned(), step: StepId(1) }
    );
}
