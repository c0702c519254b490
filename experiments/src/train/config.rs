//! An experiment as one RON file.

mod checks;
mod environment;
mod place;
mod set;
mod text;
mod validate;

pub(crate) use checks::{
    MOST_RUNS, check_finite, check_name, check_process, check_setting, check_tasks,
};

pub use environment::{DrawnTasks, EnvironmentConfig};
pub(crate) use text::{parse_config, parse_ron, to_ron};

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;
use trimtab_agent::{Algorithm, PolicyConfig, RolloutConfig};

/// The experiment that runs when no config is given.
pub const QUICKSTART: &str = include_str!("../../configs/quickstart.ron");

/// Everything about an experiment that decides its results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A name; the run directory is `runs/<name>` unless told otherwise.
    pub name: String,
    /// Everything random follows from this.
    pub seed: u64,
    /// What the agent acts on.
    pub environment: EnvironmentConfig,
    /// Shape of the policy.
    #[serde(default)]
    pub policy: PolicyConfig,
    /// The learning rule.
    pub algorithm: Algorithm,
    /// How long it learns.
    pub training: TrainingConfig,
    /// How the result is judged.
    #[serde(default)]
    pub evaluation: EvaluationConfig,
}

/// How long the agent learns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// Number of updates.
    pub updates: u64,
    /// What is played for each update.
    pub rollout: RolloutConfig,
    /// Whether the rewards of an episode with the same seed in which nothing is changed are subtracted
    /// ([`trimtab_env::wrappers::SelfCritical`]).
    #[serde(default)]
    pub self_critical: bool,
    /// A checkpoint is written after this many updates.
    #[serde(default = "one")]
    pub checkpoint_every: u64,
}

fn one() -> u64 {
    1
}

/// How the result is judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluationConfig {
    /// Seeds of each controller on each task, none of which was trained on.
    pub seeds: usize,
    /// Learning rates of the grid from which the best fixed setting is taken.
    pub learning_rates: Vec<f64>,
    /// Its batch sizes.
    pub batch_sizes: Vec<usize>,
    /// Fresh seeds with which the winner is run again. A grid's winner is lucky, so its own figure is never used.
    pub reruns: usize,
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        Self {
            seeds: 10,
            learning_rates: vec![0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3],
            batch_sizes: vec![16, 64, 256],
            reruns: 5,
        }
    }
}

