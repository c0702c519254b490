//! The features of the rows of a table.

use std::collections::HashMap;

use super::{Encoder, Part, moments, period::Period};
use crate::{Cells, Column, MISSING};

/// The same text for the same number, however it is written.
fn canonical(text: &str) -> String {
    match text.trim().parse::<f64>() {
        Ok(number) if number.is_finite() => (number + 0.0).to_string(),
        _ => text.to_owned(),
    }
}

impl Encoder {
    pub(super) fn bind<'a>(&self, column: &'a Column, notes: &mut Vec<String>) -> BoundColumn<'a> {
        let name = &column.name;
        match (self, &column.cells) {
            (Self::Number { .. }, Cells::Numbers(cells) | Cells::Times(cells)) => {
                BoundColumn::Borrowed(cells)
            }
            (Self::Number { .. }, Cells::Texts { codes, levels }) => {
                let each: Vec<f64> = levels
                    .iter()
                    .map(|level| {
                        level
                            .trim()
                            .parse()
                            .ok()
                            .filter(|n: &f64| n.is_finite())
                            .unwrap_or(f64::NAN)
                    })
                    .collect();
                let odd = |code: &&u32| {
                    each.get(**code as usize)
                        .is_some_and(|number| number.is_nan())
                };
                let count = codes.iter().filter(odd).count();
                if let Some(first) = codes.iter().find(|code| odd(code)) {
                    notes.push(format!(
                        "`{name}` is no number in {count} rows (`{}`): taken as missing",
                        levels[*first as usize]
                    ));
                }
                BoundColumn::Owned(
                    codes
                        .iter()
                        .map(|code| each.get(*code as usize).copied().unwrap_or(f64::NAN))
                        .collect(),
                )
            }
            (Self::Time { format, .. }, cells) => {
                BoundColumn::Owned(moments(cells, format.as_ref()))
            }
            (
                Self::Category {
                    levels: known,
                    other,
                    ..
                },
                cells,
            ) => {
                let (others, missing) = Self::places(known, *other);
                let unseen = if *other { others } else { NOWHERE };
                let place: HashMap<String, u32> = known
                    .iter()
                    .map(|level| canonical(level))
                    .zip(0..)
                    .collect();
                let place = |text: &str| place.get(&canonical(text)).copied();
                let (mut rows_unseen, mut first) = (0usize, None);
                let places: Vec<u32> = match cells {
                    Cells::Texts { codes, levels } => {
                        let each: Vec<Option<u32>> =
                            levels.iter().map(|level| place(level)).collect();
                        codes
                            .iter()
                            .map(|code| {
                                if *code == MISSING {
                                    return missing;
                                }
                                each[*code as usize].unwrap_or_else(|| {
                                    rows_unseen += 1;
                                    first.get_or_insert_with(|| levels[*code as usize].clone());
                                    unseen
                                })
                            })
                            .collect()
                    }
                    Cells::Numbers(cells) | Cells::Times(cells) => {
                        let mut seen: HashMap<u64, Option<u32>> = HashMap::new();
                        cells
                            .iter()
                            .map(|cell| {
                                if cell.is_nan() {
                                    return missing;
                                }
                                let at = *seen
                                    .entry(cell.to_bits())
                                    .or_insert_with(|| place(&cell.to_string()));
                                at.unwrap_or_else(|| {
                                    rows_unseen += 1;
                                    first.get_or_insert_with(|| cell.to_string());
                                    unseen
                                })
                            })
                            .collect()
                    }
                };
                if let (Some(first), false) = (first, *other) {
                    notes.push(format!("`{name}` has levels in {rows_unseen} rows that no training row has (`{first}`): taken as none of the known ones"));
                }
                BoundColumn::Places(places)
            }
        }
    }
}

/// The place of a level that there is no feature for.
const NOWHERE: u32 = u32::MAX;

/// The features of the rows of a table.
#[derive(Debug, Clone)]
pub struct Bound<'a> {
    pub(super) features: Vec<(usize, Part)>,
    pub(super) columns: Vec<BoundColumn<'a>>,
    pub(super) notes: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) enum BoundColumn<'a> {
    Borrowed(&'a [f64]),
    Owned(Vec<f64>),
    Places(Vec<u32>),
}

impl Bound<'_> {
    /// How many features there are.
    pub fn features(&self) -> usize {
        self.features.len()
    }

    /// What in this table the training rows had not: sentences.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// A feature of a row; always finite.
    ///
    /// # Panics
    /// If there is no such row or feature.
    pub fn value(&self, feature: usize, row: usize) -> f64 {
        let (column, part) = self.features[feature];
        let cell = match &self.columns[column] {
            BoundColumn::Borrowed(cells) => cells[row],
            BoundColumn::Owned(cells) => cells[row],
            BoundColumn::Places(places) => {
                let place = places[row];
                return match part {
                    Part::Second if place > 1 => 0.5,
                    Part::Second => f64::from(place),
                    Part::Level(level) => f64::from(u8::from(level == place)),
                    Part::Value(_) | Part::Gap | Part::Sine(_) | Part::Cosine(_) => 0.0,
                };
            }
        };
        let angle =
            |period: Period| std::f64::consts::TAU * (cell / period.seconds()).rem_euclid(1.0);
        match part {
            Part::Gap => f64::from(u8::from(cell.is_nan())),
            Part::Value(fill) if cell.is_nan() => fill,
            Part::Value(_) => cell,
            Part::Sine(_) | Part::Cosine(_) if cell.is_nan() => 0.0,
            Part::Sine(period) => angle(period).sin(),
            Part::Cosine(period) => angle(period).cos(),
            Part::Level(_) | Part::Second => 0.0,
        }
    }
}
