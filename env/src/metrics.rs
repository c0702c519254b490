//! Figures of merit of predictions, as pure functions on plain arrays.
//!
//! Definitions, the degenerate cases included, are those of scikit-learn. What a definition leaves open, such as the
//! ROC-AUC of a truth with a single class, is not a number (NaN). Any [`Metric`] can be the target of a tuning run.
//!
//! Input: the truth and predictions. Output: a figure, and which [`Direction`] is better.
//!
//! | to find | look in |
//! |---|---|
//! | a metric by its name | [`Metric`] |
//! | accuracy, precision, recall, F1, Matthews | [`ConfusionMatrix`] |
//! | log loss, perplexity | [`log_loss`], [`perplexity`] |
//! | Brier score, calibration | [`brier_score`], [`expected_calibration_error`] |
//! | ROC-AUC, average precision | [`roc_auc`], [`average_precision`] |
//! | errors of values, R2 | [`root_mean_squared_error`], [`r2`] |
//!
//! ```
//! use trimtab_env::metrics::{Average, Direction, Metric, Predictions};
//! let predictions = Predictions::Classes {
//!     truth: &[0, 1, 1, 0],
//!     // One row of probabilities for each example.
//!     probabilities: &[0.9, 0.1, 0.2, 0.8, 0.6, 0.4, 0.7, 0.3],
//!     classes: 2,
//! };
//! let target = Metric::F1(Average::Macro);
//! assert_eq!((target.name(), target.direction()), ("f1_macro", Direction::Maximise));
//! assert!((target.evaluate(&predictions)? - (0.8 + 2.0 / 3.0) / 2.0).abs() < 1e-12);
//! // What a searcher is told is always to be minimised.
//! assert_eq!(target.direction().loss(0.75), -0.75);
//! # Ok::<(), trimtab_env::Error>(())
//! ```

mod calibration;
mod confusion;
mod likelihood;
mod ranking;
mod regression;
#[cfg(test)]
mod tests;

pub use calibration::{ReliabilityBin, brier_score, expected_calibration_error, reliability};
pub use confusion::{ConfusionMatrix, accuracy};
pub use likelihood::{binary_log_loss, log_loss, perplexity};
pub use ranking::{average_precision, roc_auc, roc_auc_one_vs_rest};
pub use regression::{mean_absolute_error, r2, root_mean_squared_error};

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Which of two figures is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// The smaller one.
    Minimise,
    /// The larger one.
    Maximise,
}

impl Direction {
    /// The figure as something to be minimised: its negative, if it is to be maximised.
    pub fn loss(self, figure: f64) -> f64 {
        match self {
            Self::Minimise => figure,
            Self::Maximise => -figure,
        }
    }

    /// Whether `a` is better than `b`. A number is better than none (NaN).
    pub fn is_better(self, a: f64, b: f64) -> bool {
        self.loss(a) < self.loss(b) || (b.is_nan() && !a.is_nan())
    }
}

/// How figures of the single classes are made one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Average {
    /// The figure of class 1 of two.
    Binary,
    /// The mean over the classes that occur, in the truth or among the predictions.
    Macro,
    /// The mean over these classes, each weighted by how often it is true.
    Weighted,
    /// The figure of all decisions for or against a class taken together.
    Micro,
}

/// A figure of merit with its name and direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Metric {
    /// Share of right predictions.
    Accuracy,
    /// Mean recall of the classes that occur.
    BalancedAccuracy,
    /// Share of the predictions of a class that are right.
    Precision(Average),
    /// Share of a class that is predicted as such.
    Recall(Average),
    /// Harmonic mean of precision and recall.
    F1(Average),
    /// Matthews correlation coefficient.
    Matthews,
    /// Area under the receiver operating characteristic; each class against the rest unless `Binary`. Not `Micro`.
    RocAuc(Average),
    /// Average precision of class 1 of two.
    AveragePrecision,
    /// Mean negative log-likelihood, natural logarithm.
    LogLoss,
    /// Exponential of the mean negative log-likelihood.
    Perplexity,
    /// Root of the mean squared error.
    RootMeanSquaredError,
    /// Mean absolute error.
    MeanAbsoluteError,
    /// Coefficient of determination.
    R2,
}

