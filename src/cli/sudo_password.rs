//! The password for sudo: asked for once, or taken from the environment, and added to the secrets of the plans that need it.

use super::error::CommandError;
use super::signals::unless_signalled;
use super::system::runtime;
use crate::exit::Exit;
use crate::flags::Flags;
use crate::inventory::Host;
use crate::plan::{Plan, SUDO_PASSWORD};
use crate::secret::Secret;
use crate::transport::ssh::{NoPassphrase, Questions};

/// The variable that gives it without a question.
const VARIABLE: &str = "PINBOOT_SUDO_PASSWORD";

/// Gives the password to every plan that uses sudo and has none of its own. Without the flag and the variable nothing is given.
pub(super) fn give(plans: &mut [(Host, Plan)], flags: &Flags) -> Result<(), CommandError> {
    let needs = |(host, plan): &(Host, Plan)| host.user != "root" && plan.uses_sudo() && !plan.has_sudo_password();
    if !plans.iter().any(needs) {
        return Ok(());
    }
    let password = if flags.ask_sudo_pass {
        Some(ask()?)
    } else {
        std::env::var(VARIABLE).ok().filter(|password| !password.is_empty()).map(Secret::new)
    };
    let Some(password) = password else { return Ok(()) };
    if let Some(why) = fault(password.expose()) {
        return Err(CommandError::input(format!("the password for sudo {why}")));
    }
    for (_, plan) in plans.iter_mut().filter(|plan| needs(plan)) {
        plan.secrets.push((SUDO_PASSWORD.to_owned(), password.clone()));
    }
    Ok(())
}

/// Why a text cannot be a password that sudo reads as one line.
pub(crate) fn fault(password: &str) -> Option<&'static str> {
    if password.is_empty() {
        Some("is empty")
    } else if password.contains(['\n', '\0']) {
        Some("has more than one line")
    } else {
        None
    }
}

/// Asks without echo at the terminal.
fn ask() -> Result<Secret, CommandError> {
    let questions = Questions::default();
    let asked = questions.clone();
    runtime()?.block_on(async {
        let asking = async {
            tokio::task::spawn_blocking(move || asked.password("Password for sudo: "))
                .await
                .unwrap_or_else(|_| Err(NoPassphrase::Failed("the question was interrupted".to_owned())))
                .map_err(|why| match why {
                    NoPassphrase::NoTerminal => CommandError::input("--ask-sudo-pass: there is no terminal to ask at")
                        .hint(format!("set {VARIABLE}")),
                    NoPassphrase::Failed(why) => {
                        CommandError::local(format!("cannot ask for the password for sudo: {why}"))
                    }
                    NoPassphrase::GivenUp => CommandError::new(Exit::Interrupted, "pinboot: nothing was started"),
                })
        };
        unless_signalled(&questions, "nothing was started", asking).await
    })
}
