//! A training loop of one's own under a context servo, without its weights.

mod training;

pub use training::Training;

use crate::servo::context_servo::{Context, ContextServo, Offsets, Steering};
use crate::settings::BATCH_SIZE;
use crate::{
    Budget, Cost, CostModel, Error, GradientStatistics, NetworkSize, Report, Result, Segment,
    Segments, Settings, Tally, TraineeSpec, UpdateTime, Validation,
};
use serde::{Deserialize, Serialize};

/// A validation loss above this many times the loss before training counts as a divergence: nothing that practitioners
/// keep comes back from there.
const DIVERGED_TIMES: f64 = 10.0;
/// The most that an update may cost beside its examples, in examples: at a microsecond each, a quarter of an hour.
const MOST_COST: f64 = 1e9;

/// Whether a training whose validation loss was `first` before it and is `loss` now has diverged. Both are measured from the lowest
/// loss that there can be; if the first was not above it, the lowest is not known, and only what is not finite has diverged.
pub fn has_diverged(loss: f64, first: f64, lowest: f64) -> bool {
    let (above, first) = (loss - lowest, first - lowest);
    !loss.is_finite() || first > 0.0 && above > DIVERGED_TIMES * first
}

/// What the end of a segment means for the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// These are the weights before training: the first segment begins.
    First,
    /// They are better than all before: keep a copy, with the optimiser's state.
    Best,
    /// They are not.
    Worse,
    /// They are of no use: the best ones come back, with an optimiser that has made no update.
    Diverged,
}

/// A training loop under a [`ContextServo`]: it says which settings hold at the next update, when a segment is over, what that means
/// for the weights, and when the budget is used up. Whoever has the weights makes the updates and counts them in a [`Tally`]: the
/// `Tuner` of burn models, and that of PyTorch.
///
/// ```
/// use trimtab_env::{ContextServo, GradientStatistics, NetworkSize, SteeredTraining, Tally, Training, Verdict};
/// let training = Training { examples: 500, validation_examples: 100, epochs: 3.0, adaptive: false, learning_rate: 0.1 };
/// let size = NetworkSize { weights: 1000, layers: 2, units: 40 };
/// let mut steered = SteeredTraining::new(training, ContextServo::default(), size)?;
/// let mut tally = Tally::new(steered.cost());
/// // A loss that halves with each segment, and updates that are as large as the rate.
/// let (mut loss, mut best) = (4.0, 0);
/// while !steered.is_over(&tally) {
///     tally.count(steered.settings().batch_size()?);
///     tally.see(loss);
///     if !steered.is_at_end_of_updates(&tally) {
///         continue;
///     }
///     let looked_at = GradientStatistics { update_ratio: steered.settings().learning_rate()?, ..Default::default() };
///     let report = tally.report(Some(looked_at));
///     if steered.is_probing() {
///         steered.probed(report, size);
///     } else if steered.trained(report).is_none() {
///         loss *= 0.5;
///     }
///     if steered.wants_validation() {
///         best += usize::from(steered.validated(loss, &mut tally) == Some(Verdict::Best));
///         steered.decide();
///     }
///     tally.begin(steered.settings().batch_size()?);
/// }
/// assert_eq!(best, steered.segments().len());
/// # Ok::<(), trimtab_env::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SteeredTraining {
    plan: Segments,
    training: Training,
    servo: ContextServo,
    steering: Steering,
    /// The servo at the best validation loss, once a segment was the best.
    best_steering: Option<Steering>,
    time: UpdateTime,
    budget: Cost,
    spent: Cost,
    /// The batch size, where it is not the servo's to choose.
    batch_size: Option<usize>,
    lowest_loss: f64,
    first_loss: f64,
    best_loss: f64,
    index: usize,
    settings: Settings,
    phase: Phase,
    probes: Vec<Report>,
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Phase {
    /// The next update is a start probe.
    Probe,
    /// The weights are to be validated before they are trained.
    First,
    /// Within a segment.
    Segment,
    /// At the end of a segment, which is to be validated.
    Validation(Box<Report>),
    /// The budget is used up.
    Over,
}

