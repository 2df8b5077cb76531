//! Where a host's processes are, named by events instead of times, so that the same place is found again in another run.
//!
//! A delivery and a runner note each of their named points (`#:point` in their source) in a file of their own below `trace`.
//! They wait at a point as long as a file below `gates` has its number: this is how a replay keeps a shell between two points
//! until the kill that belongs there has happened.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::lab::{Lab, Role};

/// What a shell is called before it is known which runner or delivery it is.
const UNTRACED_RUNNER: &str = "runner";
/// What is left of a step when its runner is dead.
pub(crate) const ORPHAN: &str = "orphan";

const POINT: &str = r#"pb_point() {
pb_point_count=$((${pb_point_count:-0} + 1))
echo "$pb_point_count $1 $$" >>"$HOME/trace/$pb_point_who"
while [ -e "$HOME/gates/$pb_point_who-$pb_point_count" ]; do :; done
}
pb_point begin"#;

/// The hook for the delivery of this connection.
pub(crate) fn delivery_hook(connection: usize) -> String {
    format!("pb_point_who={}\n{POINT}", delivery_name(connection))
}

/// The hook for runners: each takes the next number.
pub(crate) fn runner_hook() -> String {
    format!(
        "pb_point_who=0\n{{ read -r pb_point_who <\"$HOME/trace/runners\"; }} 2>/dev/null\n\
         pb_point_who=$((pb_point_who + 1))\necho $pb_point_who >\"$HOME/trace/runners\"\n\
         pb_point_who=runner-$pb_point_who\n{POINT}"
    )
}

pub(crate) fn delivery_name(connection: usize) -> String {
    format!("delivery-{connection}")
}

/// A place in the course of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The shell whose progress names it: `delivery-3` is the delivery of the third connection, `runner-1` the first runner.
    pub(crate) shell: String,
    /// How many points the shell had passed, and the last one's name.
    pub(crate) passed: u32,
    pub(crate) point: String,
    /// How long ago it had passed that point.
    pub(crate) since_ms: u64,
    /// The commands of the shell's descendants.
    pub(crate) tree: Vec<String>,
    /// The size of the run's log.
    pub(crate) log: u64,
    /// How many bytes the controller had heard on the shell's connection.
    pub(crate) heard: u64,
    /// How many connections had been tried.
    pub(crate) tried: usize,
    /// How many controllers had ended.
    pub(crate) controllers: usize,
}

impl Place {
    /// Between this point of a shell and the next.
    pub(crate) fn behind(shell: &str, passed: u32) -> Self {
        Self {
            shell: shell.to_owned(),
            passed,
            point: String::new(),
            since_ms: 0,
            tree: Vec::new(),
            log: 0,
            heard: 0,
            tried: 0,
            controllers: 0,
        }
    }

    /// Whether only time can tell the place within the shell's way from one point to the next: no command is at work, or one that
    /// waits.
    pub(crate) fn needs_time(&self) -> bool {
        self.tree.is_empty() || self.tree.iter().any(|command| command.contains("sleep "))
    }

    /// Whether two kills fell at the same place: between the same two points, with the same commands at work.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (&self.shell, self.passed, &self.point, &self.tree) == (&other.shell, other.passed, &other.point, &other.tree)
    }
}

/// The process that is killed: the commands on the way down to it from the shell that names the place.
pub(crate) type Descent = Vec<String>;

/// How far a shell has come.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) pid: i32,
    pub(crate) passed: u32,
    pub(crate) point: String,
    pub(crate) since: Duration,
}

/// A process and its words.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) pid: i32,
    pub(crate) descent: Descent,
}

impl Lab {
    /// The place of a process at this moment, and the way to it from the shell that names the place.
    pub(crate) fn place_of(&self, pid: i32) -> (Place, Descent) {
        let shells = self.shells();
        let mut ways = vec![pid];
        let mut top = pid;
        let found = loop {
            if let Some((name, _)) = shells.iter().find(|(_, shell)| *shell == top) {
                break Some(name.clone());
            }
            match parent(top).filter(|parent| self.has(*parent)) {
                Some(parent) => {
                    top = parent;
                    ways.push(parent);
                }
                None => break None,
            }
        };
        let name = found.unwrap_or_else(|| ORPHAN.to_owned());
        if name != ORPHAN {
            ways.pop();
        }
        let descent = ways.iter().rev().map(|pid| self.words(*pid)).collect();
        (self.place(&name, top), descent)
    }

