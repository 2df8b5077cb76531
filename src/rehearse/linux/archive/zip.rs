//! zip without compression.

use crate::crc32::crc32;
use crate::rehearse::world::{TreeEntry, TreeKind};

/// 1 January 2021, the date of every entry: years since 1980, month, day.
const DATE: u16 = (41 << 9) | (1 << 5) | 1;

/// Packs a tree.
pub(super) fn pack(tree: &[TreeEntry]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for entry in tree {
        let (name, content, kind): (String, &[u8], u32) = match &entry.what {
            TreeKind::File(content) => (entry.path.clone(), content.as_bytes(), 0o100_000),
            TreeKind::Directory => (format!("{}/", entry.path), &[], 0o040_000),
            TreeKind::Link(target) => (entry.path.clone(), target.as_bytes(), 0o120_000),
        };
        let offset = u32_of(out.len());
        let common = common_fields(&name, content);

        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&common);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(content);

        directory.extend_from_slice(b"PK\x01\x02");
        // Only archives made by a Unix system have the mode in the upper half of the attributes.
        directory.extend_from_slice(&0x0314_u16.to_le_bytes());
        directory.extend_from_slice(&common);
        directory.extend_from_slice(&[0; 6]);
        directory.extend_from_slice(&((kind | entry.mode) << 16).to_le_bytes());
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    let (start, size) = (u32_of(out.len()), u32_of(directory.len()));
    let count = u16::try_from(tree.len()).expect("fewer than 65536 entries");
    out.append(&mut directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&size.to_le_bytes());
    out.extend_from_slice(&start.to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    out
}

/// The fields that an entry and its line in the directory share.
fn common_fields(name: &str, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in [20_u16, 0x0800, 0, 0, DATE] {
        out.extend_from_slice(&field.to_le_bytes());
    }
    let size = u32_of(content.len());
    for field in [crc32(content), size, size] {
        out.extend_from_slice(&field.to_le_bytes());
    }
    out.extend_from_slice(&u16::try_from(name.len()).expect("a short name").to_le_bytes());
    out.extend_from_slice(&0_u16.to_le_bytes());
    out
}

fn u32_of(size: usize) -> u32 {
    u32::try_from(size).expect("a stand-in smaller than 4 GiB")
}
