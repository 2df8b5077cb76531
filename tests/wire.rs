//! The wire under real shells: a plan is delivered to `sh -c` in a temporary home, as sshd would start it.

#![expect(clippy::print_stderr, reason = "says which shell it is at, and which is left out")]

mod debts;
mod groups;
mod guards;
mod isolation;
mod old_run;
mod pieces;
mod size;
mod umask;
mod users;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use pinboot::event::Mode;
use pinboot::ids::{Digest, RunId, StepId};
use pinboot::kinds::{Content, Effect, Recipe};
use pinboot::plan::{Action, OnUnknown, Plan, Remembered, StepSpec};
use pinboot::remote::frame::Frame;
use pinboot::remote::runner_words::RunnerEnd;
use pinboot::remote::splitter::Piece;
use pinboot::remote::streams::{StreamPosition, Streams};
use pinboot::remote::{Delivery, ExpectedHost, Identity, Stored, points, program};
use pinboot::script::{Script, Text};
use pinboot::secret::{HostText, Secret};
use pinboot::transport::Exec;

use crate::plans::{plan, spec as work};

const NONCE: &str = "00112233445566778899aabbccddeeff";

/// The shells that stand for the host's `sh`; one that is not installed is left out, and named.
fn shells() -> Vec<(&'static str, PathBuf)> {
    let mut found = Vec::new();
    for (name, program) in
        [("dash", "dash"), ("bash", "bash"), ("busybox", "busybox"), ("mksh", "mksh"), ("yash", "yash")]
    {
        if let Some(path) = which(program) {
            found.push((name, path));
        } else {
            let message = format!("left out: {name} as the host's sh (apt-get install {program})");
            assert!(std::env::var_os("PINBOOT_TEST_ALL").is_none(), "{message}");
            eprintln!("{message}");
        }
    }
    found
}

fn which(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|dir| dir.join(program)).find(|path| path.is_file())
}

struct Host {
    home: tempfile::TempDir,
    bin: PathBuf,
}

