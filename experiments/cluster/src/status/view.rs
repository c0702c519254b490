//! How a cluster stands, for people: [`top`] on a terminal, [`table`] as text.
//!
//! | column | what it is |
//! |---|---|
//! | units/s | between two snapshots; with one, or until something new was heard, the average since worker or coordinator began |
//! | used | busy seconds of all slots, against the seconds since the worker joined; a unit counts when it ends |
//! | last sign | how long ago a worker said that it is alive |

mod rows;
mod terminal;
#[cfg(test)]
mod tests;
mod text;

pub use terminal::top;
pub use text::table;
