//! Power cuts at each of the runner's syncs and renames; see `cut.sh`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::guest::{Guest, Init};
use crate::image::image;

/// The first step writes one file that it syncs, and one that it does not.
const STEPS: &str = "
  - name: Count
    command: 'echo x >~/loose; echo x >>~/count; /usr/bin/sync ~/count ~'
    always: false
  - name: Make
    command: 'echo made >~/made; /usr/bin/sync ~/made ~'
    creates: ~/made
";

/// Where the power is cut, the exit code of the run afterwards, and how often the step without a check was started.
struct Cut {
    at: &'static str,
    exits: i32,
    starts: usize,
}

const fn cut(at: &'static str, exits: i32, starts: usize) -> Cut {
    Cut { at, exits, starts }
}

/// In the order of the run. The step without a check is unknown exactly if its start is on disk and its result is not.
const CUTS: [Cut; 14] = [
    cut("after mv -f plan.* plan", 0, 1),
    // Nothing was started and nothing is left. But a controller that has seen a run does not start it again on a host
    // without its record.
    cut("before sync plan nonce log out .. 1.rct 1.began .", 10, 0),
    cut("after sync plan nonce log out .. 1.rct 1.began .", 8, 0),
    cut("before sync 1.rct log out", 8, 1),
    cut("after sync 1.rct log out", 8, 1),
    cut("after mv -f 1.rct 1.rc", 8, 1),
    cut("after sync .", 0, 1),
    cut("before sync 2.rct 2.began log out .", 0, 1),
    cut("after sync 2.rct 2.began log out .", 0, 1),
    cut("before sync 2.rct log out", 0, 1),
    cut("after sync 2.rct log out", 0, 1),
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
    let result = run.finish();
    let mut problems = Vec::new();
    if result.code != Some(cut.exits) {
        problems.push(format!("exit {:?}", result.code));
    }
    let there = guest.shell("wc -l <~/count; cat ~/made; echo -; cat ~/loose; true");
    let (kept, loose) = there.split_once("-\n").ok_or("what is there")?;
    let made = if cut.exits == 0 { "made\n" } else { "" };
    let count = if cut.starts == 0 { String::new() } else { format!("{}\n", cut.starts) };
    if kept != format!("{count}{made}") {
        problems.push(format!("kept: {kept:?}"));
    }
    // What was not synced is lost, unless the step ran after the cut. A cut that loses nothing would prove nothing.
    let ran_before = !cut.at.contains("plan");
    if ran_before && loose.contains('x') {
        problems.push("data that was not synced is there: this was not a power cut".to_owned());
    }
    if cut.exits == 8 && !(result.stdout + &result.stderr).contains("has an unknown outcome") {
        problems.push("the unknown outcome is not reported".to_owned());
    }
    if problems.is_empty() { Ok(()) } else { Err(format!("{}: {}\n{}", cut.at, problems.join("; "), result.stderr)) }
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
                        failures.lock().expect("no thread panicked").push(what);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no thread panicked");
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), CUTS.len(), failures.join("\n"));
}

#[test]
fn a_check_finds_the_unsynced_effect_of_a_step_that_was_lost() {
    let Some(mut guest) = Guest::start_with(Init::Plain, "pinboot.cut=after+sync+end+.") else { return };
    guest.steps("  - { name: Make, command: echo made >~/made, unless: grep -q made ~/made }\n");
    let run = guest.start_run(&[]);
    guest.wait_for("cut here");
    guest.cut_power();
    guest.switch_on("");
    // The run had ended, and reports that: its result was on disk, but its effect was not.
    run.finish().exits(0).says(&["1 changed"]);
    assert_eq!(guest.shell("cat ~/made 2>/dev/null; true"), "");
    guest.run(&[]).exits(0).says(&["1 changed"]);
    assert_eq!(guest.shell("cat ~/made"), "made\n");
    guest.run(&[]).exits(0).says(&["1 unchanged"]);
}
