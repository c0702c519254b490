//! Rows of a matrix.

use crate::vectorised;

/// Puts `row` into every row of a matrix.
pub(crate) fn fill_rows(numbers: &mut [f32], row: &[f32]) {
    for numbers in numbers.chunks_exact_mut(row.len()) {
        numbers.copy_from_slice(row);
    }
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
