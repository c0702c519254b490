//! What is searched: the values that a hyperparameter can take, and spaces of them.
//!
//! Input: a point of the unit cube or a random stream. Output: a value, or a whole configuration. Knobs and searchers share it, so
//! that both mean the same by a domain.
//!
//! | to find | look in |
//! |---|---|
//! | the values of one hyperparameter | [`domain`] |
//! | several of them, some only under conditions | [`search_space`] |
//! | spaces as JSON of ConfigSpace, in and out | [`config_space`] |
//! | recorded results in place of trainings | [`table`] |
//!
//! ```
//! use trimtab_env::{Domain, Parameter, SearchSpace};
//! let rate = Domain::LogUniform(1e-4, 1.0);
//! assert!(rate.check(&0.01.into()).is_ok());
//! let space = SearchSpace::new(vec![Parameter::new("learning_rate", rate)])?;
//! let drawn = space.sample(&mut trimtab_env::stream(1, "example", 0));
//! assert!(space.check(&drawn).is_empty());
//! # Ok::<(), trimtab_env::Error>(())
//! ```

pub mod config_space;
pub mod domain;
pub mod search_space;
pub mod table;
