//! The gradient of a convolution with respect to its weights.

use crate::convolution::{KERNEL, TAPS};
use crate::planes::{LANES, Planes, TOGETHER, lanes};
use crate::vectorised;

/// The gradient with respect to the weights of a convolution. Every slope is a sum over the positions of all images, kept as one
/// sum for each lane: so lanes are added up once a batch and not once an image.
#[derive(Clone, Debug)]
pub(crate) struct Slopes {
    /// `[outputs / TOGETHER, inputs, columns of the kernel]` blocks `[TOGETHER, rows of the kernel, LANES]`. A column
    /// at a time, as numbers beneath each other are read apart; the compiler would shuffle neighbours out of one another.
    sums: Vec<[[[f32; LANES]; KERNEL]; TOGETHER]>,
    /// Those of the biases, `[outputs, LANES]`.
    biases: Vec<[f32; LANES]>,
    inputs: usize,
}

impl Slopes {
    /// No slopes yet.
    pub(crate) fn new([outputs, inputs]: [usize; 2]) -> Self {
        let blocks = outputs.div_ceil(TOGETHER) * inputs * KERNEL;
        let sums = vec![[[[0.0; LANES]; KERNEL]; TOGETHER]; blocks];
        Self {
            sums,
            biases: vec![[0.0; LANES]; outputs],
            inputs,
        }
    }

    /// Forgets the images that were added.
    pub(crate) fn clear(&mut self) {
        self.sums.fill([[[0.0; LANES]; KERNEL]; TOGETHER]);
        self.biases.fill([0.0; LANES]);
    }

    /// Adds what one image gives: `sum over p of g[o, p] x[i, p + s]` for `w[o, i, s]`, and `sum over p of g[o, p]` for `b[o]`.
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
                for (sums, g) in blocks.zip(g.chunks_exact(TOGETHER * planes.plane)) {
                    let g: [_; TOGETHER] =
                        std::array::from_fn(|output| &g[output * planes.plane..][..length]);
                    for (index, block) in sums.iter_mut().enumerate() {
                        let start = index / KERNEL * planes.plane + index % KERNEL;
                        let x: [_; KERNEL] =
                            std::array::from_fn(|down| &x[start + down * planes.row..][..length]);
                        let mut sums = *block;
                        for position in (0..length).step_by(LANES) {
                            let x = x.map(|x| *lanes(x, position));
                            let g = g.map(|g| *lanes(g, position));
                            for output in 0..TOGETHER {
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
                for (bias, g) in self.biases.iter_mut().zip(g.chunks_exact(planes.plane)) {
                    let mut sums = *bias;
                    for position in (0..length).step_by(LANES) {
                        for (sum, g) in sums.iter_mut().zip(lanes(g, position)) {
                            *sum += g;
                        }
                    }
                    *bias = sums;
                }
            },
        );
    }

    /// The gradient with respect to the weights `[outputs, inputs, TAPS]` and the biases `[outputs]`.
    pub(crate) fn total(&self, weights: &mut [f32], biases: &mut [f32]) {
        for (index, slope) in weights.iter_mut().enumerate() {
            let (channels, tap) = (index / TAPS, index % TAPS);
            let (output, input) = (channels / self.inputs, channels % self.inputs);
            let (block, place) = (output / TOGETHER, output % TOGETHER);
            let block = (block * self.inputs + input) * KERNEL + tap % KERNEL;
            *slope = self.sums[block][place][tap / KERNEL].iter().sum();
        }
        for (slope, sums) in biases.iter_mut().zip(&self.biases) {
            *slope = sums.iter().sum();
        }
    }
}
