//! `expect`: waits until something holds on the host, and changes nothing.
//!
//! A connection that is refused or reset is an answer as any other: it is asked again until the time is up, and no attempt takes
//! longer than what is left of it. With `--check` it is asked once.

use super::address::URL;
use super::field::{integer, path, shell, text, texts};
use super::rule::{exactly_one, only_with};
use super::{Args, Kind, Pattern, Recipe};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

/// A duration as the options of a step have it.
const DURATION: Pattern = Pattern {
    what: "duration",
    fits: |text| seconds(text).is_some(),
    on_host: "case $pb_value in *[!0-9]*[!smh] | '' | [!0-9]* | *[!0-9smh]* | *[smh]*[smh] | ??????????*) false ;; *[smh]) ;; *) false ;; esac",
    hint: "write it like `90s`, `5m` or `1h30m`",
};

/// An HTTP status, or all of a hundred.
const STATUS: Pattern = Pattern {
    what: "HTTP status",
    fits: |text| {
        let bytes = text.as_bytes();
        bytes.len() == 3
            && (b'1'..=b'5').contains(&bytes[0])
            && (text.ends_with("xx") || bytes[1..].iter().all(u8::is_ascii_digit))
    },
    on_host: "case $pb_value in [1-5][0-9][0-9] | [1-5]xx) ;; *) false ;; esac",
    hint: "write a number such as `200`, or `2xx` for all that begin with it",
};

const PORT: Pattern = Pattern {
    what: "port",
    fits: |text| text.parse::<u16>().is_ok_and(|port| port > 0),
    on_host: "case $pb_value in '' | *[!0-9]* | 0* | ??????*) false ;; *) [ \"$pb_value\" -le 65535 ] ;; esac",
    hint: "a number from 1 to 65535",
};

/// How often in a row, at most: each time costs a pause.
const TIMES: Pattern = Pattern {
    what: "number of answers",
    fits: |text| text.parse::<u16>().is_ok_and(|times| (1..=1000).contains(&times)),
    on_host: "case $pb_value in [1-9] | [1-9][0-9] | [1-9][0-9][0-9]) ;; *) false ;; esac",
    hint: "a number from 1 to 1000",
};

const HOST: Pattern = Pattern {
    what: "name of a host",
    fits: |host| {
        !host.is_empty()
            && !host.starts_with('-')
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:".contains(&b))
    },
    on_host: "case $pb_value in '' | -* | *[!A-Za-z0-9._:-]*) false ;; esac",
    hint: "a name or an address, without a port",
};

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Waits until something holds: an address answers, a port is open, a file or a line is there, a command succeeds. It changes nothing.",
    check: "none: it is asked in each run, and once with `--check`. Where it holds, the step is unchanged; where it does not hold in time, it has failed, and the last answer is shown",
    fields: &[
        text("url", "An http:// or https:// address that must answer.").matching(&URL),
        texts("status", "With `url`: the status of the answer, or a list of them; by default one that begins with 2. Redirects are followed unless a 3xx is wanted.")
            .matching(&STATUS),
        text("body", "With `url`: what the answer must hold somewhere."),
        integer("port", "A TCP port on which a program listens.").matching(&PORT),
        text("host", "With `port`: another host to which a connection must be possible; without it, this one's own sockets are looked at.")
            .matching(&HOST),
        path("path", "A path that must be there."),
        path("log", "A file in which `line` must be."),
        text("line", "With `log`: a piece of a line, letter by letter."),
        shell("command", "Shell that must succeed."),
        text("within", "How long to wait, such as `90s` or `5m`.").default("1m").matching(&DURATION),
        text("every", "How long to pause between two answers.").default("1s").matching(&DURATION),
        integer("consecutive", "How often in a row it must hold.").default("1").matching(&TIMES),
    ],
    rules: &[
        exactly_one(&["url", "port", "path", "log", "command"]),
        only_with("status", "url"),
        only_with("body", "url"),
        only_with("host", "port"),
        only_with("line", "log"),
        only_with("log", "line"),
    ],
    asks: true,
    shell: include_str!("expect.sh"),
    example: "\
- name: Wait for the REST proxy
  expect: { url: http://localhost:8082/topics, within: 2m }
",
    hook: Some(complete),
    ..Kind::named("expect")
};

/// The seconds of a duration such as `1h30m`.
fn seconds(text: &str) -> Option<u64> {
    let (mut total, mut number) = (0_u64, String::new());
    for c in text.chars() {
        match (c, number.parse::<u64>()) {
            ('0'..='9', _) if number.len() < 7 => number.push(c),
            ('s', Ok(count)) => total += count,
            ('m', Ok(count)) => total += count * 60,
            ('h', Ok(count)) => total += count * 3600,
            _ => return None,
        }
        if !c.is_ascii_digit() {
            number.clear();
        }
    }
    (number.is_empty() && !text.is_empty()).then_some(total)
}

/// What the step is about, durations in seconds, and what is typed instead.
#[expect(clippy::unnecessary_wraps, reason = "the form of a hook, which may refuse fields")]
fn complete(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    for name in ["within", "every"] {
        if let Some(count) = args.text(name).and_then(Text::literal).and_then(seconds) {
            recipe.set(name, Script::quoted(&Text::new(format!("{count}s"))));
        }
    }
    let text = |name: &str| args.text(name).cloned();
    let port = || args.get("port").map(|arg| arg.value.display());
    let (subject, typed) = if let Some(url) = text("url") {
        (url.display(), Script::fill("curl -fsSL @{url}", &[("url", &url)]))
    } else if let Some(port) = port() {
        match text("host") {
            Some(host) => {
                let of = [("host", &host), ("port", &Text::new(port.clone()))];
                (format!("{}:{port}", host.display()), Script::fill("nc -z @{host} @{port}", &of))
            }
            None => (format!("port {port}"), Script::fill("ss -tln sport = @{port}", &[("port", &Text::new(port))])),
        }
    } else if let Some(path) = text("path") {
        (path.display(), Script::fill("test -e @{path}", &[("path", &path)]))
    } else if let (Some(log), Some(line)) = (text("log"), text("line")) {
        (log.display(), Script::fill("grep -F -e @{line} @{log}", &[("line", &line), ("log", &log)]))
    } else {
        let command = args.shell("command").cloned().unwrap_or_default();
        (command.as_str().lines().next().unwrap_or_default().to_owned(), command)
    };
    recipe.subject = subject;
    recipe.equivalent_commands = Some(typed);
    Ok(())
}
