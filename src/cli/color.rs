//! Whether the output takes colour.

use std::io::IsTerminal;

/// Whether to use colour there: on a terminal, unless `NO_COLOR` is set.
pub(super) fn has_color(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
