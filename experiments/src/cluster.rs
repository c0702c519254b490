//! Work on many machines.
//!
//! Input: kinds of work with a recipe, from [`crate::work::Session`]. Output: their answers, from workers that the program `work` starts
//! elsewhere. Messages, queues and leases are those of [`trimtab_cluster`]; here is what the bytes mean.
//!
//! | to find | look in |
//! |---|---|
//! | handing out units | `coordinator` |
//! | doing them | `executor` |
//! | the files that they read, and how many are kept | `kept` |
//! | which kinds of work there are | `kinds` |
//! | what two machines have in common if they make the same bits | `fingerprint` |
//!
//! Which worker gets a unit is up to a strategy: one of those that have a name, or one of your own. It is a trait of one decision, and it is
//! added to the [`Registry`](crate::Registry) of a program, whose `--strategy` then knows its name:
//!
//! ```
//! use trimtab_cluster::{Command, State, Strategy};
//! use trimtab_experiments::Registry;
//!
//! /// Units go to the worker with the most slots, and wait for it.
//! struct Largest;
//!
//! impl Strategy for Largest {
//!     fn name(&self) -> &str {
//!         "largest"
//!     }
//!
//!     fn next(&mut self, state: &State) -> Option<Command> {
//!         let unit = state.first_waiting()?.id;
//!         let largest = state.workers().max_by_key(|worker| worker.slots())?;
//!         let worker = largest.id();
//!         (largest.free() > 0).then_some(Command::Assign { unit, worker })
//!     }
//! }
//!
//! let registry = Registry::default().with_strategy("largest", || Box::new(Largest));
//! // In `main`: `trimtab_experiments::cli::main(&registry)`, and then `train --workers nats://.. --strategy largest`.
//! assert_eq!(registry.strategy("largest")?().name(), "largest");
//! assert_eq!(registry.strategy("priority")?().name(), "priority");
//! let error = registry.strategy("larges").err().unwrap().to_string();
//! assert!(error.contains("did you mean `largest`?"), "{error}");
//! # Ok::<(), trimtab_experiments::Error>(())
//! ```

mod coordinator;
mod executor;
mod fingerprint;
mod kept;
mod kinds;

pub use coordinator::Cluster;
pub use executor::Hands;
pub use fingerprint::fingerprint;

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use trimtab_cluster::Hash;

/// What is to be done with units of a kind, as it travels.
#[derive(Serialize, Deserialize)]
struct Job {
    kind: String,
    config: Vec<u8>,
    /// The files that it reads, and the names of their content.
    files: Vec<(PathBuf, Hash)>,
}