impl SteeredTraining {
    /// Begins a training of a network of this size.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field of `training` or of the servo that is out of range; also if the servo has no start probe.
    pub fn new(training: Training, servo: ContextServo, size: NetworkSize) -> Result<Self> {
        training.validate()?;
        servo.validate().map_err(|error| error.within("servo"))?;
        let time = UpdateTime::default();
        let spec = TraineeSpec {
            name: "training".to_owned(),
            train_examples: training.examples,
            validation_examples: training.validation_examples,
            parameters: size.weights,
            layers: size.layers,
            units: size.units,
            adaptive: training.adaptive,
            pretrained: false,
            targets_per_example: 1,
            cost: CostModel::Modelled(time),
            metrics: Vec::new(),
            settings: Vec::new(),
            lowest_loss: 0.0,
            warnings: Vec::new(),
        };
        let epoch = spec.epoch_cost(Budget::REFERENCE_BATCH).unwrap_or_default();
        let budget = training.epochs * epoch;
        let context = Context::new(&spec, budget)
            .ok_or_else(|| Error::config("cost", "Measured", "give it as Modelled(..)"))?;
        let steering = Steering::new(servo, context, training.learning_rate);
        let Some(settings) = steering.probe() else {
            let allowed = "the first update of a tuner is a start probe; give true";
            return Err(Error::config("servo.probe", servo.probe, allowed));
        };
        let plan = Segments::default();
        Ok(Self {
            segments: Vec::with_capacity(plan.count()),
            plan,
            training,
            servo,
            steering,
            best_steering: None,
            time,
            budget,
            // The first validation.
            spent: time.evaluation(training.validation_examples),
            batch_size: None,
            lowest_loss: 0.0,
            first_loss: f64::NAN,
            best_loss: f64::MAX,
            index: 0,
            settings,
            phase: Phase::Probe,
            probes: Vec::new(),
        })
    }

    /// Fine-tunes: the weights are those of an earlier training. To be called before anything else.
    pub fn fine_tuning(mut self) -> Self {
        self.steering = self.steering.fine_tuning();
        self.settings = self.probe_settings().unwrap_or(self.settings);
        self
    }

    /// Sets the lowest value that the losses can take, 0 without it. To be called before anything else.
    pub fn lowest_loss(mut self, lowest: f64) -> Self {
        self.lowest_loss = lowest;
        self.steering = self.steering.lowest_loss(lowest);
        self
    }

    /// Sets what an update costs beside its examples, in examples: 70 without it, as for a small perceptron on a CPU. It is a few for a
    /// language model on a CPU, whose batches may then be small, and hundreds where a device waits for its next update.
    /// [`UpdateTime::fit`] finds it from the times of updates. The budget is still passes over the examples with batches of 64, at this
    /// cost. To be called before anything else.
    ///
    /// # Errors
    /// [`Error::Config`] for a number that is not finite, below 0 or above a billion.
    pub fn update_cost(mut self, examples: f64) -> Result<Self> {
        if !(0.0..=MOST_COST).contains(&examples) {
            let allowed = format!("give a number of examples, from 0 to {MOST_COST:e}");
            return Err(Error::config("update_cost", examples, allowed));
        }
        self.steering = self.steering.update_cost(examples);
        self.time = UpdateTime::default();
        self.time.per_update = examples * self.time.per_example;
        let updates = self.training.examples.div_ceil(Budget::REFERENCE_BATCH);
        let epoch = updates as f64 * self.time.update(Budget::REFERENCE_BATCH);
        self.budget = self.training.epochs * epoch;
        if self.batch_size.is_some() {
            self.price_by_example();
        }
        self.settings = self.probe_settings().unwrap_or(self.settings);
        Ok(self)
    }

    /// Sets how many targets an example has: 1 without it, as a row of a table; as many as tokens for a window of text. Their gradient is
    /// less noisy, so that batches may be smaller. To be called before anything else.
    ///
    /// # Errors
    /// [`Error::Config`] for 0.
    pub fn targets_per_example(mut self, targets: usize) -> Result<Self> {
        if targets == 0 {
            return Err(Error::config(
                "targets_per_example",
                targets,
                "give at least 1",
            ));
        }
        self.steering = self.steering.targets_per_example(targets);
        self.settings = self.probe_settings().unwrap_or(self.settings);
        Ok(self)
    }

