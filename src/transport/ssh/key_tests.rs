use super::*;

/// An unencrypted ed25519 key that no host accepts.
const PLAIN: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";

fn what(text: &str) -> String {
    classify(text.as_bytes()).expect_err("not a private key").what
}

#[test]
fn a_key_is_found_in_any_surrounding_text() {
    let whole = classify(PLAIN.as_bytes()).unwrap();
    assert!(!whole.encrypted);
    for text in [
        PLAIN.replace('\n', " "),
        PLAIN.replace('\n', "\r"),
        format!("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{PLAIN}"),
        format!("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n{PLAIN}"),
    ] {
        assert_eq!(classify(text.as_bytes()).unwrap().text, whole.text);
    }
    assert!(decode(&whole, None).is_ok());
}

#[test]
fn no_cut_and_no_flip_panics() {
    for end in 0..PLAIN.len() {
        let _ = classify(&PLAIN.as_bytes()[..end]).map(|candidate| decode(&candidate, None).is_ok());
        for bit in 0..8 {
            let mut bytes = PLAIN.as_bytes().to_vec();
            bytes[end] ^= 1 << bit;
            let _ = classify(&bytes).map(|candidate| decode(&candidate, None).is_ok());
        }
    }
}

#[test]
fn damaged_keys_and_other_files_have_different_messages() {
    for (text, expected) in [
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIB!\n-----END RSA PRIVATE KEY-----", "is damaged: the text between"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nMIIB\n-----END OPENSSH PRIVATE KEY-----",
            "is damaged: it does not start",
        ),
        (
            "-----BEGIN WEIRD PRIVATE KEY-----\nMIIB\n-----END WEIRD PRIVATE KEY-----",
            "is a WEIRD PRIVATE KEY, a format",
        ),
        ("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", "is a PuTTY key that is cut off"),
        ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----", "is a public key"),
        ("command=\"x\" ssh-rsa AAAA", "is a public key"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----", "is a certificate request"),
    ] {
        assert!(what(text).starts_with(expected), "{text}: {}", what(text));
    }
}

#[test]
fn a_putty_key_that_is_cut_off_says_where() {
    let head = "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: c\nPublic-Lines: 2\n";
    let whole = format!("{head}AAAA\nBBBB\nPrivate-Lines: 1\nCCCC\nPrivate-MAC: {}\n", "0".repeat(64));
    let cut = |text: &str| whole[..whole.find(text).unwrap()].to_owned();
    for (text, expected) in [
        (cut("BBBB"), "cut off: it has 1 of the 2 lines after Public-Lines"),
        (cut("CCCC"), "cut off: it has 0 of the 1 lines after Private-Lines"),
        (cut("Private-MAC"), "cut off: it has no line Private-MAC"),
        (whole[..whole.len() - 9].to_owned(), "cut off: its last line, Private-MAC, is not complete"),
        (whole.clone(), "is damaged: its content does not fit its MAC"),
    ] {
        let unusable = classify(text.as_bytes()).and_then(|key| decode(&key, None).map(|_| ())).unwrap_err();
        assert!(unusable.what.contains(expected) && unusable.remedy == Some(PUTTY_AGAIN), "{text}: {unusable:?}");
    }
}

#[test]
fn an_encrypted_putty_key_is_known_before_the_passphrase_is_asked_for() {
    let text = "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: aes256-cbc\nPrivate-MAC: 00\n";
    assert!(classify(text.as_bytes()).unwrap().encrypted);
}
