//! Finds what breaks the contract of [`Environment`].

use crate::{Action, ActionMask, Environment, EnvironmentSpec, Observation, Step, stream};
use rand::{Rng, RngExt};
use std::any::Any;
use std::collections::HashSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How [`check_environment`] looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckOptions {
    /// Seed of the episodes and of the random actions.
    pub seed: u64,
    /// How many episodes are played, each of them twice.
    pub episodes: usize,
    /// No episode is played for more steps than this, whatever its horizon. An episode that could not be played to
    /// its end is not examined for what happens after the end.
    pub max_steps: usize,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            episodes: 3,
            max_steps: 10_000,
        }
    }
}

/// One way in which an environment breaks the contract.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Violation {
    /// The specification itself is impossible.
    Spec(String),
    /// The specification was different after an episode.
    SpecChanged(String),
    /// `reset` failed.
    ResetFailed(String),
    /// `step` failed on an action that is allowed.
    StepFailed {
        /// Number of the step, from 0.
        step: usize,
        /// The error.
        error: String,
    },
    /// An observation does not fit the specification.
    Observation {
        /// Number of the step after which it was seen; `None` after reset.
        step: Option<usize>,
        /// What does not fit.
        problem: String,
    },
    /// A reward is not finite.
    Reward {
        /// Number of the step, from 0.
        step: usize,
        /// The reward.
        reward: f32,
    },
    /// The mask does not fit the heads, or forbids every choice of one.
    Mask {
        /// Number of the step after which it was seen; `None` after reset.
        step: Option<usize>,
        /// What does not fit.
        problem: String,
    },
    /// The same seed and the same actions gave something else the second time.
    NotReproducible {
        /// Number of the step after which it differed; `None` after reset.
        step: Option<usize>,
        /// First and second answer.
        difference: String,
    },
    /// The episode went on beyond the horizon.
    TooLong {
        /// The horizon of the specification.
        horizon: usize,
    },
    /// A call that must be an error was accepted.
    Accepted(&'static str),
    /// A call panicked. The environment is not examined any further.
    Panicked {
        /// The call.
        call: String,
        /// What the panic said.
        message: String,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = |step: &Option<usize>| match step {
            Some(step) => format!("after step {step}"),
            None => "after reset".to_owned(),
        };
        match self {
            Self::Spec(problem) => write!(formatter, "specification: {problem}"),
            Self::SpecChanged(difference) => {
                write!(
                    formatter,
                    "the specification changed during an episode: {difference}"
                )
            }
            Self::ResetFailed(error) => write!(formatter, "reset failed: {error}"),
            Self::StepFailed { step, error } => {
                write!(
                    formatter,
                    "step {step} failed on an allowed action: {error}"
                )
            }
            Self::Observation { step, problem } => {
                write!(formatter, "observation {}: {problem}", after(step))
            }
            Self::Reward { step, reward } => {
                write!(
                    formatter,
                    "reward of step {step} is {reward}; it must be finite"
                )
            }
            Self::Mask { step, problem } => write!(formatter, "mask {}: {problem}", after(step)),
            Self::NotReproducible { step, difference } => write!(
                formatter,
                "the same seed and actions gave another result {}: {difference}; draw everything random from the seed given to reset",
                after(step)
            ),
            Self::TooLong { horizon } => write!(
                formatter,
                "the episode went on beyond the horizon of {horizon} steps; end it or raise the horizon"
            ),
            Self::Accepted(call) => write!(formatter, "{call} was accepted; it must be an error"),
            Self::Panicked { call, message } => write!(
                formatter,
                "{call} panicked: {message}; return an error, or do what was asked, but never panic"
            ),
        }
    }
}

/// Plays episodes with random allowed actions and returns every kind of violation it saw, in the order it saw them.
/// An empty answer is the good one. A panic of the environment is a violation too, and the last one that is looked for.
///
/// ```
/// use trimtab_env::{CheckOptions, check_environment, suite::Identity};
/// let violations = check_environment(&mut Identity::new(3, 8), &CheckOptions::default());
/// assert!(violations.is_empty(), "{violations:?}");
/// ```
pub fn check_environment(
    environment: &mut dyn Environment,
    options: &CheckOptions,
) -> Vec<Violation> {
    let mut found = Findings::default();
    if let Err(panicked) = examine(environment, options, &mut found) {
        found.add(panicked);
    }
    found.violations
}

/// What an environment answered, or the panic that ends the examination.
type Answer<T> = Result<T, Violation>;

