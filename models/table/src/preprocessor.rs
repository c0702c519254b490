//! The columns of a table as numbers: fitted on training rows, saved with a model, applied to every other row.

mod bound;
mod period;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::error::listed;
use crate::schema::{ColumnOptions, Understood, Use, kind, suspicious};
use crate::times::Format;
use crate::{Cells, Column, Frame};
pub use bound::Bound;
use period::Period;

/// How the columns of a table become numbers. All of it follows from the training rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessor {
    /// The columns that are used, in the order of their features.
    columns: Vec<Encoded>,
    /// The column that tells rows apart.
    #[serde(default)]
    id: Option<String>,
}

/// A column that is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Encoded {
    name: String,
    encoder: Encoder,
}

/// How a column becomes numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
enum Encoder {
    /// The number itself, or the median of the training rows where it is missing.
    Number {
        fill: f64,
        /// Whether one more feature says that it is missing: it was in a training row.
        gaps: bool,
        /// Whether the training rows have two numbers alone. It is then as good as an indicator, and stands among these.
        #[serde(default)]
        two: bool,
    },
    /// A feature for each level that is 1 where it is this one, else 0 (one-hot). Two levels and nothing else need one feature.
    Category {
        levels: Vec<String>,
        /// Whether one more feature stands for all other levels.
        other: bool,
        /// Whether one more stands for what is missing.
        gaps: bool,
    },
    /// Seconds, and what comes back each year, week and day as a point on a circle.
    Time {
        format: Option<Format>,
        fill: f64,
        gaps: bool,
        periods: Vec<Period>,
    },
}

/// What a feature is of its column.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    /// The number.
    Value(f64),
    /// Whether it is missing.
    Gap,
    /// Whether it is the level at this place: those of the encoder, then the others, then what is missing.
    Level(u32),
    /// Whether it is the second of two levels; half where it is neither.
    Second,
    Sine(Period),
    Cosine(Period),
}

impl Encoder {
    /// The places of its levels, of all others and of what is missing.
    fn places(levels: &[String], other: bool) -> (u32, u32) {
        let others = levels.len() as u32;
        (others, others + u32::from(other))
    }

    /// Its number, if it has one, and its other features.
    fn parts(&self) -> (Option<Part>, Vec<Part>) {
        match self {
            Self::Number { fill, gaps, two } => {
                let number = Part::Value(*fill);
                let others = two.then_some(number).into_iter();
                let others = others.chain(gaps.then_some(Part::Gap)).collect();
                ((!two).then_some(number), others)
            }
            Self::Category {
                levels,
                other: false,
                gaps: false,
            } if levels.len() == 2 => (None, vec![Part::Second]),
            Self::Category {
                levels,
                other,
                gaps,
            } => {
                let (_, missing) = Self::places(levels, *other);
                let all = missing + u32::from(*gaps);
                (None, (0..all).map(Part::Level).collect())
            }
            Self::Time {
                fill,
                gaps,
                periods,
                ..
            } => {
                let circle = periods
                    .iter()
                    .flat_map(|period| [Part::Sine(*period), Part::Cosine(*period)]);
                (
                    Some(Part::Value(*fill)),
                    circle.chain(gaps.then_some(Part::Gap)).collect(),
                )
            }
        }
    }

    /// What becomes of the column, in words.
    fn words(&self) -> String {
        let gaps = |gaps: &bool| {
            if *gaps {
                ", and whether it is missing"
            } else {
                ""
            }
        };
        match self {
            Self::Number { gaps: some, .. } => format!("a number{}", gaps(some)),
            Self::Category {
                levels,
                other: false,
                gaps: false,
            } if levels.len() == 2 => {
                format!("whether it is `{}`", levels[1])
            }
            Self::Category {
                levels,
                other,
                gaps,
            } => {
                let count = levels.len() + usize::from(*other) + usize::from(*gaps);
                let mut words = format!("one of {count} levels");
                if *other {
                    words += ", rare ones together";
                }
                if *gaps {
                    words += ", missing as one";
                }
                words
            }
            Self::Time {
                periods,
                gaps: some,
                ..
            } => {
                let periods: Vec<&str> = periods.iter().map(|period| period.name()).collect();
                let mut words = "seconds".to_owned();
                if !periods.is_empty() {
                    words += &format!(", and its place in the {}", periods.join(", "));
                }
                words + gaps(some)
            }
        }
    }
}

