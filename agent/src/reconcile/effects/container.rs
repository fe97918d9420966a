//! Starting and removing container nodes.

use std::sync::Arc;
use std::time::Duration;

use throng_common::host_spec::ContainerSpec;
use throng_common::ids::Generation;
use throng_common::status::{Reason, ReasonKind};
use throng_failpoints::{Fault, Point, during, hit, planted};

use super::super::command::{Job, Key, WantedNode};
use super::super::node_state::{Action, Presence, Running, Strays};
use super::adopt::presence_of;
use super::engine::engine_failure;
use super::host::{Failure, Host};
use crate::host::engine::error::EngineError;
use crate::host::engine::labels::{self, Owner};
use crate::host::engine::model::{ContainerId, ContainerPhase, ContainerPlan, ContainerState};
use crate::host::mounts::table::Device;
use crate::resources::container::apply::{self, ContainerError, Started};
use crate::resources::container::plan::{self, Places};
use crate::resources::files::beneath::{self, Owner as FileOwner};

/// How often a prepare container is looked at.
const PREPARE_POLL: Duration = Duration::from_millis(50);

/// How often a container that has run is tried again before it is made anew, and what lies in between: the engine may be
/// clearing away yet what it found of it, and with the container goes what it has written.
const CLEARED_TRIES: u32 = 4;
const CLEARED_PAUSE: Duration = Duration::from_millis(500);

fn is_in_its_own_way(looked: &Result<Started, ContainerError>) -> bool {
    matches!(looked, Err(ContainerError::Engine(error)) if error.is_in_its_own_way())
}

