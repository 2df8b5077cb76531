//! When something is needed or shown, and the programs that a recipe needs.

use std::fmt;

use super::{ArgValue, Args};

/// A case in which something is needed or shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum When {
    /// In every case.
    Always,
    /// In no case.
    Never,
    /// Where one of these fields was given.
    Given(&'static [&'static str]),
    /// Where none of these fields was given.
    Missing(&'static [&'static str]),
    /// Where the field has this value, or it is the field's default.
    Is(&'static str, &'static str),
    /// Once for each entry of a map.
    Each(&'static str),
    /// Where all of this is the case.
    All(&'static [When]),
}

impl When {
    /// Whether this is the case.
    pub(super) fn holds(self, args: &Args<'_>) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Given(names) => names.iter().any(|name| args.is_given(name)),
            Self::Missing(names) => !names.iter().any(|name| args.is_given(name)),
            Self::Is(name, value) => args.get(name).is_some_and(|arg| match &arg.value {
                ArgValue::Bool(flag) => flag.to_string() == value,
                ArgValue::Text(text) => text.literal() == Some(value),
                _ => false,
            }),
            Self::Each(name) => args.get(name).is_some(),
            Self::All(cases) => cases.iter().all(|case| case.holds(args)),
        }
    }
}

impl fmt::Display for When {
    /// Continues a sentence such as "`version` has no effect …".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
        match self {
            Self::Always => f.write_str("in any case"),
            Self::Never => f.write_str("in no case"),
            Self::Given(names) => write!(f, "with {}", quoted(names)),
            Self::Missing(names) => write!(f, "without {}", quoted(names)),
            Self::Is(name, value) => write!(f, "with `{name}: {value}`"),
            Self::Each(name) => write!(f, "with `{name}`"),
            Self::All(cases) => f.write_str(&cases.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")),
        }
    }
}

/// A program that a recipe cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Need {
    /// The alternatives, best first.
    pub any_of: &'static [&'static str],
    /// What to do where none of them is there.
    pub hint: &'static str,
    /// When it is needed.
    pub when: When,
}

impl Need {
    /// One of these programs, in every case.
    pub const fn one_of(any_of: &'static [&'static str], hint: &'static str) -> Self {
        Self { any_of, hint, when: When::Always }
    }

    /// The same, in this case only.
    #[must_use]
    pub const fn when(mut self, case: When) -> Self {
        self.when = case;
        self
    }
}
