//! Requests as checked values: what is wrong with a field is said before anything is done.

use std::time::Duration;

use regex::Regex;
use throng_common::ids::{ClusterId, FleetId, HostId, NodeName};
use throng_common::scenario::model::PullPolicy;
use throng_common::status::UnixMillis;
use throng_proto::agent as wire;
use throng_proto::convert::{DecodeError, text};

use crate::fetch;
use crate::host::engine::api::{TerminalRequest, TerminalSize};
use crate::host::engine::model::{ExecRequest, FileSlice, RegistryLogin};
use crate::logs::query::LogQuery;

/// For a command or request whose caller gives no time: no call runs for ever.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// For output whose caller gives no bound.
const DEFAULT_OUTPUT_BYTES: usize = 1024 * 1024;
/// Most bytes of one output, so that an outcome with two of them fits a message.
const OUTPUT_MAX_BYTES: usize = 16 * 1024 * 1024;
/// The kernel's last signal.
const SIGNAL_LAST: i32 = 64;
/// Longest pattern, in bytes, and largest compiled one: a pattern must not cost the host its memory.
const PATTERN_MAX_BYTES: usize = 1024;
const COMPILED_MAX_BYTES: usize = 1024 * 1024;

/// Who calls.
#[derive(Debug)]
pub(super) struct Hello {
    pub(super) major: u32,
    pub(super) fleet: FleetId,
    pub(super) host: HostId,
    pub(super) epoch: u64,
}

impl TryFrom<wire::HelloRequest> for Hello {
    type Error = DecodeError;
    fn try_from(request: wire::HelloRequest) -> Result<Self, DecodeError> {
        let version = request.version.ok_or_else(|| DecodeError::new("version", "is missing"))?;
        Ok(Self {
            major: version.major,
            fleet: text("fleet", &request.fleet)?,
            host: text("host", &request.host)?,
            epoch: request.epoch,
        })
    }
}

/// Commands for nodes of a cluster.
#[derive(Debug)]
pub(super) struct Exec {
    pub(super) cluster: ClusterId,
    pub(super) commands: Vec<(NodeName, ExecRequest)>,
    pub(super) parallel: usize,
}

impl TryFrom<wire::ExecRequest> for Exec {
    type Error = DecodeError;
    fn try_from(request: wire::ExecRequest) -> Result<Self, DecodeError> {
        let env: Vec<(String, String)> = request.env.into_iter().map(|pair| (pair.name, pair.value)).collect();
        let stdin = Some(request.stdin).filter(|stdin| !stdin.is_empty());
        let (output_max_bytes, timeout) = (output_max(request.output_max_bytes), timeout(request.timeout_millis));
        let commands = request.commands.into_iter().enumerate().map(|(at, command)| {
            let node = node(&format!("commands[{at}].node"), &command.node)?;
            let argv = argv(&format!("commands[{at}].command"), command.command)?;
            Ok((node, ExecRequest { argv, env: env.clone(), stdin: stdin.clone(), output_max_bytes, timeout }))
        });
        Ok(Self {
            cluster: text("cluster", &request.cluster)?,
            commands: commands.collect::<Result<_, _>>()?,
            parallel: usize::try_from(request.parallel).unwrap_or(usize::MAX),
        })
    }
}

/// An image that the engine must have.
#[derive(Debug)]
pub(super) struct EnsureImage {
    pub(super) image: String,
    pub(super) policy: PullPolicy,
    pub(super) login: Option<RegistryLogin>,
}

impl TryFrom<wire::EnsureImageRequest> for EnsureImage {
    type Error = DecodeError;
    fn try_from(request: wire::EnsureImageRequest) -> Result<Self, DecodeError> {
        let policy = match request.pull() {
            wire::PullPolicy::Unspecified => return Err(DecodeError::new("pull", "is not given")),
            wire::PullPolicy::Missing => PullPolicy::Missing,
            wire::PullPolicy::Always => PullPolicy::Always,
            wire::PullPolicy::Never => PullPolicy::Never,
        };
        if request.image.is_empty() {
            return Err(DecodeError::new("image", "is empty"));
        }
        let login = request.login.map(|login| RegistryLogin {
            server: login.server,
            username: login.username,
            password: login.password,
            identity_token: login.identity_token,
        });
        Ok(Self { image: request.image, policy, login })
    }
}

/// A command on a terminal.
#[derive(Debug)]
pub(super) struct TerminalStart {
    pub(super) cluster: ClusterId,
    pub(super) node: NodeName,
    pub(super) request: TerminalRequest,
}

impl TryFrom<wire::TerminalStart> for TerminalStart {
    type Error = DecodeError;
    fn try_from(start: wire::TerminalStart) -> Result<Self, DecodeError> {
        let term = if start.term.is_empty() { "xterm".to_owned() } else { start.term };
        Ok(Self {
            cluster: text("cluster", &start.cluster)?,
            node: node("node", &start.node)?,
            request: TerminalRequest {
                argv: argv("command", start.command)?,
                env: vec![("TERM".to_owned(), term)],
                size: start.size.map_or(TerminalSize { rows: 24, columns: 80 }, terminal_size),
            },
        })
    }
}

