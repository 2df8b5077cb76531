//! Odd values through `vars`, `register`, `secrets` and loops into every field of every kind: no value is read as shell, as an
//! option or as a name of something else, and where a value is data it arrives letter by letter.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use pinboot::event::Mode;
use pinboot::kinds::{Field, KINDS, Kind, Shape};

use super::case::{Content, HostSpec};
use super::cases::root;
use super::heard::Heard;
use super::read::shared_host;
use super::world::{World, is_root, shells};
use crate::parallel::in_parallel;

/// Values that some shell or program reads as more than characters; `@canary@` is a folder that must stay empty.
const VALUES: &[&str] = &[
    "$(touch @canary@/a)",
    "`touch @canary@/b`",
    "x; touch @canary@/c",
    "x\ntouch @canary@/d\n#",
    "'; touch @canary@/e; '",
    "\"; touch @canary@/f; \"",
    "--eval=%(touch @canary@/g)",
    "--reference=/etc/shadow",
    "-T@canary@/h",
    "--checkpoint-action=exec=touch @canary@/i",
    "-o@canary@/j",
    "${IFS}",
    "a\\b\\0101\\n",
    "%s%n\t*?[x]~{a,b}!!",
    "#0",
    "http://127.0.0.1:1/\noutput=@canary@/k\n#",
];

/// Those that stand for all of them where the plan has the values as quoted words anyway.
const FEW: usize = 4;

/// How a value gets into a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Vars,
    Secrets,
    Loop,
    Register,
}

const WAYS: [Way; 4] = [Way::Vars, Way::Secrets, Way::Loop, Way::Register];

