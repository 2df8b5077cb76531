//! `kafka_topics`, with a stand-in that keeps topics in a file and speaks like Kafka 2.8.1.

use super::harness::{NOT_SO, V, World, faults, recipe, shells};

const KAFKA: &str = r#"#!/bin/sh
echo "$*" >> "$HOME/asked"
[ ! -e "$HOME/answer" ] || { cat "$HOME/answer"; exit 1; }
echo "[2024-01-01 10:00:00,123] WARN Some.topic configuration is odd" >&2
echo "WARNING: a.pin is not what this line is about"
case " $* " in
*" --list "*) cat "$HOME/topics" 2> /dev/null; exit 0 ;;
esac
while [ "$1" != --topic ]; do shift; done
grep -qx "$2" "$HOME/topics" && { echo "Error while executing topic command : Topic '$2' already exists."; exit 1; }
echo "$2" >> "$HOME/topics"
echo "Created topic $2."
"#;

fn world() -> World {
    let world = World::new();
    world.write("kafka/bin/kafka-topics.sh", KAFKA);
    world.write("client.properties", "security.protocol = SASL_SSL\n");
    world.stand_in("java", "#!/bin/sh\n");
    let made = world.sh(&["sh", "-c"], "chmod 755 kafka/bin/kafka-topics.sh");
    assert_eq!(made.status, 0);
    world
}

fn step(topics: V) -> pinboot::kinds::Recipe {
    recipe(
        "kafka_topics",
        &[
            ("home", V::from("~/kafka")),
            ("bootstrap_servers", V::L(vec![V::from("b-1.x:9098"), V::from("b-3.x:9098,b-2.x:9098")])),
            ("command_config", V::from("~/client.properties")),
            ("topics", topics),
        ],
    )
}

#[test]
fn only_what_is_missing_is_created_with_what_was_asked_for() {
    for shell in shells() {
        let world = world();
        // A substring and a longer name are no topic of that name.
        world.write("topics", "aa.pin\na.pins\na.user\n");
        let step = step(V::L(vec![
            V::from("a.pin"),
            V::M(vec![
                ("name", V::from("a.geo")),
                ("partitions", V::from("3")),
                ("replication", V::from("2")),
                ("config", V::M(vec![("retention.ms", V::from("1000"))])),
            ]),
            V::from("a.user"),
        ]));
        assert_eq!(step.subject, "a.pin a.geo a.user");
        // The check of a real cluster leaves no trace; this one writes down what it was asked.
        let answer = world.check(&step, shell);
        assert_eq!((answer.status, answer.out.as_str()), (NOT_SO, "+ a.pin\n+ a.geo\n"), "{}: {answer:?}", shell.name);
        let applied = world.apply(&step, answer.out.trim_end(), shell);
        assert_eq!(applied.status, 0, "{}: {applied:?}", shell.name);
        assert!(applied.out.contains("Created topic a.pin."), "{}: {applied:?}", shell.name);
        let answer = world.check(&step, shell);
        assert_eq!((answer.status, answer.out.as_str()), (0, ""), "{}: {answer:?}", shell.name);
        let home = world.home.display().to_string();
        let asked = world.read("asked").replace(&home, "~");
        let start = "--bootstrap-server b-1.x:9098,b-3.x:9098,b-2.x:9098 --command-config ~/client.properties";
        let expected = [
            format!("{start} --list"),
            format!("{start} --create --topic a.pin"),
            format!("{start} --create --topic a.geo --partitions 3 --replication-factor 2 --config retention.ms=1000"),
            format!("{start} --list"),
        ];
        assert_eq!(asked.lines().collect::<Vec<_>>(), expected, "{}", shell.name);
    }
}

#[test]
fn a_topic_that_somebody_else_made_meanwhile_is_there() {
    for shell in shells() {
        let world = world();
        let step = step(V::from("a.pin"));
        let answer = world.check(&step, shell);
        world.write("topics", "a.pin\n");
        let applied = world.apply(&step, answer.out.trim_end(), shell);
        assert_eq!(
            (applied.status, applied.out.as_str()),
            (0, "a.pin is there by now\n"),
            "{}: {applied:?}",
            shell.name
        );
    }
}

