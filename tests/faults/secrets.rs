//! A secret is where its step needs it, and nowhere else.

use std::fs;
use std::path::PathBuf;

use super::world::{World, until};
use crate::support::traces::{holding, showing};

const SECRET: &str = "s3cr3t-Zq7/kv+word";

#[test]
fn a_secret_is_in_no_file_no_argument_no_log_and_no_output() {
    let Some(world) = World::new() else { return };
    world.playbook(
        "
name: A test
secrets: [token]
from_env: [TOKEN]
vars: { token: \"{{ env.TOKEN }}\" }
steps:
  - name: Uses it
    script: |
      printf %s {{ token }} | wc -c >length
      : >held
      until [ -e go ]; do sleep .02; done
    always: true
  - name: Fails with it
    script: |
      echo 'it says' {{ token }}
      printf '%s\\n' {{ token }} | base64 >&2
      exit 3
",
    );
    let state = world.here("state");
    let going = super::world::Started::start(world.run_call(&["-vv"]).env("TOKEN", SECRET));
    until("the step is started", || world.there("held").exists());
    // Only the program itself has it in its environment, from the test that started it.
    assert_eq!(showing(SECRET, going.pid()), Vec::<String>::new());
    assert_eq!([holding(world.home.path(), SECRET), holding(&state, SECRET)].concat(), Vec::<String>::new());
    // The file that brought them is removed as soon as the runner has read it.
    let memory = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).into_iter().chain([PathBuf::from("/dev/shm")]);
    assert_eq!(memory.flat_map(|folder| holding(&folder, SECRET)).collect::<Vec<_>>(), Vec::<String>::new());
    fs::write(world.there("go"), "").expect("a file");
    let printed = going.finish();
    assert_eq!(printed.code, Some(1), "{printed:?}");
    assert_eq!(world.read("length").trim(), SECRET.len().to_string());
    let base64 = "czNjcjN0LVpxNy9rdit3b3Jk";
    for text in [&printed.stdout, &printed.stderr] {
        assert!(!text.contains(SECRET) && !text.contains(base64), "{text}");
    }
    assert!(printed.stderr.contains("it says ***") || printed.stdout.contains("it says ***"), "{printed:?}");
    // The output of a step is in the host's own log, which only its user can read; it is not recorded here.
    assert_eq!(holding(&state, SECRET), Vec::<String>::new());
    let shown = world.pinboot(&["show"]).exits(0);
    assert!(!shown.stdout.contains(SECRET) && shown.stdout.contains("***"), "{shown:?}");
}

#[test]
fn a_secret_of_the_command_line_is_asked_for_again() {
    let Some(world) = World::new() else { return };
    world.playbook(
        "name: A test\nsecrets: [token]\nvars: { token: none-given }\nsteps:\n  - { name: Fails, command: 'test -e fixed && printf %s {{ token }} | wc -c >length' }\n",
    );
    // Another secret: this one appears in an argument, and the other test looks for its own there.
    let secret = SECRET.replace("word", "other");
    world.run(&["-e", &format!("token={secret}")]).exits(1);
    assert_eq!(holding(&world.here("state"), &secret), Vec::<String>::new());
    super::world::seen!(world, "secret_again", world.pinboot(&["rerun"]).exits(2));
    fs::write(world.there("fixed"), "").expect("a file");
    world.pinboot(&["rerun", "-e", &format!("token={secret}")]).exits(0);
    assert_eq!(world.read("length").trim(), secret.len().to_string());
    assert!(!world.pinboot(&["show", "--json"]).stdout.contains(&secret));
}
