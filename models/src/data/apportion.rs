//! Rows from several classes, in proportion to what each has.

use std::{cmp::Ordering, collections::BinaryHeap};

/// Takes `total` rows from the classes, in proportion to the rows `left` in each, and says how many from
/// each.
///
/// Row by row, to the class that is furthest below its share; before that, one from each class; and the
/// last `keep` rows of a class only when there is no other way.
pub(super) fn apportion(total: usize, left: &mut [usize], keep: usize) -> Vec<usize> {
    let sizes = left.to_vec();
    let share = total as f64 / sizes.iter().sum::<usize>().max(1) as f64;
    let mut taken = vec![0; sizes.len()];
    let urgency = |class: usize, left: usize, taken: usize| {
        // Of a class too small for all the parts, one row is kept: for training, the last to choose.
        let kept = keep.min(sizes[class].saturating_sub(1).max(1));
        (left > 0).then_some(Urgency {
            class,
            others: (left > kept, taken == 0),
            due: sizes[class] as f64 * share - taken as f64,
        })
    };
    let mut urgent: BinaryHeap<Urgency> = (0..sizes.len())
        .filter_map(|class| urgency(class, left[class], 0))
        .collect();
    for _ in 0..total {
        let Some(Urgency { class, .. }) = urgent.pop() else {
            break;
        };
        left[class] -= 1;
        taken[class] += 1;
        urgent.extend(urgency(class, left[class], taken[class]));
    }
    taken
}

/// What speaks for taking the next row from a class.
struct Urgency {
    class: usize,
    /// Whether there are rows that need not be kept, and whether none has been taken yet.
    others: (bool, bool),
    due: f64,
}

impl Ord for Urgency {
    /// Of two alike the later class is first.
    fn cmp(&self, other: &Self) -> Ordering {
        (self.others.cmp(&other.others))
            .then(self.due.total_cmp(&other.due))
            .then(self.class.cmp(&other.class))
    }
}

impl PartialOrd for Urgency {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Urgency {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Urgency {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_taken_in_proportion() {
        let mut left = [60, 30, 10];
        assert_eq!(apportion(10, &mut left, 0), [6, 3, 1]);
        assert_eq!(left, [54, 27, 9]);
    }

    #[test]
    fn every_class_gives_one_before_the_large_give_more() {
        assert_eq!(apportion(4, &mut [97, 1, 1, 1], 0), [1, 1, 1, 1]);
        // Too few for all: the larger classes come first.
        assert_eq!(apportion(2, &mut [1, 5, 1, 9], 0), [0, 1, 0, 1]);
    }

    #[test]
    fn kept_rows_are_taken_last() {
        assert_eq!(apportion(5, &mut [4, 4, 1], 2), [2, 2, 1]);
        assert_eq!(apportion(4, &mut [4, 4, 1], 2), [2, 2, 0]);
        assert_eq!(apportion(9, &mut [4, 4, 1], 2), [4, 4, 1]);
        // Of two rows one is free, although two are to be kept.
        assert_eq!(apportion(1, &mut [2, 1], 2), [1, 0]);
    }

    /// A column of names by mistake has as many classes as rows.
    #[test]
    fn very_many_classes_take_no_time() {
        let mut left = vec![1; 300_000];
        assert_eq!(apportion(60_000, &mut left, 2)[240_000..], [1; 60_000]);
    }

    #[test]
    fn no_more_is_taken_than_there_is() {
        assert_eq!(apportion(9, &mut [2, 0, 1], 0), [2, 0, 1]);
        assert_eq!(apportion(9, &mut [], 0), Vec::<usize>::new());
    }
}
