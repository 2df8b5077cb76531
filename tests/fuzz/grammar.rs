//! Playbooks and expressions by chance, out of the words that pinboot knows: its own tables of kinds and options.

use pinboot::kinds::{Field, KINDS, Kind, Shape};
use pinboot::plan::options::{Form, OPTIONS, StepOption};

use crate::chance::Chance;
use crate::tree::Tree;

/// Variables of every playbook; some of them use others.
const NAMES: &[&str] = &["a", "b", "list", "map", "home", "deep", "secret", "place", "given"];
const OF_LOOP: &[&str] = &["item", "index", "reg", "env.TOWN", "item.name", "map.port", "loop.index", "nothing"];
const FILTERS: &[&str] = &[
    "join(',')",
    "upper",
    "indent(4)",
    "replace('a', 'b')",
    "map('upper')",
    "select('defined')",
    "default('')",
    "length",
    "first",
    "last",
    "sort",
    "unique",
    "batch(2)",
    "slice(3)",
    "tojson",
    "int",
    "float",
    "round(1)",
    "trim",
    "title",
    "urlencode",
    "items",
    "dictsort",
    "list",
    "string",
    "bool",
    "reverse",
    "groupby('name')",
    "min",
    "max",
    "sum",
    "abs",
    "lines",
    "pprint",
    "raw",
    "split('/')",
    "zip(list)",
    "nothing",
    "attr('x')",
    "indent(2000000000)",
    "format(1)",
    "tojson(indent=9)",
];
const OPERATORS: &[&str] = &["+", "-", "*", "/", "//", "%", "**", "~", "and", "or", "in", "==", "<", ">=", "!="];
const WORDS: &[&str] = &[
    "x",
    "~/a b",
    "~",
    "~root/x",
    "/etc/x",
    "../..",
    "~/app-*.jar",
    "https://h.example/a.tgz",
    "http://u:p@ss@h/#?",
    "$HOME",
    "$(id)",
    "it's",
    "a\nb\n",
    "",
    " ",
    "-rf",
    "true",
    "no",
    "0",
    "0644",
    "99999999999999999999",
    "1e999",
    "-1",
    "2.10",
    "90s",
    "1h30m",
    "5 m",
    "é\u{1f980}",
    "a\u{301}\u{202e}b",
    "\u{feff}x",
    "\u{2028}",
    "x # y",
    "{#",
    "{{",
    "}}",
    "{% if %}",
    "|",
    ">",
    "*x",
    "&x y",
    "!!int 3",
    "<your role>",
    "echo 'a' | tee b && exit",
    "for i in 1 2; do echo $i; done",
    "ExecStart=~/bin/x",
    "more.yml",
    "x.tmpl",
    "lost.tmpl",
];

/// A text with or without expressions.
fn text(chance: &mut Chance) -> String {
    match chance.below(6) {
        0 | 1 => chance.of(WORDS).to_owned(),
        2 => format!("{{{{ {} }}}}", expression(chance, 3)),
        3 => format!("{} {{{{ {} }}}}{}", chance.of(WORDS), expression(chance, 2), chance.of(WORDS)),
        4 => format!("{}{}", statement(chance, 2), chance.of(WORDS)),
        _ => format!("word{}", chance.below(20)),
    }
}

/// An expression without braces.
pub(crate) fn expression(chance: &mut Chance, depth: u64) -> String {
    let inner = |chance: &mut Chance| expression(chance, depth.saturating_sub(1));
    if depth == 0 {
        return match chance.below(6) {
            0 => chance.of(OF_LOOP).to_owned(),
            1 => format!("'{}'", chance.of(&["x", "", "a/b", "é", "~/x"])),
            2 => chance.of(&["0", "1", "3.5", "true", "none", "9223372036854775807", "1e308"]).to_owned(),
            _ => chance.of(NAMES).to_owned(),
        };
    }
    match chance.below(11) {
        0..=2 => format!("{} | {}", inner(chance), chance.of(FILTERS)),
        3 => format!("{} {} {}", inner(chance), chance.of(OPERATORS), inner(chance)),
        4 => format!("[{}, {}]", inner(chance), inner(chance)),
        5 => format!("{{'k': {}}}", inner(chance)),
        6 => format!("({} if {} else {})", inner(chance), inner(chance), inner(chance)),
        7 => format!("{}[{}]", inner(chance), inner(chance)),
        8 => format!("{} is {}", inner(chance), chance.of(&["defined", "none", "not string", "mapping", "odd"])),
        9 => chance
            .of(&["range(9)", "range(100000000)", "dict(a=1)", "namespace(x=2)", "'x' * 2000000000", "2 ** 9999"])
            .to_owned(),
        _ => inner(chance),
    }
}

