//! What an import makes, and how it is written as YAML.

use std::fmt::Write as _;

use crate::node::yaml_scalar;

/// A value of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A text; of several lines, a block.
    Text(String),
    /// A word that is written as it is: a number or a boolean.
    Plain(String),
    /// A list.
    List(Vec<Item>),
    /// A map.
    Map(Vec<(String, Item)>),
}

impl Item {
    /// A text.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A list of texts, or the text alone where there is one.
    pub(super) fn texts(texts: &[String]) -> Self {
        match texts {
            [one] => Self::text(one),
            texts => Self::List(texts.iter().map(Self::text).collect()),
        }
    }

    /// A map of texts.
    pub(super) fn map(pairs: &[(&str, &str)]) -> Self {
        Self::Map(pairs.iter().map(|(name, text)| ((*name).to_owned(), Self::text(*text))).collect())
    }
}

/// One step of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DraftStep {
    /// Its name.
    pub(super) name: String,
    /// What a person has to look at.
    pub(super) look: Vec<String>,
    /// Its kind and its options.
    pub(super) keys: Vec<(String, Item)>,
}

impl DraftStep {
    /// A step of a kind.
    pub(super) fn new(name: impl Into<String>, kind: &str, value: Item) -> Self {
        Self { name: name.into(), look: Vec::new(), keys: vec![(kind.to_owned(), value)] }
    }

    /// Adds an option.
    #[must_use]
    pub(super) fn with(mut self, option: &str, value: Item) -> Self {
        self.keys.push((option.to_owned(), value));
        self
    }

    /// Adds something to look at.
    #[must_use]
    pub(super) fn look(mut self, what: impl Into<String>) -> Self {
        self.look.push(what.into());
        self
    }

    /// The value of its kind.
    pub(super) fn of_kind(&mut self, kind: &str) -> Option<&mut Item> {
        self.keys.first_mut().filter(|(name, _)| name == kind).map(|(_, value)| value)
    }
}

/// A playbook in the making.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Draft {
    /// Its name.
    pub(super) name: String,
    /// Remarks about the whole, at the top.
    pub(super) remarks: Vec<String>,
    /// Its variables.
    pub(super) vars: Vec<(String, Item)>,
    /// The fields of its host, where they are known.
    pub(super) host: Vec<(String, Item)>,
    /// Options for all of its steps.
    pub(super) options: Vec<(String, Item)>,
    /// Its steps.
    pub(super) steps: Vec<DraftStep>,
}

impl Draft {
    /// The draft as a playbook.
    pub(super) fn write(&self) -> String {
        let mut out = format!("name: {}\n", yaml_scalar(&self.name));
        for remark in &self.remarks {
            comment(&mut out, 0, remark);
        }
        if !self.vars.is_empty() {
            out.push_str("\nvars:\n");
            entries(&mut out, 1, &self.vars);
        }
        let unknown = [("address".to_owned(), Item::text("host.example.org"))];
        out.push_str("\nhosts:\n");
        if self.host.is_empty() {
            comment(&mut out, 1, "look here: which host is it, and who logs in?");
        }
        out.push_str("  host:\n");
        entries(&mut out, 2, if self.host.is_empty() { &unknown } else { &self.host });
        if !self.options.is_empty() {
            out.push('\n');
            entries(&mut out, 0, &self.options);
        }
        out.push_str("\nsteps:\n");
        for (at, step) in self.steps.iter().enumerate() {
            if at > 0 {
                out.push('\n');
            }
            for look in &step.look {
                comment(&mut out, 1, &format!("look here: {look}"));
            }
            writeln!(out, "  - name: {}", yaml_scalar(&step.name)).expect("a string takes all");
            entries(&mut out, 2, &step.keys);
        }
        out
    }
}

/// Gives steps of one name different ones.
pub(super) fn unique_names(steps: &mut [DraftStep]) {
    let mut seen: Vec<String> = Vec::new();
    for step in steps {
        let name = step.name.clone();
        let mut number = 2;
        while seen.contains(&step.name) {
            step.name = format!("{name} ({number})");
            number += 1;
        }
        seen.push(step.name.clone());
    }
}

/// The longest line of a comment, in characters.
const WIDTH: usize = 110;

fn comment(out: &mut String, depth: usize, text: &str) {
    let indent = "  ".repeat(depth);
    for line in text.lines() {
        let mut written = format!("{indent}#");
        for word in line.split_whitespace() {
            if written.chars().count() + 1 + word.chars().count() > WIDTH && written.len() > indent.len() + 1 {
                writeln!(out, "{written}").expect("a string takes all");
                written = format!("{indent}#");
            }
            written.push(' ');
            // No character of a script may end a comment or hide in it.
            written.extend(word.chars().map(|c| if c.is_control() { ' ' } else { c }));
        }
        writeln!(out, "{written}").expect("a string takes all");
    }
}

fn entries(out: &mut String, depth: usize, entries: &[(String, Item)]) {
    for (name, item) in entries {
        write!(out, "{}{}:", "  ".repeat(depth), yaml_scalar(name)).expect("a string takes all");
        value(out, depth, item);
    }
}

fn value(out: &mut String, depth: usize, item: &Item) {
    let indent = "  ".repeat(depth + 1);
    match item {
        Item::Text(text) if is_block(text) => {
            out.push_str(if text.ends_with('\n') { " |\n" } else { " |-\n" });
            for line in text.lines() {
                writeln!(out, "{}{line}", if line.is_empty() { "" } else { &indent }).expect("a string takes all");
            }
        }
        Item::Text(text) => writeln!(out, " {}", yaml_scalar(text)).expect("a string takes all"),
        Item::Plain(word) => writeln!(out, " {word}").expect("a string takes all"),
        Item::List(items) if items.is_empty() => out.push_str(" []\n"),
        Item::Map(map) if map.is_empty() => out.push_str(" {}\n"),
        Item::List(items) => {
            out.push('\n');
            for item in items {
                match item {
                    Item::Map(map) if !map.is_empty() => {
                        let mut inner = String::new();
                        entries(&mut inner, depth + 2, map);
                        writeln!(out, "{indent}- {}", inner.trim_start_matches(' ').trim_end())
                            .expect("a string takes all");
                    }
                    item => {
                        write!(out, "{indent}-").expect("a string takes all");
                        value(out, depth + 1, item);
                    }
                }
            }
        }
        Item::Map(map) => {
            out.push('\n');
            entries(out, depth + 1, map);
        }
    }
}

/// Whether a text is written as a block: it has several lines, each of which a block can hold.
fn is_block(text: &str) -> bool {
    let odd = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{85}');
    text.trim_end_matches('\n').contains('\n')
        && !text.starts_with([' ', '\n'])
        && !text.ends_with("\n\n")
        && !text.contains(odd)
}
