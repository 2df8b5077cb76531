//! What a person may type: commands, flags, and their environment variables.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::flags::Flags;

/// Brings an EC2 host (any Linux host with a POSIX shell) to the state that a YAML playbook describes, over SSH.
#[derive(Debug, Parser)]
#[command(name = "pinboot", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(
    after_help = "Begin with `pinboot run PLAYBOOK --dry-run`, which shows every command and opens no connection."
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
    /// What is printed: lines for a person, or one JSON object a line
    #[arg(long, global = true, value_enum, env = "PINBOOT_OUTPUT", hide_env_values = true, default_value_t = Output::Human)]
    pub(super) output: Output,
    /// Short for `--output json`
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// More diagnostics on standard error (-vv: more still); PINBOOT_LOG filters them as RUST_LOG would
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
}

impl Cli {
    /// Whether a program reads the output.
    pub(super) fn wants_json(&self) -> bool {
        self.json || self.output == Output::Json
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For a person
    Human,
    /// For a program
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a playbook's steps in order on its hosts
    Run(Run),
    /// Try a playbook on a throw-away host on this machine, twice; nothing can be damaged
    Rehearse(Rehearse),
    /// Finish a run: follow it if it still goes on at the host, otherwise run again what failed or was not reached
    #[command(visible_alias = "resume")]
    Rerun(Rerun),
    /// Stop a run: the step in hand is ended, and no further one is begun
    Cancel(Cancel),
    /// Follow a run that another machine began, by the host's own record of it
    Attach(Attach),
    /// List the runs of this machine, the newest first
    Runs {
        #[command(subcommand)]
        what: Option<Runs>,
    },
    /// Show one run, the last one if none is named
    Show {
        /// Its name, or the beginning of it
        run: Option<String>,
    },
    /// Check playbooks without any host: every fault and every likely mistake, at its line
    Lint {
        /// The playbooks
        #[arg(required = true, value_name = "PLAYBOOK")]
        playbooks: Vec<PathBuf>,
        #[command(flatten)]
        values: Values,
    },
    /// Explain the kinds of step, or one of them
    Kinds {
        /// Its name
        kind: Option<String>,
    },
    /// Print the completions for a shell
    Completions {
        /// Which
        #[arg(value_enum)]
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Runs {
    /// Show what is wrong with the journal of a run, and what would be lost by cutting it there
    Repair {
        /// Its name, or the beginning of it
        run: String,
        /// Cut it there; a copy of the whole is kept beside it
        #[arg(long)]
        cut: bool,
    },
}

#[derive(Debug, Args)]
#[expect(clippy::struct_field_names, reason = "the fields are called as the flags are")]
pub(super) struct Run {
    /// The playbook's file
    pub(super) playbook: PathBuf,
    /// Show the exact commands for every host and step; open no connection, need no key
    #[arg(long, conflicts_with = "check")]
    pub(super) dry_run: bool,
    /// Ask the hosts every check, and change nothing
    #[arg(long)]
    pub(super) check: bool,
    #[command(flatten)]
    pub(super) given: Given,
}

#[derive(Debug, Args)]
pub(super) struct Rerun {
    /// The run's name or the beginning of it; the last run if none is named
    pub(super) run: Option<String>,
    /// What became of a step without a check that began and left no result: every such step is taken for done, or for
    /// not done, whatever its `on_unknown` says
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(super) assume: Option<Assume>,
    /// The hosts are those of the old run, although they show another key or machine id
    #[arg(long)]
    pub(super) same_host: bool,
    #[command(flatten)]
    pub(super) given: Given,
}

/// What `run` and `rerun` are told alike.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Given {
    #[command(flatten)]
    pub(super) values: Values,
    #[command(flatten)]
    pub(super) hosts: Hosts,
    #[command(flatten)]
    pub(super) steps: Steps,
    #[command(flatten)]
    pub(super) patience: Patience,
    #[command(flatten)]
    pub(super) reach: Reach,
}

impl Given {
    /// The flags as the journal keeps them.
    pub(super) fn flags(&self) -> Flags {
        flags(&[&self.values, &self.hosts, &self.steps, &self.reach])
    }
}

#[derive(Debug, Args)]
pub(super) struct Cancel {
    /// The run's name or the beginning of it; the last run if none is named (with --host: the host's last one)
    pub(super) run: Option<String>,
    /// Let the step in hand end by itself; only begin no further one
    #[arg(long)]
    pub(super) after_step: bool,
    /// A run that another machine began, on this host
    #[arg(long, value_name = "[USER@]ADDR[:PORT]")]
    pub(super) host: Option<String>,
    #[command(flatten)]
    pub(super) reach: Reach,
}

#[derive(Debug, Args)]
pub(super) struct Attach {
    /// The host's address, or its name in the playbook
    #[arg(value_name = "[USER@]HOST[:PORT]")]
    pub(super) host: String,
    /// The run's name or the beginning of it; the host's last run if none is named
    pub(super) run: Option<String>,
    /// The run's playbook: its steps are shown by name, and `pinboot rerun` works here afterwards
    #[arg(long, value_name = "FILE")]
    pub(super) playbook: Option<PathBuf>,
    #[command(flatten)]
    pub(super) values: Values,
    #[command(flatten)]
    pub(super) steps: Steps,
    #[command(flatten)]
    pub(super) reach: Reach,
}

#[derive(Debug, Args)]
pub(super) struct Rehearse {
    /// The playbook's file
    pub(super) playbook: PathBuf,
    /// The rehearsal file, which declares the stand-ins; the one beside the playbook if none is given
    #[arg(long, value_name = "FILE")]
    pub(super) world: Option<PathBuf>,
    /// Cut the connection in the middle of every step in turn, and prove that each run ends the same
    #[arg(long)]
    pub(super) cut: bool,
    /// Leave the host up until Ctrl-C, and print the ssh command to look around in it
    #[arg(long)]
    pub(super) keep: bool,
    #[command(flatten)]
    pub(super) values: Values,
    /// Rehearse these of the playbook's hosts only
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(super) limit: Vec<String>,
}

/// Values of variables.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Values {
    /// Give a variable of the playbook another value
    #[arg(short = 'e', long = "var", value_name = "NAME=VALUE", value_parser = assignment)]
    pub(super) vars: Vec<String>,
    /// Read variables from a YAML file; the last one wins
    #[arg(long = "vars-file", value_name = "FILE", env = "PINBOOT_VARS_FILE", hide_env_values = true)]
    pub(super) vars_files: Vec<PathBuf>,
}

/// The letters of `NAME=VALUE`, which a value without `=` is not.
fn assignment(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((name, _)) if !name.is_empty() => Ok(text.to_owned()),
        _ => Err("it has no `=`: write NAME=VALUE (an empty VALUE is allowed)".to_owned()),
    }
}

