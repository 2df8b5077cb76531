//! Values of a playbook of Ansible, as a draft has them.

use super::draft::Item;
use crate::node::{Node, ScalarStyle, Value};

/// The value of a key of a map.
pub(super) fn field<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let Value::Map(entries) = &node.value else { return None };
    entries.iter().find(|entry| entry.key == name).map(|entry| &entry.value)
}

/// A value as an item of the draft, its templates as they are.
pub(super) fn item(node: &Node) -> Item {
    match &node.value {
        Value::Scalar { text, style: ScalarStyle::Plain } if is_word(text) => Item::Plain(word(text)),
        Value::Scalar { text, .. } | Value::Broken { text, .. } => Item::Text(facts(text)),
        Value::Null => Item::text(""),
        Value::List(items) => Item::List(items.iter().map(item).collect()),
        Value::Map(entries) => Item::Map(entries.iter().map(|entry| (entry.key.clone(), item(&entry.value))).collect()),
    }
}

/// A number or a boolean that Ansible reads as one.
fn is_word(text: &str) -> bool {
    matches!(text, "true" | "false" | "yes" | "no" | "True" | "False") || text.parse::<u64>().is_ok()
}

fn word(text: &str) -> String {
    match text {
        "yes" | "True" => "true".to_owned(),
        "no" | "False" => "false".to_owned(),
        other => other.to_owned(),
    }
}

/// The names of facts, and what they are called here.
const FACTS: &[(&str, &str)] = &[
    ("ansible_facts['os_family']", "host.family"),
    ("ansible_facts.os_family", "host.family"),
    ("ansible_os_family", "host.family"),
    ("ansible_facts['distribution']", "host.os"),
    ("ansible_facts.distribution_major_version", "host.major"),
    ("ansible_facts.distribution_version", "host.version"),
    ("ansible_facts.distribution", "host.os"),
    ("ansible_distribution_major_version", "host.major"),
    ("ansible_distribution_version", "host.version"),
    ("ansible_distribution_release", "host.codename"),
    ("ansible_distribution", "host.os"),
    ("ansible_architecture", "host.arch"),
    ("ansible_hostname", "host.hostname"),
    ("ansible_fqdn", "host.fqdn"),
    ("ansible_default_ipv4.address", "host.ip"),
    ("ansible_memtotal_mb", "host.memory"),
    ("ansible_processor_vcpus", "host.cpus"),
    ("ansible_kernel", "host.kernel"),
    ("ansible_user_id", "host.user"),
    ("ansible_env.HOME", "host.home"),
    ("ansible_service_mgr", "host.init"),
    ("ansible_pkg_mgr", "host.package_manager"),
];

/// A text with the names of facts as they are here, and the values that Ansible's have.
pub(super) fn facts(text: &str) -> String {
    if !text.contains("ansible_") {
        return text.to_owned();
    }
    let mut text = FACTS.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours));
    for (theirs, ours) in [
        ("Debian", "debian"),
        ("RedHat", "redhat"),
        ("Ubuntu", "ubuntu"),
        ("Amazon", "amzn"),
        ("Suse", "suse"),
        ("Alpine", "alpine"),
    ] {
        text = text
            .replace(&format!("\"{theirs}\""), &format!("\"{ours}\""))
            .replace(&format!("'{theirs}'"), &format!("'{ours}'"));
    }
    text
}

/// The texts of a value that is one text or a list of them.
pub(super) fn list(node: Option<&Node>) -> Vec<String> {
    match node.map(|node| &node.value) {
        Some(Value::List(items)) => items.iter().filter_map(|item| item.as_text().map(str::to_owned)).collect(),
        Some(Value::Scalar { text, .. }) => vec![text.clone()],
        _ => Vec::new(),
    }
}
