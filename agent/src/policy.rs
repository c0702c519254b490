//! A policy: everything that is needed to act, as plain data.
//!
//! Input: an observation and its mask. Output: an action. A policy needs no device: actor and critic are copied into a
//! [`Perceptron`], which acts on plain vectors.
//!
//! | to find | look in |
//! |---|---|
//! | the distribution over the choices of each head | [`categorical`] |
//! | the acting path | [`perceptron`] |
//! | what is trained: actor and critic with their gradients | [`network`] |
//!
//! ```
//! use trimtab_agent::{Algorithm, Learner, PolicyConfig, Selection};
//! use trimtab_env::{Environment, suite::Identity};
//! let mut environment = Identity::new(2, 10);
//! let learner = Learner::new(environment.spec(), &PolicyConfig::default(), Algorithm::Ppo(Default::default()), 1)?;
//! let observation = environment.reset(1)?;
//! let mut rng = trimtab_env::stream(1, "actions", 0);
//! let (action, log_prob) =
//!     learner.policy().act(&observation, Selection::Sampled, &mut rng, &mut Default::default())?;
//! assert!(action.choices.len() == 1 && log_prob < 0.0);
//! # Ok::<(), trimtab_agent::Error>(())
//! ```

pub mod categorical;
pub mod network;
pub mod perceptron;

use crate::policy::categorical::{log_softmax_in_place, mode, sample};
use crate::policy::perceptron::{Activation, Perceptron};
use crate::{Error, Result};
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use trimtab_env::bounds::check_widths;
use trimtab_env::files::write_whole;
use trimtab_env::json;
use trimtab_env::seal::{seal, unseal};
use trimtab_env::tuning::observation::Encoder;
use trimtab_env::wrappers::RunningMoments;
use trimtab_env::{
    Action, Cost, EnvironmentSpec, Head, Knob, Observation, Residual, ResidualPolicy, stream,
};

/// The version of the file format.
const VERSION: u64 = 2;

/// Shape and start of the networks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyConfig {
    /// Widths of the hidden layers of actor and critic.
    pub hidden: Vec<usize>,
    /// What follows them.
    pub activation: Activation,
    /// Added at the start to the logit of every choice that changes nothing ([`trimtab_env::Head::no_op`]), so that an
    /// untrained policy mostly leaves a knob alone.
    pub no_op_bias: f32,
    /// Whether observations are standardised by running statistics. The features of a tuning environment are made to be
    /// of scale one and do not need it.
    pub normalise_observations: bool,
}

impl Default for PolicyConfig {
    /// Two layers of 64 with `tanh`, as in the PPO paper; a bias of 1, which makes "no change" about twice as likely.
    fn default() -> Self {
        Self {
            hidden: vec![64, 64],
            activation: Activation::Tanh,
            no_op_bias: 1.0,
            normalise_observations: false,
        }
    }
}

impl PolicyConfig {
    /// Checks every number, for networks of so many features, before anything is allocated.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first one out of range, [`Error::Environment`] naming the layer.
    pub fn validate(&self, features: usize) -> Result<()> {
        if !self.no_op_bias.is_finite() {
            let field = "policy.no_op_bias";
            return Err(Error::config(
                field,
                self.no_op_bias,
                "give a finite number",
            ));
        }
        Ok(check_widths("policy.hidden", features, &self.hidden, 1)?)
    }
}

/// How a choice is made from its distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selection {
    /// The most probable choice.
    Greedy,
    /// A draw.
    Sampled,
}

/// A trained policy with the statistics and the specification that it depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Version of the file format.
    version: u64,
    /// What it was trained for.
    spec: EnvironmentSpec,
    /// Statistics of the observations, if they are standardised.
    moments: Option<RunningMoments>,
    /// The actor.
    actor: Perceptron,
    /// What its training cost, if it was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    training_cost: Option<Cost>,
    /// What it moves and sees, if it adds to a context servo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    residual: Option<Residual>,
}

/// Standardised observations are clipped to this many standard deviations, as in CleanRL and Stable-Baselines3. Gymnasium's wrapper
/// alone does not clip.
pub(crate) const OBSERVATION_CLIP: f32 = 10.0;

/// Buffers that acting reuses.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    input: Vec<f32>,
    layers: [Vec<f32>; 2],
    log_probs: Vec<f32>,
}

impl Policy {
    /// A policy from its parts.
    pub fn new(spec: EnvironmentSpec, moments: Option<RunningMoments>, actor: Perceptron) -> Self {
        Self {
            version: VERSION,
            spec,
            moments,
            actor,
            training_cost: None,
            residual: None,
        }
    }

