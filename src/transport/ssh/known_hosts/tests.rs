use std::process::Command;

use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::super::support::{left_out, need};
use super::line::names;
use super::lookup::{KnownHostsFile, ListedKey, ListedKeys};
use super::*;
use crate::transport::ErrorKind;

/// A well-formed ed25519 key with these bytes.
fn key(seed: u8) -> HostPublicKey {
    let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
    blob.extend([seed; 32]);
    HostPublicKey::from_blob(blob).unwrap()
}

fn rsa(seed: u8) -> HostPublicKey {
    let mut blob = b"\0\0\0\x07ssh-rsa\0\0\0\x03\x01\0\x01\0\0\x01\x01\0".to_vec();
    blob.extend([seed | 0x80; 256]);
    HostPublicKey::from_blob(blob).unwrap()
}

fn file_with(text: &[u8]) -> Vec<KnownHostsFile> {
    vec![KnownHostsFile { path: "/kh".into(), bytes: text.to_vec() }]
}

fn judge(text: &str, address: &str, port: u16, shown: &HostPublicKey) -> KeyJudgement {
    HostKeys::of(address, port, &file_with(text.as_bytes())).judge(shown)
}

#[test]
fn patterns_match_as_openssh_matches_them() {
    for (list, name, expected) in [
        ("host", "host", Some(true)),
        ("HOST", "host", Some(true)),
        ("h*", "host", Some(true)),
        ("h?st", "host", Some(true)),
        ("*", "host", Some(true)),
        ("h**t", "host", Some(true)),
        ("*s", "host", Some(false)),
        ("host?", "host", Some(false)),
        ("", "host", Some(false)),
        ("a,host,b", "host", Some(true)),
        ("!host", "host", Some(false)),
        ("*,!host", "host", Some(false)),
        ("!host,*", "host", Some(false)),
        ("!other,*", "host", Some(true)),
        ("[host]:22", "host", Some(false)),
        ("[h*]:2222", "[host]:2222", Some(true)),
        ("*", "[host]:2222", Some(true)),
        ("|1|bad", "host", None),
        ("|2|AAAA|AAAA", "host", None),
    ] {
        assert_eq!(names(name, list.as_bytes()), expected, "{list} for {name}");
    }
    assert_eq!(names("host", format!("host,{}", "x".repeat(2000)).as_bytes()), Some(false));
}

#[test]
fn keys_are_judged_as_openssh_judges_them() {
    let (good, other, other_type) = (key(1), key(2), rsa(3));
    let line = |host: &str, key: &HostPublicKey| format!("{host} {}\n", key.words());
    let known = line("h", &good);
    assert_eq!(judge(&known, "H", 22, &good), KeyJudgement::Match, "case");
    assert_eq!(judge(&known, "h", 2222, &good), KeyJudgement::Match, "the bare name is enough for the same key");
    assert_eq!(judge(&known, "h", 2222, &other), KeyJudgement::New, "but does not contradict another key");
    assert_eq!(judge("", "h", 22, &good), KeyJudgement::New);
    assert!(matches!(judge(&known, "h", 22, &other), KeyJudgement::Changed(listed) if listed.place.line == 1));
    assert!(matches!(judge(&known, "h", 22, &other_type), KeyJudgement::Changed(_)), "known only by another type");
    let both = format!("{known}{}", line("h", &other));
    assert_eq!(judge(&both, "h", 22, &other), KeyJudgement::Match, "either of two");
    let revoked = format!("{both}@revoked * {}\n", other.words());
    assert!(matches!(judge(&revoked, "h", 22, &other), KeyJudgement::Revoked(place) if place.line == 3));
    assert!(matches!(judge(&revoked, "h", 22, &good), KeyJudgement::Match));
    let bare_revoked = format!("[h]:2222 {0}\n@revoked h {0}\n", good.words());
    assert!(matches!(judge(&bare_revoked, "h", 2222, &good), KeyJudgement::Revoked(_)));
    let authority = format!("@cert-authority h {}\n", good.words());
    assert_eq!(judge(&authority, "h", 22, &good), KeyJudgement::New, "an authority's key is not a host key");
    for marker in ["@trusted", "@revoked @cert-authority", "@Revoked"] {
        let text = format!("{known}{marker} h {}\n", good.words());
        assert!(
            matches!(judge(&text, "h", 22, &good), KeyJudgement::UnknownMarker(place) if place.line == 2),
            "{marker}"
        );
        assert_eq!(judge(&text, "elsewhere", 22, &good), KeyJudgement::New, "{marker} does not apply to other hosts");
    }
}

