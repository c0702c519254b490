//! Schedule-Free AdamW: an average of the iterates in place of a schedule of the learning rate.
//!
//! Defazio et al. 2024, "The Road Less Scheduled", Algorithm 1. Three sequences begin at the initial weights. Gradients
//! `g_t` are taken at `y_t`, steps are made from `z_t`, and `x_t` is what is evaluated and kept; with the learning rate
//! `gamma` and the weight decay `lambda`, for `t` from 1 on:
//!
//! ```text
//! y_t = (1 - b1) z_t + b1 x_t
//! v_t = b2 v_{t-1} + (1 - b2) g_t^2
//! gamma_t = gamma min(1, t / warmup)
//! z_{t+1} = z_t - gamma_t (g_t / (sqrt(v_t / (1 - b2^t)) + eps) + lambda y_t)
//! c_{t+1} = w_t / sum_{i<=t} w_i,    w_t = t^r max_{i<=t} gamma_i^p
//! x_{t+1} = (1 - c_{t+1}) x_t + c_{t+1} z_{t+1}
//! ```
//!
//! The paper's weights are `gamma_t^2`. Those above are of the authors' package `schedulefree` 1.4.1 and are the same
//! during a warm-up and after it, but not under a learning rate that falls.

use super::{SHARE, within};
use crate::Result;
use serde::{Deserialize, Serialize};
use std::iter::zip;
use std::ops::Range;
use trimtab_program::pruning::Removal;

/// Options of [`ScheduleFree`]: those of `AdamWScheduleFree` in the package `schedulefree`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleFreeConfig {
    /// How far the gradients are taken towards the average, `b1`.
    pub beta_1: f64,
    /// Decay of the second moment, `b2`.
    pub beta_2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Decoupled decay of the weights, from where the gradient is taken.
    pub weight_decay: f64,
    /// Updates over which the learning rate rises from 0.
    pub warmup_steps: u64,
    /// Power of the number of the update in the weights of the average.
    pub r: f64,
    /// Power of the learning rate in the weights of the average, `p`.
    pub weight_lr_power: f64,
}

impl Default for ScheduleFreeConfig {
    fn default() -> Self {
        Self {
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            warmup_steps: 0,
            r: 0.0,
            weight_lr_power: 2.0,
        }
    }
}

/// The state of the algorithm, all numbers of the model taken as one vector. The model holds `y`. What takes no gradient is
/// averaged along: running statistics are those of `y`, and their average is to those of `x` what `x` is to `y`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScheduleFree {
    config: ScheduleFreeConfig,
    /// Updates made.
    t: u64,
    /// The largest learning rate.
    largest: f64,
    weights: f64,
    x: Vec<f32>,
    z: Vec<f32>,
    v: Vec<f32>,
}

impl ScheduleFree {
    /// The state before the first update.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) naming the option that is out of range.
    pub fn new(config: ScheduleFreeConfig) -> Result<Self> {
        let least = |field: &str, value: f64| within(field, value, "at least 0", value >= 0.0);
        let share =
            |field: &str, value: f64| within(field, value, SHARE, (0.0..1.0).contains(&value));
        share("beta_1", config.beta_1)?;
        share("beta_2", config.beta_2)?;
        within("epsilon", config.epsilon, "above 0", config.epsilon > 0.0)?;
        least("weight_decay", config.weight_decay)?;
        least("r", config.r)?;
        least("weight_lr_power", config.weight_lr_power)?;
        Ok(Self {
            config,
            t: 0,
            largest: 0.0,
            weights: 0.0,
            x: Vec::new(),
            z: Vec::new(),
            v: Vec::new(),
        })
    }

    /// The averaged weights `x`; empty before the first update.
    pub fn average(&self) -> &[f32] {
        &self.x
    }

    /// Goes on with the weights of a smaller network.
    pub(super) fn shrink(&mut self, removal: &Removal) {
        for weights in [&mut self.x, &mut self.z] {
            removal.apply(weights, 1);
        }
        removal.apply(&mut self.v, -2);
    }

    /// One update with the gradient `g` at `y`, at the learning rate `gamma`. `tensors` says where the tensors are that
    /// have a gradient; of the others the average is taken.
    pub(super) fn step(&mut self, gamma: f64, y: &mut [f32], g: &[f32], tensors: &[Range<usize>]) {
        if self.t == 0 {
            self.x = y.to_vec();
            self.z = y.to_vec();
            self.v = vec![0.0; y.len()];
        }
        self.t += 1;
        let ScheduleFreeConfig {
            beta_1,
            beta_2,
            r,
            weight_lr_power,
            ..
        } = self.config;
        let t = self.t as f64;
        let warmup = self.config.warmup_steps.max(1) as f64;
        let gamma = gamma * (t / warmup).min(1.0);
        self.largest = self.largest.max(gamma);
        let weight = t.powf(r) * self.largest.powf(weight_lr_power);
        self.weights += weight;
        // Until the learning rate has been above 0, nothing has moved and there is nothing to average.
        let c = if self.weights > 0.0 {
            (weight / self.weights) as f32
        } else {
            0.0
        };

        let (b1, b2) = (beta_1 as f32, beta_2 as f32);
        let (v_new, bias) = ((1.0 - beta_2) as f32, (1.0 - beta_2.powf(t)) as f32);
        let (gamma, lambda) = (gamma as f32, self.config.weight_decay as f32);
        let epsilon = self.config.epsilon as f32;
        let mut before = 0;
        for tensor in tensors.iter().chain([&(y.len()..y.len())]) {
            let other = before..tensor.start;
            before = tensor.end;
            for (x, y) in zip(&mut self.x[other.clone()], &y[other]) {
                *x += c * (y - *x);
            }
        }
        for tensor in tensors {
            let sequences = zip(&mut self.x[tensor.clone()], &mut self.z[tensor.clone()]);
            let moments = zip(&mut self.v[tensor.clone()], &g[tensor.clone()]);
            for (((x, z), (v, g)), y) in zip(zip(sequences, moments), &mut y[tensor.clone()]) {
                *v = b2 * *v + v_new * g * g;
                *z -= gamma * (g / ((*v / bias).sqrt() + epsilon) + lambda * *y);
                *x += c * (*z - *x);
                *y = *z + b1 * (*x - *z);
            }
        }
    }
}