/// A terminal's size; none has more than 65,535 rows.
pub(super) fn terminal_size(size: wire::TerminalSize) -> TerminalSize {
    let bounded = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    TerminalSize { rows: bounded(size.rows), columns: bounded(size.columns) }
}

/// URLs to be fetched.
#[derive(Debug)]
pub(super) struct Fetch {
    /// Node and URL; a URL that is none is told in that node's outcome.
    pub(super) targets: Vec<(NodeName, String)>,
    pub(super) request: fetch::Request,
    pub(super) timeout: Duration,
    pub(super) output_max_bytes: usize,
}

impl TryFrom<wire::FetchRequest> for Fetch {
    type Error = DecodeError;
    fn try_from(request: wire::FetchRequest) -> Result<Self, DecodeError> {
        let target = |(at, target): (usize, wire::NodeUrl)| {
            Ok((node(&format!("targets[{at}].node"), &target.node)?, target.url))
        };
        Ok(Self {
            targets: request.targets.into_iter().enumerate().map(target).collect::<Result<_, DecodeError>>()?,
            request: fetch::Request { method: request.method, headers: request.headers, body: request.body },
            timeout: timeout(request.timeout_millis),
            output_max_bytes: output_max(request.output_max_bytes),
        })
    }
}

/// Logs to be read.
#[derive(Debug)]
pub(super) struct Logs {
    pub(super) cluster: ClusterId,
    pub(super) nodes: Vec<NodeName>,
    pub(super) query: LogQuery,
}

impl TryFrom<wire::LogsRequest> for Logs {
    type Error = DecodeError;
    fn try_from(request: wire::LogsRequest) -> Result<Self, DecodeError> {
        let after = |(node, nanos): (String, u64)| Ok((text("after_unix_nanos", &node)?, nanos));
        Ok(Self {
            cluster: text("cluster", &request.cluster)?,
            nodes: nodes(&request.nodes)?,
            query: LogQuery {
                tail: request.tail_lines.map(|lines| usize::try_from(lines).unwrap_or(usize::MAX)),
                since: request.since_unix_millis.map(UnixMillis),
                follow: request.follow,
                grep: Some(request.grep).filter(|grep| !grep.is_empty()).map(|grep| pattern(&grep)).transpose()?,
                after: request.after_unix_nanos.into_iter().map(after).collect::<Result<_, DecodeError>>()?,
            },
        })
    }
}

fn pattern(text: &str) -> Result<Regex, DecodeError> {
    if text.len() > PATTERN_MAX_BYTES {
        return Err(DecodeError::new("grep", format_args!("is longer than {PATTERN_MAX_BYTES} bytes")));
    }
    let built = regex::RegexBuilder::new(text).size_limit(COMPILED_MAX_BYTES).build();
    built.map_err(|error| DecodeError::new("grep", error))
}

/// A file to be read.
#[derive(Debug)]
pub(super) struct ReadFile {
    pub(super) cluster: ClusterId,
    pub(super) node: NodeName,
    pub(super) path: String,
    pub(super) slice: FileSlice,
}

impl TryFrom<wire::ReadFileRequest> for ReadFile {
    type Error = DecodeError;
    fn try_from(request: wire::ReadFileRequest) -> Result<Self, DecodeError> {
        if request.path.is_empty() {
            return Err(DecodeError::new("path", "is empty"));
        }
        Ok(Self {
            cluster: text("cluster", &request.cluster)?,
            node: node("node", &request.node)?,
            path: request.path,
            slice: FileSlice { max_bytes: request.max_bytes, tail: request.tail },
        })
    }
}

/// A signal for nodes.
#[derive(Debug)]
pub(super) struct SendSignal {
    pub(super) cluster: ClusterId,
    pub(super) nodes: Vec<NodeName>,
    pub(super) signal: i32,
}

impl TryFrom<wire::SignalRequest> for SendSignal {
    type Error = DecodeError;
    fn try_from(request: wire::SignalRequest) -> Result<Self, DecodeError> {
        if !(1..=SIGNAL_LAST).contains(&request.signal) {
            return Err(DecodeError::new("signal", format_args!("{} is not a signal's number", request.signal)));
        }
        let cluster = text("cluster", &request.cluster)?;
        Ok(Self { cluster, nodes: nodes(&request.nodes)?, signal: request.signal })
    }
}

fn node(field: &str, name: &str) -> Result<NodeName, DecodeError> {
    text(field, name)
}

fn nodes(names: &[String]) -> Result<Vec<NodeName>, DecodeError> {
    names.iter().enumerate().map(|(at, name)| node(&format!("nodes[{at}]"), name)).collect()
}

fn argv(field: &str, words: Vec<String>) -> Result<Vec<String>, DecodeError> {
    if words.is_empty() { Err(DecodeError::new(field, "is empty")) } else { Ok(words) }
}

fn timeout(millis: u64) -> Duration {
    if millis == 0 { DEFAULT_TIMEOUT } else { Duration::from_millis(millis) }
}

fn output_max(bytes: u64) -> usize {
    match usize::try_from(bytes).unwrap_or(usize::MAX) {
        0 => DEFAULT_OUTPUT_BYTES,
        bytes => bytes.min(OUTPUT_MAX_BYTES),
    }
}