#[test]
fn bad_lines_are_skipped_and_counted() {
    let good = key(1);
    let mut text = b"h\nh ssh-ed25519\nh ssh-ed25519 !!!!\nh ssh-rsa ".to_vec();
    text.extend_from_slice(good.words().split(' ').nth(1).unwrap().as_bytes());
    text.extend_from_slice(b"\n\xff\xfe h\nh ssh-new AAAAB3NzaC1uZXc=\n");
    // An incomplete key does not count as another key of the host.
    text.extend_from_slice(format!("h {}\n", &good.words()[..60]).as_bytes());
    text.extend_from_slice(format!("  h\t{}  comment\r\n", good.words().replace(' ', "\t\t")).as_bytes());
    let known = ListedKeys::lookup("h", &file_with(&text));
    assert_eq!(known.bad.iter().map(|place| place.line).collect::<Vec<_>>(), [1, 2, 3, 4, 6, 7]);
    assert_eq!(known.keys.len(), 1);
    assert_eq!(known.judge(&good), KeyJudgement::Match);
}

#[test]
fn known_types_come_first() {
    let text = format!("[h]:2222 {}\nh {}\n", rsa(1).words(), key(1).words());
    assert_eq!(HostKeys::of("h", 2222, &file_with(text.as_bytes())).known_types(), ["ssh-rsa"]);
    assert_eq!(HostKeys::of("h", 22, &file_with(text.as_bytes())).known_types(), ["ssh-ed25519"]);
    assert_eq!(HostKeys::of("h", 23, &file_with(text.as_bytes())).known_types(), ["ssh-ed25519"]);
}

#[test]
fn a_name_with_a_special_meaning_is_never_written() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kh");
    for name in ["", "a\nb", "a b", "a,b", "*", "h?", "!h", "|1|x", "#h", "@h", "a\u{7f}", "a\t"] {
        let error = learn(&file, name, &key(1)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Local, "{name:?}");
        assert!(!error.message.contains('\n'));
    }
    assert!(!file.exists());
    assert_eq!(learn(&file, "[::1]:2222", &key(1)).unwrap(), Learned::Added);
}

#[test]
fn fifty_writers_at_once_write_complete_lines() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kh");
    std::fs::write(&file, "torn").unwrap();
    std::thread::scope(|scope| {
        for n in 0..50 {
            let file = &file;
            // Five of them add the same host.
            scope.spawn(move || learn(file, &format!("host{}", n / 5), &key(n / 5)).unwrap());
        }
    });
    let text = std::fs::read_to_string(&file).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.remove(0), "torn");
    lines.sort_unstable();
    let mut expected: Vec<String> = (0..10).map(|n| format!("host{n} {}", key(n).words())).collect();
    expected.sort_unstable();
    assert_eq!(lines, expected);
    assert!(matches!(learn(&file, "host1", &key(9)).unwrap(), Learned::Conflict(KeyJudgement::Changed(_))));
}

#[test]
fn a_full_disk_is_an_error_and_leaves_no_incomplete_line() {
    // Every write to /dev/full fails because there is no space, as on a full file system.
    if !Path::new("/dev/full").exists() {
        left_out("/dev/full does not exist here; it needs Linux");
        return;
    }
    if !rustix::process::getuid().is_root() {
        left_out("mounting a small file system needs root");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let script = format!(
        "mount -t tmpfs -o size=4k,mode=700 none {0} && head -c 4090 /dev/zero | tr '\\0' '#' > {0}/kh && exec sleep 600",
        dir.path().display()
    );
    let mut child = Command::new("unshare").args(["-m", "sh", "-c", &script]).spawn().unwrap();
    let inside = PathBuf::from(format!("/proc/{}/root{}/kh", child.id(), dir.path().display()));
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while std::fs::metadata(&inside).map(|file| file.len()).unwrap_or_default() != 4090 {
        if child.try_wait().unwrap().is_some() || std::time::Instant::now() > deadline {
            left_out("this machine does not allow mount namespaces");
            let _ = child.kill();
            return;
        }
        std::thread::yield_now();
    }
    let result = learn(&inside, "host", &key(1));
    let left = std::fs::read(&inside).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let error = result.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Local);
    assert!(error.message.contains("No space left"), "{error}");
    assert_eq!(left.len(), 4090, "nothing of the line is left");
}

/// Pseudo-random numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from[self.below(from.len())]
    }
}

fn hash(name: &str, salt: u8) -> String {
    let salt = [salt; 20];
    let mut mac = Hmac::<Sha1>::new_from_slice(&salt).unwrap();
    mac.update(name.as_bytes());
    format!("|1|{}|{}", BASE64.encode(&salt), BASE64.encode(&mac.finalize().into_bytes()))
}