    /// Keeps to batches of this size, for a loop that cannot change them. Examples then cost the same in a batch of any size, so that
    /// the budget is that many passes over the examples, whatever the size. To be called before anything else.
    ///
    /// # Errors
    /// [`Error::Config`] for a size of 0.
    pub fn with_batch_size(mut self, size: usize) -> Result<Self> {
        if size == 0 {
            return Err(Error::config("batch_size", size, "give at least 1"));
        }
        self.batch_size = Some(size);
        self.price_by_example();
        self.settings = self.probe_settings().unwrap_or(self.settings);
        Ok(self)
    }

    /// Lets examples cost the same in a batch of any size, so that the budget is as many passes over them, whatever the size.
    fn price_by_example(&mut self) {
        self.time.per_update = 0.0;
        self.time.per_example =
            self.budget / (self.training.epochs * self.training.examples as f64);
    }

    /// What an update costs.
    pub fn cost(&self) -> CostModel {
        CostModel::Modelled(self.time)
    }

    /// What is known of the training.
    pub fn training(&self) -> &Training {
        &self.training
    }

    /// The servo at work.
    pub fn steering(&self) -> &Steering {
        &self.steering
    }

    /// All that holds at the next update.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The reports of the updates of the start probe.
    pub fn probes(&self) -> &[Report] {
        &self.probes
    }

    /// The segments so far. They have no rewards.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The best validation loss so far; `f64::MAX` before the first.
    pub fn best_loss(&self) -> f64 {
        self.best_loss
    }

    /// The validation loss before training; not a number before that is known.
    pub fn first_loss(&self) -> f64 {
        self.first_loss
    }

    /// What the budget costs in all.
    pub fn budget(&self) -> Cost {
        self.budget
    }

    /// The share of the budget that is spent, from 0 to 1.
    pub fn spent_share(&self) -> f64 {
        (self.spent / self.budget).min(1.0)
    }

    /// Whether the segment under way is one of the short ones at the start.
    pub fn is_in_short_segment(&self) -> bool {
        self.index < self.plan.short
    }

    /// Whether the next update will be looked at and taken back.
    pub fn is_probing(&self) -> bool {
        matches!(self.phase, Phase::Probe)
    }

    /// Whether the weights are to be validated now.
    pub fn wants_validation(&self) -> bool {
        matches!(self.phase, Phase::First | Phase::Validation(_))
    }

    /// Whether the budget is used up, with the updates of the tally.
    ///
    /// A loop that does not validate when it is wanted comes to an end too: its updates go on under the settings of before and count.
    pub fn is_over(&self, tally: &Tally) -> bool {
        match self.phase {
            Phase::Over => true,
            Phase::Probe | Phase::Segment => false,
            Phase::First | Phase::Validation(_) => self.spent + tally.meter.spent() > self.budget,
        }
    }

    /// Whether the updates of the tally end the segment, or are that of the start probe, so that [`SteeredTraining::trained`] or
    /// [`SteeredTraining::probed`] is to be told.
    pub fn is_at_end_of_updates(&self, tally: &Tally) -> bool {
        let left = self.plan.spent_after(self.index) * self.budget - self.spent;
        match self.phase {
            Phase::Probe => tally.updates() > 0,
            Phase::Segment => !tally.goes_on(left, self.training.validation_examples),
            Phase::First | Phase::Validation(_) | Phase::Over => false,
        }
    }

    /// Takes the report of an update of the start probe, which the weights were put back after, and the size of what has a gradient:
    /// what no gradient reaches is no part of the network.
    pub fn probed(&mut self, report: Report, size: NetworkSize) {
        self.steering.resize(size);
        self.spent += report.cost;
        self.index = self.plan.remaining(self.index, self.spent, self.budget);
        let seen = self.at_the_servos_batch_size(report.clone());
        self.probes.push(report);
        self.steering.probed(&seen);
        match self.probe_settings() {
            Some(settings) => self.settings = settings,
            None => self.phase = Phase::First,
        }
    }

    /// Takes the report of the updates of a segment. One that diverged is not validated: it is over, and [`SteeredTraining::decide`]
    /// is to be called. Else a validation is wanted.
    pub fn trained(&mut self, report: Report) -> Option<Verdict> {
        if report.diverged {
            return Some(self.close(report));
        }
        self.phase = Phase::Validation(Box::new(report));
        None
    }

