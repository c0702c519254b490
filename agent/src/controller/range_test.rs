//! The learning-rate finder, and the schedule that follows it.

use super::schedule::{Schedule, scheduled};
use super::{Controller, Decision, Situation};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use trimtab_env::settings::LEARNING_RATE;
use trimtab_env::{Report, Settings};

/// Options of the range test (Smith 2017, "Cyclical learning rates for training neural networks"): the learning rate rises
/// exponentially with every update of a short mock training, and what counts is the training loss up to where it explodes. Nothing is
/// evaluated. The test itself is that of fastai's and Lightning's finders; what it suggests is a rule of its own, close to one of
/// fastai's ([`RangeTestConfig::suggestion`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RangeTestConfig {
    /// First learning rate; fastai's is 1e-7.
    pub lowest: f64,
    /// Last learning rate; fastai's is 10.
    pub highest: f64,
    /// Number of learning rates, one update each; 100 in both libraries.
    pub points: usize,
    /// Share of the budget that the whole test may cost; where it does not buy all the points, there are fewer.
    pub share: f64,
    /// The test counts as exploded where the smoothed loss has risen from its lowest by this many times its fall to that point.
    /// Both libraries stop it at 4 times the lowest loss, which depends on any constant in the loss and means nothing for a loss
    /// below 0.
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
                (4..=1_000_000).contains(&self.points),
                "give 4 to 1,000,000",
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

    /// A tenth of the learning rate at which the smoothed loss is lowest before it explodes. A constant added to the losses changes
    /// nothing. `None` where the losses say nothing: they never fall below the level of the first tenth of the rates, as flat
    /// losses never do, or are not numbers before they could.
    ///
    /// fastai has this as its suggestion `minimum`, the one of its four that a short mock training cannot mislead, with the same smoothing
    /// ([`smoothed`]). It leaves out the first tenth and the last five points, whatever they are, and suggests the end of the first
    /// tenth for flat losses; here the last points count. Lightning suggests where the loss falls fastest.
    pub fn suggestion(&self, rates: &[f64], losses: &[f64]) -> Option<f64> {
        const ROUNDING: f64 = 1e-9;
        let begun = (rates.len() / 10).max(1);
        if losses.len() <= begun.max(3) {
            return None;
        }
        let smooth = smoothed(losses, rates.len());
        let level = smooth[begun - 1];
        let steps: Vec<f64> = losses
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).abs())
            .collect();
        let negligible = ROUNDING * level.abs().max(median(&steps));
        let (mut lowest, mut at) = (level, None);
        for (i, rate) in rates.iter().enumerate().take(losses.len()).skip(begun) {
            // The fall may be smaller than a loss varies from one minibatch to the next.
            let moved = (level - lowest).max(median(&steps[..i]));
            if !smooth[i].is_finite() || smooth[i] - lowest > self.explosion * moved + negligible {
                break;
            }
            if smooth[i] < lowest - negligible {
                (lowest, at) = (smooth[i], Some(*rate));
            }
        }
        at.map(|rate| rate / 10.0)
    }
}

/// The middle one of some numbers; 0 if there is none.
fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// The exponential moving average of losses, corrected for its start at 0. With a hundred `points` it forgets 2 % an update, as in
/// fastai; with fewer it forgets as much over the whole test.
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
    /// Whether the losses suggested it. If not, it is the rate that the training was to begin with.
    #[serde(default = "suggested")]
    pub suggested: bool,
    /// Share of the budget spent by then; the schedule fills the rest.
    pub spent: f64,
}

/// Records without this field are of tests that always suggested something.
fn suggested() -> bool {
    true
}

impl RangeTest {
    /// A range test under a name for tables. Where it suggests nothing, the learning rate of `initial` is the
    /// peak.
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

