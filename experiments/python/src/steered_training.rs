//! A training loop of Python's under the context servo: what decides, without weights and without PyTorch.

use crate::error::exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pythonize::pythonize;
use serde::{Deserialize, Serialize};
use trimtab_env::settings::{AVERAGING, INDEPENDENT_WEIGHT_DECAY};
use trimtab_env::{
    ContextServo, Error, GradientStatistics, NetworkSize, Settings, SteeredTraining as Steered,
    Tally, Training, Verdict, json,
};

/// A [`Steered`] training and the updates of its present segment.
#[pyclass(module = "trimtab._trimtab")]
#[derive(Serialize, Deserialize)]
pub struct SteeredTraining {
    steered: Steered,
    tally: Tally,
}

#[pymethods]
impl SteeredTraining {
    #[new]
    #[pyo3(signature = (*, examples, validation_examples, epochs, adaptive, learning_rate, weights, layers, units=0, batch_size=None,
        fine_tuning=false, lowest_loss=0.0, update_cost=None, targets_per_example=1))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn new(
        examples: usize,
        validation_examples: usize,
        epochs: f64,
        adaptive: bool,
        learning_rate: f64,
        weights: usize,
        layers: usize,
        units: usize,
        batch_size: Option<usize>,
        fine_tuning: bool,
        lowest_loss: f64,
        update_cost: Option<f64>,
        targets_per_example: usize,
    ) -> PyResult<Self> {
        let training = Training {
            examples,
            validation_examples,
            epochs,
            adaptive,
            learning_rate,
        };
        if !lowest_loss.is_finite() {
            let error = Error::config("lowest_loss", lowest_loss, "give a finite number");
            return Err(exception(error));
        }
        let servo = ContextServo::default();
        let size = NetworkSize {
            weights,
            layers,
            units,
        };
        let mut steered = Steered::new(training, servo, size).map_err(exception)?;
        steered = steered.lowest_loss(lowest_loss);
        steered = steered
            .targets_per_example(targets_per_example)
            .map_err(exception)?;
        if let Some(examples) = update_cost {
            steered = steered.update_cost(examples).map_err(exception)?;
        }
        if fine_tuning {
            steered = steered.fine_tuning();
        }
        if let Some(size) = batch_size {
            steered = steered.with_batch_size(size).map_err(exception)?;
        }
        let mut new = Self {
            tally: Tally::new(steered.cost()),
            steered,
        };
        new.begin();
        Ok(new)
    }

    /// One as `state` had it.
    #[staticmethod]
    fn from_state(state: &str) -> PyResult<Self> {
        json::from_slice(state.as_bytes()).map_err(|error| {
            PyValueError::new_err(format!(
                "state: it is no state of a steered training of this version ({error}); give what `state` returned"
            ))
        })
    }

    /// All there is to know, as JSON.
    fn state(&self) -> PyResult<String> {
        json::to_string(self).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Counts an update. Says whether it ends a segment, or was one of the start probe.
    #[pyo3(signature = (examples=None, loss=None))]
    fn count(&mut self, examples: Option<usize>, loss: Option<f64>) -> bool {
        self.tally
            .count(examples.unwrap_or_else(|| self.batch_size()));
        if let Some(loss) = loss {
            self.tally.see(loss);
        }
        self.steered.is_at_end_of_updates(&self.tally)
    }

    /// Ends the update of the start probe.
    #[pyo3(signature = (losses, ratio, weights, layers, units=0))]
    fn probed(
        &mut self,
        losses: Vec<f64>,
        ratio: Option<f64>,
        weights: usize,
        layers: usize,
        units: usize,
    ) {
        let report = self.report(losses, ratio);
        let size = NetworkSize {
            weights,
            layers,
            units,
        };
        self.steered.probed(report, size);
        self.begin();
    }

    /// Ends the updates of a segment, whose losses that were not counted before are these. The word is there if it diverged.
    fn trained(&mut self, losses: Vec<f64>, ratio: Option<f64>) -> Option<&'static str> {
        let report = self.report(losses, ratio);
        let verdict = self.steered.trained(report)?;
        Some(self.go_on(verdict))
    }

    /// Takes the loss of a validation. There is no word if none was wanted.
    fn validated(&mut self, loss: f64) -> Option<&'static str> {
        let verdict = self.steered.validated(loss, &mut self.tally)?;
        Some(self.go_on(verdict))
    }

    #[getter]
    fn is_probing(&self) -> bool {
        self.steered.is_probing()
    }

    #[getter]
    fn wants_validation(&self) -> bool {
        self.steered.wants_validation()
    }

    #[getter]
    fn is_over(&self) -> bool {
        self.steered.is_over(&self.tally)
    }

    #[getter]
    fn learning_rate(&self) -> f64 {
        self.held().learning_rate().unwrap_or(0.0)
    }

    #[getter]
    fn batch_size(&self) -> usize {
        self.held().batch_size().unwrap_or(1)
    }

    #[getter]
    fn weight_decay(&self) -> f64 {
        self.held().share(INDEPENDENT_WEIGHT_DECAY).unwrap_or(0.0)
    }

    #[getter]
    fn averaging(&self) -> f64 {
        self.held().share(AVERAGING).unwrap_or(0.0)
    }

    /// Whether the segment is to begin at the best weights.
    #[getter(from_best)]
    fn is_from_best(&self) -> bool {
        self.held().from_best()
    }

    #[getter]
    fn spent_share(&self) -> f64 {
        self.steered.spent_share()
    }

    /// Infinite before the first.
    #[getter]
    fn best_loss(&self) -> f64 {
        match self.steered.best_loss() {
            f64::MAX => f64::INFINITY,
            loss => loss,
        }
    }

    #[getter]
    fn settings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(pythonize(py, self.steered.settings())?)
    }

    #[getter]
    fn probes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(pythonize(py, self.steered.probes())?)
    }

    #[getter]
    fn segments<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(pythonize(py, self.steered.segments())?)
    }
}

impl SteeredTraining {
    fn held(&self) -> &Settings {
        self.steered.settings()
    }

    fn begin(&mut self) {
        let size = self.batch_size();
        self.tally.begin(size);
    }

    fn report(&mut self, losses: Vec<f64>, ratio: Option<f64>) -> trimtab_env::Report {
        losses.into_iter().for_each(|loss| self.tally.see(loss));
        let looked_at = ratio.map(|update_ratio| GradientStatistics {
            samples: 1,
            batch_size: self.batch_size() as u64,
            update_ratio,
            ..Default::default()
        });
        self.tally.report(looked_at)
    }

    fn go_on(&mut self, verdict: Verdict) -> &'static str {
        self.steered.decide();
        if !self.steered.is_over(&self.tally) {
            self.begin();
        }
        match verdict {
            Verdict::First => "first",
            Verdict::Best => "best",
            Verdict::Worse => "worse",
            Verdict::Diverged => "diverged",
        }
    }
}
