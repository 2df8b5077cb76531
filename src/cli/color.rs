//! Whether the output takes colour, and codes that move the cursor.

use std::io::IsTerminal;

/// Whether to use colour there: on a terminal that understands codes, unless `NO_COLOR` is set.
pub(super) fn has_color(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && understands_codes() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whether the user's terminal is one that understands codes: a dumb one would show them.
pub(super) fn understands_codes() -> bool {
    std::env::var_os("TERM").is_some_and(|kind| !kind.is_empty() && kind != "dumb")
}
