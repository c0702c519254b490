//! Tables: a file whose columns are understood, split, and turned into numbers by the training rows alone.

mod log_target;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use trimtab_env::error::nearest::did_you_mean;
use trimtab_env::error::shortened;
use trimtab_table::{
    Bound, ColumnOptions, Fit, Frame, Preprocessor, ReadOptions, Understood, read,
};

use super::split::{deal_apart, split_rows};
use super::target::{TargetColumn, TargetKind};
use super::{Dataset, Split, SplitConfig, Standardiser, Targets};
use crate::error::{Error, Result};
pub use log_target::LogTarget;

/// A table, and what is to be predicted from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableConfig {
    /// The file: CSV with any separator, ARFF, svmlight, JSON lines, and what else this build reads; packed or not.
    pub path: PathBuf,
    /// The column to predict: its name, or its number, from 1, or from -1 at the end.
    pub target: String,
    /// Classification, regression, or found out from the column.
    #[serde(default)]
    pub kind: TargetKind,
    /// A file of the same columns for the test, in place of a share of the rows. Its rows are taken as they are, without label noise
    /// and imbalance.
    #[serde(default)]
    pub test: Option<PathBuf>,
    /// Whether the logarithm of a target that is values is predicted.
    #[serde(default)]
    pub log_target: LogTarget,
    /// What is said of columns.
    #[serde(default)]
    pub columns: ColumnOptions,
    /// What is said of the file.
    #[serde(default)]
    pub reading: ReadOptions,
}

impl TableConfig {
    /// The table in a file, with the default of everything else.
    pub fn new(path: impl Into<PathBuf>, target: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            target: target.into(),
            kind: TargetKind::default(),
            test: None,
            log_target: LogTarget::default(),
            columns: ColumnOptions::default(),
            reading: ReadOptions::default(),
        }
    }
}

/// What was understood of a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Read {
    /// What kind of file it is.
    pub format: String,
    /// The rows of the file.
    pub rows: usize,
    /// How many rows were left out because they have no target, of the test file too.
    pub without_target: usize,
    /// The name of the target.
    pub target: String,
    /// Why the target is classes or values.
    pub why: String,
    /// Every column of the file.
    pub columns: Vec<Understood>,
    /// What a person should know beside it, a sentence each.
    pub notes: Vec<String>,
    /// How its columns become numbers.
    #[serde(skip)]
    pub preprocessor: Preprocessor,
    /// How the file was read, so that others like it are read alike.
    #[serde(skip)]
    pub reading: ReadOptions,
    /// The identifiers of the test rows, if there is a column of them.
    #[serde(skip)]
    pub test_ids: Option<Vec<String>>,
}

/// A file with its rows that have a target.
struct Opened {
    frame: Frame,
    /// The name of the target's column.
    target: String,
    /// The rows that have a target, ascending.
    rows: Vec<usize>,
    targets: Targets<f64>,
    why: String,
}

impl Opened {
    /// The file, its targets in terms of `like` if that is given.
    fn new(
        path: &Path,
        target: &str,
        kind: TargetKind,
        reading: &ReadOptions,
        like: Option<&Targets<f64>>,
    ) -> Result<Self> {
        let frame = read(path, reading)?;
        let target = frame.columns[target_column(path, &frame, target)?]
            .name
            .clone();
        let column = TargetColumn::new(path, &frame, &target)?;
        let (targets, why) = match like {
            Some(like) => (column.targets_like(like)?, String::new()),
            None => column.targets(kind)?,
        };
        let rows = column.into_rows();
        Ok(Self {
            frame,
            target,
            rows,
            targets,
            why,
        })
    }

    /// Its rows by their numbers, as a data set that can be changed and split: the one input of each is the row of the file.
    fn numbered(&self) -> Result<Dataset<f64>> {
        let rows = self.rows.iter().map(|row| *row as f64).collect();
        Dataset::new(
            self.frame.name.clone(),
            [1, 1, 1],
            rows,
            self.targets.clone(),
        )
    }

    fn without_target(&self) -> usize {
        self.frame.rows - self.rows.len()
    }

    fn ids(&self, preprocessor: &Preprocessor, rows: &[usize]) -> Option<Vec<String>> {
        ids(&self.frame, preprocessor, rows)
    }
}

/// The identifiers of some rows of a table, if it has the column of them.
fn ids(frame: &Frame, preprocessor: &Preprocessor, rows: &[usize]) -> Option<Vec<String>> {
    let column = frame.column(preprocessor.id()?)?;
    let id = |row: &usize| column.cells.text(*row).unwrap_or_default().into_owned();
    Some(rows.iter().map(id).collect())
}

