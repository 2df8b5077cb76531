//! During a run: connections that are cut, steps that misbehave, signals, and a controller that is killed.

use std::fs;

use super::world::{Signal, Started, World, on_each, seen, until};
use crate::support::sshd::signal;

cases! {
    a_connection_that_is_cut_in_a_step_is_restored ["B1" "B3"]
        "the server's process for the session is killed in the middle of a step"
        => Text("0", "no output lost or repeated, nothing done twice");
    the_user_is_informed_of_a_cut ["B1" "B3"] "the same, for a person" => Shown("cut", "connection was lost");
    a_cut_between_the_delivery_and_its_answer_starts_nothing_twice ["B4"]
        "the session is killed as soon as the host has started anything of the run" => Text("0", "nothing done twice");
    a_server_that_is_gone_for_too_long_leaves_the_run_to_itself ["B2"]
        "nothing answers for longer than --reconnect-for" => Shown("not_regained", "not restored");
    steps_that_end_in_odd_ways ["B13"] "standard error after the end of standard output" => Shown("odd_late_stderr", "step 1");
    steps_that_end_in_odd_ways ["B17"] "killed" => Shown("odd_killed", "step 1");
    steps_that_end_in_odd_ways ["B17"] "exit 255" => Shown("odd_exit_255", "step 1");
    steps_that_end_in_odd_ways ["B17"] "a program that does not exist" => Shown("odd_not_found", "step 1");
    steps_that_end_in_odd_ways ["B17"] "a file that is not a program" => Shown("odd_not_executable", "step 1");
    steps_that_end_in_odd_ways ["B12"] "control characters, a bar drawn with carriage returns" => Shown("odd_stubborn_output", "      100%");
    steps_that_end_in_odd_ways ["B18"] "a timeout" => Shown("odd_timeout", "step 1");
    a_timeout_ends_the_whole_group ["B18"] "a timeout, and a child of the step" => Text("1", "the child is gone");
    a_step_ends_with_its_command_and_reads_nothing ["B14" "B15"]
        "a child in the background, and a step that reads" => Text("0", "the step ends with its command; what it reads is empty");
    ctrl_c_once_lets_the_step_finish_and_starts_no_other ["E1"] "Ctrl-C once" => Shown("ctrl_c", "Finishing the current step");
    ctrl_c_twice_ends_the_step ["E1"] "Ctrl-C twice" => Shown("ctrl_c_twice", "Stopping the current step");
    ctrl_c_three_times_detaches_and_the_run_can_be_resumed ["E1"] "Ctrl-C three times, and a step that ignores SIGTERM"
        => Text("130", "the run continues on the host; the rerun resumes it");
    signals_that_detach ["E2"] "SIGTERM; SIGHUP and SIGQUIT likewise, with 129 and 131" => Shown("sigterm", "continues on the host");
    a_reader_that_goes_away_detaches ["B22" "E2"] "the reader of standard output stops reading" => Shown("broken_pipe", "pinboot:");
    a_controller_that_is_killed_is_followed_by_another ["E3"] "SIGKILL in the middle of a step, and a rerun"
        => Text("0", "no output lost or repeated, nothing done twice");
    a_controller_that_is_killed_is_followed_by_another ["E8"] "a second rerun beside the first" => Shown("rerun_held", "pinboot:");
    a_rerun_shows_the_failure_that_a_killed_controller_missed ["E3"] "SIGKILL, and a step that fails meanwhile"
        => Text("1", "the failure that was missed; the next rerun starts the step again");
    a_runner_that_is_killed_leaves_a_step_unknown_and_no_rerun_starts_it_again ["B5" "C12"]
        "runner and step are killed in the middle of a step without a check" => Shown("unknown", "step 1");
    one_host_has_one_run_at_a_time ["E7"] "a second run meanwhile" => Shown("busy", "another run holds");
    without_room_for_the_journal_nothing_is_sent ["E4"] "the journal's disk is full" => Shown("journal_full", "pinboot:");
    a_journal_that_cannot_grow_ends_this_side_only ["E4" "E5"] "the journal cannot grow in the middle of a run"
        => Shown("journal_cannot_grow", "pinboot:");
    a_delivery_that_is_cut_off_is_delivered_again_and_no_part_is_carried_out ["B16"]
        "the session is killed while the plan is being sent" => Text("0", "delivered again; no partial plan is executed or left behind");
}

/// A step that notes that it ran, says what it does, and waits for a file.
pub(crate) const HELD: &str = "
  - name: Held
    script: |
      echo x >>count
      echo started
      i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo line $i; done
      : >held
      until [ -e go ]; do sleep .02; done
      echo ended
    always: true
  - name: After it
    command: echo y >>after
    always: true
