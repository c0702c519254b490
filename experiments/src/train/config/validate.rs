//! Which configs are possible.

use super::checks::check_has_rate;
use super::{
    Config, EnvironmentConfig, MOST_RUNS, check_finite, check_name, check_process, check_tasks,
};
use crate::{Error, Result};
use trimtab_env::Knob;
use trimtab_env::bounds::check_count;

impl Config {
    /// Checks everything that can be checked without reading data.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first field that is not allowed.
    pub fn validate(&self) -> Result<()> {
        self.check_fields()?;
        // Whatever no field has a rule for.
        check_finite(&self.to_ron()?)
    }

    fn check_fields(&self) -> Result<()> {
        check_name(&self.name)?;
        self.training.rollout.validate()?;
        if self.training.checkpoint_every == 0 {
            return Err(Error::config(
                "training.checkpoint_every",
                0,
                "give at least 1",
            ));
        }
        self.algorithm.validate()?;
        self.policy.validate(1)?;
        let evaluation = &self.evaluation;
        check_count("evaluation.seeds", evaluation.seeds, 1..=MOST_RUNS)?;
        let EnvironmentConfig::Tuning {
            tasks,
            drawn,
            cost,
            process,
        } = &self.environment
        else {
            return Ok(());
        };
        let count = drawn.as_ref().map_or(0, |drawn| drawn.count);
        if let Some(drawn) = drawn {
            check_count("environment.drawn.count", drawn.count, 0..=MOST_RUNS)?;
            drawn.distribution.validate()?;
        }
        check_tasks("environment.tasks", tasks)?;
        check_process(
            "environment.process",
            process,
            tasks,
            "environment.cost",
            *cost,
        )?;
        check_has_rate("environment.process", process, tasks)?;
        let no_op = |knob: &Knob| knob.head().no_op().is_some();
        if let Some(knob) = process.knobs.iter().find(|knob| !no_op(knob))
            && self.training.self_critical
        {
            let allowed = format!(
                "it compares with the choice x1 of every knob, which changes nothing; `{}` has none",
                knob.name
            );
            return Err(Error::config("training.self_critical", true, allowed));
        }
        if tasks.len() + count == 0 {
            return Err(Error::config(
                "environment.tasks",
                "[]",
                "give at least 1 task",
            ));
        }
        check_count("evaluation.reruns", evaluation.reruns, 1..=MOST_RUNS)?;
        if process.base_controller.is_some() {
            // The base controller is the reference; there is no grid.
            return Ok(());
        }
        if evaluation.learning_rates.is_empty() || evaluation.batch_sizes.is_empty() {
            return Err(Error::config(
                "evaluation",
                "an empty grid",
                "give learning_rates and batch_sizes",
            ));
        }
        if let Some(lr) = evaluation
            .learning_rates
            .iter()
            .find(|lr| !(lr.is_finite() && **lr > 0.0))
        {
            return Err(Error::config(
                "evaluation.learning_rates",
                lr,
                "give finite numbers above 0",
            ));
        }
        if evaluation.batch_sizes.contains(&0) {
            return Err(Error::config(
                "evaluation.batch_sizes",
                0,
                "give whole numbers of at least 1",
            ));
        }
        Ok(())
    }
}
