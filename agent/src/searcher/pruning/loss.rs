//! Losses in files.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A loss as it goes to a file and back: JSON has no infinity, so that one is written as text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Loss(pub(super) f64);

/// A loss as written to a file.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Number(f64),
    Text(String),
}

impl Serialize for Loss {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = if self.0.is_finite() {
            Written::Number(self.0)
        } else {
            Written::Text(self.0.to_string())
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Loss {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Number(number) => Ok(Self(number)),
            Written::Text(text) => text.parse().map(Self).map_err(D::Error::custom),
        }
    }
}
