//! Which columns a model looks at: permutation importance.

use super::{Inputs, TrainedModel, report::figure};
use crate::Result;
use burn::tensor::Device;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use trimtab_env::metrics::Metric;
use trimtab_env::stream;
use trimtab_models::data::Dataset;

/// How often every column is shuffled: the default of scikit-learn.
const REPEATS: usize = 5;
/// The most rows that are predicted in all.
const MOST_ROWS: usize = 60_000;

/// How much worse a model is with the cells of a column shuffled among the rows (Breiman, "Random Forests", 2001, section 10).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnImportance {
    /// The column.
    pub column: String,
    /// By how much the figure is worse, on average.
    pub mean: f64,
    /// Its standard deviation over the shuffles.
    pub deviation: f64,
}

/// The importance of every column of a table, on test rows, by the log loss of classes or the root mean squared error of values; the largest first.
/// Empty for images.
///
/// # Errors
/// Those of predictions.
pub(super) fn permutation_importance(
    model: &TrainedModel,
    test: &Dataset,
    seed: u64,
    device: &Device,
) -> Result<Vec<ColumnImportance>> {
    let (names, of_feature): (Vec<String>, Vec<usize>) = match &model.inputs {
        Inputs::Images => return Ok(Vec::new()),
        Inputs::Columns(names) => (names.clone(), (0..names.len()).collect()),
        Inputs::Table { preprocessor, .. } => (
            preprocessor.columns().map(str::to_owned).collect(),
            preprocessor.column_of_features(),
        ),
    };
    let metric = match &model.classes {
        Some(_) => Metric::LogLoss,
        None => Metric::RootMeanSquaredError,
    };
    let rows = (MOST_ROWS / (REPEATS * names.len().max(1))).clamp(20, 1000);
    let all: Vec<usize> = (0..test.rows().min(rows)).collect();
    let test = test.select(&all);
    let before = figure(model, &test, metric, device)?;
    let mut rng = stream(seed, "permutation", 0);
    let mut importances = Vec::with_capacity(names.len());
    for (column, name) in names.into_iter().enumerate() {
        let mut worse = Vec::with_capacity(REPEATS);
        for _ in 0..REPEATS {
            let mut from = all.clone();
            from.shuffle(&mut rng);
            let mut shuffled = test.clone();
            for (feature, _) in of_feature
                .iter()
                .enumerate()
                .filter(|(_, of)| **of == column)
            {
                for (row, other) in from.iter().enumerate() {
                    shuffled.inputs[row * test.features + feature] = test.row(*other)[feature];
                }
            }
            worse.push(figure(model, &shuffled, metric, device)? - before);
        }
        let mean = worse.iter().sum::<f64>() / REPEATS as f64;
        let squares = worse.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
        importances.push(ColumnImportance {
            column: name,
            mean,
            deviation: (squares / REPEATS as f64).sqrt(),
        });
    }
    importances.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    Ok(importances)
}