/// The fields that a step of a kind cannot do without, as YAML.
fn needed(kind: &str) -> BTreeMap<&'static str, &'static str> {
    let fields: &[(&str, &str)] = match kind {
        "command" => &[("line", "'true'")],
        "script" => &[("text", "'true'")],
        "package" => &[("name", "unzip")],
        "download" => &[("url", "'http://127.0.0.1:1/x'"), ("to", "'~/download'")],
        "archive" => &[("url", "'http://127.0.0.1:1/x.tgz'"), ("into", "'~/archive'"), ("creates", "'~/archive/x'")],
        "python" => &[("venv", "'~/venv'")],
        "git" => &[("repo", "/nowhere/origin"), ("into", "'~/clone'")],
        "file" => &[("path", "'~/file'"), ("content", "x")],
        "directory" => &[("path", "'~/directory'")],
        "link" => &[("path", "'~/link'"), ("to", "x")],
        "upload" => &[("src", "/etc/passwd"), ("to", "'~/upload'")],
        "service" => &[("name", "kafka"), ("state", "started")],
        "expect" => &[("path", "'~/expect'"), ("within", "1s")],
        "assert" => &[("that", "'true'")],
        "absent" => &[("path", "'~/absent'")],
        "line" => &[("path", "'~/lines'"), ("line", "x"), ("create", "true")],
        "block" => &[("path", "'~/block'"), ("block", "x"), ("create", "true")],
        "properties" => &[("path", "'~/properties'"), ("set", "{ ODD: x }"), ("create", "true")],
        "sysctl" => &[("values", "{ vm.no_such: 1 }"), ("file", "'~/sysctl'")],
        "mount" => &[("what", "tmpfs"), ("at", "/srv/odd")],
        "swap" => &[("path", "/srv/odd-swap"), ("size", "1M")],
        "database" | "role" => &[("name", "odd"), ("socket", "/nowhere")],
        "cron" => &[("name", "x"), ("at", "'@daily'"), ("job", "x")],
        "export" => &[("*", "{ ODD: x }")],
        "kafka_topics" => &[("home", "'~/kafka'"), ("bootstrap_servers", "'b:9092'"), ("topics", "a")],
        "container" => &[("name", "x"), ("image", "x")],
        "compose" => &[("project", "'~/project'")],
        "fetch" => &[("from", "'~/f'"), ("to", "odd")],
        "s3_object" => &[("bucket", "bkt"), ("key", "k"), ("from", "'~/f'")],
        "manual" => &[("text", "x")],
        "reboot" => &[("message", "x")],
        "repository" => &[("name", "x"), ("apt", "{ uri: 'http://127.0.0.1:1/x', suites: x }")],
        "authorized_keys" => &[("keys", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA")],
        "group" | "user" => &[("name", "pinboot-test")],
        other => panic!("say what a step of the kind {other} needs"),
    };
    fields.iter().copied().collect()
}

/// The YAML of a field that has the value of `v`; nothing where no free text fits.
fn given(field: &Field) -> Vec<String> {
    let v = "\"{{ v }}\"";
    match field.shape {
        Shape::Text | Shape::Path | Shape::Mode | Shape::Integer | Shape::Bool | Shape::OneOf(_) => vec![v.to_owned()],
        Shape::Texts => vec![format!("[{v}]")],
        Shape::TextMap | Shape::Values => vec![format!("{{ ODD: {v} }}")],
        Shape::Shell => vec!["\"printf %s {{ v }} > /dev/null\"".to_owned(), "\"test x = {{ v }}\"".to_owned()],
        Shape::LocalPath | Shape::LocalTree | Shape::LocalTemplate | Shape::LocalTarget | Shape::Steps => Vec::new(),
        Shape::Conditions => vec!["[\"v != 'other'\"]".to_owned()],
        Shape::List(fields) => {
            let mut entries = Vec::new();
            for inner in fields {
                let first =
                    if inner.name == fields[0].name { String::new() } else { format!("{}: a, ", fields[0].name) };
                entries.extend(given(inner).iter().map(|value| format!("[{{ {first}{}: {value} }}]", inner.name)));
            }
            entries
        }
    }
}

/// The step of a kind with one field given.
fn step(kind: &Kind, name: &str, value: &str) -> String {
    let mut fields = needed(kind.name);
    // Where fields exclude each other, the given one counts.
    if kind.name == "package" && name != "version" && name != "state" && name != "update_cache" {
        fields.remove("name");
    }
    if kind.name == "assert" && name == "holds" {
        fields.remove("that");
    }
    if name == "src" {
        fields.remove("url");
    }
    if kind.name == "expect" && !["path", "within", "every", "consecutive"].contains(&name) {
        fields.remove("path");
        let (other, value) = match name {
            "status" | "body" => ("url", "'http://127.0.0.1:1/'"),
            "host" => ("port", "1"),
            "line" => ("log", "'~/log'"),
            "log" => ("line", "x"),
            _ => ("every", "1s"),
        };
        fields.insert(other, value);
    }
    if kind.name == "export" && name != "*" {
        fields.insert("*", "{ ODD: x }");
    }
    if kind.name == "upload" && ["directory_mode", "delete", "exclude"].contains(&name) {
        fields.insert("src", "/etc/ssl");
    }
    fields.remove(name);
    let mut text = String::new();
    for (known, value) in fields.into_iter().chain([(name, value)]) {
        let entry =
            if known == "*" { value.trim_matches(['{', '}', ' ']).to_owned() } else { format!("{known}: {value}") };
        let _ = write!(text, "{}{entry}", if text.is_empty() { "" } else { ", " });
    }
    format!("{}: {{ {text} }}", kind.name)
}

/// Every step: a kind with one of its fields given, and every option that takes text.
fn steps() -> Vec<String> {
    let mut steps = Vec::new();
    for kind in KINDS {
        for field in kind.fields {
            steps.extend(given(field).into_iter().map(|value| step(kind, field.name, &value)));
        }
    }
    for option in [
        "run_as: \"{{ v }}\"",
        "cwd: \"{{ v }}\"",
        "env: { ODD: \"{{ v }}\" }",
        "creates: \"{{ v }}\"",
        "unless: \"test x = {{ v }}\"",
    ] {
        steps.push(format!("command: 'true'\n    {option}"));
    }
    steps
}

/// A playbook with one of the steps for each value that the language lets pass this way.
fn playbook(way: Way, step: &str, values: &[String]) -> String {
    let quoted = |value: &String| serde_json::to_string(value).expect("a text");
    let at_index = |step: &str, at: &str| step.replace("@at@", at);
    // No host reboots here: each step of that kind waits until its time is up.
    let timeout = if step.starts_with("reboot:") { "1s" } else { "20s" };
    let body = |name: &str, step: &str| {
        format!("  - name: {name}\n    {step}\n    allow_failure: true\n    timeout: {timeout}\n")
    };
    let mut text = String::new();
    match way {
        Way::Loop => {
            let list: Vec<String> = values.iter().map(quoted).collect();
            let step = at_index(&step.replace("{{ v }}", "{{ item }}"), "{{ index }}");
            let _ = write!(text, "steps:\n{}    loop: [{}]\n", body("Each", &step), list.join(", "));
        }
        Way::Register => {
            text.push_str("steps:\n");
            for (at, value) in values.iter().enumerate() {
                let octal: String = value.bytes().fold(String::new(), |mut out, b| {
                    let _ = write!(out, "\\\\0{b:03o}");
                    out
                });
                let _ = write!(
                    text,
                    "  - name: Say {at}\n    command: \"printf %b '{octal}'\"\n    register: v{at}\n    always: true\n"
                );
                let step = step.replace("{{ v }}", &format!("{{{{ v{at} }}}}"));
                text.push_str(&body(&format!("Use {at}"), &at_index(&step, &(at + 1).to_string())));
            }
        }
        Way::Vars | Way::Secrets => {
            text.push_str("vars:\n");
            for (at, value) in values.iter().enumerate() {
                let _ = writeln!(text, "  v{at}: {}", quoted(value));
            }
            if way == Way::Secrets {
                let names: Vec<String> = (0..values.len()).map(|at| format!("v{at}")).collect();
                let _ = writeln!(text, "secrets: [{}]", names.join(", "));
            }
            text.push_str("steps:\n");
            for at in 0..values.len() {
                let step = step.replace("{{ v }}", &format!("{{{{ v{at} }}}}"));
                text.push_str(&body(&format!("Use {at}"), &at_index(&step, &(at + 1).to_string())));
            }
        }
    }
    text
}

/// A Python whose virtual environments are ready at once.
const PYTHON: &str = "#!/bin/sh
case \"$*\" in
*version_info*) echo 3.11.2 ;;
*'-m venv'*)
    for venv; do :; done
    mkdir -p -- \"$venv/bin\" && cp \"$0\" \"$venv/bin/python\" && : > \"$venv/pyvenv.cfg\"
    ;;
