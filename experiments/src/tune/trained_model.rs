//! A trained model as files: everything that predictions on new rows need. The weights are a record of burn, and the rest is JSON
//! beside it.

use super::temperature::{softmax, temperature};
use crate::record::run_directory::write_whole;
use crate::{Error, Result};
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::fmt::{Display, Write as _};
use std::path::{Path, PathBuf};
use trimtab_env::json;
use trimtab_env::seal::{seal, unseal};
use trimtab_models::data::{
    Dataset, Embedded, NewRows, Preprocessor, ReadOptions, Split, Standardiser, TableConfig,
    Targets, read_idx, read_images, read_inputs, split_for, split_table_for,
};
use trimtab_models::tasks::config::PreparedTask;
use trimtab_models::tasks::custom::{AnyTask, Extensions};
use trimtab_models::{
    DataConfig, Error as ModelError, LossConfig, ModelConfig, OptimizerConfig, TaskConfig,
};

/// Rows that are predicted at once.
const ROWS: usize = 512;

/// Where the inputs of a model come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Inputs {
    /// Columns of numbers by these names.
    Columns(Vec<String>),
    /// Columns of a table.
    Table {
        /// How they become numbers.
        preprocessor: Preprocessor,
        /// How a file is read.
        reading: ReadOptions,
    },
    /// Images of an IDX file.
    Images,
}

impl Inputs {
    /// How the columns of a file become numbers, and how it is read; `None` for images.
    fn of_tables(&self) -> Option<(Preprocessor, ReadOptions)> {
        match self {
            Self::Columns(names) => Some((Preprocessor::of_numbers(names), ReadOptions::default())),
            Self::Table {
                preprocessor,
                reading,
            } => Some((preprocessor.clone(), reading.clone())),
            Self::Images => None,
        }
    }
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
    /// What the logits of classes are divided by before they become probabilities.
    #[serde(default = "one")]
    pub temperature: f64,
    /// All weights in the order of [`flat_state`](trimtab_models::weights::flat_state); they have a file of their own.
    #[serde(skip)]
    pub weights: Vec<f32>,
    /// Where a model of the program's own is found.
    #[serde(skip)]
    pub models: Extensions,
}

fn one() -> f64 {
    1.0
}

