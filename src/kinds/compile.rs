//! From a kind's declaration and rendered fields to a recipe.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use super::arg::is_local;
use super::candidate;
use super::on_host::{operand, question};
use super::shell::OfKind;
use super::url::without_password;
use super::value::{self, Written};
use super::{Arg, ArgValue, Args, Doubt, Field, Kind, Pattern, Recipe, Shape, When};
use crate::host_value::{Expr, possible};
use crate::script::{Script, Text};
use crate::source::{Diagnostic, Span};

/// A field that was given: name, place of the name, value.
type Given = (&'static str, Span, Arg);

impl Kind {
    /// Makes the recipe of a step, or says everything that is wrong with its fields.
    pub fn compile(&self, args: &Args<'_>) -> Result<Recipe, Vec<Diagnostic>> {
        let mut reader = Reader { diagnostics: Vec::new(), questions: Vec::new(), values: args.values };
        let fields: Vec<Given> = args
            .fields
            .iter()
            .filter_map(|(name, span, arg)| {
                let field = self.fields.iter().find(|field| field.name == *name)?;
                Some((field.name, *span, reader.field(field, arg)?))
            })
            .collect();
        let given = Args { fields: &fields, ..*args };
        // A field that was given and is wrong is not reported as missing on top of that.
        reader.diagnostics.extend(self.rules.iter().filter_map(|rule| rule.broken(self.name, args)));
        if !reader.diagnostics.is_empty() {
            return Err(reader.diagnostics);
        }
        let complete = self.with_defaults(&given);
        let complete = Args { fields: &complete, ..*args };
        let mut recipe = self.recipe(&complete);
        recipe.questions = reader.questions;
        recipe.doubts = doubts(self, &complete);
        if let Some(hook) = self.hook {
            hook(&complete, &mut recipe)?;
        }
        Ok(recipe)
    }

    /// The fields that were given, and the defaults of the others.
    fn with_defaults(&self, given: &Args<'_>) -> Vec<Given> {
        let missing = self.fields.iter().filter(|field| !field.default.is_empty() && given.get(field.name).is_none());
        let default = |field: &'static Field| {
            let value = match field.shape {
                Shape::Bool => ArgValue::Bool(field.default == "true"),
                Shape::Integer => ArgValue::Integer(field.default.parse().expect("a default is a value of its field")),
                _ => ArgValue::Text(Text::from(field.default)),
            };
            (field.name, given.span, Arg { span: given.span, value })
        };
        given.fields.iter().cloned().chain(missing.map(default)).collect()
    }

    fn recipe(&self, args: &Args<'_>) -> Recipe {
        let shell = OfKind::of(self);
        Recipe {
            subject: args.get(self.subject).map_or_else(|| self.subject.to_owned(), |arg| arg.value.display()),
            args: self.arguments(args, &shell.reads),
            check: shell.checks.then(|| Script::call(&format!("{}_check", self.name))),
            apply: if shell.applies { Script::call(&format!("{}_apply", self.name)) } else { Script::default() },
            equivalent_commands: commands(self, args),
            needs_root: self.needs_root.holds(args),
            asks_as_root: self.asks_as_root.holds(args),
            needs: self.needs.iter().copied().filter(|need| need.when.holds(args)).collect(),
            effect: (self.effect)(args),
            questions: Vec::new(),
            doubts: Vec::new(),
            fetch: None,
        }
    }

    /// What the kind's functions read. They find every one of these variables set, as `set -u` wants.
    fn arguments(&self, args: &Args<'_>, read: &BTreeSet<&str>) -> Vec<(String, Script)> {
        let mut arguments: Vec<(String, Script)> = self
            .fields
            .iter()
            .filter(|field| {
                let is_judge = field.judges.is_some() && args.is_given(field.name);
                !is_local(field.shape) && (is_judge || read.contains(variable(field.name)))
            })
            .map(|field| {
                // The runner knows which steps have changed.
                let value = args
                    .get(field.name)
                    .filter(|_| !matches!(field.shape, Shape::Steps))
                    .map_or_else(Script::default, |arg| assigned(&operand(field, &arg.value), field.joined));
                (variable(field.name).to_owned(), value)
            })
            .collect();
        // A kind without fields has one variable all the same: that is how its functions are known to be needed.
        if read.contains("secret") || (arguments.is_empty() && !self.is_authors_shell()) {
            let secret = args.fields.iter().any(|(_, _, arg)| args.may_hold_secret(&arg.value));
            arguments
                .push(("secret".to_owned(), if secret { Script::quoted(&Text::from("1")) } else { Script::default() }));
        }
        arguments
    }
}

