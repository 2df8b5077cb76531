//! The only way in which pinboot writes shell: literal parts and quoted values.
//!
//! A *text* is what a template became: characters, and between them *holes* for what only the host knows (a registered
//! value, a fact, the login user's home) or may know (a secret). A hole is carried inside the string between two Unicode
//! noncharacters, which no playbook can contain (`node` refuses them); [`Text::parts`] takes them apart again.
//! A [`Script`] is made from `&'static str` literals and from texts that it quotes itself, so that no value can be
//! pasted into a shell line by accident.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// Opens a hole in a text (a noncharacter of Unicode, which no text contains).
pub const HOLE_OPEN: char = '\u{FDD0}';
/// Closes a hole in a text.
pub const HOLE_CLOSE: char = '\u{FDD1}';

/// The name that a use of a file gives one of the file's names among all variables; `key` is that of the use, in hexadecimal.
pub fn name_in_use(key: &str, name: &str) -> String {
    format!("u{}__{name}", key.get(..8).unwrap_or(key))
}

/// A name as its file has it, without what [`name_in_use`] puts in front.
pub fn own_name(name: &str) -> &str {
    let own = name.split_at_checked(11).filter(|(front, _)| {
        front.starts_with('u') && front.ends_with("__") && front[1..9].bytes().all(|b| b.is_ascii_hexdigit())
    });
    own.map_or(name, |(_, own)| own)
}

/// One part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Characters as they are.
    Characters(&'a str),
    /// The value that a step registered under this name.
    Registered(&'a str),
    /// A fact, or the value of an expression over facts and registered values.
    Host {
        /// The value's variable, without its prefix.
        name: &'a str,
        /// As it was written.
        written: &'a str,
    },
    /// The secret variable of this name.
    Secret(&'a str),
    /// A colon and what the environment variable of this name holds where the text is used; nothing where it is unset or empty.
    Current(&'a str),
}

/// Characters with holes in them: a rendered value that may become a shell word or a file's content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(String);

impl Text {
    /// Takes a rendered string, holes and all.
    pub fn new(rendered: impl Into<String>) -> Self {
        Self(rendered.into())
    }

    /// The hole for a registered value, to be put into a template's context.
    pub fn registered(name: &str) -> String {
        format!("{HOLE_OPEN}r:{name}{HOLE_CLOSE}")
    }

    /// The hole for a fact or an expression: the name of its variable, and what a playbook calls it.
    pub fn host(name: &str, written: &str) -> String {
        format!("{HOLE_OPEN}h:{name}:{written}{HOLE_CLOSE}")
    }

    /// The hole for a secret variable.
    pub fn secret(name: &str) -> String {
        format!("{HOLE_OPEN}s:{name}{HOLE_CLOSE}")
    }

    /// This text in front of what the environment variable of this name holds.
    #[must_use]
    pub fn before_current(&self, name: &str) -> Self {
        Self(format!("{}{HOLE_OPEN}c:{name}{HOLE_CLOSE}", self.0))
    }

    /// The text that stands in front of what an environment variable holds, where it does.
    pub fn in_front(&self) -> Option<Self> {
        let (front, _) = self.0.split_once(&format!("{HOLE_OPEN}c:"))?;
        Some(Self(front.to_owned()))
    }

    /// The string with its holes still coded; for digests and for further rendering, never for a person.
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// The characters, where there is no hole.
    pub fn literal(&self) -> Option<&str> {
        (!self.0.contains(HOLE_OPEN)).then_some(self.0.as_str())
    }

    /// As a person reads it: `{{ name }}` where a value of the host will stand, `***` for a secret.
    pub fn display(&self) -> String {
        self.parts().fold(String::new(), |mut out, part| {
            match part {
                Part::Characters(characters) => out.push_str(characters),
                Part::Registered(name) => write!(out, "{{{{ {} }}}}", own_name(name)).expect("a string takes all"),
                Part::Host { written, .. } => write!(out, "{{{{ {written} }}}}").expect("a string takes all"),
                Part::Secret(_) => out.push_str("***"),
                Part::Current(name) => write!(out, ":${name}").expect("a string takes all"),
            }
            out
        })
    }

    /// Takes the text apart.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let mut rest = self.0.as_str();
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            if let Some(inside) = rest.strip_prefix(HOLE_OPEN) {
                let (name, behind) = inside.split_once(HOLE_CLOSE).unwrap_or((inside, ""));
                rest = behind;
                return Some(match name.split_once(':') {
                    Some(("r", name)) => Part::Registered(name),
                    Some(("s", name)) => Part::Secret(name),
                    Some(("h", rest)) => {
                        let (name, written) = rest.split_once(':').unwrap_or((rest, rest));
                        Part::Host { name, written }
                    }
                    Some(("c", name)) => Part::Current(name),
                    _ => Part::Characters(""),
                });
            }
            let (characters, behind) = rest.split_at(rest.find(HOLE_OPEN).unwrap_or(rest.len()));
            rest = behind;
            Some(Part::Characters(characters))
        })
    }

    /// The text as exactly one word of POSIX shell, letter by letter: no `~/` is read in it (a file's content).
    pub fn quote_exactly(&self) -> String {
        let out = self.parts().fold(String::new(), |mut out, part| {
            match part {
                Part::Characters(characters) => out.push_str(&quote_word(characters)),
                Part::Registered(name) | Part::Host { name, .. } => {
                    write!(out, "\"$pb_r_{name}\"").expect("a string takes all");
                }
                Part::Secret(name) => write!(out, "\"$pb_s_{name}\"").expect("a string takes all"),
                Part::Current(name) => write!(out, "\"${{{name}:+:${name}}}\"").expect("a string takes all"),
            }
            out
        });
        if out.is_empty() { "''".to_owned() } else { out }
    }

    /// The text as exactly one word of POSIX shell, whatever it holds.
    ///
    /// A leading `~/` (or a lone `~`) is the home of the user that the step runs as, `$pb_home` on the host.
    pub fn quote(&self) -> String {
        if self.0 == "~" {
            return "\"$pb_home\"".to_owned();
        }
        match self.0.strip_prefix("~/") {
            Some("") => "\"$pb_home\"/".to_owned(),
            Some(rest) => format!("\"$pb_home\"/{}", Text::new(rest).quote_exactly()),
            None => self.quote_exactly(),
        }
    }
}

