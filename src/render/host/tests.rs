//! An expression that the host evaluates has the value that it would have here, under every shell.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::*;
use crate::host_value::helpers;
use crate::render::characters::characters;
use crate::render::scope::{HostVars, Registered};
use crate::render::templates::Templates;
use crate::source::Sources;

/// What a host may print.
const ODD: &str = "it's \"*\" $HOME `id`\n[a-z] \\ ~ %s;&|x";

const FACTS: &[(&str, &str)] = &[
    ("os", "amzn"),
    ("family", "redhat"),
    ("version", "2023"),
    ("major", "2023"),
    ("arch", "aarch64"),
    ("kernel", "5.10.0-23-amd64"),
    ("memory", "3900"),
    ("cpus", "4"),
];

const REGISTERED: &[(&str, &str)] =
    &[("kernel", "5.10"), ("odd", ODD), ("empty", ""), ("number", "042"), ("yes", "true"), ("path", "/a/b.c/d")];

fn list(items: &[&str]) -> Value {
    Value::from(items.iter().map(|item| Value::from(*item)).collect::<Vec<_>>())
}

fn known() -> Vec<(String, Value)> {
    let map = |entries: &[(&str, &str)]| {
        Value::from_object(
            entries.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect::<OrderedMap>(),
        )
    };
    let nested = [("sums".to_owned(), map(&[("aarch64", "0a"), ("x86_64", "1b")]))].into_iter().collect::<OrderedMap>();
    vec![
        ("goarch".to_owned(), map(&[("x86_64", "amd64"), ("aarch64", "arm64"), ("odd 'key' *", "x")])),
        ("odds".to_owned(), map(&[(ODD, ODD), ("*", "all")])),
        ("release".to_owned(), Value::from_object(nested)),
        ("names".to_owned(), list(&["debian", "amzn", "a b"])),
        ("enabled".to_owned(), Value::from(true)),
        ("off".to_owned(), Value::from(false)),
        ("least".to_owned(), Value::from("2000")),
        ("item".to_owned(), Value::from("amzn")),
        ("wanted".to_owned(), Value::from("redhat")),
    ]
}

/// The values as the host finds them, for the engine.
fn values() -> HashMap<String, Value> {
    let text = |(name, value): &(&str, &str)| ((*name).to_owned(), Value::from(*value));
    let fact = |(name, value): &(&str, &str)| {
        let number = crate::host_value::fact(name).is_some_and(|fact| fact.is_number);
        let value = if number { Value::from(value.parse::<i64>().expect("a number")) } else { Value::from(*value) };
        ((*name).to_owned(), value)
    };
    let facts = Value::from_object(FACTS.iter().map(fact).collect::<OrderedMap>());
    known().into_iter().chain(REGISTERED.iter().map(text)).chain([("host".to_owned(), facts)]).collect()
}

fn registered() -> Registered {
    Registered {
        names: REGISTERED
            .iter()
            .map(|(name, _)| *name)
            .chain(["missing"])
            .map(|name| (name.to_owned(), vec![0]))
            .collect(),
        ..Registered::default()
    }
}

fn host_vars(registered: &Registered) -> HostVars {
    let holes = registered.names.keys().map(|name| (name.clone(), Value::from(Text::registered(name))));
    let mut vars = HostVars { holes: true, ..HostVars::default() };
    vars.context.vars = Arc::new(holes.chain(known()).collect());
    vars.context.extra.push((FACTS_NAME.into(), facts()));
    vars
}

const LOADER: &crate::render::Loader = &|_| Err("none".to_owned());

/// What an expression is for the host, with the names of its values and their functions.
fn lowered(text: &str) -> Result<(Text, BTreeMap<String, Arc<Expr>>), String> {
    let (templates, mut sources, registered) = (Templates::new(), Sources::default(), registered());
    let vars = host_vars(&registered);
    let mut renderer = Renderer::new(&templates, &mut sources, vars, &registered, LOADER);
    let value = renderer.value_on_host(text, &(0..text.len())).map_err(|error| error.message)?;
    let text = characters(&value).map_err(str::to_owned)?;
    Ok((Text::new(text.as_ref()), renderer.host.values.clone()))
}

/// An expression, and what it is for the host.
type Case<'a> = (&'a str, Text, BTreeMap<String, Arc<Expr>>);

