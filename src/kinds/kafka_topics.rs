//! `kafka_topics`: topics of a Kafka cluster, by the host's own Kafka.
//!
//! The cluster is asked once, with `--list`, and only the topics that are missing are created. A topic that is there
//! is left as it is: other partitions, replication or configuration than the playbook says are not altered.
//!
//! The login's environment reaches Kafka's programs whole: a cluster may need CLASSPATH, KAFKA_OPTS or JAVA_TOOL_OPTIONS (a
//! trust store, a proxy), and what Java prints about them is not taken for a topic.

use super::cause::Cause;
use super::field::{integer, list, path, text, text_map, texts};
use super::{ArgValue, Args, Field, Kind, Pattern, Recipe};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

/// Kafka's own rule for a topic's name.
const TOPIC: Pattern = Pattern {
    what: "topic name",
    fits: |name| {
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        (1..=249).contains(&name.len())
            && name.bytes().all(legal)
            && !matches!(name, "." | "..")
            && !name.starts_with('-')
    },
    on_host: "case $pb_value in \
              '' | . | .. | -* | *[!A-Za-z0-9._-]*) false ;; \
              *) [ ${#pb_value} -le 249 ] ;; esac",
    hint: "letters, digits, `.`, `_` and `-`, at most 249 of them, not beginning with `-`",
};

const BROKER: Pattern = Pattern {
    what: "broker address",
    fits: |server| {
        let port = server.rsplit_once(':').map_or("", |(_, port)| port);
        !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) && !server.contains(char::is_whitespace)
    },
    on_host: "case $pb_value in \
              *[!!-~]*) false ;; \
              *:*) case ${pb_value##*:} in '' | *[!0-9]*) false ;; esac ;; \
              *) false ;; esac",
    hint: "write host:port, as in b-1.example.org:9098 (9098 is MSK's port for IAM)",
};

const COUNT: Pattern = Pattern {
    what: "count",
    fits: |count| count.parse::<u32>().is_ok_and(|count| count > 0),
    on_host: "case $pb_value in '' | 0* | *[!0-9]*) false ;; *) [ ${#pb_value} -lt 10 ] ;; esac",
    hint: "a whole number above 0",
};

/// The fields of one topic.
const TOPIC_FIELDS: &[Field] = &[
    text("name", "The topic's name.").required().matching(&TOPIC),
    integer("partitions", "How many partitions it is created with.").matching(&COUNT),
    integer("replication", "How many replicas each partition is created with.").matching(&COUNT),
    text_map("config", "Settings that it is created with."),
];

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Creates the topics that a Kafka cluster does not have yet; those that it has are left as they are.",
    check: "one `--list`: each topic is a whole line of it",
    fields: &[
        path("home", "Kafka's directory on the host, with `bin` inside.").required(),
        texts("bootstrap_servers", "The brokers as host:port, a list or joined by commas; their order is kept.")
            .required()
            .joined()
            .matching(&BROKER),
        path("command_config", "The client's properties file on the host, for a cluster that wants a login."),
        list("topics", TOPIC_FIELDS, "The topics; the cluster's defaults hold for what a topic does not say.")
            .required()
            .unique(),
        text("script", "The program in `bin` (Confluent's is `kafka-topics`).").default("kafka-topics.sh"),
    ],
    subject: "topics",
    shell: include_str!("kafka_topics.sh"),
    causes: CAUSES,
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
    hook: Some(hook),
    ..Kind::named("kafka_topics")
};

#[expect(clippy::unnecessary_wraps, reason = "a hook may refuse what it is given")]
fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    recipe.equivalent_commands = Some(commands(args));
    Ok(())
}

/// One call for each topic, with the options that it gives.
fn commands(args: &Args<'_>) -> Script {
    let text = |name: &str| args.text(name).cloned().unwrap_or_default();
    let servers: Vec<String> = args.texts("bootstrap_servers").iter().map(|server| server.raw().to_owned()).collect();
    let (home, program, servers) = (text("home"), text("script"), Text::new(servers.join(",")));
    let mut call = Script::fill(
        "@{home}/bin/@{program} --bootstrap-server @{servers}",
        &[("home", &home), ("program", &program), ("servers", &servers)],
    );
    if let Some(config) = args.text("command_config") {
        call.append(&Script::fill(" --command-config @{config}", &[("config", config)]));
    }
    let mut script = call.clone();
    script.append(&Script::fill(" --list    # once; then only what is missing:", &[]));
    for topic in args.entries("topics") {
        let mut create = call.clone();
        create.append(&Script::fill(" --create", &[]));
        for (name, _, arg) in topic {
            let option = match name.as_str() {
                "name" => "--topic",
                "partitions" => "--partitions",
                "replication" => "--replication-factor",
                _ => "--config",
            };
            for value in option_values(&arg.value) {
                create.word(&Text::from(option)).word(&value);
            }
        }
        script.line(&create);
    }
    script
}

