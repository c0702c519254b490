//! What the agent sees of a training: scale-free features of the reports so far.

use crate::error::bounds::check_count;
use crate::files::renamed;
use crate::servo::context_servo::Context;
use crate::tuning::knob::Position;
use crate::tuning::settings::{BATCH_SIZE, LEARNING_RATE, PRUNE};
use crate::{Error, Feature, Knob, Moves, Report, Result, Servo, Value};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Which features an observation has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ObservationConfig {
    /// Names of the features that are seen; empty for all.
    #[serde(deserialize_with = "renamed::features")]
    pub only: Vec<String>,
    /// Names of features that are left out, for ablations.
    #[serde(deserialize_with = "renamed::features")]
    pub without: Vec<String>,
    /// Every feature is clipped to this absolute value.
    pub clip: f32,
    /// How many moments are seen, the present one first: all features but those of the context come for each. Moments before the
    /// start repeat the first one, as in Gymnasium's `FrameStackObservation`.
    pub history: usize,
}

/// The longest history: more moments than a training has segments.
const MOST_MOMENTS: usize = 1000;

impl Default for ObservationConfig {
    fn default() -> Self {
        Self {
            only: Vec::new(),
            without: Vec::new(),
            clip: 3.0,
            history: 1,
        }
    }
}

impl ObservationConfig {
    /// Whether a feature is seen that needs gradients.
    pub fn sees_gradients(&self) -> bool {
        let mut moments = 0..self.history;
        moments.any(|ago| {
            GRADIENT_FEATURES
                .iter()
                .any(|name| self.sees(&at(name, ago)))
        })
    }

    fn sees(&self, name: &String) -> bool {
        (self.only.is_empty() || self.only.contains(name)) && !self.without.contains(name)
    }
}

/// The features that every training has, in their order. Knobs add one each, `<knob>_position`; that of `prune` is how much of
/// the network is left. What was seen `k` moments ago
/// is called `<feature>_<k>_ago`. A base controller adds [`TRAIN_LOSS_RISEN`] and the features of the [`Context`].
pub const FEATURES: [&str; 21] = [
    "update_ratio",
    "gradient_signal_to_noise",
    "noise_scale",
    "gradient_variance",
    "gradient_cosine",
    "straightness",
    "gradient_norm_change",
    "train_loss_change",
    "train_loss_slope",
    "train_loss_noise",
    "validation_change",
    "validation_to_best",
    "validation_change_three",
    "generalisation_gap",
    "progress",
    "learning_rate_moved",
    "utilisation",
    "budget_left",
    "short_segment",
    "diverged",
    "since_improvement",
];

/// The features that need gradients of single updates, and cost what it costs to look at them.
pub const GRADIENT_FEATURES: [&str; 6] = [
    "gradient_signal_to_noise",
    "noise_scale",
    "gradient_variance",
    "gradient_cosine",
    "straightness",
    "gradient_norm_change",
];

/// Natural logarithm of the training loss in the second half of the segment relative to the lowest that a segment had. It shows
/// that the data have changed, for as long as they stay so.
pub const TRAIN_LOSS_RISEN: &str = "train_loss_risen";

/// What the encoder knows beside the reports.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// The knobs, in the order of the heads.
    pub knobs: &'a [Knob],
    /// Their positions.
    pub positions: &'a [Position],
    /// Share of the budget that is left, 1 at the start.
    pub budget_left: f64,
    /// Whether the next segment is a short one.
    pub short_segment: bool,
    /// What was known of the training beforehand; its features come last where the process has a base controller.
    pub context: Option<&'a Context>,
}

/// Turns the history of reports into features.
#[derive(Clone, Debug)]
pub struct Encoder {
    config: ObservationConfig,
    kept: Vec<bool>,
    base_controller: bool,
    /// What was seen of moments before, the last first.
    before: VecDeque<Vec<f64>>,
    validations: Vec<f64>,
    best: f64,
    /// The lowest training loss.
    lowest: f64,
    since_improvement: usize,
    first_variance: Option<f64>,
    previous: Option<Report>,
    last: Option<Report>,
    first_learning_rate: Option<f64>,
    /// The lowest value that the loss can take.
    floor: f64,
}

