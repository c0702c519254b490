//! A servo on the size of the updates whose set-point depends on what kind of training it regulates, and on how that goes.

mod context;
mod guard;
mod history;
mod steering;

pub use context::{Context, Terms};
pub use guard::Guard;
pub use history::{Feedback, History, Memory};
pub use steering::{Offsets, Steering};

use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// Range of the batch sizes.
const BATCHES: (f64, f64) = (8.0, 512.0);
/// Largest part of the weights that one update may take away.
const MAX_DECAY: f64 = 0.1;

/// A servo that regulates the relative size of the updates, `rho = |dw| / |w|`, to a set-point that depends on the share `f`
/// of the budget used and on the [`Context`], and that sets batch size, weight decay and averaging with it:
///
/// ```text
/// rho*(f)  = 10^(start + (end - start) f^shape + feedback) (b / 64)^batch_exponent / excess_units^units_exponent
/// lr      <- rho* g, by no more than a factor of 64    g: lr / rho as it was measured, remembered by `memory`
/// log2 b   = batch + batch_growth f                    b from 8 to 512
/// decay    = 10^(decay + decay_feedback) rho*          w <- w (1 - decay) at each update
/// averaged: e <- e + (w - e) / (1 + averaging t)       at each update, t of them so far
/// ```
///
/// `start`, `end`, `batch` and the exponent of `decay` are [`Terms`]; `feedback` and `decay_feedback` are [`Feedback`] of what the
/// training shows. A training begins with a *start probe*: one update at the given learning rate, after which the weights are put
/// back, tells which rate makes updates of the size `rho*(0)`. A *loss spike*, a loss that jumps within a segment, lowers the rate
/// at once. The [`Guard`] keeps the rate to what was seen to work.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContextServo {
    /// Common logarithm of the set-point at the beginning.
    pub start: Terms,
    /// Common logarithm of the set-point at the end.
    pub end: Terms,
    /// By which power of [`Context::excess_units`] set-points are divided; 0 for none. With Adam the rate that changes the outputs of a
    /// layer as much is the inverse of its inputs (Yang et al. 2022, "Tensor Programs V", table 3), and of a single hidden layer nearly
    /// all of the weights' size is in the first layer, where it does not depend on them: 1.
    pub units_exponent: f64,
    /// Exponent of the share of the budget.
    pub shape: f64,
    /// What the history of the training adds to the logarithm of the set-point.
    pub feedback: Feedback,
    /// How slowly it learns how large an update is at a given learning rate.
    pub memory: Memory,
    /// Exponent of the batch size relative to 64.
    pub batch_exponent: f64,
    /// Binary logarithm of the batch size at the beginning.
    pub batch: Terms,
    /// How much larger it is at the end.
    pub batch_growth: f64,
    /// Common logarithm of the weight decay relative to the set-point.
    pub decay: Terms,
    /// What the history of the training adds to it.
    pub decay_feedback: Feedback,
    /// How fast the averaged weights forget: 0 not to average, 1 for the mean of all weights so far.
    pub averaging: f64,
    /// The ratio of the training loss to that of the segment before from which it is a loss spike, 0 for none. A spike in the
    /// second half of a segment divides the rate by that ratio, 64 at most, and forgets what was measured of the updates: the data
    /// have changed, or the last updates were far too large.
    pub loss_spike: f64,
    /// Whether a training begins with a start probe.
    pub probe: bool,
    /// What bounds the rate, and when the best weights come back.
    pub guard: Guard,
}

