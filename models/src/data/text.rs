//! Texts: cut into training, validation and test, and those into windows.
//!
//! A row of the data is `2 context` tokens, and rows begin `context` tokens after one another. Within a training row a window of
//! `context + 1` tokens can begin at any of `context` places, so that with a place drawn anew at each visit all windows of the text are
//! equally likely, and an epoch is one pass over it. A validation row is evaluated on its first window alone: those windows lie
//! side by side, and predict each token of the part once.

use super::gzip::{decompress, read};
use super::vocabulary::{TokenKind, Vocabulary};
use super::{Dataset, Split, SplitConfig, Standardise, Standardiser, Targets, stem};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::{Path, PathBuf};
use trimtab_env::bounds::check_count;

/// The longest context: more than a row of any model here holds.
const MOST_CONTEXT: usize = 1 << 20;
/// Tokens are kept as numbers of 32 bits, which hold whole numbers up to here.
const MOST_TOKENS: usize = 1 << 24;

/// A text in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextConfig {
    /// The file, gzipped or not, in UTF-8 if its tokens are characters.
    pub path: PathBuf,
    /// What its tokens are.
    #[serde(default)]
    pub tokens: TokenKind,
    /// The longest window in tokens, the one to predict last not counted.
    pub context: usize,
}

impl TextConfig {
    /// Checks the context.
    ///
    /// # Errors
    /// [`Error::Bounds`].
    pub fn validate(&self) -> Result<()> {
        Ok(check_count("data.context", self.context, 1..=MOST_CONTEXT)?)
    }
}

/// The text of a file, as characters.
///
/// # Errors
/// Those of reading and unpacking it, and [`Error::Corrupt`] if it is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    let packed = read(path)?;
    let bytes = decompress(path, &packed)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => Err(Error::Corrupt {
            path: path.to_owned(),
            expected: "UTF-8; tokens that are bytes take any file".to_owned(),
            found: format!("other bytes after the first {}", error.valid_up_to()),
        }),
    }
}

/// The windows of the text of a file. The vocabulary is that of all of it, and class names are [`Vocabulary::names`].
///
/// # Errors
/// Those of [`read_text`] and [`windows`].
pub fn split_text(config: &TextConfig, split: &SplitConfig) -> Result<Split> {
    let (tokens, vocabulary) = match config.tokens {
        TokenKind::Bytes => {
            let packed = read(&config.path)?;
            let bytes = decompress(&config.path, &packed)?;
            let tokens = bytes.iter().map(|byte| u32::from(*byte)).collect();
            (tokens, Vocabulary::Bytes)
        }
        TokenKind::Characters => {
            let text = read_text(&config.path)?;
            let vocabulary = Vocabulary::of(&text, config.tokens);
            (vocabulary.encode(&text)?, vocabulary)
        }
    };
    let name = stem(&config.path);
    windows(&name, &tokens, vocabulary.names(), config.context, split)
}

