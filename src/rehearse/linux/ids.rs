//! The user and group ids of a host, and which ids of the machine stand for them.
//!
//! Where root rehearses, and where an ordinary user may use more ids than one, each user of the host has an id of its own.
//! Everywhere else the host has one id.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{getegid, geteuid};

/// The login user's id on the host, unless it is root.
pub(super) const LOGIN_ID: u32 = 1000;

/// A range of ids: `count` ids from `inside` on are the ids from `outside` on of the namespace around this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    inside: u32,
    outside: u32,
    count: u32,
}

impl Range {
    const fn new(inside: u32, outside: u32, count: u32) -> Self {
        Self { inside, outside, count }
    }
}

/// Ids that no user of any machine has by convention start here.
const UNUSED: u32 = 0x7000_0000;

/// The ids of a host that real root makes. The system's users keep their ids, because the machine's files belong to them.
/// People have ids that no user of the machine has: the login user must not be a person of the machine.
const OF_ROOT: &[Range] = &[
    Range::new(0, 0, LOGIN_ID),
    Range::new(LOGIN_ID, UNUSED + LOGIN_ID, 65_534 - LOGIN_ID),
    Range::new(65_534, 65_534, 2),
    Range::new(65_536, UNUSED + 65_536, 0x0fff_0000 - 65_536),
];

/// The two kinds of ids, with the names of their files.
const USERS: Kind = Kind { map: "uid_map", program: "newuidmap", allowed: "/etc/subuid" };
const GROUPS: Kind = Kind { map: "gid_map", program: "newgidmap", allowed: "/etc/subgid" };

struct Kind {
    map: &'static str,
    /// The program that gives an ordinary user further ids.
    program: &'static str,
    /// The file that says which ids an ordinary user may use.
    allowed: &'static str,
}

/// What to do on a machine where the host has one id.
pub(super) const MORE_IDS: &str = "install the package uidmap (shadow-utils elsewhere) and give yourself ids in /etc/subuid and /etc/subgid \
     (`usermod --add-subuids 100000-165535 --add-subgids 100000-165535 NAME`), or rehearse as root";

/// Whether each user of this host has an id of its own.
pub(super) fn are_many() -> bool {
    [USERS, GROUPS].iter().all(|kind| total(&own(kind)) > 1)
}

/// Gives the user namespace of a process that has no ids yet as many as this user may give.
pub(super) fn give(pid: u32) -> io::Result<()> {
    let many = if geteuid().is_root() { give_as_root(pid) } else { give_allowed(pid) };
    if many.is_ok() {
        return many;
    }
    // A map that was written before the other one failed stays.
    write_unless_given(pid, "setgroups", "deny")?;
    write_unless_given(pid, USERS.map, &text(&[Range::new(0, geteuid().as_raw(), 1)]))?;
    write_unless_given(pid, GROUPS.map, &text(&[Range::new(0, getegid().as_raw(), 1)]))
}

/// Gives the user namespace of a process the ids of this process, under the same numbers.
pub(super) fn share(pid: u32) -> io::Result<()> {
    for kind in [USERS, GROUPS] {
        let same: Vec<Range> = own(&kind).iter().map(|range| Range { outside: range.inside, ..*range }).collect();
        fs::write(format!("/proc/{pid}/{}", kind.map), text(&same))?;
    }
    Ok(())
}

fn write_unless_given(pid: u32, name: &str, text: &str) -> io::Result<()> {
    let path = format!("/proc/{pid}/{name}");
    let is_given = name.ends_with("_map") && fs::read_to_string(&path).is_ok_and(|map| !map.trim().is_empty());
    if is_given { Ok(()) } else { fs::write(path, text) }
}

fn give_as_root(pid: u32) -> io::Result<()> {
    let maps = [USERS, GROUPS].map(|kind| (kind.map, within(&own(&kind))));
    if maps.iter().any(|(_, ranges)| total(ranges) <= 1) {
        return Err(io::Error::other("this namespace has one id"));
    }
    maps.iter().try_for_each(|(name, ranges)| fs::write(format!("/proc/{pid}/{name}"), text(ranges)))
}