";

pub(crate) fn release(world: &World) {
    fs::write(world.there("go"), "").expect("a file on the host");
}

pub(crate) fn held(world: &World) {
    until("the step is started", || world.there("held").exists());
}

/// What the step said, out of the events of a run.
pub(crate) fn output(printed: &super::world::Printed) -> String {
    let events = printed.stdout.lines().map(super::world::parse);
    events
        .filter(|event| event["kind"] == "step_output")
        .filter_map(|event| Some(event["text"].as_str()?.to_owned()))
        .collect()
}

pub(crate) fn whole() -> String {
    let lines: Vec<String> = (1..=200).map(|number| format!("line {number}")).collect();
    format!("started\n{}\nended\n", lines.join("\n"))
}

#[test]
fn a_connection_that_is_cut_in_a_step_is_restored() {
    on_each(|world| {
        world.steps(HELD);
        let going = world.start(&["--json"]);
        held(&world);
        world.server.kill_sessions();
        until("it connects again", || world.logins() == 2);
        release(&world);
        let printed = going.finish().exits(0);
        assert_eq!(output(&printed), whole(), "nothing is lost and nothing said twice");
        assert_eq!((world.read("count").as_str(), world.read("after").as_str()), ("x\n", "y\n"));
        assert_eq!(world.journal(), ["host_lost", "host_regained", "1 changed", "2 changed", "exit 0", "exit 0"]);
    });
}

#[test]
fn the_user_is_informed_of_a_cut() {
    on_each(|world| {
        world.steps(HELD);
        let going = world.start(&[]);
        held(&world);
        world.server.kill_sessions();
        until("it connects again", || world.logins() == 2);
        release(&world);
        seen!(world, "cut", going.finish().exits(0));
    });
}

#[test]
fn a_cut_between_the_delivery_and_its_answer_starts_nothing_twice() {
    on_each(|world| {
        world.steps(HELD);
        // The session is killed as soon as the host has started anything: the answer may or may not have been sent.
        for what in [".pinboot", ".pinboot/runs", ".pinboot/owner"] {
            let _ = fs::remove_dir_all(world.there(".pinboot"));
            for file in ["count", "after", "held", "go"] {
                let _ = fs::remove_file(world.there(file));
            }
            let going = world.start(&["--json"]);
            until(what, || world.there(what).exists());
            world.server.kill_sessions();
            held(&world);
            release(&world);
            let printed = going.finish().exits(0);
            assert_eq!(output(&printed), whole(), "after {what}");
            assert_eq!((world.read("count").as_str(), world.read("after").as_str()), ("x\n", "y\n"), "after {what}");
        }
    });
}

#[test]
fn a_server_that_is_gone_for_too_long_leaves_the_run_to_itself() {
    on_each(|mut world| {
        world.steps(HELD);
        let going = world.start(&["--reconnect-for", "1"]);
        held(&world);
        // The listener is stopped first: nothing answers any more.
        signal(world.server.pid(), Signal::STOP);
        world.server.kill_sessions();
        let printed = going.finish();
        signal(world.server.pid(), Signal::CONT);
        assert_eq!(printed.code, Some(7), "{printed:?}");
        seen!(world, "not_regained", printed);
        release(&world);
        world.server = world.server.restart();
        let rerun = world.pinboot(&["rerun"]).exits(0);
        seen!(world, "not_regained_then_rerun", rerun);
        assert_eq!((world.read("count").as_str(), world.read("after").as_str()), ("x\n", "y\n"));
    });
}

#[test]
fn steps_that_end_in_odd_ways() {
    on_each(|world| {
        for (name, step) in [
            ("exit_255", "command: exit 255"),
            ("killed", "command: kill -9 $$"),
            ("not_found", "command: no-such-program --flag"),
            ("not_executable", "command: ./data"),
            ("late_stderr", "command: \"echo out; (exec >&-; echo err >&2); exit 3\""),
            ("silent", "command: \"false\""),
            ("timeout", "command: sleep 60\n    timeout: 1s"),
            ("stubborn_output", "command: \"printf 'a\\\\033[31mred\\\\007\\\\r50%%\\\\r100%%\\\\nlast'; exit 4\""),
            ("verify", "command: \"true\"\n    creates: ~/never"),
            ("bad_check", "command: \"true\"\n    unless: exit 79x"),
            ("cwd", "command: \"true\"\n    cwd: ~/nowhere"),
            ("many_lines", "command: seq 1 100; exit 5"),
        ] {
            fs::write(world.there("data"), "not a program").expect("a file");
            world.steps(&format!("  - name: It\n    {step}\n  - name: After\n    command: touch not-reached\n"));
            let printed = world.run(&[]).exits(1);
            let mut said = world.plain(&printed);
            if name == "cwd" {
                // The status with which `cd` fails differs between shells.
                said = said.replace("exit status 1\n", "exit status 2\n");
            }
            insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
                insta::assert_snapshot!(format!("odd_{name}"), last_run(&said));
            });
            assert_eq!(world.journal(), ["1 failed", "exit 1", "exit 1"], "{name}");
            assert!(!world.there("not-reached").exists(), "{name}");
        }
    });
}

