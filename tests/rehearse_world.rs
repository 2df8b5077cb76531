//! Rehearsal files: what they mean, and how their errors are shown.

use std::path::Path;

use pinboot::node;
use pinboot::rehearse::World;
use pinboot::rehearse::world::{Body, TreeKind, Url, UrlAnswer, like, parse, parse_over};
use pinboot::source::{Sources, render};

/// Reads a rehearsal file in a directory that also has the file `there.tgz`.
fn read(text: &str) -> Result<World, String> {
    let mut sources = Sources::default();
    let id = sources.add("play.rehearsal.yaml", text);
    let document = node::parse(id, text).map_err(|errors| render(&errors, &sources, false))?;
    let (world, errors) = parse(&document, Path::new("plays"), &|path| path == Path::new("plays/there.tgz"));
    if errors.is_empty() { Ok(world) } else { Err(render(&errors, &sources, false)) }
}

#[test]
fn the_milestones_rehearsal_file_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/milestone1.rehearsal.yaml");
    assert_eq!(World::beside(Path::new("playbooks/milestone1.yaml")), Path::new("playbooks/milestone1.rehearsal.yaml"));
    let world = read(&std::fs::read_to_string(path).expect("the file")).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(world.commands.is_empty(), "they come from the files that it builds on");
    let Body::Tgz(tree) = &world.urls[0].answers[0].body else { panic!("a tarball") };
    let script = tree.iter().find(|entry| entry.path.ends_with("bin/kafka-topics.sh")).expect("the script");
    assert_eq!(script.mode, 0o755);
    assert!(tree.iter().any(|entry| entry.path.ends_with("/config") && entry.what == TreeKind::Directory));
}

#[test]
fn every_form_of_an_answer() {
    let world = read(
        "urls:\n  http://169.254.169.254/latest: i-0\n  https://A.example:8443/x?y=1:\n    - { status: 503, body: later }\n    - { file: there.tgz, cut_after: 10 }\n  https://b.example: { redirect: https://a.example/ }\n",
    )
    .unwrap_or_else(|errors| panic!("{errors}"));
    let [first, second, third] = &world.urls[..] else { panic!("{:?}", world.urls) };
    assert_eq!(
        first,
        &Url {
            secure: false,
            name: "169.254.169.254".to_owned(),
            port: 80,
            path: "/latest".to_owned(),
            answers: vec![UrlAnswer { body: Body::Text("i-0".to_owned()), ..UrlAnswer::default() }],
        }
    );
    assert_eq!(second.text(), "https://a.example:8443/x?y=1");
    assert_eq!(second.answers[0].status, 503);
    assert_eq!(second.answers[1].body, Body::File("plays/there.tgz".into()));
    assert_eq!(second.answers[1].cut_after, Some(10));
    assert_eq!((third.path.as_str(), third.answers[0].status), ("/", 302));
}

/// A rehearsal file over another one.
fn read_over(base: World, text: &str) -> World {
    let mut sources = Sources::default();
    let id = sources.add("over.rehearsal.yaml", text);
    let document = node::parse(id, text).expect("valid YAML");
    let (world, errors) = parse_over(base, &document, Path::new("plays"), &|_| true);
    assert!(errors.is_empty(), "{}", render(&errors, &sources, false));
    world
}

#[test]
fn a_rehearsal_file_says_what_is_otherwise_than_in_the_one_below() {
    let below = read_over(
        World { user: "joe".to_owned(), home: "/home/joe".to_owned(), ..World::default() },
        "host: { hostname: below, os_release: { ID: debian, VERSION_ID: \"12\" } }\nabsent: [yum, java]\n\
         commands: { apt-get: one, dpkg: two }\nfiles: { /etc/a: one, /etc/b: two }\nurls: { https://a.example/x: one }\n",
    );
    assert_eq!((below.user.as_str(), below.home.as_str()), ("joe", "/home/joe"));
    let above = "like: below.yaml\nhost: { user: ann, os_release: { ID: amzn } }\nabsent: [dpkg]\n\
                 commands: { yum: three, apt-get: four }\nfiles: { /etc/b: five }\n\
                 urls: { https://a.example/x: two, https://a.example/y: three }\n";
    let world = read_over(below, above);
    assert_eq!((world.user.as_str(), world.home.as_str(), world.hostname.as_str()), ("ann", "/home/ann", "below"));
    assert_eq!(world.os_release, [("ID".to_owned(), "amzn".to_owned())]);
    assert_eq!(world.absent, ["java", "dpkg"]);
    let commands = world.commands.iter().map(|command| (command.name.as_str(), command.script.as_str()));
    assert_eq!(commands.collect::<Vec<_>>(), [("yum", "three"), ("apt-get", "four")]);
    let files = world.files.iter().map(|file| (file.path.as_str(), file.content.as_str()));
    assert_eq!(files.collect::<Vec<_>>(), [("/etc/a", "one"), ("/etc/b", "five")]);
    let bodies = world.urls.iter().map(|url| (url.path.as_str(), url.answers[0].body.clone()));
    let text = |text: &str| Body::Text(text.to_owned());
    assert_eq!(bodies.collect::<Vec<_>>(), [("/x", text("two")), ("/y", text("three"))]);
    let mut sources = Sources::default();
    let id = sources.add("over.rehearsal.yaml", above);
    let document = node::parse(id, above).expect("valid YAML");
    assert_eq!(like(&document).iter().map(|like| like.value).collect::<Vec<_>>(), ["below.yaml"]);
}

#[test]
fn all_errors_are_shown_at_once_and_each_at_its_place() {
    let text = "\
host: { user: 'a b', hom: /x, home: x }
url: {}
urls:
  ftp://x/: a
  https://x/: { tgz: { ../a: b, c: { mode: 9 } }, body: z, status: 20 }
  http://x:443/: { file: absent.tgz }
  https://x:443/: a
commands: { sudo: x, a/b: y, yum: }
absent: [yum, [a]]
files: { relative: x, ~/ok: { content: x, mod: 1 } }
";
    let mut sources = Sources::default();
    let id = sources.add("play.rehearsal.yaml", text);
    let document = node::parse(id, text).expect("valid YAML");
    let (_, errors) = parse(&document, Path::new("plays"), &|_| false);
    let mut shown: Vec<_> = errors
        .iter()
        .map(|error| {
            let (line, column) = sources.line_column(error.span.expect("a place"));
            format!("{line:2}:{column:<2} {}", error.message)
        })
        .collect();
    shown.sort();
    assert_eq!(
        shown,
        [
            " 1:15 invalid user name",
            " 1:22 unknown key `hom` in `host`",
            " 1:37 invalid path on the host",
            " 2:1  unknown key `url`",
            " 4:3  invalid URL",
            " 5:24 invalid path in an archive",
            " 5:44 invalid file mode `9`",
            " 5:51 an answer has only one body",
            " 5:68 invalid number `20`",
            " 6:26 no such file: `absent.tgz`",
            " 6:3  port 443 already serves https",
            " 7:3  duplicate URL `https://x/`",
            " 8:13 `sudo` cannot have a stand-in",
            " 8:22 invalid command name",
            " 8:33 no value",
            " 9:10 `yum` is both a stand-in and absent",
            " 9:15 a list instead of a text",
            "10:10 invalid path on the host",
            "10:43 unknown key `mod` of a file",
        ]
    );
    let words = render(&errors, &sources, false);
    assert!(words.contains("did you mean `home`?") && words.contains("did you mean `urls`?"), "{words}");
}