/// Predictions with the truth.
#[derive(Clone, Copy, Debug)]
pub enum Predictions<'a> {
    /// Of classes. The predicted class is the most probable one, the first of several.
    Classes {
        /// The true class of each example, from 0.
        truth: &'a [usize],
        /// A row of `classes` probabilities for each example.
        probabilities: &'a [f64],
        /// The number of classes.
        classes: usize,
    },
    /// Of numbers.
    Numbers {
        /// The true number of each example.
        truth: &'a [f64],
        /// The predicted one.
        predicted: &'a [f64],
    },
}

impl Metric {
    /// Every metric, in the order of the enum.
    pub const ALL: [Self; 24] = [
        Self::Accuracy,
        Self::BalancedAccuracy,
        Self::Precision(Average::Binary),
        Self::Precision(Average::Macro),
        Self::Precision(Average::Weighted),
        Self::Precision(Average::Micro),
        Self::Recall(Average::Binary),
        Self::Recall(Average::Macro),
        Self::Recall(Average::Weighted),
        Self::Recall(Average::Micro),
        Self::F1(Average::Binary),
        Self::F1(Average::Macro),
        Self::F1(Average::Weighted),
        Self::F1(Average::Micro),
        Self::Matthews,
        Self::RocAuc(Average::Binary),
        Self::RocAuc(Average::Macro),
        Self::RocAuc(Average::Weighted),
        Self::AveragePrecision,
        Self::LogLoss,
        Self::Perplexity,
        Self::RootMeanSquaredError,
        Self::MeanAbsoluteError,
        Self::R2,
    ];

