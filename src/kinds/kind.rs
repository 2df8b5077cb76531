//! A kind as a declaration: everything about it but its shell, which stands in a file of its own beside it.

use super::cause::Cause;
use super::doubt::Doubt;
use super::{Args, Effect, Field, Need, Recipe, Rule, When};
use crate::source::Diagnostic;

/// One kind of step.
///
/// Its shell file, `NAME.sh`, defines `NAME_check` and `NAME_apply` (see [`Recipe`] for what they must do), and
/// whatever other functions named `NAME_…` these need. Every field arrives there in a variable `$arg_FIELD`:
///
/// | field | in the shell |
/// |---|---|
/// | text, path, chosen word, number | itself; a path's `~/` is already the home directory |
/// | file mode | four octal digits |
/// | boolean | `true` or `false` |
/// | names of steps | `1` where one of them has changed something, in this run or in an earlier one, and this step has not succeeded since; in a check that is asked again behind the change, this step has acted on it |
/// | shell | the text, for `eval "$arg_FIELD"` in a subshell |
/// | list | one quoted word for each text, for `eval "set -- $arg_FIELD"` |
/// | joined list | one text with commas in it |
/// | map | the same with a name and a value in turn |
/// | list of maps | one quoted word for each entry, for `eval "set -- $arg_FIELD"`; each of these words is for `eval` again, and sets `$item_FIELD` for each field of the entry |
/// | a field that was not given | its default, or empty |
///
/// `$arg_secret` is `1` where some value holds a secret: what the check prints goes through the log, so it must not
/// show the values then. `$arg_verifies` is `1` in a check that is asked again behind the change, and may wait there for an
/// effect that needs time. Functions that several kinds use are in `shell/`; their names begin with `pb_`, and so do all
/// variables. Only the functions that a step uses are sent.
#[derive(Debug)]
pub struct Kind {
    /// The YAML key.
    pub name: &'static str,
    /// One sentence for help.
    pub summary: &'static str,
    /// How the check finds out, for help.
    pub check: &'static str,
    /// The fields of the map form.
    pub fields: &'static [Field],
    /// What must hold between them.
    pub rules: &'static [Rule],
    /// The field that a bare scalar or list stands for (`package: java-1.8.0`), if that form is allowed.
    pub short: Option<&'static str>,
    /// What a step is about: the name of the field that says it in a few words, or these words themselves; empty where
    /// the hook says it.
    pub subject: &'static str,
    /// Programs without which `apply` cannot work.
    pub needs: &'static [Need],
    /// When `apply` needs root by itself.
    pub needs_root: When,
    /// Whether it only asks. There is no check then: `apply` runs in each run, with `--check` too, where it finds `1` in `$arg_once` and
    /// does not wait. The step never counts as changed; where `apply` fails, it has failed, and is *unknown* with `--check`.
    pub asks: bool,
    /// When the check needs root as well, because no other user can read what it asks about: the step is one with `sudo: true` then.
    pub asks_as_root: When,
    /// What a step brings about besides its shell.
    pub effect: fn(&Args<'_>) -> Effect,
    /// The text of `NAME.sh`; empty for a kind whose shell is the author's own.
    pub shell: &'static str,
    /// What a user would type instead, for the dry run: each line with the case in which it is needed. `@{FIELD}` is
    /// the field's value as quoted words, and so are `@{name}` and `@{value}` in a line for [`When::Each`].
    ///
    /// Typed on a fresh host, with a content on standard input, these lines bring about the state that `apply` does.
    pub commands: &'static [(When, &'static str)],
    /// Known causes of failure, the deeper ones first.
    pub causes: &'static [Cause],
    /// A complete step, as YAML: shown by `pinboot kinds`, compiled by a test.
    pub example: &'static str,
    /// What lint says of fields that are valid.
    pub doubts: fn(&Args<'_>) -> Vec<Doubt>,
    /// Whether it fetches what can be locked: it has the fields `url`, `sha256`, `sha512` and `checksum`.
    pub locks: bool,
    /// For what no declaration can say: completes the recipe of fields that are valid.
    pub hook: Option<Hook>,
}

/// Completes a recipe, or says what is wrong with the fields.
pub type Hook = fn(&Args<'_>, &mut Recipe) -> Result<(), Vec<Diagnostic>>;

impl Kind {
    /// A kind of this name that has nothing else yet: `Kind { summary: …, ..Kind::named("service") }`.
    pub const fn named(name: &'static str) -> Self {
        Self {
            name,
            summary: "",
            check: "",
            fields: &[],
            rules: &[],
            short: None,
            subject: "",
            needs: &[],
            needs_root: When::Never,
            asks: false,
            asks_as_root: When::Never,
            effect: |_| Effect::None,
            shell: "",
            commands: &[],
            causes: &[],
            example: "",
            doubts: |_| Vec::new(),
            locks: false,
            hook: None,
        }
    }

    /// Whether its shell is the author's own, which may run any program.
    pub fn is_authors_shell(&self) -> bool {
        self.shell.is_empty()
    }
}
