//! Known errors: from what a step printed to the sentence that says why.
//!
//! A table and nothing else. The first row fits whose words all stand in the output, so that a row with the deeper
//! cause stands above one that quotes only the outer symptom.

/// Words that must all be in the output (letters of either case), and what they mean.
struct Cause {
    words: &'static [&'static str],
    sentence: &'static str,
}

const CAUSES: &[Cause] = &[
    // Disk and host.
    Cause {
        words: &["no space left on device"],
        sentence: "The host's disk is full: `df -h` shows where; remove old archives or give the volume more room.",
    },
    Cause {
        words: &["no space left in "],
        sentence: "The host's disk is full: `df -h` shows where; remove old archives or give the volume more room.",
    },
    Cause { words: &["disk quota exceeded"], sentence: "The user's disk quota on the host is used up." },
    Cause {
        words: &["read-only file system"],
        sentence: "The file system is mounted read-only, which is also what Linux does to a disk with errors: `dmesg` says.",
    },
    Cause {
        words: &["sudo", "a password is required"],
        sentence: "sudo asks this user for a password: allow NOPASSWD in sudoers (EC2's own login users have it), or log in as another user.",
    },
    Cause {
        words: &["is not in the sudoers file"],
        sentence: "This user may not use sudo: log in as the image's own user (ec2-user, ubuntu, admin), or add it to sudoers.",
    },
    // Kafka and its IAM login; the words are those of Kafka 2.8.1 and aws-msk-iam-auth 1.1.5.
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
    // Packages.
    Cause {
        words: &["another app is currently holding the yum lock"],
        sentence: "Another yum is at work, as at an instance's first boot: wait for it; never delete its lock.",
    },
    Cause {
        words: &["waiting for process with pid", "to finish"],
        sentence: "Another dnf is at work, as at an instance's first boot: wait for it; never delete its lock.",
    },
    Cause {
        words: &["could not get lock /var/lib/"],
        sentence: "Another apt is at work (unattended-upgrades at first boot): wait for it; never delete its lock.",
    },
    Cause {
        words: &["waited", "s for the package lock in vain"],
        sentence: "Another package manager has been at work all that time: see what it does (`ps`), then run again; never delete its lock.",
    },
    Cause {
        words: &["no package", "available"],
        sentence: "The host's repositories have no package of that name: Amazon Linux 2023, for one, has java-1.8.0-amazon-corretto.",
    },
    Cause {
        words: &["unable to find a match"],
        sentence: "The host's repositories have no package of that name: Amazon Linux 2023, for one, has java-1.8.0-amazon-corretto.",
    },
    Cause {
        words: &["unable to locate package"],
        sentence: "apt has no package of that name, also after a refresh of its lists: look it up with `apt-cache search`.",
    },
    Cause {
        words: &["has no installation candidate"],
        sentence: "apt knows the name and has nothing to install for it in this release: look for its successor with `apt-cache search`.",
    },
    // Downloads and the net.
    Cause {
        words: &["an html page"],
        sentence: "The address leads to a web page and not to the file: copy the link of the file itself (on GitHub: /releases/download/, not /releases/tag/).",
    },
    Cause {
        words: &["the server answered 404"],
        sentence: "There is nothing at that address: check the version in it; old releases move to an archive (archive.apache.org).",
    },
    Cause {
        words: &["404", "not found"],
        sentence: "There is nothing at that address: check the version in it; old releases move to an archive (archive.apache.org).",
    },
    Cause {
        words: &["certificate is not yet valid"],
        sentence: "The host's clock is wrong: certificates seem not to be valid yet (`date`; `sudo chronyc makestep`).",
    },
    Cause {
        words: &["certificate is not yet activated"],
        sentence: "The host's clock is wrong: certificates seem not to be valid yet (`date`; `sudo chronyc makestep`).",
    },
    Cause {
        words: &["certificate has expired"],
        sentence: "The server's certificate has expired, or the host's clock is wrong: compare `date`.",
    },
    Cause {
        words: &["unable to get local issuer certificate"],
        sentence: "The host does not know the authority that signed the server's certificate: install ca-certificates; behind a company's proxy, its CA too.",
    },
    Cause {
        words: &["certificate verify failed"],
        sentence: "The server's certificate could not be verified: install ca-certificates, and compare the host's clock (`date`).",
    },
    Cause {
        words: &["self-signed certificate"],
        sentence: "The server's certificate is signed by an authority the host does not know: a proxy in between, or a missing CA.",
    },
    Cause {
        words: &["cannot verify", "certificate"],
        sentence: "The server's certificate could not be verified: install ca-certificates, and compare the host's clock (`date`).",
    },
    Cause {
        words: &["could not resolve host"],
        sentence: "The host cannot resolve that name: a typing error in the address, or no DNS (a subnet without a way out).",
    },
    Cause {
        words: &["could not resolve proxy"],
        sentence: "The proxy in http_proxy or https_proxy cannot be resolved on the host.",
    },
    Cause {
        words: &["unable to resolve host address"],
        sentence: "The host cannot resolve that name: a typing error in the address, or no DNS (a subnet without a way out).",
    },
    Cause {
        words: &["temporary failure in name resolution"],
        sentence: "The host has no DNS at the moment: look at its subnet's route and at /etc/resolv.conf.",
    },
    Cause {
        words: &["network is unreachable"],
        sentence: "The host has no way out: its subnet needs an internet or NAT gateway.",
    },
];

