//! What can be said about a file, where looking at it is not enough.

use serde::{Deserialize, Serialize};

/// How a file is to be read. What is not said is found by looking at the file.
///
/// ```
/// let options: trimtab_table::ReadOptions = serde_json::from_str(r#"{"missing": ["-999"]}"#)?;
/// assert_eq!(options.missing, ["-999"]);
/// assert_eq!(options.header, None);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReadOptions {
    /// What is between the cells of a text; a space stands for any number of spaces and tabs.
    pub separator: Option<char>,
    /// Whether the first row has the names of the columns.
    pub header: Option<bool>,
    /// Cells that are missing, beside those that always are, as `NA`; a number is the same number however it is written.
    pub missing: Vec<String>,
    /// The sheet of a workbook, or the file of a zip archive, that is the table.
    pub sheet: Option<String>,
}
