//! A change stays owed to the steps that wait for it until they have succeeded, whatever comes between.

use std::fs;

use pinboot::event::Mode;
use pinboot::ids::StepId;
use pinboot::kinds::Recipe;
use pinboot::plan::{Action, OnUnknown, OwedField, Plan, StepSpec};
use pinboot::script::Script;

use super::{Host, on_each_shell, plan, script, work};

/// A step that writes the configuration if it is not there.
fn write() -> StepSpec {
    StepSpec { unless: script("test -e conf"), ..work("echo x >conf") }
}

/// A step that needs `fixed`, with a check.
fn needs_the_fix() -> StepSpec {
    StepSpec { unless: script("test -e fixed"), ..work("test -e fixed") }
}

/// A step that waits for a change of the first one, and notes that it acted.
fn waits(name: &str) -> StepSpec {
    StepSpec { when_changed: Some(vec![StepId(1)]), ..work(&format!("echo x >>{name}; test ! -e broken-{name}")) }
}

/// Delivers a plan as this run, and gives the outcomes.
fn outcomes(host: &Host, run: u8, plan: &Plan) -> Vec<String> {
    host.deliver(run, plan).outcomes
}

/// How often a step has acted.
fn times(host: &Host, name: &str) -> usize {
    host.read(name).lines().count()
}

/// What is owed on the host.
fn owed(host: &Host) -> usize {
    fs::read_dir(host.path(".pinboot/owed")).map_or(0, Iterator::count)
}

#[test]
fn a_change_is_owed_to_each_step_until_it_has_acted() {
    on_each_shell(|host| {
        let steps = plan(vec![write(), waits("first"), needs_the_fix(), waits("second")]);
        assert_eq!(outcomes(host, 1, &steps), ["changed", "changed", "failed status"]);
        assert_eq!((times(host, "first"), times(host, "second"), owed(host)), (1, 0, 1));
        // To ask changes nothing of it.
        let asked = Plan { mode: Mode::Check, ..steps.clone() };
        fs::write(host.path("fixed"), "").expect("written");
        for run in [2, 3] {
            let expected = ["unchanged", "skipped when_changed", "unchanged", "would owed"];
            assert_eq!(outcomes(host, run, &asked), expected);
        }
        // The step fails: it is still owed.
        fs::write(host.path("broken-second"), "").expect("written");
        for run in [4, 5] {
            let expected = ["unchanged", "skipped when_changed", "unchanged", "failed status"];
            assert_eq!(outcomes(host, run, &steps), expected);
        }
        fs::remove_file(host.path("broken-second")).expect("removed");
        assert_eq!(outcomes(host, 6, &steps)[3], "changed owed");
        assert_eq!((times(host, "first"), times(host, "second"), owed(host)), (1, 3, 0));
        assert_eq!(outcomes(host, 7, &steps)[3], "skipped when_changed");
    });
}

#[test]
fn a_change_is_owed_to_a_step_that_this_plan_leaves_out_or_skips() {
    on_each_shell(|host| {
        let whole =
            plan(vec![write(), waits("first"), StepSpec { only_if: script("test -e wanted"), ..waits("second") }]);
        let part = Plan { steps: whole.steps[..1].to_vec(), ..whole.clone() };
        assert_eq!((outcomes(host, 1, &part), owed(host)), (vec!["changed".to_owned()], 2));
        // A guard that says no keeps the debt, and so does a step that the plan skips.
        let mut skips = whole.clone();
        skips.steps[1].action = Action::Skip { why: "when: false".to_owned() };
        assert_eq!(outcomes(host, 2, &skips), ["unchanged", "skipped when", "skipped only_if"]);
        // A part of the plan without the step that changed.
        let mut rest = Plan { steps: whole.steps[1..].to_vec(), ..whole.clone() };
        for (step, number) in rest.steps.iter_mut().zip(1..) {
            step.id = StepId(number);
            let Action::Apply(spec) = &mut step.action else { panic!("it runs") };
            spec.when_changed = Some(Vec::new());
        }
        assert_eq!(outcomes(host, 3, &rest), ["changed owed", "skipped only_if"]);
        fs::write(host.path("wanted"), "").expect("written");
        assert_eq!(outcomes(host, 4, &whole), ["unchanged", "skipped when_changed", "changed owed"]);
        assert_eq!((times(host, "first"), times(host, "second"), owed(host)), (1, 1, 0));
        // A step whose own check is satisfied has nothing to act on.
        fs::remove_file(host.path("conf")).expect("removed");
        let mut satisfied = whole;
        let Action::Apply(spec) = &mut satisfied.steps[1].action else { panic!("it runs") };
        spec.unless = script("test -e first");
        assert_eq!(outcomes(host, 5, &satisfied), ["changed", "unchanged", "changed"]);
        assert_eq!((times(host, "first"), owed(host)), (1, 0));
    });
}

