//! The optimisers that trainings use, with the defaults of PyTorch and of the authors' packages, but for the momentum of SGD, which is
//! 0.9 (PyTorch's is 0).

mod flat;
pub mod prodigy;
mod rule;
pub mod schedule_free;

pub(crate) use flat::FlatOptimizer;
pub use prodigy::{Prodigy, ProdigyConfig};
pub use rule::UpdateRule;
pub use schedule_free::{ScheduleFree, ScheduleFreeConfig};

use crate::network::weights::{flat_gradients, flat_state, with_state, with_weights};
use crate::{Error, Result};
use burn::module::Module;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, AdamWConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use serde::{Deserialize, Serialize};
use trimtab_program::pruning::Removal;

/// An optimiser's options. The learning rate is not here: it is given at every update.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum OptimizerConfig {
    /// Stochastic gradient descent.
    Sgd {
        /// Momentum, from 0 to below 1. The update is `lr` times the momentum buffer, undampened, as in PyTorch.
        #[serde(default = "default_momentum")]
        momentum: f64,
        /// Whether the momentum is Nesterov's.
        #[serde(default)]
        nesterov: bool,
        /// L2 penalty added to the gradient.
        #[serde(default)]
        weight_decay: f32,
    },
    /// Adam (Kingma and Ba 2015).
    Adam {
        /// Decay of the first moment.
        #[serde(default = "default_beta_1")]
        beta_1: f32,
        /// Decay of the second moment.
        #[serde(default = "default_beta_2")]
        beta_2: f32,
        /// Added to the root of the second moment.
        #[serde(default = "default_epsilon")]
        epsilon: f32,
        /// L2 penalty added to the gradient.
        #[serde(default)]
        weight_decay: f32,
    },
    /// AdamW (Loshchilov and Hutter 2019).
    AdamW {
        /// Decay of the first moment.
        #[serde(default = "default_beta_1")]
        beta_1: f32,
        /// Decay of the second moment.
        #[serde(default = "default_beta_2")]
        beta_2: f32,
        /// Added to the root of the second moment.
        #[serde(default = "default_epsilon")]
        epsilon: f32,
        /// Decoupled decay: each update first multiplies the weights by `1 - lr weight_decay`.
        #[serde(default = "default_decoupled_decay")]
        weight_decay: f32,
    },
    /// Prodigy (Mishchenko and Defazio 2024): Adam with a step size that it estimates.
    Prodigy(ProdigyConfig),
    /// Schedule-Free AdamW (Defazio et al. 2024): averages its iterates where others lower the learning rate.
    ScheduleFreeAdamW(ScheduleFreeConfig),
}

/// An optimiser with its state.
#[derive(Clone)]
pub enum Optimizer {
    /// One of burn's, which treat each number by itself.
    Burn(ModuleOptimizer),
    /// Prodigy, whose estimate is of all weights together.
    Prodigy(Prodigy),
    /// Schedule-Free AdamW, whose weights for training and for evaluation differ.
    ScheduleFree(ScheduleFree),
    /// One whose state is vectors, so that it can [shrink](Optimizer::shrink) where burn's cannot.
    Flat(Flat),
    /// One of a task's own.
    Own(Box<dyn UpdateRule>),
}

/// SGD, Adam or AdamW with its state as vectors. Its updates are those of burn's, if every parameter has a gradient.
#[derive(Clone)]
pub struct Flat(FlatOptimizer);

