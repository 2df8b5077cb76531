//! Which setting of this machine forbids the namespaces that a host needs.

use crate::rehearse::refused::Refused;

/// A setting of the kernel that can forbid namespaces.
struct Setting {
    file: &'static str,
    /// The value of the file that forbids them.
    forbids: &'static str,
    /// The setting as `sysctl` shows it.
    shown: &'static str,
    /// The command that allows them.
    allow: &'static str,
}

const SETTINGS: &[Setting] = &[
    Setting {
        file: "/proc/sys/kernel/unprivileged_userns_clone",
        forbids: "0",
        shown: "kernel.unprivileged_userns_clone = 0",
        allow: "sudo sysctl -w kernel.unprivileged_userns_clone=1",
    },
    Setting {
        file: "/proc/sys/user/max_user_namespaces",
        forbids: "0",
        shown: "user.max_user_namespaces = 0",
        allow: "sudo sysctl -w user.max_user_namespaces=10000",
    },
    Setting {
        file: "/proc/sys/user/max_mnt_namespaces",
        forbids: "0",
        shown: "user.max_mnt_namespaces = 0",
        allow: "sudo sysctl -w user.max_mnt_namespaces=10000",
    },
    Setting {
        file: "/proc/sys/user/max_pid_namespaces",
        forbids: "0",
        shown: "user.max_pid_namespaces = 0",
        allow: "sudo sysctl -w user.max_pid_namespaces=10000",
    },
    Setting {
        file: "/proc/sys/user/max_net_namespaces",
        forbids: "0",
        shown: "user.max_net_namespaces = 0",
        allow: "sudo sysctl -w user.max_net_namespaces=10000",
    },
    Setting {
        file: "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        forbids: "1",
        shown: "kernel.apparmor_restrict_unprivileged_userns = 1",
        allow: "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    },
];

/// Explains why namespaces were refused, from the error output of `unshare` and the kernel's files.
pub(super) fn explain(errors: &str, read: &dyn Fn(&str) -> Option<String>) -> Refused {
    let forbids = |setting: &&Setting| read(setting.file).is_some_and(|value| value.trim() == setting.forbids);
    if let Some(Setting { shown, allow, .. }) = SETTINGS.iter().find(forbids) {
        return Refused::new(
            format!("this machine does not let ordinary users make namespaces: {shown}"),
            format!("allow it with `{allow}` or rehearse on another machine; the playbook was not run anywhere"),
        );
    }
    let filtered = read("/proc/self/status")
        .is_some_and(|status| status.lines().any(|line| line.split_whitespace().eq(["Seccomp:", "2"])));
    if filtered {
        return Refused::new(
            format!("a seccomp filter, probably of a container, forbids namespaces: {}", one_line(errors)),
            "rehearse outside the container; the playbook was not run anywhere",
        );
    }
    Refused::new(
        format!("the kernel refuses the namespaces that a rehearsal needs: {}", one_line(errors)),
        "see what `unshare --user --map-root-user --mount --pid --net --fork true` reports, or rehearse on another \
         machine; the playbook was not run anywhere",
    )
}

/// A program's output as one line without control characters.
fn one_line(output: &str) -> String {
    let line = output.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
    let clean: String = line
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .take(500)
        .collect();
    if clean.is_empty() { "no reason given".to_owned() } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(files: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        |wanted| files.iter().find(|(file, _)| *file == wanted).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn the_setting_that_forbids_namespaces_is_named() {
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
    fn without_such_a_setting_the_error_of_unshare_is_shown() {
        let refused = explain("unshare: \x1b[31mno\n", &with(&[("/proc/sys/user/max_user_namespaces", "96343\n")]));
        assert!(refused.message.ends_with(r"unshare: \u{1b}[31mno"), "{}", refused.message);
        let refused = explain("unshare failed", &with(&[("/proc/self/status", "Name:\tx\nSeccomp:\t2\n")]));
        assert!(refused.message.contains("seccomp"), "{}", refused.message);
    }
}
