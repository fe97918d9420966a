//! Looking at everything that there is of this fleet's nodes: after a start of the agent, and whenever the engine's
//! events were missed. One labelled list; no call per container that the ledger and /proc can answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use futures_util::stream::{self, StreamExt as _};
use throng_common::error_chain::chain;
use throng_common::host_spec::StopSpec;
use throng_common::status::Reason;
use throng_failpoints::{Fault, planted};

use super::super::command::{Found, Key, Remembered, Unseen};
use super::super::node_state::{DEFAULT_STOP, Presence, Running};
use super::ended::{end_reason, is_failure, still_runs, vanished};
use super::engine::{engine_reason, in_time};
use super::host::Host;
use crate::host::engine::labels;
use crate::host::engine::model::{ContainerId, ContainerPhase, ContainerState, ContainerSummary};
use crate::ledger::NodeRecord;
use crate::resources::container::plan::container_name;

/// Containers that are looked at closely at once: of an engine that does not answer for some, none waits for the other.
const LOOKS_AT_ONCE: usize = 8;

/// What a look came to.
#[derive(Debug)]
pub struct Looked {
    /// Every node of which there is something.
    pub found: Vec<Found>,
    /// What could not be seen.
    pub unseen: Unseen,
}

impl Host {
    /// Looks at everything. An engine that does not answer leaves containers as the kernel shows them: those whose
    /// process lives run, the others are unknown, never gone.
    pub async fn look(self: &Arc<Self>) -> Looked {
        let records = self.parts.ledger.nodes().unwrap_or_else(|error| {
            tracing::error!(error = %chain(&error), "the ledger cannot be read: what runs is looked up one by one");
            Vec::new()
        });
        let records: BTreeMap<Key, NodeRecord> = records
            .into_iter()
            .map(|record| (Key { cluster: record.cluster.clone(), node: record.node.clone() }, record))
            .collect();
        let (mut found, mut unseen) = self.look_at_processes(&records).await;
        for reason in unseen.of_processes() {
            tracing::error!(%reason, "process nodes cannot be looked at: they are left as they are");
        }
        let label = format!("{}={}", labels::FLEET, self.parts.fleet);
        // An agent takes no orders before its first look.
        let listed = in_time(&label, self.parts.engine.list(&label)).await;
        if planted(Fault::TakeForeignContainer) {
            for foreign in self.parts.engine.list("throng.look-alike").await.unwrap_or_default() {
                let _ = self.parts.engine.remove(&foreign.id).await;
            }
        }
        unseen.containers = match listed {
            Ok(containers) => {
                self.has_listed();
                self.engine_is_back(crate::clock::now());
                unseen.strays = self.strays(&containers).await;
                let hangs = OnceLock::new();
                let looks = containers.iter().map(|container| self.look_at_container(container, &records, &hangs));
                let looks = stream::iter(looks.collect::<Vec<_>>()).buffer_unordered(LOOKS_AT_ONCE);
                found.extend(looks.filter_map(std::future::ready).collect::<Vec<_>>().await);
                None
            }
            Err(error) => {
                let reason = engine_reason(&error);
                found.extend(records.iter().filter_map(|(key, record)| self.by_kernel(key, record, &reason)));
                Some(reason)
            }
        };
        found.extend(self.remains(&records, &found, &unseen));
        Looked { found, unseen }
    }

    /// Nodes whose containers do not run by the engine's word, and have processes by the kernel's: an engine that was killed
    /// over a start knows nothing of what it began.
    async fn strays(self: &Arc<Self>, containers: &[ContainerSummary]) -> BTreeSet<Key> {
        let own = |container: &ContainerSummary| {
            // What is left of a prepare container is seen when the node starts or goes.
            let key = key_of(container)?;
            let is_own = container.name == container_name(&key.cluster, &key.node) && !container.state.has_process();
            is_own.then(|| (container.id.clone(), key))
        };
        let idle: BTreeMap<ContainerId, Key> = containers.iter().filter_map(own).collect();
        match self.strays_of(idle.keys().cloned().collect()).await {
            Ok(strays) => idle.into_iter().filter_map(|(id, key)| strays.contains(&id).then_some(key)).collect(),
            Err(failure) => {
                tracing::error!(reason = %failure.reason, "what lives of containers that do not run cannot be seen");
                BTreeSet::new()
            }
        }
    }

