//! Files: written whole or not at all, with every number, and with a checksum where nobody reads them by eye.
//!
//! | to find | look in |
//! |---|---|
//! | a file through a temporary one, synced and renamed | [`write_whole`] |
//! | JSON that holds infinite numbers and what is not a number | [`json`] |
//! | names of earlier versions, which are still read | [`renamed`] |
//! | a checksum at the start of a JSON file | [`seal`] |
//!
//! ```
//! use trimtab_env::files::{json, seal::{seal, unseal}, write_whole};
//! let path = std::env::temp_dir().join(format!("trimtab-files-{}.json", std::process::id()));
//! write_whole(&path, &seal(&json::to_vec(&std::collections::BTreeMap::from([("loss", f64::INFINITY)]))?, &[]))?;
//! let text = std::fs::read(&path)?;
//! let losses: std::collections::BTreeMap<String, f64> = json::from_slice(&unseal(&text, &[])?)?;
//! assert_eq!(losses["loss"], f64::INFINITY);
//! std::fs::remove_file(path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod json;
pub mod renamed;
pub mod seal;
mod whole;

pub use whole::{behind_links, is_channel, is_standard_output, write_whole};
