//! The target column of a table: classes or values.

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::Targets;
use crate::error::{Error, Result};

/// The most distinct integers that [`TargetKind::Detect`] takes for classes.
const MOST_DETECTED_CLASSES: usize = 20;

/// What a target column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum TargetKind {
    /// Each distinct cell is a class.
    Classification,
    /// Each cell is a number to be predicted.
    Regression,
    /// Classification where every target is text, or where every target is an integer and at most 20
    /// of them differ; regression for all other numbers. A column of both numbers and text is an
    /// error: it is more often a regression with a mistyped cell than a set of classes.
    #[default]
    Detect,
}

/// A finite number.
pub(super) fn number(cell: &str) -> Option<f64> {
    cell.parse().ok().filter(|number: &f64| number.is_finite())
}

/// What stands for a value that is missing, as other readers of tables have it.
const MISSING: [&str; 15] = [
    "", "NA", "N/A", "n/a", "<NA>", "#NA", "#N/A", "NaN", "nan", "-NaN", "-nan", "NULL", "null",
    "None", "?",
];

/// Whether a cell says that there is no value.
pub(super) fn is_missing(cell: &str) -> bool {
    MISSING.contains(&cell)
}

/// A target as it was written.
#[derive(Clone, Copy)]
struct Cell<'a> {
    line: u64,
    text: &'a str,
}

/// Targets as they were written, one after the other in one string.
#[derive(Default)]
pub(super) struct Cells {
    text: String,
    /// Where each of them ends.
    ends: Vec<usize>,
    /// Those that are not on the line after the one before, by number and line.
    jumps: Vec<(usize, u64)>,
    /// The line after the last.
    next_line: u64,
}

impl Cells {
    /// Adds one.
    pub fn push(&mut self, line: u64, text: &str) {
        if line != self.next_line {
            self.jumps.push((self.ends.len(), line));
        }
        self.next_line = line + 1;
        self.text += text;
        self.ends.push(self.text.len());
    }

    fn iter(&self) -> impl Iterator<Item = Cell<'_>> {
        let mut jumps = self.jumps.iter().peekable();
        let (mut start, mut line) = (0, 0);
        self.ends.iter().enumerate().map(move |(at, &end)| {
            line += 1;
            if let Some((_, jump)) = jumps.next_if(|(jump, _)| *jump == at) {
                line = *jump;
            }
            let text = &self.text[start..end];
            start = end;
            Cell { line, text }
        })
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|cell| cell.text)
    }
}

/// The column to be predicted.
pub(super) struct TargetColumn<'a> {
    pub path: &'a Path,
    pub name: &'a str,
    /// None of them is missing.
    pub cells: Cells,
}

