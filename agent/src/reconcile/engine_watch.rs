//! Which containers are asked after next, and whose process is gone although nobody said so. Pure.
//!
//! A wedged engine answers pings and lists, and goes on listing as running what is dead. So it is asked for containers of
//! its own, a few at a time and all of them by and by, and the kernel for every process: its word counts.

use std::collections::{BTreeMap, BTreeSet};

use super::command::Key;

/// Containers that are asked after at once in turn: cheap enough to be done all the time.
const SAMPLE: usize = 2;
/// Containers for which the engine did not answer last time, and that are asked after again each time.
const SUSPECTS: usize = 4;

/// Of so many looks at the processes one asks the kernel for all that it knows of each.
const LOOKS: u32 = 2;

/// What the watch remembers between two looks.
#[derive(Debug, Default)]
pub(super) struct EngineWatch {
    /// Whether the engine is being asked.
    pub(super) checking: bool,
    /// Whether everything is being looked at.
    pub(super) looking: bool,
    /// Whether something happened meanwhile for which everything must be looked at once more.
    pub(super) look_again: bool,
    /// The last one that was asked after in turn.
    last: Option<Key>,
    suspects: BTreeSet<Key>,
    /// Processes that were gone at the last look.
    gone: BTreeMap<Key, u32>,
    /// Looks at the processes so far.
    looks: u32,
}

impl EngineWatch {
    /// The containers to ask after now, of all that there are.
    pub(super) fn sample(&mut self, all: &BTreeSet<Key>) -> Vec<Key> {
        self.suspects.retain(|key| all.contains(key));
        let after = all.iter().filter(|key| self.last.as_ref().is_none_or(|last| *key > last));
        let turn: Vec<Key> = after.chain(all.iter()).take(SAMPLE.min(all.len())).cloned().collect();
        if let Some(last) = turn.last() {
            self.last = Some(last.clone());
        }
        let sample: BTreeSet<Key> = self.suspects.iter().take(SUSPECTS).cloned().chain(turn).collect();
        sample.into_iter().collect()
    }

    /// The engine did not answer for this one.
    pub(super) fn suspect(&mut self, key: Key) {
        self.suspects.insert(key);
    }

    /// The engine was asked for these, and did not answer for some of them.
    pub(super) fn checked(&mut self, asked: &[Key], unanswered: Vec<Key>) {
        for key in asked {
            self.suspects.remove(key);
        }
        self.suspects.extend(unanswered);
    }

    /// Whether the look at the processes that begins now is to be a thorough one: now and then, and after one that missed
    /// some. A process that waits to be reaped looks alive to the others.
    pub(super) fn begins_thorough_look(&mut self) -> bool {
        self.looks = (self.looks + 1) % LOOKS;
        self.looks == 0 || !self.gone.is_empty()
    }

    /// Takes in whose process is gone now; those of whom it was so at the look before as well. What ends in between is
    /// told by the engine's event, and no news.
    pub(super) fn gone(&mut self, now: BTreeMap<Key, u32>) -> Vec<(Key, u32)> {
        let still = now.iter().filter(|(key, pid)| self.gone.get(*key) == Some(*pid));
        let still = still.map(|(key, pid)| (key.clone(), *pid)).collect();
        self.gone = now;
        still
    }
}

#[cfg(test)]
mod tests {
    use throng_common::ids::NodeName;

    use super::*;

    fn key(index: u32) -> Key {
        Key { cluster: "c-x7k2".parse().unwrap(), node: NodeName::new("worker".parse().unwrap(), index) }
    }

    fn keys(count: u32) -> BTreeSet<Key> {
        (0..count).map(key).collect()
    }

    #[test]
    fn all_are_asked_after_by_and_by_and_none_while_there_are_none() {
        let mut watch = EngineWatch::default();
        let mut seen = BTreeSet::new();
        for _ in 0..5 {
            let sample = watch.sample(&keys(9));
            assert_eq!(sample.len(), SAMPLE);
            seen.extend(sample);
        }
        assert_eq!(seen, keys(9));
        assert_eq!(watch.sample(&BTreeSet::new()), []);
        assert_eq!(watch.sample(&keys(1)), [key(0)]);
    }

    #[test]
    fn every_other_look_is_thorough_and_so_is_the_one_after_a_process_was_gone() {
        let mut watch = EngineWatch::default();
        let looks: Vec<bool> = (0..12).map(|_| watch.begins_thorough_look()).collect();
        assert_eq!(looks.iter().filter(|thorough| **thorough).count(), 6);
        watch.gone(BTreeMap::from([(key(1), 7)]));
        assert!(watch.begins_thorough_look());
        assert_eq!(watch.gone(BTreeMap::from([(key(1), 7)])), [(key(1), 7)]);
    }

    #[test]
    fn one_that_got_no_answer_is_asked_after_each_time_until_it_has_one_or_is_gone() {
        let mut watch = EngineWatch::default();
        watch.checked(&[key(7)], vec![key(7)]);
        for _ in 0..5 {
            assert!(watch.sample(&keys(9)).contains(&key(7)));
        }
        watch.checked(&[key(7)], vec![]);
        assert_eq!(watch.sample(&keys(3)).len(), SAMPLE);
        watch.suspect(key(8));
        assert!(!watch.sample(&keys(3)).contains(&key(8)), "it is gone");
    }

    #[test]
    fn a_process_that_is_gone_counts_the_second_time() {
        let mut watch = EngineWatch::default();
        let gone = |pid| BTreeMap::from([(key(1), pid)]);
        assert_eq!(watch.gone(gone(5)), []);
        assert_eq!(watch.gone(gone(6)), [], "another process of the same node");
        assert_eq!(watch.gone(gone(6)), [(key(1), 6)]);
        assert_eq!(watch.gone(BTreeMap::new()), []);
        assert_eq!(watch.gone(gone(6)), []);
    }
}
