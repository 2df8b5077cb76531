//! What a playbook means: from text to plan, over a small table of kinds.

mod digests;
mod groups;
pub(crate) mod kinds;
mod used;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::{Command, Stdio};

use pinboot::compile::compile_all;
use pinboot::event::Mode;
use pinboot::inventory::Host;
use pinboot::kinds::Content;
use pinboot::plan::options::{Form, OPTIONS};
use pinboot::plan::{Action, Plan, PlannedStep, RunAs, StepSpec};
use pinboot::playbook::{Inputs, lint, load_with};
use pinboot::script::{Script, Text};
use pinboot::source::{Sources, render};

fn no_files(name: &str) -> Result<Vec<u8>, String> {
    match name {
        "motd" => Ok(b"hello".to_vec()),
        "conf.tmpl" => Ok(b"a={{ a }}\n{% for x in list %}x={{ x }}\n{% endfor %}# {#\n".to_vec()),
        "undefined.tmpl" => Ok(b"{{ undefined_name }}".to_vec()),
        "vars.yml" => Ok(b"a: from a file\nb: from a file\n".to_vec()),
        _ => Err("no such file".to_owned()),
    }
}

/// What compiling says: the plans, or everything that is wrong as a person reads it.
fn try_compile(text: &str, change: impl FnOnce(&mut Inputs)) -> Result<Vec<(Host, Plan)>, String> {
    let mut inputs = Inputs::new("me", no_files);
    change(&mut inputs);
    let mut sources = Sources::default();
    let loaded = load_with(kinds::KINDS, &mut sources, "p.yml", text.as_bytes().to_vec(), inputs)
        .map_err(|found| render(&found, &sources, false))?;
    compile_all(&loaded, &mut sources, Mode::Run).map_err(|found| render(&found, &sources, false))
}

fn compile(text: &str, change: impl FnOnce(&mut Inputs)) -> Plan {
    try_compile(text, change).unwrap_or_else(|said| panic!("{text}\n{said}")).remove(0).1
}

fn with_vars(vars: &[&str]) -> impl FnOnce(&mut Inputs) {
    let vars: Vec<String> = vars.iter().map(|given| (*given).to_owned()).collect();
    |inputs| inputs.flags.vars = vars
}

fn work(step: &PlannedStep) -> &StepSpec {
    match &step.action {
        Action::Apply(work) => work,
        Action::Skip { why } => panic!("{} is skipped: {why}", step.name),
    }
}

/// Each step in a line: label, name, what it does.
fn lines(plan: &Plan) -> Vec<String> {
    let line = |step: &PlannedStep| {
        let what = match &step.action {
            Action::Skip { why } => format!("skipped ({why})"),
            Action::Apply(work) if work.recipe.apply.as_str().is_empty() => work.recipe.subject.clone(),
            Action::Apply(work) => work.recipe.apply.as_str().to_owned(),
        };
        format!("{} {}: {what}", step.label, step.name)
    };
    plan.steps.iter().map(line).collect()
}

const HOST: &str = "hosts: { one: { address: h } }\n";

#[test]
fn variables_are_laid_over_one_another() {
    let text = "vars: { a: play, b: play, c: play, d: play, e: \"{{ d }}+{{ c }}\" }\n\
        vars_files: vars.yml\n\
        hosts: { one: { address: h, vars: { b: host, c: host, d: host } } }\n\
        steps: [ { name: s, command: \"echo {{ a }} {{ b }} {{ c }} {{ d }} {{ e }}\" } ]\n";
    let plan = compile(text, |inputs| {
        inputs.vars_files = vec![
            ("one.yml".to_owned(), b"c: given\nd: given\n".to_vec()),
            ("two.yml".to_owned(), b"c: given later\n".to_vec()),
        ];
        inputs.flags.vars = vec!["d={{ a }}".to_owned(), "d=said {{ a }}".to_owned()];
    });
    assert_eq!(lines(&plan), ["1 s: echo 'from a file' host 'given later' 'said {{ a }}' 'said {{ a }}+given later'"]);
}

#[test]
fn values_keep_their_letters_and_their_types() {
    let text = format!(
        "vars: {{ version: 2.10, mode: 0644, id: 000123456789, flag: true, word: \"true\", no: NO, list: [a, b c], map: {{ z: 1, a: 2 }}, whole: \"{{{{ list }}}}\" }}\n{HOST}\
        steps:\n\
        \x20 - {{ name: scalars, command: \"echo {{{{ version }}}} {{{{ mode }}}} {{{{ id }}}} {{{{ flag }}}} {{{{ no }}}} {{{{ list }}}}\" }}\n\
        \x20 - {{ name: list, package: \"{{{{ list }}}}\" }}\n\
        \x20 - {{ name: mixed, package: [\"{{{{ version }}}}\", \"x{{{{ id }}}}\"] }}\n\
        \x20 - {{ name: map, export: \"{{{{ map }}}}\" }}\n"
    );
    let plan = compile(&text, |_| {});
    assert_eq!(
        lines(&plan),
        [
            "1 scalars: echo 2.10 0644 000123456789 true NO a 'b c'",
            "2 list: name: a | b c",
            "3 mixed: name: 2.10 | x000123456789",
            "4 map: *: z=1 | a=2",
        ]
    );
    let whens = [
        ("flag", true),
        ("not flag", false),
        ("word", true),
        ("flag and version == \"2.10\"", true),
        ("id | int == 123456789", true),
        ("true", true),
        ("list | length == 2", true),
        ("'\"a\" in list'", true),
        ("map.z == \"1\"", true),
    ];
    for (when, expected) in whens {
        let text = format!("{text}  - name: decided\n    command: ls\n    when: {when}\n");
        let plan = compile(&text, |_| {});
        let runs = matches!(plan.steps.last().expect("a step").action, Action::Apply(_));
        assert_eq!(runs, expected, "{when}");
    }
}

