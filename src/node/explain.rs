//! Syntax errors of YAML in plain words.

use granit_parser::{ErrorKind, ScanError};

/// The deepest nesting of lists and maps.
pub(super) const MAX_DEPTH: usize = 32;

/// A syntax error in plain words: the message, the words under the caret, what to do.
pub(super) fn explain(error: &ScanError, line: &str, column: usize) -> (String, Option<String>, Option<String>) {
    let indent = &line[..line.len() - line.trim_start().len()];
    let tab = matches!(
        error.kind(),
        ErrorKind::TabInBlockIndentation
            | ErrorKind::TabNotAllowed
            | ErrorKind::TabInIndentation
            | ErrorKind::TabAtBlockScalarStart
    );
    let say = |message: &str, label: &str, hint: &str| {
        let some = |words: &str| (!words.is_empty()).then(|| words.to_owned());
        (message.to_owned(), some(label), some(hint))
    };
    if tab || (indent.contains('\t') && column <= indent.len()) {
        return say("a tab cannot indent YAML", "the line is indented with a tab", "use spaces: two for each level");
    }
    match error.kind() {
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => {
            say("a quote is opened here and never closed", "opened here", "close it, or remove it")
        }
        ErrorKind::UnclosedFlowCollection { open } => {
            say(&format!("`{open}` is opened here and never closed"), "opened here", "close it")
        }
        ErrorKind::MappingValueNotAllowed => say(
            "a second `: ` on one line",
            "",
            "put quotes around a text that contains `: `; put a nested map on its own, deeper line",
        ),
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::ExpectedBlockSequenceEntry | ErrorKind::InvalidIndentation => {
            say(
                "this line does not line up with those above it",
                "",
                "keys of one map start in the same column, and so do the `-` of one list; put quotes around a text that contains quotes",
            )
        }
        ErrorKind::InvalidTrailingDoubleQuotedScalar | ErrorKind::InvalidTrailingSingleQuotedScalar => {
            let value = line.split_once(": ").map_or(line, |(_, value)| value).trim().trim_start_matches("- ");
            let quoted = format!("put quotes around the whole value: '{}'", value.replace('\'', "''"));
            say("there is text after the closing quote", "the value has ended", &quoted)
        }
        ErrorKind::SimpleKeyExpected => say("a key without a value", "expected `:`", "write `key: value`"),
        ErrorKind::UnknownQuotedScalarEscape => say(
            "an unknown escape between double quotes",
            "",
            "write `\\\\` for a backslash, or use single quotes, which have no escapes",
        ),
        ErrorKind::DirectiveDisallowed => {
            say("a line that starts with `%` is a YAML directive", "", "put quotes around the text")
        }
        ErrorKind::UnexpectedCharacter { .. } => {
            say("text cannot start with this character", "", "put quotes around the text")
        }
        ErrorKind::RecursionLimitExceeded => say(
            &format!("lists and maps are nested more than {MAX_DEPTH} deep"),
            "",
            "a playbook needs about six levels",
        ),
        ErrorKind::BlockSequenceEntryNotAllowed => {
            say("a list cannot start here", "", "put each `- item` on a line of its own, or write `[a, b]`")
        }
        _ => (format!("invalid YAML: {}", error.info()), None, None),
    }
}
