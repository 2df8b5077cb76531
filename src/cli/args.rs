//! What the user may type: commands, flags, and their environment variables.

mod groups;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(super) use groups::{CommonArgs, ConnectArgs, HostKey, StepArgs, SudoArgs, VarArgs, flags};

/// The heading of the flags that every command has.
const OUTPUT: &str = "Output options";

/// Brings hosts to the state that a YAML playbook describes, over SSH
///
/// A host is any Linux machine with sshd and a POSIX shell, such as a fresh EC2 instance.
#[derive(Debug, Parser)]
#[command(name = "pinboot", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "Start with `pinboot run PLAYBOOK --dry-run`: it shows every command and opens no connection.")]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
    /// Output format
    #[arg(long, global = true, help_heading = OUTPUT, value_enum, env = "PINBOOT_OUTPUT", hide_env_values = true, default_value_t = Output::Human)]
    pub(super) output: Output,
    /// Short for `--output json`
    #[arg(long, global = true, help_heading = OUTPUT)]
    pub(super) json: bool,
    /// Show the output of every step, and diagnostics on standard error; -vv and -vvv show more of them, and PINBOOT_LOG
    /// filters them as RUST_LOG would
    #[arg(short, long, global = true, help_heading = OUTPUT, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
}

impl Cli {
    /// Whether a program reads the output.
    pub(super) fn wants_json(&self) -> bool {
        self.json || self.output == Output::Json
    }

