//! Which lines are wanted, and what is given.

use std::collections::BTreeMap;

use regex::Regex;
use throng_common::ids::NodeName;
use throng_common::status::UnixMillis;

use crate::host::engine::model::RawLogLine;

/// Which lines are wanted of every node.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Only the last so many of those that match; none: all that is kept.
    pub tail: Option<usize>,
    /// Only lines written at this time or later.
    pub since: Option<UnixMillis>,
    /// Whether the stream goes on with lines yet to come, until the node is gone.
    pub follow: bool,
    /// Only lines that match.
    pub grep: Option<Regex>,
    /// By node, the time of the last line that the caller has, in nanoseconds since 1970: only what comes after it.
    pub after: BTreeMap<NodeName, u64>,
}

/// One entry of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The node.
    pub node: NodeName,
    /// What there is of it.
    pub kind: LogEntryKind,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogEntryKind {
    /// A line.
    Line(RawLogLine),
    /// So many matching lines before the next one were left out, because they were too many at once.
    Omitted {
        /// How many.
        lines: u64,
    },
    /// The node's log cannot be read, or not any further: why.
    Failed(String),
}
