//! What the runner and a step's shell know of each other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use pinboot::kinds::{Content, Effect, Recipe};
use pinboot::plan::{Plan, RunAs, StepSpec};
use pinboot::remote::{Delivery, program};
use pinboot::script::{Script, Text};
use pinboot::secret::Secret;

use super::{Host, on_each_shell, plan, script, work};

/// The variables that a step's shell has from the runner, as `docs/wire.md` says.
const GIVEN: [&str; 3] = ["pb_home", "pb_plan", "pb_why"];

/// Names that were variables of the runner once, and others that a shell or a program goes by.
const OTHERS: &str = "as user cwd env apply ask guard verify creates content args uses secrets needs shell reboot timeout retries \
    delay register allow unknown after byhand wait exports export_names before word skip step_digest IFS PATH HOME OPTIND ENV \
    CDPATH LOGNAME XDG_RUNTIME_DIR LC_ALL LANG";

/// Variables that a shell keeps for itself, and others that POSIX names.
const SHELLS_OWN: &str = "IFS OPTIND OPTARG PPID PWD OLDPWD LINENO UID EUID GROUPS SHELLOPTS BASHOPTS BASH_VERSINFO RANDOM SECONDS \
    PS1 PS2 PS4 POSIXLY_CORRECT MAIL MAILCHECK MAILPATH FCEDIT HISTFILE LC_COLLATE LC_CTYPE LC_MESSAGES NLSPATH TZ USER SHELL TERM";

/// Every word of a text that can be a variable's name.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| !word.is_empty() && !word.starts_with(|c: char| c.is_ascii_digit()))
}

/// The runner as it is written.
fn source() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/remote/runner");
    let files = fs::read_dir(folder).expect("the runner's shell").flatten();
    files.map(|file| fs::read_to_string(file.path()).expect("shell")).collect()
}

/// The runner as it is sent.
fn sent(host: &Host) -> String {
    String::from_utf8(program(&plan(Vec::new()), &host.identity(1))).expect("text")
}

/// Every name of the runner's variables and functions, as they are written and as they are sent.
fn names(host: &Host) -> BTreeSet<String> {
    let (source, sent) = (source(), sent(host));
    let of_runner = |word: &&str| (word.starts_with("pb_") || word.starts_with('_')) && word.len() > 1;
    let found: BTreeSet<String> = words(&source).chain(words(&sent)).filter(of_runner).map(str::to_owned).collect();
    assert!(found.len() > 300 && found.contains("pb_step_as") && found.contains("_a"), "{found:?}");
    found
}

/// A value that does no harm to the step's own programs, whatever it is for.
fn value(host: &Host, name: &str) -> Text {
    match name {
        "PATH" => Text::new(format!("{}:/usr/local/bin:/usr/bin:/bin:/nowhere", host.bin.display())),
        "OPTIND" => "7".into(),
        "LC_ALL" | "LANG" => "C".into(),
        _ => "x0 *".into(),
    }
}

/// The names that `set` printed, but for those that a shell has without the runner.
fn set_by_runner(host: &Host, dump: &str) -> BTreeSet<String> {
    let plain = Command::new("sh")
        .args(["-c", "set"])
        .env("HOME", host.home.path())
        .env("PATH", host.bin.display().to_string())
        .output()
        .expect("sh starts");
    let plain = String::from_utf8_lossy(&plain.stdout).into_owned();
    let names = |dump: &str| -> BTreeSet<String> {
        let lines = dump.lines().filter_map(|line| line.split_once('='));
        lines.map(|(name, _)| name.to_owned()).filter(|name| words(name).eq([name.as_str()])).collect()
    };
    // A shell's own variables are written in capitals, and the last argument of a command is in `_`.
    let of_shell = |name: &String| name == "_" || !name.contains(|c: char| c.is_ascii_lowercase());
    &names(dump).into_iter().filter(|name| !of_shell(name)).collect() - &names(&plain)
}

