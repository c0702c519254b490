//! Clipping the gradient by its global norm.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// Scales all gradients of `module` together so that their joint norm is at most `max_norm` (Pascanu et al. 2013; detail
/// 11 of CleanRL's list), and returns the norm before. burn's own clipping treats each tensor by itself, which would
/// change the direction of the update.
pub fn clip_global_norm<M: Module>(
    module: &M,
    gradients: &mut GradientsParams,
    max_norm: f32,
) -> f32 {
    struct Squares<'a>(&'a GradientsParams, f64);
    impl ModuleVisitor for Squares<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.0.get::<D>(param.id) {
                self.1 += gradient
                    .into_data()
                    .iter::<f32>()
                    .map(|x| f64::from(x).powi(2))
                    .sum::<f64>();
            }
        }
    }
    struct Scale<'a>(&'a mut GradientsParams, f32);
    impl ModuleVisitor for Scale<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.0.remove::<D>(param.id) {
                self.0.register(param.id, gradient.mul_scalar(self.1));
            }
        }
    }
    let mut squares = Squares(gradients, 0.0);
    module.visit(&mut squares);
    let norm = squares.1.sqrt() as f32;
    if norm > max_norm {
        // The small number is PyTorch's, it keeps the result strictly below the bound.
        module.visit(&mut Scale(gradients, max_norm / (norm + 1e-6)));
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    #[derive(Module, Debug)]
    struct Two {
        a: Param<Tensor<1>>,
        b: Param<Tensor<2>>,
    }

    #[test]
    fn direction_is_kept_over_all_tensors() {
        let device = Device::flex().autodiff();
        let two = Two {
            a: Param::from_data(TensorData::new(vec![1f32], [1]), &device),
            b: Param::from_data(TensorData::new(vec![1f32, 1.0], [1, 2]), &device),
        };
        let loss = two.a.val().mul_scalar(3.0).sum()
            + two.b.val().mul_scalar(4.0).slice([0..1, 0..1]).sum();
        let mut gradients = GradientsParams::from_grads(loss.backward(), &two);
        assert!((clip_global_norm(&two, &mut gradients, 10.0) - 5.0).abs() < 1e-6);
        assert!((clip_global_norm(&two, &mut gradients, 0.5) - 5.0).abs() < 1e-6);
        let a: f32 = gradients.get::<1>(two.a.id).unwrap().into_scalar();
        let b: Vec<f32> = gradients
            .get::<2>(two.b.id)
            .unwrap()
            .into_data()
            .iter::<f32>()
            .collect();
        assert!((a - 0.3).abs() < 1e-5 && (b[0] - 0.4).abs() < 1e-5 && b[1] == 0.0);
    }
}
