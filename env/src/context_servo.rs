//! A servo on the size of the updates whose set-point knows what kind of training it regulates.

use crate::settings::{AVERAGING, BATCH_SIZE, LEARNING_RATE, WEIGHT_DECAY};
use crate::{Cost, Error, Report, Result, Settings, TraineeSpec};
use serde::{Deserialize, Serialize};

/// Largest factor by which one segment changes the learning rate.
const MAX_CHANGE: f64 = 64.0;
/// Range of the batch sizes.
const BATCHES: (f64, f64) = (8.0, 512.0);
/// Largest part of the weights that one update may take away.
const MAX_DECAY: f64 = 0.1;
/// The size of an update that the start probe looks for is found at the latest after so many attempts.
const PROBES: usize = 6;
/// What a diverged start probe divides the learning rate by.
const PROBE_FACTOR: f64 = 10.0;
/// What a diverged segment multiplies the learning rate with.
const DIVERGED_FACTOR: f64 = 0.25;

/// What is known of a training before it begins.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// Passes over the training examples that the budget buys at a batch size of 64.
    pub epochs: f64,
    /// Training examples.
    pub examples: f64,
    /// Number of weights.
    pub parameters: f64,
    /// Layers of weights; hidden layers are one fewer.
    pub layers: f64,
    /// Whether the optimiser normalises its updates for each weight, as Adam does.
    pub adaptive: bool,
}

impl Context {
    /// The context of a training with this budget; `None` if its cost is measured, so that nobody knows beforehand how many
    /// passes the budget buys.
    pub fn new(spec: &TraineeSpec, budget: Cost) -> Option<Self> {
        let epoch = spec.epoch_cost(crate::Budget::REFERENCE_BATCH)?;
        Some(Self {
            epochs: budget / epoch,
            examples: spec.train_examples as f64,
            parameters: spec.parameters as f64,
            layers: spec.layers as f64,
            adaptive: spec.adaptive,
        })
    }

    /// The names of [`Context::features`].
    pub const FEATURES: [&str; 4] = ["epochs", "adaptive", "capacity", "depth"];

    /// The four numbers that set-points depend on: `log10(epochs / 20)`, -1/2 or 1/2 for the optimiser,
    /// `log10(parameters / (3 examples))` and hidden layers less 2; each kept within -3 and 3, far beyond what any fit has
    /// seen.
    pub fn features(&self) -> [f64; 4] {
        let log = |ratio: f64| ratio.max(1e-30).log10();
        [
            log(self.epochs / 20.0),
            if self.adaptive { 0.5 } else { -0.5 },
            log(self.parameters / (3.0 * self.examples.max(1.0))),
            self.layers - 3.0,
        ]
        .map(|feature| feature.clamp(-3.0, 3.0))
    }
}

/// A number that depends on the context: linear in [`Context::features`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Terms {
    /// The number for 20 epochs, as many parameters as three times the examples, and two hidden layers.
    pub base: f64,
    /// Change for ten times the epochs.
    pub epochs: f64,
    /// Difference between an adaptive optimiser and another.
    pub adaptive: f64,
    /// Change for ten times the parameters an example.
    pub capacity: f64,
    /// Change for one more layer.
    pub depth: f64,
}

impl Terms {
    /// The number in this context.
    pub fn at(&self, context: &Context) -> f64 {
        let [epochs, adaptive, capacity, depth] = context.features();
        self.base
            + self.epochs * epochs
            + self.adaptive * adaptive
            + self.capacity * capacity
            + self.depth * depth
    }
}

