//! The users of the milestone: each runs it with a file of variables alone.
//!
//! The first line of `tests/users/NAME.yaml` names the world (`playbooks/worlds/`), and where Kafka is there already. Each is
//! rehearsed, which plays it twice; what it leaves on the host must be `NAME.state`. With `PINBOOT_ACCEPT=1` that is written
//! anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::Call;
use crate::parallel::in_parallel;
use crate::rehearse_cli::{is_possible, pinboot, repository};

/// Start-up files of shells: their other lines are this machine's.
const START_UP: &[&str] = &[".bashrc", ".profile", ".bash_profile", ".mkshrc", ".kshrc", ".zshenv", ".zprofile"];

/// The rehearsal files that a user's first line names: the one to play in, and the system.
fn worlds(text: &str, users: &Path) -> (PathBuf, PathBuf) {
    let first = text.lines().next().unwrap_or_default();
    let named = first.strip_prefix("# world: ").expect("the first line names the world");
    let (system, there) = named.split_once(" with kafka in ").unwrap_or((named, ""));
    let own = match there {
        "" => "downloads.yaml",
        "~/kafka" => "kafka-in-home.yaml",
        "/usr/local/kafka" => "kafka-in-usr-local.yaml",
        other => panic!("no world has Kafka in {other}"),
    };
    (users.join("worlds").join(own), repository(&format!("playbooks/worlds/{system}.yaml")))
}

/// Outcomes of the steps, and the paths that were written.
fn state(printed: &str) -> String {
    let last = printed.lines().next_back().expect("the last line is the verdict");
    let verdict: Value = serde_json::from_str(last).expect("the verdict is JSON");
    let verdict = &verdict["verdict"];
    let mut state = format!("changed {}, then unchanged {}\n", verdict["changed"], verdict["unchanged"]);
    for skipped in verdict["skipped"].as_array().expect("a list") {
        let how = if skipped["manual"] == true { "manual" } else { "skipped" };
        writeln!(state, "{how}: {}", skipped["name"].as_str().expect("a name")).expect("a string takes all");
    }
    for written in verdict["written"].as_array().expect("a list") {
        let path = written["path"].as_str().expect("a path");
        let mode = written["mode"].as_u64().expect("a number");
        let name = path.rsplit('/').next().unwrap_or_default();
        if START_UP.contains(&name) {
            continue;
        }
        let sum = written["sha256"].as_str().map_or("", |sum| &sum[..12]);
        writeln!(state, "{path} {} {mode:04o} {sum}", written["kind"].as_str().expect("a kind"))
            .expect("a string takes all");
    }
    state
}

fn rehearse(home: &Path, users: &Path, name: &str, text: &str) -> Call {
    let (own, system) = worlds(text, users);
    let settings = "four-lines.properties";
    let call = pinboot(home).file(settings, std::fs::read(users.join(settings)).expect("a user's own file"));
    let call = call.arg("rehearse").arg(repository("playbooks/milestone1.yaml")).arg("--json");
    call.arg("--vars-file").arg(users.join(format!("{name}.yaml"))).arg("--world").arg(own).arg("--on").arg(system)
}

#[test]
fn every_user_runs_the_milestone_by_variables_alone() {
    if !is_possible() {
        return;
    }
    let users = repository("tests/users");
    let mut names: Vec<String> = std::fs::read_dir(&users)
        .expect("the folder of the users")
        .filter_map(|entry| {
            entry.expect("an entry").file_name().into_string().ok()?.strip_suffix(".yaml").map(str::to_owned)
        })
        .collect();
    names.sort();
    assert!(names.len() >= 12, "{names:?}");
    let wrong = in_parallel(names.len(), 4, |at| {
        let name = &names[at];
        let home = tempfile::tempdir().expect("a home");
        let text = std::fs::read_to_string(users.join(format!("{name}.yaml"))).expect("the user's file");
        let printed = rehearse(home.path(), &users, name, &text).run();
        if printed.code != Some(0) {
            return Err(format!("{name}: code {:?}:\n{}\n{}", printed.code, printed.stdout, printed.stderr));
        }
        let state = state(&printed.stdout);
        let file = users.join(format!("{name}.state"));
        if crate::support::accepts() {
            std::fs::write(&file, &state).expect("the state is written");
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        if expected == state { Ok(()) } else { Err(format!("{name}:\n{state}")) }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
