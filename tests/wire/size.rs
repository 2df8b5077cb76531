//! How much is sent.

use std::fs;
use std::path::Path;

use pinboot::compile::compile_all;
use pinboot::event::Mode;
use pinboot::playbook::{Inputs, load};
use pinboot::remote::streams::StreamPosition;
use pinboot::remote::{Delivery, SecretInput, follow, program};
use pinboot::source::{Sources, render};

use super::{NONCE, plan};

#[test]
fn what_is_sent_keeps_to_its_budget() {
    let identity = pinboot::remote::Identity {
        run: pinboot::ids::RunId::from_random([9, 0, 0, 9]),
        nonce: NONCE.to_owned(),
        started_by: "tester@here 2026-11-24T06:00:00Z".to_owned(),
        shell: "/bin/sh".to_owned(),
    };
    let size = |plan| Delivery::new(&program(plan, &identity), &identity, &plan.secrets).exec().command.len();
    let mut sources = Sources::default();
    let text = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/milestone1.yaml")).expect("the playbook");
    let inputs = Inputs::new("me", |_: &str| Err("there are no files".to_owned()));
    let plans = load(&mut sources, "milestone1.yaml", text, inputs)
        .and_then(|loaded| compile_all(&loaded, &mut sources, Mode::Run));
    let milestone = plans.map_err(|found| render(&found, &sources, false)).expect("it is right").remove(0).1;
    // dropbear takes 9,000 bytes: there the plan goes over standard input, and the delivery alone has to fit.
    let sizes = [
        size(&plan(Vec::new())),
        size(&milestone),
        follow(&identity, StreamPosition::START, None, SecretInput::Plain, None).command.len(),
    ];
    eprintln!("an empty plan {} bytes, the milestone {}, following {}", sizes[0], sizes[1], sizes[2]);
    // An exec string of 120,000 bytes goes over standard input instead, and then costs what the other path costs.
    let budget = [32_000, 106_000, 7_300];
    assert!(sizes.iter().zip(budget).all(|(now, budget)| *now <= budget), "{sizes:?} bytes of {budget:?}");
}
