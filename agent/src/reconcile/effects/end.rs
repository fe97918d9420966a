//! Ending what runs of a node.
//!
//! Signals, kills and the engine's word on them are a few at a time; the wait in between, which is the node's own and may
//! be long, holds nobody else up.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use throng_common::host_spec::StopSpec;
use throng_common::status::{Reason, ReasonKind};
use throng_failpoints::{Fault, Point, during, hit, planted};

use super::super::command::{Job, Key};
use super::super::node_state::{Presence, Running};
use super::container::ok_if_gone;
use super::engine::engine_failure;
use super::host::{Failure, Host};
use super::process::process_failure;
use crate::host::engine::ends::PROMPT;
use crate::host::engine::model::ContainerId;
use crate::host::procs::end::ProcessEnd;
use crate::resources::process::stop;

/// How long a killed process may take to go: one in the midst of a large write takes seconds.
const KILL_DEADLINE: Duration = Duration::from_secs(10);
/// How often it is looked for more processes of a container than are held already.
const HOLDS_MAX: usize = 50;
const ENDLESS: &str =
    "of its container, which the engine does not see any more, processes begin as fast as they are killed";
const UNKILLABLE: &str =
    "it was killed and is still there: it waits in the kernel, for a disk or a mount that does not answer";

impl Host {
    /// Ends a node as it wants to be ended, and by force after its grace. What there is of it afterwards.
    pub(super) async fn stop(self: &Arc<Self>, job: &Job) -> Result<Presence, Failure> {
        let presence = match &job.state.presence {
            Presence::Unknown => self.look_again(&job.key).await?,
            known => known.clone(),
        };
        let Presence::Running(Running { container, pid, digest, stop, .. }) = presence else { return Ok(presence) };
        match &container {
            Some(id) => self.end_container(id, pid, &stop, job.wanted.is_some()).await?,
            None => self.end_process(&job.key, &stop).await?,
        }
        // It did not end by itself: whether it is started again is only a matter of what is wanted.
        Ok(container.map_or(Presence::Absent, |container| Presence::Created { container, digest }))
    }

    /// What the engine says of a container node of which nothing was known for a while.
    async fn look_again(&self, key: &Key) -> Result<Presence, Failure> {
        let Some(state) = self.find_container(key).await? else { return Ok(Presence::Absent) };
        let record = self.parts.ledger.node(&key.cluster, &key.node);
        let record = record.map_err(|error| Failure::new(ReasonKind::Host, &error))?;
        Ok(super::adopt::presence_of(state, record.as_ref()).0)
    }

