//! The judgement. Pure.

use std::collections::{BTreeMap, BTreeSet};

use throng_common::ids::{HostId, NodeName};
use throng_common::nodeset::NodeSet;
use throng_common::status::{ReasonKind, UnixMillis};
use throng_common::verdict::Verdict;

use super::evidence;
use super::pressure::{Finding, Maker, What, findings};
use super::thresholds::MARGIN;
use super::witness::{End, Window, Witness};
use crate::report::model::{Cause, Failure, StepReport, TestReport};

/// A verdict in the place of FAIL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// INVALID or SUSPECT.
    pub verdict: Verdict,
    /// One line that a person can check.
    pub evidence: String,
}

/// A failure that is a matter of time.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Late {
    /// The nodes that were late; empty: the cluster as a whole.
    nodes: BTreeSet<NodeName>,
    /// The time in which it failed.
    window: Window,
    /// Throng itself lost the host: that is excuse enough.
    is_lost: bool,
}

/// Judges a test that failed. None: it stands as it is, because a failure of it is no matter of time, or one that is has
/// no excuse.
pub fn judge(test: &TestReport, places: &BTreeMap<NodeName, HostId>, witness: &Witness) -> Option<Judgement> {
    let lates = lates(test)?;
    // What ended before the test has had its time to come back.
    let ends: Vec<End> = witness.ends.iter().filter(|end| end.at >= test.started_at).cloned().collect();
    let witness = &Witness { ends, ..witness.clone() };
    let excuses: Vec<Judgement> = lates.iter().map(|late| excuse(late, places, witness)).collect::<Option<_>>()?;
    // The weaker excuse counts for all: what nodes may have made themselves is not waved through.
    let weakest = excuses.iter().find(|excuse| excuse.verdict == Verdict::Suspect).or(excuses.first());
    weakest.cloned()
}

/// Whether every failure of a test is a matter of time.
pub fn is_late_only(test: &TestReport) -> bool {
    lates(test).is_some()
}

/// All failures of a test, if every one of them is a matter of time.
fn lates(test: &TestReport) -> Option<Vec<Late>> {
    let whole = Window { from: test.started_at, to: UnixMillis(test.started_at.0 + test.took_millis) };
    let mut lates = Vec::new();
    for step in crate::report::human::failures::failed_steps(&test.steps) {
        for failure in &step.failures {
            lates.push(late(step, failure, whole)?);
        }
    }
    // A test whose time was over between two steps.
    if lates.is_empty() && !test.ended_by.is_empty() {
        lates.push(Late { nodes: BTreeSet::new(), window: whole, is_lost: false });
    }
    Some(lates).filter(|lates| !lates.is_empty())
}

fn late(step: &StepReport, failure: &Failure, whole: Window) -> Option<Late> {
    if !failure.cause.is_lateness() {
        return None;
    }
    let nodes = if failure.count == 0 { NodeSet::default() } else { failure.nodes.parse::<NodeSet>().ok()? };
    let own = Window { from: step.started_at, to: UnixMillis(step.started_at.0 + step.took_millis) };
    // A step that was cut off may have had too little time left by what was before it.
    let window = if step.attempts == 0 { Window { to: own.to, ..whole } } else { own };
    Some(Late { nodes: nodes.iter().collect(), window, is_lost: failure.cause == Cause::HostLost })
}

/// What excuses a lateness: on every host that had a part in it; of the cluster as a whole, on one.
fn excuse(late: &Late, places: &BTreeMap<NodeName, HostId>, witness: &Witness) -> Option<Judgement> {
    if late.is_lost {
        let hosts: BTreeSet<&HostId> = late.nodes.iter().filter_map(|node| places.get(node)).collect();
        let hosts: Vec<&str> = hosts.into_iter().map(HostId::as_str).collect();
        let evidence = format!("throng itself lost {} in the midst of a step", hosts.join(", "));
        return Some(Judgement { verdict: Verdict::Invalid, evidence });
    }
    if late.nodes.is_empty() {
        let hosts: BTreeSet<&HostId> = places.values().collect();
        let nodes = BTreeSet::new();
        let found = hosts.into_iter().filter_map(|host| excuse_on(host, &nodes, late.window, witness));
        // The stronger excuse of several hosts that depend on each other.
        return found.min_by_key(|excuse| excuse.verdict == Verdict::Suspect);
    }
    let mut by_host: BTreeMap<&HostId, BTreeSet<NodeName>> = BTreeMap::new();
    for node in &late.nodes {
        by_host.entry(places.get(node)?).or_default().insert(node.clone());
    }
    let excuses: Vec<Judgement> = by_host
        .into_iter()
        .map(|(host, nodes)| excuse_on(host, &nodes, late.window, witness))
        .collect::<Option<_>>()?;
    excuses.into_iter().max_by_key(|excuse| excuse.verdict == Verdict::Suspect)
}

fn excuse_on(host: &HostId, nodes: &BTreeSet<NodeName>, window: Window, witness: &Witness) -> Option<Judgement> {
    let known = witness.hosts.get(host)?;
    let found = findings(known, nodes, window);
    let memory_was_short = found.iter().any(|finding| matches!(finding.what, What::Memory(_) | What::OomKill { .. }));
    // A node that ends by itself is not late: it is gone, and late when it comes back.
    let is_own_end = |end: &End| {
        let excused = end.kind == ReasonKind::OutOfMemory && memory_was_short;
        nodes.contains(&end.node) && end.at <= window.to && !excused
    };
    if witness.ends.iter().any(is_own_end) {
        return None;
    }
    let decisive = decisive(&found)?;
    let verdict = match decisive.maker {
        Maker::Others => Verdict::Invalid,
        Maker::Nodes | Maker::Unknown => Verdict::Suspect,
    };
    Some(Judgement { verdict, evidence: evidence::line(host, known, decisive, window.with_margin(MARGIN)) })
}

/// The finding that says most: one that others made, and of those the one that lasted longest. Of pressures that the
/// nodes made beside one that others made, that of others is enough: without it, it is not known how the test would
/// have ended.
fn decisive(found: &[Finding]) -> Option<&Finding> {
    found.iter().max_by_key(|finding| (finding.maker == Maker::Others, finding.lasted))
}
