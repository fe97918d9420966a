//! Counting a role's nodes in three columns: pure.

use std::collections::{BTreeMap, BTreeSet};

use throng_common::ids::{NodeName, RoleName};
use throng_common::nodeset::NodeSet;
use throng_common::status::{NodePhase, NodeStatus, UnixMillis};
use tokio::time::Instant;

use super::sighting::Sighting;

/// What the system under test says of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeenColumn {
    /// It knows the node.
    Yes,
    /// It does not.
    No,
    /// It says how many it knows, and not which.
    Unknown,
    /// It has not answered, or in a way that cannot be used.
    Unanswered,
    /// The role does not say how to ask.
    NotAsked,
}

impl SeenColumn {
    /// The word in tables.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
            Self::Unanswered => "unanswered",
            Self::NotAsked => "none",
        }
    }
}

/// What the system under test last said of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// What it said; none: it has not answered yet, or its answer could not be read.
    pub sighting: Option<Sighting>,
    /// Why there is no sighting, as a sentence: "the system under test did not answer: …".
    pub problem: Option<String>,
    /// When it was asked: of what happened later, the answer may know nothing.
    pub asked: Instant,
    /// The same by the wall clock, which may be set at any time: for people.
    pub at: UnixMillis,
}

/// What there is of a role's third column.
#[derive(Debug, Clone, Copy)]
pub enum Said<'a> {
    /// The role does not say how to ask.
    NotAsked,
    /// Nobody has answered yet.
    Nothing,
    /// The last answer.
    Column(&'a Column),
}

/// A role's nodes, counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleMembership {
    /// The role.
    pub role: RoleName,
    /// How many are wanted.
    pub desired: u32,
    /// How many run.
    pub running: u32,
    /// How many are ready.
    pub ready: u32,
    /// How many the system under test knows, 0 where it has not said; none: the role does not say how to ask.
    pub seen: Option<u64>,
    /// Why the system under test has not said how many it knows, as a sentence; none: it has, or is not asked.
    pub seen_problem: Option<String>,
    /// Wanted ones that are not ready, or that the system under test does not know, as far as names are known.
    pub missing: NodeSet,
    /// What stands in the way of how many: "starting", "out of memory: …", "not seen". Of no node where the system under
    /// test has not said which it knows. Never empty while fewer are up than wanted.
    pub reasons: BTreeMap<String, NodeSet>,
    /// Those of them that will not come up by themselves any more: they failed, or wait for one that did.
    pub failed: NodeSet,
    /// For a reason to which nodes have something of their own to say: one of them, and what it says.
    pub instances: BTreeMap<String, (NodeName, String)>,
}

impl RoleMembership {
    /// How many of the wanted nodes are there: ready, and seen where the role says how to ask.
    pub fn up(&self) -> u32 {
        let seen = self.seen.map_or(u32::MAX, |seen| u32::try_from(seen).unwrap_or(u32::MAX));
        self.ready.min(seen).min(self.desired - u32::try_from(self.missing.len()).unwrap_or(u32::MAX).min(self.desired))
    }

