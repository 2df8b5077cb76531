//! tar, as GNU tar writes it.

use crate::rehearse::world::{TreeEntry, TreeKind};

/// 1 January 2021, 00:00 UTC: the date of every entry.
const DATE: u64 = 1_609_459_200;

/// Packs a tree; missing parent directories are added in front of their content.
pub(super) fn pack(tree: &[TreeEntry]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut known: Vec<&str> =
        tree.iter().filter(|entry| entry.what == TreeKind::Directory).map(|entry| entry.path.as_str()).collect();
    for entry in tree {
        for (at, _) in entry.path.match_indices('/') {
            let parent = &entry.path[..at];
            if !known.contains(&parent) {
                known.push(parent);
                write_entry(&mut out, &format!("{parent}/"), 0o755, b'5', "", &[]);
            }
        }
        match &entry.what {
            TreeKind::File(content) => {
                write_entry(&mut out, &entry.path, entry.mode, b'0', "", content.as_bytes());
            }
            TreeKind::Directory => write_entry(&mut out, &format!("{}/", entry.path), entry.mode, b'5', "", &[]),
            TreeKind::Link(target) => write_entry(&mut out, &entry.path, entry.mode, b'2', target, &[]),
        }
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// Writes one entry; a name or target that does not fit its header precedes it in an entry of its own.
fn write_entry(out: &mut Vec<u8>, name: &str, mode: u32, kind: u8, target: &str, content: &[u8]) {
    for (text, marker) in [(name, b'L'), (target, b'K')] {
        if text.len() > 100 {
            let mut long = text.as_bytes().to_vec();
            long.push(0);
            write_header(out, "././@LongLink", 0o644, marker, "", long.len());
            write_data(out, &long);
        }
    }
    write_header(out, name, mode, kind, target, content.len());
    write_data(out, content);
}

fn write_header(out: &mut Vec<u8>, name: &str, mode: u32, kind: u8, target: &str, size: usize) {
    let mut header = [0_u8; 512];
    let mut put = |at: usize, room: usize, bytes: &[u8]| {
        let length = bytes.len().min(room);
        header[at..at + length].copy_from_slice(&bytes[..length]);
    };
    put(0, 100, name.as_bytes());
    put(100, 8, format!("{mode:07o}\0").as_bytes());
    put(108, 8, b"0000000\0");
    put(116, 8, b"0000000\0");
    put(124, 12, format!("{size:011o}\0").as_bytes());
    put(136, 12, format!("{DATE:011o}\0").as_bytes());
    put(148, 8, b"        ");
    put(156, 1, &[kind]);
    put(157, 100, target.as_bytes());
    put(257, 8, b"ustar  \0");
    put(265, 32, b"root");
    put(297, 32, b"root");
    let sum: u32 = header.iter().map(|&b| u32::from(b)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    out.extend_from_slice(&header);
}

fn write_data(out: &mut Vec<u8>, content: &[u8]) {
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(512), 0);
}
