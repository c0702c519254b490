//! A trained model as files: everything that predictions on new rows need. The weights are a record of burn, and the rest is JSON
//! beside it.

use crate::record::run_directory::write_whole;
use crate::{Error, Result};
use burn::store::ModuleRecord;
use burn::tensor::activation::softmax;
use burn::tensor::{Bytes, Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::fmt::{Display, Write as _};
use std::path::{Path, PathBuf};
use trimtab_env::json;
use trimtab_env::seal::{seal, unseal};
use trimtab_models::data::{
    Dataset, Embedded, Number, Split, Standardiser, Targets, read_idx, read_images, read_more,
    read_rows, split_for,
};
use trimtab_models::tasks::config::{PreparedTask, Read};
use trimtab_models::tasks::custom::{AnyTask, Extensions};
use trimtab_models::{DataConfig, Error as ModelError, ModelConfig, OptimizerConfig, TaskConfig};

/// Rows that are predicted at once.
const ROWS: usize = 512;

/// What the inputs of a model are called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Inputs {
    /// Columns of a CSV file by these names.
    Columns(Vec<String>),
    /// Images of an IDX file.
    Images,
}

/// A model with its weights, and how rows become inputs and outputs predictions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainedModel {
    /// The architecture.
    pub model: ModelConfig,
    /// Channels, height and width of an input; `[1, 1, features]` for a table.
    pub shape: [usize; 3],
    /// What the inputs are called.
    pub inputs: Inputs,
    /// What is predicted.
    pub target: String,
    /// The names of the classes; `None` for values.
    pub classes: Option<Vec<String>>,
    /// From the user's units to those of the model and back.
    pub standardiser: Standardiser,
    /// All weights in the order of [`flat_state`](trimtab_models::weights::flat_state); they have a file of their own.
    #[serde(skip)]
    pub weights: Vec<f32>,
    /// Where a model of the program's own is found.
    #[serde(skip)]
    pub models: Extensions,
}

/// Predictions, one a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicted {
    /// Probabilities of the classes, one row of them after the other.
    Classes(Vec<f32>),
    /// Values in the units of the target.
    Values(Vec<f64>),
}

/// Where the weights of the model in `path` are: `model.bpk` beside `model.json`.
fn weights_file(path: &Path) -> PathBuf {
    path.with_extension("bpk")
}

impl TrainedModel {
    /// Reads a model: `path`, and the record beside it that has the same name and the extension `bpk`.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Record`] naming the part that does not fit the others; [`Error::Weights`].
    pub fn load(path: &Path) -> Result<Self> {
        Self::load_with(path, &Extensions::default())
    }

