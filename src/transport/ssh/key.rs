//! Private key files: careful reading, and an error that says what is wrong with the file.
//!
//! [`classify`] is pure and has a message for everything that people use by mistake instead of a private key. [`load`]
//! opens the file once, checks the open descriptor, and asks for a passphrase only if one is needed.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use russh::keys::{PrivateKey, decode_secret_key};
use rustix::fs::{FileType, Mode, OFlags};
use zeroize::Zeroizing;

use super::prompt::{NoPassphrase, Passphrase};
use super::sanitize;
use crate::transport::{Error, ErrorKind};

/// The largest accepted key file: 64 KiB, about ten times the largest RSA key.
const MAX_SIZE: u64 = 64 * 1024;

/// A private key's text in a form that the decoder can read.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// PEM or PPK with normalized line ends and indentation.
    pub(crate) text: Zeroizing<String>,
    /// Whether it needs a passphrase.
    pub(crate) encrypted: bool,
}

/// Why a file cannot be used as a private key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unusable {
    /// The rest of a sentence that starts with the file's name, such as `is a public key, not a private key`.
    pub(crate) what: String,
    /// What to do; `{key}` is replaced by the file as a shell word.
    pub(crate) remedy: Option<&'static str>,
}

impl Unusable {
    fn new(what: impl Into<String>, remedy: &'static str) -> Self {
        Self { what: what.into(), remedy: Some(remedy) }
    }

    fn at(&self, path: &Path) -> Error {
        let error = Error::new(ErrorKind::Auth, format!("the key {} {}", sanitize::path(path), self.what));
        match self.remedy {
            Some(remedy) => error.with_hint(remedy.replace("{key}", &sanitize::shell_word(path))),
            None => error,
        }
    }
}

const PRIVATE_HALF: &str =
    "use the private half: the .pem file that you downloaded from EC2, or the same name without .pub";
const AGAIN: &str = "copy the original file again: it ends with a line -----END … PRIVATE KEY-----";
const CONVERT: &str =
    "convert it: cp {key} {key}.old && ssh-keygen -p -f {key} (it asks for the old and the new passphrase)";

/// Finds the private key in these bytes, or the reason why there is none.
pub(crate) fn classify(bytes: &[u8]) -> Result<Candidate, Unusable> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Unusable::new("is empty", AGAIN));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        let remedy = "save it as plain text (UTF-8): iconv -f UTF-16 -t UTF-8 {key} > key.pem && chmod 600 key.pem";
        return Err(Unusable::new("is UTF-16 text, as Windows editors save it", remedy));
    }
    let Ok(raw) = std::str::from_utf8(bytes) else {
        return Err(not_text(bytes));
    };
    let raw = Zeroizing::new(raw.replace("\r\n", "\n").replace('\r', "\n"));
    let start = raw.trim_start();
    if start.starts_with("PuTTY-User-Key-File-") {
        return putty(start);
    }
    if let Some(block) = first_private_block(&raw) {
        return block.and_then(|block| candidate(&block));
    }
    Err(not_private(start, bytes))
}

/// The parts of one PEM block.
struct Block {
    label: String,
    headers: Vec<String>,
    body: Zeroizing<String>,
}

impl Block {
    /// The block as PEM that strict readers accept, even if it was wrapped or indented differently.
    fn to_pem(&self) -> Zeroizing<String> {
        let mut pem = Zeroizing::new(format!("-----BEGIN {}-----\n", self.label));
        for header in &self.headers {
            let _ = writeln!(pem, "{header}");
        }
        if !self.headers.is_empty() {
            pem.push('\n');
        }
        for line in self.body.as_bytes().chunks(64) {
            pem.push_str(std::str::from_utf8(line).unwrap_or_default());
            pem.push('\n');
        }
        let _ = writeln!(pem, "-----END {}-----", self.label);
        pem
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|header| header.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    }
}