    /// The policy that ships. It adds to a [`trimtab_env::ContextServo`] what the servo does not know: when to hold back, and when
    /// to go back to the best weights. The experiments page says what it is worth and on what it was trained.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the crate was built with another file in its place.
    pub fn shipped() -> Result<Self> {
        let path = "policies/residual.json";
        let text = include_bytes!("../policies/residual.json");
        Self::parse(text, Path::new(path))
    }

    /// The policy with what its training cost, in seconds of the cost model.
    pub fn with_training_cost(mut self, cost: Cost) -> Self {
        self.training_cost = Some(cost);
        self
    }

    /// What its training cost, in seconds of the cost model; `None` if the file does not say.
    pub fn training_cost(&self) -> Option<Cost> {
        self.training_cost
    }

    /// The policy with what it moves and sees of a training under a context servo.
    pub fn with_residual(mut self, residual: Residual) -> Self {
        self.residual = Some(residual);
        self
    }

    /// The policy as what adds to a context servo, for a tuner or a training outside of an environment. It takes the most probable
    /// choices. Where its numbers are not finite it leaves everything to the servo.
    ///
    /// # Errors
    /// [`Error::Config`] if it was not trained to add to one, [`Error::OtherSpec`] if it moves or sees something else than what its
    /// file says.
    pub fn residual(&self) -> Result<ResidualPolicy> {
        let Some(residual) = self.residual.clone() else {
            let allowed = "take a policy that was trained in a process with a base controller";
            return Err(Error::config("residual", "none", allowed));
        };
        let Residual { knobs, observation } = &residual;
        let encoder = Encoder::new(observation.clone(), knobs, true)?;
        self.check(&EnvironmentSpec {
            features: encoder.features(knobs),
            heads: knobs.iter().map(Knob::head).collect(),
            ..self.spec.clone()
        })?;
        let policy = self.clone();
        let choose = move |observation: &Observation| {
            // The most probable choice needs no random numbers.
            let mut rng = stream(0, "actions", 0);
            let scratch = &mut Scratch::default();
            let acted = policy.act(observation, Selection::Greedy, &mut rng, scratch);
            let no_op = |head: &Head| head.no_op().unwrap_or(0);
            acted.map_or_else(
                |_| Action::new(policy.spec.heads.iter().map(no_op).collect::<Vec<_>>()),
                |(action, _)| action,
            )
        };
        Ok(ResidualPolicy {
            residual,
            choose: Arc::new(choose),
            text: serde_json::to_vec(self).ok().map(Arc::from),
        })
    }

    /// What it was trained for.
    pub fn spec(&self) -> &EnvironmentSpec {
        &self.spec
    }

    /// The network that acts.
    pub fn actor(&self) -> &Perceptron {
        &self.actor
    }

    /// Whether it standardises observations before the network sees them.
    pub fn normalises_observations(&self) -> bool {
        self.moments.is_some()
    }

    /// Checks that it can act in an environment with this specification.
    ///
    /// # Errors
    /// [`Error::OtherSpec`] naming the difference.
    pub fn check(&self, spec: &EnvironmentSpec) -> Result<()> {
        match self.spec.difference(spec) {
            None => Ok(()),
            Some(difference) => Err(Error::OtherSpec {
                environment: spec.name.clone(),
                difference,
            }),
        }
    }

    /// Chooses an action and says how likely it was: `log pi(a | s)`, summed over the heads. A masked choice is never taken.
    ///
    /// # Errors
    /// [`trimtab_env::Error::Other`] if a logit is not finite, or the mask forbids every choice of a head.
    pub fn act(
        &self,
        observation: &Observation,
        selection: Selection,
        rng: &mut impl Rng,
        scratch: &mut Scratch,
    ) -> trimtab_env::Result<(Action, f32)> {
        let mut action = Action::new(Vec::with_capacity(self.spec.heads.len()));
        let log_prob = self.act_into(observation, selection, rng, scratch, &mut action)?;
        Ok((action, log_prob))
    }

