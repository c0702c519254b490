//! The learning-rate finder, and the schedule that follows it.

use super::schedule::{Schedule, scheduled};
use super::{Controller, Decision, Situation};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use trimtab_env::settings::LEARNING_RATE;
use trimtab_env::{Report, Settings};

/// Options of the range test (Smith 2017, "Cyclical learning rates for training neural networks"), as fastai and
/// Lightning have it: the learning rate rises exponentially over a short trial, which is stopped when the loss explodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RangeTestConfig {
    /// First learning rate; fastai's is 1e-7.
    pub lowest: f64,
    /// Last learning rate; fastai's is 10.
    pub highest: f64,
    /// Number of learning rates, each tried for an equal stretch.
    pub points: usize,
    /// Share of the budget that the whole trial may cost.
    pub share: f64,
    /// The trial counts as exploded where the loss is this many times the lowest before; 4 in both libraries.
    pub explosion: f64,
}

impl Default for RangeTestConfig {
    fn default() -> Self {
        Self {
            lowest: 1e-5,
            highest: 10.0,
            points: 30,
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

    /// The learning rates, rising exponentially.
    pub fn rates(&self) -> Vec<f64> {
        let last = self.points.max(2) - 1;
        (0..=last)
            .map(|i| self.lowest * (self.highest / self.lowest).powf(i as f64 / last as f64))
            .collect()
    }

    /// A tenth of the learning rate at which the smoothed loss is lowest before it explodes: fastai's suggestion `minimum`,
    /// the one of its four that a short trial cannot mislead. `None` if there are too few losses to tell. The smoothing is
    /// fastai's too: an exponential mean that forgets 2 % a point of a hundred, here of as many points as there are.
    pub fn suggestion(&self, rates: &[f64], losses: &[f64]) -> Option<f64> {
        let keep = 0.98f64.powf(100.0 / self.points.max(1) as f64);
        let (mut mean, mut weight) = (0.0, 0.0);
        let mut lowest: Option<(f64, f64)> = None;
        for (count, (loss, rate)) in losses.iter().zip(rates).enumerate() {
            mean = keep * mean + (1.0 - keep) * loss;
            weight = keep * weight + (1.0 - keep);
            let smooth = mean / weight;
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

/// A range test at the start, whose cost is spent, and then a schedule with the rate that it found as its peak.
#[derive(Clone, Debug)]
pub struct RangeTest {
    name: String,
    config: RangeTestConfig,
    schedule: Schedule,
    initial: Settings,
    found: Option<Found>,
}

/// What a range test saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The learning rates that were tried.
    pub rates: Vec<f64>,
    /// The mean training loss at each, up to the explosion.
    pub losses: Vec<f64>,
    /// What was chosen.
    pub learning_rate: f64,
    /// Share of the budget that was spent by then, and the rest of which the schedule fills.
    spent: f64,
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
            found: None,
        }
    }

    /// What the range test of the present run saw.
    pub fn found(&self) -> Option<&Found> {
        self.found.as_ref()
    }

    fn judge(&self, reports: &[Report], spent: f64) -> Found {
        let rates = self.config.rates();
        let losses: Vec<f64> = reports
            .iter()
            .map_while(|report| report.train.filter(|_| !report.diverged))
            .map(|train| train.mean)
            .collect();
        let suggestion = self.config.suggestion(&rates, &losses);
        Found {
            learning_rate: suggestion
                .or(self.initial.number(LEARNING_RATE).ok())
                .unwrap_or(self.config.lowest),
            rates: rates[..losses.len()].to_vec(),
            losses,
            spent,
        }
    }
}

impl Controller for RangeTest {
    fn name(&self) -> &str {
        &self.name
    }

    fn begin(&mut self, _seed: u64) {
        self.found = None;
    }

    fn decide(&mut self, situation: &Situation) -> Decision {
        if self.found.is_none() {
            match situation.trial {
                Some(reports) => self.found = Some(self.judge(reports, situation.spent)),
                None => {
                    let rates = self.config.rates();
                    let share = self.config.share / rates.len() as f64;
                    let stretch = |lr| (self.initial.clone().with(LEARNING_RATE, lr), share);
                    return Decision::Try(rates.into_iter().map(stretch).collect());
                }
            }
        }
        let mut peak = self.initial.clone();
        let mut f = situation.middle();
        if let Some(found) = &self.found {
            peak.set(LEARNING_RATE, found.learning_rate);
            f = (f - found.spent) / (1.0 - found.spent);
        }
        Decision::Set(scheduled(&self.schedule, &peak, f))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_the_rate_at_the_lowest_loss_before_the_explosion_is_taken() {
        let config = RangeTestConfig {
            lowest: 1e-4,
            highest: 1.0,
            points: 9,
            ..Default::default()
        };
        let rates = config.rates();
        assert!((rates[4] - 1e-2).abs() < 1e-12 && (rates[8] - 1.0).abs() < 1e-12);
        let losses = [2.3, 2.3, 2.25, 2.0, 1.2, 0.7, 0.65, 5.0, 40.0];
        let found = config.suggestion(&rates, &losses).unwrap();
        assert!((found - rates[6] / 10.0).abs() < 1e-12, "{found}");
        // After the explosion nothing counts, however low.
        let losses = [2.3, 2.2, 2.1, 2.0, 90.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(config.suggestion(&rates, &losses), Some(rates[3] / 10.0));
        assert_eq!(config.suggestion(&rates, &[2.3, 2.3, f64::NAN]), None);
    }
}
