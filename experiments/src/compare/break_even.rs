//! When what was spent before breaks even.

use serde::{Deserialize, Serialize};

/// After how many uses of a method what was spent for it before breaks even, against searching each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakEven {
    /// After so many uses.
    Uses(u64),
    /// Never: the search costs no more than a use.
    Never,
    /// No search in the table has as low a loss, so there is nothing to compare it with.
    NoSearch,
}

/// The smallest number of uses `n` at which `before + n use < n search`, where `search` is the cost of the cheapest search
/// whose final loss is no higher than `loss`. `searches` are pairs of cost and final loss. Losses are mean log ratios to the
/// target and are compared as they are, whatever their intervals; costs are in any one unit.
///
/// ```
/// use trimtab_experiments::compare::break_even::{BreakEven, break_even};
/// // 20 budgets before, 1 a use, against a search of 5: 25 < 30 at the sixth use, while the fifth makes 25 of both.
/// assert_eq!(break_even(20.0, 1.0, 0.1, &[(5.0, 0.1), (8.0, 0.0)]), BreakEven::Uses(6));
/// ```
pub fn break_even(before: f64, each: f64, loss: f64, searches: &[(f64, f64)]) -> BreakEven {
    let good = searches.iter().filter(|(_, reached)| *reached <= loss);
    let Some(search) = good.map(|(cost, _)| *cost).min_by(f64::total_cmp) else {
        return BreakEven::NoSearch;
    };
    let saving = search - each;
    if saving.is_nan() || saving <= 0.0 {
        return BreakEven::Never;
    }
    BreakEven::Uses((before / saving).floor() as u64 + 1)
}

impl std::fmt::Display for BreakEven {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Uses(uses) => formatter.pad(&uses.to_string()),
            Self::Never => formatter.pad("never"),
            Self::NoSearch => formatter.pad("no rival"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheapest_search_that_comes_as_low_is_the_rival() {
        let searches = [(5.0, 0.2), (8.0, 0.0), (7.9, 0.1)];
        // 21 + 3 * 1 = 24 is above 3 * 7.9 = 23.7, and 25 is below 31.6.
        assert_eq!(break_even(21.0, 1.0, 0.1, &searches), BreakEven::Uses(4));
        // Against 8: 7 a use are saved, so that 21 are the savings of three uses, and four are more.
        assert_eq!(break_even(21.0, 1.0, 0.05, &searches), BreakEven::Uses(4));
        assert_eq!(break_even(20.9, 1.0, 0.05, &searches), BreakEven::Uses(3));
        // Against 5.
        assert_eq!(break_even(21.0, 1.0, 0.3, &searches), BreakEven::Uses(6));
    }

    #[test]
    fn without_a_saving_it_never_pays() {
        let searches = [(5.0, 0.2)];
        assert_eq!(break_even(1.0, 5.0, 0.2, &searches), BreakEven::Never);
        assert_eq!(break_even(1.0, 6.0, 0.2, &searches), BreakEven::Never);
        assert_eq!(break_even(1.0, 1.0, 0.1, &searches), BreakEven::NoSearch);
        assert_eq!(
            break_even(1.0, 1.0, f64::NAN, &searches),
            BreakEven::NoSearch
        );
    }
}
