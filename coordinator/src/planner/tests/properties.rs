//! What holds for every plan.

use proptest::prelude::*;
use throng_common::ports::PortSet;
use throng_common::scenario::model::Scenario;
use throng_common::size::ByteSize;

use super::fixture::{host, scenario, try_plan, with_count};
use crate::planner::input::HostInput;
use crate::planner::plan::Plan;

fn any_scenario() -> impl Strategy<Value = Scenario> {
    (0_u32..40, 0_u32..30, 1_u32..4, 1_u32..4, prop::option::of(1_u16..60), 20_010_u16..20_250, 8_u64..200).prop_map(
        |(workers, stores, range, block, plus, last, memory)| {
            let bus =
                plus.map(|plus| format!(", bus = {{ offset_of = \"a\", plus = {} }}", plus + 4)).unwrap_or_default();
            scenario(&format!(
                r#"
                format = 1
                scenario = {{ name = "any" }}
                fleet = {{ ports = "20000-{last}", reserve = {{ memory = "64MiB" }} }}
                [role.master]
                run = "process"
                memory = "64MiB"
                ports = {{ rpc = {{ count = {range} }} }}
                [role.store]
                run = "container"
                count = {stores}
                image = "store"
                memory = "{memory}MiB"
                ports = {{ a = {{ count = {block} }}{bus} }}
                [role.worker]
                run = "container"
                count = {workers}
                image = "worker"
                memory = "20MiB"
                ports = ["x"]
                "#
            ))
        },
    )
}

fn any_hosts() -> impl Strategy<Value = Vec<HostInput>> {
    let one = (512_u64..4096, prop::collection::vec(20_000_u16..20_250, 0..12), 20_000_u16..20_200, 0_u16..6);
    prop::collection::vec(one, 1..5).prop_map(|hosts| {
        let made = |(position, (memory, listening, first, more)): (usize, (u64, Vec<u16>, u16, u16))| {
            let mut host = host(&format!("h{position}"));
            host.facts.memory_total_bytes = ByteSize::mib(memory).as_bytes();
            let text: Vec<String> = listening.iter().map(ToString::to_string).collect();
            host.facts.listening_ports = text.join(",").parse().unwrap();
            host.other_ports = format!("{first}-{}", first + more).parse().unwrap();
            host
        };
        hosts.into_iter().enumerate().map(made).collect()
    })
}

fn forbidden(host: &HostInput) -> PortSet {
    host.facts.listening_ports.union(&host.other_ports)
}

fn assert_sound(plan: &Plan, hosts: &[HostInput], scenario: &Scenario) {
    for (planned, input) in plan.hosts.iter().zip(hosts) {
        let mut seen = 0;
        for node in &planned.nodes {
            seen += node.all_ports().count();
            if let Some(block) = node.block {
                assert_eq!(PortSet::from(block).difference(&scenario.fleet.ports.into()), PortSet::default());
            }
        }
        assert_eq!(seen, planned.reserved.count(), "ports of nodes are disjoint");
        assert_eq!(planned.reserved.intersection(&forbidden(input)), PortSet::default());
        assert!(planned.memory.used <= planned.memory.bound(), "{:?}", planned.memory);
        let nodes: u32 = planned.memory.roles.iter().map(|role| role.count).sum();
        assert_eq!(usize::try_from(nodes).unwrap(), planned.nodes.len());
    }
    let total: u32 = scenario.role.values().map(|role| role.count).sum();
    assert_eq!(plan.node_count(), usize::try_from(total).unwrap());
    assert!(plan.limits.iter().all(|limit| limit.used <= limit.bound), "{:?}", plan.limits);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_plan_holds_all_bounds_and_is_the_same_again(scenario in any_scenario(), hosts in any_hosts()) {
        let plan = try_plan(&scenario, &hosts, None);
        prop_assert_eq!(&plan, &try_plan(&scenario, &hosts, None));
        if let Ok(plan) = plan {
            assert_sound(&plan, &hosts, &scenario);
        }
    }

    #[test]
    fn when_n_fit_one_less_fits(scenario in any_scenario(), hosts in any_hosts()) {
        let largest = match try_plan(&scenario, &hosts, None) {
            Ok(plan) => plan.largest,
            Err(_) => return Ok(()),
        };
        let count = scenario.role[&largest].count;
        prop_assume!(count > 0);
        let less = with_count(scenario, largest.as_str(), count - 1);
        let plan = try_plan(&less, &hosts, None);
        prop_assert!(plan.is_ok(), "{:?}", plan);
    }

    #[test]
    fn scaling_keeps_those_that_stay_and_there_and_back_is_the_same(
        scenario in any_scenario(), hosts in any_hosts(), more in 1_u32..20,
    ) {
        let Ok(before) = try_plan(&scenario, &hosts, None) else { return Ok(()) };
        let count = scenario.role[&before.largest].count;
        let grown = with_count(scenario.clone(), before.largest.as_str(), count + more);
        let Ok(after) = try_plan(&grown, &hosts, Some(&before)) else { return Ok(()) };
        assert_sound(&after, &hosts, &grown);
        for (host, node) in before.nodes() {
            let (kept_host, kept) = after.node(&node.name).expect("it stays");
            prop_assert_eq!((&kept_host.host, kept), (&host.host, node));
        }
        // How many more would fit depends on where the nodes lie by now; what is decided does not.
        let mut back = try_plan(&scenario, &hosts, Some(&after)).unwrap();
        back.limits.clone_from(&before.limits);
        prop_assert_eq!(back, before);
    }

    #[test]
    fn the_count_at_which_a_limit_breaks_is_exact(scenario in any_scenario(), hosts in any_hosts()) {
        let Ok(plan) = try_plan(&scenario, &hosts, None) else { return Ok(()) };
        let first = &plan.limits[0];
        if let Some(breaks_at) = first.breaks_at {
            let at = |count| try_plan(&with_count(scenario.clone(), plan.largest.as_str(), count), &hosts, None);
            prop_assert!(at(breaks_at - 1).is_ok());
            let refusal = at(breaks_at).unwrap_err();
            prop_assert!(refusal.problems.iter().any(|problem| problem.limit() == Some(&first.name)), "{:?}", refusal);
        }
    }
}
