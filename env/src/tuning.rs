//! Hyperparameter tuning as a Markov decision process: the environment around a training.
//!
//! Input: a [`Trainee`], a [`TuningConfig`] and actions. Output: observations and rewards of each segment, and the record of the
//! training as [`Segment`]s.
//!
//! | to find | look in |
//! |---|---|
//! | one step: decide, train, report, reward | this file, and `segment` |
//! | what can be trained a little further, and what it reports | [`trainee`] |
//! | what an action moves, and how | [`knob`]; the names of settings are in [`settings`] |
//! | how the budget is cut into segments, what an update costs | [`budget`], [`cost`] |
//! | what the updates of a segment come to | [`tally`] |
//! | what the agent sees, is paid and aims at | [`observation`], [`reward`], [`objective`] |
//! | a context servo that decides first | `base_controller` |
//! | trying settings out and going back | `look_ahead` |
//! | the wish that a training stops | [`interruption`] |
//! | where a training can stand still | [`pause`] |
//! | what it takes to go on elsewhere | [`recording`] |
//!
//! ```
//! use trimtab_env::{Action, Environment, TuningEnv, suite::NoisyQuadratic};
//! let instances = vec![NoisyQuadratic::default().into()];
//! let mut environment = TuningEnv::new(instances, NoisyQuadratic::tuning())?;
//! environment.reset(1)?;
//! while !environment.step(&Action::from(2))?.status.is_over() {}
//! assert!(environment.outcome()?["best_validation_loss"] < f64::MAX);
//! # Ok::<(), trimtab_env::Error>(())
//! ```

mod base_controller;
pub mod budget;
mod config;
pub mod cost;
pub mod interruption;
pub mod knob;
mod look_ahead;
pub mod network_size;
pub mod objective;
pub mod observation;
pub mod pause;
pub mod recording;
pub mod reward;
mod segment;
pub mod settings;
pub mod tally;
pub mod trainee;
mod validate;

pub use config::{Divergence, TuningConfig};

use crate::mdp::stream::derived_seed;
use crate::servo::context_servo::Steering;
use crate::tuning::knob::Position;
use crate::tuning::observation::{Encoder, Moment};
use crate::tuning::recording::Asked;
use crate::tuning::settings::BATCH_SIZE;
use crate::{
    Action, ActionMask, Budget, Cost, Environment, EnvironmentSpec, Error, Knob, Moves,
    Observation, Outcome, Pruned, Report, Restore, Result, Settings, Snapshot, Status, Step,
    Trainee, Value, stream,
};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};

/// One training task of a [`TuningEnv`].
pub struct Instance {
    /// The training.
    pub trainee: Box<dyn Trainee>,
    /// Validation loss, or error of another [`Objective`](crate::Objective), that a good training of this task reaches; it
    /// scales the reward.
    /// `None` takes a fifth of that before training.
    pub reference_loss: Option<f64>,
    /// Validation loss, or error of another objective, to reach; time to target is measured to it.
    pub target_loss: Option<f64>,
    /// Factor on the budget of the process.
    pub budget_factor: f64,
}

impl From<Box<dyn Trainee>> for Instance {
    fn from(trainee: Box<dyn Trainee>) -> Self {
        Self {
            trainee,
            reference_loss: None,
            target_loss: None,
            budget_factor: 1.0,
        }
    }
}

/// One segment as it happened, for records and pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Number of the segment, from 0.
    pub index: usize,
    /// The settings that held.
    pub settings: Settings,
    /// What the trainee said.
    pub report: Report,
    /// Cost of the episode so far.
    pub spent: Cost,
    /// Best validation loss so far, or best error of another [`Objective`](crate::Objective).
    pub best_loss: f64,
    /// The reward of the segment.
    pub reward: f32,
}

/// The environment that wraps trainings. An episode is one training, a step is one segment of it.
///
/// ```
/// use trimtab_env::{Action, Environment, TuningEnv, suite::NoisyQuadratic};
/// let mut environment = TuningEnv::new(vec![NoisyQuadratic::default().into()], NoisyQuadratic::tuning())?;
/// environment.reset(1)?;
/// let heads = environment.spec().heads.len();
/// let step = environment.step(&Action::new(vec![1; heads]))?;
/// assert!(!step.status.is_over());
/// # Ok::<(), trimtab_env::Error>(())
/// ```
pub struct TuningEnv {
    /// Which one of this process it is.
    id: u64,
    config: TuningConfig,
    spec: EnvironmentSpec,
    instances: Vec<Instance>,
    only: Option<usize>,
    encoder: Encoder,
    episode: Option<Episode>,
}

