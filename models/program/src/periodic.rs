//! Periodic embeddings of numbers.

use crate::elementary::sine_and_cosine_of_turns;
use crate::rows::{dot, first};
use crate::vectorised;
use std::f32::consts::TAU;

/// Every number `x` beside a few more, which are a linear map of its own of waves in it:
/// `e_j(x) = c_j + sum over k of a_kj cos(2 pi w_k x + b_k)`. What is called PBLD by Holzmüller, Grinsztajn and Steinwart 2024, "Better by
/// default: strong pre-tuned MLPs and boosted trees on tabular data", after Gorishniy, Rubachev and Babenko 2022, "On embeddings
/// for numerical features in tabular deep learning".
#[derive(Clone, Debug)]
pub(crate) struct Periodic {
    numbers: usize,
    waves: usize,
    width: usize,
    /// The numbers of the last batch, `[numbers, rows]`.
    columns: Vec<f32>,
    /// The sine and the cosine of every wave there, `[numbers, waves, rows]`.
    sines: Vec<f32>,
    cosines: Vec<f32>,
    /// The embeddings of one number, or the gradient with respect to them, `[width, rows]`.
    embedded: Vec<f32>,
    /// The gradient with respect to one wave, `[rows]`.
    wave: Vec<f32>,
}

/// The weights of an embedding, or the gradient with respect to them.
pub(crate) struct Parts<T> {
    /// `w`, `[numbers, waves]`.
    pub(crate) frequencies: T,
    /// `b`, in radians, `[numbers, waves]`.
    pub(crate) phases: T,
    /// `a`, `[numbers, waves, width]`.
    pub(crate) mix: T,
    /// `c`, `[numbers, width]`.
    pub(crate) offsets: T,
}

impl Periodic {
    /// An embedding of so many numbers by so many waves to `width` more numbers each.
    pub(crate) fn new([numbers, waves, width]: [usize; 3]) -> Self {
        Self {
            numbers,
            waves,
            width,
            columns: Vec::new(),
            sines: Vec::new(),
            cosines: Vec::new(),
            embedded: Vec::new(),
            wave: Vec::new(),
        }
    }

    /// Puts every number and its embedding at the front of the rows of `y`.
    ///
    /// # Shapes
    /// - x: `[rows, inputs]`, the numbers first
    /// - y: `[rows, outputs]`, which begin with `[numbers, 1 + width]`
    pub(crate) fn forward(
        &mut self,
        parts: &Parts<&[f32]>,
        [inputs, outputs]: [usize; 2],
        x: &[f32],
        y: &mut [f32],
    ) {
        let (rows, waves, width) = (x.len() / inputs, self.waves, self.width);
        let columns = first(&mut self.columns, self.numbers * rows);
        let sines = first(&mut self.sines, self.numbers * waves * rows);
        let cosines = first(&mut self.cosines, self.numbers * waves * rows);
        let embedded = first(&mut self.embedded, width * rows);
        vectorised(
            #[inline(always)]
            || {
                for number in 0..self.numbers {
                    let column = &mut columns[number * rows..][..rows];
                    for (value, row) in column.iter_mut().zip(x.chunks_exact(inputs)) {
                        *value = row[number];
                    }
                    for (row, offset) in embedded
                        .chunks_exact_mut(rows)
                        .zip(&parts.offsets[number * width..])
                    {
                        row.fill(*offset);
                    }
                    for wave in number * waves..(number + 1) * waves {
                        let (frequency, phase) =
                            (parts.frequencies[wave], parts.phases[wave] / TAU);
                        let sines = &mut sines[wave * rows..][..rows];
                        let cosines = &mut cosines[wave * rows..][..rows];
                        for ((x, sine), cosine) in column.iter().zip(sines).zip(&mut *cosines) {
                            (*sine, *cosine) = sine_and_cosine_of_turns(frequency * x + phase);
                        }
                        let mix = &parts.mix[wave * width..][..width];
                        for (row, weight) in embedded.chunks_exact_mut(rows).zip(mix) {
                            for (sum, cosine) in row.iter_mut().zip(&*cosines) {
                                *sum += weight * cosine;
                            }
                        }
                    }
                    let at = number * (1 + width);
                    for (index, y) in y.chunks_exact_mut(outputs).enumerate() {
                        y[at] = column[index];
                        for part in 0..width {
                            y[at + 1 + part] = embedded[part * rows + index];
                        }
                    }
                }
            },
        );
    }

    /// Puts the gradient with respect to the weights into `slopes`, given that with respect to the outputs of the last
    /// [`Periodic::forward`].
    ///
    /// # Shapes
    /// - gradient: `[rows, outputs]`, as there
    pub(crate) fn backward(
        &mut self,
        mix: &[f32],
        outputs: usize,
        gradient: &[f32],
        slopes: &mut Parts<&mut [f32]>,
    ) {
        let (rows, waves, width) = (gradient.len() / outputs, self.waves, self.width);
        let above = first(&mut self.embedded, width * rows);
        let wave_slope = first(&mut self.wave, rows);
        vectorised(
            #[inline(always)]
            || {
                for number in 0..self.numbers {
                    let column = &self.columns[number * rows..][..rows];
                    let at = number * (1 + width) + 1;
                    for (index, gradient) in gradient.chunks_exact(outputs).enumerate() {
                        for part in 0..width {
                            above[part * rows + index] = gradient[at + part];
                        }
                    }
                    for (row, offset) in above
                        .chunks_exact(rows)
                        .zip(&mut slopes.offsets[number * width..])
                    {
                        *offset = row.iter().sum();
                    }
                    for wave in number * waves..(number + 1) * waves {
                        let sines = &self.sines[wave * rows..][..rows];
                        let cosines = &self.cosines[wave * rows..][..rows];
                        wave_slope.fill(0.0);
                        for (part, row) in above.chunks_exact(rows).enumerate() {
                            let at = wave * width + part;
                            slopes.mix[at] = dot(row, cosines);
                            for (sum, g) in wave_slope.iter_mut().zip(row) {
                                *sum += mix[at] * g;
                            }
                        }
                        // The slope of cos(2 pi w x + b) in b is -sin(..), and in w that by 2 pi x.
                        for (slope, sine) in wave_slope.iter_mut().zip(sines) {
                            *slope *= -sine;
                        }
                        slopes.phases[wave] = wave_slope.iter().sum();
                        slopes.frequencies[wave] = TAU * dot(wave_slope, column);
                    }
                }
            },
        );
    }
}
