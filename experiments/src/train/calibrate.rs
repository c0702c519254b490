//! Fits the cost model on the machine at hand.

use crate::train::config::EnvironmentConfig;
use crate::{Config, Error, Result};
use burn::tensor::Device;
use trimtab_env::{CostModel, Settings, UpdateTime};
use trimtab_models::tasks::custom::Extensions;

/// Measures updates of the config's first task at several batch sizes and fits [`UpdateTime`].
///
/// # Errors
/// [`Error::Config`] if the experiment has no training task; the task's errors.
pub fn calibrate(
    config: &Config,
    device: &Device,
    models: &Extensions,
) -> Result<(Vec<(usize, f64)>, UpdateTime)> {
    let tasks = config.environment.tasks()?;
    let EnvironmentConfig::Tuning { .. } = &config.environment else {
        return Err(Error::config(
            "environment",
            "Named",
            "calibration needs a Tuning environment",
        ));
    };
    let mut task = tasks
        .first()
        .ok_or_else(|| Error::config("environment.tasks", "[]", "give at least 1 task"))?
        .clone();
    task.gradient_samples = 0;
    let prepared = task.prepare_with(models, &[])?;
    let mut trainee = prepared.trainee(CostModel::Measured, device)?;
    let rows = trainee.spec().train_examples;
    let mut measured = Vec::new();
    let start = trainee.start(config.seed)?;
    let evaluation = start.cost / trainee.spec().validation_examples.max(1) as f64;
    for batch in [8, 16, 32, 64, 128, 256, 512]
        .into_iter()
        .filter(|batch| *batch <= rows)
    {
        // The median of several short segments: the machine may be busy with other things.
        let mut times = Vec::new();
        for _ in 0..9 {
            let report = trainee.advance(&Settings::new(1e-4, batch), 0.05)?;
            let validation = evaluation * trainee.spec().validation_examples as f64;
            times.push((report.cost - validation).max(1e-9) / report.updates.max(1) as f64);
        }
        times.sort_by(f64::total_cmp);
        measured.push((batch, times[times.len() / 2]));
    }
    let fitted = UpdateTime::fit(&measured, evaluation)?;
    Ok((measured, fitted))
}