/// The state of the training that is under way.
struct Episode {
    instance: usize,
    positions: Vec<Position>,
    budget: Cost,
    spent: Cost,
    next_segment: usize,
    first_loss: f64,
    best_loss: f64,
    /// How much larger than asked for the network of the best segment is, and its size.
    best_excess: f64,
    best_size: Option<Pruned>,
    best: Snapshot,
    /// The base controller as of the best segment, if there is one.
    best_steering: Option<Steering>,
    divergences: usize,
    cost_to_target: Option<Cost>,
    measured_update_ratio: Option<f64>,
    steering: Option<Steering>,
    mask: ActionMask,
    status: Status,
    segments: Vec<Segment>,
}

impl TuningEnv {
    /// An environment over one or more training tasks; each episode draws one of them from its seed.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field, if the configuration does not fit the trainees.
    pub fn new(instances: Vec<Instance>, config: TuningConfig) -> Result<Self> {
        validate::validate(&instances, &config)?;
        let encoder = Encoder::new(
            config.observation.clone(),
            &config.knobs,
            config.base_controller.is_some(),
        )
        .map_err(|error| error.within("observation"))?;
        let spec = EnvironmentSpec {
            name: "tuning".to_owned(),
            features: encoder.features(&config.knobs),
            heads: config.knobs.iter().map(Knob::head).collect(),
            horizon: config.segments.count(),
        };
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Ok(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            config,
            spec,
            instances,
            only: None,
            encoder,
            episode: None,
        })
    }

    /// The configuration.
    pub fn config(&self) -> &TuningConfig {
        &self.config
    }

    /// The tasks.
    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }

    /// Makes every following episode take this task; `None` draws again.
    ///
    /// # Errors
    /// [`Error::Config`] if there is no such task.
    pub fn only(&mut self, instance: Option<usize>) -> Result<()> {
        if let Some(index) = instance.filter(|index| *index >= self.instances.len()) {
            return Err(Error::config(
                "instance",
                index,
                format!("there are {} tasks, counted from 0", self.instances.len()),
            ));
        }
        self.only = instance;
        Ok(())
    }

    /// The segments of the present episode so far.
    pub fn segments(&self) -> &[Segment] {
        self.episode
            .as_ref()
            .map_or(&[], |episode| &episode.segments)
    }

    /// The best validation loss of the present episode, or the error if the objective is a metric; at first that before any
    /// update. `f64::MAX` before the first episode.
    pub fn best_loss(&self) -> f64 {
        self.episode.as_ref().map_or(f64::MAX, |e| e.best_loss)
    }

    /// Whether the next segment is one of the short ones at the beginning.
    pub fn is_short_segment(&self) -> bool {
        let next = self.episode.as_ref().map_or(0, |e| e.next_segment);
        next < self.config.segments.short
    }

    /// The task of the present episode.
    pub fn instance(&self) -> Option<usize> {
        self.episode.as_ref().map(|episode| episode.instance)
    }

    /// The settings as they stand, before the next decision.
    ///
    /// # Errors
    /// [`Error::NotReset`] before the first episode.
    pub fn settings(&self) -> Result<Settings> {
        let episode = self.episode.as_ref().ok_or_else(|| self.not_reset())?;
        Ok(settings(&self.config, &episode.positions))
    }

    /// The share of the budget that is spent, from 0 to 1.
    pub fn spent_share(&self) -> f64 {
        self.episode
            .as_ref()
            .map_or(0.0, |episode| (episode.spent / episode.budget).min(1.0))
    }

    /// What the present training may cost; 0 before the first.
    pub fn budget(&self) -> Cost {
        self.episode.as_ref().map_or(0.0, |episode| episode.budget)
    }

    /// The share of the budget that will be spent after the next segment.
    pub fn next_share(&self) -> f64 {
        self.episode.as_ref().map_or(0.0, |episode| {
            self.config.segments.spent_after(episode.next_segment)
        })
    }

    /// Trains one segment with settings from outside the knobs' choices, as schedules and fixed settings do. It is the
    /// same step in every other respect.
    ///
    /// # Errors
    /// As [`Environment::step`], and when a setting is impossible.
    pub fn step_with(&mut self, settings: &Settings) -> Result<Step> {
        self.running()?;
        if let Some(episode) = self.episode.as_mut().filter(|_| settings.from_best()) {
            let trainee = &mut self.instances[episode.instance].trainee;
            episode.go_back(trainee.as_mut())?;
        }
        self.train(settings.clone())
    }

    /// Ends the present episode and returns its trainee, brought back to its state with the best validation loss.
    ///
    /// # Errors
    /// [`Error::NotReset`] where no episode has begun.
    pub fn end_at_best(&mut self) -> Result<&mut dyn Trainee> {
        let not_reset = self.not_reset();
        let episode = self.episode.take().ok_or(not_reset)?;
        recording::needs_more();
        let trainee = &mut self.instances[episode.instance].trainee;
        trainee.restore(&episode.best, Restore::Everything)?;
        Ok(trainee.as_mut())
    }

    fn not_reset(&self) -> Error {
        Error::NotReset {
            environment: self.spec.name.clone(),
        }
    }

    fn running(&self) -> Result<&Episode> {
        match &self.episode {
            None => Err(self.not_reset()),
            Some(episode) if episode.status.is_over() => Err(Error::EpisodeOver {
                environment: self.spec.name.clone(),
            }),
            Some(episode) => Ok(episode),
        }
    }

    /// Moves every knob by its choice and returns the settings of the next segment.
    fn decide(&mut self, action: &Action) -> Result<Settings> {
        let share = self.spent_share();
        let middle = 0.5 * (share + self.next_share());
        let config = &self.config;
        let Some(episode) = &mut self.episode else {
            return Err(Error::NotReset {
                environment: self.spec.name.clone(),
            });
        };
        for ((knob, position), choice) in config
            .knobs
            .iter()
            .zip(&mut episode.positions)
            .zip(&action.choices)
        {
            *position = knob.apply(position, *choice);
        }
        let trainee = &mut self.instances[episode.instance].trainee;
        let chosen = settings(config, &episode.positions).from_best();
        if chosen {
            episode.go_back(trainee.as_mut())?;
        }
        if let Some(settings) = episode.steered(config, middle) {
            if settings.from_best() && !chosen {
                trainee.restore(&episode.best, Restore::AllButData)?;
            }
            return Ok(settings);
        }
        // The servo comes last: its set-point depends on the batch size that holds from now on.
        let batch = settings(config, &episode.positions)
            .number(BATCH_SIZE)
            .unwrap_or(64.0);
        for (knob, position) in config.knobs.iter().zip(&mut episode.positions) {
            if let (Moves::Servo(servo), Value::Number(lr)) = (&knob.moves, &position.value) {
                let set_point = servo.set_point(share, batch, position.offset);
                let wanted = servo.learning_rate(*lr, episode.measured_update_ratio, set_point);
                position.value = Value::Number(knob.domain.nearest(wanted));
            }
        }
        Ok(settings(config, &episode.positions))
    }
}

