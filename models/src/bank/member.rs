//! The training of an MLP that can be trained together with others.

use super::program::{Examples, Program};
use crate::average::AveragedWeights;
use crate::data::Dataset;
use crate::evaluation::Evaluation;
use crate::minibatches::Minibatches;
use crate::mlp::{Mlp, MlpTask};
use crate::optimizer::FlatOptimizer;
use crate::stretch::{Look, Rates, Stretch};
use crate::trainee::{EVALUATION_ROWS, Extent, has_diverged};
use crate::weights::{FlatWeights, flat_state, with_state};
use crate::{Result, Task, TraineeConfig};
use burn::tensor::Device;
use std::collections::BTreeMap;
use std::ops::Range;
use trimtab_env::{
    Cost, Report, Restore, Settings, Snapshot, TestReport, Trainee, TraineeSpec, Validation, stream,
};

/// An [`MlpTask`] under training, like a [`crate::TaskTrainee`] of it in every report, and able to share a program with
/// others in [`super::advance`]. Its weights are one vector on the CPU.
pub struct Member {
    task: MlpTask,
    config: TraineeConfig,
    spec: TraineeSpec,
    program: Program,
    tensors: Vec<Range<usize>>,
    device: Device,
    stretch: Stretch,
    first_loss: f64,
    /// What every run begins with, in place of weights of its own.
    first_weights: Option<Vec<f32>>,
    state: Option<State>,
}

/// All that an update changes.
#[derive(Clone)]
pub(super) struct State {
    weights: FlatWeights,
    optimizer: FlatOptimizer,
    minibatches: Minibatches,
    /// What is evaluated instead of the weights, where the settings ask for it.
    averaged: Option<AveragedWeights>,
}

impl State {
    /// The weights that are evaluated.
    fn evaluated(&self) -> &[f32] {
        match &self.averaged {
            Some(averaged) => averaged.weights(),
            None => self.optimizer.average().unwrap_or(&self.weights.0),
        }
    }
}

impl Member {
    /// A training of `task` on `device` (without autodiff; it is added here).
    ///
    /// # Errors
    /// As [`crate::TaskTrainee::new`].
    pub fn new(task: MlpTask, config: TraineeConfig, device: &Device) -> Result<Self> {
        let spec = config.spec(&task, &task.model(&device.clone().autodiff()))?;
        let program = Program::new(&task);
        Ok(Self {
            stretch: Stretch::new(
                config.cost,
                Look::Statistics(config.gradient_samples),
                config.smoothing_interval,
            ),
            tensors: program.tensors(),
            program,
            device: device.clone().autodiff(),
            task,
            config,
            spec,
            first_loss: f64::NAN,
            first_weights: None,
            state: None,
        })
    }

    /// The same, but every run begins with these weights of an earlier training, as under [`crate::FineTuning`].
    pub(crate) fn fine_tuning(mut self, weights: Vec<f32>) -> Self {
        self.spec.pretrained = true;
        self.first_weights = Some(weights);
        self
    }

    /// The task.
    pub fn task(&self) -> &MlpTask {
        &self.task
    }

    /// The model as it stands, with the weights that are evaluated; `None` before the first start.
    pub fn model(&self) -> Option<Mlp> {
        let state = self.state.as_ref()?;
        Some(with_state(
            &self.task.model(&self.device),
            state.evaluated(),
        ))
    }

    pub(super) fn program(&self) -> &Program {
        &self.program
    }

    /// The validation rows are the first ones of their split.
    pub(super) fn validation(&self) -> (&Dataset, usize) {
        (&self.task.split().validation, self.spec.validation_examples)
    }

    /// Where it trains, with autodiff.
    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    fn alike(&self, other: &Self) -> bool {
        self.program == other.program && self.device == other.device
    }

    /// Whether an evaluation of the one can share a program with that of the other.
    pub(super) fn evaluates_like(&self, other: &Self) -> bool {
        self.alike(other) && self.validation().1 == other.validation().1
    }

    /// The numbers of the settings, and the state to train on, which is taken out.
    pub(super) fn begin(&mut self, settings: &Settings) -> trimtab_env::Result<(State, Rates)> {
        self.spec.understands_all(settings)?;
        let rates = Rates::of(settings, self.spec.train_examples)?;
        let state = self.state.take().ok_or_else(|| self.not_started())?;
        Ok((state, rates))
    }

    fn not_started(&self) -> trimtab_env::Error {
        trimtab_env::Error::NotReset {
            environment: self.spec.name.clone(),
        }
    }