    /// Whether the user wants to see the output of every step.
    pub(super) fn is_verbose(&self) -> bool {
        self.verbose > 0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// Text for people
    Human,
    /// One JSON object per line, for programs
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a playbook on its hosts
    Run(RunArgs),
    /// Try a playbook twice on a throw-away host on this machine, where it can damage nothing
    Rehearse(RehearseArgs),
    /// Resume a run: follow it if it is still running, otherwise run failed and unstarted steps
    #[command(visible_alias = "resume")]
    Rerun(RerunArgs),
    /// Stop a run: end its current step, and start no further steps
    Cancel(CancelArgs),
    /// Follow a run that was started on another machine
    Attach(AttachArgs),
    /// List the runs of this machine, newest first
    Runs {
        #[command(subcommand)]
        action: Option<RunsAction>,
    },
    /// Show one run: its steps, how it failed, and what to type next
    Show {
        /// The run's id or its first digits; the last run if omitted
        run: Option<String>,
    },
    /// Check playbooks without a host: show every error and likely mistake, with its line
    Lint {
        /// The playbooks to check
        #[arg(required = true, value_name = "PLAYBOOK")]
        playbooks: Vec<PathBuf>,
        #[command(flatten)]
        vars: VarArgs,
    },
    /// Write the digest of each download beside the playbook, so that every later host gets the same bytes
    Lock(LockArgs),
    /// Show what a playbook, or a file that playbooks use, asks for: its parameters
    Params {
        /// The playbook or the file
        file: PathBuf,
        #[command(flatten)]
        vars: VarArgs,
    },
    /// List the kinds of step, or explain one
    Kinds {
        /// The kind to explain
        kind: Option<String>,
    },
    /// Print a draft of a playbook, from a script of shell or from a playbook of Ansible
    Import {
        /// The script, or the playbook of Ansible (.yml, .yaml)
        file: PathBuf,
    },
    /// Write a host's part of a playbook as a script, or as user data of cloud-init, that needs no pinboot
    Export(ExportArgs),
    /// Print completions for a shell
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum RunsAction {
    /// Show what is wrong with a run's journal, and what a repair would lose
    Repair {
        /// The run's id or its first digits
        run: String,
        /// Repair it: cut the journal where the damage starts, and keep a copy of the original
        #[arg(long)]
        cut: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The playbook to run
    pub(super) playbook: PathBuf,
    /// Show the exact commands for every host and step; open no connection, need no key
    #[arg(long, conflicts_with = "check")]
    pub(super) dry_run: bool,
    /// Run only the checks, and change nothing
    #[arg(long)]
    pub(super) check: bool,
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

#[derive(Debug, Args)]
pub(super) struct RerunArgs {
    /// The run's id or its first digits; the last run if omitted
    pub(super) run: Option<String>,
    /// What to assume of steps that were started, recorded no result and have no check; overrides their `on_unknown`
    #[arg(long, value_enum, value_name = "OUTCOME")]
    pub(super) assume: Option<Assume>,
    /// Accept that the hosts show another host key or machine id than they did in the run
    #[arg(long)]
    pub(super) same_host: bool,
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

#[derive(Debug, Args)]
pub(super) struct CancelArgs {
    /// The run's id or its first digits; the last run if omitted (with --host: the last run of that host)
    pub(super) run: Option<String>,
    /// Let the current step finish, and only start no further steps
    #[arg(long)]
    pub(super) after_step: bool,
    /// Stop a run on this host that was started on another machine
    #[arg(long, value_name = "[USER@]ADDR[:PORT]")]
    pub(super) host: Option<String>,
    #[command(flatten)]
    pub(super) connect: ConnectArgs,
}

#[derive(Debug, Args)]
pub(super) struct AttachArgs {
    /// The host's address, or its name in the playbook
    #[arg(value_name = "[USER@]HOST[:PORT]")]
    pub(super) host: String,
    /// The run's id or its first digits; the host's last run if omitted
    pub(super) run: Option<String>,
    /// The run's playbook: shows the names of its steps, and records the run so that `pinboot rerun` works here
    #[arg(long, value_name = "FILE")]
    pub(super) playbook: Option<PathBuf>,
    #[command(flatten)]
    pub(super) vars: VarArgs,
    #[command(flatten)]
    pub(super) steps: StepArgs,
    #[command(flatten)]
    pub(super) connect: ConnectArgs,
    #[command(flatten)]
    pub(super) sudo: SudoArgs,
}

#[derive(Debug, Args)]
pub(super) struct LockArgs {
    /// The playbook whose downloads to lock, in PLAYBOOK.lock
    pub(super) playbook: PathBuf,
    /// Fetch everything and compare it with the lock; change nothing
    #[arg(long, conflicts_with_all = ["update", "prune"])]
    pub(super) check: bool,
    /// Fetch again what this step (name or id) or address gives, and lock that; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(super) update: Vec<String>,
    /// Remove the entries that no step needs with these variables
    #[arg(long)]
    pub(super) prune: bool,
    #[command(flatten)]
    pub(super) vars: VarArgs,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The playbook
    pub(super) playbook: PathBuf,
    /// What it becomes
    #[arg(long = "as", value_enum, value_name = "FORMAT")]
    pub(super) format: ExportFormat,
    /// The host of the playbook that it is for; any address where the playbook has no hosts
    #[arg(long, value_name = "NAME")]
    pub(super) host: Option<String>,
    /// The login user, where the playbook does not say it
    #[arg(long, value_name = "NAME")]
    pub(super) user: Option<String>,
    /// Write this file, which must not exist, instead of standard output; `.gz` compresses user data
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "out")]
    pub(super) force: bool,
    /// Write the values of secrets into the file, which only you can read then
    #[arg(long)]
    pub(super) include_secrets: bool,
    /// Write user data that fetches the script from here and compares its digest: put what `--as sh` writes there
    #[arg(long, value_name = "URL", conflicts_with = "include_secrets")]
    pub(super) script_url: Option<String>,
    /// How large user data may be [default: 16384, the limit of EC2]
    #[arg(long, value_name = "N")]
    pub(super) max_bytes: Option<usize>,
    #[command(flatten)]
    pub(super) vars: VarArgs,
    #[command(flatten)]
    pub(super) steps: StepArgs,
}

/// What a playbook becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ExportFormat {
    /// One script of POSIX sh
    Sh,
    /// User data of cloud-init
    CloudInit,
}

#[derive(Debug, Args)]
pub(super) struct RehearseArgs {
    /// The playbook to try
    pub(super) playbook: PathBuf,
    /// The rehearsal file, which declares the stand-ins; by default the one beside the playbook
    #[arg(long, value_name = "FILE")]
    pub(super) world: Option<PathBuf>,
    /// Another system: a rehearsal file that is laid over the playbook's own
    #[arg(long, value_name = "FILE")]
    pub(super) on: Option<PathBuf>,
    /// Also cut the connection during each step in turn, and prove that every run ends the same
    #[arg(long)]
    pub(super) cut: bool,
    /// Keep the host until Ctrl-C, and print the ssh command to look around on it
    #[arg(long)]
    pub(super) keep: bool,
    /// Rehearse only these hosts of the playbook
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(super) limit: Vec<String>,
    #[command(flatten)]
    pub(super) vars: VarArgs,
}

/// What the user knows of steps of unknown outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Assume {
    /// They took effect
    Done,
    /// They did not: run them again
    NotDone,
}
