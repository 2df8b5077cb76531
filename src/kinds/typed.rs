//! Command lines as a user would type them, for the dry run, where a declaration cannot say which options they have.

use super::{ArgValue, Args};
use crate::script::{Script, Text};

/// A command line of options that fields stand for.
#[derive(Clone, Debug)]
pub(super) struct TypedLine(Script);

impl TypedLine {
    pub(super) fn new(program: &'static str) -> Self {
        Self(Script::fill(program, &[]))
    }

    /// An option with the value of a field, where that was given.
    pub(super) fn value(&mut self, option: &'static str, args: &Args<'_>, field: &str) -> &mut Self {
        let value = match args.get(field).map(|arg| &arg.value) {
            Some(ArgValue::Text(text)) => text.clone(),
            Some(ArgValue::Integer(number)) => Text::new(number.to_string()),
            Some(ArgValue::List(_)) => {
                let texts: Vec<String> = args.texts(field).iter().map(|text| text.raw().to_owned()).collect();
                Text::new(texts.join(","))
            }
            _ => return self,
        };
        self.flag(option, true).word(&value)
    }

    /// An option without a value.
    pub(super) fn flag(&mut self, option: &'static str, is_set: bool) -> &mut Self {
        if is_set {
            self.0.append(&Script::fill(" ", &[])).append(&Script::fill(option, &[]));
        }
        self
    }

    /// One more word.
    pub(super) fn word(&mut self, word: &Text) -> &mut Self {
        self.0.word(word);
        self
    }

    /// One more word that is shell already, such as a path in a home.
    pub(super) fn shell(&mut self, word: &Script) -> &mut Self {
        self.flag("", true);
        self.0.append(word);
        self
    }

    /// The line as it is.
    pub(super) fn whole(&self) -> Script {
        self.0.clone()
    }

    /// The whole line, which ends with the field `name`.
    pub(super) fn end(&mut self, args: &Args<'_>) -> Script {
        self.word(&args.text("name").cloned().unwrap_or_default()).0.clone()
    }
}
