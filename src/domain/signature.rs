//! Signatures of webhooks: Standard Webhooks 1.0, symmetric (`v1`).
//!
//! What is signed is `id.timestamp.body`, the bytes as they are sent; the key is what stands in
//! base64 behind `whsec_`. While a secret is being replaced, old and new both sign.

mod verify;

use std::{fmt, str::FromStr};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_PAD_INDIFFERENT},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::chance::Chance;

pub use verify::{SignedHeaders, TOLERANCE, VerifyError, verify};

/// The header that names the delivery; the same on every attempt.
pub const ID_HEADER: &str = "webhook-id";

/// The header that says when the attempt was made, in seconds since the Unix epoch.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";

/// The header that holds the signatures.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// What a secret begins with.
pub const SECRET_PREFIX: &str = "whsec_";

/// The fewest bytes that a secret may have.
pub const MIN_SECRET_BYTES: usize = 24;

/// The most bytes that a secret may have.
pub const MAX_SECRET_BYTES: usize = 64;

/// How many bytes a secret of Riposte's own making has.
const GENERATED_SECRET_BYTES: usize = 32;

/// What a symmetric signature begins with.
const VERSION: &str = "v1";

/// The secret that an endpoint shares with Riposte. It is wiped from memory when dropped, and
/// shown by [`Secret::expose`] alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// Why a text is no secret. The text itself is never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It does not begin with [`SECRET_PREFIX`].
    #[error("a secret begins with {SECRET_PREFIX}")]
    Prefix,
    /// What follows the prefix is no base64.
    #[error("what follows {SECRET_PREFIX} is base64 (RFC 4648, section 4)")]
    Base64,
    /// It has too few or too many bytes.
    #[error(
        "a secret has {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes behind its base64, this one has {0}"
    )]
    Length(usize),
}

impl Secret {
    /// A new secret of 32 random bytes.
    pub fn generate(chance: &Chance) -> Self {
        let bytes = Zeroizing::new(chance.bytes::<GENERATED_SECRET_BYTES>());
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// Reads `whsec_` and base64, padded or not.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let encoded = text
            .strip_prefix(SECRET_PREFIX)
            .ok_or(SecretError::Prefix)?;
        let decoded = STANDARD_PAD_INDIFFERENT.decode(encoded);
        let bytes = Zeroizing::new(decoded.map_err(|_| SecretError::Base64)?);
        if !(MIN_SECRET_BYTES..=MAX_SECRET_BYTES).contains(&bytes.len()) {
            return Err(SecretError::Length(bytes.len()));
        }
        Ok(Self(bytes))
    }

    /// The secret as its owner reads it: `whsec_` and base64.
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{SECRET_PREFIX}{}", STANDARD.encode(&*self.0)))
    }

    /// The HMAC that signs the three parts, ready to be read or compared.
    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any key length");
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac
    }
}

impl FromStr for Secret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(hidden)")
    }
}

/// The value of [`SIGNATURE_HEADER`]: one signature for each of `secrets`, in their order. It is
/// empty if there are none.
pub fn sign(id: &str, timestamp_seconds: i64, body: &[u8], secrets: &[Secret]) -> String {
    let timestamp = timestamp_seconds.to_string();
    let sign_with = |secret: &Secret| {
        let mac = secret.mac(id, &timestamp, body).finalize();
        format!("{VERSION},{}", STANDARD.encode(mac.into_bytes()))
    };
    let signatures: Vec<_> = secrets.iter().map(sign_with).collect();
    signatures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret_of(length: usize) -> String {
        format!("{SECRET_PREFIX}{}", STANDARD.encode(vec![7; length]))
    }

    #[test]
    fn published_signatures_are_met() {
        // The vectors of the Standard Webhooks reference libraries: the first of the Rust one
        // (crate standardwebhooks 1.0.1), the second of those in other languages.
        for (secret, id, timestamp, body, signature) in [
            (
                "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                1_649_367_553,
                r#"{"email":"test@example.com","username":"test_user"}"#,
                "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            ),
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#,
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
        ] {
            let secret = Secret::parse(secret).expect("a secret");
            assert_eq!(sign(id, timestamp, body.as_bytes(), &[secret]), signature);
        }
    }

    #[test]
    fn each_secret_signs_once_in_its_order() {
        let chance = Chance::seeded(1);
        let (old, new) = (Secret::generate(&chance), Secret::generate(&chance));
        let alone = |secret: &Secret| sign("id", 5, b"body", std::slice::from_ref(secret));
        assert_eq!(
            sign("id", 5, b"body", &[new.clone(), old.clone()]),
            format!("{} {}", alone(&new), alone(&old))
        );
        assert_eq!(sign("id", 5, b"body", &[]), "");
    }

    #[test]
    fn a_secret_is_read_as_it_was_written() {
        let secret = Secret::generate(&Chance::seeded(1));
        assert_eq!(Secret::parse(&secret.expose()).as_ref(), Ok(&secret));
        assert_eq!(secret.0.len(), 32);
        for length in [24, 25, 64] {
            let padded = secret_of(length);
            assert_eq!(
                Secret::parse(padded.trim_end_matches('=')),
                Secret::parse(&padded)
            );
            assert!(Secret::parse(&padded).is_ok(), "{length}");
        }
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        for (text, error) in [
            (String::new(), SecretError::Prefix),
            ("sk_abc".to_owned(), SecretError::Prefix),
            (secret_of(32).to_uppercase(), SecretError::Prefix),
            (format!("{SECRET_PREFIX}*"), SecretError::Base64),
            (format!("{} ", secret_of(32)), SecretError::Base64),
            (SECRET_PREFIX.to_owned(), SecretError::Length(0)),
            (secret_of(23), SecretError::Length(23)),
            (secret_of(65), SecretError::Length(65)),
        ] {
            assert_eq!(Secret::parse(&text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        let secret = Secret::generate(&Chance::seeded(1));
        assert_eq!(format!("{secret:?}"), "Secret(hidden)");
    }
}