/// The windows of a text in tokens, each of which is an index into `names`: the first part of the text is for training, the next for
/// validation, the last for the test, in whole contexts, and no token is in two of them. `seed` and `standardise` of `split` have nothing to
/// say here. The label of a row is the last token of its first window.
///
/// # Errors
/// [`Error::Config`] for shares out of range, [`Error::TooFewRows`] for a text that is too short, and those of [`Dataset::check`].
pub fn windows(
    name: &str,
    tokens: &[u32],
    names: Vec<String>,
    context: usize,
    split: &SplitConfig,
) -> Result<Split> {
    check_count("context", context, 1..=MOST_CONTEXT)?;
    check_count("vocabulary", names.len(), 2..=MOST_TOKENS)?;
    split.validate(false)?;
    let contexts = tokens.len() / context;
    let validation = split.validation.rows("validation", contexts)?;
    let test = split.test.rows("test", contexts)?;
    // A row is two contexts long.
    let too_few = validation.min(test) < 2
        || validation
            .checked_add(test)
            .and_then(|held_out| contexts.checked_sub(held_out))
            .is_none_or(|train| train < 2);
    if too_few {
        return Err(Error::TooFewRows {
            dataset: format!(
                "{name}, whose rows are {context} tokens of {}",
                tokens.len()
            ),
            rows: contexts,
            validation,
            test,
        });
    }
    let train = contexts - validation - test;
    let part = |within: Range<usize>, most: usize| {
        let rows = (within.len() - 1).min(most);
        let starts = (0..rows).map(|row| (within.start + row) * context);
        let row = |start: usize| tokens[start..start + 2 * context].iter();
        let inputs = starts.clone().flat_map(row).map(|token| *token as f32);
        let targets = Targets::Classes {
            labels: starts.map(|start| tokens[start + context]).collect(),
            names: names.clone(),
        };
        Dataset::new(name, [1, 1, 2 * context], inputs.collect(), targets)
    };
    let train_part = part(0..train, split.max_train.unwrap_or(usize::MAX))?;
    Ok(Split {
        validation: part(train..train + validation, usize::MAX)?,
        test: part(train + validation..contexts, usize::MAX)?,
        standardiser: Standardiser::fit(&train_part, Standardise::None),
        train: train_part,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Share, gzip::compress};
    use std::fs;

    fn config() -> SplitConfig {
        SplitConfig {
            validation: Share::Fraction(0.25),
            test: Share::Rows(2),
            ..SplitConfig::default()
        }
    }

    fn names(count: u32) -> Vec<String> {
        (0..count).map(|token| token.to_string()).collect()
    }

    #[test]
    fn parts_follow_each_other_and_rows_are_half_of_the_one_before() {
        // Twelve contexts of three tokens and one token more: seven, three and two of them.
        let tokens: Vec<u32> = (0..37).collect();
        let split = windows("count", &tokens, names(37), 3, &config()).unwrap();
        let rows = |data: &Dataset| -> Vec<(f32, f32)> {
            let each = (0..data.rows()).map(|row| data.row(row));
            each.map(|row| (row[0], row[5])).collect()
        };
        let train = [
            (0., 5.),
            (3., 8.),
            (6., 11.),
            (9., 14.),
            (12., 17.),
            (15., 20.),
        ];
        assert_eq!(rows(&split.train), train);
        assert_eq!(rows(&split.validation), [(21., 26.), (24., 29.)]);
        assert_eq!(rows(&split.test), [(30., 35.)]);
        let labels = |data: &Dataset| match &data.targets {
            Targets::Classes { labels, .. } => labels.clone(),
            Targets::Values(_) => Vec::new(),
        };
        assert_eq!(labels(&split.validation), [24, 27]);
        let few = SplitConfig {
            max_train: Some(2),
            ..config()
        };
        let few = windows("count", &tokens, names(37), 3, &few).unwrap();
        assert_eq!(rows(&few.train), train[..2]);
        assert_eq!(few.validation, split.validation);
    }

    #[test]
    fn a_text_that_is_too_short_is_refused() {
        let tokens: Vec<u32> = (0..17).collect();
        for (tokens, context) in [(&tokens[..], 3), (&tokens[..0], 3), (&tokens, 99)] {
            let error = windows("count", tokens, names(17), context, &config());
            let message = error.unwrap_err().to_string();
            assert!(
                message.contains(&format!("{context} tokens of")),
                "{message}"
            );
        }
        assert!(windows("count", &tokens, names(17), 0, &config()).is_err());
        assert!(windows("count", &tokens, names(9), 1, &config()).is_err());
    }

    #[test]
    fn files_are_read_packed_or_not_and_what_is_no_text_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let text = "The quick brown fox jumps over the lazy dog.\n".repeat(4);
        let (plain, packed) = (
            folder.path().join("fox.txt"),
            folder.path().join("fox.txt.gz"),
        );
        fs::write(&plain, &text).unwrap();
        fs::write(&packed, compress(text.as_bytes())).unwrap();
        let split = |path: &Path, tokens| {
            let config = TextConfig {
                path: path.to_owned(),
                tokens,
                context: 8,
            };
            split_text(&config, &SplitConfig::default())
        };
        let characters = split(&plain, TokenKind::Characters).unwrap();
        assert_eq!(characters, split(&packed, TokenKind::Characters).unwrap());
        assert_eq!(characters.train.name, "fox");
        // 26 small letters, a capital, the space, the full stop and the end of the line.
        assert_eq!(characters.train.outputs(), 30);
        let bytes = split(&packed, TokenKind::Bytes).unwrap();
        assert_eq!(bytes.train.row(0)[..3], [84.0, 104.0, 101.0]);
        fs::write(&plain, b"caf\xe9 au lait".repeat(20)).unwrap();
        let message = split(&plain, TokenKind::Characters)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("UTF-8") && message.contains("first 3"),
            "{message}"
        );
        assert!(split(&plain, TokenKind::Bytes).is_ok());
    }
}
