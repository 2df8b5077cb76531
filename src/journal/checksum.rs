//! Lines of JSON that carry their own checksum as their last field: `,"crc":"xxxxxxxx"}`.
//!
//! It is CRC-32 (IEEE 802.3) over the bytes of the line before that field: it finds what a crash or a bad disk did, not
//! what a person forged.

use crate::crc32::crc32;

/// What stands between a line's own text and the digits.
const FIELD: &str = ",\"crc\":\"";
/// What stands behind the digits.
const END: &str = "\"}";

/// Seals a JSON object: adds the checksum and the line feed.
pub(super) fn seal(object: &str) -> String {
    let body = object.strip_suffix('}').expect("a JSON object ends with a brace");
    format!("{body}{FIELD}{:08x}{END}\n", crc32(body.as_bytes()))
}

/// Whether a line, without its line feed, is what [`seal`] made.
pub(super) fn is_sealed(line: &[u8]) -> bool {
    let sealed = line.strip_suffix(END.as_bytes()).and_then(|line| line.split_last_chunk::<8>());
    let Some((body, digits)) = sealed.and_then(|(front, digits)| Some((front.strip_suffix(FIELD.as_bytes())?, digits)))
    else {
        return false;
    };
    format!("{:08x}", crc32(body)).as_bytes() == digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_line_is_an_object_and_shows_any_flipped_bit() {
        let line = seal(r#"{"a":1}"#);
        assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok() && line.ends_with("\"}\n"));
        let line = line.trim_end().as_bytes();
        assert!(is_sealed(line));
        for place in 0..line.len() {
            for bit in 0..8 {
                let mut flipped = line.to_vec();
                flipped[place] ^= 1 << bit;
                assert!(!is_sealed(&flipped), "bit {bit} of byte {place}");
            }
            assert!(!is_sealed(&line[..place]));
        }
    }
}
