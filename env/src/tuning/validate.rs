//! What does not fit in the configuration of a process.

use super::{Instance, TuningConfig};
use crate::tuning::observation::Encoder;
use crate::tuning::settings::BATCH_SIZE;
use crate::{Error, Moves, Objective, Result};

/// The largest factor on a budget.
const MOST_FACTOR: f64 = 1e6;

impl TuningConfig {
    /// Checks everything that can be checked without trainings.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field.
    pub fn validate(&self) -> Result<()> {
        if self.knobs.is_empty() {
            return Err(Error::config("knobs", "[]", "give at least 1 knob"));
        }
        for (index, knob) in self.knobs.iter().enumerate() {
            let within = |error: Error| error.within(&format!("knobs[{index}]"));
            if self.knobs[..index]
                .iter()
                .any(|other| other.name == knob.name)
            {
                return Err(within(Error::config(
                    "name",
                    &knob.name,
                    "each knob moves another setting",
                )));
            }
            if matches!(knob.moves, Moves::Residual { .. }) && self.base_controller.is_none() {
                return Err(within(Error::config(
                    "moves",
                    "Residual",
                    "there is nothing to add to; give the process a base controller",
                )));
            }
            knob.validate(usize::MAX).map_err(within)?;
        }
        self.segments
            .validate()
            .map_err(|error| error.within("segments"))?;
        self.budget.validate()?;
        if let Some(servo) = &self.base_controller {
            servo
                .validate()
                .map_err(|error| error.within("base_controller"))?;
        }
        self.reward
            .validate()
            .map_err(|error| error.within("reward"))?;
        let factor = self.divergence.learning_rate_factor;
        if !(factor > 0.0 && factor <= 1.0) {
            return Err(Error::config(
                "divergence.learning_rate_factor",
                factor,
                "give a number above 0 and at most 1",
            ));
        }
        let base_controller = self.base_controller.is_some();
        Encoder::new(self.observation.clone(), &self.knobs, base_controller)
            .map_err(|error| error.within("observation"))?;
        Ok(())
    }
}

/// Checks every field, and what fits the trainees.
pub(super) fn validate(instances: &[Instance], config: &TuningConfig) -> Result<()> {
    if instances.is_empty() {
        return Err(Error::config(
            "tasks",
            "[]",
            "give at least 1 training task",
        ));
    }
    config.validate()?;
    for (index, knob) in config.knobs.iter().enumerate() {
        for instance in instances {
            let within = |error: Error| error.within(&format!("knobs[{index}]"));
            let spec = instance.trainee.spec();
            spec.understands(&knob.name)
                .map_err(|error| within(Error::config("name", &knob.name, error.to_string())))?;
            knob.validate(spec.train_examples).map_err(within)?;
        }
    }
    for instance in instances {
        let spec = instance.trainee.spec();
        for (name, value) in config.settings.iter() {
            spec.understands(name).map_err(|error| {
                Error::config(format!("settings.{name}"), value, error.to_string())
            })?;
        }
        if config.settings.get(BATCH_SIZE).is_some() {
            let (size, most) = (config.settings.batch_size()?, spec.train_examples);
            if size > most {
                let allowed = format!("give at most the {most} examples of the training split");
                return Err(Error::config("settings.batch_size", size, allowed));
            }
        }
    }
    for instance in instances {
        let spec = instance.trainee.spec();
        if let Objective::Metric(metric) = config.objective {
            let name = metric.name().to_owned();
            if !spec.metrics.contains(&name) {
                return Err(Error::config(
                    "objective",
                    name,
                    format!(
                        "`{}` reports {:?}; add it to the `metrics` of the task",
                        spec.name, spec.metrics
                    ),
                ));
            }
        }
        if let crate::CostModel::Modelled(time) = spec.cost {
            time.validate().map_err(|error| error.within("cost"))?;
        }
        if !(instance.budget_factor > 0.0 && instance.budget_factor <= MOST_FACTOR) {
            return Err(Error::config(
                format!("{}.budget_factor", spec.name),
                instance.budget_factor,
                format!("give a number above 0 and at most {MOST_FACTOR:e}"),
            ));
        }
        for (field, loss) in [
            ("reference_loss", instance.reference_loss),
            ("target_loss", instance.target_loss),
        ] {
            let lowest = config.objective.lowest(spec);
            if let Some(loss) = loss.filter(|loss| !(loss.is_finite() && *loss > lowest)) {
                return Err(Error::config(
                    format!("{}.{field}", spec.name),
                    loss,
                    format!("give a finite loss above {lowest}"),
                ));
            }
        }
    }
    Ok(())
}
