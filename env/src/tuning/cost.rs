//! What training spends.

use crate::{Cost, Error, Result, tuning::interruption};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// How cost is counted. Either way its unit is the second and it is counted in the same places: every update and
/// every evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum CostModel {
    /// From a formula, so that the same run has the same cost on any machine and under any load.
    Modelled(UpdateTime),
    /// From the wall clock. Records of two runs are then no longer the same bits.
    Measured,
}

impl Default for CostModel {
    fn default() -> Self {
        Self::Modelled(UpdateTime::default())
    }
}

/// The time of one update as a function of the batch size `b`: `per_update + per_example * b`.
///
/// This affine form is close to what small networks show on a CPU, where the fixed part is worth about 70 examples;
/// it is the trade that a batch-size decision makes: large batches are cheaper an example and make fewer updates.
/// The `calibrate` binary fits it on the machine at hand.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateTime {
    /// Seconds of an update apart from its examples: dispatch, allocation, the optimiser's step.
    pub per_update: f64,
    /// Seconds an example of the batch adds: forward and backward.
    pub per_example: f64,
    /// Seconds an example of an evaluation costs: forward only.
    pub per_evaluation: f64,
}

impl Default for UpdateTime {
    /// An MLP 64-64-64-10 on one core: 70 microseconds and one more for every example, a third of that in evaluation.
    fn default() -> Self {
        Self {
            per_update: 70e-6,
            per_example: 1e-6,
            per_evaluation: 0.33e-6,
        }
    }
}

impl UpdateTime {
    /// Seconds of one update with `batch_size` examples.
    pub fn update(&self, batch_size: usize) -> Cost {
        self.per_update + self.per_example * batch_size as f64
    }

    /// Seconds of evaluating `rows` examples.
    pub fn evaluation(&self, rows: usize) -> Cost {
        self.per_evaluation * rows as f64
    }

    /// The same for a network of which the share `operations` of the multiplications and additions of an example is left. What an update
    /// costs apart from its examples stays.
    pub fn scaled(&self, operations: f64) -> Self {
        Self {
            per_update: self.per_update,
            per_example: self.per_example * operations,
            per_evaluation: self.per_evaluation * operations,
        }
    }

    /// Throughput at `batch_size` relative to the throughput of endless batches, between 0 and 1.
    pub fn utilisation(&self, batch_size: usize) -> f64 {
        let useful = self.per_example * batch_size as f64;
        useful / (self.per_update + useful)
    }

    /// Checks that the times are not negative, that an update costs something, and that no budget of theirs is infinite.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field.
    pub fn validate(&self) -> Result<()> {
        /// The largest time: times all rows and epochs that there can be it is still a number.
        const MOST: f64 = 1e12;
        /// The smallest time of an update: of less, a budget would hold more updates than anyone can wait for.
        const LEAST: f64 = 1e-12;
        for (field, value) in [
            ("per_update", self.per_update),
            ("per_example", self.per_example),
            ("per_evaluation", self.per_evaluation),
        ] {
            if !(0.0..=MOST).contains(&value) {
                let allowed = format!("give seconds, at least 0 and at most {MOST:e}");
                return Err(Error::config(field, format!("{value:?}"), allowed));
            }
        }
        if self.update(1) < LEAST {
            let allowed = format!(
                "per_update + per_example must be at least {LEAST:e}, or training would cost nothing"
            );
            return Err(Error::config("per_update", self.per_update, allowed));
        }
        Ok(())
    }

