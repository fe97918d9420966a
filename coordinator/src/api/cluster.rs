//! Clusters, plans and nodes.

use std::collections::BTreeMap;
use std::sync::Arc;

use throng_common::host_spec::NamedPorts;
use throng_common::ids::ClusterId;
use throng_common::scenario::model::Provider;
use throng_common::scenario::selector::Selector;
use throng_proto::operator as wire;
use tonic::Status;

use super::service::ApiService;
use super::status::{invalid, of_core, of_rollout};
use super::wire::bundle_from_wire;
use crate::authz::Caller;
use crate::cluster::{LiveCluster, RoleMembership};
use crate::planner::description::describe;
use crate::planner::imagined::plan_imagined;
use crate::planner::input::PlanInput;
use crate::planner::planning::plan;
use crate::planner::texts::Texts;
use crate::rollout;

impl ApiService {
    pub(super) async fn make_plan(
        &self,
        request: wire::PlanRequest,
        caller: Option<&Caller>,
    ) -> Result<wire::PlanReply, Status> {
        let (bundle, contents) = bundle_from_wire(request.bundle, caller)?;
        let admitted = rollout::admit(bundle, contents).map_err(of_rollout)?;
        let hosts = match admitted.scenario.fleet.provider {
            Provider::Local => rollout::plan_inputs(&self.core, None).await.map_err(of_rollout)?,
            Provider::PlanOnly => Vec::new(),
        };
        // Thousands of nodes on hosts that are only imagined keep a core busy for seconds.
        let planning = tokio::task::spawn_blocking(move || {
            let caller = &admitted.bundle.caller;
            let input = PlanInput {
                scenario: &admitted.scenario,
                cluster: &ClusterId::generate(admitted.scenario.scenario.name.as_str()),
                caller: &format!("{}:{}", caller.uid, caller.gid),
                scenario_dir: &admitted.bundle.dir.display().to_string(),
                images: &BTreeMap::new(),
                hosts: &hosts,
                previous: None,
                preview: true,
            };
            plan_imagined(&input).unwrap_or_else(|| plan(&input))
        });
        match planning.await.map_err(|error| Status::internal(error.to_string()))? {
            Ok(plan) => {
                let plan_json = serde_json::to_string(&plan).map_err(|error| Status::internal(error.to_string()))?;
                Ok(wire::PlanReply { plan_json, problems: vec![] })
            }
            Err(refusal) => {
                let problems = refusal.problems.iter();
                let problem = |problem: &crate::planner::refusal::Problem| wire::Problem {
                    message: problem.to_string(),
                    hint: problem.remedy(),
                };
                Ok(wire::PlanReply { plan_json: String::new(), problems: problems.map(problem).collect() })
            }
        }
    }

    pub(super) fn clusters(&self) -> wire::ListClustersReply {
        wire::ListClustersReply {
            clusters: self.core.clusters().iter().map(|cluster| self.describe(cluster)).collect(),
        }
    }

    pub(super) async fn one_cluster(&self, request: &wire::GetClusterRequest) -> Result<wire::Cluster, Status> {
        let cluster = self.core.find(&request.cluster).map_err(of_core)?;
        self.ask_now(&cluster).await;
        Ok(self.describe(&cluster))
    }

    /// Asks the system under test once, so that what is shown is of now.
    async fn ask_now(&self, cluster: &Arc<LiveCluster>) {
        let record = cluster.record();
        for (name, role) in &record.scenario.role {
            if let Some(seen) = &role.seen {
                self.core.ask(cluster, name, seen).await;
            }
        }
    }

    fn describe(&self, cluster: &LiveCluster) -> wire::Cluster {
        let record = cluster.record();
        let memberships = cluster.memberships();
        let complete = memberships.iter().all(|role| role.up() >= role.desired);
        let state = match record.state {
            crate::cluster::ClusterState::Up if record.pending.is_some() => "updating",
            crate::cluster::ClusterState::Up if !complete => "degraded",
            state => state.word(),
        };
        let description = describe(&Texts::new(&record.plan, &record.scenario));
        let under_way = self.core.operations.under_way(&record.id);
        wire::Cluster {
            cluster: record.id.to_string(),
            scenario: record.scenario.scenario.name.to_string(),
            state: state.to_owned(),
            created_unix_millis: record.created.0,
            roles: memberships.iter().map(role_count).collect(),
            // Plain structs with text keys serialise.
            description_json: serde_json::to_string(&description).unwrap_or_default(),
            operation: under_way.map(|info| info.id.to_string()).unwrap_or_default(),
        }
    }

    pub(super) async fn nodes(&self, request: &wire::ListNodesRequest) -> Result<wire::ListNodesReply, Status> {
        let cluster = self.core.find(&request.cluster).map_err(of_core)?;
        self.ask_now(&cluster).await;
        let selected = select(&cluster, &request.selector)?;
        let record = cluster.record();
        let seen_at = record.scenario.role.keys().filter_map(|role| cluster.column(role)).map(|column| column.at.0);
        let places: BTreeMap<_, _> = record.plan.nodes().map(|(host, node)| (&node.name, (host, node))).collect();
        let nodes = selected.iter().filter_map(|name| {
            let (host, node) = places.get(name)?;
            Some(node_row(&cluster, host, node))
        });
        Ok(wire::ListNodesReply { nodes: nodes.collect(), seen_at_unix_millis: seen_at.max().unwrap_or(0) })
    }
}