/// The middle one of some numbers, of two the lower; 0 if there are none.
fn median(mut numbers: Vec<f64>) -> f64 {
    if numbers.is_empty() {
        return 0.0;
    }
    let middle = (numbers.len() - 1) / 2;
    *numbers.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// What a fit has understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// How columns become numbers.
    pub preprocessor: Preprocessor,
    /// Every column of the file, in its order.
    pub columns: Vec<Understood>,
    /// What a person should know beside it, a sentence each.
    pub notes: Vec<String>,
}

impl Preprocessor {
    /// A preprocessor of the columns of a table but for its `target`, as the training `rows` have them.
    ///
    /// No other row has a say, but for whether a column could be read as numbers at all.
    pub fn fit(frame: &Frame, rows: &[usize], target: &str, options: &ColumnOptions) -> Fit {
        let (mut columns, mut understood, mut notes) = (Vec::new(), Vec::new(), Vec::new());
        for column in &frame.columns {
            let name = &column.name;
            let mut say = |kind: &str, becomes: String| {
                understood.push(Understood {
                    column: name.clone(),
                    kind: kind.to_owned(),
                    missing: column.cells.missing(),
                    becomes,
                });
            };
            if name == target {
                say(kind(column, None), "the target".to_owned());
                continue;
            }
            if options.id.as_ref() == Some(name) {
                say(
                    kind(column, None),
                    "kept beside predictions (--id)".to_owned(),
                );
                continue;
            }
            if options.ignore.contains(name) {
                say(kind(column, None), "left out (--ignore)".to_owned());
                continue;
            }
            let used = Use::of(column, rows, options.categorical.contains(name));
            let kind = kind(column, Some(&used));
            match encoder(column, rows, used) {
                Err(reason) => say(kind, format!("left out: {reason}")),
                Ok(encoder) => {
                    say(kind, encoder.words());
                    if let Encoder::Time {
                        format: Some(format),
                        ..
                    } = &encoder
                        && format.is_ambiguous()
                    {
                        notes.push(format!("`{name}` is read with the month before the day"));
                    }
                    notes.extend(no_times(name, &column.cells, &encoder));
                    notes.extend(suspicious(frame, column));
                    columns.push(Encoded {
                        name: name.clone(),
                        encoder,
                    });
                }
            }
        }
        let id = options.id.clone();
        Fit {
            preprocessor: Self { columns, id },
            columns: understood,
            notes,
        }
    }

    /// A preprocessor of columns that are all numbers, by these names.
    pub fn of_numbers(names: &[String]) -> Self {
        let encoded = |name: &String| Encoded {
            name: name.clone(),
            encoder: Encoder::Number {
                fill: 0.0,
                gaps: false,
                two: false,
            },
        };
        Self {
            columns: names.iter().map(encoded).collect(),
            id: None,
        }
    }

    /// The column that tells rows apart, if there is one.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The names of the columns that are used.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// Every feature: its column and its part. Numbers come first.
    fn features(&self) -> Vec<(usize, Part)> {
        let parts = || {
            self.columns
                .iter()
                .map(|column| column.encoder.parts())
                .enumerate()
        };
        let numbers = parts().filter_map(|(at, (number, _))| Some((at, number?)));
        let others =
            parts().flat_map(|(at, (_, others))| others.into_iter().map(move |part| (at, part)));
        numbers.chain(others).collect()
    }