/// What a shell makes of it: `NAME=VALUE` for each that it finds out.
#[expect(clippy::disallowed_methods, reason = "the functions are shell")]
fn evaluated(shell: &[&str], cases: &[Case]) -> Vec<String> {
    // mksh has no printf of its own.
    let mut script = String::from(
        "LC_ALL=C\ncase ${KSH_VERSION-} in\n*MIRBSD*) say() { print -rn -- \"$1\"; print -n '\\036'; } ;;\n\
         *) say() { printf '%s\\036' \"$1\"; } ;;\nesac\n",
    );
    for (name, value) in FACTS {
        writeln!(script, "pb_r_0{name}={}", Text::from(*value).quote_exactly()).expect("written");
    }
    for (name, value) in REGISTERED {
        writeln!(script, "pb_r_{name}={}", Text::from(*value).quote_exactly()).expect("written");
    }
    let functions: String =
        cases.iter().flat_map(|(_, _, values)| values.iter().map(|(name, expr)| expr.function(name))).collect();
    script += &helpers(&functions);
    script += &functions;
    for (_, text, values) in cases {
        for name in values.keys() {
            writeln!(script, "pb_why_not=; pb_v_{name} || {{ say \"!$pb_why_not\"; false; }} &&").expect("written");
        }
        writeln!(script, "say {}", text.quote_exactly()).expect("written");
    }
    let mut shell = Command::new(shell[0])
        .args(&shell[1..])
        .env_clear()
        .env("PATH", "/nowhere")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell");
    shell.stdin.take().expect("piped").write_all(script.as_bytes()).expect("written");
    let output = shell.wait_with_output().expect("ended");
    let text = String::from_utf8(output.stdout).expect("text");
    text.split('\u{1e}').map(str::to_owned).filter(|line| !line.is_empty() || cases.len() == 1).collect()
}

fn shells() -> Vec<Vec<&'static str>> {
    let all: [&[&str]; 5] =
        [&["/bin/sh"], &["/bin/bash", "--posix"], &["/bin/busybox", "sh"], &["/bin/mksh"], &["/usr/bin/yash"]];
    all.into_iter().filter(|shell| std::path::Path::new(shell[0]).exists()).map(<[&str]>::to_vec).collect()
}

const EXPRESSIONS: &[&str] = &[
    "'[' ~ goarch[host.arch] ~ ']'",
    "goarch[host.arch] | upper",
    "release.sums[host.arch]",
    "release['sums'][host['arch']]",
    "odds[odd]",
    "'<' ~ odd ~ '>'",
    "goarch[odd] | default('none')",
    "goarch[kernel] | default(odd)",
    "'x' if host.family == 'redhat' else 'y'",
    "'x' if odd == 'it' else odd",
    "(odd if host.os in names else 'y') ~ '!'",
    "host.family == 'redhat'",
    "host.family == wanted",
    "not host.family == wanted",
    "host.family != wanted and enabled",
    "enabled and host.os == 'amzn'",
    "off or host.os == 'amzn'",
    "host.os == 'x' or host.os == 'amzn' and not off",
    "(host.os == 'x' or host.os == 'amzn') and kernel == '5.10'",
    "host.os in names",
    "host.os not in names",
    "host.os in ['x', 'y']",
    "host.os in goarch",
    "host.arch in goarch",
    "item in host.os",
    "'64' in host.arch",
    "'86' in host.arch",
    "host.arch in 'x86_64 aarch64'",
    "'*' in odd",
    "'[a-z]' in odd",
    "'[b-z]' in odd",
    "odd == '*'",
    "'*' in kernel",
    "odd in [odd]",
    "kernel in [host.kernel, kernel]",
    "host.memory >= 2000",
    "host.memory > least | int",
    "host.memory < 2000 or host.cpus == 4",
    "2000 < host.memory",
    "host.cpus != 4",
    "host.memory // 2",
    "(host.memory - 5000) // 3",
    "(host.memory - 5000) % 7",
    "host.memory * host.cpus + 1",
    "host.memory - 1 - 2",
    "-host.cpus",
    "'-Xmx' ~ host.memory // 2 ~ 'm'",
    "number | int == 42",
    "number | int + 1",
    "host.memory in [1, 3900]",
    "host.version is version('2023', '>=')",
    "host.version is version('>', '22.04')",
    "host.kernel is version('5.9', '>')",
    "kernel is version('5.10.0')",
    "kernel is version('5.2', '<')",
    "host.kernel is not version('5.10', '>=')",
    "host.os is startingwith('am')",
    "odd is startingwith('*')",
    "odd is startingwith('it\\'s')",
    "host.kernel is endingwith('amd64')",
    "odd is endingwith('x')",
    "odd is endingwith('?')",
    "host.os is eq('amzn')",
    "host.os is in(names)",
    "host.os.startswith('am')",
    "path.endswith('/d') and not path.endswith('x')",
    "host.os.upper() ~ odd.strip()",
    "path.replace('/', ':')",
    "path.split('/')[2]",
    "kernel.split('.') | last",
    "kernel.split('.')[0] | int >= 5",
    "kernel is defined",
    "kernel is undefined",
    "empty is defined and not empty",
    "'x' if empty else 'y'",
    "'x' if kernel else 'y'",
    "'x' if host.cpus else 'y'",
    "odd | trim",
    "('  ' ~ odd ~ '\n ') | trim",
    "odd | upper",
    "odd | lower",
    "odd | replace('*', '#')",
    "odd | replace('$HOME', '*$x')",
    "path | replace('/', '//')",
    "path | split('/') | last",
    "path | split('.') | first",
    "(path | split('/'))[2]",
    "host.kernel | split('.') | first | int + 1",
    "odd | split('*') | last",
    "odd | split(' ') | first",
    "'el' ~ host.major",
    "yes == 'true'",
    "host.os == 'amzn' and (host.arch == 'aarch64' or (host.arch == 'x86_64' and host.cpus > 2))",
    "goarch[host.arch] == 'arm64'",
    "goarch[host.arch] in ['arm64']",
    "('a' if host.os == 'x' else 'b') if enabled else 'c'",
    "host.os | string",
    "empty or 'x'",
    "kernel or 'x'",
    "kernel and host.os",
    "off or kernel",
    "kernel and enabled",
    "host.os is string and host.cpus is number",
    "empty | default('x')",
    "empty | default('x', true)",
    "{'a': 1} == host.os",
    "[kernel, host.os] | join('-')",
];

