//! The parts of AWS that the host uses: version 2 of the instance metadata service, and the Security Token Service with the
//! roles of one account and their trust policies.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::web::{Request, Response};

/// Temporary credentials.
pub(crate) struct Credentials {
    pub(crate) access_key_id: &'static str,
    pub(crate) secret_access_key: &'static str,
    pub(crate) session_token: &'static str,
}

/// The tutorial's role, which is also the instance's own.
pub(crate) const ROLE: &str = "arn:aws:iam::584739742957:role/12c0d092d679-ec2-access-role";

/// Another role of the account, whose trust policy never names the instance's role.
pub(crate) const STRANGER: &str = "arn:aws:iam::584739742957:role/0e2756891034-ec2-access-role";

const ROLE_NAME: &str = "12c0d092d679-ec2-access-role";
const INSTANCE: &str = "i-0123456789abcdef0";
const METADATA_TOKEN: &str = "AQAEAPinbootTestMetadataToken==";

/// The credentials from the metadata service.
const OF_THE_INSTANCE: Credentials = Credentials {
    access_key_id: "ASIAPINBOOTINSTANCE1",
    secret_access_key: "pinboot/test/instance/secret+access/key1",
    session_token: "FwoGZXIvYXdzEInstancePinbootTest//////////wEaDA==",
};

/// The credentials from STS, and the only ones that the broker accepts.
pub(crate) const OF_THE_ROLE: Credentials = Credentials {
    access_key_id: "ASIAPINBOOTASSUMED01",
    secret_access_key: "pinboot/test/assumed+secret/access/key01",
    session_token: "FwoGZXIvYXdzEAssumedPinbootTest+/=//////wEaDA==",
};

/// The part of the account that a user can change in the console.
#[derive(Default)]
pub(crate) struct Account {
    /// Roles whose trust policy names themselves.
    trusting: Mutex<BTreeSet<String>>,
}

impl Account {
    /// What the tutorial asks the user to do in the console: the role becomes a principal of its own trust policy.
    pub(crate) fn let_role_trust_itself(&self, role: &str) {
        self.trusting.lock().unwrap_or_else(PoisonError::into_inner).insert(role.to_owned());
    }

    fn trusts_itself(&self, role: &str) -> bool {
        self.trusting.lock().unwrap_or_else(PoisonError::into_inner).contains(role)
    }

    /// Answers as `https://sts.amazonaws.com/` does.
    pub(crate) fn sts(&self, request: &Request) -> Response {
        if let Err(error) = verify(request, "sts", &OF_THE_INSTANCE) {
            return sts_error("SignatureDoesNotMatch", &error);
        }
        let body = String::from_utf8_lossy(&request.body);
        let form: Vec<(&str, String)> = body
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name, decode(value)))
            .collect();
        let field = |name: &str| form.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value.as_str());
        if (field("Action"), field("Version")) != ("AssumeRole", "2011-06-15") {
            return sts_error("InvalidAction", &format!("no action {} here", field("Action")));
        }
        let role = field("RoleArn");
        // The caller is a session of the instance's role, which only the trust policy of that same role can name.
        if role != ROLE || !self.trusts_itself(role) {
            return sts_error(
                "AccessDenied",
                &format!(
                    "User: arn:aws:sts::584739742957:assumed-role/{ROLE_NAME}/{INSTANCE} is not authorized to perform: \
                     sts:AssumeRole on resource: {role}"
                ),
            );
        }
        let Credentials { access_key_id, secret_access_key, session_token } = OF_THE_ROLE;
        let session = field("RoleSessionName");
        Response::text(
            200,
            format!(
                "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
                 <AssumedRoleUser><AssumedRoleId>AROAPINBOOTTEST:{session}</AssumedRoleId>\
                 <Arn>arn:aws:sts::584739742957:assumed-role/{ROLE_NAME}/{session}</Arn></AssumedRoleUser>\
                 <Credentials><AccessKeyId>{access_key_id}</AccessKeyId>\
                 <SecretAccessKey>{secret_access_key}</SecretAccessKey><SessionToken>{session_token}</SessionToken>\
                 <Expiration>2099-12-31T23:59:59Z</Expiration></Credentials></AssumeRoleResult>\
                 <ResponseMetadata><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ResponseMetadata>\
                 </AssumeRoleResponse>"
            ),
        )
    }
}

