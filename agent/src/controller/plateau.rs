//! Reducing the learning rate on a plateau.

use super::{Controller, Decision, Situation};
use trimtab_env::Settings;
use trimtab_env::settings::LEARNING_RATE;

/// Multiplies the learning rate by a factor once the validation loss has not improved for some segments, as Keras' and
/// PyTorch's `ReduceLROnPlateau` do after epochs. An improvement is more than 1 in 10,000, PyTorch's threshold.
#[derive(Clone, Debug)]
pub struct ReduceOnPlateau {
    initial: Settings,
    factor: f64,
    patience: usize,
    rate: f64,
    best: f64,
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
            best: f64::INFINITY,
            waited: 0,
            seen: 0,
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
            match loss {
                Some(loss) if loss < self.best * (1.0 - THRESHOLD) => {
                    self.best = loss;
                    self.waited = 0;
                }
                // A diverged segment is no improvement either.
                Some(_) | None => self.waited += 1,
            }
            if self.waited > self.patience {
                self.rate *= self.factor;
                self.waited = 0;
            }
        }
        self.seen = situation.segments.len();
        let mut settings = self.initial.clone();
        if let Ok(lr) = self.initial.number(LEARNING_RATE) {
            settings.set(LEARNING_RATE, lr * self.rate);
        }
        Decision::Set(settings)
    }
}
