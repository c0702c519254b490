//! The tree-structured Parzen estimator.

use super::acquisition::{normal_probability, normal_quantile};
use super::history::{see_history, tell_history};
use super::{History, Outcome, Proposal, Searcher, check_candidates};
use crate::{Error, Result};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use trimtab_env::{SearchSpace, Settings, stream};

/// Options of [`Tpe`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TpeConfig {
    /// Random trials before the first that is chosen.
    pub initial: usize,
    /// Draws from the good trials' density, of which the best is taken.
    pub candidates: usize,
    /// Share of the trials that counts as good.
    pub good: f64,
    /// The largest number of trials that counts as good.
    pub most_good: usize,
    /// Whether all parameters are drawn together, from the neighbourhood of one good trial, or each by itself.
    pub joint: bool,
}

impl Default for TpeConfig {
    /// Optuna's numbers; Optuna draws parameters together only if told to (`multivariate`).
    fn default() -> Self {
        Self {
            initial: 10,
            candidates: 24,
            good: 0.1,
            most_good: 25,
            joint: true,
        }
    }
}

/// Trials are divided into good and other ones, each part is made a density, and the next trial is the draw from the good
/// ones' density for which the ratio of the two is largest, which is where the expected improvement is largest (Bergstra
/// et al. 2011, "Algorithms for hyper-parameter optimization"; details as measured by Watanabe 2023, "Tree-structured
/// Parzen estimator: understanding its algorithm components").
///
/// Only trials in which a parameter is active say something about it. Failed trials and those under way count as not good,
/// so that the next one goes elsewhere. A configuration that was tried is only taken again if all draws were tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tpe {
    history: History,
    config: TpeConfig,
    seed: u64,
}

impl Tpe {
    /// A search over `space`.
    ///
    /// # Errors
    /// [`Error::Config`] naming the option that is not allowed.
    pub fn new(space: SearchSpace, config: TpeConfig, seed: u64) -> Result<Self> {
        let counts = [("initial", config.initial), ("most_good", config.most_good)];
        if let Some((field, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(Error::config(*field, 0, "give at least 1"));
        }
        check_candidates(config.candidates)?;
        if !(config.good > 0.0 && config.good < 1.0) {
            return Err(Error::config(
                "good",
                config.good,
                "give a share between 0 and 1",
            ));
        }
        Ok(Self {
            history: History::new(space),
            config,
            seed,
        })
    }

    /// The cells of the good trials and of the others; `None` if too few have been told.
    fn split(&self) -> Option<[Vec<Cells>; 2]> {
        let cells = |configuration: &Settings| self.history.space().cells(configuration);
        let mut told: Vec<(f64, Cells)> = Vec::new();
        let mut others = Vec::new();
        for (trial, outcome) in self.history.iter() {
            match outcome {
                Outcome::Loss(loss) => told.push((loss, cells(&trial.configuration))),
                Outcome::Failed | Outcome::Outstanding => others.push(cells(&trial.configuration)),
            }
        }
        if self.history.len() < self.config.initial || told.is_empty() {
            return None;
        }
        told.sort_by(|a, b| a.0.total_cmp(&b.0));
        let good = (self.config.good * told.len() as f64).ceil() as usize;
        let rest = told.split_off(good.min(self.config.most_good).min(told.len()));
        others.extend(rest.into_iter().map(|(_, cells)| cells));
        Some([told.into_iter().map(|(_, cells)| cells).collect(), others])
    }

    fn most_promising(&self, good: Vec<Cells>, others: Vec<Cells>) -> Result<Settings> {
        let space = self.history.space();
        let mut rng = stream(self.seed, "Parzen estimator", self.history.len() as u64);
        let scales: Vec<Scale> = space
            .coordinates()
            .iter()
            .map(
                |coordinate| match (coordinate.domain.bounds(), coordinate.domain.count()) {
                    (None, Some(count)) => Scale::Categories(count),
                    _ => Scale::Ordered,
                },
            )
            .collect();
        let [good, others] =
            [good, others].map(|cells| Density::new(&scales, cells, self.config.joint));
        let mut best: Option<((bool, f64), Settings)> = None;
        let draws: Vec<Vec<f64>> = (0..self.config.candidates)
            .map(|_| good.draw(&mut rng))
            .collect();
        if !self.config.joint {
            // Each coordinate by itself: the best of its draws.
            let point: Vec<f64> = (0..scales.len())
                .map(|j| {
                    let ratio = |u: f64| good.log_of_one(j, (u, u)) - others.log_of_one(j, (u, u));
                    let all = draws.iter().map(|draw| draw[j]);
                    all.max_by(|a, b| ratio(*a).total_cmp(&ratio(*b)))
                        .unwrap_or(0.5)
                })
                .collect();
            let configuration = space.decode(&point)?;
            if !self.history.is_tried(&configuration) {
                return Ok(configuration);
            }
        }
        for draw in draws {
            let configuration = space.decode(&draw)?;
            if self.history.is_outstanding(&configuration) {
                continue;
            }
            let cells = space.cells(&configuration);
            let ratio = good.log(&cells) - others.log(&cells);
            // As for the Gaussian process, a second look at a configuration comes after every first look.
            let rank = (!self.history.is_tried(&configuration), ratio);
            if best.as_ref().is_none_or(|(largest, _)| rank > *largest) {
                best = Some((rank, configuration));
            }
        }
        match best {
            Some((_, configuration)) => Ok(configuration),
            None => self.history.first_free(|| Ok(space.sample(&mut rng))),
        }
    }
}

impl Searcher for Tpe {
    fn ask(&mut self) -> Result<Proposal> {
        let configuration = match self.split() {
            Some([good, others]) => self.most_promising(good, others)?,
            None => self.history.random(self.seed)?,
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

/// For each coordinate the part of the unit interval that decodes to the same value; `None` if it is not active.
type Cells = Vec<Option<(f64, f64)>>;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    Ordered,
    Categories(usize),
}

/// A mixture: one component around each trial, and one that knows nothing, all of the same weight.
struct Density<'a> {
    scales: &'a [Scale],
    trials: Vec<Cells>,
    /// Standard deviation of the component of each trial at each coordinate: `[trial][coordinate]`.
    deviations: Vec<Vec<f64>>,
}

impl<'a> Density<'a> {
    fn new(scales: &'a [Scale], trials: Vec<Cells>, joint: bool) -> Self {
        let n = trials.len();
        let narrowest = 1.0 / (1.0 + n as f64).min(100.0);
        let deviations = if joint {
            // Scott's rule for all coordinates together, with the fifth of the range that Optuna takes.
            let scott = 0.2 * (n.max(1) as f64).powf(-1.0 / (scales.len() as f64 + 4.0));
            vec![vec![scott.max(narrowest); scales.len()]; n]
        } else {
            let mut deviations = vec![vec![1.0; scales.len()]; n];
            for (j, _) in scales
                .iter()
                .enumerate()
                .filter(|(_, scale)| **scale == Scale::Ordered)
            {
                for (i, deviation) in gaps(&trials, j) {
                    deviations[i][j] = deviation.clamp(narrowest, 1.0);
                }
            }
            deviations
        };
        Self {
            scales,
            trials,
            deviations,
        }
    }

