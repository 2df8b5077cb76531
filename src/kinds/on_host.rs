//! What the host is asked of values that only it knows, before they are used.
//!
//! A written value is validated here, before anything is sent. A registered value or a secret is validated on the host, by
//! the same declaration of its field: its shape, and its [`Pattern`].

use super::{ArgValue, Field, Pattern, Shape};
use crate::script::{Script, Text};

/// What stands in front of a value that would be taken for an option.
const HERE: &str = "./";

/// The question about one value of a field; `None` where the value is known here, or where every text will do.
pub(super) fn question(field: &Field, name: &str, text: &Text) -> Option<Script> {
    if text.literal().is_some() {
        return None;
    }
    let mut questions: Vec<(String, &str, &str)> = Vec::new();
    if field.required {
        questions.push(("[ -n \"$pb_value\" ]".to_owned(), "value", "it is empty"));
    }
    questions.extend(shape(field));
    questions.extend(field.pattern.map(|Pattern { what, on_host, hint, .. }| ((*on_host).to_owned(), *what, *hint)));
    if questions.is_empty() {
        return None;
    }
    let name = Text::from(name);
    let asked = questions.into_iter().map(|(question, what, hint)| {
        let mut line = Script::author(format!("{question} || pb_invalid"));
        line.word(&Text::from(what)).word(&name).word(&Text::from(hint));
        line
    });
    let value = text.quote();
    let mut script = if field.joined {
        Script::author(format!(
            "pb_rest={value},; while [ -n \"$pb_rest\" ]; do pb_value=${{pb_rest%%,*}} pb_rest=${{pb_rest#*,}}"
        ))
    } else {
        Script::author(format!("pb_value={value}"))
    };
    for line in asked {
        script.line(&line);
    }
    if field.joined {
        script.line(&Script::author("done"));
    }
    if let Some(line) = normal(field) {
        script.line(&line);
    }
    Some(script)
}

/// What the shape asks, in words: the question, what the text is, and a hint.
fn shape(field: &Field) -> Option<(String, &'static str, &'static str)> {
    let (question, what, hint) = match field.shape {
        Shape::Path => (
            "case $pb_value in '' | *'\n'* | *'$'[a-zA-Z_'{(']* | '~'[!/]*) false ;; esac".to_owned(),
            "path",
            "a path is one line, and no shell reads it",
        ),
        Shape::Bool => {
            ("case $pb_value in true | false) ;; *) false ;; esac".to_owned(), "value", "write `true` or `false`")
        }
        Shape::Integer => (
            "case $pb_value in '' | *[!0-9]*) false ;; *) [ ${#pb_value} -lt 19 ] ;; esac".to_owned(),
            "number",
            "a whole number",
        ),
        Shape::Mode => (
            "case $pb_value in *[!0-7]*) false ;; ??? | ????) ;; *) false ;; esac".to_owned(),
            "file mode",
            "three or four octal digits, such as `0644`",
        ),
        Shape::OneOf(words) => (
            format!("case $pb_value in {}) ;; *) false ;; esac", words.join(" | ")),
            "value",
            "one of the words that the field takes",
        ),
        Shape::Text
        | Shape::Texts
        | Shape::Steps
        | Shape::TextMap
        | Shape::Values
        | Shape::List(_)
        | Shape::Shell
        | Shape::Conditions
        | Shape::LocalPath
        | Shape::LocalTree
        | Shape::LocalTemplate
        | Shape::LocalTarget => return None,
    };
    Some((question, what, hint))
}

/// Brings a value that only the host knows into the form that the shell of the kind reads.
fn normal(field: &Field) -> Option<Script> {
    let line = match field.shape {
        Shape::Path => format!("case $arg_{0} in -*) arg_{0}=./$arg_{0} ;; esac", field.name),
        Shape::Mode => format!("case $arg_{0} in ???) arg_{0}=0$arg_{0} ;; esac", field.name),
        _ => return None,
    };
    // A field that the shell does not read has no variable.
    Some(Script::author(format!("[ -z \"${{arg_{}-}}\" ] || {line}", field.name)))
}