/// The variable of a field, without its prefix.
fn variable(field: &str) -> &str {
    if field == "*" { "rest" } else { field }
}

/// A value as the right side of a shell assignment, where nothing stands for the empty text.
fn assigned(value: &ArgValue, joined: bool) -> Script {
    let word = word(value, joined);
    if word.as_str() == "''" { Script::default() } else { word }
}

/// A value as one word of shell.
pub(super) fn word(value: &ArgValue, joined: bool) -> Script {
    match value {
        ArgValue::Text(text) => Script::quoted(text),
        ArgValue::Shell(script) => Script::author(script.as_word()),
        ArgValue::Bool(flag) => Script::quoted(&Text::new(flag.to_string())),
        ArgValue::Integer(number) => Script::quoted(&Text::new(number.to_string())),
        ArgValue::List(list) if joined => Script::quoted(&Text::new(
            list.iter()
                .filter_map(|arg| if let ArgValue::Text(text) = &arg.value { Some(text.raw()) } else { None })
                .collect::<Vec<_>>()
                .join(","),
        )),
        ArgValue::List(_) | ArgValue::Map(_) => Script::author(words(value).as_word()),
        ArgValue::File { .. } | ArgValue::Tree(_) => Script::default(),
    }
}

/// A list or a map as quoted words, for `set --`.
pub(super) fn words(value: &ArgValue) -> Script {
    let entry = |arg: &Arg| match &arg.value {
        ArgValue::Map(fields) => {
            let assignments = fields.iter().fold(String::new(), |mut out, (name, _, arg)| {
                let blank = if out.is_empty() { "" } else { " " };
                write!(out, "{blank}item_{name}={}", assigned(&arg.value, false).as_str()).expect("a string takes all");
                out
            });
            Script::author(Script::author(assignments).as_word())
        }
        other => word(other, false),
    };
    let words: Vec<Script> = match value {
        ArgValue::List(list) => list.iter().map(entry).collect(),
        ArgValue::Map(map) => map
            .iter()
            .flat_map(|(name, _, arg)| [Script::quoted(&Text::new(name.clone())), word(&arg.value, false)])
            .collect(),
        other => vec![word(other, false)],
    };
    Script::author(words.iter().map(Script::as_str).collect::<Vec<_>>().join(" "))
}

/// The lines that a user would type in this case.
fn commands(kind: &Kind, args: &Args<'_>) -> Option<Script> {
    let field = |name: &str| match kind.fields.iter().find(|field| field.name == name).and_then(|field| field.judges) {
        Some(of) => candidate::judgement(args, name, &args.text(of).cloned().unwrap_or_default()),
        None => args.get(name).map_or_else(Script::default, |arg| words(&arg.value)),
    };
    let lines = kind.commands;
    let mut script = Script::default();
    for (when, line) in lines.iter().filter(|(when, _)| when.holds(args)) {
        if let When::Each(name) = when {
            for (key, value) in args.map(name) {
                script.line(&Script::fill_with(line, |wanted| match wanted {
                    "name" => Script::quoted(&Text::new(key.clone())),
                    "value" => Script::quoted(&value),
                    other => field(other),
                }));
            }
        } else {
            script.line(&Script::fill_with(line, field));
        }
    }
    (!lines.is_empty()).then_some(script)
}

