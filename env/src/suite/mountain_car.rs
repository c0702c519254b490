//! A car that is too weak for its hill.

use super::control;
use super::episode::Episode;
use crate::{
    Action, Environment, EnvironmentSpec, Feature, Head, Observation, Result, Step, Termination,
    stream,
};
use rand::RngExt;

/// The mountain car of Moore (1990, "Efficient memory-based learning for robot control"), with the constants of
/// Gymnasium's `MountainCar-v0`.
///
/// A car in a valley is pushed to the left, not at all or to the right (`a` = 0, 1, 2). Its position `x` and velocity
/// `v` follow
///
/// ```text
/// v ← clip(v + 0.001 (a − 1) − 0.0025 cos 3x, ±0.07)
/// x ← clip(x + v, −1.2, 0.6)
/// ```
///
/// and the left end stops it. Each step pays −1, the last one too. The goal is reached at `x ≥ 0.5` and `v ≥ 0`; the
/// episode is truncated after 200 steps. The engine is weaker than the slope, so the car must first swing back.
///
/// ```
/// use trimtab_env::{Action, Environment, Status, Termination, suite::MountainCar};
/// let mut environment = MountainCar::new();
/// environment.reset(1)?;
/// let status = loop {
///     // Pushing in the direction of motion pumps energy in.
///     let [_, velocity] = environment.state();
///     let step = environment.step(&Action::from(if velocity < 0.0 { 0 } else { 2 }))?;
///     if step.status.is_over() {
///         break step.status;
///     }
/// };
/// assert_eq!(status, Status::Terminated(Termination::Reached));
/// # Ok::<(), trimtab_env::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MountainCar {
    spec: EnvironmentSpec,
    episode: Episode,
    state: [f64; 2],
}

const LEFT_END: f64 = -1.2;
const RIGHT_END: f64 = 0.6;
const MAX_SPEED: f64 = 0.07;
const GOAL: f64 = 0.5;
const FORCE: f64 = 0.001;
const GRAVITY: f64 = 0.0025;

impl MountainCar {
    /// The environment as it is always used.
    pub fn new() -> Self {
        let speed = MAX_SPEED as f32;
        Self {
            spec: EnvironmentSpec {
                name: "MountainCar-v0".to_owned(),
                features: vec![
                    Feature::new("position", LEFT_END as f32, RIGHT_END as f32),
                    Feature::new("velocity", -speed, speed),
                ],
                heads: vec![Head::new("push", ["left", "none", "right"])],
                horizon: 200,
            },
            episode: Episode::default(),
            state: [-0.5, 0.0],
        }
    }

    /// Position and velocity.
    pub fn state(&self) -> [f64; 2] {
        self.state
    }

    /// Puts the car elsewhere, within the episode that is under way.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if a number is outside its feature's bounds.
    pub fn set_state(&mut self, state: [f64; 2]) -> Result<()> {
        control::check_state(&state, &self.spec.features)?;
        self.state = state;
        Ok(())
    }

    fn observation(&self) -> Observation {
        Observation::new(self.state.iter().map(|x| *x as f32).collect())
    }
}

impl Default for MountainCar {
    fn default() -> Self {
        Self::new()
    }
}

impl Environment for MountainCar {
    fn spec(&self) -> &EnvironmentSpec {
        &self.spec
    }

    fn reset(&mut self, seed: u64) -> Result<Observation> {
        let position = stream(seed, "mountain-car", 0).random_range(-0.6..-0.4);
        self.state = [position, 0.0];
        self.episode.begin();
        Ok(self.observation())
    }

    fn step(&mut self, action: &Action) -> Result<Step> {
        self.episode.advance(&self.spec, action)?;
        let [x, v] = self.state;
        let push = action.choices[0] as f64 - 1.0;
        let mut v = (v + push * FORCE - GRAVITY * (3.0 * x).cos()).clamp(-MAX_SPEED, MAX_SPEED);
        let x = (x + v).clamp(LEFT_END, RIGHT_END);
        if x == LEFT_END && v < 0.0 {
            v = 0.0;
        }
        self.state = [x, v];
        let reached = (x >= GOAL && v >= 0.0).then_some(Termination::Reached);
        Ok(Step {
            observation: self.observation(),
            reward: -1.0,
            status: self.episode.conclude(reached, self.spec.horizon),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::replay::{Control, replay};
    use crate::{CheckOptions, check_environment};

    impl Control for MountainCar {
        fn put(&mut self, state: &[f64]) {
            self.set_state(state.try_into().unwrap()).unwrap();
        }

        fn read(&self) -> Vec<f64> {
            self.state.to_vec()
        }
    }

    #[test]
    fn replays_the_reference() {
        replay(&mut MountainCar::new(), "gym/MountainCar-v0.jsonl.gz", 8);
    }

    #[test]
    fn keeps_the_contract() {
        let options = CheckOptions {
            episodes: 20,
            ..Default::default()
        };
        assert_eq!(check_environment(&mut MountainCar::new(), &options), []);
    }

    #[test]
    fn a_state_outside_the_valley_is_refused() {
        let error = MountainCar::new().set_state([0.0, f64::NAN]).unwrap_err();
        assert!(error.to_string().starts_with("state.velocity: NaN"));
        assert!(MountainCar::new().set_state([0.7, 0.0]).is_err());
    }
}
