//! One attempt to ask a node.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use throng_common::host_spec::{Probe, ProbeCheck};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::watcher::ExecProbe;
use crate::fetch::{self, FetchError, Target};

/// Most of an answer that is looked at, in bytes.
const ANSWER_MAX_BYTES: usize = 64 * 1024;

/// Why a node counts as not ready.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Nobody accepts the connection.
    #[error("{address} does not accept a connection")]
    Connect {
        /// The address and port.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The connection broke.
    #[error("{address} closed the connection")]
    Broken {
        /// The address and port.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The answer is not the expected one.
    #[error("the answer was `{got}`, expected it to contain `{expected}`")]
    Unexpected {
        /// The beginning of the answer.
        got: String,
        /// What it should contain.
        expected: String,
    },
    /// The HTTP request failed.
    #[error(transparent)]
    Http(#[from] FetchError),
    /// The HTTP status is not one of success.
    #[error("{url} answered with status {status}")]
    Status {
        /// The URL.
        url: String,
        /// The status.
        status: u16,
    },
    /// The command ended with another code, or could not be run.
    #[error("`{command}`: {problem}")]
    Exec {
        /// The command.
        command: String,
        /// What happened.
        problem: String,
    },
    /// No answer in time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
}

/// Asks once.
pub async fn check(probe: &Probe, exec: &dyn ExecProbe) -> Result<(), ProbeError> {
    let attempt = async {
        match &probe.check {
            ProbeCheck::Tcp { address, port, send, expect } => tcp(*address, *port, send, expect).await,
            ProbeCheck::Http { url, expect } => http(url, expect).await,
            ProbeCheck::Exec { command } => exec
                .run(command, probe.timeout)
                .await
                .map_err(|problem| ProbeError::Exec { command: command.join(" "), problem }),
        }
    };
    tokio::time::timeout(probe.timeout, attempt).await.unwrap_or(Err(ProbeError::TimedOut(probe.timeout)))
}

async fn tcp(address: IpAddr, port: u16, send: &str, expect: &str) -> Result<(), ProbeError> {
    let address = SocketAddr::new(address, port);
    let broken = |source| ProbeError::Broken { address, source };
    let mut stream = TcpStream::connect(address).await.map_err(|source| ProbeError::Connect { address, source })?;
    stream.write_all(send.as_bytes()).await.map_err(broken)?;
    if expect.is_empty() {
        return Ok(());
    }
    let mut answer = Vec::new();
    let mut part = [0_u8; 4096];
    while answer.len() < ANSWER_MAX_BYTES {
        let count = stream.read(&mut part).await.map_err(broken)?;
        answer.extend_from_slice(&part[..count]);
        if contains(&answer, expect) {
            return Ok(());
        }
        // Each of these servers answers a line with a line: what does not hold then will not come any more.
        if count == 0 || answer.ends_with(b"\n") {
            break;
        }
    }
    Err(unexpected(&answer, expect))
}

async fn http(url: &str, expect: &str) -> Result<(), ProbeError> {
    let answer = fetch::get(&Target::parse(url)?, ANSWER_MAX_BYTES).await?;
    if !(200..400).contains(&answer.status) {
        return Err(ProbeError::Status { url: url.to_owned(), status: answer.status });
    }
    if contains(&answer.body, expect) { Ok(()) } else { Err(unexpected(&answer.body, expect)) }
}

fn contains(answer: &[u8], expect: &str) -> bool {
    expect.is_empty() || answer.windows(expect.len()).any(|window| window == expect.as_bytes())
}

fn unexpected(answer: &[u8], expect: &str) -> ProbeError {
    const SHOWN_CHARS: usize = 80;
    let got = String::from_utf8_lossy(answer).trim().chars().take(SHOWN_CHARS).collect();
    ProbeError::Unexpected { got, expected: expect.to_owned() }
}

#[cfg(test)]
mod tests {
    use futures_util::future::BoxFuture;
    use tokio::net::TcpListener;

    use super::*;

    struct NoExec;
    impl ExecProbe for NoExec {
        fn run<'a>(&'a self, _: &'a [String], _: Duration) -> BoxFuture<'a, Result<(), String>> {
            Box::pin(std::future::ready(Err("exit code 3".to_owned())))
        }
    }

    async fn server(answer: &'static [u8]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 64];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer).await;
                // An empty answer stands for a server that never answers.
                if answer.is_empty() {
                    std::future::pending::<()>().await;
                }
            }
        });
        port
    }

    fn probe(check: ProbeCheck) -> Probe {
        Probe { check, timeout: Duration::from_millis(500), interval: Duration::from_secs(1) }
    }

    async fn ask_tcp(port: u16) -> Result<(), ProbeError> {
        let address = "127.0.0.1".parse().unwrap();
        let tcp = ProbeCheck::Tcp { address, port, send: "PING\r\n".into(), expect: "PONG".into() };
        check(&probe(tcp), &NoExec).await
    }

    #[tokio::test]
    async fn a_server_that_answers_as_expected_is_ready_and_no_other() {
        assert!(ask_tcp(server(b"+PONG\r\n").await).await.is_ok());
        assert!(matches!(ask_tcp(server(b"-LOADING\r\n").await).await, Err(ProbeError::Unexpected { .. })));
        assert!(matches!(ask_tcp(server(b"").await).await, Err(ProbeError::TimedOut(_))));
        assert!(matches!(ask_tcp(1).await, Err(ProbeError::Connect { .. })));
    }

    #[tokio::test]
    async fn http_statuses_and_bodies_are_told_apart() {
        let url = |port| ProbeCheck::Http { url: format!("http://127.0.0.1:{port}/x"), expect: "up".into() };
        let ok = server(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nup").await;
        let wrong = server(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndown").await;
        let failing = server(b"HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\nup").await;
        assert!(check(&probe(url(ok)), &NoExec).await.is_ok());
        assert!(matches!(check(&probe(url(wrong)), &NoExec).await, Err(ProbeError::Unexpected { .. })));
        assert!(matches!(check(&probe(url(failing)), &NoExec).await, Err(ProbeError::Status { status: 503, .. })));
    }

    #[tokio::test]
    async fn a_failing_command_says_what_it_was() {
        let error =
            check(&probe(ProbeCheck::Exec { command: vec!["a".into(), "b".into()] }), &NoExec).await.unwrap_err();
        assert_eq!(error.to_string(), "`a b`: exit code 3");
    }
}
