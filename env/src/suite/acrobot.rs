//! A two-link pendulum that is driven at its elbow.

use super::control::{Classic, Dynamics};
use crate::{EnvironmentSpec, Feature, Head, Termination, stream};
use rand::RngExt;
use std::f64::consts::{FRAC_PI_2, PI};

/// The acrobot of Sutton (1996, "Generalization in reinforcement learning: successful examples using sparse coarse
/// coding"), with the dynamics of Sutton and Barto's book and the constants of Gymnasium's `Acrobot-v1`.
///
/// Two links of 1 m and 1 kg hang from a fixed joint. At each step of 0.2 s the elbow gets the torque `u` = −1, 0 or 1.
/// The angle `θ₁` of the first link is 0 when it hangs down, `θ₂` is the angle of the second to the first, and
///
/// ```text
/// d₁ = 0.25 + (1.25 + cos θ₂) + 2      φ₂ = g/2 cos(θ₁ + θ₂ − π/2)
/// d₂ = 0.25 + cos θ₂ / 2 + 1           φ₁ = −ω₂² sin θ₂ / 2 − ω₁ ω₂ sin θ₂ + 3g/2 cos(θ₁ − π/2) + φ₂
/// ω₂' = (u + φ₁ d₂/d₁ − ω₁² sin θ₂ / 2 − φ₂) / (1.25 − d₂²/d₁)
/// ω₁' = −(d₂ ω₂' + φ₁) / d₁
/// ```
///
/// integrated with one classic Runge-Kutta step. The angles are wrapped to ±π and the velocities clipped to ±4π and
/// ±9π. Each step pays −1 until the tip is one link above the joint, `−cos θ₁ − cos(θ₁ + θ₂) > 1`: that step pays 0 and
/// ends the episode, which is truncated after 500 steps.
///
/// State: the two angles (rad) and the two angular velocities (rad/s).
///
/// ```
/// use trimtab_env::{Action, Environment, suite::Acrobot};
/// let mut environment = Acrobot::new();
/// let observation = environment.reset(1)?;
/// assert!(observation.features[0] > 0.99, "it hangs down at first");
/// assert_eq!(environment.step(&Action::from(2))?.reward, -1.0);
/// # Ok::<(), trimtab_env::Error>(())
/// ```
pub type Acrobot = Classic<AcrobotDynamics, 4>;

/// The dynamics of the acrobot.
#[derive(Clone, Debug)]
pub struct AcrobotDynamics;

const GRAVITY: f64 = 9.8;
const TIME_STEP: f64 = 0.2;
const MAX_VELOCITY: [f64; 2] = [4.0 * PI, 9.0 * PI];

/// Time derivative of the state under the torque `u`.
fn derivative([t1, t2, w1, w2]: [f64; 4], u: f64) -> [f64; 4] {
    let (sin, cos) = t2.sin_cos();
    let d1 = 0.25 + (1.0 + 0.25 + cos) + 2.0;
    let d2 = 0.25 + 0.5 * cos + 1.0;
    let phi2 = 0.5 * GRAVITY * (t1 + t2 - FRAC_PI_2).cos();
    let phi1 = -0.5 * w2 * w2 * sin - w2 * w1 * sin + 1.5 * GRAVITY * (t1 - FRAC_PI_2).cos() + phi2;
    let a2 = (u + d2 / d1 * phi1 - 0.5 * w1 * w1 * sin - phi2) / (1.25 - d2 * d2 / d1);
    let a1 = -(d2 * a2 + phi1) / d1;
    [w1, w2, a1, a2]
}

/// One step of the classic Runge-Kutta method of fourth order.
fn runge_kutta(y: [f64; 4], u: f64, h: f64) -> [f64; 4] {
    let moved = |k: [f64; 4], h: f64| std::array::from_fn(|i| y[i] + h * k[i]);
    let k1 = derivative(y, u);
    let k2 = derivative(moved(k1, h / 2.0), u);
    let k3 = derivative(moved(k2, h / 2.0), u);
    let k4 = derivative(moved(k3, h), u);
    std::array::from_fn(|i| y[i] + h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]))
}

/// The angle within ±π. Whole turns are taken off one by one, as the reference does it.
fn wrap(mut angle: f64) -> f64 {
    while angle > PI {
        angle -= 2.0 * PI;
    }
    while angle < -PI {
        angle += 2.0 * PI;
    }
    angle
}

