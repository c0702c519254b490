//! The request that this process stop.
//!
//! Trainings look for it between two updates: once it is made, a segment ends after the update under way, as if its budget were
//! spent. The caller then either keeps what there is, as of a single training whose best weights are wanted, or drops it, since
//! records of a shortened segment would depend on when the request came.

use std::sync::atomic::{AtomicBool, Ordering};

static WISHED: AtomicBool = AtomicBool::new(false);

/// Makes the request. Says whether it was made before.
pub fn wish() -> bool {
    WISHED.swap(true, Ordering::SeqCst)
}

/// Whether the request was made.
pub fn is_wished() -> bool {
    WISHED.load(Ordering::SeqCst)
}

/// Takes the request back, for whoever has dropped what was under way and goes on with something else.
pub fn withdraw() {
    WISHED.store(false, Ordering::SeqCst);
}
