use crate::{Action, Cost, Environment, EnvironmentSpec, Observation, Outcome, Result, Step};
use serde::{Deserialize, Serialize};

/// Everything that went in and out of one episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedEpisode {
    /// The seed given to reset.
    pub seed: u64,
    /// The observation after reset.
    pub first: Observation,
    /// Actions and their answers.
    pub steps: Vec<(Action, Step)>,
}

impl RecordedEpisode {
    /// The undiscounted sum of the rewards.
    pub fn total_reward(&self) -> f64 {
        self.steps
            .iter()
            .map(|(_, step)| f64::from(step.reward))
            .sum()
    }
}

/// Keeps a record of every episode.
pub struct Record<E> {
    inner: E,
    episodes: Vec<RecordedEpisode>,
}

impl<E: Environment> Record<E> {
    /// Wraps an environment.
    pub fn new(inner: E) -> Self {
        Self {
            inner,
            episodes: Vec::new(),
        }
    }

    /// The episodes so far; the last one may still be under way.
    pub fn episodes(&self) -> &[RecordedEpisode] {
        &self.episodes
    }

    /// Takes the episodes out, to be written elsewhere.
    pub fn take(&mut self) -> Vec<RecordedEpisode> {
        std::mem::take(&mut self.episodes)
    }
}

impl<E: Environment> Environment for Record<E> {
    fn spec(&self) -> &EnvironmentSpec {
        self.inner.spec()
    }

    fn reset(&mut self, seed: u64) -> Result<Observation> {
        let first = self.inner.reset(seed)?;
        self.episodes.push(RecordedEpisode {
            seed,
            first: first.clone(),
            steps: Vec::new(),
        });
        Ok(first)
    }

    fn step(&mut self, action: &Action) -> Result<Step> {
        let step = self.inner.step(action)?;
        if let Some(episode) = self.episodes.last_mut() {
            episode.steps.push((action.clone(), step.clone()));
        }
        Ok(step)
    }

    fn outcome(&mut self) -> Result<Outcome> {
        self.inner.outcome()
    }

    fn spent(&self) -> Cost {
        self.inner.spent()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Identity;

    #[test]
    fn records_what_happened_and_not_what_was_refused() {
        let mut environment = Record::new(Identity::new(2, 3));
        environment.reset(5).unwrap();
        environment.step(&Action::from(9)).unwrap_err();
        for _ in 0..3 {
            environment.step(&Action::from(1)).unwrap();
        }
        environment.reset(6).unwrap();
        let episodes = environment.take();
        assert_eq!(
            episodes
                .iter()
                .map(|e| (e.seed, e.steps.len()))
                .collect::<Vec<_>>(),
            [(5, 3), (6, 0)]
        );
        let shown = std::iter::once(&episodes[0].first)
            .chain(episodes[0].steps.iter().map(|(_, step)| &step.observation));
        let ones = shown.take(3).filter(|o| o.features[1] == 1.0).count();
        assert_eq!(episodes[0].total_reward(), ones as f64);
        assert!(environment.episodes().is_empty());
    }
}
