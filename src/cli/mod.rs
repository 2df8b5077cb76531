//! The command line: files, environment, terminal, and the only place that finally shows an error.
//!
//! Each command has a file of its own. What several of them need is in `jobs` (what hosts are given to do),
//! `previous_run` and `remote_run` (a run that exists already), `connect`, `execute`, `files` and `system`.

#![expect(clippy::disallowed_methods, reason = "edge: the command line, its environment and its files")]

mod args;
mod attach;
mod cancel;
mod color;
mod connect;
mod console;
mod error;
mod execute;
mod export;
mod files;
mod import;
mod jobs;
mod kinds;
mod last_run;
mod lint;
mod lint_shell;
mod lock;
mod params;
mod previous_run;
mod rehearse;
mod remote_run;
mod rerun;
mod run;
mod runs;
#[cfg(test)]
mod samples;
mod sent_files;
mod show;
mod signals;
mod sudo_password;
mod system;
mod web;
mod world;

use clap::{CommandFactory as _, Parser as _};

use args::{Cli, Command, RunsAction};
use console::{print, print_failure, start_logging};
use error::CommandError;

use crate::exit::Exit;

/// Runs the command line and returns its exit code.
pub fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are not errors. For wrong input clap exits with 2, as pinboot does.
            let _ = error.print();
            return u8::try_from(error.exit_code()).map_or(Exit::BadInput, Exit::from_code);
        }
    };
    start_logging(cli.verbose);
    dispatch(&cli).unwrap_or_else(|error| {
        print_failure(&error);
        error.exit
    })
}

fn dispatch(cli: &Cli) -> Result<Exit, CommandError> {
    match &cli.command {
        Command::Run(args) => run::run(cli, args),
        Command::Rehearse(args) => rehearse::rehearse(cli, args),
        Command::Rerun(args) => rerun::rerun(cli, args),
        Command::Cancel(args) => cancel::cancel(cli, args),
        Command::Attach(args) => attach::attach(cli, args),
        Command::Runs { action: None } => runs::runs(cli),
        Command::Runs { action: Some(RunsAction::Repair { run, cut }) } => runs::repair(run, *cut),
        Command::Show { run } => show::show(cli, run.as_deref()),
        Command::Lock(args) => lock::lock(cli, args),
        Command::Params { file, vars } => params::params(cli, file, vars),
        Command::Lint { playbooks, vars } => lint::lint(cli, playbooks, vars),
        Command::Kinds { kind } => kinds::kinds(cli, kind.as_deref()),
        Command::Export(args) => export::export(cli, args),
        Command::Import { file } => import::import(cli, file),
        Command::Completions { shell } => {
            let mut out = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "pinboot", &mut out);
            print(&String::from_utf8_lossy(&out))
        }
    }
}
