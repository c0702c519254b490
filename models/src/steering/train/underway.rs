//! What is told of a training under way.

use trimtab_env::servo::context_servo::Offsets;
use trimtab_env::{Cost, Report, Segment, Settings};

/// What happens in a training under way.
#[derive(Clone, Copy, Debug)]
pub enum Underway<'a> {
    /// Another run begins; of the first nothing is said.
    Begun(Begun),
    /// An update was tried before the first segment, and taken back.
    Probed(Probed<'a>),
    /// A segment has ended.
    Ended(Ended<'a>),
}

/// A run that begins.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    /// Its number, from 0.
    pub run: usize,
    /// How many there will be.
    pub runs: usize,
    /// What it adds to what the servo wants.
    pub offsets: Offsets,
    /// The best validation loss of the runs before.
    pub best_loss: f64,
}

/// An update of the start probe.
#[derive(Clone, Copy, Debug)]
pub struct Probed<'a> {
    /// Its settings.
    pub settings: &'a Settings,
    /// What it did.
    pub report: &'a Report,
    /// The size of the updates relative to the weights that is wanted at the start.
    pub wanted: f64,
    /// The learning rate that follows: of another such update if `again`, else of the first segment.
    pub then: f64,
    /// Whether the start probe goes on.
    pub again: bool,
}

/// A segment that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// The segment.
    pub segment: &'a Segment,
    /// What the training may cost in all.
    pub budget: Cost,
    /// What follows.
    pub next: Next,
}

/// What follows a segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// Another segment under the servo.
    Servo {
        /// The size of the updates relative to the weights that is wanted.
        update_ratio: f64,
        /// The learning rate that is hoped to give it.
        learning_rate: f64,
        /// Whether the best weights come back first, for the servo's guard or a policy.
        from_best: bool,
    },
    /// Another segment, with recorded settings.
    Recorded,
    /// Nothing: the budget is spent.
    Over,
}
