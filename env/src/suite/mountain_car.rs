//! A car that is too weak for its hill.

use super::control::{Classic, Dynamics};
use crate::{EnvironmentSpec, Feature, Head, Termination, stream};
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
/// State: position and velocity.
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
pub type MountainCar = Classic<MountainCarDynamics, 2>;

/// The dynamics of the mountain car.
#[derive(Clone, Debug)]
pub struct MountainCarDynamics;

const LEFT_END: f64 = -1.2;
const RIGHT_END: f64 = 0.6;
const MAX_SPEED: f64 = 0.07;
const GOAL: f64 = 0.5;
const FORCE: f64 = 0.001;
const GRAVITY: f64 = 0.0025;

impl Dynamics<2> for MountainCarDynamics {
    fn spec() -> EnvironmentSpec {
        let speed = MAX_SPEED as f32;
        EnvironmentSpec {
            name: "MountainCar-v0".to_owned(),
            features: vec![
                Feature::new("position", LEFT_END as f32, RIGHT_END as f32),
                Feature::new("velocity", -speed, speed),
            ],
            heads: vec![Head::new("push", ["left", "none", "right"])],
            horizon: 200,
        }
    }

    fn start(seed: u64) -> [f64; 2] {
        let position = stream(seed, "mountain-car", 0).random_range(-0.6..-0.4);
        [position, 0.0]
    }

    fn step(state: [f64; 2], choice: usize) -> ([f64; 2], f32, Option<Termination>) {
        let [x, v] = state;
        let push = choice as f64 - 1.0;
        let mut v = (v + push * FORCE - GRAVITY * (3.0 * x).cos()).clamp(-MAX_SPEED, MAX_SPEED);
        let x = (x + v).clamp(LEFT_END, RIGHT_END);
        if x == LEFT_END && v < 0.0 {
            v = 0.0;
        }
        let state = [x, v];
        let reached = (x >= GOAL && v >= 0.0).then_some(Termination::Reached);
        (state, -1.0, reached)
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
            self.state().to_vec()
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
