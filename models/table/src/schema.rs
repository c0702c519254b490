//! What the columns of a table are, and what becomes of them: looked at in the training rows alone.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::times::Format;
use crate::{Cells, Column, Frame, MISSING};

/// What a person says of the columns, where their cells say something else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ColumnOptions {
    /// Columns whose numbers are names of categories.
    pub categorical: Vec<String>,
    /// Columns that are left out.
    pub ignore: Vec<String>,
    /// The column that tells rows apart: kept for predictions, and no feature.
    pub id: Option<String>,
}

/// What a column is, and what becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Use {
    /// A number.
    Number,
    /// One of these levels, the most frequent first; whether there are others that are too rare.
    Category { levels: Vec<String>, other: bool },
    /// A moment; how it is written, where it is text.
    Time(Option<Format>),
    /// Nothing, for this reason.
    LeftOut(String),
}

/// More than this many levels of a column are told apart only if each is there twice, and at most [`MOST_LEVELS`] of them.
const FEW_LEVELS: usize = 20;
const MOST_LEVELS: usize = 100;

/// Names of columns that number the rows, in lower case. Columns without a name are called `column_1`, and `Unnamed: 0` by pandas.
const ROW_NUMBERS: [&str; 16] = [
    "rownames",
    "row.names",
    "row_names",
    "rowname",
    "row",
    "rows",
    "index",
    "idx",
    "id",
    "no",
    "nr",
    "obs",
    "obsnum",
    "x",
    "x1",
    "unnamed: 0",
];

/// Whether the name says that a column tells rows apart.
fn names_rows(name: &str) -> bool {
    let lower = name.to_lowercase();
    lower == "id"
        || lower == "uuid"
        || lower == "guid"
        || lower.ends_with("_id")
        || lower.ends_with(" id")
        || lower.ends_with(".id")
        || (lower.ends_with("id") && name.ends_with("Id"))
        || (name.ends_with("ID") && name.len() > 2)
}

/// Whether the cells of `rows` are the numbers of the rows, from 0 or 1.
fn counts_rows(cells: &[f64], rows: &[usize]) -> bool {
    let from = |first: f64| rows.iter().all(|&row| cells[row] == row as f64 + first);
    rows.len() > 1 && (from(0.0) || from(1.0))
}

impl Use {
    /// What a column is, as far as `rows` tell.
    pub(crate) fn of(column: &Column, rows: &[usize], categorical: bool) -> Self {
        match &column.cells {
            Cells::Numbers(cells) => Self::of_numbers(&column.name, cells, rows, categorical),
            Cells::Times(cells) => Self::of_times(cells, rows),
            Cells::Texts { codes, levels } => Self::of_texts(codes, levels, rows, categorical),
        }
    }

    fn of_numbers(name: &str, cells: &[f64], rows: &[usize], categorical: bool) -> Self {
        let there = || {
            rows.iter()
                .map(|&row| cells[row])
                .filter(|cell| !cell.is_nan())
        };
        if categorical {
            return Self::category(there().map(|cell| cell.to_string()), true);
        }
        let lower = name.to_lowercase();
        let unnamed = lower.starts_with("column_") || lower.is_empty();
        if (unnamed || ROW_NUMBERS.contains(&lower.as_str())) && counts_rows(cells, rows) {
            return Self::LeftOut("counts the rows".to_owned());
        }
        let Some(first) = there().next() else {
            return Self::LeftOut("empty".to_owned());
        };
        let missing = rows.iter().any(|&row| cells[row].is_nan());
        if !missing && there().all(|cell| cell == first) {
            return Self::LeftOut("the same in every row".to_owned());
        }
        if names_rows(name) && there().all(|cell| cell.fract() == 0.0) {
            let distinct: HashSet<u64> = there().map(f64::to_bits).collect();
            if distinct.len() > FEW_LEVELS && distinct.len() == rows.len() {
                return Self::LeftOut("an identifier: every row has another".to_owned());
            }
        }
        Self::Number
    }

    fn of_times(cells: &[f64], rows: &[usize]) -> Self {
        let mut there = rows
            .iter()
            .map(|&row| cells[row])
            .filter(|cell| !cell.is_nan());
        match there.next() {
            None => Self::LeftOut("empty".to_owned()),
            Some(first) if there.all(|cell| cell == first) => {
                Self::LeftOut("the same in every row".to_owned())
            }
            Some(_) => Self::Time(None),
        }
    }

