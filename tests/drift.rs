//! What a person undoes on a host is found, and brought about again: each step of the examples in turn.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use pinboot::rehearse::PathKind;
use serde_json::Value;

use crate::parallel::in_parallel;
use crate::rehearsals::{DIGESTS, GRAFANA};
use crate::rehearse_cli::{Stage, is_possible};

/// A step by its label, and what undoes it on the host.
type Undone = (&'static str, &'static str);

/// An example, its further arguments, and what is undone in turn.
struct Example {
    name: &'static str,
    more: &'static [&'static str],
    undone: &'static [Undone],
}

/// What an example has too, and no test has to undo: why.
const LEFT_OUT: &[(&str, &str, &str)] =
    &[("django", "8", "it follows another step"), ("grafana", "7", "it asks and changes nothing")];

const EXAMPLES: &[Example] = &[
    Example {
        name: "users-sshd",
        more: &[],
        undone: &[
            ("1.1", "usermod -s /bin/false alice"),
            ("1.2", "gpasswd -d bob adm"),
            ("2.1", ": > ~alice/.ssh/authorized_keys"),
            (
                "2.2",
                "echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMmXc5wUoVYWZk3mHf0eyDDDDDDDDDDDDDDDDDDDDDDD x' >> ~bob/.ssh/authorized_keys",
            ),
            ("3.1", "useradd mallory"),
            ("4", "rm /etc/sudoers.d/90-pinboot"),
            ("5", "sed -i s/prohibit-password/yes/ /etc/ssh/sshd_config"),
            ("6", "systemctl stop ssh"),
        ],
    },
    Example {
        name: "nginx-certbot",
        more: &[],
        undone: &[
            ("1", "yum remove -y certbot"),
            ("2", "chmod 700 /var/www/letsencrypt"),
            ("3.1", "echo '# mine' >> /etc/nginx/conf.d/shop.conf"),
            ("3.2", "rm /etc/nginx/conf.d/api.conf"),
            ("4.2", ": > /etc/nginx/conf.d/legacy.conf"),
            ("5", "systemctl disable nginx"),
            ("6.1", "echo shop.example.org > /etc/letsencrypt/rehearsal/shop.example.org"),
            ("6.2", "rm /etc/letsencrypt/rehearsal/api.example.org"),
            ("7", "crontab -r"),
        ],
    },
    Example {
        name: "kafka-broker",
        more: &[],
        undone: &[
            ("1", "yum remove -y java-1.8.0"),
            ("2", "usermod -s /bin/sh kafka"),
            ("3", "rm /opt/kafka_2.12-2.8.1/bin/kafka-topics.sh"),
            ("4.1", "rmdir /var/lib/kafka/logs /var/lib/kafka"),
            ("4.2", "chmod 777 /var/lib/kafka/logs"),
            ("4.3", "chmod 700 /var/log/kafka"),
            ("4.4", "chgrp root /etc/kafka"),
            ("5", "chown root /opt/kafka_2.12-2.8.1/bin/kafka-server-start.sh"),
            ("6.1", "rm /etc/kafka/server.properties"),
            ("6.2", "rm /opt/kafka"),
            ("6.3", "ln -sfn /tmp /opt/kafka/logs"),
            ("7", "sed -i s/9092/9093/ /opt/kafka/config/server.properties"),
            ("8", "echo >> /etc/systemd/system/kafka.service"),
            ("9", "systemctl stop kafka"),
        ],
    },
    Example {
        name: "node-exporter",
        more: &["-e", DIGESTS],
        undone: &[
            ("1", "usermod -d /tmp node-exp"),
            ("2", "rm -r /opt/node_exporter-1.8.2"),
            ("3", "rm /usr/local/bin/node_exporter"),
            ("4", "chmod g-w /var/lib/node_exporter"),
            ("5", "sed -i /Restart/d /etc/systemd/system/node_exporter.service"),
            ("6", "systemctl disable node_exporter"),
        ],
    },
    Example {
        name: "grafana",
        more: &["-e", GRAFANA],
        undone: &[
            ("1", "rm /etc/apt/sources.list.d/grafana*"),
            ("2", "apt-get remove -y grafana"),
            ("3.1", "chgrp root /etc/grafana/provisioning/datasources"),
            ("3.2", "rmdir /etc/grafana/provisioning/dashboards"),
            ("4", "sed -i s/a-long-password/other/ /etc/grafana/grafana.ini"),
            ("5", "rm /etc/grafana/provisioning/datasources/pinboot.yaml"),
            ("6", "systemctl stop grafana-server"),
        ],
    },
    Example {
        name: "postgresql",
        more: &[],
        undone: &[
            ("1", "yum remove -y postgresql-contrib"),
            ("2", "chmod 755 /var/lib/pgsql/data"),
            ("3", "rm /var/lib/pgsql/data/PG_VERSION"),
            ("4", "sed -i s/512MB/1GB/ /var/lib/pgsql/data/postgresql.conf"),
            ("5", "echo 'local all all trust' >> /var/lib/pgsql/data/pg_hba.conf"),
            ("6", "systemctl disable postgresql"),
            ("7", "rm /var/lib/pgsql/data/role"),
            ("8", "rm /var/lib/pgsql/data/database"),
        ],
    },
    Example {
        name: "django",
        more: &[],
        undone: &[
            ("1", "yum remove -y git"),
            ("2", "usermod -s /bin/sh shop"),
            ("4", "echo '# mine' >> /srv/shop/src/manage.py"),
            ("5", "rm -r /srv/shop/venv/lib/python3*/site-packages/gunicorn-22.0.0.dist-info"),
            ("6", "sed -i s/ALLOWED_HOSTS=.*/ALLOWED_HOSTS=other/ /srv/shop/env"),
            ("7", "rm /srv/shop/migrated"),
            ("9", "rm /etc/systemd/system/shop.service"),
            ("10", "systemctl stop shop"),
        ],
    },
];

