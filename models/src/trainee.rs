//! The training of a [`Task`] as a [`Trainee`].

use crate::data::Dataset;
use crate::evaluation::{self, Evaluation};
use crate::sampler::EpochSampler;
use crate::statistics::GradientProbe;
use crate::weights::{flat_gradients, flat_weights};
use crate::{Batch, Error, OptimizerConfig, Result, Task};
use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trimtab_env::metrics::Metric;
use trimtab_env::{
    Budget, Cost, CostModel, GradientStatistics, Meter, Report, Restore, Settings, Snapshot,
    TestReport, TrainLoss, Trainee, TraineeSpec, Validation, settings::BATCH_SIZE, stream,
};

/// A validation loss above this many times the loss before training counts as a divergence: nothing that practitioners
/// keep comes back from there.
const DIVERGED_TIMES: f64 = 10.0;
/// Rows evaluated at once.
const EVALUATION_ROWS: usize = 1024;

/// What a training needs beside its task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TraineeConfig {
    /// The optimiser.
    pub optimizer: OptimizerConfig,
    /// How many updates at the beginning of each segment are looked at for gradient statistics; 0 switches them off.
    pub gradient_samples: u64,
    /// At most this many rows of the validation split are evaluated after each segment: the first ones, always the
    /// same. `None` takes all.
    pub validation_rows: Option<usize>,
    /// How cost is counted.
    pub cost: CostModel,
    /// Metrics of every evaluation, beside the accuracy of classes or the root mean squared error of values. They cost no
    /// more than the evaluation.
    pub metrics: Vec<Metric>,
}

impl Default for TraineeConfig {
    fn default() -> Self {
        Self {
            optimizer: OptimizerConfig::sgd(),
            gradient_samples: 8,
            validation_rows: None,
            cost: CostModel::default(),
            metrics: Vec::new(),
        }
    }
}

/// A [`Task`] under training.
pub struct TaskTrainee<T: Task> {
    task: T,
    config: TraineeConfig,
    spec: TraineeSpec,
    device: Device,
    meter: Meter,
    probe: GradientProbe,
    validation: Dataset,
    first_loss: f64,
    state: Option<State<T::Model>>,
}

/// All that an update changes. Tensors are shared when it is cloned, so a snapshot costs next to nothing.
#[derive(Clone)]
struct State<M> {
    model: M,
    optimizer: ModuleOptimizer,
    sampler: EpochSampler,
}

/// How far to train.
#[derive(Clone, Copy)]
enum Extent {
    /// Until this is spent with an evaluation at the end, and at least one update.
    Budget(Cost),
    /// This many updates.
    Updates(u64),
}

impl<T: Task> TaskTrainee<T> {
    /// A training of `task` on `device` (without autodiff; it is added here).
    ///
    /// # Errors
    /// [`Error::Setting`] if the optimiser's options are out of range, there are no rows to evaluate, or a metric does not go
    /// with the targets.
    pub fn new(task: T, config: TraineeConfig, device: &Device) -> Result<Self> {
        config.optimizer.init()?;
        let split = task.split();
        let rows = config
            .validation_rows
            .unwrap_or(usize::MAX)
            .min(split.validation.rows());
        if rows == 0 {
            return Err(Error::Setting {
                field: "validation_rows".to_owned(),
                value: "0".to_owned(),
                allowed: "at least 1 validation row".to_owned(),
            });
        }
        let targets = &split.validation.targets;
        evaluation::check(&config.metrics, targets)?;
        let validation = split.validation.select(&(0..rows).collect::<Vec<_>>());
        let device = device.clone().autodiff();
        let parameters = task.model(&device).num_params();
        let spec = TraineeSpec {
            name: task.name(),
            train_examples: split.train.rows(),
            validation_examples: rows,
            parameters,
            cost: config.cost,
            metrics: std::iter::once(evaluation::usual(targets))
                .chain(config.metrics.iter().copied())
                .map(|metric| metric.name().to_owned())
                .collect(),
        };
        Ok(Self {
            meter: Meter::new(config.cost),
            task,
            config,
            spec,
            device,
            probe: GradientProbe::default(),
            validation,
            first_loss: f64::NAN,
            state: None,
        })
    }

