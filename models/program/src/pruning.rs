//! Units that leave a network while it is trained: gradient-aware pruning.
//!
//! Input: where the weights of each unit are ([`Units`]), weights and gradients. Output: which units leave, and which weights stay.
//!
//! | to find | look in |
//! |---|---|
//! | what belongs to a unit; which weights stay when units leave | [`units`] |
//! | the units of a network, and what its weights cost | [`prunable`] |
//! | what becomes of weights, moments and averages | [`removal`] |
//! | how important a unit is, and what to add up | [`importance`] |
//! | the moving average that importance is compared with | [`threshold`] |
//! | which units leave | [`choice`] |
//!
//! ```
//! use trimtab_program::pruning::{Parts, Removal, Sum, kept, taylor};
//! use trimtab_program::{Activation, Mlp, Program};
//!
//! // Three hidden units, of which the second has no weights behind it.
//! let mut wide = Mlp::new(&[2, 3, 1], Activation::Relu);
//! let mut weights = vec![0.5, -0.3, 0.2, 0.1, 0.8, 0.4, 0.0, 0.1, -0.1, 0.7, 0.0, -0.2, 0.3];
//! let inputs = [1.0, 2.0];
//! let before = wide.forward(&weights, &inputs).to_vec();
//! let mut gradient = vec![0.0; weights.len()];
//! wide.backward(&weights, &inputs, &[1.0], &mut gradient);
//! let layers = wide.units();
//! let scores = taylor(&layers[0], &weights, &gradient, Sum::Absolutes, Parts::Outgoing.roles());
//! assert_eq!(scores[1], 0.0);
//!
//! let mut narrow = Mlp::new(&[2, 2, 1], Activation::Relu);
//! let stay = kept(weights.len(), &layers, &[vec![1]]);
//! Removal::new(stay, &wide, &narrow).apply(&mut weights, 1);
//! assert_eq!(narrow.forward(&weights, &inputs), before);
//! ```

pub mod choice;
pub mod importance;
pub mod prunable;
pub mod removal;
pub mod threshold;
pub mod units;

pub use choice::{Layer, Quota, choose, choose_evenly};
pub use importance::{Normalizer, Parts, Reduction, Sum, grouped, magnitude, taylor};
pub use prunable::Prunable;
pub use removal::Removal;
pub use threshold::Threshold;
pub use units::{Role, UnitWeights, Units, kept};
