//! Convolutions with kernels of 3x3 on padded planes.

use crate::planes::{LANES, Planes};
use crate::vectorised;

/// Height and width of the kernels.
const KERNEL: usize = 3;

/// Weights of a kernel.
pub(crate) const TAPS: usize = KERNEL * KERNEL;

/// Output channels that are computed together: what is read of the inputs serves all of them. Their sums, and those of
/// [`SLOPES_TOGETHER`], fit into the registers of the processor; with more of them the compiler falls back to single numbers.
pub(crate) const TOGETHER: usize = 4;

/// Output channels for whose weights a gradient is computed together.
const SLOPES_TOGETHER: usize = 4;

/// Weights in the order in which [`convolve`] reads them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kernels {
    /// `[outputs / TOGETHER, inputs, TAPS, TOGETHER]`, with outputs of zeros that fill up the last block.
    weights: Vec<[f32; TOGETHER]>,
    /// `[inputs, TAPS]`: from the position of an output to the number that the weight is for, in an image with margins.
    steps: Vec<usize>,
}

impl Kernels {
    /// Kernels for the weights `[outputs, inputs, TAPS]`, with inputs in these planes.
    pub(crate) fn pack(&mut self, weights: &[f32], planes: &Planes, outputs: usize) {
        let inputs = planes.channels;
        self.fill(planes, outputs, |output, input, tap| {
            weights[(output * inputs + input) * TAPS + tap]
        });
    }

    /// Kernels that lead the gradient from the outputs, in these planes, back to the inputs: every step is the opposite one.
    pub(crate) fn pack_back(&mut self, weights: &[f32], planes: &Planes, inputs: usize) {
        self.fill(planes, inputs, |input, output, tap| {
            weights[(output * inputs + input) * TAPS + TAPS - 1 - tap]
        });
    }

    fn fill(&mut self, planes: &Planes, to: usize, weight: impl Fn(usize, usize, usize) -> f32) {
        let depth = planes.channels * TAPS;
        self.steps.clear();
        self.steps.extend((0..depth).map(|index| {
            let (channel, tap) = (index / TAPS, index % TAPS);
            // The margin is the step back from the centre of a kernel to its first weight.
            channel * planes.plane + tap / KERNEL * planes.row + tap % KERNEL
        }));
        let blocks = to.div_ceil(TOGETHER);
        self.weights.resize(blocks * depth, [0.0; TOGETHER]);
        for output in 0..to {
            let (block, lane) = (output / TOGETHER, output % TOGETHER);
            for index in 0..depth {
                self.weights[block * depth + index][lane] =
                    weight(output, index / TAPS, index % TAPS);
            }
        }
    }
}

/// The numbers at `start` and after it, as many as are computed at once.
#[inline(always)]
fn lanes(numbers: &[f32], start: usize) -> &[f32; LANES] {
    numbers[start..].first_chunk().expect("whole vectors")
}

/// `y[o, p] = b[o] + sum over i and the nine steps s of w[o, i, s] x[i, p + s]`, at every position `p` of one image.
///
/// Where the inputs are padding, the outputs are any numbers.
///
/// # Shapes
/// - x: `planes`, with margins
/// - biases: `[outputs]`, or none
/// - y: `[outputs, plane]`, with the outputs filled up to whole blocks
pub(crate) fn convolve(
    x: &[f32],
    planes: &Planes,
    kernels: &Kernels,
    biases: &[f32],
    y: &mut [f32],
) {
    let Kernels { weights, steps } = kernels;
    vectorised(
        #[inline(always)]
        || {
            let outputs = y.chunks_exact_mut(TOGETHER * planes.plane);
            let blocks = weights.chunks_exact(steps.len());
            for ((index, y), weights) in outputs.enumerate().zip(blocks) {
                let first: [_; TOGETHER] = std::array::from_fn(|output| {
                    let bias = biases.get(index * TOGETHER + output);
                    [bias.copied().unwrap_or(0.0); LANES]
                });
                for position in (0..planes.vectors()).step_by(LANES) {
                    let mut sums = first;
                    for (step, weights) in steps.iter().zip(weights) {
                        let x = *lanes(x, step + position);
                        for output in 0..TOGETHER {
                            for lane in 0..LANES {
                                sums[output][lane] =
                                    weights[output].mul_add(x[lane], sums[output][lane]);
                            }
                        }
                    }
                    for (output, sums) in sums.iter().enumerate() {
                        let start = output * planes.plane + position;
                        y[start..start + LANES].copy_from_slice(sums);
                    }
                }
            }
        },
    );
}

