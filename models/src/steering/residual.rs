//! What a policy adds to a servo at work on one training.

use trimtab_env::servo::context_servo::{Offsets, Steering};
use trimtab_env::settings::{BEST, LEARNING_RATE, ROLLBACK};
use trimtab_env::tuning::Divergence;
use trimtab_env::tuning::knob::Position;
use trimtab_env::tuning::observation::{Encoder, Moment};
use trimtab_env::{
    ActionMask, Error, Initial, Moves, Observation, Report, Residual, ResidualPolicy, Result,
    Settings, Value,
};

/// A policy at work on one training.
pub(crate) struct Moved {
    policy: ResidualPolicy,
    positions: Vec<Position>,
    encoder: Encoder,
    budget_left: f64,
    short_segment: bool,
}

impl Moved {
    /// Begins a training of so many examples, whose start probe begins at `learning_rate`.
    pub(crate) fn new(
        policy: ResidualPolicy,
        examples: usize,
        learning_rate: f64,
        budget_left: f64,
    ) -> Result<Self> {
        let Residual { knobs, observation } = &policy.residual;
        for (index, knob) in knobs.iter().enumerate() {
            let within = |error: Error| error.within(&format!("knobs[{index}]"));
            knob.validate(examples).map_err(within)?;
            if !matches!(knob.moves, Moves::Residual { .. }) && knob.name != ROLLBACK {
                let moves = format!("{:?}", knob.moves);
                let allowed = "the knobs add to a servo: use Residual, or the knob `weights`";
                return Err(within(Error::config("moves", moves, allowed)));
            }
        }
        let encoder = Encoder::new(observation.clone(), knobs, true)
            .map_err(|error| error.within("observation"))?;
        let positions = knobs.iter().map(|knob| Position {
            // What a residual knob starts at is not looked at, but for the learning rate.
            value: match (knob.name.as_str(), &knob.initial) {
                (LEARNING_RATE, _) => learning_rate.into(),
                (ROLLBACK, Initial::Fixed(value)) => value.clone(),
                _ => 0.0.into(),
            },
            offset: 0.0,
        });
        Ok(Self {
            positions: positions.collect::<Vec<_>>(),
            encoder,
            policy,
            budget_left,
            short_segment: true,
        })
    }

    /// Takes the report before any update, of a training whose loss can be as low as `lowest`.
    pub(crate) fn start(&mut self, report: &Report, lowest: f64) {
        self.encoder.start(report, lowest);
    }

    /// Takes the report of a segment, and where the budget stands after it.
    pub(crate) fn record(&mut self, report: &Report, budget_left: f64, short_segment: bool) {
        self.encoder.record(report);
        (self.budget_left, self.short_segment) = (budget_left, short_segment);
        if report.diverged {
            for (knob, position) in self.policy.residual.knobs.iter().zip(&mut self.positions) {
                if let (LEARNING_RATE, Value::Number(lr)) = (knob.name.as_str(), &position.value) {
                    let shrunk = lr * Divergence::default().learning_rate_factor;
                    position.value = Value::Number(knob.domain.nearest(shrunk));
                }
            }
        }
    }

    /// Lets the policy move its knobs. What is no choice of a knob, or is masked, moves nothing.
    pub(crate) fn choose(&mut self, steering: &Steering) {
        let knobs = &self.policy.residual.knobs;
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
                short_segment: self.short_segment,
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

    /// What it adds to the servo.
    pub(crate) fn offsets(&self) -> Offsets {
        Offsets::of(&self.policy.residual.knobs, &self.positions)
    }

    /// Whether it wants to go on from the best weights.
    pub(crate) fn goes_back(&self) -> bool {
        let mut each = self.policy.residual.knobs.iter().zip(&self.positions);
        each.any(|(knob, position)| knob.name == ROLLBACK && position.value == BEST.into())
    }

    /// The settings from here on, where the share `f` of the budget is used, with `offsets` beside its own.
    pub(crate) fn settings(
        &mut self,
        steering: &mut Steering,
        f: f64,
        offsets: &Offsets,
    ) -> Settings {
        let knobs = &self.policy.residual.knobs;
        let base = Settings::default();
        steering.moved(f, &base, offsets, knobs, &mut self.positions)
    }
}
