//! The different texts of a column.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// Texts, each once, in the order in which they came first. They lie behind one another, which takes less room than a string each.
#[derive(Default)]
pub(crate) struct Levels {
    text: String,
    ends: Vec<usize>,
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Levels {
    /// The place of a text, which is added if it is new.
    pub(crate) fn code(&mut self, level: &str) -> u32 {
        let Self {
            text,
            ends,
            places,
            hasher,
        } = self;
        let hash = hasher.hash_one(level);
        if let Some(code) = places.find(hash, |&code| at(text, ends, code) == level) {
            return *code;
        }
        let code = ends.len() as u32;
        text.push_str(level);
        ends.push(text.len());
        places.insert_unique(hash, code, |&code| hasher.hash_one(at(text, ends, code)));
        code
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|code| self.get(code as u32))
    }

    /// One of them.
    pub(crate) fn get(&self, code: u32) -> &str {
        at(&self.text, &self.ends, code)
    }
}

fn at<'a>(text: &'a str, ends: &[usize], code: u32) -> &'a str {
    let code = code as usize;
    let start = code.checked_sub(1).map_or(0, |before| ends[before]);
    &text[start..ends[code]]
}
