//! Numbers by what they belong to: a task, a run, a kind of work.

use opentelemetry::KeyValue;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// More groups than this are told together, as `other`: a collector keeps a series for each, and a worker lives long.
const MOST: usize = 200;

/// What belongs to it: names of attributes and their values.
pub(crate) type Group = Vec<(&'static str, String)>;

/// Numbers of one group.
pub(crate) struct Member<T> {
    pub(crate) attributes: Vec<KeyValue>,
    pub(crate) numbers: T,
}

/// Numbers of every group that was told of.
pub(crate) struct Grouped<T>(Mutex<BTreeMap<Group, Arc<Member<T>>>>);

impl<T> Default for Grouped<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Default> Grouped<T> {
    /// The numbers of this group.
    pub(crate) fn of(&self, mut group: Group) -> Arc<Member<T>> {
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = groups.get(&group) {
            return known.clone();
        }
        if groups.len() >= MOST {
            for (_, value) in &mut group {
                "other".clone_into(value);
            }
        }
        let attributes = group.iter();
        let attributes = attributes.map(|(name, value)| KeyValue::new(*name, value.clone()));
        let member = Member {
            attributes: attributes.collect(),
            numbers: T::default(),
        };
        groups.entry(group).or_insert(Arc::new(member)).clone()
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Arc<Member<T>>> {
        let groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        groups.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_beyond_the_most_are_one() {
        let grouped = Grouped::<u8>::default();
        for number in 0..2 * MOST {
            grouped.of(vec![("run", number.to_string())]);
        }
        assert_eq!(grouped.all().len(), MOST + 1);
        // One that was there before is still told apart.
        let value = |number: usize| {
            let member = grouped.of(vec![("run", number.to_string())]);
            member.attributes[0].value.to_string()
        };
        assert_eq!(
            (value(3), value(MOST)),
            ("3".to_owned(), "other".to_owned())
        );
    }
}
