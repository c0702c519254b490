//! The figures of an evaluation, gathered batch by batch.

use crate::data::{Dataset, Targets};
use crate::{Error, Result};
use std::collections::BTreeMap;
use trimtab_env::metrics::{Metric, Predictions};
use trimtab_program::vectorised;

/// The metric that every evaluation has.
pub(crate) fn usual(targets: &Targets) -> Metric {
    match targets {
        Targets::Classes { .. } => Metric::Accuracy,
        Targets::Values(_) => Metric::RootMeanSquaredError,
    }
}

/// Checks that each metric is one of such targets, by a single prediction.
///
/// # Errors
/// [`Error::Config`] naming the metric.
pub(crate) fn check(metrics: &[Metric], targets: &Targets) -> Result<()> {
    for (index, metric) in metrics.iter().enumerate() {
        let tried = match targets {
            Targets::Classes { names, .. } => metric.evaluate(&Predictions::Classes {
                truth: &[0],
                probabilities: &vec![1.0 / names.len() as f64; names.len()],
                classes: names.len(),
            }),
            Targets::Values(_) => metric.evaluate(&Predictions::Numbers {
                truth: &[0.0],
                predicted: &[0.0],
            }),
        };
        if let Err(error) = tried {
            return Err(Error::Config {
                field: format!("metrics[{index}]"),
                given: metric.name().to_owned(),
                allowed: format!("a metric of such targets ({error})"),
            });
        }
    }
    Ok(())
}

/// An evaluation under way.
pub(crate) struct Evaluation<'a> {
    data: &'a Dataset,
    metrics: &'a [Metric],
    /// What the targets of a regression were divided by.
    scale: f64,
    /// Whether outputs are logarithms of the values.
    log_link: bool,
    /// Right classes, or squared errors.
    score: f64,
    rows: Vec<u32>,
    outputs: Vec<f32>,
}

