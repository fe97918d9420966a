//! Bringing a cluster that is up to another scenario, node by node.
//!
//! What a node is told changes when its turn comes and not before: the record holds both scenarios and the nodes that
//! have followed the new one, so that a coordinator that dies in between goes on as it was, and nothing else changes.
//! The end, where every node has followed, is a record of the new scenario alone.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use throng_common::ids::{NodeName, OperationId};
use throng_common::scenario::model::Scenario;
use throng_common::status::NodePhase;
use throng_common::verdict::Outcome;

use super::drive::Drive;
use super::plan::Bound;
use super::target::{Target, TargetError};
use crate::cluster::{ClusterRecord, LiveCluster, Pending};
use crate::core::Core;
use crate::operation::{NoteLevel, OperationHandle, Wish};
use crate::planner::preparing::Preparing;
use crate::rollout::commands::{begin_alone, ended, fail, spawn};
use crate::rollout::failure::RolloutError;
use crate::rollout::images;
use crate::rollout::prepare::Admitted;
use crate::rollout::take_down::TornDown;

/// Brings a cluster to another scenario.
pub async fn start_update(
    core: &Arc<Core>,
    id: OperationId,
    cluster: Arc<LiveCluster>,
    admitted: Admitted,
    bound: Bound,
) -> Result<OperationHandle, RolloutError> {
    let begun = begin_alone(core, id, Wish::Update, &cluster)?;
    let spawned = spawn(core, begun, |core, operation| async move {
        match update(&core, &cluster, &admitted, bound, &operation).await {
            Ok(()) => ended(Outcome::Pass, "", TornDown::default(), true),
            Err(error) => {
                if cluster.record().pending.is_some() {
                    let text = "part of the cluster is changed and part is as before, and both go on";
                    let hint =
                        "`throng up FILE --into CLUSTER` with the same file goes on, with the one before goes back";
                    operation.note(NoteLevel::Warning, text, hint);
                }
                fail(error, Ok(TornDown::default()), true)
            }
        }
    });
    Ok(spawned.await)
}

async fn update(
    core: &Arc<Core>,
    cluster: &Arc<LiveCluster>,
    admitted: &Admitted,
    bound: Bound,
    operation: &OperationHandle,
) -> Result<(), RolloutError> {
    let phase = operation.phase("plan", 0);
    let planned = Target::plan(core, &cluster.record(), admitted).await;
    phase.end(planned.is_ok(), "");
    let mut target = planned?;
    let images = images::provide(core, admitted, &target.pending.plan, operation).await?;
    target.set_images(&images);
    let record = take_up(cluster, &target.pending)?;
    let target = target.rendered(&record)?;
    let (mut restarted, told) = target.changes(&record)?;
    // One that was told before and did not come up is begun anew.
    let fallen = |node: &&NodeName| cluster.status(node).is_none_or(|status| status.phase != NodePhase::Ready);
    let done = record.pending.iter().flat_map(|pending| &pending.done);
    restarted.extend(done.filter(fallen).cloned());
    let next_dir = core.state.next_cluster_dir(&record.id);
    admitted.lay_out(core, &next_dir).await?;
    core.journal(cluster).await?;
    let drive = Drive { core, cluster, operation, bound, verb: "update" };
    drive.run(&restarted, follow).await?;
    cluster.edit(|record| follow(record, &told));
    cluster.edit(finish);
    core.publish(cluster).await?;
    // What programs read. The former is of no use any more; one that cannot be moved leaves tests without their files.
    let dir = record.bundle_dir.clone();
    let moved = remove_folder(&dir).and_then(|()| std::fs::rename(&next_dir, &dir));
    if let Err(error) = moved {
        operation.note(NoteLevel::Warning, format!("the tests' files are still the former ones: {error}"), "");
    }
    let (count, of) = (restarted.len(), cluster.nodes().len());
    let text = format!("{count} of {of} nodes were restarted for another scenario");
    core.note(Some(&record.id), &record.id, "cluster-updated", text).await;
    images::prune(core).await;
    Ok(())
}

