//! Convolutional networks are those of plain loops over `f64`.

use proptest::prelude::*;
use trimtab_program::{Cnn, Program};

/// A network as nested loops.
struct Reference {
    shape: [usize; 3],
    channels: Vec<usize>,
    outputs: usize,
}

/// What one convolution with its rectifier and pooling read, and which of the numbers before pooling every output is.
struct Layer {
    shape: [usize; 3],
    inputs: Vec<f64>,
    largest: Vec<usize>,
    rectified: Vec<f64>,
}

/// Every weight of one output at one place, as the indices of weight and input.
fn taps(
    [channels, height, width]: [usize; 3],
    output: usize,
    [row, column]: [usize; 2],
) -> Vec<(usize, usize)> {
    let mut taps = Vec::new();
    for channel in 0..channels {
        for (down, right) in (0..9).map(|tap| (tap / 3, tap % 3)) {
            let (r, c) = (row + down, column + right);
            if (1..=height).contains(&r) && (1..=width).contains(&c) {
                let weight = ((output * channels + channel) * 3 + down) * 3 + right;
                taps.push((weight, (channel * height + r - 1) * width + c - 1));
            }
        }
    }
    taps
}

impl Reference {
    /// Outputs for one example, and the gradient of `sum of slopes times outputs`.
    fn pass(&self, weights: &[f64], inputs: &[f64], slopes: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (mut x, mut shape) = (inputs.to_vec(), self.shape);
        let (mut layers, mut starts, mut start) = (Vec::new(), Vec::new(), 0);
        for outputs in &self.channels {
            let [_, height, width] = shape;
            let biases = start + outputs * shape[0] * 9;
            let mut rectified = Vec::new();
            for output in 0..*outputs {
                for place in (0..height * width).map(|i| [i / width, i % width]) {
                    let products = taps(shape, output, place);
                    let sum = products.iter().map(|(w, i)| weights[start + w] * x[*i]);
                    rectified.push((sum.sum::<f64>() + weights[biases + output]).max(0.0));
                }
            }
            let window = if height.min(width) > 1 { 2 } else { 1 };
            let pooled = [*outputs, height / window, width / window];
            let mut largest = Vec::new();
            for index in 0..pooled.iter().product() {
                let (channel, row) = (
                    index / (pooled[1] * pooled[2]),
                    index / pooled[2] % pooled[1],
                );
                let mut best = None;
                for (down, right) in (0..window * window).map(|i| (i / window, i % window)) {
                    let (r, c) = (row * window + down, index % pooled[2] * window + right);
                    let at = (channel * height + r) * width + c;
                    if best.is_none_or(|best: usize| rectified[at] > rectified[best]) {
                        best = Some(at);
                    }
                }
                largest.push(best.unwrap());
            }
            let next = largest.iter().map(|at| rectified[*at]).collect();
            let inputs = std::mem::replace(&mut x, next);
            layers.push(Layer {
                shape,
                inputs,
                largest,
                rectified,
            });
            starts.push(start);
            start = biases + outputs;
            shape = pooled;
        }
        let mut gradient = vec![0.0; weights.len()];
        let mut below = vec![0.0; x.len()];
        let mut y = weights[start + x.len() * self.outputs..].to_vec();
        for (output, slope) in slopes.iter().enumerate() {
            for (i, x) in x.iter().enumerate() {
                let at = start + i * self.outputs + output;
                y[output] += x * weights[at];
                gradient[at] = x * slope;
                below[i] += weights[at] * slope;
            }
            gradient[start + x.len() * self.outputs + output] = *slope;
        }
        for ((layer, start), outputs) in layers.iter().zip(starts).zip(&self.channels).rev() {
            let [channels, height, width] = layer.shape;
            let above = std::mem::replace(&mut below, vec![0.0; layer.inputs.len()]);
            for (at, slope) in layer.largest.iter().zip(above) {
                if layer.rectified[*at] > 0.0 {
                    let output = at / (height * width);
                    let place = [at / width % height, at % width];
                    for (w, i) in taps(layer.shape, output, place) {
                        gradient[start + w] += slope * layer.inputs[i];
                        below[i] += slope * weights[start + w];
                    }
                    gradient[start + outputs * channels * 9 + output] += slope;
                }
            }
        }
        (y, gradient)
    }
}

/// Numbers between -1 and 1 that are the same for the same seed.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed | 1;
    let mut number = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count + 8).map(|_| number()).skip(8).collect()
}

fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().copied().map(f64::from).collect()
}

/// Outputs and gradient of a batch.
fn both(
    program: &mut Cnn,
    weights: &[f32],
    inputs: &[f32],
    slopes: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let outputs = program.forward(weights, inputs).to_vec();
    let mut gradient = vec![0.0; weights.len()];
    program.backward(weights, inputs, slopes, &mut gradient);
    (outputs, gradient)
}

