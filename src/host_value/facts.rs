//! The facts of a host, in one table. Names, hints and documents read it; `facts.sh` finds them out.

/// One fact: what a template calls `host.NAME`.
#[derive(Clone, Copy, Debug)]
pub struct Fact {
    /// Its name.
    pub name: &'static str,
    /// Whether it is a whole number, for comparisons.
    pub is_number: bool,
    /// What it is, with examples.
    pub doc: &'static str,
    /// Where exactly it comes from.
    pub source: &'static str,
}

const fn text(name: &'static str, doc: &'static str, source: &'static str) -> Fact {
    Fact { name, is_number: false, doc, source }
}

const fn number(name: &'static str, doc: &'static str, source: &'static str) -> Fact {
    Fact { name, is_number: true, doc, source }
}

/// Every fact, in the order of the documents.
pub const FACTS: &[Fact] = &[
    text(
        "os",
        "The distribution: `debian`, `ubuntu`, `amzn`, `rhel`, `rocky`, `fedora`, `alpine`",
        "`ID` in `/etc/os-release`",
    ),
    text(
        "family",
        "`debian`, `redhat`, `suse`, `alpine`, `arch`, or else the same as `host.os`; Amazon Linux is `redhat`",
        "`ID` and `ID_LIKE` in `/etc/os-release`",
    ),
    text("version", "The version: `12`, `22.04`, `2023`, `9.4`", "`VERSION_ID` in `/etc/os-release`"),
    number("major", "The number at the beginning of the version: `9` for `9.4`", "`VERSION_ID` in `/etc/os-release`"),
    text(
        "codename",
        "The version's name, for apt repositories: `bookworm`, `jammy`",
        "`VERSION_CODENAME` in `/etc/os-release`; for an old Debian the name in `VERSION`",
    ),
    text("arch", "The machine: `x86_64`, `aarch64`, `armv7l`", "`uname -m`"),
    text("kernel", "The kernel's release: `6.1.0-23-amd64`", "`/proc/sys/kernel/osrelease`, or `uname -r`"),
    text("hostname", "The host's name, as `hostname` prints it", "`/proc/sys/kernel/hostname`, or `uname -n`"),
    text(
        "fqdn",
        "The host's name with its domain; no name server is asked",
        "the host's name where it has a dot, or else its name with a domain in `/etc/hosts`",
    ),
    text(
        "ip",
        "The address from which the host reaches others",
        "`ip route get`, for IPv4 and then IPv6; without a default route, the address at which this run reached it",
    ),
    number("memory", "The memory in MiB, as a number", "`MemTotal` in `/proc/meminfo`"),
    number("cpus", "The processors that are online, as a number", "`/sys/devices/system/cpu/online`, or `nproc`"),
    text("user", "The login user, also for a step with `run_as`", "`id -un`"),
    text("home", "The home of the login user", "`$HOME` of the login"),
    text(
        "init",
        "What starts services: `systemd`, `openrc`, `sysv`, or `none`",
        "`/run/systemd/system`, `/run/openrc`; the name of process 1 and `/etc/init.d`",
    ),
    text(
        "package_manager",
        "`apt`, `dnf`, `yum`, `zypper`, `apk` or `pacman`",
        "the first that is there: that of the family, then in the order dnf, yum, apt, zypper, apk, pacman",
    ),
    text("selinux", "`enforcing`, `permissive` or `disabled`", "`/sys/fs/selinux/enforce`"),
];

/// The fact of this name.
pub fn fact(name: &str) -> Option<&'static Fact> {
    FACTS.iter().find(|fact| fact.name == name)
}

/// Ansible's names, and what to write instead.
pub const ANSIBLE: &[(&str, &str)] = &[
    ("architecture", "host.arch"),
    ("machine", "host.arch"),
    ("distribution", "host.os"),
    ("os_family", "host.family"),
    ("distribution_version", "host.version"),
    ("distribution_major_version", "host.major"),
    ("distribution_release", "host.codename"),
    ("lsb", "host.codename"),
    ("kernel", "host.kernel"),
    ("hostname", "host.hostname"),
    ("nodename", "host.hostname"),
    ("fqdn", "host.fqdn"),
    ("default_ipv4", "host.ip"),
    ("all_ipv4_addresses", "host.ip"),
    ("host", "host.ip"),
    ("memtotal_mb", "host.memory"),
    ("memory_mb", "host.memory"),
    ("processor_vcpus", "host.cpus"),
    ("processor_cores", "host.cpus"),
    ("processor_count", "host.cpus"),
    ("processor_nproc", "host.cpus"),
    ("user", "host.user"),
    ("user_id", "host.user"),
    ("user_dir", "host.home"),
    ("service_mgr", "host.init"),
    ("pkg_mgr", "host.package_manager"),
    ("selinux", "host.selinux"),
];

/// Our name for a variable of Ansible's, with or without `ansible_` in front.
pub fn of_ansible(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix("ansible_").unwrap_or(name);
    ANSIBLE.iter().find(|(known, _)| *known == name).map(|(_, ours)| *ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_is_described_and_found_out() {
        let shell = include_str!("facts.sh");
        for fact in FACTS {
            assert!(shell.contains(&format!("\npb_fact_{}() {{", fact.name)), "{}", fact.name);
            assert!(!fact.doc.is_empty() && !fact.doc.ends_with('.') && !fact.source.is_empty(), "{}", fact.name);
        }
        for (theirs, ours) in ANSIBLE {
            let name = ours.strip_prefix("host.").expect("a fact");
            assert!(fact(name).is_some(), "{theirs} is not {ours}");
        }
        assert_eq!(of_ansible("ansible_os_family"), Some("host.family"));
        assert_eq!(of_ansible("ansible_moon"), None);
    }
}
