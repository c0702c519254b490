//! The numbers of a module, or their gradients, as one vector, and back.
//!
//! A module has **weights**, the parameters that take a gradient, and beside them what it carries along: frozen parameters,
//! constants, and running statistics such as those of batch normalisation. All of it together is its **state**, as PyTorch's
//! `state_dict` has it. The sizes of weights and updates, layers and decay are those of weights alone.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use std::ops::Range;
use trimtab_env::NetworkSize;

/// Shows the numbers of a tensor's data.
pub(crate) fn show(data: &TensorData, see: &mut impl FnMut(&[f32])) {
    match data.as_slice::<f32>() {
        Ok(values) => see(values),
        // A backend may keep its floats in another type.
        Err(_) => see(&data.iter::<f32>().collect::<Vec<_>>()),
    }
}

/// Whether a parameter is a weight of the module that it was found in, which is on a device with autodiff.
fn learns<const D: usize>(param: &Param<Tensor<D>>) -> bool {
    param.is_require_grad()
}

/// Shows every float number of `module` to `see`, in the order in which the module is visited, and whether they are weights. The module
/// is on a device with autodiff; on another nothing is a weight.
pub fn visit_state<M: Module>(module: &M, see: impl FnMut(&[f32], bool)) {
    struct State<F>(F);
    impl<F: FnMut(&[f32], bool)> ModuleVisitor for State<F> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let weight = learns(param);
            show(&param.val().into_data(), &mut |part| (self.0)(part, weight));
        }
    }
    module.visit(&mut State(see));
}

/// Puts every float number of `module` into `flat`, in the order of [`visit_state`].
pub fn flat_state<M: Module>(module: &M, flat: &mut Vec<f32>) {
    flat.clear();
    visit_state(module, |part, _| flat.extend_from_slice(part));
}

/// A module of its own with the numbers of this one. A clone is none: burn keeps running statistics behind a pointer that clones
/// share, so that the training of one would write into the other's.
pub fn copy<M: Module>(module: &M) -> M {
    if !carries_along(module) {
        return module.clone();
    }
    // It has new statistics, as they are now.
    let own = module.valid();
    if module.devices().iter().any(Device::is_autodiff) {
        // What takes a gradient takes one again.
        own.train()
    } else {
        own
    }
}

/// Whether `module` has float numbers that are not weights.
fn carries_along<M: Module>(module: &M) -> bool {
    struct Other(bool);
    impl ModuleVisitor for Other {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0 |= !learns(param);
        }
    }
    let mut other = Other(false);
    module.visit(&mut other);
    other.0
}

/// Lets running statistics take what forward passes on this thread have left for them. burn does so at the next pass on the same
/// thread; the next pass of a training may be on another.
pub(crate) fn settle_statistics<M: Module>(module: &M) {
    if carries_along(module) {
        drop(module.valid());
    }
}

/// Where in the order of [`visit_state`] the weights that have a gradient are, neighbours as one range. A weight without one is
/// used nowhere.
pub(crate) fn with_gradient<M: Module>(
    module: &M,
    gradients: &GradientsParams,
) -> Vec<Range<usize>> {
    struct Present<'a> {
        gradients: &'a GradientsParams,
        at: usize,
        ranges: Vec<Range<usize>>,
    }
    impl ModuleVisitor for Present<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let start = self.at;
            self.at += param.lazy_shape().num_elements();
            if self.gradients.get::<D>(param.id).is_none() {
                return;
            }
            match self.ranges.last_mut() {
                Some(last) if last.end == start => last.end = self.at,
                _ => self.ranges.push(start..self.at),
            }
        }
    }
    let mut present = Present {
        gradients,
        at: 0,
        ranges: Vec::new(),
    };
    module.visit(&mut present);
    present.ranges
}

