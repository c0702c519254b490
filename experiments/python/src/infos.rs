//! What there is to say beside observations and rewards: the `info` of one environment, and the `infos` of several, which Gymnasium wants as
//! arrays by name, each with one beside it that says of which environments they tell (`_name`).

use crate::episode::Seen;
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::{BTreeMap, BTreeSet};
use trimtab_env::Status;
use trimtab_env::settings::Value;

/// Of one environment with so many choices.
///
/// # Errors
/// Those of making Python's objects.
pub fn info<'py>(py: Python<'py>, seen: Seen, choices: usize) -> PyResult<Bound<'py, PyDict>> {
    let info = PyDict::new(py);
    let mask = seen.mask.unwrap_or_else(|| vec![1; choices]);
    // A copy: an array of so few numbers is made faster than one that owns something of Rust's.
    let mask = PyArray1::from_slice(py, &mask);
    info.set_item(intern!(py, "action_mask"), mask)?;
    info.set_item(intern!(py, "masked"), seen.replaced)?;
    if let Some(training) = seen.training {
        let settings = PyDict::new(py);
        for (name, value) in training.settings {
            settings.set_item(name, setting(py, &value)?)?;
        }
        info.set_item(intern!(py, "task"), training.task)?;
        info.set_item(intern!(py, "settings"), settings)?;
        info.set_item(intern!(py, "best_loss"), training.best_loss)?;
        info.set_item(intern!(py, "spent"), training.spent)?;
    }
    if let Some(outcome) = seen.outcome {
        info.set_item(intern!(py, "status"), word(seen.status))?;
        info.set_item(intern!(py, "outcome"), outcome)?;
    }
    Ok(info)
}

/// Of several environments, of which there is at least one, with so many choices each.
///
/// # Errors
/// Those of making Python's objects.
pub fn infos<'py>(py: Python<'py>, seen: &[Seen], choices: usize) -> PyResult<Bound<'py, PyDict>> {
    let all = Table {
        py,
        seen,
        dict: PyDict::new(py),
    };
    let mut masks = vec![1; seen.len() * choices];
    for (row, seen) in masks.chunks_exact_mut(choices).zip(seen) {
        if let Some(mask) = &seen.mask {
            row.copy_from_slice(mask);
        }
    }
    let masks = PyArray1::from_vec(py, masks).reshape([seen.len(), choices])?;
    all.put::<Bound<'_, PyArray2<i8>>>("action_mask", masks, |_| true)?;
    let replaced = PyArray1::from_iter(py, seen.iter().map(|seen| seen.replaced));
    all.put("masked", replaced, |_| true)?;
    if seen[0].training.is_some() {
        let training = |seen: &Seen| seen.training.is_some();
        all.objects("task", |seen| Some(seen.training.as_ref()?.task.clone()))?;
        all.numbers("best_loss", |seen| Some(seen.training.as_ref()?.best_loss))?;
        all.numbers("spent", |seen| Some(seen.training.as_ref()?.spent))?;
        let settings = all.within("settings", training)?;
        let held = |seen: &Seen, name: &str| seen.training.as_ref()?.settings.get(name).cloned();
        let each = seen.iter().filter_map(|seen| seen.training.as_ref());
        for name in each
            .flat_map(|training| training.settings.keys())
            .collect::<BTreeSet<_>>()
        {
            let category = |seen: &Seen| matches!(held(seen, name), Some(Value::Category(_)));
            if seen.iter().any(category) {
                settings.objects(name, |seen| held(seen, name).map(|value| value.to_string()))?;
            } else {
                settings.numbers(name, |seen| match held(seen, name)? {
                    Value::Number(number) => Some(number),
                    Value::Category(_) => None,
                })?;
            }
        }
    }
    if seen.iter().any(|seen| seen.outcome.is_some()) {
        let over = |seen: &Seen| seen.outcome.is_some();
        all.objects("status", |seen| over(seen).then(|| word(seen.status)))?;
        let outcome = all.within("outcome", over)?;
        let each = seen.iter().filter_map(|seen| seen.outcome.as_ref());
        for name in each.flat_map(BTreeMap::keys).collect::<BTreeSet<_>>() {
            outcome.numbers(name, |seen| seen.outcome.as_ref()?.get(name).copied())?;
        }
    }
    Ok(all.dict)
}

/// A dict of arrays with an entry for each environment.
struct Table<'py, 'a> {
    py: Python<'py>,
    seen: &'a [Seen],
    dict: Bound<'py, PyDict>,
}

impl<'py> Table<'py, '_> {
    /// Something under its name, and of which environments it tells.
    fn put<T: IntoPyObject<'py>>(
        &self,
        name: &str,
        value: T,
        told: impl Fn(&Seen) -> bool,
    ) -> PyResult<()> {
        let told = PyArray1::from_iter(self.py, self.seen.iter().map(told));
        self.dict.set_item(name, value)?;
        self.dict.set_item(format!("_{name}"), told)
    }

    /// Numbers, 0 where there is none.
    fn numbers(&self, name: &str, number: impl Fn(&Seen) -> Option<f64>) -> PyResult<()> {
        let numbers = self.seen.iter().map(|seen| number(seen).unwrap_or(0.0));
        self.put(name, PyArray1::from_iter(self.py, numbers), |seen| {
            number(seen).is_some()
        })
    }

    /// Texts, `None` where there is none.
    fn objects(&self, name: &str, text: impl Fn(&Seen) -> Option<String>) -> PyResult<()> {
        let texts = self
            .seen
            .iter()
            .map(|seen| Ok(text(seen).into_pyobject(self.py)?.unbind()));
        let texts: Vec<Py<PyAny>> = texts.collect::<PyResult<_>>()?;
        self.put(name, PyArray1::from_vec(self.py, texts), |seen| {
            text(seen).is_some()
        })
    }

    /// A dict under its name.
    fn within(&self, name: &str, told: impl Fn(&Seen) -> bool) -> PyResult<Self> {
        let dict = PyDict::new(self.py);
        self.put(name, &dict, told)?;
        Ok(Self {
            py: self.py,
            seen: self.seen,
            dict,
        })
    }
}

fn setting<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Number(number) => number.into_pyobject(py)?.into_any(),
        Value::Category(category) => category.into_pyobject(py)?.into_any(),
    })
}

/// How an episode ended.
fn word(status: Status) -> String {
    match status {
        Status::Running => "Running".to_owned(),
        Status::Terminated(why) => format!("{why:?}"),
        Status::Truncated(why) => format!("{why:?}"),
    }
}
