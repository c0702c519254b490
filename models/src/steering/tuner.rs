//! Steering for a training loop of one's own.

mod deciding;

pub use trimtab_env::Training;

use crate::network::weights::{copy, size, with_state};
use crate::steering::residual::Moved;
use crate::training::average::AveragedWeights;
use crate::training::updates::{Look, Rates, SMOOTHING_INTERVAL, Updates};
use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use trimtab_env::{
    ContextServo, Report, ResidualPolicy, Result, Segment, Settings, SteeredTraining, Tally,
    Validation,
};

/// Updates at the beginning of each segment that are looked at for a policy that sees gradients: as many as when the servo was
/// fitted. Else it is the first alone: with one instead of eight the servo steers as well, see the models page.
const SAMPLES: u64 = 8;

/// Steers a training loop of one's own under a [`ContextServo`]: it sets learning rate, batch size and weight decay, averages
/// the weights, rolls back after a divergence, and says when to validate and when the budget is used up.
///
/// ```
/// use burn::{module::Module, nn::LinearConfig, optim::{AdamConfig, GradientsParams}, tensor::{Device, Tensor}};
/// use trimtab_models::{Training, Tuner};
///
/// let device = Device::flex().autodiff();
/// let inputs = Tensor::<2>::from_data([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]], &device);
/// let targets = Tensor::<2>::from_data([[1.0], [0.0], [1.0], [0.0]], &device);
/// let mut model = LinearConfig::new(2, 1).init(&device);
/// let training = Training {
///     examples: 4,
///     validation_examples: 4,
///     epochs: 200.0,
///     adaptive: true,
///     learning_rate: 1e-3,
/// };
/// let mut tuner = Tuner::new(&model, AdamConfig::new().with_epsilon(1e-8).init(), training)?;
/// while !tuner.is_over() {
///     let rows = 0..tuner.batch_size(); // A loop with more data would draw this many of them.
///     let error = model.forward(inputs.clone().slice([rows.clone()])) - targets.clone().slice([rows]);
///     let loss = (error.clone() * error).mean();
///     let value = loss.clone().into_scalar();
///     let gradients = GradientsParams::from_grads(loss.backward(), &model);
///     model = tuner.step(model, gradients, value);
///     if tuner.wants_validation() {
///         let error = tuner.averaged(&model).forward(inputs.clone()) - targets.clone();
///         model = tuner.validated(model, (error.clone() * error).mean().into_scalar());
///     }
/// }
/// let model = tuner.best().unwrap_or(model);
/// let first = tuner.segments()[0].report.validation.as_ref().map_or(f64::MAX, |v| v.loss);
/// assert!(tuner.best_loss() <= first);
/// # Ok::<(), trimtab_env::Error>(())
/// ```
///
/// The first update is a *start probe*: it tells how large an update at the given learning rate is, and is taken back. It
/// is repeated at a tenth of the rate if it diverges. Then the model is validated as it was at the beginning, and training
/// begins. A loss that is not finite, or a validation loss above 10 times the first, brings back the best weights with a
/// fresh optimiser.
///
/// Without a policy it makes the same decisions, and the same updates, as [`crate::train()`], given the same weights, batches and
/// optimiser; burn's Adam has 1e-5 as its epsilon where the paper, PyTorch and [`crate::OptimizerConfig::adam`] have 1e-8. With a
/// policy that sees gradients it does as a [`crate::TaskTrainee`] in a [`trimtab_env::TuningEnv`] with the same base controller, a
/// `smoothing_interval` of 32; with one that sees none, and without one, it looks at fewer updates, and at their size alone, which
/// costs less and steers as well.
pub struct Tuner<M: Module> {
    optimizer: ModuleOptimizer,
    fresh: ModuleOptimizer,
    /// What decides.
    steered: SteeredTraining,
    policy: Option<Moved>,
    best: Weights<M>,
    averaged: Option<AveragedWeights>,
    updates: Updates,
    lowest_loss: f64,
}