fn container_failure(error: &ContainerError) -> Failure {
    match error {
        ContainerError::Engine(engine) => engine_failure(engine),
        ContainerError::ImageGone { .. } => Failure::new(ReasonKind::Image, error),
        ContainerError::NameTaken { .. } | ContainerError::EndedAtOnce { .. } => {
            Failure::new(ReasonKind::Engine, error)
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
        let generation = if planted(Fault::MakeForOlder) { Generation(1) } else { generation };
        let owner = Owner { fleet: &parts.fleet, cluster: &key.cluster, node: &key.node, generation };
        plan::plan(&owner, &wanted.spec, container, &places)
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
        let has_init = self.engine_traits().await?.has_init;
        let plan = self.container_plan(&job.key, wanted, container, generation);
        let plan = ContainerPlan { init: plan.init && has_init, ..plan };
        if let Some(running) = self.started_after_all(job, wanted).await? {
            let devices = self.devices(job, wanted).await?;
            return self.confirm(job, wanted, running, devices).await;
        }
        // What it left of a command that was cut short may hold the node's own ports.
        self.remove_prepare(&job.key).await?;
        let kept = self.clear_the_way(job, &plan).await?;
        let before_start = |failure: Failure| match &kept {
            None => failure.leaving(Presence::Absent),
            Some(_) => failure,
        };
        let restart = container_of(&job.state.presence).is_some() || job.action == Action::Replace;
        let devices = self.provide_for(job, wanted, FileOwner::ROOT, restart).await.map_err(before_start)?;
        self.image(&container.image, container.pull, generation).await.map_err(before_start)?;
        hit(Point::ImageEnsured);
        self.prepare_container(job, wanted, &plan).await.map_err(before_start)?;
        let engine = self.parts.engine.as_ref();
        let turn = self.starts.turn().await;
        let id = match &kept {
            Some(id) => id.clone(),
            None => apply::create(engine, &plan).await.map_err(|error| {
                if error.is_image_gone() {
                    self.forget_image(&container.image);
                }
                before_start(container_failure(&error))
            })?,
        };
        let digest = wanted.digest.clone();
        let started = apply::start(engine, &id).await;
        // One that was there is started in less: the two would not compare.
        let turn = if kept.is_none() && started.is_ok() {
            turn.learn();
            None
        } else {
            Some(turn)
        };
        let looked = match started {
            Ok(()) => apply::look(engine, &id).await,
            Err(error) => Err(error),
        };
        let (id, looked) = self.made_anew(job, &plan, id, looked).await?;
        drop(turn);
        match looked {
            Ok(Started { pid, image_id }) => {
                if planted(Fault::StartTwice) {
                    let twin = ContainerPlan { name: format!("{}-again", plan.name), ..plan };
                    let twin = apply::create(engine, &twin).await.map_err(|error| container_failure(&error))?;
                    // It may end at once, for its ports are taken: it is there all the same.
                    let _ = apply::start(engine, &twin).await;
                }
                let running = Running { container: Some(id), image_id, pid, digest, stop: wanted.spec.stop.clone() };
                self.confirm(job, wanted, running, devices).await
            }
            Err(ContainerError::EndedAtOnce { state, .. }) => {
                let (reason, failed) = self.container_end(&state).await;
                let failure = Failure::of(reason).leaving(Presence::Ended { container: Some(id), digest, failed });
                Err(Failure { strays: Some(Strays::None), ..failure })
            }
            Err(error) => {
                let failure = container_failure(&error).leaving(left_after(&error, id, digest));
                Err(Failure { strays: Some(Strays::Possible), ..failure })
            }
        }
    }

    /// Makes a container anew, and starts that, where what the engine began of it and lost sight of is in its way: it would
    /// be refused for ever.
    async fn made_anew(
        self: &Arc<Self>,
        job: &Job,
        plan: &ContainerPlan,
        id: ContainerId,
        looked: Result<Started, ContainerError>,
    ) -> Result<(ContainerId, Result<Started, ContainerError>), Failure> {
        if job.state.strays == Strays::None || !is_in_its_own_way(&looked) {
            return Ok((id, looked));
        }
        let engine = self.parts.engine.as_ref();
        let before = self.inspected(id.as_str()).await?;
        let has_run = before.is_some_and(|state| state.phase != ContainerPhase::Created);
        for _ in 0..if has_run { CLEARED_TRIES } else { 0 } {
            tokio::time::sleep(CLEARED_PAUSE).await;
            let again = apply::start_and_look(engine, &id).await;
            if !is_in_its_own_way(&again) {
                return Ok((id, again));
            }
        }
        let Some(state) = self.inspected(id.as_str()).await? else { return Ok((id, looked)) };
        if self.without_strays(state).await?.is_some() {
            let runs = apply::look(engine, &id).await;
            return Ok((id, runs));
        }
        tracing::warn!(node = %job.key, container = %id, "its engine is in its own way: the container is made anew");
        engine.remove(&id).await.or_else(ok_if_gone).map_err(|error| engine_failure(&error))?;
        let created = apply::create(engine, plan).await;
        let id = created.map_err(|error| container_failure(&error).leaving(Presence::Absent))?;
        let looked = apply::start_and_look(engine, &id).await;
        Ok((id, looked))
    }

    /// The node as it runs since a start that was not done by the engine's word: a slow engine does what it was asked for,
    /// only later. Started once more, it would find its ports taken by itself, and its ramdisks would be emptied under it.
    ///
    /// An engine that died over the start may know nothing of what runs: that is ended.
    async fn started_after_all(self: &Arc<Self>, job: &Job, wanted: &WantedNode) -> Result<Option<Running>, Failure> {
        if job.state.strays == Strays::None {
            return Ok(None);
        }
        let found = match container_of(&job.state.presence) {
            Some(id) => self.inspected(id.as_str()).await?,
            None => self.find_container(&job.key).await?,
        };
        let Some(state) = found else { return Ok(None) };
        let runs = self.without_strays(state).await?.filter(|_| job.action == Action::Start);
        Ok(runs.map(|running| Running { stop: wanted.spec.stop.clone(), ..running }))
    }

    /// What runs of a container by the engine's word. Where nothing does, all that lives of it is killed.
    async fn without_strays(self: &Arc<Self>, state: ContainerState) -> Result<Option<Running>, Failure> {
        let id = state.id.clone();
        if let (Presence::Running(running), _) = presence_of(state, None) {
            return Ok(Some(running));
        }
        self.kill_all_of(&id).await?;
        Ok(None)
    }

    /// Removes the container that must not be there when the node starts; the one that can be started again stays.
    async fn clear_the_way(&self, job: &Job, plan: &ContainerPlan) -> Result<Option<ContainerId>, Failure> {
        let Some(id) = container_of(&job.state.presence) else { return Ok(None) };
        if job.action == Action::Replace || !self.has_its_texts(&id, plan).await? {
            let removed = self.parts.engine.remove(&id).await.or_else(ok_if_gone);
            return removed.map(|()| None).map_err(|error| engine_failure(&error));
        }
        Ok(Some(id))
    }

    /// Whether a container's command and environment are still those that are wanted. Those of most nodes never change
    /// without a new container; only where they say how many nodes there are, the engine is asked.
    async fn has_its_texts(&self, id: &ContainerId, plan: &ContainerPlan) -> Result<bool, Failure> {
        if !plan.labels.contains_key(labels::TEXTS) {
            return Ok(true);
        }
        Ok(self.inspected(id.as_str()).await?.is_some_and(|state| plan::has_its_texts(&state.labels, plan)))
    }

    async fn devices(self: &Arc<Self>, job: &Job, wanted: &Arc<WantedNode>) -> Result<Vec<Device>, Failure> {
        let (key, wanted) = (job.key.clone(), Arc::clone(wanted));
        self.blocking(move |host| host.verified_ramdisks(&key, &wanted.spec)).await
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
    async fn prepare_container(
        self: &Arc<Self>,
        job: &Job,
        wanted: &WantedNode,
        plan: &ContainerPlan,
    ) -> Result<(), Failure> {
        let Some(prepare) = &wanted.spec.prepare else { return Ok(()) };
        if self.is_prepared(&job.key) {
            return Ok(());
        }
        let mut once = plan.clone();
        once.name = plan::prepare_name(&job.key.cluster, &job.key.node);
        once.command.clone_from(&prepare.command);
        // It is a command as those of `exec` are, not what an entrypoint is told.
        once.entrypoint = Some(Vec::new());
        let engine = self.parts.engine.as_ref();
        self.note_prepare(&job.key);
        let id = engine.create(&once).await.map_err(|error| engine_failure(&error))?;
        hit(Point::PrepareCreated);
        let ended = self.run_to_end(&id, prepare.timeout).await;
        let ended = match ended {
            // What became of it the next start sees: only its id tells what it left.
            Err(failure) if failure.reason.kind.is_silence() => return Err(failure),
            ended => ended,
        };
        // Its last words go with it.
        let end = match &ended {
            Ok(state) => Some(self.container_end(state).await),
            Err(_) => None,
        };
        let removed = if planted(Fault::SkipPrepareRemoval) { Ok(()) } else { engine.remove(&id).await };
        let removed = removed.or_else(ok_if_gone);
        ended?;
        hit(Point::PrepareEnded);
        removed.map_err(|error| engine_failure(&error))?;
        self.prepares().remove(&job.key);
        match end {
            Some((reason, true)) => Err(prepare_failure(&prepare.command, &reason)),
            Some((_, false)) | None => self.mark_prepared(&job.key),
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

    /// Removes a node's container, also one that the agent did not know of, and what is left of its prepare command.
    pub(super) async fn remove_container(self: &Arc<Self>, job: &Job) -> Result<(), Failure> {
        self.remove_prepare(&job.key).await?;
        let id = match container_of(&job.state.presence) {
            Some(id) => Some(id),
            None => self.find_container(&job.key).await?.map(|state| state.id),
        };
        let Some(id) = id.filter(|_| !planted(Fault::SkipContainerRemoval)) else { return Ok(()) };
        if job.state.strays == Strays::Possible
            && let Some(state) = self.inspected(id.as_str()).await?
            && let Some(running) = self.without_strays(state).await?
        {
            self.end_container(&id, running.pid, &running.stop, false).await?;
        }
        let removed = during(Point::RemoveSent, self.parts.engine.remove(&id)).await;
        self.ends.over(&id);
        hit(Point::ContainerRemoved);
        removed.or_else(ok_if_gone).map_err(|error| engine_failure(&error))
    }

    /// Takes note of a prepare container: one that is about to be made, or one that was found.
    pub(super) fn note_prepare(&self, key: &Key) {
        self.prepares().insert(key.clone());
    }

    /// Removes the prepare container that is left of a start that was cut short, by this agent or one before it: it is of no
    /// use. The engine is asked only where there may be one.
    async fn remove_prepare(self: &Arc<Self>, key: &Key) -> Result<(), Failure> {
        if !self.may_have_prepare(key) {
            return Ok(());
        }
        let left = self.find_named(&plan::prepare_name(&key.cluster, &key.node), key).await?;
        if let Some(left) = left {
            let id = left.id.clone();
            self.without_strays(left).await?;
            let removed = self.parts.engine.remove(&id).await.or_else(ok_if_gone);
            removed.map_err(|error| engine_failure(&error))?;
        }
        self.prepares().remove(key);
        Ok(())
    }

    /// A node's container as the engine knows it, by its name.
    pub(super) async fn find_container(&self, key: &Key) -> Result<Option<ContainerState>, Failure> {
        self.find_named(&plan::container_name(&key.cluster, &key.node), key).await
    }

    async fn find_named(&self, name: &str, key: &Key) -> Result<Option<ContainerState>, Failure> {
        Ok(self.inspected(name).await?.filter(|state| self.owns(state, key)))
    }

    /// A container as the engine knows it; none where it has none of this id or name.
    async fn inspected(&self, id_or_name: &str) -> Result<Option<ContainerState>, Failure> {
        match self.parts.engine.inspect(id_or_name).await {
            Ok(state) => Ok(Some(state)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(engine_failure(&error)),
        }
    }

    fn owns(&self, state: &ContainerState, key: &Key) -> bool {
        let is = |label: &str, value: &str| state.labels.get(label).is_some_and(|found| found == value);
        is(labels::FLEET, self.parts.fleet.as_str())
            && is(labels::CLUSTER, key.cluster.as_str())
            && is(labels::NODE, &key.node.to_string())
    }
}

/// A prepare command that ended badly.
pub(super) fn prepare_failure(command: &[String], ended: &Reason) -> Failure {
    let own = [format!("`{}`", command.join(" ")), ended.detail.clone()];
    let own: Vec<String> = own.into_iter().filter(|part| !part.is_empty()).collect();
    let reason = Reason::new(ReasonKind::Prepare, format!("prepare command: {}", ended.message));
    Failure::of(reason.with_detail(own.join(", ")))
}

/// The container that there is of a node.
pub(super) fn container_of(presence: &Presence) -> Option<ContainerId> {
    match presence {
        Presence::Running(running) => running.container.clone(),
        Presence::Created { container, .. } => Some(container.clone()),
        Presence::Ended { container, .. } => container.clone(),
        Presence::Absent | Presence::Unknown => None,
    }
}

/// What there is of a node whose container could not be started.
fn left_after(error: &ContainerError, container: ContainerId, digest: String) -> Presence {
    match error {
        ContainerError::Engine(error) if error.is_not_found() => Presence::Absent,
        ContainerError::Engine(_)
        | ContainerError::ImageGone { .. }
        | ContainerError::NameTaken { .. }
        | ContainerError::EndedAtOnce { .. } => Presence::Created { container, digest },
    }
}

pub(super) fn ok_if_gone(error: EngineError) -> Result<(), EngineError> {
    if error.is_not_found() { Ok(()) } else { Err(error) }
}