#[test]
fn a_step_finds_nothing_of_the_runner() {
    on_each_shell(|host| {
        let show = "set >~/$MODE.set; echo $# >~/$MODE.count; for name in $(cat ~/names); do command -v $name || :; done >~/$MODE.found";
        let step = |mode: &str| format!("MODE={mode}; {show}");
        fs::write(host.path("names"), names(host).into_iter().collect::<Vec<_>>().join(" ")).expect("written");
        let mut steps = plan(vec![
            StepSpec { register: Some("word".into()), ..work("echo registered") },
            StepSpec { unless: script(&format!("{}; false", step("check"))), ..work(&step("apply")) },
        ]);
        steps.secrets = vec![("password".into(), Secret::new("never used"))];
        let heard = host.deliver(1, &steps);
        assert_eq!(heard.outcomes, ["changed", "failed verify"], "{heard:#?}");
        for mode in ["check", "apply"] {
            let from_runner = set_by_runner(host, &host.read(&format!("{mode}.set")));
            // The loop of this step is in the same shell, and the machine's name is in the login's environment here.
            let given = GIVEN.into_iter().chain(["name", "pb_machine_file"]).map(str::to_owned).collect();
            assert_eq!(&from_runner - &given, BTreeSet::new(), "{mode}");
            assert!(from_runner.contains("pb_home"), "{mode}: {from_runner:?}");
            assert_eq!(host.read(&format!("{mode}.count")), "0\n", "positional parameters in {mode}");
            // The runner's functions are in a check under the names that are sent, which begin with `_` (docs/wire.md).
            let found = host.read(&format!("{mode}.found"));
            let found: Vec<&str> = found.lines().filter(|name| mode == "apply" || !name.starts_with('_')).collect();
            assert_eq!(found, ["pb_refuse"], "functions in {mode}");
        }
        let heard = host.deliver(
            2,
            &plan(vec![StepSpec { unless: script("test -n \"${as-}\" || test -e made"), ..work(": >made") }]),
        );
        assert_eq!(heard.outcomes, ["changed"], "{heard:#?}");
    });
}

/// A plan that uses every way in which the runner and a step's shell meet, behind some steps of its own.
fn busy_plan(first: Vec<StepSpec>) -> Plan {
    let mut steps = first;
    steps.extend([
        StepSpec { creates: Some("~/made".into()), ..work(": >made; echo made") },
        StepSpec { creates: Some("~/made".into()), ..work("false") },
        StepSpec { unless: script("test -e other"), only_if: script("test -e made"), ..work(": >other") },
        StepSpec { register: Some("word".into()), ..work("echo ' a word '") },
        StepSpec { retries: 1, ..work("[ -e tried ] || { : >tried; exit 1; }") },
        StepSpec {
            cwd: Some("~/sub".into()),
            env: vec![("GREETING".into(), "it's".into())],
            ..work("echo \"$GREETING\" >here")
        },
        StepSpec { when_changed: Some(vec![pinboot::ids::StepId(99)]), ..work("false") },
        StepSpec {
            recipe: Recipe {
                check: script("pb_content | cmp -s - content || { echo differs; needs_change; }"),
                apply: Script::author("pb_content >content; printf %s \"$pb_why$pb_r_word$pb_s_password\" >said"),
                effect: Effect::Content(Content::Bytes((0..=255).collect())),
                ..Recipe::default()
            },
            ..work("")
        },
        StepSpec { timeout: Some(std::time::Duration::from_secs(1)), allow_failure: true, ..work("sleep 60") },
        StepSpec { unless: script("test -e last"), run_as: RunAs::Login, ..work(": >last; exit 3") },
    ]);
    let mut plan = plan(steps);
    plan.secrets = vec![("password".into(), Secret::new(" & a secret"))];
    plan
}

/// What comes of the last steps of [`busy_plan`], whatever stands before them.
fn is_unbent(host: &Host, run: u8, first: Vec<StepSpec>, variables: &[(String, String)]) {
    for name in ["made", "other", "tried", "content", "said", "sub/here", "last", "bent"] {
        let _ = fs::remove_file(host.path(name));
    }
    fs::create_dir_all(host.path("sub")).expect("a folder");
    let before = first.len();
    let (identity, plan) = (host.identity(run), busy_plan(first));
    let exec = Delivery::new(&program(&plan, &identity), &identity, &plan.secrets).exec();
    let heard = host.exec(&exec, variables);
    let expected = [
        "changed",
        "unchanged",
        "changed",
        "changed",
        "changed",
        "changed",
        "skipped when_changed",
        "changed",
        "failed timeout",
        "failed status",
    ];
    assert_eq!(heard.outcomes[..before], vec!["changed"; before], "{heard:#?}");
    assert_eq!(heard.outcomes[before..], expected, "{heard:#?}");
    assert_eq!((heard.end(), host.read("said").as_str()), ("failed", "differsa word & a secret"), "{heard:#?}");
    assert_eq!(host.read("sub/here"), "it's\n");
    assert_eq!(fs::read(host.path("content")).expect("written"), (0..=255).collect::<Vec<u8>>());
}

