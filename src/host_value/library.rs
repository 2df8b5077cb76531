//! The functions that facts and expressions use, and which of them a program needs.

use std::collections::BTreeSet;

const FILES: [&str; 2] = [include_str!("facts.sh"), include_str!("values.sh")];

/// The functions that some shell calls, and those that they call, in the order of their files.
pub fn helpers(calls: &str) -> String {
    let all: Vec<(&str, String)> = FILES.iter().flat_map(|file| functions(file)).collect();
    let mut needed: BTreeSet<&str> = BTreeSet::new();
    let mut open: Vec<&str> = vec![calls];
    while let Some(text) = open.pop() {
        for (name, body) in &all {
            if words(text).any(|word| word == *name) && needed.insert(name) {
                open.push(body);
            }
        }
    }
    all.iter().filter(|(name, _)| needed.contains(name)).map(|(_, body)| body.as_str()).collect()
}

fn words(shell: &str) -> impl Iterator<Item = &str> {
    shell.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
}

/// The functions of a file, each with its text without comments and indentation.
fn functions(file: &str) -> Vec<(&str, String)> {
    let mut found: Vec<(&str, String)> = Vec::new();
    for line in file.lines().filter(|line| !line.trim_start().starts_with('#') && !line.is_empty()) {
        if let Some((name, _)) = line.split_once("() {").filter(|(name, _)| !name.contains(' ')) {
            found.push((name, String::new()));
        }
        let (_, body) = found.last_mut().expect("nothing stands in front of the first function");
        body.push_str(line.trim_start());
        body.push('\n');
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_called_is_sent() {
        let sent = helpers("pb_fact_major");
        assert!(sent.contains("pb_read_os_release() {") && sent.contains("pb_fact_major() {"), "{sent}");
        assert!(!sent.contains("pb_fact_ip") && !sent.contains("pb_lower") && !sent.contains("    "), "{sent}");
        assert_eq!(helpers("pb_fact_moon"), "");
        assert_eq!(helpers("pb_lower").lines().filter(|line| line.contains("() {")).count(), 2);
    }
}
