//! Rows of a matrix.

use crate::vectorised;

/// The first `length` numbers of a buffer, which grows if it has to and never shrinks.
pub(crate) fn first(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
    &mut buffer[..length]
}

/// Adds `row` to every row of a matrix.
pub(crate) fn add_to_rows(numbers: &mut [f32], row: &[f32]) {
    vectorised(
        #[inline(always)]
        || {
            for numbers in numbers.chunks_exact_mut(row.len()) {
                for (x, add) in numbers.iter_mut().zip(row) {
                    *x += add;
                }
            }
        },
    );
}

/// Adds the rows of a matrix to `sums`.
pub(crate) fn add_rows(numbers: &[f32], sums: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || {
            for row in numbers.chunks_exact(sums.len()) {
                for (sum, x) in sums.iter_mut().zip(row) {
                    *sum += x;
                }
            }
        },
    );
}

/// Numbers that are summed side by side.
const LANES: usize = 8;

/// The sum of the products of two vectors.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(a, b)| a * b);
    lanes.iter().sum::<f32>() + rest.sum::<f32>()
}