fn examine(
    environment: &mut dyn Environment,
    options: &CheckOptions,
    found: &mut Findings,
) -> Answer<()> {
    let spec = guarded("the specification", || environment.spec().clone())?;
    check_spec(&spec, found);
    if !found.violations.is_empty() {
        // Nothing can be played on an impossible specification.
        return Ok(());
    }
    must_refuse(
        environment,
        Action::new(vec![0; spec.heads.len()]),
        "step before the first reset",
        found,
    )?;
    for episode in 0..options.episodes {
        let seed = options.seed.wrapping_add(episode as u64);
        let first = play(environment, &spec, seed, options.max_steps, found)?;
        let mut again = Findings::default();
        let second = play(environment, &spec, seed, options.max_steps, &mut again)?;
        compare(&first, &second, found);
        let now = guarded("the specification", || environment.spec().clone())?;
        if let Some(difference) = spec.difference(&now) {
            found.add(Violation::SpecChanged(difference));
        }
    }
    Ok(())
}

/// Makes a call that may panic. The environment is not used after a panic, so it does not matter in which state it was left.
fn guarded<T>(call: impl Into<String>, of: impl FnOnce() -> T) -> Answer<T> {
    catch_unwind(AssertUnwindSafe(of)).map_err(|panic| Violation::Panicked {
        call: call.into(),
        message: message_of(panic.as_ref()),
    })
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}

/// Takes a step that must be an error, and says whether it was.
fn must_refuse(
    environment: &mut dyn Environment,
    action: Action,
    call: &'static str,
    found: &mut Findings,
) -> Answer<bool> {
    let accepted = guarded(call, || environment.step(&action))?.is_ok();
    if accepted {
        found.add(Violation::Accepted(call));
    }
    Ok(!accepted)
}

/// Keeps one violation of each kind: an environment that is wrong at every step says it once.
#[derive(Default)]
struct Findings {
    violations: Vec<Violation>,
}

impl Findings {
    fn add(&mut self, violation: Violation) {
        let same = |other: &Violation| match (other, &violation) {
            (Violation::Accepted(a), Violation::Accepted(b)) => a == b,
            (Violation::Spec(_), Violation::Spec(_)) => false,
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        };
        if !self.violations.iter().any(same) {
            self.violations.push(violation);
        }
    }
}

fn check_spec(spec: &EnvironmentSpec, found: &mut Findings) {
    let mut problem = |text: String| found.add(Violation::Spec(text));
    if spec.features.is_empty() {
        problem("there are no features".to_owned());
    }
    if spec.heads.is_empty() {
        problem("there are no action heads".to_owned());
    }
    if spec.horizon == 0 {
        problem("the horizon is 0".to_owned());
    }
    let mut names = HashSet::new();
    for feature in &spec.features {
        if !names.insert(&feature.name) {
            problem(format!("two features are called `{}`", feature.name));
        }
        if feature.low.is_nan() || feature.high.is_nan() || feature.low > feature.high {
            problem(format!(
                "feature `{}` has the bounds {} and {}",
                feature.name, feature.low, feature.high
            ));
        }
    }
    let mut names = HashSet::new();
    for head in &spec.heads {
        if !names.insert(&head.name) {
            problem(format!("two heads are called `{}`", head.name));
        }
        if head.choices.is_empty() {
            problem(format!("head `{}` has no choices", head.name));
        }
    }
}

type Trace = Vec<(Observation, Option<(f32, crate::Status)>)>;

fn play(
    environment: &mut dyn Environment,
    spec: &EnvironmentSpec,
    seed: u64,
    max_steps: usize,
    found: &mut Findings,
) -> Answer<Trace> {
    let mut rng = stream(seed, "checker", 0);
    let mut trace = Trace::new();
    let mut observation = match guarded("reset", || environment.reset(seed))? {
        Ok(observation) => observation,
        Err(error) => {
            found.add(Violation::ResetFailed(error.to_string()));
            return Ok(trace);
        }
    };
    check_observation(&observation, spec, None, found);
    trace.push((observation.clone(), None));
    probe_bad_actions(environment, spec, &observation, found)?;
    for step in 0..max_steps {
        if step == spec.horizon {
            found.add(Violation::TooLong {
                horizon: spec.horizon,
            });
            break;
        }
        let action = random_action(spec, observation.mask.as_ref(), &mut rng);
        let Step {
            observation: next,
            reward,
            status,
        } = match guarded(format!("step {step}"), || environment.step(&action))? {
            Ok(step) => step,
            Err(error) => {
                found.add(Violation::StepFailed {
                    step,
                    error: error.to_string(),
                });
                return Ok(trace);
            }
        };
        check_observation(&next, spec, Some(step), found);
        if !reward.is_finite() {
            found.add(Violation::Reward { step, reward });
        }
        trace.push((next.clone(), Some((reward, status))));
        observation = next;
        if status.is_over() {
            let action = random_action(spec, observation.mask.as_ref(), &mut rng);
            must_refuse(
                environment,
                action,
                "step after the end of the episode",
                found,
            )?;
            break;
        }
    }
    Ok(trace)
}

