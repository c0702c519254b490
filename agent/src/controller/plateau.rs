//! Reducing the learning rate on a plateau.

use super::{Controller, Decision, Situation};
use trimtab_env::Settings;
use trimtab_env::settings::LEARNING_RATE;

/// Multiplies the learning rate by a factor once the validation loss has not improved for more than `patience` segments, as PyTorch's
/// `ReduceLROnPlateau` does after epochs. (Keras' callback of that name reduces after `patience` of them, one earlier.)
///
/// An improvement is a loss below `best - |best| / 10,000`, with PyTorch's threshold. PyTorch itself compares with `best` times
/// `1 - 1 / 10,000`, which is the same for losses above 0; for losses below 0 it takes some that got worse for improvements. Keras'
/// threshold is absolute.
#[derive(Clone, Debug)]
pub struct ReduceOnPlateau {
    initial: Settings,
    factor: f64,
    patience: usize,
    rate: f64,
    best: Option<f64>,
    waited: usize,
    seen: usize,
}

const THRESHOLD: f64 = 1e-4;

impl ReduceOnPlateau {
    /// Begins with `initial`. PyTorch's factor is 0.1 and its patience 10 epochs; a run here has a few dozen segments.
    pub fn new(initial: Settings, factor: f64, patience: usize) -> Self {
        Self {
            initial,
            factor,
            patience,
            rate: 1.0,
            best: None,
            waited: 0,
            seen: 0,
        }
    }
}

impl ReduceOnPlateau {
    /// Takes note of the validation loss of a segment; a segment that diverged has none, which is no improvement.
    fn observe(&mut self, loss: Option<f64>) {
        let bar = |best: f64| best * (1.0 - THRESHOLD * best.signum());
        match loss.filter(|loss| !loss.is_nan()) {
            Some(loss) if self.best.is_none_or(|best| loss < bar(best)) => {
                self.best = Some(loss);
                self.waited = 0;
            }
            Some(_) | None => self.waited += 1,
        }
        if self.waited > self.patience {
            self.rate *= self.factor;
            self.waited = 0;
        }
    }
}

impl Controller for ReduceOnPlateau {
    fn name(&self) -> &str {
        "reduce_on_plateau"
    }

    fn begin(&mut self, _seed: u64) {
        *self = Self::new(self.initial.clone(), self.factor, self.patience);
    }

    fn decide(&mut self, situation: &Situation) -> Decision {
        for segment in &situation.segments[self.seen.min(situation.segments.len())..] {
            let loss = segment
                .report
                .validation
                .as_ref()
                .map(|validation| validation.loss);
            self.observe(loss);
        }
        self.seen = situation.segments.len();
        let mut settings = self.initial.clone();
        if let Ok(lr) = self.initial.number(LEARNING_RATE) {
            settings.set(LEARNING_RATE, lr * self.rate);
        }
        Decision::Set(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::schedule::tables::{numbers, tables};

    /// The factor of the rate after each of these losses.
    fn rates(losses: &[f64], factor: f64, patience: usize) -> Vec<f64> {
        let mut rule = ReduceOnPlateau::new(Settings::new(1.0, 8), factor, patience);
        losses
            .iter()
            .map(|loss| {
                rule.observe(Some(*loss));
                rule.rate
            })
            .collect()
    }

    #[track_caller]
    fn equal(ours: &[f64], theirs: &[f64]) {
        assert_eq!(ours.len(), theirs.len());
        for (a, b) in ours.iter().zip(theirs) {
            assert!((a - b).abs() < 1e-12, "{ours:?} is not {theirs:?}");
        }
    }

    #[test]
    fn rates_equal_pytorch_and_are_one_segment_later_than_keras() {
        let (mut torch, mut keras) = (0, 0);
        for case in tables("ReduceLROnPlateau") {
            let arguments = &case["arguments"];
            let (losses, wanted) = (numbers(&case["metrics"]), numbers(&case["rates"]));
            let factor = arguments["factor"].as_f64().unwrap_or(0.1);
            let patience = arguments["patience"].as_u64().unwrap() as usize;
            if case["library"].as_str().unwrap().starts_with("torch") {
                equal(&rates(&losses, factor, patience), &wanted);
                torch += 1;
            } else {
                equal(&rates(&losses, factor, patience - 1), &wanted);
                keras += 1;
            }
        }
        assert_eq!((torch, keras), (3, 2));
    }

    #[test]
    fn a_negative_loss_that_gets_worse_is_no_improvement() {
        // PyTorch's rule takes the first three of these for improvements.
        let worse = [-1.0, -0.99995, -0.9999, -0.99985, -0.9998, -0.9997];
        equal(&rates(&worse, 0.5, 2), &[1.0, 1.0, 1.0, 0.5, 0.5, 0.5]);
        let better = [-1.0, -1.1, -1.2, -1.3, -1.4, -1.5];
        equal(&rates(&better, 0.5, 2), &[1.0; 6]);
        // Through 0, and by less than the threshold.
        equal(&rates(&[0.1, 0.0, -0.1, -0.2], 0.5, 0), &[1.0; 4]);
        equal(&rates(&[-1.0, -1.00005], 0.5, 0), &[1.0, 0.5]);
    }

    #[test]
    fn what_is_no_number_is_no_improvement() {
        let none = f64::NAN;
        equal(
            &rates(&[none, none, 1.0, none, none], 0.5, 1),
            &[1.0, 0.5, 0.5, 0.5, 0.25],
        );
    }
}
