//! How important a unit is.
//!
//! The loss without a weight differs from that with it by `w dL/dw`, to first order: the Taylor criterion (Molchanov et al. 2017,
//! "Pruning convolutional neural networks for resource efficient inference"; 2019, "Importance estimation for neural network
//! pruning"). A unit has many weights. What they are worth together depends on what is added up, and whether before or after the bars.
//!
//! **The default** is `sum |w dL/dw|` over the weights of the unit that are in front of it and behind it ([`Sum::Absolutes`],
//! [`Parts::Weights`]), as in torch-pruning. Sums inside the bars are the first-order change of the loss itself, in which terms of both signs
//! cancel. The scale of a normalisation is left out because it would count the same twice: behind a rectifier, `w dL/dw` of a scale and its
//! shift together is the sum of `w dL/dw` of all that is behind the unit. (torch-pruning's Taylor importance leaves scales out too; its
//! magnitude counts them.) A bias is one number among many. What is measured of these choices is on the page of pruning of the models crate.

use super::{Role, UnitWeights, Units};
use serde::{Deserialize, Serialize};

/// What is made of the terms `w dL/dw` of a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sum {
    /// `sum |w dL/dw|`.
    #[default]
    Absolutes,
    /// `|sum w dL/dw|`; torch-pruning calls it `multivariable`.
    Inside,
    /// `(sum w dL/dw)^2`: Molchanov et al. 2019, equation 8, of a group.
    Squared,
}

/// Which weights of a unit count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Parts {
    /// Those in front of it and behind it, without biases and normalisation.
    #[default]
    Weights,
    /// All, biases and normalisation among them.
    All,
    /// Those in front of it, its bias among them.
    Incoming,
    /// Those behind it. With [`Sum::Inside`] it is `|sum h dL/dh|` of what the unit puts out: how much the loss changes, to
    /// first order, if it puts out nothing.
    Outgoing,
}

impl Parts {
    /// What the weights that count are to their unit.
    pub fn roles(self) -> &'static [Role] {
        match self {
            Self::Weights => &[Role::Incoming, Role::Outgoing],
            Self::All => &[
                Role::Incoming,
                Role::Bias,
                Role::Normalisation,
                Role::Outgoing,
            ],
            Self::Incoming => &[Role::Incoming, Role::Bias],
            Self::Outgoing => &[Role::Outgoing],
        }
    }
}

/// How the scores of a unit's kinds of weights become one, where they are scored kind by kind: `group_reduction` of torch-pruning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// Their mean, which is torch-pruning's default.
    Mean,
    /// Their sum.
    Sum,
    /// The largest.
    Max,
    /// Their product.
    Product,
    /// That of the first kind.
    First,
}

/// What the scores of a layer are divided by: `normalizer` of torch-pruning. It changes no order within a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalizer {
    /// Nothing.
    None,
    /// Their mean, which is torch-pruning's default.
    Mean,
    /// Their sum.
    Sum,
    /// The largest.
    Max,
}

/// The sum of a term over the weights of every unit that have one of these roles, in the order in which they lie in memory.
fn sums(units: &Units, roles: &[Role], term: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut sums = vec![0.0; units.count];
    let counts = |kind: &&UnitWeights| roles.contains(&kind.role);
    for kind in units.weights.iter().filter(counts) {
        for block in 0..kind.blocks {
            let first = kind.start + block * kind.stride;
            for (unit, sum) in sums.iter_mut().enumerate() {
                let at = first + unit * kind.step;
                *sum += (at..at + kind.length).map(&term).sum::<f64>();
            }
        }
    }
    sums
}

/// The Taylor importance of every unit of a layer: the [`Sum`] over all of its weights with one of these roles.
///
/// # Shapes
/// - weights, gradient: those of the network
/// - importance: `[units]`
pub fn taylor(
    units: &Units,
    weights: &[f32],
    gradient: &[f32],
    sum: Sum,
    roles: &[Role],
) -> Vec<f64> {
    let term = |at: usize| f64::from(weights[at]) * f64::from(gradient[at]);
    let inside = || sums(units, roles, term).into_iter();
    match sum {
        Sum::Absolutes => sums(units, roles, |at| term(at).abs()),
        Sum::Inside => inside().map(f64::abs).collect(),
        Sum::Squared => inside().map(|sum| sum * sum).collect(),
    }
}

/// The magnitude of every unit of a layer: `sum |w|^power` over all of its weights with one of these roles (Li et al. 2017, "Pruning
/// filters for efficient ConvNets", with power 1).
///
/// # Shapes
/// As [`taylor`].
pub fn magnitude(units: &Units, weights: &[f32], power: i32, roles: &[Role]) -> Vec<f64> {
    sums(units, roles, |at| f64::from(weights[at]).abs().powi(power))
}

/// Scores as torch-pruning makes them: `score` of every kind of weights by itself, which [`taylor`] or [`magnitude`] gives for one role,
/// then reduced over kinds and normalised over units.
///
/// # Shapes
/// - score: `[units]` for each role
pub fn grouped(
    roles: &[Role],
    score: impl Fn(&[Role]) -> Vec<f64>,
    reduction: Reduction,
    normalizer: Normalizer,
) -> Vec<f64> {
    let kinds: Vec<Vec<f64>> = roles.iter().map(|role| score(&[*role])).collect();
    let units = kinds.first().map_or(0, Vec::len);
    let reduced = (0..units).map(|unit| {
        let of = kinds.iter().map(|scores| scores[unit]);
        match reduction {
            Reduction::Sum => of.sum(),
            Reduction::Mean => of.sum::<f64>() / kinds.len() as f64,
            Reduction::Max => of.fold(f64::NEG_INFINITY, f64::max),
            Reduction::Product => of.product(),
            Reduction::First => kinds[0][unit],
        }
    });
    let mut scores: Vec<f64> = reduced.collect();
    let sum: f64 = scores.iter().sum();
    let divisor = match normalizer {
        Normalizer::None => 1.0,
        Normalizer::Mean => sum / units as f64,
        Normalizer::Sum => sum,
        Normalizer::Max => scores.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    };
    scores.iter_mut().for_each(|score| *score /= divisor);
    scores
}
