//! Population-based training.

use super::history::tell_history;
use super::{History, Outcome, Proposal, Searcher};
use crate::{Error, Result};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use trimtab_env::{SearchSpace, Value, stream};

/// Options of [`Population`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PopulationConfig {
    /// Trainings side by side.
    pub members: usize,
    /// How far a generation trains.
    pub interval: u64,
    /// How many generations there are.
    pub generations: u64,
    /// This share of the members, the worst, goes on from the state of one of the best, an equal share.
    pub exploited: f64,
    /// Probability that a hyperparameter is drawn anew when a member explores.
    pub resample: f64,
    /// Factor by which a number is otherwise moved up or down.
    pub factor: f64,
}

impl Default for PopulationConfig {
    /// The paper's fifth at both ends and its factor of 1.2, for eight members.
    fn default() -> Self {
        Self {
            members: 8,
            interval: 1,
            generations: 10,
            exploited: 0.2,
            resample: 0.25,
            factor: 1.2,
        }
    }
}

/// Trainings that go on from each other's states, with changed hyperparameters (Jaderberg et al. 2017, "Population based
/// training of neural networks", with truncation selection).
///
/// A generation is told as a whole before the next one begins. Every trial says from which trial's state it goes on and has
/// its whole configuration, changed or not: a caller that trains with what the trial says cannot lose a change, and the
/// searcher's own state holds the changed configurations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Population {
    history: History,
    config: PopulationConfig,
    seed: u64,
    generation: u64,
    members: Vec<Member>,
    /// How many members have their trial of this generation.
    asked: usize,
}

/// One of the trainings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Member {
    /// Its configuration in the unit cube; what is not active keeps its coordinate.
    point: Vec<f64>,
    /// The trial from whose state it goes on, and once asked, its own.
    trial: Option<u64>,
}

impl Population {
    /// A search over `space`.
    ///
    /// # Errors
    /// [`Error::Config`] naming the option that is not allowed.
    pub fn new(space: SearchSpace, config: PopulationConfig, seed: u64) -> Result<Self> {
        let refuse =
            |field: &str, given: f64, allowed: &str| Err(Error::config(field, given, allowed));
        if config.members < 2 {
            return refuse("members", config.members as f64, "give at least 2");
        }
        if config.interval == 0 || config.generations.checked_mul(config.interval).is_none() {
            return refuse("interval", config.interval as f64, "give at least 1");
        }
        if !(0.0..=0.5).contains(&config.exploited) {
            return refuse("exploited", config.exploited, "give a share from 0 to 0.5");
        }
        if !(0.0..=1.0).contains(&config.resample) {
            return refuse("resample", config.resample, "give a probability");
        }
        if !(config.factor > 1.0 && config.factor.is_finite()) {
            return refuse("factor", config.factor, "give a factor above 1");
        }
        let members = (0..config.members as u64)
            .map(|member| Member {
                point: space.sample_point(&mut stream(seed, "first generation", member)),
                trial: None,
            })
            .collect();
        Ok(Self {
            history: History::new(space),
            config,
            seed,
            generation: 0,
            members,
            asked: 0,
        })
    }

    /// Lets the worst members go on from the best.
    fn exploit_and_explore(&mut self) -> Result<()> {
        let rank = |member: &Member| {
            let outcome = member.trial.and_then(|id| self.history.outcome(id));
            outcome.map_or(f64::INFINITY, Outcome::rank)
        };
        let mut order: Vec<usize> = (0..self.members.len()).collect();
        order.sort_by(|a, b| rank(&self.members[*a]).total_cmp(&rank(&self.members[*b])));
        let count = (self.config.exploited * self.members.len() as f64).round() as usize;
        let (best, worst) = (
            order[..count].to_vec(),
            order[order.len() - count..].to_vec(),
        );
        for index in worst {
            let label = self.generation * self.members.len() as u64 + index as u64;
            let mut rng = stream(self.seed, "explore", label);
            let donor = self.members[best[rng.random_range(0..count as u64) as usize]].clone();
            self.members[index] = Member {
                point: self.explore(&donor.point, &mut rng)?,
                trial: donor.trial,
            };
        }
        Ok(())
    }

    /// A point near `point`: each coordinate drawn anew, or its number moved by the factor, or a step along its list. A
    /// category is drawn anew or stays.
    fn explore(&self, point: &[f64], rng: &mut impl Rng) -> Result<Vec<f64>> {
        let space = self.history.space();
        let mut cells = space.cells(&space.decode(point)?);
        let mut moved = point.to_vec();
        for ((coordinate, u), cell) in space.coordinates().iter().zip(&mut moved).zip(&mut cells) {
            // Drawn whether used or not, so that one coordinate's fate does not shift the next one's.
            let (resample, anew, up): (f64, f64, bool) = (rng.random(), rng.random(), rng.random());
            let bounds = coordinate.domain.bounds();
            *u = match (resample < self.config.resample, bounds, *cell) {
                (true, _, _) => anew,
                (false, Some((low, high)), Some((from, to))) if from == to => {
                    let factor = self.config.factor;
                    let value = match coordinate.domain.decode(*u) {
                        Value::Number(number) => number,
                        Value::Category(_) => continue,
                    };
                    let next = match (low > 0.0, up) {
                        (true, true) => value * factor,
                        (true, false) => value / factor,
                        // A factor does not lead away from 0.
                        (false, true) => value + (factor - 1.0) * (high - low),
                        (false, false) => value - (factor - 1.0) * (high - low),
                    };
                    coordinate
                        .domain
                        .encode(&Value::Number(next.clamp(low, high)))?
                }
                (false, Some(_), Some((from, to))) => {
                    const JUST_BEYOND: f64 = 1e-9;
                    if up {
                        to + JUST_BEYOND
                    } else {
                        from - JUST_BEYOND
                    }
                    .clamp(0.0, 1.0)
                }
                (false, _, _) => *u,
            };
        }
        Ok(moved)
    }
}

impl Searcher for Population {
    fn ask(&mut self) -> Result<Proposal> {
        if self.asked == self.members.len() {
            let waits = self
                .history
                .iter()
                .any(|(_, outcome)| outcome == Outcome::Outstanding);
            if waits {
                return Ok(Proposal::Wait);
            }
            if self.generation + 1 >= self.config.generations {
                return Ok(Proposal::Done);
            }
            self.generation += 1;
            self.asked = 0;
            self.exploit_and_explore()?;
        }
        if self.config.generations == 0 {
            return Ok(Proposal::Done);
        }
        let member = &mut self.members[self.asked];
        let configuration = self.history.space().decode(&member.point)?;
        let resource = (self.generation + 1) * self.config.interval;
        let trial = self
            .history
            .propose(configuration, Some(resource), member.trial);
        member.trial = Some(trial.id);
        self.asked += 1;
        Ok(Proposal::Trial(trial))
    }

    tell_history!();
}
