//! Starting, stopping and removing container nodes.

use std::sync::Arc;
use std::time::Duration;

use throng_common::host_spec::{ContainerSpec, Workload};
use throng_common::ids::Generation;
use throng_common::status::ReasonKind;

use super::super::command::{Job, Key, WantedNode};
use super::super::node_state::{Action, Presence, Running};
use super::host::{Failure, Host};
use crate::host::engine::error::EngineError;
use crate::host::engine::labels::{self, Owner};
use crate::host::engine::model::{ContainerId, ContainerPlan, ContainerState};
use crate::host::mounts::table::Device;
use crate::resources::container::apply::{ContainerError, Done, apply};
use crate::resources::container::plan::{self, Places};
use crate::resources::container::reconcile::ContainerStep;
use crate::resources::files::beneath::{self, Owner as FileOwner};
use crate::resources::ramdisk;

/// How often a prepare container is looked at.
const PREPARE_POLL: Duration = Duration::from_millis(50);

/// The kind of reason of an engine's error.
pub(super) fn kind_of(error: &EngineError) -> ReasonKind {
    if error.is_unreachable() { ReasonKind::EngineUnreachable } else { ReasonKind::Engine }
}

fn engine_failure(error: &EngineError) -> Failure {
    Failure::new(kind_of(error), error)
}

fn container_failure(error: &ContainerError) -> Failure {
    match error {
        ContainerError::Engine(engine) => engine_failure(engine),
        ContainerError::NameTaken { .. } => Failure::new(ReasonKind::Engine, error),
        ContainerError::EndedAtOnce { state, .. } => {
            let reason = super::adopt::end_reason(state);
            Failure { reason, presence: None }
        }
    }
}

impl Host {
    /// The container that a node wants.
    pub(super) fn container_plan(
        &self,
        key: &Key,
        wanted: &WantedNode,
        container: &ContainerSpec,
        generation: Generation,
    ) -> ContainerPlan {
        let parts = &self.parts;
        let files = parts.paths.files_dir(&key.cluster, &key.node);
        let places = Places::new(&parts.paths, &key.cluster, &wanted.spec, |file| {
            // A path that cannot be made relative was refused when the file was to be written.
            beneath::relative(&file.path).map_or_else(|_| files.clone(), |relative| files.join(relative))
        });
        let owner = Owner { fleet: &parts.fleet, cluster: &key.cluster, node: &key.node, generation };
        plan::plan(&owner, &wanted.spec, container, &places, parts.has_init)
    }

    /// The digest under which a container made from this spec is labelled.
    pub fn container_digest(&self, key: &Key, wanted: &WantedNode, container: &ContainerSpec) -> String {
        let plan = self.container_plan(key, wanted, container, Generation(0));
        plan.labels.get(labels::SPEC).cloned().unwrap_or_default()
    }

    pub(super) async fn start_container(
        self: &Arc<Self>,
        job: &Job,
        wanted: &Arc<WantedNode>,
        container: &ContainerSpec,
    ) -> Result<Running, Failure> {
        let generation = self.generation();
        let plan = self.container_plan(&job.key, wanted, container, generation);
        let kept = self.clear_the_way(job, &plan).await?;
        let restart = kept.is_some() || job.action != Action::Start;
        let devices = self.provide_for(job, wanted, FileOwner::ROOT, restart).await?;
        self.image(&container.image, container.pull, generation).await?;
        self.prepare_container(job, wanted, &plan).await?;
        let steps = match &kept {
            Some(id) => vec![ContainerStep::Start(Some(id.clone()))],
            None => vec![ContainerStep::Create, ContainerStep::Start(None)],
        };
        let digest = wanted.digest.clone();
        let mut there = kept;
        for step in steps {
            match apply(self.parts.engine.as_ref(), &plan, &step, there.as_ref()).await {
                Ok(Done::There(id)) => there = Some(id),
                Ok(Done::Runs { id, pid }) => {
                    let running = Running { container: Some(id), pid, digest };
                    return self.confirm(job, wanted, running, devices).await;
                }
                Ok(Done::Gone) => there = None,
                Err(error) => {
                    let failure = container_failure(&error);
                    return Err(match there {
                        Some(container) => {
                            failure.leaving(Presence::Ended { container: Some(container), digest, failed: true })
                        }
                        None => failure,
                    });
                }
            }
        }
        Err(Failure::text(ReasonKind::Engine, "the engine did not start the container"))
    }

    /// Ends and removes what must not be there when the node starts; the container that can be started again stays.
    async fn clear_the_way(self: &Arc<Self>, job: &Job, plan: &ContainerPlan) -> Result<Option<ContainerId>, Failure> {
        let engine = self.parts.engine.as_ref();
        let (known, runs) = match &job.state.presence {
            Presence::Running(running) => (running.container.clone(), true),
            Presence::Created { container, .. } => (Some(container.clone()), false),
            Presence::Ended { container, .. } => (container.clone(), false),
            Presence::Absent | Presence::Unknown => (None, false),
        };
        let Some(id) = known else { return Ok(None) };
        if runs {
            engine.stop(&id, plan.stop_grace).await.or_else(ok_if_gone).map_err(|error| engine_failure(&error))?;
        }
        if job.action == Action::Replace {
            engine.remove(&id).await.or_else(ok_if_gone).map_err(|error| engine_failure(&error))?;
            return Ok(None);
        }
        Ok(Some(id))
    }

