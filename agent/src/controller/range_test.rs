//! The learning-rate finder, and the schedule that follows it.

use super::schedule::{Schedule, scheduled};
use super::{Controller, Decision, Situation};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use trimtab_env::settings::LEARNING_RATE;
use trimtab_env::{Report, Settings};

/// Options of the range test (Smith 2017, "Cyclical learning rates for training neural networks"), as fastai and
/// Lightning have it: the learning rate rises exponentially with every update of a short trial, and what counts is the
/// training loss up to where it explodes. Nothing is evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RangeTestConfig {
    /// First learning rate; fastai's is 1e-7.
    pub lowest: f64,
    /// Last learning rate; fastai's is 10.
    pub highest: f64,
    /// Number of learning rates, one update each; 100 in both libraries.
    pub points: usize,
    /// Share of the budget that the whole trial may cost; where it does not buy all the points, there are fewer.
    pub share: f64,
    /// The trial counts as exploded where the loss is this many times the lowest before; 4 in both libraries.
    pub explosion: f64,
}

impl Default for RangeTestConfig {
    fn default() -> Self {
        Self {
            lowest: 1e-5,
            highest: 10.0,
            points: 100,
            share: 0.1,
            explosion: 4.0,
        }
    }
}

impl RangeTestConfig {
    /// Checks every option.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first one out of range.
    pub fn validate(&self) -> Result<()> {
        let rising = self.lowest > 0.0 && self.lowest < self.highest && self.highest.is_finite();
        for (field, value, good, allowed) in [
            (
                "test.lowest",
                self.lowest,
                rising,
                "give a number above 0 and below `highest`",
            ),
            (
                "test.points",
                self.points as f64,
                self.points > 3,
                "give at least 4",
            ),
            (
                "test.share",
                self.share,
                self.share > 0.0 && self.share < 1.0,
                "give more than 0 and less than 1",
            ),
            (
                "test.explosion",
                self.explosion,
                self.explosion > 1.0,
                "give more than 1",
            ),
        ] {
            if !good {
                return Err(Error::config(field, value, allowed));
            }
        }
        Ok(())
    }

    /// So many learning rates, rising exponentially.
    pub fn rates(&self, points: usize) -> Vec<f64> {
        let last = points.max(2) - 1;
        (0..=last)
            .map(|i| self.lowest * (self.highest / self.lowest).powf(i as f64 / last as f64))
            .collect()
    }

    /// A tenth of the learning rate at which the smoothed loss is lowest before it explodes: fastai's suggestion `minimum`,
    /// the one of its four that a short trial cannot mislead. `None` if there are too few losses to tell. The smoothing is
    /// fastai's too, [`smoothed`].
    pub fn suggestion(&self, rates: &[f64], losses: &[f64]) -> Option<f64> {
        let mut lowest: Option<(f64, f64)> = None;
        let smooth = smoothed(losses, rates.len());
        for (count, (smooth, rate)) in smooth.into_iter().zip(rates).enumerate() {
            if !smooth.is_finite() || lowest.is_some_and(|(low, _)| smooth > self.explosion * low) {
                break;
            }
            if count > 0 && lowest.is_none_or(|(low, _)| smooth < low) {
                lowest = Some((smooth, *rate));
            }
        }
        lowest
            .filter(|_| losses.len() > 3)
            .map(|(_, rate)| rate / 10.0)
    }
}

/// The exponential mean of losses that forgets 2 % an update, if there are a hundred `points` as in fastai, and as much over
/// the whole test if there are fewer; its start at 0 is made up for.
pub fn smoothed(losses: &[f64], points: usize) -> Vec<f64> {
    let keep = 0.98f64.powf(100.0 / points.max(1) as f64);
    let (mut mean, mut weight) = (0.0, 0.0);
    losses
        .iter()
        .map(|loss| {
            mean = keep * mean + (1.0 - keep) * loss;
            weight = keep * weight + (1.0 - keep);
            mean / weight
        })
        .collect()
}

/// A range test at the start, whose cost is spent, and then a schedule with the rate that it found as its peak.
#[derive(Clone, Debug)]
pub struct RangeTest {
    name: String,
    config: RangeTestConfig,
    schedule: Schedule,
    initial: Settings,
    stage: Stage,
}

/// How far the range test of a run is.
#[derive(Clone, Debug)]
enum Stage {
    /// Nothing is done.
    Begun,
    /// One update, to see what share of the budget it costs; this much was spent before it.
    Priced(f64),
    /// These learning rates are tried.
    Trying(Vec<f64>),
    /// It is over.
    Over(Found),
}

/// What a range test saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The learning rates of the test, one an update.
    pub rates: Vec<f64>,
    /// The training losses that they had, fewer if one was not finite.
    pub losses: Vec<f64>,
    /// What was chosen.
    pub learning_rate: f64,
    /// Share of the budget that was spent by then, and the rest of which the schedule fills.
    pub spent: f64,
}

