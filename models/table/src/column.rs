//! A column that is being read: numbers, until its cells say otherwise.

use crate::{
    frame::{Cells, MISSING},
    levels::Levels,
    missing::Missing,
    plain::{Plain, plain},
};

/// How many different texts a column of numbers may have.
pub(crate) const MOST_ODD: usize = 3;

/// A column that is being read.
pub(crate) enum ColumnBuilder {
    /// All cells so far are numbers, but for a few.
    Numbers(Numbers),
    /// All cells are kept as they are written.
    Texts(Texts),
    /// The file says that they are numbers, or moments in seconds.
    Typed { values: Vec<f64>, moments: bool },
}

/// Cells that are written as programs write numbers.
pub(crate) struct Numbers {
    /// The point before the decimals.
    pub(crate) decimal: u8,
    pub(crate) values: Vec<f64>,
    /// Texts that are no numbers.
    pub(crate) odd: Levels,
    /// The rows that have them.
    pub(crate) odd_rows: Vec<(usize, u32)>,
    /// How many of them are infinite, and how many of the texts say so.
    pub(crate) infinite: (usize, usize),
    /// The texts of the first rows, as far as they are kept.
    first: Written,
    /// The length of all cells, while it is the same.
    length: Length,
}

/// Cells as they are written.
#[derive(Default)]
pub(crate) struct Texts {
    pub(crate) codes: Vec<u32>,
    pub(crate) levels: Levels,
    /// The file says that they are texts, whatever they look like.
    pub(crate) said: bool,
}

/// Texts behind one another.
#[derive(Default)]
struct Written {
    text: String,
    ends: Vec<usize>,
}

/// The length of the cells of a column.
#[derive(Clone, Copy, PartialEq)]
enum Length {
    Unknown,
    Equal(usize),
    Different,
}

impl ColumnBuilder {
    /// A column without cells, in which numbers have this decimal point.
    pub(crate) fn new(decimal: u8) -> Self {
        Self::Numbers(Numbers {
            decimal,
            values: Vec::new(),
            odd: Levels::default(),
            odd_rows: Vec::new(),
            infinite: (0, 0),
            first: Written::default(),
            length: Length::Unknown,
        })
    }

    /// A column of texts whatever they look like.
    pub(crate) fn of_texts() -> Self {
        Self::Texts(Texts {
            said: true,
            ..Texts::default()
        })
    }

    /// A column of numbers, or of moments in seconds; other cells are missing.
    pub(crate) fn of_numbers(moments: bool) -> Self {
        Self::Typed {
            values: Vec::new(),
            moments,
        }
    }

    /// Adds a trimmed cell. Of the first `kept` rows the texts are kept: if the column turns out to be none of numbers, they are as they
    /// were written, and later numbers are in their shortest form.
    pub(crate) fn push(&mut self, text: &str, missing: &Missing, kept: usize) {
        match self {
            Self::Typed { values, .. } => values.push(f64::NAN),
            Self::Texts(texts) => texts.push(text, missing),
            Self::Numbers(numbers) => {
                if !numbers.push(text, missing, kept) {
                    let texts = numbers.turned();
                    *self = Self::Texts(texts);
                    self.push(text, missing, kept);
                }
            }
        }
    }

    /// Adds a cell that is missing.
    pub(crate) fn push_missing(&mut self, kept: usize) {
        match self {
            Self::Typed { values, .. } => values.push(f64::NAN),
            Self::Texts(texts) => texts.codes.push(MISSING),
            Self::Numbers(numbers) => numbers.put(f64::NAN, "", kept),
        }
    }

    /// Adds a number; one that is not finite is missing.
    pub(crate) fn push_number(&mut self, number: f64, missing: &Missing, kept: usize) {
        if !number.is_finite() || missing.number(number) {
            return self.push_missing(kept);
        }
        match self {
            Self::Typed { values, .. } => values.push(number),
            Self::Numbers(numbers) if numbers.values.len() >= kept => numbers.values.push(number),
            _ => self.push(&number.to_string(), missing, kept),
        }
    }

    /// Makes room for more cells.
    pub(crate) fn reserve(&mut self, more: usize) {
        match self {
            Self::Typed { values, .. } => values.reserve_exact(more),
            Self::Texts(texts) => texts.codes.reserve_exact(more),
            Self::Numbers(numbers) => numbers.values.reserve_exact(more),
        }
    }

