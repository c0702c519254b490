//! The hand-written passes against closed forms, oracles and finite differences.

mod cnn;
mod losses;
mod pruning;