impl From<&str> for Text {
    fn from(characters: &str) -> Self {
        Self::new(characters)
    }
}

/// Words that a shell reads as its own where a command could stand.
const RESERVED: &[&str] = &[
    "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in", "select", "then",
    "time", "until", "while",
];

/// Quotes a text for POSIX sh: bare where every character is harmless wherever the word stands, between single quotes otherwise.
fn quote_word(characters: &str) -> String {
    let harmless = |b: u8| b.is_ascii_alphanumeric() || b"/._-+:,@%".contains(&b);
    if !characters.is_empty() && characters.bytes().all(harmless) && !RESERVED.contains(&characters) {
        return characters.to_owned();
    }
    format!("'{}'", characters.replace('\'', r"'\''"))
}

/// A piece of POSIX shell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Script(String);

impl Script {
    /// Fills a literal piece of shell: every `@{name}` is replaced by that text as one quoted word.
    ///
    /// # Panics
    /// Where the literal names a value that is not given, which is a bug of the caller.
    pub fn fill(literal: &'static str, values: &[(&str, &Text)]) -> Self {
        Self::fill_with(literal, |name| {
            let (_, text) =
                values.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no value for @{{{name}}}"));
            Self::quoted(text)
        })
    }

    /// Fills a literal piece of shell: every `@{name}` is replaced by what `value` gives for that name.
    pub fn fill_with(literal: &'static str, value: impl Fn(&str) -> Self) -> Self {
        let mut out = String::new();
        let mut rest = literal;
        while let Some((before, behind)) = rest.split_once("@{") {
            let (name, behind) = behind.split_once('}').expect("a closing brace");
            out.push_str(before);
            out.push_str(&value(name).0);
            rest = behind;
        }
        out.push_str(rest);
        Self(out)
    }

    /// A text as one quoted word.
    pub fn quoted(text: &Text) -> Self {
        Self(text.quote())
    }

    /// Texts as one word, which `eval "set -- …"` takes apart into a word for each of them.
    pub fn list(texts: &[Text]) -> Self {
        let words: Vec<String> = texts.iter().map(Text::quote).collect();
        Self(Self(words.join(" ")).as_word())
    }

    /// The call of a shell function without arguments.
    ///
    /// # Panics
    /// Where it is not the name of a function, which is a bug of the caller.
    pub fn call(function: &str) -> Self {
        assert!(
            !function.is_empty() && function.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'),
            "`{function}` is not the name of a shell function"
        );
        Self(function.to_owned())
    }

    /// Shell that the playbook's author wrote, its templates already rendered with quoted values.
    pub fn author(rendered: impl Into<String>) -> Self {
        Self(rendered.into())
    }

    /// Appends another piece of shell on its own line.
    pub fn line(&mut self, other: &Self) -> &mut Self {
        if !self.0.is_empty() && !self.0.ends_with('\n') {
            self.0.push('\n');
        }
        self.0.push_str(&other.0);
        self
    }

    /// Appends another piece of shell to the last line.
    pub fn append(&mut self, other: &Self) -> &mut Self {
        self.0.push_str(&other.0);
        self
    }

    /// Appends a text as one more word of the last line.
    pub fn word(&mut self, text: &Text) -> &mut Self {
        self.0.push(' ');
        self.0.push_str(&text.quote());
        self
    }

    /// The shell text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The shell text as one single-quoted word, to be stored in a program or handed to `eval`.
    pub fn as_word(&self) -> String {
        format!("'{}'", self.0.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_one_word_each() {
        let quoted = |s: &str| Text::from(s).quote();
        assert_eq!(quoted("plain-1.0_x/y:z"), "plain-1.0_x/y:z");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("it's; rm -rf /"), r"'it'\''s; rm -rf /'");
        assert_eq!(quoted("~/kafka dir"), r#""$pb_home"/'kafka dir'"#);
        assert_eq!(quoted("~"), r#""$pb_home""#);
        assert_eq!(quoted("a~/b"), "'a~/b'");
        assert_eq!(quoted("~other/b"), "'~other/b'");
        assert_eq!(quoted("while"), "'while'");
        assert_eq!(quoted("A=b"), "'A=b'");
        let mixed = Text::new(format!("~/x{}y z{}", Text::registered("out"), Text::secret("pw")));
        assert_eq!(mixed.quote(), r#""$pb_home"/x"$pb_r_out"'y z'"$pb_s_pw""#);
        assert_eq!(mixed.display(), "~/x{{ out }}y z***");
        assert_eq!(mixed.literal(), None);
    }

    #[test]
    fn a_script_is_filled_with_words() {
        let path = Text::from("a b");
        let mut script = Script::fill("test -e @{path} || needs_change", &[("path", &path)]);
        script.line(&Script::fill("touch", &[])).word(&path);
        assert_eq!(script.as_str(), "test -e 'a b' || needs_change\ntouch 'a b'");
        assert_eq!(
            script.as_word(),
            r"'test -e '\''a b'\'' || needs_change
touch '\''a b'\'''"
        );
    }
}