    /// How many learning rates the share buys if one update costs this share; the update that measured it uses up one of them.
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
            suggested: suggestion.is_some(),
            rates: rates.to_vec(),
            losses,
            spent,
        }
    }

    fn try_out(&self, rates: &[f64]) -> Decision {
        let stretch = |lr: &f64| (self.initial.clone().with(LEARNING_RATE, *lr), 1);
        Decision::LookAhead(rates.iter().map(stretch).collect())
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
                let reports = situation.look_ahead.unwrap_or_default();
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
    use crate::controller::schedule::tables::numbers;
    use proptest::prelude::*;
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

    /// The rates, losses and fixture lines of the tests of other libraries; see `fixtures/README.md`.
    fn peers() -> Vec<(Vec<f64>, Vec<f64>, serde_json::Value)> {
        include_str!("../../fixtures/range_tests.jsonl")
            .lines()
            .map(|line| {
                let case: serde_json::Value = serde_json::from_str(line).unwrap();
                let losses = numbers(&case["losses"]);
                let (lowest, ratio) = (case["lowest"].as_f64(), case["ratio"].as_f64());
                let rate = |i: usize| lowest.unwrap() * ratio.unwrap().powi(i as i32);
                ((0..losses.len()).map(rate).collect(), losses, case)
            })
            .collect()
    }

    #[test]
    fn suggestions_equal_fastai_but_where_the_docs_say_so() {
        let config = RangeTestConfig::default();
        let mut equal = 0;
        for (rates, losses, case) in peers() {
            let smooth = smoothed(&losses, 100);
            for (i, theirs) in numbers(&case["smoothed_every_tenth"]).iter().enumerate() {
                let ours = smooth[10 * i];
                assert!(
                    (ours - theirs).abs() < 1e-6 * theirs.abs().max(1.0),
                    "{ours} {theirs}"
                );
            }
            let ours = config.suggestion(&rates, &losses);
            let fastai = case["minimum_of_fastai"].as_f64().unwrap();
            let curve = case["curve"].as_str().unwrap();
            let last = rates[rates.len() - 1];
            match curve {
                // Nothing falls.
                "flat" | "only rises" => assert_eq!(ours, None),
                // fastai leaves out the last five points, where it is lowest.
                "never explodes" => assert!((ours.unwrap() - last / 10.0).abs() < 1e-6),
                "lightning MLP, SGD 0.9" => assert!(ours.unwrap() > fastai),
                _ => {
                    assert!(
                        (ours.unwrap() / fastai - 1.0).abs() < 1e-5,
                        "{curve}: {ours:?}"
                    );
                    equal += 1;
                }
            }
        }
        assert_eq!(equal, 4);
    }

    #[test]
    fn where_the_losses_say_nothing_nothing_is_suggested() {
        let config = RangeTestConfig::default();
        let rates = config.rates(100);
        for losses in [
            vec![2.3; 100],
            vec![0.1; 100],
            vec![-2.3; 100],
            vec![0.0; 100],
            // Not numbers from early on.
            [vec![2.3, 2.2, 2.1, 2.0, 1.9], vec![f64::NAN; 95]].concat(),
            vec![f64::NAN; 100],
            (0..100).map(f64::from).collect(),
        ] {
            assert_eq!(config.suggestion(&rates, &losses), None, "{losses:?}");
        }
        // The peak is then what the training was to begin with.
        let test = RangeTest::new("x", config, Schedule::Constant, Settings::new(0.02, 8));
        let found = test.judge(&rates, &[], 0.1);
        assert!(!found.suggested && found.learning_rate == 0.02);
    }

    /// Losses of the fixtures plus a constant, and times a factor.
    #[test]
    fn a_constant_added_to_the_losses_changes_no_suggestion() {
        let config = RangeTestConfig::default();
        for (rates, losses, case) in peers() {
            let plain = config.suggestion(&rates, &losses);
            for (factor, constant) in [
                (1.0, -2.5),
                (1.0, -1000.0),
                (1.0, 1e4),
                (1e-6, 0.0),
                (1e6, -3e6),
            ] {
                let other: Vec<f64> = losses.iter().map(|x| factor * x + constant).collect();
                let found = config.suggestion(&rates, &other);
                assert_eq!(found, plain, "{} {factor} {constant}", case["curve"]);
            }
        }
    }

    proptest! {
        /// Eighths are added without rounding.
        #[test]
        fn no_constant_decides(
            eighths in proptest::collection::vec(-800..800i32, 4..60),
            constant in -1000..1000i32,
        ) {
            let config = RangeTestConfig::default();
            let losses: Vec<f64> = eighths.iter().map(|x| f64::from(*x) / 8.0).collect();
            let rates = config.rates(losses.len());
            let moved: Vec<f64> = losses.iter().map(|x| x + f64::from(constant)).collect();
            let (plain, other) = (config.suggestion(&rates, &losses), config.suggestion(&rates, &moved));
            prop_assert_eq!(plain, other);
        }
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
