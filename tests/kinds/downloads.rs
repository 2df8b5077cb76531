//! `download`, against a server with faults.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use pinboot::script::Text;

use super::harness::{NOT_SO, REFUSED, Shell, V, World, faults, has, recipe, shells};
use super::server::{Reply, Server};

/// The smallest zip file: nothing but the directory at its end.
pub(crate) fn zip() -> Vec<u8> {
    let mut bytes = b"PK\x03\x04 stands for an entry ".to_vec();
    bytes.extend_from_slice(b"PK\x05\x06");
    bytes.extend_from_slice(&[0; 18]);
    bytes
}

const PAGE: &[u8] = b"\n\n<!DOCTYPE html>\n<html><title>Releases</title></html>\n";

/// Every program that fetches, each on a host that has only this one.
fn fetchers() -> Vec<(&'static str, World)> {
    let base = [
        "[",
        "awk",
        "cat",
        "chmod",
        "cp",
        "date",
        "dd",
        "df",
        "env",
        "grep",
        "gzip",
        "id",
        "kill",
        "ls",
        "mkdir",
        "mv",
        "od",
        "printf",
        "rm",
        "sed",
        "sha256sum",
        "sleep",
        "stat",
        "sync",
        "tail",
        "tr",
        "wc",
    ];
    let mut found = Vec::new();
    for fetcher in ["curl", "wget", "python3"] {
        if has(fetcher) {
            let mut programs = base.to_vec();
            programs.push(fetcher);
            found.push((fetcher, quick(World::with_only(&programs))));
        }
    }
    if has("busybox") {
        found.push(("busybox", quick(World::of_busybox())));
    }
    found
}

/// Without the pauses between two tries.
pub(crate) fn quick(mut world: World) -> World {
    world.env("pb_first_pause", "0");
    world
}

fn one_shell() -> Shell {
    shells()[0]
}

#[test]
fn a_file_comes_once_and_whole() {
    let server = Server::new(&[("/a.jar", Reply::Body(zip())), ("/via", Reply::To("/a.jar".into()))]);
    for shell in shells() {
        let world = quick(World::new());
        let step =
            recipe("download", &[("url", V::from(server.url("/a.jar?token=hidden"))), ("to", V::from("~/libs dir/"))]);
        assert!(step.subject.ends_with("~/libs dir/a.jar"), "{}", step.subject);
        let early = world.apply(&step, "", shell);
        assert!(early.status == 1 && early.err.contains("libs dir is not there"), "{}: {early:?}", shell.name);
        fs::create_dir(world.path("libs dir")).expect("made");
        let answer = world.converge(&step, shell);
        assert!(answer.out.contains("/libs dir/a.jar from http://") && !answer.out.contains("hidden"), "{answer:?}");
        assert_eq!(fs::read(world.path("libs dir/a.jar")).expect("there"), zip(), "{}", shell.name);
        assert_eq!(world.mode("libs dir/a.jar"), 0o644, "{}", shell.name);
    }
}

