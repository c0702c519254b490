//! The best fixed setting of each task: a grid, whose winner is run again with fresh seeds. Where a process has a base controller, what
//! the base controller reaches by itself.

use crate::record::events::ReferenceRecord;
use crate::record::observer::{Observer, Phase};
use crate::work::Workers;
use crate::work::controllers::ControllerConfig;
use crate::work::environments::{Goal, Tuning};
use crate::work::trainings::{Played, Training, Trainings};
use crate::{Config, Error, Result};
use trimtab_env::mdp::stream::derived_seed;
use trimtab_env::{Budget, Settings};

/// The result of a grid on one task.
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

/// The best of a grid from the losses and costs of its points, and those of the winner's reruns.
pub fn best_of_grid(grid: &[(f64, f64)], reruns: &[(f64, f64)]) -> BestOfGrid {
    BestOfGrid {
        losses: grid.iter().map(|(loss, _)| *loss).collect(),
        best: winner(grid),
        reruns: reruns.iter().map(|(loss, _)| *loss).collect(),
        cost: grid.iter().chain(reruns).map(|(_, cost)| cost).sum(),
    }
}

/// The point with the smallest loss.
pub fn winner(grid: &[(f64, f64)]) -> usize {
    (0..grid.len())
        .min_by(|a, b| grid[*a].0.total_cmp(&grid[*b].0))
        .unwrap_or(0)
}

/// The seed of a run on a task.
pub fn seed(config_seed: u64, task: usize, reruns: usize, rerun: Option<usize>) -> u64 {
    match rerun {
        None => derived_seed(config_seed, "grid", task as u64),
        Some(rerun) => derived_seed(config_seed, "rerun", (task * reruns + rerun) as u64),
    }
}

/// Runs the grid on every task with one seed, and its winner on `reruns` fresh seeds: the reference is the mean of
/// those. The target of "cost to target" is the same loss.
///
/// # Errors
/// The environments', and [`Error::Halted`].
pub fn find(
    config: &Config,
    tuning: &Tuning,
    workers: &Workers,
    observer: &mut dyn Observer,
) -> Result<Vec<ReferenceRecord>> {
    let evaluation = &config.evaluation;
    let batches = &evaluation.batch_sizes;
    let grid = evaluation
        .learning_rates
        .iter()
        .flat_map(|lr| batches.iter().map(move |batch| (*lr, *batch)));
    let base_controller = tuning.has_base_controller();
    let points: Vec<(f64, usize)> = if base_controller {
        vec![(0.0, Budget::REFERENCE_BATCH)]
    } else {
        grid.collect()
    };
    let (tasks, reruns) = (tuning.tasks.len(), evaluation.reruns);
    let runs = (points.len() + reruns) as u64;
    observer.begin(Phase::Reference, runs * tasks as u64, 0);
    let training = |task: usize, point: usize, rerun: Option<usize>| Training {
        task,
        optimizer: None,
        seed: seed(config.seed, task, reruns, rerun),
        controller: if base_controller {
            ControllerConfig::NoOp
        } else {
            let (lr, batch) = points[point];
            ControllerConfig::Constant(Settings::new(lr, batch))
        },
    };
    let work = Trainings::new(tuning.clone(), workers.registry);
    let session = workers.begin(&work);
    let grid: Vec<Training> = (0..tasks)
        .flat_map(|task| (0..points.len()).map(move |point| (task, point)))
        .map(|(task, point)| training(task, point, None))
        .collect();
    let figures = |played: Vec<Played>| -> Vec<(f64, f64)> {
        let each = played.iter().map(|played| &played.outcome);
        each.map(|outcome| (outcome["best_validation_loss"], outcome["cost"]))
            .collect()
    };
    let grid = figures(session.all(&(), &grid, observer)?);
    let grids: Vec<&[(f64, f64)]> = grid.chunks(points.len()).collect();
    let again: Vec<Training> = (0..tasks)
        .flat_map(|task| (0..reruns).map(move |rerun| (task, rerun)))
        .map(|(task, rerun)| training(task, winner(grids[task]), Some(rerun)))
        .collect();
    let again = figures(session.all(&(), &again, observer)?);
    observer.end();
    let each = grids.into_iter().zip(again.chunks(reruns)).enumerate();
    each.map(|(task, (grid, again))| {
        let found = best_of_grid(grid, again);
        reference(tuning.tasks[task].name(), &points, &found)
    })
    .collect()
}

/// The reference of one task: the best of `points` with one seed, and its mean over fresh ones.
fn reference(name: &str, points: &[(f64, usize)], found: &BestOfGrid) -> Result<ReferenceRecord> {
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
        // The sum of several largest numbers is infinite.
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
