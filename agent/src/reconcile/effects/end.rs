//! Ending what runs of a node.
//!
//! Signals, kills and the engine's word on them are a few at a time; the wait in between, which is the node's own and may
//! be long, holds nobody else up.

use std::sync::Arc;

use throng_common::host_spec::StopSpec;
use throng_common::status::ReasonKind;
use throng_failpoints::{Point, during, hit};

use super::super::command::{Job, Key};
use super::super::node_state::{Presence, Running};
use super::container::{engine_failure, ok_if_gone};
use super::host::{Failure, Host};
use super::process::process_failure;
use crate::host::engine::model::ContainerId;
use crate::host::procs::end::ProcessEnd;
use crate::resources::process::stop;

impl Host {
    /// Ends a node as it wants to be ended, and by force after its grace. What there is of it afterwards.
    pub(super) async fn stop(self: &Arc<Self>, job: &Job) -> Result<Presence, Failure> {
        let presence = match &job.state.presence {
            Presence::Unknown => self.look_again(&job.key).await?,
            known => known.clone(),
        };
        let Presence::Running(Running { container, pid, digest, stop, .. }) = presence else { return Ok(presence) };
        match &container {
            Some(id) => self.end_container(id, pid, &stop).await?,
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

    pub(super) async fn end_container(&self, id: &ContainerId, pid: u32, stop: &StopSpec) -> Result<(), Failure> {
        let end = ProcessEnd::of(pid).map_err(|error| Failure::new(ReasonKind::Host, &error))?;
        let asked = {
            let _turn = self.turn().await;
            during(Point::StopSent, self.parts.engine.kill(id, stop.signal)).await
        };
        hit(Point::ContainerAsked);
        match asked {
            Ok(()) => drop(end.within(stop.grace).await),
            // It does not run any more, or was removed.
            Err(error) if error.is_conflict() || error.is_not_found() => {}
            Err(error) => return Err(engine_failure(&error)),
        }
        hit(Point::ContainerWaited);
        let _turn = self.turn().await;
        // Also one that has ended: the engine must have seen it before the container can be started again.
        let ended = self.parts.engine.end(id).await;
        hit(Point::ContainerEnded);
        ended.or_else(ok_if_gone).map_err(|error| engine_failure(&error))
    }

    /// Ends a process node, and all that it started.
    pub(super) async fn end_process(&self, key: &Key, stop: &StopSpec) -> Result<(), Failure> {
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