#[test]
fn each_fetcher_tells_the_same_faults_apart() {
    let big = vec![b'x'; 300_000];
    let replies = [
        ("/good.jar", Reply::Body(zip())),
        ("/page.jar", Reply::Body(PAGE.to_vec())),
        ("/empty", Reply::Body(Vec::new())),
        ("/text.tgz", Reply::Body(b"\x1b[31mnot packed".to_vec())),
        ("/cut", Reply::Cut(400_000, big.clone())),
        ("/cut.jar", Reply::NoLength(zip()[..20].to_vec())),
        ("/plain", Reply::NoLength(big)),
        ("/gone", Reply::Status(404)),
        ("/forbidden", Reply::Status(403)),
        ("/broken", Reply::Status(500)),
        ("/flaky.jar", Reply::Flaky(2, zip())),
        ("/one", Reply::To("/good.jar".into())),
        ("/round", Reply::To("/round".into())),
        ("/local", Reply::To("file:///etc/passwd".into())),
    ];
    let shell = one_shell();
    // Path, name of the target, status, a piece of what is said, and how often the path is asked for.
    let table: &[(&str, &str, i32, &str, usize)] = &[
        ("/good.jar", "a.jar", 0, "", 1),
        ("/one", "a.jar", 0, "", 1),
        ("/plain", "a.txt", 0, "", 1),
        ("/flaky.jar", "a.jar", 0, "", 3),
        (
            "/page.jar",
            "a.jar",
            REFUSED,
            "it is an HTML page and not a zip file (55 bytes, beginning with: ..<!DOCTYPE html>",
            1,
        ),
        ("/page.jar", "a.txt", REFUSED, "it is an HTML page (55 bytes", 1),
        ("/page.jar", "a.html", 0, "", 1),
        ("/empty", "a.txt", REFUSED, "it is empty", 1),
        ("/text.tgz", "a.tgz", REFUSED, "it is not a gzip file (15 bytes, beginning with: .[31mnot packed)", 1),
        ("/cut.jar", "a.jar", REFUSED, "it is cut short or damaged", 1),
        ("/cut", "a.txt", REFUSED, "the body ended too early, after 300000 ", 4),
        ("/gone", "a.txt", 1, "/gone: the server answered 404: there is no such file", 1),
        ("/forbidden", "a.txt", 1, "the server answered 403: it may not be read", 1),
        ("/broken", "a.txt", 1, "the server answered 500", 4),
        ("/round", "a.txt", 1, "/round: more than 10 redirections", 0),
        ("/local", "a.txt", 1, "/local: ", 0),
    ];
    for (fetcher, world) in fetchers() {
        let server = Server::new(&replies);
        for (path, name, status, piece, times) in table {
            let old = world.write(name, "the old file");
            fs::set_permissions(&old, fs::Permissions::from_mode(0o640)).expect("mode");
            let before = server.asked(path);
            let to = format!("~/{name}");
            let step = recipe("download", &[("url", V::from(server.url(path))), ("to", V::from(to))]);
            let answer = world.apply(&step, "", shell);
            let case = format!("{fetcher} {path} {name}: {answer:?}");
            assert_eq!(answer.status, *status, "{case}");
            assert!(answer.err.contains(piece) && (*status != 0 || answer.err.is_empty()), "{case}");
            if *times > 0 {
                assert_eq!(server.asked(path) - before, *times, "{case}");
            }
            if *status == 0 {
                assert_ne!(world.read_bytes(name), b"the old file", "{case}");
            } else {
                assert_eq!(world.read_bytes(name), b"the old file", "{case}: an old file stays");
            }
            assert_eq!(world.mode(name), 0o640, "{case}");
            world.assert_tidy();
        }
    }
}

#[test]
fn a_digest_decides() {
    let server = Server::new(&[("/good", Reply::Body(b"hello\n".to_vec())), ("/page", Reply::Body(PAGE.to_vec()))]);
    let digest = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    let step = |path: &str, digest: &str| {
        recipe("download", &[("url", V::from(server.url(path))), ("to", V::from("~/f")), ("sha256", V::from(digest))])
    };
    for shell in shells() {
        let world = quick(World::new());
        world.write("f", "old");
        let answer = world.converge(&step("/good", &digest.to_uppercase()), shell);
        assert!(answer.out.contains("/f: sha256 ") && answer.out.contains(&format!("-> {digest}")), "{answer:?}");
        let wrong = "0".repeat(64);
        let answer = world.apply(&step("/good", &wrong), "", shell);
        assert_eq!(answer.status, REFUSED, "{}: {answer:?}", shell.name);
        let said = format!("its sha256 is {digest} and {wrong} was expected (6 bytes, beginning with: hello.)");
        assert!(answer.err.contains(&said), "{}: {answer:?}", shell.name);
        let answer = world.apply(&step("/page", &wrong), "", shell);
        assert!(answer.status == REFUSED && answer.err.contains("it is an HTML page; its sha256 is"), "{answer:?}");
        assert_eq!(world.read("f"), "hello\n", "{}", shell.name);
        world.assert_tidy();
    }
    let long = "e7c22b994c59d9cf2b48e549b1e24666636045930d3da7c1acb299d1c3b7f931f94aae41edda2c2b207a36e10f8bcb8d45223e54878f5b316e7ce3b6bc019629";
    let step =
        recipe("download", &[("url", V::from(server.url("/good"))), ("to", V::from("~/f")), ("sha512", V::from(long))]);
    quick(World::new()).converge(&step, one_shell());
}