impl Dynamics<4> for AcrobotDynamics {
    fn spec() -> EnvironmentSpec {
        let velocities = MAX_VELOCITY.map(|limit| limit as f32);
        EnvironmentSpec {
            name: "Acrobot-v1".to_owned(),
            features: vec![
                Feature::new("cos_angle_1", -1.0, 1.0),
                Feature::new("sin_angle_1", -1.0, 1.0),
                Feature::new("cos_angle_2", -1.0, 1.0),
                Feature::new("sin_angle_2", -1.0, 1.0),
                Feature::new("angular_velocity_1", -velocities[0], velocities[0]),
                Feature::new("angular_velocity_2", -velocities[1], velocities[1]),
            ],
            heads: vec![Head::new("torque", [-1, 0, 1])],
            horizon: 500,
        }
    }

    fn start(seed: u64) -> [f64; 4] {
        let mut rng = stream(seed, "acrobot", 0);
        // Gymnasium rounds the first state, and no other, to 32 bits.
        std::array::from_fn(|_| f64::from(rng.random_range(-0.1_f32..0.1)))
    }

    fn observe(state: &[f64; 4]) -> Vec<f32> {
        let [angle_1, angle_2, velocity_1, velocity_2] = *state;
        let ((sin_1, cos_1), (sin_2, cos_2)) = (angle_1.sin_cos(), angle_2.sin_cos());
        let values = [cos_1, sin_1, cos_2, sin_2, velocity_1, velocity_2];
        values.iter().map(|x| *x as f32).collect()
    }

    fn bounds(spec: &EnvironmentSpec) -> Vec<Feature> {
        let turn = PI as f32;
        vec![
            Feature::new("angle_1", -turn, turn),
            Feature::new("angle_2", -turn, turn),
            spec.features[4].clone(),
            spec.features[5].clone(),
        ]
    }

    fn step(state: [f64; 4], choice: usize) -> ([f64; 4], f32, Option<Termination>) {
        let torque = choice as f64 - 1.0;
        let [t1, t2, w1, w2] = runge_kutta(state, torque, TIME_STEP);
        let (t1, t2) = (wrap(t1), wrap(t2));
        let state = [
            t1,
            t2,
            w1.clamp(-MAX_VELOCITY[0], MAX_VELOCITY[0]),
            w2.clamp(-MAX_VELOCITY[1], MAX_VELOCITY[1]),
        ];
        let reached = -t1.cos() - (t1 + t2).cos() > 1.0;
        let termination = reached.then_some(Termination::Reached);
        (state, if reached { 0.0 } else { -1.0 }, termination)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::replay::{Control, replay};
    use crate::{Action, CheckOptions, Environment, check_environment};

    impl Control for Acrobot {
        fn put(&mut self, state: &[f64]) {
            self.set_state(state.try_into().unwrap()).unwrap();
        }

        fn read(&self) -> Vec<f64> {
            self.state().to_vec()
        }
    }

    #[test]
    fn replays_the_reference() {
        replay(&mut Acrobot::new(), "gym/Acrobot-v1.jsonl.gz", 5);
    }

    #[test]
    fn keeps_the_contract() {
        let options = CheckOptions {
            episodes: 5,
            ..Default::default()
        };
        assert_eq!(check_environment(&mut Acrobot::new(), &options), []);
    }

    #[test]
    fn velocities_are_clipped_and_angles_wrapped_from_the_fastest_states() {
        let mut rng = stream(0, "fastest-states", 0);
        let mut environment = Acrobot::new();
        let mut clipped = [0; 2];
        for _ in 0..1000 {
            environment.reset(0).unwrap();
            let mut angle = || rng.random_range(-PI..PI);
            let state = [angle(), angle(), MAX_VELOCITY[0], MAX_VELOCITY[1]];
            environment.set_state(state).unwrap();
            environment.step(&Action::from(2)).unwrap();
            let [t1, t2, velocities @ ..] = environment.state();
            assert!(t1.abs() <= PI && t2.abs() <= PI);
            for ((velocity, limit), clipped) in
                velocities.iter().zip(MAX_VELOCITY).zip(&mut clipped)
            {
                assert!(velocity.abs() <= limit);
                *clipped += u32::from(velocity.abs() == limit);
            }
        }
        assert!(clipped.iter().all(|n| *n > 0), "{clipped:?}");
    }

    #[test]
    fn a_state_that_is_not_one_is_refused() {
        assert!(Acrobot::new().set_state([4.0, 0.0, 0.0, 0.0]).is_err());
        assert!(Acrobot::new().set_state([0.0, 0.0, 0.0, 30.0]).is_err());
        assert!(Acrobot::new().set_state([0.0, f64::NAN, 0.0, 0.0]).is_err());
    }
}