*) cat > /dev/null ;;
esac
";

/// A host on which nothing that a kind does reaches this machine.
fn host() -> HostSpec {
    let mut host = shared_host(&root().join("package"), "amazon").unwrap_or_else(|why| panic!("{why}"));
    // All programs of this machine, with the package manager's stand-ins.
    host.programs = HostSpec::default().programs;
    host.stand_ins.push(("java".to_owned(), "#!/bin/sh\n".to_owned()));
    host.stand_ins.push(("su".to_owned(), "#!/bin/sh\nexit 1\n".to_owned()));
    host.stand_ins.push(("python3".to_owned(), PYTHON.to_owned()));
    // Neither this machine nor the terminals of its users hear of a reboot, and neither cron nor the kernel of anything.
    for name in [
        "systemctl",
        "wall",
        "crontab",
        "sysctl",
        "aws",
        "docker",
        "podman",
        "mount",
        "umount",
        "mkswap",
        "swapon",
        "swapoff",
    ] {
        host.stand_ins.push((name.to_owned(), "#!/bin/sh\ncat > /dev/null\n".to_owned()));
    }
    // What a kind does to the system stays there.
    host.private = is_root() && crate::support::mounts().is_some();
    host
}

/// Runs the steps with the values that the language does not refuse, and gives these too.
fn run(world: &World, way: Way, step: &str, values: &[String]) -> Option<(Heard, Vec<String>)> {
    let fits = |value: &String| world.plan(&playbook(way, step, std::slice::from_ref(value)), &[], Mode::Run).is_ok();
    let values: Vec<String> = values.iter().filter(|value| fits(value)).cloned().collect();
    if values.is_empty() {
        return None;
    }
    let text = playbook(way, step, &values);
    let plan = world.plan(&text, &[] as &[(String, Content)], Mode::Run);
    let plan = plan.unwrap_or_else(|refused| panic!("{text}\n{}", refused.rendered));
    Some((world.deliver(&plan), values))
}