/// The first PEM block that is labelled as a private key; an error if it has no end.
fn first_private_block(raw: &str) -> Option<Result<Block, Unusable>> {
    let mut rest = raw;
    loop {
        let (_, after) = rest.split_once("-----BEGIN ")?;
        let (label, content) = after.split_once("-----")?;
        rest = content;
        if !label.ends_with("PRIVATE KEY") || label.contains('\n') {
            continue;
        }
        let Some((inside, _)) = content.split_once(&format!("-----END {label}-----")) else {
            return Some(Err(Unusable::new(format!("is cut off: it has no line -----END {label}-----"), AGAIN)));
        };
        let mut headers = Vec::new();
        let mut body = Zeroizing::new(String::with_capacity(inside.len()));
        for line in inside.lines().map(str::trim) {
            if body.is_empty() && line.contains(": ") {
                headers.push(line.to_owned());
            } else {
                body.extend(line.chars().filter(|c| !c.is_whitespace()));
            }
        }
        return Some(Ok(Block { label: label.to_owned(), headers, body }));
    }
}

/// Checks that the decoder can read the key in this block.
fn candidate(block: &Block) -> Result<Candidate, Unusable> {
    let Ok(der) = data_encoding::BASE64.decode(block.body.as_bytes()).map(Zeroizing::new) else {
        return Err(Unusable::new("is damaged: the text between BEGIN and END is not complete base64", AGAIN));
    };
    let legacy_cipher = match block.header("Proc-Type") {
        Some(value) if value.replace(' ', "") == "4,ENCRYPTED" => {
            Some(block.header("DEK-Info").and_then(|info| info.split(',').next()).unwrap_or("an unnamed cipher"))
        }
        _ => None,
    };
    let encrypted = match block.label.as_str() {
        "OPENSSH PRIVATE KEY" => match openssh_cipher(&der) {
            None => return Err(Unusable::new("is damaged: it does not start like an OpenSSH private key", AGAIN)),
            Some("none") => false,
            Some("3des-cbc") => {
                return Err(Unusable::new("is encrypted with 3des-cbc, which pinboot cannot read", CONVERT));
            }
            Some(_) => true,
        },
        "RSA PRIVATE KEY" => match legacy_cipher {
            None => false,
            Some("AES-128-CBC") => true,
            Some(cipher) => {
                let cipher = sanitize::escaped(cipher.as_bytes(), 64);
                return Err(Unusable::new(format!("is encrypted with {cipher}, which pinboot cannot read"), CONVERT));
            }
        },
        "EC PRIVATE KEY" if legacy_cipher.is_some() => {
            return Err(Unusable::new("is an encrypted EC key in the old form, which pinboot cannot read", CONVERT));
        }
        "EC PRIVATE KEY" | "PRIVATE KEY" => false,
        "ENCRYPTED PRIVATE KEY" => {
            pkcs8_scheme(&der)?;
            true
        }
        "DSA PRIVATE KEY" => {
            let remedy = "make a new key pair (ed25519 or RSA) and put its public half on the host";
            return Err(Unusable::new("is a DSA key, which OpenSSH servers have refused since 2015", remedy));
        }
        other => {
            let label = sanitize::escaped(other.as_bytes(), 64);
            return Err(Unusable {
                what: format!("is a {label}, a format that pinboot does not know"),
                remedy: Some(CONVERT),
            });
        }
    };
    Ok(Candidate { text: block.to_pem(), encrypted })
}

/// The cipher's name in an OpenSSH private key.
fn openssh_cipher(der: &[u8]) -> Option<&str> {
    let rest = der.strip_prefix(b"openssh-key-v1\0")?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let name = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    std::str::from_utf8(name).ok()
}

/// Refuses encryption schemes of PKCS#8 that the decoder does not support, by the object identifiers in the DER.
///
/// This happens before the user is asked for the passphrase: a failure after the question would look like a wrong one.
fn pkcs8_scheme(der: &[u8]) -> Result<(), Unusable> {
    let head = &der[..der.len().min(192)];
    let has = |identifier: &[u8]| head.windows(identifier.len()).any(|window| window == identifier);
    let pbes2 = has(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d]);
    let triple_des = has(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x03, 0x07]);
    let scrypt = has(&[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x04, 0x0b]);
    // hmacWithSHA224 to hmacWithSHA512; the default is SHA-1 (RFC 8018, appendix A.2).
    let sha2 = (0x08..=0x0b).any(|last| has(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, last]));
    let scheme = if !pbes2 {
        "a password scheme older than PKCS#5 version 2"
    } else if triple_des {
        "3DES"
    } else if !sha2 && !scrypt {
        "a password function based on SHA-1"
    } else {
        return Ok(());
    };
    let remedy = "convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -in {key} -out key.pem && chmod 600 key.pem";
    Err(Unusable::new(format!("is encrypted with {scheme}, which pinboot cannot read"), remedy))
}

