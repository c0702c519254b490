//! The figures of an experiment.

use crate::record::columns::{self, PLAIN};
use crate::record::events::{EpisodeRecord, EvaluationRecord, ReferenceRecord};
use crate::record::statistics::median;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Name of the experiment.
    pub name: String,
    /// Its seed.
    pub seed: u64,
    /// Training episodes.
    pub episodes: u64,
    /// Decisions in them.
    pub segments: u64,
    /// Mean return of the first tenth of the episodes.
    pub return_first: f64,
    /// Mean return of the last tenth.
    pub return_last: f64,
    /// Wall-clock seconds of this process.
    pub wall_seconds: f64,
    /// Where they went.
    pub phases: Phases,
    /// What the grid of fixed settings and its reruns cost, in the unit of cost.
    pub reference_cost: f64,
    /// What the training episodes of the agent cost, in the unit of cost; 0 where nothing was trained.
    #[serde(default)]
    pub training_cost: f64,
    /// One entry a controller, over all tasks.
    pub evaluation: Vec<ControllerSummary>,
    /// One entry a controller and task.
    pub tasks: Vec<ControllerSummary>,
    /// The policy against every other controller on the same seeds: mean difference of log losses.
    pub paired: BTreeMap<String, Estimate>,
}

/// Wall-clock seconds by phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// The grid of fixed settings.
    pub reference: f64,
    /// Episodes with the agent.
    pub rollout: f64,
    /// Its updates.
    pub update: f64,
    /// The comparison.
    pub evaluation: f64,
    /// Records, checkpoints and pictures.
    pub writing: f64,
}

/// A mean and its standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Its standard error, 0 for a single value.
    pub standard_error: f64,
}

/// Figures of one controller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControllerSummary {
    /// Its name.
    #[serde(deserialize_with = "trimtab_env::files::renamed::controller")]
    pub controller: String,
    /// The task, or `all`.
    pub task: String,
    /// Number of runs.
    pub runs: usize,
    /// Sum of the rewards.
    #[serde(rename = "return")]
    pub total_reward: Estimate,
    /// Best validation loss of a run; `None` where there is none.
    pub validation_loss: Option<Estimate>,
    /// Median cost to reach the target over the runs that reached it; `None` if none did. If some did not, it is that of the
    /// luckier ones: read it with `reached`.
    #[serde(default)]
    pub median_cost_to_target: Option<f64>,
    /// Share of the runs that reached it.
    pub reached: f64,
    /// Accuracy on the test split, of the weights with the best validation loss.
    pub test_accuracy: Option<Estimate>,
    /// Regret to the known optimum; `None` where the environment knows none.
    #[serde(default)]
    pub regret: Option<Estimate>,
    /// Everything that the environment reports of an episode, by its names; each over the runs that have it.
    #[serde(default)]
    pub outcome: BTreeMap<String, Estimate>,
}

impl Estimate {
    /// Mean and standard error of some values; `None` without any.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len() as f64;
        if values.is_empty() {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
        let standard_error = if values.len() > 1 {
            (squares / (n - 1.0) / n).sqrt()
        } else {
            0.0
        };
        Some(Self {
            mean,
            standard_error,
        })
    }
}

/// Mean return of the first and of the last tenth of the episodes.
pub fn first_and_last(episodes: &[EpisodeRecord]) -> (f64, f64) {
    let tenth = (episodes.len() / 10).max(1).min(episodes.len());
    let mean = |part: &[EpisodeRecord]| {
        part.iter().map(|episode| episode.total_reward).sum::<f64>() / part.len().max(1) as f64
    };
    (
        mean(&episodes[..tenth]),
        mean(&episodes[episodes.len() - tenth..]),
    )
}

/// The figures of one group of runs.
fn summarise(
    controller: &str,
    task: &str,
    runs: &[&EvaluationRecord],
) -> Option<ControllerSummary> {
    let figure = |name: &str| -> Vec<f64> {
        runs.iter()
            .filter_map(|run| run.outcome.get(name).copied())
            .collect()
    };
    let to_target = figure("cost_to_target");
    let names: BTreeSet<&String> = runs.iter().flat_map(|run| run.outcome.keys()).collect();
    let outcome = names
        .into_iter()
        .filter_map(|name| Some((name.clone(), Estimate::of(&figure(name))?)));
    Some(ControllerSummary {
        controller: controller.to_owned(),
        task: task.to_owned(),
        runs: runs.len(),
        total_reward: Estimate::of(&runs.iter().map(|run| run.total_reward).collect::<Vec<_>>())?,
        validation_loss: Estimate::of(&figure("best_validation_loss")),
        median_cost_to_target: median(&to_target),
        reached: to_target.len() as f64 / runs.len() as f64,
        test_accuracy: Estimate::of(&figure("test_accuracy")),
        regret: Estimate::of(&figure("regret")),
        outcome: outcome.collect(),
    })
}

