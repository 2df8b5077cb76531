//! What the user gave on the command line for a playbook: one type that loading takes and that the journal keeps.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The flags of a run. The journal keeps them, so that a rerun needs none of them.
///
/// The names of the fields are the keys in `run.json`, which older journals have as well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Flags {
    /// `--host`, as `[USER@]ADDRESS[:PORT]`.
    pub host: Option<String>,
    /// `--limit`: names of hosts of the playbook; all of them if it is empty.
    pub limit: Vec<String>,
    /// `--user`.
    pub user: Option<String>,
    /// `--key`, as given: relative to the working directory of the run.
    pub key: Option<PathBuf>,
    /// `--var`, each as `NAME=VALUE`; a later one overrides an earlier one. `run.json` holds them as a map, without the
    /// values of secrets.
    #[serde(with = "assignments")]
    pub vars: Vec<String>,
    /// The names of the variables of `--var` that are secret: a rerun needs their values again.
    pub secret_vars: Vec<String>,
    /// `--vars-file`, in order, as given.
    pub vars_files: Vec<PathBuf>,
    /// `--tags`.
    pub tags: Vec<String>,
    /// `--skip-tags`.
    pub skip_tags: Vec<String>,
    /// `--from`: a step's name, id or number.
    pub from: Option<String>,
    /// `--only`: names, ids or numbers of steps.
    pub only: Vec<String>,
    /// `--host-key`.
    pub host_key: Option<String>,
    /// `--known-hosts`.
    pub known_hosts: Option<PathBuf>,
    /// `--forks`.
    pub forks: Option<u32>,
    /// `--ask-sudo-pass`: a rerun asks again.
    pub ask_sudo_pass: bool,
}

impl Flags {
    /// Whether `--var` gives this variable a value.
    pub fn has_var(&self, name: &str) -> bool {
        self.vars.iter().any(|var| assigned(var) == name)
    }

    /// Adds `NAME=VALUE` in place of any earlier value of that name: an earlier one may even be wrong.
    pub fn set_var(&mut self, var: &str) {
        self.vars.retain(|earlier| assigned(earlier) != assigned(var));
        self.vars.push(var.to_owned());
    }

    /// Takes the values of secret variables out and keeps their names, so that the flags can be written down.
    pub fn forget_secrets(&mut self, is_secret: impl Fn(&str) -> bool) {
        let (secret, vars): (Vec<String>, Vec<String>) = self.vars.drain(..).partition(|var| is_secret(assigned(var)));
        self.vars = vars;
        self.secret_vars = secret.iter().map(|var| assigned(var).to_owned()).collect();
    }

    /// These flags, overridden by those that are given now.
    #[must_use]
    pub fn overridden_by(mut self, new: Self) -> Self {
        fn list<T>(new: Vec<T>, old: Vec<T>) -> Vec<T> {
            if new.is_empty() { old } else { new }
        }
        for var in &new.vars {
            self.set_var(var);
        }
        Self {
            host: new.host.or(self.host),
            limit: list(new.limit, self.limit),
            user: new.user.or(self.user),
            key: new.key.or(self.key),
            vars_files: list(new.vars_files, self.vars_files),
            tags: list(new.tags, self.tags),
            skip_tags: list(new.skip_tags, self.skip_tags),
            from: new.from.or(self.from),
            only: list(new.only, self.only),
            host_key: new.host_key.or(self.host_key),
            known_hosts: new.known_hosts.or(self.known_hosts),
            forks: new.forks.or(self.forks),
            ask_sudo_pass: new.ask_sudo_pass || self.ask_sudo_pass,
            vars: self.vars,
            secret_vars: self.secret_vars,
        }
    }
}

/// The name in `NAME=VALUE`.
fn assigned(var: &str) -> &str {
    var.split_once('=').map_or(var, |(name, _)| name)
}

/// `NAME=VALUE` as a map in JSON.
mod assignments {
    use std::collections::BTreeMap;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(vars: &[String], serializer: S) -> Result<S::Ok, S::Error> {
        let map: BTreeMap<&str, &str> = vars.iter().map(|var| var.split_once('=').unwrap_or((var, ""))).collect();
        serializer.collect_map(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
        let map = BTreeMap::<String, String>::deserialize(deserializer)?;
        Ok(map.into_iter().map(|(name, value)| format!("{name}={value}")).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(given: &[&str]) -> Flags {
        Flags { vars: given.iter().map(|var| (*var).to_owned()).collect(), ..Flags::default() }
    }

    #[test]
    fn variables_are_a_map_in_json_and_the_last_one_counts() {
        let json = serde_json::to_value(vars(&["b=1=2", "a=", "b=3"])).unwrap();
        assert_eq!(json["vars"], serde_json::json!({"a": "", "b": "3"}));
        let read: Flags = serde_json::from_value(json).unwrap();
        assert_eq!(read.vars, ["a=", "b=3"]);
    }

    #[test]
    fn an_older_journal_that_lacks_fields_is_read() {
        let read: Flags = serde_json::from_str(r#"{"vars":{"x":"1"},"key":"k.pem"}"#).unwrap();
        assert_eq!(read, Flags { key: Some("k.pem".into()), ..vars(&["x=1"]) });
    }

    #[test]
    fn secrets_are_forgotten_and_only_new_values_override() {
        let mut flags = vars(&["token=a", "place=x"]);
        flags.forget_secrets(|name| name == "token");
        assert_eq!(
            (flags.vars.as_slice(), flags.secret_vars.as_slice()),
            (&["place=x".into()][..], &["token".into()][..])
        );
        flags.limit = vec!["a".into()];
        let new = flags.clone().overridden_by(vars(&["place=y", "token=b"]));
        assert_eq!(new.vars, ["place=y", "token=b"]);
        assert_eq!((new.limit, new.secret_vars), (flags.limit, flags.secret_vars));
    }
}