/// Puts every gradient of `module` into `flat`, in the order of [`visit_state`]; zeros where a parameter has none. Returns where the
/// parameters are that have one.
pub fn flat_gradients<M: Module>(
    module: &M,
    gradients: &GradientsParams,
    flat: &mut Vec<f32>,
) -> Vec<Range<usize>> {
    struct Gradients<'a> {
        gradients: &'a GradientsParams,
        flat: &'a mut Vec<f32>,
        present: Vec<Range<usize>>,
    }
    impl ModuleVisitor for Gradients<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let start = self.flat.len();
            match self.gradients.get::<D>(param.id) {
                Some(gradient) => {
                    let flat = &mut *self.flat;
                    show(&gradient.into_data(), &mut |part| {
                        flat.extend_from_slice(part)
                    });
                    self.present.push(start..self.flat.len());
                }
                None => {
                    let length = start + param.lazy_shape().num_elements();
                    self.flat.resize(length, 0.0);
                }
            }
        }
    }
    flat.clear();
    let mut visitor = Gradients {
        gradients,
        flat,
        present: Vec::new(),
    };
    module.visit(&mut visitor);
    visitor.present
}

/// A module of its own like `module`, with the numbers of `flat`, which has them in the order of [`flat_state`]. Parameters keep their
/// device, number type and whether they take a gradient.
///
/// # Panics
/// If `flat` is shorter than the module's state.
pub fn with_state<M: Module>(module: &M, flat: &[f32]) -> M {
    put(copy(module), flat, false)
}

/// `module` with the weights of `flat`, which has the whole state; what is no weight stays as it is.
pub(crate) fn with_weights<M: Module>(module: M, flat: &[f32]) -> M {
    put(module, flat, true)
}

fn put<M: Module>(module: M, flat: &[f32], weights_alone: bool) -> M {
    struct State<'a>(&'a [f32], bool);
    impl ModuleMapper for State<'_> {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let weight = learns(&param);
            let (values, rest) = self.0.split_at(param.lazy_shape().num_elements());
            self.0 = rest;
            if self.1 && !weight {
                return param;
            }
            param.map(|old| {
                let shape = old.shape();
                let data = TensorData::new(values.to_vec(), shape);
                Tensor::from_data(data, (&old.device(), old.dtype()))
                    .set_require_grad(old.is_require_grad())
            })
        }
    }
    module.map(&mut State(flat, weights_alone))
}

/// The module with every weight multiplied by `factor`. All numbers of it are shown to `see` on the way, as [`visit_state`] shows
/// them: to visit a parameter costs more than to read it.
pub fn scaled<M: Module>(module: M, factor: f32, see: impl FnMut(&[f32], bool)) -> M {
    struct Scale<F>(f32, F);
    impl<F: FnMut(&[f32], bool)> ModuleMapper for Scale<F> {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            if !learns(&param) {
                show(&param.val().into_data(), &mut |part| (self.1)(part, false));
                return param;
            }
            param.map(|old| {
                let (device, number) = (old.device(), old.dtype());
                let mut data = old.into_data();
                match data.as_mut_slice::<f32>() {
                    Ok(weights) => weights.iter_mut().for_each(|weight| *weight *= self.0),
                    // A backend may keep its floats in another type.
                    Err(_) => {
                        let weights = data.iter::<f32>().map(|weight| weight * self.0);
                        data = TensorData::new(weights.collect::<Vec<f32>>(), data.shape().clone());
                    }
                }
                show(&data, &mut |part| (self.1)(part, true));
                Tensor::from_data(data, (&device, number)).require_grad()
            })
        }
    }
    module.map(&mut Scale(factor, see))
}

/// What has weights and gradients that can be read part by part: a burn module, or [`FlatWeights`].
pub(crate) trait Weights: Sized {
    /// Its gradients.
    type Gradients;

    /// Shows every number to `see`, always in the same order.
    fn visit(&self, see: impl FnMut(&[f32]));

    /// Puts every gradient into `flat`, in the same order.
    fn flat_gradients(&self, gradients: &Self::Gradients, flat: &mut Vec<f32>);

    /// Where the weights that have a gradient are, neighbours as one range.
    fn with_gradient(&self, gradients: &Self::Gradients) -> Vec<Range<usize>>;

    /// All weights multiplied by `factor`; every number is shown to `see` on the way.
    fn scaled(self, factor: f32, see: impl FnMut(&[f32])) -> Self;

    /// The updates of a segment have ended at these numbers.
    fn settle(&self);
}

impl<M: Module> Weights for M {
    type Gradients = GradientsParams;

    fn visit(&self, mut see: impl FnMut(&[f32])) {
        visit_state(self, |part, _| see(part));
    }

