//! The target column of a table: classes or values.

use std::{collections::BTreeSet, path::Path};

use serde::{Deserialize, Serialize};
use trimtab_table::{Cells, Frame};

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
    /// Classification where the targets are text, or where every target is an integer and at most 20
    /// of them differ; regression for all other numbers. A column of text most of which are numbers is an
    /// error: it is more often a regression with mistyped cells than a set of classes.
    #[default]
    Detect,
}

/// How many times the size of nearly all targets a few others may have: their square is an `f32`.
const MOST_TIMES: f64 = 1e18;
/// Targets that are a few; in a small table a quarter is too many to be so, and in a large one they are one in a hundred.
const FEW: usize = 3;
/// The largest size of a target: the squares of so many rows add up to an `f64`.
const MOST: f64 = 1e150;

/// The column to be predicted.
pub(super) struct TargetColumn<'a> {
    path: &'a Path,
    frame: &'a Frame,
    name: &'a str,
    cells: &'a Cells,
    /// The rows that have a target, ascending.
    rows: Vec<usize>,
}

impl<'a> TargetColumn<'a> {
    /// The column `name`.
    ///
    /// # Errors
    /// [`Error::MissingColumn`]; [`Error::NoTargets`] if all of its cells are missing.
    pub(super) fn new(path: &'a Path, frame: &'a Frame, name: &'a str) -> Result<Self> {
        let column = frame.column(name).ok_or_else(|| Error::MissingColumn {
            path: path.into(),
            column: name.to_owned(),
            columns: (frame.columns.iter())
                .map(|column| column.name.clone())
                .collect(),
        })?;
        let cells = &column.cells;
        let rows: Vec<usize> = (0..frame.rows)
            .filter(|row| !cells.is_missing(*row))
            .collect();
        if rows.is_empty() {
            return Err(Error::NoTargets {
                path: path.into(),
                column: name.to_owned(),
                rows: frame.rows,
            });
        }
        Ok(Self {
            path,
            frame,
            name,
            cells,
            rows,
        })
    }

    /// The rows that have a target, ascending.
    pub(super) fn into_rows(self) -> Vec<usize> {
        self.rows
    }

    /// The targets as classes or as values, and why.
    pub(super) fn targets(&self, kind: TargetKind) -> Result<(Targets<f64>, String)> {
        match kind {
            TargetKind::Classification => Ok((self.classes(), "as told".to_owned())),
            TargetKind::Regression => Ok((self.values()?, "as told".to_owned())),
            TargetKind::Detect => self.detect(),
        }
    }

    /// The targets in terms of those of another column: the same classes in the same order, or values.
    pub(super) fn targets_like(&self, others: &Targets<f64>) -> Result<Targets<f64>> {
        let Targets::Classes { names, .. } = others else {
            return self.values();
        };
        // `1` is the same as `1.0` if all classes are numbers.
        let numbers: Option<Vec<f64>> = names.iter().map(|name| name.parse().ok()).collect();
        let class = |row: &usize| {
            let cell = self.cells.text(*row).unwrap_or_default();
            let text = || names.iter().position(|name| *name == cell);
            let number = || {
                let number: f64 = cell.parse().ok()?;
                numbers.as_ref()?.iter().position(|other| *other == number)
            };
            let label = text().or_else(number);
            label
                .map(|label| label as u32)
                .ok_or_else(|| Error::UnknownClass {
                    path: self.path.into(),
                    place: self.frame.place(*row),
                    column: self.name.into(),
                    value: cell.clone().into_owned(),
                    classes: names.clone(),
                })
        };
        Ok(Targets::Classes {
            labels: self.rows.iter().map(class).collect::<Result<_>>()?,
            names: names.clone(),
        })
    }

    fn detect(&self) -> Result<(Targets<f64>, String)> {
        match self.cells {
            Cells::Times(_) => Ok((self.values()?, "it holds times".to_owned())),
            Cells::Texts { .. } => {
                let text = |row: &&usize| self.number(**row).is_none();
                let texts = self.rows.iter().filter(text).count();
                match self.rows.iter().find(text) {
                    Some(odd) if 2 * texts < self.rows.len() => Err(Error::MixedTarget {
                        path: self.path.into(),
                        place: self.frame.place(*odd),
                        column: self.name.into(),
                        value: self.cells.text(*odd).unwrap_or_default().into_owned(),
                    }),
                    _ => Ok((self.classes(), "it holds text".to_owned())),
                }
            }
            Cells::Numbers(cells) => {
                let mut distinct = BTreeSet::new();
                let few = self.rows.iter().map(|row| cells[*row]).all(|number| {
                    distinct.insert((number + 0.0).to_bits());
                    number.fract() == 0. && distinct.len() <= MOST_DETECTED_CLASSES
                });
                if !few {
                    return Ok((self.values()?, "it holds numbers".to_owned()));
                }
                let why = match distinct.len() {
                    2 => "it holds two whole numbers".to_owned(),
                    count => format!(
                        "it holds {count} different whole numbers, at most {MOST_DETECTED_CLASSES} are taken as classes: \
                         their order is not used; --kind regression predicts a number"
                    ),
                };
                Ok((self.classes(), why))
            }
        }
    }

