//! `file`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use pinboot::script::Text;

use super::harness::{NOT_SO, V, World, faults, has, is_root, recipe, shells};

#[test]
fn a_file_is_made_then_changed_then_left_alone() {
    for shell in shells() {
        let world = World::new();
        let step = |content: &str| recipe("file", &[("path", V::from("~/a b/it's")), ("content", V::from(content))]);
        fs::create_dir(world.path("a b")).expect("made");
        let first = world.converge(&step("one\ntwo\n"), shell);
        assert!(
            first.out.ends_with("/a b/it's (new)\n+one\n+two\n") || first.out.ends_with("it's (new)\n+one\n+two\n"),
            "{first:?}"
        );
        assert_eq!((world.read("a b/it's").as_str(), world.mode("a b/it's")), ("one\ntwo\n", 0o644), "{}", shell.name);
        fs::set_permissions(world.path("a b/it's"), fs::Permissions::from_mode(0o640)).expect("mode");
        let second = world.converge(&step("one\n2\n"), shell);
        assert!(second.out.contains("\n-two\n+2\n"), "{}: {second:?}", shell.name);
        assert_eq!((world.read("a b/it's").as_str(), world.mode("a b/it's")), ("one\n2\n", 0o640), "{}", shell.name);
    }
}

#[test]
fn a_mode_alone_is_changed_without_writing_the_file_anew() {
    for shell in shells() {
        let world = World::new();
        let step = |mode: &str| {
            recipe("file", &[("path", V::from("~/f")), ("content", V::from("x")), ("mode", V::from(mode))])
        };
        world.converge(&step("0600"), shell);
        let inode = |world: &World| std::os::unix::fs::MetadataExt::ino(&fs::metadata(world.path("f")).expect("there"));
        let before = inode(&world);
        let answer = world.converge(&step("755"), shell);
        assert_eq!(answer.out, "mode 0600 -> 0755\n", "{}", shell.name);
        assert_eq!((world.mode("f"), inode(&world)), (0o755, before), "{}", shell.name);
    }
}

#[test]
fn without_stat_cmp_and_diff_the_answer_is_the_same() {
    let world = World::with_only(&[
        "[", "ls", "awk", "cat", "cksum", "wc", "tr", "sed", "chmod", "mv", "rm", "sync", "sleep", "id", "printf",
    ]);
    for shell in shells() {
        world.write("f", "old\n");
        fs::set_permissions(world.path("f"), fs::Permissions::from_mode(0o4711)).expect("mode");
        let step =
            recipe("file", &[("path", V::from("~/f")), ("content", V::from("new!\n")), ("mode", V::from("1640"))]);
        let answer = world.converge(&step, shell);
        assert!(answer.out.ends_with("/f: 4 bytes -> 5 bytes\nmode 4711 -> 1640\n"), "{}: {answer:?}", shell.name);
        assert_eq!((world.read("f").as_str(), world.mode("f")), ("new!\n", 0o1640), "{}", shell.name);
    }
}

#[test]
fn a_host_of_busybox_alone_will_do() {
    if !has("busybox") {
        return;
    }
    let world = World::of_busybox();
    for shell in shells() {
        world.write("f", "one\ntwo\n");
        let step =
            recipe("file", &[("path", V::from("~/f")), ("content", V::from("one\n2\n")), ("mode", V::from("0600"))]);
        let answer = world.converge(&step, shell);
        assert!(answer.out.contains("\n-two\n+2\n"), "{}: {answer:?}", shell.name);
    }
}

#[test]
fn a_link_stays_and_what_it_leads_to_is_replaced() {
    for shell in shells() {
        let world = World::new();
        world.write("dotfiles/real", "old");
        symlink("dotfiles/real", world.path("link")).expect("a link");
        symlink(world.path("link"), world.path("second")).expect("a link");
        world.converge(&recipe("file", &[("path", V::from("~/second")), ("content", V::from("new"))]), shell);
        assert!(world.path("second").symlink_metadata().expect("there").is_symlink(), "{}", shell.name);
        assert_eq!(world.read("dotfiles/real"), "new", "{}", shell.name);
        symlink("round", world.path("round")).expect("a link");
        let answer = world.ask(&recipe("file", &[("path", V::from("~/round")), ("content", V::from("x"))]), shell);
        assert_eq!(answer.status, 1, "{}", shell.name);
        assert!(answer.err.contains("go round in a circle"), "{}: {answer:?}", shell.name);
    }
}

#[test]
fn binary_content_is_not_shown() {
    let bytes: Vec<u8> = (0..=255).collect();
    let step = recipe("file", &[("path", V::from("~/b")), ("src", V::F(bytes.clone()))]);
    for shell in shells() {
        let world = World::new();
        let answer = world.converge(&step, shell);
        assert!(answer.out.ends_with("/b: binary, 0 bytes -> 256 bytes\n"), "{}: {answer:?}", shell.name);
        assert_eq!(fs::read(world.path("b")).expect("there"), bytes, "{}", shell.name);
    }
}

