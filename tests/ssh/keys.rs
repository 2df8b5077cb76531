//! Key files: every format that EC2 and people use, and everything that people use by mistake instead of a key.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pinboot::transport::ssh::{NoPassphrase, Passphrase};

use super::{Config, Error, ErrorKind, Secret, Ssh};
use crate::support::need;

const PASSPHRASE: &str = "correct horse";

/// Runs a program in a directory; it must succeed.
fn run(dir: &Path, words: &[&str]) -> String {
    let output = Command::new(words[0])
        .args(&words[1..])
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{words:?}: {error}"));
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn private(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    private(path);
}

/// The fingerprint according to OpenSSH.
fn fingerprint(path: &Path) -> String {
    let output = Command::new("ssh-keygen").args(["-l", "-f"]).arg(path).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace()
        .nth(1)
        .unwrap_or_else(|| panic!("no fingerprint of {}: {output:?}", path.display()))
        .to_owned()
}

async fn load(path: &Path, passphrase: Passphrase) -> Result<String, Error> {
    Ssh::new(Config::for_home(None, passphrase)).load_key(path).await
}

fn never() -> Passphrase {
    Passphrase::new(|path| panic!("{} must not ask for a passphrase", path.display()))
}

fn no_terminal() -> Passphrase {
    Passphrase::new(|_| Err(NoPassphrase::NoTerminal))
}

fn given(passphrase: &'static str) -> Passphrase {
    Passphrase::new(move |_| Ok(Secret::new(passphrase)))
}

/// A directory, if the tools are installed.
fn tools() -> Option<tempfile::TempDir> {
    need("ssh-keygen", "openssh-client")?;
    need("openssl", "openssl")?;
    Some(tempfile::tempdir().unwrap())
}

/// Makes one PKCS#8 key of each type with OpenSSL, and returns their names.
fn raw_keys(dir: &Path) -> [&'static str; 5] {
    run(dir, &["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "rsa"]);
    run(dir, &["openssl", "genpkey", "-algorithm", "ED25519", "-out", "ed25519"]);
    for curve in ["256", "384", "521"] {
        let group = format!("ec_paramgen_curve:P-{curve}");
        run(dir, &["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", &group, "-out", &format!("ec{curve}")]);
    }
    ["rsa", "ed25519", "ec256", "ec384", "ec521"]
}

#[tokio::test]
async fn unencrypted_keys_load_without_a_question() {
    let Some(dir) = tools() else { return };
    let dir = dir.path();
    let mut forms: Vec<(PathBuf, String)> = Vec::new();
    for name in raw_keys(dir) {
        let pkcs8 = dir.join(name);
        private(&pkcs8);
        let print = if name == "ed25519" {
            // OpenSSH 9 cannot read ed25519 in PKCS#8; the fingerprint is computed from the public half.
            ed25519_fingerprint(dir, name)
        } else {
            fingerprint(&pkcs8)
        };
        forms.push((pkcs8, print.clone()));
        let old = dir.join(format!("{name}.old"));
        if name == "rsa" {
            run(dir, &["openssl", "rsa", "-traditional", "-in", name, "-out", "rsa.old"]);
            forms.push((old, print));
        } else if name.starts_with("ec") {
            run(dir, &["openssl", "ec", "-in", name, "-out", &format!("{name}.old")]);
            forms.push((old, print));
        }
    }
    for (kind, name) in [("ed25519", "o1"), ("rsa", "o2"), ("ecdsa", "o3")] {
        run(dir, &["ssh-keygen", "-q", "-N", "", "-t", kind, "-f", name]);
        forms.push((dir.join(name), fingerprint(&dir.join(name))));
    }
    for (path, print) in &forms {
        private(path);
        let loaded = load(path, never()).await.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(loaded.ends_with(print.as_str()), "{}: {loaded} is not {print}", path.display());
        // The same text after mail, editors and environment variables have changed it.
        let text = fs::read_to_string(path).unwrap();
        for (how, mangled) in [
            ("CRLF", text.replace('\n', "\r\n")),
            ("CR", text.replace('\n', "\r")),
            ("no final newline", text.trim_end().to_owned()),
            ("BOM", format!("\u{feff}{text}")),
            ("indented", format!("    {}  \n", text.trim_end().replace('\n', "  \n    "))),
            ("blank lines before", format!("\n\n{text}")),
            ("text around", format!("Bag Attributes\n  friendlyName: x\n{text}\nbye\n")),
            ("spaces for newlines", text.trim().replace('\n', " ")),
        ] {
            let file = dir.join("mangled");
            write(&file, mangled.as_bytes());
            let loaded = load(&file, never()).await.unwrap_or_else(|error| panic!("{how} {}: {error}", path.display()));
            assert!(loaded.ends_with(print.as_str()), "{how}");
        }
    }
}

fn ed25519_fingerprint(dir: &Path, name: &str) -> String {
    let der =
        Command::new("openssl").args(["pkey", "-pubout", "-outform", "DER", "-in", name]).current_dir(dir).output();
    let der = der.unwrap().stdout;
    let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
    blob.extend_from_slice(&der[der.len() - 32..]);
    let public = format!("ssh-ed25519 {}\n", data_encoding::BASE64.encode(&blob));
    let file = dir.join(format!("{name}.pub"));
    fs::write(&file, public).unwrap();
    fingerprint(&file)
}

#[tokio::test]
async fn encrypted_keys_ask_for_the_passphrase_once() {
    let Some(dir) = tools() else { return };
    let dir = dir.path();
    raw_keys(dir);
    let pass = format!("pass:{PASSPHRASE}");
    let mut forms: Vec<&str> = Vec::new();
    for (source, name, cipher) in
        [("rsa", "p8-rsa", "aes-256-cbc"), ("ec256", "p8-ec", "aes-128-cbc"), ("ed25519", "p8-ed", "aes-256-cbc")]
    {
        run(dir, &["openssl", "pkcs8", "-topk8", "-v2", cipher, "-in", source, "-passout", &pass, "-out", name]);
        forms.push(name);
    }
    run(dir, &["openssl", "pkcs8", "-topk8", "-scrypt", "-in", "rsa", "-passout", &pass, "-out", "p8-scrypt"]);
    run(dir, &["openssl", "rsa", "-traditional", "-aes128", "-in", "rsa", "-passout", &pass, "-out", "p1-aes128"]);
    forms.extend(["p8-scrypt", "p1-aes128"]);
    for (kind, name, cipher) in
        [("ed25519", "o1", "aes256-ctr"), ("rsa", "o2", "aes128-cbc"), ("ecdsa", "o3", "aes256-gcm@openssh.com")]
    {
        run(dir, &["ssh-keygen", "-q", "-a", "2", "-N", PASSPHRASE, "-Z", cipher, "-t", kind, "-f", name]);
        forms.push(name);
    }
    for name in forms {
        let path = dir.join(name);
        private(&path);
        let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = std::sync::Arc::clone(&asked);
        let passphrase = Passphrase::new(move |_| {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Ok(Secret::new(PASSPHRASE))
        });
        let ssh = Ssh::new(Config::for_home(None, passphrase));
        for _ in 0..2 {
            ssh.load_key(&path).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 1, "{name}: asked once, even if it is used twice");

        let wrong = load(&path, given("wrong")).await.unwrap_err();
        assert_eq!(wrong.kind, ErrorKind::Auth);
        assert!(wrong.message.ends_with("cannot be read with this passphrase"), "{name}: {wrong}");
        let refused = load(&path, no_terminal()).await.unwrap_err();
        assert!(refused.message.contains("is encrypted, and there is no terminal"), "{name}: {refused}");
        assert!(refused.hint.unwrap().contains("PINBOOT_KEY_PASSPHRASE"));
    }
}

#[tokio::test]
async fn unsupported_encryptions_show_a_remedy_that_works() {
    let Some(dir) = tools() else { return };
    let dir = dir.path();
    raw_keys(dir);
    let pass = format!("pass:{PASSPHRASE}");
    let traditional = |cipher: &str, name: &str| {
        run(dir, &["openssl", "rsa", "-traditional", cipher, "-in", "rsa", "-passout", &pass, "-out", name]);
    };
    traditional("-aes256", "p1-aes256");
    traditional("-des3", "p1-des3");
    run(dir, &["openssl", "ec", "-aes128", "-in", "ec256", "-passout", &pass, "-out", "sec1-aes"]);
    run(dir, &["openssl", "pkcs8", "-topk8", "-v2", "des3", "-in", "rsa", "-passout", &pass, "-out", "p8-des3"]);
    run(
        dir,
        &[
            "openssl",
            "pkcs8",
            "-topk8",
            "-v2",
            "aes-256-cbc",
            "-v2prf",
            "hmacWithSHA1",
            "-in",
            "rsa",
            "-passout",
            &pass,
            "-out",
            "p8-sha1",
        ],
    );
    run(dir, &["ssh-keygen", "-q", "-a", "2", "-N", PASSPHRASE, "-Z", "3des-cbc", "-t", "ed25519", "-f", "o-3des"]);
    for (name, what) in [
        ("p1-aes256", "AES-256-CBC"),
        ("p1-des3", "DES-EDE3-CBC"),
        ("sec1-aes", "EC key in the old form"),
        ("p8-des3", "3DES"),
        ("p8-sha1", "SHA-1"),
        ("o-3des", "3des-cbc"),
    ] {
        let path = dir.join(name);
        private(&path);
        let error = load(&path, never()).await.unwrap_err();
        assert!(error.message.contains("is encrypted") || error.message.contains("is an encrypted"), "{name}: {error}");
        assert!(error.message.contains(what), "{name}: {error}");
        let hint = error.hint.expect("a remedy");
        if hint.contains("ssh-keygen -p") {
            run(dir, &["ssh-keygen", "-q", "-p", "-P", PASSPHRASE, "-N", PASSPHRASE, "-f", name]);
            load(&path, given(PASSPHRASE)).await.unwrap_or_else(|error| panic!("{name} after its remedy: {error}"));
        } else {
            assert!(hint.contains("openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256"), "{name}: {hint}");
            let words = ["openssl", "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA256", "-in", name];
            run(dir, &[&words[..], &["-passin", &pass, "-passout", &pass, "-out", "converted"]].concat());
            private(&dir.join("converted"));
            load(&dir.join("converted"), given(PASSPHRASE)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

#[tokio::test]
async fn putty_keys_load() {
    let Some(dir) = tools() else { return };
    if need("puttygen", "putty-tools").is_none() {
        return;
    }
    let dir = dir.path();
    run(dir, &["ssh-keygen", "-q", "-N", "", "-t", "rsa", "-f", "k"]);
    let print = fingerprint(&dir.join("k"));
    for version in ["2", "3"] {
        let format = format!("ppk-file-version={version}");
        run(dir, &["puttygen", "k", "-O", "private", "--ppk-param", &format!("version={version}"), "-o", "k.ppk"]);
        let path = dir.join("k.ppk");
        private(&path);
        assert!(load(&path, never()).await.unwrap().ends_with(&print), "{format}");
    }
}

#[tokio::test]
async fn other_files_are_named_for_what_they_are() {
    let Some(dir) = tools() else { return };
    let dir = dir.path();
    raw_keys(dir);
    run(dir, &["ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", "id"]);
    run(dir, &["ssh-keygen", "-q", "-s", "id", "-I", "me", "id.pub"]);
    run(dir, &["openssl", "req", "-x509", "-key", "rsa", "-subj", "/CN=x", "-out", "x509"]);
    run(dir, &["openssl", "pkey", "-in", "rsa", "-outform", "DER", "-out", "der"]);
    run(dir, &["openssl", "pkey", "-in", "ed25519", "-outform", "DER", "-out", "der-small"]);
    run(dir, &["openssl", "pkey", "-in", "rsa", "-pubout", "-out", "rsa-public"]);
    let pem = fs::read_to_string(dir.join("rsa")).unwrap();
    let utf16: Vec<u8> = std::iter::once(0xfeff).chain(pem.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    write(&dir.join("empty"), b"");
    write(&dir.join("blank"), b"\r\n \n");
    write(&dir.join("html"), b"<html>not found</html>");
    write(&dir.join("noise"), &[0xff, 0x00, 0x17]);
    write(&dir.join("utf16"), &utf16);
    write(&dir.join("headless"), pem.split_once('\n').unwrap().1.as_bytes());
    write(&dir.join("dsa"), b"-----BEGIN DSA PRIVATE KEY-----\nMIIB\n-----END DSA PRIVATE KEY-----\n");
    write(&dir.join("large"), &vec![b'x'; 70_000]);
    fs::create_dir(dir.join("directory")).unwrap();
    run(dir, &["mkfifo", "fifo"]);
    symlink("/dev/zero", dir.join("zero")).unwrap();
    for (name, what) in [
        ("missing", "does not exist"),
        ("directory", "is a directory"),
        ("fifo", "is a FIFO, not a regular file"),
        ("zero", "is not a regular file"),
        ("large", "is larger than 64 KiB, too large for a private key"),
        ("empty", "is empty"),
        ("blank", "is empty"),
        ("id.pub", "is a public key, not a private key"),
        ("rsa-public", "is a public key, not a private key"),
        ("id-cert.pub", "is an SSH certificate, not a private key"),
        ("x509", "is an X.509 certificate, not a private key"),
        ("der", "is DER, the binary form"),
        ("der-small", "is DER, the binary form"),
        ("html", "is not a private key"),
        ("noise", "is not a private key: it is binary data"),
        ("utf16", "is UTF-16 text, as Windows editors save it"),
        ("headless", "is cut off: its first line, -----BEGIN … PRIVATE KEY-----, is missing"),
        ("dsa", "is a DSA key, which OpenSSH servers have refused since 2015"),
    ] {
        let path = dir.join(name);
        if path.is_file() {
            private(&path);
        }
        let started = Instant::now();
        let error = load(&path, never()).await.expect_err(name);
        assert!(started.elapsed() < Duration::from_secs(1), "{name} took {:?}", started.elapsed());
        assert_eq!(error.message, format!("the key {} {what}", path.display()), "{name}");
        assert_eq!(error.kind, ErrorKind::Auth);
        assert!(error.hint.is_some(), "{name} has a remedy");
    }
    // A file that ends after any line has this error, and there is no panic.
    let lines: Vec<&str> = pem.lines().collect();
    for kept in 1..lines.len() {
        write(&dir.join("cut"), lines[..kept].join("\n").as_bytes());
        let error = load(&dir.join("cut"), never()).await.unwrap_err();
        assert!(error.message.contains("is cut off: it has no line -----END PRIVATE KEY-----"), "{kept}: {error}");
    }
    // Without a line in the middle, the base64 is complete but the key is broken.
    write(&dir.join("hole"), [&lines[..5], &lines[6..]].concat().join("\n").as_bytes());
    let error = load(&dir.join("hole"), never()).await.unwrap_err();
    assert!(error.message.contains("cannot be read"), "{error}");
}

#[tokio::test]
async fn a_key_that_others_can_read_is_refused_with_the_command_that_fixes_it() {
    let Some(dir) = tools() else { return };
    let path = dir.path().join("Key pair name.pem");
    run(dir.path(), &["ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", "Key pair name.pem"]);
    for mode in [0o644, 0o640, 0o604, 0o601, 0o620] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = load(&path, never()).await.unwrap_err();
        assert!(error.message.contains(&format!("(mode {mode:04o})")), "{error}");
        assert_eq!(error.hint.unwrap(), format!("chmod 600 '{}'", path.display()));
    }
    for mode in [0o600, 0o400, 0o700] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        load(&path, never()).await.unwrap();
    }
    if rustix::process::getuid().is_root() {
        // OpenSSH checks the mode only of the caller's own files; root may read another user's key.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
        load(&path, never()).await.unwrap();
    }
}
