#![doc = include_str!("../README.md")]

pub mod cli;
pub mod compare;
pub mod error;
pub mod fit;
pub mod plot;
pub mod record;
pub mod train;
pub mod tune;

pub use error::{Error, Result};
pub use train::config::Config;
pub use train::environments::Registry;
pub use train::runner::train;
