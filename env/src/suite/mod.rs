//! Environments with known answers.

mod acrobot;
mod cartpole;
mod control;
mod episode;
mod identity;
mod mountain_car;
mod quadratic;
#[cfg(test)]
mod replay;

pub use acrobot::Acrobot;
pub use cartpole::CartPole;
pub use identity::Identity;
pub use mountain_car::MountainCar;
pub use quadratic::NoisyQuadratic;
