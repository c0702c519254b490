//! Tables as text.

use comfy_table::{CellAlignment, Row, Table, TableStyle, presets::NOTHING};

/// Headings and rows without any line.
pub const PLAIN: TableStyle = NOTHING;

/// A line of dashes below the headings.
pub const RULED: TableStyle = NOTHING.header_separator(comfy_table::LineStyle::none().fill('-'));

/// The rows below their headings, each column as wide as its widest cell. The columns with a number in `words` begin at the left;
/// the others are of figures, and end at the right. A row may end early.
pub fn table<H: Into<Row>, R: Into<Row>>(
    style: TableStyle,
    words: &[usize],
    headings: H,
    rows: impl IntoIterator<Item = R>,
) -> String {
    /// Between two columns.
    const GAP: u16 = 2;
    let mut table = Table::new();
    table.load_style(style).set_header(headings).add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if index == 0 { 0 } else { GAP }, 0));
        column.set_cell_alignment(if words.contains(&index) {
            CellAlignment::Left
        } else {
            CellAlignment::Right
        });
    }
    table.trim_fmt() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_whatever_is_in_them() {
        let rows = [
            vec!["Zürich 山", "1.5 ± 0.1"],
            vec!["a group"],
            vec!["b", "10"],
        ];
        assert_eq!(
            table(RULED, &[0], ["task", "loss"], rows),
            "task            loss\n\
             --------------------\n\
             Zürich 山  1.5 ± 0.1\n\
             a group\n\
             b                 10\n"
        );
    }
}
