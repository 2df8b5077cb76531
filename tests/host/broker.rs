//! A broker on the host itself, as services: a record goes through it, and what answers for Confluent's proxy lists its topics.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::ec2::{Host, Image};
use super::world::world;

/// Ports that nothing else in the hosts' network has.
const LISTEN: &str = "listen=127.0.0.1:9192";
const ZOOKEEPER: &str = "zookeeper=127.0.0.1:2182";

fn playbook(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks").join(name)
}

/// A file of the host that another user put there.
fn put(host: &Host, path: &str, text: &str, mode: u32) {
    let place = host.root.place(path);
    fs::create_dir_all(place.parent().expect("a folder")).expect("a folder of the host");
    fs::write(&place, text).expect("a file of the host");
    fs::set_permissions(&place, fs::Permissions::from_mode(mode)).expect("its mode");
}

#[test]
fn a_broker_on_the_host_itself_is_a_service_and_takes_records() {
    let Some(world) = world() else { return };
    let host = Host::start(world, "broker", &Image::default());
    put(&host, "/usr/bin/systemctl", include_str!("systemctl.sh"), 0o755);
    let address = format!("address={}", host.address);
    let broker = ["-e", &address, "-e", "ssh_user=ec2-user", "-e", LISTEN, "-e", ZOOKEEPER];
    let play = |more: &[&str]| host.play_as_it_is(&playbook("local-broker.yaml"), &[&broker[..], more].concat());

    let first = play(&[]).exits(0);
    assert_eq!(first.outcomes(), format!("{}unchanged changed", "changed ".repeat(10)));
    let again = play(&[]).exits(0);
    assert_eq!(again.outcomes(), ["unchanged"; 12].join(" "));

    let home = ["-e", "kafka_home=~/kafka", "-e", "client_properties=null", "-e", "topic=pin"];
    let smoke = ["-e", "bootstrap_servers=[127.0.0.1:9192]", "-e", "record=it's \"here\" $HOME"];
    let smoke = host.play(&playbook("smoke.yaml"), &[&home[..], &smoke].concat()).exits(0);
    assert_eq!(smoke.outcomes(), "unchanged changed unchanged");

    // Another setting restarts the broker alone, and it keeps its topics.
    let other = play(&["-e", "settings={log.retention.hours: 24}", "-e", "topics=[pin, orders]"]).exits(0);
    assert_eq!(
        other.outcomes(),
        "unchanged unchanged unchanged unchanged unchanged changed unchanged unchanged unchanged changed unchanged changed"
    );

    let proxy = "/home/ec2-user/confluent-7.2.0";
    put(&host, &format!("{proxy}/bin/kafka-rest-start"), include_str!("rest-proxy.py"), 0o755);
    put(&host, &format!("{proxy}/etc/kafka-rest/kafka-rest.properties"), "#zookeeper.connect=localhost:2181\n", 0o644);
    host.root.run("chown", &["-R", "ec2-user:", proxy]);
    let rest =
        ["-e", "auth=plain", "-e", "bootstrap_servers=[127.0.0.1:9192]", "-e", "zookeeper_connect=[127.0.0.1:2182]"];
    let first = host.play(&playbook("milestone3.yaml"), &rest).exits(0);
    assert_eq!(first.outcomes(), "unchanged changed changed changed unchanged");
    let again = host.play(&playbook("milestone3.yaml"), &[&rest[..], &["--tags", "start"]].concat()).exits(0);
    assert_eq!(again.outcomes(), "unchanged unchanged");
    let topics = host.login("curl -fsS http://localhost:8082/topics");
    assert_eq!(topics, r#"["__consumer_offsets", "geo", "orders", "pin", "user"]"#);
}