/// Everything that is doubtful about the fields of a kind: what the kind itself says, and secrets where they do not stay secret.
fn doubts(kind: &Kind, args: &Args<'_>) -> Vec<Doubt> {
    let in_words = kind.fields.iter().filter(|field| !field.keeps_secrets && !is_read_by_shell(field.shape));
    let shown = in_words.filter(|field| args.get(field.name).is_some_and(|arg| args.may_hold_secret(&arg.value)));
    let shown = shown.map(|field| {
        let message = format!(
            "the secret in `{}` would stand in the argument list of a program, which every user of the host can read",
            field.name
        );
        Doubt::new(field.name, message, "put it into a file (`file:`) that the program reads, or leave it out here")
    });
    (kind.doubts)(args).into_iter().chain(shown).collect()
}

/// Shell is looked at word by word ([`crate::playbook`]), because its own commands have no argument list.
fn is_read_by_shell(shape: Shape) -> bool {
    matches!(shape, Shape::Shell)
}

/// Reads values in the shapes of their fields, and notes what is wrong.
struct Reader<'a> {
    diagnostics: Vec<Diagnostic>,
    /// What the host asks of the values that only it knows.
    questions: Vec<Script>,
    /// The expressions that the host evaluates.
    values: &'a BTreeMap<String, Arc<Expr>>,
}