/// Actions that must be refused. A correct environment is not changed by them; one that accepts them is reported, and
/// its trace is spoilt in the same way both times.
fn probe_bad_actions(
    environment: &mut dyn Environment,
    spec: &EnvironmentSpec,
    observation: &Observation,
    found: &mut Findings,
) -> Answer<()> {
    let allowed: Vec<usize> = (0..spec.heads.len())
        .map(|head| {
            let mask = observation
                .mask
                .as_ref()
                .and_then(|mask| mask.allowed.get(head));
            mask.and_then(|allowed| allowed.iter().position(|a| *a))
                .unwrap_or(0)
        })
        .collect();
    let mut too_large = allowed.clone();
    too_large[0] = spec.heads[0].choices.len();
    let mut too_many = allowed.clone();
    too_many.push(0);
    for (action, call) in [
        (too_large, "a choice outside its head"),
        (too_many, "an action with one choice too many"),
    ] {
        if !must_refuse(environment, Action::new(action), call, found)? {
            return Ok(());
        }
    }
    if let Some(mask) = &observation.mask {
        for (head, choices) in mask.allowed.iter().enumerate().take(spec.heads.len()) {
            if let Some(choice) = choices.iter().position(|allowed| !allowed) {
                let mut masked = allowed.clone();
                masked[head] = choice;
                if !must_refuse(environment, Action::new(masked), "a masked choice", found)? {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

fn check_observation(
    observation: &Observation,
    spec: &EnvironmentSpec,
    step: Option<usize>,
    found: &mut Findings,
) {
    let mut problem = |problem: String| found.add(Violation::Observation { step, problem });
    if observation.features.len() != spec.features.len() {
        problem(format!(
            "it has {} numbers where the specification has {} features",
            observation.features.len(),
            spec.features.len()
        ));
    }
    for (feature, value) in spec.features.iter().zip(&observation.features) {
        if !value.is_finite() {
            problem(format!("feature `{}` is {value}", feature.name));
        } else if *value < feature.low || *value > feature.high {
            problem(format!(
                "feature `{}` is {value}, outside its bounds {} to {}",
                feature.name, feature.low, feature.high
            ));
        }
    }
    if let Some(mask) = &observation.mask {
        check_mask(mask, spec, step, found);
    }
}

fn check_mask(
    mask: &ActionMask,
    spec: &EnvironmentSpec,
    step: Option<usize>,
    found: &mut Findings,
) {
    let shape: Vec<usize> = mask.allowed.iter().map(Vec::len).collect();
    if shape != spec.choices() {
        found.add(Violation::Mask {
            step,
            problem: format!(
                "it has the shape {shape:?} where the heads have {:?}",
                spec.choices()
            ),
        });
    }
    for (head, allowed) in spec.heads.iter().zip(&mask.allowed) {
        if !allowed.contains(&true) {
            found.add(Violation::Mask {
                step,
                problem: format!("it forbids every choice of head `{}`", head.name),
            });
        }
    }
}

fn random_action(spec: &EnvironmentSpec, mask: Option<&ActionMask>, rng: &mut impl Rng) -> Action {
    let choices = spec.heads.iter().enumerate().map(|(index, head)| {
        let allowed: Vec<usize> = (0..head.choices.len())
            .filter(|choice| match mask {
                None => true,
                Some(mask) => mask
                    .allowed
                    .get(index)
                    .and_then(|allowed| allowed.get(*choice).copied())
                    .unwrap_or(false),
            })
            .collect();
        if allowed.is_empty() {
            0
        } else {
            allowed[rng.random_range(0..allowed.len())]
        }
    });
    Action::new(choices.collect::<Vec<_>>())
}

fn compare(first: &Trace, second: &Trace, found: &mut Findings) {
    // Compared as text of the bits' exact values: NaN equals NaN here.
    for (index, (a, b)) in first.iter().zip(second).enumerate() {
        let (a, b) = (format!("{a:?}"), format!("{b:?}"));
        if a != b {
            found.add(Violation::NotReproducible {
                step: index.checked_sub(1),
                difference: format!("{a} against {b}"),
            });
            return;
        }
    }
    if first.len() != second.len() {
        found.add(Violation::NotReproducible {
            step: first.len().min(second.len()).checked_sub(1),
            difference: format!("{} steps against {}", first.len(), second.len()),
        });
    }
}

#[cfg(test)]
mod tests;
