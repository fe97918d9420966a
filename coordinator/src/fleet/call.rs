//! Calls to one host: bounded in time, with errors that name the host.

use std::time::Duration;

use throng_common::ids::HostId;
use throng_proto::agent::agent_client::AgentClient;
use tonic::{Request, Response, Status, Streaming};

use super::error::{Meaning, meaning};
use super::link::Link;
use super::{DisconnectReason, Fleet, FleetError, LinkService, LinkStream};

/// How much longer than the agent this end waits, so that the agent's own answer wins where it comes at all.
const LOCAL_GRACE: Duration = Duration::from_millis(500);

/// How long a stream may take to begin.
const STREAM_BEGIN_DEADLINE: Duration = Duration::from_secs(20);

/// How long after a failed call the connection's own end is waited for: it carries the better reason.
const END_GRACE: Duration = Duration::from_millis(200);

/// The local timeout passed.
pub(super) struct TooLate;

/// Waits for an answer, slightly longer than the deadline that goes with the call.
pub(super) async fn bounded<R>(
    deadline: Duration,
    call: impl Future<Output = Result<R, Status>>,
) -> Result<Result<R, Status>, TooLate> {
    tokio::time::timeout(deadline + LOCAL_GRACE, call).await.map_err(|_| TooLate)
}

/// Makes a fleet's error of what a call ended with.
pub(super) async fn answer<R>(
    host: &HostId,
    link: &Link,
    deadline: Duration,
    answered: Result<Result<R, Status>, TooLate>,
) -> Result<R, FleetError> {
    match answered {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(status)) => Err(explain(host, link, Some(deadline), status).await),
        Err(TooLate) => Err(FleetError::DeadlineExceeded { host: host.clone(), deadline }),
    }
}

/// What a failed call means. A connection that broke says so in many ways; its own end knows best.
pub(super) async fn explain(host: &HostId, link: &Link, deadline: Option<Duration>, status: Status) -> FleetError {
    let host = host.clone();
    let text = match (meaning(&status), deadline) {
        (Meaning::Deadline, Some(deadline)) => return FleetError::DeadlineExceeded { host, deadline },
        (Meaning::Deadline, None) | (Meaning::Answer, _) => {
            return FleetError::Answered { host, code: status.code(), message: status.message().to_owned() };
        }
        (Meaning::Transport(text), _) => text,
    };
    // A timeout is no error here: the connection lives, and only this one stream broke.
    let _ = tokio::time::timeout(END_GRACE, link.end.over()).await;
    let reason = link.end.reason().cloned().unwrap_or(DisconnectReason::Broken(text));
    FleetError::Lost { host, reason }
}

impl Fleet {
    /// One call with one answer; `message` may be a stream of messages. The deadline goes with it: the agent gives up then, too.
    ///
    /// `fleet.call(&host, deadline, message, |mut agent, request| async move { agent.facts(request).await })`
    pub async fn call<Q, R, F, C>(&self, host: &HostId, deadline: Duration, message: Q, rpc: F) -> Result<R, FleetError>
    where
        F: FnOnce(AgentClient<LinkService>, Request<Q>) -> C,
        C: Future<Output = Result<Response<R>, Status>>,
    {
        let link = self.inner.link(host)?;
        let mut request = Request::new(message);
        request.set_timeout(deadline);
        let answered = bounded(deadline, rpc(link.client.clone(), request)).await;
        Ok(answer(host, &link, deadline, answered).await?.into_inner())
    }

    /// A call with a stream of answers. It must begin within 20 s; how long it lasts is the caller's to bound. `message`
    /// may itself be a stream.
    pub async fn open<Q, R, F, C>(&self, host: &HostId, message: Q, rpc: F) -> Result<LinkStream<R>, FleetError>
    where
        F: FnOnce(AgentClient<LinkService>, Request<Q>) -> C,
        C: Future<Output = Result<Response<Streaming<R>>, Status>>,
    {
        let link = self.inner.link(host)?;
        let answered = bounded(STREAM_BEGIN_DEADLINE, rpc(link.client.clone(), Request::new(message))).await;
        let stream = answer(host, &link, STREAM_BEGIN_DEADLINE, answered).await?.into_inner();
        Ok(LinkStream::new(host.clone(), link, stream))
    }
}
