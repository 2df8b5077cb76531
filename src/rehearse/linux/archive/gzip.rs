//! gzip without compression.

use crate::crc32::crc32;

/// Wraps bytes as a gzip file of stored blocks.
pub(super) fn wrap(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut blocks = bytes.chunks(0xffff).peekable();
    if blocks.peek().is_none() {
        out.extend_from_slice(&[1, 0, 0, 0xff, 0xff]);
    }
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).expect("a block of at most 65535 bytes");
        out.push(u8::from(blocks.peek().is_none()));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    out.extend_from_slice(&crc32(bytes).to_le_bytes());
    // The format stores the size modulo 2^32.
    let size = bytes.len() as u64 & 0xffff_ffff;
    out.extend_from_slice(&u32::try_from(size).expect("masked to 32 bits").to_le_bytes());
    out
}