impl TargetColumn<'_> {
    /// The targets as classes or as values.
    pub fn targets(&self, kind: TargetKind) -> Result<Targets<f64>> {
        match kind {
            TargetKind::Classification => self.classes(),
            TargetKind::Regression => self.values(),
            TargetKind::Detect => self.detect(),
        }
    }

    /// The targets in terms of those of another column: the same classes in the same order, or values.
    pub fn targets_like(&self, others: &Targets<f64>) -> Result<Targets<f64>> {
        let Targets::Classes { names, .. } = others else {
            return self.values();
        };
        // As among the cells of one column, `1` is the same as `1.0` if all classes are numbers.
        let numbers: Option<Vec<f64>> = names.iter().map(|name| name.parse().ok()).collect();
        let class = |cell: Cell| {
            let text = || names.iter().position(|name| *name == cell.text);
            let number = || {
                let number: f64 = cell.text.parse().ok()?;
                numbers.as_ref()?.iter().position(|other| *other == number)
            };
            let label = text().or_else(number);
            label
                .map(|label| label as u32)
                .ok_or_else(|| Error::UnknownClass {
                    path: self.path.into(),
                    line: cell.line,
                    column: self.name.into(),
                    value: cell.text.into(),
                    classes: names.clone(),
                })
        };
        Ok(Targets::Classes {
            labels: self.cells.iter().map(class).collect::<Result<_>>()?,
            names: names.clone(),
        })
    }

    fn detect(&self) -> Result<Targets<f64>> {
        let text = |cell: &Cell| number(cell.text).is_none();
        match self.cells.iter().find(text) {
            None => {
                let mut distinct = BTreeSet::new();
                let few = self.cells.texts().filter_map(number).all(|number| {
                    distinct.insert((number + 0.0).to_bits());
                    number.fract() == 0. && distinct.len() <= MOST_DETECTED_CLASSES
                });
                if few { self.classes() } else { self.values() }
            }
            Some(_) if self.cells.iter().all(|cell| text(&cell)) => self.classes(),
            Some(odd) => Err(Error::MixedTarget {
                path: self.path.into(),
                line: odd.line,
                column: self.name.into(),
                value: odd.text.into(),
            }),
        }
    }

    fn values(&self) -> Result<Targets<f64>> {
        let value = |cell: Cell| {
            number(cell.text).ok_or_else(|| Error::NotANumber {
                path: self.path.into(),
                line: cell.line,
                column: self.name.into(),
                value: cell.text.into(),
            })
        };
        Ok(Targets::Values(
            self.cells.iter().map(value).collect::<Result<_>>()?,
        ))
    }

    fn classes(&self) -> Result<Targets<f64>> {
        let texts = || self.cells.texts();
        // Identifiers of more digits than an f32 holds must stay apart.
        let numbers: Option<Vec<f64>> = texts().map(number).collect();
        let (labels, names) = match numbers {
            Some(numbers) => {
                // A number that is written in several ways is named by the first.
                let mut distinct = HashMap::new();
                for (number, text) in numbers.iter().zip(texts()) {
                    distinct.entry(number.to_bits()).or_insert((*number, text));
                }
                let mut distinct: Vec<(f64, &str)> = distinct.into_values().collect();
                distinct.sort_by(|(a, _), (b, _)| a.total_cmp(b));
                distinct.dedup_by(|(a, _), (b, _)| a == b);
                let below = |n: &f64| distinct.partition_point(|(other, _)| other < n) as u32;
                let labels = numbers.iter().map(below).collect();
                (
                    labels,
                    distinct.into_iter().map(|(_, text)| text.into()).collect(),
                )
            }
            None => {
                let distinct = texts().collect::<BTreeSet<_>>();
                let distinct: Vec<&str> = distinct.into_iter().collect();
                let below = |text: &str| distinct.partition_point(|other| *other < text) as u32;
                let labels = texts().map(below).collect();
                (labels, distinct.into_iter().map(String::from).collect())
            }
        };
        Ok(Targets::Classes { labels, names })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(texts: &[&str], kind: TargetKind) -> Result<Targets<f64>> {
        let mut cells = Cells::default();
        for (line, text) in (2..).zip(texts) {
            cells.push(line, text);
        }
        TargetColumn {
            path: Path::new("table.csv"),
            name: "y",
            cells,
        }
        .targets(kind)
    }

    fn classes(texts: &[&str], kind: TargetKind) -> (Vec<u32>, Vec<String>) {
        match targets(texts, kind).unwrap() {
            Targets::Classes { labels, names } => (labels, names),
            Targets::Values(_) => panic!("not classes"),
        }
    }

    #[test]
    fn numeric_classes_are_sorted_as_numbers_and_others_as_text() {
        let (labels, names) = classes(&["10", "9", "10", "9.0"], TargetKind::Classification);
        assert_eq!(labels, [1, 0, 1, 0]);
        assert_eq!(names, ["9", "10"]);
        let (labels, names) = classes(&["pear", "10", "9"], TargetKind::Classification);
        assert_eq!(labels, [2, 0, 1]);
        assert_eq!(names, ["10", "9", "pear"]);
        // Two numbers that are one and the same as f32.
        let (labels, _) = classes(&["16777217", "16777216"], TargetKind::Classification);
        assert_eq!(labels, [1, 0]);
    }

    #[test]
    fn detection_follows_its_rule() {
        let is_classes = |texts: &[&str]| {
            matches!(
                targets(texts, TargetKind::Detect).unwrap(),
                Targets::Classes { .. }
            )
        };
        let numbers: Vec<String> = (0..21).map(|number| number.to_string()).collect();
        let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
        assert!(is_classes(&["cat", "dog"]));
        assert!(is_classes(&["-1", "1.0"]));
        assert!(is_classes(&[&numbers[..20], &numbers[..20]].concat()));
        assert!(!is_classes(&numbers));
        assert!(!is_classes(&["1", "1.5"]));
        // Whole numbers that differ, of which 32 bits hold few, and none of them 63.
        let days: Vec<String> = (0..21).map(|day| (20_240_101 + day).to_string()).collect();
        let masses: Vec<String> = (0..21).map(|star| format!("{}e30", star + 1)).collect();
        for texts in [days, masses] {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            assert!(!is_classes(&texts));
        }
    }

    #[test]
    fn numbers_and_text_in_one_column_are_not_guessed_at() {
        let message = targets(&["1", "2", "many"], TargetKind::Detect)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("table.csv: line 4, column `y`: `many`"),
            "{message}"
        );
        assert_eq!(
            classes(&["1", "2", "many"], TargetKind::Classification).0,
            [0, 1, 2]
        );
        let message = targets(&["1", "2", "many"], TargetKind::Regression)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("table.csv: line 4, column `y`: `many`"),
            "{message}"
        );
    }
}
