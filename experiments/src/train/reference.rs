//! The best fixed setting of each task: a grid, whose winner is run again with fresh seeds. Where a process has a base controller, what
//! the base controller reaches by itself.

use crate::record::events::ReferenceRecord;
use crate::record::observer::{Observer, Phase};
use crate::train::environments::{Goal, Tuning};
use crate::train::play::Field;
use crate::{Config, Error, Result};
use trimtab_agent::Constant;
use trimtab_agent::controller::{Controller, NoOp};
use trimtab_env::mdp::stream::derived_seed;
use trimtab_env::mdp::threads::in_parallel;
use trimtab_env::{Budget, Environment, Settings, TuningEnv};

/// Tasks between two questions whether to stop, where threads take tasks.
const TASKS_AT_ONCE: usize = 32;

/// Who plays a fixed setting: itself, or where a base controller decides, the base controller alone.
fn fixed(environment: &TuningEnv, lr: f64, batch: usize) -> Box<dyn Controller> {
    let config = environment.config();
    let settings = Settings::new(lr, batch);
    let settings = config.settings.joined(&settings);
    match NoOp::new(environment.spec()) {
        Some(no_op) if config.base_controller.is_some() => Box::new(no_op),
        _ => Box::new(Constant::new("grid", settings)),
    }
}

/// What a grid came to on one task.
#[derive(Clone, Debug, PartialEq)]
pub struct BestOfGrid {
    /// Loss of each point.
    pub losses: Vec<f64>,
    /// The point with the smallest.
    pub best: usize,
    /// Losses of that point on fresh seeds. The loss that won was lucky and is never quoted.
    pub reruns: Vec<f64>,
    /// Cost of all of it.
    pub cost: f64,
}

/// Runs every point of a grid once, and the best one `reruns` times more. `play` gives the loss and the cost of each of some
/// runs: of a point, with the number of its rerun, or `None` in the grid, where all points have the same seed.
///
/// # Errors
/// The runs'.
pub fn best_of_grid(
    points: usize,
    reruns: usize,
    play: impl Fn(&[(usize, Option<usize>)]) -> Result<Vec<(f64, f64)>>,
) -> Result<BestOfGrid> {
    let grid = play(&(0..points).map(|point| (point, None)).collect::<Vec<_>>())?;
    let losses: Vec<f64> = grid.iter().map(|(loss, _)| *loss).collect();
    let best = (0..points)
        .min_by(|a, b| losses[*a].total_cmp(&losses[*b]))
        .unwrap_or(0);
    let again: Vec<_> = (0..reruns).map(|rerun| (best, Some(rerun))).collect();
    let again = play(&again)?;
    Ok(BestOfGrid {
        losses,
        best,
        reruns: again.iter().map(|(loss, _)| *loss).collect(),
        cost: grid.iter().chain(&again).map(|(_, cost)| cost).sum(),
    })
}

/// Runs the grid on every task with one seed, and its winner on `reruns` fresh seeds: the reference is the mean of
/// those. The target of "cost to target" is the same loss. `stop` is asked every now and then.
///
/// # Errors
/// The environments', and that of `stop`.
pub fn find(
    config: &Config,
    tuning: &Tuning,
    jobs: usize,
    stop: impl Fn() -> Result<()>,
    observer: &mut dyn Observer,
) -> Result<Vec<ReferenceRecord>> {
    let evaluation = &config.evaluation;
    let batches = &evaluation.batch_sizes;
    let grid = evaluation
        .learning_rates
        .iter()
        .flat_map(|lr| batches.iter().map(move |batch| (*lr, *batch)));
    let points: Vec<(f64, usize)> = if tuning.has_base_controller() {
        vec![(0.0, Budget::REFERENCE_BATCH)]
    } else {
        grid.collect()
    };
    let tasks = tuning.tasks.len();
    let runs = (points.len() + evaluation.reruns) as u64;
    observer.begin(Phase::Reference, runs * tasks as u64, 0);
    // A grid has runs for all threads; where there is but one run a task, as with a base controller, threads take tasks.
    let (threads, at_once) = if points.len() == 1 {
        (jobs.max(1), TASKS_AT_ONCE)
    } else {
        (1, 1)
    };
    let mut references = Vec::with_capacity(tasks);
    while references.len() < tasks {
        stop()?;
        let first = references.len();
        let count = at_once.min(tasks - first);
        let found = in_parallel(threads, count, |_, index| {
            reference(config, tuning, &points, jobs / threads, first + index)
        })?;
        // Runs that were cut short are no references.
        stop()?;
        references.extend(found);
        observer.advance(runs * count as u64);
    }
    observer.end();
    Ok(references)
}

/// The reference of one task: the best of `points` with one seed, and its mean over fresh ones.
fn reference(
    config: &Config,
    tuning: &Tuning,
    points: &[(f64, usize)],
    jobs: usize,
    task: usize,
) -> Result<ReferenceRecord> {
    let reruns = config.evaluation.reruns;
    let field = Field::new(&tuning.alone(task), jobs, points.len())?;
    let found = best_of_grid(points.len(), reruns, |runs| {
        field.play(
            runs.len(),
            |run, environment| {
                let (point, rerun) = runs[run];
                let (lr, batch) = points[point];
                let seed = match rerun {
                    None => derived_seed(config.seed, "grid", task as u64),
                    Some(rerun) => {
                        derived_seed(config.seed, "rerun", (task * reruns + rerun) as u64)
                    }
                };
                Ok((fixed(environment, lr, batch), seed))
            },
            |_, environment| {
                let outcome = environment.outcome()?;
                Ok((outcome["best_validation_loss"], outcome["cost"]))
            },
        )
    })?;
    let name = tuning.tasks[task].name();
    if found.losses[found.best] >= f64::MAX {
        return Err(Error::config(
            "environment.tasks",
            format!("`{name}`"),
            "no setting of the grid has a finite loss on it; scale its data, or give other learning rates",
        ));
    }
    let (learning_rate, batch_size) = points[found.best];
    Ok(ReferenceRecord {
        task: name.to_owned(),
        learning_rate,
        batch_size,
        // Several of the largest number are none.
        loss: (found.reruns.iter().sum::<f64>() / found.reruns.len() as f64).min(f64::MAX),
        cost: found.cost,
    })
}

/// The goals that references set.
pub fn goals(references: &[ReferenceRecord]) -> Vec<Goal> {
    references
        .iter()
        .map(|reference| Goal {
            loss: reference.loss,
        })
        .collect()
}
