//! A context servo at work on one training.

use super::guard::Watch;
use super::{Context, ContextServo, History, MAX_DECAY};
use crate::tuning::settings::{
    AVERAGING, BATCH_SIZE, BEST, INDEPENDENT_WEIGHT_DECAY, LEARNING_RATE, ROLLBACK,
};
use crate::{NetworkSize, Pruned, Report, Settings};
use serde::{Deserialize, Serialize};
use std::ops::Add;

/// Largest factor by which one segment changes the learning rate.
const MAX_CHANGE: f64 = 64.0;
/// The start probe makes at most this many attempts.
const PROBES: usize = 6;
/// What a diverged start probe divides the learning rate by.
const PROBE_FACTOR: f64 = 10.0;
/// What a diverged segment multiplies the learning rate with.
const DIVERGED_FACTOR: f64 = 0.25;

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

/// The logarithms of the products of the factors.
impl Add for Offsets {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            update_ratio: self.update_ratio + other.update_ratio,
            batch_size: self.batch_size + other.batch_size,
            weight_decay: self.weight_decay + other.weight_decay,
        }
    }
}

/// A [`ContextServo`] at work on one training. It is told what happens and says which settings hold next.
///
/// ```
/// use trimtab_env::servo::context_servo::{Context, ContextServo, Offsets, Steering};
/// use trimtab_env::Report;
/// let context = Context { epochs: 20.0, examples: 1000.0, parameters: 3000.0, layers: 3.0, ..Context::default() };
/// let mut steering = Steering::new(ContextServo::default(), context, 0.1);
/// while let Some(settings) = steering.probe() {
///     // One update with these settings, and the weights put back.
///     assert_eq!(settings.learning_rate()?, 0.1);
///     steering.probed(&Report::default());
/// }
/// let settings = steering.settings(0.0, &Offsets::default());
/// assert_eq!(settings.batch_size()?, 74);
/// # Ok::<(), trimtab_env::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Steering {
    servo: ContextServo,
    context: Context,
    history: History,
    lr: f64,
    /// Logarithm of learning rate over size of the updates, once segments have measured it.
    gain: Option<f64>,
    /// Segments that have measured it.
    measurements: u64,
    /// Whether the last one did.
    fresh: bool,
    probes: usize,
    probing: bool,
    /// Training loss of the last segment.
    loss: Option<f64>,
    watch: Watch,
    /// Logarithm of the factor that others put on the rate that the servo wants. It does not count as a rise of the servo's.
    added: f64,
    /// The lowest value that the loss can take.
    lowest: f64,
    /// Whether the servo found the rate. Nothing is known of a rate that it was given, so that one bounds nothing.
    found: bool,
}

impl Steering {
    /// Begins a training at the learning rate `lr`.
    pub fn new(servo: ContextServo, context: Context, lr: f64) -> Self {
        Self {
            probing: servo.probe,
            servo,
            context,
            history: History::default(),
            lr,
            gain: None,
            measurements: 0,
            fresh: false,
            probes: 0,
            loss: None,
            watch: Watch::default(),
            added: 0.0,
            lowest: 0.0,
            found: false,
        }
    }

    /// The same for a loss that can be as low as this; 0 without it.
    pub fn lowest_loss(mut self, lowest: f64) -> Self {
        self.lowest = lowest;
        self
    }

    /// The same before a training that goes on from weights of an earlier one.
    pub fn fine_tuning(mut self) -> Self {
        self.context.pretrained = true;
        self
    }

    /// The same where an update costs as much as this many examples, beside its own.
    pub fn update_cost(mut self, examples: f64) -> Self {
        self.context.update_cost = examples;
        self
    }

    /// The same where an example has so many targets.
    pub fn targets_per_example(mut self, targets: usize) -> Self {
        self.context.targets = targets as f64;
        self
    }

    /// Takes the size that the first gradients show the network to have.
    pub fn resize(&mut self, size: NetworkSize) {
        self.context.parameters = size.weights as f64;
        self.context.layers = size.layers as f64;
        self.context.units = size.units as f64;
    }

    /// The context.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// What the training has shown so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The size of the updates that is wanted where the share `f` of the budget is used.
    pub fn set_point(&self, f: f64, offsets: &Offsets) -> f64 {
        let size = self.servo.batch_size(&self.context, f, offsets.batch_size);
        let planned = self.servo.set_point(&self.context, &self.history, f, size);
        planned * self.watch.caution(&self.servo.guard) * offsets.update_ratio.exp()
    }

    /// Takes over what `best` had measured, because somebody else brought its weights back.
    pub fn go_back(&mut self, best: &Self) {
        let mut watch = self.watch;
        watch.returned();
        self.clone_from(best);
        self.watch = watch;
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
        let report = &report.clone().above(self.lowest);
        self.probes += 1;
        self.history.record(report);
        let measured = update_ratio(report);
        match measured {
            Some(ratio) if ratio > 0.0 => {
                self.see_weight(ratio);
                // The first update may be off by any factor: no clip.
                self.lr *= self.set_point(0.0, &Offsets::default()) / ratio;
                self.probing = false;
                self.found = true;
            }
            _ if report.diverged && self.probes < PROBES => self.lr /= PROBE_FACTOR,
            Some(_) | None => self.probing = false,
        }
    }

