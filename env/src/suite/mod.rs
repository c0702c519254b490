//! Environments with known answers.

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

pub use acrobot::Acrobot;
pub use cartpole::CartPole;
pub use encoding::Encoding;
pub use hpobench::hpobench;
pub use identity::Identity;
pub use leading_ones::{
    Cutoff, LeadingOnes, LeadingOnesConfig, LeadingOnesInstance, LeadingOnesReward, Start,
};
pub use luby::{Luby, LubyInstance, log2_luby};
pub use mountain_car::MountainCar;
pub use names::{by_name, by_name_in, by_name_part, names};
pub use quadratic::NoisyQuadratic;
pub use sigmoid::{Curve, Sigmoid, SigmoidInstance};
