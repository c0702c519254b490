//! Streams of units: when they arrive and how long they take.

use crate::error::{Error, Result, positive};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, StandardNormal};
use serde::{Deserialize, Serialize};

/// Units of one priority.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// How many.
    pub units: usize,
    /// When they arrive.
    pub arrivals: Arrivals,
    /// How long they take.
    pub service: Service,
    /// Higher goes first.
    #[serde(default)]
    pub priority: i32,
}

/// When units arrive.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Arrivals {
    /// All at second 0.
    AtOnce,
    /// A Poisson process.
    Poisson {
        /// Mean number of units in a second.
        rate: f64,
    },
}

/// How long units take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Service {
    /// All the same.
    Fixed {
        /// How long, in seconds.
        seconds: f64,
    },
    /// Exponential.
    Exponential {
        /// Mean, in seconds.
        mean: f64,
    },
    /// Lognormal: many short ones, a few very long ones, as trainings of different sizes are.
    LogNormal {
        /// Mean, in seconds.
        mean: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
    /// Each is one of the times that were measured, in seconds, drawn with replacement.
    Measured(Vec<f64>),
}

impl Stream {
    pub(super) fn check(&self, place: &str) -> Result<()> {
        let positive = |field: &str, value: f64| positive(&format!("{place}.{field}"), value);
        if let Arrivals::Poisson { rate } = self.arrivals {
            positive("arrivals.rate", rate)?;
        }
        match &self.service {
            Service::Fixed { seconds } => positive("service.seconds", *seconds),
            Service::Exponential { mean } => positive("service.mean", *mean),
            Service::LogNormal { mean, sigma } => {
                positive("service.mean", *mean)?;
                positive("service.sigma", *sigma)
            }
            Service::Measured(times) if times.is_empty() => {
                let field = format!("{place}.service");
                Err(Error::value(
                    field,
                    "an empty list",
                    "give at least one time",
                ))
            }
            Service::Measured(times) => (times.iter().enumerate())
                .try_for_each(|(index, &time)| positive(&format!("service[{index}]"), time)),
        }
    }
}

impl Arrivals {
    /// Seconds until the next unit.
    pub(super) fn gap(&self, random: &mut ChaCha8Rng) -> f64 {
        match self {
            Self::AtOnce => 0.0,
            Self::Poisson { rate } => Distribution::<f64>::sample(&Exp1, random) / rate,
        }
    }
}

impl Service {
    /// Seconds that the next unit takes.
    pub(super) fn draw(&self, random: &mut ChaCha8Rng) -> f64 {
        match self {
            Self::Fixed { seconds } => *seconds,
            Self::Exponential { mean } => Distribution::<f64>::sample(&Exp1, random) * mean,
            Self::LogNormal { mean, sigma } => {
                // exp(sigma z - sigma^2 / 2) has mean 1.
                let normal: f64 = StandardNormal.sample(random);
                mean * (sigma * normal - sigma * sigma / 2.0).exp()
            }
            Self::Measured(times) => times[random.random_range(0..times.len())],
        }
    }
}
