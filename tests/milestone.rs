//! The first milestone: the playbook of the repository, over a real OpenSSH server, on a stand-in for the EC2 host.
//!
//! Each test has a host, a mirror of the downloads and a server of its own. The program under test runs in an
//! environment that holds nothing of the developer's: no home, no agent, no state of earlier runs.

mod host;
mod lab;
mod mirror;
mod stand_in_tests;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use host::{Shell, iam_jar};
use lab::{KAFKA, Lab, jar_url, pinboot, repository};
use mirror::Answer;

const ROLE: &str = "arn:aws:iam::584739742957:role/12c0d092d679-ec2-access-role";
const STEPS: [&str; 7] = [
    "Install Java",
    "Download Kafka",
    "Put the IAM library among Kafka's",
    "Make CLASSPATH last",
    "Let the role trust itself",
    "Configure the client",
    "Create the topics",
];

/// The program under test.
fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_pinboot"))
}

/// What one call of the program printed, and its exit code.
struct Played {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Played {
    fn of(command: &mut Command) -> Self {
        let output = command.output().expect("pinboot starts");
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails the test, and shows everything, if the exit code is another.
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// The events of one kind, for a run with `--output json`.
    fn events(&self, kind: &str) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e} in {line}"));
        self.stdout.lines().map(parse).filter(|event| event["kind"] == kind).collect()
    }

    /// Each finished step with its outcome, in order.
    fn outcomes(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.events("step_finished").iter().map(|event| (text(&event["name"]), text(&event["outcome"]))).collect()
    }

    /// One of the totals of the run's last event.
    fn total(&self, name: &str) -> u64 {
        let last = self.events("run_finished").pop().expect("the run's last event");
        last[name].as_u64().unwrap_or_else(|| panic!("no {name} in {last}"))
    }
}

fn named<'a>(outcomes: impl IntoIterator<Item = &'a str>) -> Vec<(String, String)> {
    STEPS.iter().zip(outcomes).map(|(name, outcome)| ((*name).to_owned(), outcome.to_owned())).collect()
}

impl Lab {
    /// Runs the milestone on the host, with more arguments.
    fn play(&self, more: &[&str]) -> Played {
        Played::of(self.run(program()).args(["--output", "json"]).args(more))
    }

    /// Finishes the last run.
    fn rerun(&self, more: &[&str]) -> Played {
        Played::of(self.pinboot(program()).args(["rerun", "--output", "json"]).args(more))
    }

    fn jar(&self) -> PathBuf {
        self.kafka("libs/aws-msk-iam-auth-1.1.5-all.jar")
    }

