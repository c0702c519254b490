//! What a LeadingOnes environment is made of: strings, portfolio, reward, cutoff.

use crate::suite::Encoding;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// Sizes are 2 to this: the best policy is tabulated.
const LARGEST: usize = 1000;

/// The string of one episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeadingOnesInstance {
    /// Number of bits, 2 to 1000.
    pub n: usize,
    /// The first string.
    pub start: Start,
}

/// How the first string is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Start {
    /// All bits uniform.
    #[default]
    Random,
    /// This many ones, less than `n`, then a zero, and the rest uniform.
    Ones(usize),
}

/// What is the same for all instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeadingOnesConfig {
    /// Numbers of flips to choose from, each from 1 to the smallest `n`.
    pub portfolio: Vec<usize>,
    /// The reward of a step.
    pub reward: LeadingOnesReward,
    /// When an episode is cut off.
    pub cutoff: Cutoff,
    /// How the state is shown.
    pub encoding: Encoding,
}

impl Default for LeadingOnesConfig {
    /// The benchmark's own choices: 1, 2, 4, 8 or 16 flips, improvement less evaluations, training cutoff, raw.
    fn default() -> Self {
        Self {
            portfolio: vec![1, 2, 4, 8, 16],
            reward: LeadingOnesReward::default(),
            cutoff: Cutoff::default(),
            encoding: Encoding::default(),
        }
    }
}

/// The reward of a step, with `D` the gain in fitness. The names in brackets are DACBench's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeadingOnesReward {
    /// `D − 1` (`imp_minus_evals`).
    #[default]
    ImprovementMinusEvaluations,
    /// `−1` (`minus_evals`).
    MinusEvaluations,
    /// `D − 0.5` (`imp`, and `imp_div_evals` which is the same).
    Improvement,
    /// `−1` divided by the evaluations of the cutoff (`minus_evals_normalised`).
    MinusEvaluationsNormalised,
    /// `D − 1` divided by the evaluations of the cutoff (`imp_minus_evals_normalised`).
    ImprovementMinusEvaluationsNormalised,
}

/// After how many evaluations an episode is truncated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cutoff {
    /// `0.8 n²`, rounded down: 1.6 times what flipping one bit at a time needs.
    #[default]
    Training,
    /// A million, which no sensible policy needs.
    Test,
}

impl Cutoff {
    /// Evaluations of an episode with `n` bits, that of the start included.
    pub fn evaluations(self, n: usize) -> usize {
        match self {
            Self::Training => 4 * n * n / 5,
            Self::Test => 1_000_000,
        }
    }
}

pub(super) fn check_instance(instance: &LeadingOnesInstance) -> Result<()> {
    let n = instance.n;
    if !(2..=LARGEST).contains(&n) {
        return Err(Error::config("n", n, format!("give 2 to {LARGEST} bits")));
    }
    match instance.start {
        Start::Ones(ones) if ones >= n => Err(Error::config(
            "start",
            format!("{ones} leading ones"),
            format!("give less than all {n} bits"),
        )),
        Start::Ones(_) | Start::Random => Ok(()),
    }
}

pub(super) fn check_portfolio(portfolio: &[usize], smallest: usize) -> Result<()> {
    if portfolio.is_empty() {
        return Err(Error::config("portfolio", "[]", "give at least 1 choice"));
    }
    for (index, r) in portfolio.iter().enumerate() {
        if !(1..=smallest).contains(r) || portfolio[..index].contains(r) {
            return Err(Error::config(
                format!("portfolio[{index}]"),
                r,
                format!(
                    "give 1 to {smallest} flips, each number once; the smallest string has {smallest} bits"
                ),
            ));
        }
    }
    Ok(())
}
