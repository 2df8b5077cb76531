//! Bytes as gzip has them (RFC 1952). The same bytes give the same file: no time and no name is in it.

use crate::crc32::crc32;

/// As small as it gets.
const LEVEL: u8 = 10;

/// Compresses bytes.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    // Deflate, no flags, no time, the slowest compression, an unknown system.
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];
    file.extend(miniz_oxide::deflate::compress_to_vec(bytes, LEVEL));
    file.extend(crc32(bytes).to_le_bytes());
    // The size, of which 32 bits are kept.
    file.extend(bytes.len().to_le_bytes().iter().take(4));
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_is_there_again() {
        for bytes in [b"".to_vec(), b"a".to_vec(), b"pinboot ".repeat(5000), (0..=255).collect()] {
            let file = gzip(&bytes);
            let (head, rest) = file.split_at(10);
            let (body, tail) = rest.split_at(rest.len() - 8);
            assert_eq!(head[..4], [0x1f, 0x8b, 8, 0]);
            assert_eq!(miniz_oxide::inflate::decompress_to_vec(body).expect("it is deflate"), bytes);
            assert_eq!(tail[..4], crc32(&bytes).to_le_bytes());
            assert_eq!(tail[4..], u32::try_from(bytes.len()).expect("small").to_le_bytes());
            assert_eq!(gzip(&bytes), file);
        }
    }
}