/// Advice for a PuTTY key that is damaged.
const PUTTY_AGAIN: &str =
    "copy the original .ppk file again, or export the key from PuTTYgen: Conversions, Export OpenSSH key";

fn putty_cut_off(what: &str) -> Unusable {
    Unusable::new(format!("is a PuTTY key that is cut off: {what}"), PUTTY_AGAIN)
}

/// A line of a PuTTY key. Lines are not trimmed: the file's MAC covers the comment with its spaces.
fn putty_field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// What a `.ppk` file needs: lines of base64 that are counted, and a line with the digest of it all at the end.
fn putty(start: &str) -> Result<Candidate, Unusable> {
    for begin in ["Public-Lines:", "Private-Lines:"] {
        let Some(counted) = putty_field(start, begin).and_then(|count| count.parse::<usize>().ok()) else { continue };
        let there = start.lines().skip_while(|line| !line.starts_with(begin)).skip(1);
        let there = there.take_while(|line| !line.contains(':')).take(counted).count();
        if there < counted {
            let name = begin.trim_end_matches(':');
            return Err(putty_cut_off(&format!("it has {there} of the {counted} lines after {name}")));
        }
    }
    if putty_field(start, "Private-MAC:").is_none() {
        return Err(putty_cut_off("it has no line Private-MAC"));
    }
    let encrypted = putty_field(start, "Encryption:").is_some_and(|cipher| cipher != "none");
    Ok(Candidate { text: Zeroizing::new(start.to_owned()), encrypted })
}

/// Why the decoder refuses a PuTTY key that is not encrypted.
fn unreadable_putty(text: &str) -> Unusable {
    let mac = putty_field(text, "Private-MAC:").unwrap_or_default();
    if matches!(mac.len(), 40 | 64) {
        Unusable::new("is a PuTTY key that is damaged: its content does not fit its MAC", PUTTY_AGAIN)
    } else {
        putty_cut_off("its last line, Private-MAC, is not complete")
    }
}

fn not_text(bytes: &[u8]) -> Unusable {
    if bytes.first() == Some(&0x30) {
        let remedy = "convert it to PEM: openssl pkey -inform DER -in {key} -out key.pem && chmod 600 key.pem";
        return Unusable::new("is DER, the binary form", remedy);
    }
    Unusable::new("is not a private key: it is binary data", PRIVATE_HALF)
}

