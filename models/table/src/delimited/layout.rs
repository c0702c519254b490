//! What is where in a text: lines before the table, the names of the columns, and the rows.

use super::{dialect::usual, header, sample::Row};
use crate::{error::shortened, missing::Missing, names::numbered};

/// How many lines before a table are passed over.
const MOST_BEFORE: usize = 50;

/// Where the rows of a text begin, and what they have.
#[derive(Debug, PartialEq)]
pub(crate) struct Layout {
    /// How many rows are before the first one of values.
    pub(crate) skip: usize,
    /// The names of the columns.
    pub(crate) names: Vec<String>,
    /// How many cells each row has.
    pub(crate) cells: usize,
    /// The last cell of each row is empty, and there is no column of it.
    pub(crate) trailing: bool,
    /// Rows may lack cells at their end.
    pub(crate) short: bool,
    /// What a person should know of it.
    pub(crate) notes: Vec<String>,
}

impl Layout {
    /// Looks at the first rows. `comment` is the row that the last line of comments would make; `asked` says whether there is a header.
    pub(crate) fn of(
        rows: &[Row],
        comment: Option<Vec<String>>,
        asked: Option<bool>,
        missing: &Missing,
    ) -> Self {
        let cells = match rows {
            // Of two rows that differ, the first one says what is expected, unless the second has a name.
            [first, second] if second.cells.len() != first.cells.len() + 1 => first.cells.len(),
            _ => usual(rows),
        };
        let start = rows
            .iter()
            .position(|row| row.cells.len() == cells)
            .unwrap_or(0);
        let (before, table) = rows.split_at(start);
        let names = before
            .last()
            .and_then(|above| names_above(&above.cells, table, asked, missing));
        let titles = &before[..before.len() - usize::from(names.is_some())];
        // A row of nearly as many cells is no title, but one that lacks some: what comes after it is refused where it is read.
        let short = |row: &Row| row.cells.len() <= (cells / 2).max(1);
        if titles.len() > MOST_BEFORE || !titles.iter().all(short) {
            let mut layout =
                Self::with_names_in(rows, rows[0].cells.len(), comment, asked, missing);
            layout.short = layout.skip > 0 && lack_cells(rows);
            return layout;
        }
        let mut layout = match names {
            Some((names, trailing)) => Self {
                skip: 0,
                names,
                cells,
                trailing,
                short: false,
                notes: Vec::new(),
            },
            None => Self::with_names_in(table, cells, comment, asked, missing),
        };
        layout.short = start == 0 && layout.skip > 0 && lack_cells(rows);
        layout.skip += start;
        layout.notes.extend(
            titles
                .first()
                .map(|first| passed_over(titles.len(), &first.cells.join(", "))),
        );
        layout
    }

    /// The layout of rows that are all of the table: the first has the names, or there are none.
    pub(crate) fn with_names_in(
        table: &[Row],
        cells: usize,
        comment: Option<Vec<String>>,
        asked: Option<bool>,
        missing: &Missing,
    ) -> Self {
        let mut layout = Self {
            skip: 0,
            names: Vec::new(),
            cells,
            trailing: false,
            short: false,
            notes: Vec::new(),
        };
        let Some((first, rest)) = table.split_first() else {
            return layout;
        };
        let numbers = first.cells.iter().all(|cell| cell.parse::<f64>().is_ok());
        let comment = comment.filter(|comment| comment.len() == cells && asked.is_none());
        let declared = if declare_types(rest) { 2 } else { 0 };
        let rest = &rest[declared..];
        let found = match asked {
            Some(asked) => asked,
            None if declared > 0 => true,
            None if rest.is_empty() => comment.is_none() && !numbers,
            None => has_names(&first.cells, rest, missing),
        };
        let row = shortened(&first.cells.join(", "));
        if found {
            layout.skip = 1 + declared;
            if declared > 0 {
                let note = "two lines below the names, with types and roles as Orange writes them, were passed over";
                layout.notes.push(note.into());
            }
            layout.trailing = first.cells[cells - 1].is_empty() && last_is_empty(rest, cells);
            layout.names = first.cells.clone();
            if numbers && asked.is_none() {
                layout.notes.push(format!("the first row counts, and was taken for names: `{row}`; `--no-header` says that it has values"));
            }
        } else if let Some(comment) = comment {
            layout.notes.push(
                "the names of the columns are those in the last comment before the table".into(),
            );
            layout.names = comment;
        } else {
            layout.trailing = last_is_empty(table, cells);
            layout.names = numbered(cells);
            if asked.is_none() {
                layout.notes.push(format!(
                    "no header was found: the first row is `{row}`, and the columns are called `column_1`, `column_2`, ..; \
                    `--header` says that it has their names"
                ));
            }
        }
        layout.names.truncate(cells - usize::from(layout.trailing));
        layout
    }
}