/// The place of the target's column.
fn target_column(path: &Path, frame: &Frame, target: &str) -> Result<usize> {
    let names = || frame.columns.iter().map(|column| column.name.as_str());
    if let Some(at) = names().position(|name| name == target) {
        return Ok(at);
    }
    let count = frame.columns.len();
    match target.parse::<i64>() {
        Ok(number) if number > 0 && number as u64 <= count as u64 => Ok(number as usize - 1),
        Ok(number) if number < 0 && number.unsigned_abs() <= count as u64 => {
            Ok(count - number.unsigned_abs() as usize)
        }
        _ => Err(Error::MissingTarget {
            path: path.into(),
            target: target.to_owned(),
            near: match headless(frame) {
                true => " (the first row was taken for a row like the others, so that columns have no names of their own: without --no-header, or with --header, it names them)"
                    .to_owned(),
                false => did_you_mean(target, names()),
            },
            columns: names().map(str::to_owned).collect(),
        }),
    }
}

/// The columns beside the target and what becomes of them, as the end of a sentence; the first of them, if there are many.
fn left_out(columns: &[Understood], target: &str) -> String {
    const MOST: usize = 8;
    let others: Vec<&Understood> = columns
        .iter()
        .filter(|other| other.column != target)
        .collect();
    if others.is_empty() {
        return ": the table has no other column; if it has, say how its cells are separated (--separator)".to_owned();
    }
    let words = others.iter().take(MOST).map(|other| {
        let becomes = other.becomes.trim_start_matches("left out: ");
        format!("`{}`: {becomes}", shortened(&other.column))
    });
    let more = match others.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let words = words.collect::<Vec<_>>().join("; ");
    let texts = |other: &&Understood| {
        ["free text", "an identifier"]
            .iter()
            .any(|what| other.becomes.contains(what))
    };
    let advice = match others.iter().any(texts) {
        true => {
            ". As categories, whatever their cells look like, columns are taken that are said to be (--categorical)"
        }
        false => "",
    };
    format!(" ({words}{more}){advice}")
}

/// Reads a table, splits its rows and turns its columns into numbers, all by what `change` makes of the rows and their targets before they are
/// split: it is given a data set whose one input is the number of the row.
///
/// # Errors
/// The file's, by line; those of [`split_rows`]; and if no column is left to learn from.
pub fn split_table(
    config: &TableConfig,
    split: &SplitConfig,
    change: impl FnOnce(Dataset<f64>) -> Result<Dataset<f64>>,
) -> Result<(Split, Read)> {
    let path = &config.path;
    let reading = &config.reading;
    let table = Opened::new(path, &config.target, config.kind, reading, None)?;
    check_columns(path, &table, &config.columns)?;
    let data = change(table.numbered()?)?;
    data.require_two_classes(&path.display().to_string())?;
    let rows = match &config.test {
        Some(_) => deal_apart(&data, split)?,
        None => split_rows(&data, split)?,
    };
    let of = |part: &[usize]| -> Vec<usize> {
        part.iter().map(|row| data.inputs[*row] as usize).collect()
    };
    let train = of(&rows.train);
    let Fit {
        preprocessor,
        columns,
        notes,
    } = Preprocessor::fit(&table.frame, &train, &table.target, &config.columns);
    if preprocessor.is_empty() {
        return Err(Error::NoFeatures {
            path: path.into(),
            left_out: left_out(&columns, &table.target),
            target: table.target,
        });
    }
    let bound = bind(path, &preprocessor, &table.frame)?;
    let (targets, features) = (&data.targets, &bound);
    let standardiser = Standardiser::of_columns(
        (bound.features(), preprocessor.numbers()),
        |feature| train.iter().map(move |row| features.value(feature, *row)),
        (targets, &rows.train),
        split.standardise,
    );
    let mut read = Read {
        format: table.frame.format.clone(),
        rows: table.frame.rows,
        without_target: table.without_target(),
        target: table.target.clone(),
        why: table.why.clone(),
        columns,
        notes: [table.frame.notes.clone(), notes].concat(),
        reading: reading_again(&table.frame, reading),
        ..Read::default()
    };
    let part = |rows: &[usize]| {
        let picked = select(targets, rows);
        numbers(&table.frame.name, &bound, &standardiser, &of(rows), &picked)
    };
    let test = match &config.test {
        None => {
            read.test_ids = table.ids(&preprocessor, &of(&rows.test));
            part(&rows.test)
        }
        Some(path) => {
            let test = Opened::new(
                path,
                &table.target,
                config.kind,
                &read.reading,
                Some(&table.targets),
            )?;
            read.without_target += test.without_target();
            read.test_ids = test.ids(&preprocessor, &test.rows);
            all(path, &preprocessor, &standardiser, &test, &mut read.notes)?
        }
    };
    let mut split = Split {
        train: part(&rows.train),
        validation: part(&rows.validation),
        test,
        standardiser: standardiser.clone(),
    };
    if let (Targets::Values(train), Targets::Values(validation)) = (
        select(targets, &rows.train),
        select(targets, &rows.validation),
    ) && let Some(log) = config.log_target.choose(&split, &train, &validation)
    {
        read.notes.push(format!(
            "the logarithm of `{}` is predicted: a linear model of it has a lower error on the validation rows",
            read.target
        ));
        split.train.targets = log.targets(&Targets::Values(train));
        split.validation.targets = log.targets(&Targets::Values(validation));
        split.test.targets = split.test.targets.again(&split.standardiser, &log);
        split.standardiser = log;
    }
    read.preprocessor = preprocessor;
    Ok((split, read))
}

