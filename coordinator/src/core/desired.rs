//! The whole desired state of a host, and telling it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use throng_common::error_chain::chain;
use throng_common::host_spec::{ClusterSpec, DesiredState, HostSpec};
use throng_common::ids::{Generation, HostId};
use throng_failpoints::{Fault, Point, hit, planted};
use throng_proto::agent as wire;

use super::coordinator::{Core, CoreError};
use crate::cluster::{ClusterState, LiveCluster, RoleWanted};
use crate::fleet::fan_out;
use crate::planner::render::{RenderInput, host_spec};
use crate::planner::texts::Texts;

/// How long an agent may take to write a desired state down.
const APPLY_DEADLINE: Duration = Duration::from_secs(20);

impl Core {
    /// The parts of all clusters that a host must hold. A cluster that is being taken down has none.
    fn parts_of(&self, host: &HostId) -> Result<Vec<ClusterSpec>, CoreError> {
        let mut parts = Vec::new();
        for cluster in self.clusters() {
            if cluster.record().state != ClusterState::Stopping {
                parts.extend(part_of(&cluster, host)?);
            }
        }
        Ok(parts)
    }

    /// Tells a host its whole desired state, under a new generation.
    pub async fn tell(&self, host: &HostId) -> Result<(), CoreError> {
        let generation = self.next_generation(host).await;
        let spec = HostSpec {
            fleet: self.fleet_id.clone(),
            host: host.clone(),
            epoch: self.epoch,
            generation,
            lease: None,
            clusters: self.parts_of(host)?,
        };
        self.hosts.edit(host, |view| view.told = generation);
        hit(Point::HostTelling);
        self.apply(host, &spec).await?;
        if planted(Fault::RepeatOlder) {
            let first = HostSpec { generation: Generation(1), clusters: Vec::new(), ..spec };
            // It is refused.
            let _ = self.apply(host, &first).await;
        }
        hit(Point::HostTold);
        Ok(())
    }

    async fn apply(&self, host: &HostId, spec: &HostSpec) -> Result<(), CoreError> {
        let request = wire::ApplyRequest { spec: Some(spec.into()) };
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
    let texts = Texts::new(&record.plan, &record.scenario);
    let input =
        RenderInput { texts: &texts, files: &record.files, desired: &desired, incarnations: &record.incarnations };
    let specs = host_spec(&input)?;
    Ok(specs.into_iter().find_map(|(planned, spec)| (planned == *host).then_some(spec)))
}
