//! `command`, `script` and `manual`.

use super::harness::{NOT_SO, V, World, faults, recipe, shells};

#[test]
fn a_command_is_one_line() {
    let step = recipe("command", &[("line", V::from("touch 'a b'\n"))]);
    assert_eq!(step.apply.as_str(), "touch 'a b'");
    assert_eq!(step.subject, "touch 'a b'");
    assert!(step.check.is_none());
    assert_eq!(
        faults("command", &[("line", V::from("cd x\nmake"))]),
        [
            "a `command` is one line, and this has several (use `script` for several lines; fold one long line with `>-`)"
        ]
    );
    assert_eq!(faults("command", &[("line", V::from(" \n"))]), ["`line` is empty ()"]);
}

#[test]
fn a_script_stops_at_the_first_line_that_fails() {
    let step = recipe("script", &[("text", V::from("false\ntouch reached\n"))]);
    for shell in shells() {
        let world = World::new();
        assert_eq!(world.apply(&step, "", shell).status, 1, "{}", shell.name);
        assert!(!world.exists("reached"), "{}", shell.name);
    }
    let bash = recipe("script", &[("text", V::from("[[ a == a ]]")), ("shell", V::from("bash"))]);
    assert_eq!(bash.interpreter(), Some("bash"));
    assert_eq!(bash.needs[0].any_of, ["bash"]);
    assert_eq!(recipe("script", &[("text", V::from(":")), ("shell", V::from("sh"))]).interpreter(), None);
    assert_eq!(faults("script", &[("text", V::from(""))]), ["`text` is empty ()"]);
}

#[test]
fn a_check_by_hand_fails_as_a_whole_and_keeps_its_output_to_itself() {
    let step = |check: &str| recipe("manual", &[("text", V::from("Click.\nThere.")), ("check", V::from(check))]);
    for shell in shells() {
        let world = World::new();
        let answer = world.ask(&step("echo secret-credentials; echo why >&2"), shell);
        assert_eq!((answer.status, answer.out.as_str(), answer.err.as_str()), (0, "", "why\n"), "{}", shell.name);
        // A first line that fails is a failure, although the last one does not fail.
        assert_eq!(world.ask(&step("false\ntrue"), shell).status, NOT_SO, "{}", shell.name);
        assert_eq!(world.ask(&step("no-such-program-here"), shell).status, NOT_SO, "{}", shell.name);
        assert_eq!(world.ask(&step("exit 3 # why"), shell).status, NOT_SO, "{}", shell.name);
    }
    let step = recipe("manual", &[("text", V::from("Click."))]);
    assert!(step.check.is_none());
    assert!(!step.manual().expect("a manual step").wait);
    assert_eq!(
        faults("manual", &[("text", V::from("Click.")), ("wait", V::B(true))]),
        ["`wait` has no effect without `check` (add a `check`: shell that succeeds once it has been done)"]
    );
}

#[test]
fn every_kind_says_what_it_lacks() {
    for kind in pinboot::kinds::KINDS {
        assert!(kind.example.starts_with("- name: "), "{}", kind.name);
        assert!(kind.example.contains(&format!("\n  {}:", kind.name)), "{}", kind.name);
        if let Some(short) = kind.short {
            assert!(kind.fields.iter().any(|field| field.name == short), "{}", kind.name);
        }
    }
}