/// Reads a table for a model that was trained on another: its columns are found by their names and become numbers as those did, and its
/// target is in terms of `targets`.
///
/// # Errors
/// As [`split_table`]; [`Error::MissingColumn`]; [`Error::UnknownClass`].
pub fn split_table_for(
    config: &TableConfig,
    split: &SplitConfig,
    preprocessor: &Preprocessor,
    standardiser: &Standardiser,
    targets: &Targets<f64>,
) -> Result<(Split, Read)> {
    let open = |path: &PathBuf| {
        Opened::new(
            path,
            &config.target,
            config.kind,
            &config.reading,
            Some(targets),
        )
    };
    let table = open(&config.path)?;
    let data = table.numbered()?;
    let rows = match &config.test {
        Some(_) => deal_apart(&data, split)?,
        None => split_rows(&data, split)?,
    };
    let bound = bind(&config.path, preprocessor, &table.frame)?;
    let mut notes = [&table.frame.notes, bound.notes()].concat();
    let mut without_target = table.without_target();
    let of = |part: &[usize]| -> Vec<usize> { part.iter().map(|row| table.rows[*row]).collect() };
    let part = |rows: &[usize]| {
        let picked = select(&data.targets, rows);
        numbers(&table.frame.name, &bound, standardiser, &of(rows), &picked)
    };
    let (test, test_ids) = match &config.test {
        None => (part(&rows.test), table.ids(preprocessor, &of(&rows.test))),
        Some(path) => {
            let test = open(path)?;
            without_target += test.without_target();
            let ids = test.ids(preprocessor, &test.rows);
            (
                all(path, preprocessor, standardiser, &test, &mut notes)?,
                ids,
            )
        }
    };
    let split = Split {
        train: part(&rows.train),
        validation: part(&rows.validation),
        test,
        standardiser: standardiser.clone(),
    };
    let read = Read {
        format: table.frame.format.clone(),
        rows: table.frame.rows,
        without_target,
        target: table.target.clone(),
        why: "as the model that is fine-tuned".to_owned(),
        notes,
        preprocessor: preprocessor.clone(),
        reading: reading_again(&table.frame, &config.reading),
        test_ids,
        ..Read::default()
    };
    Ok((split, read))
}

/// Rows of which nothing is known but the inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRows {
    /// The inputs, row after row.
    pub inputs: Vec<f32>,
    /// How many rows.
    pub rows: usize,
    /// Their identifiers, if the model's table had a column of them and this one has it too.
    pub ids: Option<Vec<String>>,
    /// What the training rows had not, a sentence each.
    pub notes: Vec<String>,
}

/// The rows of a table as inputs of a model. Other columns than those of the model are not looked at.
///
/// # Errors
/// The file's, by line, and [`Error::MissingColumn`].
pub fn read_inputs(
    path: &Path,
    reading: &ReadOptions,
    preprocessor: &Preprocessor,
    standardiser: &Standardiser,
) -> Result<NewRows> {
    let frame = read(path, reading)?;
    let bound = bind(path, preprocessor, &frame)?;
    let rows: Vec<usize> = (0..frame.rows).collect();
    Ok(NewRows {
        inputs: inputs(&bound, standardiser, &rows),
        rows: frame.rows,
        ids: ids(&frame, preprocessor, &rows),
        notes: bound.notes().to_vec(),
    })
}