impl Optimizer {
    /// One update with the learning rate `lr`. `model` is what the last update returned, and `gradients` are those at its
    /// weights; parameters without one stay as they are.
    pub fn step<M: Module>(&mut self, lr: f64, model: M, gradients: GradientsParams) -> M {
        let (mut weights, mut gradient) = (Vec::new(), Vec::new());
        let mut flat = |model: &M| {
            flat_state(model, &mut weights);
            flat_gradients(model, &gradients, &mut gradient)
        };
        match self {
            Self::Burn(optimizer) => return optimizer.step(lr, model, gradients),
            Self::Prodigy(prodigy) => {
                let tensors = flat(&model);
                prodigy.step(lr, &mut weights, &mut gradient, &tensors);
            }
            Self::ScheduleFree(schedule_free) => {
                let tensors = flat(&model);
                schedule_free.step(lr, &mut weights, &gradient, &tensors);
            }
            Self::Flat(Flat(optimizer)) => {
                let tensors = flat(&model);
                optimizer.step(lr, &mut weights, &mut gradient, &tensors);
            }
            Self::Own(rule) => {
                let tensors = flat(&model);
                rule.step(lr, &mut weights, &mut gradient, &tensors);
            }
        }
        with_weights(model, &weights)
    }

    /// Goes on with the weights of a smaller network, whose numbers are those of [`flat_state`] that `removal` leaves. One that
    /// [`OptimizerConfig::init_to_shrink`] has made can; one of burn's and one of a task's own stay as they are.
    pub fn shrink(&mut self, removal: &Removal) {
        match self {
            Self::Burn(_) | Self::Own(_) => {}
            Self::Prodigy(prodigy) => prodigy.shrink(removal),
            Self::ScheduleFree(schedule_free) => schedule_free.shrink(removal),
            Self::Flat(Flat(optimizer)) => optimizer.shrink(removal),
        }
    }

    /// The model to evaluate and to keep when the training has come to `model`: its averaged weights, and the average of its running
    /// statistics, under Schedule-Free, and `model` itself under the others.
    pub fn evaluated<M: Module>(&self, model: M) -> M {
        match self {
            Self::ScheduleFree(schedule_free) if !schedule_free.average().is_empty() => {
                with_state(&model, schedule_free.average())
            }
            Self::Burn(_)
            | Self::Prodigy(_)
            | Self::ScheduleFree(_)
            | Self::Flat(_)
            | Self::Own(_) => model,
        }
    }
}

/// `Ok` if an option is as it should be.
fn within(field: &str, value: f64, allowed: &str, good: bool) -> Result<()> {
    if good && value.is_finite() {
        return Ok(());
    }
    Err(Error::Config {
        field: format!("optimizer.{field}"),
        given: value.to_string(),
        allowed: allowed.to_owned(),
    })
}

/// What a decay may be.
const SHARE: &str = "at least 0 and below 1";

fn default_momentum() -> f64 {
    0.9
}
fn default_beta_1() -> f32 {
    0.9
}
fn default_beta_2() -> f32 {
    0.999
}
/// The value of the paper and of PyTorch; burn's own default is 1e-5.
fn default_epsilon() -> f32 {
    1e-8
}
/// PyTorch's default.
fn default_decoupled_decay() -> f32 {
    0.01
}

impl OptimizerConfig {
    /// SGD with momentum 0.9.
    pub fn sgd() -> Self {
        Self::Sgd {
            momentum: default_momentum(),
            nesterov: false,
            weight_decay: 0.0,
        }
    }

    /// Adam with the paper's defaults.
    pub fn adam() -> Self {
        Self::Adam {
            beta_1: default_beta_1(),
            beta_2: default_beta_2(),
            epsilon: default_epsilon(),
            weight_decay: 0.0,
        }
    }

    /// AdamW with PyTorch's defaults.
    pub fn adam_w() -> Self {
        Self::AdamW {
            beta_1: default_beta_1(),
            beta_2: default_beta_2(),
            epsilon: default_epsilon(),
            weight_decay: default_decoupled_decay(),
        }
    }

