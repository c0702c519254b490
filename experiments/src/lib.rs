#![doc = include_str!("../README.md")]

pub mod benchmark;
pub mod calibrate;
pub mod cli;
pub mod compare;
pub mod config;
pub mod environments;
pub mod error;
pub mod evaluation;
pub mod explain;
pub mod fit;
pub mod observer;
pub mod pictures;
pub mod play;
pub mod plot;
pub mod record;
pub mod reference;
pub mod run_directory;
pub mod runner;
pub mod summary;
pub mod tensorboard;
pub mod tune;

pub use config::Config;
pub use environments::Registry;
pub use error::{Error, Result};
pub use runner::train;