#[test]
fn the_host_makes_of_an_expression_what_the_engine_makes_of_it() {
    let templates = Templates::new();
    let context = Value::from_object(crate::render::context::Context {
        vars: Arc::new(values()),
        scope: None,
        extra: Vec::new(),
    });
    let mut cases = Vec::new();
    let mut expected = Vec::new();
    for text in EXPRESSIONS {
        // The engine has no numbers in text.
        let known = text.replace("number | int", "42").replace("least | int", "2000");
        let value =
            templates.evaluate(&known, &(0..known.len()), &context).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        expected.push(characters(&value).unwrap_or_else(|why| panic!("{text}: {why}")).into_owned());
        let (hole, values) = lowered(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        cases.push((*text, Text::new(format!("={}", hole.raw())), values));
    }
    for shell in shells() {
        let found = evaluated(&shell, &cases);
        assert_eq!(found.len(), cases.len(), "{shell:?}: {found:?}");
        for ((text, expected), found) in EXPRESSIONS.iter().zip(&expected).zip(&found) {
            assert_eq!(found, &format!("={expected}"), "{shell:?}: {text}");
        }
    }
}

#[test]
fn what_has_no_value_says_why_and_nothing_else_is_asked() {
    let cases: &[(&str, &str)] = &[
        ("goarch[kernel]", "!value `goarch[kernel]` has no entry `5.10`: it has x86_64, aarch64, odd 'key' *"),
        ("goarch[missing]", "!register missing"),
        ("goarch[host.codename]", "!fact codename"),
        ("missing == 'x'", "!register missing"),
        ("host.os == 'x' and missing == 'x'", "false"),
        ("host.os == 'amzn' or missing == 'x'", "true"),
        ("host.os == 'amzn' and missing == 'x'", "!register missing"),
        ("missing if host.os == 'x' else 'y'", "y"),
        ("missing is defined", "false"),
        ("missing | default('x')", "x"),
        ("host.codename | default('x')", "x"),
        ("kernel | int", "!value `kernel | int` needs a whole number, and has `5.10`"),
        ("host.os is version('1')", "!value a version begins with a number: `amzn` and `1` cannot be compared"),
        ("(kernel | split('.'))[2]", "!value `(kernel | split('.'))[2]` has no such part: it is taken from `5.10`"),
    ];
    for shell in shells() {
        for (text, expected) in cases {
            let (hole, values) = lowered(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let found = evaluated(&shell, &[(text, hole, values)]);
            assert_eq!(found[0], *expected, "{shell:?}: {text}");
        }
    }
}

#[test]
fn what_the_host_cannot_evaluate_says_why() {
    for (text, message) in [
        ("kernel | title", "the host does not know the filter `title`"),
        ("kernel is match('5')", "the host knows no regular expressions"),
        ("host.os.title()", "the host does not know the function `title`"),
        ("host.os.lower().center(3)", "the host does not know the function `center`"),
        ("kernel > '5'", "`kernel` is text, and only numbers are more or less than others"),
        ("host.version == 12", "`host.version` and `12` are never the same: one is text, the other is not"),
        ("host.memory == '12'", "`'12'` and `host.memory` are never the same: one is text, the other is not"),
        ("host.memory / 2", "the host does not calculate `/`"),
        ("host.memory // host.os", "`host.os` is text, and a number is needed here"),
        ("kernel[0]", "`kernel` is text, which has no entries"),
        ("kernel[1:2]", "the host cuts no pieces out of a text"),
        ("names[host.os]", "`names` is not a map: a value of the host is looked up by the name of an entry"),
        ("release[host.os]", "the entry `sums` of `release` is a map, but text is needed here"),
        ("kernel | split('.')", "a list that only the host knows cannot be used as a list"),
        ("'x' if host.os == 'x'", "the host needs to know what the value is otherwise"),
        ("host.os is version('sid')", "invalid version `sid`"),
        ("host.os is version('12', 'newer')", "unknown comparison of versions"),
        (
            "'~/a' if host.os == 'x' else 'b'",
            "`'~/a' if host.os == 'x' else 'b'` may be a path that begins with `~/`, which means a home only where it is written",
        ),
    ] {
        let found = lowered(text).map(|(text, _)| text);
        assert_eq!(found, Err(message.to_owned()), "{text}");
    }
}