fn close(some: f32, other: f64) -> bool {
    (f64::from(some) - other).abs() < 2e-4 * (1.0 + other.abs())
}

proptest! {
    #[test]
    fn outputs_and_gradients_are_those_of_plain_loops(
        shape in [1usize..4, 1usize..12, 1usize..20],
        channels in prop::collection::vec(1usize..10, 0..4),
        outputs in 1usize..5,
        // The second batch on the same buffers is smaller or larger.
        batches in [1usize..10, 1usize..10],
        seed: u64,
    ) {
        let mut program = Cnn::new(shape, &channels, outputs);
        let weights = numbers(program.weights(), seed ^ 1);
        for (turn, rows) in (2..).zip(batches) {
            let inputs = numbers(rows * program.inputs(), seed ^ (turn << 8));
            let slopes = numbers(rows * outputs, seed ^ (turn << 16));
            let (some, slope) = both(&mut program, &weights, &inputs, &slopes);
            let reference = Reference { shape, channels: channels.clone(), outputs };
            let mut sum = vec![0.0; weights.len()];
            for row in 0..rows {
                let inputs = wide(&inputs[row * program.inputs()..][..program.inputs()]);
                let slopes = wide(&slopes[row * outputs..][..outputs]);
                let (y, gradient) = reference.pass(&wide(&weights), &inputs, &slopes);
                for (some, y) in some[row * outputs..].iter().zip(&y) {
                    prop_assert!(close(*some, *y), "output {some}, {y}");
                }
                for (sum, slope) in sum.iter_mut().zip(&gradient) {
                    *sum += slope;
                }
            }
            for (some, sum) in slope.iter().zip(&sum) {
                prop_assert!(close(*some, *sum), "gradient {some}, {sum}");
            }
            // Nothing that an earlier batch has left plays a part.
            let again = both(&mut Cnn::new(shape, &channels, outputs), &weights, &inputs, &slopes);
            prop_assert_eq!((some, slope), again);
        }
    }

    #[test]
    fn what_is_no_number_is_seen(
        shape in [1usize..3, 1usize..8, 1usize..8],
        channels in prop::collection::vec(1usize..6, 0..3),
        seed: u64,
    ) {
        let mut program = Cnn::new(shape, &channels, 2);
        let clean = numbers(program.weights(), seed ^ 1);
        let inputs = numbers(3 * program.inputs(), seed ^ 2);
        let tensors = program.tensors().to_vec();
        for tensor in tensors.iter().skip(1).step_by(2) {
            let mut weights = clean.clone();
            weights[tensor.start] = f32::NAN;
            let outputs = program.forward(&weights, &inputs);
            prop_assert!(outputs.iter().any(|y| y.is_nan()));
        }
        let clean_outputs = program.forward(&clean, &inputs).to_vec();
        let mut one = inputs.clone();
        // The corner of the middle image is in a window whatever the sizes; the other images have nothing of it.
        one[program.inputs()] = f32::NAN;
        let outputs = program.forward(&clean, &one);
        prop_assert_eq!(&outputs[..2], &clean_outputs[..2]);
        prop_assert_eq!(&outputs[4..], &clean_outputs[4..]);
        prop_assert!(outputs[2..4].iter().all(|y| y.is_nan()));
    }
}

#[test]
fn equals_send_the_gradient_to_the_first() {
    // One image of 2x2 equal numbers; only the centre of the kernel counts.
    let mut program = Cnn::new([1, 2, 2], &[1], 1);
    let mut weights = vec![0.0; program.weights()];
    (weights[4], weights[10]) = (1.0, 1.0);
    let (_, gradient) = both(&mut program, &weights, &[2.0; 4], &[1.0]);
    // From the first number the kernel sees the image to its right and beneath it.
    let seen = [0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 0.0, 2.0, 2.0];
    assert_eq!(gradient[..9], seen);
}

#[test]
fn what_a_larger_batch_has_left_in_the_margin_plays_no_part() {
    let (shape, channels) = ([2, 5, 4], [3, 2]);
    let mut program = Cnn::new(shape, &channels, 2);
    let weights = numbers(program.weights(), 1);
    let inputs = numbers(program.inputs(), 2);
    both(&mut program, &weights, &[f32::NAN; 120], &[1.0; 6]);
    let some = both(&mut program, &weights, &inputs, &[1.0, -1.0]);
    let mut fresh = Cnn::new(shape, &channels, 2);
    assert_eq!(some, both(&mut fresh, &weights, &inputs, &[1.0, -1.0]));
}
