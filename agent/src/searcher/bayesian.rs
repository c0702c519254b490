//! Bayesian optimisation with a Gaussian process.

use super::acquisition::{Acquisition, normal_quantile};
use super::gaussian_process::{Axis, GaussianProcess, Kernel, Prior, fit};
use super::history::{see_history, tell_history};
use super::quasi_random::{Halton, next_point};
use super::{History, Outcome, Proposal, Searcher, check_candidates};
use crate::{Error, Result};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use trimtab_env::{SearchSpace, Settings, stream};

/// Options of [`Bayesian`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BayesianConfig {
    /// What is maximised to find the next trial.
    pub acquisition: Acquisition,
    /// The shape of the covariance.
    pub kernel: Kernel,
    /// Quasi-random trials before the first that is chosen.
    pub initial: usize,
    /// Quasi-random candidates for each trial. A space with no more configurations than that is searched whole.
    pub candidates: usize,
}

impl Default for BayesianConfig {
    /// Log expected improvement over a Matérn kernel. The other two were measured to be enough.
    fn default() -> Self {
        Self {
            acquisition: Acquisition::default(),
            kernel: Kernel::default(),
            initial: 6,
            candidates: 512,
        }
    }
}

/// A Gaussian process predicts the loss of every configuration and how sure that is, and the trial that promises most is next
/// (Mockus 1978; Snoek, Larochelle and Adams 2012).
///
/// Losses above the median are squeezed first: far from the best they say little but how bad a thing can get. A failed trial
/// counts as the worst one told. Trials under way count as having come to what the process expects of them, so that the next
/// one goes elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bayesian {
    history: History,
    config: BayesianConfig,
    seed: u64,
    /// How many points of the quasi-random sequence the initial trials have used.
    initial_points: u64,
}

/// Length scales of about half the cube, a function of about the scale of the values, and little noise; all wide.
const PRIOR: Prior = Prior {
    length_scale: (0.5, 0.8),
    variance: (1.0, 0.7),
    noise_variance: (0.02, 1.5),
};

impl Bayesian {
    /// A search over `space`.
    ///
    /// # Errors
    /// [`Error::Config`] naming the option that is not allowed.
    pub fn new(space: SearchSpace, config: BayesianConfig, seed: u64) -> Result<Self> {
        if config.initial == 0 {
            return Err(Error::config("initial", 0, "give at least 1"));
        }
        check_candidates(config.candidates)?;
        if let Acquisition::UpperConfidenceBound { kappa } = config.acquisition
            && !(kappa.is_finite() && kappa >= 0.0)
        {
            return Err(Error::config(
                "acquisition.kappa",
                kappa,
                "give a finite number of at least 0",
            ));
        }
        Ok(Self {
            history: History::new(space),
            config,
            seed,
            initial_points: 0,
        })
    }

    /// The configuration that promises most; `None` if nothing has been told yet.
    fn most_promising(&self) -> Result<Option<Settings>> {
        let space = self.history.space();
        let mut rng = stream(self.seed, "Gaussian process", self.history.len() as u64);
        let (mut points, mut losses, mut outstanding) = (Vec::new(), Vec::new(), Vec::new());
        for (trial, outcome) in self.history.iter() {
            let point = space.encode(&trial.configuration)?;
            if outcome == Outcome::Outstanding {
                outstanding.push(point);
            } else {
                points.push(point);
                losses.push(outcome.rank());
            }
        }
        if points.is_empty() {
            return Ok(None);
        }
        let values = standardised(&warped(&of_scale_one(losses)));
        let ordered = |ordered: bool| {
            if ordered {
                Axis::Ordered
            } else {
                Axis::Unordered
            }
        };
        let axes: Vec<Axis> = space
            .coordinates()
            .iter()
            .map(|coordinate| ordered(coordinate.domain.bounds().is_some()))
            .collect();
        let fitted = self.fitted(&axes, &points, &values, &mut rng)?;
        // The best expected loss rather than the best one seen: single losses are noisy.
        let least = |means: &mut dyn Iterator<Item = f64>| means.fold(f64::INFINITY, f64::min);
        let best = least(&mut points.iter().map(|point| fitted.posterior(point).0));
        let process = fitted.believing(&values, outstanding)?;
        self.maximise(&process, best, &points, &mut rng).map(Some)
    }

