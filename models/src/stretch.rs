//! Updates under the same settings, and what is done and measured around each of them.

use crate::average::AveragedWeights;
use crate::statistics::GradientProbe;
use crate::weights::{flat_gradients, flat_weights, scaled};
use burn::module::Module;
use burn::optim::GradientsParams;
use trimtab_env::settings::{AVERAGING, BATCH_SIZE, WEIGHT_DECAY};
use trimtab_env::{
    Budget, Cost, CostModel, GradientStatistics, Meter, Report, Settings, TrainLoss,
};

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
            weight_decay: settings.share(WEIGHT_DECAY)?,
            averaging: settings.share(AVERAGING)?,
        })
    }
}

/// A stretch of updates under the same settings: decays and averages the weights after each, and gathers losses, gradient
/// statistics of the first few, and cost. Its buffers last from stretch to stretch.
pub(crate) struct Stretch {
    pub meter: Meter,
    samples: u64,
    rates: Rates,
    losses: Vec<f64>,
    finite: bool,
    probe: GradientProbe,
    gradient: Vec<f32>,
    weights: Vec<f32>,
}

impl Stretch {
    /// `samples` updates at the beginning of each stretch are looked at for gradient statistics.
    pub(crate) fn new(cost: CostModel, samples: u64) -> Self {
        Self {
            meter: Meter::new(cost),
            samples,
            rates: Rates {
                learning_rate: 0.0,
                batch_size: 1,
                weight_decay: 0.0,
                averaging: 0.0,
            },
            losses: Vec::new(),
            finite: true,
            probe: GradientProbe::default(),
            gradient: Vec::new(),
            weights: Vec::new(),
        }
    }

    pub(crate) fn rates(&self) -> Rates {
        self.rates
    }

    /// Begins a stretch at `model`, with the average so far.
    pub(crate) fn begin<M: Module>(
        &mut self,
        model: &M,
        rates: Rates,
        averaged: &mut Option<AveragedWeights>,
    ) {
        self.rates = rates;
        self.losses.clear();
        self.finite = true;
        *averaged = (rates.averaging > 0.0).then(|| averaged.take().unwrap_or_default());
        if self.samples > 0 {
            flat_weights(model, &mut self.weights);
            self.probe.begin(&self.weights, rates.batch_size);
        }
        self.meter.begin();
    }

    /// Whether one more update belongs to a stretch of this budget with an evaluation of `rows` examples at its end: the
    /// first does in any case, and none after a loss that is not finite.
    pub(crate) fn goes_on(&self, budget: Cost, rows: usize) -> bool {
        let fits = || self.meter.fits(budget, self.rates.batch_size, rows);
        self.finite && (self.losses.is_empty() || fits())
    }

    /// Updates so far.
    pub(crate) fn updates(&self) -> u64 {
        self.losses.len() as u64
    }

    /// Whether all losses so far are finite.
    pub(crate) fn is_finite(&self) -> bool {
        self.finite
    }

    /// One update by `step`, which takes the learning rate. `gradients` and `loss` are those at `model`.
    pub(crate) fn update<M: Module>(
        &mut self,
        model: M,
        gradients: GradientsParams,
        loss: f64,
        averaged: &mut Option<AveragedWeights>,
        step: impl FnOnce(f64, M, GradientsParams) -> M,
    ) -> M {
        let looking = self.updates() < self.samples;
        if looking {
            flat_gradients(&model, &gradients, &mut self.gradient);
        }
        let mut model = step(self.rates.learning_rate, model, gradients);
        if self.rates.weight_decay > 0.0 {
            model = scaled(model, 1.0 - self.rates.weight_decay);
        }
        if looking {
            flat_weights(&model, &mut self.weights);
            self.probe.record(&self.gradient, &self.weights);
        }
        match averaged {
            Some(averaged) if looking => averaged.update(&self.weights, self.rates.averaging),
            Some(averaged) => averaged.update_from(&model, self.rates.averaging),
            None => {}
        }
        self.finite &= loss.is_finite();
        self.losses.push(loss);
        self.meter.update(self.rates.batch_size);
        model
    }

    /// What the stretch was like, which ended at `model`; nothing has been evaluated.
    pub(crate) fn report<M: Module>(&mut self, model: &M) -> Report {
        let updates = self.updates();
        let gradients = if self.samples > 0 {
            flat_weights(model, &mut self.weights);
            self.probe.finish(&self.weights, updates)
        } else {
            None
        };
        // The last update may have left numbers that no loss has seen yet.
        let finite = self.finite && gradients.is_none_or(|gradients| gradients.is_finite());
        Report {
            updates,
            examples: updates * self.rates.batch_size as u64,
            cost: self.meter.spent(),
            diverged: !finite,
            // Numbers that are not finite say no more than `diverged` does, and no record could hold them.
            train: TrainLoss::of(&self.losses).filter(|_| finite),
            validation: None,
            gradients: gradients.filter(GradientStatistics::is_finite),
            utilisation: self.meter.utilisation(self.rates.batch_size),
        }
    }
}
