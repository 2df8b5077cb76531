//! What a step uses of what only the host has, or may have: registered values, facts, expressions over them, and secrets.

use super::StepSpec;
use super::options::OptionValue;
use crate::host_value::{Expr, Leaf, used_in};
use crate::kinds::Content;
use crate::script::{Part, Text};

/// The names of what a step uses, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// The variables of registered values, facts and expressions, without their prefix.
    pub values: Vec<String>,
    /// The secrets.
    pub secrets: Vec<String>,
}

impl Uses {
    fn value(&mut self, name: &str) {
        if !self.values.iter().any(|known| known == name) {
            self.values.push(name.to_owned());
        }
    }

    fn secret(&mut self, name: &str) {
        if !self.secrets.iter().any(|known| known == name) {
            self.secrets.push(name.to_owned());
        }
    }

    /// What a piece of shell uses.
    fn shell(&mut self, text: &str) {
        used_in(text).for_each(|name| self.value(name));
        for behind in text.split("$pb_s_").skip(1) {
            let end = behind.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(behind.len());
            self.secret(&behind[..end]);
        }
    }

    fn text(&mut self, text: &Text) {
        for part in text.parts() {
            match part {
                Part::Characters(_) | Part::Current(_) => {}
                Part::Registered(name) | Part::Host { name, .. } => self.value(name),
                Part::Secret(name) => self.secret(name),
            }
        }
    }
}

impl StepSpec {
    /// What its shell uses. The condition that decides whether the step runs is not a part of that.
    pub fn uses(&self) -> Uses {
        let mut uses = Uses::default();
        let recipe = &self.recipe;
        let mut texts: Vec<Text> = Vec::new();
        for (_, value) in self.options() {
            match value {
                OptionValue::Shell(script) => uses.shell(script.as_str()),
                OptionValue::Text(text) => texts.push(text),
                OptionValue::Variables(variables) => texts.extend(variables.into_iter().map(|(_, value)| value)),
                OptionValue::Flag(_)
                | OptionValue::Number(_)
                | OptionValue::Duration(_)
                | OptionValue::Steps(_)
                | OptionValue::Condition(_) => {}
            }
        }
        let scripts = recipe.check.iter().chain([&recipe.apply]).chain(&recipe.questions);
        for script in scripts.chain(recipe.args.iter().map(|(_, value)| value)) {
            uses.shell(script.as_str());
        }
        if let super::RunAs::User(name) = &self.run_as {
            uses.text(name);
        }
        if let Some(Content::Text(text)) = recipe.content() {
            texts.push(text.clone());
        }
        texts.extend(recipe.manual().map(|manual| manual.text.clone()));
        texts.extend(recipe.exports().iter().map(|(_, value)| value.clone()));
        for text in &texts {
            uses.text(text);
        }
        for (_, expr) in self.values.iter().filter(|(_, expr)| matches!(**expr, Expr::Shell(_))) {
            expr.each_part(&mut |leaf| {
                if let Leaf::Text(text) = leaf {
                    uses.shell(text);
                }
            });
        }
        uses
    }
}
