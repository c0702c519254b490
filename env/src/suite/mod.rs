//! Environments with known answers: what a learner must be able to reach is proved or published.
//!
//! Input: seeds and actions, as in any environment. Output: returns whose optimum is known, and regrets where it is known per episode.
//!
//! | environment | what is known |
//! |---|---|
//! | [`CartPole`], [`Acrobot`], [`MountainCar`] | published returns of the classic control problems; traces equal Gymnasium's |
//! | [`Sigmoid`], [`Luby`], [`LeadingOnes`] | the optimum of every instance; traces equal DACBench's |
//! | [`Identity`] | the answer is in the observation |
//! | [`NoisyQuadratic`] | a trainee in closed form |
//! | [`hpobench()`](hpobench()) | recorded results of trainings, as tables |
//!
//! ```
//! use trimtab_env::{Action, Environment, suite};
//! let mut environment = suite::by_name("CartPole-v1").expect("it is one of them");
//! environment.reset(1)?;
//! assert_eq!(environment.step(&Action::from(0))?.reward, 1.0);
//! # Ok::<(), trimtab_env::Error>(())
//! ```

mod acrobot;
mod cartpole;
mod control;
mod encoding;
mod episode;
mod hpobench;
mod identity;
pub mod leading_ones;
mod luby;
mod mountain_car;
mod names;
mod quadratic;
#[cfg(test)]
mod replay;
mod sigmoid;

pub use acrobot::{Acrobot, AcrobotDynamics};
pub use cartpole::{CartPole, CartPoleDynamics};
pub use control::{Classic, Dynamics};
pub use encoding::Encoding;
pub use hpobench::hpobench;
pub use identity::Identity;
pub use leading_ones::{
    Cutoff, LeadingOnes, LeadingOnesConfig, LeadingOnesInstance, LeadingOnesReward, Start,
};
pub use luby::{Luby, LubyInstance, log2_luby};
pub use mountain_car::{MountainCar, MountainCarDynamics};
pub use names::{by_name, by_name_in, by_name_part, names};
pub use quadratic::NoisyQuadratic;
pub use sigmoid::{Curve, Sigmoid, SigmoidInstance};
