//! `kafka_topics`: topics of a Kafka cluster, by the host's own Kafka.
//!
//! The cluster is asked once, with `--list`, and only the topics that are missing are created. A topic that is there
//! is left as it is: other partitions, replication or configuration than the playbook says are not altered.

use super::args::finish;
use super::{Arg, ArgValue, Args, Field, Kind, Recipe, Shape};
use crate::script::{Script, Text};
use crate::source::{Diagnostic, Span};

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    name: "kafka_topics",
    summary: "Creates the topics that a Kafka cluster does not have yet; those that it has are left as they are.",
    check: "one `--list`: each topic is a whole line of it",
    fields: &[
        Field {
            name: "home",
            shape: Shape::Path,
            required: true,
            doc: "Kafka's directory on the host, with `bin` inside.",
        },
        Field {
            name: "bootstrap_servers",
            shape: Shape::Texts,
            required: true,
            doc: "The brokers as host:port, a list or joined by commas; their order is kept.",
        },
        Field {
            name: "command_config",
            shape: Shape::Path,
            required: false,
            doc: "The client's properties file on the host, for a cluster that wants a login.",
        },
        Field {
            name: "topics",
            shape: Shape::Any,
            required: true,
            doc: "Names, or maps of `name`, `partitions`, `replication` and `config`; the cluster's defaults hold where nothing is said.",
        },
        Field {
            name: "script",
            shape: Shape::Text,
            required: false,
            doc: "The program in `bin`; `kafka-topics.sh` where nothing is said (Confluent's is `kafka-topics`).",
        },
    ],
    short: None,
    example: "\
- name: Create the topics
  kafka_topics:
    home: ~/kafka_2.12-2.8.1
    bootstrap_servers: [\"b-1.example.org:9098\", \"b-2.example.org:9098\"]
    command_config: ~/kafka_2.12-2.8.1/bin/client.properties
    topics:
      - 12c0d092d679.pin
      - { name: 12c0d092d679.geo, partitions: 3, replication: 2, config: { retention.ms: 86400000 } }
",
    compile,
};

/// One wanted topic: its name, and the options of its creation.
struct Topic {
    name: Text,
    options: Vec<Text>,
}

fn compile(args: &Args<'_>) -> Result<Recipe, Vec<Diagnostic>> {
    let mut faults = Vec::new();
    let home = args.required("home", &mut faults);
    let program = args.text("script").cloned().unwrap_or_else(|| Text::from("kafka-topics.sh"));
    let servers = servers(args, &mut faults);
    let config = args.text("command_config").cloned().unwrap_or_default();
    let topics = topics(args, &mut faults);
    let values = [("home", &home), ("program", &program), ("servers", &servers), ("config", &config)];
    let connect = Script::fill("pb_kafka @{home} @{program} @{servers} @{config}", &values);
    let mut ask = Script::fill("pb_topics_check", &[]);
    for topic in &topics {
        ask.word(&topic.name);
    }
    let mut check = connect.clone();
    check.line(&ask);
    let config_words =
        if config.raw().is_empty() { Script::default() } else { Script::fill(" --command-config @{config}", &values) };
    let mut call = Script::fill("@{home}/bin/@{program} --bootstrap-server @{servers}", &values);
    call.append(&config_words);
    let mut equivalent_commands = call.clone();
    equivalent_commands.append(&Script::fill(" --list    # once; then only what is missing:", &[]));
    for topic in &topics {
        let mut create = call.clone();
        create.append(&Script::fill(" --create --topic", &[])).word(&topic.name);
        for option in &topic.options {
            create.word(option);
        }
        equivalent_commands.line(&create);
    }
    let equivalent_commands = Some(equivalent_commands);
    let mut apply = connect;
    for topic in &topics {
        apply.line(&Script::fill("pb_topic", &[])).word(&topic.name);
        for option in &topic.options {
            apply.word(option);
        }
    }
    let subject = topics.iter().map(|topic| topic.name.display()).collect::<Vec<_>>().join(" ");
    finish(Recipe { subject, check: Some(check), apply, equivalent_commands, ..Recipe::default() }, faults)
}

/// The brokers, joined by commas in the order in which they were written.
fn servers(args: &Args<'_>, faults: &mut Vec<Diagnostic>) -> Text {
    let texts = args.texts("bootstrap_servers");
    let mut joined = Vec::new();
    for (span, text) in &texts {
        for server in text.raw().split(',').map(str::trim) {
            let port = server.rsplit_once(':').map_or("", |(_, port)| port);
            let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
            if Text::from(server).literal().is_some() && (!is_port || server.contains(char::is_whitespace)) {
                let fault = Diagnostic::error(*span, format!("`{server}` is no broker's address"));
                faults.push(fault.hint("write host:port, as in b-1.example.org:9098 (9098 is MSK's port for IAM)"));
            }
            joined.push(server.to_owned());
        }
    }
    if texts.is_empty() {
        faults.push(Diagnostic::error(args.place("bootstrap_servers"), "this step names no broker"));
    }
    Text::new(joined.join(","))
}

