//! Letting an agent's connection in: greeted first, then entered into the registry.
//!
//! In TLS 1.3 the dialling end believes itself connected before its certificate was judged, so a host counts as
//! connected only when its agent has answered `Hello`.

use std::sync::Arc;
use std::time::Duration;

use throng_common::ids::HostId;
use throng_proto::agent::{HelloReply, HelloRequest};
use throng_proto::version;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::Request;

use super::call::{answer, bounded};
use super::link::{self, Link};
use super::{DisconnectReason, Fleet, FleetError, Hello};
use crate::clock;

/// How long an agent may take to answer the greeting: it reads the facts of its host for it.
const HELLO_DEADLINE: Duration = Duration::from_secs(15);

impl Fleet {
    /// Lets in a connection that `host` dialled and whose certificate was verified. Answers once the agent has been
    /// greeted; the connection then lives on a task of its own until it ends or a newer one supersedes it.
    pub async fn admit<IO>(&self, host: HostId, io: IO) -> Result<(), FleetError>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connection = self.inner.next_connection();
        let (client, end, driver) = link::open(io).await.map_err(|error| FleetError::Lost {
            host: host.clone(),
            reason: DisconnectReason::Broken(error.to_string()),
        })?;
        let link = Link { connection, since: clock::now(), client, end };
        self.inner.tasks.spawn({
            let (inner, host, end) = (self.inner.clone(), host.clone(), link.end.clone());
            async move {
                // The closing fleet also ends connections that are not entered yet; the driver may be dropped then.
                let reason = tokio::select! {
                    reason = driver => reason,
                    () = inner.closing.cancelled() => {
                        end.close(DisconnectReason::ClosedHere);
                        DisconnectReason::ClosedHere
                    }
                };
                tracing::info!(%host, connection, %reason, "agent disconnected");
                inner.remove(&host, connection, reason);
            }
        });
        match self.greet(&host, &link).await {
            Ok(hello) => self.enter(&host, link, hello),
            Err(error) => {
                link.end.close(DisconnectReason::ClosedHere);
                Err(error)
            }
        }
    }

    fn enter(&self, host: &HostId, link: Link, hello: Hello) -> Result<(), FleetError> {
        let (connection, end) = (link.connection, link.end.clone());
        let build = hello.build.clone();
        let lost = |reason| FleetError::Lost { host: host.clone(), reason };
        if !self.inner.insert(host, link, Arc::new(hello)) {
            return Err(lost(end.reason().cloned().unwrap_or(DisconnectReason::Superseded)));
        }
        // It may have ended between the greeting and the entry, when its driver found nothing to remove.
        if let Some(reason) = end.reason() {
            self.inner.remove(host, connection, reason.clone());
            return Err(lost(reason.clone()));
        }
        tracing::info!(%host, connection, build, "agent connected");
        Ok(())
    }

    async fn greet(&self, host: &HostId, link: &Link) -> Result<Hello, FleetError> {
        let mut request = Request::new(HelloRequest {
            version: Some(version::this()),
            fleet: self.inner.fleet.to_string(),
            epoch: self.inner.epoch.0,
            host: host.to_string(),
        });
        request.set_timeout(HELLO_DEADLINE);
        let mut client = link.client.clone();
        let answered = bounded(HELLO_DEADLINE, client.hello(request)).await;
        let reply = answer(host, link, HELLO_DEADLINE, answered).await?.into_inner();
        check_version(host, &reply)?;
        Hello::try_from(reply).map_err(|source| FleetError::Decode { host: host.clone(), source })
    }
}

fn check_version(host: &HostId, reply: &HelloReply) -> Result<(), FleetError> {
    let theirs = reply.version.clone().unwrap_or_default();
    if version::accepts(&theirs) {
        return Ok(());
    }
    Err(FleetError::Incompatible { host: host.clone(), theirs: theirs.major, ours: version::MAJOR })
}
