//! A rectifier and then the largest of every 2x2 numbers of a plane, in one step.

use crate::planes::{LANES, Planes, lanes};
use crate::vectorised;

/// The choice where the rectifier left nothing: no gradient flows.
const NONE: u8 = 4;

/// Height and width of the windows for images of this height and width: single rows and columns are not pooled.
pub(crate) fn window(height: usize, width: usize) -> usize {
    if height.min(width) > 1 { 2 } else { 1 }
}

/// Whether a number takes the place of the largest so far. Of equals the first stays. What is not a number is larger than any, and
/// the last of those is chosen, as in burn and PyTorch.
#[inline(always)]
fn wins(x: f32, best: f32) -> bool {
    x > best || x.is_nan()
}

/// Rectifies the planes `x` of one image, without margins, and puts the largest number of every window into `y`.
///
/// # Shapes
/// - x: `from`, whose height and width are at least `window` times those of `to`, and [`LANES`] more numbers of no meaning
/// - y: `to`, with as many channels, without margins
/// - choices: `[channels, height, width]` of `to`
pub(crate) fn pool(x: &[f32], from: &Planes, y: &mut [f32], to: &Planes, choices: &mut [u8]) {
    // From the first number of a window to each of them.
    match window(from.height, from.width) {
        1 => pool_windows::<1, 1>(x, from, y, to, choices, [0]),
        _ => pool_windows::<2, 4>(x, from, y, to, choices, [0, 1, from.row, from.row + 1]),
    }
}

/// [`pool`] for windows of height and width `WINDOW`, which have `SIZE` numbers.
fn pool_windows<const WINDOW: usize, const SIZE: usize>(
    x: &[f32],
    from: &Planes,
    y: &mut [f32],
    to: &Planes,
    choices: &mut [u8],
    steps: [usize; SIZE],
) {
    let mut choices = choices.chunks_exact_mut(to.width);
    vectorised(
        #[inline(always)]
        || {
            for channel in 0..to.channels {
                for (row, choices) in (0..to.height).zip(&mut choices) {
                    let x = &x[from.row_of(channel, WINDOW * row).start..];
                    let y = y[to.row_of(channel, row)].chunks_mut(LANES / WINDOW);
                    let blocks = y.zip(choices.chunks_mut(LANES / WINDOW));
                    for (index, (y, choices)) in blocks.enumerate() {
                        // At every position, though a window begins only at every other one: so nothing has to be
                        // picked apart before.
                        let (best, choice) = largest(&x[index * LANES..], steps);
                        let results = best.iter().zip(&choice).step_by(WINDOW);
                        for ((y, choice), (best, chosen)) in y.iter_mut().zip(choices).zip(results)
                        {
                            (*y, *choice) = (*best, *chosen as u8);
                        }
                    }
                }
            }
        },
    );
}

/// The largest numbers of windows that begin at neighbouring positions, or 0 where that is larger, and which of the window they are.
#[inline(always)]
fn largest<const SIZE: usize>(x: &[f32], steps: [usize; SIZE]) -> ([f32; LANES], [u32; LANES]) {
    let numbers = steps.map(|step| *lanes(x, step));
    let (mut best, mut choice) = (numbers[0], [0; LANES]);
    for (index, x) in (1..).zip(&numbers[1..]) {
        for lane in 0..LANES {
            let wins = wins(x[lane], best[lane]);
            best[lane] = if wins { x[lane] } else { best[lane] };
            choice[lane] = if wins { index } else { choice[lane] };
        }
    }
    for lane in 0..LANES {
        // What is not a number stays.
        let flat = best[lane] <= 0.0;
        best[lane] = if flat { 0.0 } else { best[lane] };
        choice[lane] = if flat { u32::from(NONE) } else { choice[lane] };
    }
    (best, choice)
}

/// Puts every gradient of `above` where its output was chosen, and zeros everywhere else.
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
    let steps = [0, 1, from.row, from.row + 1, 0];
    let mut choices = choices.chunks_exact(to.width);
    gradient.fill(0.0);
    for channel in 0..to.channels {
        for (row, choices) in (0..to.height).zip(&mut choices) {
            let gradient = &mut gradient[from.row_of(channel, window * row).start..];
            let above = &above[to.row_of(channel, row)];
            for (index, (above, choice)) in above.iter().zip(choices).enumerate() {
                let place = window * index + steps[usize::from(*choice)];
                gradient[place] = if *choice == NONE { 0.0 } else { *above };
            }
        }
    }
}
