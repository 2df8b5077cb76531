//! `s3_object`: a file of the host as an object of a bucket.
//!
//! S3 is asked by the host's own `aws`, with the credentials that it finds there. What is compared are the bytes, by a digest that S3
//! keeps: the SHA-256 that pinboot has it keep, or an ETag where that is one. Where S3 knows none, the check does not say "satisfied".

use super::address::URL;
use super::cause::Cause;
use super::doubt::Doubt;
use super::field::{one_of, path, text};
use super::rule::not_when;
use super::typed::TypedLine;
use super::{Args, Kind, Pattern, Recipe, When};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

const BUCKET: Pattern = Pattern {
    what: "bucket",
    fits: |bucket| {
        let is_edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let is_arn =
            bucket.starts_with("arn:") && bucket.bytes().all(|b| b.is_ascii_alphanumeric() || b":/_-".contains(&b));
        let bytes = bucket.as_bytes();
        is_arn
            || (3..=63).contains(&bytes.len())
                && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-".contains(b))
                && is_edge(bytes.first())
                && is_edge(bytes.last())
                && !bucket.contains("..")
    },
    on_host: "case $pb_value in \
              arn:*[!A-Za-z0-9:/_-]*) false ;; \
              arn:*) ;; \
              '' | *[!a-z0-9.-]* | [.-]* | *[.-] | *..*) false ;; \
              *) [ ${#pb_value} -ge 3 ] && [ ${#pb_value} -le 63 ] ;; esac",
    hint: "write its name alone, without s3:// and without a path: 3 to 63 lower-case letters, digits, `.` and `-`; or the ARN of an access point",
};

/// Beginnings that aws takes for the address of a file with the value.
const ELSEWHERE: &[&str] = &["file://", "fileb://", "http://", "https://", "s3://"];

const KEY: Pattern = Pattern {
    what: "key",
    fits: |key| {
        (1..=1024).contains(&key.len())
            && !key.contains(char::is_control)
            && !ELSEWHERE.iter().any(|beginning| key.starts_with(beginning))
    },
    on_host: "case $pb_value in \
              '' | *[!!-~' ']* | file://* | fileb://* | http://* | https://* | s3://*) false ;; \
              *) [ ${#pb_value} -le 1024 ] ;; esac",
    hint: "write the path in the bucket, such as plugins/connector.zip, without s3:// and the bucket's name; at most 1024 bytes",
};

const REGION: Pattern = Pattern {
    what: "region",
    fits: |region| {
        let last = region.rsplit('-').next().unwrap_or_default();
        region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !region.starts_with('-')
            && region.matches('-').count() >= 2
            && !last.is_empty()
            && last.bytes().all(|b| b.is_ascii_digit())
    },
    on_host: "case $pb_value in \
              *[!a-z0-9-]* | -*) false ;; \
              *-*-*) case ${pb_value##*-} in '' | *[!0-9]*) false ;; esac ;; \
              *) false ;; esac",
    hint: "write it as in us-east-1; with a letter behind it, it is a zone and not a region",
};

const PROFILE: Pattern = Pattern {
    what: "profile",
    fits: |profile| !profile.is_empty() && profile.bytes().all(|b| b == b' ' || b.is_ascii_graphic()),
    on_host: "case $pb_value in '' | *[!!-~' ']*) false ;; esac",
    hint: "write the name that stands in brackets in ~/.aws/config, without `profile `",
};

const CONTENT_TYPE: Pattern = Pattern {
    what: "content type",
    fits: |name| {
        name.split_once('/').is_some_and(|(kind, rest)| !kind.is_empty() && !rest.is_empty())
            && !name.contains("://")
            && name.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
            && name.trim() == name
    },
    on_host: "case $pb_value in ' '* | *' ' | *[!!-~' ']* | *://*) false ;; /* | */) false ;; */*) ;; *) false ;; esac",
    hint: "write it as in text/html; charset=utf-8",
};

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Puts a file of the host into a bucket of S3, or removes an object from one.",
    check: "`aws s3api head-object`: its size and the digest of its bytes are the file's, and its storage class and type are as given",
    fields: &[
        text("bucket", "The bucket's name, or the ARN of an access point.").required().matching(&BUCKET),
        text("key", "The path in the bucket; behind a last `/` the file's name is put.").required().matching(&KEY),
        path("from", "The file on the host. It may not be there yet when the check is asked."),
        text("region", "The bucket's region; by default the one that aws finds on the host.").matching(&REGION),
        text("profile", "The profile of the acting user's aws.").matching(&PROFILE),
        text("endpoint", "The address of another store that speaks S3.").matching(&URL),
        one_of(
            "storage_class",
            &[
                "STANDARD",
                "STANDARD_IA",
                "ONEZONE_IA",
                "INTELLIGENT_TIERING",
                "GLACIER_IR",
                "GLACIER",
                "DEEP_ARCHIVE",
                "REDUCED_REDUNDANCY",
                "EXPRESS_ONEZONE",
            ],
            "Its storage class; where nothing is said, it is not compared.",
        ),
        text("content_type", "Its type, such as `text/html`; where nothing is said, it is not compared.")
            .matching(&CONTENT_TYPE),
        one_of("state", &["present", "absent"], "Whether it is there.").default("present"),
    ],
    rules: &[
        not_when("from", When::Is("state", "absent")),
        not_when("storage_class", When::Is("state", "absent")),
        not_when("content_type", When::Is("state", "absent")),
    ],
    shell: include_str!("s3_object.sh"),
    causes: CAUSES,
    example: "\
- name: Bring the connector to the bucket
  s3_object:
    bucket: user-12c0d092d679-bucket
    key: kafka-connect-s3/
    from: ~/kafka-connect-s3/confluentinc-kafka-connect-s3-10.5.13.zip
    region: us-east-1
