//! A segment, from its settings to the step that comes of it.

use super::{Episode, Segment, TuningEnv, observe};
use crate::tuning::pause;
use crate::tuning::recording::{self, Asked};
use crate::tuning::reward::Progress;
use crate::tuning::settings::{BATCH_SIZE, LEARNING_RATE};
use crate::{Error, Restore, Result, Settings, Status, Step, Termination, Trainee, Value};
use std::time::Instant;

/// A shorter segment, in seconds, is measured but is no event of a trace: that costs up to two microseconds, which is more than a
/// percent of the shortest trainings.
const SHORTEST_SHOWN: f64 = 0.001;

impl Episode {
    /// Brings back weights, optimiser and base controller as they were at the best validation loss. The data go on.
    pub(super) fn go_back(&mut self, trainee: &mut dyn Trainee) -> Result<()> {
        trainee.restore(&self.best, Restore::AllButData)?;
        if let (Some(steering), Some(best)) = (&mut self.steering, &self.best_steering) {
            steering.go_back(best);
        }
        Ok(())
    }
}

impl TuningEnv {
    /// A segment with these settings: trains, rolls back if that diverged, rewards, encodes.
    ///
    /// # Errors
    /// Those of the trainee, and [`Error::NotReset`] before the first episode.
    pub(super) fn train(&mut self, settings: Settings) -> Result<Step> {
        let Some(episode) = &mut self.episode else {
            return Err(Error::NotReset {
                environment: self.spec.name.clone(),
            });
        };
        // Settings from outside move the knobs too, so that the observation shows what holds.
        for (knob, position) in self.config.knobs.iter().zip(&mut episode.positions) {
            if let Some(value) = settings.get(&knob.name) {
                position.value = value.clone();
            }
        }
        let instance = &mut self.instances[episode.instance];
        let config = &self.config;
        let index = episode.next_segment;
        let spent_before = episode.spent;
        // What an earlier segment spent too much or too little is evened out here.
        let budget = config.segments.spent_after(index) * episode.budget - spent_before;
        let told = recording::is_told();
        let clock = Instant::now();
        let asked = Asked::Advance(budget);
        let report = recording::report(self.id, asked, || {
            instance.trainee.advance(&settings, budget)
        })?;
        let seconds = clock.elapsed().as_secs_f64();
        episode.spent += report.cost;
        episode.measured_update_ratio = report.gradients.map(|gradients| gradients.update_ratio);
        if let Some(steering) = &mut episode.steering {
            steering.record(&report);
        }

        // Judge, and roll back if there is nothing left to judge.
        let best_before = episode.best_loss;
        let error = config.objective.of(&report);
        let diverged = report.diverged || error.is_none();
        match error {
            Some(error) if !diverged => {
                let excess = report.excess();
                // Where a smaller network is asked for it comes first, and its loss second.
                let smaller = excess < episode.best_excess;
                if smaller || excess == episode.best_excess && error < episode.best_loss {
                    episode.best_loss = error;
                    episode.best_excess = excess;
                    episode.best_size.clone_from(&report.pruned);
                    episode.best = instance.trainee.snapshot();
                    episode.best_steering.clone_from(&episode.steering);
                }
            }
            Some(_) | None => {
                episode.divergences += 1;
                episode.measured_update_ratio = None;
                instance.trainee.restore(&episode.best, Restore::Weights)?;
                for (knob, position) in config.knobs.iter().zip(&mut episode.positions) {
                    if let (LEARNING_RATE, Value::Number(lr)) =
                        (knob.name.as_str(), &position.value)
                    {
                        let shrunk = lr * config.divergence.learning_rate_factor;
                        position.value = Value::Number(knob.domain.nearest(shrunk));
                    }
                }
            }
        }
        let reached = episode.cost_to_target.is_none()
            && episode.best_excess <= 0.0
            && instance
                .target_loss
                .is_some_and(|target| episode.best_loss <= target);
        if reached {
            episode.cost_to_target = Some(episode.spent);
        }

        // Where the budget stands.
        episode.next_segment = config
            .segments
            .following(index, episode.spent, episode.budget);
        episode.status = if reached && config.stop_at_target {
            Status::Terminated(Termination::Reached)
        } else if config
            .divergence
            .limit
            .is_some_and(|limit| episode.divergences >= limit)
        {
            Status::Terminated(Termination::Diverged)
        } else if episode.next_segment >= config.segments.count() {
            Status::Terminated(Termination::BudgetSpent)
        } else {
            Status::Running
        };

        // Reward.
        let lowest = config.objective.lowest(instance.trainee.spec());
        let first = episode.first_loss - lowest;
        let reference = instance.reference_loss.map(|loss| loss - lowest);
        let reward = config.reward.reward(&Progress {
            first,
            best_before: best_before - lowest,
            best_after: episode.best_loss - lowest,
            reference: reference.unwrap_or(0.2 * first),
            share: (episode.spent - spent_before) / episode.budget,
            diverged,
            reached,
        }) as f32;

        // What is read was shown where it happened.
        let shown = seconds >= SHORTEST_SHOWN;
        if !told {
            tracing::info!(
                target: "trimtab::segment",
                parent: shown.then(|| tracing::Span::current().id()).flatten(),
                task = instance.trainee.spec().name,
                index = index as i64,
                loss = report.validation.as_ref().map(|validation| validation.loss),
                learning_rate = settings.number(LEARNING_RATE).ok(),
                batch_size = settings.number(BATCH_SIZE).ok().map(|size| size as i64),
                updates = report.updates as i64,
                cost = report.cost,
                seconds,
                diverged,
                "segment ended"
            );
        }
        if episode.status.is_over() && !told {
            tracing::info!(
                target: "trimtab::training",
                task = instance.trainee.spec().name,
                instance = episode.instance as i64,
                best_loss = episode.best_loss,
                cost = episode.spent,
                divergences = episode.divergences as i64,
                "training ended"
            );
        }

        // Encode.
        self.encoder.record(&report);
        episode.segments.push(Segment {
            index,
            settings,
            report,
            spent: episode.spent,
            best_loss: episode.best_loss,
            reward,
        });
        let observation = observe(config, &mut self.encoder, episode);
        let status = episode.status;
        if !status.is_over() && !recording::is_told() {
            let trainee = &mut instance.trainee;
            match recording::training() {
                Some(saved) => episode.best = trainee.load(&saved)?,
                None => pause::at(&|| recording::of(|| trainee.save(&episode.best))),
            }
        }
        Ok(Step {
            observation,
            reward,
            status,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::suite::NoisyQuadratic;
    use crate::tuning::settings::{BEST, LEARNING_RATE, NO_ROLLBACK, PRUNE, ROLLBACK};
    use crate::{
        Action, ContextServo, Domain, Environment, Initial, Knob, Moves, Settings, TuningConfig,
        TuningEnv,
    };

    fn environment(config: TuningConfig) -> TuningEnv {
        TuningEnv::new(vec![NoisyQuadratic::default().into()], config).unwrap()
    }

    fn loss(environment: &TuningEnv) -> f64 {
        let segment = environment.segments().last().unwrap();
        segment.report.validation.as_ref().unwrap().loss
    }

    /// Updates far too large spoil the weights; those that come back are the best.
    #[test]
    fn a_segment_can_begin_from_the_best_weights() {
        let mut after = Vec::new();
        for weights in [NO_ROLLBACK, BEST] {
            let mut environment = environment(NoisyQuadratic::tuning());
            environment.reset(3).unwrap();
            let settings = |lr: f64| environment.settings().unwrap().with(LEARNING_RATE, lr);
            let (good, spoiling, tiny) = (settings(0.02), settings(2.05), settings(1e-9));
            for _ in 0..8 {
                environment.step_with(&good).unwrap();
            }
            let best = environment.segments().last().unwrap().best_loss;
            environment.step_with(&spoiling).unwrap();
            let spoilt = loss(&environment);
            assert!(spoilt.is_finite() && spoilt > 1.5 * best, "{spoilt} {best}");
            let settings: Settings = tiny.with(ROLLBACK, weights);
            environment.step_with(&settings).unwrap();
            after.push((loss(&environment) / best, loss(&environment) / spoilt));
        }
        let [(_, kept), (best, _)] = after[..] else {
            panic!("two runs");
        };
        assert!((kept - 1.0).abs() < 1e-3, "{kept}");
        assert!((best - 1.0).abs() < 1e-3, "{best}");
    }

    /// What the servo had measured comes back with them.
    #[test]
    fn a_base_controller_goes_back_with_the_weights() {
        let mut environment = environment(TuningConfig {
            knobs: vec![
                Knob::learning_rate(
                    Domain::LogUniform(1e-9, 1e3),
                    Initial::Fixed(1e-3.into()),
                    Moves::Residual {
                        factors: vec![1.0, 72.0],
                        max_offset: 9.0,
                        accumulates: false,
                    },
                ),
                Knob::rollback(),
            ],
            base_controller: Some(ContextServo::default()),
            ..NoisyQuadratic::tuning()
        });
        environment.reset(2).unwrap();
        let mut rate = |choices: [usize; 2]| {
            environment.step(&Action::new(choices.to_vec())).unwrap();
            let segment = environment.segments().last().unwrap();
            let best = segment
                .report
                .validation
                .as_ref()
                .is_some_and(|v| v.loss <= segment.best_loss);
            (segment.settings.learning_rate().unwrap(), best)
        };
        let before = (0..8).map(|_| rate([0, 0])).last().unwrap();
        assert!(before.1, "the last segment is the best");
        let (spoiling, best) = rate([1, 0]);
        assert!(spoiling > 20.0 * before.0 && !best, "{spoiling} {before:?}");
        let (after, _) = rate([0, 1]);
        assert!(
            (0.5..2.0).contains(&(after / before.0)),
            "{after} {before:?}"
        );
    }

    #[test]
    fn the_knob_has_one_form() {
        let mut knob = Knob::rollback();
        knob.domain = Domain::Categories(vec![NO_ROLLBACK.to_owned(), "last".to_owned()]);
        let error = knob.validate(100).unwrap_err().to_string();
        assert!(error.contains("last") && error.contains(BEST), "{error}");
        assert_eq!(Knob::rollback().head().no_op(), Some(0));
        // And so does to prune nothing.
        let mut prune = Knob::rollback();
        prune.name = PRUNE.to_owned();
        prune.domain = Domain::Values(vec![0.0, 0.05]);
        assert_eq!(prune.head().choices, ["none", "0.05"]);
        assert_eq!(prune.head().no_op(), Some(0));
    }
}
