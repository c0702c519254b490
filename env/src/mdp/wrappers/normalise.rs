use crate::{Action, Cost, Environment, EnvironmentSpec, Observation, Outcome, Result, Step};
use serde::{Deserialize, Serialize};

/// Means and variances of vectors seen so far, merged batch by batch (Chan, Golub, LeVeque 1979). It is plain data and
/// is saved with the policy that depends on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunningMoments {
    count: f64,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl RunningMoments {
    /// The statistics of no vectors yet, with this many numbers each.
    pub fn new(numbers: usize) -> Self {
        Self {
            count: 0.0,
            mean: vec![0.0; numbers],
            squares: vec![0.0; numbers],
        }
    }

    /// Adds vectors, stored one after the other.
    pub fn update(&mut self, vectors: &[f32]) {
        let width = self.mean.len();
        if width == 0 {
            return;
        }
        for vector in vectors.chunks_exact(width) {
            self.count += 1.0;
            for ((mean, squares), x) in self.mean.iter_mut().zip(&mut self.squares).zip(vector) {
                let x = f64::from(*x);
                let before = x - *mean;
                *mean += before / self.count;
                *squares += before * (x - *mean);
            }
        }
    }

    /// The means.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The standard deviations (population); 1 before anything was seen.
    pub fn deviation(&self) -> Vec<f64> {
        self.squares
            .iter()
            .map(|squares| {
                if self.count > 0.0 {
                    (squares / self.count).sqrt()
                } else {
                    1.0
                }
            })
            .collect()
    }

    /// Standardises one vector in place and clips it to `clip` standard deviations. Constant numbers become 0.
    pub fn normalise(&self, vector: &mut [f32], clip: f32) {
        if self.count == 0.0 {
            return;
        }
        for ((x, mean), squares) in vector.iter_mut().zip(&self.mean).zip(&self.squares) {
            // 1e-8 as in Gymnasium's wrapper keeps constant features from dividing by zero.
            let deviation = (squares / self.count + 1e-8).sqrt();
            *x = (((f64::from(*x) - mean) / deviation) as f32).clamp(-clip, clip);
        }
    }
}

/// The scale of rewards: the running standard deviation of the discounted return, by which rewards are divided
/// (Engstrom et al. 2020, "Implementation matters in deep policy gradients", reward scaling).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReturnScale {
    gamma: f64,
    moments: RunningMoments,
    /// The discounted return so far of the episode in each environment.
    running: Vec<f64>,
}

impl ReturnScale {
    /// Nothing seen yet; `gamma` is the discount.
    pub fn new(gamma: f64) -> Self {
        Self {
            gamma,
            moments: RunningMoments::new(1),
            running: Vec::new(),
        }
    }

    /// Begins an episode in an environment: its running return is zero again.
    pub fn begin(&mut self, environment: usize) {
        *self.running_mut(environment) = 0.0;
    }

    /// Takes the next reward of the episode in an environment into the statistics.
    pub fn update(&mut self, environment: usize, reward: f32) {
        let gamma = self.gamma;
        let running = self.running_mut(environment);
        *running = gamma * *running + f64::from(reward);
        let now = *running as f32;
        self.moments.update(&[now]);
    }

    fn running_mut(&mut self, environment: usize) -> &mut f64 {
        if self.running.len() <= environment {
            self.running.resize(environment + 1, 0.0);
        }
        &mut self.running[environment]
    }

    /// A reward divided by the scale, and clipped to `clip`: as long as returns have hardly differed, dividing by their tiny
    /// standard deviation can make rewards of any size. Stable-Baselines3 clips at 10. A `clip` that is negative or no number
    /// bounds nothing.
    pub fn scaled(&self, reward: f32, clip: f32) -> f32 {
        let clip = if clip >= 0.0 { clip } else { f32::INFINITY };
        (reward / self.scale()).clamp(-clip, clip)
    }

    /// What rewards are divided by.
    pub fn scale(&self) -> f32 {
        let deviation = self.moments.deviation()[0];
        if deviation > 1e-8 {
            deviation as f32
        } else {
            1.0
        }
    }
}

/// Standardises observations with running statistics. For rollouts on several threads the learners keep the statistics
/// themselves; this wrapper is for other uses of an environment.
pub struct NormaliseObservation<E> {
    inner: E,
    spec: EnvironmentSpec,
    moments: RunningMoments,
    frozen: bool,
    clip: f32,
}

impl<E: Environment> NormaliseObservation<E> {
    /// Standardises with statistics that go on being gathered.
    pub fn new(inner: E, clip: f32) -> Self {
        let numbers = inner.spec().features.len();
        Self::with(inner, clip, RunningMoments::new(numbers), false)
    }

    /// Standardises with the statistics of an earlier run, which stay as they are.
    pub fn frozen(inner: E, clip: f32, moments: RunningMoments) -> Self {
        Self::with(inner, clip, moments, true)
    }

    fn with(inner: E, clip: f32, moments: RunningMoments, frozen: bool) -> Self {
        let mut spec = inner.spec().clone();
        for feature in &mut spec.features {
            // Before the first statistics a feature passes as it is, clipped.
            (feature.low, feature.high) = (-clip, clip);
        }
        Self {
            inner,
            spec,
            moments,
            frozen,
            clip,
        }
    }