#[test]
fn values_of_the_command_line_take_the_shape_of_the_playbook() {
    let text = format!(
        "vars: {{ list: [x], map: {{ a: 1 }}, flag: true, text: t, late: \"{{{{ list }}}}\" }}\n{HOST}\
        steps:\n\
        \x20 - {{ name: s, command: \"echo {{{{ late }}}} {{{{ map.b }}}} {{{{ text }}}} {{{{ maybe | default('no') }}}}\" }}\n\
        \x20 - {{ name: t, command: ls, when: not flag }}\n"
    );
    let plan =
        compile(&text, with_vars(&["list=[a, 'b {{ x }}']", "map={b: 2}", "flag=false", "text=[a]", "maybe=yes"]));
    assert_eq!(lines(&plan), ["1 s: echo a 'b {{ x }}' 2 '[a]' yes", "2 t: ls"]);
    let nothing = ["list=null", "text=null", "map={b: 2}", "maybe=\"null\""];
    let text = text.replace("{{ text }}", "{{ text is none }}").replace("{{ late }}", "{{ list is none }}");
    assert_eq!(lines(&compile(&text, with_vars(&nothing)))[0], "1 s: echo true 2 true '\"null\"'");
}

#[test]
fn loops_make_a_step_of_every_turn() {
    let text = format!(
        "vars: {{ list: [pin, geo, \"\"] }}\n{HOST}\
        steps:\n\
        \x20 - {{ name: Make, command: \"echo {{{{ index }}}} {{{{ item }}}}\", loop: \"{{{{ list }}}}\", when: item != \"geo\" }}\n\
        \x20 - {{ name: \"Give {{{{ item.name }}}}\", command: \"echo {{{{ item.size }}}}\", loop: [ {{ name: a, size: 1 }} ], when_changed: Make }}\n\
        \x20 - {{ name: None, command: \"echo {{{{ item }}}}\", loop: [] }}\n\
        \x20 - {{ name: Never, command: \"echo {{{{ item }}}}\", loop: [a, b], when: \"false\" }}\n"
    );
    let plan = compile(&text, |_| {});
    assert_eq!(
        lines(&plan),
        [
            "1.1 Make (pin): echo 1 pin",
            "1.2 Make (geo): skipped (when: item != \"geo\")",
            "1.3 Make (3): echo 3 ''",
            "2.1 Give a: echo 1",
            "3 None: skipped (loop: the list is empty)",
            "4 Never: skipped (when: false)",
        ]
    );
    assert_eq!(plan.steps.iter().map(|step| step.id.0).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    let watching = work(&plan.steps[3]);
    assert_eq!(watching.when_changed.iter().flatten().map(|id| id.0).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(plan.steps[3].origin, "p.yml:5");
}

#[test]
fn a_loop_goes_over_maps_and_over_everything_that_lists_give_together() {
    let plan = compile(
        r#"
vars: { map: { x: 1, y: [2] }, users: [ann, bob] }
hosts: { one: { address: h } }
steps:
  - name: Entries
    command: "echo {{ item.key }}={{ item.value }} {{ index }}"
    loop: "{{ map }}"
  - name: Product
    command: "echo {{ user }} {{ role.name }} {{ index }} {{ item.user }}"
    loop: { user: "{{ users }}", role: [{ name: r1 }, { name: r2 }] }
    when: user != "bob" or role.name == "r1"
  - name: For {{ user }}
    command: "echo {{ user }}"
    loop: { user: "{{ users }}" }
  - name: None
    command: "echo {{ user }} {{ x }}"
    loop: { user: "{{ users }}", x: [] }
"#,
        |_| {},
    );
    assert_eq!(
        lines(&plan),
        [
            "1.1 Entries (x): echo x=1 1",
            "1.2 Entries (y): echo y=2 2",
            "2.1 Product (ann r1): echo ann r1 1 ann",
            "2.2 Product (ann r2): echo ann r2 2 ann",
            "2.3 Product (bob r1): echo bob r1 3 bob",
            "2.4 Product (bob r2): skipped (when: user != \"bob\" or role.name == \"r1\")",
            "3.1 For ann: echo ann",
            "3.2 For bob: echo bob",
            "4 None: skipped (loop: the list is empty)",
        ]
    );
}

#[test]
fn what_is_null_is_left_out_and_maps_come_from_variables() {
    let plan = compile(
        r#"
vars:
  nix: null
  environment: { A: 1, B: "x y", C: null }
hosts: { one: { address: h } }
steps:
  - name: Without
    command: ls
    env: { A: "{{ nix }}", B: b, C: "{{ environment.C }}" }
    cwd: "{{ nix }}"
    timeout: "{{ nix }}"
  - name: A map
    command: ls
    env: "{{ environment }}"
"#,
        |_| {},
    );
    let variables = |at: usize| {
        work(&plan.steps[at]).env.iter().map(|(name, value)| format!("{name}={}", value.raw())).collect::<Vec<_>>()
    };
    assert_eq!(variables(0), ["B=b"]);
    assert_eq!((work(&plan.steps[0]).cwd.clone(), work(&plan.steps[0]).timeout), (None, None));
    assert_eq!(variables(1), ["A=1", "B=x y"]);
}

#[test]
fn every_text_in_a_secret_map_or_list_is_a_secret() {
    let vars = r#"
vars:
  db: { user: joe-x, password: "s3cret-word", ssl: true, nested: [one-key, { two: two-key }] }
secrets: [db]
hosts: { one: { address: h } }
steps:
  - name: Use
    command: "echo {{ db.password }} {{ db.ssl }} {{ db.nested[1].two }} {{ db.nested[0] }}"
    env: { U: "{{ db.user }}" }
  - name: Each
    command: "echo {{ item }}"
    loop: "{{ [db.nested[0]] }}"
"#;
    for given in [None, Some("db={user: joe-x, password: s3cret-word, ssl: true, nested: [one-key, {two: two-key}]}")] {
        let plan = compile(vars, |inputs| inputs.flags.vars.extend(given.map(str::to_owned)));
        let shown = plan.steps.iter().map(|step| format!("{} {:?}", step.name, step.action)).collect::<String>();
        for secret in ["joe-x", "s3cret-word", "one-key", "two-key"] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
        let mut values: Vec<&str> = plan.secrets.iter().map(|(_, secret)| secret.expose()).collect();
        values.sort_unstable();
        assert_eq!(values, ["joe-x", "one-key", "s3cret-word", "two-key"]);
        assert!(shown.contains("true"), "a boolean in it is shown: {shown}");
    }
}

#[test]
fn options_are_read() {
    let text = format!(
        "vars: {{ t: 90s, n: 3 }}\n{HOST}\
        steps:\n\
        \x20 - name: All\n\
        \x20   command: ls\n\
        \x20   run_as: kafka user\n\
        \x20   cwd: ~/a b\n\
        \x20   env: {{ A: \"{{{{ t }}}}\", B: ~/x }}\n\
        \x20   unless: test -e {{{{ t }}}}\n\
        \x20   only_if: \"true\"\n\
        \x20   creates: /x y\n\
        \x20   register: out\n\
        \x20   timeout: \"{{{{ t }}}}\"\n\
        \x20   retries: \"{{{{ n }}}}\"\n\
        \x20   delay: 1m\n\
        \x20   allow_failure: true\n\
        \x20   on_unknown: rerun\n\
        \x20 - {{ name: a, command: ls, sudo: true }}\n\
        \x20 - {{ name: b, command: ls, sudo: false }}\n\
        \x20 - {{ name: c, package: x }}\n\
        \x20 - {{ name: d, package: x, sudo: false }}\n\
        \x20 - {{ name: e, package: x, sudo: true }}\n\
        \x20 - {{ name: f, package: x, run_as: root }}\n"
    );
    let said = try_compile(&text, |_| {}).expect_err("a blank in a user's name");
    assert!(said.contains("`run_as`: invalid character ` ` in a user name"), "{said}");
    let plan = compile(&text.replace("kafka user", "kafka"), |_| {});
    let all = work(&plan.steps[0]);
    assert_eq!(all.run_as, RunAs::User("kafka".into()));
    assert_eq!(all.cwd.as_ref().map(Text::quote).as_deref(), Some("\"$pb_home\"/'a b'"));
    assert_eq!(all.env, [("A".to_owned(), "90s".into()), ("B".to_owned(), "~/x".into())]);
    assert_eq!(all.unless.as_ref().map(Script::as_str), Some("test -e 90s"));
    assert_eq!(all.only_if.as_ref().map(Script::as_str), Some("true"));
    assert_eq!(all.creates, Some("/x y".into()));
    assert_eq!((all.timeout.map(|t| t.as_secs()), all.retries, all.delay.as_secs()), (Some(90), 3, 60));
    assert_eq!((all.register.as_deref(), all.allow_failure), (Some("out"), true));
    assert_eq!(all.on_unknown, pinboot::plan::OnUnknown::Rerun);
    let users: Vec<&RunAs> = plan.steps[1..].iter().map(|step| &work(step).run_as).collect();
    // With `run_as: root`, `~/` is root's home; with `sudo: true` it is the login user's.
    let root = RunAs::User("root".into());
    assert_eq!(users, [&RunAs::Root, &RunAs::Login, &RunAs::RootToApply, &RunAs::Login, &RunAs::Root, &root]);
}

#[test]
fn an_option_is_rendered_whichever_it_is() {
    let text = format!(
        "vars: {{ flag: true }}\n{HOST}steps:\n\
        \x20 - {{ name: a, command: ls, always: \"{{{{ flag }}}}\", allow_failure: \"{{{{ flag }}}}\" }}\n"
    );
    let plan = compile(&text, |_| {});
    assert!(work(&plan.steps[0]).always && work(&plan.steps[0]).allow_failure);
    let text = format!(
        "vars: {{ no_time: 0s, many: 1001 }}\n{HOST}steps:\n\
        \x20 - {{ name: a, command: ls, timeout: \"{{{{ no_time }}}}\", retries: \"{{{{ many }}}}\" }}\n\
        \x20 - {{ name: b, command: ls, timeout: 0s, retries: 1001 }}\n"
    );
    let said = try_compile(&text, |_| {}).expect_err("no time, and too often");
    assert_eq!(said.matches("`timeout`: the duration is zero").count(), 2, "{said}");
    assert_eq!(said.matches("`retries`: the number 1001 is too large").count(), 2, "{said}");
    assert!(said.ends_with("\n4 errors\n"), "{said}");
}

/// A value of an option that uses `undefined_name`, if the option can contain a template.
fn undefined_in(form: Form) -> Option<&'static str> {
    match form {
        Form::Name | Form::Steps | Form::Id | Form::Switch | Form::Words => None,
        Form::Condition => Some("undefined_name == ''"),
        Form::Variables => Some("{ A: \"{{ undefined_name }}\" }"),
        Form::Items => Some("[\"{{ undefined_name }}\"]"),
        _ => Some("\"{{ undefined_name }}\""),
    }
}

#[test]
fn an_undefined_name_is_an_error_in_every_step_that_does_not_run() {
    let long = format!("[{}]", vec!["x"; 1001].join(", "));
    // How a step comes not to run, by lines beside its kind, and the other errors of that step.
    let ways: [(&str, String, usize); 6] = [
        ("when", "when: \"false\"".to_owned(), 0),
        ("loop", "loop: []".to_owned(), 0),
        ("when loop", "loop: [a, b]\n    when: item == \"c\"".to_owned(), 0),
        ("loop", format!("loop: {long}"), 1),
        ("tags", "tags: [left-out]".to_owned(), 0),
        ("tags when", "tags: [left-out]\n    when: \"false\"".to_owned(), 0),
    ];
    for (taken, way, others) in ways {
        let mut bodies: Vec<(String, String)> = OPTIONS
            .iter()
            .filter(|option| !taken.split(' ').any(|name| name == option.name))
            .filter_map(|option| {
                let value = undefined_in(option.form)?;
                // A condition is decided once where it uses no item.
                let value = if option.name == "when" { "item == undefined_name" } else { value };
                let value =
                    if option.name == "when" && !taken.contains("loop") { "undefined_name == ''" } else { value };
                Some((option.name.to_owned(), format!("command: ls\n    {}: {value}", option.name)))
            })
            .collect();
        bodies.push(("a field".to_owned(), "command: ls {{ undefined_name }}".to_owned()));
        bodies.push(("a text field".to_owned(), "file: { path: /x, content: \"{{ undefined_name }}\" }".to_owned()));
        bodies.push(("a template file".to_owned(), "file: { path: /x, template: undefined.tmpl }".to_owned()));
        bodies.push(("the name".to_owned(), "command: ls".to_owned()));
        for (what, body) in bodies {
            let name = if what == "the name" { "Step {{ undefined_name }}" } else { "Step" };
            let text = format!(
                "{HOST}steps:\n  - name: First\n    command: ls\n    always: true\n  - name: {name}\n    {body}\n    {way}\n"
            );
            let said = try_compile(&text, |inputs| {
                if taken.contains("tags") {
                    inputs.flags.skip_tags = vec!["left-out".to_owned()];
                }
            });
            let said = said.expect_err(&format!("{what} with {way:.60}"));
            assert_eq!(said.matches("`undefined_name` is not defined").count(), 1, "{what} with {way:.60}: {said}");
            assert_eq!(said.matches("error: ").count(), 1 + others, "{what} with {way:.60}: {said}");
        }
    }
}

#[test]
fn a_step_that_is_left_out_misses_only_what_is_nowhere() {
    let text = format!(
        "from_env: [NOT_SET]\n{HOST}steps:\n\
        \x20 - {{ name: a, command: date, register: now, tags: [t] }}\n\
        \x20 - {{ name: b, command: \"echo {{{{ now }}}} {{{{ env.NOT_SET }}}}\", tags: [t] }}\n\
        \x20 - {{ name: c, file: {{ path: /x, src: not there }}, tags: [t] }}\n\
        \x20 - {{ name: d, command: ls }}\n"
    );
    let plan = compile(&text, |inputs| inputs.flags.skip_tags = vec!["t".to_owned()]);
    assert_eq!(lines(&plan), ["4 d: ls"]);
}

#[test]
fn registered_values_and_secrets_travel_as_holes() {
    let text = format!(
        "vars: {{ token: \"{{{{ env.TOKEN }}}}\", url: \"https://u:{{{{ token }}}}@h/\", other: unused secret }}\n\
        secrets: [token, other]\nfrom_env: [TOKEN]\n{HOST}\
        steps:\n\
        \x20 - {{ name: r, command: date, register: now }}\n\
        \x20 - {{ name: s, command: \"echo {{{{ now }}}} {{{{ url }}}}x\" }}\n\
        \x20 - {{ name: f, file: {{ path: /x, content: \"{{{{ now }}}}:{{{{ token }}}}\" }} }}\n"
    );
    let plan = compile(&text, |inputs| {
        inputs.env =
            BTreeMap::from([("TOKEN".to_owned(), "s3cr3t t0ken".to_owned()), ("OTHER".to_owned(), "x".to_owned())]);
    });
    assert_eq!(lines(&plan)[1], "2 s: echo \"$pb_r_now\" https://u:\"$pb_s_token\"@h/x");
    let Some(Content::Text(content)) = work(&plan.steps[2]).recipe.content() else { panic!("no content") };
    assert_eq!(content.display(), "{{ now }}:***");
    assert_eq!(plan.secrets.len(), 1);
    assert_eq!((plan.secrets[0].0.as_str(), plan.secrets[0].1.expose()), ("token", "s3cr3t t0ken"));
    assert!(!format!("{plan:?}").contains("s3cr3t"));
    let said = try_compile(&text, |_| {}).expect_err("not set");
    assert!(said.contains("the environment variable `TOKEN` is not set here"), "{said}");
}

#[test]
fn local_files_come_with_the_plan() {
    let text = format!(
        "vars: {{ a: x, list: [1, 2] }}\n{HOST}steps:\n\
        \x20 - {{ name: s, file: {{ path: /a, src: motd }} }}\n\
        \x20 - {{ name: t, file: {{ path: /b, template: conf.tmpl }} }}\n"
    );
    let plan = compile(&text, |_| {});
    assert_eq!(lines(&plan)[0], "1 s: path: /a; src: motd has 5 bytes");
    let Some(Content::Text(content)) = work(&plan.steps[1]).recipe.content() else { panic!("no content") };
    assert_eq!(content.display(), "a=x\nx=1\nx=2\n# {#\n");
}

#[test]
fn a_part_of_the_steps_can_be_chosen() {
    let text = format!(
        "{HOST}steps:\n\
        \x20 - {{ name: path, export: {{ CLASSPATH: /jar }}, tags: [setup] }}\n\
        \x20 - {{ name: get, command: date, register: now, tags: [a, b] }}\n\
        \x20 - {{ name: use, command: \"echo {{{{ now }}}}\", tags: b }}\n\
        \x20 - {{ name: last, command: ls, when_changed: [get] }}\n"
    );
    let chosen = |change: fn(&mut Inputs)| {
        try_compile(&text, change)
            .map(|plans| plans[0].1.steps.iter().map(|step| step.label.to_string()).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(chosen(|inputs| inputs.flags.tags = vec!["b".into()]).as_deref(), Ok("2 3"));
    assert_eq!(chosen(|inputs| inputs.flags.skip_tags = vec!["b".into()]).as_deref(), Ok("1 4"));
    assert_eq!(chosen(|inputs| inputs.flags.from = Some("last".into())).as_deref(), Ok("4"));
    assert_eq!(chosen(|inputs| inputs.flags.from = Some("2".into())).as_deref(), Ok("2 3 4"));
    assert_eq!(chosen(|inputs| inputs.flags.only = vec!["get".into(), "4".into()]).as_deref(), Ok("2 4"));
    let said = chosen(|inputs| inputs.flags.only = vec!["use".into()]).expect_err("its value is left out");
    assert!(said.contains("`now` is registered by the step `get`, which is left out"), "{said}");
    let said = chosen(|inputs| inputs.flags.from = Some("lst".into())).expect_err("unknown");
    assert!(said.contains("--from: no step is called `lst`") && said.contains("did you mean `last`?"), "{said}");
    let said = chosen(|inputs| inputs.flags.tags = vec!["setpu".into()]).expect_err("unknown");
    assert!(said.contains("--tags: no step has the tag `setpu`") && said.contains("did you mean `setup`?"), "{said}");
    // What a step that is left out would have exported holds all the same, and is not part of the digest.
    let whole = compile(&text, |_| {});
    let part = compile(&text, |inputs| inputs.flags.from = Some("last".into()));
    assert_eq!(work(&part.steps[0]).env, [("CLASSPATH".to_owned(), "/jar".into())]);
    assert_eq!(work(&part.steps[0]).when_changed, Some(Vec::new()));
    assert!(work(&whole.steps[3]).env.is_empty());
}

#[test]
fn a_step_is_known_by_its_id_to_other_steps_other_runs_and_the_command_line() {
    let text = format!(
        "vars: {{ branch: main, list: [a, b] }}\n{HOST}steps:\n\
        \x20 - {{ name: \"Code at {{{{ branch }}}}\", id: code, command: ls }}\n\
        \x20 - {{ name: Each, id: each, command: \"echo {{{{ item }}}}\", loop: \"{{{{ list }}}}\" }}\n\
        \x20 - {{ name: Build, command: make, when_changed: [code, each] }}\n\
        \x20 - {{ name: Restart, command: \"echo {{{{ item }}}}\", when_changed: [Each, Build], loop: [x, y] }}\n"
    );
    let whole = compile(&text, |_| {});
    let ids = |plan: &Plan, at: usize| plan.steps[at].id.0;
    let build = work(&whole.steps[3]);
    assert_eq!(build.when_changed.iter().flatten().map(|id| id.0).collect::<Vec<_>>(), [1, 2, 3]);
    let key = |plan: &Plan, at: usize| plan.steps[at].key.clone();
    assert_eq!(build.watches, [key(&whole, 0), key(&whole, 1), key(&whole, 2)]);
    assert_eq!(whole.steps[0].watched_by, [key(&whole, 3)]);
    assert_eq!(whole.steps[1].watched_by, [key(&whole, 3), key(&whole, 4), key(&whole, 5)]);
    // Another value and another part of the playbook do not change what a step is called.
    let part = compile(&text, |inputs| {
        inputs.flags.vars = vec!["branch=other".to_owned()];
        inputs.flags.only = vec!["code".to_owned(), "each".to_owned()];
    });
    assert_eq!(part.steps.len(), 3);
    assert!(
        (0..3).all(|at| key(&part, at) == key(&whole, at) && part.steps[at].watched_by == whole.steps[at].watched_by)
    );
    // Steps of one name are not one step, and a loop that is skipped as a whole keeps the names of its iterations.
    let others = format!(
        "vars: {{ list: [x, y], now: false }}\n{HOST}steps:\n\
        \x20 - {{ name: Write, command: ls }}\n\
        \x20 - {{ name: Restart, command: a, when_changed: [Write] }}\n\
        \x20 - {{ name: Restart, command: b, when_changed: [Write] }}\n\
        \x20 - {{ name: Each, command: \"echo {{{{ item }}}}\", when_changed: [Write], loop: \"{{{{ list }}}}\", when: now }}\n"
    );
    let skipped = compile(&others, |_| {});
    let runs = compile(&others, |inputs| inputs.flags.vars = vec!["now=true".to_owned()]);
    assert_eq!((skipped.steps.len(), runs.steps.len()), (4, 5));
    assert_eq!(runs.steps[0].watched_by, (1..5).map(|at| key(&runs, at)).collect::<Vec<_>>());
    assert_eq!(skipped.steps[0].watched_by, runs.steps[0].watched_by);
    assert_ne!(key(&runs, 1), key(&runs, 2));
    let rest = compile(&text, |inputs| inputs.flags.from = Some("Build".to_owned()));
    assert_eq!((ids(&rest, 0), work(&rest.steps[0]).watches.clone()), (1, build.watches.clone()));
    assert_eq!(work(&rest.steps[0]).when_changed, Some(Vec::new()));
}

#[test]
fn a_step_has_one_number_in_the_whole_and_in_a_part() {
    let text = format!(
        "vars: {{ list: [a, b, c] }}\n{HOST}steps:\n\
        \x20 - {{ name: first, command: ls }}\n\
        \x20 - {{ name: each, command: \"echo {{{{ item }}}}\", loop: \"{{{{ list }}}}\" }}\n\
        \x20 - {{ name: last, command: ls }}\n"
    );
    let labels = |from: Option<&str>, only: &[&str]| {
        let plans = try_compile(&text, |inputs| {
            inputs.flags.from = from.map(str::to_owned);
            inputs.flags.only = only.iter().map(|step| (*step).to_owned()).collect();
        });
        plans.map(|plans| plans[0].1.steps.iter().map(|step| step.label.to_string()).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(labels(None, &[]).as_deref(), Ok("1 2.1 2.2 2.3 3"));
    assert_eq!(labels(Some("2.2"), &[]).as_deref(), Ok("2.2 2.3 3"));
    assert_eq!(labels(Some("3"), &[]).as_deref(), Ok("3"));
    assert_eq!(labels(None, &["2.3", "1"]).as_deref(), Ok("1 2.3"));
    assert_eq!(labels(None, &["2.3", "2"]).as_deref(), Ok("2.1 2.2 2.3"));
    assert_eq!(labels(Some("2.2"), &["2.1", "2.3"]).as_deref(), Ok("2.3"));
    let refused = |from: Option<&str>, only: &[&str]| labels(from, only).expect_err("there is no such step");
    assert!(refused(Some("2.4"), &[]).contains("there is no iteration 2.4"));
    assert!(refused(None, &["3.1"]).contains("step 3 has no loop, and therefore no `3.1`"));
    assert!(refused(None, &["4"]).contains("no step is called `4`"));
    assert!(refused(None, &["2.0"]).contains("no step is called `2.0`"));
}

#[test]
fn a_step_that_only_asks_is_repeated_and_keeps_its_digest() {
    let digest = |option: &str| {
        let text = format!("{HOST}steps: [ {{ name: s, command: id -un, register: me{option} }} ]\n");
        let plan = compile(&text, |_| {});
        let work = work(&plan.steps[0]).clone();
        (plan.steps[0].digest.clone(), work)
    };
    let (plain, work) = digest("");
    assert!(!work.only_asks);
    let (asking, work) = digest(", changes: false");
    assert_eq!((plain, true, pinboot::plan::OnUnknown::Rerun), (asking, work.only_asks, work.on_unknown));
    assert!(!digest(", changes: true").1.only_asks);
}

#[test]
fn hosts_are_chosen_and_overridden() {
    let text = "vars: { name: ec2-1.example, key: keys/Key pair name.pem }\n\
        hosts:\n\
        \x20 a: { address: \"{{ name }}\", user: ec2-user, port: \"{{ port }}\", key: \"{{ key }}\", vars: { port: 2222 } }\n\
        \x20 b: { address: \"[::1]\", key: \"\" }\n\
        steps: [ { name: s, command: ls } ]\n";
    let hosts = |change: fn(&mut Inputs)| -> Result<Vec<String>, String> {
        let key = |host: &Host| host.key.as_ref().map(|key| key.display().to_string()).unwrap_or_default();
        let said = |(host, plan): &(Host, Plan)| {
            assert_eq!(host.id, plan.host);
            format!("{} {}@{}:{} {}", host.id, host.user, host.address, host.port, key(host))
        };
        try_compile(text, change).map(|plans| plans.iter().map(said).collect())
    };
    let all = ["a ec2-user@ec2-1.example:2222 keys/Key pair name.pem", "b me@::1:22 "];
    assert_eq!(hosts(|_| {}).expect("both"), all);
    assert_eq!(hosts(|inputs| inputs.flags.limit = vec!["b".into()]).expect("one"), all[1..]);
    let replaced = hosts(|inputs| inputs.flags.host = Some("root@10.0.0.1:23".into())).expect("replaced");
    assert_eq!(replaced, ["10.0.0.1 root@10.0.0.1:23 "]);
    let standing_for = hosts(|inputs| {
        inputs.flags.host = Some("10.0.0.1".into());
        inputs.flags.limit = vec!["a".into()];
    });
    assert_eq!(standing_for.expect("for a"), ["10.0.0.1 ec2-user@10.0.0.1:22 keys/Key pair name.pem"]);
    let overridden = hosts(|inputs| {
        inputs.flags.user = Some("admin".into());
        inputs.flags.key = Some("k.pem".into());
    });
    assert_eq!(overridden.expect("both"), ["a admin@ec2-1.example:2222 k.pem", "b admin@::1:22 k.pem"]);
    let said = hosts(|inputs| inputs.flags.limit = vec!["c".into()]).expect_err("unknown");
    assert!(said.contains("--limit: the playbook has no host `c`"), "{said}");
    let said = hosts(|inputs| inputs.flags.host = Some("a b".into())).expect_err("no address");
    assert!(said.contains("--host a b: invalid character ` ` in an address"), "{said}");
}

#[test]
fn a_digest_is_what_the_host_would_do() {
    let digest = |step: &str, vars: &[&str]| {
        let text = format!("vars: {{ x: 1 }}\n{HOST}steps: [ {step} ]\n");
        compile(&text, with_vars(vars)).steps[0].digest.clone()
    };
    let same = digest("{ name: a, command: \"echo {{ x }}\" }", &[]);
    assert_eq!(digest("{ name: renamed, command: echo 1, tags: [t] }", &[]), same);
    assert_eq!(digest("{ name: a, command: 'echo 1', always: true }", &[]), same);
    // How patient the runner is with a step and what it makes of its result do not make it another step.
    for option in ["timeout: 5s", "retries: 1", "delay: 5s", "allow_failure: true", "on_unknown: done"] {
        assert_eq!(digest(&format!("{{ name: a, command: echo 1, {option} }}"), &[]), same, "{option}");
    }
    for (step, vars) in [
        ("{ name: a, command: \"echo {{ x }}\" }", &["x=2"][..]),
        ("{ name: a, script: echo 1 }", &[]),
        ("{ name: a, command: echo 1, sudo: true }", &[]),
        ("{ name: a, command: echo 1, cwd: /x }", &[]),
        ("{ name: a, command: echo 1, creates: /x }", &[]),
        ("{ name: a, command: echo 1, unless: 'true' }", &[]),
        ("{ name: a, command: echo 1, only_if: 'true' }", &[]),
        ("{ name: a, command: echo 1, env: { A: b } }", &[]),
        ("{ name: a, command: echo 1, register: r }", &[]),
    ] {
        assert_ne!(digest(step, vars), same, "{step}");
    }
    let windows =
        "hosts: { one: { address: h } }\r\nsteps:\r\n  - name: a\r\n    script: |\r\n      ls\r\n      date\r\n";
    let plain = windows.replace('\r', "");
    assert_eq!(compile(windows, |_| {}).steps[0].digest, compile(&plain, |_| {}).steps[0].digest);
    assert_eq!(compile(&format!("\u{feff}{plain}"), |_| {}).steps[0].digest, compile(&plain, |_| {}).steps[0].digest);
}

/// A seeded generator (splitmix64): the same strings on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("small")
    }

    fn text(&mut self) -> String {
        const PIECES: &[&str] = &[
            "'",
            "\"",
            "\\",
            "`",
            "$(id)",
            "${x}",
            "$",
            "\n",
            "\r\n",
            "\t",
            " ",
            "-",
            "--",
            "-n",
            "*",
            "?",
            "[a]",
            "~",
            "~/",
            "#",
            "!",
            "{{ x }}",
            "{% if %}",
            "é",
            "日本",
            "\u{1f980}",
            "\u{202e}",
            "&&",
            ";",
            "|",
            ">",
            "<<EOF",
            "=",
            "%s",
            "\\n",
            "\u{7f}",
            "done",
            "a",
        ];
        let len = self.below(12);
        (0..len)
            .map(|_| match self.below(3) {
                0 => PIECES[self.below(PIECES.len())].to_owned(),
                1 => char::from(u8::try_from(1 + self.below(127)).expect("ASCII")).to_string(),
                _ => char::from_u32(u32::try_from(1 + self.below(0xd7ff)).expect("small"))
                    .expect("no surrogate")
                    .to_string(),
            })
            .collect()
    }
}

#[test]
fn values_arrive_byte_for_byte_in_real_shells() {
    let mut values: Vec<String> = (1u8..128).map(|b| char::from(b).to_string()).collect();
    let mut random = Random(0x70_69_6e);
    values.extend((0..10_000).map(|_| random.text()));
    // A leading `~/` means the home there, and NUL cannot be given at all.
    values.retain(|value| !value.starts_with("~/") && value != "~");
    let shells: Vec<&[&str]> =
        [&["dash"][..], &["bash", "--posix"], &["bash"], &["busybox", "sh"], &["mksh"], &["yash"], &["sh"]]
            .into_iter()
            .filter(|shell| {
                Command::new(shell[0])
                    .args(&shell[1..])
                    .args(["-c", ":"])
                    .stderr(Stdio::null())
                    .status()
                    .is_ok_and(|s| s.success())
            })
            .collect();
    assert!(!shells.is_empty(), "there is no shell at all");
    let mut body = String::new();
    let mut names = String::new();
    for at in 0..500 {
        writeln!(body, "      p a{{{{ v{at} }}}} {{{{ v{at} }}}}").expect("a string takes all");
        writeln!(names, "  v{at}: ''").expect("a string takes all");
    }
    for (round, chunk) in values.chunks(500).enumerate() {
        let text = format!("vars:\n{names}{HOST}steps:\n  - name: s\n    script: |\n{body}");
        let given: Vec<String> = chunk.iter().enumerate().map(|(at, value)| format!("v{at}={value}")).collect();
        let plan = compile(&text, |inputs| inputs.flags.vars = given);
        let shell_text =
            format!("p() {{ printf '%s\\0%s\\0' \"$@\"; }}\n{}", work(&plan.steps[0]).recipe.apply.as_str());
        let mut expected: Vec<u8> = Vec::new();
        for at in 0..500 {
            let value = chunk.get(at).map_or("", String::as_str);
            // `true` and `false` are the same text as booleans.
            expected.extend(format!("a{value}\0{value}\0").bytes());
        }
        for shell in &shells {
            if shell[0] == "mksh" && round > 1 {
                // Its printf is a program of its own: a thousand processes a round.
                continue;
            }
            let out = Command::new(shell[0])
                .args(&shell[1..])
                .arg("-c")
                .arg(&shell_text)
                .env("LC_ALL", "C.UTF-8")
                .output()
                .expect("it runs");
            let first = out.stdout.iter().zip(&expected).position(|(a, b)| a != b);
            assert!(
                out.stdout == expected,
                "{shell:?}: differs at {first:?}: {}",
                String::from_utf8_lossy(&out.stderr)
            );
        }
    }
}

#[test]
fn a_thousand_steps_compile_and_lint() {
    let mut text =
        format!("vars: {{ home: /opt/kafka, version: 2.8.1, name: \"k-{{{{ version }}}}\" }}\n{HOST}steps:\n");
    for at in 0..1000 {
        write!(text,
            "  - name: Step {at} of {{{{ name }}}}\n    command: tar -C {{{{ home }}}} -xf {{{{ name }}}}-{at}.tgz\n    creates: \"{{{{ home }}}}/{{{{ name }}}}/{at}\"\n"
        ).expect("a string takes all");
    }
    let inputs = Inputs::new("me", no_files);
    let mut sources = Sources::default();
    let loaded = load_with(kinds::KINDS, &mut sources, "p.yml", text.into_bytes(), inputs).expect("it is right");
    let plans = compile_all(&loaded, &mut sources, Mode::Run).expect("it is right");
    assert_eq!(plans[0].1.steps.len(), 1000);
    assert!(lint(&loaded, &sources).is_empty());
}

#[test]
fn a_step_that_is_not_there_is_answered_with_what_is() {
    let text = format!("{HOST}steps:\n  - {{ name: First, command: ls }}\n  - {{ name: Second, command: ls }}\n");
    let said =
        |wanted: &str| try_compile(&text, |inputs| inputs.flags.from = Some(wanted.to_owned())).expect_err(wanted);
    let many = "there are 2 steps: give a number from 1 to 2, or a name";
    for (wanted, hint) in [("9", many), ("0", many), ("Other", many), ("Secnd", "did you mean `Second`?")] {
        let expected = format!("error: --from: no step is called `{wanted}`\n |\n = help: {hint}\n\n1 error\n");
        assert_eq!(said(wanted), expected);
    }
    let broken = text.replace("name: Second", "nam: Other");
    let said = try_compile(&broken, |inputs| inputs.flags.only = vec!["Other".to_owned()]).expect_err("a misspelt key");
    assert!(said.contains("`nam`") && said.ends_with("\n1 error\n"), "{said}");
}

#[test]
fn values_that_multiply_are_stopped() {
    let levels = |value: &dyn Fn(usize) -> String| {
        let vars =
            (1..20).fold("  v0: aaaaaaaaaa\n".to_owned(), |vars, at| format!("{vars}  v{at}: {}\n", value(at - 1)));
        let text = format!("vars:\n{vars}{HOST}steps:\n  - {{ name: s, command: \"echo {{{{ v19 }}}}\" }}\n");
        try_compile(&text, |_| {}).expect_err("too large")
    };
    let use_of = |at| format!("{{{{ v{at} }}}}");
    let said = levels(&|at| format!("'{}'", use_of(at).repeat(6)));
    assert!(said.contains("the value grows too large") && said.ends_with("\n1 error\n"), "{said}");
    let said = levels(&|at| format!("['{}']", vec![use_of(at); 6].join("','")));
    assert!(said.contains("the value grows too large") && said.ends_with("\n1 error\n"), "{said}");
    let circle =
        (0..3000).fold(String::new(), |vars, at| format!("{vars}  v{at}: \"{{{{ v{} }}}}\"\n", (at + 1) % 3000));
    let said = try_compile(&format!("vars:\n{circle}{HOST}steps: [ {{ name: s, command: ls }} ]\n"), |_| {});
    assert!(said.expect_err("a circle").contains("circular variable definition: v0 -> v1 -> "), "the chain is shown");
}

/// Its file is for its owner alone, and no diff of it goes through the log.
#[test]
fn what_a_step_with_a_secret_registers_is_kept_like_one() {
    use pinboot::compile::compile_all;
    use pinboot::plan::Action;
    use pinboot::playbook::{Inputs, load};

    let text = "vars: { token: s3cr3t-t0ken }\nsecrets: [token]\n\
        hosts: { a: { address: h, user: u } }\n\
        steps:\n\
        - { name: a, command: \"printf %s {{ token }}\", register: session, changes: false }\n\
        - { name: b, command: \"uname -r\", register: kernel, changes: false }\n\
        - { name: x, command: \"printf X-%s {{ session }}\", register: header, changes: false }\n\
        - { name: c, file: { path: ~/c, content: \"{{ session }}\" } }\n\
        - { name: d, file: { path: ~/d, content: \"{{ header }}\" } }\n\
        - { name: e, file: { path: ~/e, content: \"{{ session }}\", mode: \"0644\" } }\n\
        - { name: f, file: { path: ~/f, content: \"{{ kernel }}\" } }\n";
    let mut sources = pinboot::source::Sources::default();
    let inputs = Inputs::new("me", |_: &str| Err("no file".to_owned()));
    let loaded = load(&mut sources, "p.yaml", text.as_bytes().to_vec(), inputs).expect("it is right");
    let plans = compile_all(&loaded, &mut sources, pinboot::event::Mode::Run).expect("it is right");
    let given: Vec<(String, String)> = plans[0].1.steps[3..]
        .iter()
        .map(|step| {
            let Action::Apply(spec) = &step.action else { panic!("{step:?}") };
            let value = |name: &str| spec.recipe.args.iter().find(|(known, _)| known == name).expect(name).1.as_str();
            (value("mode").to_owned(), value("secret").to_owned())
        })
        .collect();
    let given: Vec<(&str, &str)> = given.iter().map(|(mode, secret)| (mode.as_str(), secret.as_str())).collect();
    assert_eq!(given, [("0600", "1"), ("0600", "1"), ("0644", "1"), ("", "")]);
}
