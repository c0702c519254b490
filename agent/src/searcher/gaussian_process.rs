//! Gaussian process regression.
//!
//! Plain `f64` and a Cholesky factor: with the few hundred trials of a search, a matrix library would save nothing (see
//! [`super`] for why none is used). Formulas: Rasmussen and Williams 2006, "Gaussian processes for machine learning",
//! chapters 2 (algorithm 2.1), 4 and 5.

use super::linear_algebra::{Cholesky, dot};
use super::quasi_newton::minimise;
use crate::{Error, Result};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// How the covariance of two points falls with their distance `r^2 = sum (difference / length scale)^2`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kernel {
    /// `(1 + sqrt(5) r + 5/3 r^2) exp(-sqrt(5) r)`: twice differentiable functions.
    #[default]
    Matern52,
    /// `exp(-r^2 / 2)`: functions without any kink.
    SquaredExponential,
}

impl Kernel {
    fn value(self, r2: f64) -> f64 {
        match self {
            Self::Matern52 => {
                let r = (5.0 * r2).sqrt();
                (1.0 + r + r * r / 3.0) * (-r).exp()
            }
            Self::SquaredExponential => (-r2 / 2.0).exp(),
        }
    }

    /// Minus twice the derivative by `r^2`. Times `(difference / length scale)^2` of a coordinate it is the derivative by
    /// the logarithm of the length scale.
    fn slope(self, r2: f64) -> f64 {
        match self {
            Self::Matern52 => {
                let r = (5.0 * r2).sqrt();
                5.0 / 3.0 * (1.0 + r) * (-r).exp()
            }
            Self::SquaredExponential => (-r2 / 2.0).exp(),
        }
    }
}

/// How two values of a coordinate differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// By their difference.
    Ordered,
    /// By 1, if they are not the same.
    Unordered,
}

/// What a Gaussian process assumes: its kernel and hyperparameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Assumptions {
    /// The shape of the covariance.
    pub kernel: Kernel,
    /// How coordinates are compared.
    pub axes: Vec<Axis>,
    /// Prior variance of the function.
    pub variance: f64,
    /// One for each coordinate.
    pub length_scales: Vec<f64>,
    /// Variance of the noise of an observation.
    pub noise_variance: f64,
}

impl Assumptions {
    fn covariance(&self, a: &[f64], b: &[f64]) -> f64 {
        let r2: f64 = (0..self.axes.len())
            .map(|j| difference(self.axes[j], a[j], b[j]) / self.length_scales[j].powi(2))
            .sum();
        self.variance * self.kernel.value(r2)
    }
}

/// The squared difference of two values of a coordinate.
fn difference(axis: Axis, a: f64, b: f64) -> f64 {
    match axis {
        Axis::Ordered => (a - b).powi(2),
        Axis::Unordered => f64::from(u8::from(a != b)),
    }
}

/// A Gaussian process of mean zero, conditioned on observations.
#[derive(Clone, Debug)]
pub struct GaussianProcess {
    assumptions: Assumptions,
    /// `[point][coordinate]`.
    points: Vec<Vec<f64>>,
    factor: Cholesky,
    /// `K^-1 y`.
    weights: Vec<f64>,
    log_marginal_likelihood: f64,
}