    /// The same, where the model may be one of `models`.
    ///
    /// # Errors
    /// As [`TrainedModel::load`].
    pub fn load_with(path: &Path, models: &Extensions) -> Result<Self> {
        let damaged = |line: usize, problem: String| Error::Record {
            path: path.to_owned(),
            line,
            problem,
        };
        let text = std::fs::read(path).map_err(Error::file(path))?;
        let file = weights_file(path);
        let bytes = std::fs::read(&file).map_err(Error::file(&file))?;
        let text = unseal(&text, &bytes).map_err(|altered| {
            let file = file.display();
            damaged(
                1,
                format!("{altered}; this is about {file} too: take another copy of both, or tune it again"),
            )
        })?;
        let mut model: Self =
            json::from_slice(&text).map_err(|error| damaged(error.line(), error.to_string()))?;
        model.models = models.clone();
        model.check().map_err(|problem| damaged(1, problem))?;
        let task = model.rows_to_come()?;
        let weights = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes))
            .and_then(|record| task.weights_of(record));
        model.weights = weights.map_err(Error::weights(&file))?;
        Ok(model)
    }

    /// Writes the model, each of its two files whole or not at all.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Config`] if the weights do not fit the model.
    pub fn save(&self, path: &Path) -> Result<()> {
        let file = weights_file(path);
        let record = self.rows_to_come()?.record_of(&self.weights)?;
        let bytes = record.into_bytes().map_err(Error::weights(&file))?;
        let mut text =
            json::to_vec_pretty(self).map_err(|error| Error::file(path)(error.into()))?;
        text.push(b'\n');
        write_whole(&file, &bytes)?;
        write_whole(path, &seal(&text, &bytes))
    }

    /// The task of fine-tuning it on the data that `config` names: its columns are found by their names, classes and units are its own.
    ///
    /// # Errors
    /// The files', by column and line; [`ModelError::Inconsistent`] for images of another shape or of more classes; those of the split.
    pub fn task(&self, config: &TaskConfig) -> Result<PreparedTask> {
        match (&config.data, &self.inputs) {
            (DataConfig::Csv { path, test, .. }, Inputs::Columns(columns)) => {
                let targets = match &self.classes {
                    Some(names) => Targets::Classes {
                        labels: Vec::new(),
                        names: names.clone(),
                    },
                    None => Targets::Values(Vec::new()),
                };
                let read = |path| read_more(path, columns, &self.target, &targets);
                let (table, test) = (read(path)?, test.as_ref().map(read).transpose()?);
                let left_out = test.as_ref().map_or(0, |test| test.without_target);
                let test = test.as_ref().map(|test| &test.data);
                let task = self.task_on(&table.data, test, config)?;
                Ok(task.with_read(Read {
                    columns: table.columns,
                    without_target: table.without_target + left_out,
                }))
            }
            (DataConfig::Idx { images, labels }, Inputs::Images) => {
                let mut data = read_idx(images, labels)?;
                self.check_shape(images, data.shape)?;
                if let (Targets::Classes { names, .. }, Some(own)) =
                    (&mut data.targets, &self.classes)
                {
                    if !own.starts_with(names) {
                        return Err(Error::Models(ModelError::Inconsistent {
                            dataset: labels.display().to_string(),
                            field: "the classes".to_owned(),
                            found: names.join(", "),
                            expected: format!("among those of the model: {}", own.join(", ")),
                        }));
                    }
                    names.clone_from(own);
                }
                self.task_on(&data, None, config)
            }
            (_, inputs) => {
                let (inputs, allowed) = match inputs {
                    Inputs::Columns(_) => ("a table", "a CSV file with its columns"),
                    Inputs::Images => ("images", "IDX files of images and labels"),
                };
                let given = "data of another kind";
                let allowed = format!("the model is of {inputs}; give {allowed}");
                Err(Error::config("--data", given, allowed))
            }
        }
    }

    /// The task of going on with its weights on these data.
    fn task_on<N: Number>(
        &self,
        data: &Dataset<N>,
        test: Option<&Dataset<N>>,
        config: &TaskConfig,
    ) -> Result<PreparedTask> {
        let split = split_for(data, test, &config.split, &self.standardiser)?;
        let task = config.with_split(split, &self.models);
        Ok(task.fine_tuning(self.weights.clone())?)
    }

    fn check_shape(&self, path: &Path, shape: [usize; 3]) -> Result<()> {
        if shape == self.shape {
            return Ok(());
        }
        Err(Error::Models(ModelError::Inconsistent {
            dataset: path.display().to_string(),
            field: "the shape of an image".to_owned(),
            found: format!("{shape:?}"),
            expected: format!("{:?}, which the model was trained on", self.shape),
        }))
    }

    /// Numbers a row.
    pub fn features(&self) -> usize {
        self.shape.iter().product()
    }

    /// How many outputs the network has.
    fn outputs(&self) -> usize {
        self.classes.as_ref().map_or(1, Vec::len)
    }

    /// Whether the parts fit each other, the weights excepted.
    fn check(&self) -> std::result::Result<(), String> {
        let features = (self.shape.iter()).try_fold(1usize, |all, size| all.checked_mul(*size));
        let Some(features) = features.filter(|features| *features > 0) else {
            return Err(format!("shape {:?} holds no inputs", self.shape));
        };
        let found = [self.standardiser.mean.len(), self.standardiser.scale.len()];
        if found != [features; 2] {
            return Err(format!(
                "the standardiser is for {found:?} features, the shape has {features}"
            ));
        }
        match &self.inputs {
            Inputs::Columns(names) if names.len() != features => Err(format!(
                "{} columns are named, the shape has {features}",
                names.len()
            )),
            _ if self.outputs() == 0 => Err("there are no classes".to_owned()),
            _ => (self.model.check(self.shape, "the inputs"))
                .and_then(|()| self.model.check_known(&self.models))
                .map_err(|error| error.to_string()),
        }
    }

    /// The task of this model, without rows.
    fn rows_to_come(&self) -> Result<Box<dyn AnyTask>> {
        let none = Dataset {
            name: "rows to come".to_owned(),
            features: self.features(),
            shape: self.shape,
            inputs: Vec::new(),
            targets: match &self.classes {
                Some(names) => Targets::Classes {
                    labels: Vec::new(),
                    names: names.clone(),
                },
                None => Targets::Values(Vec::new()),
            },
        };
        let split = Split {
            train: none.clone(),
            validation: none.clone(),
            test: none,
            standardiser: self.standardiser.clone(),
        };
        let data = DataConfig::Embedded(Embedded::Digits);
        let task = TaskConfig::new(data, self.model.clone(), OptimizerConfig::adam());
        Ok(task.with_split(split, &self.models).task()?)
    }

    /// Predicts from standardised rows, one after the other: those of a file ([`inputs`](Self::inputs)), or of a split.
    ///
    /// # Errors
    /// [`Error::Config`] if the weights do not fit the model.
    pub fn predict(&self, inputs: &[f32], device: &Device) -> Result<Predicted> {
        let task = self.rows_to_come()?;
        let model = task.model_with(&self.weights, device)?;
        let features = self.features();
        let mut outputs = Vec::new();
        for chunk in inputs.chunks(ROWS * features) {
            let count = chunk.len() / features;
            let data = TensorData::new(chunk.to_vec(), [count, features]);
            let output = model(Tensor::<2>::from_data(data, device));
            let output = match &self.classes {
                Some(_) => softmax(output, 1),
                None => output,
            };
            outputs.extend(output.into_data().iter::<f32>());
        }
        Ok(match &self.classes {
            Some(_) => Predicted::Classes(outputs),
            None => {
                let restored = outputs
                    .iter()
                    .map(|value| self.standardiser.restore_target(*value));
                Predicted::Values(restored.collect())
            }
        })
    }

    /// The rows of a file, a CSV file that has the model's columns, or images: standardised, one after the other.
    ///
    /// # Errors
    /// The file's, by column and line.
    pub fn inputs(&self, path: &Path) -> Result<Vec<f32>> {
        match &self.inputs {
            Inputs::Columns(names) => Ok(self.standardiser.inputs(&read_rows(path, names)?)),
            Inputs::Images => {
                let (shape, pixels) = read_images(path)?;
                self.check_shape(path, shape)?;
                Ok(self.standardiser.inputs(&pixels))
            }
        }
    }

    /// Predictions as CSV: the predicted class with its probability, or the predicted value.
    pub fn csv(&self, predicted: &Predicted) -> String {
        let mut text = quoted(&self.target);
        match (predicted, &self.classes) {
            (Predicted::Classes(all), Some(names)) => {
                text += ",probability\n";
                for probabilities in all.chunks(names.len()) {
                    let best = most_probable(probabilities);
                    let _ = writeln!(text, "{},{:.4}", quoted(&names[best]), probabilities[best]);
                }
            }
            (Predicted::Classes(values), None) => column(&mut text, values),
            (Predicted::Values(values), _) => column(&mut text, values),
        }
        text
    }
}

/// The rest of a column, whose name has been written.
fn column(text: &mut String, values: &[impl Display]) {
    text.push('\n');
    for value in values {
        let _ = writeln!(text, "{value}");
    }
}

/// The place of the largest probability, the first of several.
fn most_probable(probabilities: &[f32]) -> usize {
    (0..probabilities.len()).fold(0, |best, i| {
        if probabilities[i] > probabilities[best] {
            i
        } else {
            best
        }
    })
}

/// A cell of a CSV file, quoted as in RFC 4180 where that is needed.
pub(super) fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}
