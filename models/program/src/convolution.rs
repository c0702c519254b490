//! Convolutions with kernels of 3x3 on padded planes.

use crate::planes::{LANES, Planes, lanes};
use crate::vectorised;

/// Height and width of the kernels.
const KERNEL: usize = 3;

/// Weights of a kernel.
pub(crate) const TAPS: usize = KERNEL * KERNEL;

/// Output channels that are computed together: what is read of the inputs serves all of them. Their sums, and those of
/// [`SLOPES_TOGETHER`], fit into the registers of the processor; with more of them the compiler falls back to single numbers.
pub(crate) const TOGETHER: usize = 4;

/// Output channels for whose weights a gradient is computed together.
pub(crate) const SLOPES_TOGETHER: usize = 4;

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

/// The gradient with respect to weights. Every one is a sum over the positions of all images, kept as the sums over every sixteenth
/// of them: so the lanes are added up once a batch and not once an image.
#[derive(Clone, Debug)]
pub(crate) struct Slopes {
    /// `[outputs / SLOPES_TOGETHER, inputs, columns of the kernel]` blocks `[SLOPES_TOGETHER, rows of the kernel, LANES]`. A column
    /// at a time, as numbers beneath each other are read apart; the compiler would shuffle neighbours out of one another.
    sums: Vec<[[[f32; LANES]; KERNEL]; SLOPES_TOGETHER]>,
    inputs: usize,
}

impl Slopes {
    /// No slopes yet.
    pub(crate) fn new([outputs, inputs]: [usize; 2]) -> Self {
        let blocks = outputs.div_ceil(SLOPES_TOGETHER) * inputs * KERNEL;
        let sums = vec![[[[0.0; LANES]; KERNEL]; SLOPES_TOGETHER]; blocks];
        Self { sums, inputs }
    }

    /// Forgets the images that were added.
    pub(crate) fn clear(&mut self) {
        self.sums.fill([[[0.0; LANES]; KERNEL]; SLOPES_TOGETHER]);
    }

    /// Adds `sum over p of g[o, p] x[i, p + s]`, the gradient with respect to `w[o, i, s]`, of one image.
    ///
    /// # Shapes
    /// - x: `planes`, with margins
    /// - g: `[outputs, plane]`, with the outputs filled up to whole blocks; zero where they are padding
    pub(crate) fn add(&mut self, x: &[f32], planes: &Planes, g: &[f32]) {
        let length = planes.vectors();
        vectorised(
            #[inline(always)]
            || {
                let blocks = self.sums.chunks_exact_mut(self.inputs * KERNEL);
                for (sums, g) in blocks.zip(g.chunks_exact(SLOPES_TOGETHER * planes.plane)) {
                    let g: [_; SLOPES_TOGETHER] =
                        std::array::from_fn(|output| &g[output * planes.plane..][..length]);
                    for (index, block) in sums.iter_mut().enumerate() {
                        let start = index / KERNEL * planes.plane + index % KERNEL;
                        let x: [_; KERNEL] =
                            std::array::from_fn(|down| &x[start + down * planes.row..][..length]);
                        let mut sums = *block;
                        for position in (0..length).step_by(LANES) {
                            let x = x.map(|x| *lanes(x, position));
                            let g = g.map(|g| *lanes(g, position));
                            for output in 0..SLOPES_TOGETHER {
                                for down in 0..KERNEL {
                                    for lane in 0..LANES {
                                        let sum = &mut sums[output][down][lane];
                                        *sum = g[output][lane].mul_add(x[down][lane], *sum);
                                    }
                                }
                            }
                        }
                        *block = sums;
                    }
                }
            },
        );
    }

    /// The gradient, `[outputs, inputs, TAPS]`.
    pub(crate) fn total(&self, gradient: &mut [f32]) {
        for (index, slope) in gradient.iter_mut().enumerate() {
            let (output, tap) = (index / (self.inputs * TAPS), index % TAPS);
            let (block, place) = (output / SLOPES_TOGETHER, output % SLOPES_TOGETHER);
            let block = (block * self.inputs + index / TAPS % self.inputs) * KERNEL + tap % KERNEL;
            *slope = self.sums[block][place][tap / KERNEL].iter().sum();
        }
    }
}

/// Adds the gradient with respect to the biases, `sum over p of g[o, p]`, of one image to `slopes`, lane by lane as in [`Slopes`].
///
/// # Shapes
/// - g: `[outputs, plane]`, zero where the outputs are padding
/// - slopes: `[outputs, LANES]`
pub(crate) fn sum_planes(g: &[f32], planes: &Planes, slopes: &mut [[f32; LANES]]) {
    vectorised(
        #[inline(always)]
        || {
            for (g, slopes) in g.chunks_exact(planes.plane).zip(slopes) {
                let mut sums = *slopes;
                for g in g[..planes.vectors()].chunks_exact(LANES) {
                    for (sum, g) in sums.iter_mut().zip(g) {
                        *sum += g;
                    }
                }
                *slopes = sums;
            }
        },
    );
}
