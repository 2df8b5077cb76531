//! `database` and `role` against a real PostgreSQL, which writes every statement that it is sent into its log.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::heard::Heard;
use super::process::Process;
use super::world::{World, is_root, shells};
use crate::support::need;

/// A password that a shell, psql, SQL or a locale could stumble over.
const PASSWORD: &str = "it's a \"päss\" $w \\ ﬁ";

/// Who may log in: the superuser by the user of the system, everybody else by the password.
const HBA: &str = "local all postgres peer\nlocal all all scram-sha-256\n";

/// A cluster in a folder of its own, with its server.
struct Server {
    dir: tempfile::TempDir,
    process: Process,
}

/// The folder of PostgreSQL's own programs.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    versions.map(|version| version.path().join("bin")).find(|bin| bin.join("initdb").exists())
}

/// A program as the user of the system whom the server belongs to.
fn as_postgres(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups", "--"]).arg(program);
    command.current_dir("/").env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C");
    command
}

impl Server {
    /// `None` where it cannot be started, which is said.
    fn start() -> Option<Self> {
        if !is_root() {
            return None;
        }
        need("psql", "postgresql")?;
        need("setpriv", "util-linux")?;
        let bin = programs().expect("the package postgresql has initdb");
        let dir = tempfile::Builder::new().prefix("pinboot-pg").tempdir_in("/tmp").expect("a folder");
        let run = |command: &mut Command| {
            let output = command.output().expect("it starts");
            assert!(output.status.success(), "{command:?}: {output:?}");
        };
        run(Command::new("chmod").arg("755").arg(dir.path()));
        run(Command::new("chown").arg("postgres").arg(dir.path()));
        let data = dir.path().join("data");
        let setup = ["-U", "postgres", "--auth=peer", "--no-sync", "-E", "UTF8", "--locale=C"];
        run(as_postgres(&bin.join("initdb")).arg("-D").arg(&data).args(setup));
        fs::write(data.join("pg_hba.conf"), HBA).expect("the file is written");
        let mut server = as_postgres(&bin.join("postgres"));
        server.arg("-D").arg(&data).arg("-k").arg(dir.path());
        server.args([
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
            "-c",
            "log_statement=all",
            "-c",
            "logging_collector=off",
        ]);
        let process = Process::start("postgres", &mut server);
        process.wait_for("ready to accept connections", Duration::from_mins(1));
        Some(Self { dir, process })
    }

    fn socket(&self) -> String {
        self.dir.path().display().to_string()
    }

    /// What the superuser's SQL prints.
    fn sql(&self, database: &str, sql: &str) -> String {
        let mut command = as_postgres(Path::new("psql"));
        command.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-h"]).arg(self.dir.path()).args(["-d", database, "-c", sql]);
        let output = command.output().expect("psql starts");
        assert!(output.status.success(), "{sql}: {output:?}");
        String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
    }

