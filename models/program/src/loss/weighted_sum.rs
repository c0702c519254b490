//! Sums of losses.

use super::{Targets, Term, Together};

/// `sum over i of w_i loss_i`, most often of one loss alone.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedSum {
    /// Each loss with its weight.
    pub terms: Vec<(f64, Term)>,
    /// The gradient of one term.
    slopes: Vec<f32>,
}

impl From<Term> for WeightedSum {
    fn from(term: Term) -> Self {
        Self::new(vec![(1.0, term)])
    }
}

impl WeightedSum {
    /// The sum of these terms.
    pub fn new(terms: Vec<(f64, Term)>) -> Self {
        Self {
            terms,
            slopes: Vec::new(),
        }
    }

    /// The sum, with its gradient with respect to the outputs in `gradient`.
    ///
    /// # Shapes
    /// - outputs, gradient: `[rows, classes]`, or `[rows]` for values
    ///
    /// # Panics
    /// If the targets are not of the kind of a term, or a label is none of the classes.
    pub fn differentiate(
        &mut self,
        outputs: &[f32],
        targets: Targets,
        gradient: &mut Vec<f32>,
    ) -> f64 {
        // The bits of one loss alone are its own.
        if let [(1.0, term)] = self.terms.as_slice() {
            return term.differentiate(outputs, targets, gradient).value;
        }
        gradient.clear();
        gradient.resize(outputs.len(), 0.0);
        let mut loss = 0.0;
        for (weight, term) in &self.terms {
            loss += weight * term.differentiate(outputs, targets, &mut self.slopes).value;
            for (all, slope) in gradient.iter_mut().zip(&self.slopes) {
                *all += *weight as f32 * slope;
            }
        }
        loss
    }

    /// Adds rows to the means of the terms, which begin empty.
    ///
    /// # Panics
    /// As [`WeightedSum::differentiate`].
    pub fn measure(&mut self, outputs: &[f32], targets: Targets, means: &mut Vec<Together>) {
        means.resize(self.terms.len(), Together::default());
        for ((_, term), mean) in self.terms.iter().zip(means) {
            mean.add(term.mean(outputs, targets, &mut self.slopes));
        }
    }

    /// The sum of the terms that have these means.
    pub fn total(&self, means: &[Together]) -> f64 {
        let each = self.terms.iter().zip(means);
        each.map(|((weight, _), mean)| weight * mean.mean()).sum()
    }

    /// The lowest value that it can take with so many classes, or a bound below it: the sum of those of the terms.
    pub fn lowest(&self, classes: usize) -> f64 {
        let each = self.terms.iter();
        each.map(|(weight, term)| weight * term.lowest(classes))
            .sum()
    }
}
