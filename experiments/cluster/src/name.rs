//! Names that stand in subjects and paths: they hold nothing that means something there.

use crate::{Error, Result};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// The longest name of a run or a worker.
const LONGEST: usize = 64;

/// A name of a run or a worker: lower-case letters, digits and `-`, at most 64 of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// Such a name of any text: what is not allowed in it becomes `-`.
    pub fn of(text: &str) -> Self {
        let allowed = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        let letters = text.to_lowercase();
        let letters = letters
            .chars()
            .map(|letter| if allowed(letter) { letter } else { '-' });
        let name: String = letters.take(LONGEST).collect();
        Self(if name.is_empty() { "-".into() } else { name })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let name = Self::of(&text);
        if name.0 != text {
            let allowed = "lower-case letters, digits and `-`, at most 64";
            return Err(Error::option("name", format!("{text:?}"), allowed));
        }
        Ok(name)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The name of content: its SHA-256, in 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash(String);

impl Hash {
    /// The name of this content.
    pub fn of(content: &[u8]) -> Self {
        Self(HEXLOWER.encode(&Sha256::digest(content)))
    }

    /// The name of several pieces together, which knows where each ends.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        Self(HEXLOWER.encode(&digest.finalize()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Hash {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let digits = text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() != 64 || !digits {
            let allowed = "64 hexadecimal digits";
            let given: String = text.chars().take(80).collect();
            return Err(Error::option("hash", format!("{given:?}"), allowed));
        }
        Ok(Self(text))
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