/// Which hosts.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Hosts {
    /// Run on this host instead of the playbook's
    #[arg(long, value_name = "[USER@]ADDR[:PORT]", env = "PINBOOT_HOST", hide_env_values = true)]
    pub(super) host: Option<String>,
    /// Run on these of the playbook's hosts only
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', env = "PINBOOT_LIMIT", hide_env_values = true)]
    pub(super) limit: Vec<String>,
}

/// Which steps.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Steps {
    /// Run only the steps with one of these tags
    #[arg(long, value_name = "TAG,…", value_delimiter = ',')]
    pub(super) tags: Vec<String>,
    /// Leave out the steps with one of these tags
    #[arg(long, value_name = "TAG,…", value_delimiter = ',')]
    pub(super) skip_tags: Vec<String>,
    /// Begin with this step (its name or number)
    #[arg(long, value_name = "STEP")]
    pub(super) from: Option<String>,
    /// Run this step only (its name or number); may be given again
    #[arg(long, value_name = "STEP")]
    pub(super) only: Vec<String>,
}

/// The largest number of seconds.
const WITHOUT_END: &str = "18446744073709551615";

/// What is done about a host that another run has.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Patience {
    /// Wait for a host that another run has, instead of ending with exit 9; with SECONDS, for so long at most
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = WITHOUT_END)]
    pub(super) wait: Option<u64>,
}

