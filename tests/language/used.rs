//! `use: FILE`: the steps of another file, which sees its own names only; and parameters.

use std::time::{Duration, Instant};

use pinboot::plan::{Plan, RunAs};
use pinboot::playbook::{Inputs, lint};
use pinboot::source::{Sources, render};

use super::{compile, lines, try_compile, work};

const HOST: &str = "hosts: { one: { address: h } }\n";

const KAFKA: &str = "params:\n  - { name: version, type: text }\n  - { name: home, default: \"/opt/{{ version }}\" }\n\
    \x20 - { name: list, type: list, default: [] }\nvars: { full: \"{{ home }}/{{ version }}\" }\nsteps:\n\
    \x20 - { name: Ask, id: ask, command: \"echo {{ full }} {{ list }}\", register: said, changes: false }\n\
    \x20 - { name: \"Say {{ item }}\", command: \"echo {{ said }} {{ item }}\", loop: [a, b], always: true }\n\
    \x20 - { name: Copy, id: copy, motd: { src: motd, name: \"{{ said }}\" } }\n\
    \x20 - { name: Again, command: ls, when_changed: [copy] }\n";

fn file(name: &str) -> Result<Vec<u8>, String> {
    match name {
        "roles/kafka/main.yaml" => Ok(KAFKA.replace("motd: { src: motd, name: \"{{ said }}\" }", "command: ls, always: true").into_bytes()),
        "roles/both.yaml" => Ok(b"params: [x]\nsudo: true\nsteps:\n  - { name: In, id: in, use: kafka, with: { version: \"{{ x }}\" }, tags: [deep] }\n".to_vec()),
        "secret.yaml" => Ok(b"params:\n  - { name: key, secret: true }\nsteps:\n  - { name: S, command: \"cat {{ key }}\", always: true }\n".to_vec()),
        "many.yaml" => Ok(b"params: [a]\nsudo: true\nsteps:\n  - name: G\n    when: \"a != ''\"\n    env: { A: \"{{ a }}\" }\n    steps:\n      - { name: A, command: \"echo {{ a }}\", creates: /x }\n      - { name: B, command: \"echo {{ a }}\", unless: test -e /x }\n".to_vec()),
        _ => Err("no such file".to_owned()),
    }
}

fn used(text: &str) -> Plan {
    compile(&format!("{HOST}{text}"), |inputs| inputs.loader = Box::new(file))
}

fn refused(text: &str) -> String {
    try_compile(&format!("{HOST}{text}"), |inputs| inputs.loader = Box::new(file)).expect_err("it is wrong")
}

#[test]
fn a_used_file_sees_its_own_names_and_its_steps_are_called_after_the_use() {
    let plan = used(
        "vars: { home: playbook, version: playbook }\nsteps:\n  - { name: One, use: roles/kafka, with: { version: \"{{ home }}\" } }\n\
         \x20 - { name: Two, id: two, use: roles/kafka, with: { version: v2, home: /h, list: [x, y z] } }\n",
    );
    let found = lines(&plan);
    assert_eq!(found[0], "1 One: Ask: echo /opt/playbook/playbook ");
    assert!(found[1].starts_with("2.1 One: Say a: echo \"$pb_r_u") && found[1].ends_with("__said\" a"), "{found:?}");
    assert_eq!(found[5], "5 Two: Ask: echo /h/v2 x 'y z'");
    // What the one registers is not what the other sees.
    let name = |at: usize| work(&plan.steps[at]).register.clone();
    assert_ne!(name(0), name(5));
    assert!(found[6].contains(&format!("\"$pb_r_{}\"", name(5).expect("it registers"))), "{found:?}");
    assert_eq!(work(&plan.steps[4]).when_changed.as_ref().map(|ids| ids[0]), Some(plan.steps[3].id));
    assert_eq!(plan.steps[5].origin, "roles/kafka/main.yaml:7");
}

#[test]
fn a_use_is_selected_by_its_name_and_gives_options_to_its_steps() {
    let text = "steps:\n  - { name: Two, id: two, use: roles/both.yaml, with: { x: 1 }, cwd: /c, tags: [t] }\n\
                \x20 - { name: Last, command: ls, when_changed: [two] }\n";
    let labels = |flags: &dyn Fn(&mut pinboot::flags::Flags)| {
        let plan = compile(&format!("{HOST}{text}"), |inputs| {
            inputs.loader = Box::new(file);
            flags(&mut inputs.flags);
        });
        plan.steps.iter().map(|step| step.label.to_string()).collect::<Vec<_>>().join(" ")
    };
    for (name, right) in [
        ("two", "1 2.1 2.2 3 4"),
        ("Two: In", "1 2.1 2.2 3 4"),
        ("two.in", "1 2.1 2.2 3 4"),
        ("two.in.ask", "1"),
        ("Two: In: Again", "4"),
    ] {
        assert_eq!(labels(&|flags| flags.only = vec![name.to_owned()]), right, "{name}");
    }
    assert_eq!(labels(&|flags| flags.tags = vec!["deep".to_owned()]), "1 2.1 2.2 3 4");
    let plan = used(text);
    assert_eq!(plan.steps[0].name, "Two: In: Ask");
    let step = work(&plan.steps[0]);
    assert_eq!((&step.run_as, step.cwd.as_ref().map(pinboot::script::Text::raw)), (&RunAs::Root, Some("/c")));
    assert_eq!(work(&plan.steps[5]).when_changed.as_ref().map(Vec::len), Some(5));
}