fn role_count(role: &RoleMembership) -> wire::RoleCount {
    wire::RoleCount {
        role: role.role.to_string(),
        desired: role.desired,
        running: role.running,
        ready: role.ready,
        seen: role.seen.map(|seen| u32::try_from(seen).unwrap_or(u32::MAX)),
        missing: role.missing.to_string(),
        seen_problem: role.seen_problem.clone().unwrap_or_default(),
    }
}

fn node_row(
    cluster: &LiveCluster,
    host: &crate::planner::plan::HostPlan,
    node: &crate::planner::plan::NodePlan,
) -> wire::Node {
    let status = cluster.status(&node.name);
    let sample = cluster.sample(&node.name);
    let record = cluster.record();
    let wanted = record.wanted.get(node.name.role());
    let desired = if wanted == Some(&crate::cluster::RoleWanted::Running) { "running" } else { "stopped" };
    let reason = status.as_ref().and_then(|status| status.reason.as_ref());
    let port = |ports: &NamedPorts| format!("{}={}", ports.name, ports.range);
    wire::Node {
        node: node.name.to_string(),
        host: host.host.to_string(),
        desired: desired.to_owned(),
        phase: status.as_ref().map_or("pending", |status| crate::cluster::phase_word(status.phase)).to_owned(),
        reason: reason.map(|reason| reason.message.clone()).unwrap_or_default(),
        reason_detail: reason.map(|reason| reason.detail.clone()).unwrap_or_default(),
        seen: cluster.seen(&node.name).word().to_owned(),
        restarts: status.as_ref().map_or(0, |status| status.restarts),
        container_id: status.as_ref().and_then(|status| status.container_id.clone()).unwrap_or_default(),
        pid: status.as_ref().and_then(|status| status.pid).unwrap_or(0),
        address: host.address.to_string(),
        ports: node.ports.iter().map(port).collect::<Vec<_>>().join(","),
        started_unix_millis: status.as_ref().and_then(|status| status.started_at).unwrap_or_default().0,
        ready_unix_millis: status.as_ref().and_then(|status| status.ready_at).unwrap_or_default().0,
        observed_unix_millis: status.as_ref().map_or(0, |status| status.observed_at.0),
        anonymous_bytes: sample.as_ref().map(|sample| sample.anonymous_bytes),
        ramdisk_bytes: sample.as_ref().map(|sample| sample.ramdisk_bytes),
        cpu_usage_micros: sample.as_ref().map(|sample| sample.cpu_usage_micros),
    }
}

/// The nodes that a selector means; some of a role are drawn at random. Those that it names must all be there.
pub(super) fn select(cluster: &LiveCluster, selector: &str) -> Result<Vec<throng_common::ids::NodeName>, Status> {
    if selector.is_empty() {
        return Ok(cluster.nodes());
    }
    let selector: Selector = selector.parse().map_err(|error| invalid("selector", error))?;
    let nodes = cluster.nodes();
    if let Some(absent) = selector.absent(&nodes) {
        let id = cluster.record().id.to_string();
        return Err(Status::not_found(format!("{}: `throng ps` lists them", absent.words(&id))));
    }
    let draw = |nodes: Vec<_>, count: usize| {
        use rand::seq::IndexedRandom as _;
        let mut drawn: Vec<_> = nodes.sample(&mut rand::rng(), count).cloned().collect();
        drawn.sort();
        drawn
    };
    let selected = selector.select(&nodes, draw);
    if selected.is_empty() {
        let id = cluster.record().id.clone();
        return Err(Status::not_found(format!("`{selector}` selects no node of {id}: `throng ps` lists them")));
    }
    Ok(selected)
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;
    use crate::cluster::sample;
    use crate::planner::tests::fixture::{host, redis, try_plan};

    fn cluster(workers: u32) -> LiveCluster {
        let scenario = redis(workers);
        let plan = try_plan(&scenario, &[host("a")], None).unwrap();
        LiveCluster::new(sample::up("redis-ab12", scenario, plan))
    }

    #[test]
    fn a_node_that_is_named_and_not_there_is_refused_and_not_left_out() {
        let cluster = cluster(100);
        let refused = select(&cluster, "worker-[0001-0100]").unwrap_err();
        let words = "worker-0100 is not in redis-ab12, which has worker-[0000-0099]: `throng ps` lists them";
        assert_eq!((refused.code(), refused.message()), (Code::NotFound, words));
        assert_eq!(select(&cluster, "worker-[0001-0099]").unwrap().len(), 99);
        assert_eq!(select(&cluster, "").unwrap().len(), 101);
    }
}