impl Environment for TuningEnv {
    fn spec(&self) -> &EnvironmentSpec {
        &self.spec
    }

    fn reset(&mut self, seed: u64) -> Result<Observation> {
        self.episode = None;
        let mut rng = stream(seed, "episode", 0);
        let drawn = rng.random_range(0..self.instances.len());
        let index = self.only.unwrap_or(drawn);
        let instance = &mut self.instances[index];
        let config = &self.config;

        let epoch = instance.trainee.spec().epoch_cost(Budget::REFERENCE_BATCH);
        let budget = config.budget.draw(epoch, &mut rng)? * instance.budget_factor;
        let positions: Vec<Position> = config
            .knobs
            .iter()
            .map(|knob| knob.start(&mut rng))
            .collect();
        let steering = base_controller::begin(config, &positions, instance.trainee.spec(), budget)?;
        recording::begins(self.id);
        let seed = derived_seed(seed, "training", 0);
        let report =
            recording::report(self.id, Asked::Start(seed), || instance.trainee.start(seed))?;
        let first_loss = config.objective.of(&report).unwrap_or(f64::NAN);
        let lowest = instance.trainee.spec().lowest_loss;
        self.encoder.start(&report, lowest);

        let mut episode = Episode {
            instance: index,
            positions,
            budget,
            spent: report.cost,
            next_segment: 0,
            first_loss,
            best_loss: finite(first_loss),
            best_excess: report.excess(),
            best_size: report.pruned,
            best: instance.trainee.snapshot(),
            best_steering: None,
            divergences: 0,
            cost_to_target: None,
            measured_update_ratio: None,
            steering,
            mask: ActionMask {
                allowed: Vec::new(),
            },
            status: Status::Running,
            segments: Vec::with_capacity(config.segments.count()),
        };
        let observation = observe(config, &mut self.encoder, &mut episode);
        self.episode = Some(episode);
        Ok(observation)
    }

