//! Typed access to a step's rendered fields, and the checks that several kinds share.
//!
//! The parser has matched every value with the [`Shape`](super::Shape) of its field, so the accessors that name a
//! shape only fetch; what stays to be checked is what a shape cannot say.

use super::{Arg, ArgValue, Args};
use crate::script::{Script, Text};
use crate::source::{Diagnostic, Span};

/// Says that the table of a kind and its `compile` disagree, which no playbook can cause.
fn mismatch(name: &str, value: &ArgValue) -> ! {
    panic!("the field `{name}` is declared with another shape than {value:?}")
}

impl<'a> Args<'a> {
    /// The field of this name, where it was given.
    pub fn get(&self, name: &str) -> Option<&'a Arg> {
        self.fields.iter().find(|(known, _, _)| *known == name).map(|(_, _, arg)| arg)
    }

    /// The place of the field's key, where it was given.
    pub fn key(&self, name: &str) -> Option<Span> {
        self.fields.iter().find(|(known, _, _)| *known == name).map(|(_, span, _)| *span)
    }

    /// A `Text`, `Path`, `Mode`, `OneOf` or `LocalTemplate` field.
    pub fn text(&self, name: &str) -> Option<&'a Text> {
        self.get(name).map(|arg| match &arg.value {
            ArgValue::Text(text) => text,
            other => mismatch(name, other),
        })
    }

    /// A `Shell` field.
    pub fn shell(&self, name: &str) -> Option<&'a Script> {
        self.get(name).map(|arg| match &arg.value {
            ArgValue::Shell(script) => script,
            other => mismatch(name, other),
        })
    }

    /// A `Bool` field; `default` where it was not given.
    pub fn flag(&self, name: &str, default: bool) -> bool {
        self.get(name).map_or(default, |arg| match &arg.value {
            ArgValue::Bool(flag) => *flag,
            other => mismatch(name, other),
        })
    }

    /// An `Integer` field.
    pub fn integer(&self, name: &str) -> Option<u64> {
        self.get(name).map(|arg| match &arg.value {
            ArgValue::Integer(number) => *number,
            other => mismatch(name, other),
        })
    }

    /// A `Texts` field, each text with its place; empty where it was not given.
    pub fn texts(&self, name: &str) -> Vec<(Span, &'a Text)> {
        match self.get(name).map(|arg| (arg.span, &arg.value)) {
            None => Vec::new(),
            Some((span, ArgValue::Text(text))) => vec![(span, text)],
            Some((_, ArgValue::List(list))) => list
                .iter()
                .map(|arg| match &arg.value {
                    ArgValue::Text(text) => (arg.span, text),
                    other => mismatch(name, other),
                })
                .collect(),
            Some((_, other)) => mismatch(name, other),
        }
    }

    /// A text field that the kind cannot do without; leaves a diagnostic and stands in with an empty text otherwise.
    pub(super) fn required(&self, name: &str, faults: &mut Vec<Diagnostic>) -> Text {
        match self.text(name) {
            Some(text) if text.raw().is_empty() => {
                faults.push(Diagnostic::error(self.place(name), format!("`{name}` is empty")));
                Text::default()
            }
            Some(text) => text.clone(),
            None => {
                faults.push(Diagnostic::error(self.span, format!("this step needs `{name}`")));
                Text::default()
            }
        }
    }

    /// The place of the field's value, or of the kind where the field was not given.
    pub(super) fn place(&self, name: &str) -> Span {
        self.get(name).map_or(self.span, |arg| arg.span)
    }

    /// An octal file mode as `chmod` takes it, or an empty text; leaves a diagnostic for anything else.
    pub(super) fn mode(&self, name: &str, faults: &mut Vec<Diagnostic>) -> Text {
        let Some(text) = self.text(name) else { return Text::default() };
        let octal = |letters: &str| matches!(letters.len(), 3 | 4) && letters.bytes().all(|b| matches!(b, b'0'..=b'7'));
        match text.literal() {
            Some(letters) if octal(letters) => Text::new(format!("{letters:0>4}")),
            _ => {
                let fault = format!("`{}` is no file mode", text.display());
                faults.push(
                    Diagnostic::error(self.place(name), fault).hint("write three or four octal digits, as in 0644"),
                );
                Text::default()
            }
        }
    }

    /// The URLs of a `Texts` field, each of a kind that a host may be asked to fetch.
    pub(super) fn urls(&self, name: &str, faults: &mut Vec<Diagnostic>) -> Vec<Text> {
        let urls = self.texts(name);
        if urls.is_empty() && self.get(name).is_some() {
            faults.push(Diagnostic::error(self.place(name), format!("`{name}` names no address")));
        }
        for (span, url) in &urls {
            if let Some((message, hint)) = url_fault(url) {
                faults.push(Diagnostic::error(*span, message).hint(hint));
            }
        }
        urls.into_iter().map(|(_, url)| url.clone()).collect()
    }

    /// The algorithm and the digits of `sha256` or `sha512`; two empty texts where neither was given.
    pub(super) fn digest(&self, faults: &mut Vec<Diagnostic>) -> (Text, Text) {
        if let (Some(_), Some(second)) = (self.key("sha256"), self.key("sha512")) {
            faults.push(Diagnostic::error(second, "one checksum is enough: give `sha256` or `sha512`"));
        }
        for (name, digits) in [("sha256", 64), ("sha512", 128)] {
            let Some(text) = self.text(name) else { continue };
            if let Some(letters) = text.literal()
                && (letters.len() != digits || !letters.bytes().all(|b| b.is_ascii_hexdigit()))
            {
                let fault = format!("`{name}` is not {digits} hexadecimal digits");
                let hint = format!("write what `{name}sum FILE` prints in front of the file's name");
                faults.push(Diagnostic::error(self.place(name), fault).hint(hint));
            }
            return (
                Text::from(name),
                text.literal().map_or_else(|| text.clone(), |t| Text::new(t.to_ascii_lowercase())),
            );
        }
        (Text::default(), Text::default())
    }
}

