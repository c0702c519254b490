//! What a policy adds to the servo of a tuner.

use super::Training;
use trimtab_env::context_servo::Steering;
use trimtab_env::knob::Position;
use trimtab_env::observation::{Encoder, Moment};
use trimtab_env::settings::{BEST, LEARNING_RATE, WEIGHTS};
use trimtab_env::tuning::Divergence;
use trimtab_env::{
    Action, ActionMask, Error, Initial, Knob, Moves, Observation, ObservationConfig, Report,
    Result, Settings, Value,
};

/// Whatever chooses: it takes an observation, in which the features of the context are, to one choice for each knob.
pub type Choose = Box<dyn FnMut(&Observation) -> Action + Send>;

/// A policy for [`super::Tuner::with_policy`], with the knobs and features that it was trained with.
pub struct Policy {
    /// What it moves: knobs with [`Moves::Residual`], and [`Knob::weights`].
    pub knobs: Vec<Knob>,
    /// What it sees.
    pub observation: ObservationConfig,
    /// The policy.
    pub choose: Choose,
}

/// A policy at work on one training.
pub(super) struct Moved {
    policy: Policy,
    positions: Vec<Position>,
    encoder: Encoder,
    budget_left: f64,
    probing: bool,
}

impl Moved {
    pub(super) fn new(policy: Policy, training: &Training, budget_left: f64) -> Result<Self> {
        for (index, knob) in policy.knobs.iter().enumerate() {
            let within = |error: Error| error.within(&format!("knobs[{index}]"));
            knob.validate(training.examples).map_err(within)?;
            if !matches!(knob.moves, Moves::Residual { .. }) && knob.name != WEIGHTS {
                let moves = format!("{:?}", knob.moves);
                let allowed =
                    "the knobs of a tuner add to its servo: use Residual, or the knob `weights`";
                return Err(within(Error::config("moves", moves, allowed)));
            }
        }
        let encoder = Encoder::new(policy.observation.clone(), &policy.knobs, true)
            .map_err(|error| error.within("observation"))?;
        let positions = policy.knobs.iter().map(|knob| Position {
            // What a residual knob starts at is not looked at, but for the learning rate.
            value: match (knob.name.as_str(), &knob.initial) {
                (LEARNING_RATE, _) => training.learning_rate.into(),
                (WEIGHTS, Initial::Fixed(value)) => value.clone(),
                _ => 0.0.into(),
            },
            offset: 0.0,
        });
        Ok(Self {
            positions: positions.collect(),
            encoder,
            policy,
            budget_left,
            probing: true,
        })
    }

    /// Takes the report before any update.
    pub(super) fn start(&mut self, report: &Report) {
        self.encoder.start(report);
    }

    /// Takes the report of a segment, and where the budget stands after it.
    pub(super) fn record(&mut self, report: &Report, budget_left: f64, probing: bool) {
        self.encoder.record(report);
        (self.budget_left, self.probing) = (budget_left, probing);
        if report.diverged {
            for (knob, position) in self.policy.knobs.iter().zip(&mut self.positions) {
                if let (LEARNING_RATE, Value::Number(lr)) = (knob.name.as_str(), &position.value) {
                    let shrunk = lr * Divergence::default().learning_rate_factor;
                    position.value = Value::Number(knob.domain.nearest(shrunk));
                }
            }
        }
    }

    /// Lets the policy move its knobs. What is no choice of a knob, or is masked, moves nothing.
    pub(super) fn choose(&mut self, steering: &Steering) {
        let knobs = &self.policy.knobs;
        let mask = ActionMask {
            allowed: knobs
                .iter()
                .zip(&self.positions)
                .map(|(knob, position)| knob.allowed(position))
                .collect(),
        };
        let observation = Observation {
            features: self.encoder.encode(&Moment {
                knobs,
                positions: &self.positions,
                budget_left: self.budget_left,
                probing: self.probing,
                context: Some(steering.context()),
            }),
            mask: Some(mask.clone()),
        };
        let action = (self.policy.choose)(&observation);
        let each = knobs.iter().zip(&mut self.positions).zip(&action.choices);
        for (((knob, position), choice), allowed) in each.zip(&mask.allowed) {
            if allowed.get(*choice) == Some(&true) {
                *position = knob.apply(position, *choice);
            }
        }
    }

    /// Whether it wants to go on from the best weights.
    pub(super) fn goes_back(&self) -> bool {
        let mut each = self.policy.knobs.iter().zip(&self.positions);
        each.any(|(knob, position)| knob.name == WEIGHTS && position.value == BEST.into())
    }

    /// The settings from here on, where the share `f` of the budget is used.
    pub(super) fn settings(&mut self, steering: &mut Steering, f: f64) -> Settings {
        let knobs = &self.policy.knobs;
        steering.moved(f, &Settings::default(), knobs, &mut self.positions)
    }
}
