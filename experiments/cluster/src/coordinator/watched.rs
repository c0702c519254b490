//! What telemetry is told of a run on a cluster, whenever it says how it stands.

use super::members::Members;
use crate::lead::RunState;

/// Tells how a run stands, and how many units were lost and handed out again since it was told last. It belongs to no span: five times a
/// second is a measurement, not something that happens.
pub(super) fn tell(state: &RunState, members: &Members, redelivered: u64) {
    let slots = members.slots();
    let busy = members.iter().map(|(_, member)| {
        let running = member.beat.in_hand.iter().filter(|taken| taken.running);
        running.count().min(member.slots)
    });
    let share = busy.sum::<usize>() as f64 / slots as f64;
    tracing::info!(
        target: "trimtab::workers",
        parent: None,
        run = state.run.as_str(),
        strategy = state.strategy,
        queue = state.waiting as i64,
        in_hand = state.in_hand as i64,
        leases = members.iter().count() as i64,
        utilisation = (slots > 0).then_some(share),
        redelivered = redelivered as i64,
        "workers"
    );
}
