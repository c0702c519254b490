//! Servos: they hold the relative size of the updates at a set-point by moving the learning rate.
//!
//! Input: what is known of a training beforehand ([`Context`](crate::Context)) and its reports. Output: the settings of the next
//! segment. No policy is needed; one that adds to a servo learns a residual.
//!
//! | to find | look in |
//! |---|---|
//! | the servo of a single knob, whose set-point a policy moves | [`plain`] |
//! | the one that ships, whose set-point knows the training and how it goes | [`context_servo`] |
//! | what a policy adds to it | [`residual`] |
//! | it in a training loop of one's own, which brings weights and updates | [`steered_training`] |
//! | the settings of an earlier run, to be replayed | [`recorded_schedule`] |
//!
//! ```
//! use trimtab_env::{Context, ContextServo, History};
//! let servo = ContextServo::default();
//! let context = Context {
//!     epochs: 20.0,
//!     examples: 1000.0,
//!     parameters: 3000.0,
//!     layers: 3.0,
//!     ..Context::default()
//! };
//! // Updates are wanted smaller at the end of a training than at its start.
//! let at = |share| servo.set_point(&context, &History::default(), share, 64.0);
//! assert!(at(1.0) < at(0.0));
//! ```

pub mod context_servo;
pub mod plain;
pub mod recorded_schedule;
pub mod residual;
pub mod steered_training;