    /// Fits the two training coefficients to measured `(batch size, seconds an update)` pairs by least squares on
    /// the *relative* error, so that small batches count as much as large ones.
    ///
    /// # Errors
    /// [`Error::Config`] with fewer than two different batch sizes, or times that are not positive.
    pub fn fit(measured: &[(usize, f64)], per_evaluation: f64) -> Result<Self> {
        if let Some((size, seconds)) = measured
            .iter()
            .find(|(size, seconds)| *size == 0 || !seconds.is_finite() || *seconds <= 0.0)
        {
            return Err(Error::config(
                "measured",
                format!("({size}, {seconds})"),
                "give batch sizes of at least 1 with positive times",
            ));
        }
        // Minimise sum (a u + c v - 1)^2 with u = 1/t, v = b/t: the normal equations of two unknowns.
        let (mut uu, mut uv, mut vv, mut u1, mut v1) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (size, seconds) in measured {
            let (u, v) = (1.0 / seconds, *size as f64 / seconds);
            uu += u * u;
            uv += u * v;
            vv += v * v;
            u1 += u;
            v1 += v;
        }
        let determinant = uu * vv - uv * uv;
        if measured.len() < 2 || determinant <= 1e-12 * uu * vv {
            return Err(Error::config(
                "measured",
                format!("{} points", measured.len()),
                "give at least two different batch sizes",
            ));
        }
        let per_update = (u1 * vv - v1 * uv) / determinant;
        let per_example = (v1 * uu - u1 * uv) / determinant;
        Ok(Self {
            per_update: per_update.max(0.0),
            per_example: per_example.max(0.0),
            per_evaluation,
        })
    }
}

/// Adds up the cost of a segment, by formula or by clock; trainees report what it says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Meter {
    /// That of the whole network.
    whole: CostModel,
    model: CostModel,
    spent: Cost,
    #[serde(skip, default = "Instant::now")]
    since: Instant,
    examples: usize,
    best_throughput: f64,
    /// What an example of an update costs, relative to the model's.
    relative: f64,
}

impl Meter {
    /// A meter that stands at zero.
    pub fn new(model: CostModel) -> Self {
        Self {
            whole: model,
            model,
            spent: 0.0,
            since: Instant::now(),
            examples: 0,
            best_throughput: 0.0,
            relative: 1.0,
        }
    }

    /// From now on an example of an update costs so many times what the model says: below 1 for short sequences, for one.
    pub fn set_relative_cost(&mut self, relative: f64) {
        self.relative = relative;
    }

    /// Begins a segment: back to zero.
    pub fn begin(&mut self) {
        self.spent = 0.0;
        self.examples = 0;
        self.since = Instant::now();
    }

    /// Counts from here on for a network of which the share `operations` of the multiplications and additions of an example is left: by the clock
    /// it shows by itself.
    pub fn scale(&mut self, operations: f64) {
        if let CostModel::Modelled(time) = self.whole {
            self.model = CostModel::Modelled(time.scaled(operations));
        }
    }

    /// The time of an update with examples as they are now.
    fn modelled(&self, time: UpdateTime) -> UpdateTime {
        UpdateTime {
            per_example: self.relative * time.per_example,
            ..time
        }
    }

    /// Counts one update and returns what the segment has cost so far.
    pub fn update(&mut self, batch_size: usize) -> Cost {
        self.examples += batch_size;
        match self.model {
            CostModel::Modelled(time) => self.spent += self.modelled(time).update(batch_size),
            CostModel::Measured => self.spent = self.since.elapsed().as_secs_f64(),
        }
        self.spent
    }

    /// Counts one evaluation and returns what the segment has cost so far.
    pub fn evaluation(&mut self, rows: usize) -> Cost {
        match self.model {
            CostModel::Modelled(time) => self.spent += time.evaluation(rows),
            CostModel::Measured => self.spent = self.since.elapsed().as_secs_f64(),
        }
        self.spent
    }

    /// Whether one more update of this size, and an evaluation of `rows` examples after it, still fit `budget`.
    ///
    /// None does once the process is asked to stop ([`interruption`]).
    ///
    /// By the clock this is whether the average update of the segment so far would fit.
    pub fn fits(&self, budget: Cost, batch_size: usize, rows: usize) -> bool {
        if interruption::is_wished() {
            return false;
        }
        match self.model {
            CostModel::Modelled(time) => {
                let update = self.modelled(time).update(batch_size);
                self.spent + update + time.evaluation(rows) <= budget * (1.0 + 1e-12)
            }
            CostModel::Measured => {
                let next = if self.examples == 0 {
                    0.0
                } else {
                    self.spent * batch_size as f64 / self.examples as f64
                };
                self.spent + next <= budget
            }
        }
    }

    /// What the segment has cost so far.
    pub fn spent(&self) -> Cost {
        self.spent
    }

