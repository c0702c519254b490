//! As text, for files and pipes.

use super::rows::{Rows, headline, runs, workers};
use crate::status::Status;
use comfy_table::{CellAlignment, LineStyle, Row, Table, TableStyle, presets::NOTHING};

/// A line about the whole, a table of the workers and one of the runs, with a line feed at the end. Rates are those between `before` and
/// `status`.
pub fn table(status: &Status, before: Option<&Status>) -> String {
    let mut text = headline(status);
    text.push('\n');
    text.push_str(&lines(&workers(status, before)));
    text.push_str(&lines(&runs(status, before)));
    text
}

/// An empty line and the table; nothing if it has no rows.
fn lines<const COLUMNS: usize>(shown: &Rows<COLUMNS>) -> String {
    if shown.rows.is_empty() {
        return String::new();
    }
    const RULED: TableStyle = NOTHING.header_separator(LineStyle::none().fill('-'));
    let mut table = Table::new();
    table
        .load_style(RULED)
        .set_header(shown.headings)
        .add_rows(shown.rows.iter().map(Row::from));
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if index == 0 { 0 } else { 2 }, 0));
        column.set_cell_alignment(if index < shown.text {
            CellAlignment::Left
        } else {
            CellAlignment::Right
        });
    }
    format!("\n{}\n", table.trim_fmt())
}
