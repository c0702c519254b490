//! Which parameters of a model train.

use crate::lora::with_adapters;
use crate::{Error, Llama, Result};
use burn::module::{Module, ParamGroup};

/// The parameters that train; all others are frozen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trained {
    /// The gates on the heads alone.
    Gates,
    /// Adapters of low rank on the matrices of queries and values (see [`crate::lora`]), and the gates if there are any.
    Lora {
        /// The rank of an adapter.
        rank: usize,
        /// An adapter is scaled by `alpha / rank`.
        alpha: f64,
    },
    /// All weights.
    All,
}

impl Llama {
    /// The same model, of which only these parameters take gradients. What it computes does not change. `seed` is that of new adapters.
    ///
    /// # Errors
    /// [`Error::Config`] for gates of a model without any, and for a rank or a scale out of bounds.
    pub fn training(self, trained: Trained, seed: u64) -> Result<Self> {
        let gates = || ParamGroup::from_predicate(".gate.");
        match trained {
            Trained::Gates if self.config().gate.is_none() => {
                let allowed = "it to a model with gates (Llama::with_gates)";
                Err(Error::config(
                    "Llama::training",
                    "trained",
                    "Gates",
                    allowed,
                ))
            }
            Trained::Gates => Ok(self.freeze().unfreeze_group(gates())),
            Trained::Lora { rank, alpha } => {
                let model = with_adapters(self, rank, alpha, seed)?;
                Ok(model.unfreeze_group(gates()))
            }
            Trained::All => Ok(self.unfreeze()),
        }
    }
}
