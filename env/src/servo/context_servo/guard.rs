//! What keeps a servo to learning rates that were seen to work.
//!
//! Where units die, or a loss vanishes, gradients vanish, updates shrink, and a servo that holds their size raises the rate without
//! end, which kills the rest. The size of the updates cannot tell that from a plateau; the validation loss can.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// Keeps the learning rate to what was seen to work:
///
/// ```text
/// lr <= rise lr'       lr': the rate of the segment that ended at the best validation so far
/// lr <= climb lr_0     lr_0: that of the first segment, which the start probe found
/// lr <= ceiling        with an adaptive optimiser
/// (1 + rho*)^L - 1 <= largest_change      L: layers of weights, 2 to 5
/// ```
///
/// so that the rate does not go on rising unless the validation loss improves, and does not begin too high either: the set-point rises
/// as updates get fewer, beyond what any fit has seen, and the first updates of a short training would undo the initial weights. The
/// left side of the last line bounds by which part of itself the output of a perceptron changes if each layer of weights changes by `rho*`
/// of its size: the *deep relative trust* of Bernstein et al. 2020, "On the distance between two neural networks and the stability of
/// learning".
///
/// Once the validation loss has been higher than its
/// best for more than the share `patience` of the budget, the best weights come back, with `retreat` times `lr'`, and with
/// `retreat` times the set-point until the validation loss is better than ever: delayed classes look like a training that goes
/// wrong, until they are there. Where both losses rise above that of the first update, they come back at once, up to
/// `backtracks` times, and the set-point is `backtrack` times as large from then on: updates of this size ruin this network. This
/// is in the first quarter of the budget, and until the loss has been halved: later it is the data that spoil the weights. A validation
/// loss that rose alone is no such sign, nor is any after it.
///
/// On the eight sets on which nothing was fitted no rate was ever 10 times the first, and the defaults leave the final loss where
/// it was (-0.013 in validation, -0.001 in test, mean log ratios of 384 trainings). On noisy tables of 3,000 to 20,000 rows they
/// keep the rate below 0.25, where it went to 39 before. Rises of 2 to 4 differ by less than the seeds do; a patience below a
/// quarter gives up on trainings that would still have come down.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Guard {
    /// How many times the rate of the best segment the rate may be; 0 for any number of times.
    pub rise: f64,
    /// How many times the rate of the first segment it may be; 0 for any number of times.
    pub climb: f64,
    /// The highest rate of an optimiser that moves each weight by about its rate, as Adam does; 0 for none. Weights that learn
    /// something are below 1 nearly everywhere: a tenth moves them by too much, however small the measured updates are because most
    /// units are dead. A rate in another unit, as Prodigy's is, has no ceiling.
    pub ceiling: f64,
    /// Which part of what the network computes an update is to change at most, however few updates there are; 0 for no bound. 0.6 is
    /// a set-point of 0.26 for one hidden layer, of 0.17 for two and of 0.10 for four.
    pub largest_change: f64,
    /// The share of the budget for which the validation loss may stay higher than its best; 0 for all of it.
    pub patience: f64,
    /// Factor on the rate when the best weights come back, and on the set-point until the validation loss is better than then.
    pub retreat: f64,
    /// How many times the best weights come back at once because training and validation loss rose above the loss of the first
    /// update; 0 for never. It is never where weights are those of an earlier training.
    pub backtracks: u32,
    /// Factor on the set-point after each of these, for good.
    pub backtrack: f64,
}

/// The layers of weights between which one more makes the largest set-point smaller. Beyond, they come in blocks whose inputs are added to
/// their outputs, so that a change is not multiplied by each.
const LAYERS: (f64, f64) = (2.0, 5.0);

impl Default for Guard {
    fn default() -> Self {
        Self {
            rise: 3.0,
            climb: 30.0,
            ceiling: 0.1,
            largest_change: 0.6,
            patience: 0.25,
            retreat: 0.25,
            backtracks: 2,
            backtrack: 0.7,
        }
    }
}

impl Guard {
    /// No guard at all.
    pub const OFF: Self = Self {
        rise: 0.0,
        climb: 0.0,
        ceiling: 0.0,
        largest_change: 0.0,
        patience: 0.0,
        retreat: 1.0,
        backtracks: 0,
        backtrack: 1.0,
    };

    /// Checks every number.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first that is out of range.
    pub fn validate(&self) -> Result<()> {
        for (field, times) in [("rise", self.rise), ("climb", self.climb)] {
            if !(times == 0.0 || times.is_finite() && times >= 1.0) {
                let allowed = "give a finite number from 1, or 0 for no bound";
                return Err(Error::config(field, times, allowed));
            }
        }
        for (field, most) in [
            ("ceiling", self.ceiling),
            ("largest_change", self.largest_change),
        ] {
            if !(most.is_finite() && most >= 0.0) {
                let allowed = "give a finite number above 0, or 0 for no bound";
                return Err(Error::config(field, most, allowed));
            }
        }
        if !(0.0..=1.0).contains(&self.patience) {
            let allowed = "give a share from 0 to 1; 0 never goes back";
            return Err(Error::config("patience", self.patience, allowed));
        }
        for (field, factor) in [("retreat", self.retreat), ("backtrack", self.backtrack)] {
            if !(factor > 0.0 && factor <= 1.0) {
                let allowed = "give a number above 0 and at most 1";
                return Err(Error::config(field, factor, allowed));
            }
        }
        Ok(())
    }