impl Reader<'_> {
    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// A field of the step, which has its shape already but for the entries of a list.
    fn field(&mut self, field: &'static Field, arg: &Arg) -> Option<Arg> {
        let before = self.diagnostics.len();
        let value = match (&arg.value, field.shape) {
            (value, Shape::List(fields)) => self.list(field, fields, value, arg.span)?,
            (ArgValue::List(list), Shape::Texts) => ArgValue::List(split(field, list)),
            (ArgValue::Text(text), Shape::Mode) => ArgValue::Text(four_digits(text)),
            (ArgValue::Shell(shell), _) if field.judges.is_some() => self.judging(field, shell, arg.span)?,
            (value, _) => value.clone(),
        };
        self.content(field, &value, arg.span);
        (self.diagnostics.len() == before).then_some(Arg { span: arg.span, value })
    }

    /// Shell that judges new bytes, with the file that holds them in it.
    fn judging(&mut self, field: &Field, shell: &Script, span: Span) -> Option<ArgValue> {
        let filled = candidate::fill(shell.as_str());
        if filled.is_none() {
            let (message, hint) = candidate::fault(shell.as_str());
            self.report(Diagnostic::error(span, format!("`{}`: {message}", field.name)).hint(hint));
        }
        // Only a step that needs the function brings it along.
        self.questions.push(Script::author("pb_judge=pb_validate"));
        filled.map(ArgValue::Shell)
    }

    /// What a shape cannot say: emptiness and patterns.
    fn content(&mut self, field: &Field, value: &ArgValue, span: Span) {
        match value {
            ArgValue::Text(text) if field.required && text.raw().is_empty() => {
                self.report(Diagnostic::error(span, format!("`{}` is empty", field.name)));
            }
            ArgValue::Shell(script) if field.required && script.as_str().trim().is_empty() => {
                self.report(Diagnostic::error(span, format!("`{}` is empty", field.name)));
            }
            ArgValue::Text(text) => self.text(field, field.name, text, span),
            ArgValue::Integer(number) => self.text(field, field.name, &Text::new(number.to_string()), span),
            ArgValue::List(list) if list.is_empty() => {
                let empty = Diagnostic::error(span, format!("`{}` is an empty list", field.name));
                self.report(empty.hint("write at least one entry, or remove the key"));
            }
            ArgValue::List(list) => {
                for arg in list {
                    if let ArgValue::Text(text) = &arg.value {
                        self.text(field, field.name, text, arg.span);
                    }
                }
            }
            ArgValue::Map(map) => {
                for (name, name_span, arg) in map {
                    if let Some(names) = field.names {
                        self.matching(names, &Text::from(name.as_str()), *name_span);
                    }
                    if let ArgValue::Text(text) = &arg.value {
                        self.text(field, name, text, arg.span);
                    }
                }
            }
            ArgValue::Shell(_) | ArgValue::Bool(_) | ArgValue::File { .. } | ArgValue::Tree(_) => {}
        }
    }

    /// A text of a field, and what an error on the host calls it.
    fn text(&mut self, field: &Field, name: &str, text: &Text, span: Span) {
        self.questions.extend(question(field, name, text));
        if text.literal().is_none() {
            // Each value that the host can choose is known here.
            for one in possible(text, self.values).unwrap_or_default() {
                if field.required && one.is_empty() {
                    self.report(Diagnostic::error(span, format!("`{}` may be empty", field.name)));
                }
                self.known(field, &Text::new(one), span);
            }
            return;
        }
        self.known(field, text, span);
    }

    fn known(&mut self, field: &Field, text: &Text, span: Span) {
        // Of a local template, this is what is in it.
        if field.shape != Shape::LocalTemplate
            && let Err(diagnostic) = scalar(field.shape, text, span)
        {
            self.report(*diagnostic);
        }
        if let Some(pattern) = field.pattern {
            self.matching(pattern, text, span);
        }
    }

    fn matching(&mut self, pattern: &Pattern, text: &Text, span: Span) {
        if text.literal().is_some_and(|literal| !(pattern.fits)(literal)) {
            let shown: String =
                without_password(text).display().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let invalid = Diagnostic::error(span, format!("invalid {} `{shown}`", pattern.what));
            self.report(invalid.hint(pattern.hint));
        }
    }

    /// The entries of a list of maps, each with all its fields in the order of their declaration.
    fn list(&mut self, field: &Field, fields: &'static [Field], value: &ArgValue, span: Span) -> Option<ArgValue> {
        let single;
        let entries = if let ArgValue::List(list) = value {
            list
        } else {
            single = [Arg { span, value: value.clone() }];
            single.as_slice()
        };
        let before = self.diagnostics.len();
        let mut read: Vec<Arg> = Vec::new();
        for entry in entries {
            let Some(arg) = self.entry(field, fields, entry) else { continue };
            if field.unique
                && let Some(first) = read.iter().find(|known| first_field(known) == first_field(&arg))
            {
                let twice = Diagnostic::error(entry.span, format!("`{}` is given twice", arg_display(&arg)));
                self.diagnostics.push(twice.related(first.span, "first given here"));
            }
            read.push(arg);
        }
        (self.diagnostics.len() == before).then_some(ArgValue::List(read))
    }

    fn entry(&mut self, list: &Field, fields: &'static [Field], entry: &Arg) -> Option<Arg> {
        let mut given: Vec<(&Field, Arg)> = Vec::new();
        let mut complete = true;
        if let ArgValue::Map(map) = &entry.value {
            for (key, key_span, arg) in map {
                let Some(field) = fields.iter().find(|field| field.name == key) else {
                    let unknown = Diagnostic::error(*key_span, format!("`{}` has no field `{key}`", list.name));
                    let names = fields.iter().map(|field| field.name);
                    let hint = format!("its fields: {}", names.clone().collect::<Vec<_>>().join(", "));
                    self.report(unknown.label("unknown field").hint(hint).did_you_mean(key, names));
                    complete = false;
                    continue;
                };
                match self.shaped(field, arg) {
                    Some(arg) => given.push((field, arg)),
                    None => complete = false,
                }
            }
        } else {
            given.push((&fields[0], self.shaped(&fields[0], entry)?));
        }
        for field in fields.iter().filter(|field| field.required) {
            if complete && !given.iter().any(|(known, _)| known.name == field.name) {
                let missing =
                    Diagnostic::error(entry.span, format!("this entry of `{}` needs `{}`", list.name, field.name));
                self.report(missing.hint(field.doc.trim_end_matches('.')));
                complete = false;
            }
        }
        let nothing = |field: &Field| Arg { span: entry.span, value: ArgValue::Text(Text::from(field.default)) };
        let all = fields.iter().map(|field| {
            let arg = given.iter().find(|(known, _)| known.name == field.name).map(|(_, arg)| arg.clone());
            (field.name.to_owned(), entry.span, arg.unwrap_or_else(|| nothing(field)))
        });
        complete.then(|| Arg { span: entry.span, value: ArgValue::Map(all.collect()) })
    }

    /// A value inside an entry, which came without a shape, in the shape of its field.
    fn shaped(&mut self, field: &'static Field, arg: &Arg) -> Option<Arg> {
        let wrong = |wanted: &str| {
            Diagnostic::error(arg.span, format!("`{}`: expected {wanted}", field.name))
                .label(format!("expected {wanted}"))
        };
        let value = match (field.shape, &arg.value) {
            (Shape::Texts | Shape::Steps, ArgValue::Text(_)) => Ok(ArgValue::List(vec![arg.clone()])),
            (Shape::Texts, ArgValue::List(list)) if list.iter().all(|arg| matches!(arg.value, ArgValue::Text(_))) => {
                Ok(arg.value.clone())
            }
            (Shape::TextMap, ArgValue::Map(map))
                if map.iter().all(|(_, _, arg)| matches!(arg.value, ArgValue::Text(_))) =>
            {
                Ok(arg.value.clone())
            }
            (Shape::Texts | Shape::Steps, _) => Err(wrong("a text or a list of texts")),
            (Shape::TextMap, _) => Err(wrong("a map of names and texts")),
            (shape, ArgValue::Text(text)) => scalar(shape, text, arg.span).map_err(|mut diagnostic| {
                diagnostic.message = format!("`{}`: {}", field.name, diagnostic.message);
                *diagnostic
            }),
            _ => Err(wrong("text")),
        };
        match value {
            Ok(value) => self.field(field, &Arg { span: arg.span, value }),
            Err(diagnostic) => {
                self.report(diagnostic);
                None
            }
        }
    }
}

