//! The filters and tests that expressions have besides those of the template engine: what people of Ansible and Jinja use.
//!
//! None of them asks this machine or the clock, so that a plan depends on its playbook alone.

#![expect(clippy::needless_pass_by_value, reason = "the template engine passes arguments by value")]

mod address;
mod collections;
mod data;
mod encode;
mod invalid;
mod paths;
mod patterns;

use minijinja::Environment;

/// Filters that put lists and maps together, and look into no text.
pub(super) const STRUCTURAL: &[&str] =
    &["combine", "dict2items", "items2dict", "flatten", "product", "zip", "chain", "items", "list"];

/// Adds the filters, the tests and the methods of Python's texts, lists and maps (`name.split(".")`, `map.items()`).
pub(super) fn install(env: &mut Environment<'static>) {
    env.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    for name in ["tojson", "to_json"] {
        env.add_filter(name, data::to_json);
    }
    env.add_filter("to_nice_json", data::to_nice_json);
    for name in ["toyaml", "to_yaml", "to_nice_yaml"] {
        env.add_filter(name, data::to_yaml);
    }
    env.add_filter("b64encode", encode::b64encode);
    env.add_filter("b64decode", encode::b64decode);
    env.add_filter("hash", encode::hash);
    env.add_filter("urlencode", encode::urlencode);
    env.add_filter("regex_replace", patterns::replace);
    env.add_filter("regex_search", patterns::search);
    env.add_filter("regex_findall", patterns::find_all);
    env.add_filter("regex_escape", patterns::escape);
    env.add_test("match", patterns::matches);
    env.add_test("search", patterns::found);
    env.add_filter("basename", paths::basename);
    env.add_filter("dirname", paths::dirname);
    env.add_filter("splitext", paths::splitext);
    env.add_filter("combine", collections::combine);
    env.add_filter("dict2items", collections::dict2items);
    env.add_filter("items2dict", collections::items2dict);
    env.add_filter("flatten", collections::flatten);
    env.add_filter("union", collections::union);
    env.add_filter("intersect", collections::intersect);
    env.add_filter("difference", collections::difference);
    env.add_filter("product", collections::product);
    env.add_filter("ternary", collections::ternary);
    env.add_filter("mandatory", collections::mandatory);
    env.add_filter("ipaddr", address::ipaddr);
    env.add_filter("ipv4", address::ipv4);
    env.add_filter("ipv6", address::ipv6);
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use minijinja::Value;

    use crate::node;
    use crate::render::context::Context;
    use crate::render::templates::{RenderMode, Templates};
    use crate::render::{renderer::Renderer, scope::HostVars, scope::Registered, syntax::split};
    use crate::source::Sources;

    /// The variables of the tests, as a playbook has them.
    const VARS: &str = r##"
plain: { port: 8080, rate: 1.5, quoted: "8080", version: 2.10, on: true, none: null, list: [1, two, "3"], text: "a\"b\nc" }
base: { a: 1, deep: { x: 1, y: 2 } }
more: { b: 2, deep: { y: 3 } }
words: [b, a, b]
odd: ["yes", "null", "-x", "a: b", "", "# c", "1e5", "0x1f", "12:30", "é", "line\nbreak", "~"]
nested: [a, [b, [c]]]
pairs: [{ key: x, value: 1 }]
name: kafka_2.12-2.8.1.tgz
net: 10.1.2.3/20
"##;

    fn context() -> Value {
        let mut sources = Sources::default();
        let source = sources.add("vars", VARS);
        let document = node::read(source, VARS).root.expect("the variables are YAML");
        let templates = Templates::new();
        let registered = Registered::default();
        let loader = |_: &str| Err("no files".to_owned());
        let mut renderer = Renderer::new(&templates, &mut sources, HostVars::default(), &registered, &loader);
        let node::Value::Map(entries) = document.value else { panic!("the variables are a map") };
        let vars: HashMap<String, Value> =
            entries.iter().map(|entry| (entry.key.clone(), renderer.value(&entry.value).expect("a value"))).collect();
        Context { vars: Arc::new(vars), ..Context::default() }.value()
    }

    fn render(expression: &str) -> Result<String, String> {
        let text = format!("{{{{ {expression} }}}}");
        let template = split(&text).expect("a template");
        Templates::new().render(&template, RenderMode::Text, &context()).map_err(|error| error.message)
    }

    #[test]
    fn every_filter_does_what_its_users_expect() {
        let mut wrong = Vec::new();
        for (expression, expected) in [
            // Numbers, booleans and null keep what the author wrote; quoted text stays text.
            (
                "plain | tojson",
                r#"{"port":8080,"rate":1.5,"quoted":"8080","version":"2.10","on":true,"none":null,"list":[1,"two","3"],"text":"a\"b\nc"}"#,
            ),
            ("plain.list | to_json", r#"[1,"two","3"]"#),
            ("{'a': '<b>&', 'n': 3} | tojson", r#"{"a":"<b>&","n":3}"#),
            ("base | to_nice_json", "{\n  \"a\": 1,\n  \"deep\": {\n    \"x\": 1,\n    \"y\": 2\n  }\n}"),
            ("{} | to_nice_json", "{}"),
            ("{'a': []} | tojson(indent=2)", "{\n  \"a\": []\n}"),
            ("base | combine(more) | tojson", r#"{"a":1,"deep":{"y":3},"b":2}"#),
            ("base | combine(more, recursive=true) | tojson", r#"{"a":1,"deep":{"x":1,"y":3},"b":2}"#),
            (
                "plain | toyaml",
                "port: 8080\nrate: 1.5\nquoted: \"8080\"\nversion: \"2.10\"\n\"on\": true\nnone: null\nlist:\n- 1\n- two\n- \"3\"\ntext: \"a\\\"b\\nc\"",
            ),
            (
                "{'a': {}, 'b': [], 'c': [{'d': 'x', 'e': ['y']}]} | to_nice_yaml",
                "a: {}\nb: []\nc:\n- d: x\n  e:\n  - \"y\"",
            ),
            ("'text' | toyaml", "text"),
            ("'a b' | b64encode", "YSBi"),
            ("'YSBi' | b64decode", "a b"),
            ("'x' | hash('sha1')", "11f6ad8ec52a2984abaafd7c3b516503785c2072"),
            ("'x' | hash('sha256')", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"),
            ("'x' | hash == 'x' | hash('sha1')", "true"),
            ("'a b/c?é' | urlencode", "a%20b/c%3F%C3%A9"),
            ("name | regex_replace('^kafka_([0-9.]+)-(.*)\\\\.tgz$', '\\\\2 of \\\\1')", "2.8.1 of 2.12"),
            ("'a$b' | regex_replace('b', '$0')", "a$$0"),
            ("'x=1' | regex_replace('(?P<k>\\\\w)=(?P<v>\\\\w)', '\\\\g<v>=\\\\g<k>')", "1=x"),
            ("name | regex_search('[0-9]+\\\\.[0-9]+\\\\.[0-9]+')", "2.8.1"),
            ("name | regex_search('x') is none", "true"),
            ("name | regex_search('kafka_([0-9.]+)', '\\\\1') | first", "2.12"),
            ("name | regex_findall('[0-9]+') | join(',')", "2,12,2,8,1"),
            ("'a.b' | regex_escape", "a\\.b"),
            ("name is match('kafka')", "true"),
            ("name is match('2')", "false"),
            ("name is search('2')", "true"),
            ("'/a/b.txt' | basename", "b.txt"),
            ("'/a/b/' | basename", ""),
            ("'/a/b.txt' | dirname", "/a"),
            ("'b.txt' | dirname", ""),
            ("'/b' | dirname", "/"),
            ("'a/b.tar.gz' | splitext | join('|')", "a/b.tar|.gz"),
            ("'.bashrc' | splitext | join('|')", ".bashrc|"),
            ("base | dict2items | map(attribute='key') | join(' ')", "a deep"),
            ("(pairs | items2dict).x", "1"),
            ("nested | flatten | join", "abc"),
            ("nested | flatten(levels=1) | length", "3"),
            ("words | union(['c', 'a']) | join", "bac"),
            ("words | intersect(['b']) | join", "b"),
            ("words | difference(['b']) | join", "a"),
            ("([1, 2] | product(['a', 'b']) | list)[3] | join", "2b"),
            ("[1] | product([2, 3], [4]) | map('join') | join(' ')", "124 134"),
            ("true | ternary('a', 'b')", "a"),
            ("none | ternary('a', 'b', 'c')", "c"),
            ("name | mandatory", "kafka_2.12-2.8.1.tgz"),
            ("net | ipaddr('address')", "10.1.2.3"),
            ("net | ipaddr('network')", "10.1.0.0"),
            ("net | ipaddr('netmask')", "255.255.240.0"),
            ("net | ipaddr('prefix')", "20"),
            ("net | ipaddr('broadcast')", "10.1.15.255"),
            ("net | ipaddr('subnet')", "10.1.0.0/20"),
            ("net | ipaddr('size')", "4096"),
            ("net | ipaddr('1')", "10.1.0.1/20"),
            ("'10.1.2.3' | ipaddr", "10.1.2.3"),
            ("'nonsense' | ipaddr", "false"),
            ("['10.0.0.1', 'x', '::1'] | ipv4 | join", "10.0.0.1"),
            ("'::1' | ipv6", "::1"),
            ("'2001:db8::5/64' | ipaddr('network')", "2001:db8::"),
            ("'10.0.0.7' | ipaddr('10.0.0.0/24')", "10.0.0.7"),
            ("'10.0.1.7' | ipaddr('10.0.0.0/24')", "false"),
            // The methods of Python.
            ("name.split('-')[0]", "kafka_2.12"),
            ("name.startswith('kafka')", "true"),
            ("name.upper().replace('KAFKA', 'k')", "k_2.12-2.8.1.TGZ"),
            ("base.get('zz', 'none')", "none"),
            ("base.keys() | join", "adeep"),
        ] {
            let rendered = render(expression);
            if rendered.as_deref() != Ok(expected) {
                wrong.push(format!("{expression}: {rendered:?}, not {expected:?}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn what_a_filter_cannot_do_is_refused() {
        for (expression, message) in [
            ("'x' | hash('md5')", "unknown digest `md5`: `sha1`, `sha256`, `sha384` and `sha512` are known"),
            ("'*' | b64decode", "invalid base64"),
            ("'/w==' | b64decode", "what is encoded is not text"),
            ("'x' | regex_replace('(', '')", "invalid regular expression: unclosed group"),
            ("'x' | regex_replace('x', '\\\\2')", "the pattern has no group `2`"),
            ("base | b64encode", "b64encode needs a text, and this is a map"),
            ("words | combine(base)", "`combine` needs maps, and this is a list"),
            ("missing | default(none) | mandatory", "the value is required, and there is none"),
            ("net | ipaddr('nonsense')", "unknown query `nonsense` of `ipaddr`"),
        ] {
            let error = render(expression).expect_err(expression);
            assert!(error.contains(message), "{expression}: {error}");
        }
    }

    #[test]
    fn yaml_is_read_back_as_it_was() {
        let mut sources = Sources::default();
        for (expression, count) in [("odd", 12), ("plain.list", 3)] {
            let yaml = render(&format!("{expression} | toyaml")).expect(expression);
            let json = render(&format!("{expression} | tojson")).expect(expression);
            let source = sources.add("made", &*yaml.clone());
            let node = node::read(source, &yaml).root.expect(&yaml);
            let node::Value::List(items) = node.value else { panic!("{yaml}") };
            assert_eq!(items.len(), count, "{yaml}");
            let texts: Vec<&str> = items.iter().filter_map(node::Node::as_text).collect();
            let wanted: Vec<serde_json::Value> = serde_json::from_str(&json).expect(&json);
            let wanted: Vec<String> =
                wanted.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect();
            assert_eq!(texts, wanted, "{yaml}");
        }
    }
}
