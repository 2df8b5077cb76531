//! The errors for host keys that are not accepted.

use std::borrow::Cow;
use std::path::Path;

use super::host_key::HostPublicKey;
use super::lookup::{HostKeys, KeyJudgement};
use crate::transport::ssh::{ExpectedKey, sanitize};
use crate::transport::{Error, ErrorKind};

impl HostKeys {
    /// The error for a key that is changed, revoked or listed with an unknown marker.
    pub(crate) fn refuse(&self, judgement: &KeyJudgement, shown: &HostPublicKey) -> Option<Error> {
        let name = sanitize::escaped(self.name.as_bytes(), 300);
        let key = format!("{} {}", sanitize::escaped(shown.kind().as_bytes(), 64), shown.fingerprint());
        let error = |message: String| Error::new(ErrorKind::HostKey, message);
        match judgement {
            KeyJudgement::Match | KeyJudgement::New => None,
            KeyJudgement::Changed(listed) => {
                let file = sanitize::shell_word(&listed.place.path);
                let old = sanitize::escaped(listed.key.kind().as_bytes(), 64);
                let message = format!(
                    "the host key of {name} has changed: {} lists {old} {}, the host shows {key}",
                    listed.place.text(),
                    listed.key.fingerprint(),
                );
                Some(error(message).with_hint(format!(
                    "this may be an attack; if the instance was replaced, compare {} with its system log in the EC2 \
                     console, then remove the old key: ssh-keygen -f {file} -R '{}'",
                    shown.fingerprint(),
                    self.name.replace('\'', ""),
                )))
            }
            KeyJudgement::Revoked(place) => {
                Some(error(format!("the host key of {name}, {key}, is revoked by {}", place.text())).with_hint(
                    "other people may have a revoked key: do not connect, and ask the person who revoked it",
                ))
            }
            KeyJudgement::UnknownMarker(place) => {
                let message = format!("{} lists {name} with an unknown marker", place.text());
                Some(error(message).with_hint(format!(
                    "the known markers are @revoked and @cert-authority; fix or delete that line (the host shows {key})"
                )))
            }
        }
    }

    /// The error for a key that known_hosts accepts, but that is not the expected one.
    pub(crate) fn other_host(&self, shown: &HostPublicKey, expected: &ExpectedKey) -> Error {
        let clean = |text: &str| sanitize::escaped(text.as_bytes(), 300);
        let message = format!(
            "{} is not the host of {}: its key is {} {}, expected {} {}",
            clean(&self.name),
            clean(&expected.whose),
            clean(shown.kind()),
            shown.fingerprint(),
            clean(&expected.key_type),
            clean(&expected.fingerprint),
        );
        Error::new(ErrorKind::OtherHost, message).with_hint(expected.hint.clone())
    }

    /// The error for the key of a host that is not listed.
    pub(crate) fn unknown(&self, shown: &HostPublicKey, file: Option<&Path>) -> Error {
        let name = sanitize::escaped(self.name.as_bytes(), 300);
        let kind = sanitize::escaped(shown.kind().as_bytes(), 64);
        let mut message = format!("the host key of {name} is not known: it shows {kind} {}", shown.fingerprint());
        if self.listed.authority {
            message.push_str(" (known_hosts has a certificate authority for it, which pinboot does not use)");
        }
        let file = file.map_or(Cow::Borrowed("your known_hosts"), |file| Cow::Owned(sanitize::path(file)));
        Error::new(ErrorKind::HostKey, message).with_hint(format!(
            "compare the fingerprint with the one in the instance's system log (EC2 console: Actions, Monitor and \
             troubleshoot, Get system log); if it is the same, add this line to {file}: {} (or accept the key without \
             comparing it: --host-key accept-new)",
            sanitize::escaped(format!("{} {}", self.name, shown.words()).as_bytes(), 8192),
        ))
    }
}
