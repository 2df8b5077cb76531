//! Which algorithms pinboot offers, in which order, and how long an RSA key has to be.
//!
//! They are those that OpenSSH's client offers by default, as far as russh has them: docs/decisions/0018-algorithms.md.

use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PublicKey};
use russh::{cipher, kex};

/// Key exchanges, in OpenSSH's order.
pub(crate) const KEX: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_GEX_SHA256,
    kex::DH_G16_SHA512,
    kex::DH_G18_SHA512,
    kex::DH_G14_SHA256,
    kex::DH_G17_SHA512,
    kex::DH_G15_SHA512,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

/// Ciphers, by measured speed. ChaCha20 is last, because it can be attacked if a server does not support strict key exchange:
/// docs/decisions/0013-strict-key-exchange.md.
pub(crate) const CIPHERS: &[cipher::Name] = &[
    cipher::AES_128_GCM,
    cipher::AES_256_GCM,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
    cipher::CHACHA20_POLY1305,
];

/// An RSA key with fewer bits is refused, as by OpenSSH's `RequiredRSASize` at its lowest.
const MIN_RSA_BITS: u32 = 1024;

/// An RSA key with fewer bits can be factored at great expense; ssh-keygen makes none.
const GOOD_RSA_BITS: u32 = 2048;

/// Whether a key is long enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Strength {
    /// It is.
    Good,
    /// It is accepted, and the user is warned with this.
    Weak(String),
    /// It is refused with this.
    TooWeak(String),
}

/// Whether a key is long enough; only RSA keys have different lengths.
pub(crate) fn strength(key: &PublicKey) -> Strength {
    key.key_data().rsa().map_or(Strength::Good, |rsa| strength_of_rsa(rsa.key_size()))
}

fn strength_of_rsa(bits: u32) -> Strength {
    let what = || format!("is an RSA key of {bits} bits");
    match bits {
        0..MIN_RSA_BITS => {
            Strength::TooWeak(format!("{}, which can be broken; at least {MIN_RSA_BITS} are needed", what()))
        }
        MIN_RSA_BITS..GOOD_RSA_BITS => Strength::Weak(format!(
            "{}, which is short: replace it by an ed25519 key, or one of {GOOD_RSA_BITS} bits",
            what()
        )),
        GOOD_RSA_BITS.. => Strength::Good,
    }
}

/// The host key algorithms in the order of preference.
///
/// As with OpenSSH, the types that known_hosts lists come first, so that a host with several keys shows one of those. Among
/// them, the expected type comes first.
pub(crate) fn of_host_keys(known: &[&str], expected: Option<&str>) -> Vec<Algorithm> {
    let ecdsa = |curve| Algorithm::Ecdsa { curve };
    let mut algorithms = vec![
        ("ssh-ed25519", Algorithm::Ed25519),
        ("ecdsa-sha2-nistp256", ecdsa(EcdsaCurve::NistP256)),
        ("ecdsa-sha2-nistp384", ecdsa(EcdsaCurve::NistP384)),
        ("ecdsa-sha2-nistp521", ecdsa(EcdsaCurve::NistP521)),
        // The library would offer SHA-1 as well, which is not secure.
        ("ssh-rsa", Algorithm::Rsa { hash: Some(HashAlg::Sha512) }),
        ("ssh-rsa", Algorithm::Rsa { hash: Some(HashAlg::Sha256) }),
    ];
    algorithms.sort_by_key(|(name, _)| (!known.contains(name), expected != Some(*name)));
    algorithms.into_iter().map(|(_, algorithm)| algorithm).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_rsa_keys_are_refused_or_warned_about() {
        for (bits, word) in
            [(512, "too weak"), (1023, "too weak"), (1024, "weak"), (2047, "weak"), (2048, "good"), (8192, "good")]
        {
            let found = match strength_of_rsa(bits) {
                Strength::TooWeak(text) => text.contains(&bits.to_string()).then_some("too weak"),
                Strength::Weak(text) => text.contains(&bits.to_string()).then_some("weak"),
                Strength::Good => Some("good"),
            };
            assert_eq!(found, Some(word), "{bits}");
        }
    }
}