    fn of_texts(codes: &[u32], levels: &[String], rows: &[usize], categorical: bool) -> Self {
        let there = || {
            rows.iter()
                .map(|&row| codes[row])
                .filter(|code| *code != MISSING)
        };
        let distinct: HashSet<u32> = there().collect();
        let missing = there().count() < rows.len();
        let mut first: Vec<u32> = distinct.iter().copied().collect();
        first.sort_unstable();
        let texts = || first.iter().map(|code| levels[*code as usize].as_str());
        if !categorical {
            match distinct.len() {
                0 => return Self::LeftOut("empty".to_owned()),
                1 if !missing => return Self::LeftOut("the same in every row".to_owned()),
                _ => {}
            }
            let counted = || {
                let mut counts: HashMap<u32, usize> = HashMap::new();
                there().for_each(|code| *counts.entry(code).or_default() += 1);
                let counted = first.iter().map(|code| counts[code]);
                texts().zip(counted).collect::<Vec<_>>()
            };
            if let Some(format) = Format::of(texts()).or_else(|| Format::of_most(&counted())) {
                return Self::Time(Some(format));
            }
            let cells = there().count();
            if distinct.len() > FEW_LEVELS && 2 * distinct.len() > cells {
                let words = texts().filter(|text| text.trim().contains(' ')).count();
                let what = if 2 * words > distinct.len() {
                    "free text"
                } else {
                    "an identifier"
                };
                return Self::LeftOut(format!("{what}: {} values in {cells} rows", distinct.len()));
            }
        }
        Self::category(
            there().map(|code| levels[code as usize].as_str()),
            categorical,
        )
    }

    fn category<T: AsRef<str>>(cells: impl Iterator<Item = T>, told: bool) -> Self {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for cell in cells {
            match counts.get_mut(cell.as_ref()) {
                Some(count) => *count += 1,
                None => drop(counts.insert(cell.as_ref().to_owned(), 1)),
            }
        }
        if counts.is_empty() {
            return Self::LeftOut("empty".to_owned());
        }
        let distinct = counts.len();
        let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
        counts.sort_by(|(a, more), (b, count)| count.cmp(more).then_with(|| a.cmp(b)));
        if distinct > FEW_LEVELS {
            if !told {
                counts.retain(|(_, count)| *count > 1);
            }
            counts.truncate(MOST_LEVELS);
        }
        Self::Category {
            other: counts.len() < distinct,
            levels: counts.into_iter().map(|(level, _)| level).collect(),
        }
    }
}

/// What was understood of a column, for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Understood {
    /// The column's name.
    pub column: String,
    /// What its cells are: `number`, `integer`, `yes or no`, `category`, `time`, `text`, or `empty`.
    pub kind: String,
    /// How many cells of the file are missing.
    pub missing: usize,
    /// What becomes of it.
    pub becomes: String,
}

/// What the cells of a column are, in a word.
pub(crate) fn kind(column: &Column, used: Option<&Use>) -> &'static str {
    match (&column.cells, used) {
        (_, Some(Use::Time(_))) | (Cells::Times(_), _) => "time",
        (
            _,
            Some(Use::Category {
                levels,
                other: false,
            }),
        ) if levels.len() == 2 => "yes or no",
        (_, Some(Use::Category { .. })) => "category",
        (cells, _) if cells.missing() == cells.len() => "empty",
        (Cells::Numbers(cells), _) => {
            if cells
                .iter()
                .all(|cell| cell.is_nan() || cell.fract() == 0.0)
            {
                "integer"
            } else {
                "number"
            }
        }
        (Cells::Texts { .. }, _) => "text",
    }
}

/// Values that often stand for one that is missing.
const CODES: [f64; 10] = [
    -1.0, -9.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0, 99999.0, -200.0,
];

/// Says of a column of numbers that one of them may stand for what is missing: it is there in at least one row of a hundred, it is the
/// lowest or highest, and as far from the others as three times their range between the 5th and the 95th of a hundred.
pub(crate) fn suspicious(frame: &Frame, column: &Column) -> Option<String> {
    let Cells::Numbers(cells) = &column.cells else {
        return None;
    };
    let of = |code: f64| cells.iter().filter(|cell| **cell == code).count();
    let (code, count) = CODES
        .iter()
        .map(|code| (*code, of(*code)))
        .find(|(code, count)| {
            if *count < 2 || 100 * count < frame.rows {
                return false;
            }
            let mut others: Vec<f64> = cells
                .iter()
                .copied()
                .filter(|cell| !cell.is_nan() && cell != code)
                .collect();
            if others.len() < 20 {
                return false;
            }
            others.sort_by(f64::total_cmp);
            let at = |share: f64| others[(share * (others.len() - 1) as f64) as usize];
            let (low, high) = (others[0], others[others.len() - 1]);
            let range = (at(0.95) - at(0.05)).max(f64::MIN_POSITIVE);
            *code < low && low - code > 3.0 * range || *code > high && code - high > 3.0 * range
        })?;
    Some(format!(
        "`{}` is {code} in {count} rows, far from all others: if that stands for what is missing, say --missing {code}",
        column.name
    ))
}
