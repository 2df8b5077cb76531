//! What is read of a step that failed: which step it is, what was run, and why.

use pinboot::kinds::KINDS;

use super::world::{World, on_each, parse};

cases! {
    every_kind_says_what_failed ["W28"] "a step of each kind fails: a program, a user, a file or a host is not there"
        => Text("1", "the command or the cause, under the step's own number, and no word of pinboot's own shell");
    shells_words_are_shown_without_their_place_in_our_text ["W28"]
        "`sh: 200: eval: foo: not found`, and how bash, BusyBox, mksh and yash say it"
        => Text("1", "`foo: not found`");
    a_connection_that_ends_well_is_not_lost ["W28"] "-v, -vv after a run that ended well" => Text("0", "the connection was closed, not lost");
    a_public_key_is_called_one ["W28"] "--key names a `.pub` file with the mode that ssh-keygen gives it"
        => Text("4", "`is a public key, not a private key`, and no `chmod`");
}

/// A step of a kind that fails, and what a person must read of it.
struct Failing {
    kind: &'static str,
    /// The step in YAML.
    step: &'static str,
    /// The command, or what it is about.
    command: &'static str,
    /// Pieces of the cause, of which one is there: programs word it in their own way.
    says: &'static [&'static str],
}

/// All kinds, and the options that make a step fail.
const FAILING: &[Failing] = &[
    Failing {
        kind: "command",
        step: "command: no-such-program --flag\n    always: true",
        command: "no-such-program --flag",
        says: &["no-such-program"],
    },
    Failing {
        kind: "script",
        step: "script: |\n      :\n      no-such-program --flag\n    always: true",
        command: "no-such-program --flag",
        says: &["no-such-program: "],
    },
    Failing {
        kind: "command",
        step: "command: 'true'\n    cwd: /no-such-folder\n    always: true",
        command: "true",
        says: &["/no-such-folder"],
    },
    Failing {
        kind: "command",
        step: "command: 'true'\n    unless: no-such-program --flag",
        command: "no-such-program --flag",
        says: &["`unless` could not find out: a command in it was not found"],
    },
    Failing {
        kind: "command",
        step: "command: id\n    run_as: no-such-user\n    always: true",
        command: "id",
        says: &["no-such-user"],
    },
    Failing {
        kind: "package",
        step: "package: no-such-package\n    run_as: daemon",
        command: "no-such-package",
        says: &["Unable to locate package no-such-package"],
    },
    Failing {
        kind: "file",
        step: "file: { path: ~/folder, content: x }",
        command: "cat >~/folder",
        says: &["folder is a directory, and a file is wanted there"],
    },
    Failing {
        kind: "file",
        step: "file: { path: ~/new, content: x, owner: no-such-user }",
        command: "chown no-such-user ~/new",
        says: &["no-such-user"],
    },
    Failing {
        kind: "file",
        step: "file: { path: ~/new, content: x }\n    run_as: no-such-user",
        command: "cat >",
        says: &["no-such-user"],
    },
    Failing {
        kind: "directory",
        step: "directory: { path: ~/folder, owner: no-such-user }",
        command: "chown no-such-user ~/folder",
        says: &["cannot give the directory to the user no-such-user"],
    },
    Failing {
        kind: "upload",
        step: "upload: { src: p.yaml, to: ~/folder }",
        command: "scp -p p.yaml HOST:~/folder",
        says: &["folder is a directory, and a file is wanted there"],
    },
    Failing {
        kind: "link",
        step: "link: { path: ~/folder, to: x }",
        command: "ln -sfn x ~/folder",
        says: &["folder is a directory, and a link does not take its place"],
    },
    Failing {
        kind: "git",
        step: "git: { repo: /no/such/repository, into: ~/clone }",
        command: "git clone -- /no/such/repository",
        says: &["could not ask /no/such/repository which commit HEAD is"],
    },
    Failing {
        kind: "line",
        step: "line: { path: ~/no-such-file, line: a=1 }",
        command: "~/no-such-file",
        says: &["no-such-file is not there, and a part of it cannot be changed"],
    },
    Failing {
        kind: "block",
        step: "block: { path: ~/folder, block: a=1 }",
        command: "~/folder",
        says: &["folder is a directory, and a file is wanted there"],
    },
    Failing {
        kind: "properties",
        step: "properties: { path: ~/no-such-file, set: { a: 1 } }",
        command: "~/no-such-file",
        says: &["no-such-file is not there, and a part of it cannot be changed"],
    },
    Failing {
        kind: "sysctl",
        step: "sysctl: { values: { vm.swappiness: 1 }, file: ~/folder }",
        command: "sysctl -w 'vm.swappiness=1'",
        says: &["folder is a directory, and a file is wanted there"],
    },
    Failing {
        kind: "python",
        step: "python: { venv: ~/bin }",
        command: "python3 -m venv ~/bin",
        says: &["bin is not empty, and not a virtual environment"],
    },
    Failing {
        kind: "compose",
        step: "compose: { project: ~/bin }",
        command: "cd ~/bin && docker compose up -d",
        says: &["neither `docker compose` nor `docker-compose` is on this host"],
    },
    Failing {
        kind: "mount",
        step: "mount: { what: UUID=no-such-uuid, at: /no-such-folder }",
        command: "mount -t auto -o defaults 'UUID=no-such-uuid' /no-such-folder",
        says: &["no device has UUID=no-such-uuid"],
    },
    Failing {
        kind: "swap",
        step: "swap: { path: /no-such-swap, size: 900000T }",
        command: "swapon /no-such-swap",
        says: &["not enough space for 900000T in /: "],
    },
    Failing {
        kind: "database",
        step: "database: { name: shop, admin_user: root }",
        command: "createdb -- shop",
        says: &["could not ask PostgreSQL: psql: error: no such server"],
    },
    Failing {
        kind: "role",
        step: "role: { name: shop, admin_user: root }",
        command: "createuser -- shop",
        says: &["could not ask PostgreSQL: psql: error: no such server"],
    },
    Failing {
        kind: "cron",
        step: "cron: { name: renew, user: no-such-user, at: 30 3 * * *, job: certbot renew }",
        command: "crontab -u no-such-user",
        says: &["the crontab of no-such-user cannot be read as root: crontab:  user `no-such-user' unknown"],
    },
    Failing {
        kind: "group",
        step: "group: { name: no-such-group, gid: 0 }",
        command: "groupadd -g 0 no-such-group",
        says: &["Another group has this number"],
    },
    Failing {
        kind: "user",
        step: "user: { name: no-such-user, group: no-such-group }",
        command: "useradd",
        says: &["A group of this step is not on the host"],
    },
    Failing {
        kind: "authorized_keys",
        step: "authorized_keys: { user: no-such-user, keys: ssh-ed25519 \
               AAAAC3NzaC1lZDI1NTE5AAAAIHfsZLXXVSFWwo8sXBzqw0/L7xwiokx8yrykj0RhSjKL }",
        command: "~no-such-user/.ssh/authorized_keys",
        says: &["there is no user no-such-user: make the account in an earlier step"],
    },
    Failing {
        // The host of this test has a stand-in for yum.
        kind: "repository",
        step: "repository: { name: docker, apt: { uri: 'https://a.example/', suites: stable, components: main } }",
        command: "/etc/apt/sources.list.d/docker.sources",
        says: &["this host's packages come by yum, and the step says nothing for it: add `yum`"],
    },
    Failing {
        kind: "service",
        step: "service: { name: kafka, command: no-such-program }",
        command: "setsid nohup sh -c 'no-such-program'",
        says: &["kafka was started and does not run: its command has ended"],
    },
    Failing {
        kind: "expect",
        step: "expect: { path: ~/no-such-file, within: 1s }",
        command: "test -e ~/no-such-file",
        says: &["it has not held within 1s: "],
    },
    Failing {
        kind: "assert",
        step: "assert: { that: test -e ~/no-such-file, message: Bring the file first. }",
        command: "test -e ~/no-such-file",
        says: &["Bring the file first."],
    },
    Failing {
        kind: "absent",
        step: "absent: ~/bin",
        command: "rm -df ~/bin",
        says: &["bin is a directory with something in it"],
    },
    Failing {
        kind: "download",
        step: "download: { url: 'http://127.0.0.1:1/tool-1.2', to: ~/tool }",
        command: "http://127.0.0.1:1/tool-1.2",
        says: &["http://127.0.0.1:1/tool-1.2: "],
    },
    Failing {
        kind: "archive",
        step: "archive: { url: 'http://127.0.0.1:1/tool-1.2.tgz', into: ~/unpacked, creates: ~/unpacked/bin }",
        command: "http://127.0.0.1:1/tool-1.2.tgz",
        says: &["http://127.0.0.1:1/tool-1.2.tgz: "],
    },
    Failing {
        kind: "export",
        step: "export: { GREETING: hello }\n    run_as: no-such-user",
        command: "export GREETING=hello",
        says: &["no-such-user"],
    },
    Failing {
        kind: "kafka_topics",
        step: "kafka_topics: { home: ~/kafka, bootstrap_servers: 'a.example:9098', topics: [{ name: orders }] }",
        command: "--topic orders",
        says: &["kafka-topics.sh is not there"],
    },
    Failing {
        kind: "container",
        step: "container: { name: web, image: 'nginx:1.27', engine: docker }",
        command: "nginx:1.27",
        says: &["Cannot connect to the Docker daemon"],
    },
    Failing {
        kind: "fetch",
        step: "fetch: { from: ~/no-such-file, to: got }",
        command: "",
        says: &["no-such-file is not there: does an earlier step bring it?"],
    },
    Failing {
        kind: "s3_object",
        step: "s3_object: { bucket: bkt, key: k, from: ~/bin }",
        command: "aws s3api put-object --bucket bkt --key=k --body ~/bin",
        says: &["bin is a directory, and a file is wanted there"],
    },
    Failing {
        kind: "manual",
        step: "manual: { text: Do it, check: no-such-program --flag }",
        command: "",
        says: &["`check` could not find out: a command in it was not found"],
    },
    Failing {
        // The host of this test is this machine: the step must fail before it.
        kind: "reboot",
        step: "reboot: {}\n    only_if: no-such-program --flag",
        command: "no-such-program --flag",
        says: &["`only_if` could not find out: a command in it was not found"],
    },
];

