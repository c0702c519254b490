//! Sets of problem instances: train instances, test instances, and which one an episode takes.

use crate::{Error, Result, stream};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Instances of one problem, divided into train and test instances.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InstanceSet<I> {
    /// Those that an agent learns on.
    pub train: Vec<I>,
    /// Those that it is evaluated on.
    pub test: Vec<I>,
}

impl<I> InstanceSet<I> {
    /// A set from its two parts; either may be empty, if it is never used.
    pub fn new(train: Vec<I>, test: Vec<I>) -> Self {
        Self { train, test }
    }

    /// The instances of one part.
    pub fn part(&self, part: Part) -> &[I] {
        match part {
            Part::Train => &self.train,
            Part::Test => &self.test,
        }
    }

    /// All instances, train instances first.
    pub fn iter(&self) -> impl Iterator<Item = &I> {
        self.train.iter().chain(&self.test)
    }
}

/// A part of an [`InstanceSet`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Part {
    /// Train instances.
    #[default]
    Train,
    /// Test instances.
    Test,
}

/// Which instance an episode takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Order {
    /// Drawn uniformly, from the episode's seed.
    #[default]
    Random,
    /// The first, then the next, and after the last the first again; each part has its own turn. It is for reports that
    /// need every instance equally often: the instance follows from the number of resets and not from the seed, which
    /// is the one thing in which the environment then departs from its contract.
    InTurn,
}

/// Hands out the instances of a set, one an episode.
///
/// ```
/// use trimtab_env::{InstanceSet, InstanceSource, Order, Part};
/// let set = InstanceSet::new(vec!["a", "b"], vec!["c"]);
/// let mut source = InstanceSource::new(set, Part::Train, Order::InTurn)?;
/// let drawn: Vec<_> = (0..3).map(|seed| *source.draw(seed)).collect();
/// assert_eq!(drawn, ["a", "b", "a"]);
/// # Ok::<(), trimtab_env::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct InstanceSource<I> {
    /// Shared, so that many environments can work on one set.
    set: Arc<InstanceSet<I>>,
    part: Part,
    order: Order,
    /// Whose turn it is, in the train and in the test part.
    turns: [usize; 2],
    /// The last instance drawn; its part is not empty.
    current: (Part, usize),
}

impl<I> InstanceSource<I> {
    /// A source of the instances of `part`.
    ///
    /// # Errors
    /// [`Error::Config`] if that part is empty.
    pub fn new(set: impl Into<Arc<InstanceSet<I>>>, part: Part, order: Order) -> Result<Self> {
        let set = set.into();
        not_empty(&set, part)?;
        Ok(Self {
            set,
            part,
            order,
            turns: [0; 2],
            current: (part, 0),
        })
    }

    /// The instance of the episode with this seed.
    pub fn draw(&mut self, seed: u64) -> &I {
        let count = self.set.part(self.part).len();
        let index = match self.order {
            // Nothing to draw.
            Order::Random if count == 1 => 0,
            // 64 bits on every platform, so that the draw is the same on all.
            Order::Random => stream(seed, "instance", 0).random_range(0..count as u64) as usize,
            Order::InTurn => {
                let turn = &mut self.turns[self.part as usize];
                let index = *turn;
                *turn = (index + 1) % count;
                index
            }
        };
        self.current = (self.part, index);
        self.current()
    }

    /// The instance drawn last; before the first draw, the first of the part.
    pub fn current(&self) -> &I {
        let (part, index) = self.current;
        &self.set.part(part)[index]
    }

    /// The part and the index in it of [`InstanceSource::current`].
    pub fn position(&self) -> (Part, usize) {
        self.current
    }

    /// The set behind the source.
    pub fn set(&self) -> &InstanceSet<I> {
        &self.set
    }

    /// Makes the following draws come from `part`. The turn of each part is kept.
    ///
    /// # Errors
    /// [`Error::Config`] if that part is empty.
    pub fn set_part(&mut self, part: Part) -> Result<()> {
        not_empty(&self.set, part)?;
        self.part = part;
        Ok(())
    }
}

fn not_empty<I>(set: &InstanceSet<I>, part: Part) -> Result<()> {
    if set.part(part).is_empty() {
        let field = match part {
            Part::Train => "train",
            Part::Test => "test",
        };
        return Err(Error::config(field, "[]", "give at least 1 instance"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(order: Order) -> InstanceSource<u32> {
        let set = InstanceSet::new(vec![0, 1, 2], vec![10, 11]);
        InstanceSource::new(set, Part::Train, order).unwrap()
    }

    #[test]
    fn each_part_has_its_own_turn() {
        let mut source = source(Order::InTurn);
        assert_eq!([0; 2].map(|seed| *source.draw(seed)), [0, 1]);
        source.set_part(Part::Test).unwrap();
        assert_eq!(*source.current(), 1, "the episode under way keeps its own");
        assert_eq!([0; 3].map(|seed| *source.draw(seed)), [10, 11, 10]);
        assert_eq!(source.position(), (Part::Test, 0));
        source.set_part(Part::Train).unwrap();
        assert_eq!([0; 3].map(|seed| *source.draw(seed)), [2, 0, 1]);
    }

    #[test]
    fn random_draws_follow_from_the_seed_and_reach_every_instance() {
        let (mut first, mut second) = (source(Order::Random), source(Order::Random));
        let mut seen = [0; 3];
        for seed in 0..300 {
            let drawn = *first.draw(seed);
            seen[drawn as usize] += 1;
            assert_eq!(*second.draw(seed), drawn);
        }
        // Binomial(300, 1/3): mean 100, standard deviation 8.2; five standard deviations.
        assert!(seen.iter().all(|n| (59..=141).contains(n)), "{seen:?}");
    }

    #[test]
    fn an_empty_part_is_refused_by_name() {
        let set = Arc::new(InstanceSet::new(vec![1], vec![]));
        let error = InstanceSource::new(set.clone(), Part::Test, Order::Random).unwrap_err();
        assert_eq!(
            error.to_string(),
            "test: [] is not allowed; give at least 1 instance"
        );
        let mut source = InstanceSource::new(set, Part::Train, Order::Random).unwrap();
        assert!(source.set_part(Part::Test).is_err());
        assert_eq!(*source.draw(3), 1, "a refused change changes nothing");
    }
}
