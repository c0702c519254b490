//! Rollouts: what a policy did in environments, as plain, serialisable data.
//!
//! In flow a policy and environments; out flow [`Trajectory`](crate::Trajectory)s, from which a learner learns.
//!
//! | to find | look in |
//! |---|---|
//! | a trajectory, and how much is played for an update | [`trajectory`] |
//! | what plays: whole episodes, or some steps of each environment | [`collector`] |

pub mod collector;
pub mod trajectory;