/// A value as the kind's shell reads it: a path that begins with `-` would be an option to many programs.
pub(super) fn operand(field: &Field, value: &ArgValue) -> ArgValue {
    match value {
        ArgValue::Text(text) if field.shape == Shape::Path && text.raw().starts_with('-') => {
            ArgValue::Text(Text::new(format!("{HERE}{}", text.raw())))
        }
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::kinds::KINDS;

    /// What hosts print and people store.
    const ODD: &[&str] = &[
        "# {mark} x",
        "ini",
        "started",
        "STANDARD",
        "{mark}{mark}",
        " {mark} ",
        "@daily",
        "* * * * *",
        "",
        " ",
        "-",
        "--eval=%(id)",
        "-rf",
        "a",
        "a b",
        "a\nb",
        "a\rb",
        "a\tb",
        "a/",
        "/",
        "..",
        ".",
        "~",
        "~/a",
        "*",
        "a:b",
        "0",
        "7",
        "08",
        "0644",
        "644",
        "200",
        "90s",
        "64",
        "99999999999999999999",
        "-1",
        "1.8",
        "3.11",
        "1:1.5",
        "true",
        "yes",
        "$(id)",
        "`id`",
        "a;b",
        "a'b",
        "a\"b",
        "\\",
        "h\u{e9}",
        "http://h",
        "https://h/a?b#c",
        "HTTPS://h/",
        "file:///etc/shadow",
        "http:///x",
        "http://h/\nurl=file:///etc/shadow",
        "https://h/a b",
        "b-1:9098",
        "b-1:",
        ":1",
        "b",
        "--reference=/etc/shadow",
        "#0",
        "present",
        "always",
        "docker",
        "up",
        "absent",
        "user",
        "bash",
        "getty@tty1",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "$6$salt$hash",
        "9DC858229FC7DD38854AE2D88D81803C0EBFCD88",
        "/srv/x.git",
        "git@h:x",
        "ext::sh -c id",
        "ext::id",
        "v1.2",
        "a..b",
        "a@{1}",
        "12",
        "!",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA joe@laptop",
        "restrict ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA==",
        "xssh-rsa AAAAB3Nz",
        "ssh-rsa AAAA",
        "ssh-rsa AAAAx=y",
        "ssh-rsa",
        "2G",
        "02G",
        "2030-12-31",
        "select",
        "postgresql",
    ];

    fn fields() -> Vec<Field> {
        let inside = |field: &Field| if let Shape::List(fields) = field.shape { fields.to_vec() } else { Vec::new() };
        KINDS.iter().flat_map(|kind| kind.fields).flat_map(|field| [vec![*field], inside(field)].concat()).collect()
    }

    /// Whether a shell lets each of the odd values through.
    #[expect(clippy::disallowed_methods, reason = "the questions are shell")]
    fn accepted(asked_there: &Script) -> Vec<bool> {
        let mut script = String::from("pb_invalid() { exit 1; }\nLC_ALL=C\n");
        for odd in ODD {
            let value = Text::from(*odd).quote_exactly();
            script +=
                &format!("if (set -eu; pb_r_v={value}\n{}\n); then echo y; else echo n; fi\n", asked_there.as_str());
        }
        let mut sh = Command::new("sh").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sh");
        sh.stdin.take().expect("piped").write_all(script.as_bytes()).expect("written");
        let output = sh.wait_with_output().expect("ended");
        let lines: Vec<bool> = String::from_utf8_lossy(&output.stdout).lines().map(|line| line == "y").collect();
        assert_eq!(lines.len(), ODD.len(), "{}", asked_there.as_str());
        lines
    }

    /// What a playbook with the same text is answered.
    fn is_valid(field: &Field, text: &str) -> bool {
        let span = crate::source::Span { source: crate::source::Sources::default().add("x", ""), start: 0, end: 0 };
        let written = super::super::value::Written { text, quoted: false, span };
        let parts: Vec<&str> = if field.joined { text.split(',').collect() } else { vec![text] };
        !(field.required && text.is_empty())
            && super::super::value::check(written, field.shape).is_ok()
            && field.pattern.is_none_or(|pattern| parts.iter().all(|part| (pattern.fits)(part)))
    }

    #[test]
    fn the_host_lets_nothing_through_that_a_playbook_may_not_say() {
        let hole = Text::new(Text::registered("v"));
        let mut asked = 0;
        for field in fields() {
            let Some(asked_there) = question(&field, field.name, &hole) else {
                assert!(field.pattern.is_none() && !field.required, "{}: no question", field.name);
                continue;
            };
            asked += 1;
            for (odd, accepted) in ODD.iter().zip(accepted(&asked_there)) {
                assert!(
                    !accepted || is_valid(&field, odd),
                    "`{}` lets {odd:?} through:\n{}",
                    field.name,
                    asked_there.as_str()
                );
            }
            let some = ODD.iter().zip(accepted(&asked_there)).filter(|(_, accepted)| *accepted).count();
            assert!(some > 0 || field.name == "sha512", "`{}` lets nothing through", field.name);
        }
        assert!(asked > 20, "{asked}");
    }

    #[test]
    fn a_value_that_is_known_is_not_asked_about() {
        for field in fields() {
            assert_eq!(question(&field, field.name, &Text::from("x")), None);
        }
    }
}
