//! The kind of the worked example in `CONTRIBUTING.md`. It is compiled and tested here, and the document quotes its two
//! files, so that the example stays true.

use super::*;
use crate::script::{Script, Text};
use crate::source::{Sources, Span};

mod clock;

const DOCUMENT: &str = include_str!("../../CONTRIBUTING.md");

/// Compiles a step of the kind out of its rendered fields.
fn compiled(fields: &[(&'static str, ArgValue)]) -> Result<Recipe, Vec<String>> {
    let span = Span { source: Sources::default().add("x", ""), start: 0, end: 0 };
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, span, Arg { span, value: value.clone() })).collect();
    let messages = |found: Vec<crate::source::Diagnostic>| found.into_iter().map(|found| found.message).collect();
    clock::KIND
        .compile(&Args {
            span,
            fields: &fields,
            secretive: &std::collections::BTreeSet::new(),
            values: &std::collections::BTreeMap::new(),
        })
        .map_err(messages)
}

fn text(text: &str) -> ArgValue {
    ArgValue::Text(Text::from(text))
}

#[test]
fn a_declaration_is_a_kind() {
    let step = compiled(&[("zone", text("Europe/Vienna")), ("ntp", ArgValue::Bool(false))]).expect("a step");
    assert_eq!(step.subject, "Europe/Vienna");
    assert_eq!(step.assignments().as_str(), "arg_zone=Europe/Vienna arg_ntp=false arg_rtc=");
    assert_eq!(step.check, Some(Script::call("clock_check")));
    assert_eq!(step.apply, Script::call("clock_apply"));
    assert_eq!(
        step.equivalent_commands.expect("commands").as_str(),
        "timedatectl set-timezone Europe/Vienna\ntimedatectl set-ntp false"
    );
    assert_eq!((step.needs_root, step.needs[0].any_of), (true, ["timedatectl"].as_slice()));
    assert_eq!(compiled(&[("zone", text("a b"))]), Err(vec!["invalid time zone `a b`".to_owned()]));
}

#[test]
fn the_document_quotes_what_is_compiled() {
    for file in [include_str!("example/clock.rs"), include_str!("example/clock.sh")] {
        assert!(DOCUMENT.contains(file), "CONTRIBUTING.md lacks this text:\n{file}");
    }
    let (code, shell) = (include_str!("example/clock.rs").lines().count(), include_str!("example/clock.sh"));
    assert!(code <= 65, "the declaration has {code} lines");
    assert!(clock::KIND.shell == shell);
}
