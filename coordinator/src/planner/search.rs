//! At how many nodes each limit breaks.

use std::collections::{BTreeMap, BTreeSet};

use super::assess::Assessor;
use super::limit::LimitName;

/// The limits that break within what is looked at, each with the lowest count of the largest role that exceeds it.
pub(super) type BreaksAt = BTreeMap<LimitName, u32>;

/// Looks from 0 to the highest count that can be judged. It relies on this: what breaks at a count breaks at every higher one.
pub(super) fn breaks_at(assessor: &Assessor<'_>) -> BreaksAt {
    let count = assessor.needs[assessor.largest].role.count;
    let ceiling = assessor.ceiling;
    let mut found = BreaksAt::new();
    let mut low = (0, assessor.broken(0));
    found.extend(low.1.iter().map(|name| (name.clone(), 0)));
    let mut next = count.clamp(1, ceiling);
    loop {
        let high = (next, assessor.broken(next));
        between(assessor, &low, &high, &mut found);
        if next == ceiling {
            return found;
        }
        low = high;
        next = next.saturating_mul(2).min(ceiling);
    }
}

/// A count with the limits that it breaks.
type Probe = (u32, BTreeSet<LimitName>);

/// Finds the counts of all limits that hold at `low` and break at `high`: halves the distance as long as they differ.
fn between(assessor: &Assessor<'_>, low: &Probe, high: &Probe, found: &mut BreaksAt) {
    if high.1.is_subset(&low.1) {
        return;
    }
    if high.0 - low.0 == 1 {
        found.extend(high.1.difference(&low.1).map(|name| (name.clone(), high.0)));
        return;
    }
    let count = low.0 + (high.0 - low.0) / 2;
    let middle = (count, assessor.broken(count));
    between(assessor, low, &middle, found);
    between(assessor, &middle, high, found);
}
