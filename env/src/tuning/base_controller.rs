//! The base controller of a process: what a context servo wants, and what a policy adds to it.

use super::{Episode, TuningConfig, TuningEnv};
use crate::servo::context_servo::{Context, Offsets, Steering};
use crate::tuning::knob::Position;
use crate::tuning::settings::{BATCH_SIZE, INDEPENDENT_WEIGHT_DECAY, LEARNING_RATE, ROLLBACK};
use crate::{Cost, Error, Knob, Moves, Result, Settings, TraineeSpec, Value};

/// The base controller at work on a new episode; `None` if the process has none.
pub(super) fn begin(
    config: &TuningConfig,
    positions: &[Position],
    spec: &TraineeSpec,
    budget: Cost,
) -> Result<Option<Steering>> {
    let Some(servo) = config.base_controller else {
        return Ok(None);
    };
    let context = Context::new(spec, budget).ok_or_else(|| {
        Error::config(
            "base_controller",
            "with measured cost",
            "it must know how many passes a budget buys; give the cost as Modelled(..)",
        )
    })?;
    let lr = super::settings(config, positions).learning_rate()?;
    Ok(Some(
        Steering::new(servo, context, lr).lowest_loss(spec.lowest_loss),
    ))
}

impl Offsets {
    /// What residual knobs at these positions add.
    pub fn of(knobs: &[Knob], positions: &[Position]) -> Self {
        let of = |name: &str| {
            let mut pairs = knobs.iter().zip(positions);
            pairs
                .find(|(knob, _)| knob.name == name && matches!(knob.moves, Moves::Residual { .. }))
                .map_or(0.0, |(_, position)| position.offset)
        };
        Self {
            update_ratio: of(LEARNING_RATE),
            batch_size: of(BATCH_SIZE),
            weight_decay: of(INDEPENDENT_WEIGHT_DECAY),
        }
    }
}

impl Episode {
    /// The settings that the base controller wants where the share `f` of the budget is used.
    pub(super) fn steered(&mut self, config: &TuningConfig, f: f64) -> Option<Settings> {
        let steering = self.steering.as_mut()?;
        let nothing = Offsets::default();
        let (base, knobs) = (&config.settings, &config.knobs);
        Some(steering.moved(f, base, &nothing, knobs, &mut self.positions))
    }
}

impl Steering {
    /// The settings from here on, where the share `f` of the budget is used, on top of `base`: residual knobs and `others` add to
    /// what the servo wants, and the knobs' positions take on the values that hold; other knobs have the last word on their
    /// settings.
    pub fn moved(
        &mut self,
        f: f64,
        base: &Settings,
        others: &Offsets,
        knobs: &[Knob],
        positions: &mut [Position],
    ) -> Settings {
        let mut settings =
            base.joined(&self.settings(f, &(Offsets::of(knobs, positions) + *others)));
        for (knob, position) in knobs.iter().zip(positions) {
            if let (Moves::Residual { .. }, Ok(number)) = (&knob.moves, settings.number(&knob.name))
            {
                position.value = Value::Number(knob.domain.nearest(number));
            }
            // A rollback of the servo's cannot be overridden by a choice.
            if !(knob.name == ROLLBACK && settings.from_best()) {
                settings.set(&knob.name, position.value.clone());
            }
        }
        settings
    }
}

