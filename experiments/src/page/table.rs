//! Tables: a caption, columns of texts or numbers, and rows that sort by any of them.

use super::cell::Cell;
use super::escape::escaped;
use std::fmt::Write as _;

/// The name of a column of more characters is broken into few lines.
const LONG: usize = 12;

/// A table. Its columns come first, then its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    caption: String,
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

#[derive(Clone, Debug, PartialEq)]
struct Column {
    name: String,
    numbers: bool,
}

impl Table {
    /// A table without columns.
    pub fn new(caption: impl Into<String>) -> Self {
        Self {
            caption: caption.into(),
            columns: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Adds a column of texts.
    #[must_use]
    pub fn text(self, name: impl Into<String>) -> Self {
        self.column(name, false)
    }

    /// Adds a column of numbers.
    #[must_use]
    pub fn number(self, name: impl Into<String>) -> Self {
        self.column(name, true)
    }

    fn column(mut self, name: impl Into<String>, numbers: bool) -> Self {
        let name = name.into();
        self.columns.push(Column { name, numbers });
        self
    }

    /// Adds a row of one cell a column. Cells that are missing stay empty, and those too many are left out.
    #[must_use]
    pub fn row(mut self, cells: impl IntoIterator<Item = Cell>) -> Self {
        self.push(cells);
        self
    }

    /// Adds rows, each as [`Table::row`] does.
    #[must_use]
    pub fn rows<R: IntoIterator<Item = Cell>>(mut self, rows: impl IntoIterator<Item = R>) -> Self {
        for row in rows {
            self.push(row);
        }
        self
    }

    fn push(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let mut row: Vec<Cell> = cells.into_iter().collect();
        row.resize(self.columns.len(), Cell::from(""));
        self.rows.push(row);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn write(&self, html: &mut String) {
        let caption = escaped(&self.caption);
        // A box of its own, so that a wide table scrolls, and neither the page nor the caption does.
        let _ = write!(
            html,
            "<figure class=\"table\"><figcaption>{caption}</figcaption>\n\
             <div class=\"box\" role=\"region\" tabindex=\"0\" aria-label=\"{caption}\"><table>\n<thead><tr>"
        );
        for column in &self.columns {
            let class = match (column.numbers, column.name.chars().count() > LONG) {
                (false, false) => "",
                (false, true) => " class=\"wide\"",
                (true, false) => " class=\"n\"",
                (true, true) => " class=\"n wide\"",
            };
            let name = escaped(&column.name);
            let _ = write!(html, "<th scope=\"col\"{class}>{name}</th>");
        }
        html.push_str("</tr></thead>\n<tbody>\n");
        for row in &self.rows {
            html.push_str("<tr>");
            for (index, (cell, column)) in row.iter().zip(&self.columns).enumerate() {
                // The first text names its row.
                let heading = index == 0 && !column.numbers;
                cell.write(html, heading, column.numbers);
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody></table></div></figure>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_sort_by_what_they_are_and_not_by_what_they_look_like() {
        let table = Table::new("t")
            .text("name")
            .number("a")
            .number("b")
            .row(["x".into(), Cell::percent(0.5, 1), Cell::count(12_000)])
            .row([
                "y".into(),
                Cell::number(f64::INFINITY),
                Cell::number(f64::NAN),
            ])
            .row(["z".into()]);
        let mut html = String::new();
        table.write(&mut html);
        for row in [
            "<tr><th scope=\"row\">x</th><td class=\"n\" data-key=\"0.5\">50.0 %</td><td class=\"n\" data-key=\"12000\">12\u{202f}000</td></tr>",
            "<tr><th scope=\"row\">y</th><td class=\"n\" data-key=\"Infinity\">∞</td><td class=\"n\">–</td></tr>",
            "<tr><th scope=\"row\">z</th><td class=\"n\"></td><td class=\"n\"></td></tr>",
        ] {
            assert!(html.contains(row), "{html}");
        }
    }
}