    /// The task.
    pub fn task(&self) -> &T {
        &self.task
    }

    /// The model as it stands; `None` before the first start.
    pub fn model(&self) -> Option<&T::Model> {
        self.state.as_ref().map(|state| &state.model)
    }

    /// Mean loss and further metrics over `data`.
    fn evaluate(&self, data: &Dataset) -> trimtab_env::Result<(f64, BTreeMap<String, f64>)> {
        let state = self.started()?;
        let model = state.model.valid();
        let device = self.device.clone().inner();
        let all: Vec<u32> = (0..data.rows() as u32).collect();
        let scale = self.task.split().standardiser.target_scale;
        let mut evaluation = Evaluation::new(data, &self.config.metrics, scale);
        let mut loss = 0.0;
        for rows in all.chunks(EVALUATION_ROWS) {
            let batch = Batch::gather(data, rows, &device);
            let outputs = self.task.forward(&model, batch.inputs);
            let numbers: Vec<f32> = outputs.clone().into_data().iter::<f32>().collect();
            evaluation.add(rows, &numbers);
            let mean: f32 = self.task.loss(outputs, &batch.targets).into_scalar();
            loss += f64::from(mean) * rows.len() as f64;
        }
        let metrics = evaluation.finish(data.rows())?;
        Ok((loss / data.rows() as f64, metrics))
    }

    fn started(&self) -> trimtab_env::Result<&State<T::Model>> {
        self.state
            .as_ref()
            .ok_or_else(|| trimtab_env::Error::NotReset {
                environment: self.spec.name.clone(),
            })
    }

    fn validate(&mut self) -> trimtab_env::Result<Validation> {
        let (loss, metrics) = self.evaluate(&self.validation)?;
        self.meter.evaluation(self.validation.rows());
        Ok(Validation { loss, metrics })
    }

    /// Makes updates and reports them; nothing is evaluated.
    fn train(&mut self, settings: &Settings, extent: Extent) -> trimtab_env::Result<Report> {
        let lr = settings.learning_rate()?;
        let batch_size = match settings.get(BATCH_SIZE) {
            Some(_) => settings.batch_size()?,
            None => Budget::REFERENCE_BATCH.min(self.spec.train_examples),
        };
        if batch_size > self.spec.train_examples {
            return Err(trimtab_env::Error::Setting {
                name: BATCH_SIZE.to_owned(),
                problem: format!(
                    "{batch_size} is more than the {} examples of the training split",
                    self.spec.train_examples
                ),
            });
        }
        self.started()?;
        let Some(State {
            mut model,
            mut optimizer,
            mut sampler,
        }) = self.state.take()
        else {
            return Err(trimtab_env::Error::NotReset {
                environment: self.spec.name.clone(),
            });
        };
        let (mut gradient, mut weights, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        let mut losses = Vec::new();
        let samples = self.config.gradient_samples;
        if samples > 0 {
            flat_weights(&model, &mut weights);
            self.probe.begin(&weights, batch_size);
        }
        let rows_to_validate = self.validation.rows();
        self.meter.begin();
        let mut finite = true;
        while finite
            && match extent {
                Extent::Budget(budget) => {
                    losses.is_empty() || self.meter.fits(budget, batch_size, rows_to_validate)
                }
                Extent::Updates(updates) => (losses.len() as u64) < updates,
            }
        {
            sampler.draw(batch_size, &mut rows);
            let batch = Batch::gather(&self.task.split().train, &rows, &self.device);
            let looking = (losses.len() as u64) < samples;
            let (after, loss) = update(
                &self.task,
                model,
                &mut optimizer,
                lr,
                batch,
                |model, gradients| {
                    if looking {
                        flat_gradients(model, gradients, &mut gradient);
                    }
                },
            );
            model = after;
            if looking {
                flat_weights(&model, &mut weights);
                self.probe.record(&gradient, &weights);
            }
            finite = loss.is_finite();
            losses.push(loss);
            self.meter.update(batch_size);
        }
        let updates = losses.len() as u64;
        let utilisation = self.meter.utilisation(batch_size);
        let gradients = if samples > 0 {
            flat_weights(&model, &mut weights);
            self.probe
                .finish(&weights, updates)
                .filter(GradientStatistics::is_finite)
        } else {
            None
        };
        self.state = Some(State {
            model,
            optimizer,
            sampler,
        });
        Ok(Report {
            updates,
            examples: updates * batch_size as u64,
            cost: self.meter.spent(),
            diverged: !finite,
            // Numbers that are not finite say no more than `diverged` does, and no record could hold them.
            train: TrainLoss::of(&losses).filter(|_| finite),
            validation: None,
            gradients,
            utilisation,
        })
    }
}

/// One update: forward, loss, backward, optimiser. Returns the model after it, the loss before it and the gradients.
fn update<T: Task>(
    task: &T,
    model: T::Model,
    optimizer: &mut ModuleOptimizer,
    lr: f64,
    batch: Batch,
    mut look: impl FnMut(&T::Model, &GradientsParams),
) -> (T::Model, f64) {
    let outputs = task.forward(&model, batch.inputs);
    let loss = task.loss(outputs, &batch.targets);
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    look(&model, &gradients);
    let value: f32 = loss.into_scalar();
    (optimizer.step(lr, model, gradients), f64::from(value))
}

impl<T: Task> Trainee for TaskTrainee<T> {
    fn spec(&self) -> &TraineeSpec {
        &self.spec
    }

