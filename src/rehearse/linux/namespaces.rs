//! Which setting of this machine forbids the namespaces that a host needs.

use crate::rehearse::refused::Refused;

/// The settings that forbid namespaces: file, the value that forbids, its name and the command that allows.
const SETTINGS: &[(&str, &str, &str, &str)] = &[
    (
        "/proc/sys/kernel/unprivileged_userns_clone",
        "0",
        "kernel.unprivileged_userns_clone = 0",
        "sudo sysctl -w kernel.unprivileged_userns_clone=1",
    ),
    (
        "/proc/sys/user/max_user_namespaces",
        "0",
        "user.max_user_namespaces = 0",
        "sudo sysctl -w user.max_user_namespaces=10000",
    ),
    (
        "/proc/sys/user/max_mnt_namespaces",
        "0",
        "user.max_mnt_namespaces = 0",
        "sudo sysctl -w user.max_mnt_namespaces=10000",
    ),
    (
        "/proc/sys/user/max_pid_namespaces",
        "0",
        "user.max_pid_namespaces = 0",
        "sudo sysctl -w user.max_pid_namespaces=10000",
    ),
    (
        "/proc/sys/user/max_net_namespaces",
        "0",
        "user.max_net_namespaces = 0",
        "sudo sysctl -w user.max_net_namespaces=10000",
    ),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "kernel.apparmor_restrict_unprivileged_userns = 1",
        "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
];

/// Finds the setting that is in the way, given what `unshare` said and a way to read the kernel's files.
pub(super) fn explain(said: &str, read: &dyn Fn(&str) -> Option<String>) -> Refused {
    for (file, forbids, setting, allow) in SETTINGS {
        if read(file).is_some_and(|value| value.trim() == *forbids) {
            return Refused::new(
                format!("this machine does not let ordinary users make namespaces: {setting}"),
                format!("allow it with `{allow}` or rehearse on another machine; the playbook was not run anywhere"),
            );
        }
    }
    let filtered = read("/proc/self/status")
        .is_some_and(|status| status.lines().any(|line| line.split_whitespace().eq(["Seccomp:", "2"])));
    if filtered {
        return Refused::new(
            format!("a seccomp filter (of a container, most likely) forbids namespaces here: {}", one_line(said)),
            "rehearse outside the container; the playbook was not run anywhere",
        );
    }
    Refused::new(
        format!("the kernel refuses the namespaces that a rehearsal needs: {}", one_line(said)),
        "try `unshare --user --map-root-user --mount --pid --net --fork true` by hand, or rehearse on another machine; the playbook was not run anywhere",
    )
}

/// What a program said, as one line that no terminal can misread.
fn one_line(said: &str) -> String {
    let line = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
    let clean: String = line
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .take(500)
        .collect();
    if clean.is_empty() { "it gave no reason".to_owned() } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(files: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        |wanted| files.iter().find(|(file, _)| *file == wanted).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn the_setting_in_the_way_is_named() {
        for (file, value, name) in [
            ("/proc/sys/kernel/unprivileged_userns_clone", "0\n", "kernel.unprivileged_userns_clone = 0"),
            ("/proc/sys/user/max_user_namespaces", "0\n", "user.max_user_namespaces = 0"),
            ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n", "apparmor_restrict_unprivileged_userns"),
        ] {
            let read = |wanted: &str| (wanted == file).then(|| value.to_owned());
            let refused = explain("unshare: unshare failed: Operation not permitted\n", &read);
            assert!(refused.message.contains(name), "{}", refused.message);
            assert!(refused.hint.expect("a hint").contains("sysctl -w"));
        }
    }

    #[test]
    fn without_a_setting_the_kernels_words_are_given() {
        let refused = explain("unshare: \x1b[31mno\n", &with(&[("/proc/sys/user/max_user_namespaces", "96343\n")]));
        assert!(refused.message.ends_with(r"unshare: \u{1b}[31mno"), "{}", refused.message);
        let refused = explain("unshare failed", &with(&[("/proc/self/status", "Name:\tx\nSeccomp:\t2\n")]));
        assert!(refused.message.contains("seccomp"), "{}", refused.message);
    }
}
