//! Numbers that JSON does not have, bare as Python writes them: `NaN`, `Infinity`, `-Infinity`.
//!
//! JSON's readers and writers refuse them. Here they are strings that no text has, which begin with the character 0, on the way to and
//! from those.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The bare words, and what they mean. The last one contains the one before.
const WORDS: [(&str, f64); 3] = [
    ("NaN", f64::NAN),
    ("-Infinity", f64::NEG_INFINITY),
    ("Infinity", f64::INFINITY),
];

/// A number that may be infinite or none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Number(pub(super) f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let same = |number: f64| number == self.0 || (number.is_nan() && self.0.is_nan());
        match WORDS.iter().find(|(_, number)| same(*number)) {
            Some((word, _)) => serializer.serialize_str(&format!("\0{word}")),
            // Whole numbers as Python's `int`, such as a choice's index.
            None if self.0.fract() == 0.0 && self.0.abs() < EXACT && !is_minus_zero(self.0) => {
                serializer.serialize_i64(self.0 as i64)
            }
            None => serializer.serialize_f64(self.0),
        }
    }
}

/// Up to here every whole number is exact.
const EXACT: f64 = 9_007_199_254_740_992.0;

fn is_minus_zero(number: f64) -> bool {
    number == 0.0 && number.is_sign_negative()
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(f64),
            Word(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(number) => Ok(Self(number)),
            Either::Word(word) => WORDS
                .iter()
                .find(|(known, _)| word.strip_prefix('\0') == Some(known))
                .map(|(_, number)| Self(*number))
                .ok_or_else(|| de::Error::custom(format!("`{word}` where a number belongs"))),
        }
    }
}

/// JSON with bare words as JSON proper.
pub(super) fn read(text: &str) -> String {
    let mut json = String::with_capacity(text.len());
    let (mut rest, mut inside) = (text, false);
    while let Some(character) = rest.chars().next() {
        let word = WORDS
            .iter()
            .find(|(word, _)| !inside && rest.starts_with(word));
        let taken = match (character, word) {
            (_, Some((word, _))) => {
                json.push_str(&format!("\"\\u0000{word}\""));
                word.len()
            }
            // What follows a backslash ends no string.
            ('\\', _) => {
                let pair: String = rest.chars().take(2).collect();
                json.push_str(&pair);
                pair.len()
            }
            _ => {
                inside ^= character == '"';
                json.push(character);
                character.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    json
}

/// JSON proper with its numbers bare.
pub(super) fn written(json: &str) -> String {
    let bare =
        |text: String, (word, _): &(&str, f64)| text.replace(&format!("\"\\u0000{word}\""), word);
    WORDS.iter().fold(json.to_owned(), bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_bare_and_words_in_texts_are_texts() {
        let numbers = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.5, 16.0, -0.0].map(Number);
        let text = written(&serde_json::to_string(&numbers).unwrap());
        assert_eq!(text, "[NaN,Infinity,-Infinity,0.5,16,-0.0]");
        let back: Vec<Number> = serde_json::from_str(&read(&text)).unwrap();
        assert!(back[0].0.is_nan());
        assert_eq!(back[1..], numbers[1..]);

        let texts = r#"{"a \" NaN": "NaN, -Infinity\\"}"#;
        assert_eq!(read(texts), texts);
        assert!(serde_json::from_str::<Number>("\"NaN\"").is_err());
    }
}
