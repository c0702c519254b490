//! Many episodes of tuning environments on several threads.

use crate::Result;
use crate::train::environments::{Tuning, lock};
use std::sync::Mutex;
use trimtab_agent::controller::{Controller, run};
use trimtab_env::TuningEnv;
use trimtab_env::mdp::threads::in_parallel;

/// An environment over the same tasks for each thread.
pub struct Field {
    environments: Vec<Mutex<TuningEnv>>,
}

impl Field {
    /// Environments for `episodes` episodes on `jobs` threads.
    ///
    /// # Errors
    /// As [`Tuning::environment`].
    pub fn new(tuning: &Tuning, jobs: usize, episodes: usize) -> Result<Self> {
        let environments = tuning.environments(&[], jobs.clamp(1, episodes.max(1)))?;
        Ok(Self {
            environments: environments.into_iter().map(Mutex::new).collect(),
        })
    }

    /// Plays `count` episodes and returns what `end` says of each, in their order. `begin` gives an episode its controller and
    /// its seed, and `end` is shown the environment after it. What comes of them depends neither on the number of threads nor
    /// on who plays beside whom.
    ///
    /// # Errors
    /// The first error of an episode.
    pub fn play<T: Send>(
        &self,
        count: usize,
        begin: impl Fn(usize, &mut TuningEnv) -> Result<(Box<dyn Controller>, u64)> + Sync,
        end: impl Fn(usize, &mut TuningEnv) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        in_parallel(self.environments.len(), count, |worker, episode| {
            let environment = &mut *lock(&self.environments[worker]);
            let (mut controller, seed) = begin(episode, environment)?;
            run(environment, controller.as_mut(), seed)?;
            end(episode, environment)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trimtab_agent::Constant;
    use trimtab_env::{CostModel, Environment, Outcome, Segment, Settings, TuningConfig};
    use trimtab_models::TaskConfig;

    fn tuning() -> Tuning {
        let task = |rest: &str| -> TaskConfig {
            let split = "(validation: Rows(80), test: Rows(80), max_train: Some(120))";
            let data = format!("data: Embedded(\"digits\"), split: {split}");
            ron::from_str(&format!("({data}, optimizer: Adam(), {rest})")).unwrap()
        };
        let tasks = [
            task("model: Mlp(hidden: [12])"),
            task("model: Cnn(channels: [2])"),
        ];
        let process: TuningConfig = ron::from_str(
            "(knobs: [(name: \"learning_rate\", domain: LogUniform(1e-6, 10.0), initial: Fixed(0.01), \
             moves: Relative([1.0]))], budget: EpochsBetween(3, 6))",
        )
        .unwrap();
        let device = burn::tensor::Device::flex();
        Tuning::new(&tasks, CostModel::default(), &process, &device).unwrap()
    }

    /// Who plays episode `index`: both tasks, several batch sizes, and one rate that diverges.
    fn episode(index: usize, environment: &mut TuningEnv) -> Result<(Box<dyn Controller>, u64)> {
        environment.only(Some(usize::from(index % 4 == 3)))?;
        let rate = [0.001, 0.01, 1e9][index % 3];
        let settings = Settings::new(rate, [16, 16, 40, 16, 16][index % 5]);
        let controller = Constant::new("fixed", settings);
        Ok((Box::new(controller), index as u64 / 2))
    }

    #[test]
    fn company_and_threads_change_nothing() {
        let (tuning, count) = (tuning(), 13);
        let played = |environment: &mut TuningEnv| -> Result<(Vec<Segment>, Outcome)> {
            Ok((environment.segments().to_vec(), environment.outcome()?))
        };
        let mut alone = Vec::new();
        let mut environment = tuning.environment(&[]).unwrap();
        for index in 0..count {
            let (mut controller, seed) = episode(index, &mut environment).unwrap();
            run(&mut environment, controller.as_mut(), seed).unwrap();
            alone.push(played(&mut environment).unwrap());
        }
        assert!(
            alone
                .iter()
                .any(|(_, outcome)| outcome["divergences"] > 0.0)
        );
        for (jobs, episodes) in [(1, count), (3, count), (2, 2)] {
            let field = Field::new(&tuning, jobs, episodes).unwrap();
            let together = field.play(count, episode, |_, environment| played(environment));
            assert_eq!(together.unwrap(), alone);
        }
    }
}
