//! Expressions as shell for the runner.
//!
//! An expression becomes a function that sets `$pb_r_NAME`. Where it cannot, because a value is not there or fits nothing, it sets
//! pb_why_not to the reason in the runner's words and fails. Every value stands in quotes wherever the shell would read it, and
//! nothing starts a process.

use std::fmt::Write as _;

use super::expr::{Calculation, Comparison, Condition, Expr, Filter};
use super::{FUNCTION, PREFIX, is_fact};
use crate::ids::Digest;
use crate::script::Text;

/// The most names of a map that a sentence lists.
const MOST_NAMES: usize = 20;

impl Expr {
    /// The name of the variable that has the value: it follows from what the host does for it.
    pub fn name(&self, holds_secret: bool) -> String {
        let mark = if holds_secret { '2' } else { '1' };
        format!("{mark}{}", &Digest::of(self.function("").as_bytes()).as_str()[..12])
    }

    /// The function that finds out the value of this name.
    pub fn function(&self, name: &str) -> String {
        let mut writer = Writer::default();
        let word = writer.value(self);
        format!("{FUNCTION}{name}() {{\nunset -v {PREFIX}{name}\n{}{PREFIX}{name}={word}\n}}\n", writer.out)
    }
}

fn quoted(text: &str) -> String {
    Text::from(text).quote_exactly()
}

/// Writes the statements that come before a value can be used.
#[derive(Default)]
struct Writer {
    out: String,
    /// How many variables are taken; each holds for the whole function.
    taken: u32,
}

impl Writer {
    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn variable(&mut self) -> String {
        self.taken += 1;
        format!("pb_t{}", self.taken)
    }

    /// Ends the function with a sentence; `shown` is a word that stands in the middle of it.
    fn end(before: &str, shown: &str, after: &str) -> String {
        let after = if after.is_empty() { String::new() } else { quoted(after) };
        format!("pb_why_not={}{shown}{after}; return 1", quoted(before))
    }

    /// A variable that has to be there.
    fn given(&mut self, name: &str, written: &str) -> String {
        let (word, called) = if is_fact(name) { ("fact", &name[1..]) } else { ("register", written) };
        let reason = quoted(&format!("{word} {called}"));
        self.line(&format!("[ -n \"${{{PREFIX}{name}+1}}\" ] || {{ pb_why_not={reason}; return 1; }}"));
        format!("\"${PREFIX}{name}\"")
    }

    /// Writes what finds out a value; returns the word that stands for it.
    fn value(&mut self, expr: &Expr) -> String {
        match expr {
            Expr::Text(text) => quoted(text),
            Expr::Number(number) => number.to_string(),
            Expr::Variable { name, written } => self.given(name, written),
            Expr::Join(parts) => parts.iter().map(|part| self.value(part)).collect(),
            Expr::Shell(text) => self.value(text),
            Expr::Filtered(filter, value, written) => self.filtered(filter, value, written),
            Expr::Lookup { written, key, entries, otherwise } => {
                self.lookup(written, key, entries, otherwise.as_deref())
            }
            Expr::Choose(condition, yes, no) => {
                let condition = self.condition(condition);
                let variable = self.variable();
                self.line(&format!("if {condition}; then"));
                self.assigned(&variable, yes);
                self.line("else");
                self.assigned(&variable, no);
                self.line("fi");
                format!("\"${variable}\"")
            }
            Expr::Truth(condition) => {
                let condition = self.condition(condition);
                let variable = self.variable();
                self.line(&format!("if {condition}; then {variable}=true; else {variable}=false; fi"));
                format!("\"${variable}\"")
            }
            Expr::Default { value, otherwise, empty } => {
                let Expr::Variable { name, .. } = &**value else { return self.value(value) };
                let variable = self.variable();
                let test = if *empty { format!("${{{PREFIX}{name}-}}") } else { format!("${{{PREFIX}{name}+1}}") };
                self.line(&format!("if [ -n \"{test}\" ]; then {variable}=${PREFIX}{name}; else"));
                self.assigned(&variable, otherwise);
                self.line("fi");
                format!("\"${variable}\"")
            }
            Expr::Calculated(how, left, right) => self.calculated(*how, left, right),
            Expr::Fail { before, shown, after } => {
                let shown = self.value(shown);
                self.line(&Self::end(&format!("value {before}"), &shown, after));
                quoted("")
            }
        }
    }

    fn assigned(&mut self, variable: &str, value: &Expr) {
        let word = self.value(value);
        self.line(&format!("{variable}={word}"));
    }

