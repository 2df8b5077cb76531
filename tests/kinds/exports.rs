//! `export`: what counts is what shells see that are started afterwards.

use std::fs;
use std::os::unix::fs::symlink;

use pinboot::script::{Script, Text};

use super::harness::{NOT_SO, V, World, faults, has, recipe, shells};

/// Ubuntu's `.bashrc` in short: it returns at once in a shell that is not interactive.
const UBUNTU: &str = "# ~/.bashrc\ncase $- in\n    *i*) ;;\n      *) return;;\nesac\nHISTSIZE=1000\n";

fn step(value: &str) -> pinboot::kinds::Recipe {
    recipe("export", &[("*", V::M(vec![("CLASSPATH", V::from(value))]))])
}

/// What new shells of this home see in CLASSPATH, each started as its user would.
fn seen(world: &World) -> Vec<(&'static str, String)> {
    let mut seen = Vec::new();
    let print = "printf '<%s>\\n' \"$CLASSPATH\"";
    for (name, program, words, text) in [
        ("bash, login", "bash", &["bash", "-lc"][..], print),
        ("bash, interactive", "bash", &["bash", "-ic"], print),
        ("dash, login", "dash", &["dash", "-lc"], print),
        ("mksh, login", "mksh", &["mksh", "-lc"], print),
        ("busybox, login", "busybox", &["busybox", "sh", "-lc"], print),
    ] {
        if has(program) {
            let answer = world.sh(words, text);
            seen.push((name, answer.out.lines().last().unwrap_or_default().to_owned()));
        }
    }
    // As sshd starts it for `ssh host command`: bash reads .bashrc although it is not interactive.
    let mut remote = World::beside(world);
    remote.env("SSH_CLIENT", "127.0.0.1 1 22").env("SHLVL", "0");
    seen.push(("bash under sshd", remote.sh(&["bash", "-c"], print).out.trim_end().to_owned()));
    seen
}

fn assert_seen(world: &World, value: &str) {
    for (shell, found) in seen(world) {
        assert_eq!(found, format!("<{value}>"), "{shell}");
    }
}

#[test]
fn every_new_shell_sees_the_value_and_a_new_value_replaces_it() {
    for shell in shells() {
        let world = World::new();
        world.write(".bashrc", UBUNTU);
        world.write(".profile", "# mine\n[ -z \"$BASH_VERSION\" ] || . \"$HOME/.bashrc\"\n");
        let home = world.home.display().to_string();
        world.converge(&step("~/libs/a.jar"), shell);
        assert_seen(&world, &format!("{home}/libs/a.jar"));
        let answer = world.converge(&step("/it's a $HOME `x` \"b\" \\c.jar"), shell);
        assert!(
            answer.out.contains("\n- export CLASSPATH=") && answer.out.contains("\n+ export CLASSPATH="),
            "{answer:?}"
        );
        assert_seen(&world, "/it's a $HOME `x` \"b\" \\c.jar");
        for file in [".bashrc", ".profile"] {
            let text = world.read(file);
            assert_eq!(text.matches("export CLASSPATH").count(), 1, "{}: {text}", shell.name);
            assert_eq!(text.matches(">>> pinboot export").count(), 1, "{}: {text}", shell.name);
        }
        assert!(world.read(".bashrc").ends_with(UBUNTU), "{}", shell.name);
    }
}

#[test]
fn a_login_bash_that_reads_its_own_profile_sees_it_too() {
    for profile in [".bash_profile", ".bash_login"] {
        for shell in shells() {
            let world = World::new();
            world.write(profile, "export PATH=\"$PATH:$HOME/bin\"\n");
            world.converge(&step("/x.jar"), shell);
            assert_seen(&world, "/x.jar");
            assert!(world.read(profile).ends_with("export PATH=\"$PATH:$HOME/bin\"\n"), "{}", shell.name);
        }
    }
}