impl Default for ContextServo {
    /// The shipped servo: the result of the fit that `experiments/configs/fit.ron` describes, rounded to three digits, and what
    /// `fit_blocks.ron` adds to it where layers come in blocks, and `fit_pretrained.ron` for weights of an earlier training. Two
    /// things are not from these fits, which know few rows and one price of an update: that the start falls with the updates where the fit has
    /// it fall with the passes was chosen on tables of up to 50,000 rows, and what an update costs is in the terms that
    /// did best on data sets of the fit where it costs 2 to 700 examples (the journal of the experiments has the figures).
    /// What it is worth on data that it has not seen is on the experiments page.
    fn default() -> Self {
        Self {
            start: Terms {
                base: -1.711,
                epochs: 0.0,
                updates: -0.45,
                adaptive: 0.402,
                capacity: 0.031,
                depth: -0.016,
                width: -0.138,
                blocks_adaptive: -0.974,
                blocks_plain: -0.916,
                pretrained: -0.309,
                update_cost: -0.2,
                targets: 0.0,
            },
            end: Terms {
                base: -1.994,
                epochs: -0.771,
                updates: 0.0,
                adaptive: -0.502,
                capacity: 0.146,
                depth: -0.378,
                width: -0.523,
                blocks_adaptive: 2.204,
                blocks_plain: 0.433,
                pretrained: -0.77,
                update_cost: -0.2,
                targets: -0.9,
            },
            units_exponent: 1.0,
            shape: 1.997,
            feedback: Feedback {
                progress: 0.212,
                gap: 0.058,
            },
            memory: Memory {
                raise: 0.276,
                lower: 0.0,
            },
            batch_exponent: 0.67,
            batch: Terms {
                base: 6.217,
                epochs: -0.693,
                updates: 0.0,
                adaptive: 0.0,
                capacity: 0.098,
                depth: 0.0,
                width: 0.0,
                blocks_adaptive: -1.265,
                blocks_plain: -0.507,
                pretrained: -0.155,
                update_cost: 1.3,
                targets: -1.0,
            },
            batch_growth: 0.162,
            decay: Terms {
                base: -1.414,
                epochs: 0.119,
                updates: 0.0,
                adaptive: 0.0,
                capacity: 0.303,
                depth: 0.175,
                width: 0.0,
                blocks_adaptive: -0.566,
                blocks_plain: 0.137,
                pretrained: -0.103,
                update_cost: 0.0,
                targets: 0.0,
            },
            decay_feedback: Feedback {
                progress: 0.0,
                gap: 0.06,
            },
            averaging: 0.07,
            loss_spike: 13.3,
            probe: true,
            guard: Guard::default(),
        }
    }
}

impl ContextServo {
    /// The batch size at the share `f` of the budget: a whole number from 8 to 512 that is no larger than the examples.
    pub fn batch_size(&self, context: &Context, f: f64, offset: f64) -> f64 {
        let size = (self.batch.at(context) + self.batch_growth * f).exp2() * offset.exp();
        size.clamp(BATCHES.0, BATCHES.1)
            .round()
            .min(context.examples.max(1.0))
    }

    /// The set-point of the relative size of the updates at the share `f` of the budget with batches of `b`, in a training with
    /// this history.
    pub fn set_point(&self, context: &Context, history: &History, f: f64, b: f64) -> f64 {
        let (start, end) = (self.start.at(context), self.end.at(context));
        let planned = start + (end - start) * f.clamp(0.0, 1.0).powf(self.shape);
        let exponent = planned + self.feedback.at(history);
        let narrow = 10f64.powf(exponent) / context.excess_units().powf(self.units_exponent);
        let wanted = narrow * (b / 64.0).powf(self.batch_exponent);
        self.guard.set_point(wanted, context.layers)
    }

