//! The tokens of a text that is its bytes, or its characters.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// What the tokens of a text are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenKind {
    /// The characters of Unicode that the text has.
    #[default]
    Characters,
    /// Bytes, of which there are 256 in any text.
    Bytes,
}

/// Which token stands for what.
///
/// ```
/// use trimtab_models::data::{TokenKind, Vocabulary};
/// let vocabulary = Vocabulary::of("abracadabra", TokenKind::Characters);
/// assert_eq!(vocabulary.encode("bard")?, [1, 0, 4, 3]);
/// assert_eq!(vocabulary.decode(&[1, 0, 4, 3])?, "bard");
/// assert!(vocabulary.encode("barn").is_err());
/// # Ok::<(), trimtab_models::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Vocabulary {
    /// Each byte is the token of its number.
    Bytes,
    /// The characters in the order of Unicode: the first is token 0.
    Characters(Vec<char>),
}

impl Vocabulary {
    /// The tokens of `text`.
    pub fn of(text: &str, kind: TokenKind) -> Self {
        match kind {
            TokenKind::Bytes => Self::Bytes,
            TokenKind::Characters => {
                let mut characters: Vec<char> = text.chars().collect();
                characters.sort_unstable();
                characters.dedup();
                Self::Characters(characters)
            }
        }
    }

    /// The vocabulary whose [`Vocabulary::names`] are these; `None` if they are those of none.
    pub fn named(names: &[String]) -> Option<Self> {
        if names == Self::Bytes.names() {
            return Some(Self::Bytes);
        }
        let character = |name: &String| {
            let mut characters = name.chars();
            characters.next().filter(|_| characters.next().is_none())
        };
        let characters: Vec<char> = names.iter().map(character).collect::<Option<_>>()?;
        let found = Self::Characters(characters);
        found.check("names").is_ok().then_some(found)
    }

    /// Checks that there are characters, each once and in order. `origin` is for the message.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn check(&self, origin: &str) -> Result<()> {
        match self {
            Self::Characters(all) if all.is_empty() || !all.is_sorted_by(|a, b| a < b) => {
                Err(Error::Config {
                    field: format!("{origin}: Characters"),
                    given: format!("{:?}", all.iter().collect::<String>()),
                    allowed: "at least one character, each once, in the order of Unicode"
                        .to_owned(),
                })
            }
            _ => Ok(()),
        }
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes => 256,
            Self::Characters(all) => all.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A name for each token: the character, or the byte as `0x41`.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Bytes => (0..=u8::MAX).map(|byte| format!("{byte:#04x}")).collect(),
            Self::Characters(all) => all.iter().map(char::to_string).collect(),
        }
    }

    /// Bytes of a token in UTF-8.
    ///
    /// # Panics
    /// For a token that there is not.
    pub fn bytes(&self, token: u32) -> usize {
        match self {
            Self::Bytes => 1,
            Self::Characters(all) => all[token as usize].len_utf8(),
        }
    }

    /// The tokens of a text.
    ///
    /// # Errors
    /// [`Error::Config`] for a character that is not in the vocabulary.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let all = match self {
            Self::Bytes => return Ok(text.bytes().map(u32::from).collect()),
            Self::Characters(all) => all,
        };
        let token = |(place, character): (usize, char)| match all.binary_search(&character) {
            Ok(token) => Ok(token as u32),
            Err(_) => Err(Error::Config {
                field: "text".to_owned(),
                given: format!("{character:?}, character {} of it,", place + 1),
                allowed: format!(
                    "one of the {} characters of the vocabulary: {:?}",
                    all.len(),
                    all.iter().collect::<String>()
                ),
            }),
        };
        text.chars().enumerate().map(token).collect()
    }

    /// The text of tokens. Bytes that are no UTF-8 become the replacement character.
    ///
    /// # Errors
    /// [`Error::Config`] for a token that there is not.
    pub fn decode(&self, tokens: &[u32]) -> Result<String> {
        if let Some(token) = tokens.iter().find(|token| **token as usize >= self.len()) {
            return Err(Error::Config {
                field: "token".to_owned(),
                given: token.to_string(),
                allowed: format!("from 0 to {}", self.len().saturating_sub(1)),
            });
        }
        Ok(match self {
            Self::Bytes => {
                let bytes: Vec<u8> = tokens.iter().map(|token| *token as u8).collect();
                String::from_utf8_lossy(&bytes).into_owned()
            }
            Self::Characters(all) => tokens.iter().map(|token| all[*token as usize]).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(text in ".{1,60}") {
            for kind in [TokenKind::Bytes, TokenKind::Characters] {
                let vocabulary = Vocabulary::of(&text, kind);
                let tokens = vocabulary.encode(&text).unwrap();
                prop_assert_eq!(vocabulary.decode(&tokens).unwrap(), text.clone());
                let bytes: usize = tokens.iter().map(|token| vocabulary.bytes(*token)).sum();
                prop_assert_eq!(bytes, text.len());
                let named = Vocabulary::named(&vocabulary.names());
                prop_assert_eq!(named, Some(vocabulary));
            }
        }
    }

    #[test]
    fn what_is_unknown_is_named_with_its_place() {
        let vocabulary = Vocabulary::of("to be", TokenKind::Characters);
        let message = vocabulary.encode("bet é").unwrap_err().to_string();
        assert!(
            message.contains("'é', character 5") && message.contains("beot"),
            "{message}"
        );
        let message = vocabulary.decode(&[0, 5]).unwrap_err().to_string();
        assert!(message.contains("from 0 to 4"), "{message}");
        for wrong in ["", "ba", "aa"] {
            let wrong = Vocabulary::Characters(wrong.chars().collect());
            assert!(wrong.check("vocabulary.json").is_err(), "{wrong:?}");
        }
        assert_eq!(Vocabulary::named(&["the".to_owned()]), None);
    }
}
