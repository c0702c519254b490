//! The figures of one method of a comparison.

use super::break_even::BreakEven;
use super::method::Ruleset;
use crate::record::statistics::Interval;
use serde::{Deserialize, Serialize};

/// The figures of one method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MethodReport {
    /// Its name.
    pub method: String,
    /// Whether it knows the task from runs whose cost is not counted here.
    pub hindsight: bool,
    /// The rules that it plays by.
    pub ruleset: Ruleset,
    /// Mean number of runs.
    pub runs: f64,
    /// Mean cost relative to one budget.
    pub budgets: f64,
    /// What was spent for it before the comparison, relative to one budget: for one task the grid of a method with hindsight;
    /// for all tasks the grids behind a universal setting, a fit with the grids that it is measured by, or the training of a
    /// policy.
    pub earlier: f64,
    /// After how many uses it breaks even, against the cheapest search in the table with as low a loss; `None` where nothing was
    /// spent before.
    #[serde(alias = "paid_after")]
    pub break_even: Option<BreakEven>,
    /// Share of the seeds on which the target was reached, over all tasks.
    pub reached: f64,
    /// Mean over the tasks of the median time to target, relative to one budget; `None` if some task has none.
    pub time_to_target: Option<f64>,
    /// Median time to target on each task, in seconds of the cost model; `None` is never.
    pub times: Vec<Option<f64>>,
    /// AlgoPerf score over the tasks, of the median times to target, among all methods.
    pub score: f64,
    /// The same among the methods of its ruleset.
    pub ruleset_score: f64,
    /// Mean log ratio of the final validation loss to the target, with its interval.
    pub loss: Option<Interval>,
    /// Mean log ratio of the final validation loss to that of the baseline with the same seed; below 0 is better.
    pub difference: Option<Interval>,
    /// Share of the seeds on which the final validation loss is lower than the baseline's.
    pub wins: f64,
    /// Mean log ratio of the final test loss to that of the baseline with the same seed.
    pub test_difference: Option<Interval>,
    /// `better`, `worse` or `no difference` than the baseline, by interval and wins.
    pub verdict: String,
    /// Segments that diverged, per run.
    pub divergences: f64,
}

impl MethodReport {
    /// Its name, with a star if it has hindsight.
    pub fn starred(&self) -> String {
        let star = if self.hindsight { " *" } else { "" };
        format!("{}{star}", self.method)
    }
}
