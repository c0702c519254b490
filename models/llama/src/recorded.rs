//! Logits that another library recorded, to compare with.

use crate::{Error, Llama, Result};
use burn::tensor::Tensor;
use serde::Deserialize;
use std::path::Path;

/// Texts and their logits, and what else was recorded of the forward pass: a file such as the `logits.json` of the fixtures.
#[derive(Clone, Debug, Deserialize)]
pub struct Recorded {
    /// The texts, of equal length.
    pub input_ids: Vec<Vec<u32>>,
    /// Logits, by text, position and token.
    pub logits: Vec<Vec<Vec<f32>>>,
    /// The mean cross-entropy of the next token, in nats.
    pub loss: Option<f64>,
    /// The embeddings, by text, position and number.
    pub hidden_states_layer_0_input: Option<Vec<Vec<Vec<f32>>>>,
    /// The states after the first block.
    pub hidden_states_after_layer_1: Option<Vec<Vec<Vec<f32>>>>,
    /// The normalised states after the last block.
    pub last_hidden_state_after_norm: Option<Vec<Vec<Vec<f32>>>>,
}

impl Recorded {
    /// Reads a file of JSON.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Json`] naming the file.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        serde_json::from_slice(&text).map_err(|source| Error::Json {
            path: path.to_owned(),
            source,
        })
    }

    /// The largest difference between the recorded logits and those of `model`. A number that is not finite on either side makes it
    /// infinite.
    ///
    /// # Errors
    /// [`Error::Config`] for texts that are none of the model, and for logits of another shape than the model's.
    pub fn largest_difference(&self, model: &Llama) -> Result<f64> {
        let logits = model.forward(model.tokens(&self.input_ids)?);
        largest_difference(&self.logits, logits)
    }
}

/// The largest difference between numbers of `[batch, positions, width]` and a tensor.
///
/// # Errors
/// [`Error::Config`] if the shapes differ.
pub fn largest_difference(recorded: &[Vec<Vec<f32>>], tensor: Tensor<3>) -> Result<f64> {
    let [batch, positions, width] = tensor.dims();
    let fits = recorded.len() == batch
        && recorded.iter().all(|text| {
            text.len() == positions && text.iter().all(|numbers| numbers.len() == width)
        });
    if !fits {
        let given = "numbers of another shape";
        let allowed = format!("{batch} texts of {positions} positions of {width} numbers");
        return Err(Error::config("recorded", "logits", given, allowed));
    }
    let recorded = recorded.iter().flatten().flatten();
    let data = tensor.into_data();
    let differences = recorded
        .zip(data.iter::<f32>())
        .map(|(recorded, own)| (f64::from(*recorded) - f64::from(own)).abs());
    Ok(differences.fold(0.0, |most, difference| {
        if difference.is_finite() {
            f64::max(most, difference)
        } else {
            f64::INFINITY
        }
    }))
}
