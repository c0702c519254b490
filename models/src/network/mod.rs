//! Networks: the burn modules that are trained, how their weights begin, and what of a module is a weight.
//!
//! Input: shapes and a random stream. Output: a module. What trains it is in [`training`](crate::training); the same networks
//! written out, without a graph of tensors, are the crate `trimtab-program`.
//!
//! | to find | look in |
//! |---|---|
//! | multilayer perceptron, network for tables, convolutional network, transformer | [`mlp`], [`tabular`], [`cnn`], [`transformer`] |
//! | initial weights from a stream of their own | [`initializer`] |
//! | weights as plain numbers, copies, what is frozen | [`weights`] |
//! | dropout that draws from a stream of the training | [`dropout`](crate::dropout()) |
//!
//! ```
//! use burn::tensor::Device;
//! use trimtab_models::network::{initializer::fresh_weights, mlp::{Activation, Mlp}, weights::flat_state};
//! let fresh = |seed| {
//!     let model = Mlp::new(&[4, 8, 3], Activation::Relu, &Device::flex());
//!     let mut weights = Vec::new();
//!     flat_state(&fresh_weights(model, &mut trimtab_env::stream(seed, "weights", 0)), &mut weights);
//!     weights
//! };
//! assert_eq!(fresh(1).len(), 4 * 8 + 8 + 8 * 3 + 3);
//! assert_eq!(fresh(1), fresh(1));
//! ```

pub mod cnn;
pub(crate) mod dropout;
pub mod initializer;
pub mod mlp;
pub mod tabular;
pub mod transformer;
pub mod weights;
