//! Processes that read inputs, with limits, and the one that watches them.

use std::fs;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::check::check;
use crate::input::{self, Input};

/// What says that this process reads inputs, and which ones.
const WORK: &str = "PINBOOT_FUZZ_WORK";

/// How much memory of its own a process may have: what the program may take, and what the tests take themselves.
const MEMORY: u64 = 384 * 1024 * 1024;

/// How long one input may take. A released program needs a tenth of what a debug build does.
const LIMIT: Duration = Duration::from_mins(1);

/// The stack of a program's first thread.
const STACK: usize = 8 * 1024 * 1024;

/// What a process says of a panic; the words of that are on its standard error.
const PANIC: &str = "a panic";

/// What became of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    /// The reason in words, from the panic or from what did not hold.
    Wrong(String),
    /// The process was ended by this, such as a full stack.
    Died(String),
    Hangs,
}

impl Verdict {
    /// Whether two inputs fail in the same way.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let kind = |what: &str| what.chars().filter(|c| !c.is_ascii_digit()).take(80).collect::<String>();
        match (self, other) {
            (Self::Wrong(a), Self::Wrong(b)) => kind(a) == kind(b),
            (Self::Died(_), Self::Died(_)) => true,
            (a, b) => a == b,
        }
    }
}

/// Which inputs of a seed are read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    AllFor(Duration),
    One(u64),
}

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) seed: u64,
    pub(crate) wanted: Wanted,
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) inputs: u64,
    slowest: Duration,
    pub(crate) slowest_number: u64,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} inputs, the slowest, number {}, took {:?}", self.inputs, self.slowest_number, self.slowest)
    }
}

/// A process that reads inputs.
struct Reader {
    child: Child,
    folder: tempfile::TempDir,
    /// The line about the input in hand, and since when it is.
    in_hand: (String, Instant),
}

impl Reader {
    /// Starts a process with these words about what it reads.
    fn start(work: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("pinboot-fuzz-").tempdir().expect("a folder");
        let said = fs::File::create(folder.path().join("said")).expect("a file");
        let child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "the_process_that_reads", "--nocapture"])
            .env(WORK, format!("{work} {}", folder.path().display()))
            .env_remove("PINBOOT_REPLAY")
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .expect("it starts");
        Self { child, folder, in_hand: (String::new(), Instant::now()) }
    }

    fn file(&self, name: &str) -> String {
        fs::read(self.folder.path().join(name))
            .map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The number of the input in hand, and what is wrong with it; `None` while it works, and a verdict once it has ended.
    fn look(&mut self) -> Option<(u64, Verdict)> {
        let line = self.file("in-hand");
        if line != self.in_hand.0 {
            self.in_hand = (line, Instant::now());
        }
        let number = self.in_hand.0.trim().parse().unwrap_or(0);
        let Some(status) = self.child.try_wait().expect("a child") else {
            return (self.in_hand.1.elapsed() > LIMIT).then(|| {
                self.child.kill().expect("it is ours");
                self.child.wait().expect("a child");
                (number, Verdict::Hangs)
            });
        };
        // What it says last may have come after the look above.
        let number = self.file("in-hand").trim().parse().unwrap_or(number);
        let wrong = self.file("wrong");
        Some(match (status.success(), wrong.is_empty()) {
            (true, true) => (number, Verdict::Right),
            (_, false) if wrong == PANIC => (number, Verdict::Wrong(self.file("said").trim().to_owned())),
            (_, false) => (number, Verdict::Wrong(wrong)),
            (false, true) => (number, Verdict::Died(format!("{status}: {}", self.file("said").trim()))),
        })
    }

    /// Waits for its end.
    fn end(mut self) -> (u64, Verdict, String) {
        loop {
            if let Some((number, verdict)) = self.look() {
                return (number, verdict, self.file("tally"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Reads inputs in as many processes as there are processors; the first one that fails, with its number.
pub(crate) fn side_by_side(job: &Job) -> (Option<(u64, Verdict)>, Tally) {
    let count = std::thread::available_parallelism().map_or(1, |count| count.get().min(8)) as u64;
    let work = |at: u64| match job.wanted {
        Wanted::One(number) => format!("{} {number} 1 0", job.seed),
        Wanted::AllFor(time) => format!("{} {at} {count} {}", job.seed, time.as_millis()),
    };
    let readers = if matches!(job.wanted, Wanted::One(_)) { 1 } else { count };
    let started: Vec<Reader> = (0..readers).map(|at| Reader::start(&work(at))).collect();
    let mut tally = Tally::default();
    let mut found = None;
    for reader in started {
        let (number, verdict, said) = reader.end();
        let words: Vec<u64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        if let [inputs, slowest, slowest_number] = words[..] {
            tally.inputs += inputs;
            if Duration::from_micros(slowest) > tally.slowest {
                (tally.slowest, tally.slowest_number) = (Duration::from_micros(slowest), slowest_number);
            }
        }
        if verdict != Verdict::Right {
            found.get_or_insert((number, verdict));
        }
    }
    (found, tally)
}

/// What becomes of one input, in a process of its own.
pub(crate) fn once(input: &Input) -> Verdict {
    let folder = tempfile::Builder::new().prefix("pinboot-fuzz-").tempdir().expect("a folder");
    let file = folder.path().join("input");
    fs::write(&file, input.to_file()).expect("written");
    Reader::start(&format!("file {} 0 0", file.display())).end().1
}

/// Reads what this process was started for; nothing where it was not.
pub(crate) fn work() {
    let Ok(given) = std::env::var(WORK) else { return };
    setrlimit(Resource::Data, Rlimit { current: Some(MEMORY), maximum: Some(MEMORY) }).expect("a limit can be lowered");
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).expect("a limit can be lowered");
    let words: Vec<String> = given.splitn(5, ' ').map(str::to_owned).collect();
    let folder = PathBuf::from(&words[4]);
    // A program reads on its first thread, whose stack is larger than that of a test.
    let reads = std::thread::Builder::new().stack_size(STACK).spawn(move || reads(&words, &folder)).expect("a thread");
    reads.join().expect("it catches panics");
}

fn reads(words: &[String], folder: &Path) {
    if words[0] == "file" {
        let input = Input::from_file(&fs::read(&words[1]).expect("the input"));
        report(folder, &verdict(&input, folder));
        return;
    }
    let number = |at: usize| words[at].parse::<u64>().expect("a number");
    let (seed, first, step, time) = (number(0), number(1), number(2), Duration::from_millis(number(3)));
    let in_hand = folder.join("in-hand");
    let started = Instant::now();
    let (mut count, mut slowest, mut slowest_number, mut at) = (0u64, Duration::ZERO, 0, first);
    loop {
        fs::write(&in_hand, at.to_string()).expect("written");
        let before = Instant::now();
        let found = verdict(&input::of(seed, at), folder);
        count += 1;
        if before.elapsed() > slowest {
            (slowest, slowest_number) = (before.elapsed(), at);
        }
        let is_over = found != Ok(()) || started.elapsed() >= time;
        if is_over {
            let tally = format!("{count} {} {slowest_number}", slowest.as_micros());
            fs::write(folder.join("tally"), tally).expect("written");
            report(folder, &found);
            return;
        }
        at += step;
    }
}

fn verdict(input: &Input, folder: &Path) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| check(input, folder))).unwrap_or_else(|_| Err(PANIC.to_owned()))
}

fn report(folder: &Path, found: &Result<(), String>) {
    if let Err(what) = found {
        let mut file = fs::File::create(folder.join("wrong")).expect("a file");
        file.write_all(what.as_bytes()).expect("written");
    }
}