impl Patience {
    /// How long a host is waited for.
    pub(super) fn time(&self) -> Duration {
        Duration::from_secs(self.wait.unwrap_or(0))
    }
}

/// What a person knows of steps of unknown outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Assume {
    /// They took effect
    Done,
    /// They did not: they run again
    NotDone,
}

/// How hosts are reached.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Reach {
    /// The private key's file
    #[arg(long, value_name = "FILE", env = "PINBOOT_KEY", hide_env_values = true)]
    pub(super) key: Option<PathBuf>,
    /// The login user
    #[arg(long, value_name = "NAME", env = "PINBOOT_USER", hide_env_values = true)]
    pub(super) user: Option<String>,
    /// What to do about a host key that known_hosts does not have: refuse, add, or ask (the default on a terminal)
    #[arg(long, value_enum, env = "PINBOOT_HOST_KEY", hide_env_values = true)]
    pub(super) host_key: Option<HostKey>,
    /// The known_hosts file
    #[arg(long, value_name = "FILE", env = "PINBOOT_KNOWN_HOSTS", hide_env_values = true)]
    pub(super) known_hosts: Option<PathBuf>,
    /// How many hosts at once
    #[arg(long, value_name = "N", env = "PINBOOT_FORKS", hide_env_values = true, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) forks: Option<u32>,
    /// How long a lost connection is tried again, in seconds
    #[arg(long, value_name = "SECONDS", env = "PINBOOT_RECONNECT_FOR", hide_env_values = true, default_value_t = 600)]
    pub(super) reconnect_for: u64,
    /// Answer yes to pinboot's own questions: an unknown host key is added
    #[arg(long, env = "PINBOOT_YES", hide_env_values = true)]
    pub(super) yes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum HostKey {
    /// Refuse a key that is not known
    Strict,
    /// Add a key that is not known; refuse one that has changed
    AcceptNew,
    /// Ask whether a key that is not known is right
    Ask,
}

/// A group of flags that the journal keeps.
pub(super) trait Kept {
    /// Writes them down.
    fn note(&self, flags: &mut Flags);
}

/// The flags of these groups as the journal keeps them.
pub(super) fn flags(groups: &[&dyn Kept]) -> Flags {
    let mut flags = Flags::default();
    for group in groups {
        group.note(&mut flags);
    }
    flags
}

impl Kept for Values {
    fn note(&self, flags: &mut Flags) {
        // Only the last value of a name counts: an earlier one may even be wrong.
        for var in &self.vars {
            let name = var.split_once('=').map_or(var.as_str(), |(name, _)| name);
            flags.vars.retain(|earlier| earlier.split_once('=').is_none_or(|(earlier, _)| earlier != name));
            flags.vars.push(var.clone());
        }
        flags.vars_files.clone_from(&self.vars_files);
    }
}

impl Kept for Hosts {
    fn note(&self, flags: &mut Flags) {
        flags.host.clone_from(&self.host);
        flags.limit.clone_from(&self.limit);
    }
}

impl Kept for Steps {
    fn note(&self, flags: &mut Flags) {
        flags.tags.clone_from(&self.tags);
        flags.skip_tags.clone_from(&self.skip_tags);
        flags.from.clone_from(&self.from);
        flags.only.clone_from(&self.only);
    }
}

impl Kept for Reach {
    fn note(&self, flags: &mut Flags) {
        flags.user.clone_from(&self.user);
        flags.key.clone_from(&self.key);
        flags.host_key = self.host_key.and_then(|mode| Some(mode.to_possible_value()?.get_name().to_owned()));
        flags.known_hosts.clone_from(&self.known_hosts);
        flags.forks = self.forks;
    }
}
