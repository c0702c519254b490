//! The optimisers on weights that are one vector on the CPU: one pass over weights, gradient and state, where burn's
//! make a tensor for each term.
//!
//! Formulas and the order of their operations are those of burn 0.22, so that the bits are the same.

use super::{OptimizerConfig, Prodigy, ScheduleFree, UpdateRule};
use crate::Result;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use trimtab_program::pruning::Removal;
use trimtab_program::{Adam, vectorised};

/// An optimiser with its state.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum FlatOptimizer {
    /// Stochastic gradient descent.
    Sgd {
        momentum: f32,
        nesterov: bool,
        weight_decay: f32,
        velocity: Vec<f32>,
    },
    /// Adam and AdamW.
    Adam(Adam),
    /// Prodigy.
    Prodigy(Prodigy),
    /// Schedule-Free AdamW.
    ScheduleFree(ScheduleFree),
    /// One of a task's own. It cannot be written down.
    #[serde(skip)]
    Own(Box<dyn UpdateRule>),
}

impl FlatOptimizer {
    /// The optimiser before its first update.
    ///
    /// # Errors
    /// As [`OptimizerConfig::init`].
    pub(crate) fn new(config: &OptimizerConfig) -> Result<Self> {
        config.init()?;
        Ok(match *config {
            OptimizerConfig::Sgd {
                momentum,
                nesterov,
                weight_decay,
            } => Self::Sgd {
                momentum: momentum as f32,
                nesterov: nesterov && momentum > 0.0,
                weight_decay,
                velocity: Vec::new(),
            },
            OptimizerConfig::Adam {
                beta_1,
                beta_2,
                epsilon,
                weight_decay,
            } => Self::Adam(Adam::new(beta_1, beta_2, epsilon).with_penalty(weight_decay)),
            OptimizerConfig::AdamW {
                beta_1,
                beta_2,
                epsilon,
                weight_decay,
            } => Self::Adam(Adam::new(beta_1, beta_2, epsilon).with_decoupled_decay(weight_decay)),
            OptimizerConfig::Prodigy(config) => Self::Prodigy(Prodigy::new(config)?),
            OptimizerConfig::ScheduleFreeAdamW(config) => {
                Self::ScheduleFree(ScheduleFree::new(config)?)
            }
        })
    }

    /// One update of `weights` at the learning rate `lr`. `tensors` says where the tensors are. `gradient` may be changed.
    pub(crate) fn step(
        &mut self,
        lr: f64,
        weights: &mut [f32],
        gradient: &mut [f32],
        tensors: &[Range<usize>],
    ) {
        match self {
            Self::Sgd {
                momentum,
                nesterov,
                weight_decay,
                velocity,
            } => {
                velocity.resize(weights.len(), 0.0);
                // Copies, which the compiler knows to stay the same.
                let (momentum, penalty, lr) = (*momentum, *weight_decay, lr as f32);
                let all = weights.iter_mut().zip(gradient).zip(velocity);
                let nesterov = *nesterov;
                vectorised(
                    #[inline(always)]
                    || {
                        if nesterov {
                            for ((w, g), v) in all {
                                let g = *w * penalty + *g;
                                *v = g + *v * momentum;
                                *w -= (*v * momentum + g) * lr;
                            }
                        } else {
                            for ((w, g), v) in all {
                                *v = *w * penalty + *g + *v * momentum;
                                *w -= *v * lr;
                            }
                        }
                    },
                );
            }
            Self::Adam(adam) => adam.step(lr, weights, gradient),
            Self::Prodigy(prodigy) => prodigy.step(lr, weights, gradient, tensors),
            Self::ScheduleFree(schedule_free) => {
                schedule_free.step(lr, weights, gradient, tensors);
            }
            Self::Own(rule) => rule.step(lr, weights, gradient, tensors),
        }
    }

    /// Goes on with the weights of a smaller network. One of a task's own cannot: no training that has one prunes.
    pub(crate) fn shrink(&mut self, removal: &Removal) {
        match self {
            Self::Sgd { velocity, .. } => removal.apply(velocity, -1),
            Self::Adam(adam) => adam.shrink(removal),
            Self::Prodigy(prodigy) => prodigy.shrink(removal),
            Self::ScheduleFree(schedule_free) => schedule_free.shrink(removal),
            Self::Own(_) => {}
        }
    }

    /// The weights to evaluate where they are not those that are trained.
    pub(crate) fn average(&self) -> Option<&[f32]> {
        match self {
            Self::ScheduleFree(schedule_free) => {
                Some(schedule_free.average()).filter(|average| !average.is_empty())
            }
            Self::Sgd { .. } | Self::Adam(_) | Self::Prodigy(_) | Self::Own(_) => None,
        }
    }
}
