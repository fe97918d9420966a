//! Agents in this process, over pipes instead of a network.

use std::sync::Mutex;
use std::time::Duration;

use crate::scripted_agent::ScriptedAgent;
use throng::fleet::{Fleet, FleetError};
use throng_agent::link::{Connect, LinkError, LinkStatus, run};
use throng_common::ids::{Epoch, FleetId, HostId};
use throng_proto::agent::{FactsRequest, HostFacts};
use tokio::io::DuplexStream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const PIPE_BYTES: usize = 64 * 1024;

pub(crate) fn host(name: &str) -> HostId {
    HostId::new(name).unwrap()
}

pub(crate) fn fleet() -> Fleet {
    Fleet::new(FleetId::new("fleet-x").unwrap(), Epoch(7))
}

/// Connects to a fleet through a pipe that can swallow everything, or break.
pub(crate) struct PipeConnector {
    fleet: Fleet,
    host: HostId,
    black_hole: CancellationToken,
    broken: Mutex<CancellationToken>,
}

impl PipeConnector {
    pub(crate) fn new(fleet: &Fleet, host: &HostId) -> Self {
        Self {
            fleet: fleet.clone(),
            host: host.clone(),
            black_hole: CancellationToken::new(),
            broken: Mutex::default(),
        }
    }

    /// From now on nothing arrives, in either direction, and nobody is told.
    pub(crate) fn swallow_everything(&self) {
        self.black_hole.cancel();
    }

    /// Closes the connection that there is; the next one is whole.
    pub(crate) fn break_now(&self) {
        std::mem::take(&mut *self.broken.lock().unwrap()).cancel();
    }
}

impl Connect for PipeConnector {
    type Io = DuplexStream;
    async fn connect(&self) -> Result<DuplexStream, LinkError> {
        let (agent, mut agent_side) = tokio::io::duplex(PIPE_BYTES);
        let (coordinator, mut coordinator_side) = tokio::io::duplex(PIPE_BYTES);
        let (black_hole, broken) = (self.black_hole.clone(), self.broken.lock().unwrap().clone());
        tokio::spawn(async move {
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut agent_side, &mut coordinator_side) => return,
                () = broken.cancelled() => return,
                () = black_hole.cancelled() => {}
            }
            std::future::pending::<()>().await;
        });
        let (fleet, host) = (self.fleet.clone(), self.host.clone());
        tokio::spawn(async move { fleet.admit(host, coordinator).await });
        Ok(agent)
    }
}

/// An agent that keeps itself connected, until it is dropped.
pub(crate) struct PipedAgent {
    pub(crate) agent: ScriptedAgent,
    pub(crate) connector: std::sync::Arc<PipeConnector>,
    pub(crate) status: watch::Receiver<LinkStatus>,
    pub(crate) shutdown: CancellationToken,
}

impl PipedAgent {
    pub(crate) fn start(fleet: &Fleet, host: &HostId) -> Self {
        let agent = ScriptedAgent::new(host.as_str());
        let connector = std::sync::Arc::new(PipeConnector::new(fleet, host));
        let shutdown = CancellationToken::new();
        let (status, watched) = watch::channel(LinkStatus::Closed);
        tokio::spawn({
            let (agent, connector, shutdown) = (agent.clone(), connector.clone(), shutdown.clone());
            async move { run(&*connector, || agent.routes(), &shutdown, &status).await }
        });
        Self { agent, connector, status: watched, shutdown }
    }
}

impl Drop for PipedAgent {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// What a host's agent says of itself.
pub(crate) async fn facts(fleet: &Fleet, host: &HostId, deadline: Duration) -> Result<HostFacts, FleetError> {
    let rpc = async |mut agent: throng_proto::agent::agent_client::AgentClient<_>, request| agent.facts(request).await;
    fleet.call(host, deadline, FactsRequest {}, rpc).await
}