impl TuningEnv {
    /// Lets the base controller try its first updates out, before the first segment.
    pub(super) fn start_probe(&mut self) -> Result<()> {
        let wanted = |environment: &Self| {
            let episode = environment.episode.as_ref()?;
            let first = episode.segments.is_empty();
            episode.steering.as_ref().filter(|_| first)?.probe()
        };
        while let Some(settings) = wanted(self) {
            let reports = self.look_ahead(&[(settings, 1)])?;
            let steering = self.episode.as_mut().and_then(|e| e.steering.as_mut());
            for (steering, report) in steering.into_iter().zip(&reports) {
                steering.probed(report);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::suite::NoisyQuadratic;
    use crate::tuning::settings::{BATCH_SIZE, INDEPENDENT_WEIGHT_DECAY};
    use crate::{
        Action, Context, ContextServo, Domain, Environment, History, Initial, Knob, Moves,
        TuningConfig, TuningEnv,
    };

    fn residual() -> Moves {
        Moves::Residual {
            factors: vec![0.5, 1.0, 2.0],
            max_offset: 1.0,
            accumulates: true,
        }
    }

    fn process() -> TuningConfig {
        let rates = Domain::LogUniform(1e-9, 1e3);
        let from = Initial::LogUniform(1e-6, 1e-2);
        let mut knobs = vec![
            Knob::learning_rate(rates, from, residual()),
            Knob::batch_size(&[8, 16, 32, 64, 128, 256], 64, residual()),
        ];
        knobs.push(Knob {
            name: INDEPENDENT_WEIGHT_DECAY.to_owned(),
            domain: Domain::LogUniform(1e-12, 0.1),
            initial: Initial::Fixed(1e-4.into()),
            moves: residual(),
        });
        TuningConfig {
            knobs,
            base_controller: Some(ContextServo::default()),
            ..NoisyQuadratic::tuning()
        }
    }

    fn environment() -> TuningEnv {
        TuningEnv::new(vec![NoisyQuadratic::default().into()], process()).unwrap()
    }

    /// The first segment already makes updates of the size that is wanted, whatever the rate was that it was given.
    #[test]
    fn the_start_probe_finds_the_rate_before_the_first_segment() {
        for seed in 1..6 {
            let mut environment = environment();
            environment.reset(seed).unwrap();
            let given = environment.settings().unwrap().learning_rate().unwrap();
            environment.step(&Action::new(vec![1, 1, 1])).unwrap();
            let spec = environment.instances()[0].trainee.spec();
            let context = Context::new(spec, environment.budget()).unwrap();
            let segment = &environment.segments()[0];
            let size = segment.settings.number(BATCH_SIZE).unwrap();
            let wanted =
                ContextServo::default().set_point(&context, &History::default(), 0.0, size);
            let ratio = segment.report.gradients.unwrap().update_ratio;
            let times = ratio / wanted;
            assert!((0.1..10.0).contains(&times), "{given}: {times}");
            // The start probe is part of the cost.
            assert!(segment.spent > segment.report.cost);
        }
    }

    #[test]
    fn choices_are_factors_on_what_the_base_controller_wants() {
        let (mut plain, mut moved) = (environment(), environment());
        plain.reset(3).unwrap();
        moved.reset(3).unwrap();
        plain.step(&Action::new(vec![1, 1, 1])).unwrap();
        moved.step(&Action::new(vec![1, 1, 2])).unwrap();
        let decay = |environment: &TuningEnv| {
            let settings = &environment.segments()[0].settings;
            settings.number(INDEPENDENT_WEIGHT_DECAY).unwrap()
        };
        assert!((decay(&moved) / decay(&plain) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_residual_without_a_base_controller_is_refused() {
        let config = TuningConfig {
            base_controller: None,
            ..process()
        };
        let instances = vec![NoisyQuadratic::default().into()];
        let error = TuningEnv::new(instances, config).err().unwrap().to_string();
        assert!(
            error.contains("knobs[0]") && error.contains("base controller"),
            "{error}"
        );
    }

    /// The features of the context are part of what a policy sees.
    #[test]
    fn the_context_is_observed() {
        let mut environment = environment();
        let observation = environment.reset(1).unwrap();
        let features = &environment.spec().features;
        assert_eq!(features.len(), observation.features.len());
        let names: Vec<&str> = features.iter().map(|f| f.name.as_str()).collect();
        let context = [
            "epochs", "updates", "adaptive", "capacity", "depth", "width",
        ];
        let wanted = [
            &context[..],
            &["blocks_adaptive", "blocks_plain", "pretrained"],
            &["update_cost", "targets"],
        ]
        .concat();
        assert!(names.ends_with(&wanted), "{names:?}");
    }
}
