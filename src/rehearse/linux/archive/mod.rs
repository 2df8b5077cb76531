//! Archives made from a tree of entries: gzipped tar and zip, without compression and without a clock.
//!
//! The stand-in for a release has to be a real archive with given names and modes, and nothing more. The deflate stream
//! therefore consists of stored blocks, every entry belongs to root, and every date is the same: equal trees give equal
//! bytes.

mod gzip;
mod tar;
mod zip;

use crate::rehearse::world::TreeEntry;

/// Packs a tree as a gzipped tar archive; missing parent directories are added in front of their content.
pub(super) fn tgz(tree: &[TreeEntry]) -> Vec<u8> {
    gzip::wrap(&tar::pack(tree))
}

/// Packs a tree as a zip archive.
pub(super) fn zip(tree: &[TreeEntry]) -> Vec<u8> {
    zip::pack(tree)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "real programs unpack what was packed")]

    use std::process::{Command, Stdio};

    use super::*;
    use crate::rehearse::world::TreeKind;

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
