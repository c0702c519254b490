//! Numbered pieces of work on several threads, with the answers in the order of their numbers. Nothing else in the workspace starts a
//! thread for work.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

/// What a thread says: how far it is, or the answer to a piece.
enum Said<T, E> {
    Progress(u64),
    Answer(usize, Result<T, E>),
}

/// Does `work(worker, index, progress)` for every index below `count`, on `workers` threads that each take the next index when free.
/// `each` is given the answers in the order of their indices, as soon as that order allows, and `advance` what the work says of its
/// progress, both on the calling thread. With one worker nothing is started.
///
/// # Errors
/// The error with the smallest index, of the work or of `each`; what was not begun by then is left undone.
pub fn in_order<T: Send, E: Send>(
    workers: usize,
    count: usize,
    work: impl Fn(usize, usize, &dyn Fn(u64)) -> Result<T, E> + Sync,
    mut advance: impl FnMut(u64),
    mut each: impl FnMut(usize, T) -> Result<(), E>,
) -> Result<(), E> {
    if workers.min(count) <= 1 {
        let advance = std::cell::RefCell::new(advance);
        return (0..count).try_for_each(|index| {
            let answer = work(0, index, &|steps| advance.borrow_mut()(steps))?;
            each(index, answer)
        });
    }
    let next = AtomicUsize::new(0);
    let (sender, said) = channel();
    std::thread::scope(|scope| {
        for worker in 0..workers.min(count) {
            let (next, work, sender) = (&next, &work, sender.clone());
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        break;
                    }
                    // If the calling thread is gone, nobody needs the message.
                    let answer = work(worker, index, &|steps| {
                        sender.send(Said::Progress(steps)).unwrap_or_default();
                    });
                    if answer.is_err() {
                        // Nobody needs the rest; pieces before this one are all under way or done.
                        next.store(count, Ordering::Relaxed);
                    }
                    sender.send(Said::Answer(index, answer)).unwrap_or_default();
                }
            });
        }
        drop(sender);
        let (mut early, mut due) = (BTreeMap::new(), 0);
        let mut outcome = Ok(());
        for said in said {
            match said {
                Said::Progress(steps) => advance(steps),
                Said::Answer(index, answer) => {
                    early.insert(index, answer);
                }
            }
            while let Some(answer) = early.remove(&due) {
                due += 1;
                if outcome.is_ok() {
                    outcome = answer.and_then(|answer| each(due - 1, answer));
                    if outcome.is_err() {
                        next.store(count, Ordering::Relaxed);
                    }
                }
            }
        }
        outcome
    })
}

/// `work(worker, index)` for every index below `count`, on `workers` threads; all answers in their order.
///
/// # Errors
/// As [`in_order`].
///
/// ```
/// use trimtab_env::mdp::threads::in_parallel;
/// let squares: Result<Vec<usize>, ()> = in_parallel(2, 5, |_, index| Ok(index * index));
/// assert_eq!(squares.unwrap(), [0, 1, 4, 9, 16]);
/// ```
pub fn in_parallel<T: Send, E: Send>(
    workers: usize,
    count: usize,
    work: impl Fn(usize, usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let mut answers = Vec::with_capacity(count);
    in_order(
        workers,
        count,
        |worker, index, _| work(worker, index),
        |_| {},
        |_, answer| {
            answers.push(answer);
            Ok(())
        },
    )?;
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Whatever fails where, everything before the first failure is delivered, in order, and that failure is the error.
        #[test]
        fn answers_come_in_order_up_to_the_first_failure(
            workers in 1usize..5,
            count in 0usize..40,
            fails in prop::collection::btree_set(0usize..60, 0..4),
            refused in 0usize..60,
        ) {
            let (mut delivered, mut progress) = (Vec::new(), 0);
            let work = |_: usize, index: usize, advance: &dyn Fn(u64)| {
                advance(1);
                if fails.contains(&index) { Err(index) } else { Ok(index) }
            };
            let outcome = in_order(workers, count, work, |steps| progress += steps, |index, answer| {
                assert_eq!(index, answer);
                if index == refused {
                    return Err(index);
                }
                delivered.push(index);
                Ok(())
            });
            let first = fails.iter().copied().chain([refused]).filter(|index| *index < count).min();
            prop_assert_eq!(outcome.err(), first);
            let wanted: Vec<usize> = (0..first.unwrap_or(count)).collect();
            prop_assert_eq!(delivered, wanted);
            prop_assert!(progress >= first.map_or(count, |first| first + 1).min(count) as u64);
        }
    }

    #[test]
    fn a_panic_of_a_piece_is_one_of_the_caller() {
        let work = |_: usize, index: usize| match index {
            3 => panic!("piece 3"),
            other => Ok::<usize, ()>(other),
        };
        let caught = std::panic::catch_unwind(|| in_parallel(2, 5, work));
        assert!(caught.is_err());
    }
}
