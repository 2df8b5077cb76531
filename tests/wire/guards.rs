//! The three answers of `unless`, `only_if` and the `check` of a step for a person.

use std::fs;

use pinboot::event::Mode;
use pinboot::kinds::{Effect, Guard, Manual, Recipe};
use pinboot::plan::{RunAs, StepSpec};
use pinboot::script::Script;

use super::{Host, on_each_shell, plan, script, work};

/// Guards that cannot find out, and what the runner says of each.
const NO_ANSWER: [(&str, &str); 17] = [
    ("no-such-command -e /x", "127"),
    ("! no-such-command -e /x", "127"),
    ("true && no-such-command", "127"),
    ("x=$(no-such-command); test \"$x\" = y", "127"),
    ("true\nno-such-command\ntrue", "127"),
    ("./not-a-program", "126"),
    ("sh -c 'kill -9 $$'", "137"),
    ("sh -c 'kill -TERM $$'", "143"),
    ("test -e /x )", "syntax"),
    ("for i in 1 2; do true", "syntax"),
    ("echo 'unterminated", "syntax"),
    ("if true; then true", "syntax"),
    ("true; }", "syntax"),
    ("true\nfi", "syntax"),
    ("done", "syntax"),
    ("x=$(echo y", "syntax"),
    ("true\ntouch ran\n)", "syntax"),
];

/// Guards that answer, and whether the answer is yes.
const ANSWERS: [(&str, bool); 14] = [
    ("true", true),
    ("false", false),
    ("no-such-command 2>/dev/null || true", true),
    ("no-such-command || false", false),
    ("if no-such-command; then false; else true; fi", true),
    ("! false", true),
    ("! test -d / # a folder", false),
    ("exit 3", false),
    ("exit 82", false),
    ("exit 128", false),
    ("exit 255", false),
    ("read -r line; test -n \"$line\"", false),
    ("test -z \"$(cat)\" # of nothing", true),
    ("cat <<X | grep -q it\nhold it\nX", true),
];

/// A step with this guard. Before the first of them are other questions, so that the guard is not alone.
fn step(guard: &str, text: &str, accompanied: bool) -> StepSpec {
    let step = StepSpec { cwd: Some("~".into()), ..work("touch ran") };
    match guard {
        "only_if" => StepSpec { only_if: script(text), unless: accompanied.then(|| Script::author("false")), ..step },
        "unless" => StepSpec { unless: script(text), only_if: accompanied.then(|| Script::author("true")), ..step },
        _ => StepSpec {
            recipe: Recipe {
                check: Some(Script::author(Guard { name: "check", shell: &Script::author(text) }.ask(
                    "",
                    "needs_change",
                    ">/dev/null",
                ))),
                effect: Effect::Manual(Manual { text: "Do it.".into(), wait: false }),
                ..Recipe::default()
            },
            only_if: accompanied.then(|| Script::author("true")),
            ..step
        },
    }
}

/// Plays steps of which none ends the run, and gives their outcomes.
fn outcomes(host: &Host, run: u8, steps: Vec<StepSpec>, mode: Mode) -> Vec<String> {
    let steps = steps.into_iter().map(|step| StepSpec { allow_failure: true, ..step });
    let mut steps = plan(steps.collect());
    steps.mode = mode;
    let heard = host.deliver(run, &steps);
    assert_eq!((heard.outcomes.len(), heard.end()), (steps.steps.len(), "ok"), "{heard:#?}");
    // yash gives 384 and the signal's number for a process that it waited for.
    let usual = |outcome: &String| match outcome.rsplit_once(' ').map(|(words, last)| (words, last.parse::<u32>())) {
        Some((words, Ok(status @ 385..=448))) => format!("{words} {}", status - 256),
        _ => outcome.clone(),
    };
    heard.outcomes.iter().map(usual).collect()
}

#[test]
fn a_guard_that_cannot_find_out_is_neither_yes_nor_no() {
    on_each_shell(|host| {
        fs::write(host.path("not-a-program"), "x").expect("written");
        let mut steps = Vec::new();
        let mut words = Vec::new();
        for (text, word) in NO_ANSWER {
            for (guard, accompanied) in [("unless", false), ("unless", true), ("only_if", false), ("check", false)] {
                let one = step(guard, text, accompanied);
                // As with sudo and another user, where the guard's shell is a process of its own.
                let as_root = StepSpec { run_as: RunAs::Root, ..one.clone() };
                for step in [Some(one), (word.len() > 3 || word == "127").then_some(as_root)].into_iter().flatten() {
                    steps.push(step);
                    words.push(format!("guard {guard} {word}"));
                }
            }
        }
        let failed: Vec<String> = words.iter().map(|word| format!("failed {word}")).collect();
        assert_eq!(outcomes(host, 1, steps.clone(), Mode::Run), failed);
        let unknown: Vec<String> = words.iter().map(|word| format!("unknown {word}")).collect();
        assert_eq!(outcomes(host, 2, steps, Mode::Check), unknown);
        assert!(!host.path("ran").exists());
    });
}

#[test]
fn a_guard_that_ends_its_own_process_ends_no_runner() {
    on_each_shell(|host| {
        let texts = ["kill -9 $$", "kill -TERM $$", "kill -SEGV $$", "kill -9 0", "kill -9 ${PPID+$$}; true"];
        let mut steps = Vec::new();
        for text in texts {
            for (guard, accompanied) in [("unless", false), ("unless", true), ("only_if", false), ("check", false)] {
                steps.push(step(guard, text, accompanied));
            }
        }
        let failed = outcomes(host, 1, steps, Mode::Run);
        assert!(failed.iter().all(|outcome| outcome.starts_with("failed ")), "{failed:?}");
        assert!(!host.path("ran").exists());
        assert_eq!(outcomes(host, 2, vec![step("unless", "test $$ = 0", false)], Mode::Run), ["failed verify"]);
    });
}

#[test]
fn a_guard_that_answers_is_believed() {
    on_each_shell(|host| {
        let mut steps = Vec::new();
        let mut expected = Vec::new();
        for (text, yes) in ANSWERS {
            for (guard, accompanied) in [("unless", false), ("unless", true), ("only_if", false), ("only_if", true)] {
                expected.push(match (guard, accompanied, yes) {
                    ("unless", _, true) => "unchanged",
                    ("unless", _, false) | ("only_if", true, true) => "failed verify",
                    ("only_if", _, false) => "skipped only_if",
                    _ => "changed",
                });
                steps.push(step(guard, text, accompanied));
            }
            expected.push(if yes { "unchanged" } else { "byhand" });
            steps.push(step("check", text, false));
        }
        assert_eq!(outcomes(host, 1, steps, Mode::Run), expected);
    });
}

#[test]
fn a_guard_that_can_no_longer_find_out_fails_the_step_that_ran() {
    on_each_shell(|host| {
        let cases = [(false, RunAs::Login), (true, RunAs::Login), (false, RunAs::Root)];
        let steps = cases.into_iter().zip(1..).map(|((accompanied, run_as), number)| StepSpec {
            run_as,
            unless: script(&format!("if test -e \"$HOME/ran-{number}\"; then no-such-command; else false; fi")),
            only_if: accompanied.then(|| Script::author("true")),
            ..work(&format!("touch ran-{number}"))
        });
        assert_eq!(outcomes(host, 1, steps.collect(), Mode::Run), ["failed guard unless 127"; 3]);
    });
}
