//! The tier's own files: downloads from registries, and what is built from them; made once and kept below `target`.
//!
//! Each part is a directory with a digest of its sources, and is built again when they change. Private roots see all of it
//! as `/opt/pinboot-test`.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use pinboot::ids::Digest;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::aws::{OF_THE_ROLE, ROLE};
use crate::support::{left_out, need};

/// The cluster of the tutorial.
pub(crate) const CLUSTER: &str = "pinterestmskcluster.w8g8jt.c12.kafka.us-east-1.amazonaws.com";

/// The directory of Kafka in its archive.
pub(crate) const KAFKA_NAME: &str = "kafka_2.12-2.8.1";

/// Where private roots see the kit.
pub(crate) const INSIDE: &str = "/opt/pinboot-test";

/// The names that the private web serves over HTTPS.
const SITES: [&str; 5] = [
    "archive.apache.org",
    "github.com",
    "objects.githubusercontent.com",
    "sts.amazonaws.com",
    "sts.us-east-1.amazonaws.com",
];

/// The programs that the tier needs, and the packages that have them.
const PROGRAMS: [(&str, &str); 19] = [
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("ip", "iproute2"),
    ("sshd", "openssh-server"),
    ("sudo", "sudo"),
    ("curl", "curl"),
    ("mvn", "maven"),
    ("javac", "default-jdk-headless"),
    ("keytool", "default-jdk-headless"),
    ("openssl", "openssl"),
    ("/usr/bin/aws", "awscli"),
    ("dnf-3", "dnf"),
    ("rpmbuild", "rpm"),
    ("createrepo_c", "createrepo-c"),
    ("dpkg-scanpackages", "dpkg-dev"),
    ("bash", "bash"),
    ("busybox", "busybox"),
    ("fish", "fish"),
    ("tcsh", "tcsh"),
];

/// The tier's own files.
pub(crate) struct Kit {
    /// Its directory on this machine.
    pub(crate) dir: PathBuf,
    /// The JDK of this machine, which private roots see as well.
    pub(crate) java_home: PathBuf,
}

/// The kit, built if necessary; `None` if this machine cannot have it, after the reason was printed.
pub(crate) fn kit() -> Option<&'static Kit> {
    static KIT: OnceLock<Option<Kit>> = OnceLock::new();
    let mut reported = false;
    let make = || {
        reported = true;
        Kit::make()
    };
    let kit = KIT.get_or_init(make).as_ref();
    if kit.is_none() && !reported {
        left_out("this machine cannot have a private root with a real Kafka; the reason is shown for the first test");
    }
    kit
}

impl Kit {
    fn make() -> Option<Self> {
        if !rustix::process::getuid().is_root() {
            left_out("a private root needs root: `sudo -E cargo test --test host`");
            return None;
        }
        for (program, package) in PROGRAMS {
            need(program, package)?;
        }
        let javac = fs::canonicalize(need("javac", "default-jdk-headless")?).expect("the JDK's place");
        let java_home = javac.parent().and_then(Path::parent).expect("bin/javac below the JDK").to_owned();
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("host-tier");
        fs::create_dir_all(&dir).expect("the tier's folder");
        let kit = Self { dir, java_home };
        if !kit.fetch_kafka() {
            left_out("no Kafka: mvn could not download it from Maven Central; its output is above");
            return None;
        }
        kit.pack_kafka();
        kit.compile_login_module();
        kit.make_trust();
        kit.make_keys();
        kit.build_rpm();
        kit.build_deb();
        kit.write_settings();
        Some(kit)
    }

    /// A file of the kit.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The release's tarball.
    pub(crate) fn archive(&self) -> Vec<u8> {
        fs::read(self.file("kafka").join(format!("{KAFKA_NAME}.tgz"))).expect("Kafka's tarball")
    }

    /// The IAM library, the same file as in the tutorial.
    pub(crate) fn iam_jar(&self) -> Vec<u8> {
        fs::read(self.file("maven/aws-msk-iam-auth-1.1.5-all.jar")).expect("the IAM library")
    }