/// Figures for each controller over all tasks, and for each controller and task, in the order of the records.
pub fn controllers(
    records: &[EvaluationRecord],
) -> (Vec<ControllerSummary>, Vec<ControllerSummary>) {
    let mut names: Vec<&str> = Vec::new();
    let mut tasks: Vec<&str> = Vec::new();
    for record in records {
        if !names.contains(&record.controller.as_str()) {
            names.push(&record.controller);
        }
        if !tasks.contains(&record.task.as_str()) {
            tasks.push(&record.task);
        }
    }
    let of = |name: &str, task: Option<&str>| -> Option<ControllerSummary> {
        let runs: Vec<_> = records
            .iter()
            .filter(|record| {
                record.controller == name && task.is_none_or(|task| record.task == task)
            })
            .collect();
        summarise(name, task.unwrap_or("all"), &runs)
    };
    let all = names.iter().filter_map(|name| of(name, None)).collect();
    let each = tasks
        .iter()
        .flat_map(|task| names.iter().filter_map(|name| of(name, Some(task))))
        .collect();
    (all, each)
}

/// `ln(loss / other)`. Losses are kept away from zero, as in the reward: one in 32 bits may be exactly 0.
pub fn log_ratio(loss: f64, other: f64) -> f64 {
    const SMALLEST: f64 = 1e-9;
    // What is not a number stays so.
    let positive = |loss: f64| if loss < SMALLEST { SMALLEST } else { loss };
    (positive(loss) / positive(other)).ln()
}

/// The policy against every other controller, run by run with the same task and seed: the difference of the logarithms
/// of the best validation losses, below 0 where the policy is better.
pub fn paired(records: &[EvaluationRecord]) -> BTreeMap<String, Estimate> {
    let loss = |record: &EvaluationRecord| record.outcome.get("best_validation_loss").copied();
    let policy: BTreeMap<_, _> = records
        .iter()
        .filter(|record| record.controller == "policy")
        .filter_map(|record| Some(((&record.task, record.seed), loss(record)?)))
        .collect();
    let mut differences: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for record in records
        .iter()
        .filter(|record| record.controller != "policy")
    {
        if let (Some(own), Some(other)) = (policy.get(&(&record.task, record.seed)), loss(record)) {
            differences
                .entry(record.controller.clone())
                .or_default()
                .push(log_ratio(*own, other));
        }
    }
    differences
        .into_iter()
        .filter_map(|(name, values)| Some((name, Estimate::of(&values)?)))
        .collect()
}

/// The cost to the target in milliseconds, and of how many runs it is where not all reached it.
fn to_target(row: &ControllerSummary) -> String {
    let Some(cost) = row.median_cost_to_target else {
        return "-".to_owned();
    };
    let reached = (row.reached * row.runs as f64).round() as usize;
    let cost = 1000.0 * cost;
    if reached == row.runs {
        return format!("{cost:.1}");
    }
    format!("{cost:.1} ({reached} of {})", row.runs)
}

/// Tables of more tasks have their means alone.
const MOST_TASKS: usize = 24;

