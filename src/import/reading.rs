//! What holds while a script is read from top to bottom.

use super::draft::Draft;

/// What holds while a script is read from top to bottom.
#[derive(Debug, Default)]
pub(super) struct ScriptReader {
    pub(super) draft: Draft,
    /// Where `cd` has led, `~` at first.
    pub(super) folder: String,
    /// Whether the script has become another user with `sudo -u NAME -i` or `su`.
    pub(super) user: Option<String>,
    /// Shell variables of the script, which became variables of the playbook.
    pub(super) variables: Vec<String>,
}

impl ScriptReader {
    /// A path as the host has it: relative ones from where the script is.
    pub(super) fn path(&self, path: &str) -> String {
        let path = self.value(path);
        let path = path.strip_prefix("./").unwrap_or(&path).to_owned();
        if path.starts_with(['/', '~', '{']) {
            return path.replace("$HOME", "~");
        }
        join(&self.folder, &path)
    }

    /// A text with the script's own variables as those of the playbook.
    pub(super) fn value(&self, text: &str) -> String {
        let mut text = text.replace("${HOME}", "~").replace("$HOME", "~");
        for name in &self.variables {
            let expression = format!("{{{{ {} }}}}", name.to_lowercase());
            text = text.replace(&format!("${{{name}}}"), &expression).replace(&format!("${name}"), &expression);
        }
        text
    }
}

/// A folder and a path in it.
pub(super) fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." && parts.len() > 1 {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    let joined = parts.join("/");
    if joined.is_empty() { "/".to_owned() } else { joined }
}

/// A text in which nothing is a template.
pub(super) fn literal(text: &str) -> String {
    text.replace("{{", "{{ '{{' }}").replace("{%", "{{ '{%' }}")
}
