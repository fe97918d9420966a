//! Processes and control groups of ours.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use throng_common::ids::ClusterId;
use throng_common::status::{AuditScope, Residue, ResidueKind};

use super::scope::{counts, first_part};
use crate::host::procs::table::Procs;
use crate::resources::cgroup::cgroups::{Cgroups, TOP};
use crate::resources::process::plan::{CLUSTER_VARIABLE, NODE_VARIABLE};

/// Most of a command line that is shown.
const COMMAND_SHOWN_CHARS: usize = 100;

/// The agent's command for the process that outlives it.
const SHIM: &str = "shim";

/// Processes that count, and the groups that count. Zombies are none: they hold nothing, and only their parents can end
/// them; they are named in the log.
pub fn residues(
    scope: &AuditScope,
    run_dir: &Path,
    procs: &Procs,
    cgroups: Option<&Cgroups>,
) -> io::Result<Vec<Residue>> {
    let marked = marked(run_dir, procs, cgroups)?.into_iter().filter(|(_, cluster)| counts(scope, Some(cluster)));
    let mut found: Vec<Residue> = marked.map(|(pid, cluster)| process(procs, pid, cluster)).collect();
    let counting = groups(cgroups).into_iter().filter(|(_, cluster)| counts(scope, Some(cluster)));
    found.extend(counting.map(|(path, cluster)| Residue {
        kind: ResidueKind::Cgroup,
        cluster: Some(cluster),
        subject: path.display().to_string(),
        remedy: format!("end its processes, then sudo rmdir '{}'", path.display()),
    }));
    Ok(found)
}

/// All processes that bear a cluster's mark, zombies left out.
pub fn marked(run_dir: &Path, procs: &Procs, cgroups: Option<&Cgroups>) -> io::Result<Vec<(u32, ClusterId)>> {
    let mut members = BTreeMap::new();
    for (path, cluster) in groups(cgroups) {
        let text = std::fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
        members.extend(text.lines().filter_map(|line| Some((line.parse::<u32>().ok()?, cluster.clone()))));
    }
    let mut found = Vec::new();
    for pid in procs.pids()? {
        let member = members.get(&pid).cloned();
        let Some(cluster) = member.or_else(|| cluster_of_process(procs, pid, run_dir)) else { continue };
        if !is_zombie(procs, pid) {
            found.push((pid, cluster));
        }
    }
    Ok(found)
}

/// All groups of clusters, deepest first.
fn groups(cgroups: Option<&Cgroups>) -> Vec<(PathBuf, ClusterId)> {
    let paths = cgroups.map(|cgroups| cgroups.list(None)).unwrap_or_default();
    paths.into_iter().filter_map(|path| Some((path.clone(), cluster_of_group(&path)?))).collect()
}

/// The cluster in `…/throng/<cluster>[/<node>]`, throng's own top group being nobody's.
fn cluster_of_group(path: &Path) -> Option<ClusterId> {
    let mut parts = path.iter().rev().map(|part| part.to_str());
    let (last, above, top) = (parts.next()??, parts.next()??, parts.next()?);
    let cluster = if above == TOP { last } else { above };
    (above == TOP || top == Some(TOP)).then(|| ClusterId::new(cluster).ok()).flatten()
}

fn cluster_of_process(procs: &Procs, pid: u32, run_dir: &Path) -> Option<ClusterId> {
    let environment = procs.environment(pid).unwrap_or_default();
    let value = |name: &str| environment.iter().find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='));
    // People set the first for themselves, to choose a cluster; with the second it is a node's.
    let variable = value(NODE_VARIABLE).and_then(|_| ClusterId::new(value(CLUSTER_VARIABLE)?).ok());
    variable.or_else(|| {
        let arguments = procs.arguments(pid).ok()?;
        let below = |argument: &String| {
            let rest = Path::new(argument).strip_prefix(run_dir).ok()?;
            first_part(&rest.to_string_lossy())
        };
        // `throng-agent shim --dir <run directory>/<cluster>/<node>/shim`
        (arguments.get(1)? == SHIM).then(|| arguments.iter().skip(2).find_map(below)).flatten()
    })
}

fn is_zombie(procs: &Procs, pid: u32) -> bool {
    match procs.stat(pid) {
        Ok(stat) if stat.state == 'Z' || stat.state == 'X' => {
            tracing::info!(pid, parent = stat.parent, "a dead process of a node waits for its parent");
            true
        }
        Ok(_) => false,
        // It has ended meanwhile.
        Err(_) => true,
    }
}

fn process(procs: &Procs, pid: u32, cluster: ClusterId) -> Residue {
    let command = procs.command(pid).ok().filter(|command| !command.is_empty());
    let command = command.or_else(|| procs.comm(pid).ok()).unwrap_or_else(|| "?".to_owned());
    // One line, whatever is in it.
    let command = command.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let command = command.collect::<Vec<_>>().join(" ");
    let shown: String = command.chars().take(COMMAND_SHOWN_CHARS).collect();
    let more = if shown.len() < command.len() { "…" } else { "" };
    Residue {
        kind: ResidueKind::Process,
        cluster: Some(cluster),
        subject: format!("process {pid} ({shown}{more})"),
        remedy: format!("sudo kill -KILL {pid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_groups_cluster_is_told_by_its_path() {
        let cluster = |path: &str| cluster_of_group(Path::new(path)).map(String::from);
        assert_eq!(cluster("/sys/fs/cgroup/memory/throng/a-1").as_deref(), Some("a-1"));
        assert_eq!(cluster("/sys/fs/cgroup/memory/throng/a-1/worker-0001").as_deref(), Some("a-1"));
        assert_eq!(cluster("/sys/fs/cgroup/memory/throng"), None);
    }
}
