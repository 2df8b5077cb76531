//! The forms in which a person writes the kinds, through the real language.

use pinboot::compile::compile_all;
use pinboot::event::Mode;
use pinboot::kinds::{KINDS, Recipe};
use pinboot::plan::Action;
use pinboot::playbook::{Inputs, load};
use pinboot::source::{Sources, render};

/// The recipes of a playbook's steps, or what a person reads instead.
fn recipes(steps: &str) -> Result<Vec<Recipe>, String> {
    let loader = |_: &str| Ok(b"local".to_vec());
    let indented: Vec<String> = steps.lines().map(|line| format!("  {line}")).collect();
    let text = format!("name: x\nhosts: {{ a: {{ address: a }} }}\nsteps:\n{}\n", indented.join("\n"));
    let inputs = Inputs::new("me", loader);
    let mut sources = Sources::default();
    let loaded =
        load(&mut sources, "p.yml", text.into_bytes(), inputs).map_err(|faults| render(&faults, &sources, false))?;
    let plans = compile_all(&loaded, &mut sources, Mode::Run).map_err(|faults| render(&faults, &sources, false))?;
    let plan = plans.into_iter().next().expect("one host").1;
    let steps = plan.steps.into_iter().map(|step| match step.action {
        Action::Apply(work) => work.recipe,
        Action::Skip { why } => panic!("passed over: {why}"),
    });
    Ok(steps.collect())
}

fn apply(step: &str) -> String {
    let recipes = recipes(&format!("- name: s\n  {step}")).unwrap_or_else(|said| panic!("{step}\n{said}"));
    recipes[0].apply.as_str().to_owned()
}

#[test]
fn every_example_is_a_step() {
    for kind in KINDS {
        let recipes = recipes(kind.example).unwrap_or_else(|said| panic!("{}:\n{said}", kind.name));
        assert_eq!(recipes.len(), 1, "{}", kind.name);
        assert!(!recipes[0].subject.is_empty(), "{}", kind.name);
    }
}

#[test]
fn the_short_and_the_long_forms_mean_the_same() {
    let present = "pb_packages_apply present '' auto";
    assert_eq!(apply("package: java-1.8.0"), format!("{present} java-1.8.0"));
    assert_eq!(apply("package: [a, b]"), format!("{present} a b"));
    assert_eq!(apply("package: { name: [a, b] }"), format!("{present} a b"));
    let family = apply("package: { yum: java-1.8.0, apt: openjdk-8-jdk }");
    assert_eq!(apply("package: { name: { yum: java-1.8.0, apt: openjdk-8-jdk } }"), family);
    assert_eq!(apply("package: { name: [{ dnf: java-1.8.0, apt: openjdk-8-jdk }] }"), family);
    assert_eq!(
        apply("package: { name: x, version: 1.10, update_cache: false }"),
        "pb_packages_apply present 1.10 never x"
    );
    assert_eq!(apply("script: { text: \"make\", shell: bash }"), "set -eu\nmake");
    assert_eq!(
        apply("export: { A: ~/x, B: 012, scope: system }"),
        "pb_export write system shown A \"$pb_home\"/x B 012"
    );
    assert_eq!(apply("file: { path: ~/f, content: x, mode: 0600 }"), "pb_file_put \"$pb_home\"/f 0600 '' '' ''");
    assert_eq!(
        apply("download: { url: [https://a.org/x.jar, https://b.org/x.jar], to: ~/libs/ }"),
        "pb_download \"$pb_home\"/libs/x.jar '' '' '' https://a.org/x.jar https://b.org/x.jar"
    );
    assert_eq!(
        apply("kafka_topics: { home: ~/k, bootstrap_servers: \"b:1\", topics: [{ name: a, config: { x.y: 1 } }] }"),
        "pb_kafka \"$pb_home\"/k kafka-topics.sh b:1 ''\npb_topic a --config 'x.y=1'"
    );
}

#[test]
fn a_fault_points_at_its_value() {
    let said = recipes("- name: s\n  kafka_topics:\n    home: ~/k\n    bootstrap_servers: b\n    topics: a")
        .expect_err("a fault");
    assert!(said.contains("`b` is no broker's address") && said.contains("p.yml:7:26"), "{said}");
}
