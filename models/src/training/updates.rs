//! Updates under the same settings, and what is done and measured around each of them.

use crate::network::weights::Weights;
use crate::training::average::AveragedWeights;
use crate::training::statistics::SampledUpdates;
use crate::training::update_ratio::UpdateRatio;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use trimtab_env::settings::{AVERAGING, BATCH_SIZE, INDEPENDENT_WEIGHT_DECAY};
use trimtab_env::{Budget, Cost, CostModel, GradientStatistics, Meter, Report, Settings, Tally};

/// After how many updates a steered training decays and averages its weights. To do so at each costs a tenth of the time of a small
/// MLP, and is worth nothing that could be seen: see the models page.
pub(crate) const SMOOTHING_INTERVAL: u64 = 32;

/// The settings that an update depends on, as numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    pub learning_rate: f64,
    pub batch_size: usize,
    pub weight_decay: f64,
    pub averaging: f64,
}

impl Rates {
    /// The numbers of `settings` for a training of this many examples.
    pub(crate) fn of(settings: &Settings, examples: usize) -> trimtab_env::Result<Self> {
        let batch_size = match settings.get(BATCH_SIZE) {
            Some(_) => settings.batch_size()?,
            None => Budget::REFERENCE_BATCH.min(examples),
        };
        if batch_size > examples {
            return Err(trimtab_env::Error::Setting {
                name: BATCH_SIZE.to_owned(),
                problem: format!(
                    "{batch_size} is more than the {examples} examples of the training split"
                ),
            });
        }
        Ok(Self {
            learning_rate: settings.learning_rate()?,
            batch_size,
            weight_decay: settings.share(INDEPENDENT_WEIGHT_DECAY)?,
            averaging: settings.share(AVERAGING)?,
        })
    }
}

/// What is measured of the first updates of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// All [`GradientStatistics`], over this many updates. Decay and average follow each, so that the decay is part of its size.
    Statistics(u64),
    /// The update ratio of the first update alone, with the decay that will follow.
    Ratio,
}

impl Look {
    /// Whether gradient statistics are gathered.
    fn statistics(self) -> bool {
        matches!(self, Self::Statistics(samples) if samples > 0)
    }

    /// Whether the update after `updates` others is looked at.
    fn at(self, updates: u64) -> bool {
        match self {
            Self::Statistics(samples) => updates < samples,
            Self::Ratio => updates == 0,
        }
    }
}

/// The updates of a segment, under the same settings: decays and averages the weights after each, and gathers losses, gradient
/// statistics of the first few, and cost. Its buffers last from segment to segment.
pub(crate) struct Updates {
    pub tally: Tally,
    look: Look,
    interval: u64,
    rates: Rates,
    /// Updates that the average has not taken yet.
    not_averaged: u64,
    /// Updates whose decay is due, also from segments before, and what it leaves of the weights.
    not_decayed: u64,
    kept: f64,
    probe: SampledUpdates,
    ratio: UpdateRatio,
    gradient: Vec<f32>,
    weights: Vec<f32>,
    /// Where the weights are that the update being looked at moves.
    moved: Vec<Range<usize>>,
    /// Whether `weights` are those of the model as it is, from the end of the segment before.
    known: bool,
}

/// What goes on from segment to segment, but for buffers and what follows from the weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    meter: Meter,
    not_decayed: u64,
    kept: f64,
}

impl Updates {
    /// What a training that goes on elsewhere needs between two segments.
    pub(crate) fn kept(&self) -> Kept {
        Kept {
            meter: self.tally.meter.clone(),
            not_decayed: self.not_decayed,
            kept: self.kept,
        }
    }

    /// Goes on from there.
    pub(crate) fn go_on(&mut self, kept: Kept) {
        self.known = false;
        self.tally.meter = kept.meter;
        (self.not_decayed, self.kept) = (kept.not_decayed, kept.kept);
    }

    /// Updates that decay and average the weights once in `interval`, as if these had been the same since the last time.
    pub(crate) fn new(cost: CostModel, look: Look, interval: u64) -> Self {
        Self {
            tally: Tally::new(cost),
            look,
            interval,
            not_averaged: 0,
            not_decayed: 0,
            kept: 1.0,
            rates: Rates {
                learning_rate: 0.0,
                batch_size: 1,
                weight_decay: 0.0,
                averaging: 0.0,
            },
            probe: SampledUpdates::default(),
            ratio: UpdateRatio::default(),
            gradient: Vec::new(),
            weights: Vec::new(),
            moved: Vec::new(),
            known: false,
        }
    }

    /// Forgets the weights at the end of the segment before, and the decay that is due on them: the next one begins with others.
    pub(crate) fn forget(&mut self) {
        self.known = false;
        (self.not_decayed, self.kept) = (0, 1.0);
    }

