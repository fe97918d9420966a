//! The whole desired state of a host, and telling it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use throng_common::error_chain::chain;
use throng_common::host_spec::{ClusterSpec, DesiredState, HostSpec, NodeSpec};
use throng_common::ids::{ClusterId, Generation, HostId, NodeName};
use throng_common::scenario::model::Scenario;
use throng_common::status::SysctlChange;
use throng_failpoints::{Fault, Point, hit, planted};
use throng_proto::agent as wire;

use super::coordinator::{Core, CoreError};
use crate::cluster::{ClusterRecord, LiveCluster, RoleWanted};
use crate::fleet::fan_out;
use crate::planner::plan::Plan;
use crate::planner::render::{RenderError, RenderInput, host_spec};
use crate::planner::texts::Texts;

/// How long an agent may take to write a desired state down.
const APPLY_DEADLINE: Duration = Duration::from_secs(20);

impl Core {
    /// The parts of all clusters that a host must hold. A cluster that is being taken down has none.
    fn parts_of(&self, host: &HostId) -> Result<Vec<ClusterSpec>, CoreError> {
        let mut parts = Vec::new();
        for cluster in self.clusters() {
            if cluster.record().state.has_nodes() {
                parts.extend(part_of(&cluster, host)?);
            }
        }
        Ok(parts)
    }

    /// Tells a host its whole desired state, under a new generation. One at a time: what is told later must hold all that
    /// was told before.
    pub async fn tell(&self, host: &HostId) -> Result<(), CoreError> {
        let turn = self.hosts.telling(host);
        let _turn = turn.lock().await;
        let generation = self.next_generation(host).await;
        let clusters = self.parts_of(host)?;
        let has_part = |id: &ClusterId| clusters.iter().any(|part| part.cluster == *id);
        let mut leaving = self.hosts.released();
        leaving.extend(self.clusters().iter().map(|cluster| cluster.record().id.clone()).filter(|id| !has_part(id)));
        let spec = HostSpec {
            fleet: self.fleet_id.clone(),
            host: host.clone(),
            epoch: self.epoch,
            generation,
            lease: None,
            clusters,
            leaving: leaving.into_iter().collect(),
        };
        self.hosts.edit(host, |view| view.told = generation);
        hit(Point::HostTelling);
        self.apply(host, &spec).await?;
        if planted(Fault::RepeatOlder) {
            let mut older = HostSpec { generation: Generation(1), ..spec };
            older.clusters.iter_mut().for_each(|cluster| _ = cluster.nodes.pop());
            // It is refused.
            let _ = self.apply(host, &older).await;
        }
        hit(Point::HostTold);
        Ok(())
    }

    async fn apply(&self, host: &HostId, spec: &HostSpec) -> Result<(), CoreError> {
        let remembered = self.remembered_sysctls(host).iter().map(Into::into).collect();
        let request = wire::ApplyRequest { spec: Some(spec.into()), remembered };
        self.fleet
            .call(host, APPLY_DEADLINE, request, |mut agent, request| async move { agent.apply(request).await })
            .await?;
        Ok(())
    }

    /// The generation of what a host is told next. A journal that cannot be written, on a disk that is full, must not keep
    /// a host from being told to let go: within this life, counting on is enough.
    async fn next_generation(&self, host: &HostId) -> Generation {
        match self.store.next_generation(host.clone()).await {
            Ok(generation) => generation,
            Err(error) => {
                tracing::warn!(%host, error = chain(&error), "the host's generation could not be written down");
                let view = self.hosts.get(host);
                let held = view.progress.map_or(view.told, |progress| progress.generation.max(view.told));
                Generation(held.0 + 1)
            }
        }
    }

    /// What the clusters' records say that agents changed on a host. Each of them has the same originals.
    fn remembered_sysctls(&self, host: &HostId) -> Vec<SysctlChange> {
        let mut changes: BTreeMap<String, SysctlChange> = BTreeMap::new();
        for cluster in self.clusters() {
            changes.extend(cluster.record().sysctls.get(host).cloned().unwrap_or_default());
        }
        changes.into_values().collect()
    }

    /// Tells many hosts; an outcome for every one.
    pub async fn tell_all(self: &Arc<Self>, hosts: Vec<HostId>) -> Vec<(HostId, Result<(), CoreError>)> {
        fan_out(hosts, |host| {
            let core = Arc::clone(self);
            async move { core.tell(&host).await }
        })
        .await
    }

    /// Journals a cluster, then tells its hosts. The first host that refuses is the error; one that is away is told
    /// when it connects.
    pub async fn publish(self: &Arc<Self>, cluster: &LiveCluster) -> Result<(), CoreError> {
        self.journal(cluster).await?;
        let told = self.tell_all(Self::hosts_of(cluster)).await;
        let refused = told.into_iter().filter_map(|(_, outcome)| outcome.err()).find(|error| !error.is_away());
        refused.map_or(Ok(()), Err)
    }
}

fn part_of(cluster: &LiveCluster, host: &HostId) -> Result<Option<ClusterSpec>, CoreError> {
    let record = cluster.record();
    if !record.plan.hosts.iter().any(|planned| planned.host == *host) {
        return Ok(None);
    }
    let parts = rendered(&record)?;
    Ok(parts.into_iter().find_map(|(planned, spec)| (planned == *host).then_some(spec)))
}

/// What the hosts of a cluster are told of it: of nodes that have followed a change, what it makes of them.
pub(crate) fn rendered(record: &ClusterRecord) -> Result<Vec<(HostId, ClusterSpec)>, RenderError> {
    let Some(pending) = &record.pending else {
        return rendered_as(record, &record.plan, &record.scenario, &record.files);
    };
    let mut parts = rendered_as(record, &record.plan, &record.scenario, &record.files)?;
    let mut next: BTreeMap<HostId, ClusterSpec> =
        rendered_as(record, &pending.plan, &pending.scenario, &pending.files)?.into_iter().collect();
    for (host, part) in &mut parts {
        let Some(next) = next.remove(host) else { continue };
        // What nodes share is the host's for both: settings are only ever raised.
        (part.sysctls, part.pace) = (next.sysctls, next.pace);
        let mut changed: BTreeMap<NodeName, NodeSpec> =
            next.nodes.into_iter().map(|node| (node.name.clone(), node)).collect();
        for node in part.nodes.iter_mut().filter(|node| pending.done.contains(&node.name)) {
            if let Some(spec) = changed.remove(&node.name) {
                *node = spec;
            }
        }
    }
    Ok(parts)
}

/// What the hosts of a cluster are told of it if all of it is of this scenario.
pub(crate) fn rendered_as(
    record: &ClusterRecord,
    plan: &Plan,
    scenario: &Scenario,
    files: &BTreeMap<String, Vec<u8>>,
) -> Result<Vec<(HostId, ClusterSpec)>, RenderError> {
    let desired = record
        .wanted
        .iter()
        .map(|(role, wanted)| {
            let desired = match wanted {
                RoleWanted::Stopped => DesiredState::Stopped,
                RoleWanted::Running => DesiredState::Running,
            };
            (role.clone(), desired)
        })
        .collect::<BTreeMap<_, _>>();
    let texts = Texts::new(plan, scenario);
    let (incarnations, prepared) = (&record.incarnations, &record.prepared);
    host_spec(&RenderInput { texts: &texts, files, desired: &desired, incarnations, prepared })
}
