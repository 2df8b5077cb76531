//! Shell that judges new bytes before they are in place: `{}` in it stands for the file that holds them.

use super::Args;
use crate::script::{Script, Text};

/// What `{}` becomes; `pb_validate` sets the variable.
const CANDIDATE: &str = "\"$pb_candidate\"";

/// What is wrong with a text that names the file nowhere, and what to do.
pub(super) fn fault(shell: &str) -> (&'static str, &'static str) {
    if shell.contains("{}") {
        (
            "`{}` stands between quotes, where it is two plain characters",
            "write it without quotes: it is one word, whatever the path holds",
        )
    } else if shell.contains("%s") {
        ("`%s` has no meaning here", "write `{}` for the file with the new bytes, as in `visudo -cf {}`")
    } else {
        (
            "the command does not name the file that it is to judge",
            "write `{}` for the file with the new bytes, as in `visudo -cf {}`",
        )
    }
}

/// What a piece of shell is inside of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Single,
    Double,
    /// `$(…)` or `(…)`.
    Parentheses,
}

/// The shell with the file in the place of each `{}` outside of quotes; `None` where there is none.
pub(super) fn fill(shell: &str) -> Option<Script> {
    let (mut out, mut before, mut found) = (String::new(), ' ', false);
    let mut inside: Vec<Inside> = Vec::new();
    let mut rest = shell;
    while let Some(c) = rest.chars().next() {
        let here = inside.last().copied();
        let is_code = !matches!(here, Some(Inside::Single | Inside::Double));
        if is_code && rest.starts_with("{}") && before != '$' {
            out.push_str(CANDIDATE);
            rest = &rest[2..];
            (found, before) = (true, '}');
            continue;
        }
        let mut length = c.len_utf8();
        match c {
            '\\' if here != Some(Inside::Single) => length += rest[1..].chars().next().map_or(0, char::len_utf8),
            '#' if is_code && before.is_whitespace() => length = rest.find('\n').unwrap_or(rest.len()),
            '\'' if here == Some(Inside::Single) => drop(inside.pop()),
            '\'' if is_code => inside.push(Inside::Single),
            '"' if here == Some(Inside::Double) => drop(inside.pop()),
            '"' if is_code => inside.push(Inside::Double),
            '(' if is_code || before == '$' && here == Some(Inside::Double) => inside.push(Inside::Parentheses),
            ')' if here == Some(Inside::Parentheses) => drop(inside.pop()),
            _ => {}
        }
        out.push_str(&rest[..length]);
        rest = &rest[length..];
        before = c;
    }
    found.then(|| Script::author(out))
}

/// The shell of a field that judges new bytes, as a user would type it about those in `PATH.new`.
pub(super) fn judgement(args: &Args<'_>, name: &str, path: &Text) -> Script {
    let file = Text::new(format!("{}.new", path.raw()));
    args.shell(name).map_or_else(Script::default, |shell| about(shell, &file))
}

/// An edit as a person would type it: what prints the new text of a file, what judges it, and what puts it into place with the mode and
/// the owner that the file has.
pub(super) fn edited(args: &Args<'_>, path: &Text, printing: &Script) -> Script {
    let file = Text::new(format!("{}.new", path.raw()));
    let words = [("path", path), ("file", &file)];
    let mut script = Script::default();
    if args.is_set("create") {
        script.line(&Script::fill("touch @{path}", &words));
    }
    script.line(printing).append(&Script::fill(" >@{file}", &words));
    if args.is_given("validate") {
        script.line(&judgement(args, "validate", path));
    }
    script.line(&Script::fill("cat @{file} >@{path} && rm @{file}", &words));
    script
}

/// The same shell about another file.
fn about(shell: &Script, file: &Text) -> Script {
    Script::author(shell.as_str().replace(CANDIDATE, &file.quote()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_one_word_wherever_no_quote_is_open() {
        let filled = |text| fill(text).map(|script| script.as_str().to_owned());
        for (text, wanted) in [
            ("visudo -cf {}", Some("visudo -cf \"$pb_candidate\"")),
            ("nginx -t -c {} && test -s {}", Some("nginx -t -c \"$pb_candidate\" && test -s \"$pb_candidate\"")),
            ("check --file={}", Some("check --file=\"$pb_candidate\"")),
            ("awk '{}' {} \"{}\" \\{}", Some("awk '{}' \"$pb_candidate\" \"{}\" \\{}")),
            ("'it'\\''s' {} # {}", Some("'it'\\''s' \"$pb_candidate\" # {}")),
            ("test \"$(cat {})\" = 1 {}", Some("test \"$(cat \"$pb_candidate\")\" = 1 \"$pb_candidate\"")),
            ("test \"$(cat '{}' \"{}\")\"", None),
            ("(cat {})", Some("(cat \"$pb_candidate\")")),
            ("visudo -cf", None),
            ("visudo -cf \"{}\"", None),
            ("true # {}", None),
            ("echo ${}", None),
            ("", None),
        ] {
            assert_eq!(filled(text).as_deref(), wanted, "{text}");
        }
        let shown = about(&fill("a {}").expect("it names the file"), &Text::from("~/b c"));
        assert_eq!(shown.as_str(), "a \"$pb_home\"/'b c'");
    }
}
