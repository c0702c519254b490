//! A fit as one RON file.

use crate::train::config::{MOST_RUNS, check_finite, check_process, to_ron};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;
use trimtab_agent::searcher::CrossEntropyConfig;
use trimtab_env::bounds::check_count;
use trimtab_env::settings::LEARNING_RATE;
use trimtab_env::{ContextServo, CostModel, SearchSpace, Settings, TuningConfig};
use trimtab_models::TaskDistribution;

/// The fit that runs when no config is given.
pub const FIT: &str = include_str!("../../../configs/fit.ron");

/// Everything about a fit that decides its result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitConfig {
    /// A name; the run directory is `runs/<name>` unless told otherwise.
    pub name: String,
    /// Everything random follows from this.
    pub seed: u64,
    /// Where the tasks are drawn from.
    pub distribution: TaskDistribution,
    /// How many are drawn.
    pub tasks: usize,
    /// Trainings that each trial is judged by, each on another task.
    pub episodes: usize,
    /// How cost is counted.
    #[serde(default)]
    pub cost: CostModel,
    /// Budget and segments. Of the knobs only the initial learning rate is used.
    pub process: TuningConfig,
    /// The servo that the fit begins with, and that it is compared with.
    #[serde(default)]
    pub servo: ContextServo,
    /// Which of its numbers are fitted, by their paths, such as `end.capacity`, and where they are looked for.
    pub space: SearchSpace,
    /// Options of the search.
    #[serde(default)]
    pub searcher: CrossEntropyConfig,
    /// Generations.
    pub generations: u64,
    /// Tasks, drawn anew, on which the result is compared with what the fit began with.
    pub check: usize,
}

impl FitConfig {
    /// Reads a config from text; `file` is only named in messages.
    ///
    /// # Errors
    /// [`Error::Parse`] with line, column and the allowed names.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        crate::train::config::parse_config(text, file, "fit")
    }

    /// Reads a config file.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Parse`].
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::file(path))?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Checks what can be checked without data.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field.
    pub fn validate(&self) -> Result<()> {
        self.check_fields()?;
        // Whatever no field has a rule for.
        check_finite(&to_ron(self)?)
    }

    fn check_fields(&self) -> Result<()> {
        crate::train::config::check_name(&self.name)?;
        for (field, number) in [
            ("tasks", self.tasks),
            ("episodes", self.episodes),
            ("generations", self.generations as usize),
            ("check", self.check),
        ] {
            check_count(field, number, 1..=MOST_RUNS)?;
        }
        check_count(
            "searcher.population",
            self.searcher.population,
            1..=MOST_RUNS,
        )?;
        check_process("process", &self.process, &[], "cost", self.cost)?;
        if !self.process.knobs.iter().any(|k| k.name == LEARNING_RATE) {
            let allowed = "give a knob `learning_rate`, whose initial value trainings begin with";
            return Err(Error::config("process.knobs", "without it", allowed));
        }
        let servo = self.servo.validate();
        servo.map_err(|error| error.within("servo"))?;
        self.distribution.validate()?;
        let middle = vec![0.5; self.space.dimension()];
        let middle: Settings = self.space.decode(&middle)?;
        self.servo_with(&middle)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trimtab_env::servo::context_servo::Terms;

    #[test]
    fn the_fits_that_come_with_it_are_valid() {
        for name in [
            "fit.ron",
            "fit_plain.ron",
            "fit_blocks.ron",
            "fit_pretrained.ron",
        ] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("configs")
                .join(name);
            FitConfig::load(&path).unwrap().validate().unwrap();
        }
    }

    #[test]
    fn the_later_fits_begin_with_what_ships_but_for_what_they_fit() {
        let load = |name: &str| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("configs")
                .join(name);
            FitConfig::load(&path).unwrap().servo
        };
        let shipped = |forget: fn(&mut Terms)| {
            let mut servo = ContextServo::default();
            let ContextServo {
                start,
                end,
                batch,
                decay,
                ..
            } = &mut servo;
            [start, end, batch, decay].into_iter().for_each(forget);
            servo
        };
        let without_pretrained = shipped(|terms| {
            (terms.pretrained, terms.update_cost, terms.targets) = (0.0, 0.0, 0.0);
        });
        assert_eq!(load("fit_pretrained.ron"), without_pretrained);
        let before = shipped(|terms| {
            (terms.blocks_adaptive, terms.blocks_plain) = (0.0, 0.0);
            (terms.pretrained, terms.update_cost, terms.targets) = (0.0, 0.0, 0.0);
        });
        assert_eq!(load("fit_blocks.ron"), before);
    }

    #[test]
    fn what_cannot_be_fitted_is_named() {
        let config = FitConfig::parse(FIT, "fit.ron").unwrap();
        for name in ["end.capcity", "probe", "start"] {
            let numbers = Settings::default().with(name, 1.0);
            let message = config.servo_with(&numbers).unwrap_err().to_string();
            assert!(message.contains(name), "{message}");
        }
        let numbers = Settings::default().with("end.capacity", -0.25);
        assert_eq!(config.servo_with(&numbers).unwrap().end.capacity, -0.25);
    }
}
