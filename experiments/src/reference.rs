//! The best fixed setting of each task: a grid, whose winner is run again with fresh seeds.

use crate::environments::{Goal, Tuning};
use crate::observer::{Observer, Phase};
use crate::record::ReferenceRecord;
use crate::{Config, Result};
use std::sync::Mutex;
use trimtab_agent::{Constant, controller::run};
use trimtab_env::stream::derived_seed;
use trimtab_env::vector::in_parallel;
use trimtab_env::{Environment, TuningEnv};

/// Best validation loss and cost of one training with a fixed setting.
fn fixed(
    environment: &Mutex<TuningEnv>,
    task: usize,
    lr: f64,
    batch: usize,
    seed: u64,
) -> Result<(f64, f64)> {
    let mut environment = environment
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    environment.only(Some(task))?;
    let settings = environment
        .config()
        .settings
        .clone()
        .with("learning_rate", lr)
        .with("batch_size", batch as f64);
    run(&mut environment, &mut Constant::new("grid", settings), seed)?;
    let outcome = environment.outcome()?;
    Ok((outcome["best_validation_loss"], outcome["cost"]))
}

/// Runs the grid on every task with one seed, and its winner on `reruns` fresh seeds: the reference is the mean of
/// those. The target of "cost to target" is the same loss.
///
/// # Errors
/// The environments'.
pub fn find(
    config: &Config,
    tuning: &Tuning,
    jobs: usize,
    observer: &mut dyn Observer,
) -> Result<Vec<ReferenceRecord>> {
    let evaluation = &config.evaluation;
    let environments: Vec<_> = tuning
        .environments(&[], jobs)?
        .into_iter()
        .map(Mutex::new)
        .collect();
    let grid: Vec<(usize, f64, usize)> = (0..tuning.tasks.len())
        .flat_map(|task| {
            evaluation.learning_rates.iter().flat_map(move |lr| {
                evaluation
                    .batch_sizes
                    .iter()
                    .map(move |batch| (task, *lr, *batch))
            })
        })
        .collect();
    let reruns = tuning.tasks.len() * evaluation.reruns;
    observer.begin(Phase::Reference, (grid.len() + reruns) as u64, 0);
    let results = in_parallel(environments.len(), grid.len(), |worker, index| {
        let (task, lr, batch) = grid[index];
        fixed(
            &environments[worker],
            task,
            lr,
            batch,
            derived_seed(config.seed, "grid", task as u64),
        )
    })?;
    observer.advance(grid.len() as u64);
    let winners: Vec<(usize, f64, usize)> = (0..tuning.tasks.len())
        .filter_map(|task| {
            let own = grid.iter().zip(&results).filter(|((t, ..), _)| *t == task);
            own.min_by(|(_, a), (_, b)| a.0.total_cmp(&b.0))
                .map(|(point, _)| *point)
        })
        .collect();
    let again = in_parallel(environments.len(), reruns, |worker, index| {
        let (task, lr, batch) = winners[index / evaluation.reruns];
        fixed(
            &environments[worker],
            task,
            lr,
            batch,
            derived_seed(config.seed, "rerun", index as u64),
        )
    })?;
    observer.advance(reruns as u64);
    observer.end();
    Ok(winners
        .iter()
        .map(|(task, lr, batch)| {
            let own = &again[task * evaluation.reruns..(task + 1) * evaluation.reruns];
            let grid_cost: f64 = grid
                .iter()
                .zip(&results)
                .filter(|((t, ..), _)| t == task)
                .map(|(_, (_, cost))| cost)
                .sum();
            ReferenceRecord {
                task: tuning.tasks[*task].name().to_owned(),
                learning_rate: *lr,
                batch_size: *batch,
                loss: own.iter().map(|(loss, _)| loss).sum::<f64>() / own.len() as f64,
                cost: grid_cost + own.iter().map(|(_, cost)| cost).sum::<f64>(),
            }
        })
        .collect())
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
