//! The few operations on symmetric matrices that a Gaussian process needs.

/// The lower triangular factor `L` of a symmetric positive definite matrix `L L'`, row by row.
#[derive(Clone, Debug)]
pub(super) struct Cholesky {
    size: usize,
    /// `[row][column]`; above the diagonal 0.
    factor: Vec<f64>,
}

impl Cholesky {
    /// Factors a matrix of `size` x `size`, of which the lower triangle is looked at; `None` if it is not positive
    /// definite.
    pub(super) fn new(mut matrix: Vec<f64>, size: usize) -> Option<Self> {
        for i in 0..size {
            for j in 0..=i {
                let (before, own) = matrix.split_at(i * size);
                let row_j = if i == j {
                    &own[..j]
                } else {
                    &before[j * size..j * size + j]
                };
                let rest = own[j] - dot(&own[..j], row_j);
                matrix[i * size + j] = if i == j {
                    if !(rest > 0.0 && rest.is_finite()) {
                        return None;
                    }
                    rest.sqrt()
                } else {
                    rest / matrix[j * size + j]
                };
            }
            matrix[i * size + i + 1..(i + 1) * size].fill(0.0);
        }
        Some(Self {
            size,
            factor: matrix,
        })
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.factor[i * self.size..(i + 1) * self.size]
    }

    /// `L^-1 b`.
    pub(super) fn solve_lower(&self, b: &[f64]) -> Vec<f64> {
        let mut x = b.to_vec();
        for i in 0..self.size {
            let row = self.row(i);
            x[i] = (x[i] - dot(&row[..i], &x[..i])) / row[i];
        }
        x
    }

    /// `(L L')^-1 b`.
    pub(super) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let mut x = self.solve_lower(b);
        for i in (0..self.size).rev() {
            let row = self.row(i);
            x[i] /= row[i];
            let known = x[i];
            for (x, l) in x[..i].iter_mut().zip(row) {
                *x -= l * known;
            }
        }
        x
    }

    /// The inverse of the matrix, row by row.
    pub(super) fn inverse(&self) -> Vec<f64> {
        let mut unit = vec![0.0; self.size];
        let mut inverse = Vec::with_capacity(self.size * self.size);
        for i in 0..self.size {
            unit[i] = 1.0;
            inverse.extend(self.solve(&unit));
            unit[i] = 0.0;
        }
        inverse
    }

    /// The logarithm of the determinant of the matrix.
    pub(super) fn log_determinant(&self) -> f64 {
        2.0 * (0..self.size).map(|i| self.row(i)[i].ln()).sum::<f64>()
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_positive_definite_is_refused() {
        assert!(Cholesky::new(vec![1.0, 0.0, 2.0, 1.0], 2).is_none());
        assert!(Cholesky::new(vec![f64::NAN], 1).is_none());
    }

    proptest! {
        #[test]
        fn solutions_solve(entries in proptest::collection::vec(-1.0..1.0f64, 30)) {
            let size = 5;
            let (rows, b) = entries.split_at(25);
            let row = |i: usize| &rows[i * size..(i + 1) * size];
            let mut matrix = vec![0.0; 25];
            for i in 0..size {
                for j in 0..size {
                    matrix[i * size + j] = dot(row(i), row(j)) + if i == j { 0.5 } else { 0.0 };
                }
            }
            let factored = Cholesky::new(matrix.clone(), size).unwrap();
            let x = factored.solve(b);
            let inverse = factored.inverse();
            for i in 0..size {
                prop_assert!((dot(&matrix[i * size..(i + 1) * size], &x) - b[i]).abs() < 1e-10);
                prop_assert!((dot(&inverse[i * size..(i + 1) * size], b) - x[i]).abs() < 1e-10);
            }
        }
    }
}