#[test]
fn every_digester_gives_the_same_sum() {
    let digest = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    let step = recipe(
        "download",
        &[("url", V::from("https://example.org/f")), ("to", V::from("~/f")), ("sha256", V::from(digest))],
    );
    for digester in ["sha256sum", "shasum", "openssl", "busybox", "python3"] {
        if !has(digester) {
            continue;
        }
        let world = World::with_only(&["[", "printf", digester]);
        world.write("f", "hello\n");
        world.is_so(&step, one_shell());
        world.write("f", "other\n");
        assert_eq!(world.ask(&step, one_shell()).status, NOT_SO, "{digester}");
    }
    let answer = {
        let world = World::with_only(&["[", "printf"]);
        world.write("f", "hello\n");
        world.ask(&step, one_shell())
    };
    assert!(answer.status == 1 && answer.err.contains("has no sha256sum, no shasum and no openssl"), "{answer:?}");
}

#[test]
fn the_next_address_is_tried_and_said() {
    let server = Server::new(&[
        ("/page.jar", Reply::Body(PAGE.to_vec())),
        ("/good.jar", Reply::Body(zip())),
        ("/gone", Reply::Status(404)),
    ]);
    let urls = |paths: &[&str]| V::L(paths.iter().map(|path| V::from(server.url(path))).collect());
    for shell in shells() {
        let world = quick(World::new());
        let step =
            recipe("download", &[("url", urls(&["/gone", "/page.jar", "/good.jar"])), ("to", V::from("~/a.jar"))]);
        let answer = world.apply(&step, "", shell);
        assert_eq!(answer.status, 0, "{}: {answer:?}", shell.name);
        assert!(answer.err.contains("answered 404: there is no such file; trying the next address"), "{answer:?}");
        assert!(answer.err.contains("it is an HTML page and not a zip file"), "{answer:?}");
        world.is_so(&step, shell);
        // One address gave something else than the file: that is a failure of integrity, whatever the last one said.
        let step = recipe("download", &[("url", urls(&["/page.jar", "/gone"])), ("to", V::from("~/b.jar"))]);
        let answer = world.apply(&step, "", shell);
        assert_eq!(answer.status, REFUSED, "{}: {answer:?}", shell.name);
        assert!(!world.exists("b.jar"), "{}", shell.name);
    }
}

#[test]
fn an_address_with_a_secret_is_in_no_message_and_no_argument() {
    let server = Server::new(&[("/gone", Reply::Status(404))]);
    let url = format!("{}?key={}", server.url("/gone"), Text::secret("token"));
    let step = recipe("download", &[("url", V::from(url)), ("to", V::from("~/f"))]);
    // The fetcher writes down what everybody can read of it.
    let spy = "#!/bin/sh\necho \"$*\" >> \"$HOME/argv\"\nPATH=${PATH#*:} exec curl \"$@\"\n";
    for shell in shells() {
        let world = quick(World::new());
        world.stand_in("curl", spy);
        let asked = world.ask(&step, shell);
        assert!(asked.out.ends_with("/f from the address (not shown: it holds a secret)\n"), "{asked:?}");
        let answer = world.apply(&step, "", shell);
        let said = "the address (not shown: it holds a secret): the server answered 404: there is no such file\n";
        assert_eq!((answer.status, answer.err.as_str()), (1, said), "{}", shell.name);
        assert!(!world.read("argv").contains("t0ken"), "{}", world.read("argv"));
    }
}

