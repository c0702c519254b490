//! Recorded results in place of training, so that searchers are compared in milliseconds.

use crate::metrics::Direction;
use crate::{Cost, Domain, Error, Parameter, Result, SearchSpace, Settings, Value};
use rand::{Rng, RngExt};
use std::collections::BTreeMap;

/// Recorded trainings of one task with every configuration of a grid, each configuration several times.
///
/// To evaluate a configuration is to draw one of its repeats: the objective of a searcher, with real noise. Since all
/// repeats are known, so is how good a configuration really is: [`Table::regret`].
///
/// ```
/// use trimtab_env::{Metric, Table, suite};
/// let tables = suite::hpobench()?;
/// let table: &Table = &tables[0];
/// let mut rng = trimtab_env::stream(1, "repeats", 0);
/// let configuration = table.space().sample(&mut rng);
/// let recorded = table.evaluate(&configuration, &mut rng)?;
/// assert!(recorded.figure > 0.0 && recorded.cost > 0.0);
/// assert!((0.0..=1.0).contains(&table.regret(&configuration)?));
/// # Ok::<(), trimtab_env::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    name: String,
    direction: Direction,
    space: SearchSpace,
    rows: Vec<Row>,
    /// The best and the worst mean figure.
    extremes: (f64, f64),
}

#[derive(Clone, Debug, PartialEq)]
struct Row {
    configuration: Settings,
    repeats: Vec<Recorded>,
    mean: f64,
}

/// The result of one recorded training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recorded {
    /// The figure of merit.
    pub figure: f64,
    /// What it cost, in the unit of the record.
    pub cost: Cost,
}

/// Which column of a text of comma-separated values means what.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    /// The task: a table for each.
    pub task: &'a str,
    /// The numbers that make a configuration, with the names of the settings that they become.
    pub settings: &'a [(&'a str, &'a str)],
    /// The figure of merit.
    pub figure: &'a str,
    /// The cost.
    pub cost: &'a str,
}

impl Table {
    /// A table of recorded trainings; those with the same configuration are repeats.
    ///
    /// # Errors
    /// [`Error::Config`] if nothing is recorded, the configurations are not a full grid of numbers, or a figure is not
    /// finite.
    pub fn new(
        name: impl Into<String>,
        direction: Direction,
        records: impl IntoIterator<Item = (Settings, Recorded)>,
    ) -> Result<Self> {
        let mut rows: Vec<Row> = Vec::new();
        let mut axes: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for (configuration, recorded) in records {
            if !recorded.figure.is_finite() {
                return Err(Error::config(
                    "figure",
                    recorded.figure,
                    "give a finite number",
                ));
            }
            let known = rows
                .iter_mut()
                .find(|row| row.configuration == configuration);
            if let Some(row) = known {
                row.repeats.push(recorded);
                continue;
            }
            for (name, value) in configuration.iter() {
                let Value::Number(number) = value else {
                    return Err(Error::config(name, value, "give numbers"));
                };
                let axis = axes.entry(name.to_owned()).or_default();
                if !axis.contains(number) {
                    axis.push(*number);
                }
            }
            rows.push(Row {
                configuration,
                repeats: vec![recorded],
                mean: 0.0,
            });
        }
        let parameters = axes.into_iter().map(|(name, mut axis)| {
            axis.sort_by(f64::total_cmp);
            Parameter::new(name, Domain::Values(axis))
        });
        let space = SearchSpace::new(parameters.collect())?;
        let complete = rows
            .iter()
            .all(|row| space.check(&row.configuration).is_empty());
        if space.count() != Some(rows.len()) || !complete {
            return Err(Error::config(
                "records",
                format!("{} configurations", rows.len()),
                "record every combination of the settings' values",
            ));
        }
        for row in &mut rows {
            let sum: f64 = row.repeats.iter().map(|recorded| recorded.figure).sum();
            row.mean = sum / row.repeats.len() as f64;
        }
        let extremes = rows
            .iter()
            .fold((rows[0].mean, rows[0].mean), |(best, worst), row| {
                let better = direction.is_better(row.mean, best);
                let worse = direction.is_better(worst, row.mean);
                (
                    if better { row.mean } else { best },
                    if worse { row.mean } else { worst },
                )
            });
        Ok(Self {
            name: name.into(),
            direction,
            space,
            rows,
            extremes,
        })
    }

