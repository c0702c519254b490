//! A rectifier and then the largest of every 2x2 numbers of a plane, in one step.

use crate::planes::Planes;
use crate::vectorised;

/// The choice where the rectifier left nothing: no gradient flows.
const NONE: u8 = 4;

/// Height and width of the windows for images of this height and width: single rows and columns are not pooled.
pub(crate) fn window(height: usize, width: usize) -> usize {
    if height.min(width) > 1 { 2 } else { 1 }
}

/// The largest of four numbers and which it is, the first of equals. What is not a number is larger than any, and the last
/// of those is chosen, as in burn and PyTorch.
#[inline(always)]
fn largest(numbers: [f32; 4]) -> (f32, u8) {
    let (mut best, mut choice) = (numbers[0], 0);
    for (index, x) in (1..).zip(&numbers[1..]) {
        let wins = *x > best || x.is_nan();
        best = if wins { *x } else { best };
        choice = if wins { index } else { choice };
    }
    (best, choice)
}

/// `max(best, 0)` and the choice, which is none where the rectifier is flat. What is not a number stays.
#[inline(always)]
fn rectified((best, choice): (f32, u8)) -> (f32, u8) {
    if best <= 0.0 {
        (0.0, NONE)
    } else {
        (best, choice)
    }
}

/// Rectifies the planes `x` of one image, without margins, and puts the largest number of every window into `y`.
///
/// # Shapes
/// - x: `from`, whose height and width are at least `window` times those of `to`
/// - y: `to`, with as many channels, without margins
/// - choices: `[channels, height, width]` of `to`
pub(crate) fn pool(x: &[f32], from: &Planes, y: &mut [f32], to: &Planes, choices: &mut [u8]) {
    let window = window(from.height, from.width);
    let mut choices = choices.chunks_exact_mut(to.width);
    vectorised(
        #[inline(always)]
        || {
            for channel in 0..to.channels {
                for (row, choices) in (0..to.height).zip(&mut choices) {
                    let y = y[to.row_of(channel, row)].iter_mut().zip(choices);
                    let upper = &x[from.row_of(channel, window * row)];
                    if window == 1 {
                        for ((y, choice), x) in y.zip(upper) {
                            (*y, *choice) = rectified((*x, 0));
                        }
                        continue;
                    }
                    let lower = &x[from.row_of(channel, window * row + 1)];
                    let pairs = upper.chunks_exact(2).zip(lower.chunks_exact(2));
                    for ((y, choice), (upper, lower)) in y.zip(pairs) {
                        let numbers = [upper[0], upper[1], lower[0], lower[1]];
                        (*y, *choice) = rectified(largest(numbers));
                    }
                }
            }
        },
    );
}

/// The gradient at a number of a window.
#[inline(always)]
fn chosen((above, choice): (&f32, &u8), index: u8) -> f32 {
    if *choice == index { *above } else { 0.0 }
}

/// Puts every gradient of `above` where its output was chosen, and zeros beside it in its window.
///
/// # Shapes
/// As in [`pool`]: `above` is the gradient with respect to `y`, and `gradient` that with respect to `x`.
pub(crate) fn unpool(
    above: &[f32],
    to: &Planes,
    choices: &[u8],
    gradient: &mut [f32],
    from: &Planes,
) {
    let window = window(from.height, from.width);
    let mut choices = choices.chunks_exact(to.width);
    vectorised(
        #[inline(always)]
        || {
            for channel in 0..to.channels {
                for (row, choices) in (0..to.height).zip(&mut choices) {
                    let above = above[to.row_of(channel, row)].iter().zip(choices);
                    if window == 1 {
                        let g = &mut gradient[from.row_of(channel, row)];
                        for (g, above) in g.iter_mut().zip(above) {
                            *g = chosen(above, 0);
                        }
                        continue;
                    }
                    for down in 0..2 {
                        let g = &mut gradient[from.row_of(channel, 2 * row + down)];
                        let first = 2 * down as u8;
                        for (g, above) in g.chunks_exact_mut(2).zip(above.clone()) {
                            g[0] = chosen(above, first);
                            g[1] = chosen(above, first + 1);
                        }
                    }
                }
            }
        },
    );
}
