//! From what Python gives to the tasks of an experiment.

use crate::error::exception;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyMapping;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use trimtab_env::{Order, Part};
use trimtab_experiments::train::config::{EnvironmentConfig, QUICKSTART};
use trimtab_experiments::work::environments::{Goal, Tuning};
use trimtab_experiments::{Config, Error, Registry};

/// The config of an experiment: the path of a RON file, a dict of the same shape, or `None` for the quick-start. What a dict does not have
/// at its top level is the quick-start's.
///
/// # Errors
/// `ValueError` naming the field or the line, `OSError`, `TypeError` for something else.
pub fn config(given: Option<&Bound<'_, PyAny>>) -> PyResult<Config> {
    let quickstart = || Config::parse(QUICKSTART, "quickstart.ron").map_err(exception);
    let config = match given {
        None => quickstart()?,
        Some(given) if given.cast::<PyMapping>().is_ok() => from_dict(given, &quickstart()?)?,
        Some(given) => {
            let path: PathBuf = given.extract().map_err(|_| {
                let kind = given.get_type();
                PyTypeError::new_err(format!(
                    "config: {kind} is not allowed; give the path of a RON file, a dict of the same shape, or None for the quick-start"
                ))
            })?;
            Config::load(&path).map_err(exception)?
        }
    };
    config.validate().map_err(exception)?;
    Ok(config)
}

/// A dict has no lines: the field is named by its path.
fn from_dict(given: &Bound<'_, PyAny>, quickstart: &Config) -> PyResult<Config> {
    let wrong =
        |path: String, problem: String| PyValueError::new_err(format!("config: {path}: {problem}"));
    let given: Value = pythonize::depythonize(given).map_err(|error| {
        PyTypeError::new_err(format!(
            "config: {error}; give dicts, lists, numbers, texts, True, False and None"
        ))
    })?;
    let whole = serde_json::to_value(quickstart)
        .map_err(|error| wrong("quickstart".into(), error.to_string()))?;
    let (Value::Object(mut whole), Value::Object(given)) = (whole, given) else {
        return Err(wrong(".".into(), "its keys are to be texts".into()));
    };
    whole.extend(given);
    serde_path_to_error::deserialize(Value::Object(whole))
        .map_err(|error| wrong(error.path().to_string(), error.inner().to_string()))
}

/// What environments are made from, read once for as many as there are to be.
pub enum Source {
    /// Trainings, and what a good one of each task reaches.
    Tuning(Box<Tuning>, Vec<Goal>),
    /// An environment of the registry.
    Named {
        /// Its name.
        name: String,
        /// Numbers that its constructor reads.
        parameters: BTreeMap<String, f64>,
        /// Which of its instances.
        part: Part,
        /// In which order.
        order: Order,
    },
}

impl Source {
    /// That of a config. `references` are losses by the name of the task; without one, a fifth of the loss before training takes its place.
    ///
    /// # Errors
    /// Whatever is wrong with a task, and references of tasks that there are not.
    pub fn of(config: &Config, references: Option<&BTreeMap<String, f64>>) -> Result<Self, Error> {
        match &config.environment {
            EnvironmentConfig::Tuning { .. } => {
                let tuning = tuning(config)?;
                let goals = references.map_or(Ok(Vec::new()), |losses| goals(&tuning, losses))?;
                Ok(Self::Tuning(Box::new(tuning), goals))
            }
            EnvironmentConfig::Named { .. } if references.is_some() => Err(Error::config(
                "references",
                "losses",
                "only trainings have any; leave it out",
            )),
            EnvironmentConfig::Named { name, parameters } => Ok(Self::Named {
                name: name.clone(),
                parameters: parameters.clone(),
                part: Part::Train,
                order: Order::Random,
            }),
        }
    }

    /// That of a name, on the instances of a part: `train` or `test`, in an order: `random` or `in_turn`.
    ///
    /// # Errors
    /// [`Error::Config`] for another part or order.
    pub fn named(name: &str, part: &str, order: &str) -> Result<Self, Error> {
        let part = match part {
            "train" => Part::Train,
            "test" => Part::Test,
            _ => {
                return Err(Error::config(
                    "part",
                    format!("`{part}`"),
                    "one of train, test",
                ));
            }
        };
        let order = match order {
            "random" => Order::Random,
            "in_turn" => Order::InTurn,
            _ => {
                return Err(Error::config(
                    "order",
                    format!("`{order}`"),
                    "one of random, in_turn",
                ));
            }
        };
        Ok(Self::Named {
            name: name.to_owned(),
            parameters: BTreeMap::new(),
            part,
            order,
        })
    }
}

/// The training tasks of a config with their data.
///
/// # Errors
/// Whatever is wrong with a task; [`Error::Config`] for a config of something else.
pub fn tuning(config: &Config) -> Result<Tuning, Error> {
    let EnvironmentConfig::Tuning { cost, process, .. } = &config.environment else {
        return Err(Error::config("environment", "Named(..)", "give Tuning(..)"));
    };
    let (tasks, registry) = (config.environment.tasks()?, Registry::default());
    // Small networks are written out and need no device; the rest is burn's own backend for CPUs.
    let device = trimtab_models::device("flex")?;
    Tuning::new(&tasks, *cost, process, &device, registry.extensions())
}

fn goals(tuning: &Tuning, losses: &BTreeMap<String, f64>) -> Result<Vec<Goal>, Error> {
    let names: Vec<&str> = tuning.tasks.iter().map(|task| task.name()).collect();
    if let Some(other) = losses.keys().find(|name| !names.contains(&name.as_str())) {
        let allowed = format!("the tasks are {}", names.join(", "));
        return Err(Error::config("references", format!("`{other}`"), allowed));
    }
    let goal = |name: &&str| match losses.get(*name) {
        Some(loss) => Ok(Goal { loss: *loss }),
        None => Err(Error::config(
            "references",
            format!("none of `{name}`"),
            "give the loss of every task, or leave references out",
        )),
    };
    names.iter().map(goal).collect()
}