fn not_private(start: &str, bytes: &[u8]) -> Unusable {
    let word = start.split_whitespace().find(|word| !word.contains('=')).unwrap_or_default();
    let is_public = ["ssh-rsa", "ssh-dss", "ssh-ed25519", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"]
        .iter()
        .any(|kind| word.starts_with(kind));
    if is_public && word.contains("-cert-v01@") {
        return Unusable::new("is an SSH certificate, not a private key", PRIVATE_HALF);
    }
    let label = start
        .split_once("-----BEGIN ")
        .or_else(|| start.split_once("---- BEGIN "))
        .and_then(|(_, rest)| rest.split_once("---"))
        .map_or("", |(label, _)| label.trim());
    if is_public || label.ends_with("PUBLIC KEY") {
        return Unusable::new("is a public key, not a private key", PRIVATE_HALF);
    }
    if label.ends_with("CERTIFICATE") {
        return Unusable::new("is an X.509 certificate, not a private key", PRIVATE_HALF);
    }
    if label.ends_with("CERTIFICATE REQUEST") {
        return Unusable::new("is a certificate request, not a private key", PRIVATE_HALF);
    }
    if bytes.first() == Some(&0x30) && bytes.iter().any(|byte| *byte < 9) {
        return not_text(bytes);
    }
    if start.contains("-----END ") && start.contains("PRIVATE KEY-----") {
        return Unusable::new("is cut off: its first line, -----BEGIN … PRIVATE KEY-----, is missing", AGAIN);
    }
    Unusable::new("is not a private key", "it should start with -----BEGIN … PRIVATE KEY-----")
}

/// Decodes a candidate; the decoder fails if an unencrypted key comes with a passphrase.
fn decode(candidate: &Candidate, passphrase: Option<&str>) -> Result<PrivateKey, Unusable> {
    decode_secret_key(&candidate.text, passphrase).map_err(|error| {
        if passphrase.is_some() {
            Unusable::new(
                "cannot be read with this passphrase",
                "check the passphrase; ssh-keygen -y -f {key} tries it",
            )
        } else if candidate.text.starts_with("PuTTY-") {
            unreadable_putty(&candidate.text)
        } else {
            let error = sanitize::escaped(error.to_string().as_bytes(), 200);
            Unusable::new(
                format!("cannot be read: {error}"),
                "ssh-keygen -y -f {key} shows whether OpenSSH can read it",
            )
        }
    })
}

/// Loads the private key in a file.
///
/// The file is opened once, without waiting for a FIFO, and the open descriptor must be a regular file of at most 64 KiB.
/// The mode is checked by OpenSSH's rule: a file that belongs to the caller (the real user id) must have no bits for group
/// and others; a file of another owner, such as one that root reads for a user, is accepted.
pub(crate) fn load(path: &Path, passphrase: &Passphrase) -> Result<PrivateKey, Error> {
    let (bytes, mode) = read(path)?;
    // A mode cannot be the reason why a public key, or no key at all, is refused.
    let candidate = classify(&bytes).map_err(|unusable| unusable.at(path))?;
    if let Some(mode) = mode {
        let what = format!("can be read or written by others (mode {mode:04o}); pinboot refuses it, as ssh does");
        return Err(Unusable::new(what, "chmod 600 {key}").at(path));
    }
    if !candidate.encrypted {
        return decode(&candidate, None).map_err(|unusable| unusable.at(path));
    }
    let mut earlier = 0;
    loop {
        let secret = passphrase.ask(path, earlier).map_err(|none| no_passphrase(none).at(path))?;
        earlier += 1;
        match decode(&candidate, Some(secret.expose())) {
            Err(_) if earlier < passphrase.tries() => {}
            decoded => return decoded.map_err(|unusable| unusable.at(path)),
        }
    }
}

fn no_passphrase(none: NoPassphrase) -> Unusable {
    let what = match none {
        NoPassphrase::NoTerminal => {
            return Unusable::new(
                "is encrypted, and there is no terminal to ask for its passphrase",
                "set PINBOOT_KEY_PASSPHRASE, or load the key into ssh-agent (ssh-add {key}) and name no key file",
            );
        }
        NoPassphrase::Failed(why) => format!("is encrypted, and its passphrase could not be asked for: {why}"),
        NoPassphrase::GivenUp => "is encrypted, and its passphrase was not given".to_owned(),
    };
    Unusable { what, remedy: None }
}

/// The file's bytes, and its mode if that gives others a right to it.
fn read(path: &Path) -> Result<(Zeroizing<Vec<u8>>, Option<u32>), Error> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => {
            let unusable = Unusable::new("does not exist", "name the .pem file with --key, or in the playbook");
            unusable.at(path)
        }
        io::ErrorKind::PermissionDenied => {
            Unusable::new("cannot be read: permission denied", "it must be your own file: ls -l {key}").at(path)
        }
        _ => Unusable { what: format!("cannot be read: {error}"), remedy: None }.at(path),
    };
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let descriptor = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| failed(error.into()))?;
    let stat = rustix::fs::fstat(&descriptor).map_err(|error| failed(error.into()))?;
    let not_a_file = |what: &str| Unusable::new(what, "name the .pem file itself").at(path);
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        FileType::Directory => return Err(not_a_file("is a directory")),
        FileType::Fifo => return Err(not_a_file("is a FIFO, not a regular file")),
        _ => return Err(not_a_file("is not a regular file")),
    }
    if u64::try_from(stat.st_size).is_ok_and(|size| size > MAX_SIZE) {
        return Err(not_a_file("is larger than 64 KiB, too large for a private key"));
    }
    let mode = stat.st_mode & 0o777;
    let is_open = stat.st_uid == rustix::process::getuid().as_raw() && mode & 0o077 != 0;
    // The file may have grown since its size was checked; one byte more than the limit shows it.
    let mut bytes = Zeroizing::new(Vec::with_capacity(16 * 1024));
    File::from(descriptor).take(MAX_SIZE + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_SIZE {
        return Err(not_a_file("is larger than 64 KiB, too large for a private key"));
    }
    Ok((bytes, is_open.then_some(mode)))
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
