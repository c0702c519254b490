//! How large a network is.

use serde::{Deserialize, Serialize};

/// How large a network is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSize {
    /// Number of weights.
    pub weights: usize,
    /// Layers of weights: those with two dimensions or more.
    pub layers: usize,
    /// Units of the largest hidden layer; 0 where that is not known.
    #[serde(default)]
    pub units: usize,
}

impl NetworkSize {
    /// The units of the largest hidden layer, of the inputs and outputs of each layer of weights in their order: the most outputs of one
    /// that a later one has as inputs. 0 if there are none, as for a single layer.
    ///
    /// ```
    /// use trimtab_env::NetworkSize;
    /// assert_eq!(NetworkSize::hidden_units(&[(8, 4096), (4096, 1)]), 4096);
    /// // The words of a language model are its first inputs and its last outputs, and no units.
    /// assert_eq!(NetworkSize::hidden_units(&[(50_000, 64), (64, 256), (256, 64), (64, 50_000)]), 256);
    /// ```
    pub fn hidden_units(layers: &[(usize, usize)]) -> usize {
        let later = |index: usize, units: usize| {
            let mut after = layers[index + 1..].iter();
            after.any(|(inputs, _)| *inputs == units)
        };
        let outputs = layers.iter().map(|(_, outputs)| *outputs).enumerate();
        let hidden = outputs.filter(|(index, units)| later(*index, *units));
        hidden.map(|(_, units)| units).max().unwrap_or(0)
    }
}