/// A use more in front changes no digest behind it.
#[test]
fn the_digests_of_a_use_do_not_depend_on_what_stands_before_it() {
    let one = "  - { name: One, use: roles/kafka, with: { version: a } }\n";
    let two = "  - { name: Two, use: roles/kafka, with: { version: b } }\n";
    let (alone, both) = (used(&format!("steps:\n{two}")), used(&format!("steps:\n{one}{two}")));
    let digests = |plan: &Plan| plan.steps.iter().rev().take(5).map(|step| step.digest.clone()).collect::<Vec<_>>();
    assert_eq!(digests(&alone), digests(&both));
}

#[test]
fn secrets_and_registered_values_are_given_as_they_are() {
    let plan = used(
        "vars: { token: a long secret }\nsecrets: [token]\nsteps:\n\
         \x20 - { name: Ask, command: id, register: me, changes: false }\n\
         \x20 - { name: A, use: secret.yaml, with: { key: \"{{ token }}\" } }\n\
         \x20 - { name: B, use: secret.yaml, with: { key: written out } }\n\
         \x20 - { name: C, use: roles/kafka, with: { version: \"{{ me }}\" } }\n",
    );
    let found = lines(&plan);
    assert!(found[1].contains("cat \"$pb_s_u") && found[2].contains("cat \"$pb_s_u"), "{found:?}");
    assert_eq!(plan.secrets.iter().filter(|(_, secret)| secret.expose() == "written out").count(), 1);
    assert!(found[3].contains("/opt/\"$pb_r_me\"/\"$pb_r_me\""), "{found:?}");
    let early = "steps:\n  - { name: C, use: roles/kafka, with: { version: \"{{ me }}\" } }\n\
                 \x20 - { name: Ask, command: id, register: me, changes: false }\n";
    assert!(refused(early).contains("`me` is registered by a later step"));
}

#[test]
fn the_parameters_of_a_playbook_are_given_like_variables() {
    let text = format!(
        "{HOST}params:\n  - {{ name: topics, type: list, description: The topics }}\n  - {{ name: count, type: integer, default: 3 }}\n\
         \x20 - {{ name: maybe, required: false }}\nsteps:\n  - {{ name: S, command: \"echo {{{{ topics }}}} {{{{ count }}}} {{{{ maybe or 'none' }}}}\" }}\n"
    );
    let given = |vars: &[&str]| {
        let vars: Vec<String> = vars.iter().map(|given| (*given).to_owned()).collect();
        try_compile(&text, |inputs| inputs.flags.vars = vars).map(|plans| lines(&plans[0].1).remove(0))
    };
    assert_eq!(given(&["topics=[a, b]"]), Ok("1 S: echo a b 3 none".to_owned()));
    let said = given(&["count=many"]).expect_err("two are wrong");
    assert!(said.contains("the parameter `topics` has no value") && said.contains("`-e topics=VALUE`"), "{said}");
    assert!(said.contains("`count` needs a whole number"), "{said}");
}

/// A file that playbooks use is looked at alone: its parameters have no values, and nothing is missed for that.
#[test]
fn a_used_file_is_linted_alone() {
    let inputs = Inputs::new("me", file);
    let mut sources = Sources::default();
    let text = "params: [x, never]\nsteps:\n  - { name: S, command: \"echo {{ x }} {{ y }}\", always: true }\n";
    let loaded = pinboot::playbook::load(&mut sources, "p.yml", text.as_bytes().to_vec(), inputs).expect("it is read");
    let mut found = pinboot::compile::compile_some(&loaded, &mut sources).1;
    found.extend(lint(&loaded, &sources));
    let said = render(&found, &sources, false);
    assert!(said.contains("`y` is not defined") && said.contains("the parameter `never` is never used"), "{said}");
    assert!(!said.contains("no value") && !said.contains("there is no host"), "{said}");
}

#[test]
fn a_thousand_steps_out_of_used_files_are_compiled_in_no_time() {
    let uses: String =
        (0..500).map(|at| format!("  - {{ name: Use {at}, use: many.yaml, with: {{ a: x{at} }} }}\n")).collect();
    let started = Instant::now();
    let plan = used(&format!("steps:\n{uses}"));
    assert_eq!(plan.steps.len(), 1000);
    // A release build takes a twentieth of it.
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    let said = refused(&format!("steps:\n{uses}  - {{ name: Last, command: ls }}\n"));
    assert!(said.contains("too many steps"), "{said}");
}
