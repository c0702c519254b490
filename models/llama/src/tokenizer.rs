//! From text to tokens and back: by a vocabulary of bytes or characters, or by a `tokenizer.json` of transformers.

use crate::{Error, Result};
use std::fs;
use std::path::Path;
use trimtab_env::files::write_whole;
use trimtab_models::data::Vocabulary;

/// The vocabulary of bytes or characters, next to the model.
pub const VOCABULARY: &str = "vocabulary.json";
/// The tokenizer of transformers, next to the model.
pub const TOKENIZER: &str = "tokenizer.json";

/// What the tokens of a model stand for.
#[derive(Clone, Debug)]
pub enum Tokenizer {
    /// Bytes or characters.
    Vocabulary(Vocabulary),
    /// The tokenizer of a `tokenizer.json`, such as byte-pair encoding (Sennrich et al. 2016, "Neural machine translation of rare words
    /// with subword units").
    #[cfg(feature = "bpe")]
    Json(Box<tokenizers::Tokenizer>),
}

impl Tokenizer {
    /// The tokenizer in the folder of a model: `vocabulary.json`, or else `tokenizer.json`.
    ///
    /// # Errors
    /// For a folder with neither, a file that is damaged, and a `tokenizer.json` without the feature `bpe`.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join(VOCABULARY);
        if path.exists() {
            let bytes = fs::read(&path).map_err(|source| Error::Read {
                path: path.clone(),
                source,
            })?;
            let vocabulary: Vocabulary =
                serde_json::from_slice(&bytes).map_err(|source| Error::Json {
                    path: path.clone(),
                    source,
                })?;
            vocabulary.check(&path.to_string_lossy())?;
            return Ok(Self::Vocabulary(vocabulary));
        }
        let path = folder.join(TOKENIZER);
        if path.exists() {
            return Self::from_json(&path);
        }
        let allowed =
            "`vocabulary.json` or `tokenizer.json` in the folder, or tokens as numbers (--ids)";
        let origin = folder.to_string_lossy();
        Err(Error::config(&origin, "tokenizer", "no file", allowed))
    }

    /// The tokenizer of a `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] with what is wrong with the file.
    #[cfg(feature = "bpe")]
    pub fn from_json(path: &Path) -> Result<Self> {
        let tokenizer = tokenizers::Tokenizer::from_file(path);
        let tokenizer = tokenizer.map_err(|error| Error::tokenizer(path, &*error))?;
        Ok(Self::Json(Box::new(tokenizer)))
    }

    /// The tokenizer of a `tokenizer.json`, for which this program lacks the feature `bpe`.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(feature = "bpe"))]
    pub fn from_json(path: &Path) -> Result<Self> {
        let allowed = "vocabulary.json, or build with `--features bpe`";
        let origin = path.to_string_lossy();
        Err(Error::config(&origin, "tokenizer", TOKENIZER, allowed))
    }

    /// Writes it next to a model.
    ///
    /// # Errors
    /// [`Error::Write`] with what the operating system says.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let (name, text) = match self {
            Self::Vocabulary(vocabulary) => (VOCABULARY, serde_json::to_string(vocabulary)),
            #[cfg(feature = "bpe")]
            Self::Json(tokenizer) => (TOKENIZER, serde_json::to_string_pretty(tokenizer)),
        };
        let path = folder.join(name);
        let text = text.map_err(|source| Error::Json {
            path: path.clone(),
            source,
        })?;
        write_whole(&path, format!("{text}\n").as_bytes()).map_err(|source| Error::Write {
            path: path.clone(),
            source,
        })
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Vocabulary(vocabulary) => vocabulary.len(),
            #[cfg(feature = "bpe")]
            Self::Json(tokenizer) => tokenizer.get_vocab_size(true),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A name for each of the `size` tokens of a model, of which a tokenizer may use fewer.
    pub fn names(&self, size: usize) -> Vec<String> {
        let mut names = match self {
            Self::Vocabulary(vocabulary) => vocabulary.names(),
            #[cfg(feature = "bpe")]
            Self::Json(tokenizer) => (0..size as u32)
                .map(|token| {
                    let name = tokenizer.id_to_token(token);
                    name.unwrap_or_else(|| format!("<{token}>"))
                })
                .collect(),
        };
        let there = names.len();
        names.extend((there..size).map(|token| format!("<{token}>")));
        names
    }

    /// The tokens of a text, without those that begin or end one.
    ///
    /// # Errors
    /// [`Error::Models`] for a character that is not in the vocabulary, [`Error::Tokenizer`] for what a tokenizer refuses.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        match self {
            Self::Vocabulary(vocabulary) => Ok(vocabulary.encode(text)?),
            #[cfg(feature = "bpe")]
            Self::Json(tokenizer) => json::encode(tokenizer, text, false),
        }
    }

    /// The tokens of the beginning of a text, with the one that begins a text where the tokenizer has such a token.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn prompt(&self, text: &str) -> Result<Vec<u32>> {
        match self {
            Self::Vocabulary(_) => self.encode(text),
            #[cfg(feature = "bpe")]
            Self::Json(tokenizer) => json::encode(tokenizer, text, true),
        }
    }

    /// The text of tokens, without those that begin or end one. Bytes that are no UTF-8 become the replacement character.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`], for tokens.
    pub fn decode(&self, tokens: &[u32]) -> Result<String> {
        match self {
            Self::Vocabulary(vocabulary) => Ok(vocabulary.decode(tokens)?),
            #[cfg(feature = "bpe")]
            Self::Json(tokenizer) => {
                let text = tokenizer.decode(tokens, true);
                text.map_err(|error| Error::tokenizer(Path::new(TOKENIZER), &*error))
            }
        }
    }
}

#[cfg(feature = "bpe")]
mod json {
    use super::TOKENIZER;
    use crate::{Error, Result};
    use std::path::Path;

    pub(super) fn encode(
        tokenizer: &tokenizers::Tokenizer,
        text: &str,
        special: bool,
    ) -> Result<Vec<u32>> {
        let encoding = tokenizer.encode_fast(text, special);
        let encoding = encoding.map_err(|error| Error::tokenizer(Path::new(TOKENIZER), &*error))?;
        Ok(encoding.get_ids().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trimtab_models::data::TokenKind;

    #[test]
    fn a_vocabulary_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        for kind in [TokenKind::Bytes, TokenKind::Characters] {
            let vocabulary = Vocabulary::of("Die Größe \"\\\n", kind);
            let tokenizer = Tokenizer::Vocabulary(vocabulary.clone());
            tokenizer.save(folder.path()).unwrap();
            let read = Tokenizer::load(folder.path()).unwrap();
            assert!(matches!(read, Tokenizer::Vocabulary(read) if read == vocabulary));
            let tokens = tokenizer.prompt("Größe").unwrap();
            assert_eq!(tokenizer.decode(&tokens).unwrap(), "Größe");
            assert_eq!(tokenizer.names(300).len(), 300);
        }
    }

    #[test]
    fn what_is_no_tokenizer_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let message = || Tokenizer::load(folder.path()).unwrap_err().to_string();
        assert!(message().contains("vocabulary.json"), "{}", message());
        for (file, text, words) in [
            (TOKENIZER, "{}", TOKENIZER),
            (
                VOCABULARY,
                r#"{"Characters":["b","a"]}"#,
                "order of Unicode",
            ),
            (VOCABULARY, r#"{"Characters":"#, "line 1"),
        ] {
            fs::write(folder.path().join(file), text).unwrap();
            assert!(message().contains(words), "{}", message());
        }
    }
}
