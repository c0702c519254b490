//! The training of a [`Task`] as a [`Trainee`].

mod network;
mod prune;
mod saved;
mod written_out;

use crate::data::{Dataset, Split};
use crate::network::weights::{FlatWeights, visit_state};
use crate::training::average::AveragedWeights;
use crate::training::config::TraineeConfig;
use crate::training::dry_run::{self, DryRun};
use crate::training::evaluation::Evaluation;
use crate::training::minibatches::Minibatches;
use crate::training::pruning::pruner::Pruner;
use crate::training::updates::{Look, Rates, Updates};
use crate::{Batch, Error, Pass, Result, Task};
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Device;
use network::Network;
use rand_chacha::ChaCha8Rng;

use std::collections::BTreeMap;
use trimtab_env::servo::steered_training::has_diverged;
use trimtab_env::settings::PRUNE;
use trimtab_env::{
    Cost, Report, Restore, Settings, Snapshot, TestReport, Trainee, TraineeSpec, Validation, stream,
};
use trimtab_program::Program;
use trimtab_program::loss::WeightedSum;
use written_out::{WrittenOut, targets};

/// Rows evaluated at once.
const EVALUATION_ROWS: usize = 1024;

/// A [`Task`] under training.
pub struct TaskTrainee<T: Task> {
    task: T,
    config: TraineeConfig,
    spec: TraineeSpec,
    device: Device,
    updates: Updates,
    /// What makes the updates, if the task has it and the device is the CPU.
    written_out: Option<WrittenOut>,
    /// The loss of evaluations on plain vectors, if the task has chosen one.
    chosen_loss: Option<WeightedSum>,
    first_loss: f64,
    state: Option<State<T::Model>>,
}

/// All that an update changes.
struct State<M> {
    /// What gradients are taken of.
    network: Network<M>,
    minibatches: Minibatches,
    /// What a task draws in its training passes.
    passes: ChaCha8Rng,
    /// What is evaluated instead of the weights, where the settings ask for it.
    averaged: Option<AveragedWeights>,
    /// Which units leave, if any do.
    pruner: Option<Pruner>,
}

impl<M: Module> Clone for State<M> {
    fn clone(&self) -> Self {
        Self {
            network: self.network.clone(),
            minibatches: self.minibatches.clone(),
            passes: self.passes.clone(),
            averaged: self.averaged.clone(),
            pruner: self.pruner.clone(),
        }
    }
}

/// Whether a program has as many weights as the model that it stands for.
fn fits(program: &dyn Program, model: &impl Module) -> Result<()> {
    let mut weights = 0;
    visit_state(model, |part, _| weights += part.len());
    if program.weights() == weights {
        return Ok(());
    }
    Err(Error::Config {
        field: "program".to_owned(),
        given: format!("{} weights", program.weights()),
        allowed: format!("{weights}, as many as the model has, in the order of `flat_state`"),
    })
}

/// How far to train.
#[derive(Clone, Copy)]
enum Extent {
    /// Until this is spent with an evaluation of so many rows at the end, and at least one update.
    Budget(Cost, usize),
    /// This many updates.
    Updates(u64),
}

impl Extent {
    /// Whether one more update belongs to it.
    fn goes_on(self, updates: &Updates) -> bool {
        match self {
            Self::Budget(budget, rows) => updates.goes_on(budget, rows),
            Self::Updates(wanted) => updates.is_finite() && updates.count() < wanted,
        }
    }
}

