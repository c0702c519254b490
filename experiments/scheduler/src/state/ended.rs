//! The numbers of the units that have ended.

use crate::unit::UnitId;
use std::collections::BTreeMap;

/// Numbers as ranges: first and last of each. Units numbered one after another take no memory once all before them have ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Ended(BTreeMap<u64, u64>);

impl Ended {
    pub fn contains(&self, unit: UnitId) -> bool {
        let before = self.0.range(..=unit.0).next_back();
        before.is_some_and(|(_, &last)| unit.0 <= last)
    }

    pub fn insert(&mut self, unit: UnitId) {
        let number = unit.0;
        // A range that begins right after this number goes on from it.
        let after = number.checked_add(1).and_then(|next| self.0.remove(&next));
        let end = after.unwrap_or(number);
        match self.0.range_mut(..=number).next_back() {
            Some((_, last)) if number <= *last => {}
            Some((_, last)) if number - *last == 1 => *last = end,
            _ => {
                self.0.insert(number, end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        /// A set of numbers, in the fewest ranges.
        #[test]
        fn ranges_are_a_set(numbers in prop::collection::vec(0..40_u64, 0..60)) {
            // Both ends of the numbers that there are.
            let far = |number: u64| if number < 20 { number } else { u64::MAX - (number - 20) };
            let (mut ended, mut set) = (Ended::default(), BTreeSet::new());
            for number in numbers.into_iter().map(far) {
                ended.insert(UnitId(number));
                set.insert(number);
            }
            for number in (0..40).map(far) {
                prop_assert_eq!(ended.contains(UnitId(number)), set.contains(&number));
            }
            let begins = |number: &&u64| number.checked_sub(1).is_none_or(|it| !set.contains(&it));
            prop_assert_eq!(ended.0.len(), set.iter().filter(begins).count());
        }
    }
}