    /// A point of the cube.
    fn draw(&self, rng: &mut impl Rng) -> Vec<f64> {
        // 64 bits on every platform, so that the draw is the same on all.
        let component = rng.random_range(0..=self.trials.len() as u64) as usize;
        (0..self.scales.len())
            .map(|j| {
                let anywhere: f64 = rng.random();
                let cell = self.trials.get(component).and_then(|cells| cells[j]);
                match (cell, self.scales[j]) {
                    (None, _) => anywhere,
                    (Some((low, high)), Scale::Ordered) => {
                        let deviation = self.deviations[component][j];
                        truncated_normal((low + high) / 2.0, deviation, anywhere)
                    }
                    (Some((low, high)), Scale::Categories(_)) => {
                        if rng.random_bool(1.0 - OTHER_CATEGORY) {
                            (low + high) / 2.0
                        } else {
                            anywhere
                        }
                    }
                }
            })
            .collect()
    }

    /// Logarithm of the density of a configuration, over its active coordinates.
    fn log(&self, cells: &Cells) -> f64 {
        let all: Vec<usize> = (0..cells.len()).filter(|j| cells[*j].is_some()).collect();
        self.log_over(&all, cells)
    }

    /// Logarithm of the density of one coordinate alone.
    fn log_of_one(&self, j: usize, cell: (f64, f64)) -> f64 {
        let mut cells = vec![None; self.scales.len()];
        cells[j] = Some(cell);
        self.log_over(&[j], &cells)
    }

    fn log_over(&self, coordinates: &[usize], cells: &Cells) -> f64 {
        let known = (0..self.trials.len()).map(|i| {
            coordinates
                .iter()
                .map(|j| self.kernel(i, *j, cells[*j]).ln())
                .sum::<f64>()
        });
        let logs: Vec<f64> = known.chain([0.0]).collect();
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logs.iter().map(|log| (log - largest).exp()).sum();
        largest + (sum / logs.len() as f64).ln()
    }

