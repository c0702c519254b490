//! The pictures of a tuned model on the test rows.
//!
//! ```text
//! confusion.png    classes: which are taken for which
//! reliability.png  classes: whether probabilities mean what they say
//! residuals.png    values: predicted over true ones
//! importance.png   tables: which columns matter
//! ```

use super::report::{BINS, TuneReport};
use super::temperature::softmax;
use super::{Predicted, TrainedModel};
use crate::{Result, plot};
use burn::tensor::Device;
use std::path::Path;
use trimtab_env::metrics::reliability;
use trimtab_models::data::{Dataset, Targets};

/// More classes than this are no picture.
const MOST_CLASSES: usize = 1000;

/// What the model says of the test rows, beside the truth.
pub(super) enum Tested {
    /// True classes, and logits, `[rows, classes]`.
    Classes(Vec<usize>, Vec<f64>),
    /// True and predicted values, in the units of the target.
    Values(Vec<f64>, Vec<f64>),
}

impl Tested {
    /// What `model` says of `test`.
    ///
    /// # Errors
    /// Those of predictions.
    pub(super) fn new(model: &TrainedModel, test: &Dataset, device: &Device) -> Result<Self> {
        Ok(match &test.targets {
            Targets::Classes { labels, .. } => Self::Classes(
                labels.iter().map(|label| *label as usize).collect(),
                model.outputs_of(&test.inputs, device)?,
            ),
            Targets::Values(values) => {
                let restored = |value: &f32| model.standardiser.restore_target(*value);
                let predicted = match model.predict(&test.inputs, device)? {
                    Predicted::Values(values) | Predicted::Classes(values) => values,
                };
                Self::Values(values.iter().map(restored).collect(), predicted)
            }
        })
    }
}

/// Draws them into `folder`.
///
/// # Errors
/// [`crate::Error::Plot`].
pub(super) fn draw(
    folder: &Path,
    model: &TrainedModel,
    tested: &Tested,
    report: &TuneReport,
) -> Result<()> {
    let target = &model.target;
    match (tested, &model.classes) {
        (Tested::Classes(truth, logits), Some(names)) if names.len() <= MOST_CLASSES => {
            let classes = names.len();
            let mut counts = vec![vec![0u64; classes]; classes];
            for (row, class) in logits.chunks(classes).zip(truth) {
                let best =
                    (0..classes).fold(0, |best, i| if row[i] > row[best] { i } else { best });
                counts[*class][best] += 1;
            }
            let heading = format!("`{target}` on the test rows");
            plot::confusion(&folder.join("confusion.png"), &heading, names, &counts)?;
            let bins = |temperature| -> Result<Vec<(f64, f64, u64)>> {
                let p = softmax(logits, classes, temperature);
                let bins = reliability(truth, &p, classes, BINS)?;
                Ok(bins
                    .iter()
                    .map(|bin| (bin.confidence, bin.accuracy, bin.count))
                    .collect())
            };
            let heading =
                format!("How sure the predictions of `{target}` are, and how often right");
            let before = bins(1.0)?;
            plot::reliability(
                &folder.join("reliability.png"),
                &heading,
                &bins(model.temperature)?,
                Some(&before),
            )?;
        }
        (Tested::Values(truth, predicted), _) => {
            let heading = format!("`{target}` on the test rows");
            plot::residuals(
                &folder.join("residuals.png"),
                &heading,
                target,
                truth,
                predicted,
            )?;
        }
        (Tested::Classes(..), _) => {}
    }
    if !report.importance.is_empty() {
        let columns: Vec<(String, f64, f64)> = (report.importance.iter())
            .map(|column| (column.column.clone(), column.mean, column.deviation))
            .collect();
        let (heading, metric) = match &model.classes {
            Some(_) => (
                "What the model looks at: columns shuffled one at a time",
                "log loss",
            ),
            None => (
                "What the model looks at: columns shuffled one at a time",
                "root mean squared error",
            ),
        };
        plot::permutation_importance(&folder.join("importance.png"), heading, metric, &columns)?;
    }
    Ok(())
}