/// The figures as a table.
pub fn table(summary: &Summary, references: &[ReferenceRecord]) -> String {
    let show = |estimate: Option<Estimate>, scale: f64, digits: usize| match estimate {
        Some(e) => format!(
            "{:.digits$} ± {:.digits$}",
            e.mean * scale,
            e.standard_error * scale
        ),
        None => "-".to_owned(),
    };
    // Nobody reads a table of hundreds of tasks; `summary.json` has them.
    let distinct: BTreeSet<&str> = summary.tasks.iter().map(|row| row.task.as_str()).collect();
    let each = if distinct.len() > MOST_TASKS {
        &[]
    } else {
        summary.tasks.as_slice()
    };
    let rows = || each.iter().chain(&summary.evaluation);
    // An environment that is no training has none of its figures.
    if rows().all(|row| row.validation_loss.is_none()) {
        let names: BTreeSet<&String> = rows().flat_map(|row| row.outcome.keys()).collect();
        let headings = ["environment", "controller", "runs", "return"].map(str::to_owned);
        let headings = headings.into_iter();
        let headings = headings.chain(names.iter().map(|name| name.replace('_', " ")));
        let row = |row: &ControllerSummary| -> Vec<String> {
            let figures = names.iter().map(|name| row.outcome.get(*name).copied());
            [
                row.task.clone(),
                row.controller.clone(),
                row.runs.to_string(),
                show(Some(row.total_reward), 1.0, 2),
            ]
            .into_iter()
            .chain(figures.map(|figure| show(figure, 1.0, 3)))
            .collect()
        };
        let rows = summary.tasks.iter().map(row);
        return columns::table(PLAIN, &[0, 1], headings.collect::<Vec<_>>(), rows);
    }
    let headings = [
        "task",
        "controller",
        "runs",
        "validation loss",
        "cost to target (ms)",
        "reached",
        "test accuracy",
        "return",
    ];
    let row = |row: &ControllerSummary| {
        [
            row.task.clone(),
            row.controller.clone(),
            row.runs.to_string(),
            show(row.validation_loss, 1.0, 4),
            to_target(row),
            format!("{:.0}%", 100.0 * row.reached),
            show(row.test_accuracy, 1.0, 3),
            show(Some(row.total_reward), 1.0, 2),
        ]
    };
    let mut text = columns::table(PLAIN, &[0, 1], headings, rows().map(row));
    for (name, difference) in &summary.paired {
        let _ = writeln!(
            text,
            "policy against {name}: {:.3} times the validation loss on the same seeds (log ratio {:+.3} ± {:.3})",
            difference.mean.exp(),
            difference.mean,
            difference.standard_error
        );
    }
    // A learning rate of 0 stands for a base controller in the place of a grid.
    let grids = references
        .iter()
        .filter(|reference| reference.learning_rate > 0.0);
    for reference in grids.take(MOST_TASKS) {
        let _ = writeln!(
            text,
            "best fixed setting of {}: learning rate {}, batch size {} (found for {:.1} s of cost, reruns {:.4})",
            reference.task,
            reference.learning_rate,
            reference.batch_size,
            reference.cost,
            reference.loss
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_errors_and_pairs_by_hand() {
        let estimate = Estimate::of(&[1.0, 2.0, 3.0]).unwrap();
        assert_eq!(estimate.mean, 2.0);
        assert!((estimate.standard_error - (1.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(Estimate::of(&[]), None);
        let record = |controller: &str, seed: u64, loss: f64| EvaluationRecord {
            controller: controller.to_owned(),
            task: "t".to_owned(),
            seed,
            total_reward: 0.0,
            outcome: [("best_validation_loss".to_owned(), loss)].into(),
            segments: Vec::new(),
        };
        // A loss of 0 has a ratio too.
        assert_eq!(log_ratio(0.0, 0.0), 0.0);
        assert!((log_ratio(0.0, 1e-8) - 0.1f64.ln()).abs() < 1e-12);
        assert!(log_ratio(f64::NAN, 1.0).is_nan());
        let records = [
            record("policy", 1, 1.0),
            record("policy", 2, 2.0),
            record("default", 2, 4.0),
            record("default", 1, 2.0),
        ];
        let pairs = paired(&records);
        assert!((pairs["default"].mean + 2f64.ln()).abs() < 1e-12);
        assert!(pairs["default"].standard_error < 1e-12);
        let (all, each) = controllers(&records);
        assert_eq!((all.len(), each.len()), (2, 2));
        assert_eq!(all[0].reached, 0.0);
    }

    #[test]
    fn a_target_that_is_not_reached_is_not_shown_as_if_it_were() {
        let record = |controller: &str, seed: u64, to_target: Option<f64>| EvaluationRecord {
            controller: controller.to_owned(),
            task: "t".to_owned(),
            seed,
            total_reward: 0.0,
            outcome: [
                ("best_validation_loss".to_owned(), 0.5),
                ("cost".to_owned(), 9.0),
            ]
            .into_iter()
            .chain(to_target.map(|cost| ("cost_to_target".to_owned(), cost)))
            .collect(),
            segments: Vec::new(),
        };
        let records = [
            record("all", 0, Some(1.0)),
            record("all", 1, Some(3.0)),
            record("some", 0, Some(2.0)),
            record("some", 1, None),
            record("none", 0, None),
            record("none", 1, None),
        ];
        let (rows, _) = controllers(&records);
        let shown: Vec<String> = rows.iter().map(to_target).collect();
        assert_eq!(shown, ["2000.0", "2000.0 (1 of 2)", "-"]);
        assert_eq!(rows[1].reached, 0.5);
        assert_eq!(rows[2].outcome["cost"].mean, 9.0);
    }
}