impl GaussianProcess {
    /// Conditions on `values` observed at `points`.
    ///
    /// # Errors
    /// [`Error::Config`] if shapes do not fit or the covariance matrix is not positive definite, as when a point is
    /// repeated without any noise.
    pub fn new(assumptions: Assumptions, points: Vec<Vec<f64>>, values: &[f64]) -> Result<Self> {
        let dimension = assumptions.axes.len();
        let fits = points.len() == values.len()
            && assumptions.length_scales.len() == dimension
            && points.iter().all(|point| point.len() == dimension);
        if !fits {
            return Err(Error::config(
                "points",
                format!("{} points, {} values", points.len(), values.len()),
                format!("give a value and {dimension} coordinates for each point"),
            ));
        }
        let n = points.len();
        let mut matrix = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..i {
                matrix[i * n + j] = assumptions.covariance(&points[i], &points[j]);
            }
            matrix[i * n + i] = assumptions.variance + assumptions.noise_variance;
        }
        let factor = Cholesky::new(matrix, n).ok_or_else(|| {
            Error::config(
                "noise_variance",
                assumptions.noise_variance,
                "the covariance matrix is not positive definite; give more noise",
            )
        })?;
        let weights = factor.solve(values);
        let log_marginal_likelihood = -0.5 * dot(values, &weights)
            - 0.5 * factor.log_determinant()
            - 0.5 * n as f64 * std::f64::consts::TAU.ln();
        Ok(Self {
            assumptions,
            points,
            factor,
            weights,
            log_marginal_likelihood,
        })
    }

    /// As [`GaussianProcess::new`], with as much noise on top of the assumed one as makes the covariance matrix positive definite:
    /// values that are all equal, or follow one coordinate exactly, are best explained by no noise at all, which rounding does not
    /// allow.
    ///
    /// # Errors
    /// [`Error::Config`] if shapes do not fit.
    pub fn with_enough_noise(
        mut assumptions: Assumptions,
        points: Vec<Vec<f64>>,
        values: &[f64],
    ) -> Result<Self> {
        /// From a share of 1e-12 of the variance these reach far more than a matrix can need.
        const TRIES: usize = 24;
        for _ in 0..TRIES {
            if let Ok(process) = Self::new(assumptions.clone(), points.clone(), values) {
                return Ok(process);
            }
            let least = 1e-12 * assumptions.variance;
            assumptions.noise_variance = (10.0 * assumptions.noise_variance).max(least);
        }
        Self::new(assumptions, points, values)
    }

    /// Mean and standard deviation of the function, without noise, at a point.
    pub fn posterior(&self, point: &[f64]) -> (f64, f64) {
        let covariances = self.covariances(point);
        let mean = dot(&covariances, &self.weights);
        let explained = self.factor.solve_lower(&covariances);
        let variance = self.assumptions.variance - dot(&explained, &explained);
        (mean, variance.max(0.0).sqrt())
    }

    /// Posterior covariance of the function at two points.
    pub fn covariance(&self, a: &[f64], b: &[f64]) -> f64 {
        let explained = [a, b].map(|point| self.factor.solve_lower(&self.covariances(point)));
        self.assumptions.covariance(a, b) - dot(&explained[0], &explained[1])
    }

    fn covariances(&self, point: &[f64]) -> Vec<f64> {
        let covariance = |known: &Vec<f64>| self.assumptions.covariance(known, point);
        self.points.iter().map(covariance).collect()
    }

    /// Logarithm of the probability density of the observed values under the assumptions.
    pub fn log_marginal_likelihood(&self) -> f64 {
        self.log_marginal_likelihood
    }

    /// The assumptions.
    pub fn assumptions(&self) -> &Assumptions {
        &self.assumptions
    }

    /// The same process with one more observation at each of `points`: what it expects there. The mean stays, the standard deviation
    /// near these points shrinks ("kriging believer", Ginsbourger et al. 2010).
    ///
    /// # Errors
    /// As [`GaussianProcess::with_enough_noise`].
    pub fn believing(self, values: &[f64], points: Vec<Vec<f64>>) -> Result<Self> {
        if points.is_empty() {
            return Ok(self);
        }
        let mut all: Vec<f64> = values.to_vec();
        all.extend(points.iter().map(|point| self.posterior(point).0));
        Self::with_enough_noise(
            self.assumptions,
            self.points.into_iter().chain(points).collect(),
            &all,
        )
    }
}

/// The prior of the assumptions, before anything is observed: each is log-normal.
///
/// Values are standardised and coordinates within the unit interval. A handful of observations says little about length
/// scales, and the most likely ones alone are then at the extremes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    /// Median and standard deviation of the logarithm of every length scale.
    pub length_scale: (f64, f64),
    /// Of the variance of the function.
    pub variance: (f64, f64),
    /// Of the variance of the noise.
    pub noise_variance: (f64, f64),
}

