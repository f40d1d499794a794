//! API keys: `rp_<public part>_<secret part><checksum>`, all of it lower-case letters and digits.
//!
//! The public part names the key, so that one look-up finds it; the secret part is 160 random
//! bits, of which only the SHA-256 is kept. The checksum lets mistyped and made-up keys be refused
//! without a look-up, and secret scanners be sure of what they find:
//! `rp_[0-9a-hjkmnp-tv-z]{26}_[0-9a-hjkmnp-tv-z]{39}`.

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{chance::Chance, ids::KeyId};

/// What every API key begins with.
pub const KEY_PREFIX: &str = "rp_";

/// The random bytes of the secret part: 160 bits.
const SECRET_BYTES: usize = 20;

/// The characters of the public part: the suffix of a [`KeyId`].
const PUBLIC_CHARACTERS: usize = 26;

/// The characters of the secret part: 5 bits each.
const SECRET_CHARACTERS: usize = SECRET_BYTES * 8 / 5;

/// The characters of the checksum: the 32 bits of a CRC, 5 bits each.
const CHECKSUM_CHARACTERS: usize = 7;

/// Crockford's base32 in lower case, the alphabet of the ids too.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// An API key, with its secret. It is wiped from memory when dropped, and shown by
/// [`ApiKey::expose`] alone.
#[derive(Clone)]
pub struct ApiKey {
    id: KeyId,
    secret: Zeroizing<String>,
}

/// Why a text is no API key. The text itself is never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeyError {
    /// It does not begin with [`KEY_PREFIX`].
    #[error("an API key begins with {KEY_PREFIX}")]
    Prefix,
    /// It is shorter or longer than keys are, or holds other characters.
    #[error("this is not the whole of an API key, or more than it: copy it anew")]
    Shape,
    /// The checksum does not fit the rest.
    #[error("this API key is mistyped: its checksum does not fit; copy it anew")]
    Checksum,
}

impl ApiKey {
    /// A new key that is called `id`.
    pub fn generate(id: KeyId, chance: &Chance) -> Self {
        let bytes = Zeroizing::new(chance.bytes::<SECRET_BYTES>());
        Self {
            id,
            secret: Zeroizing::new(base32(&*bytes)),
        }
    }

    /// Reads a key and checks its checksum. Whether it is anybody's key is not known then.
    ///
    /// # Errors
    /// Why the text cannot be a key.
    pub fn parse(text: &str) -> Result<Self, ApiKeyError> {
        let rest = text.strip_prefix(KEY_PREFIX).ok_or(ApiKeyError::Prefix)?;
        let (public, secret, sum) = split(rest).ok_or(ApiKeyError::Shape)?;
        let id = KeyId::from_str(&format!("key_{public}")).map_err(|_| ApiKeyError::Shape)?;
        if checksum(public, secret) != sum {
            return Err(ApiKeyError::Checksum);
        }
        Ok(Self {
            id,
            secret: Zeroizing::new(secret.to_owned()),
        })
    }

    /// The name of the key, by which it is looked up.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// What is kept of the key: SHA-256 of its secret part. That is random enough not to need a
    /// slow hash.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret.as_bytes()).into()
    }

    /// Whether `hash` is the one that was kept of this key; takes as long for any answer.
    pub fn matches(&self, hash: &[u8; 32]) -> bool {
        self.hash().ct_eq(hash).into()
    }

    /// The key as its owner uses it.
    pub fn expose(&self) -> Zeroizing<String> {
        let id = self.id.to_string();
        let public = id.rsplit_once('_').map_or("", |(_, suffix)| suffix);
        let sum = checksum(public, &self.secret);
        Zeroizing::new(format!("{KEY_PREFIX}{public}_{}{sum}", *self.secret))
    }
}

impl FromStr for ApiKey {
    type Err = ApiKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ApiKey({}, hidden)", self.id)
    }
}

/// The public part, the secret part and the checksum.
fn split(rest: &str) -> Option<(&str, &str, &str)> {
    let (public, private) = rest.split_once('_')?;
    let in_alphabet = |text: &str| text.bytes().all(|byte| ALPHABET.contains(&byte));
    let fits = public.len() == PUBLIC_CHARACTERS
        && private.len() == SECRET_CHARACTERS + CHECKSUM_CHARACTERS
        && in_alphabet(public)
        && in_alphabet(private);
    let (secret, sum) = fits.then(|| private.split_at(SECRET_CHARACTERS))?;
    Some((public, secret, sum))
}