/// A text in the shape of its field, as far as it is known here.
fn scalar(shape: Shape, text: &Text, span: Span) -> Result<ArgValue, Box<Diagnostic>> {
    let Some(literal) = text.literal() else { return Ok(ArgValue::Text(text.clone())) };
    let written = Written { text: literal, quoted: false, span };
    Ok(match shape {
        Shape::Bool => ArgValue::Bool(value::boolean(written)?),
        Shape::Integer => ArgValue::Integer(value::integer(written)?),
        shape => {
            value::check(written, shape)?;
            ArgValue::Text(text.clone())
        }
    })
}

/// The texts of a list; where it is joined by commas, a text with commas in it counts as several.
fn split(field: &Field, list: &[Arg]) -> Vec<Arg> {
    let part = |arg: &Arg, text: &str| Arg { span: arg.span, value: ArgValue::Text(Text::new(text.trim())) };
    list.iter()
        .flat_map(|arg| match &arg.value {
            ArgValue::Text(text) if field.joined => text.raw().split(',').map(|text| part(arg, text)).collect(),
            _ => vec![arg.clone()],
        })
        .collect()
}

/// A file mode as `chmod` takes it and `stat` gives it.
fn four_digits(mode: &Text) -> Text {
    match mode.literal() {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Text::new(format!("{digits:0>4}")),
        _ => mode.clone(),
    }
}

fn first_field(entry: &Arg) -> Option<&ArgValue> {
    if let ArgValue::Map(map) = &entry.value { map.first().map(|(_, _, arg)| &arg.value) } else { None }
}

fn arg_display(entry: &Arg) -> String {
    first_field(entry).map_or_else(String::new, ArgValue::display)
}
