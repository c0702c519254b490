//! The nonlinearities between layers, and their derivatives.

use crate::elementary::{erf, exp, tanh};
use crate::vectorised;
use serde::{Deserialize, Serialize};
use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

/// The nonlinearity between layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activation {
    /// `max(x, 0)`.
    #[default]
    Relu,
    /// The hyperbolic tangent.
    Tanh,
    /// The Gaussian error linear unit `x P(X <= x)`, exactly and not by its tangent (Hendrycks and Gimpel 2016).
    Gelu,
}

impl Activation {
    /// Adds the biases to every row and applies it. Where the derivative does not follow from the outputs, it is put into `derivative`.
    pub(crate) fn apply(self, numbers: &mut [f32], biases: &[f32], derivative: &mut Vec<f32>) {
        match self {
            Self::Relu => apply(
                numbers,
                biases,
                // What is not a number stays, so that a divergence is seen.
                #[inline(always)]
                |x| if x < 0.0 { 0.0 } else { x },
            ),
            Self::Tanh => apply(numbers, biases, tanh),
            Self::Gelu => {
                apply(
                    numbers,
                    biases,
                    #[inline(always)]
                    |x| x,
                );
                derivative.resize(numbers.len(), 0.0);
                vectorised(
                    #[inline(always)]
                    || {
                        for (x, slope) in numbers.iter_mut().zip(derivative) {
                            let bell = exp(-0.5 * *x * *x);
                            let share = 0.5 + 0.5 * erf(*x * FRAC_1_SQRT_2, bell);
                            // The density of the normal distribution is bell / sqrt(2 pi).
                            *slope = share + *x * bell * (0.5 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI);
                            *x *= share;
                        }
                    },
                );
            }
        }
    }

    /// Multiplies `gradient`, taken with respect to the outputs of a layer, by the derivative there, and adds its rows up in `sums`.
    pub(crate) fn back(
        self,
        gradient: &mut [f32],
        outputs: &[f32],
        derivative: &[f32],
        sums: &mut [f32],
    ) {
        match self {
            Self::Relu => back(
                gradient,
                outputs,
                sums,
                #[inline(always)]
                |g, y| if y > 0.0 { g } else { 0.0 },
            ),
            Self::Tanh => back(
                gradient,
                outputs,
                sums,
                #[inline(always)]
                |g, y| g * (1.0 - y * y),
            ),
            Self::Gelu => back(
                gradient,
                derivative,
                sums,
                #[inline(always)]
                |g, slope| g * slope,
            ),
        }
    }
}

/// Puts `rule(x + bias)` in the place of every number.
#[inline(always)]
fn apply(numbers: &mut [f32], biases: &[f32], rule: impl Fn(f32) -> f32) {
    vectorised(
        #[inline(always)]
        || {
            for row in numbers.chunks_exact_mut(biases.len()) {
                for (x, bias) in row.iter_mut().zip(biases) {
                    *x = rule(*x + bias);
                }
            }
        },
    );
}

/// Puts `rule(gradient, other)` in the place of every gradient, and adds the rows up in `sums`.
#[inline(always)]
fn back(gradient: &mut [f32], other: &[f32], sums: &mut [f32], rule: impl Fn(f32, f32) -> f32) {
    vectorised(
        #[inline(always)]
        || {
            let rows = gradient.chunks_exact_mut(sums.len());
            for (gradient, other) in rows.zip(other.chunks_exact(sums.len())) {
                for ((g, other), sum) in gradient.iter_mut().zip(other).zip(sums.iter_mut()) {
                    *g = rule(*g, *other);
                    *sum += *g;
                }
            }
        },
    );
}
