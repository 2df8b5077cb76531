//! The guest's image, made once and kept below `target`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use pinboot::ids::Digest;

use crate::support::{left_out, need};

/// The names and contents of the files that make the guest.
const SOURCES: [(&str, &str); 4] = [
    ("image.sh", include_str!("image.sh")),
    ("first-init.sh", include_str!("first-init.sh")),
    ("plain-init.sh", include_str!("plain-init.sh")),
    ("cut.sh", include_str!("cut.sh")),
];

/// The programs that the tier needs, and the packages that have them.
const PROGRAMS: [(&str, &str); 7] = [
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("qemu-img", "qemu-utils"),
    ("debootstrap", "debootstrap"),
    ("mkfs.ext4", "e2fsprogs"),
    ("dpkg", "dpkg"),
    ("ssh", "openssh-client"),
    ("gzip", "gzip"),
];

/// The guest's files on this machine.
pub(crate) struct Image {
    dir: PathBuf,
}

/// The image, made if necessary; `None` if this machine cannot have it, after the reason was printed.
pub(crate) fn image() -> Option<&'static Image> {
    static IMAGE: OnceLock<Option<Image>> = OnceLock::new();
    let mut reported = false;
    let make = || {
        reported = true;
        Image::make()
    };
    let image = IMAGE.get_or_init(make).as_ref();
    if image.is_none() && !reported {
        left_out("this machine cannot have a guest; the reason is shown for the first test");
    }
    image
}

impl Image {
    fn make() -> Option<Self> {
        if std::env::consts::ARCH != "x86_64" {
            left_out("the guest's kernel needs an x86_64 machine");
            return None;
        }
        if !rustix::process::getuid().is_root() {
            left_out("debootstrap needs root: `sudo -E cargo test --test machine`");
            return None;
        }
        for (program, package) in PROGRAMS {
            need(program, package)?;
        }
        let tier = Path::new(env!("CARGO_TARGET_TMPDIR")).join("machine-tier");
        let note = Digest::of_fields(SOURCES.iter().map(|(_, text)| text.as_bytes())).to_string();
        let image = Self { dir: tier.join("image") };
        if fs::read_to_string(image.file(".made-from")).is_ok_and(|old| old == note) {
            return Some(image);
        }
        let (part, sources) = (tier.join("part"), tier.join("sources"));
        for folder in [&image.dir, &part, &sources] {
            if folder.exists() {
                fs::remove_dir_all(folder).expect("an older image is removed");
            }
        }
        fs::create_dir_all(&part).expect("a folder for the image");
        fs::create_dir_all(&sources).expect("a folder for its sources");
        for (name, text) in SOURCES {
            fs::write(sources.join(name), text).expect("a source");
        }
        let made =
            Command::new("sh").arg(sources.join("image.sh")).args([&part, &sources]).output().expect("sh starts");
        if !made.status.success() {
            let words = [made.stdout, made.stderr].concat();
            // The reason is at the end of debootstrap's long output.
            drop(std::io::stderr().write_all(&words[words.len().saturating_sub(2000)..]));
            left_out("no guest: debootstrap failed with Debian's mirror; its output is above");
            return None;
        }
        fs::write(part.join(".made-from"), note).expect("the note is written");
        fs::rename(&part, &image.dir).expect("the image is put in its place");
        Some(image)
    }

    /// A file of the image.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}
