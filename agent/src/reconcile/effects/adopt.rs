//! Looking at everything that there is of this fleet's nodes: after a start of the agent, and whenever the engine's
//! events were missed. One labelled list; no call per container that the ledger and /proc can answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use throng_common::error_chain::chain;
use throng_common::host_spec::StopSpec;
use throng_common::status::Reason;

use super::super::command::{Event, Found, Key, Remembered};
use super::super::node_state::{DEFAULT_STOP, Presence, Running};
use super::ended::{end_reason, is_failure};
use super::host::Host;
use crate::host::engine::labels;
use crate::host::engine::model::{ContainerId, ContainerPhase, ContainerState, ContainerSummary};
use crate::ledger::NodeRecord;

impl Host {
    /// Looks at everything. An engine that does not answer leaves containers unknown, never gone.
    pub async fn look(self: &Arc<Self>) -> Vec<Event> {
        let records = self.parts.ledger.nodes().unwrap_or_else(|error| {
            tracing::error!(error = %chain(&error), "the ledger cannot be read: what runs is looked up one by one");
            Vec::new()
        });
        let records: BTreeMap<Key, NodeRecord> = records
            .into_iter()
            .map(|record| (Key { cluster: record.cluster.clone(), node: record.node.clone() }, record))
            .collect();
        let mut found = self.look_at_processes(&records).await;
        let label = format!("{}={}", labels::FLEET, self.parts.fleet);
        let listed = self.parts.engine.list(&label).await;
        match listed {
            Ok(containers) => {
                for container in containers {
                    if let Some(seen) = self.look_at_container(&container, &records).await {
                        found.push(seen);
                    }
                }
                found.extend(remains(&records, &found));
                vec![Event::Found(found)]
            }
            Err(error) => {
                let reason = Reason::new(super::container::kind_of(&error), chain(&error));
                let unknown = records.values().filter(|record| record.container_id.is_some()).map(|record| Found {
                    key: Key { cluster: record.cluster.clone(), node: record.node.clone() },
                    presence: Presence::Unknown,
                    remembered: Some(remembered(record)),
                    reason: Some(reason.clone()),
                });
                found.extend(unknown);
                vec![Event::Found(found), Event::EngineLost(reason)]
            }
        }
    }

    async fn look_at_container(
        &self,
        container: &ContainerSummary,
        records: &BTreeMap<Key, NodeRecord>,
    ) -> Option<Found> {
        let cluster = container.label(labels::CLUSTER)?.parse().ok()?;
        let node = container.label(labels::NODE)?.parse().ok()?;
        let key = Key { cluster, node };
        // A prepare container is no node; one that was left is removed when the node starts or goes.
        if container.name != crate::resources::container::plan::container_name(&key.cluster, &key.node) {
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
                None => self.look_closely(&id, record).await,
            },
            _ => self.look_closely(&id, record).await,
        };
        Some(Found { key, presence, remembered: record.map(remembered), reason })
    }

    async fn look_closely(&self, id: &ContainerId, record: Option<&NodeRecord>) -> (Presence, Option<Reason>) {
        match self.parts.engine.inspect(id.as_str()).await {
            Ok(state) => presence_of(state, record),
            Err(error) if error.is_not_found() => (Presence::Absent, None),
            Err(error) => {
                let reason = Reason::new(super::container::kind_of(&error), chain(&error));
                (Presence::Unknown, Some(reason))
            }
        }
    }

    /// The process of a record, if it still lives: same boot, same pid, same start.
    pub(super) fn living_pid(&self, record: Option<&NodeRecord>) -> Option<u32> {
        let record = record.filter(|record| record.boot_id == self.parts.boot_id)?;
        let stat = self.parts.procs.stat(record.pid).ok()?;
        (stat.start_ticks == record.pid_start_ticks && stat.state != 'Z').then_some(record.pid)
    }
}

/// Nodes that the ledger knows and of which nothing runs: their ramdisks, folders and records may be left, by an agent
/// that died after it had removed their container.
fn remains(records: &BTreeMap<Key, NodeRecord>, found: &[Found]) -> Vec<Found> {
    let seen: BTreeSet<&Key> = found.iter().map(|seen| &seen.key).collect();
    let gone = records.iter().filter(|(key, _)| !seen.contains(key));
    let absent = |(key, record): (&Key, &NodeRecord)| Found {
        key: key.clone(),
        presence: Presence::Absent,
        remembered: Some(remembered(record)),
        reason: None,
    };
    gone.map(absent).collect()
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
        let found = [Found { key: here, presence, remembered: None, reason: None }];
        let remains = remains(&records, &found);
        let names: Vec<String> = remains.iter().map(|found| found.key.node.to_string()).collect();
        assert_eq!(names, ["plain-0000", "worker-0001"]);
        assert!(remains.iter().all(|found| found.presence == Presence::Absent), "{remains:?}");
        assert_eq!(remains[0].remembered.as_ref().unwrap().incarnation, Incarnation(3));
    }
}
