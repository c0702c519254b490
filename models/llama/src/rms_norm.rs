//! Normalisation by the root mean square (Zhang and Sennrich 2019, "Root mean square layer normalization", equation 4).

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};

/// `y = x / sqrt(mean(x^2) + epsilon) * weight`, with the mean over the last dimension.
#[derive(Module, Debug)]
pub struct RmsNorm {
    weight: Param<Tensor<1>>,
    epsilon: f64,
}

impl RmsNorm {
    /// A layer for vectors of `width` numbers, whose weights are ones.
    pub fn new(width: usize, epsilon: f64, device: &Device) -> Self {
        Self {
            weight: Initializer::Ones.init([width], device),
            epsilon,
        }
    }

    /// # Shapes
    /// - input and output: `[batch, positions, width]`
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let mean_square = x.clone().square().mean_dim(2);
        x / (mean_square + self.epsilon).sqrt() * self.weight.val().unsqueeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_mean_square_becomes_one_and_epsilon_is_inside_the_root() {
        let device = Device::flex();
        let norm = |epsilon, x: [f32; 4]| {
            let x = Tensor::<1>::from_floats(x, &device).unsqueeze();
            let y = RmsNorm::new(4, epsilon, &device).forward(x);
            y.into_data().iter::<f32>().collect::<Vec<f32>>()
        };
        assert_eq!(norm(0.0, [2., -2., 2., 2.]), [1., -1., 1., 1.]);
        // Mean square 1, and 3 more: a root of 2.
        assert_eq!(norm(3.0, [1., -1., 1., 1.]), [0.5, -0.5, 0.5, 0.5]);
        assert_eq!(norm(1e-6, [0.; 4]), [0.; 4]);
    }
}