impl Encoder {
    /// An encoder for these knobs, with the features that a base controller adds if there is one.
    ///
    /// # Errors
    /// [`Error::Config`] if a name in `only` or `without` is no feature (the message lists them), none is left, the history is 0 or
    /// nothing of it is seen, or the clip is not positive.
    pub fn new(config: ObservationConfig, knobs: &[Knob], base_controller: bool) -> Result<Self> {
        check_count("history", config.history, 1..=MOST_MOMENTS)?;
        let names = names(knobs, config.history, base_controller);
        for (field, list) in [("only", &config.only), ("without", &config.without)] {
            if let Some(unknown) = list.iter().find(|name| !names.contains(name)) {
                let allowed = format!("the features are {}", names.join(", "));
                return Err(Error::config(field, unknown, allowed));
            }
        }
        if !(config.clip.is_finite() && config.clip > 0.0) {
            return Err(Error::config(
                "clip",
                config.clip,
                "give a finite number above 0",
            ));
        }
        let kept: Vec<bool> = names.iter().map(|name| config.sees(name)).collect();
        if !kept.contains(&true) {
            return Err(Error::config(
                "without",
                "every feature",
                "leave at least one",
            ));
        }
        let before: Vec<bool> = (1..config.history)
            .flat_map(|ago| present(knobs).into_iter().map(move |name| at(&name, ago)))
            .map(|name| config.sees(&name))
            .collect();
        if config.history > 1 && !before.contains(&true) {
            let allowed =
                "nothing of before is seen: name some of it, such as `progress_1_ago`, or give 1";
            return Err(Error::config("history", config.history, allowed));
        }
        Ok(Self {
            kept,
            base_controller,
            config,
            before: VecDeque::new(),
            validations: Vec::new(),
            best: f64::INFINITY,
            lowest: f64::INFINITY,
            since_improvement: 0,
            first_variance: None,
            previous: None,
            last: None,
            first_learning_rate: None,
            floor: 0.0,
        })
    }

    /// The features of the specification.
    pub fn features(&self, knobs: &[Knob]) -> Vec<Feature> {
        let clip = self.config.clip;
        names(knobs, self.config.history, self.base_controller)
            .into_iter()
            .zip(&self.kept)
            .filter(|(_, kept)| **kept)
            .map(|(name, _)| Feature::new(name, -clip, clip))
            .collect()
    }

    /// Forgets everything and takes the report before any update, of a training whose loss can be as low as `lowest`.
    pub fn start(&mut self, report: &Report, lowest: f64) {
        self.floor = lowest;
        self.before.clear();
        self.validations.clear();
        self.best = f64::INFINITY;
        self.lowest = f64::INFINITY;
        self.since_improvement = 0;
        self.first_variance = None;
        self.previous = None;
        self.last = None;
        self.first_learning_rate = None;
        self.record(report);
    }

    /// Takes the report of a segment.
    pub fn record(&mut self, report: &Report) {
        let report = &report.clone().above(self.floor);
        if let Some(validation) = &report.validation {
            if validation.loss < self.best {
                self.best = validation.loss;
                self.since_improvement = 0;
            } else {
                self.since_improvement += 1;
            }
            self.validations.push(validation.loss);
        } else {
            self.since_improvement += 1;
        }
        if let Some(train) = &report.train {
            self.lowest = self.lowest.min(train.mean);
        }
        if self.first_variance.is_none() {
            self.first_variance = report
                .gradients
                .and_then(|gradients| gradients.variance())
                .filter(|variance| *variance > 0.0);
        }
        self.previous = self.last.replace(report.clone());
    }