    fn step(&mut self, action: &Action) -> Result<Step> {
        let episode = self.running()?;
        self.spec.check_action(action)?;
        episode.mask.check(&self.spec, action)?;
        self.start_probe()?;
        let settings = self.decide(action)?;
        self.train(settings)
    }

    fn spent(&self) -> Cost {
        self.episode.as_ref().map_or(0.0, |episode| episode.spent)
    }

    /// Figures of the episode: `best_validation_loss`, `cost`, `divergences`, `cost_to_target` where the target was
    /// reached, and `test_loss` and `test_<metric>` of the best weights. With a metric as objective, `best_validation_loss` is
    /// its error, and `best_<metric>` is there as well. Where a training prunes, `network_left` and `weights_left` are those of the best
    /// weights.
    fn outcome(&mut self) -> Result<Outcome> {
        let Some(episode) = &self.episode else {
            return Err(self.not_reset());
        };
        let trainee = &mut self.instances[episode.instance].trainee;
        let now = trainee.snapshot();
        trainee.restore(&episode.best, Restore::Everything)?;
        let test = recording::test(self.id, || trainee.test())?;
        trainee.restore(&now, Restore::Everything)?;
        let mut outcome = Outcome::from([
            ("best_validation_loss".to_owned(), episode.best_loss),
            ("cost".to_owned(), episode.spent),
            ("divergences".to_owned(), episode.divergences as f64),
            ("test_loss".to_owned(), finite(test.loss)),
        ]);
        let objective = self.config.objective;
        outcome.insert(
            format!("best_{}", objective.name()),
            objective.figure(episode.best_loss),
        );
        if let Some(size) = &episode.best_size {
            outcome.insert("network_left".to_owned(), size.left);
            outcome.insert("weights_left".to_owned(), size.weights as f64);
        }
        if let Some(cost) = episode.cost_to_target {
            outcome.insert("cost_to_target".to_owned(), cost);
        }
        outcome.extend(
            test.metrics
                .into_iter()
                .filter(|(_, value)| value.is_finite())
                .map(|(name, value)| (format!("test_{name}"), value)),
        );
        Ok(outcome)
    }
}

/// A loss that is not finite loses against any other; records hold finite numbers only.
fn finite(loss: f64) -> f64 {
    if loss.is_finite() { loss } else { f64::MAX }
}

fn settings(config: &TuningConfig, positions: &[Position]) -> Settings {
    let mut settings = config.settings.clone();
    for (knob, position) in config.knobs.iter().zip(positions) {
        settings.set(&knob.name, position.value.clone());
    }
    settings
}

fn observe(config: &TuningConfig, encoder: &mut Encoder, episode: &mut Episode) -> Observation {
    episode.mask = ActionMask {
        allowed: config
            .knobs
            .iter()
            .zip(&episode.positions)
            .map(|(knob, position)| knob.allowed(position))
            .collect(),
    };
    let features = encoder.encode(&Moment {
        knobs: &config.knobs,
        positions: &episode.positions,
        budget_left: 1.0 - (episode.spent / episode.budget).min(1.0),
        short_segment: episode.next_segment < config.segments.short,
        context: episode.steering.as_ref().map(Steering::context),
    });
    Observation {
        features,
        mask: Some(episode.mask.clone()),
    }
}