    /// Counts.
    pub fn count<'s>(
        role: &RoleName,
        wanted: &BTreeSet<NodeName>,
        status: impl Fn(&NodeName) -> Option<&'s NodeStatus>,
        said: Said<'_>,
    ) -> Self {
        let mut counted = Self {
            role: role.clone(),
            desired: u32::try_from(wanted.len()).unwrap_or(u32::MAX),
            running: 0,
            ready: 0,
            seen: None,
            seen_problem: None,
            missing: NodeSet::default(),
            reasons: BTreeMap::new(),
            failed: NodeSet::default(),
            instances: BTreeMap::new(),
        };
        let sighting = match said {
            Said::NotAsked | Said::Nothing => None,
            Said::Column(column) => column.sighting.as_ref(),
        };
        counted.seen = match (said, sighting) {
            (Said::NotAsked, _) => None,
            (_, None) => Some(0),
            (_, Some(Sighting::Names(names))) => Some(names.intersection(wanted).count() as u64),
            (_, Some(Sighting::Count(count))) => Some(*count),
        };
        for node in wanted {
            let status = status(node);
            counted.running += u32::from(status.is_some_and(|status| status.phase.is_running()));
            let ready = status.is_some_and(|status| status.phase == NodePhase::Ready);
            counted.ready += u32::from(ready);
            let unseen = matches!(sighting, Some(Sighting::Names(names)) if !names.contains(node));
            if !ready {
                counted.missing.insert(node);
                if status.is_some_and(|status| status.phase == NodePhase::Failed) {
                    counted.failed.insert(node);
                }
                let why = obstacle(status);
                if let Some(detail) = status.and_then(own_of).filter(|_| !counted.instances.contains_key(&why)) {
                    counted.instances.insert(why.clone(), (node.clone(), detail));
                }
                counted.reasons.entry(why).or_default().insert(node);
            } else if unseen {
                counted.missing.insert(node);
                counted.reasons.entry("not seen".to_owned()).or_default().insert(node);
            }
        }
        counted.seen_problem = unsaid(said);
        if let Some(why) = counted.seen_problem.clone().or_else(|| counted.short_by_number(sighting)) {
            counted.reasons.insert(why, NodeSet::default());
        }
        counted
    }

    /// Says of nodes that stand still for whom they wait, and whether that one has failed, which they then have too.
    pub(super) fn explain_waiting<'n>(&mut self, before: impl Fn(&NodeName) -> Option<(&'n NodeName, bool)>) {
        for node in self.reasons.remove(phase_word(NodePhase::Stopped)).iter().flat_map(NodeSet::iter) {
            let why = match before(&node) {
                Some((first, false)) => format!("waits until {first} has been prepared"),
                Some((first, true)) => {
                    self.failed.insert(&node);
                    format!("failed: it waits for {first}, which failed")
                }
                None => phase_word(NodePhase::Stopped).to_owned(),
            };
            self.reasons.entry(why).or_default().insert(&node);
        }
    }

    /// What stands in the way of nodes without names.
    pub fn unnamed(&self) -> Option<&str> {
        self.reasons.iter().find(|(_, nodes)| nodes.is_empty()).map(|(why, _)| why.as_str())
    }

    /// That the system under test knows fewer than are ready, where it only counts.
    fn short_by_number(&self, sighting: Option<&Sighting>) -> Option<String> {
        match sighting {
            Some(Sighting::Count(count)) if *count < u64::from(self.ready) => {
                Some(format!("the system under test knows {count} of {}, names unknown", self.desired))
            }
            Some(Sighting::Count(_) | Sighting::Names(_)) | None => None,
        }
    }
}

/// Why the system under test has not said how many it knows.
fn unsaid(said: Said<'_>) -> Option<String> {
    let nothing = "the system under test has not answered yet";
    match said {
        Said::NotAsked | Said::Column(Column { sighting: Some(_), .. }) => None,
        Said::Nothing => Some(nothing.to_owned()),
        Said::Column(Column { sighting: None, problem, .. }) => {
            Some(problem.clone().unwrap_or_else(|| nothing.to_owned()))
        }
    }
}

/// What stands in a node's way, worded alike for nodes with the same obstacle.
fn obstacle(status: Option<&NodeStatus>) -> String {
    let Some(status) = status else { return "not heard of".to_owned() };
    let phase = phase_word(status.phase);
    match &status.reason {
        // On its way to another try: what stands in its way is what ended the last one.
        Some(reason) if matches!(status.phase, NodePhase::Preparing | NodePhase::Backoff) => {
            format!("to be tried again: {}", reason.message)
        }
        Some(reason) => format!("{phase}: {}", reason.message),
        None => phase.to_owned(),
    }
}

/// What is a node's own of its obstacle.
fn own_of(status: &NodeStatus) -> Option<String> {
    status.reason.as_ref().map(|reason| reason.detail.clone()).filter(|detail| !detail.is_empty())
}