    /// A process with fitted assumptions, conditioned on all values.
    fn fitted(
        &self,
        axes: &[Axis],
        points: &[Vec<f64>],
        values: &[f64],
        rng: &mut impl Rng,
    ) -> Result<GaussianProcess> {
        /// Starts besides the prior's medians.
        const RESTARTS: usize = 1;
        /// Fitting takes the third power of the number of trials; so many say enough about length scales.
        const MOST_FITTED: usize = 100;
        let stride = points.len().div_ceil(MOST_FITTED);
        let every = |i: &usize| i.is_multiple_of(stride);
        let (some, of_some): (Vec<Vec<f64>>, Vec<f64>) = (0..points.len())
            .filter(every)
            .map(|i| (points[i].clone(), values[i]))
            .unzip();
        let kernel = self.config.kernel;
        let fitted = fit(kernel, axes, &some, &of_some, &PRIOR, RESTARTS, rng)?;
        if stride == 1 {
            return Ok(fitted);
        }
        let assumptions = fitted.assumptions().clone();
        GaussianProcess::with_enough_noise(assumptions, points.to_vec(), values)
    }

    /// The configuration with the largest acquisition that was not tried before; if all were, that is not under way.
    fn maximise(
        &self,
        process: &GaussianProcess,
        best: f64,
        known: &[Vec<f64>],
        rng: &mut impl Rng,
    ) -> Result<Settings> {
        let space = self.history.space();
        let promise = |point: &[f64]| {
            let (mean, deviation) = process.posterior(point);
            self.config.acquisition.value(mean, deviation, best)
        };
        let mut ranked: Vec<(f64, Vec<f64>)> = Vec::new();
        let whole = space
            .count()
            .is_some_and(|count| count <= self.config.candidates);
        if whole {
            for configuration in space.grid(self.config.candidates)? {
                let point = space.encode(&configuration)?;
                ranked.push((promise(&point), point));
            }
        } else {
            let sequence = Halton::new(rng.next_u64(), space.dimension());
            let quasi_random =
                (0..self.config.candidates as u64).map(|index| sequence.point(index));
            for raw in quasi_random.chain(known.iter().cloned()) {
                let point = space.encode(&space.decode(&raw)?)?;
                ranked.push((promise(&point), point));
            }
        }
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        if !whole {
            /// Candidates that are improved by local search.
            const CLIMBERS: usize = 4;
            ranked.truncate(self.config.candidates.min(32));
            for i in 0..CLIMBERS.min(ranked.len()) {
                let climbed = self.climb(ranked[i].clone(), &promise, rng)?;
                ranked.push(climbed);
            }
            ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        }
        // A second look at a configuration was measured to gain less than a first look at another one.
        let mut tried = None;
        for (_, point) in &ranked {
            let configuration = space.decode(point)?;
            if !self.history.is_tried(&configuration) {
                return Ok(configuration);
            }
            if tried.is_none() && !self.history.is_outstanding(&configuration) {
                tried = Some(configuration);
            }
        }
        if let Some(configuration) = tried {
            return Ok(configuration);
        }
        self.history.first_free(|| Ok(space.sample(rng)))
    }

    /// Goes uphill from a point by random steps that get shorter.
    fn climb(
        &self,
        start: (f64, Vec<f64>),
        promise: &impl Fn(&[f64]) -> f64,
        rng: &mut impl Rng,
    ) -> Result<(f64, Vec<f64>)> {
        let space = self.history.space();
        let mut at = start;
        for step in [0.1, 0.03, 0.01, 0.003] {
            for _ in 0..10 + 2 * space.dimension() {
                let raw: Vec<f64> =
                    at.1.iter()
                        .map(|u| {
                            let z: f64 = StandardNormal.sample(rng);
                            (u + step * z).clamp(0.0, 1.0)
                        })
                        .collect();
                let point = space.encode(&space.decode(&raw)?)?;
                let value = promise(&point);
                if value > at.0 {
                    at = (value, point);
                }
            }
        }
        Ok(at)
    }
}

