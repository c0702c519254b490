//! Dropout whose randomness belongs to the training.

use burn::tensor::{Tensor, TensorData};
use rand::{Rng, RngExt};

/// Sets each number to 0 with this probability, and divides the others by what is left, so that the mean stays (Srivastava et al. 2014,
/// "Dropout"; scaled in training, as PyTorch does it). At 0 nothing is drawn and nothing changes, at 1 nothing is left.
///
/// burn's own [`Dropout`](burn::nn::Dropout) draws from a generator of the whole process: trainings beside it, and before it,
/// decide what it drops, so that the same seed does not give the same bits. This one draws from a stream of the training,
/// [`crate::Pass::rng`].
pub fn dropout<const D: usize>(
    input: Tensor<D>,
    probability: f64,
    rng: &mut impl Rng,
) -> Tensor<D> {
    if probability <= 0.0 {
        return input;
    }
    let shape = input.shape();
    let scale = if probability < 1.0 {
        (1.0 / (1.0 - probability)) as f32
    } else {
        0.0
    };
    let kept: Vec<f32> = (0..shape.num_elements())
        .map(|_| {
            if rng.random_bool((1.0 - probability).clamp(0.0, 1.0)) {
                scale
            } else {
                0.0
            }
        })
        .collect();
    let device = input.device();
    let mask = Tensor::from_data(TensorData::new(kept, shape), &device);
    input * mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use trimtab_env::stream;

    fn dropped(probability: f64, seed: u64) -> Vec<f32> {
        let device = Device::flex();
        let ones = Tensor::<2>::ones([100, 100], &device);
        let mut rng = stream(seed, "pass", 0);
        dropout(ones, probability, &mut rng)
            .into_data()
            .iter::<f32>()
            .collect()
    }

    #[test]
    fn so_many_are_dropped_and_the_mean_stays() {
        let some = dropped(0.3, 1);
        let zeros = some.iter().filter(|x| **x == 0.0).count();
        // 10,000 draws: a standard deviation of 46.
        assert!((2800..3200).contains(&zeros), "{zeros}");
        assert!(
            some.iter()
                .all(|x| *x == 0.0 || (x - 1.0 / 0.7).abs() < 1e-6)
        );
        assert_eq!(dropped(0.0, 1), vec![1.0; 10_000]);
        assert_eq!(dropped(1.0, 1), vec![0.0; 10_000]);
        assert_eq!(dropped(0.3, 1), some);
        assert_ne!(dropped(0.3, 2), some);
    }
}