/// Adds the gradient with respect to the weights, `sum over p of g[o, p] x[i, p + s]`, of one image to `slopes`, which are its sums over every
/// sixteenth position. So the lanes are added up once a batch and not once an image.
///
/// # Shapes
/// - x: `planes`, with margins
/// - g: `[outputs, plane]`, zero where the outputs are padding
/// - slopes: `[outputs, inputs, TAPS, LANES]`
pub(crate) fn correlate(x: &[f32], planes: &Planes, g: &[f32], slopes: &mut [[f32; LANES]]) {
    vectorised(
        #[inline(always)]
        || {
            let slopes = slopes.chunks_mut(SLOPES_TOGETHER * planes.channels * TAPS);
            for (g, slopes) in g.chunks(SLOPES_TOGETHER * planes.plane).zip(slopes) {
                match g.len() / planes.plane {
                    SLOPES_TOGETHER => correlate_block::<SLOPES_TOGETHER>(x, planes, g, slopes),
                    _ => {
                        let slopes = slopes.chunks_exact_mut(planes.channels * TAPS);
                        for (g, slopes) in g.chunks_exact(planes.plane).zip(slopes) {
                            correlate_block::<1>(x, planes, g, slopes);
                        }
                    }
                }
            }
        },
    );
}

/// [`correlate`] for `OUTPUTS` channels.
#[inline(always)]
fn correlate_block<const OUTPUTS: usize>(
    x: &[f32],
    planes: &Planes,
    g: &[f32],
    slopes: &mut [[f32; LANES]],
) {
    for input in 0..planes.channels {
        for down in 0..KERNEL {
            let start = input * planes.plane + down * planes.row;
            let mut sums = [[[0.0; LANES]; KERNEL]; OUTPUTS];
            for position in (0..planes.vectors()).step_by(LANES) {
                let x: [_; KERNEL] =
                    std::array::from_fn(|right| *lanes(x, start + position + right));
                let g: [_; OUTPUTS] =
                    std::array::from_fn(|output| *lanes(g, output * planes.plane + position));
                for (sums, g) in sums.iter_mut().zip(&g) {
                    for (sums, x) in sums.iter_mut().zip(&x) {
                        for lane in 0..LANES {
                            sums[lane] = g[lane].mul_add(x[lane], sums[lane]);
                        }
                    }
                }
            }
            for (output, sums) in sums.iter().enumerate() {
                let first = (output * planes.channels + input) * TAPS + down * KERNEL;
                for (slopes, sums) in slopes[first..].iter_mut().zip(sums) {
                    for (slope, sum) in slopes.iter_mut().zip(sums) {
                        *slope += sum;
                    }
                }
            }
        }
    }
}

/// Adds the gradient with respect to the biases, `sum over p of g[o, p]`, of one image to `slopes`, lane by lane as in [`correlate`].
///
/// # Shapes
/// - g: `[outputs, plane]`, zero where the outputs are padding
/// - slopes: `[outputs, LANES]`
pub(crate) fn sum_planes(g: &[f32], planes: &Planes, slopes: &mut [[f32; LANES]]) {
    vectorised(
        #[inline(always)]
        || {
            for (g, slopes) in g.chunks_exact(planes.plane).zip(slopes) {
                for g in g[..planes.vectors()].chunks_exact(LANES) {
                    for (slope, g) in slopes.iter_mut().zip(g) {
                        *slope += g;
                    }
                }
            }
        },
    );
}
