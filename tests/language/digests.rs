//! The digests of steps that nothing can be asked about, as the first release computed them: a rerun after an upgrade
//! must still recognise such steps in the records of a host.

use pinboot::compile::compile_all;
use pinboot::event::Mode;
use pinboot::playbook::{Inputs, load};
use pinboot::source::{Sources, render};

/// Steps of every kind without a check, and every option that is part of a digest or is not.
const PLAYBOOK: &str = r#"
vars: { word: "it's", list: [a, b c], secret: hidden value }
secrets: [secret]
hosts: { one: { address: h } }
steps:
  - { name: A, command: date }
  - { name: B, command: "echo {{ word }} {{ list }}", sudo: true }
  - { name: C, command: date, sudo: false }
  - { name: D, command: date, run_as: kafka, cwd: ~/a b }
  - { name: E, command: date, register: now }
  - { name: F, command: "echo {{ now }} {{ secret }}", env: { A: "{{ word }}", B: ~/x } }
  - { name: G, command: date, only_if: "test -n {{ word }}" }
  - { name: H, command: date, when_changed: [A, B] }
  - { name: I, command: date, when_changed: A, when: "true" }
  - { name: J, script: "ls\ndate\n" }
  - { name: K, script: { text: "ls", shell: bash } }
  - { name: L, command: "echo {{ item }} {{ index }}", loop: [x, y z] }
  - { name: M, command: date, timeout: 5s, retries: 2, delay: 1m, allow_failure: true, on_unknown: rerun, always: true, tags: [t] }
  - { name: N, reboot: for a test }
  - { name: O, manual: "press the button {{ word }}" }
  - { name: P, command: date, creates: ~/x, unless: "test {{ word }}", only_if: "true", sudo: true, cwd: /tmp, env: { C: d }, register: all, when_changed: A }
"#;

#[test]
fn a_step_without_a_check_keeps_its_digest_from_version_to_version() {
    let no_files = |_: &str| Err("no such file".to_owned());
    let inputs = Inputs::new("me", no_files);
    let mut sources = Sources::default();
    let loaded = load(&mut sources, "p.yml", PLAYBOOK.as_bytes().to_vec(), inputs).expect("it is right");
    let plans = compile_all(&loaded, &mut sources, Mode::Run)
        .unwrap_or_else(|found| panic!("{}", render(&found, &sources, false)));
    let lines: String =
        plans[0].1.steps.iter().map(|step| format!("{} {}\n", step.label, step.digest.as_str())).collect();
    assert_eq!(lines, include_str!("digests.txt"));
}