/// All numbers of a table that has nothing else, with classes or values to predict.
///
/// # Errors
/// The file's, by line.
pub(super) fn numeric(
    path: &Path,
    bytes: &[u8],
    target: &str,
    kind: TargetKind,
) -> Result<Dataset<f64>> {
    let frame = trimtab_table::parse(path, bytes, &ReadOptions::default())?;
    let column = TargetColumn::new(path, &frame, target)?;
    let (targets, _) = column.targets(kind)?;
    let rows = column.into_rows();
    let names = frame.columns.iter().map(|column| column.name.clone());
    let names: Vec<String> = names.filter(|name| name != target).collect();
    let bound = bind(path, &Preprocessor::of_numbers(&names), &frame)?;
    let row = |row: &usize| {
        (0..names.len())
            .map(|at| bound.value(at, *row))
            .collect::<Vec<f64>>()
    };
    let inputs = rows.iter().flat_map(row).collect();
    Dataset::new(frame.name.clone(), [1, 1, names.len()], inputs, targets)
}

/// Whether the columns of a file have no names.
fn headless(frame: &Frame) -> bool {
    let mut numbered = frame.columns.iter().zip(1..);
    numbered.all(|(column, number)| column.name == format!("column_{number}"))
}

/// How another file like this one is to be read.
fn reading_again(frame: &Frame, reading: &ReadOptions) -> ReadOptions {
    ReadOptions {
        header: Some(!headless(frame)),
        // Looked for again: a file of new rows may have another one.
        separator: reading.separator,
        ..reading.clone()
    }
}

fn bind<'a>(path: &Path, preprocessor: &Preprocessor, frame: &'a Frame) -> Result<Bound<'a>> {
    preprocessor
        .bind(frame)
        .map_err(|column| Error::MissingColumn {
            path: path.into(),
            column,
            columns: frame
                .columns
                .iter()
                .map(|column| column.name.clone())
                .collect(),
        })
}

/// Checks that the columns of which something is said are there.
fn check_columns(path: &Path, table: &Opened, options: &ColumnOptions) -> Result<()> {
    let lists = [
        ("ignore", options.ignore.as_slice()),
        ("categorical", &options.categorical),
        ("id", options.id.as_slice()),
    ];
    for (field, names) in lists {
        for name in names {
            let columns = || {
                table
                    .frame
                    .columns
                    .iter()
                    .map(|column| column.name.as_str())
            };
            let problem = if !columns().any(|column| column == name) {
                format!(
                    "a column of {}{}",
                    path.display(),
                    did_you_mean(name, columns())
                )
            } else if *name == table.target && field != "categorical" {
                "another column than the target".to_owned()
            } else {
                continue;
            };
            return Err(Error::Config {
                field: field.to_owned(),
                given: name.clone(),
                allowed: problem,
            });
        }
    }
    Ok(())
}

impl Targets {
    /// Targets of one standardiser as those of another.
    fn again(&self, from: &Standardiser, to: &Standardiser) -> Self {
        match self {
            Self::Classes { .. } => self.clone(),
            Self::Values(values) => Self::Values(
                values
                    .iter()
                    .map(|value| to.target(from.restore_target(*value)))
                    .collect(),
            ),
        }
    }
}

/// Some targets.
fn select(targets: &Targets<f64>, rows: &[usize]) -> Targets<f64> {
    match targets {
        Targets::Classes { labels, names } => Targets::Classes {
            labels: rows.iter().map(|row| labels[*row]).collect(),
            names: names.clone(),
        },
        Targets::Values(values) => Targets::Values(rows.iter().map(|row| values[*row]).collect()),
    }
}

/// All rows of a file that have a target, as a data set.
fn all(
    path: &Path,
    preprocessor: &Preprocessor,
    standardiser: &Standardiser,
    table: &Opened,
    notes: &mut Vec<String>,
) -> Result<Dataset> {
    let bound = bind(path, preprocessor, &table.frame)?;
    let said = bound.notes().iter();
    notes.extend(said.map(|note| format!("{}: {note}", path.display())));
    Ok(numbers(
        &table.frame.name,
        &bound,
        standardiser,
        &table.rows,
        &table.targets,
    ))
}

/// Rows of a table with their targets, standardised.
fn numbers(
    name: &str,
    bound: &Bound,
    standardiser: &Standardiser,
    rows: &[usize],
    targets: &Targets<f64>,
) -> Dataset {
    Dataset {
        name: name.to_owned(),
        features: bound.features(),
        shape: [1, 1, bound.features()],
        inputs: inputs(bound, standardiser, rows),
        targets: standardiser.targets(targets),
    }
}

/// The features of rows, standardised. Feature after feature: the cells of a column lie together.
fn inputs(bound: &Bound, standardiser: &Standardiser, rows: &[usize]) -> Vec<f32> {
    let width = bound.features();
    let mut inputs = vec![0.0; rows.len() * width];
    for feature in 0..width {
        let places = inputs[feature..].iter_mut().step_by(width.max(1));
        for (place, row) in places.zip(rows) {
            *place = standardiser.input(feature, bound.value(feature, *row));
        }
    }
    inputs
}

#[cfg(test)]
mod tests;