    pub(super) async fn provide_for(
        self: &Arc<Self>,
        job: &Job,
        wanted: &Arc<WantedNode>,
        owner: FileOwner,
        restart: bool,
    ) -> Result<Vec<Device>, Failure> {
        let (key, wanted) = (job.key.clone(), Arc::clone(wanted));
        self.blocking(move |host| host.provide(&key, &wanted, owner, restart)).await
    }

    /// Runs the node's prepare command to its end, once.
    async fn prepare_container(&self, job: &Job, wanted: &WantedNode, plan: &ContainerPlan) -> Result<(), Failure> {
        let Some(prepare) = &wanted.spec.prepare else { return Ok(()) };
        let mark = self.prepared_mark(&job.key, &job.key.node);
        if mark.exists() {
            return Ok(());
        }
        let mut once = plan.clone();
        once.name = format!("{}-prepare", plan.name);
        once.command.clone_from(&prepare.command);
        let engine = self.parts.engine.as_ref();
        // One that was left by an agent that died is of no use: its command may have been cut short.
        engine
            .remove(&ContainerId(once.name.clone()))
            .await
            .or_else(ok_if_gone)
            .map_err(|error| engine_failure(&error))?;
        let id = engine.create(&once).await.map_err(|error| engine_failure(&error))?;
        let ended = self.run_to_end(&id, prepare.timeout).await;
        let removed = engine.remove(&id).await.or_else(ok_if_gone);
        let state = ended?;
        removed.map_err(|error| engine_failure(&error))?;
        match state.exit_code {
            Some(0) if !state.oom_killed => std::fs::write(&mark, b"")
                .map_err(|error| Failure::text(ReasonKind::Host, format!("{}: {error}", mark.display()))),
            _ => {
                let why = super::adopt::end_reason(&state).message;
                let command = prepare.command.join(" ");
                Err(Failure::text(ReasonKind::Prepare, format!("prepare command `{command}`: {why}")))
            }
        }
    }

    async fn run_to_end(&self, id: &ContainerId, timeout: Duration) -> Result<ContainerState, Failure> {
        let engine = self.parts.engine.as_ref();
        engine.start(id).await.map_err(|error| engine_failure(&error))?;
        let ended = async {
            loop {
                let state = engine.inspect(id.as_str()).await.map_err(|error| engine_failure(&error))?;
                if !state.phase.has_process() {
                    return Ok(state);
                }
                tokio::time::sleep(PREPARE_POLL).await;
            }
        };
        let late = || Failure::text(ReasonKind::Prepare, format!("prepare command did not end within {timeout:?}"));
        tokio::time::timeout(timeout, ended).await.unwrap_or_else(|_| Err(late()))
    }

    /// The node runs: its ramdisks must be the very ones that were mounted, and the ledger must know it.
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
                    let path = spec.path.as_deref().unwrap_or_default();
                    let path = std::path::Path::new(path);
                    ramdisk::verify::verify_in_process(&host.parts.procs, confirmed.pid, path, *device)
                        .map_err(|error| Failure::new(ReasonKind::Ramdisk, &error))?;
                }
            }
            host.record(&key, &wanted, &confirmed, restarts, crate::clock::now())
        };
        let recorded = self.blocking(work).await;
        recorded.map_err(|failure| failure.leaving(Presence::Running(running.clone()))).map(|()| running)
    }

    pub(super) async fn stop_container(&self, id: &ContainerId, grace: Duration) -> Result<(), Failure> {
        let stopped = self.parts.engine.stop(id, grace).await.or_else(ok_if_gone);
        stopped.map_err(|error| engine_failure(&error))
    }

    /// Ends and removes every container of a node, whatever the agent believed of it.
    pub(super) async fn remove_containers(&self, job: &Job) -> Result<(), Failure> {
        let engine = self.parts.engine.as_ref();
        let name = plan::container_name(&job.key.cluster, &job.key.node);
        let known = match &job.state.presence {
            Presence::Running(running) => running.container.clone(),
            Presence::Created { container, .. } => Some(container.clone()),
            Presence::Ended { container, .. } => container.clone(),
            Presence::Absent | Presence::Unknown => None,
        };
        let id = match known {
            Some(id) => id,
            None => match engine.inspect(&name).await {
                Ok(state) if self.owns(&state, &job.key) => state.id,
                Ok(_) => return Ok(()),
                Err(error) if error.is_not_found() => return Ok(()),
                Err(error) => return Err(engine_failure(&error)),
            },
        };
        if matches!(job.state.presence, Presence::Running(_)) {
            // What the node's spec said of its stop is in the container itself.
            self.stop_container(&id, STOP_GRACE_AT_REMOVAL).await?;
        }
        engine.remove(&id).await.or_else(ok_if_gone).map_err(|error| engine_failure(&error))
    }

    fn owns(&self, state: &ContainerState, key: &Key) -> bool {
        let is = |label: &str, value: &str| state.labels.get(label).is_some_and(|found| found == value);
        is(labels::FLEET, self.parts.fleet.as_str())
            && is(labels::CLUSTER, key.cluster.as_str())
            && is(labels::NODE, &key.node.to_string())
    }
}

/// How long a node that is no longer wanted may take to end before it is killed.
const STOP_GRACE_AT_REMOVAL: Duration = Duration::from_secs(5);

fn ok_if_gone(error: EngineError) -> Result<(), EngineError> {
    if error.is_not_found() { Ok(()) } else { Err(error) }
}
