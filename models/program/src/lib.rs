//! Networks written out: forward, loss and backward on buffers that last.
//!
//! A [`Program`] computes with the weights of a network as one vector: outputs for some inputs, and the gradient of a loss
//! whose gradient with respect to the outputs is known. Nothing is allocated once it has seen its largest batch, no graph is
//! recorded, and everything happens on one thread, so that the bits depend on the numbers alone.
//!
//! ```
//! use trimtab_program::{Activation, Mlp, Program, loss};
//!
//! // Two inputs, three hidden units, two classes.
//! let mut program = Mlp::new(&[2, 3, 2], Activation::Tanh);
//! let mut weights = vec![0.1; program.weights()];
//! weights[0] = -0.2;
//! let (inputs, labels) = ([1.0, 0.0, 0.0, 1.0], [0, 1]);
//! let (mut output_gradient, mut gradient) = (Vec::new(), vec![0.0; weights.len()]);
//!
//! let mut losses = Vec::new();
//! for _ in 0..50 {
//!     let outputs = program.forward(&weights, &inputs);
//!     losses.push(loss::cross_entropy(outputs, &labels, &mut output_gradient));
//!     program.backward(&weights, &inputs, &output_gradient, &mut gradient);
//!     for (weight, slope) in weights.iter_mut().zip(&gradient) {
//!         *weight -= 0.5 * slope;
//!     }
//! }
//! assert!(losses[49] < 0.9 * losses[0]);
//! ```

mod activation;
mod adam;
mod cnn;
mod convolution;
mod elementary;
mod layer;
pub mod loss;
pub mod members;
mod mlp;
mod periodic;
mod planes;
mod pooling;
mod product;
pub mod pruning;
mod rows;
mod slopes;
mod tabular;
mod vectorised;

pub use activation::Activation;
pub use adam::Adam;
pub use cnn::Cnn;
pub use mlp::Mlp;
pub use tabular::{Part, Tabular, TabularSizes};
pub use vectorised::vectorised;

use pruning::Units;
use std::ops::Range;

/// The arithmetic of a network whose weights are one vector.
pub trait Program: Send {
    /// Numbers of one example.
    fn inputs(&self) -> usize;

    /// Outputs for one example, of each member.
    fn outputs(&self) -> usize;

    /// How many networks it is at once, all for the same outputs: their losses are averaged in training, and what they predict when
    /// it is asked for ([`members`]).
    fn members(&self) -> usize {
        1
    }

    /// Where the tensors of the network are in its weights, which they cover in this order.
    fn tensors(&self) -> &[Range<usize>];

    /// How many weights the network has.
    fn weights(&self) -> usize {
        self.tensors().last().map_or(0, |tensor| tensor.end)
    }

    /// The layers, from the inputs on, whose units can leave one by one: what is left is then a network of the same kind. By default there is
    /// none, and the network cannot be [pruned](pruning).
    fn units(&self) -> Vec<Units> {
        Vec::new()
    }

    /// How often one example uses each number of a tensor in a forward pass: a multiplication each, or an addition for biases. By default
    /// once; a kernel is used at every position of an image.
    fn uses(&self) -> Vec<usize> {
        vec![1; self.tensors().len()]
    }

    /// What the numbers of a tensor are multiplied by before they are used: 1 by default.
    fn factors(&self) -> Vec<f32> {
        vec![1.0; self.tensors().len()]
    }

    /// The outputs of the network with these weights for some inputs.
    ///
    /// # Shapes
    /// - inputs: `[rows, inputs]`
    /// - outputs: `[members, rows, outputs]`
    ///
    /// # Panics
    /// If there are not as many weights, or the inputs are not whole rows.
    fn forward(&mut self, weights: &[f32], inputs: &[f32]) -> &[f32];

    /// The gradient with respect to the weights, by the chain rule, of a loss with this gradient with respect to the outputs
    /// of the last [`Program::forward`], which had the same weights and inputs.
    ///
    /// # Shapes
    /// - output gradient: `[members, rows, outputs]`
    /// - gradient: as the weights
    ///
    /// # Panics
    /// If the last forward pass had other sizes, or there is not as much room for the gradient as there are weights.
    fn backward(
        &mut self,
        weights: &[f32],
        inputs: &[f32],
        output_gradient: &[f32],
        gradient: &mut [f32],
    );
}
