//! Expressions over values that only the host knows, as data.

use super::facts::fact;
use super::is_fact;

/// A value that the host finds out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expr {
    /// These characters.
    Text(String),
    /// A registered value or a fact, by the name of its variable, and what a playbook calls it.
    Variable {
        /// The variable, without its prefix.
        name: String,
        /// As it was written.
        written: String,
    },
    /// One behind the other.
    Join(Vec<Expr>),
    /// The entry of a map that has a value for its name.
    Lookup {
        /// As it was written, for the sentence about a name that is not there.
        written: String,
        /// The name.
        key: Box<Expr>,
        /// Names and values.
        entries: Vec<(String, Expr)>,
        /// What it is where no entry has that name; `None` fails.
        otherwise: Option<Box<Expr>>,
    },
    /// One of two values.
    Choose(Box<Condition>, Box<Expr>, Box<Expr>),
    /// The first value, or the second one where the first was never registered or cannot be found out; with `empty` also where it
    /// is empty.
    Default {
        /// The variable.
        value: Box<Expr>,
        /// What takes its place.
        otherwise: Box<Expr>,
        /// Whether an empty text counts as missing.
        empty: bool,
    },
    /// What a filter makes of a text.
    Filtered(Filter, Box<Expr>, String),
    /// A whole number that is calculated from two.
    Calculated(Calculation, Box<Expr>, Box<Expr>),
    /// A whole number, written or known.
    Number(i64),
    /// `true` or `false`.
    Truth(Box<Condition>),
    /// Shell that a step evaluates: the names of values in its text are used there.
    Shell(Box<Expr>),
    /// No value: what needs it fails with a sentence.
    Fail {
        /// What the sentence begins with.
        before: String,
        /// A value behind that.
        shown: Box<Expr>,
        /// What the sentence ends with.
        after: String,
    },
}

/// What a filter makes of a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Filter {
    /// ASCII letters in lower case.
    Lower,
    /// ASCII letters in upper case.
    Upper,
    /// Without white space at both ends.
    Trim,
    /// With one text in place of another.
    Replace(String, String),
    /// What stands in front of the first separator.
    First(String),
    /// What stands behind the last separator.
    Last(String),
    /// The part of this number, from 0, between separators.
    Part(String, u32),
    /// A whole number.
    Int,
}

/// How a number is calculated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Calculation {
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Times,
    /// `//`, rounded down; the divisor is above 0.
    Divided,
    /// `%`, never below 0; the divisor is above 0.
    Remainder,
}

/// How two things are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `==`
    Same,
    /// `!=`
    Different,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

impl Comparison {
    /// The one that a mark or one of Ansible's words stands for.
    pub fn of(mark: &str) -> Option<Self> {
        Some(match mark {
            "==" | "=" | "eq" => Self::Same,
            "!=" | "<>" | "ne" => Self::Different,
            "<" | "lt" => Self::Less,
            "<=" | "le" => Self::AtMost,
            ">" | "gt" => Self::More,
            ">=" | "ge" => Self::AtLeast,
            _ => return None,
        })
    }

    /// The operator of `test`.
    pub(super) fn operator(self) -> &'static str {
        match self {
            Self::Same => "-eq",
            Self::Different => "-ne",
            Self::Less => "-lt",
            Self::AtMost => "-le",
            Self::More => "-gt",
            Self::AtLeast => "-ge",
        }
    }

    /// Whether two things that are ordered like this compare like this.
    pub fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Same => order.is_eq(),
            Self::Different => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::More => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }
}

/// A question that the host answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// It is known.
    Known(bool),
    /// Not this.
    Not(Box<Condition>),
    /// All of these, asked in order up to the first that is false.
    All(Vec<Condition>),
    /// One of these, asked in order up to the first that is true.
    Any(Vec<Condition>),
    /// Two texts are the same.
    Same(Expr, Expr),
    /// Two whole numbers compare like this.
    Numbers(Comparison, Expr, Expr),
    /// Two versions compare like this.
    Versions(Comparison, Expr, Expr),
    /// A text is one of these.
    OneOf(Expr, Vec<Expr>),
    /// The first text has the second in it.
    Contains(Expr, Expr),
    /// The first text begins with the second.
    Begins(Expr, Expr),
    /// The first text ends with the second.
    Ends(Expr, Expr),
    /// A text is not empty.
    Some(Expr),
    /// A text is the word `true`, and otherwise the word `false`; anything else fails.
    Word(Expr),
    /// A variable was registered, or can be found out.
    Defined(String),
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExprType {
    /// Text.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Truth,
}

