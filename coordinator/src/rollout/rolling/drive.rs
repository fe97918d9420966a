//! Drives a change to its end: changes what may be changed, waits until it is up again, counts what failed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use throng_common::ids::{NodeName, RoleName};
use throng_common::nodeset::NodeSet;
use throng_common::status::NodePhase;
use throng_failpoints::{Point, hit};
use tokio::time::{Instant, sleep, timeout_at};

use super::plan::{Bound, Next, Standing, next};
use crate::cluster::{ClusterRecord, LiveCluster, SeenColumn, Sighting};
use crate::core::Core;
use crate::operation::{OperationHandle, Phase};
use crate::rollout::failure::RolloutError;
use crate::rollout::wait::{LOOK_INTERVAL, ask, reason_lines};

/// The longest time between two looks: what the system under test says of a node changes without a word of ours.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Changes nodes of a cluster, one role after the other in the order of their dependencies.
pub(super) struct Drive<'a> {
    pub(super) core: &'a Arc<Core>,
    pub(super) cluster: &'a Arc<LiveCluster>,
    pub(super) operation: &'a OperationHandle,
    pub(super) bound: Bound,
    /// The word of the phases: "restart", "update".
    pub(super) verb: &'static str,
}

impl Drive<'_> {
    /// Changes these nodes. `change` notes in the record what is meant for nodes whose turn has come; that they begin
    /// anew, this adds.
    pub(super) async fn run(
        &self,
        nodes: &BTreeSet<NodeName>,
        change: impl Fn(&mut ClusterRecord, &BTreeSet<NodeName>),
    ) -> Result<(), RolloutError> {
        let waves = self.cluster.record().plan.waves.clone();
        let mut changed = BTreeSet::new();
        for role in waves.into_iter().flatten() {
            let of_role: BTreeSet<NodeName> = nodes.iter().filter(|node| *node.role() == role).cloned().collect();
            if of_role.is_empty() {
                continue;
            }
            let mut phase = self.operation.phase(format!("{} {role}", self.verb), of_role.len() as u64);
            let mut turns = Turns::new(self, role, of_role);
            let ended = turns.take(&mut phase, &change).await;
            changed.extend(turns.changed());
            phase.end(ended.is_ok(), turns.summary());
            ended.map_err(|stop| self.error(stop, &turns, nodes, &changed))?;
        }
        Ok(())
    }

    fn error(
        &self,
        stop: Stop,
        turns: &Turns<'_>,
        nodes: &BTreeSet<NodeName>,
        changed: &BTreeSet<NodeName>,
    ) -> RolloutError {
        let set = |nodes: BTreeSet<&NodeName>| nodes.into_iter().collect::<NodeSet>();
        let untouched = set(nodes.iter().filter(|node| !changed.contains(node) && !turns.is_begun(node)).collect());
        let said = |count: usize, set: &NodeSet, words: &str| match count {
            0 => String::new(),
            1 => format!("  1 {words}: {set}\n"),
            count => format!("  {count} {words}: {set}\n"),
        };
        let (done, left) = (set(changed.iter().collect()), untouched);
        let standing = said(done.len(), &done, "changed and up again") + &said(left.len(), &left, "as before");
        let standing = standing.trim_end().to_owned();
        match stop {
            Stop::Core(error) => error,
            Stop::Cancelled => RolloutError::Halted { standing },
            Stop::Failed => {
                RolloutError::Stopped { failed: turns.failed(), allowed: self.bound.failed, why: turns.why(), standing }
            }
        }
    }
}

/// Why it ended before its end.
enum Stop {
    Core(RolloutError),
    Cancelled,
    Failed,
}

/// The nodes of one role, and whose turn it is.
struct Turns<'a> {
    drive: &'a Drive<'a>,
    role: RoleName,
    standings: BTreeMap<NodeName, Standing>,
    /// Until when those under way must be up.
    deadlines: BTreeMap<NodeName, Instant>,
    /// Since when those under way answer their probe.
    ready: BTreeMap<NodeName, Instant>,
}

