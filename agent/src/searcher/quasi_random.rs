//! Quasi-random search.

use super::history::{see_history, tell_history};
use super::{History, Proposal, Searcher};
use crate::Result;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use trimtab_env::{SearchSpace, Settings, stream};

/// Points of a scrambled Halton sequence: as spread out as a grid in every coordinate, at any number of points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuasiRandom {
    history: History,
    seed: u64,
    /// Number of the next point.
    next: u64,
}

impl QuasiRandom {
    /// A search over `space`.
    pub fn new(space: SearchSpace, seed: u64) -> Self {
        Self {
            history: History::new(space),
            seed,
            next: 0,
        }
    }
}

impl Searcher for QuasiRandom {
    fn ask(&mut self) -> Result<Proposal> {
        let configuration = next_point(&self.history, self.seed, &mut self.next)?;
        Ok(Proposal::Trial(self.history.propose(
            configuration,
            None,
            None,
        )))
    }

    tell_history!();
    see_history!();
}

/// The configuration at the next point of the sequence that is not under way.
pub(super) fn next_point(history: &History, seed: u64, next: &mut u64) -> Result<Settings> {
    let space = history.space();
    let sequence = Halton::new(seed, space.dimension());
    history.first_free(|| {
        let point = sequence.point(*next);
        *next += 1;
        Ok(space.decode(&point)?)
    })
}

/// A scrambled Halton sequence.
///
/// Coordinate `j` of a point is the radical inverse of its number in the `j`-th prime `b`: its digits, mirrored at the
/// point. Each place of the digits has a random permutation of its own (Owen 2017, "A randomized Halton algorithm in R"),
/// which keeps the stratification and breaks the correlation between coordinates with large primes. Zeros beyond the
/// leading digit are permuted too, down to the precision of a float.
#[derive(Clone, Debug)]
pub struct Halton {
    /// For each coordinate its prime and the permutation of the digits at each place: `[coordinate].1[place][digit]`.
    coordinates: Vec<(u64, Vec<Vec<u64>>)>,
}

impl Halton {
    /// The sequence that is scrambled by this seed.
    pub fn new(seed: u64, dimension: usize) -> Self {
        let of_prime = |(coordinate, base): (usize, u64)| {
            let mut rng = stream(seed, "halton", coordinate as u64);
            let mut permutations = Vec::new();
            let mut place = 1.0;
            while place > f64::EPSILON / 4.0 {
                let mut permutation: Vec<u64> = (0..base).collect();
                permutation.shuffle(&mut rng);
                permutations.push(permutation);
                place /= base as f64;
            }
            (base, permutations)
        };
        Self {
            coordinates: primes(dimension)
                .into_iter()
                .enumerate()
                .map(of_prime)
                .collect(),
        }
    }

    /// Point number `index`, each coordinate at least 0 and below 1.
    pub fn point(&self, index: u64) -> Vec<f64> {
        let coordinate = |(base, permutations): &(u64, Vec<Vec<u64>>)| {
            let (mut rest, mut place, mut sum) = (index, 1.0, 0.0);
            for permutation in permutations {
                place /= *base as f64;
                sum += permutation[(rest % base) as usize] as f64 * place;
                rest /= base;
            }
            // Rounding may reach 1.
            f64::min(sum, 1.0 - f64::EPSILON / 2.0)
        };
        self.coordinates.iter().map(coordinate).collect()
    }
}

fn primes(count: usize) -> Vec<u64> {
    let mut found: Vec<u64> = Vec::with_capacity(count);
    let mut candidate = 2;
    while found.len() < count {
        if found.iter().all(|prime| candidate % prime != 0) {
            found.push(candidate);
        }
        candidate += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stratum_gets_its_share() {
        // Of b^k points in a row, each of the b^k intervals of length b^-k has exactly one, in every coordinate.
        for (coordinate, strata) in [(0, 32), (1, 27), (2, 25), (3, 49)] {
            for seed in 0..5 {
                let sequence = Halton::new(seed, 4);
                let mut seen = vec![0; strata];
                for index in 0..strata as u64 {
                    let u = sequence.point(3 * strata as u64 + index)[coordinate];
                    seen[(u * strata as f64) as usize] += 1;
                }
                assert_eq!(seen, vec![1; strata], "coordinate {coordinate}");
            }
        }
    }

    #[test]
    fn far_coordinates_are_not_correlated() {
        // Unscrambled, the first points of bases 31 and 37 lie on a line.
        let sequence = Halton::new(1, 12);
        let points: Vec<Vec<f64>> = (0..30).map(|index| sequence.point(index)).collect();
        let mean = |f: &dyn Fn(&[f64]) -> f64| points.iter().map(|p| f(p)).sum::<f64>() / 30.0;
        let correlation = mean(&|p| (p[10] - 0.5) * (p[11] - 0.5)) * 12.0;
        // The standard deviation of 30 independent pairs is 0.18.
        assert!(correlation.abs() < 0.6, "{correlation}");
    }

    #[test]
    fn primes_are_prime() {
        assert_eq!(primes(6), [2, 3, 5, 7, 11, 13]);
    }
}