impl<T: Task> TaskTrainee<T> {
    /// A training of `task` on `device` (without autodiff; it is added here).
    ///
    /// # Errors
    /// [`Error::Config`] if the optimiser's options are out of range, there are no rows to evaluate, a metric does not go
    /// with the targets, or the task's program has not as many weights as its model; [`Task::chosen_loss`]'s.
    pub fn new(task: T, config: TraineeConfig, device: &Device) -> Result<Self> {
        // What is written out works in the memory of the CPU.
        let program = task.program().filter(|_| *device == Device::flex());
        let device = device.clone().autodiff();
        let model = task.model(&device);
        if let Some(program) = &program {
            fits(program.as_ref(), &model)?;
        }
        prune::pruner(&task, config.pruning.as_ref(), program.as_deref(), 0)?;
        let chosen_loss = task.chosen_loss(&Settings::default())?;
        let mut spec = config.spec(&task, &model)?;
        let DryRun {
            size,
            lowest_loss,
            warnings,
        } = dry_run::run(&task, &model, &device);
        (spec.parameters, spec.layers) = (size.weights, size.layers);
        spec.lowest_loss = task.lowest_loss().unwrap_or(lowest_loss);
        spec.warnings = warnings;
        Ok(Self {
            updates: Updates::new(
                config.cost,
                Look::Statistics(config.gradient_samples),
                config.smoothing_interval,
            ),
            written_out: program
                .map(|program| WrittenOut::new(program, &task, chosen_loss.as_ref())),
            chosen_loss,
            task,
            config,
            spec,
            device,
            first_loss: f64::NAN,
            state: None,
        })
    }

    /// Looks at something else than its configuration says.
    pub(crate) fn look_at(&mut self, look: Look) {
        self.updates.look_at(look);
    }

    /// The task.
    pub fn task(&self) -> &T {
        &self.task
    }

    /// The model as it stands, with the weights that are evaluated; `None` before the first start.
    pub fn model(&self) -> Option<T::Model> {
        let State {
            network,
            averaged,
            pruner,
            ..
        } = self.state.as_ref()?;
        Some(network.model(averaged.as_ref(), || {
            prune::like(&self.task, pruner.as_ref(), &self.device)
        }))
    }

    /// Mean loss and further metrics over the first `rows` rows of a part of the data.
    fn evaluate(
        &mut self,
        part: impl Fn(&Split) -> &Dataset,
        rows: usize,
    ) -> trimtab_env::Result<(f64, BTreeMap<String, f64>)> {
        let not_started = self.not_started();
        self.fit();
        let State {
            network, averaged, ..
        } = self.state.as_ref().ok_or(not_started)?;
        let data = part(self.task.split());
        let standardiser = &self.task.split().standardiser;
        let mut evaluation = Evaluation::new(data, &self.config.metrics, standardiser.target_scale)
            .with_log_link(standardiser.log_link);
        let all: Vec<u32> = (0..rows as u32).collect();
        let parts = all.chunks(EVALUATION_ROWS);
        let mut means = Vec::new();
        let loss = match (network, &mut self.written_out) {
            (Network::Flat { weights, optimizer }, Some(written_out)) => {
                let weights = network::evaluated(weights, optimizer, averaged.as_ref());
                for rows in parts {
                    written_out.evaluate(weights, data, rows, &mut evaluation, &mut means);
                }
                written_out.evaluated(&means)
            }
            (network, _) => {
                let model = network.model(averaged.as_ref(), || self.task.model(&self.device));
                let model = model.valid();
                let device = self.device.clone().inner();
                let mut losses = 0.0;
                for rows in parts {
                    let batch = Batch::gather(data, rows, &device);
                    let (outputs, loss) = self.task.evaluate(&model, batch);
                    let numbers: Vec<f32> = outputs.into_data().iter::<f32>().collect();
                    evaluation.add(rows, &numbers);
                    match &mut self.chosen_loss {
                        // Its mean may be weighted, which that of parts does not tell.
                        Some(chosen) => chosen.measure(&numbers, targets(data, rows), &mut means),
                        None => {
                            let mean: f32 = loss.into_scalar();
                            losses += f64::from(mean) * rows.len() as f64;
                        }
                    }
                }
                match &self.chosen_loss {
                    Some(chosen) => chosen.total(&means),
                    None => losses / rows as f64,
                }
            }
        };
        let mut figures = evaluation.finish(rows)?;
        figures.extend(self.task.figures(loss));
        Ok((loss, figures))
    }

    fn not_started(&self) -> trimtab_env::Error {
        trimtab_env::Error::NotReset {
            environment: self.spec.name.clone(),
        }
    }