impl Searcher for Bayesian {
    fn ask(&mut self) -> Result<Proposal> {
        let chosen = if self.history.len() < self.config.initial {
            None
        } else {
            self.most_promising()?
        };
        let configuration = match chosen {
            Some(configuration) => configuration,
            None => next_point(&self.history, self.seed, &mut self.initial_points)?,
        };
        Ok(Proposal::Trial(self.history.propose(
            configuration,
            None,
            None,
        )))
    }

    tell_history!();
    see_history!();
}

/// Losses divided by the power of two that is about as large as the largest of them, so that no square overflows or vanishes. That
/// rounds nothing.
fn of_scale_one(mut losses: Vec<f64>) -> Vec<f64> {
    let finite = losses.iter().filter(|loss| loss.is_finite());
    let largest = finite.fold(0.0f64, |most, loss| most.max(loss.abs()));
    if largest > 0.0 {
        let exponent = largest.log2().floor().clamp(-1000.0, 1000.0);
        losses
            .iter_mut()
            .for_each(|loss| *loss *= (-exponent).exp2());
    }
    losses
}

/// Losses with their worse half squeezed: what is above the median becomes the quantile of its rank of a normal
/// distribution whose standard deviation is that of the better half (Song et al. 2024, "The Vizier Gaussian process bandit
/// algorithm", half-rank warping). Infinite losses become the worst.
fn warped(losses: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = losses
        .iter()
        .copied()
        .filter(|loss| loss.is_finite())
        .collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(worst), n) = (sorted.last().copied(), losses.len()) else {
        return vec![0.0; losses.len()];
    };
    sorted.resize(n, worst);
    let median = sorted[(n - 1) / 2];
    let better = sorted.partition_point(|loss| *loss <= median);
    let square: f64 = sorted[..better]
        .iter()
        .map(|loss| (loss - median).powi(2))
        .sum();
    let deviation = (square / better as f64).sqrt();
    losses
        .iter()
        .map(|loss| {
            let loss = loss.min(worst);
            if loss <= median || deviation == 0.0 {
                return loss;
            }
            // Equal losses share the rank in the middle of theirs.
            let below = sorted.partition_point(|other| *other < loss) as f64;
            let up_to = sorted.partition_point(|other| *other <= loss) as f64;
            median + deviation * normal_quantile((below + up_to) / (2.0 * n as f64))
        })
        .collect()
}

/// Values of mean 0 and standard deviation 1; all 0 if they are equal.
fn standardised(values: &[f64]) -> Vec<f64> {
    // The mean of equal numbers may be rounded to another one.
    if values.windows(2).all(|pair| pair[0] == pair[1]) {
        return vec![0.0; values.len()];
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let deviation = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    let scale = if deviation > 0.0 { deviation } else { 1.0 };
    values.iter().map(|x| (x - mean) / scale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warping_keeps_the_better_half_and_the_order() {
        let losses = [0.3, 0.1, 0.2, 1e9, 0.4, f64::INFINITY, 5.0];
        let warped = warped(&losses);
        assert_eq!(warped[..3], losses[..3]);
        assert_eq!(warped[4], 0.4);
        assert!(0.4 < warped[6] && warped[6] < warped[3] && warped[3] == warped[5]);
        assert!(warped[3] < 0.8, "{warped:?}");
        assert_eq!(super::warped(&[f64::INFINITY; 2]), [0.0; 2]);
        assert_eq!(standardised(&[0.1; 3]), [0.0; 3]);
    }

    #[test]
    fn scales_of_losses_are_taken_out_exactly() {
        let losses = [0.3, -0.1, f64::INFINITY, 0.7, 1.9, 0.2];
        let values = |scale: f64| {
            let scaled = losses.map(|loss| loss * scale).to_vec();
            standardised(&warped(&of_scale_one(scaled)))
        };
        assert!(values(1.0).iter().all(|value| value.is_finite()));
        for exponent in [-1000, -500, 37, 1000] {
            assert_eq!(values(2f64.powi(exponent)), values(1.0), "{exponent}");
        }
    }
}
