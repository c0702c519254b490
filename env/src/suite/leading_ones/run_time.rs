//! Exact expected run times of randomised local search on LeadingOnes (Doerr 2019, "Analyzing randomized search
//! heuristics via stochastic domination"; Biedenkapp et al. 2022, "Theory-inspired parameter control benchmarks for
//! dynamic algorithm configuration").
//!
//! Everything here is about policies that see the fitness `f(x)` and the size `n`, which is all the observation shows.
//! For them the bits behind the first zero stay independent and uniform, and from that the formulas follow. A policy
//! that saw every bit could do better.

/// Probability that flipping `r` distinct uniform positions of a string of `n` bits with fitness `i` raises the
/// fitness: the first zero must be among them and no leading one, `C(n−i−1, r−1) / C(n, r)`. It is 0 at fitness `n`.
///
/// ```
/// use trimtab_env::suite::leading_ones::run_time::improvement_probability;
/// assert_eq!(improvement_probability(50, 20, 1), 1.0 / 50.0);
/// assert_eq!(improvement_probability(50, 0, 50), 1.0);
/// assert_eq!(improvement_probability(50, 1, 50), 0.0);
/// ```
pub fn improvement_probability(n: usize, i: usize, r: usize) -> f64 {
    if r == 0 || i + r > n {
        return 0.0;
    }
    // C(n-i-1, r-1) / C(n, r) = r/n C(n-i-1, r-1) / C(n-1, r-1), and the last two share their factorials.
    let ratio = |j| (n - i - 1 - j) as f64 / (n - 1 - j) as f64;
    (0..r - 1).map(ratio).product::<f64>() * r as f64 / n as f64
}

/// Index in `portfolio` of the `r` that most probably raises the fitness, the first of equally good ones. Being greedy
/// is optimal: how long the later improvements take does not depend on how an earlier one was made.
pub fn optimal_choice(n: usize, i: usize, portfolio: &[usize]) -> usize {
    let (mut choice, mut best) = (0, 0.0);
    for (index, r) in portfolio.iter().enumerate() {
        let probability = improvement_probability(n, i, *r);
        // Equal probabilities differ by rounding only.
        if probability > best * (1.0 + 1e-12) {
            (choice, best) = (index, probability);
        }
    }
    choice
}

/// Expected number of steps from a uniform random string to the optimum, `Σᵢ 1 / (2 pᵢ)`, where `p(i)` is the
/// probability of an improvement at fitness `i`: each fitness is met with probability 1/2. Evaluations are one more.
/// It is infinite if some fitness cannot be left.
///
/// ```
/// use trimtab_env::suite::leading_ones::run_time::{expected_steps, improvement_probability};
/// // One flip at a time: n^2 / 2.
/// let steps = expected_steps(50, |i| improvement_probability(50, i, 1));
/// assert!((steps - 1250.0).abs() < 1e-9);
/// ```
pub fn expected_steps(n: usize, p: impl Fn(usize) -> f64) -> f64 {
    (0..n).map(|i| 0.5 / p(i)).sum()
}

/// Expected number of steps to the optimum from fitness `i` and uniform random bits behind the first zero,
/// `1/pᵢ + Σ_{j>i} 1 / (2 pⱼ)`; 0 from fitness `n`.
pub fn expected_steps_from(n: usize, i: usize, p: impl Fn(usize) -> f64) -> f64 {
    if i >= n {
        return 0.0;
    }
    1.0 / p(i) + (i + 1..n).map(|j| 0.5 / p(j)).sum::<f64>()
}