    /// What the kernel shows of a recorded container node; none of a process node.
    fn by_kernel(&self, key: &Key, record: &NodeRecord, silence: &Reason) -> Option<Found> {
        let container = ContainerId(record.container_id.clone()?);
        let presence = self.living_pid(Some(record)).map(|pid| {
            let (digest, stop) = (record.digest.clone(), stop_of(Some(record)));
            Presence::Running(Running { container: Some(container), image_id: None, pid, digest, stop })
        });
        let reason = presence.is_none().then(|| vanished(silence));
        let presence = presence.unwrap_or(Presence::Unknown);
        let of_earlier_boot = self.is_of_earlier_boot(record);
        Some(Found { key: key.clone(), presence, remembered: Some(remembered(record)), reason, of_earlier_boot })
    }

    async fn look_at_container(
        &self,
        container: &ContainerSummary,
        records: &BTreeMap<Key, NodeRecord>,
        hangs: &OnceLock<Reason>,
    ) -> Option<Found> {
        let key = key_of(container)?;
        // A prepare container is no node; one that was left is removed when the node starts or goes.
        if container.name != container_name(&key.cluster, &key.node) {
            self.note_prepare(&key);
            return None;
        }
        let record = records.get(&key).filter(|record| record.container_id.as_deref() == Some(container.id.as_str()));
        let digest = container.label(labels::SPEC).unwrap_or_default().to_owned();
        let id = container.id.clone();
        let (presence, reason) = match container.state {
            ContainerPhase::Created => (Presence::Created { container: id, digest }, None),
            state if state.has_process() => match self.living_pid(record) {
                Some(pid) => {
                    let (image_id, stop) = (container.image_id.clone(), stop_of(record));
                    let running = Running { container: Some(id), image_id, pid, digest, stop };
                    (Presence::Running(running), None)
                }
                None => self.look_closely(&id, record, hangs).await,
            },
            _ => self.look_closely(&id, record, hangs).await,
        };
        // What runs was started since, by whomever.
        let of_earlier_boot =
            !matches!(presence, Presence::Running(_)) && record.is_some_and(|record| self.is_of_earlier_boot(record));
        Some(Found { key, presence, remembered: record.map(remembered), reason, of_earlier_boot })
    }

    /// `hangs`: why one that was asked after before had no answer in time. Nobody waits for another.
    async fn look_closely(
        &self,
        id: &ContainerId,
        record: Option<&NodeRecord>,
        hangs: &OnceLock<Reason>,
    ) -> (Presence, Option<Reason>) {
        if let Some(reason) = hangs.get() {
            return (Presence::Unknown, Some(reason.clone()));
        }
        match in_time(id.as_str(), self.parts.engine.inspect(id.as_str())).await {
            Ok(state) if self.claims_to_run(&state) => (Presence::Unknown, Some(still_runs(id))),
            Ok(state) => {
                let with_engine = self.ended_with_engine(&state).await;
                match (presence_of(state, record), with_engine) {
                    // Whatever its exit code: one that heeds the signal ends well, and was to run on all the same.
                    ((Presence::Ended { container, digest, .. }, _), Some(why)) => {
                        (Presence::Ended { container, digest, failed: true }, Some(why))
                    }
                    ((presence, reason), _) => (presence, reason),
                }
            }
            Err(error) if error.is_not_found() => (Presence::Absent, None),
            Err(error) if error.is_hung() => {
                let reason = hangs.get_or_init(|| engine_reason(&error));
                (Presence::Unknown, Some(reason.clone()))
            }
            Err(error) => (Presence::Unknown, Some(engine_reason(&error))),
        }
    }

    /// Nodes that the ledger knows and of which nothing runs: their ramdisks, folders and records may be left, by an agent
    /// that died after it had removed their container.
    fn remains(&self, records: &BTreeMap<Key, NodeRecord>, found: &[Found], unseen: &Unseen) -> Vec<Found> {
        let absent = |(key, record): (&Key, &NodeRecord)| Found {
            key: key.clone(),
            presence: Presence::Absent,
            remembered: Some(remembered(record)),
            reason: None,
            of_earlier_boot: self.is_of_earlier_boot(record),
        };
        not_found(records, found, unseen).map(absent).collect()
    }

    /// Whether a node was started in an earlier boot than this.
    pub(super) fn is_of_earlier_boot(&self, record: &NodeRecord) -> bool {
        record.boot_id != self.parts.boot_id
    }