/// The ids that root gives from those that it has: in a container it may have some of the machine's only.
fn within(own: &[Range]) -> Vec<Range> {
    let has = |wanted: &Range| {
        own.iter().any(|range| {
            wanted.outside >= range.inside
                && wanted
                    .outside
                    .checked_sub(range.inside)
                    .is_some_and(|at| u64::from(at) + u64::from(wanted.count) <= u64::from(range.count))
        })
    };
    if OF_ROOT.iter().all(has) {
        return OF_ROOT.to_vec();
    }
    own.iter().map(|range| Range { outside: range.inside, ..*range }).collect()
}

fn give_allowed(pid: u32) -> io::Result<()> {
    let name = own_name();
    let own_ids = [geteuid().as_raw(), getegid().as_raw()];
    let mut calls = Vec::new();
    for (kind, own) in [USERS, GROUPS].iter().zip(own_ids) {
        let (first, count) = fs::read_to_string(kind.allowed)
            .ok()
            .and_then(|text| allowed(&text, &name, own_ids[0]))
            .ok_or_else(|| io::Error::other(format!("{} gives this user no ids", kind.allowed)))?;
        calls.push((kind.program, [pid, 0, own, 1, 1, first, count]));
    }
    for (program, numbers) in calls {
        let status = Command::new(program)
            .args(numbers.map(|number| number.to_string()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if !status.success() {
            return Err(io::Error::other(format!("{program} refused")));
        }
    }
    Ok(())
}

/// The name of the user who runs this process.
fn own_name() -> String {
    let id = geteuid().as_raw().to_string();
    let passwd = fs::read_to_string(Path::new("/etc/passwd")).unwrap_or_default();
    let mut lines = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    lines.find(|fields| fields.get(2) == Some(&id.as_str())).map_or_else(String::new, |fields| fields[0].to_owned())
}

/// The largest range of ids that the lines of `/etc/subuid` give to a user, if it is large enough for the login user.
fn allowed(lines: &str, name: &str, id: u32) -> Option<(u32, u32)> {
    let id = id.to_string();
    let ranges = lines.lines().filter_map(|line| {
        let [user, first, count] = line.split(':').collect::<Vec<_>>()[..] else { return None };
        let is_own = user == id || (user == name && !name.is_empty());
        let range: (u32, u32) = (first.trim().parse().ok()?, count.trim().parse().ok()?);
        (is_own && range.1 >= LOGIN_ID).then_some(range)
    });
    ranges.max_by_key(|(_, count)| *count)
}

/// The ids of this process's user namespace.
fn own(kind: &Kind) -> Vec<Range> {
    parse(&fs::read_to_string(format!("/proc/self/{}", kind.map)).unwrap_or_default())
}

fn parse(map: &str) -> Vec<Range> {
    let range = |line: &str| {
        let numbers: Vec<u32> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [inside, outside, count] = numbers[..] else { return None };
        Some(Range { inside, outside, count })
    };
    map.lines().filter_map(range).collect()
}

fn text(ranges: &[Range]) -> String {
    ranges
        .iter()
        .fold(String::new(), |text, Range { inside, outside, count }| text + &format!("{inside} {outside} {count}\n"))
}

fn total(ranges: &[Range]) -> u64 {
    ranges.iter().map(|range| u64::from(range.count)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_of_a_host_that_root_makes_are_nobody_on_the_machine() {
        let machine = parse("         0          0 4294967295\n");
        let given = within(&machine);
        assert_eq!(given, OF_ROOT);
        assert!(given.iter().all(|range| range.outside == range.inside || range.outside > UNUSED));
        let login = given.iter().find(|range| range.inside == LOGIN_ID).expect("the login user");
        assert_eq!(login.outside, UNUSED + LOGIN_ID);
    }

    #[test]
    fn in_a_container_root_gives_the_ids_that_it_has() {
        assert_eq!(within(&parse("0 1000 1\n1 100000 65535\n")), [Range::new(0, 0, 1), Range::new(1, 1, 65_535)]);
        assert_eq!(total(&within(&parse("0 1000 1\n"))), 1);
    }

    #[test]
    fn the_largest_range_of_the_user_is_taken() {
        let lines = "eva:100000:65536\n1001:200000:70000\nbob:300000:65536\neva:5:10\n";
        assert_eq!(allowed(lines, "eva", 1002), Some((100_000, 65_536)));
        assert_eq!(allowed(lines, "eva", 1001), Some((200_000, 70_000)));
        assert_eq!(allowed(lines, "ann", 1003), None);
        assert_eq!(allowed("eva:5:10\n", "eva", 1002), None, "too few for the login user");
        assert_eq!(allowed(":1:65536\n", "", 7), None);
    }
}
