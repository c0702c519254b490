//! One method against each of the others, on the same tasks and seeds.

use super::config::CompareConfig;
use super::method_report::MethodReport;
use super::runs::{Runs, final_loss, test_loss};
use crate::record::statistics::{Interval, median, paired};
use serde::{Deserialize, Serialize};

/// A method against each of the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rivals {
    /// The method.
    pub method: String,
    /// The others, those first against which it is worst.
    pub rivals: Vec<Rival>,
}

/// One of the others. Differences are the method's less the rival's: below 0 the method has the lower loss.
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

/// The rivals of the method of that name, from the runs of a comparison and the figures of its methods.
pub(super) fn rivals(
    config: &CompareConfig,
    runs: &Runs<'_>,
    methods: &[MethodReport],
    method: &str,
) -> Option<Rivals> {
    let of = |name: &str| methods.iter().find(|row| row.method == name);
    let own = of(method)?;
    let mut rivals: Vec<Rival> = methods
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
