//! A byte stream that can be cut from outside, and that tells when it is gone and why.
//!
//! HTTP/2 libraries keep a connection on tasks of their own: dropping what they hand out does not close it, and they
//! do not say why it ended. Both ends of a link therefore wrap their stream in this.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};

/// The stream. It is closed by being dropped, which its HTTP/2 connection does as soon as a read fails.
#[derive(Debug)]
pub struct Severable<IO> {
    io: IO,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    cause: Arc<OnceLock<String>>,
    _gone: DropGuard,
}

/// The handle that cuts a [`Severable`] and watches it.
#[derive(Debug, Clone)]
pub struct Sever {
    cut: CancellationToken,
    gone: CancellationToken,
    cause: Arc<OnceLock<String>>,
}

/// Wraps a stream.
pub fn severable<IO>(io: IO) -> (Severable<IO>, Sever) {
    let sever = Sever { cut: CancellationToken::new(), gone: CancellationToken::new(), cause: Arc::default() };
    let stream = Severable {
        io,
        cut: Box::pin(sever.cut.clone().cancelled_owned()),
        cause: sever.cause.clone(),
        _gone: sever.gone.clone().drop_guard(),
    };
    (stream, sever)
}

impl Sever {
    /// Cuts the stream: its next read and write fail. `reason` is what [`Sever::cause`] then says.
    pub fn cut(&self, reason: &str) {
        let _ = self.cause.set(reason.to_owned());
        self.cut.cancel();
    }

    /// Waits until the stream was dropped. Safe to be dropped and called again.
    pub async fn closed(&self) {
        self.gone.cancelled().await;
    }

    /// Whether the stream was dropped.
    pub fn is_closed(&self) -> bool {
        self.gone.is_cancelled()
    }

    /// Why the stream ended, as far as the stream itself saw it; none when it was dropped without an error, which is
    /// what happens when a keepalive ping goes unanswered.
    pub fn cause(&self) -> Option<&str> {
        self.cause.get().map(String::as_str)
    }
}

impl<IO> Severable<IO> {
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.cut.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut by this end")),
            Poll::Pending => Ok(()),
        }
    }

    fn note<T>(&self, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &outcome {
            let _ = self.cause.set(error.to_string());
        }
        outcome
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Severable<IO> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        let before = buf.filled().len();
        let room = buf.remaining() > 0;
        let outcome = Pin::new(&mut self.io).poll_read(cx, buf);
        if matches!(outcome, Poll::Ready(Ok(()))) && room && buf.filled().len() == before {
            let _ = self.cause.set("closed by the other end".to_owned());
        }
        self.note(outcome)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Severable<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        let outcome = Pin::new(&mut self.io).poll_write(cx, buf);
        self.note(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        let outcome = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.note(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        let outcome = Pin::new(&mut self.io).poll_flush(cx);
        self.note(outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A cut stream is not shut down in good order: waiting for the other end would keep it open.
        if self.check(cx).is_err() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl<IO> tonic::transport::server::Connected for Severable<IO> {
    type ConnectInfo = ();
    fn connect_info(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn a_cut_wakes_a_waiting_read_and_says_why() {
        let (near, _far) = tokio::io::duplex(64);
        let (mut stream, sever) = severable(near);
        let read = tokio::spawn(async move { stream.read_u8().await });
        sever.cut("superseded");
        assert_eq!(read.await.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
        sever.closed().await;
        assert_eq!(sever.cause(), Some("superseded"));
    }

    #[tokio::test]
    async fn the_other_end_s_close_is_told_apart_from_ours() {
        let (near, mut far) = tokio::io::duplex(64);
        let (mut stream, sever) = severable(near);
        far.write_u8(7).await.unwrap();
        drop(far);
        assert_eq!(stream.read_u8().await.unwrap(), 7);
        assert!(stream.read_u8().await.is_err());
        assert_eq!(sever.cause(), Some("closed by the other end"));
        assert!(!sever.is_closed());
        drop(stream);
        assert!(sever.is_closed());
    }
}
