//! CRC-32 with the polynomial of IEEE 802.3, in the two forms that pinboot needs.
//!
//! zip, gzip and the journal use the usual form, [`crc32`]. POSIX `cksum` takes the most significant bit of every byte
//! first, starts with 0 and appends the length. Reversing the bits of every byte and of the result turns one form into
//! the other, so both share one table.

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0_u32;
    while byte < 256 {
        let mut value = byte;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 };
            bit += 1;
        }
        table[byte as usize] = value;
        byte += 1;
    }
    table
};

fn update(crc: u32, byte: u8) -> u32 {
    TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)] ^ (crc >> 8)
}

/// The CRC-32 of zip, gzip and zlib.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| update(crc, *byte))
}

/// The checksum that POSIX `cksum` prints.
pub(crate) fn cksum(bytes: &[u8]) -> u32 {
    let length = std::iter::successors(Some(bytes.len()), |left| Some(left >> 8))
        .take_while(|left| *left > 0)
        .map(|left| left.to_le_bytes()[0]);
    !bytes.iter().copied().chain(length).fold(0, |crc, byte| update(crc, byte.reverse_bits())).reverse_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_give_their_known_values() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
        assert_eq!(cksum(b"123456789"), 930_766_865);
        assert_eq!(cksum(b""), 4_294_967_295);
        assert_eq!(cksum(&b"x".repeat(70_000)), 4_215_398_528);
    }
}
