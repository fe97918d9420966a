//! `Logs` and `ReadFile`.

use futures_util::stream::{self, Stream, StreamExt as _};
use throng_proto::agent as wire;

use super::context::Context;
use super::error::ServiceError;
use super::request::{Logs, ReadFile};
use crate::host::engine::model::OutputStream;
use crate::logs::file::read_file;
use crate::logs::query::{LogEntry, LogEntryKind};
use crate::logs::read::read_all;

/// Most lines of a message: small messages cost a connection dear, large ones hold up others.
const BATCH_LINES: usize = 256;
/// Bytes of a file in one message.
const CHUNK_BYTES: usize = 256 * 1024;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// Reads the logs. What is there already is sent together; a line to come is sent at once.
pub(super) async fn logs(context: &Context, request: Logs) -> impl Stream<Item = wire::LogBatch> + Send + use<> {
    // Nodes that an agent which has just begun has not found yet are not gone.
    context.occupied().await;
    let Logs { cluster, nodes, query } = request;
    let nodes = nodes.into_iter().map(|node| (node.clone(), context.whereabouts(cluster.clone(), node))).collect();
    let entries = read_all(context.means(), nodes, query).ready_chunks(BATCH_LINES);
    entries.map(|entries| wire::LogBatch { lines: entries.into_iter().map(line).collect() })
}

fn line(entry: LogEntry) -> wire::LogLine {
    let told = wire::LogLine { node: entry.node.to_string(), ..wire::LogLine::default() };
    match entry.kind {
        LogEntryKind::Line(line) => wire::LogLine {
            at_unix_millis: line.at_unix_nanos / NANOS_PER_MILLI,
            at_unix_nanos: line.at_unix_nanos,
            stderr: line.stream == OutputStream::Stderr,
            text: line.text.into(),
            ..told
        },
        LogEntryKind::Omitted { lines } => {
            wire::LogLine { stderr: true, text: format!("[throng: {lines} lines left out]").into(), ..told }
        }
        LogEntryKind::Failed(error) => wire::LogLine { error: Some(error), ..told },
    }
}

/// Reads a file.
pub(super) async fn file(
    context: &Context,
    request: ReadFile,
) -> Result<impl Stream<Item = wire::FileChunk> + Send + use<>, ServiceError> {
    let target = context.target(&request.cluster, &request.node);
    let contents = read_file(&context.means(), target.as_ref(), &request.path, request.slice).await?;
    let chunks: Vec<_> =
        contents.bytes.chunks(CHUNK_BYTES).map(|part| wire::FileChunk { data: part.to_vec().into() }).collect();
    Ok(stream::iter(chunks))
}