/// Removes the number of the run, which says nothing about this case.
fn last_run(text: &str) -> String {
    let mut out = text.to_owned();
    for number in (1..30).rev() {
        out = out.replace(&format!("RUN{number}"), "RUN");
    }
    out
}

#[test]
fn a_step_ends_with_its_command_and_reads_nothing() {
    on_each(|world| {
        world.steps(
            "
  - { name: Leaves a child, command: 'sleep 600 & echo $! >child', always: true }
  - { name: Reads, command: 'cat >read; if read x; then echo $x >>read; fi', always: true }
  - { name: Last, command: touch last, always: true }
",
        );
        let printed = world.run(&[]).exits(0);
        let child: u32 = world.read("child").trim().parse().expect("a pid");
        signal(child, Signal::KILL);
        assert!(printed.stdout.contains("3 changed"), "{printed:?}");
        assert_eq!((world.read("read").as_str(), world.there("last").exists()), ("", true));
    });
}

#[test]
fn a_timeout_ends_the_whole_group() {
    on_each(|world| {
        world.steps("  - { name: Slow, command: 'sh -c \"echo \\$\\$ >child; exec sleep 600\"', timeout: 1s }\n");
        world.run(&[]).exits(1).says(&["it took longer than its timeout"]);
        let child: i32 = world.read("child").trim().parse().expect("a pid");
        until("the child is gone", || !std::path::Path::new(&format!("/proc/{child}")).exists());
    });
}

#[test]
fn ctrl_c_once_lets_the_step_finish_and_starts_no_other() {
    on_each(|world| {
        world.steps(HELD);
        let mut going = world.start(&[]);
        held(&world);
        going.signal(Signal::INT);
        let before = going.wait_for("Finishing the current step");
        until("the host knows", || stop_level(&world).is_some());
        release(&world);
        let mut printed = going.finish().exits(130);
        printed.stderr.insert_str(0, &before);
        seen!(world, "ctrl_c", printed);
        assert_eq!((world.read("count").as_str(), world.read("after").as_str()), ("x\n", ""));
        // The rest is done by a rerun, and only the rest.
        fs::remove_file(world.there("held")).expect("removed");
        let rerun = world.pinboot(&["rerun", "--json"]).exits(0);
        assert!(rerun.stdout.contains("\"changed\":2"), "`always` says that it runs again: {rerun:?}");
    });
}

pub(crate) fn stop_level(world: &World) -> Option<String> {
    let run = world.runs().pop()?;
    fs::read_to_string(world.there(&format!(".pinboot/runs/{run}/stop"))).ok()
}

#[test]
fn ctrl_c_twice_ends_the_step() {
    on_each(|world| {
        world.steps(&HELD.replace("-lt 200", "-lt 3"));
        let mut going = world.start(&[]);
        held(&world);
        going.signal(Signal::INT);
        let mut before = going.wait_for("Finishing the current step");
        until("the host knows", || stop_level(&world).is_some());
        going.signal(Signal::INT);
        before += &going.wait_for("Stopping the current step");
        let mut printed = going.finish().exits(130);
        printed.stderr.insert_str(0, &before);
        seen!(world, "ctrl_c_twice", printed);
        assert_eq!(world.journal(), ["1 failed", "exit 130", "exit 130"]);
        assert_eq!(world.read("after"), "");
    });
}

#[test]
fn ctrl_c_three_times_detaches_and_the_run_can_be_resumed() {
    on_each(|world| {
        world.steps(&HELD.replace("echo started", "echo started; trap '' TERM"));
        let mut going = world.start(&[]);
        held(&world);
        for words in ["Finishing the current step", "Stopping the current step"] {
            going.signal(Signal::INT);
            going.wait_for(words);
        }
        going.signal(Signal::INT);
        going.finish().exits(130).says(&["continues on the host", "pinboot rerun"]);
        release(&world);
        world.pinboot(&["rerun"]).exits(0);
        assert_eq!(world.read("after"), "y\n");
    });
}

