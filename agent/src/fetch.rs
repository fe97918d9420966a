//! Plain HTTP from this host: for probes, metrics and the `http` steps of tests.

use std::collections::HashMap;

use bytes::Bytes;
use http::Uri;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Why an answer could not be had. Whoever asked knows whom: the words are the same for all who fail alike.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The URL is not one.
    #[error("`{url}` is not a plain http:// URL with a host")]
    Url {
        /// The text.
        url: String,
    },
    /// The method or a header is malformed.
    #[error("the request is malformed")]
    Request(#[source] http::Error),
    /// Nobody accepts the connection.
    #[error("the connection is not accepted")]
    Connect(#[source] std::io::Error),
    /// The exchange broke off.
    #[error("the answer is not HTTP")]
    Exchange(#[source] hyper::Error),
}

/// A URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    uri: Uri,
    authority: String,
}

/// The port of a URL that names none.
const HTTP_PORT: u16 = 80;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, or its beginning.
    pub body: Vec<u8>,
    /// Whether the body was longer.
    pub truncated: bool,
}

/// What is sent.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The method; empty: GET.
    pub method: String,
    /// Headers.
    pub headers: HashMap<String, String>,
    /// The body.
    pub body: Bytes,
}

impl Target {
    /// Takes a URL apart: `http://host:port/path`.
    pub fn parse(url: &str) -> Result<Self, FetchError> {
        let wrong = || FetchError::Url { url: url.to_owned() };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let host = uri.host().ok_or_else(wrong)?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong());
        }
        let authority = format!("{host}:{}", uri.port_u16().unwrap_or(HTTP_PORT));
        Ok(Self { uri, authority })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or(HTTP_PORT)
    }
}

/// A GET without a body.
pub async fn get(target: &Target, body_max_bytes: usize) -> Result<Answer, FetchError> {
    send(target, &Request::default(), body_max_bytes).await
}

/// Sends a request on a connection of its own. The caller bounds the time.
pub async fn send(target: &Target, request: &Request, body_max_bytes: usize) -> Result<Answer, FetchError> {
    let Target { uri, authority } = target;
    let method = if request.method.is_empty() { "GET" } else { request.method.as_str() };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut builder = http::Request::builder().method(method).uri(path).header("host", authority);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let message = builder.body(Full::new(request.body.clone())).map_err(FetchError::Request)?;
    let stream = TcpStream::connect(authority).await.map_err(FetchError::Connect)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(FetchError::Exchange)?;
    let exchange_of_messages = async {
        let response = sender.send_request(message).await.map_err(FetchError::Exchange)?;
        let status = response.status().as_u16();
        let (body, truncated) = bounded(response.into_body(), body_max_bytes).await.map_err(FetchError::Exchange)?;
        Ok(Answer { status, body, truncated })
    };
    tokio::pin!(exchange_of_messages);
    tokio::pin!(connection);
    // The connection is driven only while the answer is awaited; both are dropped together.
    tokio::select! {
        biased;
        answer = &mut exchange_of_messages => answer,
        ended = &mut connection => {
            ended.map_err(FetchError::Exchange)?;
            exchange_of_messages.await
        }
    }
}

async fn bounded(mut body: hyper::body::Incoming, max_bytes: usize) -> Result<(Vec<u8>, bool), hyper::Error> {
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            let room = max_bytes - all.len();
            if data.len() > room {
                all.extend_from_slice(&data[..room]);
                return Ok((all, true));
            }
            all.extend_from_slice(&data);
        }
    }
    Ok((all, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_urls_with_a_host_are_taken() {
        assert_eq!(Target::parse("http://127.0.0.1:80/x?y=1").unwrap().authority, "127.0.0.1:80");
        assert_eq!(Target::parse("http://name/").unwrap().authority, "name:80");
        for url in ["https://a/", "/x", "ftp://a", "http://", "a b"] {
            assert!(Target::parse(url).is_err(), "{url}");
        }
    }
}
