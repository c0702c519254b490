//! Convolutions with kernels of 3x3 on padded planes.

use crate::planes::{LANES, Planes, TOGETHER, lanes};
use crate::vectorised;

/// Height and width of the kernels.
pub(crate) const KERNEL: usize = 3;

/// Weights of a kernel.
pub(crate) const TAPS: usize = KERNEL * KERNEL;

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

/// `y[o, p] = b[o] + sum over i and the nine steps s of w[o, i, s] x[i, p + s]`, at every position `p` of one image.
///
/// Where `x` is padding, `y` is any numbers. Products and sums are fused: a fused one is rounded once on every processor, so the
/// bits are the same everywhere (a processor without the instruction is slow), and the compiler vectorises these loops.
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
