//! The wish that this process stops.
//!
//! Trainings are asked between two updates: once it is wished, a segment ends after the update under way, as if its budget were
//! spent. Whoever plays it then either keeps what there is, as of a single training whose best weights are wanted, or drops
//! it, since records of a shortened segment would depend on when somebody wished.

use std::sync::atomic::{AtomicBool, Ordering};

static WISHED: AtomicBool = AtomicBool::new(false);

/// Wishes it. Says whether it was wished before.
pub fn wish() -> bool {
    WISHED.swap(true, Ordering::SeqCst)
}

/// Whether it is wished.
pub fn is_wished() -> bool {
    WISHED.load(Ordering::SeqCst)
}