/// Removes a folder, which may be gone since a change that was cut short.
fn remove_folder(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// These nodes are told what the new scenario makes of them.
fn follow(record: &mut ClusterRecord, nodes: &BTreeSet<NodeName>) {
    if let Some(pending) = &mut record.pending {
        pending.done.extend(nodes.iter().cloned());
    }
}

/// All have followed.
fn finish(record: &mut ClusterRecord) {
    if let Some(Pending { scenario, plan, files, .. }) = record.pending.take() {
        (record.scenario, record.plan, record.files) = (scenario, plan, files);
    }
}

/// Notes what the cluster is brought to from now on: something new, what it was on its way to, or what it came from.
fn take_up(cluster: &LiveCluster, wanted: &Pending) -> Result<Arc<ClusterRecord>, TargetError> {
    let record = cluster.record();
    // Nodes that have begun do not wait for what a new scenario would have prepared before.
    let preparing = Preparing::new(&wanted.plan, &wanted.scenario, &record.prepared);
    let begun = wanted.plan.nodes().filter(|(_, node)| {
        cluster.status(&node.name).is_some_and(|status| status.phase.is_running() || status.started_at.is_some())
    });
    let prepared: BTreeSet<NodeName> =
        begun.filter_map(|(host, node)| preparing.before(&host.host, &node.name)).cloned().collect();
    let is =
        |scenario: &Scenario, files: &BTreeMap<String, Vec<u8>>| *scenario == wanted.scenario && *files == wanted.files;
    let pending = match &record.pending {
        None => wanted.clone(),
        Some(held) if is(&held.scenario, &held.files) => Pending { done: held.done.clone(), ..wanted.clone() },
        Some(held) if is(&record.scenario, &record.files) => {
            let all = record.plan.nodes().map(|(_, node)| node.name.clone());
            let done = all.filter(|node| !held.done.contains(node)).collect();
            let back = Pending { done, ..wanted.clone() };
            let held = held.clone();
            return Ok(cluster.edit(|record| {
                record.prepared.extend(prepared);
                (record.scenario, record.plan, record.files) = (held.scenario, held.plan, held.files);
                record.pending = Some(back);
            }));
        }
        Some(_) => return Err(TargetError::HalfDone(record.id.to_string())),
    };
    Ok(cluster.edit(|record| {
        record.prepared.extend(prepared);
        record.pending = Some(pending);
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::sample;
    use crate::planner::tests::fixture::{REDIS, fitting, scenario, with_count};

    fn pending(image: &str) -> Pending {
        let scenario = with_count(scenario(&REDIS.replace("redis:7", image)), "worker", 3);
        Pending { plan: fitting(&scenario), scenario, files: BTreeMap::new(), done: BTreeSet::new() }
    }

    fn cluster() -> LiveCluster {
        let Pending { scenario, plan, files, .. } = pending("redis:7");
        LiveCluster::new(ClusterRecord { files, ..sample::up("redis-replicas-x7k2", scenario, plan) })
    }

    fn set(nodes: &[&str]) -> BTreeSet<NodeName> {
        nodes.iter().map(|node| node.parse().unwrap()).collect()
    }

    #[test]
    fn a_change_that_is_half_done_goes_on_or_back_and_no_third_one_comes_in_between() {
        let cluster = cluster();
        take_up(&cluster, &pending("redis:8")).unwrap();
        cluster.edit(|record| follow(record, &set(&["worker-0000"])));
        assert!(matches!(take_up(&cluster, &pending("redis:9")), Err(TargetError::HalfDone(_))));

        let on = take_up(&cluster, &pending("redis:8")).unwrap();
        assert_eq!(on.pending.as_ref().unwrap().done, set(&["worker-0000"]));

        let back = take_up(&cluster, &pending("redis:7")).unwrap();
        assert_eq!(back.scenario, pending("redis:8").scenario);
        let wanted = back.pending.as_ref().unwrap();
        assert_eq!(wanted.done, set(&["primary-0000", "worker-0001", "worker-0002"]), "they never left");
        assert_eq!(wanted.scenario, pending("redis:7").scenario);
        cluster.edit(|record| follow(record, &set(&["worker-0000"])));
        let end = cluster.edit(finish);
        assert_eq!((&end.scenario, &end.pending), (&pending("redis:7").scenario, &None));
    }

    #[test]
    fn who_has_begun_does_not_wait_for_what_a_new_scenario_prepares_and_who_has_not_does() {
        let prepare = REDIS.replace("ramdisk = ", "prepare = { command = [\"x\"], per = \"cluster\" }\nramdisk = ");
        let scenario = with_count(scenario(&prepare), "worker", 3);
        let wanted = Pending { plan: fitting(&scenario), scenario, files: BTreeMap::new(), done: BTreeSet::new() };
        let cluster = cluster();
        assert_eq!(take_up(&cluster, &wanted).unwrap().prepared, set(&[]), "none has begun");
        let begun = sample::ready("redis-replicas-x7k2", "worker-0001");
        cluster.node_seen(&"local".parse().unwrap(), begun);
        assert_eq!(take_up(&cluster, &wanted).unwrap().prepared, set(&["worker-0000"]));
    }
}
