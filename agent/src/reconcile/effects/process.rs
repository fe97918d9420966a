//! Starting, stopping and removing process nodes; and the choice between the two kinds of node.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use throng_common::host_spec::{NodeSpec, ProcessSpec, Workload};
use throng_common::status::ReasonKind;

use super::super::command::{ActOutcome, Found, Job, Key, WantedNode};
use super::super::node_state::{Presence, Running};
use super::host::{Failure, Host};
use crate::ledger::NodeRecord;

impl Host {
    /// The digest under which a node made from this spec is labelled.
    pub fn digest(&self, key: &Key, wanted: &WantedNode) -> String {
        match &wanted.spec.workload {
            Workload::Container(container) => self.container_digest(key, wanted, container),
            Workload::Process(_) => process_digest(&wanted.spec),
        }
    }

    pub(super) async fn start(self: &Arc<Self>, job: &Job) -> Result<ActOutcome, Failure> {
        let Some(wanted) = &job.wanted else {
            return Err(Failure::text(ReasonKind::Host, "nothing is wanted of it"));
        };
        let running = match &wanted.spec.workload {
            Workload::Container(container) => self.start_container(job, wanted, container).await?,
            Workload::Process(process) => self.start_process(job, wanted, process).await?,
        };
        Ok(ActOutcome::Started(running))
    }

    pub(super) async fn stop(self: &Arc<Self>, job: &Job) -> Result<Presence, Failure> {
        let Presence::Running(running) = &job.state.presence else { return Ok(job.state.presence.clone()) };
        let grace = job.wanted.as_ref().map_or(Duration::from_secs(5), |wanted| wanted.spec.stop.grace);
        let digest = running.digest.clone();
        match &running.container {
            Some(id) => {
                self.stop_container(id, grace).await?;
                Ok(Presence::Ended { container: Some(id.clone()), digest, failed: false })
            }
            None => {
                self.stop_process(job).await?;
                Ok(Presence::Ended { container: None, digest, failed: false })
            }
        }
    }

    pub(super) async fn remove(self: &Arc<Self>, job: &Job) -> Result<(), Failure> {
        let process = matches!(&job.state.presence, Presence::Running(running) if running.container.is_none());
        if process {
            self.stop_process(job).await?;
        } else {
            self.remove_containers(job).await?;
        }
        let key = job.key.clone();
        self.blocking(move |host| {
            host.take_away(&key)?;
            host.forget(&key)
        })
        .await
    }
}