    /// Its name in reports, configs and tables.
    pub fn name(self) -> &'static str {
        use Average::{Binary, Macro, Micro, Weighted};
        match self {
            Self::Accuracy => "accuracy",
            Self::BalancedAccuracy => "balanced_accuracy",
            Self::Precision(Binary) => "precision",
            Self::Precision(Macro) => "precision_macro",
            Self::Precision(Weighted) => "precision_weighted",
            Self::Precision(Micro) => "precision_micro",
            Self::Recall(Binary) => "recall",
            Self::Recall(Macro) => "recall_macro",
            Self::Recall(Weighted) => "recall_weighted",
            Self::Recall(Micro) => "recall_micro",
            Self::F1(Binary) => "f1",
            Self::F1(Macro) => "f1_macro",
            Self::F1(Weighted) => "f1_weighted",
            Self::F1(Micro) => "f1_micro",
            Self::Matthews => "matthews",
            Self::RocAuc(Binary) => "roc_auc",
            Self::RocAuc(Macro) => "roc_auc_macro",
            Self::RocAuc(Weighted) => "roc_auc_weighted",
            Self::RocAuc(Micro) => "roc_auc_micro",
            Self::AveragePrecision => "average_precision",
            Self::LogLoss => "log_loss",
            Self::Perplexity => "perplexity",
            Self::RootMeanSquaredError => "rmse",
            Self::MeanAbsoluteError => "mae",
            Self::R2 => "r2",
        }
    }

    /// Whether more is better.
    pub fn direction(self) -> Direction {
        match self {
            Self::LogLoss
            | Self::Perplexity
            | Self::RootMeanSquaredError
            | Self::MeanAbsoluteError => Direction::Minimise,
            Self::Accuracy
            | Self::BalancedAccuracy
            | Self::Precision(_)
            | Self::Recall(_)
            | Self::F1(_)
            | Self::Matthews
            | Self::RocAuc(_)
            | Self::AveragePrecision
            | Self::R2 => Direction::Maximise,
        }
    }

    /// The figure of these predictions. Where precision, recall or F1 divide by 0, they are 0.
    ///
    /// # Errors
    /// [`Error::Config`] if the metric is of another kind of predictions, arrays do not fit each other, or there is not
    /// a single example.
    pub fn evaluate(self, predictions: &Predictions) -> Result<f64> {
        match *predictions {
            Predictions::Numbers { truth, predicted } => match self {
                Self::RootMeanSquaredError => root_mean_squared_error(truth, predicted),
                Self::MeanAbsoluteError => mean_absolute_error(truth, predicted),
                Self::R2 => r2(truth, predicted),
                _ => Err(self.of_another_kind("predictions of numbers")),
            },
            Predictions::Classes {
                truth,
                probabilities,
                classes,
            } => self.evaluate_classes(truth, probabilities, classes),
        }
    }

    fn evaluate_classes(
        self,
        truth: &[usize],
        probabilities: &[f64],
        classes: usize,
    ) -> Result<f64> {
        check_probabilities(truth, probabilities, classes)?;
        let of_two = || -> Result<(Vec<bool>, Vec<f64>)> {
            if classes != 2 {
                return Err(Error::config(
                    self.name(),
                    format!("{classes} classes"),
                    "it is for 2 classes",
                ));
            }
            let positive = truth.iter().map(|class| *class == 1).collect();
            Ok((
                positive,
                probabilities.iter().skip(1).step_by(2).copied().collect(),
            ))
        };
        let matrix = || {
            let predicted: Vec<usize> = probabilities.chunks(classes).map(most_probable).collect();
            ConfusionMatrix::new(truth, &predicted, classes)
        };
        let binary_only = |average: Average| match average {
            Average::Binary => of_two().map(|_| ()),
            Average::Macro | Average::Weighted | Average::Micro => Ok(()),
        };
        match self {
            Self::Accuracy => Ok(matrix()?.accuracy()),
            Self::BalancedAccuracy => Ok(matrix()?.balanced_accuracy()),
            Self::Precision(average) => {
                binary_only(average)?;
                Ok(matrix()?.precision(average, 0.0))
            }
            Self::Recall(average) => {
                binary_only(average)?;
                Ok(matrix()?.recall(average, 0.0))
            }
            Self::F1(average) => {
                binary_only(average)?;
                Ok(matrix()?.f1(average, 0.0))
            }
            Self::Matthews => Ok(matrix()?.matthews()),
            Self::RocAuc(Average::Binary) => {
                let (positive, scores) = of_two()?;
                roc_auc(&positive, &scores)
            }
            Self::RocAuc(average) => roc_auc_one_vs_rest(truth, probabilities, classes, average),
            Self::AveragePrecision => {
                let (positive, scores) = of_two()?;
                average_precision(&positive, &scores)
            }
            Self::LogLoss => log_loss(truth, probabilities, classes),
            Self::Perplexity => Ok(log_loss(truth, probabilities, classes)?.exp()),
            Self::RootMeanSquaredError | Self::MeanAbsoluteError | Self::R2 => {
                Err(self.of_another_kind("predictions of classes"))
            }
        }
    }

    fn of_another_kind(self, given: &str) -> Error {
        Error::config(
            self.name(),
            given,
            "rmse, mae and r2 are of numbers and all other metrics of classes",
        )
    }
}

impl FromStr for Metric {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|metric| metric.name() == name);
        known.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|metric| metric.name()).collect();
            Error::config("metric", name, format!("give one of: {}", names.join(", ")))
        })
    }
}

fn most_probable(row: &[f64]) -> usize {
    let mut best = 0;
    for (class, probability) in row.iter().enumerate() {
        if *probability > row[best] {
            best = class;
        }
    }
    best
}

/// Checks that two arrays go together and are not empty.
fn check_lengths(name: &str, truth: usize, given: usize) -> Result<()> {
    if truth == 0 {
        return Err(Error::config("truth", "[]", "give at least one example"));
    }
    if truth != given {
        return Err(Error::config(
            name,
            format!("{given} values"),
            format!("give one for each of the {truth} examples"),
        ));
    }
    Ok(())
}

fn check_classes(name: &str, given: &[usize], classes: usize) -> Result<()> {
    match given.iter().find(|class| **class >= classes) {
        Some(class) => Err(Error::config(
            name,
            class,
            format!("give classes from 0, below {classes}"),
        )),
        None => Ok(()),
    }
}

fn check_probabilities(truth: &[usize], probabilities: &[f64], classes: usize) -> Result<()> {
    if classes == 0 || !probabilities.len().is_multiple_of(classes) {
        return Err(Error::config(
            "probabilities",
            format!("{} values", probabilities.len()),
            format!("give a row of {classes} for each example"),
        ));
    }
    check_lengths("probabilities", truth.len(), probabilities.len() / classes)?;
    check_classes("truth", truth, classes)
}
