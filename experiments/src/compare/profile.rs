//! Performance profiles, and the score that AlgoPerf makes of them.

/// The performance profile of a method (Dolan and More 2002): the share of workloads on which its time is within `ratio`
/// times the best time of any method. `times[method][workload]`; `None` is never.
pub fn performance(times: &[Vec<Option<f64>>], method: usize, ratio: f64) -> f64 {
    let ratios = ratios(times, method);
    let within = ratios
        .iter()
        .filter(|r| r.is_some_and(|r| r <= ratio))
        .count();
    within as f64 / ratios.len().max(1) as f64
}

/// The AlgoPerf score of a method (Dahl et al. 2023, "Benchmarking neural network training algorithms", section 4): the
/// integral of its performance profile from 1 to `largest`, divided by `largest - 1`. It is 1 for a method that is the
/// fastest everywhere and 0 for one that is never within `largest` times the fastest.
///
/// ```
/// use trimtab_experiments::compare::profile::score;
/// // On one workload as fast as the best, on the other twice as slow: (3 + 2) / 2 / 3.
/// let times = [vec![Some(1.0), Some(4.0)], vec![Some(3.0), Some(2.0)]];
/// assert!((score(&times, 0, 4.0) - 5.0 / 6.0).abs() < 1e-12);
/// ```
pub fn score(times: &[Vec<Option<f64>>], method: usize, largest: f64) -> f64 {
    // Each workload adds a step of height 1/n at its ratio.
    let ratios = ratios(times, method);
    let areas = ratios
        .iter()
        .flatten()
        .map(|r| (largest - r.max(1.0)).max(0.0));
    // Nothing adds up to -0, which tables would show.
    (0.0 + areas.sum::<f64>()) / ratios.len().max(1) as f64 / (largest - 1.0)
}

/// The time of a method on each workload relative to the best time of any; `None` where it never gets there.
pub fn ratios(times: &[Vec<Option<f64>>], method: usize) -> Vec<Option<f64>> {
    let workloads = times.get(method).map_or(0, Vec::len);
    (0..workloads)
        .map(|workload| {
            let all = times.iter().filter_map(|own| own[workload]);
            let best = all.fold(f64::INFINITY, f64::min);
            times[method][workload].map(|time| time / best)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_never_reached_counts_nothing() {
        let times = [
            vec![Some(1.0), None],
            vec![Some(10.0), Some(7.0)],
            vec![None, None],
        ];
        assert_eq!(score(&times, 0, 4.0), 0.5);
        assert_eq!(score(&times, 1, 4.0), 0.5);
        assert_eq!(score(&times, 2, 4.0), 0.0);
        assert_eq!(performance(&times, 1, 9.9), 0.5);
        assert_eq!(performance(&times, 1, 10.0), 1.0);
    }

    proptest! {
        /// The closed form is the integral.
        #[test]
        fn the_score_is_the_area_under_the_profile(
            times in proptest::collection::vec(
                proptest::collection::vec(proptest::option::of(0.5f64..8.0), 5), 1..4),
        ) {
            let n = 30_000;
            for method in 0..times.len() {
                let at = |i: usize| 1.0 + 3.0 * (i as f64 + 0.5) / n as f64;
                let area: f64 = (0..n).map(|i| performance(&times, method, at(i))).sum();
                prop_assert!((score(&times, method, 4.0) - area / n as f64).abs() < 1e-3);
            }
        }
    }
}
