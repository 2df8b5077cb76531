//! Who may use `sudo` on a host whose users have ids of their own.

use std::fs;
use std::path::PathBuf;

use super::super::users::{User, UserGroup, groups};

/// Whether a user may run commands as another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permission {
    Granted,
    /// Only with a password, and no user of a throw-away host has one.
    WithPassword,
    Refused,
}

/// What the host's `/etc/sudoers` and `/etc/sudoers.d` say about a user; root and the login user need no line there.
pub(super) fn permission(login: &str, user: &User) -> Permission {
    if user.id == 0 || user.name == login {
        return Permission::Granted;
    }
    let mut files = vec![PathBuf::from("/etc/sudoers")];
    let mut others: Vec<PathBuf> =
        fs::read_dir("/etc/sudoers.d").into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    // sudo leaves out the copies of editors and package managers.
    others.retain(|path| path.file_name().is_some_and(|name| !name.to_string_lossy().contains(['.', '~'])));
    others.sort();
    files.append(&mut others);
    let text =
        files.iter().fold(String::new(), |text, file| text + &fs::read_to_string(file).unwrap_or_default() + "\n");
    read(&text, user, &groups(user))
}

/// The last line about a user counts.
fn read(sudoers: &str, user: &User, groups: &[UserGroup]) -> Permission {
    let is_about = |who: &str| match who.strip_prefix('%') {
        Some(group) => groups.iter().any(|one| one.name == group),
        None => who == user.name || who == "ALL" || who.strip_prefix('#') == Some(&user.id.to_string()),
    };
    let mut out = Permission::Refused;
    for line in sudoers.replace("\\\n", " ").lines() {
        let Some((who, what)) = line.trim_start().split_once(char::is_whitespace) else { continue };
        if what.contains('=') && who.split(',').any(is_about) {
            out = if what.contains("NOPASSWD:") { Permission::Granted } else { Permission::WithPassword };
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_about_a_user_counts() {
        let user = User { name: "eva".into(), id: 1001, group: 1001, home: "/".into(), shell: "/bin/sh".into() };
        let groups = [UserGroup { name: "sudo".into(), id: 27 }];
        let read = |text: &str| read(text, &user, &groups);
        assert_eq!(read("Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n# eva ALL=(ALL) ALL\n"), Permission::Refused);
        assert_eq!(read("%sudo ALL=(ALL:ALL) ALL\n"), Permission::WithPassword);
        assert_eq!(read("%sudo ALL=(ALL) ALL\neva ALL=(ALL) NOPASSWD: ALL\n"), Permission::Granted);
        assert_eq!(read("bob,eva ALL=(ALL) \\\n NOPASSWD: ALL\n"), Permission::Granted);
        assert_eq!(read("#1001 ALL=(ALL) NOPASSWD: ALL\n"), Permission::Granted);
    }
}
