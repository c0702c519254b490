//! Trained policies for Python.

use crate::environment::{Environment, specification};
use crate::error::exception;
use numpy::ndarray::{ArrayView2, ArrayViewD, Axis};
use numpy::{
    AllowTypeChange, Element, PyArray1, PyArray2, PyArrayDyn, PyArrayLikeDyn, PyArrayMethods,
    PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::PathBuf;
use trimtab_agent::policy::Scratch;
use trimtab_agent::policy::perceptron::{Activation, Layer, Perceptron};
use trimtab_agent::{Policy as Trained, Selection};
use trimtab_env::{ActionMask, EnvironmentSpec, Observation, stream};

/// A policy: an actor, which needs no other library to act, and what it was trained for.
#[pyclass(module = "trimtab._trimtab", frozen)]
pub struct Policy(Trained);

/// Weights, `[inputs, outputs]`, and biases.
type GivenLayer<'py> = (PyReadonlyArray2<'py, f32>, PyReadonlyArray1<'py, f32>);
type GivenLayers<'py> = Vec<(Bound<'py, PyArray2<f32>>, Bound<'py, PyArray1<f32>>)>;

#[pymethods]
impl Policy {
    #[staticmethod]
    fn load(path: PathBuf) -> PyResult<Self> {
        Trained::load(path).map(Self).map_err(exception)
    }

    fn save(&self, path: PathBuf) -> PyResult<()> {
        self.0.save(path).map_err(exception)
    }

    /// A policy for an environment from the layers of its actor.
    #[staticmethod]
    fn from_layers(
        mut environment: PyRefMut<'_, Environment>,
        layers: Vec<GivenLayer<'_>>,
        activation: &str,
    ) -> PyResult<Self> {
        let activation = match activation {
            "tanh" => Activation::Tanh,
            "relu" => Activation::Relu,
            _ => {
                return Err(PyValueError::new_err(format!(
                    "activation: `{activation}` is not allowed; one of tanh, relu"
                )));
            }
        };
        let layers = layers.iter().map(|(weight, bias)| Layer {
            weight: weight.as_array().iter().copied().collect(),
            bias: bias.as_array().iter().copied().collect(),
        });
        let actor = Perceptron {
            activation,
            layers: layers.collect(),
        };
        let spec = environment.specification();
        let (inputs, outputs) = (spec.features.len(), spec.choices().iter().sum());
        if !actor.fits(inputs, outputs) {
            return Err(PyValueError::new_err(format!(
                "layers: widths {:?} or a number that is not finite are not allowed; the first layer takes {inputs} features, the last \
                 gives {outputs} logits, and each takes what the one before gives",
                actor.widths()
            )));
        }
        Ok(Self(Trained::new(spec.clone(), None, actor)))
    }

    #[getter]
    fn layers<'py>(&self, py: Python<'py>) -> PyResult<GivenLayers<'py>> {
        let actor = self.0.actor();
        let layers = actor.layers.iter().zip(actor.widths());
        let arrays = layers.map(|(layer, inputs)| {
            let weight = PyArray1::from_slice(py, &layer.weight);
            let weight = weight.reshape([inputs, layer.bias.len()])?;
            Ok((weight, PyArray1::from_slice(py, &layer.bias)))
        });
        arrays.collect()
    }

    #[getter]
    fn activation(&self) -> &'static str {
        match self.0.actor().activation {
            Activation::Tanh => "tanh",
            Activation::Relu => "relu",
        }
    }

    #[getter]
    fn normalises_observations(&self) -> bool {
        self.0.normalises_observations()
    }

    #[getter]
    fn spec<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        specification(py, self.0.spec())
    }

    /// The most probable choices, or drawn ones if there is a seed: of one observation, or of several, one a row.
    #[pyo3(signature = (observations, masks=None, seed=None))]
    fn act<'py>(
        &self,
        py: Python<'py>,
        observations: &Bound<'py, PyAny>,
        masks: Option<&Bound<'py, PyAny>>,
        seed: Option<u64>,
    ) -> PyResult<Bound<'py, PyArrayDyn<i64>>> {
        let spec = self.0.spec();
        let observations = array::<f32>("observations", observations)?;
        let masks = masks
            .map(|masks| array::<bool>("masks", masks))
            .transpose()?;
        let count = observations.shape().first().copied().unwrap_or(1);
        let of_width = |width: usize| match observations.ndim() {
            1 => vec![width],
            _ => vec![count, width],
        };
        let all = rows(
            "observations",
            observations.as_array(),
            &of_width(spec.features.len()),
        )?;
        let wanted = of_width(spec.choices().iter().sum());
        let masks = masks
            .as_ref()
            .map(|masks| rows("masks", masks.as_array(), &wanted));
        let masks = masks.transpose()?;
        let (mut rng, mut scratch) = (stream(seed.unwrap_or(0), "actions", 0), Scratch::default());
        let selection = if seed.is_some() {
            Selection::Sampled
        } else {
            Selection::Greedy
        };
        let mut choices = Vec::with_capacity(all.nrows() * spec.heads.len());
        for (index, features) in all.rows().into_iter().enumerate() {
            let observation = Observation {
                features: features.to_vec(),
                mask: masks
                    .as_ref()
                    .map(|masks| mask(spec, &masks.row(index).to_vec())),
            };
            let acted = self.0.act(&observation, selection, &mut rng, &mut scratch);
            let (action, _) = acted.map_err(exception)?;
            choices.extend(action.choices.iter().map(|choice| *choice as i64));
        }
        PyArray1::from_vec(py, choices).reshape(of_width(spec.heads.len()))
    }
}

/// An array of these numbers from one of others, or from lists.
fn array<'py, T: Element + 'py>(
    name: &str,
    given: &Bound<'py, PyAny>,
) -> PyResult<PyArrayLikeDyn<'py, T, AllowTypeChange>>
where
    for<'a> Vec<T>: FromPyObject<'a, 'py>,
{
    given.extract().map_err(|_| {
        let kind = given.get_type();
        PyTypeError::new_err(format!(
            "{name}: {kind} is not allowed; give an array of numbers"
        ))
    })
}

/// One observation, or mask, a row, if they have the shape.
fn rows<'a, T>(
    name: &str,
    given: ArrayViewD<'a, T>,
    wanted: &[usize],
) -> PyResult<ArrayView2<'a, T>> {
    if given.shape() != wanted {
        let given = given.shape();
        return Err(PyValueError::new_err(format!(
            "{name}: the shape {given:?} is not allowed; give {wanted:?}"
        )));
    }
    let given = match given.ndim() {
        1 => given.insert_axis(Axis(0)),
        _ => given,
    };
    given
        .into_dimensionality()
        .map_err(|error| PyValueError::new_err(format!("{name}: {error}")))
}

/// A mask by head from one that is flat and as long as all choices.
fn mask(spec: &EnvironmentSpec, flat: &[bool]) -> ActionMask {
    let mut rest = flat;
    let heads = spec.choices().into_iter().map(|choices| {
        let (head, others) = rest.split_at(choices);
        rest = others;
        head.to_vec()
    });
    ActionMask {
        allowed: heads.collect(),
    }
}