    /// A cell as a number.
    fn number(&self, row: usize) -> Option<f64> {
        match self.cells {
            Cells::Numbers(cells) | Cells::Times(cells) => Some(cells[row]),
            Cells::Texts { .. } => self
                .cells
                .text(row)?
                .trim()
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite()),
        }
    }

    fn values(&self) -> Result<Targets<f64>> {
        let value = |row: &usize| {
            self.number(*row).ok_or_else(|| Error::NotANumber {
                path: self.path.into(),
                place: self.frame.place(*row),
                column: self.name.into(),
                value: self.cells.text(*row).unwrap_or_default().into_owned(),
            })
        };
        let values = self.rows.iter().map(value).collect::<Result<Vec<f64>>>()?;
        self.check_sizes(&values)?;
        Ok(Targets::Values(values))
    }

    /// Refuses values of which no loss would be a number: a few beside which all others are nothing, so that in the units of these their
    /// square is no `f32`, and those whose square is no `f64`.
    fn check_sizes(&self, values: &[f64]) -> Result<()> {
        let mut sizes: Vec<f64> = values.iter().map(|value| value.abs()).collect();
        sizes.retain(|size| *size > 0.0);
        sizes.sort_unstable_by(f64::total_cmp);
        let few = FEW.min(sizes.len() / 4).max(sizes.len() / 100);
        let usual = sizes.len().checked_sub(few + 1).map(|at| sizes[at]);
        let refuse = |most: f64, problem: String| {
            let at = values.iter().position(|value| value.abs() > most);
            at.map_or(Ok(()), |at| {
                Err(Error::LargeTarget {
                    path: self.path.into(),
                    place: self.frame.place(self.rows[at]),
                    column: self.name.into(),
                    problem: format!("`{:e}` is {problem}", values[at]),
                })
            })
        };
        if let Some(usual) = usual {
            let problem = format!(
                "too large, where nearly all targets are at most {usual:e}: correct the cell, or leave its row out"
            );
            refuse(MOST_TIMES * usual, problem)?;
        }
        let problem =
            format!("too large, where {MOST:e} is the most: give the target in a larger unit");
        refuse(MOST, problem)
    }

    /// Numbers are sorted as numbers, and a text that is one among others of its kind is the same however it is written.
    fn classes(&self) -> Targets<f64> {
        let numbers: Option<Vec<f64>> = self.rows.iter().map(|row| self.number(*row)).collect();
        let (labels, names) = match numbers {
            // Identifiers of more digits than an f32 holds must stay apart.
            Some(numbers) => {
                let mut distinct: Vec<f64> = numbers.iter().map(|number| number + 0.0).collect();
                distinct.sort_unstable_by(f64::total_cmp);
                distinct.dedup();
                let below = |n: &f64| distinct.partition_point(|other| other < n) as u32;
                (
                    numbers.iter().map(below).collect(),
                    distinct.iter().map(f64::to_string).collect(),
                )
            }
            None => {
                let texts = || self.rows.iter().filter_map(|row| self.cells.text(*row));
                let distinct: BTreeSet<_> = texts().collect();
                let distinct: Vec<_> = distinct.into_iter().collect();
                let labels = texts()
                    .map(|text| distinct.partition_point(|other| *other < text) as u32)
                    .collect();
                (
                    labels,
                    distinct.into_iter().map(|text| text.into_owned()).collect(),
                )
            }
        };
        Targets::Classes { labels, names }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trimtab_table::{ReadOptions, parse};

    fn targets(texts: &[&str], kind: TargetKind) -> Result<Targets<f64>> {
        let path = Path::new("table.csv");
        let text: String = texts.iter().map(|text| format!("{text},a\n")).collect();
        let frame = parse(
            path,
            format!("y,x\n{text}").as_bytes(),
            &ReadOptions::default(),
        )?;
        Ok(TargetColumn::new(path, &frame, "y")?.targets(kind)?.0)
    }

    #[test]
    fn a_target_beside_which_all_others_are_nothing_is_named() {
        let refused = |texts: &[&str]| {
            targets(texts, TargetKind::Regression)
                .unwrap_err()
                .to_string()
        };
        let message = refused(&["1.5", "-1e200", "2.5", "0", "0.5", "3"]);
        assert!(
            message.contains("line 3, column `y`: `-1e200` is too large, where nearly all targets are at most 3e0"),
            "{message}"
        );
        assert!(refused(&["1.5", "1e30", "2.5", "1", "2"]).contains("1e30"));
        let message = refused(&["1e140", "2e160", "1e150", "1e155", "1e156"]);
        assert!(
            message.contains("line 3") && message.contains("larger unit"),
            "{message}"
        );
        // Large numbers among their like are in some other unit.
        // Nor are those out of place of which there are many, such as likelihoods.
        for texts in [
            ["1e30", "2e30", "-3e31", "1", "1e-9", "2"],
            ["0", "0", "5", "0", "0", "0"],
            ["1e-30", "1e-25", "0.5", "1e-40", "0.1", "0.01"],
        ] {
            assert!(targets(&texts, TargetKind::Regression).is_ok(), "{texts:?}");
        }
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