/// Weights to come back to. The model is one of its own: its running statistics are not those of the training.
struct Weights<M> {
    model: M,
    averaged: Option<AveragedWeights>,
    optimizer: ModuleOptimizer,
}

impl<M: Module> Tuner<M> {
    /// A tuner of `model`, under the servo that ships, with an optimiser that has made no update.
    ///
    /// # Errors
    /// [`Error::Config`](trimtab_env::Error::Config) naming the field of `training` that is out of range.
    pub fn new(model: &M, optimizer: ModuleOptimizer, training: Training) -> Result<Self> {
        Self::with_servo(model, optimizer, training, ContextServo::default())
    }

    /// As [`Tuner::new`], under another servo.
    ///
    /// # Errors
    /// As [`Tuner::new`]; also if the servo is out of range or has no start probe.
    pub fn with_servo(
        model: &M,
        optimizer: ModuleOptimizer,
        training: Training,
        servo: ContextServo,
    ) -> Result<Self> {
        let steered = SteeredTraining::new(training, servo, size(model, None))?;
        Ok(Self {
            fresh: optimizer.clone(),
            optimizer: optimizer.clone(),
            policy: None,
            best: Weights {
                model: copy(model),
                averaged: None,
                optimizer,
            },
            averaged: None,
            updates: Updates::new(steered.cost(), Look::Ratio, SMOOTHING_INTERVAL),
            steered,
            lowest_loss: 0.0,
        })
    }

    /// Fine-tunes: the weights of the model are those of an earlier training. To be called before anything else.
    pub fn fine_tuning(mut self) -> Self {
        self.steered = self.steered.fine_tuning();
        self
    }

    /// Sets the lowest value that the losses can take, 0 without it: ratios of losses are taken of their distances from it. A loss
    /// that can be negative, such as a log-likelihood, needs it. To be called before anything else.
    pub fn lowest_loss(mut self, lowest: f64) -> Self {
        self.lowest_loss = lowest;
        self.steered = self.steered.lowest_loss(lowest);
        self
    }

    /// Sets what an update costs beside its examples, in examples: 70 without it, as for a small perceptron on a CPU; see
    /// [`SteeredTraining::update_cost`]. To be called before anything else.
    ///
    /// # Errors
    /// [`Error::Config`](trimtab_env::Error::Config) for a number that is not finite, below 0 or above a billion.
    pub fn update_cost(mut self, examples: f64) -> Result<Self> {
        self.steered = self.steered.update_cost(examples)?;
        self.updates.tally = Tally::new(self.steered.cost());
        Ok(self)
    }

    /// Sets how many targets an example has: 1 without it, as many as tokens for a window of text. To be called before anything else.
    ///
    /// # Errors
    /// [`Error::Config`](trimtab_env::Error::Config) for 0.
    pub fn targets_per_example(mut self, targets: usize) -> Result<Self> {
        self.steered = self.steered.targets_per_example(targets)?;
        Ok(self)
    }

    /// Lets a policy add to what the servo wants, before every segment.
    ///
    /// # Errors
    /// [`Error::Config`](trimtab_env::Error::Config) if one of its knobs is out of range, or does not add to the servo.
    pub fn with_policy(mut self, policy: ResidualPolicy) -> Result<Self> {
        let budget_left = 1.0 - self.steered.spent_share();
        if policy.residual.observation.sees_gradients() {
            self.updates.look_at(Look::Statistics(SAMPLES));
        }
        let Training {
            examples,
            learning_rate,
            ..
        } = *self.steered.training();
        self.policy = Some(Moved::new(policy, examples, learning_rate, budget_left)?);
        Ok(self)
    }

    /// Examples that the next batch is to have.
    pub fn batch_size(&self) -> usize {
        self.settings().batch_size().unwrap_or(1)
    }

    /// The learning rate of the next update.
    pub fn learning_rate(&self) -> f64 {
        self.settings().learning_rate().unwrap_or(0.0)
    }

