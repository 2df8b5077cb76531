use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::*;

/// A folder with a target in it, and what a host offers.
struct Try {
    home: tempfile::TempDir,
    takes: Takes,
    index: String,
    bytes: Vec<u8>,
}

impl Try {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let to = home.path().join("t").to_str().expect("it is UTF-8").to_owned();
        let takes = Takes {
            place: None,
            to,
            per_host: false,
            name: None,
            mode: None,
            keeps_mode: false,
            limit: 1 << 20,
            here: String::new(),
        };
        Self { home, takes, index: String::new(), bytes: Vec::new() }
    }

    fn file(mut self, path: &str, bytes: &[u8]) -> Self {
        let digest = hex(&Sha256::digest(bytes));
        self.index += &format!("f - {} {digest} {} {path}\n", bytes.len(), self.bytes.len());
        self.bytes.extend(bytes);
        self
    }

    fn folder(mut self, path: &str) -> Self {
        self.index += &format!("d {path}\n");
        self
    }

    fn at(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).expect("it is there")
    }

    fn names(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.at(path)).expect("it is a folder");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("it is read").file_name().to_str().expect("it is UTF-8").to_owned())
            .collect();
        names.sort_unstable();
        names
    }

    fn taking(&self) -> Result<Taking, TakeError> {
        Taking::new(&self.takes, self.index.as_bytes(), self.bytes.len() as u64)
    }

    /// Takes everything in pieces, and says at which byte the host had to begin.
    fn take(&self) -> Result<Option<u64>, TakeError> {
        let mut taking = self.taking()?;
        let from = taking.start()?;
        if let Some(from) = from {
            let rest = &self.bytes[usize::try_from(from).expect("it fits")..];
            let mut lacks = true;
            for piece in rest.chunks(3) {
                assert!(lacks);
                lacks = taking.write(piece)?;
            }
            assert!(!lacks);
        }
        Ok(from)
    }
}

fn mode(path: PathBuf) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
}

#[test]
fn a_file_comes_and_is_private() {
    let host = Try::new().file(".", b"hello");
    assert_eq!(host.take(), Ok(Some(0)));
    assert_eq!((host.read("t").as_str(), mode(host.at("t"))), ("hello", 0o600));
    assert_eq!(host.take(), Ok(None));
    assert_eq!(host.names(""), ["t"]);
}

#[test]
fn a_tree_comes_with_empty_files_and_folders() {
    let host =
        Try::new().folder(".").file("a", b"").folder("e").folder("s").file("s/b c", b"some bytes").file("z", b"");
    assert_eq!(host.take(), Ok(Some(0)));
    assert_eq!(host.names("t"), ["a", "e", "s", "z"]);
    assert_eq!(host.read("t/s/b c"), "some bytes");
    assert_eq!((mode(host.at("t")), mode(host.at("t/e"))), (0o700, 0o700));
    assert_eq!(host.take(), Ok(None));
    let empty = Try::new().folder(".");
    assert_eq!(empty.take(), Ok(None));
    assert!(empty.names("t").is_empty());
}

#[test]
fn what_a_connection_cut_off_is_continued_at_its_byte() {
    let host = Try::new().folder(".").file("a", b"first").file("b", b"0123456789").file("c", b"last");
    let mut taking = host.taking().expect("it fits");
    assert_eq!(taking.start(), Ok(Some(0)));
    assert_eq!(taking.write(&host.bytes[..9]), Ok(true));
    drop(taking);
    assert_eq!(host.take(), Ok(Some(9)));
    assert_eq!([host.read("t/a"), host.read("t/b"), host.read("t/c")].join(" "), "first 0123456789 last");
    assert_eq!(host.names("t"), ["a", "b", "c"]);
}

#[test]
fn two_versions_are_never_joined() {
    let first = Try::new().file(".", b"0123456789");
    let mut taking = first.taking().expect("it fits");
    taking.start().expect("it begins");
    taking.write(b"0123").expect("it is written");
    drop(taking);
    let mut second = Try::new().file(".", b"abcdefghij");
    second.takes = first.takes.clone();
    assert_eq!(second.take(), Ok(Some(0)));
    assert_eq!(first.read("t"), "abcdefghij");
}

#[test]
fn a_whole_part_of_other_bytes_begins_anew() {
    let host = Try::new().file(".", b"0123456789");
    let work = host.taking().and_then(|taking| taking.root.place(&[])?.work(&hex(&Sha256::digest(b"0123456789"))));
    fs::write(work.expect("it has a place").path(), "9876543210").expect("it is written");
    assert_eq!(host.take(), Ok(Some(0)));
    assert_eq!(host.read("t"), "0123456789");
}

