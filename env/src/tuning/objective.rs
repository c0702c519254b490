//! What a tuning run minimises.

use crate::metrics::{Direction, Metric};
use crate::{Report, TraineeSpec, Validation};
use serde::{Deserialize, Serialize};

/// The figure of a validation that a tuning run optimises: the best, the reward and the target are in terms of it.
///
/// Everything downstream minimises an **error**: the loss, a metric that falls, or 1 minus a metric that rises. Every metric
/// that rises has 1 as its best value, so that the error of a perfect prediction is 0 and none is negative. The
/// observation shows the losses whatever the objective is.
///
/// ```
/// use trimtab_env::{Objective, Validation, metrics::Metric};
/// let validation = Validation { loss: 0.4, metrics: [("accuracy".to_owned(), 0.9)].into() };
/// assert_eq!(Objective::default().error(&validation), 0.4);
/// let objective = Objective::Metric(Metric::Accuracy);
/// assert!((objective.error(&validation) - 0.1).abs() < 1e-12);
/// assert!((objective.figure(objective.error(&validation)) - 0.9).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Objective {
    /// The mean validation loss.
    #[default]
    Loss,
    /// A metric, in its own direction. The trainee has to report it.
    Metric(Metric),
}

impl Objective {
    /// The error that is minimised; NaN if the metric is not there or not defined.
    pub fn error(self, validation: &Validation) -> f64 {
        match self {
            Self::Loss => validation.loss,
            Self::Metric(metric) => {
                let figure = validation.metrics.get(metric.name());
                self.figure(figure.copied().unwrap_or(f64::NAN))
            }
        }
    }

    /// The lowest error that there can be.
    pub fn lowest(self, spec: &TraineeSpec) -> f64 {
        match self {
            Self::Loss => spec.lowest_loss,
            Self::Metric(_) => 0.0,
        }
    }

    /// The error at the end of a segment; `None` if nothing was evaluated.
    pub fn of(self, report: &Report) -> Option<f64> {
        report
            .validation
            .as_ref()
            .map(|validation| self.error(validation))
    }

    /// The figure that has this error. As one minus one minus a number is the number, it is the way back as well.
    pub fn figure(self, error: f64) -> f64 {
        match self {
            Self::Metric(metric) if metric.direction() == Direction::Maximise => 1.0 - error,
            Self::Loss | Self::Metric(_) => error,
        }
    }

    /// Its name in outcomes: `validation_loss`, or that of the metric.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loss => "validation_loss",
            Self::Metric(metric) => metric.name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_better_figure_is_always_a_smaller_error() {
        for metric in Metric::ALL {
            let objective = Objective::Metric(metric);
            let error = |figure: f64| {
                objective.error(&Validation {
                    loss: 7.0,
                    metrics: [(metric.name().to_owned(), figure)].into(),
                })
            };
            let better = metric.direction().is_better(0.75, 0.5);
            assert_eq!(error(0.75) < error(0.5), better, "{}", metric.name());
            assert!(error(1.0) >= 0.0);
        }
    }

    #[test]
    fn what_is_not_reported_is_no_number() {
        let accuracy = Objective::Metric(Metric::Accuracy);
        assert!(accuracy.error(&Validation::default()).is_nan());
        assert_eq!(accuracy.of(&Report::default()), None);
    }
}
