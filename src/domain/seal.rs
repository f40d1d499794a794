//! Secrets at rest: sealed so that only who holds the key reads them, and only in their own row.
//!
//! XChaCha20-Poly1305, whose nonces are long enough to be drawn at random. A sealed secret is
//!
//! | bytes | content |
//! | --- | --- |
//! | 1 | the version of this layout, 1 |
//! | 8 | the id of the key |
//! | 24 | the nonce |
//! | rest | ciphertext and tag |
//!
//! The first two and the name of the row are authenticated with it: a sealed secret that is moved
//! to another row does not open. Where keys are kept is not known here.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD_PAD_INDIFFERENT};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::chance::Chance;

/// The bytes of a key.
pub const KEY_BYTES: usize = 32;

const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 24;
const HEAD_BYTES: usize = 1 + KEY_ID_BYTES;

/// Names a key without telling anything about it: the first 8 bytes of its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SealingKeyId([u8; KEY_ID_BYTES]);

/// A key that seals secrets. It is wiped from memory when dropped.
#[derive(Clone)]
pub struct SealingKey {
    id: SealingKeyId,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

/// Several keys: the first one seals, each opens what it sealed. A key is replaced by putting a
/// new one before it, and dropped once nothing is sealed with it.
#[derive(Debug, Clone)]
pub struct Keyring {
    current: SealingKey,
    older: Vec<SealingKey>,
}

/// Why a text is no key. The text itself is never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealing key is {KEY_BYTES} bytes, written as 64 hexadecimal digits or in base64")]
pub struct KeyError;

/// Why a sealed secret does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It is too short, or of a layout that is not known.
    #[error("these bytes are no sealed secret of a kind that this version of Riposte knows")]
    Layout,
    /// It was sealed with a key that is not there.
    #[error("the secret was sealed with the key {0}, which is not configured")]
    UnknownKey(SealingKeyId),
    /// It was changed, moved to another row, or sealed with a key of the same id.
    #[error("the sealed secret was changed or belongs to another row")]
    Broken,
    /// It cannot be sealed because it is larger than the cipher takes.
    #[error("the secret is too large to be sealed")]
    TooLarge,
}

impl SealingKey {
    /// A new key.
    pub fn generate(chance: &Chance) -> Self {
        Self::from_bytes(Zeroizing::new(chance.bytes()))
    }

    /// Reads 64 hexadecimal digits, or base64 with padding or without.
    ///
    /// # Errors
    /// It is neither, or of another length.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = match text.len() {
            64 => from_hex(text),
            _ => STANDARD_PAD_INDIFFERENT.decode(text).ok(),
        };
        let bytes = Zeroizing::new(bytes.ok_or(KeyError)?);
        let key = <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).map_err(|_| KeyError)?;
        Ok(Self::from_bytes(Zeroizing::new(key)))
    }

    /// The key as 64 hexadecimal digits, to be written where it is kept.
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(to_hex(&*self.bytes))
    }

    /// The name of the key.
    pub fn id(&self) -> SealingKeyId {
        self.id
    }

    /// `plaintext`, sealed for the row that is called `row`.
    ///
    /// # Errors
    /// [`SealError::TooLarge`], beyond 256 GiB.
    pub fn seal(&self, chance: &Chance, plaintext: &[u8], row: &str) -> Result<Vec<u8>, SealError> {
        let mut sealed = Vec::with_capacity(HEAD_BYTES + NONCE_BYTES + plaintext.len() + 16);
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.id.0);
        let associated = associated(&sealed, row);
        let nonce: [u8; NONCE_BYTES] = chance.bytes();
        sealed.extend_from_slice(&nonce);
        let payload = Payload {
            msg: plaintext,
            aad: &associated,
        };
        let ciphertext = self.cipher().encrypt(&XNonce::from(nonce), payload);
        sealed.extend(ciphertext.map_err(|_| SealError::TooLarge)?);
        Ok(sealed)
    }

    /// What was sealed with this key for `row`.
    ///
    /// # Errors
    /// Why it does not open.
    pub fn open(&self, sealed: &[u8], row: &str) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let key = key_of(sealed)?;
        if key != self.id {
            return Err(SealError::UnknownKey(key));
        }
        let (head, rest) = sealed.split_at(HEAD_BYTES);
        let (nonce, ciphertext) = rest
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(SealError::Layout)?;
        let payload = Payload {
            msg: ciphertext,
            aad: &associated(head, row),
        };
        let opened = self.cipher().decrypt(&XNonce::from(*nonce), payload);
        opened.map(Zeroizing::new).map_err(|_| SealError::Broken)
    }

    fn from_bytes(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let digest: [u8; 32] = Sha256::digest(*bytes).into();
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&digest[..KEY_ID_BYTES]);
        Self {
            id: SealingKeyId(id),
            bytes,
        }
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.bytes).into())
    }
}

impl Keyring {
    /// A ring whose first key is `current`.
    pub fn new(current: SealingKey, older: Vec<SealingKey>) -> Self {
        Self { current, older }
    }

    /// See [`SealingKey::seal`]; the first key does it.
    ///
    /// # Errors
    /// [`SealError::TooLarge`], beyond 256 GiB.
    pub fn seal(&self, chance: &Chance, plaintext: &[u8], row: &str) -> Result<Vec<u8>, SealError> {
        self.current.seal(chance, plaintext, row)
    }

    /// See [`SealingKey::open`]; the key that sealed it does it.
    ///
    /// # Errors
    /// Why it does not open.
    pub fn open(&self, sealed: &[u8], row: &str) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let id = key_of(sealed)?;
        let mut keys = self.keys();
        let key = keys.find(|key| key.id == id);
        key.ok_or(SealError::UnknownKey(id))?.open(sealed, row)
    }

    /// Whether `sealed` is to be sealed anew, because the first key did not do it.
    pub fn is_outdated(&self, sealed: &[u8]) -> bool {
        key_of(sealed) != Ok(self.current.id)
    }

    /// The name of the key that seals.
    pub fn current(&self) -> SealingKeyId {
        self.current.id
    }

    /// The keys, the one that seals first.
    pub fn keys(&self) -> impl Iterator<Item = &SealingKey> {
        std::iter::once(&self.current).chain(&self.older)
    }
}

impl fmt::Display for SealingKeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for SealingKeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SealingKeyId({self})")
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SealingKey({}, hidden)", self.id)
    }
}

/// The id of the key with which `sealed` was sealed.
fn key_of(sealed: &[u8]) -> Result<SealingKeyId, SealError> {
    match sealed.split_first_chunk::<HEAD_BYTES>() {
        Some(([VERSION, id @ ..], _)) => Ok(SealingKeyId(*id)),
        _ => Err(SealError::Layout),
    }
}

/// What is authenticated beside the ciphertext. The head has a fixed length, so it and the row do
/// not run together.
fn associated(head: &[u8], row: &str) -> Vec<u8> {
    [head, row.as_bytes()].concat()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |pair: &[u8]| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok();
    text.as_bytes().chunks_exact(2).map(byte).collect()
}

#[cfg(test)]
mod tests;
