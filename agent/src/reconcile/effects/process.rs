//! Starting and removing process nodes; and the choice between the two kinds of node.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use throng_common::error_chain::chain;
use throng_common::host_spec::{NodeSpec, ProcessSpec, Workload};
use throng_common::status::{Reason, ReasonKind};
use throng_failpoints::{Fault, Point, hit, planted};

use super::super::command::{ActOutcome, Found, Job, Key, Unseen, WantedNode};
use super::super::node_state::{DEFAULT_STOP, Presence, Running};
use super::container::{container_of, prepare_failure};
use super::ended::process_reason;
use super::host::{Failure, Host};
use crate::host::open_files;
use crate::ledger::NodeRecord;
use crate::resources::cgroup::plan as cgroup_plan;
use crate::resources::files::beneath::Owner;
use crate::resources::files::folders;
use crate::resources::process::error::ProcessError;
use crate::resources::process::observe::{ProcessState, observe};
use crate::resources::process::start::{self, Started};
use crate::resources::process::{plan as process_plan, stop};
use crate::shim::files::{ShimFileError, ShimFiles};
use crate::shim::record::ExitRecord;
use crate::shim::spec::ShimSpec;

impl Host {
    /// The digest under which a node made from this spec is labelled.
    pub fn digest(&self, key: &Key, wanted: &WantedNode) -> String {
        match &wanted.spec.workload {
            Workload::Container(container) => self.container_digest(key, wanted, container),
            Workload::Process(process) => process_plan::digest(&wanted.spec, process),
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

    /// Removes a node of which nothing runs any more. A host without an engine can remove its processes.
    pub(super) async fn remove(self: &Arc<Self>, job: &Job) -> Result<(), Failure> {
        // Made only for process nodes, before anything of them runs.
        let is_process = self.parts.paths.shim_dir(&job.key.cluster, &job.key.node).exists();
        if is_process {
            self.end_process(&job.key, &DEFAULT_STOP).await?;
            // An agent that died in the midst of a start may have left its prepare command.
            self.end_prepare(&job.key).await?;
        }
        if !is_process || container_of(&job.state.presence).is_some() {
            self.remove_container(job).await?;
        }
        let key = job.key.clone();
        self.blocking(move |host| {
            host.take_away(&key)?;
            host.forget(&key);
            Ok(())
        })
        .await
    }
}

pub(super) fn process_failure(error: &ProcessError) -> Failure {
    Failure::new(ReasonKind::Host, error)
}

impl Host {
    async fn start_process(
        self: &Arc<Self>,
        job: &Job,
        wanted: &Arc<WantedNode>,
        process: &ProcessSpec,
    ) -> Result<Running, Failure> {
        let dir = self.parts.paths.shim_dir(&job.key.cluster, &job.key.node);
        stop::stop(&dir, &wanted.spec.stop).await.map_err(|error| process_failure(&error))?;
        let owner = owner_of(&process.user)?;
        let restart = self.has_shim(&job.key);
        let devices = self.provide_for(job, wanted, owner, restart).await?;
        self.prepare_process(job, wanted, process).await?;
        let spec = self.shim_spec(job, &wanted.spec, process).await?;
        let digest = wanted.digest.clone();
        match start::start(&self.parts.program, &dir, &spec).await.map_err(|error| process_failure(&error))? {
            Started::Runs(record) => {
                let stop = wanted.spec.stop.clone();
                let running = Running { container: None, image_id: None, pid: record.process.pid, digest, stop };
                self.confirm(job, wanted, running, devices).await
            }
            Started::Ended(record) => {
                let (reason, failed) = self.process_end(&job.key, &dir, record).await;
                Err(Failure::of(reason).leaving(Presence::Ended { container: None, digest, failed }))
            }
        }
    }

    /// What the shim is told; the node's control groups are made on the way.
    async fn shim_spec(
        self: &Arc<Self>,
        job: &Job,
        node: &NodeSpec,
        process: &ProcessSpec,
    ) -> Result<ShimSpec, Failure> {
        let (key, node, process) = (job.key.clone(), node.clone(), process.clone());
        let work = move |host: &Self| {
            let ensured = host.parts.cgroups.as_ref().map(|cgroups| {
                let group = cgroups.of_node(&key.cluster, &key.node);
                // Nothing runs in it now. The second version lets nobody into a group that hands controllers down.
                if group.is_divided() {
                    group.remove()?;
                }
                cgroups.ensure(&key.cluster, &key.node, &node.limits)
            });
            let (procs_files, refused) = match ensured {
                Some(Ok(_)) if planted(Fault::SkipGroups) => (Vec::new(), BTreeSet::new()),
                Some(Ok(ensured)) => (ensured.group.procs_files(), ensured.refused()),
                Some(Err(error)) if !error.is_unavailable() => return Err(Failure::new(ReasonKind::Host, &error)),
                // A host without control groups runs processes all the same, without limits, and says so.
                Some(Err(_)) | None => (Vec::new(), cgroup_plan::wanted(&node.limits)),
            };
            host.note_unlimited(&key, refused);
            hit(Point::ProcessGroupsMade);
            let work_dir = host.parts.paths.work_dir(&key.cluster, &key.node);
            let mut spec = process_plan::plan(&key.cluster, &node, &process, work_dir, procs_files);
            spec.launch.nofile_soft = open_files::before();
            Ok(spec)
        };
        self.blocking(work).await
    }

    async fn prepare_process(
        self: &Arc<Self>,
        job: &Job,
        wanted: &Arc<WantedNode>,
        process: &ProcessSpec,
    ) -> Result<(), Failure> {
        let Some(prepare) = &wanted.spec.prepare else { return Ok(()) };
        if self.is_prepared(&job.key) {
            return Ok(());
        }
        let dir = self.prepare_dir(&job.key);
        let process = ProcessSpec { command: prepare.command.clone(), ..process.clone() };
        let spec = self.shim_spec(job, &wanted.spec, &process).await?;
        self.end_prepare(&job.key).await?;
        let started = start::start(&self.parts.program, &dir, &spec).await.map_err(|error| process_failure(&error))?;
        let record = match started {
            Started::Ended(record) => record,
            Started::Runs(_) => {
                if let Some(record) = self.await_process(&dir, prepare.timeout).await? {
                    record
                } else {
                    self.end_prepare(&job.key).await?;
                    let message = format!("prepare command did not end within {:?}", prepare.timeout);
                    return Err(Failure::text(ReasonKind::Prepare, message));
                }
            }
        };
        let (reason, failed) = self.process_end(&job.key, &dir, record).await;
        if failed {
            return Err(prepare_failure(&prepare.command, &reason));
        }
        hit(Point::PrepareEnded);
        self.mark_prepared(&job.key)
    }

    /// Waits for the record of a process's end; none where it does not come.
    pub(super) async fn await_process(&self, dir: &Path, timeout: Duration) -> Result<Option<ExitRecord>, Failure> {
        let deadline = tokio::time::Instant::now() + timeout;
        while tokio::time::Instant::now() < deadline {
            let seen = observe(dir).map_err(|error| Failure::new(ReasonKind::Host, &error))?;
            if let ProcessState::Ended(record) = seen.state {
                return Ok(Some(record));
            }
            tokio::time::sleep(PREPARE_LOOK).await;
        }
        Ok(None)
    }

    fn prepare_dir(&self, key: &Key) -> PathBuf {
        self.parts.paths.shim_dir(&key.cluster, &key.node).join("prepare")
    }

    async fn end_prepare(&self, key: &Key) -> Result<(), Failure> {
        stop::kill_leftovers(&self.prepare_dir(key)).await.map_err(|error| process_failure(&error))
    }

    /// Whether a node was ever started as a process: its folder tells.
    fn has_shim(&self, key: &Key) -> bool {
        ShimFiles::new(&self.parts.paths.shim_dir(&key.cluster, &key.node)).spec().exists()
    }

    /// What the folders of process nodes say, and what cannot be read of them.
    pub(super) async fn look_at_processes(
        self: &Arc<Self>,
        records: &BTreeMap<Key, NodeRecord>,
    ) -> (Vec<Found>, Unseen) {
        let records = records.clone();
        let work = move |host: &Self| {
            let unlisted = |error| Failure::new(ReasonKind::Host, &error);
            let (mut found, mut unread) = (Vec::new(), BTreeMap::new());
            for cluster in folders::clusters_of_boot(&host.parts.paths).map_err(unlisted)? {
                for node in folders::nodes(&host.parts.paths, &cluster).map_err(unlisted)? {
                    let key = Key { cluster: cluster.clone(), node };
                    match host.look_at_process(&key, &records) {
                        Ok(seen) => found.extend(seen),
                        Err(error) => _ = unread.insert(key, Reason::new(ReasonKind::Host, chain(&error))),
                    }
                }
            }
            Ok((found, unread))
        };
        match self.blocking(work).await {
            Ok((found, nodes)) => (found, Unseen { nodes, ..Unseen::default() }),
            Err(failure) => (Vec::new(), Unseen { processes: Some(failure.reason), ..Unseen::default() }),
        }
    }

    /// A node's folder without a shim's files may still hold a container node's ramdisks: it counts as absent, so that
    /// what nobody wants is removed.
    fn look_at_process(&self, key: &Key, records: &BTreeMap<Key, NodeRecord>) -> Result<Option<Found>, ShimFileError> {
        let dir = self.parts.paths.shim_dir(&key.cluster, &key.node);
        let record = records.get(key);
        if !self.has_shim(key) {
            let container = record.is_some_and(|record| record.container_id.is_some());
            let of_earlier_boot = record.is_some_and(|record| self.is_of_earlier_boot(record));
            let remembered = record.filter(|_| of_earlier_boot).map(super::adopt::remembered);
            let presence = Presence::Absent;
            let found = Found { key: key.clone(), presence, remembered, reason: None, of_earlier_boot };
            return Ok((!container).then_some(found));
        }
        let remembered = record.map(super::adopt::remembered);
        let seen = observe(&dir)?;
        let digest = seen.digest.unwrap_or_default();
        let (presence, reason) = match seen.state {
            // One that is ending still counts: its end is seen a moment later, with how it came.
            ProcessState::Running(process) | ProcessState::Ending(process) => {
                let (pid, stop) = (process.process.pid, super::adopt::stop_of(record));
                (Presence::Running(Running { container: None, image_id: None, pid, digest, stop }), None)
            }
            ProcessState::Ended(record) => {
                let (reason, failed) = process_reason(&record);
                (Presence::Ended { container: None, digest, failed }, Some(reason))
            }
            ProcessState::Lost | ProcessState::Starting => {
                let message = "its shim ended without saying how: killed, or the host was rebooted";
                let reason = Reason::new(ReasonKind::Lost, message);
                (Presence::Ended { container: None, digest, failed: true }, Some(reason))
            }
            ProcessState::Absent => (Presence::Absent, None),
        };
        let of_earlier_boot =
            !matches!(presence, Presence::Running(_)) && record.is_some_and(|record| self.is_of_earlier_boot(record));
        Ok(Some(Found { key: key.clone(), presence, remembered, reason, of_earlier_boot }))
    }
}

/// How often a prepare command is looked at.
const PREPARE_LOOK: Duration = Duration::from_millis(20);

fn owner_of(user: &str) -> Result<Owner, Failure> {
    let identity = crate::launcher::user::find(user);
    let identity = identity.map_err(|error| Failure::new(ReasonKind::Host, &error))?;
    Ok(Owner { uid: identity.uid.as_raw(), gid: identity.gid.as_raw() })
}
