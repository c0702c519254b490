//! Smaller images of the same things: average pooling.

use super::{Dataset, Number};
use crate::error::{Error, Result};

/// The data set with every `factor` x `factor` block of pixels replaced by its mean, channel by channel:
/// 28x28 by 2 gives 14x14, by 4 gives 7x7. The name says the new size.
///
/// # Errors
/// [`Error::PoolFactor`] if `factor` is 0 or does not divide height and width, and those of
/// [`Dataset::check`].
pub fn pool<N: Number>(dataset: &Dataset<N>, factor: usize) -> Result<Dataset<N>> {
    dataset.check()?;
    let [channels, height, width] = dataset.shape;
    if factor == 0 || !height.is_multiple_of(factor) || !width.is_multiple_of(factor) {
        return Err(Error::PoolFactor {
            dataset: dataset.name.clone(),
            height,
            width,
            factor,
        });
    }
    let (small_height, small_width) = (height / factor, width / factor);
    let features = channels * small_height * small_width;
    let area = N::nearest((factor * factor) as f64);
    let mut inputs = Vec::with_capacity(dataset.rows() * features);
    for row in 0..dataset.rows() {
        for channel in dataset.row(row).chunks_exact(height * width) {
            for y in 0..small_height {
                for x in 0..small_width {
                    let sum: N = (0..factor)
                        .map(|dy| (y * factor + dy) * width + x * factor)
                        .map(|start| channel[start..start + factor].iter().copied().sum::<N>())
                        .sum();
                    inputs.push(sum / area);
                }
            }
        }
    }
    Ok(Dataset {
        name: format!("{}-{small_height}x{small_width}", dataset.name),
        features,
        shape: [channels, small_height, small_width],
        inputs,
        targets: dataset.targets.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Targets;

    /// Two channels of 2x4: 0..8 and 10..18.
    fn image() -> Dataset {
        let inputs = (0..8).chain(10..18).map(|pixel| pixel as f32).collect();
        Dataset::new("stripes", [2, 2, 4], inputs, Targets::Values(vec![1.])).unwrap()
    }

    #[test]
    fn each_block_becomes_its_mean() {
        let small = pool(&image(), 2).unwrap();
        assert_eq!(small.shape, [2, 1, 2]);
        assert_eq!(small.features, 4);
        // (0 + 1 + 4 + 5) / 4 and (2 + 3 + 6 + 7) / 4, then the same ten higher.
        assert_eq!(small.inputs, [2.5, 4.5, 12.5, 14.5]);
        assert_eq!(small.name, "stripes-1x2");
        small.check().unwrap();
    }

    #[test]
    fn a_factor_of_one_changes_no_pixel() {
        assert_eq!(pool(&image(), 1).unwrap().inputs, image().inputs);
    }

    #[test]
    fn a_factor_that_does_not_divide_is_an_error() {
        for factor in [0, 3, 4] {
            let message = pool(&image(), factor).unwrap_err().to_string();
            assert!(message.contains("`stripes`: images of 2x4"), "{message}");
            assert!(
                message.contains(&format!("pooled by {factor}")),
                "{message}"
            );
        }
    }
}
