//! What surrounds the hosts: a private network with its web, AWS's services, and a cluster of one broker.
//!
//! The test process has one such world. Hosts join its network; each has its own file system and processes.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::aws::{Account, metadata};
use super::kit::{INSIDE, KAFKA_NAME, Kit, kit};
use super::process::Process;
use super::root::Root;
use super::web::{Request, Response, serve};

/// The tutorial's URL of Kafka.
const KAFKA_URL: &str = "https://archive.apache.org/dist/kafka/2.8.1/kafka_2.12-2.8.1.tgz";

const JAR_URL: &str = "https://github.com/aws/aws-msk-iam-auth/releases/download/v1.1.5/aws-msk-iam-auth-1.1.5-all.jar";
const OBJECT_URL: &str = "https://objects.githubusercontent.com/aws-msk-iam-auth-1.1.5-all.jar?token=1";

/// How long a JVM may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// The private network and its services.
pub(crate) struct World {
    pub(crate) kit: &'static Kit,
    /// The private root of the cluster; all hosts share its network.
    pub(crate) root: Root,
    pub(crate) account: Arc<Account>,
    cluster: OnceLock<[Process; 2]>,
}

/// The world, made when it is first used; `None` if this machine cannot have it, after the reason was printed.
pub(crate) fn world() -> Option<&'static World> {
    static WORLD: OnceLock<World> = OnceLock::new();
    let kit = kit()?;
    Some(WORLD.get_or_init(|| World::make(kit)))
}

impl World {
    fn make(kit: &'static Kit) -> Self {
        let root = Root::start("the world", &kit.file("roots/world"), &kit.dir, None);
        root.run("cp", &[&format!("{INSIDE}/hosts"), "/etc/hosts"]);
        let account = Arc::new(Account::default());
        let sites = Sites {
            files: HashMap::from([(KAFKA_URL, kit.archive().into()), (OBJECT_URL, kit.iam_jar().into())]),
            account: Arc::clone(&account),
        };
        let addresses = [(Ipv4Addr::new(127, 0, 0, 3), 443), (Ipv4Addr::new(169, 254, 169, 254), 80)];
        let mut listeners = root.listen(&addresses.map(SocketAddr::from));
        serve(listeners.remove(1), None, metadata);
        serve(listeners.remove(0), Some(Arc::new(kit.tls())), move |request| sites.answer(request));
        Self { kit, root, account, cluster: OnceLock::new() }
    }

    /// Starts ZooKeeper and the broker, unless they are running.
    pub(crate) fn start_cluster(&self) {
        self.cluster.get_or_init(|| {
            self.root.run("mkdir", &["/srv/kafka"]);
            let archive = format!("{INSIDE}/kafka/{KAFKA_NAME}.tgz");
            self.root.run("tar", &["-xzf", &archive, "-C", "/srv/kafka", "--strip-components=1"]);
            let start = |script: &str, settings: &str| {
                let mut command = self.kafka(script);
                command.arg(format!("{INSIDE}/{settings}"));
                Process::start(script, &mut command)
            };
            let zookeeper = start("zookeeper-server-start.sh", "zookeeper.properties");
            zookeeper.wait_for("binding to port", PATIENCE);
            let broker = start("kafka-server-start.sh", "server.properties");
            broker.wait_for("started (kafka.server.KafkaServer)", PATIENCE);
            [zookeeper, broker]
        });
    }

    /// The broker's log so far.
    pub(crate) fn broker_log(&self) -> String {
        self.cluster.get().expect("the cluster is started").each_ref()[1].log()
    }

    /// The cluster's topics, without pinboot's help.
    pub(crate) fn topics(&self) -> Vec<String> {
        let output = self.kafka("kafka-topics.sh").args(["--bootstrap-server", "127.0.0.9:9092", "--list"]).output();
        let output = output.expect("kafka-topics.sh starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }

    /// The directory on which a private root of this name is mounted.
    pub(crate) fn base(&self, name: &str) -> PathBuf {
        self.kit.file("roots").join(name)
    }

    fn kafka(&self, script: &str) -> Command {
        let mut command = self.root.command(&format!("/srv/kafka/bin/{script}"));
        command.env("JAVA_HOME", &self.kit.java_home).env("CLASSPATH", format!("{INSIDE}/login"));
        command
    }
}

/// The web of the private network, with the names of the real one.
struct Sites {
    files: HashMap<&'static str, Arc<[u8]>>,
    account: Arc<Account>,
}

impl Sites {
    fn answer(&self, request: &Request) -> Response {
        let host = request.header("host").trim_end_matches(":443");
        let url = format!("https://{host}{}", request.target);
        match (host, url.as_str()) {
            ("sts.amazonaws.com" | "sts.us-east-1.amazonaws.com", _) => self.account.sts(request),
            (_, JAR_URL) => Response { status: 302, location: Some(OBJECT_URL.to_owned()), body: Arc::default() },
            (_, url) => match self.files.get(url) {
                Some(body) => Response { status: 200, location: None, body: Arc::clone(body) },
                None => Response::text(404, format!("<html>nothing at {url}</html>")),
            },
        }
    }
}