/// No word of the shell that pinboot sends stands in what is shown.
#[track_caller]
fn has_no_inner_words(text: &str) {
    for inner in ["pb_", "arg_", "eval", "_apply", "_check", "sh: ", "plan: "] {
        assert!(!text.contains(inner), "`{inner}` in\n{text}");
    }
}

/// Stand-ins for programs whose own words would differ from machine to machine.
fn stand_ins(world: &World) {
    use std::os::unix::fs::PermissionsExt as _;
    let bin = world.there("bin");
    std::fs::create_dir_all(&bin).expect("a folder");
    std::fs::create_dir_all(world.there("folder")).expect("a folder");
    for (name, text) in [
        ("yum", "echo 'E: Unable to locate package no-such-package' >&2; exit 100"),
        ("rpm", "exit 1"),
        ("sysctl", "exit 1"),
        ("docker", "echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.' >&2; exit 1"),
        ("psql", "echo 'psql: error: no such server' >&2; exit 2"),
        ("crontab", "echo \"crontab:  user \\`no-such-user' unknown\" >&2; exit 1"),
        ("groupadd", "echo \"groupadd: GID '0' already exists\" >&2; exit 4"),
        ("useradd", "echo \"useradd: group 'no-such-group' does not exist\" >&2; exit 6"),
    ] {
        std::fs::write(bin.join(name), format!("#!/bin/sh\n{text}\n")).expect("a program");
        std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).expect("chmod");
    }
}

