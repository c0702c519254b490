//! What comes back every year, week or day.

use serde::{Deserialize, Serialize};

/// What comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Period {
    Year,
    Week,
    Day,
}

pub(super) const DAY: f64 = 86400.0;

impl Period {
    /// In seconds. A year is that of the calendar in the mean.
    pub(super) fn seconds(self) -> f64 {
        match self {
            Self::Year => 365.2425 * DAY,
            Self::Week => 7.0 * DAY,
            Self::Day => DAY,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Week => "week",
            Self::Day => "day",
        }
    }

    /// Those that can be told from these moments: they last long enough, and are not all the same within one.
    pub(super) fn of(moments: &[f64]) -> Vec<Self> {
        let low = moments.iter().copied().fold(f64::INFINITY, f64::min);
        let high = moments.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let varies = |part: &dyn Fn(f64) -> f64| {
            moments
                .iter()
                .any(|moment| part(*moment) != part(moments[0]))
        };
        let all = [Self::Year, Self::Week, Self::Day];
        let told = |period: &Self| match period {
            Self::Year => high - low > 60.0 * DAY,
            // Days of the week mean nothing where each moment is the first of a month.
            Self::Week => {
                high - low > 3.0 * DAY
                    && varies(&|moment| (moment / DAY).floor().rem_euclid(7.0))
                    && !monthly(moments)
            }
            Self::Day => varies(&|moment| moment.rem_euclid(DAY)),
        };
        all.into_iter().filter(told).collect()
    }
}

/// Whether every moment is the beginning of a month.
fn monthly(moments: &[f64]) -> bool {
    use chrono::{DateTime, Datelike};
    let first = |moment: &f64| {
        DateTime::from_timestamp(*moment as i64, 0).is_some_and(|time| time.day() == 1)
    };
    moments.iter().all(first)
}
