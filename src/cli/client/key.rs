//! The key that a command shows to the gateway.

use std::path::Path;

use super::ClientError;
use crate::{config::SecretText, keyfile};

/// Where `riposte serve` keeps the operator's key unless it is told otherwise.
pub(super) const DEFAULT_KEY_FILE: &str = "data/operator.key";

/// An API key, and where it comes from.
#[derive(Debug, Clone)]
pub struct Key {
    pub(super) text: SecretText,
    pub(super) from: &'static str,
}

impl Key {
    /// The key that was given, else the one in the file of the gateway that runs here.
    ///
    /// # Errors
    /// If there is neither, or the file cannot be used.
    pub fn find(given: Option<SecretText>) -> Result<Self, ClientError> {
        if let Some(text) = given {
            return Ok(Self {
                text,
                from: "--key or RIPOSTE_KEY",
            });
        }
        let text = keyfile::read(Path::new(DEFAULT_KEY_FILE))?.ok_or(ClientError::NoKey)?;
        Ok(Self {
            text,
            from: DEFAULT_KEY_FILE,
        })
    }

    /// Whether it is the operator's for sure: then a project must be named.
    pub fn is_operators(&self) -> bool {
        self.from == DEFAULT_KEY_FILE
    }
}
