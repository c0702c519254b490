//! The Markov decision process: the contract between an agent and an environment, and everything that holds for any environment.
//!
//! Input: a seed and actions. Output: observations, rewards and how an episode ended ([`Status`](crate::Status)). Nothing here
//! knows what a training is.
//!
//! | to find | look in |
//! |---|---|
//! | the trait, a step, how an episode ended | [`environment`] |
//! | observations and actions: features, heads, masks | [`space`] |
//! | whether an environment keeps the contract | [`checker`] |
//! | environments around environments | [`wrappers`] |
//! | vectorised environments | [`vector`] |
//! | a thread pool whose results come in order | [`threads`] |
//! | the reward of a tuning environment | [`tuning::reward`](crate::tuning::reward) |
//! | families of environments, with train and test instances | [`instances`] |
//! | random streams | [`stream`](mod@stream) |
//!
//! ```
//! use trimtab_env::{Action, CheckOptions, Environment, check_environment, suite::Identity};
//! let mut environment = Identity::new(2, 5);
//! let observation = environment.reset(7)?;
//! assert_eq!(observation.features.len(), environment.spec().features.len());
//! let step = environment.step(&Action::from(1))?;
//! assert!(!step.status.is_over());
//! assert_eq!(check_environment(&mut Identity::new(2, 5), &CheckOptions::default()), []);
//! # Ok::<(), trimtab_env::Error>(())
//! ```

pub mod checker;
pub mod environment;
pub mod instances;
pub mod space;
pub mod stream;
pub mod threads;
pub mod vector;
pub mod wrappers;
