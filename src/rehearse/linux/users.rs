//! The host's users, as its own `/etc/passwd` and `/etc/group` have them at this moment.

use std::collections::HashMap;
use std::fs;

/// One line of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) id: u32,
    pub(super) group: u32,
    pub(super) home: String,
    pub(super) shell: String,
}

/// Finds a user by name, or by id in the form `#1000`.
pub(super) fn user(wanted: &str) -> Option<User> {
    find(&fs::read_to_string("/etc/passwd").ok()?, wanted)
}

fn find(passwd: &str, wanted: &str) -> Option<User> {
    let by_id = wanted.strip_prefix('#').and_then(|id| id.parse::<u32>().ok());
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, id, group, _, home, shell] = fields[..] else { return None };
        let (id, group) = (id.parse().ok()?, group.parse().ok()?);
        (name == wanted || by_id == Some(id)).then(|| User {
            name: name.to_owned(),
            id,
            group,
            home: home.to_owned(),
            shell: if shell.is_empty() { "/bin/sh".to_owned() } else { shell.to_owned() },
        })
    })
}

/// A group of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UserGroup {
    pub(super) name: String,
    pub(super) id: u32,
}

/// The groups of a user: its own one first, then those that name it.
pub(super) fn groups(user: &User) -> Vec<UserGroup> {
    groups_in(&fs::read_to_string("/etc/group").unwrap_or_default(), user)
}

fn groups_in(text: &str, user: &User) -> Vec<UserGroup> {
    let mut out = Vec::new();
    for line in text.lines() {
        let [name, _, id, members] = line.split(':').collect::<Vec<_>>()[..] else { continue };
        let Ok(id) = id.parse::<u32>() else { continue };
        let group = UserGroup { name: name.to_owned(), id };
        if id == user.group {
            out.insert(0, group);
        } else if members.split(',').any(|member| member == user.name) {
            out.push(group);
        }
    }
    if out.first().is_none_or(|group| group.id != user.group) {
        out.insert(0, UserGroup { name: user.group.to_string(), id: user.group });
    }
    out
}

/// The names of users and groups by their ids.
#[derive(Debug, Default)]
pub(super) struct OwnerNames {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
}

impl OwnerNames {
    /// Reads the host's names.
    pub(super) fn read() -> Self {
        let read = |file: &str| {
            let mut out = HashMap::new();
            for line in fs::read_to_string(file).unwrap_or_default().lines() {
                let mut fields = line.split(':');
                if let (Some(name), Some(Ok(id))) = (fields.next(), fields.nth(1).map(str::parse::<u32>)) {
                    out.entry(id).or_insert_with(|| name.to_owned());
                }
            }
            out
        };
        Self { users: read("/etc/passwd"), groups: read("/etc/group") }
    }

    /// A user's name, or the id where it has none.
    pub(super) fn user(&self, id: u32) -> String {
        self.users.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }

    /// A group's name, or the id where it has none.
    pub(super) fn group(&self, id: u32) -> String {
        self.groups.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_name_and_by_id() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken:x\nkafka:x:998:997::/opt/kafka:\n";
        let kafka = find(passwd, "kafka").expect("there");
        assert_eq!((kafka.id, kafka.group, kafka.shell.as_str()), (998, 997, "/bin/sh"));
        assert_eq!(find(passwd, "#998"), Some(kafka.clone()));
        assert_eq!((find(passwd, "998"), find(passwd, "broken")), (None, None));
        let ids = |text: &str| groups_in(text, &kafka).iter().map(|group| group.id).collect::<Vec<_>>();
        assert_eq!(ids("adm:x:4:kafka,eva\nkafka:x:997:\nx:y\nother:x:5:kafkaesque\n"), [997, 4]);
        assert_eq!(ids("adm:x:4:eva\n"), [997]);
    }
}
