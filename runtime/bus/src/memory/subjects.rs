//! Where the messages of each subject of a stream lie, so that looking one up does not grow with the stream.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use eventsmith_event::filter::covers;

/// The numbers of the messages on each subject.
#[derive(Debug, Default)]
pub(super) struct Subjects(BTreeMap<String, BTreeSet<u64>>);

impl Subjects {
    pub(super) fn insert(&mut self, subject: &str, sequence: u64) {
        match self.0.get_mut(subject) {
            Some(numbers) => drop(numbers.insert(sequence)),
            None => drop(self.0.insert(subject.to_owned(), BTreeSet::from([sequence]))),
        }
    }

    pub(super) fn remove(&mut self, subject: &str, sequence: u64) {
        if let Some(numbers) = self.0.get_mut(subject) {
            numbers.remove(&sequence);
            if numbers.is_empty() {
                self.0.remove(subject);
            }
        }
    }

    /// The numbers on one subject, in order.
    pub(super) fn on(&self, subject: &str) -> impl DoubleEndedIterator<Item = u64> {
        self.0.get(subject).into_iter().flatten().copied()
    }

    /// The last message on a subject, which may have wildcards.
    pub(super) fn last_of(&self, subject: &str) -> Option<u64> {
        self.of(subject).filter_map(BTreeSet::last).max().copied()
    }

    /// The numbers of the last message on each subject that a filter is for, in order.
    pub(super) fn last_of_each(&self, filter: &str) -> BTreeSet<u64> {
        self.of(filter).filter_map(BTreeSet::last).copied().collect()
    }

    /// The numbers up to one of them of all messages on a subject, which may have wildcards, in order.
    pub(super) fn up_to(&self, sequence: u64, subject: &str) -> BTreeSet<u64> {
        self.of(subject).flat_map(|numbers| numbers.range(..=sequence)).copied().collect()
    }

    /// How many messages there are on a subject, which may have wildcards.
    pub(super) fn count(&self, subject: &str) -> u64 {
        self.of(subject).map(|numbers| numbers.len() as u64).sum()
    }

    /// All subjects that a filter is for have in common what it begins with before its first wildcard.
    fn of<'a>(&'a self, filter: &'a str) -> impl Iterator<Item = &'a BTreeSet<u64>> {
        let beginning = &filter[..filter.find(['*', '>']).unwrap_or(filter.len())];
        self.0
            .range::<str, _>((Bound::Included(beginning), Bound::Unbounded))
            .take_while(move |(subject, _)| subject.starts_with(beginning))
            .filter(move |(subject, _)| covers(filter, subject))
            .map(|(_, numbers)| numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subjects() -> Subjects {
        let mut subjects = Subjects::default();
        for (subject, sequence) in [("a.b.c", 1), ("a.b", 2), ("a.bc", 3), ("a.b.d", 4), ("a.b.c", 5), ("b.b.c", 6)] {
            subjects.insert(subject, sequence);
        }
        subjects
    }

    #[test]
    fn a_subject_is_found_among_others_that_begin_alike() {
        let subjects = subjects();

        let last = ["a.b", "a.b.*", "a.*", "a.>", "*.b.c", ">", "a", "c.>"].map(|filter| subjects.last_of(filter));
        assert_eq!(last, [Some(2), Some(5), Some(3), Some(5), Some(6), Some(6), None, None]);
        assert_eq!((subjects.count("a.b.*"), subjects.count("a.b"), subjects.count(">")), (3, 1, 6));
        assert_eq!(subjects.last_of_each("a.b.*").into_iter().collect::<Vec<_>>(), [4, 5]);
        assert_eq!(subjects.up_to(4, "a.b.>").into_iter().collect::<Vec<_>>(), [1, 4]);
    }

    #[test]
    fn what_is_removed_is_found_no_more() {
        let mut subjects = subjects();

        subjects.remove("a.b.c", 5);
        subjects.remove("a.b.c", 7);
        subjects.remove("x", 1);
        assert_eq!((subjects.last_of("a.b.c"), subjects.on("a.b.c").collect::<Vec<_>>()), (Some(1), vec![1]));
        subjects.remove("a.b.c", 1);
        assert_eq!(subjects.0.len(), 4);
    }
}
