//! Nodes that lie beside a node of another role.

use throng_common::host_spec::Workload;
use throng_common::ids::{HostId, NodeName};
use throng_common::scenario::model::Scenario;

use super::fixture::{fitting, host, scenario, try_plan, with_count};
use super::rendering::told;
use crate::planner::input::HostInput;
use crate::planner::plan::Plan;
use crate::planner::refusal::Problem;

/// Workers with an agent of their own beside the first few, and a store that weighs otherwise.
fn paired(workers: u32, agents: u32) -> Scenario {
    let text = r#"
        format = 1
        scenario = { name = "pairs" }
        [role.store]
        run = "container"
        count = 3
        image = "store"
        memory = "1GiB"
        [role.worker]
        run = "container"
        image = "worker"
        memory = "64MiB"
        ports = ["rpc"]
        [role.agent]
        run = "container"
        image = "agent"
        command = ["agent", "{role.worker[{node.index}].name}", "{role.worker[{node.index}].port.rpc}"]
        memory = "200MiB"
        with = "worker"
        ports = ["a", "b", "c"]
    "#;
    with_count(with_count(scenario(text), "worker", workers), "agent", agents)
}

fn uneven() -> Vec<HostInput> {
    let mut hosts: Vec<HostInput> = ["a", "b", "c"].map(host).into();
    hosts[1].facts.memory_total_bytes *= 3;
    hosts
}

fn host_of(plan: &Plan, role: &str, index: u32) -> HostId {
    let name = NodeName::new(role.parse().unwrap(), index);
    plan.node(&name).unwrap().0.host.clone()
}

#[test]
fn each_lies_on_the_host_of_its_partner_also_when_either_is_scaled() {
    let hosts = uneven();
    let mut before: Option<Plan> = None;
    for (workers, agents) in [(40, 12), (60, 12), (60, 60), (20, 20), (20, 1)] {
        let plan = try_plan(&paired(workers, agents), &hosts, before.as_ref()).unwrap();
        for index in 0..agents {
            assert_eq!(host_of(&plan, "agent", index), host_of(&plan, "worker", index), "{workers} {agents} {index}");
        }
        assert_eq!(plan.node_count(), (3 + workers + agents) as usize);
        assert_eq!(plan.largest.as_str(), "worker");
        before = Some(plan);
    }
}

#[test]
fn a_container_bears_the_name_of_its_partner_and_knows_its_ports() {
    let scenario = paired(3, 2);
    let plan = fitting(&scenario);
    let spec = told(&plan, &scenario, "agent-0001");
    let Workload::Container(container) = spec.workload else { panic!("it is a container") };
    assert_eq!(container.hostname, Some("worker-0001".parse().unwrap()));
    let port = plan.node(&"worker-0001".parse().unwrap()).unwrap().1.port("rpc").unwrap().first();
    assert_eq!(container.command, ["agent".to_owned(), "worker-0001".to_owned(), port.to_string()]);
    let Workload::Container(worker) = told(&plan, &scenario, "worker-0001").workload else { panic!("so is this") };
    assert_eq!(worker.hostname, None);
}

#[test]
fn more_nodes_than_partners_are_refused_with_both_counts() {
    let refusal = try_plan(&paired(3, 4), &uneven(), None).unwrap_err();
    let [problem @ Problem::Unpaired { count: 4, partners: 3, .. }] = &refusal.problems[..] else {
        panic!("{refusal:?}")
    };
    assert_eq!(
        (problem.to_string(), problem.remedy()),
        (
            "role.agent has 4 nodes, and worker, which it is paired with (`with`), has 3".to_owned(),
            "lower the count of agent, or raise that of worker".to_owned()
        )
    );
}