    /// The part of the weights that each update takes away, where updates have the relative size `rho`.
    pub fn weight_decay(&self, context: &Context, history: &History, rho: f64) -> f64 {
        let exponent = self.decay.at(context) + self.decay_feedback.at(history);
        (10f64.powf(exponent) * rho).clamp(0.0, MAX_DECAY)
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
                ("updates", terms.updates),
                ("adaptive", terms.adaptive),
                ("capacity", terms.capacity),
                ("depth", terms.depth),
                ("width", terms.width),
                ("blocks_adaptive", terms.blocks_adaptive),
                ("blocks_plain", terms.blocks_plain),
                ("pretrained", terms.pretrained),
                ("update_cost", terms.update_cost),
                ("targets", terms.targets),
            ] {
                if !value.is_finite() {
                    let field = format!("{name}.{term}");
                    return Err(Error::config(field, value, "give a finite number"));
                }
            }
        }
        for (field, value) in [
            ("units_exponent", self.units_exponent),
            ("batch_exponent", self.batch_exponent),
            ("batch_growth", self.batch_growth),
            ("feedback.progress", self.feedback.progress),
            ("feedback.gap", self.feedback.gap),
            ("decay_feedback.progress", self.decay_feedback.progress),
            ("decay_feedback.gap", self.decay_feedback.gap),
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
        for (field, value) in [
            ("memory.raise", self.memory.raise),
            ("memory.lower", self.memory.lower),
        ] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::config(field, value, "give a finite number from 0"));
            }
        }
        if !(self.loss_spike == 0.0 || self.loss_spike.is_finite() && self.loss_spike > 1.0) {
            let allowed = "give a finite number above 1, or 0 for no loss spikes";
            return Err(Error::config("loss_spike", self.loss_spike, allowed));
        }
        if !(0.0..=1.0).contains(&self.averaging) {
            let allowed = "give a number from 0 to 1";
            return Err(Error::config("averaging", self.averaging, allowed));
        }
        self.guard.validate().map_err(|error| error.within("guard"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const CONTEXT: Context = Context::BASE;

    /// Numbers of which each is another, so that none can stand in for another.
    pub(super) fn servo() -> ContextServo {
        let terms = |base| Terms {
            base,
            epochs: -0.9,
            updates: 0.05,
            adaptive: 0.1,
            capacity: 0.2,
            depth: 0.3,
            width: 0.4,
            blocks_adaptive: 0.5,
            blocks_plain: 0.6,
            pretrained: 0.7,
            update_cost: 0.8,
            targets: 0.9,
        };
        ContextServo {
            start: terms(-1.8),
            end: terms(-3.0),
            units_exponent: 1.0,
            shape: 1.5,
            feedback: Feedback::default(),
            memory: Memory::default(),
            batch_exponent: 0.5,
            batch: terms(5.3),
            batch_growth: 1.7,
            decay: terms(-0.9),
            decay_feedback: Feedback::default(),
            averaging: 0.1,
            loss_spike: 10.0,
            probe: true,
            guard: Guard::OFF,
        }
    }

    #[test]
    fn the_middle_of_the_context_leaves_the_base_terms() {
        let servo = servo();
        let middle = |adaptive| Context {
            adaptive,
            ..CONTEXT
        };
        let start = servo.set_point(&middle(true), &History::default(), 0.0, 64.0);
        assert!((start / 10f64.powf(-1.8 + 0.05) - 1.0).abs() < 1e-12);
        let end = servo.set_point(&middle(false), &History::default(), 1.0, 256.0);
        assert!((end / (10f64.powf(-3.0 - 0.05) * 2.0) - 1.0).abs() < 1e-12);
        let half = servo.set_point(&middle(false), &History::default(), 0.5, 64.0);
        let exponent = -1.8 - 0.05 - 1.2 * 0.5f64.powf(1.5);
        assert!((half / 10f64.powf(exponent) - 1.0).abs() < 1e-12);
        let sizes = [0.0, 1.0].map(|f| servo.batch_size(&CONTEXT, f, 0.0));
        assert_eq!(sizes, [5.35, 7.05].map(|size| f64::exp2(size).round()));
        let decay = servo.weight_decay(&CONTEXT, &History::default(), 0.01);
        assert!((decay - 10f64.powf(-0.85) * 0.01).abs() < 1e-12);
    }

    #[test]
    fn each_feature_of_the_context_moves_a_term_by_its_coefficient() {
        let moved = |context: Context| servo().end.at(&context) - servo().end.at(&CONTEXT);
        let long = Context {
            epochs: 200.0,
            ..CONTEXT
        };
        let few = Context {
            examples: 409.6,
            ..CONTEXT
        };
        // As many weights a layer, and as many examples for each weight.
        let layers = |layers: f64, adaptive| Context {
            examples: layers * 4096.0 / 3.0,
            parameters: layers * 4096.0,
            layers,
            adaptive,
            ..CONTEXT
        };
        let deep = layers(4.0, true);
        let wide = Context {
            examples: 409_600.0,
            parameters: 1_228_800.0,
            ..CONTEXT
        };
        let plain = Context {
            adaptive: false,
            ..CONTEXT
        };
        let pretrained = Context {
            pretrained: true,
            ..CONTEXT
        };
        let dear = Context {
            update_cost: 700.0,
            ..CONTEXT
        };
        let windows = Context {
            targets: 10.0,
            ..CONTEXT
        };
        let all = [long, few, deep, wide, plain, pretrained, dear, windows].map(moved);
        // The updates go with the passes and with the examples.
        let updates = 0.05;
        let layer_more = 0.3 + updates * (4.0f64 / 3.0).log10();
        let wanted = [
            -0.9 + updates,
            0.2 - updates,
            layer_more,
            0.4 + 2.0 * updates,
            -0.1,
            0.7,
            0.8,
            0.9,
        ];
        for (moved, wanted) in all.into_iter().zip(wanted) {
            assert!((moved - wanted).abs() < 1e-9, "{all:?}");
        }
        // From five layers on it is their ratio that counts, by another term for each kind of optimiser.
        let blocks = [true, false].map(|adaptive| {
            let of = |count: f64| servo().end.at(&layers(count, adaptive));
            [of(50.0) - of(5.0), of(5.0) - of(3.0)]
        });
        // As many examples for each weight, so that the updates go with the layers.
        let fewer = 0.6 + updates * (5.0f64 / 3.0).log10();
        let wanted = [[0.5 + updates, fewer], [0.6 + updates, fewer]];
        for (moved, wanted) in blocks.into_iter().zip(wanted) {
            for (moved, wanted) in moved.into_iter().zip(wanted) {
                assert!((moved - wanted).abs() < 1e-9, "{blocks:?}");
            }
        }
    }

    #[test]
    fn an_update_that_costs_less_than_one_example_counts_as_one() {
        let of = |update_cost| {
            let context = Context {
                update_cost,
                ..CONTEXT
            };
            context.features()[9]
        };
        assert!((of(1.0) - of(0.0)).abs() < 1e-3, "{}", of(1.0));
        assert!(of(2.0) > of(1.0));
        assert_eq!(of(70.0), 0.0);
        assert_eq!(of(f64::INFINITY), of(700.0));
    }

    /// The square root of the cost is the theory; what the servo has is less, and small updates beside it.
    /// A single layer of 4,096 units has few weights for its width.
    #[test]
    fn updates_shrink_with_the_units_beyond_512() {
        let set_point = |units| {
            let context = Context {
                parameters: 200_000.0,
                layers: 2.0,
                units,
                ..CONTEXT
            };
            let servo = ContextServo {
                units_exponent: 0.5,
                ..servo()
            };
            [0.0, 1.0].map(|f| servo.set_point(&context, &History::default(), f, 64.0))
        };
        for (units, times) in [(64.0, 1.0), (512.0, 1.0), (2048.0, 0.5), (8192.0, 0.25)] {
            for (narrow, wide) in set_point(0.0).into_iter().zip(set_point(units)) {
                assert!((wide / narrow - times).abs() < 1e-12, "{units}");
            }
        }
        // Square layers are as wide as they seem.
        let square = Context {
            parameters: 2048.0 * 2048.0,
            units: 2048.0,
            ..CONTEXT
        };
        assert_eq!(square.excess_units(), 1.0);
    }

    #[test]
    fn batches_grow_with_what_an_update_costs() {
        let servo = ContextServo::default();
        let size = |update_cost| {
            let context = Context {
                update_cost,
                ..CONTEXT
            };
            servo.batch_size(&context, 0.0, 0.0)
        };
        let times = size(700.0) / size(7.0);
        assert!((times.log10() / 2.0 - 0.39).abs() < 0.01, "{times}");
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
        let loss_spike = ContextServo {
            loss_spike: 0.5,
            ..Default::default()
        };
        refused(loss_spike, "loss_spike");
        assert!(ContextServo::default().validate().is_ok());
    }
}
