//! Trying again while servers elect a leader.

use crate::{Error, Result};
use std::time::{Duration, Instant};

/// A server that was killed is out for up to 10 s, measured with three; this leaves room.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// Tries until it succeeds, for half a minute. What cannot change by waiting is an error at once.
pub(crate) async fn retry<T, F: Future<Output = Result<T>>>(work: impl Fn() -> F) -> Result<T> {
    let begun = Instant::now();
    loop {
        match work().await {
            Err(Error::Server { .. } | Error::Content { .. }) if begun.elapsed() < PATIENCE => {
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}
