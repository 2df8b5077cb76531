//! The question of a group (`only_if`): the host is asked once in a run, whatever its steps are.

use std::sync::Arc;

use pinboot::event::Mode;
use pinboot::kinds::{Need, Recipe};
use pinboot::plan::{Plan, Question, StepSpec};

use pinboot::remote::frame::Frame;

use super::{Host, on_each_shell, plan, script, work};

/// A question that notes each time that it is asked.
fn question(number: u32, group: &str, text: &str) -> Arc<Question> {
    let asked = format!("echo {group:?} >>\"$HOME/asked\"\n{text}");
    Arc::new(Question::new(number, group, StepSpec { only_if: script(&asked), ..StepSpec::plain(Recipe::default()) }))
}

fn within(questions: &[&Arc<Question>], step: StepSpec) -> StepSpec {
    StepSpec { questions: questions.iter().map(|question| Arc::clone(question)).collect(), ..step }
}

fn checked(mut plan: Plan) -> Plan {
    plan.mode = Mode::Check;
    plan
}

fn asked(host: &Host) -> String {
    let asked = host.read("asked");
    let _ = std::fs::remove_file(host.path("asked"));
    asked
}

#[test]
fn a_group_is_asked_once_and_all_its_steps_go_by_the_answer() {
    on_each_shell(|host| {
        let yes = question(1, "Kafka here", "test ! -e \"$HOME/made\"");
        // The first step takes away what the question looked at: the answer holds.
        let steps = plan(vec![
            within(&[&yes], StepSpec { creates: Some("~/made".into()), ..work("touch made") }),
            within(&[&yes], work("touch second")),
        ]);
        assert_eq!(host.deliver(1, &checked(steps.clone())).outcomes, ["would check", "would always"]);
        assert_eq!(asked(host), "Kafka here\n");
        assert_eq!(host.deliver(2, &steps).outcomes, ["changed", "changed"]);
        assert_eq!(asked(host), "Kafka here\n");
        // Now a path that is there is no sign that the step applies: the group has nothing to do here.
        assert_eq!(host.deliver(3, &steps).outcomes, ["skipped group Kafka here"; 2]);
        assert_eq!(asked(host), "Kafka here\n");
        assert_eq!(host.deliver(4, &checked(steps)).outcomes, ["skipped group Kafka here"; 2]);
    });
}

#[test]
fn the_outer_group_is_asked_first_and_a_step_has_its_own_question_besides() {
    on_each_shell(|host| {
        let (outer, inner, no) = (question(1, "", ":"), question(2, "inner", ":"), question(3, "none", "false"));
        let steps = plan(vec![
            within(&[&outer], work("true")),
            within(&[&outer, &inner], StepSpec { only_if: script("false"), ..work("true") }),
            within(&[&outer, &inner], work("true")),
            within(&[&outer, &no, &inner], work("touch not-reached")),
        ]);
        let heard = host.deliver(1, &steps);
        assert_eq!(heard.outcomes, ["changed", "skipped only_if", "changed", "skipped group none"], "{heard:#?}");
        assert_eq!(asked(host), "\ninner\nnone\n");
        let playbook = question(1, "", "false");
        assert_eq!(
            host.deliver(2, &plan(vec![within(&[&playbook, &inner], work("true"))])).outcomes,
            ["skipped group"]
        );
        assert_eq!(asked(host), "\n");
    });
}

#[test]
fn a_group_that_cannot_find_out_fails_its_steps_and_is_not_asked_again() {
    on_each_shell(|host| {
        for (run, text, word) in [
            (1, "no-such-command", "group_guard 127 G g"),
            (3, "sh -c 'kill -9 $$'", "group_guard 137 G g"),
            (5, "test -e /x )", "group_guard syntax G g"),
            (7, "echo \"$pb_r_gone\"", "register gone"),
        ] {
            let group = question(1, "G g", text);
            let allowed = StepSpec { allow_failure: true, ..work("touch ran") };
            let steps = plan(vec![within(&[&group], allowed.clone()), within(&[&group], allowed)]);
            let heard = host.deliver(run, &steps);
            assert_eq!(heard.outcomes, [format!("failed {word}"), format!("failed {word}")], "{heard:#?}");
            assert!(asked(host).lines().count() <= 1, "{text}");
            let unknown = host.deliver(run + 1, &checked(steps));
            assert_eq!(unknown.outcomes, [format!("unknown {word}"), format!("unknown {word}")], "{unknown:#?}");
            asked(host);
        }
        let group = question(1, "G", "no-such-command");
        let ends = host.deliver(9, &plan(vec![within(&[&group], work("true")), within(&[&group], work("true"))]));
        assert_eq!((ends.outcomes.len(), ends.end()), (1, "failed"), "{ends:#?}");
        assert!(!host.path("ran").exists());
    });
}

