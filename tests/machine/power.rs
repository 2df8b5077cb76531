//! The power goes at each of the runner's syncs and renames; see `cut.sh`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::guest::{Guest, Init};
use crate::image::image;

/// What each step writes twice: once synced by the step itself, once not.
const STEPS: &str = "
  - name: Count
    command: 'echo x >~/loose; echo x >>~/count; /usr/bin/sync ~/count ~'
    always: false
  - name: Make
    command: 'echo made >~/made; /usr/bin/sync ~/made ~'
    creates: ~/made
";

/// Where the power is cut, how the run ends once it is back, and how often the step without a check was begun.
struct Cut {
    at: &'static str,
    exits: i32,
    begun: usize,
}

const fn cut(at: &'static str, exits: i32, begun: usize) -> Cut {
    Cut { at, exits, begun }
}

/// In the order in which they come. The step without a check is unknown exactly between the moment at which its beginning is
/// on disk and that at which its result is.
const CUTS: [Cut; 14] = [
    cut("after mv -f plan.* plan", 0, 1),
    // (Nothing was begun and nothing is left; but whoever has seen a word of a run does not begin it where its record is gone.)
    cut("before sync plan nonce log .. 1.rct 1.began .", 10, 0),
    cut("after sync plan nonce log .. 1.rct 1.began .", 8, 0),
    cut("before sync 1.rct log", 8, 1),
    cut("after sync 1.rct log", 8, 1),
    cut("after mv -f 1.rct 1.rc", 8, 1),
    cut("after sync .", 0, 1),
    cut("before sync 2.rct 2.began log .", 0, 1),
    cut("after sync 2.rct 2.began log .", 0, 1),
    cut("before sync 2.rct log", 0, 1),
    cut("after sync 2.rct log", 0, 1),
    cut("after mv -f 2.rct 2.rc", 0, 1),
    cut("before sync end .", 0, 1),
    cut("after sync end .", 0, 1),
];

fn case(cut: &Cut) -> Result<(), String> {
    let words = format!("pinboot.cut={}", cut.at.replace(' ', "+"));
    let mut guest = Guest::start_with(Init::Plain, &words).ok_or("no guest")?;
    guest.steps(STEPS);
    let run = guest.start_run(&[]);
    guest.wait_for("cut here");
    guest.cut_power();
    guest.switch_on("");
    let told = run.finish();
    let mut faults = Vec::new();
    if told.code != Some(cut.exits) {
        faults.push(format!("exit {:?}", told.code));
    }
    let there = guest.shell("wc -l <~/count; cat ~/made; echo -; cat ~/loose; true");
    let (kept, loose) = there.split_once("-\n").ok_or("what is there")?;
    let made = if cut.exits == 0 { "made\n" } else { "" };
    let count = if cut.begun == 0 { String::new() } else { format!("{}\n", cut.begun) };
    if kept != format!("{count}{made}") {
        faults.push(format!("kept: {kept:?}"));
    }
    // What nobody synced is gone, unless the step ran after the cut: a cut that takes nothing would show nothing.
    let ran_before = !cut.at.contains("plan");
    if ran_before && loose.contains('x') {
        faults.push("what was not synced is there: this was no power cut".to_owned());
    }
    if cut.exits == 8 && !(told.stdout + &told.stderr).contains("has an unknown outcome") {
        faults.push("no word on the unknown outcome".to_owned());
    }
    if faults.is_empty() { Ok(()) } else { Err(format!("{}: {}\n{}", cut.at, faults.join("; "), told.stderr)) }
}

#[test]
fn at_each_sync_a_power_cut_loses_nothing_and_repeats_nothing() {
    if image().is_none() {
        return;
    }
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(cut) = CUTS.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if let Err(what) = case(cut) {
                        failures.lock().expect("nobody panics with it").push(what);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("nobody panics with it");
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), CUTS.len(), failures.join("\n"));
}

#[test]
fn what_a_step_did_not_sync_may_be_gone_and_its_check_finds_it_out() {
    let Some(mut guest) = Guest::start_with(Init::Plain, "pinboot.cut=after+sync+end+.") else { return };
    guest.steps("  - { name: Make, command: echo made >~/made, unless: grep -q made ~/made }\n");
    let run = guest.start_run(&[]);
    guest.wait_for("cut here");
    guest.cut_power();
    guest.switch_on("");
    // The run was over, and says so; its result was on disk, the effect was not.
    run.finish().exits(0).says(&["1 changed"]);
    assert_eq!(guest.shell("cat ~/made 2>/dev/null; true"), "");
    guest.run(&[]).exits(0).says(&["1 changed"]);
    assert_eq!(guest.shell("cat ~/made"), "made\n");
    guest.run(&[]).exits(0).says(&["1 unchanged"]);
}
