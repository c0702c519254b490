//! A pole that is balanced on a cart.

use super::control::{Classic, Dynamics};
use crate::{EnvironmentSpec, Feature, Head, Termination, stream};
use rand::RngExt;

/// The cart-pole problem of Barto, Sutton and Anderson (1983, "Neuronlike adaptive elements that can solve difficult
/// learning control problems"), with the constants of Gymnasium's `CartPole-v1`.
///
/// A cart on a track of 2.4 m to either side is pushed to the left or to the right with 10 N at every step of 0.02 s.
/// Position `x` and speed `v` of the cart and angle `θ` and angular speed `ω` of the pole follow
///
/// ```text
/// q  = (F + mₚ l ω² sin θ) / M
/// ω' = (g sin θ − q cos θ) / (l (4/3 − mₚ cos² θ / M))
/// v' = q − mₚ l ω' cos θ / M
/// ```
///
/// integrated with the explicit Euler method. Each step pays 1, the last one too. The episode fails when the cart
/// leaves the track or the pole leans by more than 12°, and is truncated after 500 steps: the best return is 500.
///
/// State: position (m), velocity (m/s), angle (rad, 0 is upright) and angular velocity (rad/s).
///
/// ```
/// use trimtab_env::{Action, Environment, suite::CartPole};
/// let mut environment = CartPole::new();
/// let mut observation = environment.reset(1)?;
/// let mut total = 0.0;
/// loop {
///     // Pushing towards where the pole falls holds it for long.
///     let falls_to_the_right = observation.features[2] + observation.features[3] > 0.0;
///     let step = environment.step(&Action::from(usize::from(falls_to_the_right)))?;
///     total += step.reward;
///     observation = step.observation;
///     if step.status.is_over() {
///         break;
///     }
/// }
/// assert!(total > 100.0);
/// # Ok::<(), trimtab_env::Error>(())
/// ```
pub type CartPole = Classic<CartPoleDynamics, 4>;

/// The dynamics of the cart-pole.
#[derive(Clone, Debug)]
pub struct CartPoleDynamics;

const GRAVITY: f64 = 9.8;
const CART_MASS: f64 = 1.0;
const POLE_MASS: f64 = 0.1;
const TOTAL_MASS: f64 = CART_MASS + POLE_MASS;
/// Half the length of the pole.
const LENGTH: f64 = 0.5;
const FORCE: f64 = 10.0;
const TIME_STEP: f64 = 0.02;
const TRACK: f64 = 2.4;
const LEAN: f64 = 12.0 * 2.0 * std::f64::consts::PI / 360.0;

impl Dynamics<4> for CartPoleDynamics {
    fn spec() -> EnvironmentSpec {
        // An episode ends with the first state outside the track or the lean. Within them the pole gains no more than
        // about 4 rad/s and the cart 10 m/s, so no step leads further than to twice the limits.
        let (track, lean) = (2.0 * TRACK as f32, 2.0 * LEAN as f32);
        EnvironmentSpec {
            name: "CartPole-v1".to_owned(),
            features: vec![
                Feature::new("position", -track, track),
                Feature::new("velocity", f32::NEG_INFINITY, f32::INFINITY),
                Feature::new("angle", -lean, lean),
                Feature::new("angular_velocity", f32::NEG_INFINITY, f32::INFINITY),
            ],
            heads: vec![Head::new("push", ["left", "right"])],
            horizon: 500,
        }
    }

    fn start(seed: u64) -> [f64; 4] {
        let mut rng = stream(seed, "cart-pole", 0);
        std::array::from_fn(|_| rng.random_range(-0.05..0.05))
    }

    fn step(state: [f64; 4], choice: usize) -> ([f64; 4], f32, Option<Termination>) {
        let [x, v, theta, omega] = state;
        let force = if choice == 1 { FORCE } else { -FORCE };
        let (sin, cos) = theta.sin_cos();
        let q = (force + POLE_MASS * LENGTH * omega * omega * sin) / TOTAL_MASS;
        let angular =
            (GRAVITY * sin - cos * q) / (LENGTH * (4.0 / 3.0 - POLE_MASS * cos * cos / TOTAL_MASS));
        let linear = q - POLE_MASS * LENGTH * angular * cos / TOTAL_MASS;
        let state = [
            x + TIME_STEP * v,
            v + TIME_STEP * linear,
            theta + TIME_STEP * omega,
            omega + TIME_STEP * angular,
        ];
        let [x, _, theta, _] = state;
        let failed = (x.abs() > TRACK || theta.abs() > LEAN).then_some(Termination::Failed);
        (state, 1.0, failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::replay::{Control, replay};
    use crate::{Action, CheckOptions, Environment, Observation, check_environment};

    impl Control for CartPole {
        fn put(&mut self, state: &[f64]) {
            self.set_state(state.try_into().unwrap()).unwrap();
        }

        fn read(&self) -> Vec<f64> {
            self.state().to_vec()
        }
    }

    #[test]
    fn replays_the_reference() {
        replay(&mut CartPole::new(), "gym/CartPole-v1.jsonl.gz", 10);
    }

    #[test]
    fn keeps_the_contract() {
        let options = CheckOptions {
            episodes: 200,
            ..Default::default()
        };
        assert_eq!(check_environment(&mut CartPole::new(), &options), []);
    }

    /// The fastest exits there are: always pushing one way, and pushing with the fall.
    #[test]
    fn the_bounds_hold_for_the_worst_policies() {
        let mut environment = CartPole::new();
        let bounds = environment.spec().features.clone();
        type Policy = fn(&Observation) -> usize;
        let policies: [Policy; 3] = [
            |_| 1,
            |seen| usize::from(seen.features[2] < 0.0),
            // Leans the pole against the push so that the cart runs off as fast as it can.
            |seen| usize::from(seen.features[2] + 0.3 * seen.features[3] > 0.15),
        ];
        for policy in policies {
            for seed in 0..50 {
                let mut seen = environment.reset(seed).unwrap();
                loop {
                    let step = environment.step(&Action::from(policy(&seen))).unwrap();
                    seen = step.observation;
                    for (feature, value) in bounds.iter().zip(&seen.features) {
                        assert!((feature.low..=feature.high).contains(value), "{feature:?}");
                    }
                    if step.status.is_over() {
                        break;
                    }
                }
            }
        }
    }
}
