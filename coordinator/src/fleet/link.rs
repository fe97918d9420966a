//! One connection that an agent dialled, with this end as the HTTP/2 client.

use std::io;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use throng_common::error_chain::chain;
use throng_common::status::UnixMillis;
use throng_proto::agent::agent_client::AgentClient;
use throng_proto::severable::{Sever, severable};
use throng_proto::transport::{
    AGENT_ORIGIN, CANCELLED_CALLS_MAX, CONNECTION_WINDOW_BYTES, KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT,
    MESSAGE_MAX_BYTES, STREAM_WINDOW_BYTES,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

use super::DisconnectReason;

/// The transport under an agent's client.
#[derive(Debug, Clone)]
pub struct LinkService {
    sender: SendRequest<Body>,
}

impl tower::Service<Request<Body>> for LinkService {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.sender.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.sender.send_request(request))
    }
}

/// A connection in use.
#[derive(Debug, Clone)]
pub(super) struct Link {
    /// Grows with every connection of any host.
    pub(super) connection: u64,
    pub(super) since: UnixMillis,
    pub(super) client: AgentClient<LinkService>,
    pub(super) end: LinkEnd,
}

/// How a connection ends: set once, by whoever ends it first.
#[derive(Debug, Clone)]
pub(super) struct LinkEnd {
    reason: Arc<OnceLock<DisconnectReason>>,
    over: CancellationToken,
    sever: Sever,
}

impl LinkEnd {
    /// Closes the connection now. The reason is what calls under way will say.
    pub(super) fn close(&self, reason: DisconnectReason) {
        let _ = self.reason.set(reason);
        self.sever.cut("closed by the coordinator");
        self.over.cancel();
    }

    /// Waits for the end.
    pub(super) async fn over(&self) {
        self.over.cancelled().await;
    }

    /// Why it ended; none while it lasts.
    pub(super) fn reason(&self) -> Option<&DisconnectReason> {
        self.reason.get().filter(|_| self.over.is_cancelled())
    }
}

/// Makes an HTTP/2 client connection of a stream. The future drives it and answers with the reason of its end; it must
/// be spawned.
pub(super) async fn open<IO>(
    io: IO,
) -> hyper::Result<(AgentClient<LinkService>, LinkEnd, impl Future<Output = DisconnectReason> + Send)>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (io, sever) = severable(io);
    let (sender, connection) = Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_reset_streams(CANCELLED_CALLS_MAX)
        .max_local_error_reset_streams(CANCELLED_CALLS_MAX)
        .handshake(TokioIo::new(io))
        .await?;
    let client = AgentClient::with_origin(LinkService { sender }, Uri::from_static(AGENT_ORIGIN))
        .max_decoding_message_size(MESSAGE_MAX_BYTES)
        .max_encoding_message_size(MESSAGE_MAX_BYTES);
    let end = LinkEnd { reason: Arc::default(), over: CancellationToken::new(), sever };
    let driver = {
        let end = end.clone();
        async move {
            let seen = match connection.await {
                Ok(()) => DisconnectReason::ClosedByAgent,
                Err(error) if error.is_timeout() => DisconnectReason::KeepAliveTimedOut,
                Err(error) if is_cut_off(&error) => DisconnectReason::CutOff,
                Err(error) => DisconnectReason::Broken(chain(&error)),
            };
            end.close(seen.clone());
            end.reason.get().cloned().unwrap_or(seen)
        }
    };
    Ok((client, end, driver))
}

/// Whether the other side is just gone: no goodbye of TLS, or the network's own word for it.
fn is_cut_off(error: &(dyn std::error::Error + 'static)) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof))
}