#[test]
fn every_kind_says_what_failed() {
    if !rustix::process::getuid().is_root() {
        crate::support::left_out("it logs in as root, who can be other users; run as root brings it in");
        return;
    }
    let Some(world) = World::with(|options, home| {
        options.env("PATH", format!("{}/bin:/usr/local/bin:/usr/bin:/bin", home.display()))
    }) else {
        return;
    };
    stand_ins(&world);
    for kind in KINDS {
        assert!(FAILING.iter().any(|failing| failing.kind == kind.name), "no step of the kind `{}` fails", kind.name);
    }
    // Behind a loop, a step's number is not its position.
    let mut steps = "  - { name: First, loop: [a, b], command: 'echo {{ item }}', always: true }\n".to_owned();
    for (at, failing) in FAILING.iter().enumerate() {
        steps.push_str(&format!("  - name: Fails {at}\n    {}\n", failing.step));
    }
    world.steps(&steps);
    let planned = world.run(&["--dry-run", "--json"]).exits(0);
    let plan = parse(planned.stdout.lines().next().expect("a plan"));
    for (at, failing) in FAILING.iter().enumerate() {
        let (label, name) = ((at + 2).to_string(), format!("Fails {at}"));
        let step = plan["steps"].as_array().expect("steps").iter().find(|step| step["name"] == name.as_str());
        assert_eq!(step.expect("the step")["label"], label.as_str());

        let printed = world.run(&["--only", &label]).exits(1);
        let all = printed.shown();
        assert!(printed.stdout.starts_with(&format!("{label:>3} {name} ")), "{all}");
        assert!(all.contains(&format!("127.0.0.1: step {label} ({name}) failed after ")), "{all}");
        assert!(all.contains(failing.command), "no `{}` in\n{all}", failing.command);
        assert!(failing.says.iter().any(|says| all.contains(says)), "none of {:?} in\n{all}", failing.says);
        has_no_inner_words(&all);

        let shown = world.pinboot(&["show"]).exits(0);
        assert!(shown.stdout.contains(&format!("\n{label:>3} {name} ")), "{}", shown.stdout);
        assert!(failing.says.iter().any(|says| shown.stdout.contains(says)), "{}", shown.stdout);
        has_no_inner_words(&shown.stdout);

        // JSON has the output as the host printed it, and everything else in the words that a person reads.
        let printed = world.run(&["--from", &label, "--json"]).exits(1);
        let events: Vec<_> = printed.stdout.lines().map(parse).collect();
        let end = events.iter().find(|event| event["kind"] == "step_finished").expect("the step's end");
        assert_eq!((end["label"].as_str(), end["name"].as_str()), (Some(label.as_str()), Some(name.as_str())));
        for event in events.iter().filter(|event| event["kind"] != "step_output") {
            has_no_inner_words(&event.to_string());
        }
    }
}