    /// Density of the component of trial `i` at coordinate `j`, averaged over a cell, relative to the uniform one.
    fn kernel(&self, i: usize, j: usize, cell: Option<(f64, f64)>) -> f64 {
        match (self.trials[i][j], cell, self.scales[j]) {
            (Some((from, to)), Some((low, high)), Scale::Ordered) => {
                let (centre, deviation) = ((from + to) / 2.0, self.deviations[i][j]);
                let z = |u: f64| (u - centre) / deviation;
                let inside = normal_probability(z(1.0)) - normal_probability(z(0.0));
                let density = if high > low {
                    (normal_probability(z(high)) - normal_probability(z(low))) / (high - low)
                } else {
                    (-0.5 * z(low).powi(2)).exp() / (deviation * std::f64::consts::TAU.sqrt())
                };
                (density / inside).max(f64::MIN_POSITIVE)
            }
            (Some((from, to)), Some((low, high)), Scale::Categories(count)) => {
                let middle = (low + high) / 2.0;
                let same = middle >= from && middle < to;
                let own = if same {
                    (1.0 - OTHER_CATEGORY) * count as f64
                } else {
                    0.0
                };
                OTHER_CATEGORY + own
            }
            // A trial without this parameter says nothing about it.
            _ => 1.0,
        }
    }
}

/// Probability that a component draws a category afresh, which may be the trial's own (Aitchison and Aitken 1976).
const OTHER_CATEGORY: f64 = 0.2;

/// For each trial in which coordinate `j` is active, the distance to its farther neighbour, the prior's middle and the ends
/// of the interval counting as neighbours (Bergstra et al. 2011, section 4).
fn gaps(trials: &[Cells], j: usize) -> Vec<(usize, f64)> {
    let mut middles: Vec<(f64, Option<usize>)> = trials
        .iter()
        .enumerate()
        .filter_map(|(i, cells)| cells[j].map(|(low, high)| ((low + high) / 2.0, Some(i))))
        .collect();
    middles.push((0.5, None));
    middles.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let last = middles.len() - 1;
    middles
        .iter()
        .enumerate()
        .filter_map(|(k, (at, trial))| {
            let left = if k == 0 { *at } else { at - middles[k - 1].0 };
            let right = if k == last {
                1.0 - at
            } else {
                middles[k + 1].0 - at
            };
            Some(((*trial)?, left.max(right)))
        })
        .collect()
}

/// Maps a uniform draw to one from a normal distribution truncated to the unit interval.
fn truncated_normal(centre: f64, deviation: f64, uniform: f64) -> f64 {
    let probability = |u: f64| normal_probability((u - centre) / deviation);
    let (from, to) = (probability(0.0), probability(1.0));
    let wanted = from + uniform * (to - from);
    (centre + deviation * normal_quantile(wanted)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn densities_sum_to_one_over_the_cells_of_a_domain() {
        let space: SearchSpace = ron::from_str(
            r#"[(name: "a", domain: Integer(low: 1, high: 9, log: true)),
                (name: "b", domain: Categories(["x", "y", "z"]))]"#,
        )
        .unwrap();
        let grid = space.grid(9).unwrap();
        let trials: Vec<Cells> = [0, 5, 13].map(|i| space.cells(&grid[i])).to_vec();
        let scales = [Scale::Ordered, Scale::Categories(3)];
        for joint in [true, false] {
            let density = Density::new(&scales, trials.clone(), joint);
            let of = |configuration: &Settings| {
                let cells = space.cells(configuration);
                let volume: f64 = cells
                    .iter()
                    .flatten()
                    .map(|(low, high)| high - low)
                    .product();
                density.log(&cells).exp() * volume
            };
            assert!((grid.iter().map(of).sum::<f64>() - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn draws_follow_the_density() {
        let scales = [Scale::Ordered];
        let trials = vec![vec![Some((0.25, 0.25))], vec![Some((0.9, 0.9))]];
        let density = Density::new(&scales, trials, true);
        let mut rng = stream(3, "draws", 0);
        let mut counts = [0.0; 10];
        let draws = 20_000;
        for _ in 0..draws {
            counts[(density.draw(&mut rng)[0] * 10.0) as usize] += 1.0;
        }
        for (k, count) in counts.iter().enumerate() {
            let cell = (k as f64 / 10.0, (k + 1) as f64 / 10.0);
            let wanted = density.log_of_one(0, cell).exp() / 10.0;
            let deviation = (wanted * (1.0 - wanted) / draws as f64).sqrt();
            assert!(
                (count / draws as f64 - wanted).abs() < 5.0 * deviation,
                "{k}"
            );
        }
    }
}