    /// How much of the hardware's throughput the segment's updates reached, between 0 and 1: by formula relative to
    /// endless batches, by clock relative to the best segment so far.
    pub fn utilisation(&mut self, batch_size: usize) -> f64 {
        match self.model {
            CostModel::Modelled(time) => self.modelled(time).utilisation(batch_size),
            CostModel::Measured => {
                let throughput = self.examples as f64 / self.spent.max(1e-9);
                self.best_throughput = self.best_throughput.max(throughput);
                if self.best_throughput > 0.0 {
                    throughput / self.best_throughput
                } else {
                    0.0
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn modelled_meter_counts_updates_and_evaluations() {
        let time = UpdateTime {
            per_update: 10.0,
            per_example: 1.0,
            per_evaluation: 0.5,
        };
        let mut meter = Meter::new(CostModel::Modelled(time));
        meter.begin();
        assert!(meter.fits(18.0, 4, 8));
        assert!(!meter.fits(17.9, 4, 8));
        assert_eq!(meter.update(4), 14.0);
        assert_eq!(meter.evaluation(8), 18.0);
        assert_eq!(meter.utilisation(10), 0.5);
        meter.begin();
        assert_eq!(meter.spent(), 0.0);
        // Half an example costs half, and evaluations what they did.
        meter.set_relative_cost(0.5);
        assert!(meter.fits(16.0, 4, 8) && !meter.fits(15.9, 4, 8));
        assert_eq!(meter.update(4), 12.0);
        assert_eq!(meter.evaluation(8), 16.0);
    }

    #[test]
    fn a_smaller_network_costs_less_an_example_and_is_measured_from_the_whole() {
        let time = UpdateTime {
            per_update: 10.0,
            per_example: 1.0,
            per_evaluation: 0.5,
        };
        let mut meter = Meter::new(CostModel::Modelled(time));
        meter.scale(0.5);
        assert_eq!(meter.update(8), 14.0);
        assert_eq!(meter.evaluation(8), 16.0);
        assert!(meter.fits(30.0, 8, 0) && !meter.fits(29.9, 8, 0));
        // Not a quarter: a restored network is as large as it was.
        meter.scale(0.5);
        meter.begin();
        assert_eq!(meter.update(8), 14.0);
        meter.scale(1.0);
        assert_eq!(meter.update(8), 32.0);
    }

    #[test]
    fn measured_meter_follows_the_clock() {
        let mut meter = Meter::new(CostModel::Measured);
        meter.begin();
        std::thread::sleep(std::time::Duration::from_millis(5));
        let first = meter.update(8);
        assert!(first >= 5e-3);
        assert!(meter.update(8) >= first);
        assert!(!meter.fits(first, 8, 0));
    }

    proptest! {
        #[test]
        fn fit_recovers_an_exact_line(a in 1e-6..1e-2f64, c in 1e-8..1e-4f64) {
            let truth = UpdateTime { per_update: a, per_example: c, per_evaluation: 0.0 };
            let points: Vec<_> = [8, 64, 512].map(|b| (b, truth.update(b))).to_vec();
            let fitted = UpdateTime::fit(&points, 0.0).unwrap();
            prop_assert!((fitted.per_update - a).abs() <= 1e-6 * a);
            prop_assert!((fitted.per_example - c).abs() <= 1e-6 * (a + c));
        }
    }

    #[test]
    fn times_whose_sums_are_infinite_or_nothing_are_refused() {
        let message = |change: fn(&mut UpdateTime)| {
            let mut time = UpdateTime::default();
            change(&mut time);
            time.validate().unwrap_err().to_string()
        };
        let large = message(|time| time.per_example = 1e307);
        assert!(
            large.contains("per_example: 1e307") && large.contains("1e12"),
            "{large}"
        );
        assert!(message(|time| time.per_evaluation = f64::NAN).contains("per_evaluation"));
        let nothing = message(|time| (time.per_update, time.per_example) = (1e-300, 0.0));
        assert!(nothing.contains("per_update"), "{nothing}");
    }

    #[test]
    fn fit_refuses_what_it_cannot_fit() {
        assert!(UpdateTime::fit(&[(8, 1.0)], 0.0).is_err());
        assert!(UpdateTime::fit(&[(8, 1.0), (8, 1.1)], 0.0).is_err());
        assert!(UpdateTime::fit(&[(8, 1.0), (16, -1.0)], 0.0).is_err());
    }
}
