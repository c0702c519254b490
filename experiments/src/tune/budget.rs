//! How long is trained.

use crate::{Error, Result};
use burn::tensor::Device;
use std::time::{Duration, Instant};
use trimtab_env::settings::LEARNING_RATE;
use trimtab_env::{CostModel, Settings};
use trimtab_models::TrainConfig;
use trimtab_models::tasks::config::PreparedTask;

/// How long is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TuneBudget {
    /// So many passes over the training rows, at the cost of batches of 64.
    Epochs(f64),
    /// About so long by the clock of this machine, which it then depends on.
    Time(Duration),
    /// 200 passes for up to 8,000 rows, fewer for more, and at least 20.
    FromRows,
}

/// Rows that are seen in all, in a budget that follows from the rows: the 200 passes are those that 20 tables of up to 8,000 training rows
/// are better with than with 20, 60 or 600; what is beyond that size is not measured.
const ROWS_SEEN: f64 = 1.6e6;
/// Passes of such a budget.
const FEWEST: f64 = 20.0;
const MOST: f64 = 200.0;

/// Passes for so many training rows, rounded.
fn from_rows(rows: usize) -> f64 {
    (ROWS_SEEN / rows.max(1) as f64).clamp(FEWEST, MOST).round()
}

impl TuneBudget {
    /// The passes over the training rows.
    ///
    /// # Errors
    /// Those of a training, of which the first updates are timed, and [`Error::Config`] if there is no time for a tenth of a pass.
    pub(super) fn epochs(
        self,
        task: &PreparedTask,
        training: &TrainConfig,
        device: &Device,
        begun: Instant,
    ) -> Result<f64> {
        match self {
            Self::Epochs(epochs) => Ok(epochs),
            Self::FromRows => Ok(from_rows(task.split().train.rows())),
            Self::Time(time) => timed(task, training, device, (begun, time)),
        }
    }

    /// Whether the time is up.
    pub(super) fn is_over(self, begun: Instant) -> bool {
        matches!(self, Self::Time(time) if begun.elapsed() >= time)
    }
}

/// How long updates are timed.
const TIMED: Duration = Duration::from_millis(200);
/// The share of the time that the training is planned for: evaluations, files and pictures take some, and no clock is even.
const PLANNED: f64 = 0.9;

/// A duration as it is typed: `90`, `90s`, `5m`, `1h`.
///
/// # Errors
/// What is none, in words.
pub fn parse(text: &str) -> std::result::Result<Duration, String> {
    let (number, unit) = match text.char_indices().next_back() {
        Some((at, 's')) => (&text[..at], 1.0),
        Some((at, 'm')) => (&text[..at], 60.0),
        Some((at, 'h')) => (&text[..at], 3600.0),
        _ => (text, 1.0),
    };
    let seconds = number.parse::<f64>().ok().map(|number| number * unit);
    let seconds = seconds.filter(|seconds| (0.1..=1e7).contains(seconds));
    let seconds = seconds.ok_or("give seconds, or a number with s, m or h, such as 60s or 5m")?;
    Ok(Duration::from_secs_f64(seconds))
}

/// How many passes over the training rows fit into what is left of `time` since `begun`: the first updates are timed.
///
/// # Errors
/// Those of the training.
fn timed(
    task: &PreparedTask,
    training: &TrainConfig,
    device: &Device,
    (begun, time): (Instant, Duration),
) -> Result<f64> {
    let cost = CostModel::Modelled(training.cost);
    let mut trainee = task.trainee(cost, device)?;
    trainee.start(training.seed)?;
    let rate = training.optimizer.default_learning_rate();
    let settings = Settings::default().with(LEARNING_RATE, rate);
    let examples = trainee.spec().train_examples;
    // The first update makes buffers.
    trainee.probe(&settings, 1)?;
    let (mut updates, mut count, start) = (0u64, 8u64, Instant::now());
    while start.elapsed() < TIMED {
        trainee.probe(&settings, count)?;
        updates += count;
        count *= 2;
    }
    let batch = trimtab_env::Budget::REFERENCE_BATCH.min(examples);
    let pass = start.elapsed().as_secs_f64() / updates as f64 * examples as f64 / batch as f64;
    let left = PLANNED * time.as_secs_f64() - begun.elapsed().as_secs_f64();
    if left < pass * 0.1 {
        let allowed = format!("a pass over the training rows takes {pass:.1} s; give more");
        return Err(Error::config("--time", format!("{time:?}"), allowed));
    }
    Ok(left / pass)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_tables_are_seen_more_often() {
        for (rows, epochs) in [(10, 200.0), (8000, 200.0), (16_000, 100.0), (640_000, 20.0)] {
            assert_eq!(from_rows(rows), epochs, "{rows}");
        }
    }

    #[test]
    fn durations_are_read_as_they_are_typed() {
        for (text, seconds) in [("90", 90.0), ("1.5s", 1.5), ("5m", 300.0), ("1h", 3600.0)] {
            assert_eq!(parse(text).unwrap().as_secs_f64(), seconds, "{text}");
        }
        for text in ["", "s", "-1", "0", "nan", "1d", "1e9h"] {
            assert!(parse(text).unwrap_err().contains("60s"), "{text}");
        }
    }
}