#[test]
fn a_line_that_somebody_wrote_by_hand_does_not_win() {
    for shell in shells() {
        let world = World::new();
        world.write(".bashrc", format!("{UBUNTU}export CLASSPATH=/old.jar\nalias x=y\n"));
        world.write(".profile", "CLASSPATH=/older.jar; export CLASSPATH\n");
        let answer = world.converge(&step("/new.jar"), shell);
        assert!(
            answer.out.contains("line 7 sets CLASSPATH as well, so the block is repeated at the end"),
            "{answer:?}"
        );
        assert_seen(&world, "/new.jar");
        world.converge(&step("/newer.jar"), shell);
        assert_seen(&world, "/newer.jar");
        let text = world.read(".bashrc");
        assert!(
            text.contains("export CLASSPATH=/old.jar\nalias x=y\n"),
            "{}: the user's lines stay: {text}",
            shell.name
        );
        assert_eq!(text.matches("newer.jar").count(), 2, "{}: {text}", shell.name);
        // The line goes, and with it the reason for the second block.
        world.write(".bashrc", text.replace("export CLASSPATH=/old.jar\n", ""));
        world.converge(&step("/newer.jar"), shell);
        assert_eq!(world.read(".bashrc").matches("newer.jar").count(), 1, "{}", shell.name);
        assert_seen(&world, "/newer.jar");
    }
}

#[test]
fn a_line_that_builds_on_the_value_is_left_to_do_so() {
    for shell in shells() {
        let world = World::new();
        world.write(".bashrc", "export CLASSPATH=$CLASSPATH:/more.jar\n");
        world.converge(&step("/x.jar"), shell);
        assert_eq!(world.read(".bashrc").matches("/x.jar").count(), 1, "{}", shell.name);
        assert_eq!(world.sh(&["bash", "-ic"], "echo $CLASSPATH").out, "/x.jar:/more.jar\n", "{}", shell.name);
    }
}

#[test]
fn several_steps_share_one_block_and_an_empty_value_is_one() {
    for shell in shells() {
        let world = World::new();
        world.converge(&step("/x.jar"), shell);
        let more =
            recipe("export", &[("*", V::M(vec![("JAVA_HOME", V::from("/usr/lib/jvm")), ("EMPTY", V::from(""))]))]);
        world.converge(&more, shell);
        world.is_so(&step("/x.jar"), shell);
        let text = world.read(".bashrc");
        assert_eq!(text.lines().count(), 5, "{}: {text}", shell.name);
        let printed = world.sh(&["bash", "-ic"], "printf '%s|%s|%s' \"$CLASSPATH\" \"$JAVA_HOME\" \"${EMPTY-unset}\"");
        assert_eq!(printed.out, "/x.jar|/usr/lib/jvm|", "{}", shell.name);
    }
}

#[test]
fn a_block_that_was_doubled_or_torn_is_put_in_order() {
    for shell in shells() {
        let world = World::new();
        world.converge(&step("/x.jar"), shell);
        let block = world.read(".bashrc");
        for broken in [
            format!("{block}alias a=b\n{block}"),
            block.replace("# <<< pinboot export <<<\n", "alias a=b\n"),
            format!("alias a=b\n{block}"),
        ] {
            world.write(".bashrc", broken);
            world.converge(&step("/x.jar"), shell);
            assert_eq!(world.read(".bashrc"), format!("{block}alias a=b\n"), "{}", shell.name);
        }
    }
}

#[test]
fn fish_and_tcsh_see_it_where_they_are_in_use() {
    let value = "/it's a \\ $HOME!x.jar";
    for shell in shells() {
        let world = World::new();
        fs::create_dir_all(world.path(".config/fish")).expect("made");
        world.write(".cshrc", "set prompt=x\n");
        world.converge(&step(value), shell);
        if has("fish") {
            let answer = world.sh(&["fish", "-c"], "printf '<%s>' $CLASSPATH");
            assert_eq!(answer.out, format!("<{value}>"), "{}: {answer:?}", shell.name);
        }
        if has("tcsh") {
            let answer = world.sh(&["tcsh", "-c"], "printenv CLASSPATH");
            assert_eq!(answer.out, format!("{value}\n"), "{}: {answer:?}", shell.name);
        }
    }
}

