//! Known errors: from what a step printed to the sentence that says why.
//!
//! The causes that only one kind knows stand with that kind; those that any program may meet (disk, sudo, network)
//! stand here.

use super::cause::{Cause, FULL};
use super::{KINDS, Kind, find};

/// What any program may meet, whatever the kind.
const SHARED: &[Cause] = &[
    Cause {
        words: &["no space left in ", "inodes free"],
        sentence: "The host's disk is full: it has no room for another file (`df -i`); remove what is made of many small ones.",
    },
    Cause { words: &["no space left on device"], sentence: FULL },
    Cause { words: &["no space left in "], sentence: FULL },
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
    Cause {
        words: &["404 not found"],
        sentence: "There is nothing at that address: check the version in it; old releases move to an archive (archive.apache.org).",
    },
    Cause {
        words: &["404: not found"],
        sentence: "There is nothing at that address: check the version in it; old releases move to an archive (archive.apache.org).",
    },
    Cause {
        words: &["returned error: 404"],
        sentence: "There is nothing at that address: check the version in it; old releases move to an archive (archive.apache.org).",
    },
    Cause {
        words: &["status code: 404"],
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

/// The likely cause of a failure, going by the kind of the step and by what it printed.
///
/// A kind's own causes come first, then those that all kinds share. What the author wrote may have run any program, so
/// there the causes of all kinds count, and the one that accounts for most of the output is taken.
pub fn cause(kind: &str, output: &str) -> Option<&'static str> {
    let output = output.to_ascii_lowercase();
    let first = |causes: &'static [Cause]| causes.iter().find(|cause| cause.fits(&output));
    let own = match find(kind).filter(|kind| !kind.is_authors_shell()) {
        Some(kind) => first(kind.causes),
        None => best(KINDS.iter().filter_map(|kind: &&Kind| first(kind.causes))),
    };
    own.or_else(|| first(SHARED)).map(|cause| cause.sentence)
}

/// The cause that accounts for most, whatever the order is in which they come.
fn best(causes: impl Iterator<Item = &'static Cause>) -> Option<&'static Cause> {
    causes.max_by_key(|cause| (cause.weight(), cause.sentence))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kind, output of it as it was seen, and a piece of the sentence that it must lead to.
    const SEEN: &[(&str, &str, &str)] = &[
        ("s3_object", "this host has no aws: install it in an earlier step", "command line is not there"),
        (
            "s3_object",
            "Unable to locate credentials. You can configure credentials by running \"aws configure\".",
            "has no AWS credentials",
        ),
        ("s3_object", "The config profile (deploy) could not be found", "no such profile"),
        (
            "s3_object",
            "An error occurred (ExpiredToken) when calling the PutObject operation: The provided token has expired.",
            "has expired",
        ),
        (
            "s3_object",
            "An error occurred (InvalidAccessKeyId) when calling the PutObject operation: The AWS Access Key Id you provided does not exist in our records.",
            "does not know this access key",
        ),
        (
            "s3_object",
            "An error occurred (SignatureDoesNotMatch) when calling the PutObject operation: The request signature we calculated does not match the signature you provided.",
            "does not belong to this access key",
        ),
        (
            "s3_object",
            "An error occurred (RequestTimeTooSkewed) when calling the PutObject operation: The difference between the request time and the current time is too large.",
            "clock is wrong",
        ),
        (
            "s3_object",
            "An error occurred (NoSuchBucket) when calling the PutObject operation: The specified bucket does not exist",
            "no such bucket",
        ),
        (
            "s3_object",
            "An error occurred (PermanentRedirect) when calling the PutObject operation: The bucket you are attempting to access must be addressed using the specified endpoint.",
            "in another region",
        ),
        (
            "s3_object",
            "An error occurred (AuthorizationHeaderMalformed) when calling the PutObject operation: The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'",
            "in another region",
        ),
        (
            "s3_object",
            "An error occurred (IllegalLocationConstraintException) when calling the PutObject operation: The eu-west-1 location constraint is incompatible for the region specific endpoint this request was sent to.",
            "in another region",
        ),
        (
            "s3_object",
            "An error occurred (301) when calling the HeadObject operation: Moved Permanently",
            "in another region",
        ),
        (
            "s3_object",
            "An error occurred (AccessDenied) when calling the PutObject operation: Access Denied",
            "lacks s3:PutObject",
        ),
        (
            "s3_object",
            "An error occurred (AccessDenied) when calling the DeleteObject operation: Access Denied",
            "lacks s3:DeleteObject",
        ),
        ("s3_object", "An error occurred (403) when calling the HeadObject operation: Forbidden", "need s3:GetObject"),
        (
            "s3_object",
            "Could not connect to the endpoint URL: \"https://bucket.s3.mars-1.amazonaws.com/key\"",
            "does not reach S3",
        ),
        (
            "container",
            "Error response from daemon: driver failed programming external connectivity on endpoint web: Bind for 0.0.0.0:80 failed: port is already allocated",
            "has this port of the host",
        ),
        (
            "container",
            "Error response from daemon: toomanyrequests: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit",
            "allows no more pulls for now",
        ),
        (
            "container",
            "Error response from daemon: Head \"https://r.example/v2/a/manifests/1\": no basic auth credentials",
            "wants a login",
        ),
        (
            "container",
            "Error: initializing source docker://r.example/a:1: reading manifest 1 in r.example/a: unauthorized: authentication required",
            "wants a login",
        ),
        ("compose", "no configuration file provided: not found", "has no compose file"),
        (
            "compose",
            "error while interpolating services.web.image: required variable TAG is missing a value: give one",
            "wants a variable that has no value",
        ),
        ("compose", "neither `docker compose` nor `docker-compose` is on this host", "install its plugin"),
        (
            "container",
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            "does not run on the host",
        ),
        (
            "container",
            "Error response from daemon: manifest for nginx:3 not found: manifest unknown: manifest unknown",
            "no image with this tag",
        ),
        (
            "container",
            "Error response from daemon: no matching manifest for linux/arm64/v8 in the manifest list entries",
            "this host's kind of processor",
        ),
        (
            "container",
            "Error: rootlessport listen tcp 0.0.0.0:8080: bind: address already in use",
            "has this port of the host",
        ),
        (
            "container",
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get \"http://%2Fvar%2Frun%2Fdocker.sock/v1.45/containers/web/json\": dial unix /var/run/docker.sock: connect: permission denied",
            "may not talk to docker",
        ),
        (
            "container",
            "Error response from daemon: pull access denied for nginy, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
            "shows it only to users who have logged in",
        ),
        ("git", "fatal: detected dubious ownership in repository at '/srv/app'", "belongs to another user"),
        (
            "git",
            "fatal: could not read Username for 'https://github.com': terminal prompts disabled",
            "wants a name and a password",
        ),
        (
            "git",
            "git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.",
            "does not take the key",
        ),
        (
            "git",
            "Host key verification failed.\nfatal: Could not read from remote repository.",
            "does not know the key of the repository's server",
        ),
        ("archive", "tar: kafka/libs/a.jar: Cannot write: No space left on device", "disk is full"),
        (
            "download",
            "https://x/a: no space left in /home/u: 0 KiB free (curl: (23) Failure writing output)",
            "disk is full",
        ),
        ("download", "https://x/a: no space left in /home/u: 0 inodes free (curl: (23) Failure writing)", "df -i"),
        ("archive", "this is not an archive: it is an HTML page (12 bytes)", "followed the link of a page"),
        ("archive", "cannot unpack: tar: aaa: Cannot open: File name too long", "255 bytes"),
        (
            "archive",
            "what is packed in this file is not a tar archive: tar: This does not look like a tar archive",
            "kind `download`",
        ),
        (
            "package",
            "Error Summary\n-------------\nDisk Requirements:\n   At least 12MB more space needed on the / filesystem.",
            "disk is full",
        ),
        (
            "package",
            "Error: Transaction test error:\n  installing package solo-1.0-1.noarch needs 2MB on the / filesystem",
            "disk is full",
        ),
        ("package", "E: You don't have enough free space in /var/cache/apt/archives/.", "disk is full"),
        ("package", "Failed to resolve the transaction:\nNo match for argument: nothing", "no package of that name"),
        ("package", "ERROR: unable to select packages:\n  nothing (no such package):", "apk search"),
        ("package", "No provider of 'nothing' found.", "zypper search"),
        ("package", "error: target not found: nothing", "pacman -Ss"),
        (
            "package",
            "E: Held packages were changed and -y was used without --allow-change-held-packages.",
            "apt-mark showhold",
        ),
        ("package", "error: failed to init transaction (unable to lock database)", "db.lck"),
        (
            "python",
            "the Python of this host cannot make virtual environments (venv or ensurepip is not available): install python3-venv in an earlier step",
            "apt: python3-venv",
        ),
        (
            "python",
            "this Python belongs to the package manager of the host (it is externally managed): give the step a venv",
            "PEP 668",
        ),
        ("python", "ERROR: No matching distribution found for nope==9", "pip download"),
        (
            "python",
            "HTTPSConnection(host='pypi.org', port=443): Failed to establish a new connection: [Errno -3] Temporary failure in name resolution",
            "PIP_INDEX_URL",
        ),
        (
            "python",
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
            "before you change a hash",
        ),
        (
            "upload",
            "conf/app.yml: it was changed after the plan was made: it has 4 bytes now, and had 3",
            "run the playbook again when nothing writes to it",
        ),
        (
            "upload",
            "no space left in /home/ubuntu/.pinboot for the files on their way: 100 KiB free, and 2000000 KiB are needed",
            "free so much there",
        ),
        ("script", "mkdir: cannot create directory 'x': Disk quota exceeded", "quota"),
        ("script", "touch: cannot touch 'x': Read-only file system", "mounted read-only"),
        ("script", "sudo: a password is required", "NOPASSWD"),
        ("script", "bob is not in the sudoers file.  This incident will be reported.", "may not use sudo"),
        (
            "kafka_topics",
            "ConfigException: Invalid value software.amazon.msk.auth.iam.IAMClientCallbackHandler for configuration sasl.client.callback.handler.class: Class software.amazon.msk.auth.iam.IAMClientCallbackHandler could not be found.",
            "did not find the IAM jar",
        ),
        (
            "kafka_topics",
            "SaslAuthenticationException: An error: (java.security.PrivilegedActionException: javax.security.sasl.SaslException: Failed to find AWS IAM Credentials [Caused by com.amazonaws.services.securitytoken.model.AWSSecurityTokenServiceException: User: arn:aws:sts::1:assumed-role/r/i-1 is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::1:role/r (Service: AWSSecurityTokenService; Status Code: 403; Error Code: AccessDenied;",
            "trust policy",
        ),
        (
            "kafka_topics",
            "IllegalArgumentException: Invalid login module control flag 'awsRoleArn' in JAAS config",
            "`required` is missing",
        ),
        (
            "kafka_topics",
            "IllegalArgumentException: Login module control flag is not available in the JAAS config",
            "ends too early",
        ),
        (
            "kafka_topics",
            "java.lang.OutOfMemoryError: Java heap space\nThe AdminClient thread has exited. Call: listTopics",
            "TLS port",
        ),
        (
            "kafka_topics",
            "WARN [AdminClient clientId=adminclient-1] Connection to node -1 (b/10.0.0.1:9092) terminated during authentication. This may happen due to any of the following reasons: …\nTimed out waiting for a node assignment. Call: listTopics",
            "9098 for IAM",
        ),
        (
            "kafka_topics",
            "Error while executing topic command : Timed out waiting for a node assignment. Call: listTopics",
            "security group",
        ),
        (
            "kafka_topics",
            "Couldn't resolve server b-1.x:9098 from bootstrap.servers as DNS resolution failed for b-1.x\nNo resolvable bootstrap urls given in bootstrap.servers",
            "No broker's name",
        ),
        (
            "kafka_topics",
            "WARN Couldn't resolve server b-1.x:9098 from bootstrap.servers as DNS resolution failed for b-1.x",
            "A broker's name",
        ),
        (
            "kafka_topics",
            "org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics: [a]",
            "certain names",
        ),
        ("kafka_topics", "Error while executing topic command : Not authorized to access topics: [a]", "certain names"),
        ("kafka_topics", "Topic authorization failed.", "certain names"),
        ("kafka_topics", "SaslAuthenticationException: [9a]: Access denied", "kafka-cluster:Connect"),
        ("kafka_topics", "javax.security.sasl.SaslException: Failed to find AWS IAM Credentials", "instance role"),
        (
            "kafka_topics",
            "these topics were created or are there already, and `--list` does not show them to this client: may it describe them?",
            "DescribeTopic",
        ),
        ("kafka_topics", "KafkaException: Failed to construct kafka producer", "configuration is at fault"),
        ("package", "Another app is currently holding the yum lock; waiting for it to exit...", "Another yum"),
        ("package", "Waiting for process with pid 4242 to finish.", "Another dnf"),
        (
            "package",
            "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 1234 (apt-get)",
            "Another apt",
        ),
        ("package", "gave up after 300 s: the package lock is still held by pid 5775 yum", "all that time"),
        (
            "package",
            "Err:1 http://deb.debian.org/debian bookworm InRelease\n  Temporary failure resolving 'deb.debian.org'\nE: Unable to locate package x",
            "names of apt's servers",
        ),
        (
            "package",
            "W: Failed to fetch http://h/d/InRelease  Could not resolve 'h'\nE: Unable to locate package x",
            "names of apt's servers",
        ),
        (
            "package",
            "Error: Failed to download metadata for repo 'r': Curl error (6): Couldn't resolve host name for https://m/repomd.xml [Could not resolve host: m]",
            "name of a repository's server",
        ),
        (
            "package",
            "could not find out what is installed: error: cannot open Packages index using sqlite - Permission denied (13)",
            "could not be read",
        ),
        (
            "package",
            "Cannot find a valid baseurl for repo: amzn2-core/2/x86_64\nCould not retrieve mirrorlist\nNo package x available.",
            "none of its repositories",
        ),
        ("package", "No package java-1.8.0 available.\nError: Nothing to do", "no package of that name"),
        ("package", "Error: Unable to find a match: java-1.8.0", "no package of that name"),
        ("package", "E: Unable to locate package openjdk-8-jdk", "apt has no package"),
        ("package", "E: Package 'openjdk-8-jdk' has no installation candidate", "successor"),
        (
            "download",
            "refused what came from https://x/a.jar: it is an HTML page and not a zip file (10 bytes, …)",
            "/releases/download/",
        ),
        ("download", "https://x/a.jar: the server answered 404: there is no such file", "archive.apache.org"),
        ("script", "ERROR 404: Not Found.", "archive.apache.org"),
        ("script", "Error: Server returned 404 Not Found", "archive.apache.org"),
        ("script", "curl: (22) The requested URL returned error: 404", "archive.apache.org"),
        (
            "package",
            "Errors during downloading metadata: Status code: 404 for https://m/repodata/repomd.xml (IP: 1.2.3.4)",
            "archive.apache.org",
        ),
        ("download", "curl: (60) SSL certificate problem: certificate is not yet valid", "clock is wrong"),
        (
            "download",
            "ERROR: The certificate of 'x' is not trusted.\nThe certificate is not yet activated",
            "clock is wrong",
        ),
        ("download", "curl: (60) SSL certificate problem: certificate has expired", "has expired"),
        ("download", "curl: (60) SSL certificate problem: unable to get local issuer certificate", "ca-certificates"),
        ("script", "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "ca-certificates"),
        ("download", "curl: (60) SSL certificate problem: self-signed certificate in certificate chain", "missing CA"),
        ("script", "ERROR: cannot verify example.org's certificate, issued by 'CN=x':", "ca-certificates"),
        ("download", "curl: (6) Could not resolve host: archive.apache.org", "cannot resolve that name"),
        ("download", "curl: (5) Could not resolve proxy: p", "proxy"),
        ("download", "wget: unable to resolve host address 'x'", "cannot resolve that name"),
        ("script", "ping: x: Temporary failure in name resolution", "no DNS at the moment"),
        ("script", "connect: Network is unreachable", "NAT gateway"),
        ("repository", "W: GPG error: https://h d InRelease: NO_PUBKEY 7EA0A9C3F273FCD8", "compare its `fingerprint`"),
        ("repository", "E: The repository 'https://h d Release' does not have a Release file.", "no such suite"),
        ("group", "groupdel: cannot remove the primary group of user 'bob'", "as the primary one"),
        ("group", "groupadd: GID '4' already exists", "Another group has this number"),
        ("user", "useradd: UID 1001 is not unique", "Another user has this number"),
        ("user", "usermod: UID '1001' already exists", "Another user has this number"),
        ("user", "useradd: group 'docker' does not exist", "make it in an earlier step"),
        ("user", "usermod: user alice is currently used by process 4711", "such as a session"),
        ("user", "usermod: user 'carol' does not exist in /etc/passwd", "directory service"),
        ("group", "groupadd: cannot lock /etc/group; try again later.", "changes the accounts"),
        (
            "group",
            "groupdel: cannot remove the primary group of user 'alice'",
            "A user has this group as the primary one",
        ),
        ("group", "groupadd: GID '1001' already exists", "Another group has this number"),
        ("user", "useradd: UID 1001 is not unique", "Another user has this number"),
        ("service", "Failed to start cups.service: Unit cups.service is masked.", "`masked: false` takes that back"),
        ("service", "Failed to start kafak.service: Unit kafak.service not found.", "list-unit-files"),
        ("service", "kafak: unrecognized service", "init script of that name"),
        ("service", "Failed to connect to bus: No medium found", "enable-linger"),
        (
            "repository",
            "W: GPG error: https://x stable InRelease: The following signatures couldn't be verified because the public \
             key is not available: NO_PUBKEY 7EA0A9C3F273FCD8",
            "not among those of the step",
        ),
        (
            "repository",
            "E: The repository 'https://x stable Release' does not have a Release file.",
            "has no such suite",
        ),
        (
            "mount",
            "mount: /srv/d: wrong fs type, bad option, bad superblock on nas:/export, missing codepage or helper program, or other error.",
            "nfs-common",
        ),
        ("mount", "mount: /srv/d: unknown filesystem type 'nosuchfs'.", "lsblk -f"),
        ("mount", "mount: /srv/d: special device nas:/export does not exist.", "no such device"),
        (
            "mount",
            "bad option; for several filesystems (e.g. nfs, cifs) you might need a /sbin/mount.<type> helper program.",
            "is missing",
        ),
        ("mount", "mount: /srv/d: /dev/sdb1 already mounted or mount point busy.", "RAID"),
        ("mount", "cannot mount tmpfs at /srv/d: mount: /srv/d: permission denied.", "container"),
        ("mount", "mount.nfs: access denied by server while mounting nas:/export", "/etc/exports"),
        ("swap", "/swapfile stays in use: swapoff: /swapfile: swapoff failed: Cannot allocate memory", "has no room"),
        (
            "swap",
            "/swapfile cannot be used as swap space: swapon: /swapfile: swapon failed: Operation not permitted",
            "container",
        ),
        (
            "swap",
            "/swapfile cannot be used as swap space: swapon: /swapfile: swapon failed: Invalid argument",
            "another file system",
        ),
        (
            "database",
            "could not ask PostgreSQL: FATAL:  Peer authentication failed for user \"postgres\"",
            "run_as: postgres",
        ),
        (
            "role",
            "Is the server running locally and accepting connections on that socket?",
            "start it in an earlier step",
        ),
        ("role", "psql: error: connection failed: fe_sendauth: no password supplied", "local all postgres peer"),
        ("role", "ERROR:  permission denied for table pg_authid", "not a superuser"),
        ("database", "ERROR:  role \"shop\" does not exist", "make it in an earlier step"),
        ("database", "ERROR:  source database \"template1\" is being accessed by other users", "end these connections"),
        ("database", "ERROR:  UTF9 is not a valid encoding name", "no such encoding"),
        ("database", "ERROR:  invalid locale name: \"de_AT.UTF-8\"", "locale -a"),
        ("database", "ERROR:  encoding \"LATIN1\" does not match locale \"en_US.UTF-8\"", "another encoding"),
        ("role", "ERROR:  relation \"public.orders\" does not exist", "no such table"),
        ("role", "ERROR:  current user cannot be dropped", "acts as"),
        ("role", "ERROR:  role \"shop\" cannot be dropped because some objects depend on it", "REASSIGN OWNED"),
    ];

    #[test]
    fn what_was_seen_leads_to_its_cause() {
        for (kind, output, piece) in SEEN {
            // The author's own shell may have printed the same.
            for kind in [kind, "script", ""] {
                let found = cause(kind, output).unwrap_or_else(|| panic!("no cause for {output} of {kind}"));
                assert!(found.contains(piece), "{output}\nled to: {found}");
            }
        }
        assert_eq!(cause("command", "make: *** [all] Error 2"), None);
        assert_eq!(cause("command", "404 rows read\nline 7: file not found"), None);
    }

    #[test]
    fn a_kind_is_asked_before_what_all_share_and_no_other_kind_is() {
        let both = "Could not resolve host: mirror\nNo package java-1.8.0 available.";
        assert!(cause("package", both).expect("a cause").contains("no package of that name"));
        assert!(cause("download", both).expect("a cause").contains("cannot resolve that name"));
        assert_eq!(cause("file", "No package java-1.8.0 available."), None);
    }

    #[test]
    fn the_order_of_the_kinds_decides_nothing() {
        for (_, output, _) in SEEN {
            let output = output.to_ascii_lowercase();
            let of = |kind: &&Kind| kind.causes.iter().find(|cause| cause.fits(&output));
            let forwards = best(KINDS.iter().filter_map(of)).map(|cause| cause.sentence);
            let backwards = best(KINDS.iter().rev().filter_map(of)).map(|cause| cause.sentence);
            assert_eq!(forwards, backwards, "{output}");
        }
    }

    #[test]
    fn every_row_was_seen_and_is_written_in_lower_case() {
        for row in KINDS.iter().flat_map(|kind| kind.causes).chain(SHARED) {
            let lower = |output: &str| output.to_ascii_lowercase();
            assert!(row.words.iter().all(|words| *words == lower(words)), "{:?}", row.words);
            assert!(SEEN.iter().any(|(_, output, _)| row.fits(&lower(output))), "no example for {:?}", row.words);
            assert!(row.sentence.ends_with('.'), "{}", row.sentence);
        }
    }
}
