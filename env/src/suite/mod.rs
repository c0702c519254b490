//! Environments with known answers.

mod acrobot;
mod cartpole;
mod control;
mod encoding;
mod episode;
mod identity;
mod luby;
mod mountain_car;
mod quadratic;
#[cfg(test)]
mod replay;
mod sigmoid;

pub use acrobot::Acrobot;
pub use cartpole::CartPole;
pub use encoding::Encoding;
pub use identity::Identity;
pub use luby::{Luby, LubyInstance, log2_luby};
pub use mountain_car::MountainCar;
pub use quadratic::NoisyQuadratic;
pub use sigmoid::{Curve, Sigmoid, SigmoidInstance};