/// The word of a phase in tables.
pub(crate) const fn phase_word(phase: NodePhase) -> &'static str {
    match phase {
        NodePhase::Pending => "pending",
        NodePhase::Preparing => "preparing",
        NodePhase::Starting => "starting",
        NodePhase::Ready => "ready",
        NodePhase::Unready => "unready",
        NodePhase::Backoff => "backoff",
        NodePhase::Stopping => "stopping",
        NodePhase::Stopped => "stopped",
        NodePhase::Failed => "failed",
        NodePhase::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use throng_common::status::{Reason, ReasonKind};

    use super::*;
    use crate::cluster::sample;

    fn node(index: u32) -> NodeName {
        NodeName::new("worker".parse().unwrap(), index)
    }

    fn status(index: u32, phase: NodePhase, reason: Option<&str>) -> (NodeName, NodeStatus) {
        let status = NodeStatus {
            phase,
            reason: reason.map(|message| Reason::new(ReasonKind::Exited, message).with_detail(format!("of {index}"))),
            ..sample::ready("c-x7k2", &node(index).to_string())
        };
        (node(index), status)
    }

    fn count(sighting: Option<Sighting>, asked: bool) -> RoleMembership {
        let wanted: BTreeSet<NodeName> = (0..5).map(node).collect();
        let statuses: BTreeMap<NodeName, NodeStatus> = [
            status(0, NodePhase::Ready, None),
            status(1, NodePhase::Ready, None),
            status(2, NodePhase::Failed, Some("exit code 1")),
            status(4, NodePhase::Failed, Some("exit code 1")),
            status(9, NodePhase::Ready, None),
        ]
        .into();
        let problem = sighting.is_none().then(|| "the system under test did not answer: exit code 1".to_owned());
        let column = Column { sighting, problem, asked: Instant::now(), at: UnixMillis(0) };
        let said = if asked { Said::Column(&column) } else { Said::NotAsked };
        RoleMembership::count(&"worker".parse().unwrap(), &wanted, |node| statuses.get(node), said)
    }

    #[test]
    fn missing_nodes_are_named_with_what_is_in_their_way() {
        let counted = count(None, false);
        assert_eq!((counted.desired, counted.running, counted.ready, counted.seen, counted.up()), (5, 2, 2, None, 2));
        assert_eq!(counted.missing.to_string(), "worker-[0002-0004]");
        let reasons: Vec<String> = counted.reasons.iter().map(|(why, nodes)| format!("{nodes} {why}")).collect();
        assert_eq!(reasons, ["worker-[0002,0004] failed: exit code 1", "worker-0003 not heard of"]);
        let instance = (node(2), "of 2".to_owned());
        assert_eq!(counted.instances, BTreeMap::from([("failed: exit code 1".to_owned(), instance)]));
    }

    #[test]
    fn a_node_that_the_system_under_test_does_not_know_is_not_up() {
        let counted = count(Some(Sighting::Names([node(1), node(2), node(9)].into())), true);
        assert_eq!((counted.ready, counted.seen, counted.up()), (2, Some(2), 1));
        assert_eq!(counted.missing.to_string(), "worker-[0000,0002-0004]");
    }

    #[test]
    fn a_count_without_names_bounds_how_many_are_up() {
        assert_eq!(count(Some(Sighting::Count(1)), true).up(), 1);
        assert_eq!(count(Some(Sighting::Count(9)), true).up(), 2);
        assert_eq!(count(None, true).up(), 0, "before the first answer nothing counts as seen");
    }

    #[test]
    fn a_count_that_is_too_low_is_a_reason_without_names() {
        let short = count(Some(Sighting::Count(1)), true);
        assert_eq!(short.unnamed(), Some("the system under test knows 1 of 5, names unknown"));
        assert_eq!(short.seen_problem, None);
        assert_eq!(count(Some(Sighting::Count(2)), true).unnamed(), None, "who is missing has a name");
    }

    #[test]
    fn why_the_system_under_test_did_not_answer_is_a_reason() {
        let silent = count(None, true);
        assert_eq!(silent.unnamed(), Some("the system under test did not answer: exit code 1"));
        assert_eq!(silent.seen_problem.as_deref(), silent.unnamed());
        let unasked = RoleMembership::count(&"worker".parse().unwrap(), &[node(0)].into(), |_| None, Said::Nothing);
        assert_eq!(unasked.unnamed(), Some("the system under test has not answered yet"));
        assert_eq!(count(None, false).seen_problem, None, "who is not asked owes no answer");
    }

    #[test]
    fn those_that_stand_still_say_for_whom_and_have_failed_with_that_one() {
        let wanted: BTreeSet<NodeName> = (0..4).map(node).collect();
        let first = node(0);
        for (phase, said) in [
            (NodePhase::Preparing, "worker-[0001-0002] waits until worker-0000 has been prepared"),
            (NodePhase::Failed, "worker-[0001-0002] failed: it waits for worker-0000, which failed"),
        ] {
            let statuses: BTreeMap<NodeName, NodeStatus> = [
                status(0, phase, None),
                status(1, NodePhase::Stopped, None),
                status(2, NodePhase::Stopped, None),
                status(3, NodePhase::Stopped, None),
            ]
            .into();
            let role = "worker".parse().unwrap();
            let mut counted = RoleMembership::count(&role, &wanted, |node| statuses.get(node), Said::NotAsked);
            counted.explain_waiting(|node| (node.index() < 3).then_some((&first, phase == NodePhase::Failed)));
            let reasons: Vec<String> = counted.reasons.iter().map(|(why, nodes)| format!("{nodes} {why}")).collect();
            assert!(reasons.iter().any(|reason| reason == said), "{reasons:?}");
            assert!(reasons.iter().any(|reason| reason == "worker-0003 stopped"), "it waits for nobody: {reasons:?}");
        }
    }
}