    fn optimizer(&self) -> trimtab_env::Result<FlatOptimizer> {
        FlatOptimizer::new(&self.config.optimizer)
            .map_err(|error| trimtab_env::Error::other(&self.spec.name, error))
    }

    /// The report of a segment with what was found at its end.
    pub(super) fn judged(
        &mut self,
        mut report: Report,
        loss: f64,
        metrics: BTreeMap<String, f64>,
    ) -> Report {
        self.stretch.meter.evaluation(self.spec.validation_examples);
        report.cost = self.stretch.meter.spent();
        report.diverged = has_diverged(loss, self.first_loss, self.spec.lowest_loss);
        report.validation = Some(Validation { loss, metrics }).filter(|_| !report.diverged);
        report
    }

    fn alone(&mut self, settings: &Settings, extent: Extent) -> trimtab_env::Result<Report> {
        let reports = super::together(vec![(self, settings, extent)]);
        reports
            .into_iter()
            .collect::<trimtab_env::Result<_>>()
            .map(|reports: Vec<Report>| reports.into_iter().next().unwrap_or_default())
    }
}

/// A stretch of updates under way.
pub(super) struct Run<'a> {
    pub(super) member: &'a mut Member,
    pub(super) extent: Extent,
    state: State,
    rates: Rates,
    rows: Vec<u32>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        member: &'a mut Member,
        mut state: State,
        rates: Rates,
        extent: Extent,
    ) -> Self {
        member
            .stretch
            .begin(&state.weights, rates, &mut state.averaged);
        Self {
            member,
            extent,
            state,
            rates,
            rows: Vec::new(),
        }
    }

    /// Whether updates of the one can share a program with those of the other.
    pub(super) fn alike(&self, other: &Self) -> bool {
        self.member.alike(other.member) && self.rates.batch_size == other.rates.batch_size
    }

    /// Whether one more update belongs to it.
    pub(super) fn goes_on(&self) -> bool {
        let stretch = &self.member.stretch;
        match self.extent {
            Extent::Budget(budget) => stretch.goes_on(budget, self.member.spec.validation_examples),
            Extent::Updates(updates) => stretch.is_finite() && stretch.updates() < updates,
        }
    }

    /// Draws the next batch.
    pub(super) fn draw(&mut self) {
        let train = &self.member.task.split().train;
        let size = self.rates.batch_size;
        self.state.minibatches.draw(train, size, &mut self.rows);
    }

    /// The batch that was drawn.
    pub(super) fn batch(&self) -> (&Dataset, &[u32]) {
        let train = &self.member.task.split().train;
        (self.state.minibatches.data(train), &self.rows)
    }

    /// The weights that gradients are taken at.
    pub(super) fn weights(&self) -> &[f32] {
        &self.state.weights.0
    }

    /// One update with the loss and the gradient at the weights.
    pub(super) fn update(&mut self, loss: f32, gradient: Vec<f32>) {
        let Self { member, state, .. } = self;
        let (optimizer, tensors) = (&mut state.optimizer, &member.tensors);
        let weights = FlatWeights(std::mem::take(&mut state.weights.0));
        state.weights = member.stretch.update(
            weights,
            gradient,
            loss.into(),
            &mut state.averaged,
            |lr, mut weights, mut gradient| {
                optimizer.step(lr, &mut weights.0, &mut gradient, tensors);
                weights
            },
        );
    }

    /// Its end.
    pub(super) fn finish(self) -> (&'a mut Member, Report) {
        let Self {
            member, mut state, ..
        } = self;
        let (weights, report) = member.stretch.finish(state.weights, &mut state.averaged);
        state.weights = weights;
        member.state = Some(state);
        (member, report)
    }
}

