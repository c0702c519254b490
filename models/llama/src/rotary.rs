//! Rotary positions (Su et al. 2021, "RoFormer", equation 34), and how Llama 3 stretches them.
//!
//! A head's vector is read as pairs of numbers, and the pair `i` at position `p` is turned by the angle `p * f_i`. So the product
//! of a query and a key depends on how far apart they are, not on where. The number `i` makes a pair with `i + d/2`, as the
//! weights of transformers have it; the paper pairs neighbours.

use crate::Result;
use crate::error::{ensure, ensure_count};
use burn::tensor::{Device, Tensor, TensorData};
use std::f64::consts::TAU;
use std::ops::Range;

/// The frequencies of the rotation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rope {
    /// The base: the pair `i` of `d/2` turns by `theta^(-2i/d)` a position.
    pub theta: f64,
    /// The stretching of Llama 3, if there is any.
    pub scaling: Option<Llama3Scaling>,
}

/// How Llama 3.1 takes a model to longer contexts than it was first trained on ("The Llama 3 herd of models" 2024; formula of
/// the reference implementation): slow pairs are slowed down by `factor`, fast ones stay, and those between are blended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Llama3Scaling {
    /// By how much slow pairs are slowed down, at least 1.
    pub factor: f64,
    /// A pair with at most this many turns in the original context is slow.
    pub low_freq_factor: f64,
    /// A pair with at least this many turns in the original context is fast.
    pub high_freq_factor: f64,
    /// Positions of the context that the model was first trained on.
    pub original_max_position_embeddings: usize,
}

/// The longest context.
pub(crate) const MOST_POSITIONS: usize = 1 << 24;

impl Rope {
    /// Checks every number; messages begin with `origin`.
    pub(crate) fn validate(&self, origin: &str) -> Result<()> {
        let above = |field, given: f64, low: f64| {
            let good = given > low && given.is_finite();
            ensure(good, origin, field, given, format!("a number above {low}"))
        };
        above("rope_theta", self.theta, 0.0)?;
        let Some(scaling) = &self.scaling else {
            return Ok(());
        };
        let good = scaling.factor >= 1.0 && scaling.factor.is_finite();
        ensure(good, origin, "factor", scaling.factor, "a number from 1")?;
        above("low_freq_factor", scaling.low_freq_factor, 0.0)?;
        above(
            "high_freq_factor",
            scaling.high_freq_factor,
            scaling.low_freq_factor,
        )?;
        let original = scaling.original_max_position_embeddings;
        let field = "original_max_position_embeddings";
        ensure_count(origin, field, original, 1..=MOST_POSITIONS)
    }

    /// The angle in radians by which each of the `head_dim / 2` pairs turns from one position to the next.
    pub fn frequencies(&self, head_dim: usize) -> Vec<f64> {
        let plain = (0..head_dim / 2).map(|i| self.theta.powf(-2.0 * i as f64 / head_dim as f64));
        match self.scaling {
            None => plain.collect(),
            Some(scaling) => plain.map(|frequency| scaling.scaled(frequency)).collect(),
        }
    }
}

impl Llama3Scaling {
    /// `(1 - s) f / factor + s f`, where `s` goes from 0 for slow pairs to 1 for fast ones with their turns in the original context.
    fn scaled(&self, frequency: f64) -> f64 {
        let turns = self.original_max_position_embeddings as f64 * frequency / TAU;
        let (low, high) = (self.low_freq_factor, self.high_freq_factor);
        let s = ((turns - low) / (high - low)).clamp(0.0, 1.0);
        (1.0 - s) * frequency / self.factor + s * frequency
    }
}

/// The rotation at a range of positions: the same for all blocks and heads.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// `[positions, head_dim]`, and the same numbers in both halves.
    cos: Tensor<2>,
    sin: Tensor<2>,
}

impl Rotation {
    /// The rotation at `positions`, of heads of `head_dim` numbers.
    pub fn new(rope: &Rope, head_dim: usize, positions: Range<usize>, device: &Device) -> Self {
        // Angles in 32 bits, as transformers has them: at position 10 000 they are off by up to 1e-3, and weights have learned with
        // that.
        let frequencies = rope.frequencies(head_dim);
        let frequencies: Vec<f32> = frequencies.into_iter().map(|f| f as f32).collect();
        let shape = [positions.len(), head_dim];
        let angles: Vec<f32> = positions
            .flat_map(|position| {
                let angles = frequencies.iter().map(move |f| position as f32 * f);
                angles.clone().chain(angles)
            })
            .collect();
        let table = |function: fn(f32) -> f32| {
            let numbers: Vec<f32> = angles.iter().map(|angle| function(*angle)).collect();
            Tensor::from_data(TensorData::new(numbers, shape), device)
        };
        Self {
            cos: table(f32::cos),
            sin: table(f32::sin),
        }
    }

    /// `(a, b)` becomes `(a cos - b sin, b cos + a sin)`, where `a` and `b` are the halves of a head.
    ///
    /// # Shapes
    /// - input and output: `[batch, heads, positions, head_dim]`
    pub fn rotate(&self, x: Tensor<4>) -> Tensor<4> {
        let half = x.dims()[3] / 2;
        let a = x.clone().narrow(3, 0, half);
        let b = x.clone().narrow(3, half, half);
        let turned = Tensor::cat(vec![b.neg(), a], 3);
        x * self.cos.clone().unsqueeze() + turned * self.sin.clone().unsqueeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Rope = Rope {
        theta: 10000.0,
        scaling: None,
    };

    fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().iter::<f32>().collect()
    }

    #[test]
    fn a_number_makes_a_pair_with_the_one_half_a_head_further() {
        let device = Device::flex();
        let x = Tensor::<1>::from_floats([1., 0., 0., 0.], &device).unsqueeze();
        let y = numbers(Rotation::new(&PLAIN, 4, 3..4, &device).rotate(x));
        let (sin, cos) = 3f32.sin_cos();
        for (y, expected) in y.iter().zip([cos, 0., sin, 0.]) {
            assert!((y - expected).abs() < 1e-6, "{y} {expected}");
        }
    }

    #[test]
    fn products_depend_on_distance_alone() {
        let device = Device::flex();
        let query = Tensor::<1>::from_floats([0.3, -1.2, 0.7, 2.0], &device);
        let key = Tensor::<1>::from_floats([-0.4, 0.9, 1.1, -0.6], &device);
        let at = |x: &Tensor<1>, position: usize| {
            let rotation = Rotation::new(&PLAIN, 4, position..position + 1, &device);
            rotation.rotate(x.clone().unsqueeze())
        };
        let product = |p, q| numbers((at(&query, p) * at(&key, q)).sum())[0];
        assert!((product(9, 4) - product(25, 20)).abs() < 1e-5);
        assert!((product(9, 4) - product(9, 5)).abs() > 1e-2);
    }

    #[test]
    fn scaling_keeps_fast_pairs_and_slows_slow_ones_down() {
        let scaling = Llama3Scaling {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_max_position_embeddings: 8192,
        };
        let rope = Rope {
            theta: 500_000.0,
            scaling: Some(scaling),
        };
        let scaled = rope.frequencies(128);
        let plain = Rope {
            scaling: None,
            ..rope
        }
        .frequencies(128);
        assert_eq!(scaled[0], plain[0]);
        assert_eq!(scaled[63], plain[63] / 8.0);
        for (scaled, plain) in scaled.iter().zip(plain) {
            assert!(*scaled <= plain && *scaled >= plain / 8.0);
        }
    }
}