    fn with_gradient(&self, gradients: &GradientsParams) -> Vec<Range<usize>> {
        with_gradient(self, gradients)
    }

    fn settle(&self) {
        settle_statistics(self);
    }

    fn flat_gradients(&self, gradients: &GradientsParams, flat: &mut Vec<f32>) {
        flat_gradients(self, gradients, flat);
    }

    fn scaled(self, factor: f32, mut see: impl FnMut(&[f32])) -> Self {
        scaled(self, factor, |part, _| see(part))
    }
}

/// The numbers of a module in the order of [`flat_state`], all of which are weights.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FlatWeights(pub Vec<f32>);

impl Weights for FlatWeights {
    type Gradients = Vec<f32>;

    fn visit(&self, mut see: impl FnMut(&[f32])) {
        see(&self.0);
    }

    fn flat_gradients(&self, gradients: &Vec<f32>, flat: &mut Vec<f32>) {
        flat.clone_from(gradients);
    }

    fn with_gradient(&self, _gradients: &Vec<f32>) -> Vec<Range<usize>> {
        std::iter::once(0..self.0.len()).collect()
    }

    fn settle(&self) {}

    fn scaled(mut self, factor: f32, mut see: impl FnMut(&[f32])) -> Self {
        self.0.iter_mut().for_each(|weight| *weight *= factor);
        see(&self.0);
        self
    }
}

/// The size of a network on a device with autodiff. Where `gradients` are given, a weight without one does not count: it is used
/// nowhere. Layers are in the order in which the module is visited, with inputs and outputs as burn's linear layers, embeddings and
/// convolutions have them.
pub fn size<M: Module>(module: &M, gradients: Option<&GradientsParams>) -> NetworkSize {
    struct Layers<'a> {
        weights: usize,
        inputs_and_outputs: Vec<(usize, usize)>,
        gradients: Option<&'a GradientsParams>,
    }
    impl ModuleVisitor for Layers<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let used = self
                .gradients
                .is_none_or(|gradients| gradients.get::<D>(param.id).is_some());
            if !(learns(param) && used) {
                return;
            }
            let shape = param.lazy_shape();
            self.weights += shape.num_elements();
            match shape[..] {
                [] | [_] => {}
                [inputs, outputs] => self.inputs_and_outputs.push((inputs, outputs)),
                [outputs, inputs, ..] => self.inputs_and_outputs.push((inputs, outputs)),
            }
        }
    }
    let mut layers = Layers {
        weights: 0,
        inputs_and_outputs: Vec::new(),
        gradients,
    };
    module.visit(&mut layers);
    NetworkSize {
        weights: layers.weights,
        layers: layers.inputs_and_outputs.len(),
        units: NetworkSize::hidden_units(&layers.inputs_and_outputs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::conv::{Conv2d, Conv2dConfig};
    use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig};

    #[derive(Module, Debug)]
    struct Words {
        embedding: Embedding,
        hidden: Linear,
        output: Linear,
    }

    #[derive(Module, Debug)]
    struct Images {
        first: Conv2d,
        second: Conv2d,
        output: Linear,
    }

    #[test]
    fn units_are_outputs_that_a_later_layer_has_as_inputs() {
        let device = Device::flex().autodiff();
        let words = Words {
            embedding: EmbeddingConfig::new(900, 16).init(&device),
            hidden: LinearConfig::new(16, 40).init(&device),
            output: LinearConfig::new(40, 900).init(&device),
        };
        let weights = 900 * 16 + 17 * 40 + 41 * 900;
        let wanted = NetworkSize {
            weights,
            layers: 3,
            units: 40,
        };
        assert_eq!(size(&words, None), wanted);
        let images = Images {
            first: Conv2dConfig::new([3, 12], [5, 5]).init(&device),
            second: Conv2dConfig::new([12, 7], [3, 3]).init(&device),
            output: LinearConfig::new(28, 3).init(&device),
        };
        let wanted = NetworkSize {
            weights: (3 * 25 + 1) * 12 + (12 * 9 + 1) * 7 + 29 * 3,
            layers: 3,
            units: 12,
        };
        assert_eq!(size(&images, None), wanted);
        let single = LinearConfig::new(8, 8).init(&device);
        assert_eq!(size(&single, None).units, 0);
    }
}
