//! JSON that holds every number: what is infinite or not a number is written as the strings `"inf"`, `"-inf"` and `"nan"`,
//! where JSON itself has only `null`, and is read from them again. A `null` of an older file is read as not a number.
//!
//! ```
//! use trimtab_env::files::json;
//! let text = json::to_string(&[0.5, f64::INFINITY])?;
//! assert_eq!(text, r#"[0.5,"inf"]"#);
//! assert_eq!(json::from_slice::<Vec<f64>>(text.as_bytes())?, [0.5, f64::INFINITY]);
//! # Ok::<_, serde_json::Error>(())
//! ```

mod reading;
mod writing;

use reading::Reading;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Error, Result, Value};
use writing::Part;

/// The strings for numbers that JSON cannot hold.
const NAMES: [(&str, f64); 3] = [
    ("inf", f64::INFINITY),
    ("-inf", f64::NEG_INFINITY),
    ("nan", f64::NAN),
];

/// The value as text.
///
/// # Errors
/// The value's own; a map whose keys are no strings.
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    serde_json::to_string(&Part(value))
}

/// The value as the bytes of its text.
///
/// # Errors
/// As [`to_string`].
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(&Part(value))
}

/// The value as text of many lines, as bytes.
///
/// # Errors
/// As [`to_string`].
pub fn to_vec_pretty<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(&Part(value))
}

/// Reads a value from the bytes of its text.
///
/// # Errors
/// What is not JSON, or not such a value, with its line.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut text = serde_json::Deserializer::from_slice(bytes);
    let value = T::deserialize(Reading(&mut text))?;
    text.end()?;
    Ok(value)
}

/// Reads a value from JSON that has been taken apart already.
///
/// # Errors
/// What does not fit such a value.
pub fn from_value<T: DeserializeOwned>(value: Value) -> std::result::Result<T, Error> {
    T::deserialize(Reading(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Unit,
        New(f64),
        Pair(f64, f32),
        Named { at: Option<f64> },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Everything {
        name: String,
        number: f64,
        small: f32,
        absent: Option<f64>,
        there: Option<f64>,
        list: Vec<f32>,
        map: BTreeMap<String, f64>,
        pair: (f64, u64),
        shapes: Vec<Shape>,
        flag: bool,
        letter: char,
        unit: (),
    }

    fn everything(number: f64) -> Everything {
        let small = number as f32;
        Everything {
            name: "inf".to_owned(),
            number,
            small,
            absent: None,
            there: Some(number),
            list: vec![1.5, small],
            map: BTreeMap::from([("x".to_owned(), number)]),
            pair: (number, u64::MAX),
            shapes: vec![
                Shape::Unit,
                Shape::New(number),
                Shape::Pair(number, small),
                Shape::Named { at: Some(number) },
            ],
            flag: true,
            letter: 'z',
            unit: (),
        }
    }

    #[test]
    fn every_number_is_read_back_wherever_it_is() {
        for number in [
            0.1,
            -0.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MIN_POSITIVE,
        ] {
            let there = everything(number);
            for bytes in [to_vec(&there).unwrap(), to_vec_pretty(&there).unwrap()] {
                assert_eq!(from_slice::<Everything>(&bytes).unwrap(), there);
                let value = serde_json::from_slice(&bytes).unwrap();
                assert_eq!(from_value::<Everything>(value).unwrap(), there);
            }
        }
        let text = to_string(&everything(f64::NAN)).unwrap();
        assert_eq!(text.matches("\"nan\"").count(), 10, "{text}");
        let back: Everything = from_slice(text.as_bytes()).unwrap();
        assert!(back.number.is_nan() && back.list[1].is_nan() && back.there.unwrap().is_nan());
    }

    #[test]
    fn finite_numbers_are_the_json_that_they_were() {
        let there = everything(0.1);
        assert_eq!(
            to_string(&there).unwrap(),
            serde_json::to_string(&there).unwrap()
        );
        assert_eq!(
            to_vec_pretty(&there).unwrap(),
            serde_json::to_vec_pretty(&there).unwrap()
        );
    }

    #[test]
    fn null_is_no_number_and_other_words_are_refused() {
        assert!(from_slice::<f64>(b"null").unwrap().is_nan());
        assert_eq!(from_slice::<Option<f64>>(b"null").unwrap(), None);
        for text in ["\"many\"", "true", "[1]", "1 2"] {
            assert!(from_slice::<f64>(text.as_bytes()).is_err(), "{text}");
        }
        assert!(from_slice::<u64>(b"\"inf\"").is_err());
    }
}