",
    doubts,
    hook: Some(hook),
    ..Kind::named("s3_object")
};

/// A key that begins with a slash, as no path in a bucket does.
fn doubts(args: &Args<'_>) -> Vec<Doubt> {
    if !args.text("key").is_some_and(|key| key.raw().starts_with('/')) {
        return Vec::new();
    }
    let message = "`key` begins with `/`: the object lies in a folder without a name";
    vec![Doubt::new("key", message, "write it without the first `/`")]
}

fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let is_absent = args.text("state").and_then(Text::literal) == Some("absent");
    let text = |name: &str| args.text(name).cloned().unwrap_or_default();
    let (bucket, mut key, from) = (text("bucket"), text("key"), text("from"));
    if !is_absent && !args.is_given("from") {
        let missing = Diagnostic::error(args.span, "`s3_object` needs `from`, the file that is to be there");
        return Err(vec![missing.hint("add `from`, or write `state: absent`")]);
    }
    if !is_absent && key.raw().ends_with('/') {
        let name = from.raw().rsplit('/').next().unwrap_or_default();
        if name.is_empty() {
            let folder = Diagnostic::error(args.place("from"), "`from` is a directory, and an object is one file");
            return Err(vec![folder.hint("name the file")]);
        }
        key = Text::new(format!("{}{name}", key.raw()));
    }
    // No `~/` in a key becomes a home.
    recipe.set("key", Script::author(key.quote_exactly()));
    recipe.subject = Text::new(format!("s3://{}/{}", bucket.raw(), key.raw())).display();
    let mut line = TypedLine::new(if is_absent { "aws s3api delete-object" } else { "aws s3api put-object" });
    line.flag("--bucket", true).word(&bucket);
    // A key may begin with `-`, and is not an option then.
    line.shell(&Script::fill_with("--key=@{key}", |_| Script::author(key.quote_exactly())));
    if !is_absent {
        line.flag("--body", true).word(&from);
        line.value("--storage-class", args, "storage_class").value("--content-type", args, "content_type");
        line.flag("--checksum-algorithm SHA256", true);
    }
    line.value("--profile", args, "profile").value("--region", args, "region");
    line.value("--endpoint-url", args, "endpoint");
    recipe.equivalent_commands = Some(line.whole());
    Ok(())
}

/// The words are those of aws 1 and 2, which differ in what stands in front of them.
const CAUSES: &[Cause] = &[
    Cause {
        words: &["has no aws", "install it in an earlier step"],
        sentence: "The AWS command line is not there: `package: awscli` brings it on most systems, and Amazon's own zip brings version 2.",
    },
    Cause {
        words: &["unable to locate credentials"],
        sentence: "The acting user has no AWS credentials on the host: attach an instance role in the EC2 console, name a `profile`, or give the step AWS_ACCESS_KEY_ID and its secret in `env`.",
    },
    Cause {
        words: &["the config profile", "could not be found"],
        sentence: "The acting user has no such profile: it stands in that user's ~/.aws/config, and with `sudo: true` in root's.",
    },
    Cause {
        words: &["(expiredtoken)"],
        sentence: "The session of these credentials has expired: take new ones (`aws sso login`, or new values in `env`).",
    },
    Cause {
        words: &["(invalidaccesskeyid)"],
        sentence: "AWS does not know this access key: it was deleted, or belongs to another store (`endpoint`).",
    },
    Cause {
        words: &["(signaturedoesnotmatch)"],
        sentence: "The secret does not belong to this access key: copy it once more, without a blank or a line's end.",
    },
    Cause {
        words: &["(requesttimetooskewed)"],
        sentence: "The host's clock is wrong: set it (`timedatectl set-ntp true`).",
    },
    Cause {
        words: &["(nosuchbucket)"],
        sentence: "There is no such bucket: compare its name with the S3 console, or make it in an earlier step.",
    },
    Cause { words: &["(permanentredirect)"], sentence: "The bucket is in another region: give its own as `region`." },
    Cause {
        words: &["(authorizationheadermalformed)"],
        sentence: "The bucket is in another region: give its own as `region`.",
    },
    Cause {
        words: &["(illegallocationconstraintexception)"],
        sentence: "The bucket is in another region: give its own as `region`.",
    },
    Cause { words: &["(301)", "headobject"], sentence: "The bucket is in another region: give its own as `region`." },
    Cause {
        words: &["(accessdenied)", "putobject"],
        sentence: "The credentials may not put this object: their IAM policy, or the bucket's, lacks s3:PutObject for it.",
    },
    Cause {
        words: &["(accessdenied)", "deleteobject"],
        sentence: "The credentials may not remove this object: their IAM policy, or the bucket's, lacks s3:DeleteObject for it.",
    },
    Cause {
        words: &["(403)", "headobject"],
        sentence: "The credentials need s3:GetObject for this object and s3:ListBucket for its bucket, and for an object under a key of KMS also kms:Decrypt.",
    },
    Cause {
        words: &["could not connect to the endpoint url"],
        sentence: "The host does not reach S3: its subnet needs a way out or an endpoint for S3, and `region` must be one that exists.",
    },
];