#[test]
fn what_a_skipped_group_does_not_register_is_not_missed_in_it() {
    on_each_shell(|host| {
        let no = question(1, "G", "false");
        let register = StepSpec { register: Some("made".into()), ..work("echo made") };
        let steps = plan(vec![within(&[&no], register.clone()), within(&[&no], work("echo \"$pb_r_made\""))]);
        assert_eq!(host.deliver(1, &steps).outcomes, ["skipped group G"; 2]);
        // A group may ask for what an earlier step has registered.
        let by_value = question(1, "G", "test \"$pb_r_made\" = made");
        let steps = plan(vec![register, within(&[&by_value], work("true"))]);
        assert_eq!(host.deliver(2, &steps).outcomes, ["changed", "changed"]);
    });
}

#[test]
fn a_group_asks_with_its_own_directory_and_environment() {
    on_each_shell(|host| {
        std::fs::create_dir(host.path("sub dir")).expect("a folder");
        let spec = StepSpec {
            only_if: script("test \"$WORD\" = \"it's\" && test \"${PWD##*/}\" = 'sub dir' && echo said"),
            cwd: Some("~/sub dir".into()),
            env: vec![("WORD".into(), "it's".into())],
            ..StepSpec::plain(Recipe::default())
        };
        let group = Arc::new(Question::new(1, "G", spec));
        let heard = host.deliver(1, &plan(vec![within(&[&group], work("test -z \"${WORD-}\"; touch here"))]));
        assert_eq!(heard.outcomes, ["changed"], "{heard:#?}");
        assert_eq!(heard.said[&1], "said\n");
        assert!(host.path("here").exists(), "the step has its own directory");
    });
}

/// What is not there is missed only where the group has something to do on this host.
#[test]
fn what_a_skipped_group_needs_is_not_missed() {
    on_each_shell(|host| {
        let need = Need { any_of: &["no-such-tool"], hint: "", when: pinboot::kinds::When::Always };
        let needy = StepSpec { recipe: Recipe { needs: vec![need], ..work("true").recipe }, ..work("true") };
        let (no, yes) = (question(1, "G", "false"), question(1, "G", "true"));
        let heard = host.deliver(1, &plan(vec![within(&[&no], needy.clone())]));
        assert_eq!(heard.outcomes, ["skipped group G"], "{heard:#?}");
        let unfit = host.deliver(2, &plan(vec![within(&[&yes], needy)]));
        assert_eq!(unfit.end(), "unfit", "{unfit:#?}");
    });
}

/// The answer of before a stop or a death holds for the next runner of the run.
#[test]
fn the_next_runner_of_a_run_goes_by_the_answer() {
    on_each_shell(|host| {
        let once = question(1, "G", "test ! -e \"$HOME/first\"");
        let steps = plan(vec![
            within(&[&once], work("touch first")),
            within(&[&once], work("kill -9 $PPID")),
            within(&[&once], work("touch third")),
        ]);
        // The second step ends the runner, as a power cut would; its own result is lost.
        let mut steps = steps;
        if let pinboot::plan::Action::Apply(spec) = &mut steps.steps[1].action {
            spec.on_unknown = pinboot::plan::OnUnknown::Done;
        }
        let first = host.deliver(1, &steps);
        assert_eq!(first.outcomes.first().map(String::as_str), Some("changed"), "{first:#?}");
        // The dead runner's step may hold the lock for a moment.
        let second =
            (0..100).map(|_| host.deliver(1, &steps)).find(|heard| matches!(heard.frames.last(), Some(Frame::End(_))));
        let second = second.expect("the next runner takes over");
        assert_eq!(second.outcomes, ["changed", "changed stored", "changed assumed", "changed"], "{second:#?}");
        assert_eq!(asked(host), "G\n");
    });
}