    fn other(&self, error: Error) -> trimtab_env::Error {
        trimtab_env::Error::other(&self.spec.name, error)
    }

    fn validate(&mut self) -> trimtab_env::Result<Validation> {
        let rows = self.spec.validation_examples;
        let (loss, metrics) = self.evaluate(|split| &split.validation, rows)?;
        self.updates.tally.meter.evaluation(rows);
        Ok(Validation { loss, metrics })
    }

    /// Makes updates and reports them; nothing is evaluated.
    fn train(&mut self, settings: &Settings, extent: Extent) -> trimtab_env::Result<Report> {
        self.spec.understands_all(settings)?;
        let rates = Rates::of(settings, self.spec.train_examples)?;
        let chosen = self.task.chosen_loss(settings);
        let chosen = chosen.map_err(|error| self.other(error))?;
        let relative = self.task.relative_cost(settings);
        let relative = relative.map_err(|error| self.other(error))?;
        self.updates.tally.meter.set_relative_cost(relative);
        if let Some(written_out) = &mut self.written_out {
            written_out.train_with(chosen);
        }
        let not_started = self.not_started();
        self.fit();
        let State {
            network,
            mut minibatches,
            mut passes,
            mut averaged,
            mut pruner,
        } = self.state.take().ok_or(not_started)?;
        let Self {
            task,
            device,
            updates,
            written_out,
            ..
        } = self;
        let train = &task.split().train;
        let mut rows = Vec::new();
        let mut dead_units = None;
        let (network, report) = match (network, written_out) {
            (
                Network::Flat {
                    mut weights,
                    mut optimizer,
                },
                Some(written_out),
            ) => {
                let mut gradient = Vec::new();
                let biases = written_out.biases();
                updates.begin(&weights, rates, &mut averaged);
                while extent.goes_on(updates) {
                    minibatches.draw(train, rates.batch_size, &mut rows);
                    let data = minibatches.data(train);
                    let loss = written_out.differentiate(&weights.0, data, &rows, &mut gradient);
                    if let Some(pruner) = &mut pruner
                        && pruner.looks()
                    {
                        pruner.see(&weights.0, &gradient);
                    }
                    dead_units = share_of_zeros(&biases, &gradient);
                    let taken = std::mem::take(&mut gradient);
                    let step = |lr, mut weights: FlatWeights, mut taken: Vec<f32>| {
                        optimizer.step(lr, &mut weights.0, &mut taken, written_out.tensors());
                        gradient = taken;
                        weights
                    };
                    weights = updates.update(weights, taken, loss, &mut averaged, step);
                }
                let (weights, report) = updates.finish(weights, &mut averaged);
                (Network::Flat { weights, optimizer }, report)
            }
            (
                Network::Module {
                    mut model,
                    mut optimizer,
                },
                _,
            ) => {
                updates.begin(&model, rates, &mut averaged);
                while extent.goes_on(updates) {
                    minibatches.draw(train, rates.batch_size, &mut rows);
                    let batch = Batch::gather(minibatches.data(train), &rows, device);
                    let mut pass = Pass::new(settings, &mut passes);
                    let loss = task.training_loss(&model, batch, &mut pass);
                    let gradients = GradientsParams::from_grads(loss.backward(), &model);
                    prune::look(&mut pruner, &model, &gradients);
                    let loss: f32 = loss.into_scalar();
                    let step = |lr, model, gradients| optimizer.step(lr, model, gradients);
                    model = updates.update(model, gradients, loss.into(), &mut averaged, step);
                }
                let (model, report) = updates.finish(model, &mut averaged);
                (Network::Module { model, optimizer }, report)
            }
            (network, None) => (network, Report::default()),
        };
        let pruned = pruner.as_ref().map(Pruner::pruned);
        self.state = Some(State {
            network,
            minibatches,
            passes,
            averaged,
            pruner,
        });
        Ok(Report {
            pruned,
            dead_units,
            ..report
        })
    }
}

