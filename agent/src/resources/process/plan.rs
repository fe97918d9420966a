//! What a process node's shim is told. Pure.

use std::path::PathBuf;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use throng_common::host_spec::{FileSpec, Limits, NodeSpec, ProcessSpec};
use throng_common::ids::ClusterId;

use crate::shim::spec::{LOG_MAX_BYTES, LaunchSpec, SHIM_VERSION, ShimSpec};

/// Tells a node's processes which cluster they belong to, and tells us whose they are.
pub const CLUSTER_VARIABLE: &str = "THRONG_CLUSTER";
/// Tells a node's processes which node they are.
pub const NODE_VARIABLE: &str = "THRONG_NODE";
/// Process nodes are as likely to be killed for memory as any other process: less than containers, whatever the agent's
/// own score, which they would inherit.
const PROCESS_OOM_SCORE_ADJ: i32 = 0;

/// What decides whether a process is still the one that is wanted.
#[derive(Serialize)]
struct Digested<'a> {
    process: &'a ProcessSpec,
    env: &'a [(String, String)],
    files: &'a [FileSpec],
    limits: &'a Limits,
}

/// The same of a node whose texts say how many nodes there are: its structure stands for its texts.
#[derive(Serialize)]
struct DigestedStructure<'a> {
    user: &'a str,
    structure: &'a str,
    limits: &'a Limits,
}

/// The digest of what a node asks for: another one means another process.
pub fn digest(node: &NodeSpec, process: &ProcessSpec) -> String {
    let limits = &node.limits;
    let text = match &node.structure {
        None => serde_json::to_vec(&Digested { process, env: &node.env, files: &node.files, limits }),
        Some(structure) => serde_json::to_vec(&DigestedStructure { user: &process.user, structure, limits }),
    };
    hex::encode(Sha256::digest(text.expect("plain structs with text keys serialise")))
}

/// What the shim is told. `work_dir` is the node's own folder, `procs_files` lead into its control groups; none where
/// the host gives no groups.
pub fn plan(
    cluster: &ClusterId,
    node: &NodeSpec,
    process: &ProcessSpec,
    work_dir: PathBuf,
    procs_files: Vec<PathBuf>,
) -> ShimSpec {
    let own = [(CLUSTER_VARIABLE, cluster.to_string()), (NODE_VARIABLE, node.name.to_string())];
    let own = own.into_iter().map(|(key, value)| (key.to_owned(), value));
    ShimSpec {
        version: SHIM_VERSION,
        digest: digest(node, process),
        launch: LaunchSpec {
            command: process.command.clone(),
            env: node.env.iter().cloned().chain(own).collect(),
            user: process.user.clone(),
            workdir: process.workdir.as_ref().map_or(work_dir, PathBuf::from),
            procs_files,
            nofile: node.limits.nofile,
            nofile_soft: None,
            oom_score_adj: Some(PROCESS_OOM_SCORE_ADJ),
        },
        log_max_bytes: LOG_MAX_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use throng_common::host_spec::Workload;

    use super::*;
    use crate::resources::container::samples::container_node;

    fn process() -> ProcessSpec {
        ProcessSpec { command: vec!["redis-server".to_owned()], user: "0".to_owned(), workdir: None }
    }

    fn node() -> NodeSpec {
        NodeSpec { workload: Workload::Process(process()), ..container_node(0) }
    }

    #[test]
    fn a_process_knows_whose_it_is_and_begins_in_its_own_folder() {
        let cluster = ClusterId::new("redis-x7k2").unwrap();
        let spec = plan(&cluster, &node(), &process(), "/run/throng/work".into(), Vec::new());
        assert_eq!(spec.launch.workdir, PathBuf::from("/run/throng/work"));
        for (key, value) in [("COLOUR", "blue"), (CLUSTER_VARIABLE, "redis-x7k2"), (NODE_VARIABLE, "worker-0000")] {
            assert!(spec.launch.env.contains(&(key.to_owned(), value.to_owned())), "{key}");
        }
    }

    #[test]
    fn only_what_the_process_would_notice_changes_the_digest() {
        let same = digest(&node(), &process());
        let mut restarted = node();
        restarted.incarnation = restarted.incarnation.next();
        assert_eq!(digest(&restarted, &process()), same);
        let mut other = node();
        other.env[0].1 = "red".to_owned();
        assert_ne!(digest(&other, &process()), same);
        let mut command = process();
        command.command.push("--port".to_owned());
        assert_ne!(digest(&node(), &command), same);
    }

    #[test]
    fn another_number_of_nodes_wants_the_same_process() {
        let with_count = |count: &str, structure: &str| {
            let mut node = NodeSpec { structure: Some(structure.to_owned()), ..node() };
            node.env.push(("COUNT".to_owned(), count.to_owned()));
            digest(&node, &process())
        };
        assert_eq!(with_count("3", "s"), with_count("4", "s"));
        assert_ne!(with_count("3", "s"), with_count("3", "another command"));
    }
}