/// The likely cause of a failure, going by what was printed; `None` where nothing in it is known.
pub fn cause(_kind: &str, output: &str) -> Option<&'static str> {
    let output = output.to_ascii_lowercase();
    CAUSES.iter().find(|cause| cause.words.iter().all(|words| output.contains(words))).map(|cause| cause.sentence)
}

#[cfg(test)]
mod tests {
    use super::{CAUSES, cause};

    /// Output as it was seen, and a piece of the sentence that it must lead to.
    const SEEN: &[(&str, &str)] = &[
        ("tar: kafka/libs/a.jar: Cannot write: No space left on device", "disk is full"),
        ("https://x/a: no space left in /home/u: 0 KiB free (curl: (23) Failure writing output)", "disk is full"),
        ("mkdir: cannot create directory 'x': Disk quota exceeded", "quota"),
        ("touch: cannot touch 'x': Read-only file system", "mounted read-only"),
        ("sudo: a password is required", "NOPASSWD"),
        ("bob is not in the sudoers file.  This incident will be reported.", "may not use sudo"),
        (
            "ConfigException: Invalid value software.amazon.msk.auth.iam.IAMClientCallbackHandler for configuration sasl.client.callback.handler.class: Class software.amazon.msk.auth.iam.IAMClientCallbackHandler could not be found.",
            "did not find the IAM jar",
        ),
        (
            "SaslAuthenticationException: An error: (java.security.PrivilegedActionException: javax.security.sasl.SaslException: Failed to find AWS IAM Credentials [Caused by com.amazonaws.services.securitytoken.model.AWSSecurityTokenServiceException: User: arn:aws:sts::1:assumed-role/r/i-1 is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::1:role/r (Service: AWSSecurityTokenService; Status Code: 403; Error Code: AccessDenied;",
            "trust policy",
        ),
        (
            "IllegalArgumentException: Invalid login module control flag 'awsRoleArn' in JAAS config",
            "`required` is missing",
        ),
        ("IllegalArgumentException: Login module control flag is not available in the JAAS config", "ends too early"),
        (
            "java.lang.OutOfMemoryError: Java heap space\nThe AdminClient thread has exited. Call: listTopics",
            "TLS port",
        ),
        (
            "WARN [AdminClient clientId=adminclient-1] Connection to node -1 (b/10.0.0.1:9092) terminated during authentication. This may happen due to any of the following reasons: …\nTimed out waiting for a node assignment. Call: listTopics",
            "9098 for IAM",
        ),
        (
            "Error while executing topic command : Timed out waiting for a node assignment. Call: listTopics",
            "security group",
        ),
        (
            "Couldn't resolve server b-1.x:9098 from bootstrap.servers as DNS resolution failed for b-1.x\nNo resolvable bootstrap urls given in bootstrap.servers",
            "No broker's name",
        ),
        (
            "WARN Couldn't resolve server b-1.x:9098 from bootstrap.servers as DNS resolution failed for b-1.x",
            "A broker's name",
        ),
        (
            "org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics: [a]",
            "certain names",
        ),
        ("Error while executing topic command : Not authorized to access topics: [a]", "certain names"),
        ("Topic authorization failed.", "certain names"),
        ("SaslAuthenticationException: [9a]: Access denied", "kafka-cluster:Connect"),
        ("javax.security.sasl.SaslException: Failed to find AWS IAM Credentials", "instance role"),
        ("KafkaException: Failed to construct kafka producer", "configuration is at fault"),
        ("Another app is currently holding the yum lock; waiting for it to exit...", "Another yum"),
        ("Waiting for process with pid 4242 to finish.", "Another dnf"),
        ("E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 1234 (apt-get)", "Another apt"),
        ("waited 300 s for the package lock in vain: it is held by pid 5775 yum", "all that time"),
        ("No package java-1.8.0 available.\nError: Nothing to do", "no package of that name"),
        ("Error: Unable to find a match: java-1.8.0", "no package of that name"),
        ("E: Unable to locate package openjdk-8-jdk", "apt has no package"),
        ("E: Package 'openjdk-8-jdk' has no installation candidate", "successor"),
        (
            "refused what came from https://x/a.jar: it is an HTML page and not a zip file (10 bytes, …)",
            "/releases/download/",
        ),
        ("https://x/a.jar: the server answered 404: there is no such file", "archive.apache.org"),
        ("ERROR 404: Not Found.", "archive.apache.org"),
        ("curl: (60) SSL certificate problem: certificate is not yet valid", "clock is wrong"),
        ("ERROR: The certificate of 'x' is not trusted.\nThe certificate is not yet activated", "clock is wrong"),
        ("curl: (60) SSL certificate problem: certificate has expired", "has expired"),
        ("curl: (60) SSL certificate problem: unable to get local issuer certificate", "ca-certificates"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "ca-certificates"),
        ("curl: (60) SSL certificate problem: self-signed certificate in certificate chain", "missing CA"),
        ("ERROR: cannot verify example.org's certificate, issued by 'CN=x':", "ca-certificates"),
        ("curl: (6) Could not resolve host: archive.apache.org", "cannot resolve that name"),
        ("curl: (5) Could not resolve proxy: p", "proxy"),
        ("wget: unable to resolve host address 'x'", "cannot resolve that name"),
        ("ping: x: Temporary failure in name resolution", "no DNS at the moment"),
        ("connect: Network is unreachable", "NAT gateway"),
    ];

    #[test]
    fn what_was_seen_leads_to_its_cause() {
        for (output, piece) in SEEN {
            let found = cause("", output).unwrap_or_else(|| panic!("no cause for {output}"));
            assert!(found.contains(piece), "{output}\nled to: {found}");
        }
        assert_eq!(cause("", "make: *** [all] Error 2"), None);
    }

    #[test]
    fn every_row_was_seen_and_is_written_in_small_letters() {
        for row in CAUSES {
            let lower = |output: &str| output.to_ascii_lowercase();
            assert!(row.words.iter().all(|words| *words == lower(words)), "{:?}", row.words);
            let seen = SEEN.iter().any(|(output, _)| row.words.iter().all(|words| lower(output).contains(words)));
            assert!(seen, "no example for {:?}", row.words);
            assert!(row.sentence.ends_with('.'), "{}", row.sentence);
        }
    }
}
