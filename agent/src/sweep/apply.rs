//! The steps of a sweep, in the order in which one thing holds another: containers, processes, mounts, then the rest.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use throng_common::error_chain::chain;
use throng_common::ids::ClusterId;

use super::{neighbours, plan};
use crate::audit::{mounts, processes};
use crate::host::engine::error::EngineError;
use crate::host::engine::labels;
use crate::host::machine_lock::MachineLock;
use crate::host::mounts::mounter::{Detach, KernelMounter, Mounter as _};
use crate::host::procs::table::Procs;
use crate::reconcile::effects::Host;
use crate::resources::names::plan::Scope;
use crate::resources::{files, names, outcome};
use crate::shim::members::send;

/// How long killed processes may take to be gone.
const KILL_DEADLINE: Duration = Duration::from_secs(10);
/// Between two blows.
const KILL_PAUSE: Duration = Duration::from_millis(20);
/// How often a busy mount is tried again before it is taken out of sight: 25 × 20 ms = 0.5 s.
const UNMOUNT_TRIES: u32 = 25;

/// Removes what bears the marks of these clusters; what could not be removed, or was left, one line each.
pub async fn sweep(host: &Arc<Host>, asked: BTreeSet<ClusterId>, occupied: &BTreeSet<ClusterId>) -> Vec<String> {
    let here = Arc::clone(host);
    let known = blocking(move || neighbours::clusters(&here.parts().procs)).await;
    let plan = plan::plan(asked, occupied, &known);
    let mut problems: Vec<String> =
        plan.left.iter().map(|(cluster, why)| format!("{cluster} is left alone: {why}")).collect();
    if plan.swept.is_empty() {
        return problems;
    }
    tracing::warn!(clusters = ?plan.swept, "removing what clusters left behind");
    for cluster in &plan.swept {
        remove_containers(host, cluster, &mut problems).await;
    }
    let here = Arc::clone(host);
    problems.extend(blocking(move || sweep_kernel(&here, &plan.swept)).await);
    problems
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("a sweep does not panic and is not aborted")
}

async fn remove_containers(host: &Arc<Host>, cluster: &ClusterId, problems: &mut Vec<String>) {
    let engine = &host.parts().engine;
    let containers = match engine.list(&format!("{}={cluster}", labels::CLUSTER)).await {
        // A host without an engine has no containers.
        Err(EngineError::NoSocket { .. }) => return,
        Err(error) => return problems.push(format!("containers of {cluster}: {}", chain(&error))),
        Ok(containers) => containers,
    };
    // What an engine has lost sight of nobody finds any more once its container is gone.
    let idle = containers.iter().filter(|container| !container.state.has_process());
    if let Err(reason) = host.kill_strays(idle.map(|container| container.id.clone()).collect()).await {
        problems.push(format!("what lives of containers of {cluster}: {reason}"));
    }
    for container in containers {
        if let Err(error) = engine.remove(&container.id).await {
            problems.push(format!("container {}: {}", container.name, chain(&error)));
        }
    }
}

fn sweep_kernel(host: &Host, clusters: &BTreeSet<ClusterId>) -> Vec<String> {
    let mut problems = Vec::new();
    kill_processes(host, clusters, &mut problems);
    unmount(host, clusters, &mut problems);
    for cluster in clusters {
        remove_names(host, cluster, &mut problems);
        remove_groups(host, cluster, &mut problems);
        if let Err(error) = files::folders::remove_cluster(&host.parts().paths, cluster) {
            problems.push(chain(&error));
        }
    }
    problems
}

/// Kills again and again until no process bears a mark, or the time is over.
fn kill_processes(host: &Host, clusters: &BTreeSet<ClusterId>, problems: &mut Vec<String>) {
    let parts = host.parts();
    let deadline = Instant::now() + KILL_DEADLINE;
    loop {
        let marked = processes::marked(parts.paths.run_dir(), &Procs::default(), parts.cgroups.as_ref());
        let left: Vec<u32> = match marked {
            Ok(marked) => marked.into_iter().filter(|(_, of)| clusters.contains(of)).map(|(pid, _)| pid).collect(),
            Err(error) => return problems.push(format!("the processes cannot be read: {error}")),
        };
        if left.is_empty() {
            return;
        }
        if Instant::now() > deadline {
            return problems.push(format!("killed, and still there: processes {left:?}"));
        }
        for pid in left {
            // It may have ended meanwhile; one that cannot be killed is found again.
            let _ = send(pid, Some(nix::sys::signal::Signal::SIGKILL));
        }
        thread::sleep(KILL_PAUSE);
    }
}

fn unmount(host: &Host, clusters: &BTreeSet<ClusterId>, problems: &mut Vec<String>) {
    let table = match KernelMounter.table() {
        Ok(table) => table,
        Err(error) => return problems.push(format!("the mount table cannot be read: {error}")),
    };
    for (entry, _) in mounts::of_clusters(clusters, host.parts().paths.run_dir(), &table) {
        let idle = (0..UNMOUNT_TRIES).any(|_| {
            let done = KernelMounter.unmount(&entry.mount_point, Detach::WhenIdle).is_ok();
            if !done {
                thread::sleep(KILL_PAUSE);
            }
            done
        });
        if !idle && let Err(error) = KernelMounter.unmount(&entry.mount_point, Detach::Lazily) {
            problems.push(format!("mount at {}: {error}", entry.mount_point.display()));
        }
    }
}

fn remove_names(host: &Host, cluster: &ClusterId, problems: &mut Vec<String>) {
    let parts = host.parts();
    let scope = Scope {
        cluster: cluster.clone(),
        machine: parts.machine.clone(),
        host_path: parts.paths.etc_hosts().to_owned(),
        cluster_path: parts.paths.cluster_hosts(cluster),
    };
    let lock = match MachineLock::take(parts.paths.machine_lock()) {
        Ok(lock) => lock,
        Err(error) => return problems.push(chain(&error)),
    };
    match names::file::observe(&scope) {
        Ok(observed) => {
            let outcomes = names::file::apply(names::plan::plan(&scope, None, &observed));
            problems.extend(outcome::failures(&outcomes).map(|(_, error)| chain(error)));
        }
        Err(error) => problems.push(chain(&error)),
    }
    drop(lock);
}

/// The nodes' groups first: a group with children stays.
fn remove_groups(host: &Host, cluster: &ClusterId, problems: &mut Vec<String>) {
    let Some(cgroups) = &host.parts().cgroups else { return };
    for group in cgroups.list(Some(cluster)) {
        // The cluster's own is removed below, with throng's where it was the last.
        if !group.ends_with(cluster.as_str())
            && let Err(error) = std::fs::remove_dir(&group)
        {
            problems.push(format!("control group {}: {error}", group.display()));
        }
    }
    if let Err(error) = cgroups.remove_cluster(cluster) {
        problems.push(chain(&error));
    }
}
