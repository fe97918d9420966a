//! Serving one connection that was dialled from here.

use std::convert::Infallible;

use futures_util::StreamExt as _;
use futures_util::stream::{once, pending};
use std::time::Duration;
use throng_proto::severable::severable;
use throng_proto::transport::{
    CANCELLED_CALLS_MAX, CONNECTION_WINDOW_BYTES, KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT, STREAM_WINDOW_BYTES,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;

/// How long calls under way may take to end when the agent shuts down. Streams that never end are cut then.
const DRAIN_DEADLINE: Duration = Duration::from_secs(2);

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServeEnd {
    /// The agent shuts down.
    Shutdown,
    /// It closed or broke; the text says how.
    Closed(String),
}

/// Serves one connection until it ends or `shutdown` is cancelled. Nothing of the connection is left when this returns.
pub async fn serve<IO>(io: IO, routes: Routes, shutdown: &CancellationToken) -> ServeEnd
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (io, sever) = severable(io);
    let over = {
        let (sever, shutdown) = (sever.clone(), shutdown.clone());
        async move {
            // Both arms only wait for a token: losing either loses nothing.
            tokio::select! {
                () = sever.closed() => {}
                () = shutdown.cancelled_owned() => {}
            }
        }
    };
    // The stream of connections must not end after the first: the server would then close it in good order.
    let incoming = once(std::future::ready(Ok::<_, Infallible>(io))).chain(pending());
    let served = server().add_routes(routes).serve_with_incoming_shutdown(incoming, over);
    let drained = async {
        shutdown.cancelled().await;
        tokio::time::sleep(DRAIN_DEADLINE).await;
    };
    // Dropping `served` is safe: the connection lives on a task of its own, which the cut below ends.
    tokio::select! {
        _ = served => {}
        () = drained => {}
    }
    // A stream that ends without an error of its own was dropped because a ping went unanswered.
    let cause = sever.cause().unwrap_or("the coordinator no longer answers").to_owned();
    sever.cut("the agent shuts down");
    sever.closed().await;
    if shutdown.is_cancelled() { ServeEnd::Shutdown } else { ServeEnd::Closed(cause) }
}

fn server() -> Server {
    Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        // Without these two a storm of cancelled calls closes the connection.
        .http2_max_pending_accept_reset_streams(Some(CANCELLED_CALLS_MAX))
        .http2_max_local_error_reset_streams(Some(CANCELLED_CALLS_MAX))
}
