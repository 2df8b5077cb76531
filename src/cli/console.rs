//! Standard output and standard error.

use std::io::{self, Write as _};

use super::color::has_color;
use super::error::CommandError;
use crate::exit::Exit;
use crate::report::terminal_columns;
use crate::wrap::{wrap_diagnostics, wrap_message};

/// Writes results to standard output. A reader that stopped reading (`| head`) is not an error of this program.
pub(super) fn print(text: &str) -> Result<Exit, CommandError> {
    print_bytes(text.as_bytes())
}

/// Writes bytes to standard output, as [`print`] does.
pub(super) fn print_bytes(bytes: &[u8]) -> Result<Exit, CommandError> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(Exit::Success),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::OutputClosed),
        Err(error) => Err(CommandError::local(format!("cannot write to standard output: {error}"))),
    }
}

/// Writes a message to standard error, its lines broken at words where that is a terminal.
pub(super) fn print_error(text: &str) {
    print_as_it_is(&wrap_message(text.trim_end(), terminal_columns(io::stderr())));
}

/// Writes why a command could not do its work to standard error.
pub(super) fn print_failure(error: &CommandError) {
    print_as_it_is(&error.text(terminal_columns(io::stderr())));
}

/// Writes rendered diagnostics to standard error.
pub(super) fn print_diagnostics(text: &str) {
    print_as_it_is(&wrap_diagnostics(text.trim_end(), terminal_columns(io::stderr())));
}

/// Writes lines to standard error, none of them broken. If that fails, there is no place left to report it.
pub(super) fn print_as_it_is(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes warnings to standard error, if there are any.
pub(super) fn print_warnings(warnings: &str) {
    if !warnings.is_empty() {
        print_diagnostics(warnings);
    }
}

/// Sends the diagnostics of this program and of its libraries to standard error.
pub(super) fn start_logging(verbose: u8) {
    use tracing_subscriber::EnvFilter;
    let default = match verbose {
        // The first command is sent before the server has opened the channel, which saves a round trip, and which russh
        // warns about.
        0 => "warn,russh=off",
        1 => "pinboot=debug,russh=off",
        2 => "pinboot=trace,russh=info",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_env("PINBOOT_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let subscriber = subscriber.with_ansi(has_color(&io::stderr())).with_target(verbose > 1).without_time();
    // Only tests start it twice in one process.
    let _ = subscriber.try_init();
}