/// Answers as `http://169.254.169.254` does, if the request has a token.
pub(crate) fn metadata(request: &Request) -> Response {
    if (request.method.as_str(), request.target.as_str()) == ("PUT", "/latest/api/token") {
        return Response::text(200, METADATA_TOKEN);
    }
    if request.header("x-aws-ec2-metadata-token") != METADATA_TOKEN {
        return Response::text(401, "Unauthorized");
    }
    let credentials = "/latest/meta-data/iam/security-credentials/";
    if request.target == "/latest/meta-data/placement/availability-zone/" {
        return Response::text(200, "us-east-1a");
    }
    match request.target.strip_prefix(credentials) {
        Some("") => Response::text(200, ROLE_NAME),
        Some(ROLE_NAME) => {
            let Credentials { access_key_id, secret_access_key, session_token } = OF_THE_INSTANCE;
            let document = serde_json::json!({
                "Code": "Success",
                "LastUpdated": "2024-01-01T00:00:00Z",
                "Type": "AWS-HMAC",
                "AccessKeyId": access_key_id,
                "SecretAccessKey": secret_access_key,
                "Token": session_token,
                "Expiration": "2099-12-31T23:59:59Z",
            });
            Response::text(200, document.to_string())
        }
        _ => Response::text(404, "Not Found"),
    }
}

fn sts_error(code: &str, message: &str) -> Response {
    Response::text(
        403,
        format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
             <Code>{code}</Code><Message>{message}</Message></Error>\
             <RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ErrorResponse>"
        ),
    )
}

/// Verifies a request that is signed in its headers (Signature Version 4).
fn verify(request: &Request, service: &str, credentials: &Credentials) -> Result<(), String> {
    let authorization = request.header("authorization");
    let part = |name: &str| {
        let (_, rest) = authorization.split_once(name).unwrap_or_default();
        rest.split([',', ' ']).next().unwrap_or_default()
    };
    let (scope, signed, signature) = (part("Credential="), part("SignedHeaders="), part("Signature="));
    let fields: Vec<&str> = scope.split('/').collect();
    let [access_key_id, day, region, named_service, "aws4_request"] = fields[..] else {
        return Err(format!("no scope in {authorization}"));
    };
    if access_key_id != credentials.access_key_id || named_service != service {
        return Err(format!("{scope} is another's"));
    }
    if request.header("x-amz-security-token") != credentials.session_token {
        return Err("the session token is another's".to_owned());
    }
    let mut canonical = format!("{}\n{}\n\n", request.method, request.target);
    for name in signed.split(';') {
        let value = request.header(name).split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let _ = write!(canonical, "\n{signed}\n{}", HEXLOWER.encode(&Sha256::digest(&request.body)));
    let text = format!(
        "AWS4-HMAC-SHA256\n{}\n{day}/{region}/{service}/aws4_request\n{}",
        request.header("x-amz-date"),
        HEXLOWER.encode(&Sha256::digest(canonical.as_bytes()))
    );
    let mut key = format!("AWS4{}", credentials.secret_access_key).into_bytes();
    for word in [day, region, service, "aws4_request"] {
        key = authenticate(&key, word);
    }
    if HEXLOWER.encode(&authenticate(&key, &text)) == signature {
        Ok(())
    } else {
        Err("the signature does not match".to_owned())
    }
}

fn authenticate(key: &[u8], text: &str) -> Vec<u8> {
    let mut code = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    code.update(text.as_bytes());
    code.finalize().into_bytes().to_vec()
}

/// Decodes the value of a form.
fn decode(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        let digits = (byte == b'%').then(|| [rest.next(), rest.next()].map(|digit| digit.unwrap_or(b'0')));
        let decoded = digits.and_then(|pair| u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok());
        bytes.push(decoded.unwrap_or(if byte == b'+' { b' ' } else { byte }));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
