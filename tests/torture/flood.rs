//! A step that writes a hundred megabytes through a line that is cut a hundred times, with a controller that stays small.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::sync::Arc;

use pinboot::plan::{Action, Plan};
use pinboot::script::Script;
use sha2::{Digest as _, Sha256};

use crate::chance::Chance;
use crate::controller::{self, Ended, job};
use crate::lab::{Kit, Lab};
use crate::local::{Local, Network};
use crate::recording::Fate;
use crate::workload::{self, Workload};

const BYTES: u64 = 100_000_000;
const CUTS: u64 = 100;
/// Set for the process that is measured.
const CHILD: &str = "PINBOOT_TORTURE_FLOOD";

fn hex(digest: impl AsRef<[u8]>) -> String {
    digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes all");
        hex
    })
}

/// The SHA-256 of what `seq` writes, up to so many bytes.
fn right() -> String {
    let (mut hash, mut left, mut number, mut line) =
        (Sha256::new(), usize::try_from(BYTES).expect("fits"), 0u64, String::new());
    while left > 0 {
        number += 1;
        line.clear();
        writeln!(line, "{number}").expect("a string takes all");
        let taken = line.len().min(left);
        hash.update(&line.as_bytes()[..taken]);
        left -= taken;
    }
    hex(hash.finalize())
}

/// The measured process: prints what it has seen, and how large it grew.
pub(crate) fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let lab = Arc::new(Lab::new(Kit { shell: "dash", flock: true, setsid: true, gnu_tail: true }));
    let mut plan: Plan = Workload::plain().plan(&[]);
    plan.steps.truncate(1);
    if let Action::Apply(work) = &mut plan.steps[0].action {
        work.creates = None;
        work.recipe.apply = Script::author(format!("seq 1 100000000 2>/dev/null | head -c {BYTES}"));
    }
    let identity = workload::identity(&lab, 7, 0);
    let mut chance = Chance::new(7);
    let spread = 2 * BYTES / CUTS;
    // The cuts are spread so that about every part of the whole is cut.
    let first = (0..CUTS).map(|_| Fate::CutOut(chance.below(spread) * 9 / 10)).collect();
    let line = Local::new(&lab, Network { first, ..Network::calm() });
    let network = Arc::clone(&line.network);
    let mut hash = Sha256::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let ended =
        runtime.block_on(controller::listen(line, job(&identity, &plan, None, false), |text| hash.update(text)));
    let left = network.lock().expect("nothing panics with it").first.len();
    let exit = match ended {
        Ended::Exit(exit, _) => i32::from(exit.code()),
        Ended::Died | Ended::Stuck => -1,
    };
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says it").trim();
    println!("flood: exit {exit} cuts-left {left} sha256 {} most {most}", hex(hash.finalize()));
}

/// Runs the measured process. Returns its exit code, how many cuts did not come, whether its sum is right and its size in kB.
pub(crate) fn measured() -> (i32, u64, bool, u64) {
    let program = std::env::current_exe().expect("this test's program");
    let output = Command::new(program)
        .args(["--exact", "the_flood_that_is_measured", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .expect("it starts");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = printed.lines().find_map(|line| line.split_once("flood: ")).expect("the child's line").1;
    let words: Vec<&str> = line.split(' ').collect();
    let number = |at: usize| words[at].parse::<i64>().expect("a number");
    let size = u64::try_from(number(7)).expect("not negative");
    (
        i32::try_from(number(1)).expect("small"),
        u64::try_from(number(3)).expect("not negative"),
        words[5] == right(),
        size,
    )
}
