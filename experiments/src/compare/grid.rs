//! The best setting of a task under a schedule, by a grid whose winner is run again.

use super::comparison::Comparison;
use super::ledger::Ledger;
use super::record::Tuned;
use crate::Result;
use crate::record::observer::Observer;
use crate::train::reference::{best_of_grid, seed, winner};
use crate::work::Session;
use crate::work::controllers::{ControllerConfig, Start};
use crate::work::trainings::{Training, Trainings};
use trimtab_agent::controller::Schedule;
use trimtab_env::Settings;

/// Runs that the grid of a task takes.
pub(super) fn runs(comparison: &Comparison) -> u64 {
    let grid = &comparison.config.grid;
    (grid.learning_rates.len() * grid.batch_sizes.len() + grid.reruns) as u64
}

/// Runs the grid under a schedule on a task, and the winner again with fresh seeds.
///
/// # Errors
/// The runs'.
pub(super) fn tune(
    comparison: &Comparison,
    session: &Session<Trainings>,
    schedule: &Schedule,
    task: usize,
    observer: &mut dyn Observer,
) -> Result<Tuned> {
    let config = comparison.config;
    let grid = &config.grid;
    let points: Vec<Settings> = grid
        .learning_rates
        .iter()
        .flat_map(|lr| {
            let sizes = grid.batch_sizes.iter();
            sizes.map(|batch| comparison.point(*lr, *batch))
        })
        .collect();
    let mut play = |runs: Vec<(usize, Option<usize>)>| -> Result<Vec<(f64, f64)>> {
        let units: Vec<Training> = runs
            .into_iter()
            .map(|(point, rerun)| Training {
                task,
                optimizer: None,
                seed: seed(config.seed, task, grid.reruns, rerun),
                controller: ControllerConfig::Schedule(
                    schedule.clone(),
                    Start::At(points[point].clone()),
                ),
            })
            .collect();
        let played = session.all(&(), &units, observer)?;
        let ledgers = played
            .iter()
            .map(|played| Ledger::of(&played.segments, &config.process.objective));
        Ok(ledgers.map(|l| (l.best(), l.spent)).collect())
    };
    let first = play((0..points.len()).map(|point| (point, None)).collect())?;
    let best = winner(&first);
    let again = play((0..grid.reruns).map(|rerun| (best, Some(rerun))).collect())?;
    let found = best_of_grid(&first, &again);
    // JSON has no infinity: a run that never had a finite loss has the largest one.
    let finite = |loss: &f64| loss.min(f64::MAX);
    Ok(Tuned {
        schedule: schedule.clone(),
        task: comparison.tuning.tasks[task].name().to_owned(),
        best: points[found.best].clone(),
        grid: points
            .iter()
            .cloned()
            .zip(found.losses.iter().map(finite))
            .collect(),
        reruns: found.reruns.iter().map(finite).collect(),
        cost: found.cost,
    })
}