    fn lookup(&mut self, written: &str, key: &Expr, entries: &[(String, Expr)], otherwise: Option<&Expr>) -> String {
        let key = self.value(key);
        let variable = self.variable();
        self.line(&format!("case {key} in"));
        for (name, value) in entries {
            self.line(&format!("{})", quoted(name)));
            self.assigned(&variable, value);
            self.line(";;");
        }
        self.line("*)");
        if let Some(otherwise) = otherwise {
            self.assigned(&variable, otherwise);
        } else {
            let mut names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).take(MOST_NAMES).collect();
            if names.len() < entries.len() {
                names.push("…");
            }
            let there =
                if names.is_empty() { "the map is empty".to_owned() } else { format!("it has {}", names.join(", ")) };
            self.line(&Self::end(&format!("value `{written}` has no entry `"), &key, &format!("`: {there}")));
        }
        self.line(";;\nesac");
        format!("\"${variable}\"")
    }

    fn filtered(&mut self, filter: &Filter, value: &Expr, written: &str) -> String {
        let word = self.value(value);
        let variable = self.variable();
        let call = match filter {
            Filter::Lower => format!("pb_lower {word}"),
            Filter::Upper => format!("pb_upper {word}"),
            Filter::Trim => format!("pb_trim {word}"),
            Filter::Replace(old, new) => format!("pb_replace {word} {} {}", quoted(old), quoted(new)),
            Filter::First(by) => format!("pb_split_first {word} {}", quoted(by)),
            Filter::Last(by) => format!("pb_split_last {word} {}", quoted(by)),
            Filter::Part(by, number) => {
                let end = Self::end(&format!("value `{written}` has no such part: it is taken from `"), &word, "`");
                format!("pb_split_at {word} {} {number} || {{ {end}; }}", quoted(by))
            }
            Filter::Int => {
                let end = Self::end(&format!("value `{written}` needs a whole number, and has `"), &word, "`");
                format!("pb_to_number {word} || {{ {end}; }}")
            }
        };
        self.line(&call);
        self.line(&format!("{variable}=$pb_ret"));
        format!("\"${variable}\"")
    }

    /// A number as arithmetic reads it.
    fn operand(&mut self, expr: &Expr) -> String {
        if let Expr::Number(number) = expr {
            return if *number < 0 { format!("({number})") } else { number.to_string() };
        }
        let variable = self.variable();
        self.assigned(&variable, expr);
        format!("${variable}")
    }

    fn calculated(&mut self, how: Calculation, left: &Expr, right: &Expr) -> String {
        let (left, right) = (self.operand(left), self.operand(right));
        let variable = self.variable();
        let remainder = format!("({left} % {right} + {right}) % {right}");
        let text = match how {
            Calculation::Plus => format!("{left} + {right}"),
            Calculation::Minus => format!("{left} - {right}"),
            Calculation::Times => format!("{left} * {right}"),
            Calculation::Divided => format!("({left} - {remainder}) / {right}"),
            Calculation::Remainder => remainder,
        };
        self.line(&format!("{variable}=$(({text}))"));
        format!("\"${variable}\"")
    }

    /// A condition as one command of the shell, which may end the function.
    fn condition(&mut self, condition: &Condition) -> String {
        let before = std::mem::take(&mut self.out);
        let test = match condition {
            Condition::Known(known) => known.to_string(),
            Condition::Not(condition) => format!("! {}", self.condition(condition)),
            Condition::All(parts) => self.several(parts, " &&\n"),
            Condition::Any(parts) => self.several(parts, " ||\n"),
            Condition::Same(left, right) => {
                let (left, right) = (self.value(left), self.value(right));
                format!("[ {left} = {right} ]")
            }
            Condition::Numbers(how, left, right) => {
                let (left, right) = (self.value(left), self.value(right));
                format!("[ {left} {} {right} ]", how.operator())
            }
            Condition::Versions(how, left, right) => self.versions(*how, left, right),
            Condition::OneOf(value, list) => {
                let value = self.value(value);
                let list: Vec<String> = list.iter().map(|item| self.value(item)).collect();
                format!("case {value} in {}) ;; *) false ;; esac", list.join(" | "))
            }
            Condition::Contains(text, part) => self.pattern(text, part, |part| format!("*{part}*")),
            Condition::Begins(text, part) => self.pattern(text, part, |part| format!("{part}*")),
            Condition::Ends(text, part) => self.pattern(text, part, |part| format!("*{part}")),
            Condition::Some(value) => {
                let value = self.value(value);
                format!("[ -n {value} ]")
            }
            Condition::Word(value) => {
                let value = self.value(value);
                let end = Self::end("value the condition must be true or false, and is `", &value, "`");
                format!("case {value} in true) ;; false) false ;; *) {end} ;; esac")
            }
            Condition::Defined(name) => format!("[ -n \"${{{PREFIX}{name}+1}}\" ]"),
        };
        let statements = std::mem::replace(&mut self.out, before);
        format!("{{ {statements}{test}; }}")
    }

    fn several(&mut self, parts: &[Condition], mark: &str) -> String {
        let parts: Vec<String> = parts.iter().map(|part| self.condition(part)).collect();
        parts.join(mark)
    }

    fn pattern(&mut self, text: &Expr, part: &Expr, pattern: impl Fn(&str) -> String) -> String {
        let (text, part) = (self.value(text), self.value(part));
        format!("case {text} in {}) ;; *) false ;; esac", pattern(&part))
    }

    fn versions(&mut self, how: Comparison, left: &Expr, right: &Expr) -> String {
        let (left, right) = (self.value(left), self.value(right));
        let mut out = String::new();
        let end = Self::end(
            "value a version begins with a number: `",
            &format!("{left}'` and `'{right}"),
            "` cannot be compared",
        );
        write!(out, "pb_compare_versions {left} {right} || {{ {end}; }}\n[ \"$pb_ret\" {} 0 ]", how.operator())
            .expect("a string takes all");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_follows_from_the_value_and_says_whether_it_may_hold_a_secret() {
        let kernel = || Expr::Variable { name: "kernel".into(), written: "kernel".into() };
        let lookup = |value: &str| Expr::Lookup {
            written: "m[kernel]".into(),
            key: Box::new(kernel()),
            entries: vec![("a'b".into(), Expr::Text(value.into()))],
            otherwise: None,
        };
        assert_eq!(lookup("x").name(false), lookup("x").name(false));
        assert_ne!(lookup("x").name(false), lookup("y").name(false));
        assert!(lookup("x").name(true).starts_with('2'));
        let function = lookup("x").function("1a");
        assert!(function.starts_with("pb_v_1a() {\nunset -v pb_r_1a\n"), "{function}");
        assert!(function.contains("'a'\\''b')\n"), "{function}");
    }
}
