//! What can go wrong when a table is read, said so that the reader can put it right.

use std::path::PathBuf;

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong: each message names the file, the place in it, what was given and what is allowed. Lines are counted
/// from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be opened or read.
    #[error("{path}: cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },

    /// The file starts as its format does, and then is not what the format wants.
    #[error("{path}: damaged {format}: {reason}; the file is cut short or altered: fetch or write it again", reason = shortened(.reason))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What kind of file it is.
        format: &'static str,
        /// What is wrong with it.
        reason: String,
    },

    /// The file is small and what it unpacks to is not.
    #[error("{path}: unpacks to more than {most} bytes; unpack it, and give a part of it")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What is unpacked at most.
        most: u64,
    },

    /// The table would have more cells than is allowed.
    #[error("{path}: {place}: {found} cells: at most {most} are allowed; {advice}")]
    TooManyCells {
        /// The file.
        path: PathBuf,
        /// Where in it.
        place: String,
        /// How many there are.
        found: u64,
        /// How many are allowed.
        most: u64,
        /// What to do.
        advice: &'static str,
    },

    /// The file holds nothing, or a header and no rows.
    #[error("{path}: empty file: expected {expected}")]
    Empty {
        /// The file.
        path: PathBuf,
        /// What the file should have held.
        expected: &'static str,
    },

    /// A kind of file that is known, and is not read.
    #[error("{path}: this is {format}, which is not read; {advice}")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What kind of file it is.
        format: &'static str,
        /// What to do.
        advice: &'static str,
    },

    /// A kind of file that is read by programs that were built for it.
    #[error(
        "{path}: this is {format}, and this program was built without the feature `{feature}`; build it with `--features {feature}`, or save the table as CSV"
    )]
    NotBuilt {
        /// The file.
        path: PathBuf,
        /// What kind of file it is.
        format: &'static str,
        /// The feature of cargo.
        feature: &'static str,
    },

    /// Bytes that are no text, and the beginning of no known kind of file.
    #[error(
        "{path}: line {line}: byte {byte:#04x} is in no text, and the file is of no known kind; expected CSV, ARFF, svmlight, JSON lines, Excel or Parquet, \
        as they are or packed with gzip, zip, bzip2, xz or zstd"
    )]
    NotText {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// The byte.
        byte: u8,
    },

    /// Several tables in one file.
    #[error("{path}: there are {} {kind} in it: {}; say which with `--sheet`", .names.len(), listed(.names))]
    Several {
        /// The file.
        path: PathBuf,
        /// What there is more than one of.
        kind: &'static str,
        /// What they are called.
        names: Vec<String>,
    },

    /// A sheet, or a file in an archive, that was asked for and is not there.
    #[error("{path}: there is no `{sheet}` in it: expected one of {}", listed(.names), sheet = shortened(.sheet))]
    UnknownSheet {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        sheet: String,
        /// What there is.
        names: Vec<String>,
    },

    /// A separator that no table can have.
    #[error(
        "the separator {given:?} is not allowed: expected a character of one byte that is no letter, digit, quote or end of line, as `,`, `;`, `|` or a tab"
    )]
    Separator {
        /// What was given.
        given: char,
    },

    /// A row that has not as many cells as the rows before it.
    #[error("{path}: line {line}: {found} cells: expected {expected}, separated by {separator}; a cell that has a separator in it is written in quotes, \
        and `--separator` says another separator", separator = .separator)]
    RaggedRow {
        /// The file.
        path: PathBuf,
        /// The line on which the row begins.
        line: u64,
        /// How many cells it has.
        found: usize,
        /// How many it should have.
        expected: usize,
        /// What separates them.
        separator: &'static str,
    },

    /// A quote that is opened and not closed.
    #[error(
        "{path}: line {line}: a quote is opened in this row and not closed: expected {quote} at the end of the cell, and two of them for one within it"
    )]
    OpenQuote {
        /// The file.
        path: PathBuf,
        /// The line on which the row begins.
        line: u64,
        /// The quote.
        quote: char,
    },

    /// A line that is not as its format has it.
    #[error("{path}: line {line}: {reason}; expected {expected}", reason = shortened(.reason))]
    Line {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// What is wrong with it.
        reason: String,
        /// What the format wants.
        expected: &'static str,
    },
}

/// A text of a file for a message: its beginning and length if it is long.
pub(crate) fn shortened(text: &str) -> String {
    const LONGEST: usize = 200;
    let length = text.chars().count();
    if length <= LONGEST {
        return text.to_owned();
    }
    let start: String = text.chars().take(LONGEST / 2).collect();
    format!("{start}.. ({length} characters)")
}

/// Names for a message: all, or the first where there are many.
pub(crate) fn listed(names: &[String]) -> String {
    const MOST: usize = 20;
    let quoted = names.iter().take(MOST);
    let quoted = quoted.map(|name| format!("`{}`", shortened(name)));
    let all = quoted.collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST) {
        0 => all,
        more => format!("{all} and {more} more"),
    }
}