fn topics(args: &Args<'_>, faults: &mut Vec<Diagnostic>) -> Vec<Topic> {
    let Some(arg) = args.get("topics") else {
        faults.push(Diagnostic::error(args.span, "this step needs `topics`"));
        return Vec::new();
    };
    let entries = if let ArgValue::List(list) = &arg.value { list.iter().collect() } else { vec![arg] };
    if entries.is_empty() {
        faults.push(Diagnostic::error(arg.span, "`topics` names no topic"));
    }
    let mut topics: Vec<(Span, Topic)> = Vec::new();
    for entry in entries {
        let Some(topic) = topic(entry, faults) else { continue };
        if let Some((first, _)) = topics.iter().find(|(_, known)| known.name == topic.name) {
            let fault = Diagnostic::error(entry.span, format!("the topic `{}` is named twice", topic.name.display()));
            faults.push(fault.related(*first, "first named here"));
        }
        topics.push((entry.span, topic));
    }
    topics.into_iter().map(|(_, topic)| topic).collect()
}

/// Reads one entry: a name, or a map.
fn topic(entry: &Arg, faults: &mut Vec<Diagnostic>) -> Option<Topic> {
    match &entry.value {
        ArgValue::Text(name) => {
            check_name(name, entry.span, faults);
            Some(Topic { name: name.clone(), options: Vec::new() })
        }
        ArgValue::Map(map) => {
            let mut name = None;
            let mut options = Vec::new();
            for (key, span, arg) in map {
                match (key.as_str(), &arg.value) {
                    ("name", ArgValue::Text(text)) => {
                        check_name(text, arg.span, faults);
                        name = Some(text.clone());
                    }
                    ("partitions", value) => options.extend(number("--partitions", key, value, arg.span, faults)),
                    ("replication", value) => {
                        options.extend(number("--replication-factor", key, value, arg.span, faults));
                    }
                    ("config", ArgValue::Map(config)) => {
                        for (key, _, arg) in config {
                            if let ArgValue::Text(value) = &arg.value {
                                options.push(Text::from("--config"));
                                options.push(Text::new(format!("{key}={}", value.raw())));
                            } else {
                                faults.push(Diagnostic::error(arg.span, format!("the value of `{key}` is no text")));
                            }
                        }
                    }
                    ("config", _) => faults.push(Diagnostic::error(arg.span, "`config` is a map from names to values")),
                    ("name", _) => faults.push(Diagnostic::error(arg.span, "a topic's name is a text")),
                    _ => {
                        let fault = Diagnostic::error(*span, format!("a topic has no `{key}`"));
                        let known = ["name", "partitions", "replication", "config"];
                        faults
                            .push(fault.hint("it has name, partitions, replication, config").did_you_mean(key, known));
                    }
                }
            }
            if name.is_none() {
                faults.push(Diagnostic::error(entry.span, "this topic has no `name`"));
            }
            name.map(|name| Topic { name, options })
        }
        _ => {
            faults.push(Diagnostic::error(entry.span, "expected a topic: a name, or a map with `name`"));
            None
        }
    }
}

/// An option with a count behind it.
fn number(option: &str, key: &str, value: &ArgValue, span: Span, faults: &mut Vec<Diagnostic>) -> Vec<Text> {
    let digits = match value {
        ArgValue::Text(text) => text.literal().map_or_else(String::new, str::to_owned),
        ArgValue::Integer(number) => number.to_string(),
        _ => String::new(),
    };
    if digits.parse::<u32>().is_ok_and(|number| number > 0) {
        return vec![Text::from(option), Text::new(digits)];
    }
    faults.push(Diagnostic::error(span, format!("`{key}` is a whole number above 0")));
    Vec::new()
}

/// Kafka's own rule for a topic's name.
fn check_name(name: &Text, span: Span, faults: &mut Vec<Diagnostic>) {
    let Some(letters) = name.literal() else { return };
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let fits = (1..=249).contains(&letters.len()) && letters.bytes().all(legal) && !matches!(letters, "." | "..");
    if !fits || letters.starts_with('-') {
        let fault = Diagnostic::error(span, format!("`{letters}` is no name for a topic"));
        faults.push(fault.hint("letters, digits, `.`, `_` and `-`, at most 249 of them, not beginning with `-`"));
    }
}
