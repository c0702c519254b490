//! Trying settings out and going back.

use super::TuningEnv;
use super::recording::{self, Asked};
use crate::{Error, Report, Restore, Result, Settings};

impl TuningEnv {
    /// Trains with each of the settings for its number of updates, one after the other from where the training stands,
    /// and then goes back to where it stood. Nothing is evaluated ([`crate::Trainee::probe`]); what the updates cost is
    /// spent all the same. The reports are those of the settings up to the first with which it diverged, or that spent the last of
    /// the budget. No segment is recorded, and the best loss is not touched.
    ///
    /// # Errors
    /// As [`TuningEnv::step_with`]; [`Error::Config`] if one of them is for no updates.
    pub fn look_ahead(&mut self, tried: &[(Settings, u64)]) -> Result<Vec<Report>> {
        self.running()?;
        if tried.iter().any(|(_, updates)| *updates == 0) {
            return Err(Error::config(
                "look_ahead",
                "settings for 0 updates",
                "give all of them at least 1",
            ));
        }
        let Some(episode) = &mut self.episode else {
            return Ok(Vec::new());
        };
        let trainee = &mut self.instances[episode.instance].trainee;
        let here = trainee.snapshot();
        let mut reports = Vec::with_capacity(tried.len());
        for (settings, updates) in tried {
            let asked = Asked::Probe(*updates);
            let report = recording::report(self.id, asked, || trainee.probe(settings, *updates))?;
            episode.spent += report.cost;
            let ends = report.diverged || episode.spent >= episode.budget;
            reports.push(report);
            if ends {
                break;
            }
        }
        trainee.restore(&here, Restore::Everything)?;
        let plan = &self.config.segments;
        episode.next_segment = plan.remaining(episode.next_segment, episode.spent, episode.budget);
        Ok(reports)
    }

    /// Counts what is spent elsewhere: afterwards at least the share `f` of the budget is spent. That is how a replay counts the
    /// cost of the look-ahead of the run that it replays.
    ///
    /// # Errors
    /// As [`TuningEnv::step_with`].
    pub fn spend_to(&mut self, f: f64) -> Result<()> {
        self.running()?;
        if let Some(episode) = &mut self.episode {
            episode.spent = episode.spent.max(f * episode.budget);
            let plan = &self.config.segments;
            episode.next_segment =
                plan.remaining(episode.next_segment, episode.spent, episode.budget);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::suite::NoisyQuadratic;
    use crate::tuning::settings::LEARNING_RATE;
    use crate::{Environment, TuningEnv};

    fn environment() -> TuningEnv {
        let instances = vec![NoisyQuadratic::default().into()];
        let mut environment = TuningEnv::new(instances, NoisyQuadratic::tuning()).unwrap();
        environment.reset(3).unwrap();
        environment
    }

    #[test]
    fn a_look_ahead_is_paid_for_and_leaves_no_other_trace() {
        let (mut tried, mut plain) = (environment(), environment());
        let settings = tried.settings().unwrap();
        let before = tried.spent_share();
        let reports = tried
            .look_ahead(&[(settings.clone(), 3), (settings.clone(), 4)])
            .unwrap();
        let made: Vec<u64> = reports.iter().map(|report| report.updates).collect();
        assert_eq!(made, [3, 4]);
        assert!(reports.iter().all(|report| report.validation.is_none()));
        assert!(reports.iter().all(|report| report.train.is_some()));
        let cost: f64 = reports.iter().map(|report| report.cost).sum();
        assert!(cost > 0.0 && tried.spent_share() > before);
        assert!(tried.segments().is_empty());

        // The same updates as without the look ahead, only fewer of them.
        let with = tried.step_with(&settings).unwrap();
        let without = plain.step_with(&settings).unwrap();
        assert!(!with.status.is_over() && !without.status.is_over());
        while !tried.step_with(&settings).unwrap().status.is_over() {}
        while !plain.step_with(&settings).unwrap().status.is_over() {}
        let updates = |environment: &TuningEnv| -> u64 {
            environment
                .segments()
                .iter()
                .map(|segment| segment.report.updates)
                .sum()
        };
        assert!(updates(&tried) < updates(&plain));
        let total = tried.outcome().unwrap()["cost"];
        assert!(
            (total / plain.outcome().unwrap()["cost"] - 1.0).abs() < 0.05,
            "{total}"
        );
    }

    #[test]
    fn what_was_spent_elsewhere_shortens_the_training_as_a_look_ahead_does() {
        let (mut tried, mut paid) = (environment(), environment());
        let settings = tried.settings().unwrap();
        tried.look_ahead(&[(settings.clone(), 3)]).unwrap();
        paid.spend_to(tried.spent_share()).unwrap();
        while !tried.step_with(&settings).unwrap().status.is_over() {}
        while !paid.step_with(&settings).unwrap().status.is_over() {}
        assert_eq!(paid.segments(), tried.segments());
        assert!(paid.spend_to(1.0).is_err());
        let mut back = environment();
        let before = back.spent_share();
        back.spend_to(0.0).unwrap();
        assert_eq!(back.spent_share(), before);
    }

    #[test]
    fn a_look_ahead_ends_where_the_budget_does_and_at_a_divergence() {
        let mut spendthrift = environment();
        let settings = spendthrift.settings().unwrap();
        let tried = vec![(settings.clone(), 50); 100];
        let reports = spendthrift.look_ahead(&tried).unwrap();
        // Ten epochs are 160 updates.
        assert_eq!(reports.len(), 4);
        assert_eq!(spendthrift.spent_share(), 1.0);
        let step = spendthrift.step_with(&settings).unwrap();
        assert!(step.status.is_over());

        let huge = settings.clone().with(LEARNING_RATE, 1e6);
        let reports = environment()
            .look_ahead(&[(settings.clone(), 1), (huge, 40), (settings.clone(), 1)])
            .unwrap();
        assert_eq!(reports.len(), 2);
        assert!(reports[1].diverged && !reports[0].diverged);

        let error = environment().look_ahead(&[(settings, 0)]).unwrap_err();
        assert!(error.to_string().starts_with("look_ahead"), "{error}");
    }
}
