//! Archives made of a tree of entries: gzipped tar and zip, both without compression and without a clock.
//!
//! A stand-in for a release has to be a real archive with given names and modes, and no more. So the deflate stream
//! consists of stored blocks, every entry belongs to root, and every date is the same: equal trees give equal bytes.

use crate::crc32::crc32;
use crate::rehearse::world::{TreeEntry, TreeKind};

/// 1 January 2021, 00:00 UTC: the date of every entry of a tar archive.
const DATE: u64 = 1_609_459_200;
/// The same day as a zip archive writes it (years since 1980, month, day).
const DOS_DATE: u16 = (41 << 9) | (1 << 5) | 1;

/// Packs a tree as a gzipped tar archive; directories that no entry names are added in front of what they hold.
pub(super) fn tgz(tree: &[TreeEntry]) -> Vec<u8> {
    gzip(&tar(tree))
}

fn tar(tree: &[TreeEntry]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut known: Vec<&str> =
        tree.iter().filter(|entry| entry.what == TreeKind::Directory).map(|entry| entry.path.as_str()).collect();
    for entry in tree {
        for (at, _) in entry.path.match_indices('/') {
            let parent = &entry.path[..at];
            if !known.contains(&parent) {
                known.push(parent);
                tar_entry(&mut out, &format!("{parent}/"), 0o755, b'5', "", &[]);
            }
        }
        match &entry.what {
            TreeKind::File(content) => {
                tar_entry(&mut out, &entry.path, entry.mode, b'0', "", content.as_bytes());
            }
            TreeKind::Directory => tar_entry(&mut out, &format!("{}/", entry.path), entry.mode, b'5', "", &[]),
            TreeKind::Link(target) => tar_entry(&mut out, &entry.path, entry.mode, b'2', target, &[]),
        }
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// Writes one entry; a name or target too long for the header goes in front of it as GNU tar writes it.
fn tar_entry(out: &mut Vec<u8>, name: &str, mode: u32, kind: u8, target: &str, content: &[u8]) {
    for (letters, marker) in [(name, b'L'), (target, b'K')] {
        if letters.len() > 100 {
            let mut long = letters.as_bytes().to_vec();
            long.push(0);
            tar_header(out, "././@LongLink", 0o644, marker, "", long.len());
            tar_data(out, &long);
        }
    }
    tar_header(out, name, mode, kind, target, content.len());
    tar_data(out, content);
}

fn tar_header(out: &mut Vec<u8>, name: &str, mode: u32, kind: u8, target: &str, size: usize) {
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

fn tar_data(out: &mut Vec<u8>, content: &[u8]) {
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(512), 0);
}

/// Wraps bytes as a gzip file of stored blocks.
fn gzip(bytes: &[u8]) -> Vec<u8> {
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
    // The format keeps the size modulo 2^32.
    let size = bytes.len() as u64 & 0xffff_ffff;
    out.extend_from_slice(&u32::try_from(size).expect("masked to 32 bits").to_le_bytes());
    out
}

/// Packs a tree as a zip archive of stored entries.
pub(super) fn zip(tree: &[TreeEntry]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for entry in tree {
        let (name, content, kind): (String, &[u8], u32) = match &entry.what {
            TreeKind::File(content) => (entry.path.clone(), content.as_bytes(), 0o100_000),
            TreeKind::Directory => (format!("{}/", entry.path), &[], 0o040_000),
            TreeKind::Link(target) => (entry.path.clone(), target.as_bytes(), 0o120_000),
        };
        let offset = u32::try_from(out.len()).expect("a stand-in smaller than 4 GiB");
        let mut common = Vec::new();
        for field in [20_u16, 0x0800, 0, 0, DOS_DATE] {
            common.extend_from_slice(&field.to_le_bytes());
        }
        let size = u32::try_from(content.len()).expect("a stand-in smaller than 4 GiB");
        for field in [crc32(content), size, size] {
            common.extend_from_slice(&field.to_le_bytes());
        }
        common.extend_from_slice(&u16::try_from(name.len()).expect("a short name").to_le_bytes());
        common.extend_from_slice(&0_u16.to_le_bytes());

        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&common);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(content);

        directory.extend_from_slice(b"PK\x01\x02");
        // Made by a Unix system, so that the mode in the upper half of the attributes counts.
        directory.extend_from_slice(&0x0314_u16.to_le_bytes());
        directory.extend_from_slice(&common);
        directory.extend_from_slice(&[0; 6]);
        directory.extend_from_slice(&((kind | entry.mode) << 16).to_le_bytes());
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    let start = u32::try_from(out.len()).expect("a stand-in smaller than 4 GiB");
    let size = u32::try_from(directory.len()).expect("a stand-in smaller than 4 GiB");
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

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "real programs unpack what was packed")]

    use std::process::{Command, Stdio};

    use super::*;

    fn entry(path: &str, mode: u32, what: TreeKind) -> TreeEntry {
        TreeEntry { path: path.to_owned(), mode, what }
    }

    fn tree() -> Vec<TreeEntry> {
        let long = format!("release/{}/{}/deep.txt", "d".repeat(90), "e".repeat(90));
        vec![
            entry("release/bin/run.sh", 0o755, TreeKind::File("#!/bin/sh\necho ran\n".to_owned())),
            entry("release/empty", 0o700, TreeKind::Directory),
            entry("release/latest", 0o777, TreeKind::Link("bin/run.sh".to_owned())),
            entry(&long, 0o640, TreeKind::File("x".repeat(70_000))),
        ]
    }

    #[test]
    fn tar_unpacks_what_was_packed() {
        let home = tempfile::tempdir().expect("a directory");
        let archive = home.path().join("a.tgz");
        std::fs::write(&archive, tgz(&tree())).expect("written");
        let status = Command::new("tar").arg("-xpzf").arg(&archive).arg("-C").arg(home.path()).status().expect("tar");
        assert!(status.success());
        let run = Command::new(home.path().join("release/latest")).output().expect("the packed script runs");
        assert_eq!(run.stdout, b"ran\n");
        for entry in tree() {
            use std::os::unix::fs::PermissionsExt as _;
            let path = home.path().join(&entry.path);
            match entry.what {
                TreeKind::Link(target) => {
                    assert_eq!(std::fs::read_link(path).expect("a link"), std::path::Path::new(&target));
                }
                TreeKind::Directory | TreeKind::File(_) => {
                    let meta = std::fs::metadata(&path).expect("there");
                    assert_eq!(meta.permissions().mode() & 0o7777, entry.mode, "{}", entry.path);
                    if let TreeKind::File(content) = entry.what {
                        assert_eq!(std::fs::read_to_string(&path).expect("text"), content);
                    }
                }
            }
        }
    }

    #[test]
    fn zip_is_read_by_pythons_zipfile() {
        let Ok(probe) = Command::new("python3").arg("--version").stdout(Stdio::null()).status() else { return };
        assert!(probe.success());
        let home = tempfile::tempdir().expect("a directory");
        let archive = home.path().join("a.jar");
        let bytes = zip(&tree());
        assert!(bytes.starts_with(b"PK\x03\x04"));
        std::fs::write(&archive, bytes).expect("written");
        let script = "import sys,zipfile\nz=zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\nprint(len(z.namelist()), z.read('release/bin/run.sh'), oct(z.getinfo('release/bin/run.sh').external_attr>>16))";
        let out = Command::new("python3").args(["-c", script]).arg(&archive).output().expect("python3");
        assert_eq!(
            String::from_utf8_lossy(&out.stdout),
            "4 b'#!/bin/sh\\necho ran\\n' 0o100755\n",
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
    }
}