    /// The features now, which are remembered. Every one of them is finite and within the clip, whatever the reports say.
    pub fn encode(&mut self, moment: &Moment) -> Vec<f32> {
        let report = self.last.clone().unwrap_or_default();
        let gradients = report.gradients;
        let signal_to_noise = gradients.and_then(|g| g.signal_to_noise());
        let norm = |report: &Option<Report>| {
            report
                .as_ref()
                .and_then(|report| report.gradients)
                .map(|gradients| gradients.mean_square_norm.sqrt())
        };
        let train = |report: &Option<Report>| report.as_ref().and_then(|report| report.train);
        let validation = |back: usize| {
            let index = self.validations.len().checked_sub(1 + back)?;
            self.validations.get(index).copied()
        };
        let now = validation(0);
        let lr = moment
            .knobs
            .iter()
            .zip(moment.positions)
            .find(|(knob, _)| knob.name == LEARNING_RATE)
            .and_then(|(_, position)| match position.value {
                Value::Number(number) => Some(number),
                Value::Category(_) => None,
            });
        let first_lr = *self.first_learning_rate.get_or_insert(lr.unwrap_or(1.0));

        // An absent quantity is encoded as 0, the middle of every feature's range.
        let value = |x: Option<f64>| x.unwrap_or(0.0);
        let mut all = vec![
            value(gradients.map(|g| g.update_ratio.log10() + 2.5)),
            value(signal_to_noise.map(|r| r.log10() + 1.5)),
            value(
                gradients
                    .and_then(|g| g.noise_scale())
                    .map(|s| (s + 1.0).log10() - 2.5),
            ),
            value(
                gradients
                    .and_then(|g| g.variance())
                    .and_then(|variance| log_ratio(Some(variance), self.first_variance))
                    .map(|x| x / std::f64::consts::LN_10),
            ),
            value(gradients.and_then(|g| g.cosine).map(|cosine| 4.0 * cosine)),
            value(gradients.map(|g| 3.0 * (g.straightness - 0.4))),
            value(log_ratio(norm(&self.last), norm(&self.previous))),
            5.0 * value(log_ratio(
                train(&self.last).map(|loss| loss.mean),
                train(&self.previous).map(|loss| loss.mean),
            )),
            5.0 * value(
                train(&self.last)
                    .and_then(|loss| log_ratio(Some(loss.second_half), Some(loss.first_half))),
            ),
            value(train(&self.last).and_then(|loss| {
                log_ratio(Some(loss.deviation), Some(loss.mean)).map(|x| x + 1.5)
            })),
            5.0 * value(log_ratio(now, validation(1))),
            5.0 * value(log_ratio(now, Some(self.best))),
            2.0 * value(log_ratio(now, validation(3))),
            value(log_ratio(now, train(&self.last).map(|loss| loss.mean))),
            -value(log_ratio(
                Some(self.best),
                self.validations.first().copied(),
            )) - 1.0,
            value(log_ratio(lr, Some(first_lr))) / std::f64::consts::LN_10,
            2.0 * report.utilisation - 1.0,
            2.0 * moment.budget_left - 1.0,
            if moment.short_segment { 1.0 } else { 0.0 },
            if report.diverged { 1.0 } else { 0.0 },
            self.since_improvement as f64 / 3.0 - 1.0,
        ];
        all.extend(
            moment
                .knobs
                .iter()
                .zip(moment.positions)
                .map(|(knob, position)| {
                    match (&knob.moves, &position.value) {
                        // The absolute learning rate says nothing that transfers from one training to another.
                        (
                            Moves::Servo(Servo { max_offset, .. })
                            | Moves::Residual { max_offset, .. },
                            _,
                        ) => 2.0 * position.offset / max_offset,
                        (_, Value::Number(size)) if knob.name == BATCH_SIZE => {
                            (size / 64.0).log2() / 2.0
                        }
                        // What is left says more than what was last asked for.
                        (_, value) if knob.name == PRUNE => {
                            let pruned = report.pruned.as_ref();
                            pruned.map_or(2.0 * knob.domain.position(value), |pruned| {
                                2.0 * pruned.left - 1.0
                            })
                        }
                        (_, value) => 2.0 * knob.domain.position(value),
                    }
                }),
        );
        let now = all.clone();
        for ago in 0..self.config.history - 1 {
            all.extend(self.before.get(ago).or(self.before.back()).unwrap_or(&now));
        }
        self.before.push_front(now);
        self.before.truncate(self.config.history - 1);
        if self.base_controller {
            let risen = train(&self.last).map(|loss| loss.second_half);
            all.push(value(log_ratio(risen, Some(self.lowest))));
            let absent = [0.0; Context::FEATURES.len()];
            all.extend(moment.context.map_or(absent, Context::features));
        }
        let clip = self.config.clip;
        all.into_iter()
            .zip(&self.kept)
            .filter(|(_, kept)| **kept)
            .map(|(x, _)| clipped(x, clip))
            .collect()
    }
}

/// `ln(a / b)` where both exist and are positive; an infinite or absent partner gives `None`.
fn log_ratio(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    let ratio = a? / b?;
    (ratio.is_finite() && ratio > 0.0).then(|| ratio.ln())
}

fn clipped(x: f64, clip: f32) -> f32 {
    if x.is_nan() {
        0.0
    } else {
        (x as f32).clamp(-clip, clip)
    }
}

/// What a feature is called that was seen so many moments ago.
fn at(name: &str, ago: usize) -> String {
    match ago {
        0 => name.to_owned(),
        _ => format!("{name}_{ago}_ago"),
    }
}

/// The features of the present moment that come again for those before.
fn present(knobs: &[Knob]) -> Vec<String> {
    let positions = knobs.iter().map(|knob| format!("{}_position", knob.name));
    let features = FEATURES.iter().map(|name| (*name).to_owned());
    features.chain(positions).collect()
}

fn names(knobs: &[Knob], history: usize, base_controller: bool) -> Vec<String> {
    let with_base_controller = std::iter::once(TRAIN_LOSS_RISEN).chain(Context::FEATURES);
    let with_base_controller = with_base_controller.filter(|_| base_controller);
    let now = present(knobs);
    let before = (1..history).flat_map(|ago| now.iter().map(move |name| at(name, ago)));
    now.iter()
        .cloned()
        .chain(before)
        .chain(with_base_controller.map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests;
