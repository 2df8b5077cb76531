//! Plays a recorded case again: each kill is held back until the host is at the place where it fell.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::lab::{Lab, Role};
use crate::place::{ORPHAN, Place, Progress, millis};
use crate::recording::{Kill, Victim};

/// How long a place is waited for that the shell has perhaps already left, before the kill falls where it can.
const PATIENCE_MS: u64 = 1000;
/// How often places are compared.
const PACE: Duration = Duration::from_micros(100);

/// What became of the kills of a replay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fell {
    /// Between the same two points, with the same commands at work.
    pub(crate) same: usize,
    /// Between the same two points, but a command earlier or later.
    pub(crate) near: usize,
    /// Not at all: the host never reached the place.
    pub(crate) missed: usize,
}

/// What is to be done now.
pub(crate) enum Next {
    /// This kill: of this process, or of everything.
    Kill(Kill, i32),
    /// Nothing yet.
    Wait,
    /// Nothing more.
    Over,
}

/// The kills of a recording that have not fallen yet.
#[derive(Debug)]
pub(crate) struct Player<'a> {
    lab: &'a Lab,
    left: Vec<Kill>,
    pub(crate) fell: Fell,
}

/// What can be said of a kill at this moment.
enum Moment {
    NotYet,
    Due(i32),
    Missed,
}

impl<'a> Player<'a> {
    /// Puts a gate behind every place, so that no shell can leave it before its kill has fallen.
    pub(crate) fn new(lab: &'a Lab, kills: &[Kill]) -> Self {
        let player = Self { lab, left: kills.to_vec(), fell: Fell::default() };
        for kill in &player.left {
            if lab.is_traced && kill.place.shell != ORPHAN {
                fs::write(player.gate(&kill.place), "").expect("a gate");
            }
        }
        player
    }

    fn gate(&self, place: &Place) -> std::path::PathBuf {
        self.lab.path("gates").join(format!("{}-{}", place.shell, place.passed + 1))
    }

    /// The next kill whose place the host has reached.
    pub(crate) fn next(&mut self) -> Next {
        let mut at = 0;
        while at < self.left.len() {
            // Of the kills at one shell the first comes first.
            let is_first = !self.left[..at].iter().any(|kill| kill.place.shell == self.left[at].place.shell);
            match if is_first { self.moment(&self.left[at]) } else { Moment::NotYet } {
                Moment::NotYet => at += 1,
                Moment::Missed => {
                    self.take(at);
                    self.fell.missed += 1;
                }
                Moment::Due(pid) => {
                    let kill = self.take(at);
                    let place = match kill.victim {
                        Victim::Process { .. } => self.lab.place_of(pid).0,
                        Victim::Power(_) | Victim::Stop { .. } => self.lab.place_of_all(),
                    };
                    if place.is_same(&kill.place) {
                        self.fell.same += 1;
                    } else {
                        self.fell.near += 1;
                    }
                    return Next::Kill(kill, pid);
                }
            }
        }
        if self.left.is_empty() { Next::Over } else { Next::Wait }
    }

    /// Lets the shell of a kill that has fallen pass its gate, unless another kill waits there.
    pub(crate) fn open(&self, kill: &Kill) {
        let is_wanted =
            |other: &Kill| (&other.place.shell, other.place.passed) == (&kill.place.shell, kill.place.passed);
        if !self.left.iter().any(is_wanted) {
            let _ = fs::remove_file(self.gate(&kill.place));
        }
    }

    fn take(&mut self, at: usize) -> Kill {
        let kill = self.left.remove(at);
        // One that has missed holds nothing back.
        if !matches!(self.moment(&kill), Moment::Due(_)) {
            self.open(&kill);
        }
        kill
    }

    /// What was never reached, when the case is over.
    pub(crate) fn finish(mut self) -> Fell {
        self.fell.missed += self.left.len();
        for kill in std::mem::take(&mut self.left) {
            self.open(&kill);
        }
        self.fell
    }

    fn moment(&self, kill: &Kill) -> Moment {
        let wanted = &kill.place;
        if wanted.shell == ORPHAN {
            return self.orphan(kill);
        }
        let Some(now) = self.lab.progress(&wanted.shell) else { return Moment::NotYet };
        let has_happened = |count: &AtomicUsize, wanted: usize| count.load(Ordering::SeqCst) >= wanted;
        if !has_happened(&self.lab.tried, wanted.tried) || !has_happened(&self.lab.controllers, wanted.controllers) {
            return Moment::NotYet;
        }
        if now.passed < wanted.passed {
            return if self.lab.has(now.pid) { Moment::NotYet } else { Moment::Missed };
        }
        // A shell that waits at the gate has noted its point.
        let at_gate = self.lab.is_traced && now.passed == wanted.passed + 1;
        if now.passed > wanted.passed && !at_gate {
            return Moment::Missed;
        }
        let is_late = !at_gate && millis(now.since) > wanted.since_ms + PATIENCE_MS;
        match self.target(kill, &now) {
            Some(pid) if at_gate || is_late || self.is_there(wanted, &now) => Moment::Due(pid),
            None if at_gate || is_late => Moment::Missed,
            _ => Moment::NotYet,
        }
    }

    /// The process to kill, if it lives.
    fn target(&self, kill: &Kill, now: &Progress) -> Option<i32> {
        match &kill.victim {
            Victim::Process { descent, .. } if !descent.is_empty() => {
                self.lab.tree(now.pid).into_iter().find(|node| node.descent == *descent).map(|node| node.pid)
            }
            _ => self.lab.has(now.pid).then_some(now.pid),
        }
    }

    fn is_there(&self, wanted: &Place, now: &Progress) -> bool {
        let tree: Vec<String> = self.lab.tree(now.pid).into_iter().map(|node| node.descent.join(" > ")).collect();
        let number = wanted.shell.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or_default();
        tree == wanted.tree
            && (!wanted.needs_time() || millis(now.since) >= wanted.since_ms)
            && self.lab.log_size() >= wanted.log
            && self.lab.connection(number).1 >= wanted.heard
    }

    /// A process of a step whose runner is dead, or a loss of power when nothing else was alive.
    fn orphan(&self, kill: &Kill) -> Moment {
        let Victim::Process { descent, role } = &kill.victim else {
            return if self.lab.is_quiet() { Moment::Due(0) } else { Moment::NotYet };
        };
        let Some(last) = descent.last() else { return Moment::Missed };
        let those = self.lab.processes().into_iter().filter(|process| process.role == *role);
        let mut those = those.filter(|process| *role != Role::Runner && self.lab.words(process.pid) == *last);
        let found = those.find(|process| self.lab.place_of(process.pid).0.shell == ORPHAN);
        found.map_or(Moment::NotYet, |process| Moment::Due(process.pid))
    }
}

/// Waits a little before places are compared again.
pub(crate) fn pause() {
    std::thread::park_timeout(PACE);
}