    /// Forgets the weights at the end of the segment before: some of them are no longer there. The decay that is due on the others stays.
    pub(crate) fn resized(&mut self) {
        self.known = false;
    }

    /// Looks at something else from the next segment on.
    pub(crate) fn look_at(&mut self, look: Look) {
        self.look = look;
    }

    pub(crate) fn rates(&self) -> Rates {
        self.rates
    }

    /// Begins a segment at `model`, with the average so far.
    pub(crate) fn begin<W: Weights>(
        &mut self,
        model: &W,
        rates: Rates,
        averaged: &mut Option<AveragedWeights>,
    ) {
        self.rates = rates;
        self.not_averaged = 0;
        *averaged = (rates.averaging > 0.0).then(|| averaged.take().unwrap_or_default());
        self.ratio.begin();
        if self.look.statistics() {
            self.weights.clear();
            model.visit(|part| self.weights.extend_from_slice(part));
            self.probe.begin(&self.weights, rates.batch_size);
        }
        self.tally.begin(rates.batch_size);
    }

    /// Whether one more update belongs to a segment of this budget with an evaluation of `rows` examples at its end: the
    /// first does in any case, and none after a loss that is not finite.
    pub(crate) fn goes_on(&self, budget: Cost, rows: usize) -> bool {
        self.tally.goes_on(budget, rows)
    }

    /// Updates so far.
    pub(crate) fn count(&self) -> u64 {
        self.tally.updates()
    }

    /// Whether all losses so far are finite.
    pub(crate) fn is_finite(&self) -> bool {
        self.tally.is_finite()
    }

    /// One update by `step`, which takes the learning rate. `gradients` and `loss` are those at `model`.
    pub(crate) fn update<W: Weights>(
        &mut self,
        model: W,
        gradients: W::Gradients,
        loss: f64,
        averaged: &mut Option<AveragedWeights>,
        step: impl FnOnce(f64, W, W::Gradients) -> W,
    ) -> W {
        let looking = self.look.at(self.count());
        let statistics = looking && self.look.statistics();
        if looking {
            self.moved = model.with_gradient(&gradients);
        }
        let mut model = model;
        if statistics {
            model.flat_gradients(&gradients, &mut self.gradient);
        } else if looking {
            if !std::mem::take(&mut self.known) {
                model = self.settle(model, averaged, true, false);
            }
            self.ratio.before(&mut self.weights);
        }
        model = step(self.rates.learning_rate, model, gradients);
        self.not_averaged += 1;
        self.not_decayed += 1;
        self.kept *= 1.0 - self.rates.weight_decay;
        // A size alone is that of one update: what is due of the others' decay waits for the next.
        let decays = statistics || !looking && self.not_decayed >= self.interval;
        if decays || looking {
            model = self.settle(model, averaged, looking, decays);
        }
        if statistics {
            self.probe
                .record(&self.gradient, &self.weights, &self.moved);
        } else if looking {
            let kept = 1.0 - self.rates.weight_decay;
            self.ratio.after(&self.weights, &self.moved, kept as f32);
        }
        self.tally.count(self.rates.batch_size);
        self.tally.see(loss);
        model
    }

    /// Averages the weights, after what is due of their decay if this is when they are `decayed`. They are put side by side on
    /// the way if that is `wanted`.
    fn settle<W: Weights>(
        &mut self,
        model: W,
        averaged: &mut Option<AveragedWeights>,
        wanted: bool,
        decayed: bool,
    ) -> W {
        let averaging = self.rates.averaging;
        let pending = std::mem::take(&mut self.not_averaged);
        let averaged = averaged.as_mut().filter(|_| pending > 0);
        let mut average = averaged.map(|averaged| averaged.step(averaging, pending));
        let seen = wanted || average.is_some();
        self.weights.clear();
        let see = |part: &[f32]| {
            if wanted {
                self.weights.extend_from_slice(part);
            }
            if let Some(average) = &mut average {
                average.take(part);
            }
        };
        if decayed {
            self.not_decayed = 0;
            let kept = std::mem::replace(&mut self.kept, 1.0);
            if kept < 1.0 {
                return model.scaled(kept as f32, see);
            }
        }
        if seen {
            model.visit(see);
        }
        model
    }