impl<'a> Turns<'a> {
    fn new(drive: &'a Drive<'a>, role: RoleName, nodes: BTreeSet<NodeName>) -> Self {
        let standings = nodes.into_iter().map(|node| (node, Standing::Waiting { up: false })).collect();
        Self { drive, role, standings, deadlines: BTreeMap::new(), ready: BTreeMap::new() }
    }

    async fn take(
        &mut self,
        phase: &mut Phase,
        change: &impl Fn(&mut ClusterRecord, &BTreeSet<NodeName>),
    ) -> Result<(), Stop> {
        let Drive { core, cluster, operation, bound, .. } = *self.drive;
        let begun = Instant::now();
        let _asking = ask(core, cluster, [self.role.clone()]);
        tokio::select! {
            () = operation.cancelled().cancelled() => return Err(Stop::Cancelled),
            () = self.await_first_answer(begun) => {}
        }
        let mut changes = cluster.watch();
        loop {
            changes.mark_unchanged();
            self.look();
            phase.progress(self.changed().count() as u64, self.describe());
            match next(&self.standings, self.others_down(), bound) {
                Next::Finished => return Ok(()),
                Next::Stop => return Err(Stop::Failed),
                Next::Change(nodes) => {
                    if operation.cancelled().is_cancelled() {
                        return Err(Stop::Cancelled);
                    }
                    cluster.edit(|record| {
                        change(record, &nodes);
                        record.begin_anew(&nodes);
                    });
                    self.begin(nodes);
                    core.publish(cluster).await.map_err(|error| Stop::Core(error.into()))?;
                    hit(Point::TurnTold);
                }
                Next::Wait => {
                    tokio::select! {
                        () = operation.cancelled().cancelled() => return Err(Stop::Cancelled),
                        // The channel lives as long as the cluster; a deadline is looked at anew.
                        _ = timeout_at(Instant::now() + LOOK_AGAIN, changes.changed()) => sleep(LOOK_INTERVAL).await,
                    }
                }
            }
        }
    }

    /// A node of which the system under test has said nothing yet is not down for that.
    async fn await_first_answer(&self, begun: Instant) {
        let cluster = self.drive.cluster;
        let asked = cluster.record().scenario.role.get(&self.role).is_some_and(|role| role.seen.is_some());
        let deadline = Instant::now() + self.timeout();
        while asked && Instant::now() < deadline {
            if cluster.column(&self.role).is_some_and(|column| column.sighting.is_some() && column.asked >= begun) {
                return;
            }
            sleep(LOOK_INTERVAL).await;
        }
    }

    fn timeout(&self) -> Duration {
        let record = self.drive.cluster.record();
        let plan = record.pending.as_ref().map_or(&record.plan, |pending| &pending.plan);
        plan.roles.get(&self.role).map_or(Duration::from_secs(300), |role| role.timeout.0)
    }

    fn begin(&mut self, nodes: BTreeSet<NodeName>) {
        let deadline = Instant::now() + self.timeout();
        for node in nodes {
            self.deadlines.insert(node.clone(), deadline);
            self.ready.remove(&node);
            self.standings.insert(node, Standing::Changing);
        }
    }

    /// Brings the standings up to date.
    fn look(&mut self) {
        let record = self.drive.cluster.record();
        let now = Instant::now();
        for (node, standing) in &mut self.standings {
            let status = self.drive.cluster.status(node);
            match standing {
                Standing::Waiting { up } => {
                    let ready = status.is_some_and(|status| status.phase == NodePhase::Ready);
                    *up = ready && is_seen(self.drive.cluster, node, None);
                }
                Standing::Changing => {
                    let wanted = record.incarnations.get(node).copied().unwrap_or_default();
                    let phase = status.filter(|status| status.incarnation >= wanted).map(|status| status.phase);
                    if phase == Some(NodePhase::Ready) {
                        let since = *self.ready.entry(node.clone()).or_insert(now);
                        if is_seen(self.drive.cluster, node, Some(since)) {
                            hit(Point::TurnUp);
                            *standing = Standing::Changed;
                            continue;
                        }
                    } else {
                        self.ready.remove(node);
                    }
                    let late = self.deadlines.get(node).is_none_or(|deadline| *deadline < Instant::now());
                    if late || phase == Some(NodePhase::Failed) {
                        *standing = Standing::Failed;
                    }
                }
                Standing::Changed | Standing::Failed => {}
            }
        }
    }

