//! All weights of a module, or their gradients, as one vector, and back.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};
use std::ops::Range;

/// Shows the numbers of a tensor's data.
pub(crate) fn show(data: &TensorData, see: &mut impl FnMut(&[f32])) {
    match data.as_slice::<f32>() {
        Ok(values) => see(values),
        // A backend may keep its floats in another type.
        Err(_) => see(&data.iter::<f32>().collect::<Vec<_>>()),
    }
}

/// Shows every float parameter of `module` to `see`, in the order in which the module is visited.
pub fn visit_weights<M: Module>(module: &M, see: impl FnMut(&[f32])) {
    struct Weights<F>(F);
    impl<F: FnMut(&[f32])> ModuleVisitor for Weights<F> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            show(&param.val().into_data(), &mut self.0);
        }
    }
    module.visit(&mut Weights(see));
}

/// Puts every float parameter of `module` into `flat`, in the order of [`visit_weights`].
pub fn flat_weights<M: Module>(module: &M, flat: &mut Vec<f32>) {
    flat.clear();
    visit_weights(module, |part| flat.extend_from_slice(part));
}

/// Puts every gradient of `module` into `flat`, in the same order; zeros where a parameter has none. Returns where the
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

/// `module` with the weights of `flat`, which has them in the order of [`flat_weights`]. Parameters keep their device,
/// number type and whether they take a gradient.
///
/// # Panics
/// If `flat` is shorter than the module's weights.
pub fn with_weights<M: Module>(module: M, flat: &[f32]) -> M {
    struct Weights<'a>(&'a [f32]);
    impl ModuleMapper for Weights<'_> {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|old| {
                let shape = old.shape();
                let (values, rest) = self.0.split_at(shape.num_elements());
                self.0 = rest;
                let data = TensorData::new(values.to_vec(), shape);
                Tensor::from_data(data, (&old.device(), old.dtype()))
                    .set_require_grad(old.is_require_grad())
            })
        }
    }
    module.map(&mut Weights(flat))
}

/// The module with every weight that learns multiplied by `factor`. All weights of it are shown to `see` on the way, in
/// the order of [`visit_weights`]: to visit a parameter costs more than to read it.
pub fn scaled<M: Module>(module: M, factor: f32, see: impl FnMut(&[f32])) -> M {
    struct Scale<F>(f32, F);
    impl<F: FnMut(&[f32])> ModuleMapper for Scale<F> {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            if !param.is_require_grad() {
                show(&param.val().into_data(), &mut self.1);
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
                show(&data, &mut self.1);
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

    /// Shows every weight to `see`, always in the same order.
    fn visit(&self, see: impl FnMut(&[f32]));

    /// Puts every gradient into `flat`, in the same order.
    fn flat_gradients(&self, gradients: &Self::Gradients, flat: &mut Vec<f32>);

    /// All weights that learn multiplied by `factor`; they are shown to `see` on the way.
    fn scaled(self, factor: f32, see: impl FnMut(&[f32])) -> Self;
}

impl<M: Module> Weights for M {
    type Gradients = GradientsParams;

    fn visit(&self, see: impl FnMut(&[f32])) {
        visit_weights(self, see);
    }

    fn flat_gradients(&self, gradients: &GradientsParams, flat: &mut Vec<f32>) {
        flat_gradients(self, gradients, flat);
    }

    fn scaled(self, factor: f32, see: impl FnMut(&[f32])) -> Self {
        scaled(self, factor, see)
    }
}

/// The weights of a module in the order of [`flat_weights`], all of which learn.
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

    fn scaled(mut self, factor: f32, mut see: impl FnMut(&[f32])) -> Self {
        self.0.iter_mut().for_each(|weight| *weight *= factor);
        see(&self.0);
        self
    }
}

/// Layers of weights: parameters with two dimensions or more.
pub fn layers<M: Module>(module: &M) -> usize {
    struct Layers(usize);
    impl ModuleVisitor for Layers {
        fn visit_float<const D: usize>(&mut self, _: &Param<Tensor<D>>) {
            self.0 += usize::from(D >= 2);
        }
    }
    let mut count = Layers(0);
    module.visit(&mut count);
    count.0
}
