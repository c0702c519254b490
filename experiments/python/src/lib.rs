//! What the Python package `trimtab` has from Rust, as the module `trimtab._trimtab`.
//!
//! Input: names, configs, seeds and choices, as Python has them. Output: arrays of numpy, and dicts. Python adds spaces, the classes of
//! Gymnasium and the docs (`python/trimtab`); types and descriptions of everything here are in `python/trimtab/_trimtab.pyi`.
//!
//! | to find | look in |
//! |---|---|
//! | from a file or a dict to environments | `config` |
//! | an episode as Python sees it | `episode` |
//! | one environment, several on threads | `environment`, `vector` |
//! | what there is to say beside observations and rewards | `infos` |
//! | the losses that scale rewards | `references` |
//! | trained policies | `policy` |
//! | what decides in a training loop of Python's | `steered_training` |
//! | work without the interpreter's lock, which Ctrl-C ends | `interruptible` |
//! | errors as exceptions | `error` |

mod config;
mod environment;
mod episode;
mod error;
mod infos;
mod interruptible;
mod policy;
mod references;
mod steered_training;
mod vector;

use pyo3::prelude::*;

/// The extension module.
#[pymodule]
mod _trimtab {
    #[pymodule_export]
    use crate::environment::Environment;
    #[pymodule_export]
    use crate::policy::Policy;
    #[pymodule_export]
    use crate::references::find_references;
    #[pymodule_export]
    use crate::steered_training::SteeredTraining;
    #[pymodule_export]
    use crate::vector::VectorEnvironment;

    #[pymodule_export]
    use super::names;
}

/// The names of all environments beside trainings.
#[pyfunction]
fn names() -> Vec<String> {
    trimtab_experiments::Registry::default().names()
}
