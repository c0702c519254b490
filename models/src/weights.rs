//! All weights of a module, or their gradients, as one vector.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};

/// Appends the numbers of a tensor's data.
fn extend(flat: &mut Vec<f32>, data: &TensorData) {
    match data.as_slice::<f32>() {
        Ok(values) => flat.extend_from_slice(values),
        // A backend may keep its floats in another type.
        Err(_) => flat.extend(data.iter::<f32>()),
    }
}

/// Puts every float parameter of `module` into `flat`, in the order in which the module is visited.
pub fn flat_weights<M: Module>(module: &M, flat: &mut Vec<f32>) {
    struct Weights<'a>(&'a mut Vec<f32>);
    impl ModuleVisitor for Weights<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            extend(self.0, &param.val().into_data());
        }
    }
    flat.clear();
    module.visit(&mut Weights(flat));
}

/// Puts every gradient of `module` into `flat`, in the same order; zeros where a parameter has none.
pub fn flat_gradients<M: Module>(module: &M, gradients: &GradientsParams, flat: &mut Vec<f32>) {
    struct Gradients<'a>(&'a GradientsParams, &'a mut Vec<f32>);
    impl ModuleVisitor for Gradients<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            match self.0.get::<D>(param.id) {
                Some(gradient) => extend(self.1, &gradient.into_data()),
                None => {
                    let length = self.1.len() + param.lazy_shape().num_elements();
                    self.1.resize(length, 0.0);
                }
            }
        }
    }
    flat.clear();
    module.visit(&mut Gradients(gradients, flat));
}

/// The module with the weights `flat`, in the order of [`flat_weights`]. Numbers that are missing stay as they are.
pub fn with_weights<M: Module>(module: M, flat: &[f32]) -> M {
    struct Weights<'a>(&'a [f32]);
    impl ModuleMapper for Weights<'_> {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|tensor| {
                let count = tensor.shape().num_elements();
                let Some((values, rest)) = self.0.split_at_checked(count) else {
                    return tensor;
                };
                self.0 = rest;
                let data = TensorData::new(values.to_vec(), tensor.shape());
                Tensor::from_data(data, &tensor.device()).set_require_grad(tensor.is_require_grad())
            })
        }
    }
    module.map(&mut Weights(flat))
}

/// The module with every weight multiplied by `factor`.
pub fn scaled<M: Module>(module: M, factor: f64) -> M {
    struct Scale(f64);
    impl ModuleMapper for Scale {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|tensor| {
                let learns = tensor.is_require_grad();
                tensor
                    .detach()
                    .mul_scalar(self.0)
                    .detach()
                    .set_require_grad(learns)
            })
        }
    }
    module.map(&mut Scale(factor))
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
