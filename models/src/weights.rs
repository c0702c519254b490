//! All weights of a module, or their gradients, as one vector.

use burn::module::{Module, ModuleVisitor, Param};
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