    /// The set-point that is wanted, or the largest there may be for so many layers of weights.
    pub(super) fn set_point(&self, wanted: f64, layers: f64) -> f64 {
        let layers = layers.clamp(LAYERS.0, LAYERS.1);
        let largest = (1.0 + self.largest_change).powf(1.0 / layers) - 1.0;
        at_most(largest, wanted)
    }
}

/// The number, or the bound if that is less; 0 is no bound.
fn at_most(bound: f64, number: f64) -> f64 {
    if bound > 0.0 {
        number.min(bound)
    } else {
        number
    }
}

/// The share of the budget in which updates that are too large show: later, what spoils the weights is in the data.
const START: f64 = 0.25;

/// An adaptive optimiser moves each weight by about its rate: rate over size of the updates is about the size of a weight, and many
/// times that if most gradients are 0. Above this the rate is in another unit.
const OTHER_UNIT: f64 = 1e3;

/// A [`Guard`] at work on one training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Watch {
    /// The rate of the first segment.
    first: Option<f64>,
    /// The rate of the best segment, at first that of the first.
    worked: Option<f64>,
    /// Rate over size of the updates, where it was first measured, of an adaptive optimiser.
    weight: Option<f64>,
    /// The best validation loss so far.
    best: Option<f64>,
    /// The share of the budget where it was, or where the best weights last came back.
    since: f64,
    /// The share of the budget of the present segment.
    now: f64,
    /// Whether the last validation loss was higher than the best.
    above: bool,
    /// How many times the best weights came back since the validation loss was best.
    retreats: i32,
    /// Whether the last validation loss was higher than the loss of the first update.
    above_first: bool,
    /// Whether it was and the training loss was not: then validation rows have what training rows do not have, or not yet, such as a class.
    apart: bool,
    /// Whether a validation loss was below half of it: what spoils the weights then is in the data, such as labels that turn to noise.
    learned: bool,
    /// Whether both became higher, so that the best weights are to come back at once.
    ruined: bool,
    /// How many times they did.
    backtracks: u32,
}

impl Watch {
    /// Whether a segment that begins around the share `f` of the budget is to begin at the best weights.
    pub(super) fn goes_back(&mut self, guard: &Guard, f: f64) -> bool {
        self.now = f;
        if std::mem::take(&mut self.ruined) {
            self.backtracks += 1;
            self.returned();
            return true;
        }
        let late = guard.patience > 0.0 && f - self.since > guard.patience;
        if !(self.above && late) {
            return false;
        }
        self.retreats += 1;
        self.returned();
        true
    }

    /// The network has become another, whose losses are not to be compared with those before.
    pub(super) fn other_network(&mut self) {
        self.best = None;
        self.above = false;
    }

    /// The best weights have come back, whoever brought them.
    pub(super) fn returned(&mut self) {
        self.since = self.now;
        self.above = false;
    }

    /// The factor on the set-point.
    pub(super) fn caution(&self, guard: &Guard) -> f64 {
        guard.retreat.powi(self.retreats) * guard.backtrack.powi(self.backtracks as i32)
    }

    /// Takes the training loss of a segment, the validation loss if it had one, and the loss of the first update of all.
    pub(super) fn compare(
        &mut self,
        guard: &Guard,
        first: f64,
        train: Option<f64>,
        validation: Option<f64>,
    ) {
        let before = self.above_first;
        self.apart |= before && train.is_some_and(|loss| loss <= first);
        self.above_first = validation.map_or(before, |loss| loss > first);
        self.learned |= validation.is_some_and(|loss| loss < 0.5 * first);
        // The losses of a segment are from before its last update, so the validation may have been the one before.
        let above = before || self.above_first;
        let at_the_start = self.now < START && !self.learned && !self.apart;
        let more = at_the_start && self.backtracks < guard.backtracks;
        self.ruined = more && above && train.is_some_and(|loss| loss > first);
    }

    /// The rate of a segment that begins at the best weights again, where the rate was `lr` before.
    pub(super) fn retreated(&self, guard: &Guard, lr: f64) -> f64 {
        guard.retreat * self.worked.map_or(lr, |worked| worked.min(lr))
    }

    /// Takes rate over size of an update of an adaptive optimiser.
    pub(super) fn measured(&mut self, weight: f64) {
        self.weight.get_or_insert(weight);
    }

    /// The rate of the next segment, which would be `lr` without the guard.
    pub(super) fn bounded(&mut self, guard: &Guard, lr: f64) -> f64 {
        let first = *self.first.get_or_insert(lr);
        let worked = *self.worked.get_or_insert(lr);
        let per_weight = self.weight.is_some_and(|weight| weight < OTHER_UNIT);
        let ceiling = if per_weight { guard.ceiling } else { 0.0 };
        let bounds = [guard.rise * worked, guard.climb * first, ceiling];
        bounds.into_iter().fold(lr, |lr, bound| at_most(bound, lr))
    }

    /// Takes the validation loss of a segment, if it had one, and its rate `lr`, if that was the servo's.
    pub(super) fn record(&mut self, lr: Option<f64>, loss: Option<f64>) {
        let Some(loss) = loss else {
            return;
        };
        self.above = self.best.is_some_and(|best| loss >= best);
        if !self.above {
            self.best = Some(loss);
            self.retreats = 0;
            self.worked = lr.or(self.worked);
            self.since = self.now;
        }
    }
}
