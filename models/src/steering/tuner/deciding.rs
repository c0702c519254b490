//! What a tuner decides: after an update of the start probe, before a segment, and after it.

use super::{Phase, Tuner, Weights};
use crate::network::weights::{copy, size};
use burn::module::Module;
use burn::optim::GradientsParams;
use trimtab_env::servo::context_servo::Offsets;
use trimtab_env::{Report, Segment};

impl<M: Module> Tuner<M> {
    /// Looks at one update from `model` without making it.
    pub(super) fn probe(&mut self, model: &M, gradients: GradientsParams, loss: f64) {
        let mut optimizer = self.fresh.clone();
        let rates = self.rates();
        // What no gradient reaches is no part of the network: the servo is told before it decides on anything.
        let size = size(model, Some(&gradients));
        self.steering.resize(size.weights, size.layers);
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
        self.spent += report.cost;
        self.index = self.plan.remaining(self.index, self.spent, self.budget);
        self.steering.probed(&report);
        match self.steering.probe() {
            Some(settings) => self.settings = settings,
            None => {
                self.updates.meter.begin();
                self.phase = Phase::First;
            }
        }
    }

    /// Begins the next segment with new settings, at the weights that are returned.
    pub(super) fn decide(&mut self, mut model: M) -> M {
        let middle = 0.5 * (self.spent_share() + self.plan.spent_after(self.index));
        if let Some(policy) = &mut self.policy {
            policy.choose(&self.steering);
            if let (true, Some(steering)) = (policy.goes_back(), &self.best.steering) {
                self.steering.go_back(steering);
            }
        }
        self.settings = match &mut self.policy {
            Some(policy) => policy.settings(&mut self.steering, middle, &Offsets::default()),
            None => self.steering.settings(middle, &Offsets::default()),
        };
        if self.settings.from_best() {
            self.optimizer = self.best.optimizer.clone();
            self.averaged.clone_from(&self.best.averaged);
            model = copy(&self.best.model);
            self.updates.forget();
        }
        let rates = self.rates();
        self.updates.begin(&model, rates, &mut self.averaged);
        model
    }

    /// Ends a segment: records it, keeps the model if it is the best, and brings the best back if it diverged.
    pub(super) fn close(&mut self, mut model: M, report: Report) -> M {
        self.spent += report.cost;
        self.steering.record(&report);
        if report.diverged {
            self.optimizer = self.fresh.clone();
            self.averaged.clone_from(&self.best.averaged);
            model = copy(&self.best.model);
            self.updates.forget();
        } else if let Some(loss) = report.validation.as_ref().map(|v| v.loss)
            && loss < self.best_loss
        {
            self.best_loss = loss;
            self.best = Weights {
                model: copy(&model),
                averaged: self.averaged.clone(),
                optimizer: self.optimizer.clone(),
                steering: Some(self.steering.clone()),
            };
        }
        let index = self.index;
        self.index = self.plan.following(index, self.spent, self.budget);
        if let Some(policy) = &mut self.policy {
            let probing = self.index < self.plan.short;
            policy.record(&report, 1.0 - (self.spent / self.budget).min(1.0), probing);
        }
        self.segments.push(Segment {
            index,
            settings: self.settings.clone(),
            report,
            spent: self.spent,
            best_loss: self.best_loss,
            reward: 0.0,
        });
        if self.index < self.plan.count() {
            self.phase = Phase::Segment;
            self.decide(model)
        } else {
            self.phase = Phase::Over;
            model
        }
    }
}