/// A servo that regulates the relative size of the updates, `rho = |dw| / |w|`, to a set-point that depends on the share `f`
/// of the budget used and on the [`Context`], and that sets batch size, weight decay and averaging with it:
///
/// ```text
/// rho*(f)  = 10^(start + (end - start) f^shape) (b / 64)^batch_exponent
/// lr      <- lr clip(rho* / rho, 1/64, 64)
/// log2 b   = batch + batch_growth f                    b from 8 to 512
/// decay    = 10^decay rho*                             w <- w (1 - decay) at each update
/// averaged: e <- e + (w - e) / (1 + averaging t)       at each update, t of them so far
/// ```
///
/// `start`, `end`, `batch` and the exponent of `decay` are [`Terms`]. A training begins with a *start probe*: one update at
/// the learning rate that is given, after which the weights are put back, tells which rate makes updates of the size `rho*(0)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContextServo {
    /// Common logarithm of the set-point at the beginning.
    pub start: Terms,
    /// Common logarithm of the set-point at the end.
    pub end: Terms,
    /// Exponent of the share of the budget.
    pub shape: f64,
    /// Exponent of the batch size relative to 64.
    pub batch_exponent: f64,
    /// Binary logarithm of the batch size at the beginning.
    pub batch: Terms,
    /// How much larger it is at the end.
    pub batch_growth: f64,
    /// Common logarithm of the weight decay relative to the set-point.
    pub decay: Terms,
    /// How fast the averaged weights forget: 0 not to average, 1 for the mean of all weights so far.
    pub averaging: f64,
    /// Whether a training begins with a start probe.
    pub probe: bool,
}

impl Default for ContextServo {
    /// The shipped servo: the result of the fit that `experiments/configs/fit.ron` describes, rounded to three digits. What it
    /// is worth on data that it has not seen is on the experiments page.
    fn default() -> Self {
        Self {
            start: Terms {
                base: -1.533,
                epochs: -0.451,
                adaptive: 0.36,
                capacity: 0.135,
                depth: -0.048,
            },
            end: Terms {
                base: -2.323,
                epochs: -0.851,
                adaptive: -0.01,
                capacity: 0.071,
                depth: -0.254,
            },
            shape: 2.214,
            batch_exponent: 0.67,
            batch: Terms {
                base: 5.659,
                epochs: -0.519,
                adaptive: 0.0,
                capacity: 0.098,
                depth: 0.0,
            },
            batch_growth: 0.613,
            decay: Terms {
                base: -1.234,
                epochs: 0.119,
                adaptive: 0.0,
                capacity: 0.303,
                depth: 0.175,
            },
            averaging: 0.136,
            probe: true,
        }
    }
}

/// What a policy adds to a [`ContextServo`]: natural logarithms of factors, 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Offsets {
    /// On the set-point.
    pub update_ratio: f64,
    /// On the batch size.
    pub batch_size: f64,
    /// On the weight decay.
    pub weight_decay: f64,
}

impl ContextServo {
    /// The batch size at the share `f` of the budget: a whole number from 8 to 512 that is no larger than the examples.
    pub fn batch_size(&self, context: &Context, f: f64, offset: f64) -> f64 {
        let size = (self.batch.at(context) + self.batch_growth * f).exp2() * offset.exp();
        size.clamp(BATCHES.0, BATCHES.1)
            .round()
            .min(context.examples.max(1.0))
    }

    /// The set-point of the relative size of the updates at the share `f` of the budget with batches of `b`.
    pub fn set_point(&self, context: &Context, f: f64, b: f64) -> f64 {
        let (start, end) = (self.start.at(context), self.end.at(context));
        let exponent = start + (end - start) * f.clamp(0.0, 1.0).powf(self.shape);
        10f64.powf(exponent) * (b / 64.0).powf(self.batch_exponent)
    }

    /// The part of the weights that each update takes away, where updates have the relative size `rho`.
    pub fn weight_decay(&self, context: &Context, rho: f64) -> f64 {
        (10f64.powf(self.decay.at(context)) * rho).clamp(0.0, MAX_DECAY)
    }

