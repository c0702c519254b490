//! Medians, paired differences and their intervals.

use rand::RngExt;
use trimtab_env::stream;

/// The quantile `q`, from 0 to 1, linear between neighbours (definition 7 of Hyndman and Fan 1996, "Sample quantiles in
/// statistical packages"); `None` of nothing.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let place = q.clamp(0.0, 1.0) * last as f64;
    let (low, high) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    // Infinite times are times: between two of them there is no difference to interpolate.
    if low == high {
        return Some(low);
    }
    Some(low + (high - low) * place.fract())
}

/// The median; `None` of nothing.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// A mean difference with a bootstrap interval.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// Lower end of the central 95 %.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// A mean with its interval, as tables show it.
pub(crate) fn shown(interval: &Option<Interval>) -> String {
    match interval {
        Some(i) => format!("{:+.3} [{:+.3}, {:+.3}]", i.mean, i.low, i.high),
        None => "-".to_owned(),
    }
}

/// Resamples of a bootstrap.
const RESAMPLES: usize = 2000;

/// The mean of paired differences over tasks and seeds, `differences[task][seed]`, with the central 95 % of the bootstrap
/// that draws tasks with replacement and seeds within them (Efron and Tibshirani 1993, chapter 8): results on one task
/// are alike, so that seeds alone would make the interval too narrow. Draws are from the stream `bootstrap` of `seed`.
/// `None` if there is no difference.
pub fn paired(differences: &[Vec<f64>], seed: u64) -> Option<Interval> {
    let tasks: Vec<&Vec<f64>> = differences.iter().filter(|task| !task.is_empty()).collect();
    if tasks.is_empty() {
        return None;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let mut rng = stream(seed, "bootstrap", 0);
    // 32 bits on every platform, so that the draw is the same on all.
    let mut draw = |count: usize| rng.random_range(0..count as u32) as usize;
    let resampled: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let total: f64 = (0..tasks.len())
                .map(|_| {
                    let task = tasks[draw(tasks.len())];
                    let sum: f64 = (0..task.len()).map(|_| task[draw(task.len())]).sum();
                    sum / task.len() as f64
                })
                .sum();
            total / tasks.len() as f64
        })
        .collect();
    Some(Interval {
        mean: mean(&tasks.iter().map(|task| mean(task)).collect::<Vec<_>>()),
        low: quantile(&resampled, 0.025)?,
        high: quantile(&resampled, 0.975)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_distr::{Distribution, Normal};

    #[test]
    fn quantiles_are_numpys() {
        let values = [3.0, 1.0, 2.0, 10.0];
        assert_eq!(median(&values), Some(2.5));
        assert_eq!(quantile(&values, 0.25), Some(1.75));
        assert_eq!(quantile(&values, 1.0), Some(10.0));
        assert_eq!(median(&[]), None);
        assert_eq!(
            median(&[1.0, f64::INFINITY, f64::INFINITY]),
            Some(f64::INFINITY)
        );
    }

    #[test]
    fn quantiles_lie_between_neighbours() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[3.0], 0.25), Some(3.0));
        let values = [1.0, 2.0, 4.0, 8.0];
        let quartiles = [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| quantile(&values, share));
        assert_eq!(quartiles, [1.0, 1.75, 3.0, 5.0, 8.0].map(Some));
    }

    /// The interval covers the truth about as often as it says, where tasks differ.
    #[test]
    fn intervals_cover_the_truth() {
        let (mut covered, studies) = (0, 200);
        let (between, within) = (
            Normal::new(0.3, 0.2).unwrap(),
            Normal::new(0.0, 0.1).unwrap(),
        );
        for study in 0..studies {
            let mut rng = stream(7, "study", study);
            let differences: Vec<Vec<f64>> = (0..12)
                .map(|_| {
                    let task = between.sample(&mut rng);
                    (0..5).map(|_| task + within.sample(&mut rng)).collect()
                })
                .collect();
            let interval = paired(&differences, study).unwrap();
            covered += u32::from((interval.low..=interval.high).contains(&0.3));
        }
        // A percentile bootstrap of 12 tasks covers a little less than 95 %.
        assert!((176..=199).contains(&covered), "{covered} of {studies}");
    }
}
