//! Names that must not be mixed up: runs, hosts, steps, digests.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The name of one run, the same on this machine and on the host: eight lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// Makes a run's name out of four random bytes.
    pub fn from_random(bytes: [u8; 4]) -> Self {
        Self(hex(&bytes))
    }

    /// Reads a run's name as a person or a file gives it; `None` where it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == 8 && is_hex(text);
        fits.then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name that a playbook gives to a host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostId(pub String);

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The 1-based position of a step in a host's plan, turns of a loop counted one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub u32);

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a step for people, the same wherever one is shown or typed: its place in the playbook from 1, and for an
/// iteration of a loop the iteration's number from 1 behind a dot, as in `3` and `3.2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepLabel {
    /// The step's place in the playbook.
    pub step: u32,
    /// The iteration's number.
    pub iteration: Option<u32>,
}

impl StepLabel {
    /// The label of a step that is not an iteration.
    pub fn plain(step: u32) -> Self {
        Self { step, iteration: None }
    }

    /// Reads a label as a person types it, or as journals of earlier versions have it (`3[2]`).
    pub fn parse(text: &str) -> Option<Self> {
        let number = |digits: &str| {
            let number: u32 = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())??;
            (number > 0).then_some(number)
        };
        let iteration = text.split_once('.').or_else(|| text.strip_suffix(']')?.split_once('['));
        match iteration {
            Some((step, iteration)) => Some(Self { step: number(step)?, iteration: Some(number(iteration)?) }),
            None => Some(Self::plain(number(text)?)),
        }
    }
}

impl fmt::Display for StepLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.iteration {
            Some(iteration) => f.pad(&format!("{}.{iteration}", self.step)),
            None => self.step.fmt(f),
        }
    }
}

impl Serialize for StepLabel {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StepLabel {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("invalid step label `{text}`")))
    }
}

/// What a step is called across runs, versions of its playbook and machines: 16 lower-case hexadecimal digits.
///
/// They are made of the step's `id`, or else of its name as it is written, and of the item for an iteration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepKey(String);

impl StepKey {
    /// The key of the step that is called so, or of its iteration over this item.
    pub fn new(called: &str, item: Option<&str>) -> Self {
        let mut fields = vec![called.as_bytes()];
        fields.extend(item.map(str::as_bytes));
        let mut digits = Digest::of_fields(fields).0;
        digits.truncate(16);
        Self(digits)
    }

    /// The key of what a field of this step waits for.
    #[must_use]
    pub fn of_field(&self, field: &str) -> Self {
        Self::new(&self.0, Some(field))
    }

    /// The 16 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A SHA-256 digest in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// Digests bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(hex(&Sha256::digest(bytes)))
    }

    /// Takes over a hash that was computed piece by piece.
    pub fn from_hash(hash: [u8; 32]) -> Self {
        Self(hex(&hash))
    }

    /// Digests a list of fields so that no two different lists give the same bytes to the hash.
    pub fn of_fields<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for field in fields {
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field);
        }
        Self(hex(&hash.finalize()))
    }

    /// The 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The sentence about a run that nothing is known of; `given` is what the user gave.
pub fn unknown_run(given: &str) -> String {
    format!("no run `{given}`")
}

/// Whether a text is nothing but lower-case hexadecimal digits.
pub fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Writes bytes as lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_is_eight_hex_digits() {
        assert_eq!(RunId::from_random([0x3f, 0x9c, 0, 0xff]).as_str(), "3f9c00ff");
        assert!(RunId::parse("3f9c00ff").is_some());
        for wrong in ["", "3f9c00f", "3F9C00FF", "../../etc", "3f9c00fff"] {
            assert!(RunId::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_label_is_read_as_it_is_shown() {
        for (text, shown) in [
            ("3", "3"),
            ("3.2", "3.2"),
            ("12[10]", "12.10"),
            ("0", ""),
            ("3.0", ""),
            ("+3", ""),
            ("", ""),
            ("3.2.1", ""),
            ("a", ""),
        ] {
            assert_eq!(StepLabel::parse(text).map_or_else(String::new, |label| label.to_string()), shown, "{text}");
        }
        assert_eq!(format!("{:>3}|{:>5}", StepLabel::plain(4), StepLabel { step: 4, iteration: Some(1) }), "  4|  4.1");
    }

    #[test]
    fn a_steps_key_tells_its_iterations_apart() {
        let keys = [StepKey::new("a", None), StepKey::new("a", Some("")), StepKey::new("a", Some("b"))];
        assert!(keys.iter().all(|key| key.as_str().len() == 16 && is_hex(key.as_str())), "{keys:?}");
        assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2], "{keys:?}");
    }

    #[test]
    fn fields_do_not_run_into_one_another() {
        let digest = |fields: &[&str]| Digest::of_fields(fields.iter().map(|f| f.as_bytes()));
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_ne!(digest(&["a"]), digest(&["a", ""]));
    }
}
