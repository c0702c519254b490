#![doc = include_str!("../README.md")]

pub mod cli;
#[cfg(feature = "cluster")]
pub mod cluster;
pub mod compare;
pub mod error;
pub mod page;
pub mod plot;
pub mod record;
pub mod train;
pub mod tune;
pub mod work;

pub use error::{Error, Result};
pub use train::config::Config;
pub use train::runner::train;
pub use work::Workers;
pub use work::registry::Registry;
