//! The command line: files, environment, terminal, and the only place where an error is finally shown.

#![expect(clippy::disallowed_methods, reason = "edge: the command line, its environment and its files")]

mod args;
mod attach;
mod cancel;
mod fault;
mod files;
mod kinds;
mod lint;
mod live;
mod rehearse;
mod rerun;
mod run;
mod runs;
mod show;
mod signals;

use std::io::{self, Write as _};

use clap::{CommandFactory as _, Parser as _};

use args::{Cli, Command};
use fault::Fault;

use crate::exit::Exit;
use crate::journal::{State, state_dir};

/// Runs the command line and gives the exit code.
pub fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // (Help and version are no errors; clap's own code for bad input is 2, as ours is.)
            let _ = error.print();
            return u8::try_from(error.exit_code()).map_or(Exit::BadInput, Exit::from_code);
        }
    };
    listen(cli.verbose);
    match dispatch(&cli) {
        Ok(exit) => exit,
        Err(fault) => {
            complain(&fault.text);
            fault.exit
        }
    }
}

fn dispatch(cli: &Cli) -> Result<Exit, Fault> {
    match &cli.command {
        Command::Run(run) => run::run(cli, run),
        Command::Rehearse(rehearse) => rehearse::rehearse(cli, rehearse),
        Command::Rerun(rerun) => rerun::rerun(cli, rerun),
        Command::Cancel(cancel) => cancel::cancel(cli, cancel),
        Command::Attach(attach) => attach::attach(cli, attach),
        Command::Runs { what: None } => history(cli),
        Command::Runs { what: Some(args::Runs::Repair { run, cut }) } => repair(run, *cut),
        Command::Show { run } => one(cli, run.as_deref()),
        Command::Lint { playbooks, values } => lint::lint(cli, playbooks, values),
        Command::Kinds { kind } => explain(cli, kind.as_deref()),
        Command::Completions { shell } => {
            let mut out = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "pinboot", &mut out);
            print(&String::from_utf8_lossy(&out))
        }
    }
}

fn history(cli: &Cli) -> Result<Exit, Fault> {
    let state = state()?;
    let rows: Vec<runs::Row> = state
        .list()?
        .into_iter()
        .map(|run| {
            let (read, held) = (state.read(&run), state.is_held(&run));
            runs::Row::new(run, &read, held)
        })
        .collect();
    print(&if cli.wants_json() { runs::json_lines(&rows) } else { runs::table(&rows) })
}

fn repair(run: &str, cut: bool) -> Result<Exit, Fault> {
    let state = state()?;
    let run = state.resolve(Some(run))?;
    let (damage, copy) = if cut { state.cut(&run)?.unzip() } else { (state.damage(&run)?, None) };
    print(&runs::repaired(&run, damage.as_ref(), copy.as_deref()))
}

fn one(cli: &Cli, run: Option<&str>) -> Result<Exit, Fault> {
    let state = state()?;
    let run = state.resolve(run)?;
    let (read, held) = (state.read(&run)?, state.is_held(&run));
    print(&if cli.wants_json() {
        format!("{}\n", show::json(&read, held))
    } else {
        show::text(&read, held, show::Look { color: color(&io::stdout()), verbose: cli.verbose > 0 })
    })
}

fn explain(cli: &Cli, kind: Option<&str>) -> Result<Exit, Fault> {
    let table = crate::kinds::KINDS;
    match kind {
        None if cli.wants_json() => print(&kinds::json(table)),
        None => print(&kinds::list(table)),
        Some(kind) => match kinds::one(table, kind) {
            Ok(text) => print(&text),
            Err(fault) => Err(Fault::new(Exit::BadInput, &fault.message, fault.hint.as_deref())),
        },
    }
}

/// The journal's place.
fn state() -> Result<State, Fault> {
    let dir = state_dir(|name| std::env::var_os(name)).ok_or_else(|| {
        Fault::new(
            Exit::LocalError,
            "there is no place for the journal: HOME is not set",
            Some("set PINBOOT_STATE_DIR"),
        )
    })?;
    Ok(State::open(&dir)?)
}

/// Writes results to standard output. A reader that has gone away (`| head`) is no fault of this program's.
fn print(text: &str) -> Result<Exit, Fault> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Exit::Success),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::OutputClosed),
        Err(error) => Err(Fault::new(Exit::LocalError, format!("standard output cannot be written: {error}"), None)),
    }
}

/// Writes a message to standard error; there is nobody to tell where that fails.
fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", text.trim_end());
}

/// Whether colour may be used there: on a terminal, and not with `NO_COLOR`.
fn color(stream: &impl io::IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Sends the diagnostics of this program and of its libraries to standard error.
fn listen(verbose: u8) {
    use tracing_subscriber::EnvFilter;
    let default = match verbose {
        // (The library complains of a channel that it was not told of, which is how the first command saves a round trip.)
        0 => "warn,russh=off",
        1 => "pinboot=debug,russh=off",
        2 => "pinboot=trace,russh=info",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_env("PINBOOT_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // (Two in one process happen in tests only.)
    let _ = subscriber.with_ansi(color(&io::stderr())).with_target(verbose > 1).without_time().try_init();
}