#[test]
fn signals_that_detach() {
    for (which, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::QUIT, 131)] {
        on_each(|world| {
            world.steps(HELD);
            let going = world.start(&[]);
            held(&world);
            until("this side has heard of the step", || world.journal_text().contains("step_started"));
            going.signal(which);
            let printed = going.finish().exits(code);
            if code == 143 {
                seen!(world, "sigterm", printed);
            }
            // The run is followed to its end; everything was started once.
            release(&world);
            let rerun = world.pinboot(&["rerun"]).exits(0);
            if code == 143 {
                seen!(world, "sigterm_then_rerun", rerun);
            }
            assert_eq!((world.read("count").as_str(), world.read("after").as_str()), ("x\n", "y\n"), "{code}");
            assert_eq!(world.runs().len(), 1);
            assert_eq!(
                world.journal()[1..],
                ["exit {code}", "1 changed", "2 changed", "exit 0", "exit 0"]
                    .map(|text| text.replace("{code}", &code.to_string()))
            );
        });
    }
}

#[test]
fn a_reader_that_goes_away_detaches() {
    on_each(|world| {
        world.steps(HELD);
        let mut going = world.start(&[]);
        held(&world);
        going.stop_reading();
        release(&world);
        let printed = going.finish().exits(141);
        seen!(world, "broken_pipe", printed);
        world.pinboot(&["rerun"]).exits(0);
        assert_eq!((world.read("count").as_str(), world.read("after").as_str()), ("x\n", "y\n"));
    });
}

#[test]
fn a_controller_that_is_killed_is_followed_by_another() {
    on_each(|world| {
        world.steps(HELD);
        let going = world.start(&[]);
        held(&world);
        going.kill();
        assert!(world.pinboot(&["runs"]).exits(0).stdout.contains("end not seen"));
        let following = Started::start(world.call(&["rerun", "--json"]));
        until("it follows", || world.logins() == 2);
        // Another user who wants the same is refused.
        until("it has the journal", || world.pinboot(&["runs"]).stdout.contains("running"));
        let second = world.pinboot(&["rerun"]).exits(9);
        seen!(world, "rerun_held", second);
        release(&world);
        let printed = following.finish().exits(0);
        assert_eq!(output(&printed), whole());
        assert_eq!((world.read("count").as_str(), world.read("after").as_str()), ("x\n", "y\n"));
        assert_eq!(world.journal(), ["1 changed", "2 changed", "exit 0", "exit 0"]);
        seen!(world, "nothing_to_rerun", world.pinboot(&["rerun"]).exits(0));
    });
}

#[test]
fn a_rerun_shows_the_failure_that_a_killed_controller_missed() {
    on_each(|world| {
        world.steps(&HELD.replace("echo ended", "echo ended; exit 3"));
        let going = world.start(&[]);
        held(&world);
        going.kill();
        release(&world);
        until("the run ends", || {
            fs::read_dir(world.there(".pinboot/runs"))
                .expect("runs")
                .flatten()
                .any(|run| run.path().join("end").exists())
        });
        let printed = world.pinboot(&["rerun"]).exits(1).says(&["exit status 3", "pinboot rerun"]);
        assert!(printed.stdout.contains("1 failed"), "{printed:?}");
        // The next rerun starts what failed again.
        fs::write(world.there("go"), "").expect("a file");
        world.steps(HELD);
        world.pinboot(&["rerun"]).exits(0);
        assert_eq!((world.read("count").as_str(), world.read("after").as_str()), ("x\nx\n", "y\n"));
    });
}

/// The living processes of the groups that these processes lead.
fn living_in_groups_of(leaders: &[u32]) -> Vec<u32> {
    let lives_there = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // Behind the name: state, parent, group.
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').take(3).collect();
        let [state, _, group] = fields[..] else { return false };
        state != "Z" && group.parse().is_ok_and(|group| leaders.contains(&group))
    };
    let names = fs::read_dir("/proc").expect("/proc").flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.to_str()?.parse().ok()).filter(lives_there).collect()
}