    /// One table for each task of a text of comma-separated values with a header, in the order of the tasks' names.
    ///
    /// # Errors
    /// [`Error::Config`] naming the line or the column that is wrong, and as [`Table::new`].
    pub fn from_csv(text: &str, columns: &Columns, direction: Direction) -> Result<Vec<Self>> {
        let mut lines = text.lines().enumerate();
        let header: Vec<&str> = lines
            .next()
            .map_or("", |(_, line)| line)
            .split(',')
            .collect();
        let index = |column: &str| {
            header
                .iter()
                .position(|name| *name == column)
                .ok_or_else(|| {
                    Error::config(
                        "columns",
                        column,
                        format!("the header has: {}", header.join(", ")),
                    )
                })
        };
        let (task, figure, cost) = (
            index(columns.task)?,
            index(columns.figure)?,
            index(columns.cost)?,
        );
        let settings: Vec<(usize, &str)> = columns
            .settings
            .iter()
            .map(|(column, setting)| Ok((index(column)?, *setting)))
            .collect::<Result<_>>()?;
        let mut tasks: BTreeMap<&str, Vec<(Settings, Recorded)>> = BTreeMap::new();
        for (i, line) in lines.filter(|(_, line)| !line.is_empty()) {
            let fields: Vec<&str> = line.split(',').collect();
            let wrong = |allowed: String| Error::config(format!("line {}", i + 1), line, allowed);
            if fields.len() != header.len() {
                return Err(wrong(format!(
                    "give {} values, as in the header",
                    header.len()
                )));
            }
            let number = |column: usize| -> Result<f64> {
                let wrong = |_| wrong(format!("`{}` is a number", header[column]));
                fields[column].parse().map_err(wrong)
            };
            let mut configuration = Settings::default();
            for (column, setting) in &settings {
                configuration.set(*setting, number(*column)?);
            }
            let recorded = Recorded {
                figure: number(figure)?,
                cost: number(cost)?,
            };
            tasks
                .entry(fields[task])
                .or_default()
                .push((configuration, recorded));
        }
        tasks
            .into_iter()
            .map(|(task, records)| {
                Self::new(task, direction, records).map_err(|error| error.within(task))
            })
            .collect()
    }

    /// The name of the task.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a larger figure is better.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The recorded configurations: a list of values for each setting.
    pub fn space(&self) -> &SearchSpace {
        &self.space
    }

    /// One of the repeats of a configuration, all equally likely.
    ///
    /// # Errors
    /// [`Error::Setting`] if the configuration was not recorded.
    pub fn evaluate(&self, configuration: &Settings, rng: &mut impl Rng) -> Result<Recorded> {
        let repeats = &self.row(configuration)?.repeats;
        // 64 bits on every platform, so that the draw is the same on all.
        Ok(repeats[rng.random_range(0..repeats.len() as u64) as usize])
    }

    /// The mean figure of all repeats of a configuration.
    ///
    /// # Errors
    /// [`Error::Setting`] if the configuration was not recorded.
    pub fn mean(&self, configuration: &Settings) -> Result<f64> {
        Ok(self.row(configuration)?.mean)
    }

    /// How far the mean of a configuration is behind the best mean: 0 for the best, 1 for the worst configuration.
    ///
    /// # Errors
    /// [`Error::Setting`] if the configuration was not recorded.
    pub fn regret(&self, configuration: &Settings) -> Result<f64> {
        let (best, worst) = self.extremes;
        let mean = self.mean(configuration)?;
        Ok(if best == worst {
            0.0
        } else {
            (best - mean) / (best - worst)
        })
    }

    fn row(&self, configuration: &Settings) -> Result<&Row> {
        let found = self
            .rows
            .iter()
            .find(|row| row.configuration == *configuration);
        found.ok_or_else(|| {
            let violation = self.space.check(configuration).into_iter().next();
            violation.unwrap_or_else(|| Error::config("configuration", "", "give a recorded one"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream;

    const COLUMNS: Columns = Columns {
        task: "task",
        settings: &[("lr", "learning_rate"), ("bs", "batch_size")],
        figure: "accuracy",
        cost: "time",
    };
    const TEXT: &str = "task,lr,bs,seed,accuracy,time\n\
        b,0.1,8,0,0.5,1\nb,0.1,8,1,0.7,3\nb,0.2,8,0,0.9,1\na,1,1,0,0.5,2\n";

    #[test]
    fn regret_is_of_the_mean_and_scaled_by_the_extremes() {
        let tables = Table::from_csv(TEXT, &COLUMNS, Direction::Maximise).unwrap();
        assert_eq!(
            tables.iter().map(Table::name).collect::<Vec<_>>(),
            ["a", "b"]
        );
        let (good, bad) = (Settings::new(0.2, 8), Settings::new(0.1, 8));
        assert!((tables[1].mean(&bad).unwrap() - 0.6).abs() < 1e-15);
        assert_eq!(tables[1].regret(&good).unwrap(), 0.0);
        assert_eq!(tables[1].regret(&bad).unwrap(), 1.0);
        let costs = Table::from_csv(TEXT, &COLUMNS, Direction::Minimise).unwrap();
        assert_eq!(costs[1].regret(&bad).unwrap(), 0.0);
        let mut rng = stream(1, "repeats", 0);
        let mut draw = || tables[1].evaluate(&bad, &mut rng).unwrap().cost;
        let drawn: Vec<f64> = (0..40).map(|_| draw()).collect();
        assert!(drawn.contains(&1.0) && drawn.contains(&3.0));
    }

    #[test]
    fn mistakes_are_named() {
        let refused = |text: &str, wanted: &str| {
            let error = Table::from_csv(text, &COLUMNS, Direction::Maximise).unwrap_err();
            assert!(error.to_string().contains(wanted), "{error}");
        };
        refused(&TEXT.replace(",bs", ",batch"), "bs is not allowed");
        refused(&TEXT.replace("0.9,1", "0.9"), "line 4");
        refused(&TEXT.replace("0.9,1", "good,1"), "`accuracy` is a number");
        refused(&TEXT.replace("0.9,1", "nan,1"), "figure");
        refused(&TEXT.replace("0.2,8", "0.2,16"), "every combination");
        let tables = Table::from_csv(TEXT, &COLUMNS, Direction::Maximise).unwrap();
        let error = tables[0].mean(&Settings::new(2.0, 1)).unwrap_err();
        assert!(error.to_string().contains("learning_rate"), "{error}");
    }
}
