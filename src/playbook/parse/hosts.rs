//! Hosts: their names, their fields, their variables.

use super::Parser;
use crate::kinds::Shape;
use crate::node::{Entry, Node, Value};
use crate::playbook::document::{HostEntry, MAX_HOSTS};
use crate::render::syntax::is_template;
use crate::source::{Diagnostic, Spanned};

const HOST: &[&str] = &["address", "user", "port", "key", "sudo_password", "vars"];

impl Parser<'_> {
    pub(super) fn hosts(&mut self, entry: Entry) -> Vec<HostEntry> {
        match entry.value.value {
            Value::Map(mut entries) => {
                if entries.len() > MAX_HOSTS {
                    let error =
                        Diagnostic::error(entries[MAX_HOSTS].key_span, format!("too many hosts: {}", entries.len()));
                    self.report(
                        error.hint(format!("a playbook can have {MAX_HOSTS}; write several with the same steps")),
                    );
                    self.unresolved.hosts = true;
                    entries.truncate(MAX_HOSTS);
                }
                entries.into_iter().filter_map(|entry| self.host(entry)).collect()
            }
            Value::Null => Vec::new(),
            _ => {
                self.unresolved.hosts = true;
                let hint = "write `hosts: { NAME: { address: ADDRESS, user: USER } }`; there is no inventory beside the playbook";
                self.expected("hosts", &entry.value, "a map from names to hosts", Some(hint));
                self.may_declare(&entry.value);
                self.unresolved.values.push(entry.value);
                Vec::new()
            }
        }
    }

    fn host(&mut self, entry: Entry) -> Option<HostEntry> {
        if entry.broken {
            self.unresolved.hosts = true;
            self.put_aside(entry);
            return None;
        }
        let key = entry.key;
        let name = Spanned { value: key.clone(), span: entry.key_span };
        if key.is_empty() || key.contains(|c: char| c.is_control() || c == ',') || is_template(&key) {
            self.report(
                Diagnostic::error(entry.key_span, "invalid host name")
                    .hint("use plain text without commas; whatever varies belongs into `address`"),
            );
        }
        let mut host =
            HostEntry { name, address: None, user: None, port: None, key: None, sudo_password: None, vars: Vec::new() };
        let Value::Map(fields) = entry.value.value else {
            let hint = format!("write `{key}: {{ address: ADDRESS, user: USER }}`");
            self.expected(&key, &entry.value, "a map", Some(&hint));
            // Its variables are not known either.
            self.may_declare(&entry.value);
            self.unresolved.values.push(entry.value);
            return Some(host);
        };
        // A missing address is most likely the key that was misspelt.
        let mut addressed = false;
        for field in fields {
            addressed |= self.host_field(field, &mut host);
        }
        if !addressed {
            self.report(
                Diagnostic::error(entry.key_span, format!("the host `{key}` has no `address`"))
                    .hint("add its DNS name or IP address: `address: …`"),
            );
        }
        Some(host)
    }

    /// Reads one field of a host; whether it is the address, or may be meant as it.
    fn host_field(&mut self, field: Entry, host: &mut HostEntry) -> bool {
        if field.key == "vars" {
            host.vars.extend(self.vars(field.value));
            return false;
        }
        if field.broken || !HOST.contains(&field.key.as_str()) {
            if !field.broken {
                self.report_unknown(&field, "unknown host key", HOST);
            }
            self.put_aside(field);
            return true;
        }
        let shape = if field.key == "port" { Shape::Integer } else { Shape::Text };
        let value: Option<Node> = self.checked(&field.key, field.value, shape);
        match field.key.as_str() {
            "address" => host.address = value,
            "user" => host.user = value,
            "port" => host.port = value,
            "sudo_password" => host.sudo_password = value,
            _ => host.key = value,
        }
        field.key == "address"
    }
}