    /// Checks every number.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first that is out of range.
    pub fn validate(&self) -> Result<()> {
        for (name, terms) in [
            ("start", self.start),
            ("end", self.end),
            ("batch", self.batch),
            ("decay", self.decay),
        ] {
            for (term, value) in [
                ("base", terms.base),
                ("epochs", terms.epochs),
                ("adaptive", terms.adaptive),
                ("capacity", terms.capacity),
                ("depth", terms.depth),
            ] {
                if !value.is_finite() {
                    let field = format!("{name}.{term}");
                    return Err(Error::config(field, value, "give a finite number"));
                }
            }
        }
        for (field, value) in [
            ("batch_exponent", self.batch_exponent),
            ("batch_growth", self.batch_growth),
        ] {
            if !value.is_finite() {
                return Err(Error::config(field, value, "give a finite number"));
            }
        }
        if !(self.shape.is_finite() && self.shape > 0.0) {
            return Err(Error::config(
                "shape",
                self.shape,
                "give a finite number above 0",
            ));
        }
        if !(0.0..=1.0).contains(&self.averaging) {
            let allowed = "give a number from 0 to 1";
            return Err(Error::config("averaging", self.averaging, allowed));
        }
        Ok(())
    }
}

/// A [`ContextServo`] at work on one training. It is told what happens and says which settings hold next.
///
/// ```
/// use trimtab_env::context_servo::{Context, ContextServo, Offsets, Steering};
/// use trimtab_env::Report;
/// let context = Context { epochs: 20.0, examples: 1000.0, parameters: 3000.0, layers: 3.0, adaptive: true };
/// let mut steering = Steering::new(ContextServo::default(), context, 0.1);
/// while let Some(settings) = steering.probe() {
///     // One update with these settings, and the weights put back.
///     assert_eq!(settings.learning_rate()?, 0.1);
///     steering.probed(&Report::default());
/// }
/// let settings = steering.settings(0.0, &Offsets::default());
/// assert_eq!(settings.batch_size()?, 51);
/// # Ok::<(), trimtab_env::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Steering {
    servo: ContextServo,
    context: Context,
    lr: f64,
    measured: Option<f64>,
    probes: usize,
    probing: bool,
}

impl Steering {
    /// Begins a training at the learning rate `lr`.
    pub fn new(servo: ContextServo, context: Context, lr: f64) -> Self {
        Self {
            probing: servo.probe,
            servo,
            context,
            lr,
            measured: None,
            probes: 0,
        }
    }

    /// The context.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The settings with which one update is to be tried before anything else; `None` once enough is known.
    pub fn probe(&self) -> Option<Settings> {
        let size = self.servo.batch_size(&self.context, 0.0, 0.0);
        self.probing.then(|| {
            Settings::default()
                .with(LEARNING_RATE, self.lr)
                .with(BATCH_SIZE, size)
        })
    }

    /// Takes the report of the update that was tried.
    pub fn probed(&mut self, report: &Report) {
        self.probes += 1;
        let measured = update_ratio(report);
        match measured {
            Some(ratio) if ratio > 0.0 => {
                let size = self.servo.batch_size(&self.context, 0.0, 0.0);
                // Where the first update stands does not bound where it should be: no clip.
                self.lr *= self.servo.set_point(&self.context, 0.0, size) / ratio;
                self.probing = false;
            }
            _ if report.diverged && self.probes < PROBES => self.lr /= PROBE_FACTOR,
            Some(_) | None => self.probing = false,
        }
    }

    /// Takes the report of a segment.
    pub fn record(&mut self, report: &Report) {
        self.probing = false;
        if report.diverged {
            self.lr *= DIVERGED_FACTOR;
            self.measured = None;
        } else {
            self.measured = update_ratio(report);
        }
    }

    /// The settings from here on, where the share `f` of the budget is used.
    pub fn settings(&mut self, f: f64, offsets: &Offsets) -> Settings {
        let size = self.servo.batch_size(&self.context, f, offsets.batch_size);
        let rho = self.servo.set_point(&self.context, f, size) * offsets.update_ratio.exp();
        if let Some(ratio) = self.measured.take().filter(|ratio| *ratio > 0.0) {
            self.lr *= (rho / ratio).clamp(1.0 / MAX_CHANGE, MAX_CHANGE);
        }
        let decay = self.servo.weight_decay(&self.context, rho) * offsets.weight_decay.exp();
        Settings::default()
            .with(LEARNING_RATE, self.lr)
            .with(BATCH_SIZE, size)
            .with(WEIGHT_DECAY, decay.min(MAX_DECAY))
            .with(AVERAGING, self.servo.averaging)
    }
}

