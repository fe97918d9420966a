//! A container's log as the engine keeps it.

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptionsBuilder;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tokio::time::timeout;

use super::client::{Ask, READ_DEADLINE};
use crate::host::engine::error::EngineResult;
use crate::host::engine::model::{ContainerId, LogOptions, OutputStream, RawLogLine};

/// The lines of a container's log, oldest first.
pub(super) fn stream(
    docker: Docker,
    id: ContainerId,
    options: LogOptions,
) -> BoxStream<'static, EngineResult<RawLogLine>> {
    let mut query = LogsOptionsBuilder::default().stdout(true).stderr(true).timestamps(true).follow(options.follow);
    if let Some(tail) = options.tail {
        query = query.tail(&tail.to_string());
    }
    if let Some(since) = options.since {
        query = query.since(i32::try_from(since.0 / 1000).unwrap_or(i32::MAX));
    }
    let frames = docker.logs(id.as_str(), Some(query.build())).boxed();
    // What is there already comes at once; only of a log that is followed nothing may come for long.
    let pause_max = (!options.follow).then_some(READ_DEADLINE);
    let frames = stream::unfold(Some(frames), move |frames| async move {
        let mut frames = frames?;
        let next = match pause_max {
            Some(limit) => timeout(limit, frames.next()).await,
            None => Ok(frames.next().await),
        };
        match next {
            Ok(frame) => frame.map(|frame| (Ok(frame), Some(frames))),
            Err(_) => Some((Err(READ_DEADLINE), None)),
        }
    });
    frames
        .map(move |frame| {
            let ask = Ask { operation: "read the log of container", subject: id.as_str() };
            let frame = frame.map_err(|limit| ask.hung(limit))?;
            let (stream, message) = match frame.map_err(|error| ask.failed(error))? {
                LogOutput::StdErr { message } => (OutputStream::Stderr, message),
                LogOutput::StdOut { message } | LogOutput::Console { message } | LogOutput::StdIn { message } => {
                    (OutputStream::Stdout, message)
                }
            };
            line(stream, &message).ok_or_else(|| ask.garbled("a log line has no time"))
        })
        .boxed()
}

/// A line as the engine writes it: its time, a space, its text.
fn line(stream: OutputStream, message: &Bytes) -> Option<RawLogLine> {
    let text = String::from_utf8_lossy(message);
    let (time, text) = text.split_once(' ')?;
    let at: jiff::Timestamp = time.parse().ok()?;
    Some(RawLogLine {
        at_unix_nanos: u64::try_from(at.as_nanosecond()).ok()?,
        stream,
        text: text.trim_end_matches(['\n', '\r']).to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_its_time_to_the_nanosecond() {
        let message = Bytes::from_static(b"2026-11-22T18:45:00.000000007Z hello  world\r\n");
        let line = line(OutputStream::Stderr, &message).unwrap();
        assert_eq!(line.at_unix_nanos % 1000, 7);
        assert_eq!((line.stream, line.text.as_str()), (OutputStream::Stderr, "hello  world"));
    }
}
