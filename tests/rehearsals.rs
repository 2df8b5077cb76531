//! Every playbook of the repository is rehearsed: it changes a throw-away host, and then finds nothing left to change. The
//! milestones are tried on each system of `playbooks/worlds/`.

use crate::parallel::in_parallel;
use crate::rehearse_cli::{is_possible, pinboot, repository};

/// The systems that the milestones have to run on.
const SYSTEMS: &[&str] = &["amazon-linux-2", "amazon-linux-2023", "ubuntu-22.04", "ubuntu-24.04", "debian-12"];

/// The stand-in for the archive of node_exporter has another digest than the real one.
pub(crate) const DIGESTS: &str = "sha256={x86_64: 88848c9949afd0d7845b7d05d096a6d2be011e9dae99bc3285204e3985ffded2, \
    aarch64: 88848c9949afd0d7845b7d05d096a6d2be011e9dae99bc3285204e3985ffded2}";

/// And the stand-in for Grafana's key another fingerprint.
pub(crate) const GRAFANA: &str = "fingerprint=C5B124090B4F8F1681F32C7D36ABADD24D2DA790";

/// A playbook on a system, or in its own world; its further arguments; and the verdict.
struct Rehearsal {
    playbook: &'static str,
    on: Option<&'static str>,
    more: &'static [&'static str],
    verdict: &'static str,
}

fn rehearsals() -> Vec<Rehearsal> {
    let mut all = Vec::new();
    for (playbook, verdict) in [
        ("milestone1", "rehearsed: changed 6, then unchanged 6 (1 manual)"),
        ("milestone2", "rehearsed: changed 3, then unchanged 3 (2 manual)"),
        ("milestone3", "rehearsed: changed 4, then unchanged 5"),
        ("local-broker", "rehearsed: changed 11, then unchanged 12"),
    ] {
        all.extend(SYSTEMS.iter().map(|system| Rehearsal { playbook, on: Some(*system), more: &[], verdict }));
    }
    // The record is written each time.
    all.push(Rehearsal { playbook: "smoke", on: None, more: &[], verdict: "rehearsed: changed 1, then unchanged 2" });
    let example = |playbook, verdict| Rehearsal { playbook, on: None, more: &[], verdict };
    all.push(example("examples/nginx-certbot", "rehearsed: changed 8, then unchanged 10"));
    all.push(example("examples/kafka-broker", "rehearsed: changed 14, then unchanged 14"));
    all.push(example("examples/users-sshd", "rehearsed: changed 7, then unchanged 8"));
    let exporter = example("examples/node-exporter", "rehearsed: changed 6, then unchanged 6");
    all.push(Rehearsal { more: &["-e", DIGESTS], ..exporter });
    let grafana = example("examples/grafana", "rehearsed: changed 7, then unchanged 8");
    all.push(Rehearsal { more: &["-e", GRAFANA], ..grafana });
    all.push(example("examples/postgresql", "rehearsed: changed 8, then unchanged 8"));
    // The virtual environment there gets this machine's pip.
    if crate::support::need("pip3", "python3-pip").is_some() && crate::support::need("git", "git").is_some() {
        all.push(example("examples/django", "rehearsed: changed 9, then unchanged 9"));
    }
    all
}

fn play(rehearsal: &Rehearsal) -> Result<(), String> {
    let home = tempfile::tempdir().expect("a home");
    let playbook = repository(&format!("playbooks/{}.yaml", rehearsal.playbook));
    let mut call = pinboot(home.path()).arg("rehearse").arg(playbook).args(rehearsal.more);
    if let Some(system) = rehearsal.on {
        call = call.arg("--on").arg(repository(&format!("playbooks/worlds/{system}.yaml")));
    }
    let printed = call.run();
    let on = rehearsal.on.unwrap_or("its own world");
    if printed.stdout.contains(rehearsal.verdict) && printed.code == Some(0) {
        return Ok(());
    }
    Err(format!("{} on {on}, code {:?}:\n{}\n{}", rehearsal.playbook, printed.code, printed.stdout, printed.stderr))
}

#[test]
fn every_playbook_is_rehearsed_on_the_systems_that_it_is_for() {
    if !is_possible() {
        return;
    }
    let all = rehearsals();
    let wrong = in_parallel(all.len(), 4, |at| play(&all[at]));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn lint_finds_nothing_in_any_playbook_of_the_repository() {
    let home = tempfile::tempdir().expect("a home");
    let mut count = 0;
    for folder in ["playbooks", "playbooks/examples"] {
        for entry in std::fs::read_dir(repository(folder)).expect("a folder").flatten() {
            let name = entry.file_name().into_string().expect("a name");
            let is_playbook = entry.path().extension().is_some_and(|end| end == "yaml");
            if !is_playbook || name.contains(".rehearsal.") || name.contains(".vars.") {
                continue;
            }
            let printed = pinboot(home.path()).arg("lint").arg(entry.path()).run();
            assert!(printed.code == Some(0) && printed.stdout.contains("no problems found"), "{name}: {printed:?}");
            count += 1;
        }
    }
    assert!(count >= 12, "{count} playbooks");
}