    /// A short name for tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sgd { .. } => "sgd",
            Self::Adam { .. } => "adam",
            Self::AdamW { .. } => "adamw",
            Self::Prodigy(_) => "prodigy",
            Self::ScheduleFreeAdamW(_) => "schedule-free-adamw",
        }
    }

    /// Whether updates are normalised for each weight.
    pub fn is_adaptive(&self) -> bool {
        match self {
            Self::Sgd { .. } => false,
            Self::Adam { .. }
            | Self::AdamW { .. }
            | Self::Prodigy(_)
            | Self::ScheduleFreeAdamW(_) => true,
        }
    }

    /// The learning rate that people take when they do not tune: 0.01 for SGD with momentum (the rate of most
    /// tutorials), 1e-3 for Adam and AdamW (the papers' and PyTorch's), 1 for Prodigy and 0.0025 for Schedule-Free AdamW
    /// (their packages').
    pub fn default_learning_rate(&self) -> f64 {
        match self {
            Self::Sgd { .. } => 1e-2,
            Self::Adam { .. } | Self::AdamW { .. } => 1e-3,
            Self::Prodigy(_) => 1.0,
            Self::ScheduleFreeAdamW(_) => 2.5e-3,
        }
    }

    /// The same optimiser as [`OptimizerConfig::init`] builds, with its state as vectors: for networks that lose units on the way.
    ///
    /// # Errors
    /// As [`OptimizerConfig::init`].
    pub fn init_to_shrink(&self) -> Result<Optimizer> {
        Ok(match self.init()? {
            Optimizer::Burn(_) => Optimizer::Flat(Flat(FlatOptimizer::new(self)?)),
            other => other,
        })
    }

    /// Builds the optimiser.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field that is out of range.
    pub fn init(&self) -> Result<Optimizer> {
        let decay = |value: f32| within("weight_decay", value.into(), "at least 0", value >= 0.0);
        let penalty = |value: f32| (value > 0.0).then(|| WeightDecayConfig::new(value));
        match *self {
            Self::Sgd {
                momentum,
                nesterov,
                weight_decay,
            } => {
                within("momentum", momentum, SHARE, (0.0..1.0).contains(&momentum))?;
                decay(weight_decay)?;
                let momentum = (momentum > 0.0).then(|| {
                    MomentumConfig::new()
                        .with_momentum(momentum)
                        .with_dampening(0.0)
                        .with_nesterov(nesterov)
                });
                Ok(Optimizer::Burn(
                    SgdConfig::new()
                        .with_momentum(momentum)
                        .with_weight_decay(penalty(weight_decay))
                        .init(),
                ))
            }
            Self::Adam {
                beta_1,
                beta_2,
                epsilon,
                weight_decay,
            } => {
                within("beta_1", beta_1.into(), SHARE, (0.0..1.0).contains(&beta_1))?;
                within("beta_2", beta_2.into(), SHARE, (0.0..1.0).contains(&beta_2))?;
                within("epsilon", epsilon.into(), "above 0", epsilon > 0.0)?;
                decay(weight_decay)?;
                Ok(Optimizer::Burn(
                    AdamConfig::new()
                        .with_beta_1(beta_1)
                        .with_beta_2(beta_2)
                        .with_epsilon(epsilon)
                        .with_weight_decay(penalty(weight_decay))
                        .init(),
                ))
            }
            Self::AdamW {
                beta_1,
                beta_2,
                epsilon,
                weight_decay,
            } => {
                within("beta_1", beta_1.into(), SHARE, (0.0..1.0).contains(&beta_1))?;
                within("beta_2", beta_2.into(), SHARE, (0.0..1.0).contains(&beta_2))?;
                within("epsilon", epsilon.into(), "above 0", epsilon > 0.0)?;
                decay(weight_decay)?;
                Ok(Optimizer::Burn(
                    AdamWConfig::new()
                        .with_beta_1(beta_1)
                        .with_beta_2(beta_2)
                        .with_epsilon(epsilon)
                        .with_weight_decay(weight_decay)
                        .init(),
                ))
            }
            Self::Prodigy(config) => Ok(Optimizer::Prodigy(Prodigy::new(config)?)),
            Self::ScheduleFreeAdamW(config) => {
                Ok(Optimizer::ScheduleFree(ScheduleFree::new(config)?))
            }
        }
    }
}

#[cfg(test)]
mod tests;
