//! Cells that are there and hold nothing.

/// What stands for a value that is missing, as other readers of tables have it. `none` is not among them: it is an answer as often.
const MISSING: [&str; 21] = [
    "", "NA", "N/A", "n/a", "<NA>", "#NA", "#N/A", "NaN", "nan", "-NaN", "-nan", "NULL", "null",
    "Null", "None", "NAN", "?", "-", ".", "\\N", "<null>",
];

/// The longest of them.
const LONGEST: usize = 6;

/// Which cells are missing.
#[derive(Debug, Default)]
pub(crate) struct Missing {
    texts: Vec<String>,
    numbers: Vec<f64>,
}

impl Missing {
    /// Those that always are, and `more`.
    pub(crate) fn new(more: &[String]) -> Self {
        let texts: Vec<String> = more.iter().map(|text| text.trim().to_owned()).collect();
        let numbers = texts.iter().filter_map(|text| text.parse().ok());
        Self {
            numbers: numbers.filter(|number: &f64| !number.is_nan()).collect(),
            texts,
        }
    }

    /// Whether a trimmed cell of a text file is missing.
    pub(crate) fn text(&self, text: &str) -> bool {
        (text.len() <= LONGEST && MISSING.contains(&text)) || self.said(text)
    }

    /// Whether a text was said to be missing.
    pub(crate) fn said(&self, text: &str) -> bool {
        self.texts.iter().any(|other| other == text)
    }

    /// Whether a number was said to be missing.
    pub(crate) fn number(&self, number: f64) -> bool {
        self.numbers.contains(&number)
    }
}
