//! The confusion matrix and what is read from it.

use super::{Average, check_classes, check_lengths};
use crate::Result;

/// Share of predictions that are right.
///
/// # Errors
/// [`crate::Error::Config`] if the arrays differ in length or are empty.
pub fn accuracy(truth: &[usize], predicted: &[usize]) -> Result<f64> {
    check_lengths("predicted", truth.len(), predicted.len())?;
    let right = truth.iter().zip(predicted).filter(|(t, p)| t == p).count();
    Ok(right as f64 / truth.len() as f64)
}

/// How often each class was predicted as each class.
///
/// In the methods `undefined` is the value of a figure that divides by 0: 0, 1, or NaN, which an average leaves out. Averages are
/// over the classes that occur, in the truth or among the predictions, as scikit-learn's are unless it is given `labels`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: usize,
    /// `[true class][predicted class]`.
    counts: Vec<u64>,
}

/// Decisions for or against one class: right ones for it, wrong ones for it, wrong ones against it.
#[derive(Clone, Copy, Default)]
struct Decisions {
    true_positives: u64,
    false_positives: u64,
    false_negatives: u64,
}

impl ConfusionMatrix {
    /// Counts predictions of classes below `classes`.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if the arrays differ in length or are empty, or a class is out of range.
    pub fn new(truth: &[usize], predicted: &[usize], classes: usize) -> Result<Self> {
        check_lengths("predicted", truth.len(), predicted.len())?;
        check_classes("truth", truth, classes)?;
        check_classes("predicted", predicted, classes)?;
        let mut counts = vec![0; classes * classes];
        for (t, p) in truth.iter().zip(predicted) {
            counts[t * classes + p] += 1;
        }
        Ok(Self { classes, counts })
    }

    /// How often class `truth` was predicted as `predicted`; 0 for classes that do not exist.
    pub fn count(&self, truth: usize, predicted: usize) -> u64 {
        if truth < self.classes && predicted < self.classes {
            self.counts[truth * self.classes + predicted]
        } else {
            0
        }
    }

    /// How often each class is true.
    pub fn support(&self) -> Vec<u64> {
        self.counts
            .chunks(self.classes)
            .map(|row| row.iter().sum())
            .collect()
    }

    /// How often each class was predicted.
    fn predictions(&self) -> Vec<u64> {
        (0..self.classes)
            .map(|p| (0..self.classes).map(|t| self.count(t, p)).sum())
            .collect()
    }

    fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn right(&self) -> u64 {
        (0..self.classes)
            .map(|class| self.count(class, class))
            .sum()
    }

    fn decisions(&self) -> Vec<Decisions> {
        let sums = self.support().into_iter().zip(self.predictions());
        sums.enumerate()
            .map(|(class, (support, predictions))| {
                let right = self.count(class, class);
                Decisions {
                    true_positives: right,
                    false_positives: predictions - right,
                    false_negatives: support - right,
                }
            })
            .collect()
    }

    /// Share of predictions that are right.
    pub fn accuracy(&self) -> f64 {
        self.right() as f64 / self.total() as f64
    }

    /// Mean recall of the classes that occur.
    pub fn balanced_accuracy(&self) -> f64 {
        mean(&self.recall_per_class(f64::NAN), |_| 1.0)
    }

    /// Matthews correlation coefficient of any number of classes (Gorodkin 2004, "Comparing two K-category assignments by
    /// a K-category correlation coefficient"); 0 where it is not defined.
    pub fn matthews(&self) -> f64 {
        let (total, right) = (self.total() as f64, self.right() as f64);
        let (support, predictions) = (self.support(), self.predictions());
        let product = |a: &[u64], b: &[u64]| -> f64 {
            a.iter().zip(b).map(|(x, y)| *x as f64 * *y as f64).sum()
        };
        let covariance = right * total - product(&support, &predictions);
        let spread = (total * total - product(&predictions, &predictions))
            * (total * total - product(&support, &support));
        if spread == 0.0 {
            return 0.0;
        }
        covariance / spread.sqrt()
    }

    /// Share of the predictions of a class that are right.
    pub fn precision(&self, average: Average, undefined: f64) -> f64 {
        self.averaged(average, |d| d.precision(undefined))
    }

    /// Share of a class that is predicted as such.
    pub fn recall(&self, average: Average, undefined: f64) -> f64 {
        self.averaged(average, |d| d.recall(undefined))
    }

    /// Harmonic mean of precision and recall, `2 TP / (2 TP + FP + FN)`.
    pub fn f1(&self, average: Average, undefined: f64) -> f64 {
        self.averaged(average, |d| d.f1(undefined))
    }

    /// The precision of each class.
    pub fn precision_per_class(&self, undefined: f64) -> Vec<f64> {
        self.decisions()
            .iter()
            .map(|d| d.precision(undefined))
            .collect()
    }

    /// The recall of each class.
    pub fn recall_per_class(&self, undefined: f64) -> Vec<f64> {
        self.decisions()
            .iter()
            .map(|d| d.recall(undefined))
            .collect()
    }

    /// The F1 of each class.
    pub fn f1_per_class(&self, undefined: f64) -> Vec<f64> {
        self.decisions().iter().map(|d| d.f1(undefined)).collect()
    }

    fn averaged(&self, average: Average, figure: impl Fn(&Decisions) -> f64) -> f64 {
        let decisions = self.decisions();
        // A class that does not occur has no figure, whatever its figure by itself is said to be.
        let figures = || -> Vec<f64> {
            let occurring = |d: &Decisions| if d.occurs() { figure(d) } else { f64::NAN };
            decisions.iter().map(occurring).collect()
        };
        match average {
            // Without a class 1 there was nothing to find and nothing found.
            Average::Binary => figure(&decisions.get(1).copied().unwrap_or_default()),
            Average::Macro => mean(&figures(), |_| 1.0),
            Average::Weighted => {
                let support = self.support();
                mean(&figures(), |class| support[class] as f64)
            }
            Average::Micro => {
                let sum = |part: fn(&Decisions) -> u64| decisions.iter().map(part).sum();
                figure(&Decisions {
                    true_positives: sum(|d| d.true_positives),
                    false_positives: sum(|d| d.false_positives),
                    false_negatives: sum(|d| d.false_negatives),
                })
            }
        }
    }
}

impl Decisions {
    /// Whether the class is true or predicted anywhere.
    fn occurs(&self) -> bool {
        self.true_positives + self.false_positives + self.false_negatives > 0
    }

    fn precision(&self, undefined: f64) -> f64 {
        ratio(
            self.true_positives,
            self.true_positives + self.false_positives,
            undefined,
        )
    }

    fn recall(&self, undefined: f64) -> f64 {
        ratio(
            self.true_positives,
            self.true_positives + self.false_negatives,
            undefined,
        )
    }

    fn f1(&self, undefined: f64) -> f64 {
        let twice = 2 * self.true_positives;
        ratio(
            twice,
            twice + self.false_positives + self.false_negatives,
            undefined,
        )
    }
}

fn ratio(part: u64, whole: u64, undefined: f64) -> f64 {
    if whole == 0 {
        undefined
    } else {
        part as f64 / whole as f64
    }
}

/// The weighted mean of those figures that are numbers; NaN if none is or all weigh nothing.
fn mean(figures: &[f64], weight: impl Fn(usize) -> f64) -> f64 {
    let numbers = figures
        .iter()
        .enumerate()
        .filter(|(_, figure)| !figure.is_nan());
    let (sum, weights) = numbers.fold((0.0, 0.0), |(sum, weights), (class, figure)| {
        (sum + weight(class) * figure, weights + weight(class))
    });
    sum / weights
}
