//! What the classic control problems have in common: a state of a few numbers that is observed, moved by one choice, and can be put
//! elsewhere.

use super::episode::Episode;
use crate::{
    Action, Environment, EnvironmentSpec, Error, Feature, Observation, Result, Step, Termination,
};
use std::fmt::Debug;
use std::marker::PhantomData;

/// The dynamics of a classic control problem whose state has `N` numbers.
pub trait Dynamics<const N: usize>: Clone + Debug + Send + Sync {
    /// What the environment looks like.
    fn spec() -> EnvironmentSpec;

    /// The first state of an episode.
    fn start(seed: u64) -> [f64; N];

    /// What is seen of a state: by default the state.
    fn observe(state: &[f64; N]) -> Vec<f32> {
        state.iter().map(|x| *x as f32).collect()
    }

    /// The bounds within which a state can be put: by default those of the features.
    fn bounds(spec: &EnvironmentSpec) -> Vec<Feature> {
        spec.features.clone()
    }

    /// The state after a choice, the reward, and why the episode ends there, if it does.
    fn step(state: [f64; N], choice: usize) -> ([f64; N], f32, Option<Termination>);
}

/// A classic control problem as an environment.
#[derive(Clone, Debug)]
pub struct Classic<D, const N: usize> {
    spec: EnvironmentSpec,
    episode: Episode,
    state: [f64; N],
    dynamics: PhantomData<D>,
}

impl<D: Dynamics<N>, const N: usize> Classic<D, N> {
    /// The environment as it is always used.
    pub fn new() -> Self {
        Self {
            spec: D::spec(),
            episode: Episode::default(),
            state: [0.0; N],
            dynamics: PhantomData,
        }
    }

    /// The state, in the order that the environment's page gives.
    pub fn state(&self) -> [f64; N] {
        self.state
    }

    /// Puts the system elsewhere, within the episode that is under way.
    ///
    /// # Errors
    /// [`Error::Config`] if a number is not finite, or outside the bounds of what an observation can show.
    pub fn set_state(&mut self, state: [f64; N]) -> Result<()> {
        for (value, feature) in state.iter().zip(&D::bounds(&self.spec)) {
            let (low, high) = (f64::from(feature.low), f64::from(feature.high));
            let seen = f64::from(*value as f32);
            if !value.is_finite() || seen < low || seen > high {
                return Err(Error::config(
                    format!("state.{}", feature.name),
                    value,
                    format!("give a finite number from {low} to {high}"),
                ));
            }
        }
        self.state = state;
        Ok(())
    }

    fn observation(&self) -> Observation {
        Observation::new(D::observe(&self.state))
    }
}

impl<D: Dynamics<N>, const N: usize> Default for Classic<D, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<D: Dynamics<N>, const N: usize> Environment for Classic<D, N> {
    fn spec(&self) -> &EnvironmentSpec {
        &self.spec
    }

    fn reset(&mut self, seed: u64) -> Result<Observation> {
        self.state = D::start(seed);
        self.episode.begin();
        Ok(self.observation())
    }

    fn step(&mut self, action: &Action) -> Result<Step> {
        self.episode.advance(&self.spec, action)?;
        let (state, reward, termination) = D::step(self.state, action.choices[0]);
        self.state = state;
        Ok(Step {
            observation: self.observation(),
            reward,
            status: self.episode.conclude(termination, self.spec.horizon),
        })
    }
}
