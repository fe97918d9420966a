//! A connection of the API, with who calls over it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tonic::transport::server::Connected;

use crate::authz::Caller;

/// What a connection is made of.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send {}
impl<IO: AsyncRead + AsyncWrite + Send> Stream for IO {}

/// A connection of the API. Every request over it carries the caller as an extension.
pub(super) struct ApiIo {
    io: Pin<Box<dyn Stream>>,
    caller: Caller,
    /// Its share of the connections that there may be.
    _permit: OwnedSemaphorePermit,
}

impl ApiIo {
    /// A connection with its caller.
    pub(super) fn new(io: impl Stream + 'static, caller: Caller, permit: OwnedSemaphorePermit) -> Self {
        Self { io: Box::pin(io), caller, _permit: permit }
    }
}

impl Connected for ApiIo {
    type ConnectInfo = Caller;
    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

impl AsyncRead for ApiIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_read(cx, buf)
    }
}

impl AsyncWrite for ApiIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.io.as_mut().poll_write(cx, buf)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io.as_mut().poll_write_vectored(cx, bufs)
    }
    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_shutdown(cx)
    }
}
