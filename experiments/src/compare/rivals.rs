//! One method against each of the others, on the same tasks and seeds.

use super::config::CompareConfig;
use super::record::CompareRecord;
use super::report::{MethodReport, Report, interval};
use super::statistics::{Interval, paired};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// A method against each of the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rivals {
    /// The method.
    pub method: String,
    /// The others, those first against which it is worst.
    pub rivals: Vec<Rival>,
}

/// One of the others. Differences are the method's less the rival's: below 0 is for the method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rival {
    /// Its name.
    pub rival: String,
    /// Whether it knows the task from runs whose cost is not counted.
    pub hindsight: bool,
    /// What it spends on a task, in budgets.
    pub budgets: f64,
    /// Mean difference of the logarithms of the final validation losses.
    pub validation: Option<Interval>,
    /// The same of the test losses.
    pub test: Option<Interval>,
    /// Share of the runs in which the method's final validation loss is lower.
    pub wins: f64,
    /// Geometric mean of the ratio of the median times to target, over the tasks on which both have one.
    pub time: Option<f64>,
    /// On how many tasks both, the method alone and the rival alone reach the target in the median.
    pub reached: [usize; 3],
}

/// The rivals of the method of that name, from the records of a comparison and its report.
pub fn rivals(
    config: &CompareConfig,
    records: &[&CompareRecord],
    report: &Report,
    method: &str,
) -> Option<Rivals> {
    let of = |name: &str| report.methods.iter().find(|row| row.method == name);
    let own = of(method)?;
    let tasks: Vec<&str> = report
        .targets
        .iter()
        .map(|(task, _)| task.as_str())
        .collect();
    let mut rivals: Vec<Rival> = report
        .methods
        .iter()
        .filter(|row| row.method != method)
        .map(|row| {
            let against = |figure: &dyn Fn(&CompareRecord) -> f64| {
                let differences = tasks.iter().map(|task| {
                    let find = |name: &str, seed: u64| {
                        records.iter().find(|record| {
                            record.method == name && record.task == *task && record.seed == seed
                        })
                    };
                    let pairs = (0..config.seeds).filter_map(|seed| {
                        let (own, other) = (find(method, seed)?, find(&row.method, seed)?);
                        Some((figure(own) / figure(other)).ln())
                    });
                    pairs.filter(|difference| difference.is_finite()).collect()
                });
                differences.collect::<Vec<Vec<f64>>>()
            };
            let validation = against(&|record| record.ledger.best());
            let test =
                against(&|record| record.outcome.get("test_loss").copied().unwrap_or(f64::NAN));
            let all: Vec<f64> = validation.iter().flatten().copied().collect();
            let wins = all.iter().filter(|difference| **difference < 0.0).count();
            let (time, reached) = times(own, row);
            Rival {
                rival: row.method.clone(),
                hindsight: row.hindsight,
                budgets: row.budgets,
                validation: paired(&config.clustered(&validation), config.seed),
                test: paired(&config.clustered(&test), config.seed),
                wins: wins as f64 / all.len().max(1) as f64,
                time,
                reached,
            }
        })
        .collect();
    let mean = |rival: &Rival| rival.validation.map_or(f64::NEG_INFINITY, |i| i.mean);
    rivals.sort_by(|a, b| mean(b).total_cmp(&mean(a)));
    Some(Rivals {
        method: method.to_owned(),
        rivals,
    })
}

/// Ratio of the times of one method to those of another, and on how many tasks both, one and the other have one.
fn times(own: &MethodReport, other: &MethodReport) -> (Option<f64>, [usize; 3]) {
    let (mut logs, mut reached) = (Vec::new(), [0; 3]);
    for pair in own.times.iter().zip(&other.times) {
        match pair {
            (Some(own), Some(other)) => {
                reached[0] += 1;
                logs.push((own / other).ln());
            }
            (Some(_), None) => reached[1] += 1,
            (None, Some(_)) => reached[2] += 1,
            (None, None) => {}
        }
    }
    let mean = logs.iter().sum::<f64>() / logs.len().max(1) as f64;
    ((!logs.is_empty()).then(|| mean.exp()), reached)
}

/// The rivals as a table.
pub fn table(rivals: &Rivals) -> String {
    let mut text = format!(
        "{:<24} {:>7} {:>24} {:>24} {:>5} {:>6}  {}\n{}\n",
        format!("{} against", rivals.method),
        "budgets",
        "validation loss",
        "test loss",
        "wins",
        "time",
        "targets: both, alone, rival",
        "-".repeat(120)
    );
    for rival in &rivals.rivals {
        let star = if rival.hindsight { " *" } else { "" };
        let time = rival
            .time
            .map_or("-".to_owned(), |time| format!("{time:.2}"));
        let [both, own, other] = rival.reached;
        let _ = writeln!(
            text,
            "{:<24} {:>7.2} {:>24} {:>24} {:>4.0}% {:>6}  {both}, {own}, {other}",
            format!("{}{star}", rival.rival),
            rival.budgets,
            interval(&rival.validation),
            interval(&rival.test),
            100.0 * rival.wins,
            time,
        );
    }
    text.push_str(
        "losses: mean difference of logarithms on the same tasks and seeds, with the bootstrap interval over data sets and runs\n\
         time: geometric mean ratio of the median times to target, where both have one\n",
    );
    text
}
