//! The stand-ins tested by themselves: an error in what surrounds the tests must not look like an error of pinboot.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tempfile::TempDir;

use super::host::{Host, Shell, iam_jar};
use super::mirror::{Answer, Mirror};
use crate::support;

const URL: &str = "https://archive.apache.org/dist/kafka/2.8.1/kafka_2.12-2.8.1.tgz";

struct World {
    host: Host,
    mirror: Mirror,
    _dir: TempDir,
}

impl World {
    /// `None` if this machine lacks a program that the stand-ins are tested with; the test has said which.
    fn new() -> Option<Self> {
        for program in ["curl", "wget", "python3", "dash"] {
            support::need(program, program)?;
        }
        let dir = TempDir::with_prefix("pinboot-mirror-").expect("a temporary folder");
        let mirror = Mirror::start(dir.path());
        let host = Host::new(Shell::Dash);
        Some(Self { host, mirror, _dir: dir })
    }

    fn sh(&self, script: &str) -> (Option<i32>, String) {
        let output = self.host.run(&self.host.shell(), &["-c", script], &self.mirror.environment());
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), text)
    }
}

#[test]
fn curl_and_wget_get_the_real_name_over_tls() {
    let Some(world) = World::new() else { return };
    let body: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    world.mirror.set(URL, Answer::Body(body.clone()));
    world.mirror.set("https://downloads.example/old", Answer::Redirect(URL.to_owned()));
    world.mirror.set("http://plain.example/x", Answer::Body(b"plain".to_vec()));
    for (tool, url) in [
        ("curl -fsSL -o got", URL),
        ("wget -q -O got", URL),
        ("curl -fsSL -o got", "https://downloads.example/old"),
        ("wget -q -O got", "https://downloads.example/old"),
    ] {
        let (status, text) = world.sh(&format!("rm -f got; {tool} {url}"));
        assert_eq!(status, Some(0), "{tool} {url}: {text}");
        assert!(fs::read(world.host.home().join("got")).expect("the download") == body, "{tool} {url}");
    }
    assert_eq!(
        world.sh("curl -fsS http://plain.example/x; wget -q -O - http://plain.example/x"),
        (Some(0), "plainplain".into())
    );
    assert_eq!(world.mirror.count(URL), 4);
}

#[test]
fn what_is_not_in_the_table_is_refused_by_name() {
    let Some(world) = World::new() else { return };
    let (status, text) = world.sh("curl -sS https://unknown.example/a/b");
    assert_eq!((status, text.as_str()), (Some(0), "the mirror has nothing for https://unknown.example/a/b\n"));
    let (status, text) = world.sh("wget -O got https://unknown.example/a/b");
    assert_eq!(status, Some(8), "{text}");
    world.mirror.set(URL, Answer::Status(404, "<html>Not Found</html>".to_owned()));
    assert_eq!(world.sh(&format!("curl -fsS {URL}")).0, Some(22));
}

#[test]
fn without_the_authority_no_client_trusts_the_mirror() {
    let Some(world) = World::new() else { return };
    world.mirror.set(URL, Answer::Body(b"x".to_vec()));
    assert_eq!(world.sh(&format!("unset CURL_CA_BUNDLE SSL_CERT_FILE; curl -fsS {URL}")).0, Some(60));
    assert_eq!(world.sh(&format!("unset SYSTEM_WGETRC; wget -q -O got {URL}")).0, Some(5));
    assert_eq!(world.mirror.requests(), []);
}

#[test]
fn a_cut_body_and_a_stalled_one_are_seen_by_the_clients() {
    let Some(world) = World::new() else { return };
    world.mirror.set(URL, Answer::Cut(vec![b'x'; 10_000], 4_000));
    assert_eq!(world.sh(&format!("curl -fsS -o got {URL}")).0, Some(18));
    assert_eq!(fs::metadata(world.host.home().join("got")).expect("the part").len(), 4_000);
    world.mirror.set(URL, Answer::Stall(vec![b'x'; 10_000], 4_000));
    let started = Instant::now();
    assert_eq!(world.sh(&format!("curl -fsS -m 1 -o got {URL}")).0, Some(28));
    assert!(started.elapsed().as_secs() < 10);
    assert_eq!(world.sh(&format!("curl -fsS -r 5- -o got -m 1 {URL}")).0, Some(28));
    assert_eq!(world.mirror.requests().last().and_then(|request| request.range.clone()), Some("bytes=5-".to_owned()));
}