    /// How many features there are.
    pub fn len(&self) -> usize {
        self.features().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// How many of the features are numbers: they are the first.
    pub fn numbers(&self) -> usize {
        self.columns
            .iter()
            .filter(|column| column.encoder.parts().0.is_some())
            .count()
    }

    /// The column of each feature, by its place among [`columns`](Self::columns).
    pub fn column_of_features(&self) -> Vec<usize> {
        self.features()
            .into_iter()
            .map(|(column, _)| column)
            .collect()
    }

    /// The features of the rows of a table, which has the columns that are used, in any order, and may have others.
    ///
    /// # Errors
    /// The name of a column that it does not have.
    pub fn bind<'a>(&self, frame: &'a Frame) -> Result<Bound<'a>, String> {
        let mut notes = Vec::new();
        let mut bind = |encoded: &Encoded| {
            let column = frame
                .column(&encoded.name)
                .ok_or_else(|| encoded.name.clone())?;
            Ok(encoded.encoder.bind(column, &mut notes))
        };
        let columns = self
            .columns
            .iter()
            .map(&mut bind)
            .collect::<Result<_, String>>()?;
        Ok(Bound {
            features: self.features(),
            columns,
            notes,
        })
    }
}

/// How a column of this use becomes numbers, or why it does not.
fn encoder(column: &Column, rows: &[usize], used: Use) -> Result<Encoder, String> {
    let gaps = rows.iter().any(|&row| column.cells.is_missing(row));
    Ok(match used {
        Use::LeftOut(reason) => return Err(reason),
        Use::Number => {
            let Cells::Numbers(cells) = &column.cells else {
                return Err("no numbers".to_owned());
            };
            let there = rows
                .iter()
                .map(|&row| cells[row])
                .filter(|cell| !cell.is_nan());
            let two = {
                let mut other = there
                    .clone()
                    .filter(|cell| Some(*cell) != there.clone().next());
                let second = other.next();
                second.is_some() && other.all(|cell| Some(cell) == second)
            };
            Encoder::Number {
                fill: median(there.collect()),
                gaps,
                two,
            }
        }
        Use::Category { levels, other } => Encoder::Category {
            levels,
            other,
            gaps,
        },
        Use::Time(format) => {
            let moments = moments(&column.cells, format.as_ref());
            let gaps = rows.iter().any(|&row| moments[row].is_nan());
            let there: Vec<f64> = rows
                .iter()
                .map(|&row| moments[row])
                .filter(|moment| !moment.is_nan())
                .collect();
            let periods = match &format {
                Some(Format::Time(_)) => vec![Period::Day],
                _ => Period::of(&there),
            };
            Encoder::Time {
                format,
                fill: median(there),
                gaps,
                periods,
            }
        }
    })
}

/// A note on the texts of a column of dates that are none.
fn no_times(name: &str, cells: &Cells, encoder: &Encoder) -> Option<String> {
    let (
        Encoder::Time {
            format: Some(format),
            ..
        },
        Cells::Texts { codes, levels },
    ) = (encoder, cells)
    else {
        return None;
    };
    let odd = (0..)
        .zip(levels)
        .filter(|(code, level)| format.seconds(level).is_none() && codes.contains(code));
    let odd: Vec<String> = odd.map(|(_, level)| level.clone()).collect();
    (!odd.is_empty()).then(|| {
        let (texts, are) = (
            listed(&odd),
            if odd.len() == 1 {
                "is no date"
            } else {
                "are no dates"
            },
        );
        format!("`{name}`: {texts} {are}, and taken as missing")
    })
}

/// Cells as moments; what is none is missing.
fn moments(cells: &Cells, format: Option<&Format>) -> Vec<f64> {
    match (cells, format) {
        (Cells::Times(cells) | Cells::Numbers(cells), _) => cells.clone(),
        (Cells::Texts { codes, levels }, format) => {
            let format = format
                .cloned()
                .or_else(|| Format::of(levels.iter().map(String::as_str)));
            let moment = |level: &String| format.as_ref()?.seconds(level);
            let each: Vec<f64> = levels
                .iter()
                .map(|level| moment(level).unwrap_or(f64::NAN))
                .collect();
            codes
                .iter()
                .map(|code| each.get(*code as usize).copied().unwrap_or(f64::NAN))
                .collect()
        }
    }
}