    /// How many cells there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Typed { values, .. } => values.len(),
            Self::Texts(texts) => texts.codes.len(),
            Self::Numbers(numbers) => numbers.values.len(),
        }
    }
}

impl Numbers {
    /// Adds a cell, unless with it the column is one of texts.
    fn push(&mut self, text: &str, missing: &Missing, kept: usize) -> bool {
        match plain(text.as_bytes(), self.decimal) {
            Plain::Number(number) => {
                self.measure(text);
                let number = if missing.number(number) {
                    f64::NAN
                } else {
                    number
                };
                self.put(number, text, kept);
            }
            Plain::Padded(number) => {
                self.measure(text);
                // Zeros that make all cells equally long are those of an identifier.
                if self.length != Length::Different {
                    return false;
                }
                self.put(number, text, kept);
            }
            _ if missing.text(text) => self.put(f64::NAN, "", kept),
            other => {
                let before = self.odd.len();
                let code = self.odd.code(text);
                if other == Plain::Infinite {
                    self.infinite.0 += 1;
                    self.infinite.1 += self.odd.len() - before;
                }
                let texts = self.odd.len() - self.infinite.1;
                let cells = self.odd_rows.len().saturating_sub(self.infinite.0);
                if texts > MOST_ODD || cells > 16.max(self.values.len() / 50) {
                    return false;
                }
                self.odd_rows.push((self.values.len(), code));
                self.put(f64::NAN, text, kept);
            }
        }
        true
    }

    fn put(&mut self, number: f64, text: &str, kept: usize) {
        if self.values.len() < kept && self.first.ends.len() == self.values.len() {
            self.first.text.push_str(text);
            self.first.ends.push(self.first.text.len());
        }
        self.values.push(number);
    }

    fn measure(&mut self, text: &str) {
        let length = Length::Equal(text.len());
        if self.length == Length::Unknown {
            self.length = length;
        } else if self.length != length {
            self.length = Length::Different;
        }
    }

    /// The same cells as texts.
    pub(crate) fn turned(&mut self) -> Texts {
        let mut texts = Texts::default();
        texts.codes.reserve_exact(self.values.len());
        let mut odd = self.odd_rows.iter().peekable();
        for (row, number) in self.values.iter().enumerate() {
            let odd = odd.next_if(|(other, _)| *other == row);
            let code = if let Some((_, code)) = odd {
                texts.levels.code(self.odd.get(*code))
            } else if number.is_nan() {
                MISSING
            } else if let Some(text) = self.first.get(row) {
                texts.levels.code(text)
            } else {
                texts.levels.code(&self.written(*number))
            };
            texts.codes.push(code);
        }
        texts
    }

    /// A number as it was written, as far as that can be told from it.
    fn written(&self, number: f64) -> String {
        let text = number.to_string();
        match self.decimal {
            b'.' => text,
            other => text.replace('.', char::from(other).encode_utf8(&mut [0; 4])),
        }
    }
}

impl Written {
    fn get(&self, row: usize) -> Option<&str> {
        let end = *self.ends.get(row)?;
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.text[start..end])
    }
}

impl Texts {
    fn push(&mut self, text: &str, missing: &Missing) {
        // What a file says is a text may be `NA`.
        let missing = if self.said {
            text.is_empty() || missing.said(text)
        } else {
            missing.text(text)
        };
        let code = if missing {
            MISSING
        } else {
            self.levels.code(text)
        };
        self.codes.push(code);
    }

    /// The cells, of which those whose level is not `kept` are missing.
    pub(crate) fn into_cells(mut self, kept: impl Fn(u32) -> bool) -> Cells {
        let mut places = Vec::with_capacity(self.levels.len());
        let mut levels = Vec::new();
        for (code, level) in (0..).zip(self.levels.iter()) {
            if kept(code) {
                places.push(levels.len() as u32);
                levels.push(level.to_owned());
            } else {
                places.push(MISSING);
            }
        }
        if levels.len() < places.len() {
            for code in self.codes.iter_mut().filter(|code| **code != MISSING) {
                *code = places[*code as usize];
            }
        }
        Cells::Texts {
            codes: self.codes,
            levels,
        }
    }
}
