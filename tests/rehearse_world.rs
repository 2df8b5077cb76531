//! Rehearsal files: what they mean, and how their errors are shown.

use std::path::Path;

use pinboot::node;
use pinboot::rehearse::World;
use pinboot::rehearse::world::{Body, TreeKind, Url, UrlAnswer, parse};
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
    assert_eq!((world.user.as_str(), world.home.as_str()), ("ec2-user", "/home/ec2-user"));
    assert_eq!(world.commands.iter().map(|command| command.name.as_str()).collect::<Vec<_>>(), ["yum", "rpm"]);
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
