//! Episodes under controllers.

use super::{Controller, Decision, Situation};
use trimtab_env::{Environment, Error, Observation, Report, Result, Status, Step, TuningEnv};

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
    let mut episode = Episode::begin(Play {
        environment,
        controller,
        seed,
    })?;
    while !episode.is_over {
        episode.step()?;
    }
    Ok(episode.total)
}

/// An episode under way, for a caller that may stop it before its end.
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
        let step = self.decide_and_train()?;
        self.total += f64::from(step.reward);
        match step.status {
            Status::Running => self.observation = step.observation,
            Status::Terminated(_) | Status::Truncated(_) => self.is_over = true,
        }
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

    /// Lets the controller decide the next segment, after what it tries out first, and trains it.
    fn decide_and_train(&mut self) -> Result<Step> {
        let Play {
            environment,
            controller,
            ..
        } = &mut self.play;
        let mut look_ahead: Option<Vec<Report>> = None;
        loop {
            let decision = controller.decide(&Situation {
                observation: &self.observation,
                segments: environment.segments(),
                spent: environment.spent_share(),
                next: environment.next_share(),
                look_ahead: look_ahead.as_deref(),
            });
            match decision {
                Decision::Choose(action) => return environment.step(&action),
                Decision::Set(settings) => return environment.step_with(&settings),
                Decision::Fail(reason) => return Err(Error::other(controller.name(), reason)),
                Decision::LookAhead(tried) => look_ahead = Some(environment.look_ahead(&tried)?),
            }
        }
    }
}
