//! From a config to a trained policy: reference, training, evaluation.
pub mod benchmark;
pub mod calibrate;
pub mod config;
pub mod environments;
pub mod evaluation;
pub mod explain;
pub mod play;
pub mod reference;
pub mod runner;
