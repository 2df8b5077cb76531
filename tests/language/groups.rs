//! Options of groups and of the playbook: what a step gets from around it.

use pinboot::plan::{Action, Question, RunAs, StepSpec};
use pinboot::script::{Script, Text};

use super::{compile, lines, try_compile, work};

const HOST: &str = "hosts: { one: { address: h, vars: { here: yes } }, two: { address: i, vars: { here: no } } }\n";

fn playbook(text: &str) -> String {
    format!("{HOST}{text}")
}

fn spec(text: &str) -> StepSpec {
    work(&compile(&playbook(text), |_| {}).steps[0]).clone()
}

#[test]
fn the_innermost_counts_tags_add_up_and_variables_are_merged() {
    let step = spec(
        "timeout: 1m\nretries: 3\nenv: { A: top, B: top, C: top }\ncwd: /top\nallow_failure: true\ntags: [all]\nsteps:\n\
         \x20 - name: Outer\n    timeout: 2m\n    env: { B: outer, C: outer }\n    steps:\n\
         \x20     - name: Inner\n        env: { C: inner }\n        cwd: /inner\n        steps:\n\
         \x20         - { name: S, command: ls, retries: 1, env: { D: own } }\n",
    );
    assert_eq!((step.timeout.map(|time| time.as_secs()), step.retries, step.allow_failure), (Some(120), 1, true));
    assert_eq!(step.cwd, Some(Text::from("/inner")));
    let env: Vec<String> = step.env.iter().map(|(name, value)| format!("{name}={}", value.raw())).collect();
    assert_eq!(env, ["A=top", "B=outer", "C=inner", "D=own"]);
}

#[test]
fn of_sudo_and_run_as_the_innermost_takes_the_place_of_both() {
    let user = |name: &str| RunAs::User(Text::from(name));
    for (outer, inner, right) in [
        ("sudo: true", "run_as: kafka", user("kafka")),
        ("run_as: kafka", "sudo: true", RunAs::Root),
        ("run_as: kafka", "sudo: false", RunAs::Login),
        ("sudo: true", "timeout: 1s", RunAs::Root),
        ("run_as: kafka", "run_as: \"{{ none }}\"", user("kafka")),
        ("run_as: kafka\nsudo: false", "timeout: 1s", user("kafka")),
    ] {
        let step = spec(&format!("{outer}\nsteps:\n  - {{ name: S, command: ls, {inner} }}\n"));
        assert_eq!(step.run_as, right, "{outer}, {inner}");
    }
    // What needs root by itself is not done as a user that only a group names.
    for (outer, inner, right) in [
        ("run_as: kafka", "", RunAs::RootToApply),
        ("run_as: kafka", ", run_as: admin", user("admin")),
        ("sudo: false", "", RunAs::Login),
        ("sudo: true", "", RunAs::Root),
    ] {
        let step = spec(&format!("{outer}\nsteps:\n  - {{ name: S, package: java{inner} }}\n"));
        assert_eq!(step.run_as, right, "{outer}, {inner}");
    }
}

#[test]
fn every_condition_has_to_be_true_and_each_host_decides_by_its_own() {
    let text = playbook(
        "when: here == \"yes\"\nsteps:\n  - name: G\n    when: \"true\"\n    steps:\n\
         \x20     - { name: A, command: ls, when: \"1 == 1\" }\n\
         \x20     - { name: \"B {{ item }}\", command: \"echo {{ item }}\", loop: [x, y], when: item == \"x\" }\n",
    );
    let plans = try_compile(&text, |_| {}).unwrap_or_else(|said| panic!("{said}"));
    assert_eq!(lines(&plans[0].1), ["1 A: ls", "2.1 B x: echo x", "2.2 B y: skipped (when: item == \"x\")"]);
    assert_eq!(
        lines(&plans[1].1),
        ["1 A: skipped (when: here == \"yes\")", "2 B {{ item }}: skipped (when: here == \"yes\")"]
    );
}

