//! Options about a table and its columns.

use trimtab_models::data::{ColumnOptions, ReadOptions};

/// What is said of a table and its columns.
#[derive(clap::Args)]
#[command(next_help_heading = "Tables")]
pub(super) struct ColumnArguments {
    /// What separates the cells of a text file; by default it is found
    #[arg(long, value_name = "CHARACTER", requires = "target", value_parser = separator)]
    separator: Option<char>,
    /// The first row names the columns, whatever it looks like
    #[arg(long, requires = "target", conflicts_with = "no_header")]
    header: bool,
    /// The first row is a row like the others; columns are called column_1, column_2, ..
    #[arg(long, requires = "target")]
    no_header: bool,
    /// Further spellings of a cell that is missing, such as -999
    #[arg(
        long,
        value_name = "CELLS",
        value_delimiter = ',',
        requires = "target",
        allow_hyphen_values = true
    )]
    missing: Vec<String>,
    /// The sheet of an Excel file; by default the first
    #[arg(long, value_name = "NAME", requires = "target")]
    sheet: Option<String>,
    /// Columns whose numbers are names of categories
    #[arg(
        long,
        value_name = "COLUMNS",
        value_delimiter = ',',
        requires = "target"
    )]
    categorical: Vec<String>,
    /// Columns to leave out
    #[arg(
        long,
        value_name = "COLUMNS",
        value_delimiter = ',',
        requires = "target"
    )]
    ignore: Vec<String>,
    /// The column that tells rows apart: it is kept beside predictions, and is no feature
    #[arg(long, value_name = "COLUMN", requires = "target")]
    id: Option<String>,
}

/// A separator as it is typed in a shell.
fn separator(text: &str) -> std::result::Result<char, String> {
    let mut characters = text.chars();
    match (text, characters.next(), characters.next()) {
        ("tab" | "\\t", ..) => Ok('\t'),
        ("space", ..) => Ok(' '),
        (_, Some(one), None) if one.is_ascii() => Ok(one),
        _ => Err("give one character, or `tab` or `space`".to_owned()),
    }
}

impl ColumnArguments {
    pub(super) fn reading(&self) -> ReadOptions {
        ReadOptions {
            separator: self.separator,
            header: match (self.header, self.no_header) {
                (true, _) => Some(true),
                (_, true) => Some(false),
                _ => None,
            },
            missing: self.missing.clone(),
            sheet: self.sheet.clone(),
        }
    }

    pub(super) fn options(&self) -> ColumnOptions {
        ColumnOptions {
            categorical: self.categorical.clone(),
            ignore: self.ignore.clone(),
            id: self.id.clone(),
        }
    }
}