    /// Takes the mean loss of a validation that was wanted, after the updates of the tally; then [`SteeredTraining::decide`] is to be
    /// called. `None`, and nothing changes, if none was wanted.
    pub fn validated(&mut self, loss: f64, tally: &mut Tally) -> Option<Verdict> {
        let rows = self.training.validation_examples;
        match std::mem::replace(&mut self.phase, Phase::Segment) {
            Phase::First => {
                self.first_loss = loss;
                // Updates that were made although this was wanted.
                self.spent += tally.meter.spent();
                if loss.is_finite() {
                    self.best_loss = loss;
                }
                Some(Verdict::First)
            }
            Phase::Validation(mut report) => {
                report.cost = tally.meter.evaluation(rows);
                report.diverged = has_diverged(loss, self.first_loss, self.lowest_loss);
                report.validation = Some(validation(loss)).filter(|_| !report.diverged);
                Some(self.close(*report))
            }
            other @ (Phase::Probe | Phase::Segment | Phase::Over) => {
                self.phase = other;
                None
            }
        }
    }

    /// Decides on the settings of the segment that begins, if one does.
    pub fn decide(&mut self) {
        let offsets = self.offsets();
        self.decide_by(|steering, _, f| steering.settings(f, &offsets));
    }

    /// Lets another decide with the servo. It is given that, what it was at the best validation loss, and the share of the budget in
    /// the middle of the segment.
    pub fn decide_by(
        &mut self,
        settings: impl FnOnce(&mut Steering, Option<&Steering>, f64) -> Settings,
    ) {
        if !matches!(self.phase, Phase::Segment) {
            return;
        }
        let middle = self.middle();
        let settings = settings(&mut self.steering, self.best_steering.as_ref(), middle);
        self.settings = self.at_its_batch_size(settings);
    }

    /// Ends a segment and records it.
    fn close(&mut self, report: Report) -> Verdict {
        self.spent += report.cost;
        self.steering.record(&report);
        let loss = report.validation.as_ref().map(|validation| validation.loss);
        let verdict = match loss {
            _ if report.diverged => Verdict::Diverged,
            Some(loss) if loss < self.best_loss => {
                self.best_loss = loss;
                self.best_steering = Some(self.steering.clone());
                Verdict::Best
            }
            Some(_) | None => Verdict::Worse,
        };
        let index = self.index;
        self.index = self.plan.following(index, self.spent, self.budget);
        self.segments.push(Segment {
            index,
            settings: self.settings.clone(),
            report,
            spent: self.spent,
            best_loss: self.best_loss,
            reward: 0.0,
        });
        self.phase = if self.index < self.plan.count() {
            Phase::Segment
        } else {
            Phase::Over
        };
        verdict
    }

    /// The share of the budget in the middle of the segment under way.
    fn middle(&self) -> f64 {
        0.5 * (self.spent_share() + self.plan.spent_after(self.index))
    }

    fn probe_settings(&self) -> Option<Settings> {
        Some(self.at_its_batch_size(self.steering.probe()?))
    }

    fn at_its_batch_size(&self, settings: Settings) -> Settings {
        match self.batch_size {
            Some(size) => settings.with(BATCH_SIZE, size as f64),
            None => settings,
        }
    }

    /// What makes the servo want the batches that there are.
    fn offsets(&self) -> Offsets {
        let wanted = |f: f64| {
            let terms = self.servo.batch.at(self.steering.context());
            (terms + self.servo.batch_growth * f).exp2()
        };
        Offsets {
            batch_size: self
                .batch_size
                .map_or(0.0, |size| (size as f64 / wanted(self.middle())).ln()),
            ..Default::default()
        }
    }

    /// The report of a start probe as the servo has to see it, which takes its batches for those that it wants: with updates
    /// that are as far from what is wanted of them.
    fn at_the_servos_batch_size(&self, mut report: Report) -> Report {
        let offsets = self.offsets();
        if let Some(GradientStatistics { update_ratio, .. }) = &mut report.gradients
            && self.batch_size.is_some()
        {
            let wanted = |offsets: &Offsets| self.steering.set_point(0.0, offsets);
            *update_ratio *= wanted(&Offsets::default()) / wanted(&offsets);
        }
        report
    }
}

fn validation(loss: f64) -> Validation {
    Validation {
        loss,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests;