#[test]
fn a_change_is_owed_where_no_step_has_a_check() {
    on_each_shell(|host| {
        let steps = plan(vec![work("echo x >>conf"), waits("first"), work("test -e fixed"), waits("second")]);
        assert_eq!(outcomes(host, 1, &steps), ["changed", "changed", "failed status"]);
        fs::write(host.path("fixed"), "").expect("written");
        let mut rerun = steps;
        for (step, number) in rerun.steps.iter_mut().zip(1..) {
            let Action::Apply(spec) = &mut step.action else { panic!("it runs") };
            spec.earlier = vec![(host.identity(1).run, StepId(number))];
        }
        let expected = ["unchanged before 01000001", "unchanged before 01000001", "changed", "changed owed"];
        assert_eq!(outcomes(host, 2, &rerun), expected);
        assert_eq!((times(host, "conf"), times(host, "first"), times(host, "second"), owed(host)), (1, 1, 1, 0));
    });
}

#[test]
fn a_change_is_owed_whatever_is_killed() {
    on_each_shell(|host| {
        // The runner dies in the step that changes; another run finds the change made.
        let dies = StepSpec { unless: script("test -e conf"), ..work("echo x >conf; test -e whole || kill -9 $PPID") };
        let steps = plan(vec![dies, waits("first")]);
        assert_eq!(outcomes(host, 1, &steps), Vec::<String>::new());
        assert_eq!(owed(host), 1);
        assert_eq!(outcomes(host, 2, &steps), ["unchanged", "changed owed"]);
        assert_eq!((times(host, "first"), owed(host)), (1, 0));
        // The runner dies in the step that acts.
        fs::remove_file(host.path("conf")).expect("removed");
        let acts = StepSpec {
            on_unknown: OnUnknown::Rerun,
            ..StepSpec { when_changed: Some(vec![StepId(1)]), ..work("echo x >>acted; test -e whole || kill -9 $PPID") }
        };
        let steps = plan(vec![write(), acts]);
        assert_eq!(outcomes(host, 3, &steps), ["changed"]);
        fs::write(host.path("whole"), "").expect("written");
        assert_eq!(outcomes(host, 4, &steps), ["unchanged", "changed owed"]);
        assert_eq!((times(host, "acted"), owed(host)), (2, 0));
        // The runner dies between the step that has acted and the mark: another runner of the run takes it away.
        fs::remove_file(host.path("conf")).expect("removed");
        let steps = plan(vec![write(), waits("first"), work("test -e later || kill -9 $PPID; echo y >later")]);
        assert_eq!(outcomes(host, 5, &steps), ["changed", "changed"]);
        let key = steps.steps[1].key.as_str();
        fs::write(host.path(&format!(".pinboot/owed/{key}")), "05000005\n").expect("written");
        fs::write(host.path("later"), "").expect("written");
        // The log is shown from its first byte.
        let heard = outcomes(host, 5, &steps);
        assert_eq!(heard[..4], ["changed", "changed", "changed stored", "changed stored"], "{heard:?}");
        assert_eq!((times(host, "first"), owed(host)), (2, 0));
    });
}

