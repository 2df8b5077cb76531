//! What is exported, and the script that it becomes.

use crate::inventory::Host;
use crate::plan::{Plan, show};
use crate::remote::standalone::{ScriptForm, Standalone, standalone};

/// What becomes of the values of secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// The script asks for them.
    Asked,
    /// They are written in what is exported.
    Included,
}

/// What is exported: the plan of one host.
#[derive(Clone, Copy, Debug)]
pub struct Export<'a> {
    /// The playbook's file, as the user calls it.
    pub file: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The host.
    pub host: &'a Host,
    /// What is done there.
    pub plan: &'a Plan,
    /// Who logs in, where the playbook or the user says it.
    pub login: Option<&'a str>,
    /// What becomes of secrets.
    pub secrets: Secrets,
}

impl Export<'_> {
    /// The plan as a script.
    pub fn script(&self, form: ScriptForm) -> Vec<u8> {
        let head = match form {
            ScriptForm::Readable => format!("{}\n{}", self.first_line(), self.usage()),
            ScriptForm::Short => self.first_line(),
        };
        let has_secrets = self.secrets == Secrets::Included;
        standalone(self.plan, &Standalone { head: &head, login: self.login, has_secrets, form })
    }

    /// What it is, from which playbook, by which pinboot. No time: the same playbook gives the same bytes.
    pub(super) fn first_line(&self) -> String {
        let line = show::one_line;
        format!(
            "pinboot export: {} (\"{}\") for the host {}, by pinboot {}",
            line(self.file),
            line(self.name),
            line(&self.host.id.0),
            env!("CARGO_PKG_VERSION"),
        )
    }

    /// How the script is run.
    fn usage(&self) -> String {
        let whom = match self.login {
            Some(login) if login != "root" && self.plan.uses_sudo() => format!("as {login}, who has sudo"),
            Some(login) => format!("as {login}"),
            None if self.plan.uses_sudo() => "as the user who would log in, root or one with sudo".to_owned(),
            None => "as the user who would log in".to_owned(),
        };
        let names: Vec<&str> =
            self.plan.secrets.iter().map(|(name, _)| name.as_str()).filter(|name| !name.contains(' ')).collect();
        let secrets = match (self.secrets, names.is_empty()) {
            (_, true) => String::new(),
            (Secrets::Asked, false) => format!(
                "\nIt holds no secret. It takes each from the environment, or asks at the terminal: {}\n",
                names.iter().map(|name| format!("PINBOOT_SECRET_{name}")).collect::<Vec<_>>().join(", ")
            ),
            (Secrets::Included, false) => format!("\nIT HOLDS SECRETS: {}. Keep it to yourself.\n", names.join(", ")),
        };
        format!(
            "\nIt brings this machine to the state that the playbook describes, and needs no pinboot. Run it {whom}:\n\
             \x20 sh FILE             does the steps in order, and stops at the first that fails\n\
             \x20 sh FILE --check     says what it would change, and changes nothing\n\
             \x20 sh FILE -v          shows what the steps print, and what they change\n\
             A second run changes nothing that is as the playbook wants it. Exit status: 0 all is done, 1 a step failed, 2 bad input,\n\
             6 the machine lacks something, 9 another run has the machine, 11 a download is not what was asked for.\n{secrets}\n\
             Change the playbook and not this file. The steps come first; what stands below them is the same in every such script.\n"
        )
    }
}