/// Carries a step out with values that a shell would act on; `false` where it is refused. What is registered is a step of its own
/// for each value, so that the fields take turns: each has every second one.
fn try_values(step: &str, way: Way, turn: usize) -> Result<bool, String> {
    let world = World::of(&host(), shells()[0]);
    let canary = world.outside("canary");
    fs::create_dir(&canary).expect("a folder");
    let values: Vec<String> =
        VALUES.iter().map(|value| value.replace("@canary@", &canary.display().to_string())).collect();
    let every_second = || values.iter().skip(turn % 2).step_by(2).cloned().collect();
    let tried: Vec<String> = if way == Way::Register { every_second() } else { values[..FEW].to_vec() };
    let Some((heard, _)) = run(&world, way, step, &tried) else { return Ok(false) };
    let left: Vec<_> = fs::read_dir(&canary).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    let lost = heard.steps.iter().any(|step| step.outcome.is_empty() || step.outcome.starts_with("unknown"));
    if left.is_empty() && matches!(heard.end.as_str(), "ok" | "failed") && !lost {
        return Ok(true);
    }
    Err(format!("{way:?} into {step}: {left:?}\n{heard:#?}"))
}

#[test]
fn no_field_takes_a_value_for_more_than_its_characters() {
    let steps = steps();
    let ways: Vec<(usize, Way)> = (0..steps.len()).flat_map(|at| WAYS.map(|way| (at, way))).collect();
    let reached = AtomicUsize::new(0);
    // Most of them wait for something that does not come.
    let wrong: Vec<String> = in_parallel(ways.len(), 8, |at| {
        let (turn, way) = ways[at];
        let carried_out = try_values(&steps[turn], way, turn)?;
        reached.fetch_add(usize::from(carried_out), Ordering::Relaxed);
        Ok(())
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let reached = reached.into_inner();
    assert!(reached > 100, "only {reached} were carried out");
}

#[test]
fn what_is_data_arrives_letter_by_letter() {
    const STEPS: &[&str] = &[
        "file: { path: '~/out@at@', content: \"{{ v }}\" }",
        "command: printf %s {{ v }} > ~/out@at@\n    always: true",
        "command: printf %s \"$ODD\" > ~/out@at@\n    env: { ODD: \"{{ v }}\" }\n    always: true",
    ];
    let count = if std::env::var_os("PINBOOT_TEST_ALL").is_some() { usize::MAX } else { 2 };
    let shells: Vec<_> = shells().into_iter().take(count).collect();
    // Nothing of it reaches this machine.
    let host = HostSpec { private: false, ..host() };
    let values: Vec<String> = VALUES.iter().map(|value| (*value).to_owned()).collect();
    let wrong: Vec<String> = in_parallel(shells.len() * STEPS.len() * WAYS.len(), 4, |at| {
        let (shell, step, way) =
            (shells[at / WAYS.len() / STEPS.len()], STEPS[at / WAYS.len() % STEPS.len()], WAYS[at % WAYS.len()]);
        let world = World::of(&host, shell);
        let (heard, values) = run(&world, way, step, &values).ok_or_else(|| format!("{way:?} into {step}: refused"))?;
        for (at, value) in values.iter().enumerate() {
            let got = fs::read_to_string(world.path(&format!("~/out{}", at + 1)));
            if got.ok().as_ref() != Some(value) {
                return Err(format!("{way:?} into {step} under {shell:?}: not {value:?}: {heard:#?}"));
            }
        }
        Ok(())
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