    /// Takes the report of a segment.
    pub fn record(&mut self, report: &Report) {
        let report = &report.clone().above(self.lowest);
        self.probing = false;
        self.fresh = false;
        let pruned = report.pruned.as_ref();
        let other_network = pruned.is_some_and(|pruned| self.pruned(pruned));
        self.history.record(report);
        let validation = report.validation.as_ref().filter(|_| !report.diverged);
        let own = self.found.then(|| self.lr / self.added.exp());
        self.watch
            .record(own, validation.map(|validation| validation.loss));
        let says_nothing = report.diverged || other_network || self.context.pretrained;
        if let (Some(first), false) = (self.history.first, says_nothing) {
            // Both halves: a single minibatch may be a bad one.
            let train = report
                .train
                .map(|train| train.first_half.min(train.second_half));
            let validation = validation.map(|validation| validation.loss);
            self.watch
                .compare(&self.servo.guard, first, train, validation);
        }
        let loss_spike = self.loss_spike(report);
        self.loss = report.train.map(|train| train.mean).or(self.loss);
        if report.diverged {
            self.lr *= DIVERGED_FACTOR;
            // Nothing is known of the weights that come back.
            self.gain = None;
            self.measurements = 0;
        } else if let Some(times) = loss_spike {
            // What was measured of the updates was before the spike. Where a loss has vanished, gradients go with it.
            self.lr /= times.min(MAX_CHANGE);
            self.gain = None;
            self.measurements = 0;
        } else if let Some(ratio) = update_ratio(report).filter(|ratio| *ratio > 0.0) {
            self.see_weight(ratio);
            let measured = (self.lr / ratio).ln();
            let memory = self.servo.memory;
            self.gain = Some(memory.learn(self.gain, measured, self.measurements));
            self.measurements += 1;
            self.fresh = true;
        }
    }

    /// Takes the size of updates at the present rate.
    fn see_weight(&mut self, ratio: f64) {
        if self.context.adaptive {
            self.watch.measured(self.lr / ratio);
        }
    }

    /// Takes the numbers of weights and units that pruning has left; whether some have left since.
    fn pruned(&mut self, pruned: &Pruned) -> bool {
        let weights = pruned.weights as f64;
        let other_network = weights != self.context.parameters;
        if other_network {
            self.context.parameters = weights;
            let widest = pruned.units.iter().max();
            self.context.units = widest.map_or(self.context.units, |units| *units as f64);
            // A loss that is higher than before is not the learning rate's doing.
            self.loss = None;
            self.watch.other_network();
        }
        other_network
    }

    /// The ratio of the training loss in the second half of this segment to that of the segment before, if it is a loss spike.
    fn loss_spike(&self, report: &Report) -> Option<f64> {
        // Losses count from the lowest there can be; if one is below it, the lowest is not known, and a ratio says nothing.
        let before = self.loss.filter(|loss| *loss > 0.0)?;
        let times = report.train?.second_half / before;
        let threshold = self.servo.loss_spike;
        (threshold > 0.0 && times.is_finite() && times > threshold).then_some(times)
    }

    /// The settings from here on, where the share `f` of the budget is used. Those of a segment that is to begin at the best weights
    /// say so ([`Settings::from_best`]).
    pub fn settings(&mut self, f: f64, offsets: &Offsets) -> Settings {
        let size = self.servo.batch_size(&self.context, f, offsets.batch_size);
        let guard = self.servo.guard;
        let goes_back = self.watch.goes_back(&guard, f);
        let rho = self.set_point(f, offsets);
        if goes_back {
            self.lr = self.watch.retreated(&guard, self.lr);
            self.added = 0.0;
        } else if let Some(gain) = self.gain.filter(|_| self.fresh) {
            let change = rho * gain.exp() / self.lr;
            self.lr *= change.clamp(1.0 / MAX_CHANGE, MAX_CHANGE);
            self.added = offsets.update_ratio;
            self.found = true;
        }
        if self.found {
            let factor = self.added.exp();
            self.lr = self.watch.bounded(&guard, self.lr / factor) * factor;
        }
        let decay =
            self.servo.weight_decay(&self.context, &self.history, rho) * offsets.weight_decay.exp();
        let settings = Settings::default()
            .with(LEARNING_RATE, self.lr)
            .with(BATCH_SIZE, size)
            .with(INDEPENDENT_WEIGHT_DECAY, decay.min(MAX_DECAY))
            .with(AVERAGING, self.servo.averaging);
        if goes_back {
            settings.with(ROLLBACK, BEST)
        } else {
            settings
        }
    }
}

fn update_ratio(report: &Report) -> Option<f64> {
    let ratio = report.gradients.map(|gradients| gradients.update_ratio);
    ratio.filter(|ratio| ratio.is_finite() && !report.diverged)
}

#[cfg(test)]
mod tests;
