//! Groups of flags that several commands share, and how they become the [`Flags`] of a run.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::flags::Flags;

/// What `run` and `rerun` share.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::cli) struct CommonArgs {
    #[command(flatten)]
    vars: VarArgs,
    #[command(flatten)]
    hosts: HostArgs,
    #[command(flatten)]
    steps: StepArgs,
    #[command(flatten)]
    pub(in crate::cli) wait: WaitArgs,
    #[command(flatten)]
    pub(in crate::cli) connect: ConnectArgs,
    #[command(flatten)]
    sudo: SudoArgs,
}

impl CommonArgs {
    /// The flags that the journal keeps.
    pub(in crate::cli) fn flags(&self) -> Flags {
        flags(&[&self.vars, &self.hosts, &self.steps, &self.connect, &self.sudo])
    }
}

/// Values of variables.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Variables")]
pub(in crate::cli) struct VarArgs {
    /// Set a variable of the playbook
    #[arg(short = 'e', long = "var", value_name = "NAME=VALUE", value_parser = assignment)]
    pub(in crate::cli) vars: Vec<String>,
    /// Read variables from a YAML file; may be repeated, and a later file overrides an earlier one
    #[arg(long = "vars-file", value_name = "FILE", env = "PINBOOT_VARS_FILE", hide_env_values = true)]
    vars_files: Vec<PathBuf>,
}

/// Accepts `NAME=VALUE` and leaves its value alone.
fn assignment(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((name, _)) if !name.is_empty() => Ok(text.to_owned()),
        _ => Err("expected NAME=VALUE (an empty VALUE is allowed)".to_owned()),
    }
}

/// Which hosts.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Hosts")]
struct HostArgs {
    /// Run on this host instead of the playbook's hosts
    #[arg(long, value_name = "[USER@]ADDR[:PORT]", env = "PINBOOT_HOST", hide_env_values = true)]
    host: Option<String>,
    /// Run only on these hosts of the playbook
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', env = "PINBOOT_LIMIT", hide_env_values = true)]
    limit: Vec<String>,
}

/// Which steps.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Steps")]
pub(in crate::cli) struct StepArgs {
    /// Run only steps with one of these tags
    #[arg(long, value_name = "TAG,…", value_delimiter = ',')]
    pub(in crate::cli) tags: Vec<String>,
    /// Skip steps with one of these tags
    #[arg(long, value_name = "TAG,…", value_delimiter = ',')]
    pub(in crate::cli) skip_tags: Vec<String>,
    /// Start at this step (name, id or number)
    #[arg(long, value_name = "STEP")]
    pub(in crate::cli) from: Option<String>,
    /// Run only this step (name, id or number); may be repeated
    #[arg(long, value_name = "STEP")]
    pub(in crate::cli) only: Vec<String>,
}

/// The heading of the flags about connections.
const CONNECTION: &str = "Connection";

/// The largest number of seconds: `--wait` without a value waits without an end.
const FOREVER: &str = "18446744073709551615";

/// What to do about a host that another run holds.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = CONNECTION)]
pub(in crate::cli) struct WaitArgs {
    /// If another run holds a host, wait for it instead of exiting with 9; SECONDS is the longest wait
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = FOREVER)]
    wait: Option<u64>,
}

impl WaitArgs {
    /// How long to wait for a host that another run holds.
    pub(in crate::cli) fn duration(&self) -> Duration {
        Duration::from_secs(self.wait.unwrap_or(0))
    }
}

/// How to reach the hosts.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = CONNECTION)]
pub(in crate::cli) struct ConnectArgs {
    /// The private key file
    #[arg(long, value_name = "FILE", env = "PINBOOT_KEY", hide_env_values = true)]
    pub(in crate::cli) key: Option<PathBuf>,
    /// The login user
    #[arg(long, value_name = "NAME", env = "PINBOOT_USER", hide_env_values = true)]
    pub(in crate::cli) user: Option<String>,
    /// What to do about a host key that is not in known_hosts; `ask` is the default on a terminal, `strict` elsewhere
    #[arg(long, value_enum, env = "PINBOOT_HOST_KEY", hide_env_values = true)]
    host_key: Option<HostKey>,
    /// The known_hosts file
    #[arg(long, value_name = "FILE", env = "PINBOOT_KNOWN_HOSTS", hide_env_values = true)]
    known_hosts: Option<PathBuf>,
    /// How many hosts to work on at once [default: 50]
    #[arg(long, value_name = "N", env = "PINBOOT_FORKS", hide_env_values = true, value_parser = clap::value_parser!(u32).range(1..))]
    forks: Option<u32>,
    /// How long to retry a lost connection, in seconds
    #[arg(long, value_name = "SECONDS", env = "PINBOOT_RECONNECT_FOR", hide_env_values = true, default_value_t = 600)]
    pub(in crate::cli) reconnect_for: u64,
    /// Answer pinboot's questions with yes: add unknown host keys
    #[arg(long, env = "PINBOOT_YES", hide_env_values = true)]
    pub(in crate::cli) yes: bool,
}

/// How to become root there.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = CONNECTION)]
pub(in crate::cli) struct SudoArgs {
    /// Ask for the password for sudo, once for all hosts, before connecting [env: PINBOOT_SUDO_PASSWORD gives it without asking]
    #[arg(long)]
    pub(in crate::cli) ask_sudo_pass: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum HostKey {
    /// Refuse it
    Strict,
    /// Add it; still refuse a key that has changed
    AcceptNew,
    /// Ask whether it is right
    Ask,
}

/// A group of arguments that the journal keeps.
pub(in crate::cli) trait ToFlags {
    /// Writes its part of the flags.
    fn write(&self, flags: &mut Flags);
}

/// The flags of these groups.
pub(in crate::cli) fn flags(groups: &[&dyn ToFlags]) -> Flags {
    let mut flags = Flags::default();
    for group in groups {
        group.write(&mut flags);
    }
    flags
}

impl ToFlags for VarArgs {
    fn write(&self, flags: &mut Flags) {
        for var in &self.vars {
            flags.set_var(var);
        }
        flags.vars_files.clone_from(&self.vars_files);
    }
}

impl ToFlags for HostArgs {
    fn write(&self, flags: &mut Flags) {
        flags.host.clone_from(&self.host);
        flags.limit.clone_from(&self.limit);
    }
}

impl ToFlags for StepArgs {
    fn write(&self, flags: &mut Flags) {
        flags.tags.clone_from(&self.tags);
        flags.skip_tags.clone_from(&self.skip_tags);
        flags.from.clone_from(&self.from);
        flags.only.clone_from(&self.only);
    }
}

impl ToFlags for SudoArgs {
    fn write(&self, flags: &mut Flags) {
        flags.ask_sudo_pass = self.ask_sudo_pass;
    }
}

impl ToFlags for ConnectArgs {
    fn write(&self, flags: &mut Flags) {
        flags.user.clone_from(&self.user);
        flags.key.clone_from(&self.key);
        flags.host_key = self.host_key.and_then(|mode| Some(mode.to_possible_value()?.get_name().to_owned()));
        flags.known_hosts.clone_from(&self.known_hosts);
        flags.forks = self.forks;
    }
}
