//! What a tuner does with the weights: at an update of the start probe, at the end of a segment, and before the next.

use super::{Tuner, Weights, validation};
use crate::network::weights::{copy, size};
use burn::module::Module;
use burn::optim::GradientsParams;
use trimtab_env::servo::context_servo::Offsets;
use trimtab_env::{Report, Verdict};

impl<M: Module> Tuner<M> {
    /// Looks at one update from `model` without making it.
    pub(super) fn probe(&mut self, model: &M, gradients: GradientsParams, loss: f64) {
        let mut optimizer = self.fresh.clone();
        let rates = self.rates();
        let size = size(model, Some(&gradients));
        self.updates.begin(model, rates, &mut self.averaged);
        let after = self.updates.update(
            copy(model),
            gradients,
            loss,
            &mut self.averaged,
            |lr, model, gradients| optimizer.step(lr, model, gradients),
        );
        let (_, report) = self.updates.finish(after, &mut self.averaged);
        self.updates.forget();
        self.steered.probed(report, size);
        self.updates.tally.begin(rates.batch_size);
    }

    /// Goes on after the first validation, or after a segment: keeps the model if it is the best, brings the best back if it
    /// diverged, and begins the next segment at the weights that are returned.
    pub(super) fn go_on(&mut self, mut model: M, verdict: Verdict) -> M {
        match verdict {
            Verdict::First | Verdict::Worse => {}
            Verdict::Diverged => {
                self.optimizer = self.fresh.clone();
                self.averaged.clone_from(&self.best.averaged);
                model = copy(&self.best.model);
                self.updates.forget();
            }
            Verdict::Best => {
                self.best = Weights {
                    model: copy(&model),
                    averaged: self.averaged.clone(),
                    optimizer: self.optimizer.clone(),
                };
            }
        }
        self.tell_policy(verdict);
        if self.is_over() {
            return model;
        }
        self.decide(model)
    }

    fn tell_policy(&mut self, verdict: Verdict) {
        let Some(policy) = &mut self.policy else {
            return;
        };
        if verdict == Verdict::First {
            let rows = self.steered.training().validation_examples;
            let report = Report {
                cost: self.updates.tally.meter.evaluation(rows),
                validation: Some(validation(self.steered.first_loss())),
                ..Default::default()
            };
            policy.start(&report, self.lowest_loss);
        } else if let Some(segment) = self.steered.segments().last() {
            let left = 1.0 - self.steered.spent_share();
            let short = self.steered.is_in_short_segment();
            policy.record(&segment.report, left, short);
        }
    }

    /// Begins the next segment with new settings, at the weights that are returned.
    fn decide(&mut self, mut model: M) -> M {
        match &mut self.policy {
            Some(policy) => self.steered.decide_by(|steering, best, f| {
                policy.choose(steering);
                if let (true, Some(best)) = (policy.goes_back(), best) {
                    steering.go_back(best);
                }
                policy.settings(steering, f, &Offsets::default())
            }),
            None => self.steered.decide(),
        }
        if self.settings().from_best() {
            self.optimizer = self.best.optimizer.clone();
            self.averaged.clone_from(&self.best.averaged);
            model = copy(&self.best.model);
            self.updates.forget();
        }
        let rates = self.rates();
        self.updates.begin(&model, rates, &mut self.averaged);
        model
    }
}