    /// `CLASSPATH` in a new shell of the user.
    fn classpath(&self, shell: &str, options: &str) -> String {
        let output = self.host.run(Path::new(shell), &[options, "printf %s \"${CLASSPATH-}\""], &[]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

#[test]
fn a_login_reaches_the_stand_in() {
    let Some(ssh) = crate::support::need("ssh", "openssh-client") else { return };
    let Some(lab) = Lab::new(Shell::Dash) else { return };
    let output = Command::new(ssh)
        .args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o"])
        .arg(format!("UserKnownHostsFile={}", lab.server.known_hosts().display()))
        .arg("-i")
        .arg(lab.server.key())
        .args(["-p", &lab.server.port.to_string(), "-l", &lab.server.user, "127.0.0.1"])
        .arg(format!("exec sh -c 'cd; pwd; command -v yum; curl -fsSLo jar {} && head -c 2 jar'", jar_url("1.1.5")))
        .output()
        .expect("ssh starts");
    let expected = format!("{}\n{}\nPK", lab.host.home().display(), lab.host.place("bin/yum").display());
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{}", String::from_utf8_lossy(&output.stderr));
}

fn milestone_twice(shell: Shell) {
    let Some(lab) = Lab::new(shell) else { return };
    let first = lab.play(&[]).exits(0);
    assert_eq!(
        first.outcomes(),
        named(["changed", "changed", "changed", "changed", "skipped", "changed", "changed"]),
        "{}",
        first.stderr
    );
    assert_eq!(["changed", "skipped", "failed", "unknown"].map(|name| first.total(name)), [6, 1, 0, 0]);

    assert!(lab.host.place("bin/java").exists());
    assert!(lab.kafka("bin/kafka-topics.sh").exists());
    assert_eq!(fs::read(lab.jar()).expect("the jar"), iam_jar());
    let leftovers: Vec<_> = fs::read_dir(lab.host.home())
        .expect("the home is read")
        .map(|entry| entry.expect("an entry of the home").file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains(".tgz") || name.contains("part") || name.contains("unpack"))
        .collect();
    assert!(leftovers.is_empty(), "{leftovers:?}");
    let properties = fs::read_to_string(lab.kafka("bin/client.properties")).expect("the client's properties");
    let settings: Vec<&str> = properties.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(
        settings,
        [
            "security.protocol = SASL_SSL",
            "sasl.mechanism = AWS_MSK_IAM",
            &format!("sasl.jaas.config = software.amazon.msk.auth.iam.IAMLoginModule required awsRoleArn=\"{ROLE}\";"),
            "sasl.client.callback.handler.class = software.amazon.msk.auth.iam.IAMClientCallbackHandler",
        ]
    );
    assert_eq!(
        lab.host.lines("broker/created"),
        ["pin", "geo", "user"].map(|topic| format!("12c0d092d679.{topic} partitions= replication="))
    );
    let jar = lab.jar().display().to_string();
    assert_eq!(lab.host.lines("broker/classpath"), std::slice::from_ref(&jar), "CLASSPATH reaches the later steps");
    for (shell, options) in [("bash", "-lc"), ("bash", "-ic"), ("bash", "-lic"), ("sh", "-lc")] {
        assert_eq!(lab.classpath(shell, options), jar, "{shell} {options}");
    }

    let (before, calls) = (lab.host.tree(), lab.host.lines("broker/calls").len());
    let requests = lab.mirror.requests().len();
    let second = lab.play(&[]).exits(0);
    assert_eq!(
        second.outcomes(),
        named(["unchanged", "unchanged", "unchanged", "unchanged", "skipped", "unchanged", "unchanged"])
    );
    assert_eq!(second.total("changed"), 0);
    assert_eq!(lab.host.tree(), before);
    assert_eq!(lab.mirror.requests().len(), requests, "nothing is downloaded again");
    let asked = lab.host.lines("broker/calls").split_off(calls);
    assert!(asked.len() == 1 && asked[0].contains("--list"), "one question for all topics: {asked:?}");
}

#[test]
fn milestone_twice_under_dash() {
    milestone_twice(Shell::Dash);
}

#[test]
fn milestone_twice_under_bash() {
    milestone_twice(Shell::Bash);
}

#[test]
fn milestone_twice_under_busybox() {
    milestone_twice(Shell::Busybox);
}

#[test]
fn a_host_with_wget_alone_is_enough() {
    if crate::support::need("wget", "wget").is_none() {
        return;
    }
    let Some(lab) = Lab::new(Shell::Dash) else { return };
    lab.host.without(&["curl", "python3", "busybox"]);
    lab.play(&[]).exits(0);
    assert_eq!(fs::read(lab.jar()).expect("the jar"), iam_jar());
}

#[test]
fn a_host_without_any_client_is_unfit_before_a_step_starts() {
    let Some(lab) = Lab::new(Shell::Dash) else { return };
    let python: Vec<String> = fs::read_dir(lab.host.place("system"))
        .expect("the host's programs")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("python"))
        .collect();
    lab.host.without(&["curl", "wget", "busybox"]);
    lab.host.without(&python.iter().map(String::as_str).collect::<Vec<_>>());
    let before = lab.host.tree();
    let played = lab.play(&[]).exits(6);
    assert!(played.stdout.contains("curl") && played.stdout.contains("wget"), "{}", played.stdout);
    assert_eq!(lab.host.tree(), before);
}

#[test]
fn a_wrong_jar_url_fails_and_the_rerun_finishes() {
    let Some(lab) = Lab::new(Shell::Dash) else { return };
    let wrong = "https://github.com/aws/aws-msk-iam-auth/releases/download/v9/nothing.jar";
    lab.mirror.set(wrong, Answer::Status(404, "<html>Not Found</html>".to_owned()));
    let first = lab.play(&["-e", &format!("iam_jar_url={wrong}")]).exits(1);
    assert_eq!(first.outcomes(), named(["changed", "changed", "failed"]));
    assert!(first.stdout.contains("404"), "{}", first.stdout);
    assert!(!lab.jar().exists());

    let rerun = lab.rerun(&["-e", &format!("iam_jar_url={}", jar_url("1.1.5"))]).exits(0);
    assert_eq!(
        rerun.outcomes(),
        named(["unchanged", "unchanged", "changed", "changed", "skipped", "changed", "changed"])
    );
    assert_eq!(lab.mirror.count(KAFKA), 1);
    assert_eq!(lab.play(&[]).exits(0).total("changed"), 0);
}

#[test]
fn a_failure_is_shown_with_what_to_type_next() {
    let Some(lab) = Lab::new(Shell::Dash) else { return };
    lab.mirror.set(&jar_url("1.1.5"), Answer::Status(404, "<html>Not Found</html>".to_owned()));
    let played = Played::of(lab.run(program()).args(["--output", "human"])).exits(1);
    let all = played.stdout + &played.stderr;
    for words in ["Put the IAM library among Kafka's", "404", "pinboot rerun"] {
        assert!(all.contains(words), "{words}: {all}");
    }
}

#[test]
fn a_page_or_nothing_in_place_of_the_jar_is_refused() {
    for body in ["<!DOCTYPE html>\n<html><body>Sign in</body></html>\n", ""] {
        let Some(lab) = Lab::new(Shell::Dash) else { return };
        lab.mirror.set(&jar_url("1.1.5"), Answer::Body(body.as_bytes().to_vec()));
        let played = lab.play(&[]).exits(11);
        assert_eq!(played.outcomes(), named(["changed", "changed", "failed"]));
        assert_eq!(played.events("step_finished")[2]["failure"], "integrity");
        assert!(!lab.jar().exists());
        assert_eq!(fs::read_dir(lab.kafka("libs")).expect("libs is read").count(), 1, "no part is left behind");
    }
}

#[test]
fn a_download_that_is_cut_off_leaves_nothing_in_its_place() {
    let Some(lab) = Lab::new(Shell::Dash) else { return };
    let jar = iam_jar();
    let half = jar.len() / 2;
    lab.mirror.set(&jar_url("1.1.5"), Answer::Cut(jar, half));
    let played = lab.play(&[]);
    assert!(matches!(played.code, Some(1 | 11)), "{:?}\n{}", played.code, played.stdout);
    assert_eq!(played.outcomes(), named(["changed", "changed", "failed"]));
    assert!(!lab.jar().exists());
}

#[test]
fn refused_topics_fail_and_the_rerun_creates_what_is_missing() {
    let Some(lab) = Lab::new(Shell::Dash) else { return };
    lab.host.refuse_topics(&["12c0d092d679.geo"]);
    let first = lab.play(&[]).exits(1);
    assert_eq!(first.outcomes().last(), Some(&("Create the topics".to_owned(), "failed".to_owned())));
    assert!(first.stdout.contains("Not authorized"), "{}", first.stdout);
    assert!(lab.host.topics().contains(&"12c0d092d679.pin".to_owned()));

    lab.host.refuse_topics(&[]);
    let rerun = lab.rerun(&[]).exits(0);
    assert_eq!(rerun.total("changed"), 1);
    let created: Vec<String> = lab.host.lines("broker/created");
    assert_eq!(created.len(), 3, "each topic is created once: {created:?}");
}

#[test]
fn a_topic_whose_name_holds_anothers_is_not_taken_for_it() {
    let Some(lab) = Lab::new(Shell::Dash) else { return };
    fs::write(lab.host.place("broker/topics"), "a12c0d092d679.pin\n12c0d092d679.pin2\n12c0d092d679.geo\n")
        .expect("topics of others");
    lab.play(&[]).exits(0);
    let created = lab.host.lines("broker/created");
    assert!(created.len() == 2 && created[0].starts_with("12c0d092d679.pin "), "{created:?}");
}

#[test]
fn check_changes_nothing_before_and_after() {
    let Some(lab) = Lab::new(Shell::Dash) else { return };
    let fresh = lab.host.tree();
    let before = lab.play(&["--check"]).exits(0);
    assert_eq!(["would_change", "changed", "failed"].map(|name| before.total(name)), [6, 0, 0], "{}", before.stdout);
    let files = before.events("step_finished");
    assert!(
        files[5]["diff"].as_str().is_some_and(|diff| diff.contains("+security.protocol = SASL_SSL")),
        "{}",
        files[5]
    );
    assert_eq!(lab.host.tree(), fresh);
    assert_eq!(lab.mirror.requests(), []);

    lab.play(&[]).exits(0);
    let complete = lab.host.tree();
    let after = lab.play(&["--check"]).exits(0);
    assert_eq!(["would_change", "unchanged", "changed"].map(|name| after.total(name)), [0, 6, 0], "{}", after.stdout);
    assert_eq!(lab.host.tree(), complete);
}

#[test]
fn the_role_is_checked_where_the_client_is_installed() {
    let Some(lab) = Lab::new(Shell::Dash) else { return };
    lab.host.install_aws();
    let refused = lab.play(&[]).exits(0);
    assert_eq!(refused.outcomes()[4].1, "skipped");
    let output: String = refused.events("step_output").iter().filter_map(|event| event["text"].as_str()).collect();
    for words in ["Trust relationships", "Roles -> 12c0d092d679-ec2-access-role ->", ROLE] {
        assert!(output.contains(words), "{words}: {output}");
    }
    lab.host.role_trusts_itself();
    assert_eq!(lab.play(&[]).exits(0).outcomes()[4].1, "unchanged");
    let call = format!("sts assume-role --role-arn {ROLE} --role-session-name pinboot");
    assert!(lab.host.lines("aws.calls").contains(&call), "{:?}", lab.host.lines("aws.calls"));
    assert!(!refused.stdout.contains("ASIASTANDIN"));
}

#[test]
fn without_a_role_the_role_of_the_instance_is_used() {
    let Some(lab) = Lab::new(Shell::Dash) else { return };
    let played = lab.play(&["-e", "role_arn="]).exits(0);
    assert_eq!(played.outcomes()[4].1, "skipped");
    let properties = fs::read_to_string(lab.kafka("bin/client.properties")).expect("the client's properties");
    assert!(properties.contains("IAMLoginModule required;\n"), "{properties}");
    assert!(!properties.contains("awsRoleArn"), "{properties}");
}

#[test]
fn a_new_jar_replaces_classpath_and_leaves_it_once() {
    let Some(lab) = Lab::new(Shell::Dash) else { return };
    lab.play(&[]).exits(0);
    let mentions = || -> BTreeMap<PathBuf, usize> {
        let entries = fs::read_dir(lab.host.home()).expect("the home is read");
        let files = entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_file());
        files
            .map(|path| {
                let text = fs::read_to_string(&path).unwrap_or_default();
                (path, text.matches("aws-msk-iam-auth").count())
            })
            .collect()
    };
    let before = mentions();
    lab.mirror.set(&jar_url("1.1.6"), Answer::Body(iam_jar()));
    let played = lab.play(&["-e", "iam_jar_version=1.1.6"]).exits(0);
    assert_eq!(
        played.outcomes(),
        named(["unchanged", "unchanged", "changed", "changed", "skipped", "unchanged", "unchanged"])
    );
    assert_eq!(mentions(), before, "the old path is replaced, not joined");
    let jar = lab.kafka("libs/aws-msk-iam-auth-1.1.6-all.jar").display().to_string();
    for (shell, options) in [("bash", "-lc"), ("bash", "-ic"), ("sh", "-lc")] {
        assert_eq!(lab.classpath(shell, options), jar, "{shell} {options}");
    }
}

#[test]
fn the_dry_run_shows_every_value_and_opens_nothing() {
    let controller = TempDir::new().expect("a temporary folder");
    let shown = |more: &[&str]| {
        let mut command = pinboot(program(), controller.path());
        command.arg("run").arg(repository("playbooks/milestone1.yaml")).arg("--dry-run").args(more);
        Played::of(&mut command).exits(0).stdout
    };
    let text = shown(&[]);
    for words in [
        "ec2-3-81-111-233.compute-1.amazonaws.com",
        "java-1.8.0",
        KAFKA,
        &jar_url("1.1.5"),
        "b-1.pinterestmskcluster.w8g8jt.c12.kafka.us-east-1.amazonaws.com:9098,b-3.pinterestmskcluster.w8g8jt.c12.kafka\
         .us-east-1.amazonaws.com:9098,b-2.pinterestmskcluster.w8g8jt.c12.kafka.us-east-1.amazonaws.com:9098",
        "z-2.pinterestmskcluster.w8g8jt.c12.kafka.us-east-1.amazonaws.com:2181,z-1.",
        "12c0d092d679.pin",
        "12c0d092d679.geo",
        "12c0d092d679.user",
        &format!("required awsRoleArn=\"{ROLE}\";"),
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    assert!(STEPS.iter().all(|name| text.contains(name)), "{text}");
    assert_eq!(shown(&[]), text, "the same plan is shown each time");

    let other = shown(&["--vars-file", &repository("playbooks/example.vars.yaml").display().to_string()]);
    for words in ["ec2-54-163-20-7.compute-1.amazonaws.com", "0e2756891034.geo", "IAMLoginModule required;"] {
        assert!(other.contains(words), "{words}\n{other}");
    }
    assert!(!other.contains("12c0d092d679"), "a value of the first user is left: {other}");
}

#[test]
fn lint_finds_no_problem() {
    let controller = TempDir::new().expect("a temporary folder");
    let mut command = pinboot(program(), controller.path());
    let played = Played::of(command.arg("lint").arg(repository("playbooks/milestone1.yaml"))).exits(0);
    assert!(!(played.stdout + &played.stderr).contains("warning"));
}
