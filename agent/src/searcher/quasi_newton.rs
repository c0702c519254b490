//! Minimising a smooth function of a few variables.

use super::linear_algebra::dot;

/// A local minimum near `start`, with its value, by the method of Broyden, Fletcher, Goldfarb and Shanno (Nocedal and
/// Wright 2006, "Numerical optimization", algorithm 6.1) with backtracking. `function` gives value and gradient; a value
/// that is not finite bounds the region.
pub(super) fn minimise(
    start: Vec<f64>,
    steps: usize,
    mut function: impl FnMut(&[f64]) -> (f64, Vec<f64>),
) -> (Vec<f64>, f64) {
    /// Share of the decrease that the slope promises which a step must bring (Nocedal and Wright, 3.1).
    const SUFFICIENT: f64 = 1e-4;
    /// The functions here are of scale one: a smaller decrease or gradient changes nothing.
    const NEGLIGIBLE: f64 = 1e-5;
    /// Variables are logarithms: no step goes further than a factor of e^2.
    const LONGEST: f64 = 2.0;
    let size = start.len();
    let identity = |scale: f64| {
        let mut matrix = vec![0.0; size * size];
        for i in 0..size {
            matrix[i * size + i] = scale;
        }
        matrix
    };
    let mut x = start;
    let (mut value, mut gradient) = function(&x);
    let mut inverse_hessian = identity(1.0);
    let mut fresh = true;
    for _ in 0..steps {
        if !value.is_finite() || gradient.iter().all(|g| g.abs() < NEGLIGIBLE) {
            break;
        }
        let mut direction: Vec<f64> = inverse_hessian
            .chunks(size)
            .map(|row| -dot(row, &gradient))
            .collect();
        let longest = direction.iter().fold(0.0f64, |most, d| most.max(d.abs()));
        if longest > LONGEST {
            direction.iter_mut().for_each(|d| *d *= LONGEST / longest);
        }
        let slope = dot(&direction, &gradient);
        if slope >= 0.0 {
            if fresh {
                break;
            }
            (inverse_hessian, fresh) = (identity(1.0), true);
            continue;
        }
        let mut length = 1.0;
        let accepted = loop {
            let next: Vec<f64> = x
                .iter()
                .zip(&direction)
                .map(|(x, d)| x + length * d)
                .collect();
            let (next_value, next_gradient) = function(&next);
            if next_value <= value + SUFFICIENT * length * slope {
                break Some((next, next_value, next_gradient));
            }
            length /= 2.0;
            if length < 1e-6 {
                break None;
            }
        };
        let Some((next, next_value, next_gradient)) = accepted else {
            break;
        };
        let s: Vec<f64> = next.iter().zip(&x).map(|(a, b)| a - b).collect();
        let y: Vec<f64> = next_gradient
            .iter()
            .zip(&gradient)
            .map(|(a, b)| a - b)
            .collect();
        let decrease = value - next_value;
        (x, value, gradient) = (next, next_value, next_gradient);
        let curvature = dot(&s, &y);
        if curvature > 1e-12 {
            if fresh {
                (inverse_hessian, fresh) = (identity(curvature / dot(&y, &y)), false);
            }
            let hy: Vec<f64> = inverse_hessian
                .chunks(size)
                .map(|row| dot(row, &y))
                .collect();
            let along = (1.0 + dot(&y, &hy) / curvature) / curvature;
            for i in 0..size {
                for j in 0..size {
                    inverse_hessian[i * size + j] +=
                        along * s[i] * s[j] - (hy[i] * s[j] + s[i] * hy[j]) / curvature;
                }
            }
        }
        if decrease < NEGLIGIBLE {
            break;
        }
    }
    (x, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_valley_of_rosenbrock_is_followed_to_its_end() {
        let rosenbrock = |x: &[f64]| {
            let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
            let gradient = vec![-2.0 * a - 40.0 * x[0] * b, 20.0 * b];
            (a * a + 10.0 * b * b, gradient)
        };
        let (x, value) = minimise(vec![-1.2, 1.0], 200, rosenbrock);
        assert!(value < 1e-6 && (x[0] - 1.0).abs() < 1e-2, "{x:?} {value}");
    }
}
