//! A stream of answers from one host.

use throng_common::ids::HostId;
use tonic::Streaming;

use super::FleetError;
use super::call::explain;
use super::link::Link;

/// Answers as they come. Dropping it ends the call in the agent, too.
#[derive(Debug)]
pub struct LinkStream<R> {
    host: HostId,
    link: Link,
    stream: Streaming<R>,
}

impl<R> LinkStream<R> {
    pub(super) fn new(host: HostId, link: Link, stream: Streaming<R>) -> Self {
        Self { host, link, stream }
    }

    /// The next answer; none when the agent has ended the stream in good order. Safe to be dropped and called again.
    pub async fn next(&mut self) -> Result<Option<R>, FleetError> {
        match self.stream.message().await {
            Ok(message) => Ok(message),
            Err(status) => Err(explain(&self.host, &self.link, None, status).await),
        }
    }

    /// The host that answers.
    pub fn host(&self) -> &HostId {
        &self.host
    }
}
