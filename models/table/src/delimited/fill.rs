//! The rows of a text, taken into a table.

use std::io::Read;

use super::{
    layout::Layout,
    records::{Fault, Records},
};
use crate::{
    charset::windows_1252, column::ColumnBuilder, error::shortened, stream::Reach, table::Builder,
};

/// How many lines after a table are passed over.
const MOST_AFTER: usize = 50;

/// What was met in the rows, and a person should know of.
#[derive(Default)]
pub(crate) struct Passed {
    /// The first cell that is not in UTF-8, and its line.
    charset: Option<(u64, String)>,
    comments: usize,
    /// How many rows lack cells.
    short: usize,
    /// The lines after the table, and the first of them.
    after: Option<(usize, String)>,
}

impl Passed {
    /// As sentences.
    pub(crate) fn notes(self) -> Vec<String> {
        let charset = self.charset.map(|(line, text)| {
            format!("some cells are not in UTF-8, and were read as Windows-1252: `{text}` in line {line} is the first")
        });
        let comments = (self.comments > 0).then(|| {
            let comments = self.comments;
            format!("{comments} comments between the rows were passed over")
        });
        let short = (self.short > 0).then(|| {
            let short = self.short;
            format!("{short} rows have fewer cells than there are columns: those at their end are missing")
        });
        let after = self.after.map(|(lines, first)| {
            format!("{lines} lines after the table were passed over, the first of them `{first}`")
        });
        [charset, comments, short, after]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// Takes in the rows.
pub(crate) fn fill<R: Read>(
    builder: &mut Builder<'_>,
    records: &mut Records<R>,
    layout: &Layout,
    reach: &Reach,
    passed: &mut Passed,
) -> Result<(), Fault> {
    let mut skip = layout.skip;
    while skip > 0 && records.advance()? {
        skip -= usize::from(!records.is_comment(layout.cells));
    }
    let mut columns = layout.names.len();
    while records.advance()? {
        let (line, found) = (records.row_line(), records.len());
        if records.is_comment(layout.cells) {
            passed.comments += 1;
            continue;
        }
        if found != layout.cells {
            let lacks = layout.short && found < layout.cells;
            if !lacks && is_note(records, layout) && builder.rows() > 0 {
                return pass_over_the_rest(records, layout, passed);
            } else if !lacks {
                return Err(Fault::Ragged { line, found });
            }
            passed.short += 1;
        }
        builder.make_room(reach.share());
        builder.begin_row(Some(line));
        // What looked like no column is one without a name.
        if layout.trailing
            && columns < found
            && records.cells().last().is_some_and(|cell| !cell.is_empty())
        {
            builder.add_column(String::new(), ColumnBuilder::new(b'.'));
            columns += 1;
        }
        for (column, cell) in records.cells().take(columns).enumerate() {
            match str::from_utf8(cell) {
                Ok(text) => builder.push(column, text),
                Err(_) => {
                    let text = windows_1252(cell);
                    builder.push(column, &text);
                    passed
                        .charset
                        .get_or_insert_with(|| (line, shortened(&text)));
                }
            }
        }
        if found < columns {
            builder.end_row();
        }
    }
    Ok(())
}

/// Whether a row begins the notes below a table: rows that are cut off have more cells, and are not after a blank line.
fn is_note<R: Read>(records: &Records<R>, layout: &Layout) -> bool {
    let text = |cell: &[u8]| !cell.iter().any(u8::is_ascii_digit);
    let single = records.len() == 1 && records.cells().all(text);
    is_short(records, layout) && (records.is_after_blank() || single)
}

/// Whether a row has at most half of the cells of others.
fn is_short<R: Read>(records: &Records<R>, layout: &Layout) -> bool {
    layout.cells > 2 && records.len() <= layout.cells / 2
}

/// Passes over what comes after a blank line, as long as there are no more rows.
fn pass_over_the_rest<R: Read>(
    records: &mut Records<R>,
    layout: &Layout,
    passed: &mut Passed,
) -> Result<(), Fault> {
    let (line, found) = (records.row_line(), records.len());
    let cells = records.cells().map(String::from_utf8_lossy);
    let first = cells.collect::<Vec<_>>().join(" ");
    let mut lines = 1;
    while records.advance()? {
        lines += 1;
        if !is_short(records, layout) || lines > MOST_AFTER {
            return Err(Fault::Ragged { line, found });
        }
    }
    passed.after = Some((lines, shortened(&first)));
    Ok(())
}