#[test]
fn bytes_with_another_digest_never_get_the_name() {
    let mut host = Try::new().file(".", b"announced");
    fs::write(host.at("t"), "old").expect("it is written");
    host.bytes = b"otherwise".to_vec();
    assert!(matches!(host.take(), Err(TakeError::Host(_))));
    assert_eq!((host.read("t").as_str(), host.names("")), ("old", vec!["t".to_owned()]));
}

#[test]
fn more_bytes_than_announced_are_refused() {
    let host = Try::new().file(".", b"hello");
    let mut taking = host.taking().expect("it fits");
    taking.start().expect("it begins");
    assert!(matches!(taking.write(b"hello and more"), Err(TakeError::Host(_))));
}

#[test]
fn an_old_file_keeps_its_mode_and_a_given_mode_is_set() {
    let mut host = Try::new().file(".", b"new");
    fs::write(host.at("t"), "old").expect("it is written");
    fs::set_permissions(host.at("t"), Permissions::from_mode(0o644)).expect("it is set");
    host.take().expect("it is taken");
    assert_eq!((host.read("t").as_str(), mode(host.at("t"))), ("new", 0o644));
    host.takes.mode = Some(0o400);
    host.take().expect("it is taken");
    assert_eq!(mode(host.at("t")), 0o400);
    let digest = hex(&Sha256::digest(b"new"));
    host.takes.mode = Some(0o640);
    host.index = format!("m 0640 3 {digest} - .\n");
    host.bytes.clear();
    assert_eq!(host.take(), Ok(None));
    assert_eq!(mode(host.at("t")), 0o640);
}

#[test]
fn no_link_below_the_target_is_followed() {
    for (index, link) in [("f", "t/out"), ("d", "t/out"), ("below", "t/out")] {
        let host = Try::new().folder(".");
        fs::create_dir_all(host.at("t")).expect("it is made");
        fs::create_dir(host.at("else")).expect("it is made");
        let target = if index == "f" { "else/file" } else { "else" };
        fs::write(host.at("else/file"), "mine").expect("it is written");
        symlink(host.at(target), host.at(link)).expect("it is made");
        let host = match index {
            "f" => host.file("out", b"theirs"),
            "d" => host.folder("out"),
            _ => host.file("out/file", b"theirs"),
        };
        assert!(matches!(host.take(), Err(TakeError::Here(_))), "{index}");
        assert_eq!((host.names("else"), host.read("else/file").as_str()), (vec!["file".to_owned()], "mine"));
        assert!(fs::symlink_metadata(host.at(link)).expect("it is there").is_symlink());
    }
}

#[test]
fn a_link_in_the_place_of_a_part_is_not_written_through() {
    let host = Try::new().file(".", b"theirs");
    fs::write(host.at("mine"), "mine").expect("it is written");
    let work = host.taking().and_then(|taking| taking.root.place(&[])?.work(&hex(&Sha256::digest(b"theirs"))));
    let work = work.expect("it has a place").path().to_owned();
    symlink(host.at("mine"), &work).expect("it is made");
    assert!(matches!(host.take(), Err(TakeError::Here(_))));
    fs::remove_file(&work).expect("it is removed");
    fs::hard_link(host.at("mine"), &work).expect("it is made");
    assert!(matches!(host.take(), Err(TakeError::Here(_))));
    assert_eq!(host.read("mine"), "mine");
}

#[test]
fn the_target_itself_may_be_a_link_to_a_folder_and_never_one_to_a_file() {
    let host = Try::new().folder(".").file("a", b"x");
    fs::create_dir(host.at("disk")).expect("it is made");
    symlink(host.at("disk"), host.at("t")).expect("it is made");
    host.take().expect("it is taken");
    assert_eq!(host.read("disk/a"), "x");
    let host = Try::new().file(".", b"theirs");
    fs::write(host.at("mine"), "mine").expect("it is written");
    symlink(host.at("mine"), host.at("t")).expect("it is made");
    assert!(matches!(host.take(), Err(TakeError::Here(_))));
    assert_eq!(host.read("mine"), "mine");
}

#[test]
fn a_folder_in_the_place_of_a_file_is_named() {
    let host = Try::new().file(".", b"x");
    fs::create_dir(host.at("t")).expect("it is made");
    let Err(TakeError::Here(why)) = host.take() else { panic!("it was taken") };
    assert!(why.contains("t is a folder"), "{why}");
    let host = Try::new().folder(".").file("a/b", b"x");
    fs::create_dir(host.at("t")).expect("it is made");
    fs::write(host.at("t/a"), "a file").expect("it is written");
    assert!(matches!(host.take(), Err(TakeError::Here(_))));
}