impl RangeTest {
    /// A range test under a name for tables. If it sees nothing, the learning rate of `initial` is the peak.
    pub fn new(
        name: impl Into<String>,
        config: RangeTestConfig,
        schedule: Schedule,
        initial: Settings,
    ) -> Self {
        Self {
            name: name.into(),
            config,
            schedule,
            initial,
            stage: Stage::Begun,
        }
    }

    /// How many learning rates the share pays if one update costs this share; the one that told so is among them.
    fn affordable(&self, update: f64) -> usize {
        let bought = (self.config.share / update.max(1e-9)).floor() as usize;
        bought.saturating_sub(1).clamp(4, self.config.points)
    }

    fn judge(&self, rates: &[f64], reports: &[Report], spent: f64) -> Found {
        let losses: Vec<f64> = reports
            .iter()
            .map_while(|report| report.train.filter(|_| !report.diverged))
            .map(|train| train.mean)
            .collect();
        let suggestion = self.config.suggestion(rates, &losses);
        Found {
            learning_rate: suggestion
                .or(self.initial.number(LEARNING_RATE).ok())
                .unwrap_or(self.config.lowest),
            rates: rates.to_vec(),
            losses,
            spent,
        }
    }

    fn try_out(&self, rates: &[f64]) -> Decision {
        let stretch = |lr: &f64| (self.initial.clone().with(LEARNING_RATE, *lr), 1);
        Decision::Try(rates.iter().map(stretch).collect())
    }
}

impl Controller for RangeTest {
    fn name(&self) -> &str {
        &self.name
    }

    fn begin(&mut self, _seed: u64) {
        self.stage = Stage::Begun;
    }

    fn range_test(&self) -> Option<&Found> {
        match &self.stage {
            Stage::Over(found) => Some(found),
            Stage::Begun | Stage::Priced(_) | Stage::Trying(_) => None,
        }
    }

    fn decide(&mut self, situation: &Situation) -> Decision {
        match &self.stage {
            Stage::Begun => {
                self.stage = Stage::Priced(situation.spent);
                self.try_out(&[self.config.lowest])
            }
            Stage::Priced(before) => {
                let rates = self.config.rates(self.affordable(situation.spent - before));
                let decision = self.try_out(&rates);
                self.stage = Stage::Trying(rates);
                decision
            }
            Stage::Trying(rates) => {
                let reports = situation.trial.unwrap_or_default();
                self.stage = Stage::Over(self.judge(rates, reports, situation.spent));
                self.decide(situation)
            }
            Stage::Over(found) => {
                let peak = self
                    .initial
                    .clone()
                    .with(LEARNING_RATE, found.learning_rate);
                let f = (situation.middle() - found.spent) / (1.0 - found.spent);
                Decision::Set(scheduled(&self.schedule, &peak, f))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trimtab_env::TuningEnv;
    use trimtab_env::suite::NoisyQuadratic;

    #[test]
    fn a_tenth_of_the_rate_at_the_lowest_loss_before_the_explosion_is_taken() {
        let config = RangeTestConfig {
            lowest: 1e-4,
            highest: 1.0,
            ..Default::default()
        };
        let rates = config.rates(9);
        assert!((rates[4] - 1e-2).abs() < 1e-12 && (rates[8] - 1.0).abs() < 1e-12);
        let losses = [2.3, 2.3, 2.25, 2.0, 1.2, 0.7, 0.65, 5.0, 40.0];
        let found = config.suggestion(&rates, &losses).unwrap();
        assert!((found - rates[6] / 10.0).abs() < 1e-12, "{found}");
        // After the explosion nothing counts, however low.
        let losses = [2.3, 2.2, 2.1, 2.0, 90.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(config.suggestion(&rates, &losses), Some(rates[3] / 10.0));
        assert_eq!(config.suggestion(&rates, &[2.3, 2.3, f64::NAN]), None);
    }

    #[test]
    fn it_costs_its_share_at_most_and_the_schedule_fills_the_rest() {
        // Ten epochs are 160 updates: a tenth of them is 16, the first of which tells the price.
        let mut environment = TuningEnv::new(
            vec![NoisyQuadratic::default().into()],
            NoisyQuadratic::tuning(),
        )
        .unwrap();
        for (share, points, wanted) in [(0.1, 100, 15), (0.5, 30, 30), (0.001, 100, 4)] {
            let config = RangeTestConfig {
                share,
                points,
                ..Default::default()
            };
            let initial = Settings::new(0.1, 64);
            let mut controller = RangeTest::new("range_test", config, Schedule::Constant, initial);
            super::super::run(&mut environment, &mut controller, 3).unwrap();
            let found = controller.range_test().unwrap();
            assert_eq!(found.rates.len(), wanted);
            assert!((found.spent - (wanted + 1) as f64 / 160.0).abs() < 1e-9);
            let made: u64 = environment
                .segments()
                .iter()
                .map(|s| s.report.updates)
                .sum();
            assert_eq!(made, 160 - wanted as u64 - 1);
        }
    }
}
