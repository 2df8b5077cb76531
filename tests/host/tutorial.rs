//! The tutorial with its own values: the role, SASL_SSL and AWS_MSK_IAM on 9098, and the known ways in which it fails.

use std::fs;
use std::path::Path;

use super::aws::{OF_THE_ROLE, ROLE, STRANGER};
use super::ec2::{Host, Image};
use super::world::world;

const JAR_STEP: &str = "  - name: Put the IAM library among Kafka's
    when: auth == \"iam\"
    download:
      url: \"{{ iam_jar_url }}\"
      to: \"{{ iam_jar }}\"
    sudo: \"{{ kafka_sudo }}\"
";

/// The tutorial as a user experiences it. The role does not trust itself yet: that step is manual, and the run fails at its
/// last step with the cause. After the visit to the console, the run is resumed and then repeated. AWS's client and Kafka's
/// use the same service. Then the same host fails in the other known ways.
#[test]
fn the_whole_tutorial_with_iam() {
    let Some(world) = world() else { return };
    world.start_cluster();
    let host = Host::start(world, "tutorial", &Image { aws: true, ..Image::default() });

    let refused = host.milestone(&[]).exits(1);
    assert_eq!(refused.outcomes(), "changed changed changed changed skipped changed failed");
    assert!(refused.cause().contains("role's trust policy"), "{}", refused.cause());
    assert_eq!(refused.steps()[6]["failure"], "check", "{}", refused.stdout);

    world.account.let_role_trust_itself(ROLE);
    let finished = host.rerun().exits(0);
    assert_eq!(finished.outcomes(), "unchanged unchanged unchanged unchanged unchanged unchanged changed");
    let topics = || world.topics().into_iter().filter(|topic| topic.starts_with("12c0d092d679.")).collect::<Vec<_>>();
    assert_eq!(topics(), ["12c0d092d679.geo", "12c0d092d679.pin", "12c0d092d679.user"]);
    let logins = |log: &str| log.matches(&format!("] login of {ROLE}")).count();
    let before = logins(&world.broker_log());
    assert!(before >= 5, "a list, three creations and a list: {before} logins");
    assert!(!world.broker_log().contains("login refused"), "{}", world.broker_log());

    let again = host.milestone(&[]).exits(0);
    assert_eq!(again.outcomes(), "unchanged unchanged unchanged unchanged unchanged unchanged unchanged");
    assert_eq!(topics().len(), 3);

    // A record goes to the cluster and comes back.
    let smoke = host.play(&Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/smoke.yaml"), &[]).exits(0);
    assert_eq!(smoke.outcomes(), "unchanged changed unchanged");
    assert_eq!(
        fs::metadata(host.home("kafka_2.12-2.8.1/libs/aws-msk-iam-auth-1.1.5-all.jar")).unwrap().len(),
        13_377_000
    );

    let stranger = host.milestone(&["-e", &format!("role_arn={STRANGER}")]).exits(1);
    assert!(stranger.cause().contains("role's trust policy"), "{}", stranger.cause());

    let client = ["--from", "Configure the client"];
    let lax = host.edited(&[("IAMLoginModule required", "IAMLoginModule")]);
    let lax = host.play(&lax, &client).exits(1);
    assert!(lax.cause().contains("`required` is missing"), "{}", lax.cause());

    // The client gives up after three seconds instead of a minute; its messages are the same.
    let mechanism = "    sasl.mechanism = AWS_MSK_IAM\n";
    let limits = format!("{mechanism}    default.api.timeout.ms = 3000\n    request.timeout.ms = 3000\n");
    let plain = host.edited(&[(mechanism, &limits), ("}}:9098", "}}:9092")]);
    let plain = host.play(&plain, &client).exits(1);
    assert!(plain.cause().contains("9098 for IAM"), "{}", plain.cause());

    let bare = host.edited(&[("      command_config: \"{{ command_config }}\"\n", "")]);
    let bare = host.play(&bare, &client).exits(1);
    assert!(bare.cause().contains("asked a broker's TLS port"), "{}", bare.cause());

    // The id of the key is right, but not the key.
    let environment = format!(
        "    env:\n      AWS_ACCESS_KEY_ID: {}\n      AWS_SECRET_ACCESS_KEY: guessed\n      AWS_SESSION_TOKEN: \"{}\"\n",
        OF_THE_ROLE.access_key_id, OF_THE_ROLE.session_token
    );
    let forged = host.edited(&[("    kafka_topics:\n", &format!("{environment}    kafka_topics:\n"))]);
    let forged = host.play(&forged, &["--from", "Configure the client", "-e", "role_arn="]).exits(1);
    assert!(forged.cause().contains("kafka-cluster:Connect"), "{}", forged.cause());
    assert!(world.broker_log().contains("login refused: the signature does not match"), "{}", world.broker_log());

    // The jar is neither in libs nor on CLASSPATH, because the step for it is missing.
    fs::remove_file(host.home("kafka_2.12-2.8.1/libs/aws-msk-iam-auth-1.1.5-all.jar")).expect("the jar is removed");
    let jarless = host.edited(&[(JAR_STEP, "")]);
    let jarless = host.play(&jarless, &[]).exits(1);
    assert!(jarless.cause().contains("did not find the IAM jar"), "{}", jarless.cause());

    // The unchanged playbook restores everything that the tutorial wants.
    let restored = host.milestone(&[]).exits(0);
    assert_eq!(restored.outcomes(), "unchanged unchanged changed unchanged unchanged unchanged unchanged");
}
