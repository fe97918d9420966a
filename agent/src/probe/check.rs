//! One attempt to ask a node.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use throng_common::error_chain::chain;
use throng_common::host_spec::{NamedPorts, Probe, ProbeCheck};
use throng_common::status::{Reason, ReasonKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::watcher::{ExecFailure, ExecProbe, ExecProblem};
use crate::fetch::{self, FetchError, Target};

/// Most of an answer that is looked at, in bytes.
const ANSWER_MAX_BYTES: usize = 64 * 1024;

/// Why a node counts as not ready. The words are the same for all nodes with the same cause.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Nobody accepts the connection.
    #[error("{port} does not accept a connection")]
    Connect {
        /// The port, as the role calls it.
        port: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The connection broke.
    #[error("{port} closed the connection")]
    Broken {
        /// The port, as the role calls it.
        port: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The answer is not the expected one.
    #[error("the answer is not the expected one")]
    Unexpected {
        /// The beginning of the answer.
        got: String,
        /// What it should contain.
        expected: String,
    },
    /// The URL is none.
    #[error(transparent)]
    Url(FetchError),
    /// The HTTP request failed.
    #[error("{port} gives no answer")]
    Http {
        /// The port, as the role calls it.
        port: String,
        /// Why.
        #[source]
        source: FetchError,
    },
    /// The HTTP status is not one of success.
    #[error("the answer has status {status}")]
    Status {
        /// The status.
        status: u16,
    },
    /// The command ended with another code, or could not be run.
    #[error("`{program}`: {problem}")]
    Exec {
        /// The command's program, without its folder.
        program: String,
        /// What happened.
        problem: ExecProblem,
    },
    /// The command could not be run, for a reason that is not the node's.
    #[error("`{program}` could not be run: {why}")]
    NotAsked {
        /// The command's program, without its folder.
        program: String,
        /// Why.
        why: String,
    },
    /// No answer in time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
}

impl ProbeError {
    /// Whether the node was not even asked: nothing is known of it.
    pub(super) fn is_silence(&self) -> bool {
        matches!(self, Self::NotAsked { .. })
    }

    /// What is this node's own of it, beyond whom was asked.
    fn own(&self) -> Option<String> {
        match self {
            Self::Unexpected { got, expected } => Some(format!("expected it to contain `{expected}`, it is `{got}`")),
            Self::Exec { problem, .. } => Some(problem.said.clone()).filter(|said| !said.is_empty()),
            Self::Connect { .. }
            | Self::Broken { .. }
            | Self::Url(_)
            | Self::Http { .. }
            | Self::Status { .. }
            | Self::NotAsked { .. }
            | Self::TimedOut(_) => None,
        }
    }
}

/// The reason of a node that is not ready: what many nodes share, and what is its own.
pub(super) fn reason(probe: &Probe, error: &ProbeError) -> Reason {
    let asked = match &probe.check {
        ProbeCheck::Tcp { address, port, .. } => SocketAddr::new(*address, *port).to_string(),
        ProbeCheck::Http { url, .. } => url.clone(),
        ProbeCheck::Exec { command } => format!("`{}`", command.join(" ")),
    };
    let detail = [Some(asked), error.own()].into_iter().flatten().collect::<Vec<_>>().join(": ");
    Reason::new(ReasonKind::Probe, chain(error)).with_detail(detail)
}

/// Asks once. `ports` are the node's: a port is called by the name that it has there.
pub async fn check(probe: &Probe, ports: &[NamedPorts], exec: &dyn ExecProbe) -> Result<(), ProbeError> {
    match &probe.check {
        ProbeCheck::Tcp { address, port, send, expect } => {
            let address = SocketAddr::new(*address, *port);
            in_time(probe.timeout, tcp(address, &called(ports, *port), send, expect)).await
        }
        ProbeCheck::Http { url, expect } => in_time(probe.timeout, http(url, ports, expect)).await,
        // It keeps to its timeout itself: who hangs, the command or the engine, only it can tell.
        ProbeCheck::Exec { command } => by_command(command, probe.timeout, exec).await,
    }
}

async fn in_time(limit: Duration, asked: impl Future<Output = Result<(), ProbeError>>) -> Result<(), ProbeError> {
    tokio::time::timeout(limit, asked).await.unwrap_or(Err(ProbeError::TimedOut(limit)))
}

async fn by_command(command: &[String], timeout: Duration, exec: &dyn ExecProbe) -> Result<(), ProbeError> {
    let failure = match exec.run(command, timeout).await {
        Ok(()) => return Ok(()),
        Err(failure) => failure,
    };
    let program = command.first().map(Path::new).and_then(Path::file_name).unwrap_or_default();
    let program = program.to_string_lossy().into_owned();
    Err(match failure {
        ExecFailure::Bad(problem) => ProbeError::Exec { program, problem },
        ExecFailure::NotAsked(why) => ProbeError::NotAsked { program, why },
    })
}

/// What a port is called: every node of a role has another number under the same name.
fn called(ports: &[NamedPorts], number: u16) -> String {
    match ports.iter().find(|ports| ports.range.contains(number)) {
        Some(ports) if ports.range.first() == number => format!("port `{}`", ports.name),
        Some(ports) => format!("port `{}` + {}", ports.name, number - ports.range.first()),
        None => format!("port {number}"),
    }
}

async fn tcp(address: SocketAddr, port: &str, send: &str, expect: &str) -> Result<(), ProbeError> {
    let broken = |source| ProbeError::Broken { port: port.to_owned(), source };
    let connected = TcpStream::connect(address).await;
    let mut stream = connected.map_err(|source| ProbeError::Connect { port: port.to_owned(), source })?;
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

async fn http(url: &str, ports: &[NamedPorts], expect: &str) -> Result<(), ProbeError> {
    let target = Target::parse(url).map_err(ProbeError::Url)?;
    let failed = |source| ProbeError::Http { port: called(ports, target.port()), source };
    let answer = fetch::get(&target, ANSWER_MAX_BYTES).await.map_err(failed)?;
    if !(200..400).contains(&answer.status) {
        return Err(ProbeError::Status { status: answer.status });
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
    use throng_common::ports::PortRange;
    use tokio::net::TcpListener;

    use super::*;

    struct NoExec;
    impl ExecProbe for NoExec {
        fn run<'a>(&'a self, _: &'a [String], _: Duration) -> BoxFuture<'a, Result<(), ExecFailure>> {
            let problem = ExecProblem { what: "exit code 3".to_owned(), said: "no route to 127.84.0.1".to_owned() };
            Box::pin(std::future::ready(Err(ExecFailure::Bad(problem))))
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
        check(&probe(tcp), &[], &NoExec).await
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
        assert!(check(&probe(url(ok)), &[], &NoExec).await.is_ok());
        assert!(matches!(check(&probe(url(wrong)), &[], &NoExec).await, Err(ProbeError::Unexpected { .. })));
        assert!(matches!(check(&probe(url(failing)), &[], &NoExec).await, Err(ProbeError::Status { status: 503, .. })));
    }

    /// The reasons of two nodes of one role, of which nothing answers: what both share, and each one's own.
    async fn reasons(check_of: impl Fn(u16) -> ProbeCheck) -> ([String; 2], [String; 2]) {
        // Ports of the kernel's own range that nobody listens on: bound, and let go again.
        let bound = [TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap()];
        let numbers = bound.map(|listener| listener.local_addr().unwrap().port());
        let mut said = Vec::new();
        for number in numbers {
            let ports = [NamedPorts { name: "web".into(), range: PortRange::new(number, number).unwrap() }];
            let probe = probe(check_of(number));
            let error = check(&probe, &ports, &NoExec).await.unwrap_err();
            said.push(reason(&probe, &error));
        }
        let [one, other] = &said[..] else { unreachable!("two nodes") };
        let pair = |part: fn(&Reason) -> String| [part(one), part(other)];
        (pair(|reason| reason.message.clone()), pair(|reason| reason.detail.clone()))
    }

    #[tokio::test]
    async fn nodes_that_fail_alike_give_the_same_reason_and_their_own_details() {
        let address = "127.0.0.1".parse().unwrap();
        let tcp = |port| ProbeCheck::Tcp { address, port, send: String::new(), expect: String::new() };
        let http = |port| ProbeCheck::Http { url: format!("http://127.0.0.1:{port}/x"), expect: String::new() };
        let exec = |port| ProbeCheck::Exec { command: vec![format!("/nodes/{port}/bin/ask"), format!("-p{port}")] };
        for (check, words) in [
            (&tcp as &dyn Fn(u16) -> ProbeCheck, "port `web` does not accept a connection: Connection refused"),
            (&http, "port `web` gives no answer: the connection is not accepted: Connection refused"),
            (&exec, "`ask`: exit code 3"),
        ] {
            let (messages, details) = reasons(check).await;
            assert_eq!(messages[0], messages[1]);
            assert!(messages[0].starts_with(words), "{messages:?}");
            assert_ne!(details[0], details[1]);
        }
        let (_, details) = reasons(exec).await;
        assert!(details[0].ends_with(": no route to 127.84.0.1"), "{details:?}");
    }

    #[test]
    fn a_port_within_a_range_is_called_by_its_place_in_it() {
        let ports = [NamedPorts { name: "bus".into(), range: PortRange::new(3000, 3009).unwrap() }];
        let names = [3000, 3007, 4000].map(|number| called(&ports, number));
        assert_eq!(names, ["port `bus`", "port `bus` + 7", "port 4000"]);
    }
}