/// A statement with what it encloses.
fn statement(chance: &mut Chance, depth: u64) -> String {
    let body = if depth == 0 { chance.of(WORDS).to_owned() } else { statement(chance, depth - 1) };
    let (first, second) = (expression(chance, 1), expression(chance, 1));
    match chance.below(8) {
        0 => format!("{{% if {first} %}}{body}{{% elif {second} %}}b{{% else %}}c{{% endif %}}"),
        1 => format!("{{% for x in {first} %}}{body}{{{{ x }}}}{{{{ loop.index }}}}{{% endfor %}}"),
        2 => format!("{{% set y = {first} %}}{{{{ y }}}}{body}"),
        3 => format!("{{% with z = {first} %}}{body}{{{{ z }}}}{{% endwith %}}"),
        4 => format!("{{% filter upper %}}{body}{{% endfilter %}}"),
        5 => format!("{{% raw %}}{{{{ {first} }}}}{{% endraw %}}{body}"),
        6 => format!("{{%- for x in range(100000) -%}}{{% for y in list %}}{body}{{% endfor %}}{{%- endfor -%}}"),
        _ => format!("{{% macro m(p) %}}{body}{{% endmacro %}}{{{{ m({first}) }}}}"),
    }
}

/// A value that is hardly ever what is wanted.
fn odd(chance: &mut Chance, depth: u64) -> Tree {
    match chance.below(if depth == 0 { 3 } else { 6 }) {
        0 | 1 => Tree::Text(text(chance)),
        2 => Tree::Bare(chance.of(&["", "~", "null", "true", "yes", "0o17", "- x", "1", "*x", "[]", "{}"]).to_owned()),
        3 => Tree::List((0..chance.below(4)).map(|_| odd(chance, depth - 1)).collect()),
        4 => Tree::Map((0..chance.below(4)).map(|at| (format!("k{at}"), odd(chance, depth - 1))).collect()),
        _ => Tree::Map(vec![(chance.of(&["name", "prepend", "<<", "?", "a b"]).to_owned(), odd(chance, depth - 1))]),
    }
}

/// A value as a field of this shape has it, most of the time.
fn field(shape: Shape, chance: &mut Chance) -> Tree {
    if chance.one_in(12) {
        return odd(chance, 2);
    }
    let number = chance.below(3000).to_string();
    match shape {
        Shape::Bool => Tree::Bare(chance.of(&["true", "false"]).to_owned()),
        Shape::Integer => Tree::Bare(number),
        Shape::Mode => Tree::Bare(chance.of(&["0644", "755", "0600"]).to_owned()),
        Shape::OneOf(words) => Tree::Text(chance.of(words).to_owned()),
        Shape::Path => Tree::Text(format!("~/{}", text(chance))),
        Shape::LocalPath | Shape::LocalTree => Tree::Text("more.yml".to_owned()),
        Shape::LocalTemplate => Tree::Text("x.tmpl".to_owned()),
        Shape::LocalTarget => Tree::Text(format!("got/{}", text(chance))),
        Shape::Texts | Shape::Steps => Tree::List((0..chance.below(3)).map(|_| Tree::Text(text(chance))).collect()),
        Shape::TextMap | Shape::Values => {
            Tree::Map((0..=chance.below(2)).map(|at| (format!("NAME{at}"), Tree::Text(text(chance)))).collect())
        }
        Shape::List(fields) => Tree::List((0..=chance.below(2)).map(|_| fields_of(fields, chance)).collect()),
        Shape::Conditions => {
            let wanted = ["a == b", "host.memory > 1", "not flag", "r is defined", "'x' in host.os"];
            Tree::List((0..=chance.below(2)).map(|_| Tree::Text(chance.of(&wanted).to_owned())).collect())
        }
        Shape::Shell => Tree::Text(shell(chance)),
        Shape::Text => Tree::Text(text(chance)),
    }
}

/// Shell with values as words, most of the time.
fn shell(chance: &mut Chance) -> String {
    match chance.below(3) {
        0 => text(chance),
        1 => format!("echo {{{{ {} }}}} && ls", chance.of(NAMES)),
        _ => format!("test -e ~/x{}", chance.below(9)),
    }
}

/// Most of the fields that are needed, and some others.
fn fields_of(fields: &[Field], chance: &mut Chance) -> Tree {
    let given: Vec<&Field> =
        fields.iter().filter(|field| (field.required && !chance.one_in(20)) || chance.one_in(4)).collect();
    let entry = |field: &Field, chance: &mut Chance| {
        let name = if field.name.is_empty() { format!("NAME{}", chance.below(3)) } else { field.name.to_owned() };
        (name, self::field(field.shape, chance))
    };
    Tree::Map(given.into_iter().map(|field| entry(field, chance)).collect())
}

/// A kind with its fields, from its own example at times.
fn kind(kind: &Kind, chance: &mut Chance) -> Tree {
    match kind.short.and_then(|short| kind.fields.iter().find(|field| field.name == short)) {
        Some(short) if !chance.one_in(3) => field(short.shape, chance),
        _ => fields_of(kind.fields, chance),
    }
}

