//! Products of matrices, by the crate `gemm`, which is burn's as well.

use gemm::Parallelism;

/// A matrix whose rows follow each other in `numbers`, or the transpose of one.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    numbers: &'a [f32],
    rows: usize,
    columns: usize,
    /// From one row to the next, and from one column to the next.
    strides: [usize; 2],
}

impl<'a> Matrix<'a> {
    /// As many rows of `columns` numbers as there are.
    pub(crate) fn of(numbers: &'a [f32], columns: usize) -> Self {
        let rows = numbers.len() / columns.max(1);
        Self {
            numbers,
            rows,
            columns,
            strides: [columns, 1],
        }
    }

    /// The transpose.
    pub(crate) fn transposed(self) -> Self {
        let [row, column] = self.strides;
        Self {
            rows: self.columns,
            columns: self.rows,
            strides: [column, row],
            ..self
        }
    }
}

/// `c = a b`, or `c = c + a b` if it `adds`, on this thread alone. The rows of `c` follow each other.
///
/// # Panics
/// If the sizes do not fit.
pub(crate) fn product(c: &mut [f32], adds: bool, a: Matrix, b: Matrix) {
    let (rows, columns, depth) = (a.rows, b.columns, a.columns);
    assert_eq!(depth, b.rows, "inner sizes");
    assert_eq!(c.len(), rows * columns, "size of the product");
    assert_eq!(a.numbers.len(), rows * depth, "size of the left side");
    assert_eq!(b.numbers.len(), depth * columns, "size of the right side");
    // SAFETY: the three matrices lie in their slices, as their lengths are those of the sizes and every stride is the width of a
    // row or 1; `c` is borrowed mutably and overlaps neither.
    #[expect(unsafe_code, reason = "the one function of `gemm` is not safe")]
    unsafe {
        gemm::gemm(
            rows,
            columns,
            depth,
            c.as_mut_ptr(),
            1,
            columns as isize,
            adds,
            a.numbers.as_ptr(),
            a.strides[1] as isize,
            a.strides[0] as isize,
            b.numbers.as_ptr(),
            b.strides[1] as isize,
            b.strides[0] as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn products_are_sums_of_products(
            rows in 1usize..20, depth in 1usize..40, columns in 1usize..20, adds: bool, flips: [bool; 2], seed: u32,
        ) {
            let number = |i: usize| ((i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) % 17) as f32 - 8.0;
            let a: Vec<f32> = (0..rows * depth).map(number).collect();
            let b: Vec<f32> = (0..depth * columns).map(|i| number(i + 1000)).collect();
            let at = |numbers: &[f32], i: usize, k: usize, [rows, columns]: [usize; 2], flipped: bool| {
                if flipped { numbers[k * rows + i] } else { numbers[i * columns + k] }
            };
            let matrix = |numbers, [rows, columns]: [usize; 2], flipped| if flipped {
                Matrix::of(numbers, rows).transposed()
            } else {
                Matrix::of(numbers, columns)
            };
            let mut c = vec![3.0; rows * columns];
            product(&mut c, adds, matrix(&a, [rows, depth], flips[0]), matrix(&b, [depth, columns], flips[1]));
            for i in 0..rows {
                for j in 0..columns {
                    // Small integers, so that every sum is exact.
                    let sum: f32 = (0..depth)
                        .map(|k| at(&a, i, k, [rows, depth], flips[0]) * at(&b, k, j, [depth, columns], flips[1]))
                        .sum();
                    prop_assert_eq!(c[i * columns + j], sum + if adds { 3.0 } else { 0.0 });
                }
            }
        }
    }
}
