//! `archive`.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::downloads::quick;
use super::harness::{NOT_SO, REFUSED, Shell, V, World, faults, has, recipe, shells};
use super::server::{Reply, Server};

/// A directory `kafka-1/` with a program, a dotfile, a link and a deeper file, packed by the given command.
fn packed(name: &str, command: &str) -> Vec<u8> {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("kafka-1");
    fs::create_dir_all(root.join("bin/deep")).expect("made");
    fs::create_dir_all(root.join("libs")).expect("made");
    fs::write(root.join("bin/run.sh"), "#!/bin/sh\n").expect("written");
    fs::write(root.join("bin/deep/x"), vec![b'x'; 70_000]).expect("written");
    fs::write(root.join("libs/new.jar"), "new").expect("written");
    fs::write(root.join(".hidden"), "dot").expect("written");
    std::os::unix::fs::symlink("bin/run.sh", root.join("start")).expect("a link");
    let script = format!("chmod 755 kafka-1/bin/run.sh && {command} && cat {name}");
    let output = Command::new("sh").args(["-c", &script]).current_dir(dir.path()).output().expect("sh");
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

fn tgz() -> Vec<u8> {
    packed("a.tgz", "tar -czf a.tgz kafka-1")
}

fn step(url: &str, more: &[(&'static str, V)]) -> pinboot::kinds::Recipe {
    let mut fields = vec![("url", V::from(url)), ("into", V::from("~")), ("creates", V::from("~/kafka-1/bin/run.sh"))];
    fields.extend_from_slice(more);
    recipe("archive", &fields)
}

fn assert_unpacked(world: &World, root: &str, shell: Shell) {
    let path = |rest: &str| format!("{root}/{rest}");
    assert_eq!(world.read(&path("bin/run.sh")), "#!/bin/sh\n", "{}", shell.name);
    assert_eq!(world.mode(&path("bin/run.sh")) & 0o100, 0o100, "{}", shell.name);
    assert_eq!(world.read(&path(".hidden")), "dot", "{}", shell.name);
    assert_eq!(world.read_bytes(&path("bin/deep/x")).len(), 70_000, "{}", shell.name);
    let link = fs::read_link(world.path(&path("start"))).expect("a link");
    assert_eq!(link, Path::new("bin/run.sh"), "{}", shell.name);
}

#[test]
fn an_archive_is_unpacked_once_and_does_not_come_back() {
    let server = Server::new(&[("/a.tgz", Reply::Body(tgz()))]);
    for shell in shells() {
        let world = quick(World::new());
        let step = step(&server.url("/a.tgz"), &[]);
        assert_eq!(step.subject, "a.tgz");
        let answer = world.converge(&step, shell);
        assert!(answer.out.contains("/kafka-1/bin/run.sh from http://"), "{answer:?}");
        assert_unpacked(&world, "kafka-1", shell);
        let names: Vec<_> =
            fs::read_dir(&world.home).expect("home").map(|entry| entry.expect("entry").file_name()).collect();
        assert_eq!(names, ["kafka-1"], "{}: the archive is removed", shell.name);
    }
}

#[test]
fn each_form_of_archive_is_known_by_its_first_bytes() {
    for (name, command, needs) in [
        ("a.tar", "tar -cf a.tar kafka-1", "tar"),
        ("a.tar.gz", "tar -czf a.tar.gz kafka-1", "gzip"),
        ("a.tar.xz", "tar -cJf a.tar.xz kafka-1", "xz"),
        ("a.tar.bz2", "tar -cjf a.tar.bz2 kafka-1", "bzip2"),
        ("a.tar.zst", "tar -cf - kafka-1 | zstd -q -o a.tar.zst", "zstd"),
        ("a.zip", "zip -qry a.zip kafka-1", "zip"),
    ] {
        if !has(needs) {
            continue;
        }
        let server = Server::new(&[
            (&format!("/{name}"), Reply::Body(packed(name, command))),
            ("/latest", Reply::To(format!("/{name}"))),
        ]);
        for path in [format!("/{name}"), "/latest".to_owned()] {
            let shell = shells()[0];
            let world = quick(World::new());
            world.converge(&step(&server.url(&path), &[]), shell);
            assert_unpacked(&world, "kafka-1", shell);
        }
    }
}

#[test]
fn a_host_of_busybox_alone_unpacks_too() {
    if !has("busybox") {
        return;
    }
    let zip = packed("a.zip", "zip -qry a.zip kafka-1");
    let server = Server::new(&[("/a.tgz", Reply::Body(tgz())), ("/a.zip", Reply::Body(zip))]);
    for path in ["/a.tgz", "/a.zip"] {
        let world = quick(World::of_busybox());
        world.converge(&step(&server.url(path), &[]), shells()[0]);
        assert_eq!(world.read("kafka-1/bin/run.sh"), "#!/bin/sh\n");
    }
}

#[test]
fn leading_directories_are_left_away() {
    let server = Server::new(&[("/a.tgz", Reply::Body(tgz()))]);
    for shell in shells() {
        let world = quick(World::new());
        let step = recipe(
            "archive",
            &[
                ("url", V::from(server.url("/a.tgz"))),
                ("into", V::from("~/kafka/")),
                ("creates", V::from("~/kafka/bin/run.sh")),
                ("strip", V::N(1)),
                ("keep", V::B(true)),
            ],
        );
        world.converge(&step, shell);
        assert_unpacked(&world, "kafka", shell);
        assert_eq!(world.read_bytes("kafka/a.tgz"), tgz_of(&server), "{}", shell.name);
    }
}

fn tgz_of(server: &Server) -> Vec<u8> {
    let world = World::new();
    let fetched = world.sh(&["sh", "-c"], &format!("curl -s {} > got", server.url("/a.tgz")));
    assert_eq!(fetched.status, 0);
    world.read_bytes("got")
}

#[test]
fn an_older_tree_is_filled_and_its_other_files_stay() {
    let server = Server::new(&[("/a.tgz", Reply::Body(tgz()))]);
    for shell in shells() {
        let world = quick(World::new());
        world.write("kafka-1/libs/mine.jar", "mine");
        world.write("kafka-1/libs/new.jar", "old");
        world.converge(&step(&server.url("/a.tgz"), &[]), shell);
        assert_unpacked(&world, "kafka-1", shell);
        assert_eq!(world.read("kafka-1/libs/mine.jar"), "mine", "{}", shell.name);
        assert_eq!(world.read("kafka-1/libs/new.jar"), "new", "{}", shell.name);
    }
}

#[test]
fn what_creates_names_comes_last() {
    // The first mv into the home fails, as if the run had been killed there: `creates` must not be there.
    let server = Server::new(&[("/a.tgz", Reply::Body(tgz()))]);
    for shell in shells() {
        let world = quick(World::new());
        let step = step(&server.url("/a.tgz"), &[]);
        world.stand_in(
            "mv",
            "#!/bin/sh\nfor last; do :; done\ncase $last in *home/) exit 1 ;; esac\nexec /bin/mv \"$@\"\n",
        );
        let answer = world.apply(&step, "", shell);
        assert_ne!(answer.status, 0, "{}: {answer:?}", shell.name);
        assert!(!world.exists("kafka-1/bin/run.sh"), "{}", shell.name);
        world.assert_tidy();
        // Only the last one fails: all is there but what `creates` names.
        world.stand_in("mv", "#!/bin/sh\nfor last; do :; done\ncase $last in *home/kafka-1/bin/run.sh) exit 1 ;; esac\nexec /bin/mv \"$@\"\n");
        assert_ne!(world.apply(&step, "", shell).status, 0, "{}", shell.name);
        assert!(world.exists("kafka-1/bin/deep/x") && !world.exists("kafka-1/bin/run.sh"), "{}", shell.name);
        fs::remove_file(world.bin.join("mv")).expect("removed");
        world.converge(&step, shell);
        assert_unpacked(&world, "kafka-1", shell);
    }
}

#[test]
fn what_is_no_archive_leaves_no_trace() {
    let whole = tgz();
    let server = Server::new(&[
        ("/page.tgz", Reply::Body(b"<html>Not here</html>".to_vec())),
        ("/page", Reply::Body(b"<html>Not here</html>".to_vec())),
        ("/text", Reply::Body(b"just text".to_vec())),
        ("/empty.tgz", Reply::Body(Vec::new())),
        ("/short.tgz", Reply::NoLength(whole[..whole.len() / 2].to_vec())),
        ("/short", Reply::NoLength(whole[..whole.len() / 2].to_vec())),
        ("/other.tgz", Reply::Body(packed("o.tgz", "mv kafka-1 kafka-2 && tar -czf o.tgz kafka-2"))),
        ("/gone.tgz", Reply::Status(404)),
    ]);
    for shell in shells() {
        let world = quick(World::new());
        for (path, status, said) in [
            ("/page.tgz", REFUSED, "it is an HTML page and not a gzip file"),
            ("/page", REFUSED, "it is an HTML page"),
            (
                "/text",
                REFUSED,
                "this is not a tar or zip archive: it is not a zip file (9 bytes, beginning with: just text)",
            ),
            ("/empty.tgz", REFUSED, "it is empty"),
            ("/short.tgz", REFUSED, "it is cut short or damaged"),
            ("/short", REFUSED, "the archive is cut short or damaged"),
            ("/other.tgz", 1, "the archive holds no kafka-1/bin/run.sh, which `creates` names; it holds: kafka-2"),
            ("/gone.tgz", 1, "/gone.tgz: the server answered 404"),
        ] {
            let answer = world.apply(&step(&server.url(path), &[]), "", shell);
            assert_eq!(answer.status, status, "{} {path}: {answer:?}", shell.name);
            assert!(answer.err.contains(said), "{} {path}: {answer:?}", shell.name);
            assert_eq!(fs::read_dir(&world.home).expect("home").count(), 0, "{} {path}", shell.name);
        }
    }
}

#[test]
fn an_archive_that_is_on_the_host_stays_there() {
    for shell in shells() {
        let world = World::new();
        let fields = |more: &[(&'static str, V)]| {
            let mut fields =
                vec![("src", V::from("~/in/a.tgz")), ("into", V::from("~")), ("creates", V::from("~/kafka-1/start"))];
            fields.extend_from_slice(more);
            fields
        };
        let step = recipe("archive", &fields(&[]));
        assert_eq!(world.ask(&step, shell).status, NOT_SO, "{}", shell.name);
        let answer = world.apply(&step, "", shell);
        assert!(
            answer.status == 1 && answer.err.contains("/in/a.tgz is not there: does an earlier step bring it?"),
            "{answer:?}"
        );
        world.write("in/a.tgz", tgz());
        let wrong = recipe("archive", &fields(&[("sha256", V::from("0".repeat(64)))]));
        assert_eq!(world.apply(&wrong, "", shell).status, REFUSED, "{}", shell.name);
        world.converge(&step, shell);
        assert!(world.exists("in/a.tgz"), "{}", shell.name);
    }
}

#[test]
fn a_full_disk_is_named() {
    let server = Server::new(&[("/a.tgz", Reply::Body(tgz()))]);
    let tar = "#!/bin/sh\necho 'tar: kafka-1/bin/deep/x: Cannot write: No space left on device' >&2\nexit 2\n";
    for shell in shells() {
        let world = quick(World::new());
        world.stand_in("tar", tar);
        let answer = world.apply(&step(&server.url("/a.tgz"), &[]), "", shell);
        assert_eq!(answer.status, 1, "{}: {answer:?}", shell.name);
        assert!(
            answer.err.contains("no space left in ") && answer.err.contains(" KiB free while unpacking"),
            "{answer:?}"
        );
        world.assert_tidy();
    }
}

#[test]
fn what_an_archive_needs_is_said() {
    let into = ("into", V::from("~"));
    let creates = ("creates", V::from("~/x"));
    assert_eq!(
        faults("archive", &[into.clone(), creates.clone()]),
        ["`archive` needs `url` or `src` (give `url`, or `src` for a file that is already on the host)"]
    );
    assert_eq!(
        faults("archive", &[("url", V::from("https://e.org/a.tgz")), into.clone(), ("creates", V::from("~"))]),
        ["`creates` is the directory that is unpacked into (name a file that only the archive brings)"]
    );
    assert_eq!(
        faults("archive", &[("src", V::from("~/a.tgz")), into, creates, ("keep", V::B(true))]),
        ["`keep` has no effect without `url` (an archive named by `src` is never removed: remove `keep`)"]
    );
}