/// The share of the numbers at these places that are 0. The gradient of a bias is 0 where its unit is dead for every example of a batch.
fn share_of_zeros(places: &[usize], numbers: &[f32]) -> Option<f64> {
    let zeros = places.iter().filter(|at| numbers[**at] == 0.0).count();
    (!places.is_empty()).then(|| zeros as f64 / places.len() as f64)
}

impl<T: Task> Trainee for TaskTrainee<T> {
    fn spec(&self) -> &TraineeSpec {
        &self.spec
    }

    fn start(&mut self, seed: u64) -> trimtab_env::Result<Report> {
        let train = &self.task.split().train;
        let minibatches =
            Minibatches::new(train, &self.config, seed).map_err(|error| self.other(error))?;
        let model = self.task.model(&self.device);
        let model = self.task.initialise(model, &mut stream(seed, "weights", 0));
        let optimizer = (&self.config.optimizer, self.task.optimizer());
        let (written_out, pruned) = (self.written_out.is_some(), self.config.pruning.is_some());
        let network = Network::begin(model, optimizer, written_out, pruned)
            .map_err(|error| self.other(error))?;
        let program = self.written_out.as_ref().and(self.task.program());
        let pruning = self.config.pruning.as_ref();
        let pruner = prune::pruner(&self.task, pruning, program.as_deref(), seed)
            .map_err(|error| self.other(error))?;
        self.state = Some(State {
            network,
            minibatches,
            passes: stream(seed, "passes", 0),
            averaged: None,
            pruner,
        });
        self.updates.forget();
        self.updates.tally.meter.begin();
        let validation = self.validate()?;
        self.first_loss = validation.loss;
        Ok(Report {
            cost: self.updates.tally.meter.spent(),
            validation: Some(validation),
            pruned: self.pruned(),
            ..Default::default()
        })
    }

    fn advance(&mut self, settings: &Settings, budget: Cost) -> trimtab_env::Result<Report> {
        self.spec.understands_all(settings)?;
        self.prune(settings.share(PRUNE)?)?;
        let extent = Extent::Budget(budget, self.spec.validation_examples);
        let mut report = self.train(settings, extent)?;
        if !report.diverged {
            let validation = self.validate()?;
            report.cost = self.updates.tally.meter.spent();
            report.diverged = has_diverged(validation.loss, self.first_loss, self.spec.lowest_loss);
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
        let saved = snapshot
            .downcast_ref::<Option<State<T::Model>>>()
            .ok_or_else(|| self.foreign())?;
        self.updates.forget();
        match (what, &mut self.state, saved) {
            (Restore::Weights, Some(state), Some(saved)) => {
                // The weights that the snapshot's losses are of.
                let network = saved
                    .network
                    .begun_again((&self.config.optimizer, self.task.optimizer()));
                state.network =
                    network.map_err(|error| trimtab_env::Error::other(&self.spec.name, error))?;
                state.averaged = saved.averaged.clone();
                state.pruner = saved.pruner.clone();
            }
            (Restore::AllButData, Some(state), Some(saved)) => {
                let saved = saved.clone();
                state.network = saved.network;
                state.averaged = saved.averaged;
                state.pruner = saved.pruner;
            }
            (_, state, saved) => state.clone_from(saved),
        }
        Ok(())
    }

    fn test(&mut self) -> trimtab_env::Result<TestReport> {
        let rows = self.task.split().test.rows();
        let (loss, metrics) = self.evaluate(|split| &split.test, rows)?;
        Ok(TestReport { loss, metrics })
    }

    fn save(&self, snapshot: &Snapshot) -> Option<Vec<u8>> {
        self.saved(snapshot)
    }

    fn load(&mut self, saved: &[u8]) -> trimtab_env::Result<Snapshot> {
        self.loaded(saved)
    }
}

#[cfg(test)]
mod carried;
#[cfg(test)]
pub(crate) mod differentiated;
#[cfg(test)]
mod inputs;
#[cfg(test)]
mod own;
#[cfg(test)]
mod tests;