    /// All that holds at the next update.
    pub fn settings(&self) -> &Settings {
        self.steered.settings()
    }

    /// Whether the next update will be looked at and taken back.
    pub fn is_probing(&self) -> bool {
        self.steered.is_probing()
    }

    /// Whether the model is to be validated now, with the weights of [`Tuner::averaged`].
    pub fn wants_validation(&self) -> bool {
        self.steered.wants_validation()
    }

    /// Whether the budget is used up.
    ///
    /// A loop that does not validate when it is wanted comes to an end too: its updates go on under the settings of before
    /// and count, though nothing is steered and [`Tuner::best`] stays what it was at the last validation, or `None`.
    pub fn is_over(&self) -> bool {
        self.steered.is_over(&self.updates.tally)
    }

    /// The share of the budget that is spent, from 0 to 1.
    pub fn spent_share(&self) -> f64 {
        self.steered.spent_share()
    }

    /// The segments so far, in cost of the modelled machine. They have no rewards, and of the gradient statistics only
    /// [`trimtab_env::GradientStatistics::update_ratio`], of the first update, unless a policy sees
    /// gradients.
    pub fn segments(&self) -> &[Segment] {
        self.steered.segments()
    }

    /// The reports of the updates of the start probe: more than one where the first ones diverged.
    pub fn probes(&self) -> &[Report] {
        self.steered.probes()
    }

    /// The best validation loss so far; `f64::MAX` before the first.
    pub fn best_loss(&self) -> f64 {
        self.steered.best_loss()
    }

    /// The model with the best validation loss so far. `None` while no segment has had a validation loss that is a number: of what was trained
    /// nothing is known then, and `tuner.best().unwrap_or(model)` keeps the last weights.
    pub fn best(&self) -> Option<M> {
        let mut segments = self.segments().iter();
        let validated = segments.any(|segment| segment.report.validation.is_some());
        validated.then(|| averaged(&self.best.model, self.best.averaged.as_ref()))
    }

    /// A model like `model` with the averaged weights, and the average of its running statistics: what is to be validated. `model`
    /// itself is left as it is.
    pub fn averaged(&self, model: &M) -> M {
        averaged(model, self.averaged.as_ref())
    }

    /// One update, in the place of the optimiser's step. `gradients` and `loss` are those of a batch at `model`, which is
    /// what the last call returned.
    pub fn step(&mut self, model: M, gradients: GradientsParams, loss: f64) -> M {
        if self.is_probing() {
            self.probe(&model, gradients, loss);
            return model;
        }
        let optimizer = &mut self.optimizer;
        let model = self.updates.update(
            model,
            gradients,
            loss,
            &mut self.averaged,
            |lr, model, gradients| optimizer.step(lr, model, gradients),
        );
        if !self.steered.is_at_end_of_updates(&self.updates.tally) {
            return model;
        }
        let (model, report) = self.updates.finish(model, &mut self.averaged);
        match self.steered.trained(report) {
            Some(verdict) => self.go_on(model, verdict),
            None => model,
        }
    }

    /// Takes the mean loss of a validation of [`Tuner::averaged`] that was wanted, and decides how to go on. If none was
    /// wanted it returns `model` as it is and forgets the loss.
    pub fn validated(&mut self, model: M, loss: f64) -> M {
        match self.steered.validated(loss, &mut self.updates.tally) {
            Some(verdict) => self.go_on(model, verdict),
            None => model,
        }
    }

    /// The settings as rates. Those of a servo are possible; if they were not, the last rates would stay.
    fn rates(&self) -> Rates {
        Rates::of(self.settings(), self.steered.training().examples).unwrap_or(self.updates.rates())
    }
}

fn averaged<M: Module>(model: &M, averaged: Option<&AveragedWeights>) -> M {
    match averaged {
        Some(averaged) if !averaged.weights().is_empty() => with_state(model, averaged.weights()),
        Some(_) | None => copy(model),
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
