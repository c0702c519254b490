//! A small transformer on images cut into patches, or on tables whose columns are its tokens.

use crate::{Error, Result};
use burn::module::{Module, Param};
use burn::nn::transformer::{
    TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput,
};
use burn::nn::{Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use trimtab_env::bounds::{MOST_UNITS, check_count, check_memory};

/// The shape of a [`Transformer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TransformerConfig {
    /// Numbers a token.
    pub width: usize,
    /// Heads of attention, which divide the width.
    pub heads: usize,
    /// Blocks of attention and a perceptron of four times the width.
    pub blocks: usize,
    /// Side of a patch, which divides height and width of an image.
    pub patch: usize,
}

impl Default for TransformerConfig {
    fn default() -> Self {
        Self {
            width: 32,
            heads: 4,
            blocks: 2,
            patch: 2,
        }
    }
}

impl TransformerConfig {
    /// Checks width and blocks by themselves, before anything is allocated.
    ///
    /// # Errors
    /// [`Error::Bounds`] naming the one that is out of bounds, or what both would take.
    pub fn validate(&self) -> Result<()> {
        const MOST_BLOCKS: usize = 1000;
        check_count("model.width", self.width, 1..=MOST_UNITS)?;
        check_count("model.blocks", self.blocks, 1..=MOST_BLOCKS)?;
        // Each block has four matrices of attention and two of a perceptron that is four times as wide.
        let weights = 12.0 * (self.width as f64).powi(2) * self.blocks as f64;
        // With their gradients and an optimiser's two numbers for each, of four bytes.
        check_memory("model.width", self.width, 16.0 * weights)?;
        Ok(())
    }

    /// Checks every number against the inputs that it is for: of `shape` (channels, height, width), and what they are called.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first that does not fit.
    pub fn check(&self, shape: [usize; 3], inputs: &str) -> Result<()> {
        self.validate()?;
        let [_, height, width] = shape;
        let divides = |part: usize, whole: usize| part > 0 && whole.is_multiple_of(part);
        let patched = divides(self.patch, height) && divides(self.patch, width);
        for (field, number, good, allowed) in [
            (
                "heads",
                self.heads,
                divides(self.heads, self.width),
                format!("what divides the width, {}", self.width),
            ),
            (
                "patch",
                self.patch,
                patched,
                format!("what divides {height}x{width}, the height and width of `{inputs}`"),
            ),
        ] {
            if !good {
                return Err(Error::Config {
                    field: format!("model.{field}"),
                    given: number.to_string(),
                    allowed,
                });
            }
        }
        Ok(())
    }
}

/// A vision transformer (Dosovitskiy et al. 2021, "An image is worth 16x16 words", equations 1 to 4): each patch becomes a
/// token, to which a learned position is added; blocks of attention and perceptron, normalised first; then the mean of the
/// tokens, in place of the paper's class token, and one linear layer. There is no dropout, whose draws would be burn's own.
#[derive(Module, Debug)]
pub struct Transformer {
    embedding: Linear,
    positions: Param<Tensor<2>>,
    blocks: TransformerEncoder,
    norm: LayerNorm,
    head: Linear,
    shape: [usize; 3],
    patch: usize,
}

impl Transformer {
    /// A network for images of `shape` (channels, height, width).
    ///
    /// # Panics
    /// If the numbers do not fit, see [`TransformerConfig::check`].
    pub fn new(
        shape: [usize; 3],
        config: TransformerConfig,
        outputs: usize,
        device: &Device,
    ) -> Self {
        let [channels, height, width] = shape;
        let area = config.patch * config.patch;
        let (tokens, features) = (height * width / area, channels * area);
        let width = config.width;
        let blocks = TransformerEncoderConfig::new(width, 4 * width, config.heads, config.blocks)
            .with_dropout(0.0)
            .with_norm_first(true);
        Self {
            embedding: LinearConfig::new(features, width).init(device),
            // Drawn with the other weights; what is set to a constant would stay.
            positions: Initializer::Uniform {
                min: -1.0,
                max: 1.0,
            }
            .init([tokens, width], device),
            blocks: blocks.init(device),
            norm: LayerNormConfig::new(width).init(device),
            head: LinearConfig::new(width, outputs).init(device),
            shape,
            patch: config.patch,
        }
    }

