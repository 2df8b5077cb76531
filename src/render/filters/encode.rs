//! Texts in other codings, and their digests.

use data_encoding::{BASE64, HEXLOWER};
use minijinja::{Error, Value};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::invalid::invalid;
use crate::render::characters::characters;

/// The text that a filter works on.
pub(super) fn text<'v>(filter: &str, value: &'v Value) -> Result<std::borrow::Cow<'v, str>, Error> {
    characters(value).map_err(|reason| {
        let reason = reason.strip_prefix("is ").unwrap_or(reason).trim_end_matches(", but text is needed here");
        invalid(format!("{filter} needs a text, and this is {reason}"))
    })
}

/// The filter `b64encode`.
pub(super) fn b64encode(value: &Value) -> Result<String, Error> {
    Ok(BASE64.encode(text("b64encode", value)?.as_bytes()))
}

/// The filter `b64decode`; what is encoded must be text.
pub(super) fn b64decode(value: &Value) -> Result<String, Error> {
    let encoded: String = text("b64decode", value)?.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = BASE64.decode(encoded.as_bytes()).map_err(|error| invalid(format!("invalid base64: {error}")))?;
    String::from_utf8(bytes).map_err(|_| invalid("what is encoded is not text"))
}

/// The filter `hash`, SHA-1 where nothing is said, as Ansible has it.
pub(super) fn hash(value: &Value, kind: Option<&str>) -> Result<String, Error> {
    let text = text("hash", value)?;
    let bytes = text.as_bytes();
    Ok(match kind.unwrap_or("sha1") {
        "sha1" => HEXLOWER.encode(&Sha1::digest(bytes)),
        "sha256" => HEXLOWER.encode(&Sha256::digest(bytes)),
        "sha384" => HEXLOWER.encode(&Sha384::digest(bytes)),
        "sha512" => HEXLOWER.encode(&Sha512::digest(bytes)),
        other => {
            return Err(invalid(format!(
                "unknown digest `{other}`: `sha1`, `sha256`, `sha384` and `sha512` are known"
            )));
        }
    })
}

/// The filter `urlencode`: everything but what RFC 3986 calls unreserved, and `/`, as Jinja has it.
pub(super) fn urlencode(value: &Value) -> Result<String, Error> {
    let text = text("urlencode", value)?;
    Ok(text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    }))
}
