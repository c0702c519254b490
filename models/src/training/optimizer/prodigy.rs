//! Prodigy: Adam with an estimate of the distance to the solution as its step size.
//!
//! Mishchenko and Defazio 2024, "Prodigy: An Expeditiously Adaptive Parameter-Free Learner", section 5, the algorithm
//! "Prodigy (Adam version)". With the gradient `g_k` at the weights `x_k`, the learning rate `gamma_k` (1, or a schedule
//! below 1) and `b3 = sqrt(b2)`:
//!
//! ```text
//! m_{k+1} = b1 m_k + (1 - b1) d_k g_k                                          first moment
//! v_{k+1} = b2 v_k + (1 - b2) d_k^2 g_k^2                                      second moment
//! r_{k+1} = b3 r_k + (1 - b3) gamma_k d_k^2 <g_k, x_0 - x_k>
//! s_{k+1} = b3 s_k + (1 - b3) gamma_k d_k^2 g_k
//! d^_{k+1} = r_{k+1} / |s_{k+1}|_1                                             estimate, a lower bound
//! d_{k+1} = max(d_k, d^_{k+1})
//! x_{k+1} = x_k - gamma_k d_k m_{k+1} / (sqrt(v_{k+1}) + d_{k+1} eps)          step
//! ```
//!
//! As in the authors' package `prodigyopt` 1.1.2, whose further options are here as well, `r` and `s` are kept without
//! their common factor `(1 - b3)` and divided by `d_0`, which leaves their ratio as it is and their numbers in the range
//! of `f32`; and `eps` is multiplied by the new `d` (in the paper, by the old one).

use super::{SHARE, within};
use crate::Result;
use serde::{Deserialize, Serialize};
use std::iter::zip;
use std::ops::Range;
use trimtab_program::pruning::Removal;

/// Options of [`Prodigy`]: those of `prodigyopt`, without the ones for sharded parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProdigyConfig {
    /// Decay of the first moment, `b1`.
    pub beta_1: f64,
    /// Decay of the second moment, `b2`.
    pub beta_2: f64,
    /// Decay of the sums behind the estimate, `b3`; `None` for the root of `beta_2`.
    pub beta_3: Option<f64>,
    /// Added, times `d`, to the root of the second moment.
    pub epsilon: f64,
    /// Decay of the weights, see `decouple`.
    pub weight_decay: f64,
    /// Whether the decay multiplies the weights by `1 - d lr weight_decay`, as in AdamW; otherwise it is an L2 penalty
    /// added to the gradient, as in Adam.
    pub decouple: bool,
    /// Whether the step is multiplied by Adam's bias correction.
    pub bias_correction: bool,
    /// Whether the learning rate is left out of `s`, so that a warm-up does not lead to too large an estimate.
    pub safeguard_warmup: bool,
    /// The first estimate. Rarely needs a change.
    pub d0: f64,
    /// What each estimate is multiplied by: the authors' way to tune the step size.
    pub d_coef: f64,
    /// How many times larger an update may make the estimate; `None` for no limit.
    pub growth_rate: Option<f64>,
    /// The estimate uses every so-many-th number of each tensor.
    pub slice_p: usize,
}

impl Default for ProdigyConfig {
    fn default() -> Self {
        Self {
            beta_1: 0.9,
            beta_2: 0.999,
            beta_3: None,
            epsilon: 1e-8,
            weight_decay: 0.0,
            decouple: true,
            bias_correction: false,
            safeguard_warmup: false,
            d0: 1e-6,
            d_coef: 1.0,
            growth_rate: None,
            slice_p: 1,
        }
    }
}

/// The state of the algorithm, all weights taken as one vector.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prodigy {
    config: ProdigyConfig,
    /// Updates made.
    k: u64,
    d: f64,
    /// The largest estimate, which `d` follows as fast as it may grow.
    d_max: f64,
    r: f64,
    s: Vec<f32>,
    /// The weights before the first update.
    x_0: Vec<f32>,
    m: Vec<f32>,
    v: Vec<f32>,
}

impl Prodigy {
    /// The state before the first update.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) naming the option that is out of range.
    pub fn new(config: ProdigyConfig) -> Result<Self> {
        let above = |field: &str, value: f64| within(field, value, "above 0", value > 0.0);
        let share =
            |field: &str, value: f64| within(field, value, SHARE, (0.0..1.0).contains(&value));
        share("beta_1", config.beta_1)?;
        share("beta_2", config.beta_2)?;
        share("beta_3", config.beta_3.unwrap_or_default())?;
        above("epsilon", config.epsilon)?;
        above("d0", config.d0)?;
        above("d_coef", config.d_coef)?;
        let decay = config.weight_decay;
        within("weight_decay", decay, "at least 0", decay >= 0.0)?;
        let growth = config.growth_rate.unwrap_or(1.0);
        within("growth_rate", growth, "at least 1", growth >= 1.0)?;
        let slice = config.slice_p as f64;
        within("slice_p", slice, "at least 1", slice >= 1.0)?;
        Ok(Self {
            config,
            k: 0,
            d: config.d0,
            d_max: config.d0,
            r: 0.0,
            s: Vec::new(),
            x_0: Vec::new(),
            m: Vec::new(),
            v: Vec::new(),
        })
    }