#[test]
fn a_link_into_a_folder_of_dotfiles_stays_a_link() {
    for shell in shells() {
        let world = World::new();
        world.write("dotfiles/bashrc", "alias a=b\n");
        symlink("dotfiles/bashrc", world.path(".bashrc")).expect("a link");
        world.converge(&step("/x.jar"), shell);
        assert!(world.path(".bashrc").symlink_metadata().expect("there").is_symlink(), "{}", shell.name);
        assert!(world.read("dotfiles/bashrc").contains("/x.jar"), "{}", shell.name);
    }
}

#[test]
fn a_secret_stands_in_the_file_and_is_not_said() {
    let value = Text::secret("password");
    let step = recipe("export", &[("*", V::M(vec![("TOKEN", V::from(value))]))]);
    for shell in shells() {
        let world = World::new();
        let answer = world.converge(&step, shell);
        assert!(answer.out.contains("+ TOKEN (not shown: it holds a secret)"), "{answer:?}");
        assert!(!answer.out.contains("pass word!"), "{answer:?}");
        assert_eq!(world.sh(&["bash", "-ic"], "echo \"$TOKEN\"").out, "pass word!\n", "{}", shell.name);
    }
}

#[test]
fn the_file_for_every_session_has_a_syntax_of_its_own() {
    // The very paths of `scope: system` belong to the machine; their text does not.
    let text = "pb_list=\nexport_list A '/it is' B ''\npb_one=\"env $pb_home/environment\"\nexport_print";
    let text = pinboot::kinds::Recipe { apply: Script::author(text), ..Default::default() };
    for shell in shells() {
        let world = World::new();
        world.write("environment", "PATH=\"/usr/bin\"\nA=/by/hand\n");
        let answer = world.apply(&text, "", shell);
        let block = "# >>> pinboot export: set by a playbook, changes here are lost >>>\nA=\"/it is\"\nB=\"\"\n# <<< pinboot export <<<\n";
        assert_eq!(answer.out, format!("{block}PATH=\"/usr/bin\"\nA=/by/hand\n{block}"), "{}: {answer:?}", shell.name);
    }
}

#[test]
fn a_host_of_busybox_alone_will_do() {
    if !has("busybox") {
        return;
    }
    let world = World::of_busybox();
    world.write(".bashrc", format!("{UBUNTU}export CLASSPATH=/old.jar\n"));
    world.converge(&step("/it's.jar"), shells()[0]);
    assert_eq!(
        world.read(".bashrc").matches("export CLASSPATH='/it'\\''s.jar'").count(),
        2,
        "{}",
        world.read(".bashrc")
    );
}

#[test]
fn names_and_scopes_are_looked_at() {
    let step = |name: &'static str, value: &str| faults("export", &[("*", V::M(vec![(name, V::from(value))]))]);
    assert_eq!(
        step("A-B", "x"),
        ["invalid name of an environment variable `A-B` (letters, digits and `_`, not beginning with a digit)"]
    );
    assert_eq!(step("A", "x\ny"), ["invalid value of an environment variable `x y` (an exported value is one line)"]);
    let system = recipe("export", &[("scope", V::from("system")), ("*", V::M(vec![("A", V::from("x"))]))]);
    assert!(system.needs_root);
    assert_eq!(system.exports(), [("A".to_owned(), Text::from("x"))]);
    assert_eq!(system.assignments().as_str(), "arg_rest='A x' arg_scope=system arg_secret=");
    let shell = shells()[0];
    // A value that came from an earlier step may have two lines only there.
    let world = World::new();
    let registered = recipe("export", &[("*", V::M(vec![("A", V::from(Text::registered("two")))]))]);
    let mut world = world;
    world.env("pb_r_two", "x\ny");
    let answer = world.ask(&registered, shell);
    assert_ne!(answer.status, NOT_SO);
    assert!(answer.err.contains("the value of A has more than one line"), "{answer:?}");
}
