//! An experiment as one RON file.

mod checks;
mod place;

pub(crate) use checks::{
    MOST_RUNS, check_finite, check_name, check_process, check_setting, check_tasks,
};

use crate::{Error, Result};
use place::Place;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use trimtab_agent::{Algorithm, PolicyConfig, RolloutConfig};
use trimtab_env::bounds::check_count;
use trimtab_env::files::renamed;
use trimtab_env::{CostModel, Knob, TuningConfig};
use trimtab_models::{TaskConfig, TaskDistribution};

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

/// What the agent acts on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum EnvironmentConfig {
    /// Trainings of burn models.
    Tuning {
        /// The training tasks; each episode draws one.
        #[serde(default)]
        tasks: Vec<TaskConfig>,
        /// More of them, drawn from a distribution.
        #[serde(default)]
        drawn: Option<Box<DrawnTasks>>,
        /// How cost is counted.
        #[serde(default)]
        cost: CostModel,
        /// Knobs, segments, budget, reward, features.
        process: Box<TuningConfig>,
    },
    /// An environment of the registry, by name: those of the suite, and those that a program adds.
    Named {
        /// The name.
        name: String,
        /// Numbers that its constructor reads.
        #[serde(default)]
        parameters: BTreeMap<String, f64>,
    },
}

/// Tasks that are drawn from a distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrawnTasks {
    /// How many.
    pub count: usize,
    /// They follow from this, and not from the seed of the experiment: other seeds learn on the same tasks.
    pub seed: u64,
    /// Where from.
    pub distribution: TaskDistribution,
}

impl EnvironmentConfig {
    /// The training tasks: those that are listed, and then those that are drawn.
    ///
    /// # Errors
    /// What is wrong with the distribution, by field.
    pub fn tasks(&self) -> Result<Vec<TaskConfig>> {
        let Self::Tuning { tasks, drawn, .. } = self else {
            return Ok(Vec::new());
        };
        let mut all = tasks.clone();
        if let Some(drawn) = drawn {
            all.extend(drawn.distribution.draw(drawn.seed, drawn.count)?);
        }
        Ok(all)
    }
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

/// Reads a value from RON text, in which fields may be called as in earlier versions; `file` is only named in messages.
pub(crate) fn parse_ron<T: serde::de::DeserializeOwned>(text: &str, file: &str) -> Result<T> {
    let options =
        ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
    let (text, _) = renamed::fields(text);
    options.from_str(&text).map_err(|error| Error::Parse {
        file: file.to_owned(),
        line: error.span.start.line,
        column: error.span.start.col,
        problem: error.code.to_string(),
    })
}

/// A config as RON, every field written out.
pub(crate) fn to_ron(config: &impl Serialize) -> Result<String> {
    let pretty =
        ron::ser::PrettyConfig::default().extensions(ron::extensions::Extensions::IMPLICIT_SOME);
    let text = ron::ser::to_string_pretty(config, pretty)
        .map_err(|error| Error::config("config", error, "it cannot be written"))?;
    Ok(text + "\n")
}

impl Config {
    /// Reads a config from text; `file` is only named in messages.
    ///
    /// # Errors
    /// [`Error::Parse`] with line, column and the allowed names.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        parse_ron(text, file)
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

    /// Sets one field, as `--set path=value` does. The path goes through fields, variants and list indices, such as
    /// `training.updates` or `algorithm.Ppo.common.gamma`; the value is written as in RON.
    ///
    /// # Errors
    /// [`Error::Config`] naming the part of the path that does not exist, with the names that do.
    pub fn set(&mut self, assignment: &str) -> Result<()> {
        let Some((path, value)) = assignment.split_once('=') else {
            return Err(Error::config("--set", assignment, "write path=value"));
        };
        let (path, value) = (path.trim(), value.trim());
        let refuse =
            |given: &str, allowed: String| Error::config(format!("--set {path}"), given, allowed);
        // By itself, so that it cannot be the end of its field and the beginning of another one.
        ron::from_str::<serde::de::IgnoredAny>(value)
            .map_err(|error| refuse(value, format!("the value is not RON: {error}")))?;
        let text = self.to_ron()?;
        let whole = Place::of(&text);
        let (mut place, mut keys) = (&whole, path.split('.').peekable());
        let mut put = None;
        while let Some(key) = keys.next() {
            let key = renamed::field(key);
            match (place.get(key), place.start_of_map()) {
                (Some(next), _) => place = next,
                (None, Some(start)) if keys.peek().is_none() => {
                    put = Some((start..start, format!("{key:?}: {value}\n,")));
                }
                _ => return Err(refuse(key, format!("there is {}", place.names()))),
            }
        }
        let (span, value_text) = put.unwrap_or_else(|| (place.span.clone(), format!("{value}\n")));
        let text = [&text[..span.start], &value_text, &text[span.end..]].concat();
        *self = match Self::parse(&text, "config") {
            Ok(config) => config,
            Err(Error::Parse { problem, .. }) => return Err(refuse(value, problem)),
            Err(other) => return Err(other),
        };
        Ok(())
    }

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
        check_process("environment.process", process, "environment.cost", *cost)?;
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
            .set("environment.Tuning.tasks.0.data=Csv(path: \"a, (b.csv\", target: \"y\", kind: Regression)")
            .unwrap();
        config
            .set("environment.Tuning.tasks.0.data.Csv.target=\"z: \\\"z\"")
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