#[test]
fn a_runner_that_is_killed_leaves_a_step_unknown_and_no_rerun_starts_it_again() {
    on_each(|world| {
        let steps = HELD.replace("    always: true\n", "");
        world.steps(&steps);
        let going = world.start(&[]);
        held(&world);
        // The host's part is killed as by a restart: the runner and its step. The runner is suspended first, or it would store
        // how its step ended. It is killed last: as long as anything of its step lives, the run is not taken for a dead one.
        let (runner, step) = world.runner();
        signal(runner, Signal::STOP);
        until("the step is dead", || {
            // What was started since the last look holds the run's lock too.
            let living = living_in_groups_of(&step);
            for pid in &living {
                signal(*pid, Signal::KILL);
            }
            living.is_empty()
        });
        signal(runner, Signal::KILL);
        let printed = going.finish().exits(8);
        seen!(world, "unknown", printed);
        assert_eq!(world.journal(), ["host_lost", "host_regained", "1 unknown", "exit 8", "exit 8"]);
        let again = world.pinboot(&["rerun"]).exits(8);
        seen!(world, "unknown_again", again);
        assert_eq!((world.read("count").as_str(), world.read("after").as_str()), ("x\n", ""));
        // The author looks, and says what counts.
        world.steps(&steps.replace("    script: |", "    on_unknown: done\n    script: |"));
        let done = world.pinboot(&["rerun"]).exits(0);
        seen!(world, "unknown_assumed", done);
        assert_eq!((world.read("count").as_str(), world.read("after").as_str()), ("x\n", "y\n"));
    });
}

#[test]
fn one_host_has_one_run_at_a_time() {
    on_each(|world| {
        world.steps(HELD);
        let going = world.start(&[]);
        held(&world);
        let second = world.run(&[]).exits(9);
        seen!(world, "busy", second);
        assert_eq!(world.journal(), ["unreachable 9", "exit 9", "exit 9"]);
        release(&world);
        going.finish().exits(0);
        assert_eq!(world.read("count"), "x\n");
    });
}

#[test]
fn without_room_for_the_journal_nothing_is_sent() {
    let Some(()) = crate::support::mounts() else { return };
    let Some(world) = World::new() else { return };
    world.steps(HELD);
    let state = world.here("state");
    fs::create_dir(&state).expect("a folder");
    let script = format!(
        "mount -t tmpfs -o size=16k,mode=700 none {0} && {{ head -c 100k /dev/zero >{0}/full 2>/dev/null; exec \"$@\"; }}",
        state.display()
    );
    let mounted = ["-m", "--propagation", "private", "sh", "-c", &script, "sh"];
    let printed = world.run_call(&[]).under("unshare", &mounted).exits(12);
    seen!(world, "journal_full", printed);
    assert!(!world.server.log().contains("Connection from"), "{}", world.server.log());
    assert!(!world.there(".pinboot").exists());
}

#[test]
fn a_delivery_that_is_cut_off_is_delivered_again_and_no_part_is_carried_out() {
    on_each(|world| {
        let large: String = (0..40_000).map(|number| number.to_string() + "\n").collect();
        fs::write(world.here("large.txt"), &large).expect("a file");
        world.steps("  - { name: Large, file: { path: ~/large.txt, src: large.txt } }\n  - { name: Once, command: 'echo x >>count', always: true }\n");
        let going = world.start(&[]);
        let runs = world.there(".pinboot/runs");
        until("the plan is on its way", || {
            let runs = fs::read_dir(&runs).into_iter().flatten().flatten();
            runs.flat_map(|run| fs::read_dir(run.path()).into_iter().flatten().flatten())
                .any(|file| file.file_name().to_string_lossy().starts_with("plan"))
        });
        world.server.kill_sessions();
        going.finish().exits(0);
        assert_eq!((world.read("large.txt") == large, world.read("count").as_str()), (true, "x\n"));
        let run = world.runs().pop().expect("a run");
        let parts = fs::read_dir(runs.join(run)).expect("the record").flatten();
        let parts: Vec<_> =
            parts.map(|file| file.file_name()).filter(|name| name.to_string_lossy().starts_with("plan.")).collect();
        assert!(parts.is_empty(), "no part is left behind: {parts:?}");
    });
}

#[test]
fn a_journal_that_cannot_grow_ends_this_side_only() {
    let Some(world) = World::new() else { return };
    world.steps(&HELD.replace("-lt 200", "-lt 2000"));
    let limited = ["-c", "trap '' XFSZ; ulimit -f 16; exec \"$@\"", "sh"];
    let printed = world.run_call(&[]).under("sh", &limited).exits(12);
    seen!(world, "journal_cannot_grow", printed);
    held(&world);
    release(&world);
    world.pinboot(&["rerun"]).exits(0);
    assert_eq!((world.read("count").as_str(), world.read("after").as_str()), ("x\n", "y\n"));
}
