//! Acquisition functions: how much a trial promises, given what a Gaussian process expects of it. Losses are minimised.

use serde::{Deserialize, Serialize};

/// What is maximised to find the next trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Acquisition {
    /// By how much the best loss is undercut on average: [`expected_improvement`].
    ExpectedImprovement,
    /// Its logarithm, which still tells points apart where the improvement itself is 0 in floating point:
    /// [`log_expected_improvement`].
    #[default]
    LogExpectedImprovement,
    /// The negative of a lower confidence bound of the loss, that is an upper one of what is gained:
    /// `kappa` standard deviations below the mean (Srinivas et al. 2010).
    UpperConfidenceBound {
        /// How many standard deviations.
        kappa: f64,
    },
}

impl Acquisition {
    /// The value of a trial whose loss is expected to be normal with this mean and standard deviation.
    pub fn value(self, mean: f64, deviation: f64, best: f64) -> f64 {
        match self {
            Self::ExpectedImprovement => expected_improvement(mean, deviation, best),
            Self::LogExpectedImprovement => log_expected_improvement(mean, deviation, best),
            Self::UpperConfidenceBound { kappa } => -lower_confidence_bound(mean, deviation, kappa),
        }
    }
}

/// Expected improvement on `best` (Jones, Schonlau and Welch 1998): `sigma (z Phi(z) + phi(z))` with
/// `z = (best - mean) / sigma`.
pub fn expected_improvement(mean: f64, deviation: f64, best: f64) -> f64 {
    if deviation == 0.0 {
        return (best - mean).max(0.0);
    }
    log_expected_improvement(mean, deviation, best).exp()
}

/// The logarithm of [`expected_improvement`], finite however small the improvement is (Ament et al. 2023, "Unexpected
/// improvements to expected improvement for Bayesian optimization").
pub fn log_expected_improvement(mean: f64, deviation: f64, best: f64) -> f64 {
    if deviation == 0.0 {
        return (best - mean).max(0.0).ln();
    }
    deviation.ln() + log_h((best - mean) / deviation)
}

/// `mean - kappa standard deviation`.
pub fn lower_confidence_bound(mean: f64, deviation: f64, kappa: f64) -> f64 {
    mean - kappa * deviation
}

/// Probability that the loss undercuts `best`.
pub fn probability_of_improvement(mean: f64, deviation: f64, best: f64) -> f64 {
    if deviation == 0.0 {
        return if mean < best { 1.0 } else { 0.0 };
    }
    normal_probability((best - mean) / deviation)
}

/// `log(z Phi(z) + phi(z))`.
fn log_h(z: f64) -> f64 {
    /// From here on the two terms cancel so much that another form is needed.
    const TAIL: f64 = -3.0;
    let log_density = -0.5 * z * z - 0.5 * std::f64::consts::TAU.ln();
    if z > TAIL {
        return (z * normal_probability(z) + log_density.exp()).ln();
    }
    // With t = -z, Phi(-t) = phi(t) / (t + K) by Laplace's continued fraction K = 1 / (t + 2 / (t + 3 / (t + ...))), so that
    // phi - t Phi(-t) = phi K / (t + K), in which nothing cancels.
    let t = -z;
    /// Enough terms for the precision of a float where the tail begins.
    const TERMS: u32 = 80;
    let mut k = 0.0;
    for term in (1..=TERMS).rev() {
        k = f64::from(term) / (t + k);
    }
    log_density + k.ln() - (t + k).ln()
}

pub(super) fn normal_probability(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

/// The number below which a standard normal variable falls with this probability, by halving.
pub(super) fn normal_quantile(probability: f64) -> f64 {
    let (mut low, mut high) = (-40.0, 40.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if normal_probability(middle) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value as Json;

    fn number(json: &Json) -> f64 {
        json.as_f64()
            .unwrap_or_else(|| json.as_str().unwrap().parse().unwrap())
    }

    #[track_caller]
    fn equal(ours: f64, theirs: f64) {
        // Below 1e-290 the oracle's own numbers lose digits.
        assert!(
            (ours - theirs).abs() <= 1e-9 * theirs.abs() + 1e-290,
            "{ours} is not {theirs}"
        );
    }

    /// As losses: what is to be maximised changes its sign, and `xi` is asked of the improvement on top.
    fn as_loss(case: &Json, mean: f64) -> (f64, f64) {
        let (best, xi) = (number(&case["best_y"]), number(&case["xi"]));
        if case["mode"] == "max" {
            (-mean, -best - xi)
        } else {
            (mean, best - xi)
        }
    }

    #[test]
    fn acquisitions_equal_the_oracle_of_many_digits() {
        let mut compared = 0;
        for line in include_str!("../../fixtures/gp.jsonl").lines() {
            let case: Json = serde_json::from_str(line).unwrap();
            let list = |json: &Json| {
                json.as_array()
                    .unwrap()
                    .iter()
                    .map(number)
                    .collect::<Vec<_>>()
            };
            let (means, deviations) = (list(&case["mean"]), list(&case["std"]));
            for acquisition in case["acquisition"].as_array().unwrap() {
                let (eis, log_eis) = (list(&acquisition["ei"]), list(&acquisition["log_ei"]));
                for i in 0..means.len() {
                    let (mean, best) = as_loss(acquisition, means[i]);
                    equal(expected_improvement(mean, deviations[i], best), eis[i]);
                    equal(
                        log_expected_improvement(mean, deviations[i], best),
                        log_eis[i],
                    );
                    let pi = list(&acquisition["pi"])[i];
                    equal(probability_of_improvement(mean, deviations[i], best), pi);
                    compared += 1;
                }
            }
            for bound in case["bounds"].as_array().unwrap() {
                let kappa = number(&bound["kappa"]);
                let lower = list(&bound["lcb"]);
                for i in 0..means.len() {
                    equal(
                        lower_confidence_bound(means[i], deviations[i], kappa),
                        lower[i],
                    );
                    let upper = list(&bound["ucb"])[i];
                    let bound = Acquisition::UpperConfidenceBound { kappa };
                    equal(bound.value(-means[i], deviations[i], 0.0), upper);
                }
            }
        }
        assert_eq!(compared, 10 * 4 * 8);
    }

    #[test]
    fn the_logarithm_holds_deep_in_the_tail() {
        let mut cases = 0;
        for line in include_str!("../../fixtures/ei_grid.jsonl").lines() {
            let case: Json = serde_json::from_str(line).unwrap();
            let (mean, best) = as_loss(&case, number(&case["mu"]));
            let deviation = number(&case["sigma"]);
            equal(
                log_expected_improvement(mean, deviation, best),
                number(&case["log_ei"]),
            );
            equal(
                expected_improvement(mean, deviation, best),
                number(&case["ei"]),
            );
            cases += 1;
        }
        assert!(cases > 20, "{cases}");
    }

    #[test]
    fn the_quantile_undoes_the_probability() {
        assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-12);
        assert!(normal_quantile(0.5).abs() < 1e-12);
    }

    #[test]
    fn what_is_certain_has_the_improvement_itself() {
        assert_eq!(expected_improvement(1.0, 0.0, 3.0), 2.0);
        assert_eq!(expected_improvement(3.0, 0.0, 1.0), 0.0);
        assert_eq!(log_expected_improvement(3.0, 0.0, 1.0), f64::NEG_INFINITY);
    }
}