#[test]
fn what_an_earlier_step_brings_is_no_failure_of_the_check() {
    for shell in shells() {
        let step = step(V::L(vec![V::from("a.pin"), V::from("a.geo")]));
        for missing in ["kafka/bin/kafka-topics.sh", "client.properties"] {
            let world = world();
            std::fs::remove_file(world.path(missing)).expect("removed");
            let answer = world.ask(&step, shell);
            assert_eq!(
                (answer.status, answer.out.as_str()),
                (NOT_SO, "+ a.pin\n+ a.geo\n"),
                "{}: {answer:?}",
                shell.name
            );
            let applied = world.apply(&step, answer.out.trim_end(), shell);
            assert_eq!(applied.status, 1, "{}: {applied:?}", shell.name);
            assert!(applied.err.contains(&format!("{missing} is not there")), "{}: {applied:?}", shell.name);
        }
    }
    let mut world = World::with_only(&["[", "printf", "cat", "awk"]);
    world.write("kafka/bin/kafka-topics.sh", KAFKA);
    world.write("client.properties", "");
    let without_java = step(V::from("a.pin"));
    assert_eq!(world.ask(&without_java, shells()[0]).status, NOT_SO);
    world.env("JAVA_HOME", "/nowhere");
    assert_eq!(world.ask(&without_java, shells()[0]).status, NOT_SO);
}

#[test]
fn a_cluster_that_does_not_answer_is_shown_once_and_counted() {
    let warning = |second: u32| {
        format!(
            "[2024-01-01 10:00:{second:02},001] WARN [AdminClient] Connection to node -1 terminated during authentication.\n"
        )
    };
    let noise: String = (0..50).map(warning).collect();
    let noise = format!(
        "{noise}Error while executing topic command : Timed out waiting for a node assignment. Call: listTopics\n"
    );
    let shown = "[2024-01-01 10:00:00,001] WARN [AdminClient] Connection to node -1 terminated during authentication. (50 times)\n\
                 Error while executing topic command : Timed out waiting for a node assignment. Call: listTopics\n";
    for shell in shells() {
        let world = world();
        world.write("answer", &noise);
        let step = step(V::from("a.pin"));
        let answer = world.check(&step, shell);
        assert_eq!((answer.status, answer.out.as_str(), answer.err.as_str()), (1, "", shown), "{}", shell.name);
        let applied = world.apply(&step, "+ a.pin", shell);
        assert_eq!((applied.status, applied.out.as_str()), (1, shown), "{}: {applied:?}", shell.name);
    }
}

#[test]
fn without_a_login_none_is_given_and_the_program_may_have_another_name() {
    let step = recipe(
        "kafka_topics",
        &[
            ("home", V::from("/opt/confluent")),
            ("bootstrap_servers", V::from("localhost:9092")),
            ("topics", V::from("pin")),
            ("script", V::from("kafka-topics")),
        ],
    );
    let fields = step.assignments();
    let fields = fields.as_str();
    assert!(fields.starts_with("arg_home=/opt/confluent arg_bootstrap_servers=localhost:9092 arg_command_config= "));
    assert!(fields.contains("item_name=pin item_partitions= item_replication= item_config="), "{fields}");
    assert!(fields.ends_with(" arg_script=kafka-topics"), "{fields}");
}

#[test]
fn a_topic_that_cannot_be_is_refused() {
    let with = |servers: &str, topics: V| {
        faults("kafka_topics", &[("home", V::from("~/k")), ("bootstrap_servers", V::from(servers)), ("topics", topics)])
    };
    assert_eq!(
        with("b-1.x", V::from("a b")),
        [
            "invalid broker address `b-1.x` (write host:port, as in b-1.example.org:9098 (9098 is MSK's port for IAM))",
            "invalid topic name `a b` (letters, digits, `.`, `_` and `-`, at most 249 of them, not beginning with `-`)"
        ]
    );
    let map = |key: &'static str, value: &str| V::L(vec![V::M(vec![("name", V::from("a")), (key, V::from(value))])]);
    assert_eq!(with("b:1", map("partitions", "0")), ["invalid count `0` (a whole number above 0)"]);
    assert_eq!(with("b:1", map("partition", "3")), ["`topics` has no field `partition` (did you mean `partitions`?)"]);
    assert_eq!(with("b:1", V::L(vec![V::from("a"), V::from("a")])), ["`a` is given twice ()"]);
    assert_eq!(
        with("b:1", V::L(Vec::new())),
        ["`topics` is an empty list (write at least one entry, or remove the key)"]
    );
}
