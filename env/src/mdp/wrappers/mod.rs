//! Wrappers: environments around environments.

mod normalise;
mod order;
mod record;
mod self_critical;
mod time_limit;

pub use normalise::{NormaliseObservation, NormaliseReturn, ReturnScale, RunningMoments};
pub use order::EnforceOrder;
pub use record::{Record, RecordedEpisode};
pub use self_critical::SelfCritical;
pub use time_limit::TimeLimit;