    /// [`Policy::act`] into an existing action.
    ///
    /// # Errors
    /// As [`Policy::act`].
    pub fn act_into(
        &self,
        observation: &Observation,
        selection: Selection,
        rng: &mut impl Rng,
        scratch: &mut Scratch,
        action: &mut Action,
    ) -> trimtab_env::Result<f32> {
        let mut log_prob = 0.0;
        let mut undecided = None;
        action.choices.clear();
        self.each_head(observation, scratch, |head, log_probs| {
            let choice = match selection {
                Selection::Greedy => mode(log_probs),
                Selection::Sampled => sample(log_probs, rng),
            };
            // Logits that are not finite have log-probabilities that are not numbers.
            match log_probs.get(choice) {
                Some(log) if log.is_finite() => log_prob += log,
                Some(_) | None => undecided = undecided.or(Some(head)),
            }
            action.choices.push(choice);
        });
        match undecided {
            None => Ok(log_prob),
            Some(head) => {
                let name = &self.spec.heads[head].name;
                let problem = format!(
                    "no choice of head `{name}` has a probability: the policy's numbers are not finite, the observation's are \
                     not, or its mask forbids every choice"
                );
                Err(trimtab_env::Error::other("policy", problem))
            }
        }
    }

    /// The log-probabilities of every choice: `[head][choice]`; minus infinity for one that is masked.
    pub fn log_probs(&self, observation: &Observation, scratch: &mut Scratch) -> Vec<Vec<f32>> {
        let mut all = Vec::with_capacity(self.spec.heads.len());
        self.each_head(observation, scratch, |_, log_probs| {
            all.push(log_probs.to_vec())
        });
        all
    }

    fn each_head(
        &self,
        observation: &Observation,
        scratch: &mut Scratch,
        mut take: impl FnMut(usize, &[f32]),
    ) {
        scratch.input.clear();
        scratch.input.extend_from_slice(&observation.features);
        if let Some(moments) = &self.moments {
            moments.normalise(&mut scratch.input, OBSERVATION_CLIP);
        }
        let mut logits = self.actor.forward(&scratch.input, &mut scratch.layers);
        for (index, head) in self.spec.heads.iter().enumerate() {
            let (block, rest) = logits.split_at(head.choices.len().min(logits.len()));
            logits = rest;
            let allowed = observation
                .mask
                .as_ref()
                .and_then(|mask| mask.allowed.get(index));
            scratch.log_probs.clear();
            scratch.log_probs.extend_from_slice(block);
            if let Some(allowed) = allowed {
                for (logit, allowed) in scratch.log_probs.iter_mut().zip(allowed) {
                    if !allowed {
                        // However large the others are, or how far below 0.
                        *logit = f32::NEG_INFINITY;
                    }
                }
            }
            log_softmax_in_place(&mut scratch.log_probs);
            take(index, &scratch.log_probs);
        }
    }

    /// Writes the policy as JSON, whole or not at all.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write_json(path.as_ref(), self)
    }

    /// Reads a policy.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, [`Error::Version`] if it is of another version, [`Error::Damaged`] if it is
    /// not a whole policy.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::parse(&read(path)?, path)
    }

    /// A policy from text, which messages call `path`.
    ///
    /// # Errors
    /// As [`Policy::load`].
    pub fn parse(text: &[u8], path: &Path) -> Result<Self> {
        let policy: Self = parse_json(text, path, "policy", VERSION)?;
        let outputs = policy.spec.choices().iter().sum();
        if policy.actor.fits(policy.spec.features.len(), outputs) {
            Ok(policy)
        } else {
            Err(Error::Damaged {
                path: path.to_owned(),
                kind: "policy",
                problem: "its weights do not fit its specification".to_owned(),
            })
        }
    }
}

/// Writes JSON with a checksum, whole or not at all.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let written = json::to_vec(value).map_err(std::io::Error::from);
    let written = written.and_then(|text| write_whole(path, &seal(&text, &[])));
    written.map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

/// The text of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

/// JSON with a `version` field, which is looked at before the rest, from the text of the file `path`.
pub(crate) fn parse_json<T: serde::de::DeserializeOwned>(
    text: &[u8],
    path: &Path,
    kind: &'static str,
    version: u64,
) -> Result<T> {
    let damaged = |problem: String| Error::Damaged {
        path: path.to_owned(),
        kind,
        problem,
    };
    let value: serde_json::Value =
        serde_json::from_slice(text).map_err(|error| damaged(error.to_string()))?;
    match value.get("version").and_then(serde_json::Value::as_u64) {
        None => Err(damaged("it has no version".to_owned())),
        Some(found) if found != version => Err(Error::Version {
            path: path.to_owned(),
            kind,
            found,
            expected: version,
        }),
        Some(_) => {
            unseal(text, &[]).map_err(|altered| damaged(altered.to_string()))?;
            json::from_value(value).map_err(|error| damaged(error.to_string()))
        }
    }
}

#[cfg(test)]
mod tests;