/// The labels of the steps that a run changed, in order.
fn changed(stage: &Stage, more: &[&str]) -> Result<Vec<String>, String> {
    let printed = stage.run(more).arg("--json").run();
    if printed.code != Some(0) {
        return Err(format!("code {:?}:\n{}\n{}", printed.code, printed.stdout, printed.stderr));
    }
    let events = printed.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let finished = events.filter(|event| event["kind"] == "step_finished" && event["outcome"] == "changed");
    Ok(finished.map(|event| event["label"].as_str().expect("a label").to_owned()).collect())
}

/// Acts as root on the host, as a person would who is logged in.
fn act(stage: &Stage, shell: &str) -> Result<(), String> {
    let command = format!("{} -o BatchMode=yes sudo sh -eu", stage.host.ssh_command());
    let mut child = Command::new("sh")
        .args(["-c", &command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell");
    child.stdin.take().expect("a pipe").write_all(shell.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("it ends");
    if output.status.success() { Ok(()) } else { Err(format!("{shell}: {output:?}")) }
}

/// What is there on the host and was not at first, without what programs keep for themselves.
fn written(stage: &Stage) -> BTreeSet<String> {
    let there = stage.written().into_iter().filter(|one| one.kind != PathKind::Gone);
    // A password has another salt each time.
    let own = |path: &str| path.ends_with('-') || path.contains("/.git/") || path == "/var/lib/pgsql/data/role";
    let there = there.filter(|one| !own(&one.path));
    there
        .map(|one| format!("{} {:?} {:o} {:?} {:?}", one.path, one.kind, one.mode, one.ownership(), one.sha256))
        .collect()
}

/// Undoes what each step did, in turn: the next run changes this step, and leaves what the first one left.
fn play(example: &Example) -> Result<(), String> {
    let stage = Stage::new(&format!("examples/{}", example.name));
    let named = |why: String| format!("{}: {why}", example.name);
    let mut first = changed(&stage, example.more).map_err(named)?;
    first.sort();
    let again = changed(&stage, example.more).map_err(named)?;
    if !again.is_empty() {
        return Err(named(format!("the second run changed {again:?}")));
    }
    let whole = written(&stage);
    for (label, shell) in example.undone {
        let named = |why: String| format!("{}: step {label}, {shell}: {why}", example.name);
        act(&stage, shell).map_err(named)?;
        let repaired = changed(&stage, example.more).map_err(named)?;
        if !repaired.iter().any(|one| one == label) {
            return Err(named(format!("the run changed {repaired:?}")));
        }
        let now = written(&stage);
        let other: Vec<_> = whole.symmetric_difference(&now).collect();
        if !other.is_empty() {
            return Err(named(format!("the host is another one than before: {other:#?}")));
        }
    }
    let missing: Vec<_> = first
        .iter()
        .filter(|label| {
            !example.undone.iter().any(|(undone, _)| undone == label)
                && !LEFT_OUT.iter().any(|(name, left, _)| *name == example.name && left == label)
        })
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(named(format!("nothing undoes the steps {missing:?}"))) }
}

#[test]
fn what_is_undone_on_a_host_is_found_and_repaired() {
    if !is_possible() {
        return;
    }
    let wrong = in_parallel(EXAMPLES.len(), 4, |at| play(&EXAMPLES[at]));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