fn checksum(public: &str, secret: &str) -> String {
    let mut crc = crc32fast::Hasher::new();
    for part in [KEY_PREFIX, public, "_", secret] {
        crc.update(part.as_bytes());
    }
    // 32 bits fill six characters and two bits of a seventh.
    let mut padded = [0; 5];
    padded[..4].copy_from_slice(&crc.finalize().to_be_bytes());
    base32(&padded)[..CHECKSUM_CHARACTERS].to_owned()
}

/// `bytes`, whose number is a multiple of five, in base32.
fn base32(bytes: &[u8]) -> String {
    let characters = |chunk: &[u8]| {
        let bits = chunk
            .iter()
            .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        (0..8).map(move |index| char::from(ALPHABET[(bits >> (35 - 5 * index) & 31) as usize]))
    };
    bytes.chunks_exact(5).flat_map(characters).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{ids::Ids, time::Timestamp};

    fn key(seed: u64) -> ApiKey {
        let chance = Chance::seeded(seed);
        let id = Ids::new(chance.clone()).next(Timestamp::from_millis(1_700_000_000_000));
        ApiKey::generate(id, &chance)
    }

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let key = key(1);
        let text = key.expose();
        assert!(text.starts_with("rp_01h") && text.len() == 69, "{}", *text);
        let read = ApiKey::parse(&text).expect("a key");
        assert_eq!((read.id(), read.hash()), (key.id(), key.hash()));
        assert!(read.matches(&key.hash()));
    }

    #[test]
    fn another_key_does_not_match() {
        assert!(!key(1).matches(&key(2).hash()));
    }

    #[test]
    fn what_is_no_key_is_refused_before_any_look_up() {
        let good = key(1).expose();
        let swapped = good.replacen("rp_01h", "rp_0h1", 1);
        for (text, error) in [
            ("", ApiKeyError::Prefix),
            ("sk_live_1", ApiKeyError::Prefix),
            (&good.to_uppercase(), ApiKeyError::Prefix),
            ("rp_", ApiKeyError::Shape),
            (&good[..good.len() - 1], ApiKeyError::Shape),
            (&format!("{}0", *good), ApiKeyError::Shape),
            (&format!("{} ", &good[..good.len() - 1]), ApiKeyError::Shape),
            (&good.replacen('_', "é", 2), ApiKeyError::Prefix),
            (&swapped, ApiKeyError::Checksum),
        ] {
            assert_eq!(ApiKey::parse(text).err(), Some(error), "{text}");
        }
    }

    #[test]
    fn a_key_does_not_show_its_secret() {
        let key = key(1);
        let shown = format!("{key:?}");
        assert!(shown.contains(&key.id().to_string()) && !shown.contains(&*key.secret));
    }

    #[test]
    fn base32_is_crockfords() {
        assert_eq!(base32(&[0; 5]), "00000000");
        assert_eq!(base32(&[255; 5]), "zzzzzzzz");
        assert_eq!(
            base32(&[0, 0, 0, 0, 1, 0x84, 0x21, 0x08, 0x42, 0x10]),
            "00000001gggggggg"
        );
    }

    proptest! {
        #[test]
        fn a_changed_character_is_noticed(
            seed in any::<u64>(),
            place in any::<prop::sample::Index>(),
            other in prop::sample::select(ALPHABET.as_slice()),
        ) {
            let key = key(seed);
            let mut text = key.expose().as_bytes().to_vec();
            let place = place.index(text.len());
            prop_assume!(text[place] != other);
            text[place] = other;
            prop_assert!(ApiKey::parse(std::str::from_utf8(&text).expect("ASCII")).is_err());
        }

        #[test]
        fn no_text_is_too_strange_to_be_refused(text in ".{0,80}", rest in "[0-9a-z_]{0,80}") {
            prop_assert!(ApiKey::parse(&text).is_err());
            let with_prefix = format!("{}{}", KEY_PREFIX, rest);
            prop_assert!(ApiKey::parse(&with_prefix).is_err());
        }
    }
}