    /// Nodes of the role that are not to be changed, or were and are up no more, and are down.
    fn others_down(&self) -> u32 {
        let cluster = self.drive.cluster;
        let is_down = |node: &&NodeName| {
            let status = cluster.status(node);
            status.is_none_or(|status| status.phase != NodePhase::Ready)
        };
        let others = cluster.nodes().into_iter().filter(|node| {
            *node.role() == self.role && self.standings.get(node).is_none_or(|standing| *standing == Standing::Changed)
        });
        let down = others.collect::<Vec<_>>();
        u32::try_from(down.iter().filter(is_down).count()).unwrap_or(u32::MAX)
    }

    fn with(&self, wanted: Standing) -> impl Iterator<Item = NodeName> {
        self.standings.iter().filter(move |(_, standing)| **standing == wanted).map(|(node, _)| node.clone())
    }

    fn changed(&self) -> impl Iterator<Item = NodeName> {
        self.with(Standing::Changed)
    }

    fn failed(&self) -> u32 {
        u32::try_from(self.with(Standing::Failed).count()).unwrap_or(u32::MAX)
    }

    /// Whether a node of this role was changed, whatever came of it.
    fn is_begun(&self, node: &NodeName) -> bool {
        self.standings.get(node).is_some_and(|standing| !matches!(standing, Standing::Waiting { .. }))
    }

    fn describe(&self) -> String {
        let waiting: NodeSet = self.with(Standing::Changing).collect();
        if waiting.is_empty() { String::new() } else { format!("waiting for {waiting}") }
    }

    fn summary(&self) -> String {
        let changed = self.changed().count();
        match self.failed() {
            0 => format!("{changed} of {}", self.standings.len()),
            failed => format!("{changed} of {}, {failed} failed", self.standings.len()),
        }
    }

    /// What is in the way of those that failed.
    fn why(&self) -> String {
        let failed: BTreeSet<NodeName> = self.with(Standing::Failed).collect();
        let counted = self.drive.cluster.membership(&self.role);
        let mut reasons: BTreeMap<String, NodeSet> = BTreeMap::new();
        for (why, nodes) in &counted.reasons {
            let these: NodeSet = nodes.iter().filter(|node| failed.contains(node)).collect();
            if !these.is_empty() {
                reasons.insert(why.clone(), these);
            }
        }
        if reasons.is_empty() {
            let why = counted.unnamed().unwrap_or("not up in time");
            reasons.insert(why.to_owned(), failed.into_iter().collect());
        }
        reason_lines(&reasons, &counted.instances)
    }
}

/// Whether the system under test knows a node, where its role says how to ask; by an answer to a question of after `since`,
/// or by any.
fn is_seen(cluster: &LiveCluster, node: &NodeName, since: Option<Instant>) -> bool {
    let fresh = cluster.column(node.role()).filter(|column| since.is_none_or(|since| column.asked > since));
    match cluster.seen(node) {
        SeenColumn::NotAsked => true,
        SeenColumn::Yes => fresh.is_some(),
        SeenColumn::No | SeenColumn::Unanswered => false,
        // It only counts: all that are ready must be among those that it knows.
        SeenColumn::Unknown => match fresh.and_then(|column| column.sighting) {
            Some(Sighting::Count(seen)) => seen >= u64::from(cluster.membership(node.role()).ready),
            Some(Sighting::Names(_)) | None => false,
        },
    }
}