    /// The estimate of the distance to the solution, in the largest norm: Adam's step size.
    pub fn d(&self) -> f64 {
        self.d
    }

    /// Goes on with the weights of a smaller network. Its estimate stays that of all weights so far.
    pub(super) fn shrink(&mut self, removal: &Removal) {
        removal.apply(&mut self.x_0, 1);
        for gradients in [&mut self.s, &mut self.m] {
            removal.apply(gradients, -1);
        }
        removal.apply(&mut self.v, -2);
    }

    /// One update of the weights `x` with their gradient `g` at the learning rate `gamma`. `tensors` says where the tensors
    /// are that have a gradient; the others are left alone. `g` is changed if an L2 penalty is added.
    pub(super) fn step(
        &mut self,
        gamma: f64,
        x: &mut [f32],
        g: &mut [f32],
        tensors: &[Range<usize>],
    ) {
        if gamma == 0.0 {
            return;
        }
        if self.k == 0 {
            self.x_0 = x.to_vec();
            for zeros in [&mut self.s, &mut self.m, &mut self.v] {
                *zeros = vec![0.0; x.len()];
            }
        }
        let ProdigyConfig {
            beta_1,
            beta_2,
            weight_decay,
            ..
        } = self.config;
        if !self.config.decouple {
            for tensor in tensors {
                for (g, x) in zip(&mut g[tensor.clone()], &x[tensor.clone()]) {
                    *g += weight_decay as f32 * x;
                }
            }
        }

        let d = self.d;
        let next = (self.k + 1) as f64;
        let correction = if self.config.bias_correction {
            (1.0 - beta_2.powf(next)).sqrt() / (1.0 - beta_1.powf(next))
        } else {
            1.0
        };
        let step = gamma * d * correction;
        let (b1, m_new) = (beta_1 as f32, ((1.0 - beta_1) * d) as f32);
        let (b2, v_new) = (beta_2 as f32, ((1.0 - beta_2) * d * d) as f32);
        for tensor in tensors {
            let moments = zip(&mut self.m[tensor.clone()], &mut self.v[tensor.clone()]);
            for ((m, v), g) in zip(moments, &g[tensor.clone()]) {
                *m = b1 * *m + m_new * g;
                *v = b2 * *v + v_new * g * g;
            }
        }
        if !self.estimate(step, x, g, tensors) {
            return;
        }

        let floor = (self.d * self.config.epsilon) as f32;
        let decay = if self.config.decouple {
            (step * weight_decay) as f32
        } else {
            0.0
        };
        let step = step as f32;
        for tensor in tensors {
            let moments = zip(&self.m[tensor.clone()], &self.v[tensor.clone()]);
            for (x, (m, v)) in zip(&mut x[tensor.clone()], moments) {
                *x -= decay * *x;
                *x -= step * (m / (v.sqrt() + floor));
            }
        }
        self.k += 1;
    }

    /// Updates `r`, `s` and `d`. `false` while no gradient has been other than 0, when there is nothing to estimate from.
    fn estimate(&mut self, step: f64, x: &[f32], g: &[f32], tensors: &[Range<usize>]) -> bool {
        let config = &self.config;
        let b3 = config.beta_3.unwrap_or(config.beta_2.sqrt());
        let scale = self.d / config.d0;
        let s_step = if config.safeguard_warmup {
            self.d
        } else {
            step
        };
        let (s_old, s_new) = (b3 as f32, (scale * s_step) as f32);
        let (mut inner, mut norm) = (0.0, 0.0);
        for tensor in tensors {
            for i in tensor.clone().step_by(config.slice_p) {
                inner += f64::from(g[i]) * f64::from(self.x_0[i] - x[i]);
                self.s[i] = s_old * self.s[i] + s_new * g[i];
                norm += f64::from(self.s[i].abs());
            }
        }
        if norm == 0.0 {
            return false;
        }
        self.r = b3 * self.r + scale * step * inner;
        let estimate = config.d_coef * self.r / norm;
        if self.d == config.d0 {
            self.d = self.d.max(estimate);
        }
        self.d_max = self.d_max.max(estimate);
        let grown = config
            .growth_rate
            .map_or(f64::INFINITY, |rate| self.d * rate);
        self.d = self.d_max.min(grown);
        true
    }
}
