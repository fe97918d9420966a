//! Long-running commands.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use throng_common::ids::{ClusterId, OperationId, RoleName, RunId};
use throng_proto::operator as wire;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::service::{ApiService, Streamed};
use super::status::{invalid, of_core, of_rollout};
use super::wire::{bundle_from_wire, operation, stamped};
use crate::authz::Caller;
use crate::operation::Keep;
use crate::rollout::{self, Admitted, RunWish};

/// Events that may wait for a slow follower.
const FOLLOW_QUEUE: usize = 64;

impl ApiService {
    /// Checks a bundle that something is to be started from: all that it ships must be here.
    pub(super) fn admit(&self, bundle: Option<wire::Bundle>, caller: Option<&Caller>) -> Result<Admitted, Status> {
        let (bundle, contents) = bundle_from_wire(bundle, caller)?;
        let missing = self.core.contents.missing(contents.values().copied());
        if let Some(first) = missing.first() {
            let path = contents.iter().find(|(_, digest)| *digest == first).map_or("", |(path, _)| path.as_str());
            let text = format!(
                "the contents of {} of the bundle's files are not here ({path} …): send them with PutContents first",
                missing.len()
            );
            return Err(Status::failed_precondition(text));
        }
        rollout::admit(bundle, contents).map_err(of_rollout)
    }

    /// The operation of this id, where it has begun already: whoever asks for the same again did not hear so. `cluster` is
    /// the one that is asked for, as the request names it.
    pub(super) fn begun(&self, id: &OperationId, verb: &str, cluster: &str) -> Result<Option<wire::Operation>, Status> {
        let Some(known) = self.core.operations.get(id) else { return Ok(None) };
        let is_of = |cluster: &str| known.cluster().is_some_and(|id| id.as_str() == cluster);
        let found = || self.core.find(cluster).is_ok_and(|found| is_of(found.record().id.as_str()));
        if known.wish().verb() == verb && (cluster.is_empty() || is_of(cluster) || found()) {
            return Ok(Some(operation(&known)));
        }
        let what = known.wish().verb();
        Err(Status::already_exists(format!("{id} is another operation ({what}): a name is for one request")))
    }

    pub(super) async fn begin_up(
        &self,
        request: wire::UpRequest,
        caller: Option<&Caller>,
    ) -> Result<wire::Operation, Status> {
        let id = asked_id(&request.operation, "up")?;
        if let Some(begun) = self.begun(&id, if request.into.is_empty() { "up" } else { "update" }, &request.into)? {
            return Ok(begun);
        }
        if !request.into.is_empty() {
            return self.begin_update(request, id, caller).await;
        }
        let admitted = self.admit(request.bundle, caller)?;
        Ok(operation(&rollout::start_up(&self.core, id, admitted).await))
    }

    pub(super) async fn begin_run(
        &self,
        request: wire::RunRequest,
        caller: Option<&Caller>,
    ) -> Result<wire::Operation, Status> {
        let id = asked_id(&request.operation, "run")?;
        if let Some(begun) = self.begun(&id, "run", "")? {
            return Ok(begun);
        }
        let keep = match request.keep() {
            wire::KeepPolicy::Unspecified | wire::KeepPolicy::Never => Keep::Never,
            wire::KeepPolicy::OnFailure => Keep::OnFailure,
            wire::KeepPolicy::Always => Keep::Always,
        };
        let admitted = self.admit(request.bundle, caller)?;
        let wish = wish(admitted.scenario.scenario.name.as_str(), &request.tests, request.seed)?;
        let handle = rollout::start_run(&self.core, id, admitted, wish, keep).await.map_err(of_rollout)?;
        Ok(operation(&handle))
    }

    pub(super) async fn begin_test(&self, request: &wire::TestRequest) -> Result<wire::Operation, Status> {
        let id = asked_id(&request.operation, "test")?;
        if let Some(begun) = self.begun(&id, "test", &request.cluster)? {
            return Ok(begun);
        }
        let cluster = self.core.find(&request.cluster).map_err(of_core)?;
        let wish = wish(cluster.record().scenario.scenario.name.as_str(), &request.tests, request.seed)?;
        let handle = rollout::start_test(&self.core, id, cluster, wish).await.map_err(of_rollout)?;
        Ok(operation(&handle))
    }

    pub(super) async fn begin_scale(&self, request: wire::ScaleRequest) -> Result<wire::Operation, Status> {
        let id = asked_id(&request.operation, "scale")?;
        if let Some(begun) = self.begun(&id, "scale", &request.cluster)? {
            return Ok(begun);
        }
        let cluster = self.core.find(&request.cluster).map_err(of_core)?;
        let count = |(role, count): (String, u32)| {
            let role = RoleName::new(role).map_err(|error| invalid("counts", error))?;
            Ok::<_, Status>((role, count))
        };
        let counts: BTreeMap<RoleName, u32> = request.counts.into_iter().map(count).collect::<Result<_, _>>()?;
        if counts.is_empty() {
            return Err(invalid("counts", "names no role"));
        }
        let handle = rollout::start_scale(&self.core, id, cluster, counts).await.map_err(of_rollout)?;
        Ok(operation(&handle))
    }

