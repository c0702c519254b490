//! What a simulation found out.

use serde::{Deserialize, Serialize};

/// Batches of a mean. With 32, its standard error is itself right within about an eighth.
const BATCHES: usize = 32;

/// What one scheduler's units went through.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// One for each stream, in the order of the streams.
    pub streams: Vec<StreamFigures>,
    /// From the first second to the last event.
    pub seconds: f64,
    /// Units done in a second.
    pub throughput: f64,
    /// Busy seconds of all slots with these units, work that was lost included, as a fraction of slots times seconds.
    pub utilisation: f64,
    /// Mean number of units at workers over time.
    pub mean_in_hand: f64,
    /// Most units at workers at once.
    pub most_in_hand: usize,
    /// How often a unit was lost with its worker.
    pub lost: usize,
}

/// What the units of one stream went through.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamFigures {
    /// Units with an answer.
    pub done: usize,
    /// Units that failed.
    pub failed: usize,
    /// Seconds from the submission to the answer.
    pub response: Estimate,
    /// Seconds from the submission until a worker first began it.
    pub waiting: Estimate,
    /// Fraction of the units that waited at all.
    pub waited: Estimate,
}

/// A mean with its standard error, by batch means (Law, Simulation Modeling and Analysis, 5th edition, section 9.5.3).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean; not a number without values.
    pub mean: f64,
    /// Its standard error; infinite with fewer than two values.
    pub standard_error: f64,
}

impl Estimate {
    /// The mean of values that may depend on their neighbours.
    pub fn of(values: &[f64]) -> Self {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let size = (values.len() / BATCHES).max(1);
        let batches: Vec<f64> = values.chunks_exact(size).map(mean).collect();
        let count = batches.len() as f64;
        let middle = mean(&batches);
        let squares: f64 = batches.iter().map(|batch| (batch - middle).powi(2)).sum();
        let standard_error = if batches.len() < 2 {
            f64::INFINITY
        } else {
            (squares / (count - 1.0) / count).sqrt()
        };
        Self {
            mean: mean(values),
            standard_error,
        }
    }
}
