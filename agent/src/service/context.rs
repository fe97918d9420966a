//! What the calls work with.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use throng_common::error_chain::chain;
use throng_common::ids::{ClusterId, HostId, NodeName};
use throng_common::status::HostFacts;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::ServiceError;
use crate::board::Board;
use crate::exec::target::{Means, Target};
use crate::facts::observe::{EngineProbe, observe};
use crate::logs::read::{Place, Whereabouts};
use crate::reconcile::effects::{Host, HostParts};
use crate::reconcile::task::ReconcileHandle;
use crate::shim::record::ProcessId;

/// How long the engine may take to say what it is. The coordinator waits for the facts when it says hello: a host whose
/// engine hangs must be greeted all the same.
const ENGINE_DEADLINE: Duration = Duration::from_secs(5);

/// How long a caller waits for the agent's first look at what there is: less than the coordinator waits for a hello.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// What the service is made of.
#[derive(Clone)]
pub struct ServiceParts {
    /// This host's id.
    pub host_id: HostId,
    /// The host.
    pub host: Arc<Host>,
    /// What was last said of everything.
    pub board: Arc<Board>,
    /// The loop that takes the desired state.
    pub reconcile: ReconcileHandle,
    /// Set when a coordinator said hello and was accepted.
    pub greeted: watch::Sender<bool>,
    /// Cancelled when the agent is to end; the service may cancel it.
    pub shutdown: CancellationToken,
}

/// The parts, with what the service itself remembers.
pub(super) struct Context {
    pub(super) parts: ServiceParts,
    epoch_seen: AtomicU64,
}

impl Context {
    pub(super) fn new(parts: ServiceParts) -> Self {
        Self { parts, epoch_seen: AtomicU64::new(0) }
    }

    pub(super) fn host(&self) -> &HostParts {
        self.parts.host.parts()
    }

    pub(super) fn means(&self) -> Means {
        means(&self.parts.host)
    }

    /// Takes note of a coordinator's epoch; an error if a higher one has been seen.
    pub(super) fn see_epoch(&self, given: u64) -> Result<(), ServiceError> {
        let seen = self.epoch_seen.fetch_max(given, Ordering::Relaxed);
        if given < seen { Err(ServiceError::Epoch { seen, given }) } else { Ok(()) }
    }

    /// The clusters of which there is something here, once the agent has looked; none where that takes too long: an engine
    /// that is silent must not keep the coordinator out.
    pub(super) async fn occupied(&self) -> BTreeSet<ClusterId> {
        let found = tokio::time::timeout(LOOK_TIMEOUT, self.parts.reconcile.occupied()).await;
        found.ok().flatten().unwrap_or_default()
    }

    /// Where a node runs, or ran last.
    pub(super) fn target(&self, cluster: &ClusterId, node: &NodeName) -> Option<Target> {
        target(&self.parts.host, &self.parts.board, cluster, node)
    }

    /// Tells at any time where a node runs, or ran last.
    pub(super) fn whereabouts(&self, cluster: ClusterId, node: NodeName) -> Whereabouts {
        let (host, board) = (Arc::clone(&self.parts.host), Arc::clone(&self.parts.board));
        Arc::new(move || {
            let Some(status) = board.node(&cluster, &node) else { return Place::Gone };
            let life = (status.incarnation, status.restarts);
            target(&host, &board, &cluster, &node).map_or(Place::Nowhere, |target| Place::At { target, life })
        })
    }

    /// Where a node runs; none where it does not.
    pub(super) fn running_target(&self, cluster: &ClusterId, node: &NodeName) -> Option<Target> {
        running_target(&self.parts.host, &self.parts.board, cluster, node)
    }

    /// What the host is and has, read afresh.
    pub(super) async fn facts(&self) -> Result<HostFacts, ServiceError> {
        let asked = tokio::time::timeout(ENGINE_DEADLINE, self.host().engine.info()).await;
        let probe = match asked {
            Ok(Ok(info)) => EngineProbe::Found(info.facts),
            Ok(Err(error)) => EngineProbe::Problem(chain(&error)),
            Err(_) => EngineProbe::Problem(format!(
                "the container engine has not said within {ENGINE_DEADLINE:?} what it is: if this stays, restart it (`systemctl restart docker`)"
            )),
        };
        let paths = self.host().paths.clone();
        Ok(tokio::task::spawn_blocking(move || observe(&paths, probe)).await??)
    }
}

/// What runs commands on this host.
pub(super) fn means(host: &Host) -> Means {
    let parts = host.parts();
    Means {
        engine: Some(Arc::clone(&parts.engine)),
        program: parts.program.clone(),
        entrance: parts.entrance.clone(),
        ends: Arc::clone(host.ends()),
        followers: host.followers().clone(),
    }
}

/// Where a node runs, or ran last: as the board has it, else by its shim's folder.
fn target(host: &Host, board: &Board, cluster: &ClusterId, node: &NodeName) -> Option<Target> {
    let status = board.node(cluster, node)?;
    if let Some(id) = status.container_id {
        let process = status.pid.and_then(|pid| ProcessId::of(pid).ok());
        return Some(Target::Container { id: crate::host::engine::model::ContainerId(id), process });
    }
    let dir = host.parts().paths.shim_dir(cluster, node);
    dir.is_dir().then_some(Target::Process { dir })
}

/// Where a node runs; none where it does not.
pub(super) fn running_target(host: &Host, board: &Board, cluster: &ClusterId, node: &NodeName) -> Option<Target> {
    board.node(cluster, node)?.pid?;
    target(host, board, cluster, node)
}
