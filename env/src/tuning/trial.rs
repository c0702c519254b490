//! Trying settings out and going back.

use super::TuningEnv;
use crate::{Error, Report, Restore, Result, Settings};

impl TuningEnv {
    /// Trains with each of the settings for its share of the budget, one after the other from where the training stands,
    /// and then goes back to where it stood. What it costs is spent all the same. The reports are those of the stretches
    /// up to the first that diverged. No segment is recorded, and the best loss is not touched.
    ///
    /// # Errors
    /// As [`TuningEnv::step_with`]; [`Error::Config`] if a share is not above 0 or if together they leave nothing of the
    /// budget.
    pub fn trial(&mut self, stretches: &[(Settings, f64)]) -> Result<Vec<Report>> {
        self.running()?;
        let shares: f64 = stretches.iter().map(|(_, share)| share).sum();
        let left = 1.0 - self.spent_share();
        if stretches
            .iter()
            .any(|(_, share)| share.is_nan() || *share <= 0.0)
            || shares >= left
        {
            return Err(Error::config(
                "trial",
                format!("{shares} of the budget"),
                format!("give shares above 0 that together are less than the {left} that are left"),
            ));
        }
        let Some(episode) = &mut self.episode else {
            return Ok(Vec::new());
        };
        let trainee = &mut self.instances[episode.instance].trainee;
        let here = trainee.snapshot();
        let mut reports = Vec::with_capacity(stretches.len());
        for (settings, share) in stretches {
            let report = trainee.advance(settings, share * episode.budget)?;
            episode.spent += report.cost;
            let diverged = report.diverged;
            reports.push(report);
            if diverged {
                break;
            }
        }
        trainee.restore(&here, Restore::Everything)?;
        // The next segment must have something left to do.
        let last = self.config.segments.count() - 1;
        let begins_before = |index: usize, spent: f64| {
            index < last && self.config.segments.spent_after(index) * episode.budget <= spent
        };
        while begins_before(episode.next_segment, episode.spent) {
            episode.next_segment += 1;
        }
        Ok(reports)
    }
}

#[cfg(test)]
mod tests {
    use crate::suite::NoisyQuadratic;
    use crate::{Environment, TuningEnv};

    fn environment() -> TuningEnv {
        let instances = vec![NoisyQuadratic::default().into()];
        let mut environment = TuningEnv::new(instances, NoisyQuadratic::tuning()).unwrap();
        environment.reset(3).unwrap();
        environment
    }

    #[test]
    fn a_trial_is_paid_for_and_leaves_no_other_trace() {
        let (mut tried, mut plain) = (environment(), environment());
        let settings = tried.settings().unwrap();
        let before = tried.spent_share();
        let reports = tried
            .trial(&[(settings.clone(), 0.02), (settings.clone(), 0.02)])
            .unwrap();
        assert_eq!(reports.len(), 2);
        let cost: f64 = reports.iter().map(|report| report.cost).sum();
        assert!(cost > 0.0 && tried.spent_share() > before);
        assert!(tried.segments().is_empty());

        // The same updates as without the trial, only fewer of them.
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
    fn a_trial_that_leaves_nothing_is_refused() {
        let mut environment = environment();
        let settings = environment.settings().unwrap();
        for share in [0.0, -1.0, f64::NAN, 1.0] {
            let error = environment.trial(&[(settings.clone(), share)]).unwrap_err();
            assert!(error.to_string().starts_with("trial"), "{error}");
        }
    }
}