#[test]
fn no_variable_of_a_step_bends_the_runner() {
    on_each_shell(|host| {
        let all: Vec<String> = names(host).into_iter().chain(OTHERS.split_whitespace().map(str::to_owned)).collect();
        let values: Vec<(String, Text)> = all.iter().map(|name| (name.clone(), value(host, name))).collect();
        // What a shell keeps for itself: a value ends some shells.
        let kept_by_shells: Vec<&str> = SHELLS_OWN.split_whitespace().collect();
        let exports = || StepSpec {
            recipe: Recipe {
                apply: Script::author("true"),
                effect: Effect::Exports(
                    values
                        .iter()
                        .cloned()
                        .chain(kept_by_shells.iter().map(|name| (name.to_string(), "x0".into())))
                        .collect(),
                ),
                ..Recipe::default()
            },
            ..work("")
        };
        let assigned: String =
            values.iter().map(|(name, value)| format!("{name}={}; export {name}\n", value.quote())).collect();
        let set_them = format!("{assigned}exit 0");
        let registers = all.iter().filter(|name| {
            words("IFS OPTIND env user timeout pb_mode pb_total PATH _a").any(|one| one == name.as_str())
        });
        let mut first: Vec<StepSpec> =
            registers.map(|name| StepSpec { register: Some(name.clone()), ..work("echo 9") }).collect();
        assert_eq!(first.len(), 9);
        let satisfied_later = format!("{assigned}test -e ~/bent");
        first.push(StepSpec { unless: script(&satisfied_later.replace("~/", "\"$PWD\"/")), ..work(": >bent") });
        first.push(StepSpec { env: values.clone(), ..work("true") });
        first.push(work(&set_them));
        first.push(exports());
        is_unbent(host, 1, first, &[]);
        // The login may have them as well, but for those by which a test talks to the runner and the delivery.
        let of_login: Vec<(String, String)> = values
            .iter()
            .filter(|(name, _)| !["HOME", "pb_machine_file", "pb_boot_file"].contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.raw().to_owned()))
            .collect();
        is_unbent(host, 2, Vec::new(), &of_login);
    });
}

#[test]
fn settings_of_a_login_shell_do_not_bend_a_run() {
    on_each_shell(|host| {
        fs::write(host.path("start-up"), "alias test=false\nset -u\nIFS=/\n").expect("written");
        let start_up = host.path("start-up").display().to_string();
        let shellopts = ("SHELLOPTS", "braceexpand:errexit:nounset:noglob");
        let others = [
            ("PS4", "$(echo traced >&2)+ "),
            ("HISTSIZE", "0"),
            ("IFS", "/"),
            ("ENV", start_up.as_str()),
            ("BASH_ENV", start_up.as_str()),
            ("POSIXLY_CORRECT", "1"),
        ];
        for (run, table) in [(1, &[shellopts][..]), (2, &others)] {
            let table: Vec<_> = table.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            is_unbent(host, run, Vec::new(), &table);
        }
    });
}

#[test]
fn an_export_is_there_for_every_later_step() {
    on_each_shell(|host| {
        let exports = |values: &[(&str, Text)]| StepSpec {
            recipe: Recipe {
                apply: Script::author("true"),
                effect: Effect::Exports(
                    values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
                ),
                ..Recipe::default()
            },
            ..work("")
        };
        let registered = Text::new(Text::registered("word"));
        let secret = Text::new(Text::secret("password"));
        let mut steps = plan(vec![
            StepSpec { register: Some("word".into()), ..work("echo \"it's\"") },
            exports(&[("A", "~/a b".into()), ("B", registered), ("C", secret), ("D", " ".into())]),
            StepSpec { register: Some("word".into()), ..work("echo another") },
            exports(&[("D", "last".into())]),
            StepSpec {
                unless: script("[ \"$A,$B,$C,$D\" = \"$HOME/a b,it's,pass word,last\" ] && test -e used"),
                ..work("sh -c 'printf %s \"$A,$B,$C,$D\"' >used")
            },
        ]);
        steps.secrets = vec![("password".into(), Secret::new("pass word"))];
        let heard = host.deliver(1, &steps);
        assert_eq!(heard.outcomes, ["changed"; 5], "{heard:#?}");
        assert_eq!(host.read("used"), format!("{}/a b,it's,pass word,last", host.home.path().display()));
    });
}