    pub(super) async fn begin_down(&self, request: &wire::DownRequest) -> Result<wire::Operation, Status> {
        let id = asked_id(&request.operation, "down")?;
        if let Some(begun) = self.begun(&id, if request.orphans { "sweep" } else { "down" }, &request.cluster)? {
            return Ok(begun);
        }
        if request.orphans {
            return self.begin_sweep(request, id).await;
        }
        let cluster = self.core.find(&request.cluster).map_err(of_core)?;
        Ok(operation(&rollout::start_down(&self.core, id, cluster).await))
    }

    async fn begin_sweep(&self, request: &wire::DownRequest, id: OperationId) -> Result<wire::Operation, Status> {
        let ids = request.orphaned_clusters.iter().map(|id| ClusterId::new(id.as_str()));
        let clusters: BTreeSet<ClusterId> =
            ids.collect::<Result<_, _>>().map_err(|error| invalid("orphaned_clusters", error))?;
        // None: only settings are left, which hosts put back when they are told that nobody wants them.
        let handle = rollout::start_sweep(&self.core, id, clusters).await.map_err(of_rollout)?;
        Ok(operation(&handle))
    }

    pub(super) fn follow(
        &self,
        request: &wire::FollowOperationRequest,
    ) -> Result<Streamed<wire::OperationEvent>, Status> {
        let id = operation_id(&request.operation)?;
        let follow = self.core.operations.follow(&id, request.from);
        let mut follow = follow.ok_or_else(|| unknown(&id))?;
        let (sender, receiver) = mpsc::channel(FOLLOW_QUEUE);
        let stop = self.core.stop.clone();
        self.core.tasks.spawn(async move {
            loop {
                let event = tokio::select! {
                    // Whoever follows waits for the next coordinator, which goes on with it.
                    () = stop.cancelled() => {
                        let _ = sender.send(Err(Status::unavailable("the coordinator ends"))).await;
                        return;
                    }
                    // Whoever followed has gone away; the operation goes on.
                    () = sender.closed() => return,
                    event = follow.next() => event,
                };
                let Some(event) = event else { return };
                if sender.send(Ok(stamped(event))).await.is_err() {
                    return;
                }
            }
        });
        Ok(Box::pin(ReceiverStream::new(receiver)))
    }

    pub(super) async fn cancel(
        &self,
        request: &wire::CancelOperationRequest,
    ) -> Result<wire::CancelOperationReply, Status> {
        let id = operation_id(&request.operation)?;
        if self.core.cancel(&id).await { Ok(wire::CancelOperationReply {}) } else { Err(unknown(&id)) }
    }

    pub(super) fn list_operations_now(&self) -> wire::ListOperationsReply {
        let summary = |info: crate::operation::OperationInfo| wire::OperationSummary {
            operation: info.id.to_string(),
            verb: info.verb.to_owned(),
            cluster: info.cluster.map(|cluster| cluster.to_string()).unwrap_or_default(),
            started_unix_millis: info.started.0,
            ended: info.outcome.is_some(),
            outcome: info.outcome.map(rollout::outcome_word).unwrap_or_default(),
            run: info.run.map(|run| run.to_string()).unwrap_or_default(),
        };
        wire::ListOperationsReply { operations: self.core.operations.list().into_iter().map(summary).collect() }
    }
}

/// The id that an operation is asked for under; a new one where whoever asks does not care.
pub(super) fn asked_id(text: &str, verb: &str) -> Result<OperationId, Status> {
    if text.is_empty() { Ok(OperationId::generate(verb)) } else { operation_id(text) }
}

fn operation_id(text: &str) -> Result<OperationId, Status> {
    OperationId::new(text).map_err(|error| invalid("operation", error))
}

fn unknown(id: &OperationId) -> Status {
    Status::not_found(format!(
        "there is no operation {id}: the coordinator forgets those that have ended when it ends itself"
    ))
}

fn wish(scenario: &str, tests: &str, seed: u64) -> Result<RunWish, Status> {
    let pattern = (!tests.is_empty()).then(|| Regex::new(tests)).transpose();
    let tests = pattern.map_err(|error| invalid("tests", error))?;
    let seed = if seed == 0 { u64::from(rand::random::<u32>()) + 1 } else { seed };
    Ok(RunWish { run: RunId::generate(scenario), tests, seed })
}
