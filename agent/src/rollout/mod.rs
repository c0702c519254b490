//! Rollouts: what a policy did in environments, as plain, serialisable data.
//!
//! Input: a policy and environments. Output: [`Trajectory`](crate::Trajectory)s, from which a learner learns.
//!
//! | to find | look in |
//! |---|---|
//! | a trajectory, and how much is played for an update | [`trajectory`] |
//! | what is played for a rollout, in parts that can be played anywhere | [`plan`] |
//! | the collector, which plays them in environments of this process | [`collector`] |
//! | advantages and returns of a trajectory (GAE) | [`learner::returns`](crate::learner::returns) |
//!
//! ```
//! use trimtab_agent::{Algorithm, Learner, PolicyConfig, RolloutConfig};
//! use trimtab_agent::rollout::plan::{Plan, Standing};
//! use trimtab_env::{Environment, suite::Identity};
//! let mut environment = Identity::new(2, 10);
//! let learner = Learner::new(environment.spec(), &PolicyConfig::default(), Algorithm::Ppo(Default::default()), 1)?;
//! let mut plan = Plan::resume(RolloutConfig::Episodes(3), 1, &Default::default())?;
//! let mut play = |part| Standing::default().play(&mut environment, &learner.policy(), &part, (1, 1));
//! let played = plan.parts().into_iter().map(&mut play).collect::<trimtab_env::Result<Vec<_>>>()?;
//! let trajectories = plan.take(played);
//! assert!(trajectories.iter().all(|trajectory| trajectory.len() == 10));
//! # Ok::<(), trimtab_agent::Error>(())
//! ```

pub mod collector;
pub mod plan;
pub mod trajectory;