/// Mean loss and further metrics of each member over the first so many rows of its data. They share a program, and have as
/// many rows.
pub(super) fn evaluate(
    members: &[&Member],
    data: impl Fn(&Member) -> (&Dataset, usize),
) -> Vec<trimtab_env::Result<(f64, BTreeMap<String, f64>)>> {
    let states: trimtab_env::Result<Vec<&State>> = members
        .iter()
        .map(|member| member.state.as_ref().ok_or_else(|| member.not_started()))
        .collect();
    let (first, states) = match (members.first(), states) {
        (Some(first), Ok(states)) => (first, states),
        (None, _) => return Vec::new(),
        (_, Err(error)) => return vec![Err(error)],
    };
    let device = first.device.clone().inner();
    let weights: Vec<&[f32]> = states.iter().map(|state| state.evaluated()).collect();
    let layers = first.program.stack(&weights, &device);
    let mut evaluations: Vec<(f64, Evaluation)> = members
        .iter()
        .map(|member| {
            let scale = member.task.split().standardiser.target_scale;
            let metrics = &member.config.metrics;
            (0.0, Evaluation::new(data(member).0, metrics, scale))
        })
        .collect();
    let rows = data(first).1;
    let all: Vec<u32> = (0..rows as u32).collect();
    for part in all.chunks(EVALUATION_ROWS) {
        let each = members.iter().map(|member| (data(member).0, part));
        let examples = Examples::gather(each, &device);
        let (outputs, losses) = first.program.evaluate(&layers, &examples);
        let outputs: Vec<f32> = outputs.into_data().iter::<f32>().collect();
        let losses = losses.into_data();
        let outputs = outputs.chunks(part.len() * first.program.outputs());
        for (((loss, evaluation), outputs), mean) in evaluations
            .iter_mut()
            .zip(outputs)
            .zip(losses.iter::<f32>())
        {
            evaluation.add(part, outputs);
            *loss += f64::from(mean) * part.len() as f64;
        }
    }
    evaluations
        .into_iter()
        .map(|(loss, evaluation)| Ok((loss / rows as f64, evaluation.finish(rows)?)))
        .collect()
}

/// Mean loss and further metrics of one member.
fn evaluate_alone(
    member: &Member,
    data: impl Fn(&Member) -> (&Dataset, usize),
) -> trimtab_env::Result<(f64, BTreeMap<String, f64>)> {
    let mut evaluated = evaluate(&[member], data);
    evaluated.pop().unwrap_or_else(|| Err(member.not_started()))
}

impl Trainee for Member {
    fn spec(&self) -> &TraineeSpec {
        &self.spec
    }

    fn start(&mut self, seed: u64) -> trimtab_env::Result<Report> {
        let mut weights = Vec::new();
        match &self.first_weights {
            Some(first) => weights.extend_from_slice(first),
            None => {
                let model = self.task.model(&self.device);
                let model = self.task.initialise(model, &mut stream(seed, "weights", 0));
                flat_state(&model, &mut weights);
            }
        }
        let train = &self.task.split().train;
        self.state = Some(State {
            weights: FlatWeights(weights),
            optimizer: self.optimizer()?,
            minibatches: Minibatches::new(train, &self.config, seed)
                .map_err(|error| trimtab_env::Error::other(&self.spec.name, error))?,
            averaged: None,
        });
        self.stretch.forget();
        self.stretch.meter.begin();
        let (loss, metrics) = evaluate_alone(self, Self::validation)?;
        self.stretch.meter.evaluation(self.spec.validation_examples);
        self.first_loss = loss;
        Ok(Report {
            cost: self.stretch.meter.spent(),
            validation: Some(Validation { loss, metrics }),
            ..Default::default()
        })
    }

    fn advance(&mut self, settings: &Settings, budget: Cost) -> trimtab_env::Result<Report> {
        self.alone(settings, Extent::Budget(budget))
    }

    fn probe(&mut self, settings: &Settings, updates: u64) -> trimtab_env::Result<Report> {
        self.alone(settings, Extent::Updates(updates))
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.state.clone())
    }

    fn restore(&mut self, snapshot: &Snapshot, what: Restore) -> trimtab_env::Result<()> {
        let saved = snapshot.downcast_ref::<Option<State>>().ok_or_else(|| {
            trimtab_env::Error::ForeignSnapshot {
                trainee: self.spec.name.clone(),
            }
        })?;
        let fresh = self.optimizer()?;
        self.stretch.forget();
        match (what, &mut self.state, saved) {
            (Restore::Weights, Some(state), Some(saved)) => {
                // What the snapshot's losses are of.
                let weights = saved.optimizer.average().unwrap_or(&saved.weights.0);
                state.weights = FlatWeights(weights.to_vec());
                state.averaged = saved.averaged.clone();
                state.optimizer = fresh;
            }
            (Restore::AllButData, Some(state), Some(saved)) => {
                let minibatches = state.minibatches.clone();
                *state = State {
                    minibatches,
                    ..saved.clone()
                };
            }
            (_, state, saved) => state.clone_from(saved),
        }
        Ok(())
    }

    fn test(&mut self) -> trimtab_env::Result<TestReport> {
        let (loss, metrics) = evaluate_alone(self, |member| {
            let test = &member.task.split().test;
            (test, test.rows())
        })?;
        Ok(TestReport { loss, metrics })
    }
}