impl Config {
    /// Reads a config from text; `file` is only named in messages.
    ///
    /// # Errors
    /// [`Error::Parse`] with line, column and the allowed names.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        parse_config(text, file, "train")
    }

    /// Reads a config file.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Parse`].
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::file(path))?;
        Self::parse(&text, &path.display().to_string())
    }

    /// The config as RON, every field written out.
    ///
    /// # Errors
    /// [`Error::Config`] if it cannot be written, which a parsed config always can.
    pub fn to_ron(&self) -> Result<String> {
        to_ron(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quickstart() -> Config {
        Config::parse(QUICKSTART, "quickstart.ron").unwrap()
    }

    /// The config of the shipped policy has nearly all names that were others before.
    #[test]
    fn names_of_earlier_versions_are_read() {
        let now = include_str!("../../configs/policy.ron");
        let mut before = now.to_owned();
        for (now, before_it) in [
            ("base_controller:", "prior:"),
            ("delayed_classes:", "late:"),
            ("intermittent_label_noise:", "passing_noise:"),
            ("anytime:", "level:"),
            ("anytime_offset:", "level_offset:"),
            ("\"short_segment\"", "\"probing\""),
            ("\"rollback_position\"", "\"weights_position\""),
            ("name: \"rollback\"", "name: \"weights\""),
            ("\"none\"", "\"kept\""),
        ] {
            assert!(before.contains(now), "{now}");
            before = before.replace(now, before_it);
        }
        let read = |text: &str| Config::parse(text, "policy.ron").unwrap();
        assert_eq!(read(&before), read(now));
        let mut config = read(now);
        config
            .set("environment.Tuning.process.prior.surprise=7.0")
            .unwrap();
        let EnvironmentConfig::Tuning { process, .. } = &config.environment else {
            panic!()
        };
        assert_eq!(process.base_controller.unwrap().loss_spike, 7.0);
    }

    #[test]
    fn the_quickstart_is_valid_and_survives_being_written() {
        let config = quickstart();
        config.validate().unwrap();
        assert_eq!(
            Config::parse(&config.to_ron().unwrap(), "again").unwrap(),
            config
        );
    }

    #[test]
    fn misspelt_missing_and_mistyped_fields_are_named_with_their_line() {
        let message = |from: &str, to: &str| {
            let text = QUICKSTART.replacen(from, to, 1);
            assert_ne!(text, QUICKSTART);
            Config::parse(&text, "my.ron").unwrap_err().to_string()
        };
        let misspelt = message("updates:", "update:");
        assert!(
            misspelt.contains("my.ron:") && misspelt.contains("`updates`"),
            "{misspelt}"
        );
        let missing = message("name: \"quickstart\",", "");
        assert!(missing.contains("name"), "{missing}");
        let mistyped = message("seed: 1", "seed: \"one\"");
        assert!(mistyped.contains("my.ron:"), "{mistyped}");
    }

    #[test]
    fn fields_can_be_set_by_path() {
        let mut config = quickstart();
        config.set("training.updates=3").unwrap();
        assert_eq!(config.training.updates, 3);
        config.set("algorithm.Ppo.common.gamma = 0.9").unwrap();
        assert_eq!(config.algorithm.common().gamma, 0.9);
        let unknown = config.set("training.update=3").unwrap_err().to_string();
        assert!(unknown.contains("updates"), "{unknown}");
        assert!(config.set("training.updates=-1").is_err());
        assert!(config.set("training.updates").is_err());
        assert!(config.set("training.updates=3, seed: 7").is_err());
        assert!(config.set("training.updates=3) (").is_err());
    }

    #[test]
    fn any_value_can_be_set_as_it_is_written_in_ron() {
        use trimtab_env::Budget;
        let process = |config: &Config| match &config.environment {
            EnvironmentConfig::Tuning { process, .. } => (**process).clone(),
            EnvironmentConfig::Named { .. } => panic!("not a tuning process"),
        };
        let mut config = quickstart();
        config
            .set("environment.Tuning.process.budget=Epochs(3)")
            .unwrap();
        assert_eq!(process(&config).budget, Budget::Epochs(3.0));
        config
            .set("environment.Tuning.process.budget.Epochs=4.5")
            .unwrap();
        assert_eq!(process(&config).budget, Budget::Epochs(4.5));
        config
            .set("environment.Tuning.cost=Modelled((per_update: 1e-3, per_example: 1e-5, per_evaluation: 0))")
            .unwrap();
        config
            .set("environment.Tuning.cost.Modelled.per_example=2e-5")
            .unwrap();
        config
            .set("environment.Tuning.tasks.0.data=Table(path: \"a, (b.csv\", target: \"y\", kind: Regression)")
            .unwrap();
        config
            .set("environment.Tuning.tasks.0.data.Table.target=\"z: \\\"z\"")
            .unwrap();
        config.set("training.rollout=Episodes(5)").unwrap();
        config
            .set("environment.Tuning.tasks.0.delayed_classes=None")
            .unwrap();
        config
            .set("environment.Tuning.tasks.0.name=\"first\"")
            .unwrap();
        // Everything is found again behind what was set.
        config.set("evaluation.seeds=3").unwrap();
        assert_eq!(config.evaluation.seeds, 3);
        let wrong = config.set("environment.Tuning.process.budget=Epoch(3)");
        let wrong = wrong.unwrap_err().to_string();
        assert!(
            wrong.contains("Epochs") && wrong.contains("budget"),
            "{wrong}"
        );

        // As a message has it.
        config.set("environment.tasks[0].pool=2").unwrap();
        assert!(config.to_ron().unwrap().contains("pool: 2"));
        // Fields that are not written where they are at their defaults.
        config
            .set("environment.Tuning.tasks.0.loss=Focal(gamma: 3)")
            .unwrap();
        assert!(config.to_ron().unwrap().contains("Focal"));
        let wrong = config.set("environment.Tuning.tasks.0.lost=Focal()");
        let wrong = wrong.unwrap_err().to_string();
        assert!(
            wrong.contains("lost is not allowed") && wrong.contains("`loss`"),
            "{wrong}"
        );
        let deep = config.set("environment.Tuning.process.base_controller.start=1");
        let deep = deep.unwrap_err().to_string();
        assert!(deep.contains("set all of"), "{deep}");
        config.set("environment=Named(name: \"corridor\")").unwrap();
        for _ in 0..2 {
            config.set("environment.Named.parameters.length=5").unwrap();
        }
        config.set("environment.Named.parameters.width=2").unwrap();
        let EnvironmentConfig::Named { parameters, .. } = &config.environment else {
            panic!("not named")
        };
        assert_eq!((parameters["length"], parameters["width"]), (5.0, 2.0));
    }

    #[test]
    fn a_number_that_is_not_finite_is_named_and_no_assignment_is_blamed() {
        for (field, value, named) in [
            (
                "environment.Tuning.process.reward.anytime",
                "NaN",
                "reward.anytime: NaN",
            ),
            (
                "environment.Tuning.process.observation.clip",
                "inf",
                "observation.clip: inf",
            ),
            ("algorithm.Ppo.common.gamma", "inf", "gamma: inf"),
            (
                "evaluation.learning_rates.1",
                "-inf",
                "evaluation.learning_rates: -inf",
            ),
            ("policy.no_op_bias", "-inf", "policy.no_op_bias: -inf"),
        ] {
            let mut config = quickstart();
            config.set(&format!("{field}={value}")).unwrap();
            config.set("training.updates=3").unwrap();
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains(named), "{message}");
        }
    }
}
