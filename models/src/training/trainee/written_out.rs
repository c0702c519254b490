//! Losses and gradients of a network that is written out.

use crate::Task;
use crate::data::{Dataset, Targets};
use crate::training::evaluation::Evaluation;
use std::ops::Range;
use trimtab_program::loss::{self, CrossEntropy, Term, Together, WeightedSum};
use trimtab_program::pruning::Units;
use trimtab_program::pruning::units::{Role, UnitWeights};
use trimtab_program::{Program, members};

/// A program with the buffers of a training.
pub(super) struct WrittenOut {
    program: Box<dyn Program>,
    inputs: Vec<f32>,
    labels: Vec<u32>,
    values: Vec<f32>,
    output_gradient: Vec<f32>,
    /// What the members predict together.
    together: Vec<f32>,
    /// The loss that gradients are taken of.
    trained: WeightedSum,
    /// The loss of evaluations, which no setting moves.
    evaluated: WeightedSum,
}

/// Cross-entropy with labels that are smoothed so much, or the squared error.
fn usual(targets: &Targets, label_smoothing: f64) -> WeightedSum {
    WeightedSum::from(match targets {
        Targets::Classes { .. } => Term::CrossEntropy(CrossEntropy {
            class_weights: None,
            label_smoothing,
        }),
        Targets::Values(_) => Term::SquaredError,
    })
}

impl WrittenOut {
    /// The buffers for the program of a task, which has chosen a loss or has not.
    pub(super) fn new<T: Task>(
        program: Box<dyn Program>,
        task: &T,
        chosen: Option<&WeightedSum>,
    ) -> Self {
        let targets = &task.split().train.targets;
        let or_usual = |smoothing| chosen.cloned().unwrap_or_else(|| usual(targets, smoothing));
        Self {
            program,
            inputs: Vec::new(),
            labels: Vec::new(),
            values: Vec::new(),
            output_gradient: Vec::new(),
            together: Vec::new(),
            trained: or_usual(task.label_smoothing()),
            evaluated: or_usual(0.0),
        }
    }

    /// From here on gradients are of this loss, if there is one.
    pub(super) fn train_with(&mut self, chosen: Option<WeightedSum>) {
        if let Some(chosen) = chosen {
            self.trained = chosen;
        }
    }

    /// The program.
    pub(super) fn program(&self) -> &dyn Program {
        self.program.as_ref()
    }

    /// From here on it is this program: one of the same kind, with fewer or more units.
    pub(super) fn compute_with(&mut self, program: Box<dyn Program>) {
        self.program = program;
    }

    /// How many units there are of each layer that has some that can leave.
    pub(super) fn units(&self) -> Vec<usize> {
        let layers = self.program.units();
        layers.iter().map(|layer| layer.count).collect()
    }

    /// Where the biases of the hidden units are in the weights.
    pub(super) fn biases(&self) -> Vec<usize> {
        let layers = self.program.units();
        let of_layer = |layer: &Units| -> Vec<usize> {
            let biases = layer.weights.iter().filter(|kind| kind.role == Role::Bias);
            let of_kind = |kind: &UnitWeights| -> Vec<usize> {
                (0..layer.count).flat_map(|unit| kind.of(unit)).collect()
            };
            biases.flat_map(of_kind).collect()
        };
        layers.iter().flat_map(of_layer).collect()
    }

    /// Where the tensors are in the weights.
    pub(super) fn tensors(&self) -> &[Range<usize>] {
        self.program.tensors()
    }

    /// The mean loss over some rows of a data set at these weights. Its gradient is put into `gradient`.
    pub(super) fn differentiate(
        &mut self,
        weights: &[f32],
        data: &Dataset,
        rows: &[u32],
        gradient: &mut Vec<f32>,
    ) -> f64 {
        self.inputs.clear();
        for row in rows {
            self.inputs.extend_from_slice(data.row(*row as usize));
        }
        let members = self.program.members();
        let outputs = self.program.forward(weights, &self.inputs);
        // Every member learns from every row.
        let each = std::iter::repeat_n(rows, members);
        let picked = each.flatten().map(|row| *row as usize);
        let targets = match &data.targets {
            Targets::Classes { labels, .. } => {
                self.labels.clear();
                self.labels.extend(picked.map(|row| labels[row]));
                loss::Targets::Classes(&self.labels)
            }
            Targets::Values(values) => {
                self.values.clear();
                self.values.extend(picked.map(|row| values[row]));
                loss::Targets::Values(&self.values)
            }
        };
        let slopes = &mut self.output_gradient;
        let loss = self.trained.differentiate(outputs, targets, slopes);
        gradient.resize(weights.len(), 0.0);
        self.program
            .backward(weights, &self.inputs, &self.output_gradient, gradient);
        loss
    }

    /// Adds rows that follow one another to the means of the loss; `evaluation` takes their outputs.
    pub(super) fn evaluate(
        &mut self,
        weights: &[f32],
        data: &Dataset,
        rows: &[u32],
        evaluation: &mut Evaluation,
        means: &mut Vec<Together>,
    ) {
        let at = range(rows);
        let inputs = &data.inputs[at.start * data.features..at.end * data.features];
        let members = self.program.members();
        let classes = self.program.outputs();
        let mut outputs = self.program.forward(weights, inputs);
        if members > 1 {
            match &data.targets {
                Targets::Classes { .. } => {
                    members::mean_logits(outputs, members, classes, &mut self.together);
                }
                Targets::Values(_) => members::mean_values(outputs, members, &mut self.together),
            }
            outputs = &self.together;
        }
        evaluation.add(rows, outputs);
        self.evaluated.measure(outputs, targets(data, rows), means);
    }

    /// The loss that has these means.
    pub(super) fn evaluated(&self, means: &[Together]) -> f64 {
        self.evaluated.total(means)
    }
}

/// Where rows are that follow one another.
fn range(rows: &[u32]) -> Range<usize> {
    let first = rows.first().map_or(0, |row| *row as usize);
    first..first + rows.len()
}

/// The targets of rows that follow one another.
pub(super) fn targets<'a>(data: &'a Dataset, rows: &[u32]) -> loss::Targets<'a> {
    let at = range(rows);
    match &data.targets {
        Targets::Classes { labels, .. } => loss::Targets::Classes(&labels[at]),
        Targets::Values(values) => loss::Targets::Values(&values[at]),
    }
}
