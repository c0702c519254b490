//! The learning-rate finder, and the schedule that follows it.

use super::schedule::{Schedule, scheduled};
use super::{Controller, Decision, Situation};
use serde::{Deserialize, Serialize};
use trimtab_env::settings::LEARNING_RATE;
use trimtab_env::{Report, Settings};

/// Options of the range test (Smith 2017, "Cyclical learning rates for training neural networks"), as fastai and
/// Lightning have it: the learning rate rises exponentially over a short trial, which is stopped when the loss explodes;
/// the rate where the loss falls most steeply is taken.
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
            lowest: 1e-6,
            highest: 10.0,
            points: 36,
            share: 0.1,
            explosion: 4.0,
        }
    }
}

impl RangeTestConfig {
    /// The learning rates, rising exponentially.
    pub fn rates(&self) -> Vec<f64> {
        let last = self.points.max(2) - 1;
        (0..=last)
            .map(|i| self.lowest * (self.highest / self.lowest).powf(i as f64 / last as f64))
            .collect()
    }

    /// The learning rate where the loss, smoothed over three points, falls most steeply along the logarithm of the rate,
    /// before it explodes. `None` if there are too few losses to tell.
    pub fn suggestion(&self, rates: &[f64], losses: &[f64]) -> Option<f64> {
        let mut best = f64::INFINITY;
        let usable = losses
            .iter()
            .take_while(|loss| {
                best = best.min(**loss);
                loss.is_finite() && **loss <= self.explosion * best
            })
            .count();
        let losses = &losses[..usable];
        if usable < 4 {
            return None;
        }
        let smooth = |i: usize| {
            let part = &losses[i.saturating_sub(1)..(i + 2).min(usable)];
            part.iter().sum::<f64>() / part.len() as f64
        };
        (1..usable - 1)
            .map(|i| (smooth(i + 1) - smooth(i - 1), rates[i]))
            .filter(|(slope, _)| *slope < 0.0)
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, rate)| rate)
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
    fn the_steepest_descent_before_the_explosion_is_taken() {
        let config = RangeTestConfig {
            lowest: 1e-4,
            highest: 1.0,
            points: 9,
            ..Default::default()
        };
        let rates = config.rates();
        assert!((rates[4] - 1e-2).abs() < 1e-12 && (rates[8] - 1.0).abs() < 1e-12);
        let losses = [2.3, 2.3, 2.25, 2.0, 1.2, 0.7, 0.65, 0.9, 40.0];
        let found = config.suggestion(&rates, &losses).unwrap();
        assert!((found - rates[4]).abs() < 1e-12, "{found}");
        // After the explosion nothing counts, however steep.
        let losses = [2.3, 2.2, 2.1, 2.0, 9.0, 0.0, 0.0, 0.0, 0.0];
        assert!(config.suggestion(&rates, &losses).unwrap() < rates[4]);
        assert_eq!(config.suggestion(&rates, &[2.3, 2.3, f64::NAN]), None);
        assert_eq!(config.suggestion(&rates, &[1.0, 1.1, 1.2, 1.3, 1.4]), None);
    }
}