impl Expr {
    /// What it is.
    pub fn kind(&self) -> ExprType {
        match self {
            Self::Number(_) | Self::Calculated(..) | Self::Filtered(Filter::Int, ..) => ExprType::Number,
            Self::Variable { name, .. } if is_fact(name) && fact(&name[1..]).is_some_and(|fact| fact.is_number) => {
                ExprType::Number
            }
            Self::Truth(_) => ExprType::Truth,
            Self::Choose(_, yes, no) if yes.kind() == no.kind() => yes.kind(),
            Self::Default { value, otherwise, .. } if value.kind() == otherwise.kind() => value.kind(),
            _ => ExprType::Text,
        }
    }

    /// Several values as one text.
    pub fn join(parts: Vec<Expr>) -> Self {
        let mut joined: Vec<Expr> = Vec::new();
        for part in parts {
            match (joined.last_mut(), part) {
                (_, Self::Text(text)) if text.is_empty() => {}
                (Some(Self::Text(before)), Self::Text(text)) => before.push_str(&text),
                (_, part) => joined.push(part),
            }
        }
        match joined.len() {
            0 => Self::Text(String::new()),
            1 => joined.remove(0),
            _ => Self::Join(joined),
        }
    }

    /// Calls with every text that the value, or the beginning of it, can be.
    pub fn each_possible<'e>(&'e self, call: &mut dyn FnMut(&'e str)) {
        match self {
            Self::Text(text) => call(text),
            Self::Lookup { entries, otherwise, .. } => {
                entries
                    .iter()
                    .map(|(_, value)| value)
                    .chain(otherwise.as_deref())
                    .for_each(|value| value.each_possible(call));
            }
            Self::Choose(_, yes, no) => [yes, no].into_iter().for_each(|value| value.each_possible(call)),
            Self::Default { otherwise, .. } => otherwise.each_possible(call),
            _ => {}
        }
    }

    /// Calls with every variable in it, and with every text.
    pub fn each_part<'e>(&'e self, call: &mut dyn FnMut(Leaf<'e>)) {
        match self {
            Self::Text(text) => call(Leaf::Text(text)),
            Self::Number(_) => {}
            Self::Variable { name, .. } => call(Leaf::Variable(name)),
            Self::Join(parts) => parts.iter().for_each(|part| part.each_part(call)),
            Self::Lookup { key, entries, otherwise, .. } => {
                key.each_part(call);
                entries
                    .iter()
                    .map(|(_, value)| value)
                    .chain(otherwise.as_deref())
                    .for_each(|value| value.each_part(call));
            }
            Self::Choose(condition, yes, no) => {
                condition.each_part(call);
                yes.each_part(call);
                no.each_part(call);
            }
            Self::Default { value, otherwise, .. } => {
                value.each_part(call);
                otherwise.each_part(call);
            }
            Self::Filtered(_, value, _) | Self::Shell(value) | Self::Fail { shown: value, .. } => value.each_part(call),
            Self::Calculated(_, left, right) => {
                left.each_part(call);
                right.each_part(call);
            }
            Self::Truth(condition) => condition.each_part(call),
        }
    }
}

/// What an expression is made of.
#[derive(Clone, Copy, Debug)]
pub enum Leaf<'e> {
    /// Characters that may become a part of the value.
    Text(&'e str),
    /// A registered value or a fact.
    Variable(&'e str),
}

impl Condition {
    /// All of these conditions.
    pub fn all(parts: Vec<Condition>) -> Self {
        Self::joined(parts, false)
    }

    /// One of these conditions.
    pub fn any(parts: Vec<Condition>) -> Self {
        Self::joined(parts, true)
    }

    /// What is known is folded; `ends` is the answer that makes the others needless.
    fn joined(parts: Vec<Condition>, ends: bool) -> Self {
        if parts.iter().any(|part| matches!(part, Self::Known(known) if *known == ends)) {
            return Self::Known(ends);
        }
        let mut open: Vec<Condition> = parts.into_iter().filter(|part| !matches!(part, Self::Known(_))).collect();
        match open.len() {
            0 => Self::Known(!ends),
            1 => open.remove(0),
            _ if ends => Self::Any(open),
            _ => Self::All(open),
        }
    }

    /// The opposite.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Known(known) => Self::Known(!known),
            Self::Not(condition) => *condition,
            other => Self::Not(Box::new(other)),
        }
    }

    /// Calls with every variable in it, and with every text.
    pub fn each_part<'e>(&'e self, call: &mut dyn FnMut(Leaf<'e>)) {
        match self {
            Self::Known(_) => {}
            Self::Not(condition) => condition.each_part(call),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.each_part(call)),
            Self::Same(a, b)
            | Self::Numbers(_, a, b)
            | Self::Versions(_, a, b)
            | Self::Contains(a, b)
            | Self::Begins(a, b)
            | Self::Ends(a, b) => {
                a.each_part(call);
                b.each_part(call);
            }
            Self::OneOf(value, list) => {
                value.each_part(call);
                for item in list {
                    item.each_part(call);
                }
            }
            Self::Some(value) | Self::Word(value) => value.each_part(call),
            Self::Defined(name) => call(Leaf::Variable(name)),
        }
    }
}