/// What to say of lines that are before the table.
pub(crate) fn passed_over(lines: usize, first: &str) -> String {
    let first = shortened(first);
    match lines {
        1 => format!("a line before the table was passed over: `{first}`"),
        _ => {
            format!("{lines} lines before the table were passed over, the first of them `{first}`")
        }
    }
}

/// The names in a row that has a cell more or fewer than those of the table below it, and whether the last cell of those is none.
fn names_above(
    above: &[String],
    table: &[Row],
    asked: Option<bool>,
    missing: &Missing,
) -> Option<(Vec<String>, bool)> {
    let (first, rest) = table.split_first()?;
    let cells = first.cells.len();
    // A title may be above the names.
    if asked == Some(false)
        || (asked.is_none() && !rest.is_empty() && has_names(&first.cells, rest, missing))
    {
        return None;
    }
    if above.len() == cells + 1 {
        return above[cells]
            .is_empty()
            .then(|| (above[..cells].to_vec(), false));
    }
    if above.len() + 1 != cells || above.iter().any(String::is_empty) {
        return None;
    }
    if last_is_empty(table, cells) {
        return Some((above.to_vec(), true));
    }
    // R writes the names of rows without a name above them.
    let names = std::iter::once("rownames".to_owned()).chain(above.iter().cloned());
    Some((names.collect(), false))
}

fn has_names(first: &[String], rest: &[Row], missing: &Missing) -> bool {
    header::found(first, rest.iter().map(|row| row.cells.as_slice()), missing)
}

/// Whether the rows below the first, which has the most cells, lack cells at their end, as where the last ones are written only if there
/// is something in them: one in twenty at least, as a few are rather damaged. Rows that all lack as many rather have a name too many above them.
fn lack_cells(rows: &[Row]) -> bool {
    let lengths: Vec<usize> = rows.iter().map(|row| row.cells.len()).collect();
    let (first, rest) = lengths.split_first().unwrap_or((&0, &[]));
    // Notes below the table are no rows.
    let last = rest.iter().rposition(|length| *length > first / 2);
    let rest = &rest[..last.map_or(0, |last| last + 1)];
    let short = rest.iter().filter(|length| *length < first).count();
    let different = rest.iter().any(|length| *length != rest[0]);
    short > 1 && short * 20 >= rest.len() && different && rest.iter().all(|length| length <= first)
}

/// Whether the first two rows have the types of the columns and what they are for.
fn declare_types(rows: &[Row]) -> bool {
    const TYPES: [&str; 8] = [
        "c",
        "d",
        "s",
        "t",
        "continuous",
        "discrete",
        "string",
        "time",
    ];
    const ROLES: [&str; 7] = ["", "class", "meta", "ignore", "weight", "i", "m"];
    let [types, roles, _, ..] = rows else {
        return false;
    };
    // The values of a discrete column may be written for its type.
    let is_type =
        |cell: &String| TYPES.contains(&cell.as_str()) || cell.contains(' ') || cell.is_empty();
    let is_role = |cell: &String| ROLES.contains(&cell.as_str()) || cell.contains('=');
    let some = types
        .cells
        .iter()
        .any(|cell| TYPES.contains(&cell.as_str()));
    let few =
        roles.cells.iter().filter(|cell| !cell.is_empty()).count() * 2 <= roles.cells.len().max(2);
    some && few && types.cells.iter().all(is_type) && roles.cells.iter().all(is_role)
}

/// Whether rows of this many cells have nothing in the last one.
fn last_is_empty(rows: &[Row], cells: usize) -> bool {
    let mut full = rows.iter().filter(|row| row.cells.len() == cells);
    cells > 1 && rows.len() > 1 && full.all(|row| row.cells[cells - 1].is_empty())
}
