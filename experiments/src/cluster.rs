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