#[test]
fn yum_asks_and_java_appears_with_its_package() {
    let Some(world) = World::new() else { return };
    assert_eq!(world.sh("command -v java apt-get dpkg aws dnf").1, "");
    assert_eq!(world.sh("rpm -q --whatprovides java-1.8.0"), (Some(1), "no package provides java-1.8.0\n".into()));
    let yum = if is_root() { "yum" } else { "sudo -n yum" };
    let (status, text) = world.sh(&format!("{yum} install java-1.8.0"));
    assert!(status == Some(1) && text.contains("Is this ok [y/d/N]:"), "{text}");
    assert_eq!(world.sh(&format!("{yum} -y install java-1.8.0")).0, Some(0));
    assert!(world.sh("java -version").1.contains("1.8.0"));
    assert_eq!(world.sh("rpm -q java-1.8.0").0, Some(1), "the name is not a package's");
    let full = "java-1.8.0-openjdk-1.8.0.382.b05-1.amzn2.0.2.x86_64\n";
    assert_eq!(world.sh("rpm -q --whatprovides java-1.8.0"), (Some(0), full.into()));
    assert!(world.sh(&format!("{yum} -y install java-1.8.0")).1.contains("Nothing to do"));
    assert_eq!(world.sh(&format!("{yum} -y install no-such-thing")).0, Some(1));
}

#[test]
fn sudo_asks_for_a_password_where_it_must() {
    let Some(world) = World::new() else { return };
    let (status, text) = world.sh("CLASSPATH=lost sudo -n -H -u ec2-user sh -c 'echo $USER ${CLASSPATH-clean}'");
    assert_eq!((status, text.as_str()), (Some(0), "ec2-user clean\n"));
    world.host.deny_sudo();
    assert_eq!(world.sh("sudo -n true"), (Some(1), "sudo: a password is required\n".into()));
}

#[test]
fn the_topics_script_wants_what_the_real_one_wants() {
    let Some(world) = World::new() else { return };
    let archive = world.host.place("kafka.tgz");
    fs::write(&archive, world.host.kafka_archive("kafka_2.12-2.8.1")).expect("the archive");
    assert_eq!(world.sh(&format!("tar -xzf {}", archive.display())).0, Some(0));
    let list =
        "cd kafka_2.12-2.8.1/bin && ./kafka-topics.sh --bootstrap-server b:9098 --command-config client.properties";
    assert_eq!(world.sh(&format!("{list} --list")).0, Some(127), "no Java");
    let yum = if is_root() { "yum" } else { "sudo -n yum" };
    world.sh(&format!("{yum} -y install java-1.8.0"));
    assert!(world.sh(&format!("{list} --list")).1.contains("NoSuchFileException"));
    let kafka = world.host.home().join("kafka_2.12-2.8.1");
    let lines = |role: &str| {
        format!(
            "security.protocol = SASL_SSL\nsasl.mechanism = AWS_MSK_IAM\n\
             sasl.jaas.config = software.amazon.msk.auth.iam.IAMLoginModule required{role};\n\
             sasl.client.callback.handler.class = software.amazon.msk.auth.iam.IAMClientCallbackHandler\n"
        )
    };
    fs::write(kafka.join("bin/client.properties"), lines("")).expect("the client's properties");
    assert!(world.sh(&format!("{list} --list")).1.contains("could not be found"));
    fs::write(kafka.join("libs/aws-msk-iam-auth-1.1.5-all.jar"), "<html>").expect("a page");
    assert!(world.sh(&format!("{list} --list")).1.contains("could not be found"), "a page is not a jar");
    fs::write(kafka.join("libs/aws-msk-iam-auth-1.1.5-all.jar"), iam_jar()).expect("the jar");
    assert_eq!(world.sh(&format!("{list} --list")), (Some(0), "__amazon_msk_canary\n__consumer_offsets\n".into()));
    let (status, text) = world.sh(&format!("{list} --create --topic 12ab.pin"));
    assert!(status == Some(0) && text.starts_with("WARNING:") && text.ends_with("Created topic 12ab.pin.\n"), "{text}");
    assert!(world.sh(&format!("{list} --create --topic 12ab.pin")).1.contains("already exists"));
    world.host.refuse_topics(&["12ab.geo"]);
    assert_eq!(world.sh(&format!("{list} --create --topic 12ab.geo")).0, Some(1));
    fs::write(kafka.join("bin/client.properties"), lines(" awsRoleArn=\"arn:aws:iam::1:role/x\"")).expect("properties");
    assert_eq!(world.sh(&format!("{list} --list")).0, Some(0));
    assert_eq!(world.host.topics(), ["12ab.pin", "__amazon_msk_canary", "__consumer_offsets"]);
}

#[test]
fn the_jar_is_a_zip_that_others_can_read() {
    let dir = TempDir::new().expect("a temporary folder");
    let jar: PathBuf = dir.path().join("x.jar");
    fs::write(&jar, iam_jar()).expect("the jar");
    let script = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); sys.exit(z.testzip() is not None or len(z.namelist()) != 1)";
    let host = Host::new(Shell::Dash);
    let output = host.run(Path::new("python3"), &["-c", script, &jar.display().to_string()], &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_tree_sees_one_byte_and_not_the_record() {
    let host = Host::new(Shell::Dash);
    let before = host.tree();
    fs::create_dir_all(host.home().join(".pinboot/runs/x")).expect("a record");
    assert_eq!(host.tree(), before);
    fs::write(host.home().join(".bashrc"), "x").expect("a change");
    assert_ne!(host.tree(), before);
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