fn update_ratio(report: &Report) -> Option<f64> {
    let ratio = report.gradients.map(|gradients| gradients.update_ratio);
    ratio.filter(|ratio| ratio.is_finite() && !report.diverged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GradientStatistics;
    use proptest::prelude::*;

    const CONTEXT: Context = Context {
        epochs: 20.0,
        examples: 1000.0,
        parameters: 3000.0,
        layers: 3.0,
        adaptive: true,
    };

    fn measured(ratio: f64) -> Report {
        Report {
            gradients: Some(GradientStatistics {
                update_ratio: ratio,
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    /// Numbers of which each is another, so that none can stand in for another.
    fn servo() -> ContextServo {
        let terms = |base| Terms {
            base,
            epochs: -0.9,
            adaptive: 0.1,
            capacity: 0.2,
            depth: 0.3,
        };
        ContextServo {
            start: terms(-1.8),
            end: terms(-3.0),
            shape: 1.5,
            batch_exponent: 0.5,
            batch: terms(5.3),
            batch_growth: 1.7,
            decay: terms(-0.9),
            averaging: 0.1,
            probe: true,
        }
    }

    #[test]
    fn the_middle_of_the_context_leaves_the_base_terms() {
        let servo = servo();
        let middle = |adaptive| Context {
            adaptive,
            ..CONTEXT
        };
        let start = servo.set_point(&middle(true), 0.0, 64.0);
        assert!((start / 10f64.powf(-1.8 + 0.05) - 1.0).abs() < 1e-12);
        let end = servo.set_point(&middle(false), 1.0, 256.0);
        assert!((end / (10f64.powf(-3.0 - 0.05) * 2.0) - 1.0).abs() < 1e-12);
        let half = servo.set_point(&middle(false), 0.5, 64.0);
        let exponent = -1.8 - 0.05 - 1.2 * 0.5f64.powf(1.5);
        assert!((half / 10f64.powf(exponent) - 1.0).abs() < 1e-12);
        let sizes = [0.0, 1.0].map(|f| servo.batch_size(&CONTEXT, f, 0.0));
        assert_eq!(sizes, [5.35, 7.05].map(|size| f64::exp2(size).round()));
        let decay = servo.weight_decay(&CONTEXT, 0.01);
        assert!((decay - 10f64.powf(-0.85) * 0.01).abs() < 1e-12);
    }

    #[test]
    fn each_feature_of_the_context_moves_a_term_by_its_coefficient() {
        let moved = |context: Context| servo().end.at(&context) - servo().end.at(&CONTEXT);
        let long = Context {
            epochs: 200.0,
            ..CONTEXT
        };
        let large = Context {
            parameters: 30_000.0,
            ..CONTEXT
        };
        let deep = Context {
            layers: 4.0,
            ..CONTEXT
        };
        let plain = Context {
            adaptive: false,
            ..CONTEXT
        };
        let all = [long, large, deep, plain].map(moved);
        for (moved, wanted) in all.into_iter().zip([-0.9, 0.2, 0.3, -0.1]) {
            assert!((moved - wanted).abs() < 1e-9, "{all:?}");
        }
    }

    #[test]
    fn a_probe_finds_the_rate_in_one_update() {
        let mut steering = Steering::new(servo(), CONTEXT, 1.0);
        // The size of the updates is a hundredth of the rate.
        assert!(steering.probe().is_some());
        steering.probed(&measured(0.01));
        assert!(steering.probe().is_none());
        let settings = steering.settings(0.0, &Offsets::default());
        let size = settings.number(BATCH_SIZE).unwrap();
        let wanted = servo().set_point(&CONTEXT, 0.0, size);
        let lr = settings.learning_rate().unwrap();
        assert!((0.01 * lr / wanted - 1.0).abs() < 1e-12, "{lr}");
    }

    #[test]
    fn a_probe_that_diverges_is_tried_again_at_a_tenth_but_not_for_ever() {
        let mut steering = Steering::new(ContextServo::default(), CONTEXT, 1.0);
        let diverged = Report {
            diverged: true,
            ..Default::default()
        };
        let mut rates = Vec::new();
        while let Some(settings) = steering.probe() {
            rates.push(settings.learning_rate().unwrap());
            steering.probed(&diverged);
        }
        assert_eq!(rates.len(), PROBES);
        assert!((rates[5] / 1e-5 - 1.0).abs() < 1e-9, "{rates:?}");
    }

    #[test]
    fn segments_regulate_the_size_of_the_updates() {
        let servo = ContextServo {
            probe: false,
            ..Default::default()
        };
        let mut steering = Steering::new(servo, CONTEXT, 0.1);
        assert!(steering.probe().is_none());
        let before = steering.settings(0.1, &Offsets::default());
        assert_eq!(before.learning_rate().unwrap(), 0.1);
        steering.record(&measured(0.02));
        let after = steering.settings(0.1, &Offsets::default());
        let rho = servo.set_point(&CONTEXT, 0.1, after.number(BATCH_SIZE).unwrap());
        let wanted = 0.1 * rho / 0.02;
        assert!((after.learning_rate().unwrap() / wanted - 1.0).abs() < 1e-12);
        // A measurement counts once; a divergence quarters what there is.
        steering.record(&Report {
            diverged: true,
            ..Default::default()
        });
        let quarter = steering.settings(0.1, &Offsets::default());
        assert!((quarter.learning_rate().unwrap() / (0.25 * wanted) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn offsets_are_factors() {
        let mut steering = Steering::new(ContextServo::default(), CONTEXT, 0.1);
        steering.record(&measured(0.02));
        let mut other = steering.clone();
        let plain = steering.settings(0.5, &Offsets::default());
        let offsets = Offsets {
            update_ratio: 2f64.ln(),
            weight_decay: 3f64.ln(),
            batch_size: 0.0,
        };
        let moved = other.settings(0.5, &offsets);
        let ratio = |name: &str| moved.number(name).unwrap() / plain.number(name).unwrap();
        assert!((ratio(LEARNING_RATE) - 2.0).abs() < 1e-12);
        // The decay goes with the set-point, and has a factor of its own.
        assert!((ratio(WEIGHT_DECAY) - 6.0).abs() < 1e-9);
        assert_eq!(ratio(BATCH_SIZE), 1.0);
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        let refused = |servo: ContextServo, field: &str| {
            let message = servo.validate().unwrap_err().to_string();
            assert!(message.starts_with(field), "{message}");
        };
        let mut servo = ContextServo::default();
        servo.end.capacity = f64::NAN;
        refused(servo, "end.capacity");
        let shape = ContextServo {
            shape: 0.0,
            ..Default::default()
        };
        refused(shape, "shape");
        let averaging = ContextServo {
            averaging: 1.5,
            ..Default::default()
        };
        refused(averaging, "averaging");
        assert!(ContextServo::default().validate().is_ok());
    }

    proptest! {
        /// Whatever the training is, the settings are possible ones.
        #[test]
        fn settings_are_always_possible(
            epochs in 1e-3..1e6f64, examples in 1.0..1e9f64, parameters in 1.0..1e12f64, layers in 1.0..200.0f64,
            adaptive: bool, f in 0.0..=1.0f64, ratio in 1e-12..1e3f64, z in -5.0..5.0f64,
        ) {
            let context = Context { epochs, examples: examples.round(), parameters, layers, adaptive };
            let mut steering = Steering::new(ContextServo::default(), context, 0.1);
            steering.record(&measured(ratio));
            let offsets = Offsets { update_ratio: z, batch_size: z, weight_decay: z };
            let settings = steering.settings(f, &offsets);
            prop_assert!(settings.learning_rate().is_ok());
            prop_assert!(settings.batch_size().unwrap() as f64 <= context.examples);
            let decay = settings.number(WEIGHT_DECAY).unwrap();
            prop_assert!((0.0..=MAX_DECAY).contains(&decay));
        }
    }
}