/// Fits a process to standardised `values`: the assumptions that are most probable given the values and the prior, by
/// quasi-Newton from the medians of the prior and from `restarts` draws of it.
///
/// # Errors
/// As [`GaussianProcess::with_enough_noise`].
pub fn fit(
    kernel: Kernel,
    axes: &[Axis],
    points: &[Vec<f64>],
    values: &[f64],
    prior: &Prior,
    restarts: usize,
    rng: &mut impl Rng,
) -> Result<GaussianProcess> {
    const STEPS: usize = 40;
    let dimension = axes.len();
    let priors: Vec<(f64, f64)> = std::iter::repeat_n(prior.length_scale, dimension)
        .chain([prior.variance, prior.noise_variance])
        .map(|(median, deviation)| (median.ln(), deviation))
        .collect();
    let differences = Differences::new(axes, points);
    let mut best: Option<(Vec<f64>, f64)> = None;
    for restart in 0..=restarts {
        let start = priors
            .iter()
            .map(|(centre, deviation)| {
                let z: f64 = StandardNormal.sample(rng);
                if restart == 0 {
                    *centre
                } else {
                    centre + deviation * z
                }
            })
            .collect();
        let found = minimise(start, STEPS, |logarithms| {
            differences.negative_log_posterior(kernel, logarithms, values, &priors)
        });
        if best.as_ref().is_none_or(|(_, least)| found.1 < *least) {
            best = Some(found);
        }
    }
    let logarithms = best.map(|(logarithms, _)| logarithms).unwrap_or_default();
    let parameters: Vec<f64> = logarithms.iter().map(|x| x.exp()).collect();
    GaussianProcess::with_enough_noise(
        Assumptions {
            kernel,
            axes: axes.to_vec(),
            variance: parameters[dimension],
            length_scales: parameters[..dimension].to_vec(),
            noise_variance: parameters[dimension + 1],
        },
        points.to_vec(),
        values,
    )
}

/// The squared differences of all pairs of points, which stay the same while the assumptions are fitted.
struct Differences {
    points: usize,
    dimension: usize,
    /// `[pair][coordinate]`, the pairs `(1, 0), (2, 0), (2, 1), (3, 0), ...`.
    squares: Vec<f64>,
}

impl Differences {
    fn new(axes: &[Axis], points: &[Vec<f64>]) -> Self {
        let mut squares = Vec::new();
        for i in 0..points.len() {
            for j in 0..i {
                let pair = points[i].iter().zip(&points[j]);
                squares.extend(
                    axes.iter()
                        .zip(pair)
                        .map(|(axis, (a, b))| difference(*axis, *a, *b)),
                );
            }
        }
        Self {
            points: points.len(),
            dimension: axes.len(),
            squares,
        }
    }

    /// Minus the logarithm of likelihood times prior, and its gradient (Rasmussen and Williams, eq. 5.9), by the logarithms
    /// of length scales, variance and noise.
    fn negative_log_posterior(
        &self,
        kernel: Kernel,
        logarithms: &[f64],
        values: &[f64],
        priors: &[(f64, f64)],
    ) -> (f64, Vec<f64>) {
        let (n, d) = (self.points, self.dimension);
        let inverse_squares: Vec<f64> = logarithms[..d].iter().map(|x| (-2.0 * x).exp()).collect();
        let (variance, noise) = (logarithms[d].exp(), logarithms[d + 1].exp());
        let mut matrix = vec![0.0; n * n];
        let mut distances = Vec::with_capacity(n * n / 2);
        let mut pairs = self.squares.chunks(d);
        for i in 0..n {
            for j in 0..i {
                let r2 = pairs.next().map_or(0.0, |pair| dot(pair, &inverse_squares));
                distances.push(r2);
                matrix[i * n + j] = variance * kernel.value(r2);
            }
            matrix[i * n + i] = variance + noise;
        }
        let infeasible = (f64::INFINITY, vec![0.0; d + 2]);
        let Some(factor) = Cholesky::new(matrix, n) else {
            return infeasible;
        };
        let weights = factor.solve(values);
        let inverse = factor.inverse();
        let mut value = 0.5 * (dot(values, &weights) + factor.log_determinant());
        let mut gradient = vec![0.0; d + 2];
        let mut pairs = self.squares.chunks(d).zip(&distances);
        for i in 0..n {
            for j in 0..i {
                let Some((pair, r2)) = pairs.next() else {
                    break;
                };
                // Off the diagonal every pair counts twice, which cancels the factor one half of the trace.
                let pull = weights[i] * weights[j] - inverse[i * n + j];
                let slope = pull * variance * kernel.slope(*r2);
                for ((g, square), inverse_square) in
                    gradient.iter_mut().zip(pair).zip(&inverse_squares)
                {
                    *g -= slope * square * inverse_square;
                }
                gradient[d] -= pull * variance * kernel.value(*r2);
            }
            let pull = 0.5 * (weights[i].powi(2) - inverse[i * n + i]);
            gradient[d] -= pull * variance;
            gradient[d + 1] -= pull * noise;
        }
        for ((g, x), (centre, deviation)) in gradient.iter_mut().zip(logarithms).zip(priors) {
            let z = (x - centre) / deviation;
            value += 0.5 * z * z;
            *g += z / deviation;
        }
        if value.is_finite() {
            (value, gradient)
        } else {
            infeasible
        }
    }
}

#[cfg(test)]
mod tests;