    /// The process of a record, if it still lives: same boot, same pid, same start.
    pub(super) fn living_pid(&self, record: Option<&NodeRecord>) -> Option<u32> {
        let record = record.filter(|record| record.boot_id == self.parts.boot_id)?;
        let stat = self.parts.procs.stat(record.pid).ok()?;
        (stat.start_ticks == record.pid_start_ticks && stat.state != 'Z').then_some(record.pid)
    }
}

/// The node that a container bears the labels of.
fn key_of(container: &ContainerSummary) -> Option<Key> {
    let cluster = container.label(labels::CLUSTER)?.parse().ok()?;
    let node = container.label(labels::NODE)?.parse().ok()?;
    Some(Key { cluster, node })
}

/// Recorded nodes of which nothing was found where all that there is was seen.
fn not_found<'a>(
    records: &'a BTreeMap<Key, NodeRecord>,
    found: &[Found],
    unseen: &Unseen,
) -> impl Iterator<Item = (&'a Key, &'a NodeRecord)> {
    let known: BTreeSet<Key> = found.iter().map(|found| &found.key).chain(unseen.nodes.keys()).cloned().collect();
    let (containers, processes) = (unseen.containers.is_none(), unseen.processes.is_none());
    let looked_for = move |record: &NodeRecord| if record.container_id.is_some() { containers } else { processes };
    records.iter().filter(move |(key, record)| looked_for(record) && !known.contains(*key))
}

/// What a container's state says of its node.
pub(super) fn presence_of(state: ContainerState, record: Option<&NodeRecord>) -> (Presence, Option<Reason>) {
    let digest = state.labels.get(labels::SPEC).cloned().unwrap_or_default();
    match state.pid.filter(|_| state.phase.has_process()) {
        Some(pid) => {
            let (container, image_id, stop) = (Some(state.id), state.image_id, stop_of(record));
            (Presence::Running(Running { container, image_id, pid, digest, stop }), None)
        }
        None if state.phase == ContainerPhase::Created => (Presence::Created { container: state.id, digest }, None),
        None => {
            let (reason, failed) = (end_reason(&state), is_failure(&state));
            (Presence::Ended { container: Some(state.id), digest, failed }, Some(reason))
        }
    }
}

/// How a node is to be stopped that was found running.
pub(super) fn stop_of(record: Option<&NodeRecord>) -> StopSpec {
    record.and_then(|record| record.stop.clone()).unwrap_or(DEFAULT_STOP)
}

pub(super) fn remembered(record: &NodeRecord) -> Remembered {
    Remembered { incarnation: record.incarnation, restarts: record.restarts, started_at: record.started_at }
}

#[cfg(test)]
mod tests {
    use throng_common::ids::Incarnation;
    use throng_common::status::UnixMillis;

    use super::*;

    fn record(node: &str, container: Option<&str>) -> (Key, NodeRecord) {
        let (cluster, node): (throng_common::ids::ClusterId, _) = ("c-x7k2".parse().unwrap(), node.parse().unwrap());
        let record = NodeRecord {
            cluster: cluster.clone(),
            node: throng_common::ids::NodeName::clone(&node),
            boot_id: "b".to_owned(),
            container_id: container.map(str::to_owned),
            pid: 7,
            pid_start_ticks: 9,
            digest: "d".to_owned(),
            incarnation: Incarnation(3),
            restarts: 0,
            started_at: UnixMillis(5),
            stop: None,
        };
        (Key { cluster, node }, record)
    }

    #[test]
    fn a_recorded_node_of_which_nothing_runs_is_found_by_its_record() {
        let records = BTreeMap::from([
            record("worker-0000", Some("here")),
            record("worker-0001", Some("removed")),
            record("plain-0000", None),
        ]);
        let (here, _) = record("worker-0000", None);
        let presence = Presence::Created { container: ContainerId("here".to_owned()), digest: "d".to_owned() };
        let found = [Found { key: here, presence, remembered: None, reason: None, of_earlier_boot: false }];
        let names = |unseen: Unseen| -> Vec<String> {
            not_found(&records, &found, &unseen).map(|(key, _)| key.node.to_string()).collect()
        };
        let why = || Some(Reason::new(throng_common::status::ReasonKind::Host, "why"));
        assert_eq!(names(Unseen::default()), ["plain-0000", "worker-0001"]);
        let silent = Unseen { containers: why(), ..Unseen::default() };
        assert_eq!(names(silent), ["plain-0000"], "the engine may have the others");
        assert_eq!(names(Unseen { processes: why(), ..Unseen::default() }), ["worker-0001"]);
    }
}
