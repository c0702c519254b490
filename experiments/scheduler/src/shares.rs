//! Fair shares of a cluster that several schedulers use.

use crate::error::{Error, Result};

/// Weighted max-min fair shares of `slots`, in whole slots: one for each `(weight, demand)`, the same whoever computes them.
///
/// Water filling (Bertsekas and Gallager, Data Networks, 2nd edition, section 6.5): share_i = min(demand_i, level * weight_i), with the
/// level at which the shares sum up to min(slots, total demand). Nobody with demand goes without a slot while there is one for each:
/// then share_i >= 1. Fractions of slots go to the largest remainders, ties to the first.
///
/// ```
/// use trimtab_scheduler::shares::shares;
///
/// assert_eq!(shares(8, &[(3.0, 100), (1.0, 100)])?, [6, 2]);
/// assert_eq!(shares(8, &[(3.0, 0), (1.0, 100)])?, [0, 8]);
/// # Ok::<(), trimtab_scheduler::Error>(())
/// ```
///
/// # Errors
/// A weight that is not above 0.
pub fn shares(slots: usize, claims: &[(f64, usize)]) -> Result<Vec<usize>> {
    let heaviest = claims.iter().map(|claim| claim.0).fold(0.0, f64::max);
    let mut bounds = Vec::with_capacity(claims.len());
    let least = usize::from(claims.iter().filter(|claim| claim.1 > 0).count() <= slots);
    for (index, &(weight, demand)) in claims.iter().enumerate() {
        if !(weight > 0.0 && weight.is_finite()) {
            let field = format!("claims[{index}].weight");
            return Err(Error::value(field, weight, "give a number above 0"));
        }
        // More than all slots is no demand that could matter, and only ratios of weights do.
        let demand = demand.min(slots);
        let weight = (weight / heaviest).max(f64::MIN_POSITIVE);
        bounds.push((weight, least.min(demand), demand));
    }
    let demand = (bounds.iter()).fold(0_usize, |sum, bound| sum.saturating_add(bound.2));
    let total = slots.min(demand);

    let filled = fill(&bounds, total as f64);
    let mut shares: Vec<usize> = filled.iter().map(|share| share.floor() as usize).collect();
    let mut order: Vec<usize> = (0..claims.len()).collect();
    let remainder = |index: usize| filled[index] - filled[index].floor();
    order.sort_by(|&one, &other| remainder(other).total_cmp(&remainder(one)));
    let left = total.saturating_sub(shares.iter().sum());
    let open = order
        .into_iter()
        .filter(|&index| filled[index] < bounds[index].2 as f64);
    for index in open.take(left) {
        shares[index] += 1;
    }
    Ok(shares)
}

/// Shares of claims with priorities, as `(priority, weight, demand)`: those of the highest priority have [`shares`] of all slots, those of the
/// next of what these leave, and so on. Each with the slots that were left for its priority: whatever it has beyond them is in the way of
/// somebody more urgent.
///
/// ```
/// use trimtab_scheduler::shares::ranked;
///
/// assert_eq!(ranked(8, &[(0, 1.0, 100), (5, 1.0, 6)])?, [(2, 2), (6, 8)]);
/// # Ok::<(), trimtab_scheduler::Error>(())
/// ```
///
/// # Errors
/// As [`shares`].
pub fn ranked(slots: usize, claims: &[(i32, f64, usize)]) -> Result<Vec<(usize, usize)>> {
    let mut priorities: Vec<i32> = claims.iter().map(|claim| claim.0).collect();
    priorities.sort_unstable_by(|one, other| other.cmp(one));
    priorities.dedup();
    let mut ranked = vec![(0, 0); claims.len()];
    let mut left = slots;
    for priority in priorities {
        let level: Vec<usize> = (0..claims.len())
            .filter(|&index| claims[index].0 == priority)
            .collect();
        let of_level: Vec<_> = level.iter().map(|&i| (claims[i].1, claims[i].2)).collect();
        let given = shares(left, &of_level)?;
        for (&index, &share) in level.iter().zip(&given) {
            ranked[index] = (share, left);
        }
        left -= given.iter().sum::<usize>();
    }
    Ok(ranked)
}

/// `level * weight` within each one's bounds, at the level where they sum up to `total`. The sum grows with the level in straight pieces
/// between the levels at which one of them meets a bound.
fn fill(bounds: &[(f64, usize, usize)], total: f64) -> Vec<f64> {
    let at = |level: f64| {
        let share = move |&(weight, low, high): &(f64, usize, usize)| {
            (level * weight).clamp(low as f64, high as f64)
        };
        bounds.iter().map(share)
    };
    let mut levels: Vec<f64> = bounds
        .iter()
        .flat_map(|&(weight, low, high)| [low as f64 / weight, high as f64 / weight])
        .filter(|level| level.is_finite())
        .collect();
    levels.sort_by(f64::total_cmp);
    let below = levels.partition_point(|&level| at(level).sum::<f64>() <= total);
    let level = below.checked_sub(1).map_or(0.0, |last| levels[last]);
    let grows = |&&(weight, low, high): &&(f64, usize, usize)| {
        low as f64 / weight <= level && level < high as f64 / weight
    };
    let slope: f64 = bounds.iter().filter(grows).map(|bound| bound.0).sum();
    let rest = total - at(level).sum::<f64>();
    let level = if slope > 0.0 {
        level + rest / slope
    } else {
        level
    };
    at(level).collect()
}
