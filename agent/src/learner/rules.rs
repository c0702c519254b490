//! Learning rules: what is done with the samples of a rollout. Each file reads like its formula.
//!
//! | rule | reference |
//! |---|---|
//! | [`ReinforceConfig`] | Williams 1992, with a learned baseline |
//! | [`A2cConfig`] | Mnih et al. 2016 |
//! | [`PpoConfig`] | Schulman et al. 2017 |

pub(crate) mod a2c;
pub(crate) mod ppo;
pub(crate) mod reinforce;

pub use a2c::A2cConfig;
pub use ppo::PpoConfig;
pub use reinforce::ReinforceConfig;
