//! The network under training, with its optimiser.

use crate::network::weights::{FlatWeights, copy, flat_state, with_state};
use crate::training::average::AveragedWeights;
use crate::training::optimizer::{FlatOptimizer, UpdateRule};
use crate::{Optimizer, OptimizerConfig, Result};
use burn::module::Module;

/// A network and its optimiser: as burn has them, or as vectors.
pub(super) enum Network<M> {
    /// A module that burn's autodiff takes gradients of.
    Module {
        /// The module.
        model: M,
        /// Its optimiser.
        optimizer: Optimizer,
    },
    /// The weights of a network that is written out.
    Flat {
        /// The weights.
        weights: FlatWeights,
        /// Their optimiser.
        optimizer: FlatOptimizer,
    },
}

/// One of its own. Tensors are shared, so that it costs next to nothing; running statistics are not.
impl<M: Module> Clone for Network<M> {
    fn clone(&self) -> Self {
        match self {
            Self::Module { model, optimizer } => Self::Module {
                model: copy(model),
                optimizer: optimizer.clone(),
            },
            Self::Flat { weights, optimizer } => Self::Flat {
                weights: weights.clone(),
                optimizer: optimizer.clone(),
            },
        }
    }
}

impl<M: Module> Network<M> {
    /// A network before its first update. If it `is_written_out` it is its weights alone; else its optimiser can shrink with it if it is to be `pruned`.
    ///
    /// # Errors
    /// As [`OptimizerConfig::init`].
    pub(super) fn begin(
        model: M,
        (config, own): (&OptimizerConfig, Option<Box<dyn UpdateRule>>),
        is_written_out: bool,
        pruned: bool,
    ) -> Result<Self> {
        if !is_written_out {
            let optimizer = match own {
                Some(own) => Optimizer::Own(own),
                None if pruned => config.init_to_shrink()?,
                None => config.init()?,
            };
            return Ok(Self::Module { model, optimizer });
        }
        let mut weights = Vec::new();
        flat_state(&model, &mut weights);
        Ok(Self::Flat {
            weights: FlatWeights(weights),
            optimizer: own.map_or_else(
                || FlatOptimizer::new(config),
                |own| Ok(FlatOptimizer::Own(own)),
            )?,
        })
    }

    /// The weights that are evaluated, but for an average that the settings ask for, under an optimiser that has seen nothing.
    ///
    /// # Errors
    /// As [`OptimizerConfig::init`].
    pub(super) fn begun_again(
        &self,
        (config, own): (&OptimizerConfig, Option<Box<dyn UpdateRule>>),
    ) -> Result<Self> {
        Ok(match self {
            Self::Module { model, optimizer } => Self::Module {
                model: optimizer.evaluated(copy(model)),
                optimizer: match (own, optimizer) {
                    (Some(own), _) => Optimizer::Own(own),
                    (None, Optimizer::Flat(_)) => config.init_to_shrink()?,
                    (None, _) => config.init()?,
                },
            },
            Self::Flat { weights, optimizer } => Self::Flat {
                weights: FlatWeights(evaluated(weights, optimizer, None).to_vec()),
                optimizer: own.map_or_else(
                    || FlatOptimizer::new(config),
                    |own| Ok(FlatOptimizer::Own(own)),
                )?,
            },
        })
    }

    /// A model with the weights, and the running statistics, that are evaluated. `like` makes a model to put weights into.
    pub(super) fn model(&self, averaged: Option<&AveragedWeights>, like: impl Fn() -> M) -> M {
        match (self, averaged) {
            (Self::Module { model, .. }, Some(averaged)) => with_state(model, averaged.weights()),
            (Self::Module { model, optimizer }, None) => optimizer.evaluated(copy(model)),
            (Self::Flat { weights, optimizer }, averaged) => {
                with_state(&like(), evaluated(weights, optimizer, averaged))
            }
        }
    }
}

/// The weights that are evaluated: an average, if there is one.
pub(super) fn evaluated<'a>(
    weights: &'a FlatWeights,
    optimizer: &'a FlatOptimizer,
    averaged: Option<&'a AveragedWeights>,
) -> &'a [f32] {
    match averaged {
        Some(averaged) => averaged.weights(),
        None => optimizer.average().unwrap_or(&weights.0),
    }
}