    /// # Shapes
    /// - input: `[batch, channels * height * width]`
    /// - output: `[batch, outputs]`
    pub fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        let tokens = patches(input, self.shape, self.patch);
        let tokens = self.embedding.forward(tokens) + self.positions.val().unsqueeze();
        let tokens = self.blocks.forward(TransformerEncoderInput::new(tokens));
        let mean = self.norm.forward(tokens).mean_dim(1).squeeze_dim::<2>(1);
        self.head.forward(mean)
    }
}

/// Images of `[channels, height, width]` as tokens of square patches, row after row.
///
/// # Shapes
/// - input: `[batch, channels * height * width]`
/// - output: `[batch, patches, channels * patch * patch]`
fn patches(input: Tensor<2>, [channels, height, width]: [usize; 3], patch: usize) -> Tensor<3> {
    let [batch, _] = input.dims();
    let (rows, columns) = (height / patch, width / patch);
    input
        .reshape([batch, channels, rows, patch, columns, patch])
        .permute([0, 2, 4, 1, 3, 5])
        .reshape([batch, rows * columns, channels * patch * patch])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Embedded, SplitConfig, split};
    use crate::tasks::transformer::TransformerTask;
    use crate::{OptimizerConfig, TaskTrainee, TraineeConfig};
    use std::sync::Arc;
    use trimtab_env::{Settings, Trainee};

    #[test]
    fn patches_keep_neighbours_together() {
        // Two channels of 4x4: 0 to 15, and the same plus 100.
        let pixels: Vec<f32> = (0..16).chain(100..116).map(|x| x as f32).collect();
        let image = Tensor::<1>::from_floats(pixels.as_slice(), &Device::flex()).unsqueeze();
        let tokens = patches(image, [2, 4, 4], 2);
        assert_eq!(tokens.dims(), [1, 4, 8]);
        let all = tokens.into_data().try_to_vec::<f32>().unwrap();
        assert_eq!(all[..8], [0., 1., 4., 5., 100., 101., 104., 105.]);
        assert_eq!(all[24..28], [10., 11., 14., 15.]);
    }

    /// Where a patch is matters, and so does what is in the others.
    #[test]
    fn outputs_depend_on_positions_and_on_all_tokens() {
        let device = Device::flex();
        let config = TransformerConfig {
            patch: 1,
            ..Default::default()
        };
        let network = Transformer::new([2, 1, 3], config, 4, &device);
        let mut rng = trimtab_env::stream(1, "weights", 0);
        let network = crate::network::initializer::fresh_weights(network, &mut rng);
        let answer = |numbers: [f32; 6]| {
            let input = Tensor::<1>::from_floats(numbers, &device).unsqueeze();
            let output = network.forward(input);
            assert_eq!(output.dims(), [1, 4]);
            output.into_data().try_to_vec::<f32>().unwrap()
        };
        let first = answer([1., 2., 3., 4., 5., 6.]);
        assert_eq!(first, answer([1., 2., 3., 4., 5., 6.]));
        // The first two tokens have changed places, in both channels.
        assert_ne!(first, answer([2., 1., 3., 5., 4., 6.]));
        assert_ne!(first, answer([1., 2., 3., 4., 5., 7.]));
    }

    #[test]
    fn it_learns_digits() {
        let data = split(&Embedded::Digits.load().unwrap(), &SplitConfig::default()).unwrap();
        let config = TransformerConfig {
            width: 16,
            blocks: 1,
            patch: 4,
            ..Default::default()
        };
        let task = TransformerTask::new("digits", Arc::new(data), config);
        let trainee_config = TraineeConfig {
            optimizer: OptimizerConfig::adam(),
            ..Default::default()
        };
        let mut trainee = TaskTrainee::new(task, trainee_config, &Device::flex()).unwrap();
        let loss = |report: trimtab_env::Report| report.validation.unwrap().loss;
        let before = loss(trainee.start(1).unwrap());
        let after = loss(trainee.advance(&Settings::new(0.01, 64), 0.02).unwrap());
        assert!(after < 0.5 * before, "{before} {after}");
    }
}