/// What stands behind an option, as often as it is given.
fn option_values(value: &ArgValue) -> Vec<Text> {
    match value {
        ArgValue::Map(map) => map
            .iter()
            .filter_map(|(name, _, arg)| match &arg.value {
                ArgValue::Text(text) => Some(Text::new(format!("{name}={}", text.raw()))),
                _ => None,
            })
            .collect(),
        ArgValue::Text(text) if text.raw().is_empty() => Vec::new(),
        ArgValue::Text(text) => vec![text.clone()],
        other => vec![Text::new(other.display())],
    }
}

/// The words are those of Kafka 2.8.1 and aws-msk-iam-auth 1.1.5.
const CAUSES: &[Cause] = &[
    Cause {
        words: &["does not show them to this client"],
        sentence: "The role may create the topics and not describe them: its IAM policy lacks kafka-cluster:DescribeTopic, or an ACL lacks Describe.",
    },
    Cause {
        words: &["iamclientcallbackhandler could not be found"],
        sentence: "Kafka did not find the IAM jar: it is neither in Kafka's `libs` nor on CLASSPATH, or the file is empty or no jar.",
    },
    Cause {
        words: &["is not authorized to perform: sts:assumerole"],
        sentence: "The role does not trust the one that asks for it: in the IAM console, add it as a principal to the role's trust policy.",
    },
    Cause {
        words: &["invalid login module control flag"],
        sentence: "The word `required` is missing in the sasl.jaas.config line, between the login module and awsRoleArn.",
    },
    Cause {
        words: &["login module control flag is not available"],
        sentence: "The sasl.jaas.config line ends too early: it needs `required` behind the login module and a `;` at its end.",
    },
    Cause {
        words: &["outofmemoryerror", "java heap space"],
        sentence: "A client without TLS asked a broker's TLS port and took the answer for a length: give --command-config (`command_config`) with security.protocol, or the plaintext port.",
    },
    Cause {
        words: &["terminated during authentication"],
        sentence: "The client speaks TLS and the port does not, or the login was refused: the port is 9098 for IAM, 9094 for TLS, 9092 for plaintext.",
    },
    Cause {
        words: &["no resolvable bootstrap urls"],
        sentence: "No broker's name can be resolved on the host: compare bootstrap_servers with the cluster's client information in the MSK console.",
    },
    Cause {
        words: &["couldn't resolve server", "bootstrap.servers"],
        sentence: "A broker's name cannot be resolved on the host: compare bootstrap_servers with the cluster's client information in the MSK console.",
    },
    Cause {
        words: &["topicauthorizationexception"],
        sentence: "The role may not do this with this topic: its IAM policy allows only certain names (such as those that begin with your user id).",
    },
    Cause {
        words: &["not authorized to access topics"],
        sentence: "The role may not do this with this topic: its IAM policy allows only certain names (such as those that begin with your user id).",
    },
    Cause {
        words: &["topic authorization failed"],
        sentence: "The role may not do this with this topic: its IAM policy allows only certain names (such as those that begin with your user id).",
    },
    Cause {
        words: &["saslauthenticationexception", "access denied"],
        sentence: "The cluster refused the login: the role's IAM policy lacks kafka-cluster:Connect for this cluster, or the ARN names another role.",
    },
    Cause {
        words: &["failed to find aws iam credentials"],
        sentence: "The host has no AWS credentials: attach an instance role in the EC2 console, or export AWS_ACCESS_KEY_ID and its secret.",
    },
    Cause {
        words: &["timed out waiting for a node assignment"],
        sentence: "No broker answered: the brokers' security group must let this host in on the port (9098 for IAM), and security.protocol must fit that port.",
    },
    Cause {
        words: &["failed to construct kafka"],
        sentence: "The client's configuration is at fault: the `Caused by` lines above name the key.",
    },
];