    /// The place of a loss of power: that of the runner, or else of the latest delivery.
    pub(crate) fn place_of_all(&self) -> Place {
        let alive = self.shells().into_iter().filter(|(_, pid)| self.has(*pid));
        let latest = alive.max_by_key(|(name, _)| (name.starts_with("runner"), number(name)));
        match latest {
            Some((name, pid)) => self.place(&name, pid),
            None => self.place(ORPHAN, 0),
        }
    }

    fn place(&self, name: &str, pid: i32) -> Place {
        let progress = self.progress(name);
        let (passed, point, since) =
            progress.map_or((0, "-".to_owned(), Duration::ZERO), |it| (it.passed, it.point, it.since));
        Place {
            shell: name.to_owned(),
            passed,
            point,
            since_ms: millis(since),
            tree: self.tree(pid).into_iter().map(|node| node.descent.join(" > ")).collect(),
            log: self.log_size(),
            heard: self.connection(number(name)).1,
            tried: self.tried.load(Ordering::SeqCst),
            controllers: self.controllers.load(Ordering::SeqCst),
        }
    }

    /// How far a shell has come; `None` before it exists. An untraced one passes no points.
    pub(crate) fn progress(&self, name: &str) -> Option<Progress> {
        if let Some(progress) = traced(&self.path("trace").join(name)) {
            return Some(progress);
        }
        let (_, pid) = self.shells().into_iter().find(|(known, _)| known == name)?;
        let (since, _) = self.connection(number(name));
        Some(Progress { pid, passed: 0, point: "-".to_owned(), since })
    }

    /// Every delivery and runner that is known, dead or alive, by name.
    fn shells(&self) -> Vec<(String, i32)> {
        let mut found: Vec<(String, i32)> =
            self.deliveries().into_iter().map(|(connection, pid)| (delivery_name(connection), pid)).collect();
        let traces = fs::read_dir(self.path("trace")).into_iter().flatten().flatten();
        for file in traces {
            let name = file.file_name().to_string_lossy().into_owned();
            if name.starts_with("runner-")
                && let Some(progress) = traced(&file.path())
            {
                found.push((name, progress.pid));
            }
        }
        if !self.is_traced {
            let runners = self.processes().into_iter().filter(|process| process.role == Role::Runner);
            // Its subshells have larger numbers.
            found.extend(runners.map(|process| process.pid).min().map(|pid| (UNTRACED_RUNNER.to_owned(), pid)));
        }
        found
    }

    /// What a process has started, and what that has.
    pub(crate) fn tree(&self, pid: i32) -> Vec<Node> {
        let mut found = Vec::new();
        let mut open = vec![Node { pid, descent: Vec::new() }];
        while let Some(node) = open.pop() {
            for child in children(node.pid) {
                let words = self.words(child);
                if !words.is_empty() {
                    let descent = node.descent.iter().cloned().chain([words]).collect();
                    let child = Node { pid: child, descent };
                    found.push(child.clone());
                    open.push(child);
                }
            }
        }
        found.sort_by(|a, b| a.descent.cmp(&b.descent));
        found
    }

    /// A process' command, without what differs from run to run; empty for one that has ended.
    pub(crate) fn words(&self, pid: i32) -> String {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ").replace(&*self.home().to_string_lossy(), "~");
        let mut words = String::new();
        for c in line.trim_end().chars().take(60) {
            // Process numbers and sizes differ from run to run.
            if !(c.is_ascii_digit() && words.ends_with('#')) {
                words.push(if c.is_ascii_digit() { '#' } else { c });
            }
        }
        words
    }
}

fn traced(file: &Path) -> Option<Progress> {
    let text = fs::read_to_string(file).ok()?;
    let mut words = text.lines().last()?.split(' ');
    let passed = words.next()?.parse().ok()?;
    let point = words.next()?.to_owned();
    let pid = words.next()?.parse().ok()?;
    let at = fs::metadata(file).and_then(|file| file.modified()).ok()?;
    let since = SystemTime::now().duration_since(at).unwrap_or_default();
    Some(Progress { pid, passed, point, since })
}

/// The number at the end of a shell's name.
fn number(name: &str) -> usize {
    name.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()
}

fn children(pid: i32) -> Vec<i32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