/// What is wrong with an address, and what to do; holes are taken on trust.
fn url_fault(url: &Text) -> Option<(String, &'static str)> {
    let letters = url.display();
    let coded = url.raw();
    if coded.is_empty() {
        return Some(("the address is empty".to_owned(), "write the whole URL, beginning with https://"));
    }
    if coded.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Some((format!("the address `{letters}` has a blank in it"), "write a blank of a URL as %20"));
    }
    if coded.starts_with(crate::script::HOLE_OPEN) {
        return None;
    }
    let lower = coded.to_ascii_lowercase();
    let Some(behind) = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")) else {
        return Some((format!("`{letters}` is no address to download from"), "only https:// and http:// are fetched"));
    };
    if behind.is_empty() || behind.starts_with('/') {
        return Some((format!("`{letters}` names no host"), "write the whole URL, as in https://example.org/file.zip"));
    }
    None
}

/// The last part of a URL's path: the name that the file has there; `None` where the path ends in a slash.
pub(super) fn file_name(url: &Text) -> Option<Text> {
    let coded = url.raw();
    let path = coded.split(['?', '#']).next().unwrap_or_default();
    let (_, behind_scheme) = path.split_once("://").unwrap_or(("", path));
    let (_, name) = behind_scheme.rsplit_once('/')?;
    (!name.is_empty() && name != "." && name != "..").then(|| Text::new(name))
}

/// Whether a text holds a secret, so that no message may show it.
pub(super) fn is_secret(text: &Text) -> bool {
    text.parts().any(|part| matches!(part, crate::script::Part::Secret(_)))
}

/// The recipe, unless there are faults.
pub(super) fn finish(recipe: super::Recipe, faults: Vec<Diagnostic>) -> Result<super::Recipe, Vec<Diagnostic>> {
    if faults.is_empty() { Ok(recipe) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use super::{file_name, url_fault};
    use crate::script::Text;

    #[test]
    fn an_address_is_looked_at_before_anything_is_sent() {
        let fault = |url: &str| url_fault(&Text::from(url)).map(|(message, _)| message);
        assert_eq!(fault("https://example.org/a.zip"), None);
        assert_eq!(fault("HTTP://example.org"), None);
        assert_eq!(fault(""), Some("the address is empty".to_owned()));
        assert_eq!(
            fault("https://example.org/a b"),
            Some("the address `https://example.org/a b` has a blank in it".to_owned())
        );
        assert_eq!(fault("file:///etc/passwd"), Some("`file:///etc/passwd` is no address to download from".to_owned()));
        assert_eq!(fault("https:///x"), Some("`https:///x` names no host".to_owned()));
        assert_eq!(url_fault(&Text::new(Text::registered("url"))), None);
    }

    #[test]
    fn a_file_has_the_name_that_its_address_ends_with() {
        let name = |url: &str| file_name(&Text::from(url)).map(|name| name.raw().to_owned());
        assert_eq!(name("https://example.org/dist/kafka.tgz?x=1/2#y"), Some("kafka.tgz".to_owned()));
        assert_eq!(name("https://example.org/dist/"), None);
        assert_eq!(name("https://example.org"), None);
        assert_eq!(name("https://example.org/.."), None);
    }
}
