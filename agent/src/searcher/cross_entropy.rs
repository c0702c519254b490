//! The cross-entropy method.

use super::history::tell_history;
use super::{History, Outcome, Proposal, Searcher};
use crate::{Error, Result};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use trimtab_env::{SearchSpace, Settings, stream};

/// Options of the cross-entropy method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CrossEntropyConfig {
    /// Trials of a generation.
    pub population: usize,
    /// How many of them the next generation is drawn around.
    pub elite: usize,
    /// Standard deviation of the first generation in the unit cube.
    pub deviation: f64,
    /// What is added to the standard deviation so that a generation never collapses (Szita and Lorincz 2006), divided by the number
    /// of the generation.
    pub noise: f64,
}

impl Default for CrossEntropyConfig {
    /// A quarter of 16 trials; a first generation that reaches the whole cube.
    fn default() -> Self {
        Self {
            population: 16,
            elite: 4,
            deviation: 0.3,
            noise: 0.05,
        }
    }
}

/// The cross-entropy method (Rubinstein 1999; de Boer et al. 2005, "A tutorial on the cross-entropy method"): each
/// generation is drawn from independent normal distributions in the unit cube, whose means and standard deviations are those of the
/// best trials of the generation before. It asks for a whole generation at a time; the very first trial is the middle of the cube.
/// A failed trial is never among the best. On a space of few values a generation may ask for one configuration more than once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CrossEntropy {
    history: History,
    config: CrossEntropyConfig,
    seed: u64,
}

impl CrossEntropy {
    /// A search over `space`.
    ///
    /// # Errors
    /// [`Error::Config`] unless the elite is 2 or more and smaller than the population, and the standard deviations above 0.
    pub fn new(space: SearchSpace, config: CrossEntropyConfig, seed: u64) -> Result<Self> {
        if config.population < 3 {
            let allowed = "give 3 or more: an elite of 2, and one that is not in it";
            return Err(Error::config("population", config.population, allowed));
        }
        if config.elite < 2 || config.elite >= config.population {
            return Err(Error::config(
                "elite",
                config.elite,
                format!(
                    "give 2 to {}, less than the population",
                    config.population - 1
                ),
            ));
        }
        for (field, value) in [("deviation", config.deviation), ("noise", config.noise)] {
            if !value.is_finite() || value < 0.0 {
                return Err(Error::config(
                    field,
                    value,
                    "give a finite number of at least 0",
                ));
            }
        }
        Ok(Self {
            history: History::new(space),
            config,
            seed,
        })
    }

    /// The middle of the distribution of the next generation: the mean of the best trials of the last one, which is less of a
    /// lucky find than the best of all. `None` while a trial is under way.
    ///
    /// # Errors
    /// If the mean cannot be decoded.
    pub fn centre(&self) -> Result<Option<Settings>> {
        let generation = self.history.len() / self.config.population;
        let Some(distribution) = self.distribution(generation)? else {
            return Ok(None);
        };
        let point: Vec<f64> = distribution.iter().map(|(mean, _)| *mean).collect();
        Ok(Some(self.history.space().decode(&point)?))
    }

    /// Means and standard deviations from which generation `generation` is drawn; `None` while one before is under way. A generation in
    /// which all failed, or all had the same loss, is passed over: the one before it counts.
    fn distribution(&self, generation: usize) -> Result<Option<Vec<(f64, f64)>>> {
        let space = self.history.space();
        let population = self.config.population;
        for before in (0..generation).rev() {
            let mut told = Vec::new();
            for (trial, outcome) in self
                .history
                .iter()
                .skip(before * population)
                .take(population)
            {
                match outcome {
                    Outcome::Outstanding => return Ok(None),
                    Outcome::Loss(loss) => told.push((loss, space.encode(&trial.configuration)?)),
                    Outcome::Failed => {}
                }
            }
            let best = best_of(told, self.config.elite);
            if !best.is_empty() && best.len() < population {
                let noise = self.config.noise / (before + 1) as f64;
                return Ok(Some(around(&best, noise)));
            }
        }
        let first = (SearchSpace::NEUTRAL, self.config.deviation);
        Ok(Some(vec![first; space.dimension()]))
    }
}

