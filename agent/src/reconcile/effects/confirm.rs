//! After a start: the node runs with its very own ramdisks and the ledger knows it; or it has ended, and how is said; or
//! it is ended, because it is not what it should be.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use throng_common::host_spec::Workload;
use throng_common::status::{Reason, ReasonKind};

use super::super::command::{Job, Key, WantedNode};
use super::super::node_state::{Presence, Running, Strays};
use super::container::ok_if_gone;
use super::ended::ContainerEnd;
use super::host::{Failure, Host};
use crate::host::engine::model::ContainerId;
use crate::host::mounts::table::Device;
use crate::resources::process::stop;
use crate::resources::ramdisk;

/// How long a shim may take from the end of its process to the record of it: as long as it gives what is left of a node
/// to die, and to be read.
const RECORD_DEADLINE: Duration = Duration::from_secs(15);

/// How long a process that is ending may still look alive: its files are gone before it is.
const ENDING_MAX: Duration = Duration::from_millis(250);
const ENDING_LOOK: Duration = Duration::from_millis(10);

impl Host {
    /// Confirms a start.
    pub(super) async fn confirm(
        self: &Arc<Self>,
        job: &Job,
        wanted: &Arc<WantedNode>,
        running: Running,
        devices: Vec<Device>,
    ) -> Result<Running, Failure> {
        let (key, wanted, restarts) = (job.key.clone(), Arc::clone(wanted), job.state.restarts);
        let confirmed = running.clone();
        let work = move |host: &Self| {
            if matches!(wanted.spec.workload, Workload::Container(_)) {
                for (device, spec) in devices.iter().zip(&wanted.spec.ramdisks) {
                    let path = Path::new(spec.path.as_deref().unwrap_or_default());
                    ramdisk::verify::verify_in_process(&host.parts.procs, confirmed.pid, path, *device)
                        .map_err(|error| Failure::new(ReasonKind::Ramdisk, &error))?;
                }
            }
            host.record(&key, &wanted, &confirmed, restarts, crate::clock::now())
        };
        let Err(failure) = self.blocking(work).await else { return Ok(running) };
        // What has ended shows nothing of itself any more: its end is what there is to say, and no missing file.
        match self.ended_instead(&job.key, &running).await {
            Some(ended) => Err(ended),
            None => Err(failure.leaving(self.undo(&job.key, running).await)),
        }
    }

    /// How a node ended that was to be confirmed; none where it runs: the kernel's word on that counts, the engine or the
    /// shim may not have noticed yet.
    async fn ended_instead(self: &Arc<Self>, key: &Key, running: &Running) -> Option<Failure> {
        let deadline = tokio::time::Instant::now() + ENDING_MAX;
        while self.is_alive(running.pid) {
            if tokio::time::Instant::now() > deadline {
                return None;
            }
            tokio::time::sleep(ENDING_LOOK).await;
        }
        let (reason, failed) = match &running.container {
            Some(id) => {
                // Nothing is left to be killed: it returns when the engine has seen the end. Where it does not, the
                // look after it says why.
                let _ = self.parts.engine.end(id).await;
                match self.container_ended(id, None).await {
                    ContainerEnd::Ended { reason, failed } => (reason, failed),
                    ContainerEnd::Unknown(reason) => {
                        return Some(Failure::of(reason).leaving(Presence::Unknown));
                    }
                    // Somebody started it again: another process than the one that was to be confirmed.
                    ContainerEnd::Runs => return None,
                }
            }
            None => self.process_end_awaited(key).await,
        };
        let presence = Presence::Ended { container: running.container.clone(), digest: running.digest.clone(), failed };
        Some(Failure { strays: Some(Strays::None), ..Failure::of(reason).leaving(presence) })
    }

    async fn process_end_awaited(self: &Arc<Self>, key: &Key) -> (Reason, bool) {
        let dir = self.parts.paths.shim_dir(&key.cluster, &key.node);
        match self.await_process(&dir, RECORD_DEADLINE).await {
            Ok(Some(record)) => self.process_end(key, &dir, record).await,
            Ok(None) | Err(_) => (Reason::new(ReasonKind::Lost, "its shim does not say how it ended"), true),
        }
    }

    /// Ends a node that runs and is not what it should be; what there is of it then.
    async fn undo(&self, key: &Key, running: Running) -> Presence {
        let ended = if let Some(id) = &running.container {
            self.end_now(id).await
        } else {
            let dir = self.parts.paths.shim_dir(&key.cluster, &key.node);
            stop::kill_leftovers(&dir).await.is_ok()
        };
        match (ended, running.container) {
            (false, container) => Presence::Running(Running { container, ..running }),
            (true, Some(container)) => Presence::Created { container, digest: running.digest },
            (true, None) => Presence::Absent,
        }
    }

    async fn end_now(&self, id: &ContainerId) -> bool {
        self.parts.engine.end(id).await.or_else(ok_if_gone).is_ok()
    }
}