impl<'a> Evaluation<'a> {
    /// Nothing yet of `data`, whose values were divided by `scale`. Beside the usual metric it gives `metrics`.
    pub(crate) fn new(data: &'a Dataset, metrics: &'a [Metric], scale: f64) -> Self {
        Self {
            data,
            metrics,
            scale,
            log_link: false,
            score: 0.0,
            rows: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// The same, where outputs are logarithms of the values if `log_link` says so.
    pub(crate) fn with_log_link(self, log_link: bool) -> Self {
        Self { log_link, ..self }
    }

    /// Takes the outputs for some rows, one row of them after the other.
    pub(crate) fn add(&mut self, rows: &[u32], outputs: &[f32]) {
        let values: Vec<f32>;
        let outputs = match self.log_link {
            true => {
                values = outputs.iter().map(|log| log.exp()).collect();
                &values
            }
            false => outputs,
        };
        let width = outputs.len() / rows.len().max(1);
        let each = outputs.chunks_exact(width.max(1)).zip(rows);
        self.score += match &self.data.targets {
            Targets::Classes { labels, .. } => vectorised(
                #[inline(always)]
                || {
                    let right = each.filter(|(logits, row)| {
                        // The first of the largest counts. No comparison ends the loop, so that it is vectorised.
                        let label = labels[**row as usize] as usize;
                        let logit = logits[label];
                        let (before, from) = logits.split_at(label);
                        let smaller = before.iter().fold(true, |all, x| all & (*x < logit));
                        from.iter().fold(smaller, |all, x| all & (*x <= logit))
                    });
                    right.count() as f64
                },
            ),
            Targets::Values(values) => each
                .map(|(value, row)| f64::from(value[0] - values[*row as usize]).powi(2))
                .sum(),
        };
        if !self.metrics.is_empty() {
            self.rows.extend_from_slice(rows);
            self.outputs.extend_from_slice(outputs);
        }
    }

    /// The metrics by name. One that is not defined for these predictions is absent.
    ///
    /// # Errors
    /// The metrics'.
    pub(crate) fn finish(self, rows: usize) -> trimtab_env::Result<BTreeMap<String, f64>> {
        let mean = self.score / rows as f64;
        let usual = usual(&self.data.targets);
        let figure = match &self.data.targets {
            Targets::Classes { .. } => mean,
            Targets::Values(_) => mean.sqrt() * self.scale,
        };
        let mut figures = BTreeMap::from([(usual.name().to_owned(), figure)]);
        let further: Vec<Metric> = self
            .metrics
            .iter()
            .copied()
            .filter(|m| *m != usual)
            .collect();
        if further.is_empty() || self.outputs.iter().any(|output| !output.is_finite()) {
            return Ok(figures);
        }
        let mut evaluate = |predictions: &Predictions| -> trimtab_env::Result<()> {
            for metric in &further {
                let figure = metric.evaluate(predictions)?;
                if figure.is_finite() {
                    figures.insert(metric.name().to_owned(), figure);
                }
            }
            Ok(())
        };
        let row = |row: &u32| *row as usize;
        match &self.data.targets {
            Targets::Classes { labels, names } => {
                let truth: Vec<usize> = self.rows.iter().map(|r| labels[row(r)] as usize).collect();
                let classes = names.len();
                let probabilities: Vec<f64> =
                    self.outputs.chunks(classes).flat_map(softmax).collect();
                evaluate(&Predictions::Classes {
                    truth: &truth,
                    probabilities: &probabilities,
                    classes,
                })?;
            }
            // The mean that was taken off cancels out of every difference.
            Targets::Values(values) => {
                let scaled = |value: f32| f64::from(value) * self.scale;
                let truth: Vec<f64> = self.rows.iter().map(|r| scaled(values[row(r)])).collect();
                let predicted: Vec<f64> = self.outputs.iter().map(|v| scaled(*v)).collect();
                evaluate(&Predictions::Numbers {
                    truth: &truth,
                    predicted: &predicted,
                })?;
            }
        }
        Ok(figures)
    }
}

/// Probabilities of logits.
fn softmax(logits: &[f32]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f64> = logits
        .iter()
        .map(|logit| f64::from(logit - largest).exp())
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use trimtab_env::metrics::Average;

    fn classes() -> Dataset {
        let targets = Targets::Classes {
            labels: vec![0, 1, 1, 0],
            names: vec!["no".into(), "yes".into()],
        };
        Dataset::new("x", [1, 1, 1], vec![0.0; 4], targets).unwrap()
    }

    #[test]
    fn asked_for_metrics_are_those_of_the_predictions() {
        let data = classes();
        let metrics = [Metric::LogLoss, Metric::F1(Average::Macro)];
        let mut evaluation = Evaluation::new(&data, &metrics, 1.0);
        // Odds of 3 to 1 for the classes 0, 1, 0 and 1, of which the first two are right.
        let three = 3f32.ln();
        evaluation.add(&[0, 1, 2], &[three, 0.0, 0.0, three, three, 0.0]);
        evaluation.add(&[3], &[0.0, three]);
        let figures = evaluation.finish(4).unwrap();
        assert_eq!(figures["accuracy"], 0.5);
        // Two of each class are predicted and true, one of them rightly.
        assert!((figures["f1_macro"] - 0.5).abs() < 1e-12);
        let wanted = -(0.75f64.ln() + 0.25f64.ln()) / 2.0;
        assert!((figures["log_loss"] - wanted).abs() < 1e-6);
    }

    #[test]
    fn errors_of_values_are_in_the_unit_of_the_data() {
        let targets = Targets::Values(vec![0.0, 1.0]);
        let data = Dataset::new("x", [1, 1, 1], vec![0.0; 2], targets).unwrap();
        let metrics = [Metric::MeanAbsoluteError, Metric::R2];
        let mut evaluation = Evaluation::new(&data, &metrics, 10.0);
        evaluation.add(&[0, 1], &[0.0, 0.5]);
        let figures = evaluation.finish(2).unwrap();
        assert!((figures["mae"] - 2.5).abs() < 1e-12);
        assert!((figures["rmse"] - 12.5f64.sqrt()).abs() < 1e-12);
        // 1 - 0.25 / (2 * 0.25).
        assert!((figures["r2"] - 0.5).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_defined_is_absent_and_what_does_not_fit_is_named() {
        let data = classes();
        let metrics = [Metric::RocAuc(Average::Binary), Metric::LogLoss];
        let mut one_class = Evaluation::new(&data, &metrics, 1.0);
        one_class.add(&[1, 2], &[0.0; 4]);
        let figures = one_class.finish(2).unwrap();
        assert!(!figures.contains_key("roc_auc") && figures.contains_key("log_loss"));
        let mut broken = Evaluation::new(&data, &metrics, 1.0);
        broken.add(&[1], &[f32::NAN, 0.0]);
        assert_eq!(broken.finish(1).unwrap().len(), 1);

        let message = check(&[Metric::LogLoss, Metric::R2], &data.targets).unwrap_err();
        let message = message.to_string();
        assert!(
            message.contains("metrics[1]") && message.contains("r2"),
            "{message}"
        );
        check(&[Metric::R2], &Targets::Values(vec![1.0])).unwrap();
    }
}
