//! Initial weights from an owned stream.
//!
//! Burn draws initial weights from a generator that belongs to the whole process, so two trainings that start on two
//! threads would take each other's numbers. Here every drawn weight is drawn again from a stream that belongs to the
//! training.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};
use rand::{Rng, RngExt};

/// Draws the weights of a module again, each from `U(-1/sqrt(fan_in), 1/sqrt(fan_in))`: the default of burn's and
/// PyTorch's linear and convolutional layers, for weights and for biases.
///
/// The fan-in of a matrix is its first dimension (burn's layout is `[input, output]`), that of a convolution kernel
/// `[output, input, ..]` the product of all but its first. A vector takes the fan-in of the weight visited before it,
/// or keeps its value if the module set all of it to 0 or to 1, as normalisation layers do. A module of another
/// convention overrides [`crate::Task::initialise`].
pub fn fresh_weights<M: Module>(module: M, rng: &mut impl Rng) -> M {
    module.map(&mut Fresh { rng, fan_in: 1 })
}

struct Fresh<'a, R> {
    rng: &'a mut R,
    fan_in: usize,
}

impl<R: Rng> ModuleMapper for Fresh<'_, R> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.lazy_shape();
        let dimensions: &[usize] = &shape;
        match dimensions {
            [_] if is_constant(&param) => return param,
            [_] | [] => {}
            [input, _] => self.fan_in = *input,
            [_, inputs @ ..] => self.fan_in = inputs.iter().product(),
        }
        let bound = 1.0 / (self.fan_in.max(1) as f32).sqrt();
        let values: Vec<f32> = (0..shape.num_elements())
            .map(|_| self.rng.random_range(-bound..bound))
            .collect();
        param.map(|tensor| {
            let gradient = tensor.is_require_grad();
            Tensor::from_data(TensorData::new(values, shape), &tensor.device())
                .set_require_grad(gradient)
        })
    }
}

/// Whether a module set this vector to all 0 or all 1 rather than drawing it.
fn is_constant<const D: usize>(param: &Param<Tensor<D>>) -> bool {
    let data = param.val().into_data();
    let mut values = data.iter::<f32>();
    let Some(first) = values.next() else {
        return true;
    };
    (first == 0.0 || first == 1.0) && values.all(|x| x == first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::flat_state;
    use burn::nn::{
        BatchNorm, BatchNormConfig, Linear, LinearConfig, conv::Conv2d, conv::Conv2dConfig,
    };
    use burn::tensor::Device;
    use trimtab_env::stream;

    #[derive(Module, Debug)]
    struct Mixed {
        conv: Conv2d,
        norm: BatchNorm,
        linear: Linear,
    }

    fn mixed(device: &Device) -> Mixed {
        Mixed {
            conv: Conv2dConfig::new([3, 4], [5, 5]).init(device),
            norm: BatchNormConfig::new(4).init(device),
            linear: LinearConfig::new(400, 7).init(device),
        }
    }

    fn weights(seed: u64) -> Vec<f32> {
        let device = Device::flex().autodiff();
        let mut flat = Vec::new();
        let model = fresh_weights(mixed(&device), &mut stream(seed, "weights", 0));
        assert!(model.linear.weight.is_require_grad());
        flat_state(&model, &mut flat);
        flat
    }

    #[test]
    fn bounds_follow_the_fan_in_and_constants_stay() {
        let device = Device::flex().autodiff();
        let model = fresh_weights(mixed(&device), &mut stream(1, "weights", 0));
        let largest = |values: Vec<f32>| values.into_iter().fold(0f32, |a, x| a.max(x.abs()));
        let data = |tensor: TensorData| tensor.iter::<f32>().collect::<Vec<f32>>();
        let kernel = largest(data(model.conv.weight.val().into_data()));
        let bound = 1.0 / 75f32.sqrt();
        assert!(kernel <= bound && kernel > 0.95 * bound, "{kernel}");
        let matrix = largest(data(model.linear.weight.val().into_data()));
        assert!(matrix <= 0.05 && matrix > 0.049, "{matrix}");
        assert_eq!(data(model.norm.gamma.val().into_data()), [1.0; 4]);
        assert_eq!(data(model.norm.beta.val().into_data()), [0.0; 4]);
    }

    #[test]
    fn the_seed_decides_and_nothing_else() {
        assert_eq!(weights(1), weights(1));
        assert_ne!(weights(1), weights(2));
        // Drawn at the same time on two threads, while both also use the global generator.
        let parallel: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|seed| scope.spawn(move || weights(seed)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        for (seed, drawn) in parallel.into_iter().enumerate() {
            assert_eq!(drawn, weights(seed as u64));
        }
    }
}
