//! Trainings that are drawn to break the context servo, a few of those that the example `runaway` plays.

#[path = "../experiments/examples/runaway/breaking.rs"]
#[expect(dead_code, reason = "the example shows more of an outcome")]
mod breaking;

use breaking::{Breaking, Kind};

/// The seed of the results page.
const SEED: u64 = 1;
/// Those of the first that end above the default, as the results page says: losing is allowed, running away is not.
const LOSE: [u64; 4] = [6, 9, 12, 19];

/// Two of each kind: no adaptive rate is above the ceiling, and none but a known few ends above the default by more than 0.05.
#[test]
fn no_training_runs_away() {
    for index in 0..2 * Kind::ALL.len() as u64 {
        let breaking = Breaking::draw(SEED, index).unwrap();
        let outcome = breaking.play().unwrap();
        let text = breaking.describe();
        assert!(
            !outcome.adaptive || outcome.highest <= 0.1,
            "training {index}: a rate of {}. {text}",
            outcome.highest
        );
        let most = if LOSE.contains(&index) { 1.0 } else { 0.05 };
        assert!(
            outcome.log_ratio <= most,
            "training {index}: {:+.3} ± {:.3} above the default. {text}",
            outcome.log_ratio,
            outcome.error
        );
    }
}
