use super::decode::MAX_BYTES;
use super::*;
use crate::source::Sources;

/// Every error as `line:column message`.
fn diagnostics(text: &str) -> Vec<String> {
    let mut sources = Sources::default();
    let id = sources.add("p.yml", text);
    parse(id, text)
        .expect_err(text)
        .iter()
        .map(|error| {
            let (line, column) = sources.line_column(error.span.expect("a place"));
            format!("{line}:{column} {}", error.message)
        })
        .collect()
}

fn read(text: &str) -> Node {
    let id = Sources::default().add("p.yml", text);
    parse(id, text).unwrap_or_else(|diagnostics| panic!("{text:?}: {diagnostics:?}"))
}

fn value(text: &str) -> String {
    match read(text).value {
        Value::Map(entries) => entries[0].value.as_text().unwrap_or("(not a scalar)").to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn scalars_keep_their_text() {
    for text in ["2.10", "0644", "12e034567890", "000123456789", "yes", "0x1F", "1_000", "12:30:45", ".5", "NO"] {
        assert_eq!(value(&format!("v: {text}")), text);
    }
    assert_eq!(value("v: 'a''b'"), "a'b");
    assert_eq!(value("\u{feff}v: |\r\n  a\r\n  b\r\n"), "a\nb\n");
    assert_eq!(value("v: |\r  a\r  b\r"), "a\nb\n");
    assert!(matches!(&read("v:").value, Value::Map(e) if e[0].value.value == Value::Null));
    assert!(matches!(&read("v: ~").value, Value::Map(e) if e[0].value.value == Value::Null));
    assert_eq!(value("v: \"~\""), "~");
}

#[test]
fn errors_are_reported_where_they_are() {
    let cases: &[(&str, &[&str])] = &[
        ("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n", &["4:3 the key `c` is given twice", "5:1 the key `a` is given twice"]),
        (
            "a: &x 1\nb: *x\nc: !t 2\nd: {<<: 1}\n",
            &[
                "1:4 YAML anchors are not allowed in playbooks",
                "2:4 YAML aliases are not allowed in playbooks",
                "3:4 YAML tags are not allowed in playbooks",
                "4:5 YAML merge keys are not allowed in playbooks",
            ],
        ),
        ("a: 1\n---\nb: 2\n", &["2:1 a second document starts here"]),
        ("a:\n\tb: 1\n", &["2:2 a tab cannot indent YAML"]),
        (
            "a: \"x\\0y\"\nb: \"\\e[31m\"\n",
            &[
                "1:6 a NUL byte is not allowed in a playbook",
                "2:5 the control character U+001B is not allowed in a playbook",
            ],
        ),
        (
            "a: x\u{1b}y\nb: \u{0}\n",
            &[
                "1:5 the control character U+001B is not allowed in a playbook",
                "2:4 a NUL byte is not allowed in a playbook",
            ],
        ),
        ("a: \u{fdd0}\n", &["1:4 the noncharacter U+FDD0 is not allowed in a playbook"]),
        ("a: \"\\uFDD1\"\n", &["1:5 the noncharacter U+FDD1 is not allowed in a playbook"]),
        (
            "a: {{ x }}\nb: [{{ y }}]\n",
            &["1:4 a value that starts with `{{` needs quotes", "2:5 a value that starts with `{{` needs quotes"],
        ),
        ("a: {{ x }}/bin\n", &["1:4 a value that starts with `{{` needs quotes"]),
        ("s:\n  - run: {{ x }} y\n", &["2:10 a value that starts with `{{` needs quotes"]),
        ("a: 'x\n", &["1:4 a quote is opened here and never closed"]),
        ("a: \"b\" in c\n", &["1:8 there is text after the closing quote"]),
        ("a: [x\n", &["1:4 `[` is opened here and never closed"]),
        ("a: b: c\n", &["1:5 a second `: ` on one line"]),
        ("? [a]\n: b\n", &["1:3 a key must be text"]),
    ];
    for (text, expected) in cases {
        assert_eq!(&diagnostics(text), expected, "{text:?}");
    }
}

#[test]
fn what_follows_an_error_is_read() {
    let keys = |text: &str| {
        let id = Sources::default().add("p.yml", text);
        let document = super::read(id, text);
        assert!(!document.diagnostics.is_empty(), "{text:?}");
        match document.root?.value {
            Value::Map(entries) => Some(
                entries
                    .iter()
                    .map(|entry| {
                        let broken = if entry.broken { "!" } else { "" };
                        let value = match &entry.value.value {
                            Value::Broken { text, .. } => format!("({text})"),
                            _ => entry.value.as_text().unwrap_or(entry.value.shape_name()).to_owned(),
                        };
                        format!("{broken}{}={value}", entry.key)
                    })
                    .collect::<Vec<_>>()
                    .join(" "),
            ),
            other => panic!("{other:?}"),
        }
    };
    let cases: &[(&str, Option<&str>)] = &[
        ("a: 1\na: 2\nb: 3\n", Some("a=1 !a=2 b=3")),
        ("a: {{ x }}\nb: 1\n", Some("a={{ x }} b=1")),
        ("a: {{ x }} \"y\"\nb: 1\n", Some("a={{ x }} \"y\" b=1")),
        ("a: {{ x }} y: z\nb: {{ z }}/w # c\n", Some("a={{ x }} y: z b={{ z }}/w")),
        ("{{ x }}: y\nb: 1\n", Some("!{{ x }}=y b=1")),
        ("a: *x\nb: 1\n", Some("a=() b=1")),
        ("a: &x 1\nb: !y\nc: !z [q]\n", Some("a=(1) b=() c=a list")),
        ("<<: x\n? [k]\n: y\nb: 1\n", Some("!<<=x !=y b=1")),
        ("a: x\u{1b}y^\nb: p^q\nc: \"\\e\"\n", Some("a=(x\u{fffd}y\u{fffd}) b=p^q c=(\u{fffd})")),
        ("a: {{ x }} y\nb: 'c\n", None),
        ("a: 1\n---\nb: 2\n", None),
    ];
    for (text, expected) in cases {
        assert_eq!(keys(text).as_deref(), *expected, "{text:?}");
    }
    let said = diagnostics("a: {{ x }} y\nb: 'c\n");
    assert_eq!(said, ["1:4 a value that starts with `{{` needs quotes", "2:4 a quote is opened here and never closed"]);
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = format!("a: {}", "[".repeat(100_000));
    assert_eq!(diagnostics(&deep), ["1:36 lists and maps are nested more than 32 deep"]);
    let blocks = (0..500).fold(String::new(), |text, depth| format!("{text}{}a:\n", " ".repeat(depth)));
    assert_eq!(diagnostics(&blocks), ["33:33 lists and maps are nested more than 32 deep"]);
    assert_eq!(diagnostics(&"#".repeat(MAX_BYTES + 1)), ["1:1 the file has 1048577 bytes"]);
    read(&format!("a: {}1{}", "[".repeat(31), "]".repeat(31)));
}

#[test]
fn bytes_that_are_not_utf8_are_reported() {
    let message = |bytes: &[u8]| decode("p.yml", bytes.to_vec()).expect_err("refused").message;
    assert_eq!(message(b"\xff\xfea\0"), "p.yml is UTF-16 text");
    assert_eq!(message(b"a: 1\nb: \xe9\n"), "p.yml:2:4: the byte 0xe9 is not UTF-8");
    assert_eq!(decode("p.yml", b"a: \xc3\xa9".to_vec()).as_deref(), Ok("a: é"));
}