/// The points of the `elite` best of some trials, and of all that are as good as the last of these: chance has no say in which of
/// several equal trials count.
fn best_of(mut told: Vec<(f64, Vec<f64>)>, elite: usize) -> Vec<Vec<f64>> {
    told.sort_by(|a, b| a.0.total_cmp(&b.0));
    let Some((last, _)) = told.get(elite.min(told.len()).saturating_sub(1)) else {
        return Vec::new();
    };
    let last = *last;
    told.into_iter()
        .take_while(|(loss, _)| *loss <= last)
        .map(|(_, point)| point)
        .collect()
}

/// Means and standard deviations of points, with `noise` added to the standard deviations.
fn around(points: &[Vec<f64>], noise: f64) -> Vec<(f64, f64)> {
    let n = points.len() as f64;
    let each = |coordinate: usize| {
        let values = points.iter().map(|point| point[coordinate]);
        let mean = values.clone().sum::<f64>() / n;
        let variance = values.map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        (mean, variance.sqrt() + noise)
    };
    (0..points[0].len()).map(each).collect()
}

impl Searcher for CrossEntropy {
    fn ask(&mut self) -> Result<Proposal> {
        let id = self.history.len();
        let Some(distribution) = self.distribution(id / self.config.population)? else {
            return Ok(Proposal::Wait);
        };
        let mut rng = stream(self.seed, "cross-entropy", id as u64);
        let draw = |(mean, deviation): &(f64, f64)| {
            let z: f64 = StandardNormal.sample(&mut rng);
            if id == 0 {
                *mean
            } else {
                (mean + deviation * z).clamp(0.0, 1.0)
            }
        };
        let point: Vec<f64> = distribution.iter().map(draw).collect();
        let configuration = self.history.space().decode(&point)?;
        Ok(Proposal::Trial(self.history.propose(
            configuration,
            None,
            None,
        )))
    }

    tell_history!();
}

#[cfg(test)]
mod tests {
    use super::*;
    use trimtab_env::{Domain, Parameter};

    fn space() -> SearchSpace {
        let parameters =
            ["x", "y", "z"].map(|name| Parameter::new(name, Domain::Uniform(-1.0, 1.0)));
        SearchSpace::new(parameters.to_vec()).unwrap()
    }

    fn loss(settings: &Settings) -> f64 {
        let at = |name: &str, optimum: f64| (settings.number(name).unwrap() - optimum).powi(2);
        at("x", 0.3) + at("y", -0.6) + at("z", 0.0)
    }

    #[test]
    fn it_closes_in_on_the_optimum_and_goes_on_from_a_file() {
        let mut searcher = CrossEntropy::new(space(), Default::default(), 3).unwrap();
        for generation in 0..15 {
            let mut asked = Vec::new();
            while asked.len() < 16 {
                let Proposal::Trial(trial) = searcher.ask().unwrap() else {
                    panic!("a whole generation can be asked for at once");
                };
                asked.push(trial);
            }
            assert_eq!(
                searcher.ask().unwrap(),
                Proposal::Wait,
                "generation {generation}"
            );
            // In any order.
            for trial in asked.iter().rev() {
                searcher.tell(trial.id, loss(&trial.configuration)).unwrap();
            }
            let text = serde_json::to_string(&searcher).unwrap();
            searcher = serde_json::from_str(&text).unwrap();
        }
        let (_, best) = searcher.best().unwrap();
        // Random search comes within 0.03 in 240 draws of this cube, about once.
        assert!(best < 1e-3, "{best}");
    }

    #[test]
    fn impossible_options_are_named() {
        let refused = |population, elite, begins: &str| {
            let config = CrossEntropyConfig {
                population,
                elite,
                ..Default::default()
            };
            let searcher = CrossEntropy::new(space(), config, 1);
            let error = searcher.unwrap_err().to_string();
            assert!(error.starts_with(begins), "{error}");
        };
        refused(16, 16, "elite: 16 is not allowed; give 2 to 15");
        refused(16, 1, "elite: 1 is not allowed; give 2 to 15");
        refused(2, 1, "population: 2 is not allowed; give 3 or more");
    }
}
