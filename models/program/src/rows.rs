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
