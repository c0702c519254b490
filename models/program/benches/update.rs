//! Median time of one update (forward, loss, backward and SGD with momentum) of small networks on one thread.
//!
//! ```text
//! cargo bench -p trimtab-program --bench update -- cnn 64
//! ```
//! Words choose the rows that have all of them.

use std::hint::black_box;
use std::time::{Duration, Instant};
use trimtab_program::{Activation, Cnn, Mlp, Program, loss};

/// Updates are timed for so long.
const TIME: Duration = Duration::from_millis(1500);

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    for batch in [16, 64, 256] {
        let networks: [(&str, Box<dyn Program>); 4] = [
            (
                "mlp 64-32-32-10",
                Box::new(Mlp::new(&[64, 32, 32, 10], Activation::Relu)),
            ),
            (
                "mlp 64-64-64-10",
                Box::new(Mlp::new(&[64, 64, 64, 10], Activation::Relu)),
            ),
            ("cnn 14x14", Box::new(Cnn::new([1, 14, 14], &[8, 16], 10))),
            ("cnn 28x28", Box::new(Cnn::new([1, 28, 28], &[8, 16], 10))),
        ];
        for (name, mut program) in networks {
            let row = format!("{name} batch {batch}");
            let chosen = |word: &String| row.split_whitespace().any(|part| part == word);
            if words.iter().all(chosen) {
                println!("{row}: {:.1} us", median(program.as_mut(), batch));
            }
        }
    }
}

/// Median microseconds of an update on one batch.
fn median(program: &mut dyn Program, batch: usize) -> f64 {
    let mut weights: Vec<f32> = (0..program.weights()).map(|i| 0.2 * number(i)).collect();
    let inputs: Vec<f32> = (0..batch * program.inputs())
        .map(|i| number(i).abs())
        .collect();
    let labels: Vec<u32> = (0..batch as u32)
        .map(|i| i % program.outputs() as u32)
        .collect();
    let (mut output_gradient, mut gradient) = (Vec::new(), vec![0.0; weights.len()]);
    let mut velocity = vec![0.0; weights.len()];
    let mut times = Vec::new();
    let start = Instant::now();
    while start.elapsed() < TIME {
        let before = Instant::now();
        let outputs = program.forward(&weights, &inputs);
        black_box(loss::cross_entropy(outputs, &labels, &mut output_gradient));
        program.backward(&weights, &inputs, &output_gradient, &mut gradient);
        for ((weight, velocity), slope) in weights.iter_mut().zip(&mut velocity).zip(&gradient) {
            *velocity = 0.9 * *velocity + slope;
            *weight -= 1e-3 * *velocity;
        }
        times.push(before.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Some number between -1 and 1.
fn number(i: usize) -> f32 {
    let mixed = (i as u32).wrapping_mul(2_654_435_761);
    (mixed ^ mixed >> 15) as f32 / (1u32 << 31) as f32 - 1.0
}
