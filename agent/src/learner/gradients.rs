//! Clipping the gradient by its global norm.

/// Scales a gradient so that its norm is at most `max_norm` (Pascanu et al. 2013; detail 11 of CleanRL's list), and returns
/// the norm before.
pub fn clip_global_norm(gradient: &mut [f32], max_norm: f32) -> f32 {
    // Eight partial sums, so that they can be vectorised.
    let (mut partial, (chunks, rest)) = ([0f64; 8], gradient.as_chunks::<8>());
    for chunk in chunks {
        for (sum, x) in partial.iter_mut().zip(chunk) {
            *sum += f64::from(*x) * f64::from(*x);
        }
    }
    let rest = rest.iter().map(|x| f64::from(*x) * f64::from(*x));
    let norm = (partial.iter().sum::<f64>() + rest.sum::<f64>()).sqrt() as f32;
    if norm > max_norm {
        // The small number is PyTorch's; it keeps the result strictly below the bound.
        let scale = max_norm / (norm + 1e-6);
        gradient.iter_mut().for_each(|x| *x *= scale);
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_direction_is_kept() {
        let mut gradient = [3.0, 0.0, 4.0];
        assert_eq!(clip_global_norm(&mut gradient, 10.0), 5.0);
        assert_eq!(gradient, [3.0, 0.0, 4.0]);
        assert_eq!(clip_global_norm(&mut gradient, 0.5), 5.0);
        assert!((gradient[0] - 0.3).abs() < 1e-6 && (gradient[2] - 0.4).abs() < 1e-6);
        assert!(clip_global_norm(&mut gradient, 0.5) <= 0.5);
        // Whatever the length.
        for length in 1..40usize {
            let mut ones = vec![1.0; length];
            let norm = clip_global_norm(&mut ones, f32::INFINITY);
            assert!((norm - (length as f32).sqrt()).abs() < 1e-5);
        }
    }
}