/// Predictions, one a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicted {
    /// Probabilities of the classes, one row of them after the other.
    Classes(Vec<f64>),
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
        if path.is_dir() {
            let allowed = "it is a folder; give the model.json in it";
            return Err(Error::config("model", path.display(), allowed));
        }
        let text = std::fs::read(path).map_err(Error::file(path))?;
        let file = weights_file(path);
        if !file.exists() {
            let allowed = format!(
                "give the model.json that `tune` leaves, with its weights beside it: there is no {}",
                file.display()
            );
            return Err(Error::config("model", path.display(), allowed));
        }
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
    /// The files', by column and line; [`ModelError::Inconsistent`] for images of another shape or of more classes; those of the split; a
    /// loss that does not go with what its outputs are.
    pub fn task(&self, config: &TaskConfig) -> Result<PreparedTask> {
        let config = &self.with_its_link(config)?;
        match (&config.data, &self.inputs) {
            (DataConfig::Table(table), Inputs::Columns(_) | Inputs::Table { .. }) => {
                let Some((preprocessor, reading)) = self.inputs.of_tables() else {
                    return Err(self.other_data());
                };
                let targets = match &self.classes {
                    Some(names) => Targets::Classes {
                        labels: Vec::new(),
                        names: names.clone(),
                    },
                    None => Targets::Values(Vec::new()),
                };
                let table = TableConfig {
                    target: self.target.clone(),
                    reading: ReadOptions {
                        separator: table.reading.separator,
                        ..reading
                    },
                    ..table.clone()
                };
                let standardiser = &self.standardiser;
                let (split, read) =
                    split_table_for(&table, &config.split, &preprocessor, standardiser, &targets)?;
                Ok(self.task_of(split, config)?.with_read(read))
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
                let split = split_for(&data, &config.split, &self.standardiser)?;
                self.task_of(split, config)
            }
            _ => Err(self.other_data()),
        }
    }

    /// The config with the loss that goes with the outputs of the model: they are logarithms where it was trained with Poisson's.
    fn with_its_link(&self, config: &TaskConfig) -> Result<TaskConfig> {
        let mut config = config.clone();
        let linked = self.standardiser.log_link;
        if linked && config.loss.is_none() {
            config.loss = Some(LossConfig::Poisson);
        }
        if linked == (config.loss == Some(LossConfig::Poisson)) {
            return Ok(config);
        }
        let given = config.loss.as_ref().map_or("none", LossConfig::name);
        let allowed = match linked {
            true => "Poisson, as the model predicts logarithms of counts",
            false => {
                "another loss than Poisson, as the model predicts its target and no logarithms"
            }
        };
        Err(Error::config("loss", given, allowed))
    }

    fn other_data(&self) -> Error {
        let (inputs, allowed) = match &self.inputs {
            Inputs::Columns(_) | Inputs::Table { .. } => ("a table", "a file with its columns"),
            Inputs::Images => ("images", "IDX files of images and labels"),
        };
        let allowed = format!("the model is of {inputs}; give {allowed}");
        Error::config("--data", "data of another kind", allowed)
    }

    /// The task of going on with its weights on these data.
    fn task_of(&self, split: Split, config: &TaskConfig) -> Result<PreparedTask> {
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
            Inputs::Table { preprocessor, .. } if preprocessor.len() != features => Err(format!(
                "the columns make {} features, the shape has {features}",
                preprocessor.len()
            )),
            _ if !(self.temperature > 0.0 && self.temperature.is_finite()) => {
                Err(format!("a temperature of {}", self.temperature))
            }
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
        let outputs = self.outputs_of(inputs, device)?;
        Ok(match &self.classes {
            Some(names) => Predicted::Classes(softmax(&outputs, names.len(), self.temperature)),
            None => {
                let restored = outputs
                    .iter()
                    .map(|value| self.standardiser.restore_output(*value as f32));
                Predicted::Values(restored.collect())
            }
        })
    }

    /// What the network puts out for standardised rows: logits, `[rows, classes]`, or standardised values.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub(super) fn outputs_of(&self, inputs: &[f32], device: &Device) -> Result<Vec<f64>> {
        let task = self.rows_to_come()?;
        let model = task.model_with(&self.weights, device)?;
        let features = self.features();
        let mut outputs = Vec::new();
        for chunk in inputs.chunks(ROWS * features) {
            let count = chunk.len() / features;
            let data = TensorData::new(chunk.to_vec(), [count, features]);
            let output = model(Tensor::<2>::from_data(data, device));
            outputs.extend(output.into_data().iter::<f32>().map(f64::from));
        }
        Ok(outputs)
    }

    /// Chooses the temperature by these rows, which nothing was trained on. It changes no predicted class.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub(super) fn calibrate(&mut self, validation: &Dataset, device: &Device) -> Result<()> {
        if let (Some(names), Targets::Classes { labels, .. }) = (&self.classes, &validation.targets)
        {
            let truth: Vec<usize> = labels.iter().map(|label| *label as usize).collect();
            let logits = self.outputs_of(&validation.inputs, device)?;
            self.temperature = temperature(&logits, &truth, names.len());
        }
        Ok(())
    }

    /// The rows of a file, a table that has the model's columns, or images: standardised, one after the other.
    ///
    /// # Errors
    /// The file's, by column and line.
    pub fn inputs(&self, path: &Path) -> Result<NewRows> {
        if let Some((preprocessor, reading)) = self.inputs.of_tables() {
            let rows = read_inputs(path, &reading, &preprocessor, &self.standardiser);
            return Ok(rows?);
        }
        let (shape, pixels) = read_images(path)?;
        self.check_shape(path, shape)?;
        Ok(NewRows {
            inputs: self.standardiser.inputs(&pixels),
            rows: pixels.len() / self.features(),
            ids: None,
            notes: Vec::new(),
        })
    }

    /// Predictions as CSV: the identifier of each row if there are `ids`, else its number, from 1; the predicted class with its probability, or the
    /// predicted value.
    pub fn csv(&self, predicted: &Predicted, ids: Option<&[String]>) -> String {
        let id = match &self.inputs {
            Inputs::Table { preprocessor, .. } => preprocessor.id().filter(|_| ids.is_some()),
            Inputs::Columns(_) | Inputs::Images => None,
        };
        let mut text = format!("{},{}", quoted(id.unwrap_or("row")), quoted(&self.target));
        let row = |at: usize| match ids.and_then(|ids| ids.get(at)) {
            Some(id) => quoted(id),
            None => (at + 1).to_string(),
        };
        match (predicted, &self.classes) {
            (Predicted::Classes(all), Some(names)) => {
                text += ",probability\n";
                for (at, probabilities) in all.chunks(names.len()).enumerate() {
                    let best = most_probable(probabilities);
                    let class = quoted(&names[best]);
                    let _ = writeln!(text, "{},{class},{:.4}", row(at), probabilities[best]);
                }
            }
            (Predicted::Classes(values), None) => column(&mut text, row, values),
            (Predicted::Values(values), _) => column(&mut text, row, values),
        }
        text
    }
}

/// The rest of two columns, whose names have been written.
fn column(text: &mut String, row: impl Fn(usize) -> String, values: &[impl Display]) {
    text.push('\n');
    for (at, value) in values.iter().enumerate() {
        let _ = writeln!(text, "{},{value}", row(at));
    }
}

/// The place of the largest probability, the first of several.
fn most_probable(probabilities: &[f64]) -> usize {
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