#[test]
fn shells_words_are_shown_without_their_place_in_our_text() {
    let steps = |shell: &str| {
        format!(
            "  - name: Script\n    script: {{ shell: {shell}, text: \"f() {{\\n  no-such-program\\n}}\\n:\\nf\" }}\n    \
             always: true\n    allow_failure: true\n  - name: Unset\n    script: {{ shell: {shell}, text: \":\\necho $novar\" }}\n    \
             always: true\n    allow_failure: true\n  - name: Folder\n    script: {{ shell: {shell}, text: \":\\ncd /no-such-folder\" }}\n    \
             always: true\n    allow_failure: true\n  - name: Guard\n    command: 'true'\n    unless: |\n      :\n      test -e /x ) \n    \
             allow_failure: true\n"
        )
    };
    let shown = |world: &World, shell: &str| {
        world.steps(&steps(shell));
        let printed = world.run(&["-v"]).exits(0);
        let all = printed.shown() + &world.pinboot(&["show", "-v"]).exits(0).stdout;
        for words in ["\n      no-such-program", "novar", "no-such-folder", "yntax error"] {
            let is_there =
                all.contains(words) || (words == "\n      no-such-program" && all.contains("`no-such-program'"));
            assert!(is_there || shell == "zsh", "{shell}: no `{words}` in\n{all}");
        }
        let output = all.lines().filter(|line| line.starts_with("      "));
        for line in output {
            for inner in ["sh: ", "plan: ", "eval", "environment: ", "(eval)", " line "] {
                assert!(!line.contains(inner), "{shell}: `{inner}` in `{line}` of\n{all}");
            }
        }
    };
    let Some(world) = World::new() else { return };
    for shell in ["sh", "bash", "dash", "ksh", "zsh"] {
        if shell == "sh" || crate::support::need(shell, shell).is_some() {
            shown(&world, shell);
        }
    }
    let Some(()) = crate::support::mounts() else { return };
    for shell in ["bash", "busybox", "mksh", "yash"] {
        let Some(program) = crate::support::need(shell, shell) else { continue };
        let mounts = format!("mount --bind {} \"$(readlink -f /bin/sh)\"", program.display());
        let Some(world) = World::with(|options, _| options.mounts(mounts)) else { return };
        shown(&world, "sh");
    }
}

#[test]
fn a_connection_that_ends_well_is_not_lost() {
    on_each(|world| {
        world.steps("  - { name: One, command: echo hello, always: true }\n");
        for verbose in ["-v", "-vv"] {
            let printed = world.run(&[verbose]).exits(0).says(&["      hello", "the connection has ended"]);
            assert!(!printed.stderr.contains("lost"), "{}", printed.stderr);
        }
    });
}

#[test]
fn a_public_key_is_called_one() {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(world) = World::new() else { return };
    world.steps("  - { name: One, command: 'true', always: true }\n");
    let key = world.here("id.pub");
    std::fs::copy(world.server.file("id_ed25519.pub"), &key).expect("a key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("chmod");
    let printed = world.reach(&["run", "p.yaml"]).arg("--key").arg(&key).exits(4);
    let printed = printed.says(&["is a public key, not a private key", "the same name without .pub"]);
    assert!(!printed.stderr.contains("chmod"), "{}", printed.stderr);
}