    /// `stays`: the container is kept, so that the engine must have seen the end of it before it can be started again.
    /// One that is removed next needs no word of the engine's: removing it is one.
    pub(super) async fn end_container(
        &self,
        id: &ContainerId,
        pid: u32,
        stop: &StopSpec,
        stays: bool,
    ) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::new(ReasonKind::Host, &error);
        let end = ProcessEnd::of(pid).map_err(failed)?;
        // The kernel's own signal: it needs no engine, which may be hung. The id may be another one's by now.
        if self.is_of_container(pid, id) {
            self.ends.begin(id).await;
            let asked = during(Point::StopSent, async { end.signal(stop.signal) }).await.map_err(failed)?;
            hit(Point::ContainerAsked);
            if !asked {
                // It ended by itself, and that may have been told already.
                self.ends.over(id);
            } else if !end.within(stop.grace.min(PROMPT)).await {
                self.ends.lingers(id, stop.grace.saturating_sub(PROMPT));
                if end.within(stop.grace.saturating_sub(PROMPT)).await {
                    self.ends.ended(id);
                } else {
                    self.ends.begin(id).await;
                    end.signal(Signal::SIGKILL as i32).map_err(failed)?;
                    if !end.within(KILL_DEADLINE).await {
                        self.ends.over(id);
                        return Err(Failure::text(ReasonKind::Host, UNKILLABLE));
                    }
                }
            }
        }
        hit(Point::ContainerWaited);
        let ended = if stays {
            let ended = self.parts.engine.end(id).await;
            self.ends.over(id);
            ended
        } else {
            Ok(())
        };
        hit(Point::ContainerEnded);
        ended.or_else(ok_if_gone).map_err(|error| {
            let failure = engine_failure(&error);
            // It is dead; that is all that is known.
            if error.is_unreachable() { failure.leaving(Presence::Unknown) } else { failure }
        })
    }

    /// Kills all processes of a container that its engine says has none: it has lost sight of them. Its shim and what that
    /// is making are among them.
    pub(super) async fn kill_all_of(self: &Arc<Self>, id: &ContainerId) -> Result<(), Failure> {
        let id = id.clone();
        let container = id.clone();
        let killed = self.blocking(move |host| {
            let mut held = BTreeMap::new();
            let all_held = host.hold_all_of(&container, &mut held);
            // Whatever went wrong: what is held must not stay so.
            let killed: Vec<_> = held.values().map(|end| end.signal(Signal::SIGKILL as i32)).collect();
            let done = all_held.and_then(|()| killed.into_iter().try_for_each(|killed| killed.map(|_| ())));
            done.map(|()| held).map_err(|error| Failure::new(ReasonKind::Host, &error))
        });
        let killed = killed.await?;
        for end in killed.values() {
            if !end.within(KILL_DEADLINE).await {
                return Err(Failure::text(ReasonKind::Host, UNKILLABLE));
            }
        }
        if killed.is_empty() || self.strays_of(BTreeSet::from([id])).await?.is_empty() {
            return Ok(());
        }
        Err(Failure::text(ReasonKind::Host, ENDLESS))
    }

    /// Those of these containers, none of which runs by its engine's word, of which something lives all the same.
    pub(super) async fn strays_of(
        self: &Arc<Self>,
        containers: BTreeSet<ContainerId>,
    ) -> Result<BTreeSet<ContainerId>, Failure> {
        if containers.is_empty() {
            return Ok(containers);
        }
        let work = move |host: &Self| {
            let living = host.parts.procs.of_containers(&containers.iter().map(ContainerId::as_str).collect());
            let living = living.map_err(|error| Failure::new(ReasonKind::Host, &error))?;
            Ok(containers.into_iter().filter(|id| living.contains_key(id.as_str())).collect())
        };
        self.blocking(work).await
    }

    /// Kills what lives of these containers, none of which runs by its engine's word.
    pub async fn kill_strays(self: &Arc<Self>, containers: BTreeSet<ContainerId>) -> Result<(), Reason> {
        let reason = |failure: Failure| failure.reason;
        for id in self.strays_of(containers).await.map_err(reason)? {
            self.kill_all_of(&id).await.map_err(reason)?;
        }
        Ok(())
    }

    /// Stops all processes of a container where they are, so that none begins another one and is gone from its children.
    fn hold_all_of(&self, id: &ContainerId, held: &mut BTreeMap<u32, ProcessEnd>) -> io::Result<()> {
        let all = || self.parts.procs.of_containers(&BTreeSet::from([id.as_str()]));
        for _ in 0..HOLDS_MAX {
            let seen = all()?.remove(id.as_str()).unwrap_or_default();
            let fresh = seen.into_iter().filter(|pid| !held.contains_key(pid));
            let fresh = fresh.map(|pid| Ok((pid, ProcessEnd::of(pid)?))).collect::<io::Result<Vec<_>>>()?;
            if fresh.is_empty() {
                break;
            }
            // The ids may be others' by now.
            let still = all()?.remove(id.as_str()).unwrap_or_default();
            for (pid, end) in fresh.into_iter().filter(|(pid, _)| still.contains(pid)) {
                held.entry(pid).or_insert(end).signal(Signal::SIGSTOP as i32)?;
            }
        }
        Ok(())
    }

    /// Whether a process is a container's, by its control groups: their paths hold the container's id.
    fn is_of_container(&self, pid: u32, id: &ContainerId) -> bool {
        self.parts.procs.cgroups(pid).is_ok_and(|groups| groups.contains(id.as_str()))
    }

    /// Ends a process node, and all that it started.
    pub(super) async fn end_process(&self, key: &Key, stop: &StopSpec) -> Result<(), Failure> {
        if planted(Fault::SkipProcessEnd) {
            return Ok(());
        }
        let dir = self.parts.paths.shim_dir(&key.cluster, &key.node);
        if let Some(end) = stop::ask(&dir, stop.signal).map_err(|error| process_failure(&error))? {
            hit(Point::ProcessAsked);
            end.within(stop.grace).await;
        }
        let _turn = self.turn().await;
        let killed = stop::kill_leftovers(&dir).await;
        hit(Point::ProcessEnded);
        killed.map_err(|error| process_failure(&error))
    }
}
