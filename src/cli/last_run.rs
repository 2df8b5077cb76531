//! Which run the user means who names none: the last one that matters.
//!
//! A run that only asked (`--check`), or that was refused because another one had the host, is not what a user wants to resume,
//! to stop or to see while the real one goes on.

use std::collections::HashSet;

use super::console::print_error;
use super::error::CommandError;
use super::previous_run::{has_record, is_open};
use crate::event::Mode;
use crate::exit::Exit;
use crate::ids::RunId;
use crate::journal::{JournalRead, StateDir};

/// How many runs are looked at, the newest first.
const MAX_LOOKS: usize = 50;

/// What the run is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To resume it, or to show it.
    Continue,
    /// To stop it: it has to go on.
    Stop,
}

/// The run that the user names, or the last one that matters. If it is not the newest one, pinboot says so.
pub(super) fn find_run(state: &StateDir, given: Option<&str>, purpose: Purpose) -> Result<RunId, CommandError> {
    let newest = state.resolve(given)?;
    if given.is_some() {
        return Ok(newest);
    }
    let looks = state.list()?.into_iter().take(MAX_LOOKS).map(|run| {
        let read = state.read(&run).ok();
        Look::new(state.is_held(&run), run, read.as_ref())
    });
    let Some((chosen, why)) = choose(looks, purpose) else { return Ok(newest) };
    if let Some(why) = why {
        print_error(&format!("taking run {chosen}: {why}"));
    }
    Ok(chosen)
}

/// What matters of a run for the choice.
#[derive(Clone, Debug)]
struct Look {
    run: RunId,
    kind: Kind,
    /// Some pinboot of this machine is writing it.
    is_held: bool,
    /// The hosts on which its end was not seen, and those on which it was started, each as `user@address:port`.
    open: HashSet<String>,
    started: HashSet<String>,
    all: HashSet<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It only asked.
    Check,
    /// Another run had each host that was reached.
    Refused,
    /// It ran, or tried to.
    Run,
}

impl Look {
    fn new(is_held: bool, run: RunId, read: Option<&JournalRead>) -> Self {
        // A journal that cannot be read is a run like any other: the command that takes it reports what is wrong with it.
        let mut look =
            Self { run, kind: Kind::Run, is_held, open: HashSet::new(), started: HashSet::new(), all: HashSet::new() };
        let Some(read) = read else { return look };
        let view = read.view();
        let targets = |wanted: &dyn Fn(&crate::ids::HostId) -> bool| -> HashSet<String> {
            read.header.hosts.iter().filter(|host| wanted(&host.host)).map(|host| host.target.clone()).collect()
        };
        look.open = targets(&|host| is_open(&view, host));
        look.started = targets(&|host| has_record(&view, host));
        look.all = targets(&|_| true);
        look.kind = match read.header.mode {
            Mode::Check => Kind::Check,
            Mode::Run if look.started.is_empty() && view.exit == Some(Exit::Busy) => Kind::Refused,
            Mode::Run => Kind::Run,
        };
        look
    }
}

/// Chooses among runs, the newest first; says why, if it is not the newest one.
fn choose(looks: impl Iterator<Item = Look>, purpose: Purpose) -> Option<(RunId, Option<String>)> {
    let mut newest: Option<Look> = None;
    let (mut check, mut refused, mut going_check, mut run): (Option<Look>, Option<Look>, Option<Look>, Option<Look>) =
        (None, None, None, None);
    // Hosts on which a newer run was started: an older one that was open there is over by now.
    let mut taken: HashSet<String> = HashSet::new();
    let mut going = None;
    for look in looks {
        newest.get_or_insert_with(|| look.clone());
        let goes_on = look.is_held || look.open.iter().any(|target| !taken.contains(target));
        let is_asked_for = match purpose {
            Purpose::Stop => true,
            // The run that has the host of the one that was refused.
            Purpose::Continue => refused.as_ref().is_some_and(|refused| !refused.all.is_disjoint(&look.all)),
        };
        match look.kind {
            Kind::Run if goes_on && is_asked_for => {
                going = Some(look);
                break;
            }
            Kind::Check if goes_on && purpose == Purpose::Stop => going_check = going_check.or(Some(look.clone())),
            Kind::Check => check = check.or(Some(look.clone())),
            Kind::Refused => refused = refused.or(Some(look.clone())),
            Kind::Run => run = run.or(Some(look.clone())),
        }
        taken.extend(look.started);
        let is_decided = purpose == Purpose::Continue && run.is_some() && refused.is_none();
        if is_decided {
            break;
        }
    }
    // Of a run that was refused nothing can be stopped.
    let (first, last) = if purpose == Purpose::Continue { (refused, None) } else { (None, refused) };
    let chosen = going.or(going_check).or(first).or(run).or(check).or(last)?;
    let why = newest.filter(|newest| newest.run != chosen.run).map(|newest| match newest.kind {
        Kind::Check => format!("run {}, the newest one, was only a check", newest.run),
        Kind::Refused => format!("run {}, the newest one, was refused", newest.run),
        Kind::Run => format!("it may still be going on, and run {}, the newest one, has ended", newest.run),
    });
    Some((chosen.run, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(run: &str, kind: Kind, is_held: bool, open: &[&str], started: &[&str]) -> Look {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<HashSet<String>>();
        let mut all = set(open);
        all.extend(set(started));
        all.insert("h".to_owned());
        Look { run: RunId::parse(run).unwrap(), kind, is_held, open: set(open), started: set(started), all }
    }

    #[test]
    fn the_last_run_is_the_one_that_matters() {
        let check = || look("00000009", Kind::Check, false, &[], &["h"]);
        let refused = || look("00000008", Kind::Refused, false, &[], &[]);
        let refused_check = || look("00000007", Kind::Check, false, &[], &[]);
        let going = || look("00000003", Kind::Run, true, &["h"], &["h"]);
        let lost = || look("00000004", Kind::Run, false, &["h"], &["h"]);
        let ended = || look("00000002", Kind::Run, false, &[], &["h"]);
        for (looks, to_continue, to_stop) in [
            (vec![ended()], "00000002", "00000002"),
            (vec![check()], "00000009", "00000009"),
            (vec![check(), ended()], "00000002", "00000002"),
            (vec![refused()], "00000008", "00000008"),
            (vec![refused(), going()], "00000003", "00000003"),
            (vec![check(), refused(), going()], "00000003", "00000003"),
            (vec![refused(), refused_check(), lost(), ended()], "00000004", "00000004"),
            // A check that was not refused shows that the older run is over.
            (vec![refused(), check(), lost(), ended()], "00000008", "00000004"),
            // Another user's run had the host: this one is still to be done.
            (vec![refused(), ended()], "00000008", "00000002"),
            // What was open before a newer run was started on the host is over by now.
            (vec![ended(), lost()], "00000002", "00000002"),
            (vec![ended(), going()], "00000002", "00000003"),
            (vec![look("00000005", Kind::Check, true, &["h"], &["h"]), ended()], "00000002", "00000005"),
        ] {
            let names: Vec<String> = looks.iter().map(|look| look.run.to_string()).collect();
            for (purpose, right) in [(Purpose::Continue, to_continue), (Purpose::Stop, to_stop)] {
                let (chosen, why) = choose(looks.clone().into_iter(), purpose).unwrap();
                assert_eq!(chosen.as_str(), right, "{purpose:?} among {names:?}");
                assert_eq!(why.is_some(), names[0] != right, "{purpose:?} among {names:?}");
            }
        }
        assert!(choose(std::iter::empty(), Purpose::Stop).is_none());
    }
}
