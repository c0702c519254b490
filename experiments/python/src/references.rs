//! What a good training of each task reaches.

use crate::config::{config, tuning};
use crate::interruptible::interruptible;
use pyo3::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use trimtab_experiments::record::observer::Progress;
use trimtab_experiments::train::reference;
use trimtab_experiments::{Error, Registry, Workers};

/// The losses of the best fixed settings of a config's grid, by the name of the task, as `train` finds them before it trains.
///
/// # Errors
/// As of a config; `KeyboardInterrupt`.
#[pyfunction]
#[pyo3(signature = (config=None, *, threads=None))]
pub fn find_references(
    py: Python<'_>,
    config: Option<&Bound<'_, PyAny>>,
    threads: Option<usize>,
) -> PyResult<BTreeMap<String, f64>> {
    let config = self::config(config)?;
    let (registry, stop) = (Registry::default(), AtomicBool::new(false));
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    interruptible(py, &stop, || {
        let tuning = tuning(&config)?;
        let device = trimtab_models::device("flex")?;
        let workers = Workers::new(threads.unwrap_or_else(cores), device, &registry, &stop);
        let found = reference::find(&config, &tuning, &workers, &mut Progress::default())?;
        let losses = found
            .into_iter()
            .map(|reference| (reference.task, reference.loss));
        Ok::<_, Error>(losses.collect())
    })
}
