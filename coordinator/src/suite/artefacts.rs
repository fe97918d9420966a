//! What a failed test leaves of the nodes that it failed on: their logs, and the files that their roles name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use throng_common::ids::NodeName;
use throng_common::nodeset::NodeSet;
use tokio::time::timeout;

use super::context::Context;
use crate::operation::{NoteLevel, OperationEvent};
use crate::planner::texts::Saved;

/// Most nodes of one test whose logs are kept. They failed alike; more would only fill the disk.
const NODES_PER_TEST_MAX: usize = 10;

/// Most nodes of a whole run.
pub(super) const NODES_PER_RUN_MAX: usize = 50;

/// Lines of a log that are kept: the last ones.
const LOG_LINES: u32 = 2000;

/// Most bytes of a log that are kept.
const LOG_MAX_BYTES: usize = 1 << 20;

/// Most bytes of a collected file that are kept: the last ones.
const FILE_MAX_BYTES: u64 = 1 << 20;

/// How long all of it may take: a run must not hang on nodes that are broken.
const GATHER_MAX: Duration = Duration::from_secs(30);

/// Fetches and stores them; gives the files' names in the run's folder. What cannot be had is noted.
pub(super) async fn gather(context: &Context<'_>, failing: &BTreeSet<NodeName>) -> Vec<String> {
    let left = context.log_budget.load(Ordering::Relaxed);
    let nodes: Vec<NodeName> = failing.iter().take(NODES_PER_TEST_MAX.min(left)).cloned().collect();
    if nodes.is_empty() {
        return Vec::new();
    }
    context.log_budget.fetch_sub(nodes.len(), Ordering::Relaxed);
    let (mut stored, mut missed) = (Vec::new(), Missed::new());
    let gathering = async {
        keep_logs(context, &nodes, &mut stored, &mut missed).await;
        for node in &nodes {
            keep_files(context, node, &mut stored, &mut missed).await;
        }
    };
    if timeout(GATHER_MAX, gathering).await.is_err() {
        warn(context, "not all logs and files of failed nodes could be had in time".to_owned());
    }
    for ((what, why), nodes) in missed {
        warn(context, format!("{what} of {nodes} could not be had: {why}"));
    }
    stored
}

async fn keep_logs(context: &Context<'_>, nodes: &[NodeName], stored: &mut Vec<String>, missed: &mut Missed) {
    for (node, log) in context.ops.logs(nodes.to_vec(), LOG_LINES).await {
        match log {
            Ok(log) => {
                let bytes = log.into_bytes();
                let cut = bytes.len().saturating_sub(LOG_MAX_BYTES);
                keep(context, format!("logs/{node}.log"), bytes[cut..].to_vec(), stored).await;
            }
            Err(error) => missed.entry(("the log".to_owned(), error.to_string())).or_default().insert(&node),
        }
    }
}

/// Of which nodes something could not be had: by what it is, as the scenario writes it, and why.
type Missed = BTreeMap<(String, String), NodeSet>;

async fn keep_files(context: &Context<'_>, node: &NodeName, stored: &mut Vec<String>, missed: &mut Missed) {
    let Some(role) = context.scenario.role.get(node.role()) else { return };
    let texts = context.ops.texts();
    for written in &role.collect {
        let path = match texts.fill(written, Some(node), &Saved::new()) {
            Ok(path) => path,
            Err(error) => {
                missed.entry((written.clone(), error.to_string())).or_default().insert(node);
                continue;
            }
        };
        match context.ops.collect(node.clone(), path.clone(), FILE_MAX_BYTES).await {
            Ok(bytes) => {
                keep(context, format!("collected/{node}/{}", flat(&path)), bytes, stored).await;
            }
            Err(error) => missed.entry((written.clone(), error.to_string())).or_default().insert(node),
        }
    }
}

async fn keep(context: &Context<'_>, file: String, bytes: Vec<u8>, stored: &mut Vec<String>) {
    match context.folder.store(file.clone(), bytes).await {
        Ok(()) => stored.push(file),
        Err(error) => warn(context, error.to_string()),
    }
}

/// A path in a node as a path below its folder: no step up, no root.
fn flat(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | "." | "..")).collect();
    if parts.is_empty() { "file".to_owned() } else { parts.join("/") }
}

fn warn(context: &Context<'_>, text: String) {
    context.events.emit(OperationEvent::Note { level: NoteLevel::Warning, text, hint: String::new() });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collected_path_never_leaves_its_folder() {
        for (path, flattened) in
            [("/var/log/x.log", "var/log/x.log"), ("/../../etc/passwd", "etc/passwd"), ("/", "file"), ("a//./b", "a/b")]
        {
            assert_eq!(flat(path), flattened);
        }
    }
}