fn option(option: &StepOption, chance: &mut Chance) -> Tree {
    if chance.one_in(12) {
        return odd(chance, 2);
    }
    match option.form {
        Form::Field(shape) => field(shape, chance),
        Form::User => Tree::Text(chance.of(&["kafka", "{{ a }}", "#0", "{{ reg }}"]).to_owned()),
        Form::UpTo(most) => Tree::Bare(chance.below(u64::from(most) + 2).to_string()),
        Form::Duration { .. } => Tree::Text(chance.of(&["90s", "0s", "1h", "5 m", "{{ a }}"]).to_owned()),
        Form::Variables => field(Shape::TextMap, chance),
        Form::Condition => Tree::Text(expression(chance, 2)),
        Form::Items => match chance.below(3) {
            0 => Tree::Text("{{ list }}".to_owned()),
            1 => Tree::Text(format!("{{{{ {} }}}}", expression(chance, 2))),
            _ => odd(chance, 2),
        },
        Form::Name => Tree::Text(chance.of(&["reg", "other", "a"]).to_owned()),
        Form::Steps => Tree::List(vec![Tree::Text(format!("Step {}", chance.below(6)))]),
        Form::Id => Tree::Text(format!("id{}", chance.below(9))),
        Form::Switch => Tree::Bare(chance.of(&["true", "false"]).to_owned()),
        Form::Words => Tree::Text(chance.of(&["some", "other", "{{ a }}"]).to_owned()),
    }
}

fn step(at: u64, chance: &mut Chance) -> Tree {
    let name = if chance.one_in(8) { text(chance) } else { format!("Step {at}") };
    let chosen = chance.of(KINDS);
    let mut entries = vec![("name".to_owned(), Tree::Text(name)), (chosen.name.to_owned(), kind(chosen, chance))];
    for row in OPTIONS.iter().filter(|_| chance.one_in(12)).collect::<Vec<_>>() {
        entries.push((row.name.to_owned(), option(row, chance)));
    }
    if chance.one_in(30) {
        entries.push((chance.of(&["become", "with_items", "notify", "loo", "a b", "0"]).to_owned(), odd(chance, 1)));
    }
    Tree::Map(entries)
}

fn own_variables(chance: &mut Chance) -> Tree {
    let text = |text: &str| Tree::Text(text.to_owned());
    let mut entries = vec![
        ("a", text("one word")),
        ("b", text("{{ a }}-{{ home }}")),
        ("list", Tree::List(vec![text("x"), text("{{ a }}"), text("it's")])),
        ("map", Tree::Map(vec![("port".to_owned(), text("22")), ("name".to_owned(), text("~/x"))])),
        ("home", text("~/kafka")),
        ("deep", text("{{ map.name }}/{{ b }}")),
        ("secret", text("not for all eyes")),
    ];
    if chance.one_in(4) {
        entries.push((chance.of(NAMES), odd(chance, 3)));
    }
    Tree::Map(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// A playbook; many of these are right.
pub(crate) fn playbook(chance: &mut Chance) -> String {
    let host = |user: &str| {
        Tree::Map(vec![
            ("address".to_owned(), Tree::Text("h.example".to_owned())),
            ("user".to_owned(), Tree::Text(user.to_owned())),
            ("vars".to_owned(), Tree::Map(vec![("place".to_owned(), Tree::Text(format!("at {user}")))])),
        ])
    };
    let hosts = (0..=chance.below(2)).map(|at| (format!("h{at}"), host("u"))).collect();
    let count = if chance.one_in(60) { 200 } else { 1 + chance.below(5) };
    let steps = (0..count).map(|at| step(at, chance)).collect();
    let mut entries = vec![
        ("name".to_owned(), Tree::Text("By chance".to_owned())),
        ("vars".to_owned(), own_variables(chance)),
        ("secrets".to_owned(), Tree::Bare("[secret]".to_owned())),
        ("from_env".to_owned(), Tree::Bare("[TOWN]".to_owned())),
        ("vars_files".to_owned(), Tree::Bare("[more.yml]".to_owned())),
        ("hosts".to_owned(), Tree::Map(hosts)),
        ("steps".to_owned(), Tree::List(steps)),
    ];
    if chance.one_in(12) {
        let at = usize::try_from(chance.below(entries.len() as u64)).expect("small");
        entries[at].1 = odd(chance, 3);
    }
    let mut out = String::new();
    Tree::Map(entries).write(&mut out, 0, chance);
    out.push('\n');
    out
}

/// A file of variables.
pub(crate) fn variables(chance: &mut Chance) -> String {
    let entries = (0..chance.below(6)).map(|at| {
        let name = if chance.one_in(3) { format!("unknown{at}") } else { chance.of(NAMES).to_owned() };
        (name, odd(chance, 3))
    });
    let mut out = String::new();
    Tree::Map(entries.collect()).write(&mut out, 0, chance);
    out
}
