//! Population-based training.

use super::history::tell_history;
use super::{History, Outcome, Proposal, Searcher};
use crate::{Error, Result};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use trimtab_env::{Domain, SearchSpace, Value, stream};

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
    /// The worst members, this share of all, rounded up but at most half of them, go on from the states of the best, of whom there
    /// are as many. With 0 no member ever takes over another's state.
    pub exploited: f64,
    /// Probability that a hyperparameter is drawn anew when a member explores.
    pub resample: f64,
    /// What a number is otherwise multiplied with or divided by.
    pub factor: f64,
}

impl Default for PopulationConfig {
    /// The paper's fifth at both ends and its factor of 1.2 for eight members. On the way down the paper multiplies by 0.8; here it
    /// is divided by 1.2, so that up and down cancel.
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
/// Unless `exploited` is 0, a member that failed goes on from one of the best too, however many have failed; while no member has a
/// loss, those that failed begin anew with a configuration drawn afresh. (In Ray Tune, which rounds the share up in the same way,
/// such a member is left alone.)
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
        if !(2..=1_000_000).contains(&config.members) {
            return refuse("members", config.members as f64, "give 2 to 1,000,000");
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

    /// How many members are the best, and how many the worst.
    fn share(&self) -> usize {
        /// 0.07 times 100 is 7.000000000000001.
        const ROUNDING: f64 = 1e-9;
        let wanted = self.config.exploited * self.members.len() as f64;
        ((wanted - ROUNDING).ceil() as usize).min(self.members.len() / 2)
    }

    /// Lets the worst members, and all that failed, go on from the best.
    fn exploit_and_explore(&mut self) -> Result<()> {
        let count = self.share();
        if count == 0 {
            return Ok(());
        }
        let rank = |member: &Member| {
            let outcome = member.trial.and_then(|id| self.history.outcome(id));
            outcome.map_or(f64::INFINITY, Outcome::rank)
        };
        let ranks: Vec<f64> = self.members.iter().map(rank).collect();
        let mut order: Vec<usize> = (0..self.members.len()).collect();
        order.sort_by(|a, b| ranks[*a].total_cmp(&ranks[*b]));
        let failed = |index: &usize| ranks[*index] == f64::INFINITY;
        let donors: Vec<Member> = order[..count]
            .iter()
            .filter(|index| !failed(index))
            .map(|index| self.members[*index].clone())
            .collect();
        let worst = order.len() - count;
        for (place, index) in order.into_iter().enumerate() {
            if place < worst && !failed(&index) {
                continue;
            }
            let label = self.generation * self.members.len() as u64 + index as u64;
            let mut rng = stream(self.seed, "explore", label);
            self.members[index] = if donors.is_empty() {
                Member {
                    point: self.history.space().sample_point(&mut rng),
                    trial: None,
                }
            } else {
                let donor = &donors[rng.random_range(0..donors.len() as u64) as usize];
                Member {
                    point: self.explore(&donor.point, &mut rng)?,
                    trial: donor.trial,
                }
            };
        }
        Ok(())
    }

    /// A point near `point`: each coordinate drawn anew, or its number moved by the factor, or a step along its list. A
    /// category is drawn anew or stays.
    fn explore(&self, point: &[f64], rng: &mut impl Rng) -> Result<Vec<f64>> {
        let space = self.history.space();
        let cells = space.cells(&space.decode(point)?);
        let mut moved = point.to_vec();
        for ((coordinate, u), cell) in space.coordinates().iter().zip(&mut moved).zip(cells) {
            // Drawn whether used or not, so that one coordinate's fate does not shift the next one's.
            let (resample, anew, up): (f64, f64, bool) = (rng.random(), rng.random(), rng.random());
            if resample < self.config.resample {
                *u = anew;
            } else if let Some(cell) = cell {
                *u = self.moved(coordinate.domain, *u, cell, up)?;
            }
        }
        Ok(moved)
    }

    /// The coordinate of a number that is moved: by the factor, or along a list by one step.
    fn moved(&self, domain: &Domain, u: f64, cell: (f64, f64), up: bool) -> Result<f64> {
        let (Some((low, high)), Value::Number(value)) = (domain.bounds(), domain.decode(u)) else {
            return Ok(u);
        };
        let factor = self.config.factor;
        let scaled = if up { value * factor } else { value / factor };
        let next = match domain {
            Domain::Uniform(..) | Domain::LogUniform(..) => match (low > 0.0, up) {
                (true, _) => scaled,
                // A factor does not lead away from 0.
                (false, true) => value + (factor - 1.0) * (high - low),
                (false, false) => value - (factor - 1.0) * (high - low),
            },
            Domain::Integer { .. } => stepped(domain, value, scaled, 1.0, up),
            Domain::Quantised { q, .. } => stepped(domain, value, scaled, *q, up),
            Domain::Grid { .. } | Domain::Values(_) => return Ok(neighbour(cell, up)),
            Domain::Categories(_) => return Ok(u),
        };
        Ok(domain.encode(&Value::Number(next.clamp(low, high)))?)
    }
}

/// The number of the domain that is nearest to `scaled`, or where that is `value` itself, the next one on that side; from 0 up or
/// down.
fn stepped(domain: &Domain, value: f64, scaled: f64, step: f64, up: bool) -> f64 {
    let nearest = domain.nearest(scaled);
    let rises = if value < 0.0 { !up } else { up };
    match (nearest == value, rises) {
        (false, _) => nearest,
        (true, true) => domain.nearest(value + step),
        (true, false) => domain.nearest(value - step),
    }
}

/// A coordinate of the value beside the one that has this cell.
fn neighbour((from, to): (f64, f64), up: bool) -> f64 {
    const JUST_BEYOND: f64 = 1e-9;
    if up {
        to + JUST_BEYOND
    } else {
        from - JUST_BEYOND
    }
    .clamp(0.0, 1.0)
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value as Json;

    fn ray() -> Json {
        serde_json::from_str(include_str!("../../fixtures/searchers.json")).unwrap()
    }

    fn population(space: &str, config: PopulationConfig, seed: u64) -> Population {
        Population::new(ron::from_str(space).unwrap(), config, seed).unwrap()
    }

    const RATE: &str = r#"[(name: "rate", domain: LogUniform(1e-6, 1.0))]"#;

    /// The trials that the second generation goes on from, if the first comes to these losses, with the moves of the rate.
    fn second_generation(losses: &[f64], exploited: f64, seed: u64) -> Vec<(Option<u64>, f64)> {
        let config = PopulationConfig {
            members: losses.len(),
            exploited,
            resample: 0.0,
            ..Default::default()
        };
        let mut searcher = population(RATE, config, seed);
        let ask = |searcher: &mut Population| match searcher.ask().unwrap() {
            Proposal::Trial(trial) => trial,
            other => panic!("{other:?}"),
        };
        for loss in losses {
            let id = ask(&mut searcher).id;
            searcher.tell(id, *loss).unwrap();
        }
        let rate = |trial: &crate::searcher::Trial| trial.configuration.number("rate").unwrap();
        losses
            .iter()
            .map(|_| {
                let trial = ask(&mut searcher);
                let from = trial.continues.and_then(|id| searcher.history.trial(id));
                (
                    trial.continues,
                    from.map_or(f64::NAN, |from| rate(&trial) / rate(from)),
                )
            })
            .collect()
    }

    #[test]
    fn as_many_are_replaced_as_in_ray_tune() {
        let share = |members: usize, exploited: f64| {
            let config = PopulationConfig {
                members,
                exploited,
                ..Default::default()
            };
            population(RATE, config, 1).share()
        };
        for (members, count) in ray()["replaced_by_ray"].as_object().unwrap() {
            assert_eq!(
                share(members.parse().unwrap(), 0.25) as u64,
                count.as_u64().unwrap()
            );
        }
        // One of two, however small the share; half at most; nobody where nobody is to be.
        for (members, exploited, wanted) in [
            (2, 0.2, 1),
            (3, 0.5, 1),
            (7, 0.5, 3),
            (8, 0.2, 2),
            (100, 0.07, 7),
            (9, 0.0, 0),
        ] {
            assert_eq!(
                share(members, exploited),
                wanted,
                "{members} at {exploited}"
            );
        }
    }

    #[test]
    fn the_worst_goes_on_from_the_best_as_it_was() {
        for seed in 0..200 {
            assert_eq!(second_generation(&[2.0, 1.0], 0.2, seed)[0].0, Some(1));
            let next = second_generation(&[2.0, 3.0, 1.0], 0.5, seed);
            let from: Vec<Option<u64>> = next.iter().map(|(from, _)| *from).collect();
            assert_eq!(from, [Some(0), Some(2), Some(2)]);
            // A member that stays keeps its rate; one that is replaced moves it once.
            assert!((next[0].1 - 1.0).abs() < 1e-9 && (next[2].1 - 1.0).abs() < 1e-9);
            let up = next[1].1.max(1.0 / next[1].1);
            assert!((up - 1.2).abs() < 1e-9 || up < 1.2, "{next:?}");
        }
    }

    #[test]
    fn all_that_failed_are_replaced_by_those_that_did_not() {
        let from = |losses: &[f64], exploited| -> Vec<Option<u64>> {
            let next = second_generation(losses, exploited, 3);
            next.into_iter().map(|(from, _)| from).collect()
        };
        let none = f64::NAN;
        assert_eq!(from(&[1.0, none, none, none], 0.5), [Some(0); 4]);
        assert_eq!(
            from(&[none, 5.0, none, f64::INFINITY, none], 0.1),
            [Some(1); 5]
        );
        // With nobody to go on from they begin anew.
        assert_eq!(from(&[none; 3], 0.2), [None; 3]);
        // Where nobody is to be replaced, nobody is.
        assert_eq!(from(&[1.0, none, 2.0], 0.0), [Some(0), Some(1), Some(2)]);
    }

    /// Where a number can go from `value`, without resampling.
    fn moves(domain: &str, value: f64) -> Vec<f64> {
        let config = PopulationConfig {
            resample: 0.0,
            ..Default::default()
        };
        let searcher = population(&format!("[(name: \"x\", domain: {domain})]"), config, 1);
        let space = searcher.history.space().clone();
        let mut configuration = trimtab_env::Settings::default();
        configuration.set("x", value);
        let point = space.encode(&configuration).unwrap();
        let mut found: Vec<f64> = (0..40)
            .map(|draw| {
                let mut rng = stream(1, "moves", draw);
                let moved = searcher.explore(&point, &mut rng).unwrap();
                space.decode(&moved).unwrap().number("x").unwrap()
            })
            .collect();
        found.sort_by(f64::total_cmp);
        found.dedup_by(|a, b| (*a - *b).abs() < 1e-9);
        found
    }

    #[test]
    fn counted_numbers_move_by_the_factor_and_by_one_step_at_least() {
        let integer = "Integer(low: 1, high: 1000)";
        assert_eq!(moves(integer, 500.0), [417.0, 600.0]);
        assert_eq!(moves(integer, 2.0), [1.0, 3.0]);
        assert_eq!(moves(integer, 1.0), [1.0, 2.0]);
        assert_eq!(moves(integer, 1000.0), [833.0, 1000.0]);
        assert_eq!(moves("Integer(low: -100, high: 100)", 0.0), [-1.0, 1.0]);
        assert_eq!(
            moves("Integer(low: -100, high: 100)", -60.0),
            [-72.0, -50.0]
        );
        assert_eq!(moves("Integer(low: 7, high: 7)", 7.0), [7.0]);
        assert_eq!(
            moves("Integer(low: 1, high: 4000000000, log: true)", 1.0),
            [1.0, 2.0]
        );
        assert_eq!(
            moves("Quantised(low: 0.5, high: 100.0, q: 0.5)", 60.0),
            [50.0, 72.0]
        );
    }

    #[test]
    fn lists_and_steps_move_as_in_ray_tune() {
        for case in ray()["explored_by_ray"].as_array().unwrap() {
            let domain = match case["mutation"].as_str().unwrap() {
                "[16,32,64]" => "Values([16.0, 32.0, 64.0])",
                "quniform(0,1,0.1)" => "Quantised(low: 0.0, high: 1.0, q: 0.1)",
                // Ray's integers may stay where they are, and its numbers leave the domain.
                _ => continue,
            };
            let wanted = case["without_resampling"].as_array().unwrap();
            let found = moves(domain, case["value"].as_f64().unwrap());
            assert_eq!(found.len(), wanted.len(), "{case}");
            for (found, wanted) in found.iter().zip(wanted) {
                assert!((found - wanted.as_f64().unwrap()).abs() < 1e-9, "{case}");
            }
        }
    }
}