#[test]
fn a_step_that_only_asks_is_asked_each_time_and_changes_nothing() {
    on_each_shell(|host| {
        let asks = |text: &str| StepSpec { only_asks: true, ..work(text) };
        let mut steps = plan(vec![
            StepSpec { register: Some("who".into()), ..asks("echo me; echo x >>asked") },
            StepSpec {
                recipe: Recipe {
                    check: script("test \"$(cat seen 2>/dev/null)\" = \"$pb_r_who\" || needs_change"),
                    apply: Script::author("echo \"$pb_r_who\" >seen"),
                    ..Recipe::default()
                },
                ..work("")
            },
            StepSpec { when_changed: Some(vec![StepId(1)]), ..work("touch wrong") },
            StepSpec { only_if: script("test -e never"), ..asks("touch wrong") },
            StepSpec { allow_failure: true, retries: 1, ..asks("echo x >>tries; test -e healthy") },
        ]);
        steps.mode = Mode::Check;
        let expected = ["unchanged", "would check", "skipped when_changed", "skipped only_if", "unknown status"];
        assert_eq!(outcomes(host, 1, &steps), expected);
        assert_eq!((times(host, "asked"), times(host, "tries")), (1, 1));
        steps.mode = Mode::Run;
        let expected = ["unchanged", "changed", "skipped when_changed", "skipped only_if", "failed status"];
        assert_eq!(outcomes(host, 2, &steps), expected);
        assert_eq!((times(host, "asked"), times(host, "tries")), (2, 3));
        fs::write(host.path("healthy"), "").expect("written");
        let expected = ["unchanged", "unchanged", "skipped when_changed", "skipped only_if", "unchanged"];
        assert_eq!(outcomes(host, 3, &steps), expected);
        assert!(!host.path("wrong").exists() && !host.path(".pinboot/runs/03000003/1.began").exists());
        assert_eq!(owed(host), 0);
    });
}

/// A step with a check of its own, whose fields `restart_on` and `reload_on` wait for changes: it notes what it is asked to do.
fn serves() -> StepSpec {
    let recipe = Recipe {
        args: ["restart_on", "reload_on"].map(|name| (name.to_owned(), Script::default())).to_vec(),
        check: script("test -z \"$arg_restart_on$arg_reload_on\" && test -e runs || needs_change"),
        apply: Script::author("test ! -e broken; echo \"$arg_restart_on,$arg_reload_on\" >>acted; touch runs"),
        ..Recipe::default()
    };
    let waiting = vec![
        OwedField { field: "restart_on", steps: vec![StepId(1), StepId(2)] },
        OwedField { field: "reload_on", steps: vec![StepId(2)] },
    ];
    StepSpec { waiting, ..StepSpec::plain(recipe) }
}

#[test]
fn a_change_is_owed_to_the_fields_that_wait_for_it() {
    on_each_shell(|host| {
        let more = StepSpec { unless: script("test -e more"), ..work("echo x >more") };
        let mut steps = plan(vec![write(), more, needs_the_fix(), serves()]);
        let key = steps.steps[3].key.clone();
        steps.steps[0].watched_by = vec![key.of_field("restart_on")];
        steps.steps[1].watched_by = vec![key.of_field("restart_on"), key.of_field("reload_on")];
        let acted = || host.read("acted");
        let asked = Plan { mode: Mode::Check, ..steps.clone() };
        fs::write(host.path("runs"), "").expect("written");
        // What would change is owed in a run that only asks, and leaves nothing behind there.
        assert_eq!(outcomes(host, 1, &asked), ["would check", "would check", "would check", "would check"]);
        assert_eq!(owed(host), 0);
        // The run ends between the change and the step; the next one, in which nothing changes, pays once for everything.
        assert_eq!(outcomes(host, 2, &steps), ["changed", "changed", "failed status"]);
        fs::write(host.path("fixed"), "").expect("written");
        assert_eq!(outcomes(host, 3, &asked), ["unchanged", "unchanged", "unchanged", "would owed"]);
        fs::write(host.path("broken"), "").expect("written");
        assert_eq!(outcomes(host, 4, &steps)[3], "failed status");
        assert_eq!(owed(host), 2);
        fs::remove_file(host.path("broken")).expect("removed");
        assert_eq!(outcomes(host, 5, &steps)[3], "changed owed");
        assert_eq!((acted().as_str(), owed(host)), ("1,1\n", 0));
        assert_eq!(outcomes(host, 6, &steps)[3], "unchanged");
        // A change of this run, which one field alone waits for.
        fs::remove_file(host.path("conf")).expect("removed");
        assert_eq!(outcomes(host, 7, &steps), ["changed", "unchanged", "unchanged", "changed"]);
        assert_eq!((acted().as_str(), owed(host)), ("1,1\n1,\n", 0));
        assert_eq!(outcomes(host, 8, &steps)[3], "unchanged");
    });
}
