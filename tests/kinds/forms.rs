//! The forms in which a person writes the kinds, through the real language.

use pinboot::compile::compile_all;
use pinboot::event::Mode;
use pinboot::kinds::{KINDS, Recipe};
use pinboot::plan::{Action, show};
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

fn fields(step: &str) -> String {
    let recipes = recipes(&format!("- name: s\n  {step}")).unwrap_or_else(|said| panic!("{step}\n{said}"));
    recipes[0].assignments().as_str().to_owned()
}

#[test]
fn every_example_is_a_step() {
    for kind in KINDS {
        let recipes = recipes(kind.example).unwrap_or_else(|said| panic!("{}:\n{said}", kind.name));
        let steps = kind.example.lines().filter(|line| line.starts_with("- name: ")).count();
        assert_eq!(recipes.len(), steps, "{}", kind.name);
        assert!(recipes.iter().all(|recipe| !recipe.subject.is_empty()), "{}", kind.name);
    }
}

#[test]
fn the_command_of_a_failed_step_is_one_that_a_user_would_type() {
    for kind in KINDS {
        let steps = kind.example.lines().map(|line| format!("  {line}\n")).collect::<String>();
        let text = format!("name: x\nhosts: {{ a: {{ address: a }} }}\nsteps:\n{steps}");
        let mut sources = Sources::default();
        let inputs = Inputs::new("me", |_: &str| Ok(b"local".to_vec()));
        let loaded = load(&mut sources, "p.yml", text.into_bytes(), inputs).unwrap_or_else(|_| panic!("{}", kind.name));
        let plans = compile_all(&loaded, &mut sources, Mode::Run).unwrap_or_else(|_| panic!("{}", kind.name));
        let Some(command) = show::command(&plans[0].1.steps[0]) else { continue };
        let internal = ["arg_", "_apply", "pb_", "set -eu"].iter().find(|piece| command.contains(**piece));
        assert_eq!(internal, None, "{}: {command}", kind.name);
        assert!(!command.trim().is_empty(), "{}", kind.name);
    }
}

#[test]
fn every_kind_says_what_it_lacks() {
    for kind in KINDS {
        // Which host reboots needs no saying.
        let said = recipes(&format!("- name: s\n  {}: {{}}", kind.name));
        assert_eq!(said.is_ok(), kind.name == "reboot", "{}: {said:?}", kind.name);
        assert!(kind.example.starts_with("- name: "), "{}", kind.name);
        assert!(kind.example.contains(&format!("\n  {}:", kind.name)), "{}", kind.name);
        if let Some(short) = kind.short {
            assert!(kind.fields.iter().any(|field| field.name == short), "{}", kind.name);
        }
    }
}

#[test]
fn a_script_that_asks_for_a_shell_needs_it() {
    let recipe = |step: &str| recipes(&format!("- name: s\n  {step}")).expect("a step").remove(0);
    let bash = recipe("script: { text: \"[[ a == a ]]\", shell: bash }");
    assert_eq!(bash.interpreter(), Some("bash"));
    assert_eq!(bash.needs[0].any_of, ["bash"]);
    assert_eq!(recipe("script: { text: \":\", shell: sh }").interpreter(), None);
    let manual = recipe("manual: Click.");
    assert!(manual.check.is_none());
    assert!(!manual.manual().expect("a manual step").wait);
    let command = recipe("command: \"touch 'a b'\\n\"");
    assert_eq!((command.apply.as_str(), command.check), ("touch 'a b'", None));
}

#[test]
fn the_short_and_the_long_forms_mean_the_same() {
    let present = |names: &str| {
        format!(
            "arg_name={names} arg_yum= arg_apt= arg_apk= arg_zypper= arg_pacman= arg_version= arg_state=present arg_update_cache="
        )
    };
    assert_eq!(fields("package: java-1.8.0"), present("'java-1.8.0'"));
    assert_eq!(fields("package: [a, b]"), present("'a b'"));
    assert_eq!(fields("package: { name: [a, b] }"), present("'a b'"));
    let family = fields("package: { yum: java-1.8.0, apt: openjdk-8-jdk }");
    assert_eq!(fields("package: { name: { yum: java-1.8.0, apt: openjdk-8-jdk } }"), family);
    assert_eq!(fields("package: { name: [{ dnf: java-1.8.0, apt: openjdk-8-jdk }] }"), family);
    assert_eq!(
        fields("package: { name: x, version: 1.10, update_cache: false }"),
        "arg_name='x' arg_yum= arg_apt= arg_apk= arg_zypper= arg_pacman= arg_version=1.10 arg_state=present arg_update_cache=false"
    );
    assert_eq!(
        fields("export: { A: ~/x, B: 012, scope: system }"),
        "arg_rest='A \"$pb_home\"/x B 012' arg_scope=system arg_secret="
    );
    assert_eq!(
        fields("file: { path: ~/f, content: x, mode: 600 }"),
        "arg_path=\"$pb_home\"/f arg_mode=0600 arg_owner= arg_group= arg_backup= arg_secret="
    );
    assert_eq!(
        fields("download: { url: [https://a.org/x.jar, https://b.org/x.jar], to: ~/libs/ }"),
        "arg_url='https://a.org/x.jar https://b.org/x.jar' arg_to=\"$pb_home\"/libs/x.jar arg_sha256= arg_sha512= arg_mode= arg_secret="
    );
    let recipes = recipes("- name: s\n  script: { text: \"make\", shell: bash }").expect("a step");
    assert_eq!((recipes[0].apply.as_str(), recipes[0].assignments().as_str()), ("set -eu\nmake", ""));
}

#[test]
fn a_fault_points_at_its_value() {
    let said = recipes("- name: s\n  kafka_topics:\n    home: ~/k\n    bootstrap_servers: b\n    topics: a")
        .expect_err("a fault");
    assert!(said.contains("invalid broker address `b`") && said.contains("p.yml:7:26"), "{said}");
}