    /// The end of the segment at `model`: the model after it, and what its updates were like. Nothing has been evaluated.
    pub(crate) fn finish<W: Weights>(
        &mut self,
        model: W,
        averaged: &mut Option<AveragedWeights>,
    ) -> (W, Report) {
        let updates = self.count();
        model.settle();
        // What comes last in this segment is what the next one begins with.
        self.known = self.look != Look::Statistics(0);
        // Gradient statistics of the next segment are of its own updates.
        let decayed = self.look.statistics();
        let model = self.settle(model, averaged, self.known, decayed);
        let gradients = match self.look {
            Look::Statistics(0) => None,
            Look::Statistics(_) => self.probe.finish(&self.weights, updates),
            Look::Ratio => self
                .ratio
                .mean()
                .map(|(ratio, samples)| GradientStatistics {
                    samples,
                    batch_size: self.rates.batch_size as u64,
                    update_ratio: ratio,
                    ..Default::default()
                }),
        };
        let report = self.tally.report(gradients);
        (model, report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::weights::FlatWeights;

    /// A segment of two updates from `weights`, and the size of the first that it reports.
    fn ratio(stretch: &mut Updates, weights: FlatWeights) -> (f64, FlatWeights) {
        let rates = Rates {
            learning_rate: 1.0,
            batch_size: 1,
            weight_decay: 0.0,
            averaging: 0.1,
        };
        let mut averaged = None;
        stretch.begin(&weights, rates, &mut averaged);
        let mut weights = weights;
        for step in [0.5, 7.0] {
            weights = stretch.update(
                weights,
                vec![step, 0.0],
                1.0,
                &mut averaged,
                |lr, weights, gradient| {
                    let moved = weights.0.iter().zip(&gradient);
                    FlatWeights(moved.map(|(w, g)| w + lr as f32 * g).collect())
                },
            );
        }
        let (weights, report) = stretch.finish(weights, &mut averaged);
        (report.gradients.unwrap().update_ratio, weights)
    }

    /// The weights that a segment begins with are known from the one before, unless others have taken their place.
    #[test]
    fn the_first_update_is_relative_to_the_weights_that_it_is_made_from() {
        let mut stretch = Updates::new(CostModel::default(), Look::Ratio, 32);
        let (first, after) = ratio(&mut stretch, FlatWeights(vec![3.0, 4.0]));
        assert!((first - 0.1).abs() < 1e-9, "{first}");
        assert_eq!(after.0, [10.5, 4.0]);
        let (second, _) = ratio(&mut stretch, after.clone());
        let wanted = 0.5 / f64::from(10.5f32.hypot(4.0));
        assert!((second - wanted).abs() < 1e-7, "{second}");
        stretch.forget();
        let (third, _) = ratio(&mut stretch, FlatWeights(vec![0.0, 1.0]));
        assert!((third - 0.5).abs() < 1e-9, "{third}");
    }

    /// Decay that is due is never lost: whatever the segments, after as many updates as an interval it is what it would be after
    /// each, with the rates of each; but on other weights it is not.
    #[test]
    fn decay_catches_up_across_segments() {
        let run = |interval: u64, forget: bool| {
            let mut stretch = Updates::new(CostModel::default(), Look::Statistics(0), interval);
            let mut weights = FlatWeights(vec![3.0, 4.0]);
            let mut averaged = None;
            for weight_decay in [0.1, 0.0, 0.3] {
                let rates = Rates {
                    learning_rate: 0.0,
                    batch_size: 1,
                    weight_decay,
                    averaging: 0.0,
                };
                stretch.begin(&weights, rates, &mut averaged);
                for _ in 0..2 {
                    weights = stretch.update(weights, vec![], 1.0, &mut averaged, |_, w, _| w);
                }
                weights = stretch.finish(weights, &mut averaged).0;
                if forget {
                    stretch.forget();
                }
            }
            weights.0[0]
        };
        let wanted = 3.0 * 0.9f32.powi(2) * 0.7f32.powi(2);
        assert!((run(1, false) - wanted).abs() < 1e-5);
        assert!((run(6, false) - wanted).abs() < 1e-5);
        assert_eq!(run(7, false), 3.0);
        assert_eq!(run(6, true), 3.0);
    }

    /// The size of an update is its own, also where the decay of those before is due.
    #[test]
    fn decay_that_is_due_is_no_part_of_the_size_of_an_update() {
        let size = |interval: u64| {
            let mut stretch = Updates::new(CostModel::default(), Look::Ratio, interval);
            let mut weights = FlatWeights(vec![3.0, 4.0]);
            let (mut averaged, mut last) = (None, 0.0);
            for _ in 0..2 {
                let rates = Rates {
                    learning_rate: 1.0,
                    batch_size: 1,
                    weight_decay: 0.1,
                    averaging: 0.0,
                };
                stretch.begin(&weights, rates, &mut averaged);
                for _ in 0..2 {
                    weights = stretch.update(weights, vec![], 1.0, &mut averaged, |_, w, _| w);
                }
                let report;
                (weights, report) = stretch.finish(weights, &mut averaged);
                last = report.gradients.unwrap().update_ratio;
            }
            (last, weights.0[0])
        };
        // In the second segment it is due at the first update, and made at the second.
        let (due, weight) = size(3);
        assert!((due - 0.1).abs() < 1e-6, "{due}");
        assert!((weight - 3.0 * 0.9f32.powi(4)).abs() < 1e-5, "{weight}");
        assert!((size(99).0 - due).abs() < 1e-6);
    }
}
