//! The servo that knows its training, as a controller of its own.

use super::{Controller, Decision, Situation};
use trimtab_env::Settings;
use trimtab_env::servo::context_servo::{Offsets, Steering};

/// A [`trimtab_env::ContextServo`] at work on one training.
#[derive(Clone, Debug)]
pub struct ContextServoController {
    name: String,
    base: Settings,
    fresh: Steering,
    steering: Steering,
    offsets: Offsets,
    seen: usize,
}

impl ContextServoController {
    /// A context servo under a name for tables. `base` holds whatever it does not set; `steering` knows the training and
    /// its first learning rate.
    pub fn new(name: impl Into<String>, base: Settings, steering: Steering) -> Self {
        Self {
            name: name.into(),
            base,
            fresh: steering.clone(),
            steering,
            offsets: Offsets::default(),
            seen: 0,
        }
    }

    /// Adds this to what the servo wants from now on.
    pub fn add(&mut self, offsets: Offsets) {
        self.offsets = offsets;
    }
}

impl Controller for ContextServoController {
    fn name(&self) -> &str {
        &self.name
    }

    fn begin(&mut self, _seed: u64) {
        self.steering = self.fresh.clone();
        self.seen = 0;
    }

    fn decide(&mut self, situation: &Situation) -> Decision {
        for report in situation.look_ahead.unwrap_or_default() {
            self.steering.probed(report);
        }
        for segment in situation.segments.get(self.seen..).unwrap_or_default() {
            self.steering.record(&segment.report);
        }
        self.seen = situation.segments.len();
        if let Some(settings) = self.steering.probe() {
            return Decision::LookAhead(vec![(self.base.joined(&settings), 1)]);
        }
        let settings = self.steering.settings(situation.middle(), &self.offsets);
        Decision::Set(self.base.joined(&settings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::{NoOp, run};
    use trimtab_env::suite::NoisyQuadratic;
    use trimtab_env::{
        Context, ContextServo, Domain, Environment, Initial, Knob, Moves, TuningConfig, TuningEnv,
    };

    /// The servo by itself does what it does as the base controller of a process in which nobody moves a knob.
    #[test]
    fn a_controller_and_a_base_controller_agree() {
        let knob = Knob::learning_rate(
            Domain::LogUniform(1e-12, 1e6),
            Initial::LogUniform(1e-4, 1.0),
            Moves::Residual {
                factors: vec![0.5, 1.0, 2.0],
                max_offset: 1.0,
                accumulates: true,
            },
        );
        let servo = ContextServo::default();
        let config = TuningConfig {
            knobs: vec![knob],
            base_controller: Some(servo),
            ..NoisyQuadratic::tuning()
        };
        let instances = || vec![NoisyQuadratic::default().into()];
        let mut base_controller = TuningEnv::new(instances(), config.clone()).unwrap();
        let mut no_op = NoOp::new(base_controller.spec()).unwrap();
        run(&mut base_controller, &mut no_op, 7).unwrap();

        let mut alone = TuningEnv::new(instances(), config).unwrap();
        alone.reset(7).unwrap();
        let context = Context::new(alone.instances()[0].trainee.spec(), alone.budget()).unwrap();
        let lr = alone.settings().unwrap().learning_rate().unwrap();
        let base = Settings::default();
        let steering = Steering::new(servo, context, lr);
        let mut controller = ContextServoController::new("servo", base, steering);
        run(&mut alone, &mut controller, 7).unwrap();
        assert_eq!(base_controller.segments().len(), alone.segments().len());
        for (a, b) in base_controller.segments().iter().zip(alone.segments()) {
            let rates = [a, b].map(|s| s.settings.learning_rate().unwrap());
            assert!((rates[0] / rates[1] - 1.0).abs() < 1e-12, "{rates:?}");
            assert_eq!(a.report, b.report);
        }
    }
}