    fn start(&mut self, seed: u64) -> trimtab_env::Result<Report> {
        let optimizer = self
            .config
            .optimizer
            .init()
            .map_err(|error| trimtab_env::Error::other(&self.spec.name, error))?;
        let model = self.task.model(&self.device);
        let model = self.task.initialise(model, &mut stream(seed, "weights", 0));
        self.state = Some(State {
            model,
            optimizer,
            sampler: EpochSampler::new(self.spec.train_examples, stream(seed, "sampler", 0)),
        });
        self.meter.begin();
        let validation = self.validate()?;
        self.first_loss = validation.loss;
        Ok(Report {
            cost: self.meter.spent(),
            validation: Some(validation),
            ..Default::default()
        })
    }

    fn advance(&mut self, settings: &Settings, budget: Cost) -> trimtab_env::Result<Report> {
        let mut report = self.train(settings, Extent::Budget(budget))?;
        if !report.diverged {
            let validation = self.validate()?;
            report.cost = self.meter.spent();
            report.diverged =
                !validation.loss.is_finite() || validation.loss > DIVERGED_TIMES * self.first_loss;
            report.validation = Some(validation).filter(|_| !report.diverged);
        }
        Ok(report)
    }

    fn probe(&mut self, settings: &Settings, updates: u64) -> trimtab_env::Result<Report> {
        self.train(settings, Extent::Updates(updates))
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.state.clone())
    }

    fn restore(&mut self, snapshot: &Snapshot, what: Restore) -> trimtab_env::Result<()> {
        let foreign = || trimtab_env::Error::ForeignSnapshot {
            trainee: self.spec.name.clone(),
        };
        let saved = snapshot
            .downcast_ref::<Option<State<T::Model>>>()
            .ok_or_else(foreign)?;
        match (what, &mut self.state, saved) {
            (Restore::Weights, Some(state), Some(saved)) => {
                state.model = saved.model.clone();
                state.optimizer = self
                    .config
                    .optimizer
                    .init()
                    .map_err(|error| trimtab_env::Error::other(&self.spec.name, error))?;
            }
            (Restore::Everything | Restore::Weights, state, saved) => state.clone_from(saved),
        }
        Ok(())
    }

    fn test(&mut self) -> trimtab_env::Result<TestReport> {
        let (loss, metrics) = self.evaluate(&self.task.split().test)?;
        Ok(TestReport { loss, metrics })
    }
}

#[cfg(test)]
mod tests;