/// A line that people or programs may have written to a known_hosts file.
fn line(dice: &mut Dice) -> Vec<u8> {
    const NAMES: &[&str] = &["srv.example", "10.0.0.1", "[srv.example]:2222", "[10.0.0.1]:2222", "other.example"];
    const PATTERNS: &[&str] = &[
        "SRV.Example",
        "*.example",
        "srv.*",
        "10.0.0.?",
        "*",
        "[*]:2222",
        "?rv.example",
        "[srv.example]:*",
        "!srv.example",
        "!*.example",
        "",
        "s**e",
        "srv.example.",
        "2222",
        "|1|AAAA|BBBB",
        "|1|",
    ];
    let mut hosts = Vec::new();
    for _ in 0..=dice.below(3) {
        hosts.push(if dice.below(2) == 0 { dice.pick(NAMES) } else { dice.pick(PATTERNS) }.to_owned());
    }
    let mut hosts = hosts.join(",");
    if dice.below(5) == 0 {
        hosts = hash(dice.pick(NAMES), u8::try_from(dice.below(256)).unwrap());
        if dice.below(6) == 0 {
            hosts.push_str(dice.pick(&["=", ",x", "|", "A"]));
        }
    }
    let seed = u8::try_from(dice.below(4)).unwrap();
    let mut key = if dice.below(2) == 0 { key(seed) } else { rsa(seed) }.words();
    match dice.below(14) {
        0 => key.truncate(dice.below(key.len())),
        1 => key = key.replacen("ssh-", "ssh+", 1),
        2 => key = key.replacen("ssh-rsa", dice.pick(&["rsa-sha2-512", "ssh-ed25519", "SSH-RSA"]), 1),
        3 => key = key.replace(' ', dice.pick(&["\t", "  ", " \t "])),
        _ => {}
    }
    let marker = match dice.below(12) {
        0 => "@revoked ",
        1 => "@cert-authority ",
        2 => "@revoked   ",
        3 => dice.pick(&["@unknown ", "@", "@revoked @revoked ", "@revoked"]),
        _ => "",
    };
    let lead = dice.pick(&["", "", "", " ", "\t", "  \t", "#", "\r"]);
    let gap = dice.pick(&[" ", " ", " ", "\t", "   "]);
    let tail = dice.pick(&["", "", " me@there", "\r", " \r", "  ", " # comment", "\u{e9}"]);
    let mut line = format!("{lead}{marker}{hosts}{gap}{key}{tail}").into_bytes();
    match dice.below(30) {
        0 => line.insert(0, 0xff),
        1 => line.push(0),
        2 => line.clear(),
        _ => {}
    }
    line
}

/// The line numbers and markers that `ssh-keygen -l -F` finds.
fn oracle(file: &Path, name: &str) -> Vec<(usize, &'static str)> {
    let output = Command::new("ssh-keygen").args(["-l", "-F", name, "-f"]).arg(file).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let prefix = format!("# Host {name} found: line ");
    let found = text.lines().filter_map(|line| line.strip_prefix(&prefix)).map(|rest| {
        let (line, mark) = rest.split_once(' ').unwrap_or((rest, ""));
        let mark = match mark.trim() {
            "CA" => "CA",
            "REVOKED" => "REVOKED",
            _ => "",
        };
        (line.trim().parse().unwrap(), mark)
    });
    found.collect()
}

#[test]
fn finds_what_ssh_keygen_finds_in_five_hundred_files() {
    if need("ssh-keygen", "openssh-client").is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kh");
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut found = 0;
    for case in 0..500 {
        let lines: Vec<Vec<u8>> = (0..=dice.below(8)).map(|_| line(&mut dice)).collect();
        let mut bytes = lines.join(&b'\n');
        if dice.below(4) != 0 {
            bytes.push(b'\n');
        }
        std::fs::write(&file, &bytes).unwrap();
        let name = dice.pick(&["srv.example", "10.0.0.1", "[srv.example]:2222"]);
        let theirs = oracle(&file, name);
        let known = ListedKeys::lookup(name, &file_with(&bytes));
        let at = |listed: &[ListedKey]| listed.iter().map(|listed| listed.place.line).collect::<Vec<_>>();
        let their =
            |mark: &str| theirs.iter().filter(|(_, its)| *its == mark).map(|(line, _)| *line).collect::<Vec<_>>();
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        assert_eq!(at(&known.keys), their(""), "case {case}, {name}, keys:\n{shown}");
        assert_eq!(at(&known.revoked), their("REVOKED"), "case {case}, {name}, revoked:\n{shown}");
        assert_eq!(known.authority, !their("CA").is_empty(), "case {case}, {name}, authorities:\n{shown}");
        found += theirs.len();
    }
    assert!(found > 200, "the files have too few matches: {found}");
}