    /// The TLS configuration of the private web's sites.
    pub(crate) fn tls(&self) -> ServerConfig {
        let pem = |name: &str| fs::read(self.file("trust").join(name)).expect("a file of the private authority");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pem("web.key.der")));
        ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("TLS versions")
            .with_no_client_auth()
            .with_single_cert(vec![pem("web.der").into()], key)
            .expect("the certificate fits its key")
    }

    /// Builds a part, unless it exists and was built from the same sources.
    fn piece<F>(&self, name: &str, sources: &[&[u8]], build: F) -> bool
    where
        F: FnOnce(&Path) -> bool,
    {
        let whole = self.file(name);
        let note = Digest::of_fields(sources.iter().copied()).to_string();
        if fs::read_to_string(whole.join(".made-from")).is_ok_and(|old| old == note) {
            return true;
        }
        let part = self.file(&format!("{name}.part"));
        for folder in [&whole, &part] {
            if folder.exists() {
                fs::remove_dir_all(folder).expect("an older piece is removed");
            }
        }
        fs::create_dir_all(&part).expect("a folder for the piece");
        if !build(&part) {
            return false;
        }
        fs::write(part.join(".made-from"), note).expect("the note is written");
        fs::rename(&part, &whole).expect("the piece is put in its place");
        true
    }

    fn fetch_kafka(&self) -> bool {
        let pom = include_str!("pom.xml");
        self.piece("maven", &[pom.as_bytes()], |part| {
            fs::write(part.join("pom.xml"), pom).expect("pom.xml");
            let plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1";
            let goals: [&[&str]; 2] = [
                &["copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=libs"],
                &["copy", "-Dartifact=software.amazon.msk:aws-msk-iam-auth:1.1.5:jar:all", "-DoutputDirectory=."],
            ];
            goals.iter().all(|goal| {
                let mut command = Command::new("mvn");
                command.args(["--quiet", "--batch-mode", &format!("{plugin}:{}", goal[0])]).args(&goal[1..]);
                let output = command.current_dir(part).output().expect("mvn starts");
                if !output.status.success() {
                    let words = [output.stdout, output.stderr].concat();
                    drop(std::io::stderr().write_all(&words));
                }
                output.status.success()
            })
        })
    }

    /// Packs what the release's tarball holds.
    fn pack_kafka(&self) {
        let scripts = [
            ("bin/kafka-run-class.sh", include_str!("kafka/kafka-run-class.sh")),
            ("bin/kafka-topics.sh", include_str!("kafka/kafka-topics.sh")),
            ("bin/kafka-console-producer.sh", include_str!("kafka/kafka-console-producer.sh")),
            ("bin/kafka-console-consumer.sh", include_str!("kafka/kafka-console-consumer.sh")),
            ("bin/kafka-server-start.sh", include_str!("kafka/kafka-server-start.sh")),
            ("bin/zookeeper-server-start.sh", include_str!("kafka/zookeeper-server-start.sh")),
            ("config/server.properties", include_str!("kafka/release.server.properties")),
            ("config/zookeeper.properties", include_str!("kafka/release.zookeeper.properties")),
            ("config/log4j.properties", include_str!("kafka/log4j.properties")),
            ("config/tools-log4j.properties", include_str!("kafka/tools-log4j.properties")),
        ];
        let mut sources = vec![include_bytes!("pom.xml").as_slice()];
        sources.extend(scripts.iter().map(|(_, text)| text.as_bytes()));
        self.piece("kafka", &sources, |part| {
            let top = part.join(KAFKA_NAME);
            for folder in ["bin", "config", "libs"] {
                fs::create_dir_all(top.join(folder)).expect("a folder of the release");
            }
            for (name, text) in scripts {
                fs::write(top.join(name), text).expect("a file of the release");
                let mode = if name.starts_with("bin/") { 0o755 } else { 0o644 };
                fs::set_permissions(top.join(name), fs::Permissions::from_mode(mode)).expect("its mode");
            }
            for jar in fs::read_dir(self.file("maven/libs")).expect("Kafka's jars") {
                let jar = jar.expect("one of Kafka's jars");
                fs::copy(jar.path(), top.join("libs").join(jar.file_name())).expect("a jar of the release");
            }
            // Jars are compressed already. The lowest level gives the size of the release's tarball in half the time.
            let mut tar = Command::new("tar");
            tar.args(["--owner=0", "--group=0", "-I", "gzip -1", "-cf", &format!("{KAFKA_NAME}.tgz"), KAFKA_NAME]);
            succeed(tar.current_dir(part));
            true
        });
    }

    fn compile_login_module(&self) {
        let sources = [include_str!("java/MskLoginModule.java"), include_str!("java/MskSaslServer.java")];
        let java_home = self.java_home.as_os_str().as_encoded_bytes();
        self.piece("login", &[sources[0].as_bytes(), sources[1].as_bytes(), java_home], |part| {
            fs::write(part.join("MskLoginModule.java"), sources[0]).expect("a source");
            fs::write(part.join("MskSaslServer.java"), sources[1]).expect("a source");
            let jars = self.file("maven/libs").join("*");
            let mut javac = Command::new("javac");
            javac.args(["-Xlint:all", "-Werror", "-d", "."]).arg("-cp").arg(jars);
            succeed(javac.args(["MskLoginModule.java", "MskSaslServer.java"]).current_dir(part));
            true
        });
    }

    /// A private authority, its certificates for the web and for the broker, and a trust store of the JVM with it.
    fn make_trust(&self) {
        let store = "/etc/ssl/certs/java/cacerts";
        let brokers = [1, 2, 3].map(|number| format!("b-{number}.{CLUSTER}"));
        let mut sources: Vec<&[u8]> = SITES.iter().map(|site| site.as_bytes()).collect();
        sources.extend(brokers.iter().map(String::as_bytes));
        self.piece("trust", &sources, |part| {
            let write = |name: &str, bytes: &[u8]| fs::write(part.join(name), bytes).expect("a file of the authority");
            let key = KeyPair::generate().expect("a key for the private authority");
            let mut params = CertificateParams::new(Vec::new()).expect("parameters of the private authority");
            params.distinguished_name.push(DnType::CommonName, "pinboot test authority");
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            let authority = params.self_signed(&key).expect("the authority's certificate");
            write("authority.pem", authority.pem().as_bytes());
            let issuer = Issuer::new(params, key);
            let certify = |names: Vec<String>| {
                let key = KeyPair::generate().expect("a key");
                let params = CertificateParams::new(names).expect("names of a certificate");
                (params.signed_by(&key, &issuer).expect("a certificate"), key)
            };

            let (certificate, key) = certify(SITES.map(str::to_owned).to_vec());
            write("web.der", certificate.der());
            write("web.key.der", &key.serialize_der());
            let (certificate, key) = certify(brokers.to_vec());
            write("broker.pem", certificate.pem().as_bytes());
            write("broker.key", key.serialize_pem().as_bytes());
            let mut openssl = Command::new("openssl");
            openssl.args(["pkcs12", "-export", "-inkey", "broker.key", "-in", "broker.pem", "-name", "broker"]);
            succeed(openssl.args(["-passout", "pass:changeit", "-out", "broker.p12"]).current_dir(part));

            fs::copy(store, part.join("cacerts")).expect("the JVM's own store");
            let mut keytool = Command::new("keytool");
            keytool.args(["-importcert", "-noprompt", "-keystore", "cacerts", "-storepass", "changeit"]);
            succeed(keytool.args(["-alias", "pinboot", "-file", "authority.pem"]).current_dir(part));
            true
        });
    }

    /// A key pair as EC2 makes it: RSA, in PEM, with the name that the console gives it.
    fn make_keys(&self) {
        self.piece("keys", &[b"rsa 2048"], |part| {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-C", "Key pair name", "-f"]);
            succeed(keygen.arg("Key pair name.pem").current_dir(part));
            true
        });
    }

    /// A yum repository in which `java-1.8.0` is a name that another package provides, one package takes its time, and one has
    /// several versions.
    fn build_rpm(&self) {
        let plain = |name: &str, version: &str, more: &str| {
            format!(
                "Name: {name}\nVersion: {version}\nRelease: 1\nSummary: A package of pinboot's tests\nLicense: MIT\n\
                 BuildArch: noarch\n{more}\n%description\nIt is empty.\n\n%files\n"
            )
        };
        let specs = [
            include_str!("rpm/java-1.8.0-openjdk.spec").to_owned(),
            include_str!("rpm/pinboot-slow.spec").to_owned(),
            plain("pinboot-pin", "2.1", ""),
            plain("pinboot-pin", "2.1.3", ""),
            plain("pinboot-pin", "2.10", ""),
            plain("pinboot-epoch", "1.5", "Epoch: 1\n"),
            plain("pinboot-new", "3", "Obsoletes: pinboot-old < 3\n"),
        ];
        let java_home = self.java_home.display().to_string();
        let sources: Vec<&[u8]> = specs.iter().map(String::as_bytes).chain([java_home.as_bytes()]).collect();
        self.piece("rpm", &sources, |part| {
            let define = |name: &str, value: &str| ["--define".to_owned(), format!("{name} {value}")];
            let top = part.join("build").display().to_string();
            for spec in &specs {
                fs::write(part.join("package.spec"), spec).expect("the spec");
                let mut rpmbuild = Command::new("rpmbuild");
                rpmbuild.args(["-bb", "--quiet"]).args(define("_topdir", &top)).args(define("java_home", &java_home));
                rpmbuild.args(define("_dbpath", &format!("{top}/db")));
                rpmbuild.args(define("_rpmdir", &part.display().to_string()));
                succeed(rpmbuild.arg("package.spec").current_dir(part));
            }
            fs::remove_dir_all(part.join("build")).expect("the build folder is removed");
            succeed(Command::new("createrepo_c").args(["--quiet", "."]).current_dir(part));
            true
        });
    }

    /// An apt repository with the same kinds of package, and one that asks a question at the terminal.
    fn build_deb(&self) {
        const HELLO: &str = "#!/bin/sh\necho hello\n";
        let control = |name: &str, version: &str, more: &str| {
            format!(
                "Package: {name}\nVersion: {version}\nArchitecture: all\nSection: misc\nPriority: optional\n\
                 Maintainer: pinboot's tests <tests@example.org>\n{more}Description: a package of pinboot's tests\n"
            )
        };
        let program = ("usr/bin/pinboot-greeting", HELLO);
        let pin = ("usr/bin/pinboot-pin", HELLO);
        let packages = [
            (control("pinboot-greeting", "1.0-1", "Provides: pinboot-welcome\n"), program),
            (
                control("pinboot-slow", "1.0-1", ""),
                ("DEBIAN/postinst", "#!/bin/sh\nread -r line < /run/pinboot-gate\n"),
            ),
            (control("pinboot-asks", "1.0-1", ""), ("DEBIAN/postinst", "#!/bin/sh\nread -r line < /dev/tty\n")),
            (control("pinboot-pin", "2.1", ""), pin),
            (control("pinboot-pin", "2.1.3-1", ""), pin),
            (control("pinboot-pin", "2.10-1", ""), pin),
        ];
        let sources: Vec<&[u8]> =
            packages.iter().flat_map(|(control, program)| [control.as_bytes(), program.1.as_bytes()]).collect();
        self.piece("deb", &sources, |part| {
            for (number, (control, (program, text))) in packages.iter().enumerate() {
                let tree = part.join("tree");
                fs::create_dir_all(tree.join("DEBIAN")).expect("a folder of the package");
                fs::create_dir_all(tree.join("usr/bin")).expect("a folder of the package");
                fs::write(tree.join("DEBIAN/control"), control).expect("a file of the package");
                fs::write(tree.join(program), text).expect("a file of the package");
                fs::set_permissions(tree.join(program), fs::Permissions::from_mode(0o755)).expect("its mode");
                let mut build = Command::new("dpkg-deb");
                build.args(["--build", "--root-owner-group", "tree", &format!("{number}.deb")]);
                succeed(build.current_dir(part));
                fs::remove_dir_all(&tree).expect("the tree is removed");
            }
            let index = succeed(Command::new("dpkg-scanpackages").args(["--multiversion", "."]).current_dir(part));
            fs::write(part.join("Packages"), index).expect("the repository's index");
            true
        });
    }

    /// Files that need no build: the hosts file of every private root, and the cluster's settings.
    fn write_settings(&self) {
        let mut hosts = "127.0.0.1 localhost\n".to_owned();
        hosts.push_str(&format!("127.0.0.3 {}\n", SITES.join(" ")));
        let members = [1, 2, 3].map(|number| format!("b-{number}.{CLUSTER} z-{number}.{CLUSTER}"));
        hosts.push_str(&format!("127.0.0.9 {}\n", members.join(" ")));
        fs::write(self.file("hosts"), hosts).expect("the hosts file");

        let settings = include_str!("kafka/server.properties")
            .replace("@cluster@", CLUSTER)
            .replace("@access_key_id@", OF_THE_ROLE.access_key_id)
            .replace("@secret_access_key@", OF_THE_ROLE.secret_access_key)
            .replace("@session_token@", OF_THE_ROLE.session_token)
            .replace("@principal@", ROLE)
            .replace("@keystore@", &format!("{INSIDE}/trust/broker.p12"));
        fs::write(self.file("server.properties"), settings).expect("the broker's settings");
        fs::write(self.file("zookeeper.properties"), include_str!("kafka/zookeeper.properties"))
            .expect("ZooKeeper's settings");
    }
}

/// Runs a program of this machine, which must succeed, and returns its standard output.
fn succeed(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?} starts: {e}"));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{words}",
        output.status,
        String::from_utf8_lossy(&output.stdout)
    );
    output.stdout
}