#[test]
fn a_secret_is_in_the_file_and_in_no_diff() {
    let content = format!("user = me\npassword = {}\n", Text::secret("password"));
    let step = recipe("file", &[("path", V::from("~/s")), ("content", V::from(content)), ("mode", V::from("0600"))]);
    for shell in shells() {
        let world = World::new();
        world.write("s", "password = an older one\n");
        let answer = world.converge(&step, shell);
        assert!(answer.out.contains("not shown: it holds a secret"), "{}: {answer:?}", shell.name);
        assert!(!answer.out.contains("pass word!") && !answer.out.contains("older"), "{}: {answer:?}", shell.name);
        assert_eq!(world.read("s"), "user = me\npassword = pass word!\n", "{}", shell.name);
    }
}

#[test]
fn what_was_there_is_kept_where_a_backup_is_asked_for() {
    for shell in shells() {
        let world = World::new();
        world.write("f", "old");
        world.converge(
            &recipe("file", &[("path", V::from("~/f")), ("content", V::from("new")), ("backup", V::B(true))]),
            shell,
        );
        let backups: Vec<_> =
            world.snapshot().into_keys().filter(|path| path.to_string_lossy().contains("/f.bak-")).collect();
        assert_eq!(backups.len(), 1, "{}: {backups:?}", shell.name);
        assert_eq!(fs::read_to_string(&backups[0]).expect("there"), "old", "{}", shell.name);
    }
}

#[test]
fn a_long_diff_is_cut() {
    let long = "a line of a long file\n".repeat(20_000);
    for shell in shells() {
        let world = World::new();
        let answer = world.ask(&recipe("file", &[("path", V::from("~/f")), ("content", V::from(long.clone()))]), shell);
        assert_eq!(answer.status, NOT_SO, "{}", shell.name);
        assert!(answer.out.len() < 66_000 && answer.out.ends_with("(the rest is not shown)\n"), "{}", shell.name);
    }
}

#[test]
fn what_cannot_be_is_said() {
    for shell in shells() {
        let world = World::new();
        fs::create_dir(world.path("d")).expect("made");
        let answer = world.ask(&recipe("file", &[("path", V::from("~/d")), ("content", V::from("x"))]), shell);
        assert_eq!(answer.status, 1, "{}", shell.name);
        assert!(answer.err.contains("is a directory, and a file is wanted there"), "{}: {answer:?}", shell.name);
        let step = recipe("file", &[("path", V::from("~/no/f")), ("content", V::from("x"))]);
        assert_eq!(world.ask(&step, shell).status, NOT_SO, "{}: an earlier step may make the directory", shell.name);
        let answer = world.apply(&step, "", shell);
        assert_eq!(answer.status, 1, "{}", shell.name);
        assert!(answer.err.contains("/no is not there: make it in an earlier step"), "{}: {answer:?}", shell.name);
    }
    let path = ("path", V::from("~/f"));
    assert_eq!(
        faults("file", std::slice::from_ref(&path)),
        ["this step does not say what the file holds (give exactly one of `content`, `src` and `template`)"]
    );
    assert_eq!(
        faults("file", &[path.clone(), ("content", V::from("x")), ("src", V::F(Vec::new()))]),
        ["`content` and `src` both say what the file holds (keep exactly one of them)"]
    );
    assert_eq!(
        faults("file", &[path.clone(), ("content", V::from("x")), ("mode", V::from("rw-"))]),
        ["`rw-` is no file mode (write three or four octal digits, as in 0644)"]
    );
    assert_eq!(
        faults("file", &[path, ("content", V::from("x")), ("owner", V::from("a:b"))]),
        ["`a:b` is no name for `owner` (`owner` and `group` are two fields, each a name or a number)"]
    );
}

#[test]
fn root_gives_files_away_by_name_and_number() {
    if !is_root() {
        return;
    }
    for shell in shells() {
        let world = World::new();
        let step = |owner: &str| {
            recipe(
                "file",
                &[
                    ("path", V::from("~/f")),
                    ("content", V::from("x")),
                    ("owner", V::from(owner)),
                    ("mode", V::from("4755")),
                ],
            )
        };
        world.converge(&step("daemon"), shell);
        assert_eq!(world.mode("f"), 0o4755, "{}: chown must come before chmod", shell.name);
        let answer = world.converge(&step("2"), shell);
        assert_eq!(answer.out, "owner daemon -> 2\n", "{}", shell.name);
        world.is_so(&step("bin"), shell);
        // A new content keeps the owner.
        world.converge(&recipe("file", &[("path", V::from("~/f")), ("content", V::from("y"))]), shell);
        world.is_so(
            &recipe("file", &[("path", V::from("~/f")), ("content", V::from("y")), ("owner", V::from("bin"))]),
            shell,
        );
    }
}