#[test]
fn a_step_has_the_same_digest_whether_an_option_is_its_own_or_of_a_group() {
    let own =
        "steps:\n  - { name: S, command: ls, sudo: true, cwd: /a, env: { A: a }, only_if: test -e /x, timeout: 1s }\n";
    let group = "sudo: true\ncwd: /a\nsteps:\n  - name: G\n    env: { A: a }\n    only_if: test -e /x\n    timeout: 1s\n    \
                 steps:\n      - { name: S, command: ls }\n";
    let digest = |text: &str| compile(&playbook(text), |_| {}).steps[0].digest.clone();
    assert_eq!(digest(own), digest(group));
    for other in [
        group.replace("/x", "/y"),
        group.replace("command: ls", "command: ls, cwd: /b"),
        group.replace("command: ls", "command: ls, only_if: test -e /x"),
    ] {
        assert_ne!(digest(&other), digest(own), "{other}");
    }
}

#[test]
fn a_question_is_asked_with_the_surroundings_of_its_group() {
    let plan = compile(
        &playbook(
            "env: { A: top }\nonly_if: test -d /\nsteps:\n  - name: G {{ here }}\n    run_as: kafka\n    cwd: /kafka\n    \
             only_if: ls\n    steps:\n      - { name: A, command: ls, sudo: true, when: \"false\" }\n\
             \x20     - { name: B, command: ls, sudo: true, env: { A: own } }\n  - { name: C, command: ls, always: true }\n",
        ),
        |_| {},
    );
    let questions: Vec<&Question> = plan.questions();
    let shown = |question: &&Question| {
        let spec = &question.spec;
        (question.group.clone(), spec.only_if.clone(), spec.run_as.clone(), spec.cwd.clone(), spec.env.len())
    };
    let user = RunAs::User(Text::from("kafka"));
    let (top, group) = (Some(Script::author("test -d /")), Some(Script::author("ls")));
    let mut found: Vec<_> = questions.iter().map(shown).collect();
    found.sort_by_key(|(name, ..)| name.clone());
    assert_eq!(
        found,
        [(String::new(), top, RunAs::Login, None, 1), ("G yes".to_owned(), group, user, Some(Text::from("/kafka")), 1),]
    );
    let of = |at: usize| match &plan.steps[at].action {
        Action::Apply(spec) => spec.questions.iter().map(|question| question.group.as_str()).collect(),
        Action::Skip { .. } => Vec::new(),
    };
    assert_eq!((of(0), of(1), of(2)), (vec![], vec!["", "G yes"], vec![""]));
}

#[test]
fn a_group_is_selected_by_its_name_its_id_and_its_tags() {
    let text = playbook(
        "steps:\n  - { name: A, command: a }\n  - name: Kafka\n    id: k\n    tags: [kafka]\n    steps:\n\
         \x20     - { name: B, command: b }\n      - { name: C, command: c, tags: slow }\n  - { name: D, command: d, when_changed: [k] }\n",
    );
    let labels = |flags: &dyn Fn(&mut pinboot::flags::Flags)| {
        let plan = compile(&text, |inputs| flags(&mut inputs.flags));
        plan.steps.iter().map(|step| step.label.to_string()).collect::<Vec<_>>().join(" ")
    };
    for name in ["Kafka", "k"] {
        assert_eq!(labels(&|flags| flags.only = vec![name.to_owned()]), "2 3");
        assert_eq!(labels(&|flags| flags.from = Some(name.to_owned())), "2 3 4");
    }
    assert_eq!(labels(&|flags| flags.tags = vec!["kafka".to_owned()]), "2 3");
    assert_eq!(labels(&|flags| flags.skip_tags = vec!["slow".to_owned()]), "1 2 4");
    let plan = compile(&text, |_| {});
    assert_eq!(work(&plan.steps[3]).when_changed.as_ref().map(Vec::len), Some(2), "a group is all of its steps");
}

#[test]
fn a_reboot_has_its_own_time() {
    let text = "timeout: 30s\nretries: 4\nsteps:\n  - { name: R, reboot: now, only_if: \"true\" }\n";
    let inputs = pinboot::playbook::Inputs::new("me", |_: &str| Err("no files".to_owned()));
    let mut sources = pinboot::source::Sources::default();
    let bytes = playbook(text).into_bytes();
    let loaded = pinboot::playbook::load(&mut sources, "p.yml", bytes, inputs).expect("it is right");
    let plans = pinboot::compile::compile_all(&loaded, &mut sources, pinboot::event::Mode::Run).expect("it is right");
    let step = work(&plans[0].1.steps[0]);
    assert_eq!((step.timeout, step.retries), (None, 0));
}
