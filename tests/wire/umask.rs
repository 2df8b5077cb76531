//! Which umask the shells of steps have, and which the record.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pinboot::kinds::Recipe;
use pinboot::plan::StepSpec;
use pinboot::remote::{Delivery, program};
use pinboot::script::Script;
use pinboot::transport::Exec;

use super::{Host, on_each_shell, plan, script, work};

/// The permission bits of a file.
fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o7777
}

/// Everything below a folder, the folder included.
fn below(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    found.push(folder.to_owned());
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        if entry.file_type().expect("a type").is_dir() {
            below(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

/// Nothing of the record is open to others.
fn record_is_private(host: &Host) {
    let mut found = Vec::new();
    below(&host.path(".pinboot"), &mut found);
    assert!(found.iter().any(|path| path.ends_with("5.out")), "{found:?}");
    for path in found {
        assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
    }
}

#[test]
fn steps_have_the_umask_of_the_login_and_the_record_is_private() {
    on_each_shell(|host| {
        let steps = plan(vec![
            work("umask >of-step; mkdir made; echo x >file"),
            StepSpec { unless: script("umask >of-unless; test -e passed"), ..work("echo x >passed") },
            StepSpec { only_if: script("umask >of-only-if"), ..work("true") },
            StepSpec {
                recipe: Recipe {
                    check: script("umask >of-check; [ -e by-kind ] || { echo '+ by-kind'; needs_change; }"),
                    apply: Script::author("echo x >by-kind"),
                    ..Recipe::default()
                },
                ..work("")
            },
            StepSpec { register: Some("word".into()), ..work("echo word") },
            StepSpec { timeout: Some(std::time::Duration::from_secs(20)), ..work("echo x >later & wait") },
        ]);
        for (run, umask) in [(1, 0o022), (2, 0o027), (3, 0o077), (4, 0o002)] {
            for name in ["made", "file", "passed", "by-kind", "later"] {
                let _ = fs::remove_dir(host.path(name)).or_else(|_| fs::remove_file(host.path(name)));
            }
            let identity = host.identity(run);
            let exec = Delivery::new(&program(&steps, &identity), &identity, &[]).exec();
            let command = [format!("umask {umask:o}; ").as_bytes(), &exec.command].concat();
            let heard = host.exec(&Exec { command, ..exec }, &[]);
            assert_eq!((heard.outcomes.as_slice(), heard.end()), (&["changed"; 6].map(str::to_owned)[..], "ok"));
            for name in ["of-step", "of-unless", "of-only-if", "of-check"] {
                let printed = host.read(name);
                assert_eq!(u32::from_str_radix(printed.trim(), 8), Ok(umask), "{name}: {printed}");
            }
            assert_eq!(mode(&host.path("made")), 0o777 & !umask, "a folder of a step");
            for name in ["file", "passed", "by-kind", "later"] {
                assert_eq!(mode(&host.path(name)), 0o666 & !umask, "{name}");
            }
            record_is_private(host);
        }
    });
}
