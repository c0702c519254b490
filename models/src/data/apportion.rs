//! So many rows from several classes, in proportion to what each has.

/// Takes `total` rows from the classes, in proportion to the rows `left` in each, and says how many from
/// each.
///
/// Row by row, to the class that is furthest below its share; before that, one from each class; and the
/// last `keep` rows of a class only when there is no other way.
pub(super) fn apportion(total: usize, left: &mut [usize], keep: usize) -> Vec<usize> {
    let sizes = left.to_vec();
    let share = total as f64 / sizes.iter().sum::<usize>().max(1) as f64;
    let mut taken = vec![0; sizes.len()];
    for _ in 0..total {
        let urgency = |class: usize| {
            // Of a class too small for all the parts, one row is kept: for training, the last to choose.
            let kept = keep.min(sizes[class].saturating_sub(1).max(1));
            let due = sizes[class] as f64 * share - taken[class] as f64;
            (left[class] > kept, taken[class] == 0, due)
        };
        let next = (0..sizes.len())
            .filter(|&class| left[class] > 0)
            .max_by(|&a, &b| {
                let ((a_free, a_first, a_due), (b_free, b_first, b_due)) = (urgency(a), urgency(b));
                (a_free, a_first)
                    .cmp(&(b_free, b_first))
                    .then(a_due.total_cmp(&b_due))
            });
        let Some(class) = next else { break };
        left[class] -= 1;
        taken[class] += 1;
    }
    taken
}

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

    #[test]
    fn no_more_is_taken_than_there_is() {
        assert_eq!(apportion(9, &mut [2, 0, 1], 0), [2, 0, 1]);
        assert_eq!(apportion(9, &mut [], 0), Vec::<usize>::new());
    }
}
