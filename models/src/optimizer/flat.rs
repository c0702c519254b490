//! The optimisers on weights that are one vector on the CPU: one pass over weights, gradient and state, where burn's
//! make a tensor for each term.
//!
//! Formulas and the order of their operations are those of burn 0.22, so that the bits are the same.

use super::{OptimizerConfig, Prodigy, ScheduleFree};
use crate::Result;
use std::ops::Range;
use trimtab_program::vectorised;

/// An optimiser with its state.
#[derive(Clone)]
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
}

/// Adam, whose decay may be decoupled.
#[derive(Clone)]
pub(crate) struct Adam {
    beta_1: f32,
    beta_2: f32,
    epsilon: f32,
    weight_decay: f32,
    decoupled: bool,
    updates: i32,
    moment_1: Vec<f32>,
    moment_2: Vec<f32>,
}

impl FlatOptimizer {
    /// The optimiser before its first update.
    ///
    /// # Errors
    /// As [`OptimizerConfig::init`].
    pub(crate) fn new(config: &OptimizerConfig) -> Result<Self> {
        config.init()?;
        let adam = |beta_1, beta_2, epsilon, weight_decay, decoupled| {
            Self::Adam(Adam {
                beta_1,
                beta_2,
                epsilon,
                weight_decay,
                decoupled,
                updates: 0,
                moment_1: Vec::new(),
                moment_2: Vec::new(),
            })
        };
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
            } => adam(beta_1, beta_2, epsilon, weight_decay, false),
            OptimizerConfig::AdamW {
                beta_1,
                beta_2,
                epsilon,
                weight_decay,
            } => adam(beta_1, beta_2, epsilon, weight_decay, true),
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
        }
    }

    /// The weights to evaluate where they are not those that are trained.
    pub(crate) fn average(&self) -> Option<&[f32]> {
        match self {
            Self::ScheduleFree(schedule_free) => {
                Some(schedule_free.average()).filter(|average| !average.is_empty())
            }
            Self::Sgd { .. } | Self::Adam(_) | Self::Prodigy(_) => None,
        }
    }
}

impl Adam {
    fn step(&mut self, lr: f64, weights: &mut [f32], gradient: &[f32]) {
        self.moment_1.resize(weights.len(), 0.0);
        self.moment_2.resize(weights.len(), 0.0);
        self.updates += 1;
        let (beta_1, beta_2) = (self.beta_1, self.beta_2);
        let (rest_1, rest_2) = (1.0 - beta_1, 1.0 - beta_2);
        let left_1 = 1.0 - beta_1.powi(self.updates);
        let left_2 = 1.0 - beta_2.powi(self.updates);
        let kept = (1.0 - lr * f64::from(self.weight_decay)) as f32;
        let lr = lr as f32;
        let moments = self.moment_1.iter_mut().zip(&mut self.moment_2);
        let all = weights.iter_mut().zip(gradient).zip(moments);
        if self.decoupled {
            let epsilon = self.epsilon;
            vectorised(
                #[inline(always)]
                || {
                    for ((w, g), (m, v)) in all {
                        *m = *m * beta_1 + g * rest_1;
                        *v = *v * beta_2 + g * g * rest_2;
                        let step = (*m / left_1) / ((*v / left_2).sqrt() + epsilon);
                        *w = *w * kept - step * lr;
                    }
                },
            );
        } else {
            // Both corrections of the bias in one factor.
            let root = left_2.sqrt();
            let (factor, epsilon) = (root / left_1, self.epsilon * root);
            let penalty = self.weight_decay;
            vectorised(
                #[inline(always)]
                || {
                    for ((w, g), (m, v)) in all {
                        let g = *w * penalty + g;
                        *m = *m * beta_1 + g * rest_1;
                        *v = *v * beta_2 + g * g * rest_2;
                        *w -= *m * factor / (v.sqrt() + epsilon) * lr;
                    }
                },
            );
        }
    }
}
