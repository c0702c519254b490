//! The reference: an MLP with rectifiers trained by a plain loop of OpenBLAS calls, with gradient statistics at each update.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use trimtab_models::OptimizerConfig;
use trimtab_models::data::{Dataset, Targets};
use trimtab_program::{loss, vectorised};

/// Weights, their gradient, and what an optimiser and the statistics keep of them.
pub struct Network {
    widths: Vec<usize>,
    adam: bool,
    updates: i32,
    next: usize,
    weights: Vec<f32>,
    gradient: Vec<f32>,
    moments: [Vec<f32>; 2],
    sum: Vec<f32>,
    /// Inputs, and the outputs of each layer.
    values: Vec<Array2<f32>>,
    /// The gradients with respect to them.
    slopes: Vec<Array2<f32>>,
    of_outputs: Vec<f32>,
    labels: Vec<u32>,
    /// What would be reported, so that nothing is left out by the compiler.
    pub statistics: f32,
}

impl Network {
    /// A network with some weights.
    pub fn new(widths: &[usize], optimizer: OptimizerConfig, batch: usize) -> Self {
        let count = widths.windows(2).map(|w| (w[0] + 1) * w[1]).sum();
        let weight = |i: usize| ((i * 40_503) % 997) as f32 / 5000.0 - 0.1;
        let matrices = || widths.iter().map(|w| Array2::zeros([batch, *w])).collect();
        Self {
            widths: widths.to_vec(),
            adam: optimizer.is_adaptive(),
            updates: 0,
            next: 0,
            weights: (0..count).map(weight).collect(),
            gradient: vec![0.0; count],
            moments: [vec![0.0; count], vec![0.0; count]],
            sum: vec![0.0; count],
            values: matrices(),
            slopes: matrices(),
            of_outputs: Vec::new(),
            labels: vec![0; batch],
            statistics: 0.0,
        }
    }

    /// So many updates on batches of rows that follow one another.
    pub fn updates(&mut self, data: &Dataset, lr: f32, updates: u64) {
        for _ in 0..updates {
            self.gather(data);
            let loss = self.pass();
            self.step(lr);
            self.statistics += loss;
        }
    }

    fn gather(&mut self, data: &Dataset) {
        let Targets::Classes { labels, .. } = &data.targets else {
            return;
        };
        for (mut row, label) in self.values[0].outer_iter_mut().zip(&mut self.labels) {
            self.next = (self.next + 7) % data.rows();
            if let Some(row) = row.as_slice_mut() {
                row.copy_from_slice(data.row(self.next));
            }
            *label = labels[self.next];
        }
    }

    /// The loss, and the gradient of it.
    fn pass(&mut self) -> f32 {
        let last = self.widths.len() - 2;
        let mut at = 0;
        for layer in 0..=last {
            let [width, next] = [self.widths[layer], self.widths[layer + 1]];
            let (weights, rest) = self.weights[at..].split_at(width * next);
            at += (width + 1) * next;
            let (before, after) = self.values.split_at_mut(layer + 1);
            let z = &mut after[0];
            for mut row in z.outer_iter_mut() {
                if let Some(row) = row.as_slice_mut() {
                    row.copy_from_slice(&rest[..next]);
                }
            }
            general_mat_mul(1.0, &before[layer], &view(weights, width), 1.0, z);
            if layer < last {
                let z = numbers(z);
                vectorised(
                    #[inline(always)]
                    || z.iter_mut().for_each(|x| *x = x.max(0.0)),
                );
            }
        }
        let loss = self.loss();
        for layer in (0..=last).rev() {
            let [width, next] = [self.widths[layer], self.widths[layer + 1]];
            at -= (width + 1) * next;
            let (of_weights, rest) = self.gradient[at..].split_at_mut(width * next);
            let of_biases = &mut rest[..next];
            let (below, above) = self.slopes.split_at_mut(layer + 1);
            let slopes = &above[0];
            let mut of_weights = view_mut(of_weights, width);
            general_mat_mul(1.0, &self.values[layer].t(), slopes, 0.0, &mut of_weights);
            of_biases.fill(0.0);
            for row in slopes.axis_iter(Axis(0)) {
                of_biases.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            }
            if layer > 0 {
                let weights = view(&self.weights[at..at + width * next], width);
                general_mat_mul(1.0, slopes, &weights.t(), 0.0, &mut below[layer]);
                let pairs = (numbers(&mut below[layer]), numbers(&mut self.values[layer]));
                vectorised(
                    #[inline(always)]
                    || {
                        for (slope, y) in pairs.0.iter_mut().zip(pairs.1) {
                            *slope = if *y > 0.0 { *slope } else { 0.0 };
                        }
                    },
                );
            }
        }
        loss
    }

    /// The cross-entropy, and its gradient with respect to the outputs, with exponentials that are vectorised.
    fn loss(&mut self) -> f32 {
        let (outputs, slopes) = (self.values.last_mut(), self.slopes.last_mut());
        let (Some(outputs), Some(slopes)) = (outputs, slopes) else {
            return 0.0;
        };
        let loss = loss::cross_entropy(numbers(outputs), &self.labels, &mut self.of_outputs);
        numbers(slopes).copy_from_slice(&self.of_outputs);
        loss as f32
    }

    /// The sums of the statistics, and momentum or Adam.
    fn step(&mut self, lr: f32) {
        self.updates += 1;
        let [first, second] = &mut self.moments;
        let (left_1, left_2) = (
            1.0 - 0.9f32.powi(self.updates),
            1.0 - 0.999f32.powi(self.updates),
        );
        let (adam, mut partial) = (self.adam, [0f32; 8]);
        let (weights, gradient, sum) = (&mut self.weights, &self.gradient, &mut self.sum);
        let partials = &mut partial;
        vectorised(
            #[inline(always)]
            || {
                let (weights, _) = weights.as_chunks::<8>();
                let (gradients, _) = gradient.as_chunks::<8>();
                let (sums, _) = sum.as_chunks_mut::<8>();
                for ((w, g), sum) in weights.iter().zip(gradients).zip(sums) {
                    for i in 0..8 {
                        partials[i] += g[i] * g[i] + g[i] * sum[i] + w[i] * w[i];
                        sum[i] += g[i];
                    }
                }
            },
        );
        let all = weights.iter_mut().zip(gradient);
        vectorised(
            #[inline(always)]
            || {
                if adam {
                    for (((w, g), m), v) in all.zip(first).zip(second) {
                        *m = 0.9 * *m + 0.1 * g;
                        *v = 0.999 * *v + 0.001 * g * g;
                        *w -= lr * (*m / left_1) / ((*v / left_2).sqrt() + 1e-8);
                    }
                } else {
                    for ((w, g), m) in all.zip(first) {
                        *m = 0.9 * *m + g;
                        *w -= lr * *m;
                    }
                }
            },
        );
        self.statistics += partial.iter().sum::<f32>();
    }
}

fn view(numbers: &[f32], rows: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape([rows, numbers.len() / rows], numbers).expect("whole rows")
}

fn view_mut(numbers: &mut [f32], rows: usize) -> ArrayViewMut2<'_, f32> {
    let columns = numbers.len() / rows;
    ArrayViewMut2::from_shape([rows, columns], numbers).expect("whole rows")
}

fn numbers(matrix: &mut Array2<f32>) -> &mut [f32] {
    matrix.as_slice_mut().expect("one row after the other")
}
