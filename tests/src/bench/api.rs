//! The engine's API over its socket with as little in between as there can be: one connection, kept alive.

use std::path::Path;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

/// One connection.
#[derive(Debug)]
pub(super) struct Api {
    sender: SendRequest<Full<Bytes>>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// Its status.
    pub(super) status: StatusCode,
    /// Its body.
    pub(super) body: Bytes,
}

impl Api {
    /// Opens a connection. It is carried on by a task of the runtime that this is called in.
    pub(super) async fn open(socket: &Path) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", socket.display());
        let stream = UnixStream::connect(socket).await.map_err(|error| failed(&error))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
        // It ends with its sender; what goes wrong with it is seen by the call under way.
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// One call.
    pub(super) async fn call(&mut self, method: Method, path: &str, body: Bytes) -> Result<Answer, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{path}: {error}");
        let request = Request::builder().method(method).uri(path).header("host", "engine");
        let request = request.header("content-type", "application/json").body(Full::new(body));
        let request = request.map_err(|error| failed(&error))?;
        self.sender.ready().await.map_err(|error| failed(&error))?;
        let answer = self.sender.send_request(request).await.map_err(|error| failed(&error))?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| failed(&error))?.to_bytes();
        Ok(Answer { status, body })
    }

    /// A call that must succeed; its body.
    pub(super) async fn must(&mut self, method: Method, path: &str, body: Bytes) -> Result<Bytes, String> {
        let answer = self.call(method, path, body).await?;
        if answer.status.is_success() || answer.status == StatusCode::NOT_MODIFIED {
            return Ok(answer.body);
        }
        Err(format!("{path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body)))
    }

    /// A question; the answer's JSON.
    pub(super) async fn ask(&mut self, path: &str) -> Result<Value, String> {
        let body = self.must(Method::GET, path, Bytes::new()).await?;
        serde_json::from_slice(&body).map_err(|error| format!("{path}: {error}"))
    }
}
