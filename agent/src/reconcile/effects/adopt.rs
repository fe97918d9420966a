//! Looking at everything that there is of this fleet's nodes: after a start of the agent, and whenever the engine's
//! events were missed. One labelled list; no call per container that the ledger and /proc can answer.

use std::collections::BTreeMap;
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
                    let running = Running { container: Some(id), pid, digest, stop: stop_of(record) };
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

/// What a container's state says of its node.
pub(super) fn presence_of(state: ContainerState, record: Option<&NodeRecord>) -> (Presence, Option<Reason>) {
    let digest = state.labels.get(labels::SPEC).cloned().unwrap_or_default();
    match state.pid.filter(|_| state.phase.has_process()) {
        Some(pid) => {
            (Presence::Running(Running { container: Some(state.id), pid, digest, stop: stop_of(record) }), None)
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