    /// Whether a role can log in with a password.
    fn lets_in(&self, role: &str, password: &str) -> bool {
        let mut command = as_postgres(Path::new("psql"));
        command.args(["-XAtqw", "-h"]).arg(self.dir.path()).args(["-d", "postgres", "-U", role, "-c", "select 1"]);
        command.env("PGPASSWORD", password).output().expect("psql starts").status.success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A server that is killed leaves a piece of shared memory behind.
        let _ = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        let data = self.dir.path().join("data/postmaster.pid");
        for _ in 0..200 {
            if !data.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
    }
}

/// The steps for a host, with names that are its own.
fn playbook(server: &Server, number: usize, steps: &str) -> String {
    let steps = steps.replace("@n@", &number.to_string()).replace("@socket@", &server.socket());
    let word = serde_json::to_string(PASSWORD).expect("a text");
    format!("vars: {{ word: {word} }}\nsecrets: [word]\nsteps:\n{steps}")
}

fn run(world: &World, text: &str) -> Heard {
    let plan = world.plan(text, &[], pinboot::event::Mode::Run);
    world.deliver(&plan.unwrap_or_else(|refused| panic!("{text}\n{}", refused.rendered)))
}

const STEPS: &str = r#"
  - name: The owner
    role: { name: "o'ro\"le| @n@", password: "{{ word }}", createdb: true, connection_limit: 7, valid_until: 2035-01-01, member_of: pg_monitor, socket: "@socket@" }
  - name: The database
    database: { name: "da'ta\"=base @n@", owner: "o'ro\"le| @n@", encoding: UTF8, lc_collate: C, connection_limit: 9, socket: "@socket@" }
  - name: The reader
    role:
      name: reader@n@
      login: false
      grants:
        - { privileges: all, database: place@n@ }
        - { privileges: usage, database: place@n@, schema: public }
        - { privileges: [select, update], database: place@n@, table: a Table }
        - { privileges: usage, database: place@n@, sequence: "*" }
      socket: "@socket@"
"#;

const GONE: &str = r#"
  - name: Not while it owns something
    role: { name: "o'ro\"le| @n@", state: absent, socket: "@socket@" }
    allow_failure: true
  - name: The database
    database: { name: "da'ta\"=base @n@", state: absent, socket: "@socket@" }
  - name: The owner
    role: { name: "o'ro\"le| @n@", state: absent, socket: "@socket@" }
  - name: Not while it has privileges
    role: { name: reader@n@, state: absent, socket: "@socket@" }
"#;

#[test]
fn a_real_server_is_brought_to_what_the_steps_say() {
    let Some(server) = Server::start() else { return };
    let count = if std::env::var_os("PINBOOT_TEST_ALL").is_some() { usize::MAX } else { 2 };
    for (number, shell) in shells().into_iter().take(count).enumerate() {
        let place = format!("place{number}");
        server.sql("postgres", &format!("create database {place}"));
        server.sql(&place, "create table \"a Table\" (i int); create sequence s");
        let world = World::new(shell);
        let text = playbook(&server, number, STEPS);
        let role = format!("o'ro\"le| {number}");
        let (quoted_role, quoted_data) = (format!("\"o'ro\"\"le| {number}\""), format!("\"da'ta\"\"=base {number}\""));

        let first = run(&world, &text);
        assert_eq!(first.outcomes(), ["changed", "changed", "changed"], "{shell:?}: {first:#?}");
        assert!(!first.output().contains("päss"), "{shell:?}: {first:#?}");
        assert!(server.lets_in(&role, PASSWORD) && !server.lets_in(&role, "other"), "{shell:?}");
        let options = "select rolcreatedb, rolsuper, rolconnlimit, rolvaliduntil::date from pg_roles where rolname like '%le| {}'";
        assert_eq!(
            server.sql("postgres", &options.replace("{}", &number.to_string())),
            "t|f|7|2035-01-01",
            "{shell:?}"
        );
        let second = run(&world, &text);
        assert_eq!(second.outcomes(), ["unchanged", "unchanged", "unchanged"], "{shell:?}: {second:#?}");

        // What someone changes on the server is found, field by field. The password still lets in where every password would.
        server.sql(
            "postgres",
            &format!(
                "alter role {quoted_role} nocreatedb password 'another'; alter database {quoted_data} owner to postgres"
            ),
        );
        server
            .sql(&place, &format!("revoke select on \"a Table\" from reader{number}; alter role reader{number} login"));
        let third = run(&world, &text);
        assert_eq!(third.outcomes(), ["changed", "changed", "changed"], "{shell:?}: {third:#?}");
        let diffs: Vec<&str> = third.steps.iter().map(|step| step.diff.trim_end()).collect();
        assert_eq!(diffs[0], "createdb false -> true\npassword -> another one (not shown)", "{shell:?}");
        assert_eq!(diffs[1], format!("owner postgres -> {role}"), "{shell:?}");
        assert_eq!(diffs[2], format!("login true -> false\n+ SELECT on table a Table of {place}"), "{shell:?}");
        assert!(server.lets_in(&role, PASSWORD), "{shell:?}");

        // A verifier of the older kind is compared as well.
        server.sql(
            "postgres",
            &format!("set password_encryption = md5; alter role {quoted_role} password 'it''s a \"päss\" $w \\ ﬁ'"),
        );
        let fourth = run(&world, &text);
        assert_eq!(fourth.outcomes(), ["unchanged", "unchanged", "unchanged"], "{shell:?}: {fourth:#?}");

        let gone = run(&world, &playbook(&server, number, GONE));
        assert_eq!(gone.outcomes(), ["failed: status", "changed", "changed", "failed: status"], "{shell:?}: {gone:#?}");
        let said = gone.output();
        assert!(
            said.contains("owner of database") && said.contains("privileges for table \"a Table\""),
            "{shell:?}: {said}"
        );
    }
    let log = server.process.log();
    let leaked = log
        .lines()
        .find(|line| line.contains("SCRAM-SHA-256$4096:") || line.contains("\\set") || line.contains("PASSWORD '"));
    assert_eq!(leaked, None, "the log of the server holds what was sent for a password");
    assert!(log.contains("FROM pg_authid"), "the log holds the other statements: {log}");
}
