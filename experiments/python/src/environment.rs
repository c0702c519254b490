//! One environment for Python.

use crate::config::{Source, config};
use crate::episode::{Episode, Seen};
use crate::error::exception;
use crate::infos::info;
use crate::interruptible::interruptible_here;
use numpy::{PyArray1, PyArrayMethods};
use pyo3::exceptions::{PyKeyboardInterrupt, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use trimtab_env::{Action, EnvironmentSpec, Status};

/// One environment. Two threads that use it at once get an error.
#[pyclass(module = "trimtab._trimtab")]
pub struct Environment {
    /// Never locked, since PyO3 gives it to one at a time; it makes the class one that threads may share.
    episode: Mutex<Episode>,
}

/// What Gymnasium's `step` returns.
type Stepped<'py> = (
    Bound<'py, PyArray1<f32>>,
    f64,
    bool,
    bool,
    Bound<'py, PyDict>,
);

#[pymethods]
impl Environment {
    /// Over the trainings, or the named environment, of a config.
    #[staticmethod]
    #[pyo3(signature = (config, references, strict))]
    fn from_config(
        py: Python<'_>,
        config: Option<&Bound<'_, PyAny>>,
        references: Option<BTreeMap<String, f64>>,
        strict: bool,
    ) -> PyResult<Self> {
        let config = self::config(config)?;
        // Data are read.
        let source = py.detach(|| Source::of(&config, references.as_ref()));
        Self::new(py, &source.map_err(exception)?, strict)
    }

    /// The one of this name.
    #[staticmethod]
    fn named(py: Python<'_>, name: &str, part: &str, order: &str, strict: bool) -> PyResult<Self> {
        Self::new(
            py,
            &Source::named(name, part, order).map_err(exception)?,
            strict,
        )
    }

    #[getter]
    fn spec<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        specification(py, self.episode().spec())
    }

    /// Begins an episode: of this seed, or of the next that follows from the last one given.
    fn reset<'py>(
        &mut self,
        py: Python<'py>,
        seed: Option<u64>,
        task: Option<&str>,
    ) -> PyResult<(Bound<'py, PyArray1<f32>>, Bound<'py, PyDict>)> {
        let seen = self.play(py, |episode| episode.reset(seed, task))?;
        let features = PyArray1::from_slice(py, &seen.features);
        Ok((features, info(py, seen, self.episode().choices())?))
    }

    fn step<'py>(&mut self, py: Python<'py>, action: &Bound<'py, PyAny>) -> PyResult<Stepped<'py>> {
        let mut action = choices(self.episode().spec(), action)?;
        let seen = self.play(py, |episode| episode.step(&mut action))?;
        let (terminated, truncated) = ends(seen.status);
        Ok((
            PyArray1::from_slice(py, &seen.features),
            f64::from(seen.reward),
            terminated,
            truncated,
            info(py, seen, self.episode().choices())?,
        ))
    }

    fn action_masks<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyArray1<bool>> {
        PyArray1::from_vec(py, may_be_taken(self.episode()))
    }
}

impl Environment {
    fn new(py: Python<'_>, source: &Source, strict: bool) -> PyResult<Self> {
        let episode = py
            .detach(|| Episode::new(source, strict))
            .map_err(exception)?;
        Ok(Self {
            episode: Mutex::new(episode),
        })
    }

    /// What observations and actions look like.
    pub fn specification(&mut self) -> &EnvironmentSpec {
        self.episode().spec()
    }

    fn episode(&mut self) -> &mut Episode {
        self.episode
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `work`: a training without the interpreter's lock; what takes a microsecond at once.
    fn play(
        &mut self,
        py: Python<'_>,
        work: impl FnOnce(&mut Episode) -> Result<Seen, trimtab_experiments::Error> + Send,
    ) -> PyResult<Seen> {
        let episode = self.episode();
        if !episode.trains() {
            return work(episode).map_err(exception);
        }
        let played = interruptible_here(py, || work(episode));
        let interrupted = |error: &PyErr| error.is_instance_of::<PyKeyboardInterrupt>(py);
        if played.as_ref().err().is_some_and(interrupted) {
            self.episode().cut();
        }
        played
    }
}

/// Which choices may be taken now, head after head.
pub fn may_be_taken(episode: &mut Episode) -> Vec<bool> {
    match episode.flat_mask() {
        Some(mask) => mask.into_iter().map(|may| may == 1).collect(),
        None => vec![true; episode.choices()],
    }
}

/// What Gymnasium calls `terminated` and `truncated`.
pub fn ends(status: Status) -> (bool, bool) {
    (
        matches!(status, Status::Terminated(_)),
        matches!(status, Status::Truncated(_)),
    )
}

/// A specification as a dict: `name`, `features` as names with bounds, `heads` as names with choices, `horizon`.
pub fn specification<'py>(py: Python<'py>, spec: &EnvironmentSpec) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let features = spec
        .features
        .iter()
        .map(|feature| (&feature.name, feature.low, feature.high));
    let heads = spec.heads.iter().map(|head| (&head.name, &head.choices));
    dict.set_item("name", &spec.name)?;
    dict.set_item("features", features.collect::<Vec<_>>())?;
    dict.set_item("heads", heads.collect::<Vec<_>>())?;
    dict.set_item("horizon", spec.horizon)?;
    Ok(dict)
}

/// An action from an integer, where there is one head, or a sequence of integers, of any kind that Python or numpy has.
fn choices(spec: &EnvironmentSpec, action: &Bound<'_, PyAny>) -> PyResult<Action> {
    let mut chosen = Action::new([]);
    // First what is told by its type alone: to try an integer with an array makes an exception, which takes longer than the step.
    if let Ok(array) = action.cast::<PyArray1<i64>>() {
        take(&mut chosen, spec, array.readonly().as_array())?;
    } else if let Ok(choice) = action.extract::<i64>() {
        take(&mut chosen, spec, &[choice])?;
    } else {
        let numbers = action.extract::<Vec<i64>>().map_err(|_| {
            let (given, heads) = (action.repr(), spec.heads.len());
            let given = given.map_or_else(|_| action.get_type().to_string(), |text| text.to_string());
            PyTypeError::new_err(format!(
                "action: {given} is not allowed; give a sequence of {heads} integers, or an integer where there is one head"
            ))
        })?;
        take(&mut chosen, spec, &numbers)?;
    }
    Ok(chosen)
}

/// Makes an action one of these numbers, which are to fit the heads.
pub fn take<'a>(
    action: &mut Action,
    spec: &EnvironmentSpec,
    numbers: impl IntoIterator<Item = &'a i64>,
) -> PyResult<()> {
    action.choices.clear();
    for (index, number) in numbers.into_iter().enumerate() {
        let Ok(choice) = usize::try_from(*number) else {
            let head = spec.heads.get(index);
            let last = head.map_or(0, |head| head.choices.len().saturating_sub(1));
            let name = head.map_or("?", |head| head.name.as_str());
            return Err(PyValueError::new_err(format!(
                "head `{name}` has choices 0 to {last}, but the action chose {number}"
            )));
        };
        action.choices.push(choice);
    }
    spec.check_action(action).map_err(exception)
}