#[test]
fn a_bad_file_that_lies_there_is_seen() {
    let step = recipe("download", &[("url", V::from("https://example.org/a.jar")), ("to", V::from("~/"))]);
    for shell in shells() {
        let world = World::new();
        for (content, said) in [
            (Vec::new(), "it is empty"),
            (PAGE.to_vec(), "it is an HTML page and not a zip file"),
            (zip()[..20].to_vec(), "it is cut short or damaged"),
            (b"text".to_vec(), "it is not a zip file"),
        ] {
            world.write("a.jar", content);
            let answer = world.ask(&step, shell);
            assert_eq!(answer.status, NOT_SO, "{}: {answer:?}", shell.name);
            assert!(answer.out.contains(said), "{}: {answer:?}", shell.name);
        }
        world.write("a.jar", zip());
        world.is_so(&step, shell);
    }
}

#[test]
fn a_download_that_stalls_is_given_up() {
    for (fetcher, mut world) in fetchers() {
        let server = Server::new(&[("/slow", Reply::Stall)]);
        world.env("pb_stall_seconds", "1");
        let step = recipe("download", &[("url", V::from(server.url("/slow"))), ("to", V::from("~/f"))]);
        let answer = world.apply(&step, "", one_shell());
        assert_eq!(answer.status, 1, "{fetcher}: {answer:?}");
        assert!(answer.out.contains("/slow: nothing came for too long, "), "{fetcher}: {answer:?}");
        assert!(answer.err.contains("/slow: the server answered 404"), "{fetcher}: {answer:?}");
        assert!(!world.exists("f"), "{fetcher}");
        world.assert_tidy();
    }
}

#[test]
fn a_download_that_is_stopped_leaves_nothing_but_the_old_file() {
    for shell in shells() {
        let server = Server::new(&[("/slow", Reply::Stall)]);
        let world = quick(World::new());
        world.write("f", "old");
        let step = recipe("download", &[("url", V::from(server.url("/slow"))), ("to", V::from("~/f"))]);
        let mut child = world.begin(&step, shell);
        wait_until("the download has begun", || server.asked("/slow") == 1);
        let group = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process_group(group, rustix::process::Signal::TERM).expect("sent");
        let status = child.wait().expect("ended");
        assert!(!status.success(), "{}", shell.name);
        wait_until("nothing of it is left", || fs::read_dir(&world.home).expect("the home").count() == 1);
        assert_eq!(world.read("f"), "old", "{}", shell.name);
    }
}

fn wait_until(what: &str, so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !so() {
        assert!(Instant::now() < end, "{what}: not within 20 s");
        std::thread::yield_now();
    }
}

#[test]
fn without_a_fetcher_it_says_so() {
    let world = World::with_only(&["[", "printf", "mkdir", "rm", "id", "stat", "chmod"]);
    let step = recipe("download", &[("url", V::from("https://example.org/f")), ("to", V::from("~/f"))]);
    let answer = world.apply(&step, "", one_shell());
    assert_eq!(answer.status, 1, "{answer:?}");
    assert!(answer.err.contains("has neither curl nor wget"), "{answer:?}");
    world.assert_tidy();
}

#[test]
fn an_address_that_cannot_be_is_refused_before_anything_is_sent() {
    let step = |url: &str, to: &str| faults("download", &[("url", V::from(url)), ("to", V::from(to))]);
    assert_eq!(
        step("file:///etc/passwd", "~/f"),
        [
            "invalid address `file:///etc/passwd` (write the whole address, beginning with https:// or http:// and a host; a blank in it is %20)"
        ]
    );
    assert_eq!(
        step("https://example.org/", "~/"),
        ["the address ends without a file name to put behind this `/` (write the whole path, with the file's name)"]
    );
    assert_eq!(
        faults("download", &[("url", V::from("https://e.org/f")), ("to", V::from("~/f")), ("sha256", V::from("abc"))]),
        [
            "invalid SHA-256 digest `abc` (write the 64 hexadecimal digits that `sha256sum FILE` prints in front of the file's name)"
        ]
    );
}
