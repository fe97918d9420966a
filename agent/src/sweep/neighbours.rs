//! Other throngs of this machine: agents and coordinators that run, and the clusters that are theirs.
//!
//! An agent that runs has the clusters whose folders lie in its run directory; a coordinator that runs, those of which it
//! keeps the scenario beside its socket. Either is enough to leave a cluster alone: more is spared than need be, never
//! less.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use throng_common::ids::ClusterId;

use crate::host::procs::table::Procs;
use crate::paths::Paths;

/// The agent's program, by the end of its path.
const AGENT: &str = "throng-agent";
/// The socket of a coordinator, by the end of its path.
const COORDINATOR_SOCKET: &str = "/throng.sock";
/// Beside it, a folder for each of its clusters.
const COORDINATOR_CLUSTERS: &str = "clusters";

/// The clusters of other throngs, with whose they are.
pub fn clusters(procs: &Procs) -> BTreeMap<ClusterId, String> {
    let mut found = BTreeMap::new();
    for (pid, run_dir) in agents(procs) {
        let whose = format!("the agent of {} (process {pid})", run_dir.display());
        found.extend(folders(&run_dir).into_iter().map(|cluster| (cluster, whose.clone())));
    }
    for state_dir in coordinators(procs) {
        let whose = format!("the coordinator of {}", state_dir.display());
        let known = folders(&state_dir.join(COORDINATOR_CLUSTERS));
        found.extend(known.into_iter().map(|cluster| (cluster, whose.clone())));
    }
    found
}

/// Agents that run, but for this one, with their run directories.
fn agents(procs: &Procs) -> Vec<(u32, PathBuf)> {
    let run_dir = |pid: u32| {
        let arguments = procs.arguments(pid).ok()?;
        let is_agent = arguments.first()?.ends_with(AGENT) && arguments.get(1)? == "run";
        is_agent.then(|| run_dir_of(&arguments, &procs.environment(pid).unwrap_or_default()))
    };
    let pids = procs.pids().unwrap_or_default().into_iter().filter(|pid| *pid != std::process::id());
    pids.filter_map(|pid| Some((pid, run_dir(pid)?))).collect()
}

/// The run directory that an agent was started with: by its arguments, else its environment, else the usual one.
fn run_dir_of(arguments: &[String], environment: &[String]) -> PathBuf {
    let after = arguments.iter().skip_while(|word| *word != "--run-dir").nth(1);
    let joined = arguments.iter().find_map(|word| word.strip_prefix("--run-dir="));
    let variable = environment.iter().find_map(|entry| entry.strip_prefix("THRONG_RUN_DIR="));
    let given = after.map(String::as_str).or(joined).or(variable);
    given.map_or_else(|| Paths::default().run_dir().to_owned(), PathBuf::from)
}

/// The state directories of coordinators that listen on a socket.
fn coordinators(procs: &Procs) -> Vec<PathBuf> {
    let table = fs::read_to_string(procs.root().join("net/unix")).unwrap_or_default();
    sockets(&table).into_iter().filter_map(|socket| Path::new(&socket).parent().map(Path::to_owned)).collect()
}

/// The coordinators' sockets in the kernel's table, whose eighth column is a path.
fn sockets(table: &str) -> Vec<String> {
    let paths = table.lines().filter_map(|line| line.split_ascii_whitespace().nth(7));
    let mut found: Vec<String> = paths.filter(|path| path.ends_with(COORDINATOR_SOCKET)).map(str::to_owned).collect();
    found.sort();
    found.dedup();
    found
}

fn folders(parent: &Path) -> Vec<ClusterId> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.filter_map(|entry| ClusterId::new(entry.file_name().to_str()?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agents_run_directory_is_told_however_it_was_given() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let environment = words("A=b THRONG_RUN_DIR=/run/throng-c");
        assert_eq!(run_dir_of(&words("a run --run-dir /run/throng-a --x"), &environment), Path::new("/run/throng-a"));
        assert_eq!(run_dir_of(&words("a run --run-dir=/run/throng-b"), &environment), Path::new("/run/throng-b"));
        assert_eq!(run_dir_of(&words("a run"), &environment), Path::new("/run/throng-c"));
        assert_eq!(run_dir_of(&words("a run"), &[]), Path::new("/run/throng"));
    }

    #[test]
    fn coordinators_are_found_by_their_sockets_and_nothing_else_is_taken_for_one() {
        let table = "Num       RefCount Protocol Flags    Type St Inode Path\n\
                     ffff: 00000002 00000000 00010000 0001 01 123 /var/lib/throng/throng.sock\n\
                     ffff: 00000003 00000000 00000000 0001 03 124 /var/lib/throng/throng.sock\n\
                     ffff: 00000002 00000000 00010000 0001 01 125 /run/docker.sock\n\
                     ffff: 00000003 00000000 00000000 0001 03 126\n";
        assert_eq!(sockets(table), ["/var/lib/throng/throng.sock"]);
    }

    #[test]
    fn only_folders_named_like_clusters_count() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a-1", "Not A Cluster"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("b-2"), "").unwrap();
        assert_eq!(folders(folder.path()), [ClusterId::new("a-1").unwrap()]);
    }
}
