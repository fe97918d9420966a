//! Changing how many nodes a role has, the survivors untouched.

use std::collections::BTreeMap;
use std::sync::Arc;

use throng_common::ids::RoleName;

use super::failure::RolloutError;
use super::prepare::plan_inputs;
use crate::cluster::LiveCluster;
use crate::core::Core;
use crate::planner::input::PlanInput;
use crate::planner::planning::plan;

/// Plans the new counts with the old plan in hand, journals the result and tells the hosts. Does not wait for nodes.
pub async fn scale(
    core: &Arc<Core>,
    cluster: &Arc<LiveCluster>,
    counts: &BTreeMap<RoleName, u32>,
) -> Result<(), RolloutError> {
    let record = cluster.record();
    let mut scenario = record.scenario.clone();
    for (name, count) in counts {
        let role = scenario.role.get_mut(name);
        let role = role.ok_or_else(|| RolloutError::Count(format!("the scenario has no role `{name}`")))?;
        if *count == 0 {
            return Err(RolloutError::Count(format!(
                "role {name} cannot be scaled to 0: take the cluster down instead"
            )));
        }
        role.count = *count;
    }
    let hosts = plan_inputs(core, Some(&record.id)).await?;
    let images =
        record.plan.roles.iter().filter_map(|(name, role)| Some((name.clone(), role.image.clone()?))).collect();
    let input = PlanInput {
        scenario: &scenario,
        cluster: &record.id,
        caller: &record.plan.caller,
        scenario_dir: &record.plan.scenario_dir,
        images: &images,
        hosts: &hosts,
        previous: Some(&record.plan),
    };
    let planned = plan(&input)?;
    cluster.edit(|record| {
        record.scenario = scenario;
        record.plan = planned;
    });
    core.publish(cluster).await?;
    let words: Vec<String> = counts.iter().map(|(role, count)| format!("{role}={count}")).collect();
    core.note(Some(&record.id), &record.id, "scaled", words.join(" ")).await;
    Ok(())
}