    /// The statistics, to be saved.
    pub fn moments(&self) -> &RunningMoments {
        &self.moments
    }

    fn normalise(&mut self, observation: &mut Observation) {
        if !self.frozen {
            self.moments.update(&observation.features);
        }
        self.moments.normalise(&mut observation.features, self.clip);
    }
}

impl<E: Environment> Environment for NormaliseObservation<E> {
    fn spec(&self) -> &EnvironmentSpec {
        &self.spec
    }

    fn reset(&mut self, seed: u64) -> Result<Observation> {
        let mut observation = self.inner.reset(seed)?;
        self.normalise(&mut observation);
        Ok(observation)
    }

    fn step(&mut self, action: &Action) -> Result<Step> {
        let mut step = self.inner.step(action)?;
        self.normalise(&mut step.observation);
        Ok(step)
    }

    fn outcome(&mut self) -> Result<Outcome> {
        self.inner.outcome()
    }

    fn spent(&self) -> Cost {
        self.inner.spent()
    }
}

/// Divides rewards by the running standard deviation of the discounted return and clips them.
pub struct NormaliseReturn<E> {
    inner: E,
    scale: ReturnScale,
    clip: f32,
}

impl<E: Environment> NormaliseReturn<E> {
    /// Wraps an environment; `gamma` is the discount of the return and `clip` the largest size of a scaled reward.
    pub fn new(inner: E, gamma: f64, clip: f32) -> Self {
        Self {
            inner,
            scale: ReturnScale::new(gamma),
            clip,
        }
    }

    /// The statistics, to be saved.
    pub fn scale(&self) -> &ReturnScale {
        &self.scale
    }
}

impl<E: Environment> Environment for NormaliseReturn<E> {
    fn spec(&self) -> &EnvironmentSpec {
        self.inner.spec()
    }

    fn reset(&mut self, seed: u64) -> Result<Observation> {
        self.scale.begin(0);
        self.inner.reset(seed)
    }

    fn step(&mut self, action: &Action) -> Result<Step> {
        let mut step = self.inner.step(action)?;
        self.scale.update(0, step.reward);
        step.reward = self.scale.scaled(step.reward, self.clip);
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
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn moments_equal_the_two_pass_formula(
            values in proptest::collection::vec(-100.0..100.0f32, 2..200),
            cut in 0usize..200,
        ) {
            let mut moments = RunningMoments::new(1);
            let cut = cut.min(values.len());
            moments.update(&values[..cut]);
            moments.update(&values[cut..]);
            let n = values.len() as f64;
            let mean = values.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
            let variance = values.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / n;
            prop_assert!((moments.mean()[0] - mean).abs() < 1e-9 * (1.0 + mean.abs()));
            prop_assert!((moments.deviation()[0] - variance.sqrt()).abs() < 1e-6);
        }
    }

    #[test]
    fn return_scale_is_the_deviation_of_the_discounted_return() {
        let mut scale = ReturnScale::new(0.5);
        assert_eq!(scale.scale(), 1.0);
        for reward in [1.0, 1.0, 0.0] {
            scale.update(0, reward);
        }
        // Running returns 1, 1.5, 0.75.
        let mean = 3.25f64 / 3.0;
        let variance = ((1.0 - mean).powi(2) + (1.5 - mean).powi(2) + (0.75 - mean).powi(2)) / 3.0;
        assert!((f64::from(scale.scale()) - variance.sqrt()).abs() < 1e-6);
        scale.begin(0);
        scale.update(0, 1.0);
        assert!((scale.moments.mean()[0] - 4.25 / 4.0).abs() < 1e-9);
    }

    /// One-step episodes of almost equal rewards have almost no standard deviation.
    #[test]
    fn scaled_rewards_are_bounded() {
        let mut scale = ReturnScale::new(0.99);
        for reward in [1.0, 1.0, 1.0, 1.0001, 1.0] {
            scale.begin(0);
            scale.update(0, reward);
        }
        assert!(1.0 / scale.scale() > 20_000.0);
        assert_eq!(scale.scaled(1.0, 10.0), 10.0);
        assert_eq!(scale.scaled(-1.0, 10.0), -10.0);
        assert!(scale.scaled(1.0, f32::INFINITY) > 20_000.0);
        let mut wrapped = NormaliseReturn::new(Identity::new(2, 50), 0.99, 0.5);
        wrapped.reset(1).unwrap();
        for _ in 0..50 {
            let reward = wrapped.step(&Action::from(0)).unwrap().reward;
            assert!(reward.abs() <= 0.5, "{reward}");
        }
    }

    #[test]
    fn frozen_statistics_do_not_move() {
        let mut seen = NormaliseObservation::new(Identity::new(2, 50), 5.0);
        seen.reset(1).unwrap();
        for _ in 0..50 {
            seen.step(&Action::from(0)).unwrap();
        }
        let moments = seen.moments().clone();
        let mut frozen = NormaliseObservation::frozen(Identity::new(2, 50), 5.0, moments.clone());
        let observation = frozen.reset(2).unwrap();
        assert_eq!(frozen.moments(), &moments);
        // A balanced binary feature standardises to about plus or minus 1.
        assert!(
            observation
                .features
                .iter()
                .all(|x| (x.abs() - 1.0).abs() < 0.5)
        );
    }
}
