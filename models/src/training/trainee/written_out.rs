//! Losses and gradients of a network that is written out.

use crate::data::{Dataset, Targets};
use crate::training::evaluation::Evaluation;
use std::ops::Range;
use trimtab_program::{Program, loss, members};

/// A program with the buffers of a training.
pub(super) struct WrittenOut {
    program: Box<dyn Program>,
    inputs: Vec<f32>,
    labels: Vec<u32>,
    values: Vec<f32>,
    output_gradient: Vec<f32>,
    /// What the members predict together.
    together: Vec<f32>,
    /// The share of every label that is spread over all classes.
    label_smoothing: f32,
}

impl WrittenOut {
    /// The buffers for a program, trained with smoothed labels.
    pub(super) fn new(program: Box<dyn Program>, label_smoothing: f64) -> Self {
        Self {
            program,
            inputs: Vec::new(),
            labels: Vec::new(),
            values: Vec::new(),
            output_gradient: Vec::new(),
            together: Vec::new(),
            label_smoothing: label_smoothing as f32,
        }
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
        let loss = match &data.targets {
            Targets::Classes { labels, .. } => {
                self.labels.clear();
                self.labels.extend(picked.map(|row| labels[row]));
                loss::smoothed_cross_entropy(
                    outputs,
                    &self.labels,
                    self.label_smoothing,
                    &mut self.output_gradient,
                )
            }
            Targets::Values(values) => {
                self.values.clear();
                self.values.extend(picked.map(|row| values[row]));
                loss::squared_error(outputs, &self.values, &mut self.output_gradient)
            }
        };
        gradient.resize(weights.len(), 0.0);
        self.program
            .backward(weights, &self.inputs, &self.output_gradient, gradient);
        loss
    }

    /// The mean loss over rows that follow one another, whose outputs `evaluation` takes.
    pub(super) fn evaluate(
        &mut self,
        weights: &[f32],
        data: &Dataset,
        rows: &[u32],
        evaluation: &mut Evaluation,
    ) -> f64 {
        let Some(first) = rows.first() else {
            return 0.0;
        };
        let at = *first as usize..*first as usize + rows.len();
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
        match &data.targets {
            Targets::Classes { labels, .. } => {
                loss::mean_cross_entropy(outputs, &labels[at], &mut self.output_gradient)
            }
            Targets::Values(values) => {
                loss::squared_error(outputs, &values[at], &mut self.output_gradient)
            }
        }
    }
}
