//! Several equal environments for Python, side by side on threads.

use crate::config::{Source, config};
use crate::environment::{ends, may_be_taken, specification, take};
use crate::episode::{Episode, Seen};
use crate::error::exception;
use crate::infos::infos;
use crate::interruptible::interruptible;
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2};
use pyo3::exceptions::{PyKeyboardInterrupt, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};
use trimtab_env::mdp::threads::in_parallel;
use trimtab_env::{Action, EnvironmentSpec};
use trimtab_experiments::Error;

/// Equal environments. One whose episode is over begins another at the next step, whatever its action, as Gymnasium's
/// `AutoresetMode.NEXT_STEP` says.
#[pyclass(module = "trimtab._trimtab")]
pub struct VectorEnvironment {
    /// At least one, with what each is told next.
    episodes: Vec<Mutex<(Episode, Action)>>,
    spec: EnvironmentSpec,
    threads: usize,
}

/// What Gymnasium's `step` of a vector returns.
type Stepped<'py> = (
    Bound<'py, PyArray2<f32>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<bool>>,
    Bound<'py, PyArray1<bool>>,
    Bound<'py, PyDict>,
);

#[pymethods]
impl VectorEnvironment {
    /// So many, over the trainings, or the named environment, of a config.
    #[staticmethod]
    fn from_config(
        py: Python<'_>,
        config: Option<&Bound<'_, PyAny>>,
        references: Option<BTreeMap<String, f64>>,
        count: usize,
        threads: Option<usize>,
        strict: bool,
    ) -> PyResult<Self> {
        let config = self::config(config)?;
        let source = py.detach(|| Source::of(&config, references.as_ref()));
        Self::new(py, &source.map_err(exception)?, count, threads, strict)
    }

    /// So many of the one of this name.
    #[staticmethod]
    fn named(
        py: Python<'_>,
        name: &str,
        part: &str,
        order: &str,
        count: usize,
        threads: Option<usize>,
        strict: bool,
    ) -> PyResult<Self> {
        let source = Source::named(name, part, order).map_err(exception)?;
        // Starting threads would take longer than the steps that they take.
        Self::new(py, &source, count, threads.or(Some(1)), strict)
    }

    #[getter]
    fn spec<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        specification(py, &self.spec)
    }

    fn reset<'py>(
        &mut self,
        py: Python<'py>,
        seeds: Vec<Option<u64>>,
    ) -> PyResult<(Bound<'py, PyArray2<f32>>, Bound<'py, PyDict>)> {
        if seeds.len() != self.episodes.len() {
            let (given, wanted) = (seeds.len(), self.episodes.len());
            return Err(PyValueError::new_err(format!(
                "seeds: {given} of them is not allowed; give one for each of the {wanted} environments"
            )));
        }
        let seen = self.play(py, |index, (episode, _)| episode.reset(seeds[index], None))?;
        let infos = infos(py, &seen, self.first().choices())?;
        Ok((observations(py, &seen)?, infos))
    }

    fn step<'py>(
        &mut self,
        py: Python<'py>,
        actions: PyReadonlyArray2<'_, i64>,
    ) -> PyResult<Stepped<'py>> {
        let actions = actions.as_array();
        if actions.nrows() != self.episodes.len() {
            let (given, wanted) = (actions.nrows(), self.episodes.len());
            return Err(PyValueError::new_err(format!(
                "actions: {given} of them is not allowed; give one for each of the {wanted} environments"
            )));
        }
        // Before any environment moves.
        for (episode, row) in self.episodes.iter_mut().zip(actions.rows()) {
            let (_, action) = episode.get_mut().unwrap_or_else(PoisonError::into_inner);
            take(action, &self.spec, row)?;
        }
        let seen = self.play(py, |_, (episode, action)| match episode.is_over() {
            true => episode.reset(None, None),
            false => episode.step(action),
        })?;
        let rewards = seen.iter().map(|seen| f64::from(seen.reward));
        Ok((
            observations(py, &seen)?,
            PyArray1::from_vec(py, rewards.collect()),
            PyArray1::from_vec(py, seen.iter().map(|seen| ends(seen.status).0).collect()),
            PyArray1::from_vec(py, seen.iter().map(|seen| ends(seen.status).1).collect()),
            infos(py, &seen, self.first().choices())?,
        ))
    }

    fn action_masks<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<bool>>> {
        let mut masks = Vec::new();
        for episode in &mut self.episodes {
            let (episode, _) = episode.get_mut().unwrap_or_else(PoisonError::into_inner);
            masks.extend(may_be_taken(episode));
        }
        PyArray1::from_vec(py, masks).reshape([self.episodes.len(), self.first().choices()])
    }
}

impl VectorEnvironment {
    fn new(
        py: Python<'_>,
        source: &Source,
        count: usize,
        threads: Option<usize>,
        strict: bool,
    ) -> PyResult<Self> {
        for (field, given) in [("num_envs", Some(count)), ("threads", threads)] {
            if given == Some(0) {
                return Err(PyValueError::new_err(format!(
                    "{field}: 0 is not allowed; give at least 1"
                )));
            }
        }
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let episodes = py.detach(|| {
            (0..count)
                .map(|_| Episode::new(source, strict))
                .collect::<Result<Vec<_>, _>>()
        });
        let episodes = episodes.map_err(exception)?;
        Ok(Self {
            spec: episodes[0].spec().clone(),
            episodes: episodes
                .into_iter()
                .map(|episode| Mutex::new((episode, Action::new([]))))
                .collect(),
            threads: threads.unwrap_or_else(cores),
        })
    }

    fn first(&mut self) -> &mut Episode {
        let first = self.episodes[0].get_mut();
        &mut first.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Does `work` with every environment: trainings on threads, without the interpreter's lock.
    fn play(
        &mut self,
        py: Python<'_>,
        work: impl Fn(usize, &mut (Episode, Action)) -> Result<Seen, Error> + Sync,
    ) -> PyResult<Vec<Seen>> {
        let trains = self.first().trains();
        let (episodes, threads) = (&self.episodes, self.threads);
        let all = || {
            in_parallel(threads, episodes.len(), |_, index| {
                // A poisoned lock means that an environment panicked, which was an exception already.
                let mut episode = episodes[index]
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                work(index, &mut episode)
            })
        };
        if !trains {
            return py.detach(all).map_err(exception);
        }
        let played = interruptible(py, &AtomicBool::new(false), all);
        if let Err(error) = &played
            && error.is_instance_of::<PyKeyboardInterrupt>(py)
        {
            for episode in &mut self.episodes {
                let episode = episode.get_mut();
                episode.unwrap_or_else(PoisonError::into_inner).0.cut();
            }
        }
        played
    }
}

fn observations<'py>(py: Python<'py>, seen: &[Seen]) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let features = seen[0].features.len();
    let mut all = Vec::with_capacity(seen.len() * features);
    seen.iter()
        .for_each(|seen| all.extend_from_slice(&seen.features));
    PyArray1::from_vec(py, all).reshape([seen.len(), features])
}
