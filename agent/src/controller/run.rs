//! Episodes under controllers, one by one or side by side.

use super::{Controller, Decision, Situation};
use trimtab_env::{
    Ask, Environment, Error, Observation, Planned, Report, Result, Status, Step, TuningEnv,
};

/// An episode of a tuning environment that is to be played under a controller. Both decide from streams of `seed`.
pub struct Play<'a> {
    /// The environment.
    pub environment: &'a mut TuningEnv,
    /// Who decides.
    pub controller: &'a mut dyn Controller,
    /// The seed of both.
    pub seed: u64,
}

/// Plays one episode of a tuning environment under a controller and returns the undiscounted sum of the rewards. Both
/// decide from streams of `seed`.
///
/// # Errors
/// The environment's.
pub fn run(environment: &mut TuningEnv, controller: &mut dyn Controller, seed: u64) -> Result<f64> {
    let play = Play {
        environment,
        controller,
        seed,
    };
    let rewards = run_together(vec![play], |asked| {
        asked.into_iter().map(Ask::advance).collect()
    })?;
    Ok(rewards.into_iter().sum())
}

/// Plays several episodes segment by segment, side by side, and returns the sums of their rewards. `advance` trains what
/// is asked for in each round and returns the reports in their order; as it does the same as [`Ask::advance`] of each, so do
/// the episodes as under [`run`].
///
/// # Errors
/// The first error of an environment or a training.
pub fn run_together(
    plays: Vec<Play<'_>>,
    advance: impl Fn(Vec<Ask<'_>>) -> Vec<Result<Report>>,
) -> Result<Vec<f64>> {
    let mut episodes = plays
        .into_iter()
        .map(Episode::begin)
        .collect::<Result<Vec<_>>>()?;
    loop {
        let mut running: Vec<&mut Episode> = episodes
            .iter_mut()
            .filter(|episode| !episode.is_over)
            .collect();
        if running.is_empty() {
            return Ok(episodes.iter().map(|episode| episode.total).collect());
        }
        let planned = running
            .iter_mut()
            .map(|episode| episode.plan())
            .collect::<Result<Vec<Planned>>>()?;
        let asked = running
            .iter_mut()
            .zip(&planned)
            .map(|(episode, planned)| episode.play.environment.ask(planned))
            .collect::<Result<Vec<Ask>>>()?;
        let reports = advance(asked);
        for ((episode, planned), report) in running.into_iter().zip(planned).zip(reports) {
            let step = episode.play.environment.complete(planned, report?)?;
            episode.record(step);
        }
    }
}

/// An episode under way, for whoever stops it before its end.
pub struct Episode<'a> {
    play: Play<'a>,
    observation: Observation,
    total: f64,
    is_over: bool,
}

impl<'a> Episode<'a> {
    /// Begins an episode.
    ///
    /// # Errors
    /// The environment's.
    pub fn begin(play: Play<'a>) -> Result<Self> {
        let observation = play.environment.reset(play.seed)?;
        play.controller.begin(play.seed);
        Ok(Self {
            play,
            observation,
            total: 0.0,
            is_over: false,
        })
    }

    /// One segment.
    ///
    /// # Errors
    /// The environment's, also after the end of the episode.
    pub fn step(&mut self) -> Result<()> {
        let planned = self.plan()?;
        let report = self.play.environment.ask(&planned)?.advance()?;
        let step = self.play.environment.complete(planned, report)?;
        self.record(step);
        Ok(())
    }

    /// Whether it has come to its end.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// The environment in which it takes place.
    pub fn environment(&mut self) -> &mut TuningEnv {
        self.play.environment
    }

    /// Lets the controller decide the next segment, after what it tries out first.
    fn plan(&mut self) -> Result<Planned> {
        let Play {
            environment,
            controller,
            ..
        } = &mut self.play;
        let mut trial: Option<Vec<Report>> = None;
        loop {
            let decision = controller.decide(&Situation {
                observation: &self.observation,
                segments: environment.segments(),
                spent: environment.spent_share(),
                next: environment.next_share(),
                trial: trial.as_deref(),
            });
            match decision {
                Decision::Choose(action) => return environment.plan(&action),
                Decision::Set(settings) => return environment.plan_with(&settings),
                Decision::Fail(reason) => return Err(Error::other(controller.name(), reason)),
                Decision::Try(stretches) => trial = Some(environment.trial(&stretches)?),
            }
        }
    }

    fn record(&mut self, step: Step) {
        self.total += f64::from(step.reward);
        match step.status {
            Status::Running => self.observation = step.observation,
            Status::Terminated(_) | Status::Truncated(_) => self.is_over = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::{RangeTest, RangeTestConfig, Schedule, ScheduleController};
    use trimtab_env::suite::NoisyQuadratic;
    use trimtab_env::{Segment, Settings};

    fn environment(budget_factor: f64) -> TuningEnv {
        let mut instance: trimtab_env::Instance = NoisyQuadratic::default().into();
        instance.budget_factor = budget_factor;
        TuningEnv::new(vec![instance], NoisyQuadratic::tuning()).unwrap()
    }

    fn controllers() -> Vec<Box<dyn Controller>> {
        let settings = Settings::new(0.05, 16);
        let schedule = |schedule| ScheduleController::new("schedule", schedule, settings.clone());
        let range_test = RangeTestConfig::default();
        vec![
            Box::new(schedule(Schedule::Constant)),
            Box::new(schedule(Schedule::Cosine { warmup: 0.1 })),
            Box::new(RangeTest::new(
                "range test",
                range_test,
                Schedule::Constant,
                settings.clone(),
            )),
        ]
    }

    #[test]
    fn episodes_side_by_side_are_those_one_by_one() {
        let budgets = [1.0, 0.4, 1.0];
        let mut alone: Vec<(f64, Vec<Segment>)> = Vec::new();
        for (index, controller) in controllers().iter_mut().enumerate() {
            let mut environment = environment(budgets[index]);
            let total = run(&mut environment, controller.as_mut(), index as u64).unwrap();
            alone.push((total, environment.segments().to_vec()));
        }
        let mut environments = budgets.map(environment);
        let mut controllers = controllers();
        let plays = environments.iter_mut().zip(&mut controllers).enumerate();
        let plays = plays.map(|(seed, (environment, controller))| Play {
            environment,
            controller: controller.as_mut(),
            seed: seed as u64,
        });
        let rounds = std::cell::RefCell::new(Vec::new());
        let totals = run_together(plays.collect(), |asked| {
            rounds.borrow_mut().push(asked.len());
            asked.into_iter().map(Ask::advance).collect()
        });
        for (environment, (total, alone)) in environments
            .iter()
            .zip(totals.unwrap().into_iter().zip(alone))
        {
            assert_eq!((total, environment.segments()), (alone.0, &alone.1[..]));
        }
        assert_eq!(rounds.borrow().first(), Some(&3));
    }

    #[test]
    fn the_first_error_ends_all() {
        let mut environments = [environment(1.0), environment(1.0)];
        let mut controllers = controllers();
        let plays = environments.iter_mut().zip(&mut controllers);
        let plays = plays.map(|(environment, controller)| Play {
            environment,
            controller: controller.as_mut(),
            seed: 1,
        });
        let failed = run_together(plays.collect(), |asked| {
            let fail = |ask: Ask| {
                let problem = "out of paper".to_owned();
                let name = ask.trainee.spec().name.clone();
                Err(trimtab_env::Error::Setting { name, problem })
            };
            asked.into_iter().map(fail).collect()
        });
        assert!(failed.unwrap_err().to_string().contains("out of paper"));
    }
}
