//! One method against each of the others, on the same tasks and seeds.

use super::config::CompareConfig;
use super::report::{MethodReport, Report, interval};
use super::runs::{Runs, final_loss, test_loss};
use super::statistics::{Interval, median, paired};
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
    /// `validation` at each of the budgets of the config.
    pub at_budgets: Vec<Option<Interval>>,
    /// `validation` on the median task.
    pub median: Option<f64>,
    /// The task on which the method is worst, and `validation` there.
    pub worst: Option<(String, f64)>,
    /// Share of the runs in which the method's final validation loss is lower.
    pub wins: f64,
    /// Geometric mean of the ratio of the median times to target, over the tasks on which both have one.
    pub time: Option<f64>,
    /// On how many tasks both, the method alone and the rival alone reach the target in the median.
    pub reached: [usize; 3],
}

/// The rivals of the method of that name, from the runs of a comparison and its report.
pub(super) fn rivals(
    config: &CompareConfig,
    runs: &Runs<'_>,
    report: &Report,
    method: &str,
) -> Option<Rivals> {
    let of = |name: &str| report.methods.iter().find(|row| row.method == name);
    let own = of(method)?;
    let mut rivals: Vec<Rival> = report
        .methods
        .iter()
        .filter(|row| row.method != method)
        .map(|row| {
            let validation = runs.log_ratios(method, &row.method, final_loss);
            let test = runs.log_ratios(method, &row.method, test_loss);
            let at_budget = |budget: usize| {
                let each = config.budgets.len();
                let all = validation.iter().enumerate();
                let own: Vec<Vec<f64>> = all
                    .map(|(task, ratios)| {
                        if task % each == budget {
                            ratios.clone()
                        } else {
                            Vec::new()
                        }
                    })
                    .collect();
                paired(&config.clustered(&own), config.seed)
            };
            let all: Vec<f64> = validation.iter().flatten().copied().collect();
            let wins = all.iter().filter(|difference| **difference < 0.0).count();
            let (time, reached) = times(own, row);
            let (median, worst) = over_tasks(runs.tasks(), &validation);
            Rival {
                rival: row.method.clone(),
                hindsight: row.hindsight,
                budgets: row.budgets,
                validation: paired(&config.clustered(&validation), config.seed),
                test: paired(&config.clustered(&test), config.seed),
                at_budgets: (0..config.budgets.len()).map(at_budget).collect(),
                median,
                worst,
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

/// The median over the tasks of the mean of each, and the task where it is highest.
fn over_tasks(tasks: &[&str], ratios: &[Vec<f64>]) -> (Option<f64>, Option<(String, f64)>) {
    let each = tasks.iter().zip(ratios).filter(|(_, own)| !own.is_empty());
    let mut means: Vec<(&str, f64)> = each
        .map(|(task, own)| (*task, own.iter().sum::<f64>() / own.len() as f64))
        .collect();
    means.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    let all: Vec<f64> = means.iter().map(|(_, mean)| *mean).collect();
    let worst = means.last().map(|(task, mean)| ((*task).to_owned(), *mean));
    (median(&all), worst)
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
        "{:<24} {:>7} {:>24} {:>24} {:>20} {:>13} {:>5} {:>6}  {}\n{}\n",
        format!("{} against", rivals.method),
        "budgets",
        "validation loss",
        "test loss",
        "at each budget",
        "median, worst",
        "wins",
        "time",
        "targets: both, alone, rival",
        "-".repeat(155)
    );
    for rival in &rivals.rivals {
        let star = if rival.hindsight { " *" } else { "" };
        let time = rival
            .time
            .map_or("-".to_owned(), |time| format!("{time:.2}"));
        let [both, own, other] = rival.reached;
        let means = rival.at_budgets.iter().flatten();
        let at_budgets: Vec<String> = means.map(|i| format!("{:+.2}", i.mean)).collect();
        let spread = rival.median.zip(rival.worst.as_ref());
        let spread = spread.map_or("-".to_owned(), |(median, (_, worst))| {
            format!("{median:+.2} {worst:+.2}")
        });
        let _ = writeln!(
            text,
            "{:<24} {:>7.2} {:>24} {:>24} {:>20} {spread:>13} {:>4.0}% {:>6}  {both}, {own}, {other}",
            format!("{}{star}", rival.rival),
            rival.budgets,
            interval(&rival.validation),
            interval(&rival.test),
            at_budgets.join(" "),
            100.0 * rival.wins,
            time,
        );
    }
    text.push_str(
        "losses: mean difference of logarithms on the same tasks and seeds, with the bootstrap interval over data sets and runs\n\
         at each budget: the mean for validation loss at each of the budgets of the config, in their order\n\
         median, worst: the mean for validation loss on the median and on the worst task\n\
         time: geometric mean ratio of the median times to target, where both have one\n",
    );
    text
}