impl Host {
    /// A home, and a PATH on which `sh` is that shell.
    fn new(shell: &Path) -> Self {
        let home = tempfile::tempdir().expect("a temporary home");
        let bin = home.path().join("shell-bin");
        std::fs::create_dir(&bin).expect("a folder");
        std::os::unix::fs::symlink(shell, bin.join("sh")).expect("a link");
        Self { home, bin }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn identity(&self, run: u8) -> Identity {
        Identity {
            run: RunId::from_random([run, 0, 0, run]),
            nonce: NONCE.to_owned(),
            started_by: "tester@here 2026-11-24T06:00:00Z".to_owned(),
            shell: self.bin.join("sh").display().to_string(),
        }
    }

    /// Delivers a plan and gives what came back until the host's side ended.
    fn deliver(&self, run: u8, plan: &Plan) -> Heard {
        self.deliver_from(run, plan, StreamPosition::START)
    }

    fn deliver_from(&self, run: u8, plan: &Plan, from: StreamPosition) -> Heard {
        self.deliver_to(None, run, plan, from)
    }

    /// Delivers a plan for a host that is known from before.
    fn deliver_to(&self, known: Option<&ExpectedHost>, run: u8, plan: &Plan, from: StreamPosition) -> Heard {
        let identity = self.identity(run);
        self.exec(
            &Delivery { from, known, ..Delivery::new(&program(plan, &identity), &identity, &plan.secrets) }.exec(),
            &[],
        )
    }

    /// Runs an exec string as sshd would, with these variables besides the login's own.
    fn exec(&self, exec: &Exec, variables: &[(String, String)]) -> Heard {
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(std::str::from_utf8(&exec.command).expect("the exec string is ASCII"))
            .env("HOME", self.home.path())
            .env("pb_machine_file", self.path("machine-id"))
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", self.bin.display()))
            .env_remove("XDG_RUNTIME_DIR")
            .envs(variables.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sh starts");
        std::io::Write::write_all(&mut child.stdin.take().expect("piped"), &exec.stdin).expect("stdin takes all");
        let output = child.wait_with_output().expect("sh ends");
        Heard::new(&output.stdout, &output.stderr)
    }
}

/// What a delivery said, put in order.
#[derive(Debug, Default)]
struct Heard {
    frames: Vec<Frame>,
    said: BTreeMap<u32, String>,
    outcomes: Vec<String>,
    /// What the next delivery is asked for.
    next: Option<StreamPosition>,
}

impl Heard {
    fn new(stdout: &[u8], stderr: &[u8]) -> Self {
        let mut heard = Self::default();
        let mut step = 0;
        let mut streams = Streams::new(NONCE);
        streams.connected();
        let mut pieces = streams.stdout(stdout);
        let errors = streams.stderr(stderr);
        let complaints = [&errors.noise, streams.unannounced()].concat();
        assert_eq!(String::from_utf8_lossy(&complaints), "", "the delivery complained");
        pieces.extend(errors.pieces);
        pieces.extend(streams.closed());
        streams.disconnected();
        heard.next = Some(streams.position());
        for piece in pieces {
            match piece {
                Piece::Raw(raw) => {
                    heard.said.entry(step).or_default().push_str(&String::from_utf8_lossy(&raw));
                }
                Piece::Frame(frame, _) => {
                    match &frame {
                        Frame::Start { step: id, .. } => step = id.0,
                        Frame::So { .. } => heard.outcomes.push("unchanged".to_owned()),
                        Frame::Done { outcome, reason, .. } => {
                            heard.outcomes.push(format!("{outcome} {reason}").trim_end().to_owned());
                        }
                        _ => {}
                    }
                    heard.frames.push(frame);
                    // A client that has heard the end does not listen any more.
                    if matches!(heard.frames.last(), Some(Frame::End(_))) {
                        break;
                    }
                }
            }
        }
        heard
    }

    /// What a delivery is asked for that continues so many bytes of the log before the end of this one.
    fn before_its_end(&self, bytes: u64) -> StreamPosition {
        let next = self.next.expect("it came from a delivery");
        StreamPosition { log: next.log - bytes, ..next }
    }

    fn end(&self) -> &str {
        match self.frames.last() {
            Some(Frame::End(how)) => how.as_str(),
            other => panic!("no end but {other:?}: {self:#?}"),
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a field of the plan is optional")]
fn script(text: &str) -> Option<Script> {
    Some(Script::author(text))
}

fn on_each_shell(test: impl Fn(&Host)) {
    for (name, path) in shells() {
        eprintln!("sh is {name}");
        test(&Host::new(&path));
    }
}

/// A delivery that was cut off removes its empty folder, and another one of the same run may stand in it at that moment.
#[test]
fn a_delivery_whose_folder_is_taken_away_is_asked_for_again() {
    on_each_shell(|host| {
        let steps = plan(vec![work("true")]);
        for (run, point) in [(1, "claimed"), (2, "nonce-written"), (3, "plan-kept")] {
            let identity = host.identity(run);
            let program = program(&steps, &identity);
            let mut exec = Delivery::new(&program, &identity, &[]).exec();
            let folder = host.path(&format!(".pinboot/runs/{}", identity.run)).display().to_string();
            let folder = Text::from(folder.as_str()).quote();
            points::hook_delivery(&mut exec, &format!("pb_point() {{ [ \"$1\" != {point} ] || rm -rf {folder}; }}"));
            let heard = host.exec(&exec, &[]);
            assert!(!heard.frames.iter().any(|frame| matches!(frame, Frame::Unfit(_))), "{point}: {heard:#?}");
            assert_eq!(host.deliver(run, &steps).outcomes, ["changed"], "{point}");
        }
    });
}

#[test]
fn a_plan_changes_a_host_once() {
    on_each_shell(|host| {
        let steps = plan(vec![
            StepSpec {
                creates: Some("~/made here".into()),
                ..work("touch 'made here'; echo \"made it's\"; echo two >&2")
            },
            StepSpec { unless: script("test -f other; exit $?"), ..work("touch other") },
            StepSpec {
                recipe: Recipe {
                    check: Some(Script::fill("cmp -s third.txt /dev/null || { echo '+ third'; needs_change; }", &[])),
                    apply: Script::fill(": >third.txt; printf '%s' \"$pb_why\" >why", &[]),
                    ..Recipe::default()
                },
                ..work("")
            },
        ]);
        let first = host.deliver(1, &steps);
        assert_eq!(first.outcomes, ["changed", "changed", "changed"], "{first:#?}");
        assert_eq!(first.end(), "ok");
        assert_eq!(first.said[&1], "made it's\ntwo\n");
        assert!(first.frames.contains(&Frame::Diff { step: StepId(3), text: HostText::new("+ third") }), "{first:#?}");
        assert_eq!(host.read("why"), "+ third");
        let second = host.deliver(2, &steps);
        assert_eq!(second.outcomes, ["unchanged", "unchanged", "unchanged"], "{second:#?}");
        // Delivered again, a finished run is only shown again, from any byte on.
        let again = host.deliver(2, &steps);
        assert_eq!((again.outcomes.len(), again.end()), (3, "ok"), "{again:#?}");
        let rest = host.deliver_from(2, &steps, second.before_its_end(10));
        assert_eq!((rest.frames.len(), rest.said.len(), rest.end()), (2, 0, "ok"), "{rest:#?}");
        assert!(!host.path(".pinboot/runs/02000002/1.began").exists(), "what was not started has no mark");
    });
}

#[test]
fn fields_reach_check_and_apply_and_nothing_else_does() {
    on_each_shell(|host| {
        let word = |text: &str| Script::author(Text::from(text).quote());
        let names = Script::author(Script::author("'a b' c \"$pb_r_word\"").as_word());
        let fields = StepSpec {
            recipe: Recipe {
                args: vec![("path".into(), word("~/it's here")), ("mode".into(), word("")), ("names".into(), names)],
                // It mentions a function of the kinds, which is there because the step uses it.
                check: script("command -v pb_tell >/dev/null; [ -e \"$arg_path\" ] || needs_change"),
                apply: Script::author("eval \"set -- $arg_names\"; printf '[%s]' \"$arg_mode\" \"$@\" >\"$arg_path\""),
                ..Recipe::default()
            },
            // No variable of the step can take the place of a field.
            env: vec![("arg_path".into(), "/nowhere".into())],
            ..work("")
        };
        let steps = plan(vec![
            StepSpec { register: Some("word".into()), ..work("echo 'e  f'") },
            fields,
            // Neither the fields of another step nor the kinds' functions are there for what the author wrote.
            StepSpec {
                unless: script("command -v pb_'tell' >/dev/null || [ -n \"${arg_path-}\" ]"),
                ..work("! command -v pb_'tell' && [ -z \"${arg_path-}\" ]")
            },
        ]);
        let heard = host.deliver(1, &steps);
        assert_eq!(heard.outcomes, ["changed", "changed", "failed verify"], "{heard:#?}");
        assert_eq!(host.read("it's here"), "[][a b][c][e  f]");
    });
}

#[test]
fn a_failure_ends_the_run_and_says_how() {
    on_each_shell(|host| {
        let cases: Vec<(StepSpec, &str, i32)> = vec![
            (work("echo before; exit 7; echo after"), "failed status", 7),
            (work("false\ntouch after-false"), "failed status", 1),
            (work("echo 'unterminated"), "failed status", -1),
            (work("pb_refuse 'this is HTML'"), "failed integrity", 81),
            (StepSpec { unless: script("false"), ..work("true") }, "failed verify", 79),
            (
                StepSpec {
                    recipe: Recipe { check: script("exit 3"), apply: Script::author("true"), ..Recipe::default() },
                    ..work("")
                },
                "failed check",
                3,
            ),
            (
                StepSpec {
                    recipe: Recipe {
                        check: script("false\ntouch not-reached\nneeds_change"),
                        apply: Script::author("true"),
                        ..Recipe::default()
                    },
                    ..work("")
                },
                "failed check",
                1,
            ),
            (StepSpec { timeout: Some(Duration::from_secs(1)), ..work("sleep 60 & sleep 60") }, "failed timeout", -1),
            (
                StepSpec {
                    timeout: Some(Duration::from_secs(1)),
                    unless: script("sleep 60; true"),
                    ..work("touch not-reached")
                },
                "failed slow",
                -1,
            ),
            (StepSpec { cwd: Some("no such folder".into()), ..work("true") }, "failed status", -1),
        ];
        for (index, (step, outcome, status)) in cases.into_iter().enumerate() {
            let run = u8::try_from(index).expect("few") + 1;
            let heard = host.deliver(run, &plan(vec![step, work("touch not-reached")]));
            assert_eq!(heard.outcomes, [outcome], "case {index}: {heard:#?}");
            assert_eq!(heard.end(), "failed");
            let Some(Frame::Done { status: seen, .. }) = heard.frames.iter().find(|f| matches!(f, Frame::Done { .. }))
            else {
                panic!("no result");
            };
            assert!(status == -1 || *seen == status, "case {index}: {heard:#?}");
            assert!(*seen != 0, "case {index}");
            if index == 2 {
                let said = heard.said.get(&1).map(String::as_str).unwrap_or_default();
                assert!(said.contains("quot") || said.contains("matching"), "the shell's own words: {heard:#?}");
            }
        }
        assert!(!host.path("not-reached").exists());
        assert!(!host.path("after-false").exists(), "set -e holds");
    });
}

#[test]
fn what_cannot_be_stored_is_not_said_to_be_done() {
    on_each_shell(|host| {
        let heard = host.deliver(1, &plan(vec![work("rm -rf ~/.pinboot/runs/01000001"), work("touch not-reached")]));
        assert_eq!(heard.outcomes, ["unknown unstored changed"], "{heard:#?}");
        assert!(heard.frames.contains(&Frame::End(RunnerEnd::Unknown)), "{heard:#?}");
        assert!(!host.path("not-reached").exists());
    });
}

#[test]
fn what_a_step_leaves_running_is_said_and_holds_nothing_up() {
    on_each_shell(|host| {
        let heard = host.deliver(1, &plan(vec![work("sleep 600 & echo $! >left"), work("true")]));
        assert_eq!((heard.outcomes.len(), heard.end()), (2, "ok"), "{heard:#?}");
        let pid = host.read("left").trim().to_owned();
        let left: Vec<_> = heard.frames.iter().filter(|frame| matches!(frame, Frame::Left { .. })).collect();
        let Some(pid) = rustix::process::Pid::from_raw(pid.parse().expect("a pid")) else { panic!("no pid") };
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it lives");
        assert_eq!(
            left,
            [&Frame::Left { step: StepId(1), what: HostText::new(format!("{pid} sleep 600")) }],
            "{heard:#?}"
        );
    });
}

#[test]
fn a_part_of_a_steps_shell_is_not_shown_with_the_text_that_starts_it() {
    on_each_shell(|host| {
        let heard =
            host.deliver(1, &plan(vec![work("( while [ -d \"$HOME\" ] && [ ! -e stop ]; do sleep .1; done ) & true")]));
        std::fs::write(host.path("stop"), "").expect("written");
        let left: Vec<_> = heard.frames.iter().filter(|frame| matches!(frame, Frame::Left { .. })).collect();
        let [Frame::Left { what, .. }] = left[..] else { panic!("{heard:#?}") };
        let what = what.without_secrets();
        assert!(what.contains(" a subshell of the step") && !what.contains("set --"), "{what}");
    });
}

#[test]
fn a_directory_that_an_earlier_step_printed_is_one_of_the_home() {
    on_each_shell(|host| {
        std::fs::create_dir_all(host.path("-")).expect("a folder");
        let place = Text::new(Text::registered("place"));
        let steps = vec![
            StepSpec { register: Some("place".into()), ..work("echo -") },
            StepSpec { cwd: Some(place), ..work("echo x >made") },
        ];
        assert_eq!(host.deliver(1, &plan(steps)).outcomes, ["changed", "changed"]);
        assert_eq!(host.read("-/made"), "x\n");
    });
}

#[test]
fn guards_and_options_do_what_they_say() {
    on_each_shell(|host| {
        let mut steps = plan(vec![
            StepSpec { only_if: script("exit 4"), ..work("touch wrong") },
            StepSpec { register: Some("word".into()), ..work("echo '  two  words '; echo to-stderr >&2; echo") },
            work("printf '[%s]' \"$pb_r_word\" >registered"),
            StepSpec { when_changed: Some(vec![StepId(1)]), ..work("touch wrong") },
            StepSpec { when_changed: Some(vec![StepId(1), StepId(3)]), ..work("touch right") },
            StepSpec { allow_failure: true, ..work("exit 9") },
            StepSpec { retries: 2, ..work("echo x >>tries; [ $(wc -l <tries) -ge 3 ]") },
            StepSpec {
                env: vec![("GREETING".into(), "it's $HOME\nand \\ more!".into())],
                cwd: Some("~/sub dir".into()),
                ..work("printf %s \"$GREETING\" >greeting; cat >>greeting")
            },
            StepSpec {
                recipe: Recipe {
                    apply: Script::author("true"),
                    effect: Effect::Exports(vec![("CLASSPATH".into(), "~/a b.jar".into())]),
                    ..Recipe::default()
                },
                ..work("")
            },
            work("printf %s \"$CLASSPATH\" >classpath"),
            StepSpec {
                recipe: Recipe {
                    apply: Script::author("pb_content >content"),
                    effect: Effect::Content(Content::Bytes((0..=255).collect())),
                    ..Recipe::default()
                },
                ..work("")
            },
            StepSpec {
                recipe: Recipe {
                    check: script("pb_content | cmp -s - text"),
                    apply: Script::author("pb_content >text"),
                    effect: Effect::Content(Content::Text("~/is not a path here: 'é' \\n!\n".into())),
                    ..Recipe::default()
                },
                ..work("")
            },
        ]);
        std::fs::create_dir(host.path("sub dir")).expect("a folder");
        // The check above ends with the status of cmp, which is not an answer: make it one.
        if let Action::Apply(work) = &mut steps.steps[11].action {
            work.recipe.check = script("pb_content | cmp -s - text || needs_change");
        }
        let heard = host.deliver(1, &steps);
        assert_eq!(
            heard.outcomes,
            [
                "skipped only_if",
                "changed",
                "changed",
                "skipped when_changed",
                "changed",
                "failed status",
                "changed",
                "changed",
                "changed",
                "changed",
                "changed",
                "changed"
            ],
            "{heard:#?}"
        );
        assert_eq!(heard.end(), "ok");
        assert_eq!(host.read("registered"), "[two  words]");
        assert!(host.path("right").exists() && !host.path("wrong").exists());
        assert_eq!(host.read("tries"), "x\nx\nx\n");
        assert_eq!(host.read("sub dir/greeting"), "it's $HOME\nand \\ more!");
        assert_eq!(host.read("classpath"), format!("{}/a b.jar", host.home.path().display()));
        assert_eq!(std::fs::read(host.path("content")).expect("written"), (0..=255).collect::<Vec<u8>>());
        assert_eq!(host.read("text"), "~/is not a path here: 'é' \\n!\n");
    });
}

#[test]
fn a_step_that_was_seen_to_run_is_not_started_again_where_its_record_is_lost() {
    on_each_shell(|host| {
        let steps = plan(vec![work("echo x >>count")]);
        let first = host.deliver(1, &steps);
        assert_eq!(first.end(), "ok");
        std::fs::remove_dir_all(host.path(".pinboot/runs/01000001")).expect("removed");
        let again = host.deliver_from(1, &steps, first.before_its_end(1));
        assert_eq!(again.frames, [Frame::None], "{again:#?}");
        assert_eq!(host.read("count"), "x\n");
    });
}

#[test]
fn a_log_that_a_power_cut_shortened_continues_without_a_gap() {
    on_each_shell(|host| {
        let steps =
            plan(vec![work("echo one"), StepSpec { unless: script("test -e two"), ..work("echo two; : >two") }]);
        let first = host.deliver(1, &steps);
        assert_eq!(first.end(), "ok");
        // As if the second step had started, and the power had failed before anything of it was on disk.
        let record = |name: &str| host.path(&format!(".pinboot/runs/01000001/{name}"));
        for name in ["end", "2.rc"] {
            std::fs::remove_file(record(name)).expect("removed");
        }
        std::fs::remove_file(host.path("two")).expect("removed");
        let log = std::fs::read(record("log")).expect("the log");
        let second = log.windows(9).position(|part| part.starts_with(b" start 2 ")).expect("it was looked at");
        for lost in [1, 30, 44, 200, 100_000] {
            let _ = std::fs::remove_file(record("end"));
            std::fs::write(record("log"), &log[..second]).expect("shorter");
            let again = host.deliver_from(1, &steps, StreamPosition { log: second as u64 + lost + 1, out: 4 + lost });
            let starts = again.frames.iter().filter(|frame| matches!(frame, Frame::Start { .. })).count();
            assert_eq!((starts, again.outcomes.len(), again.end()), (2, 2, "ok"), "{lost} bytes lost: {again:#?}");
            assert_eq!(again.frames[1], Frame::Run, "{lost} bytes lost: {again:#?}");
        }
    });
}

/// A `wc` that keeps what it has counted back until the run's runner has ended, where it is the delivery that counts. As on a busy
/// machine, where another process may do all its work between two words of a shell.
const LATE_WC: &str = r#"#!/bin/sh
count=$(/usr/bin/wc "$@")
case $(tr '\0' ' ' <"/proc/$PPID/cmdline") in 'sh plan '*) echo "$count"; exit ;; esac
is_over() {
  [ -s end ] && read -r pid rest <runner || return 1
  { read -r stat <"/proc/$pid/stat"; } 2>/dev/null || return 0
  case $stat in *') Z '*) return 0 ;; esac
  return 1
}
until is_over; do sleep .01; done
echo "$count"
"#;

#[test]
fn a_runner_that_fills_the_log_and_ends_at_once_is_shown() {
    on_each_shell(|host| {
        let steps = plan(vec![work("echo one"), work("echo two")]);
        let first = host.deliver(1, &steps);
        assert_eq!((first.outcomes.len(), first.end()), (2, "ok"), "{first:#?}");
        let record = |name: &str| host.path(&format!(".pinboot/runs/01000001/{name}"));
        let log = std::fs::read(record("log")).expect("the log");
        // As if the power had gone before the end of the log was on disk, and the end of the run.
        std::fs::write(record("log"), &log[..log.len() / 2]).expect("shorter");
        std::fs::remove_file(record("end")).expect("removed");
        std::fs::write(host.bin.join("wc"), LATE_WC).expect("a program");
        std::fs::set_permissions(host.bin.join("wc"), std::fs::Permissions::from_mode(0o755)).expect("a mode");
        let again = host.deliver_from(1, &steps, StreamPosition { log: log.len() as u64 + 1, out: 9 });
        assert_eq!((again.outcomes.len(), again.end()), (2, "ok"), "{again:#?}");
        assert_eq!(again.frames[1], Frame::Run, "{again:#?}");
    });
}

#[test]
fn what_a_power_cut_emptied_before_it_was_synced_counts_for_nothing() {
    on_each_shell(|host| {
        let steps = plan(vec![work("echo x >>count")]);
        assert_eq!(host.deliver(1, &steps).outcomes, ["changed"]);
        // The names were on disk and what the files held was not: the step's note is synced before it begins, so it never began.
        let record = host.path(".pinboot/runs/01000001");
        for name in ["plan", "nonce", "runner", "log", "1.rct", "1.began"] {
            std::fs::write(record.join(name), "").expect("written");
        }
        for name in ["1.rc", "end"] {
            std::fs::remove_file(record.join(name)).expect("removed");
        }
        let heard = host.deliver(1, &steps);
        assert_eq!((heard.outcomes.as_slice(), heard.end()), (["changed".to_owned()].as_slice(), "ok"), "{heard:#?}");
        assert_eq!(host.read(".pinboot/runs/01000001/nonce"), format!("{NONCE}\n"));
        assert_eq!(host.read("count"), "x\nx\n");
        // The end was written and not synced.
        std::fs::write(record.join("end"), "").expect("written");
        let heard = host.deliver_from(1, &steps, heard.before_its_end(0));
        assert_eq!(
            (heard.outcomes.as_slice(), heard.end()),
            (["changed stored".to_owned()].as_slice(), "ok"),
            "{heard:#?}"
        );
        assert_eq!(host.read("count"), "x\nx\n");
    });
}

#[test]
fn check_mode_only_asks() {
    on_each_shell(|host| {
        std::fs::write(host.path("there"), "x").expect("written");
        let mut steps = plan(vec![
            StepSpec { creates: Some("~/there".into()), ..work("touch wrong") },
            StepSpec { unless: script("test -e missing"), ..work("touch wrong") },
            work("touch wrong"),
            StepSpec {
                recipe: Recipe {
                    check: script("ls /no/such/place"),
                    apply: Script::author("touch wrong"),
                    ..Recipe::default()
                },
                ..work("")
            },
        ]);
        steps.mode = Mode::Check;
        let heard = host.deliver(1, &steps);
        assert_eq!(heard.outcomes, ["unchanged", "would check", "would always", "unknown check"], "{heard:#?}");
        assert_eq!(heard.end(), "ok");
        assert!(!host.path("wrong").exists());
    });
}

#[test]
fn a_secret_reaches_its_step_and_nothing_else() {
    on_each_shell(|host| {
        let secret = "pa'ss\\wo!rd\nof two lines";
        let mut steps = plan(vec![
            work("tr '\\0' '\\n' </proc/self/environ >environ; ps -eo args >ps 2>/dev/null || ps >ps"),
            work("printf %s \"$pb_s_password\" >used"),
        ]);
        steps.secrets = vec![("password".into(), Secret::new(secret))];
        let heard = host.deliver(1, &steps);
        assert_eq!(heard.outcomes, ["changed", "changed"], "{heard:#?}");
        assert_eq!(host.read("used"), secret);
        std::fs::remove_file(host.path("used")).expect("removed");
        let found = Command::new("grep")
            .args(["-rlF", "-e", "of two lines", "-e", "wo!rd"])
            .arg(host.home.path())
            .output()
            .expect("grep");
        assert_eq!(String::from_utf8_lossy(&found.stdout), "", "the secret lies around");
        let in_memory = std::fs::read_dir("/dev/shm").into_iter().flatten().flatten();
        let left =
            in_memory.filter(|entry| entry.file_name().to_string_lossy().starts_with("pinboot-01000001")).count();
        assert_eq!(left, 0, "the file in memory is gone");
    });
}

#[test]
fn a_secret_is_an_argument_of_no_program_where_the_shell_has_no_printf() {
    on_each_shell(|host| {
        let log = host.path("printed");
        std::fs::write(
            host.bin.join("printf"),
            format!("#!/bin/bash\nprintf '%s\\n' \"$@\" >>'{}'\nexec /usr/bin/printf \"$@\"\n", log.display()),
        )
        .expect("a program");
        std::fs::set_permissions(host.bin.join("printf"), std::fs::Permissions::from_mode(0o755)).expect("its mode");
        let secret = "pa'ss\\wo!rd";
        let length = secret.len();
        let mut steps = plan(vec![
            work(&format!("value=\"$pb_s_password\"; test \"${{#value}}\" = {length} && echo yes >used")),
            StepSpec { register: Some("long".into()), ..work("head -c 200000 /dev/zero | tr '\\0' x") },
            work("value=\"$pb_r_long\"; test \"${#value}\" = 200000 && echo yes >long"),
        ]);
        steps.secrets = vec![("password".into(), Secret::new(secret))];
        let heard = host.deliver(1, &steps);
        assert_eq!(heard.outcomes, ["changed", "changed", "changed"], "{heard:#?}");
        assert_eq!((host.read("used").as_str(), host.read("long").as_str()), ("yes\n", "yes\n"));
        let printed = std::fs::read_to_string(&log).unwrap_or_default();
        assert!(!printed.contains("wo!rd"), "an argument of printf: {printed}");
    });
}

#[test]
fn a_rerun_leaves_alone_what_an_earlier_run_did() {
    on_each_shell(|host| {
        let step = || work("echo x >>count; echo said");
        let registered = || StepSpec { register: Some("out".into()), ..step() };
        let first = host.deliver(1, &plan(vec![registered(), work("exit 1")]));
        assert_eq!(first.outcomes, ["changed", "failed status"]);
        let mut again = plan(vec![registered(), work("printf %s \"$pb_r_out\" >fixed")]);
        if let Action::Apply(work) = &mut again.steps[0].action {
            work.earlier = vec![(RunId::from_random([1, 0, 0, 1]), StepId(1))];
        }
        // Two steps are equal if their digests are, and the plan makes those.
        again.steps[0].digest = plan(vec![registered()]).steps[0].digest.clone();
        let second = host.deliver(2, &again);
        assert_eq!(second.outcomes, ["unchanged before 01000001", "changed"], "{second:#?}");
        assert_eq!(host.read("count"), "x\n");
        assert_eq!(host.read("fixed"), "said");
        again.steps[0].digest = Digest::of(b"another text");
        let third = host.deliver(3, &again);
        assert_eq!(third.outcomes[0], "changed", "another text is another step");
    });
}

/// What a host keeps of a step: the ends of the files' names, and what they hold.
type Kept<'a> = &'a [(&'a str, &'a str)];

#[test]
fn a_step_that_an_earlier_run_left_without_a_result_is_not_started_again() {
    on_each_shell(|host| {
        // Runs 1 and 2 had the step; the columns are what the host keeps of it from each, the latest first.
        let digest = plan(vec![work("echo x >>count")]).steps[0].digest.clone();
        let changed = format!("changed 0 {}", &digest.as_str()[..16]);
        let table: [(Kept<'_>, Kept<'_>, OnUnknown, &str); 8] = [
            (&[("began", "1")], &[], OnUnknown::Fail, "unknown lost 02000002"),
            (&[("began", "1")], &[], OnUnknown::Done, "changed assumed"),
            (&[("began", "1")], &[], OnUnknown::Rerun, "changed"),
            (&[], &[("began", "1")], OnUnknown::Fail, "unknown lost 01000001"),
            (&[], &[("began", "1"), ("rc", &changed)], OnUnknown::Fail, "unchanged before 01000001"),
            (&[], &[], OnUnknown::Fail, "changed"),
            (&[("began", "1"), ("rc", "failed 3 0")], &[("began", "1")], OnUnknown::Fail, "changed"),
            (&[("began", "1"), ("rc", &changed)], &[("began", "1")], OnUnknown::Fail, "unchanged before 02000002"),
        ];
        for (index, (second, first, on_unknown, expected)) in table.into_iter().enumerate() {
            let _ = std::fs::remove_dir_all(host.path(".pinboot"));
            for (run, files) in [("01000001", first), ("02000002", second)] {
                let folder = host.path(".pinboot/runs").join(run);
                std::fs::create_dir_all(&folder).expect("a record");
                for (name, text) in files {
                    std::fs::write(folder.join(format!("1.{name}")), format!("{text}\n")).expect("a record");
                }
            }
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            std::fs::set_permissions(host.path(".pinboot"), private).expect("chmod");
            let _ = std::fs::remove_file(host.path("count"));
            let mut again = plan(vec![StepSpec { on_unknown, ..work("echo x >>count") }]);
            again.steps[0].digest = digest.clone();
            if let Action::Apply(work) = &mut again.steps[0].action {
                work.earlier = [[2, 0, 0, 2], [1, 0, 0, 1]].map(|run| (RunId::from_random(run), StepId(1))).to_vec();
            }
            let heard = host.deliver(3, &again);
            assert_eq!(heard.outcomes, [expected], "case {index}: {heard:#?}");
            assert_eq!(host.read("count"), if expected == "changed" { "x\n" } else { "" }, "case {index}");
            assert_eq!(heard.end(), if expected.starts_with("unknown") { "unknown" } else { "ok" }, "case {index}");
        }
    });
}

/// The result of a run's second step, which the host had on a day at nine.
fn stored(run: &RunId) -> Stored {
    Stored { run: run.clone(), since: "2026-11-24T09:00:00.123Z".to_owned(), step: StepId(2) }
}

#[test]
fn a_host_forgets_a_run_only_for_later_ones() {
    on_each_shell(|host| {
        let steps = plan(vec![work("echo x >>count")]);
        let run = RunId::from_random([1, 0, 0, 1]);
        let known = ExpectedHost { run: run.clone(), machine_id: None, stored: vec![stored(&run)] };
        let runs = host.path(".pinboot/runs");
        std::fs::create_dir_all(&runs).expect("a record");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(host.path(".pinboot"), private).expect("chmod");
        for (records, last, forgets) in [
            (19, "2026-11-25T09:00:00.123Z", false),
            (20, "2026-11-25T08:00:00.123Z", true),
            (20, "2026-11-24T09:00:00.123Z", true),
            (20, "2026-11-24T09:00:00.122Z", false),
            (20, "2026-11-24T08:59:59.999Z", false),
            (20, "2026-10-25T19:00:00.000Z", false),
            (20, "", false),
            (20, "- -", false),
        ] {
            let _ = std::fs::remove_dir_all(&runs);
            for number in 0..records {
                std::fs::create_dir_all(runs.join(format!("{number:08x}"))).expect("a record");
            }
            std::fs::write(host.path(".pinboot/owner"), format!("00000013 me@here {last}\n")).expect("an owner");
            let mut again = steps.clone();
            if let Action::Apply(work) = &mut again.steps[0].action {
                work.earlier = vec![(run.clone(), StepId(1))];
                work.remembered = Some(Remembered::Done(run.clone()));
            }
            let heard = host.deliver_to(Some(&known), 2, &again, StreamPosition::START);
            if forgets {
                assert_eq!(heard.outcomes, [format!("unchanged before {run}")], "{records} {last}: {heard:#?}");
            } else {
                assert_eq!(heard.frames, [Frame::Lost(run.clone())], "{records} {last}");
            }
            assert_eq!(host.read("count"), "", "{records} {last}");
        }
    });
}

#[test]
fn what_a_host_has_comes_before_what_a_journal_remembers() {
    on_each_shell(|host| {
        let step = plan(vec![work("echo x >>count")]);
        let changed = format!("changed 0 {}", &step.steps[0].digest.as_str()[..16]);
        let run = RunId::from_random([1, 0, 0, 1]);
        let (done, started) = (Remembered::Done(run.clone()), Remembered::Started(run.clone()));
        let table: [(Option<Kept<'_>>, &Remembered, &str); 8] = [
            (None, &done, "unchanged before 01000001"),
            (None, &started, "unknown lost 01000001"),
            (Some(&[("rc", &changed)]), &started, "unchanged before 01000001"),
            (Some(&[("rc", "failed 1 0")]), &started, "changed"),
            (Some(&[("rc", "failed 1 0")]), &done, "changed"),
            (Some(&[("began", "1")]), &done, "unknown lost 01000001"),
            (Some(&[]), &started, "changed"),
            (Some(&[]), &done, "changed"),
        ];
        for (index, (kept, remembered, expected)) in table.into_iter().enumerate() {
            let _ = std::fs::remove_dir_all(host.path(".pinboot"));
            let _ = std::fs::remove_file(host.path("count"));
            if let Some(files) = kept {
                let folder = host.path(".pinboot/runs").join(run.as_str());
                std::fs::create_dir_all(&folder).expect("a record");
                let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
                std::fs::set_permissions(host.path(".pinboot"), private).expect("chmod");
                for (name, text) in files {
                    std::fs::write(folder.join(format!("1.{name}")), format!("{text}\n")).expect("a record");
                }
            }
            let mut again = step.clone();
            if let Action::Apply(work) = &mut again.steps[0].action {
                work.earlier = vec![(run.clone(), StepId(1))];
                work.remembered = Some(remembered.clone());
            }
            let heard = host.deliver(2, &again);
            assert_eq!(heard.outcomes, [expected], "case {index}: {heard:#?}");
            assert_eq!(host.read("count"), if expected == "changed" { "x\n" } else { "" }, "case {index}");
        }
    });
}

#[test]
fn only_the_host_that_is_meant_begins_a_run() {
    on_each_shell(|host| {
        let one = "0123456789abcdef0123456789abcdef".to_owned();
        let steps = plan(vec![work("echo x >>count"), work("false")]);
        std::fs::write(host.path("machine-id"), format!("{one}\n")).expect("a machine id");
        let first = host.deliver(1, &steps);
        assert_eq!(first.frames[0], Frame::Hello { new: true, over: false, machine_id: Some(one.clone()) });
        let run = RunId::from_random([1, 0, 0, 1]);
        let known = ExpectedHost { run: run.clone(), machine_id: Some(one), stored: vec![stored(&run)] };
        for (id, shown) in [
            ("fedcba9876543210fedcba9876543210", Some("fedcba9876543210fedcba9876543210".to_owned())),
            ("uninitialized", None),
            ("", None),
        ] {
            std::fs::write(host.path("machine-id"), id).expect("a machine id");
            assert_eq!(
                host.deliver_to(Some(&known), 2, &steps, StreamPosition::START).frames,
                [Frame::Stranger(shown)]
            );
        }
        std::fs::remove_file(host.path("machine-id")).expect("removed");
        assert_eq!(host.deliver_to(Some(&known), 2, &steps, StreamPosition::START).frames, [Frame::Stranger(None)]);
        // Nobody asks for its name, but for what it has stored.
        let known = ExpectedHost { machine_id: None, ..known };
        let result = host.path(".pinboot/runs").join(run.as_str()).join("2.rc");
        let kept = std::fs::read(&result).expect("a result");
        std::fs::remove_file(&result).expect("removed");
        let stale = Frame::Stale { run, step: StepId(2) };
        assert_eq!(host.deliver_to(Some(&known), 2, &steps, StreamPosition::START).frames, [stale]);
        assert_eq!(host.read("count"), "x\n");
        assert!(!host.path(".pinboot/runs/02000002").exists(), "nothing was claimed");
        std::fs::write(&result, kept).expect("a result");
        let second = host.deliver_to(Some(&known), 2, &steps, StreamPosition::START);
        assert_eq!(second.frames[0], Frame::Hello { new: true, over: false, machine_id: None });
        assert_eq!(host.read("count"), "x\nx\n");
    });
}

#[test]
fn the_runner_and_the_kinds_share_no_function() {
    // The kinds' functions are defined in the runner's own shell: one of the same name would take its place.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let functions = |path: PathBuf| -> Vec<String> {
        let text = std::fs::read_to_string(path).expect("shell");
        let lines = text.lines().map(str::trim_start).filter_map(|line| line.split_once("()"));
        lines.map(|(name, _)| name.to_owned()).filter(|name| name.starts_with("pb_")).collect()
    };
    let files = std::fs::read_dir(root.join("remote/runner")).expect("the runner's shell").flatten();
    let runner: Vec<String> = files.flat_map(|file| functions(file.path())).collect();
    assert!(runner.len() > 20, "{runner:?}");
    for entry in std::fs::read_dir(root.join("kinds/shell")).expect("the kinds' shell").flatten() {
        let shared: Vec<String> = functions(entry.path()).into_iter().filter(|name| runner.contains(name)).collect();
        assert!(shared.is_empty(), "{}: {shared:?}", entry.path().display());
    }
}

#[test]
fn a_large_plan_goes_over_standard_input() {
    on_each_shell(|host| {
        let large = "0123456789abcdef".repeat(16 * 1024);
        let step = |name: &str| StepSpec {
            recipe: Recipe {
                check: Some(Script::fill("pb_content | cmp -s - @{path} || needs_change", &[("path", &name.into())])),
                apply: Script::fill("pb_content >@{path}", &[("path", &name.into())]),
                effect: Effect::Content(Content::Text(large.as_str().into())),
                ..Recipe::default()
            },
            ..work("")
        };
        let steps = plan(vec![step("one"), step("two")]);
        let heard = host.deliver(1, &steps);
        assert_eq!(heard.outcomes, ["changed", "changed"], "{heard:#?}");
        assert_eq!(host.read("two"), large);
    });
}

#[test]
fn what_lives_of_a_step_after_its_end_is_named() {
    on_each_shell(|host| {
        let step = work("setsid sleep 618 & echo $! >left; sleep 60");
        let heard = host.deliver(1, &plan(vec![StepSpec { timeout: Some(Duration::from_secs(1)), ..step }]));
        let left = host.read("left").trim().to_owned();
        assert_eq!(heard.outcomes, [format!("failed timeout {left} sleep 618")], "{heard:#?}");
        let killed = Command::new("kill").args(["-9", &left]).status().expect("kill runs");
        assert!(killed.success(), "it lived");
    });
}

#[test]
fn the_next_boot_goes_on_behind_the_reboot() {
    on_each_shell(|host| {
        let mut steps = plan(vec![
            StepSpec { register: Some("word".into()), ..work("echo x >>count; echo ' kept '") },
            StepSpec { only_if: script("test -e rebooted"), ..work("touch wrong") },
            StepSpec { creates: Some("~/count".into()), ..work("touch wrong") },
            StepSpec { timeout: Some(Duration::from_secs(1)), ..work("echo once >>once") },
            work("printf %s \"$pb_r_word\" >after"),
        ]);
        let Action::Apply(reboot) = &mut steps.steps[3].action else { unreachable!() };
        reboot.recipe.effect = Effect::Reboots;
        let heard = host.deliver(1, &steps);
        assert_eq!(heard.outcomes, ["changed", "skipped only_if", "unchanged", "failed reboot"], "{heard:#?}");
        assert!(heard.frames.contains(&Frame::Reboot { step: StepId(4), seconds: 1 }), "{heard:#?}");
        // Had it rebooted within the second, there would be no end, no result, and another boot.
        let record = host.path(".pinboot/runs/01000001");
        for name in ["end", "4.rc", "log"] {
            std::fs::remove_file(record.join(name)).expect("removed");
        }
        let began = std::fs::read_to_string(record.join("4.began")).expect("it began");
        let words: Vec<&str> = began.split_whitespace().collect();
        assert_eq!((words.len(), words[2]), (3, "2"), "the clock, the boot and what was passed over: {began}");
        std::fs::write(record.join("4.began"), began.replace(words[1], "another")).expect("written");
        std::fs::write(host.path("rebooted"), "").expect("written");
        let heard = host.deliver(1, &steps);
        let expected = ["changed stored", "skipped stored", "unchanged stored", "changed rebooted", "changed"];
        assert_eq!(heard.outcomes, expected, "{heard:#?}");
        assert_eq!((host.read("count"), host.read("once")), ("x\n".into(), "once\n".into()));
        assert_eq!(host.read("after"), "kept");
        assert!(!host.path("wrong").exists());
    });
}
