//! Hosts that nobody has yet.

use super::fixture::{REDIS, imagined, scenario, with_count};
use crate::planner::limit::LimitName;
use crate::planner::refusal::Problem;

fn of(host: &str, worker_memory: &str) -> String {
    let fleet = format!("[fleet]\nprovider = \"plan-only\"\nhost = {host}\n[role.primary]");
    REDIS.replace("[role.primary]", &fleet).replace("\"16MiB\"", &format!("\"{worker_memory}\""))
}

#[test]
fn as_few_hosts_are_planned_as_hold_the_cluster() {
    for workers in [1, 20, 21, 300, 1000] {
        let text = of("{ cpus = 8, memory = \"32GiB\" }", "1GiB");
        let scenario = with_count(scenario(&text), "worker", workers);
        let plan = imagined(&scenario).unwrap();
        let hosts = u32::try_from(plan.hosts.len()).unwrap();
        assert_eq!(plan.node_count(), workers as usize + 1);
        assert!(hosts >= 2, "the primary is not disturbed by workers");
        if hosts > 2 {
            let fewer = of(&format!("{{ cpus = 8, memory = \"32GiB\", count = {} }}", hosts - 1), "1GiB");
            let refusal = imagined(&with_count(super::fixture::scenario(&fewer), "worker", workers)).unwrap_err();
            let limits: Vec<_> = refusal.problems.iter().filter_map(Problem::limit).collect();
            assert_eq!(limits, [&LimitName::Memory], "{workers} on {} hosts", hosts - 1);
        }
        assert!(plan.notes.last().unwrap().contains("no host was asked"), "{:?}", plan.notes);
    }
}

#[test]
fn a_count_of_hosts_is_kept() {
    let plan = imagined(&scenario(&of("{ cpus = 8, memory = \"64GiB\", count = 7 }", "64MiB"))).unwrap();
    assert_eq!(plan.hosts.len(), 7);
    assert!(plan.hosts.iter().all(|host| host.cores == 8));
}

#[test]
fn a_node_that_fits_on_no_host_of_the_kind_is_refused_however_many_there_are() {
    let refusal = imagined(&scenario(&of("{ cpus = 8, memory = \"32GiB\" }", "40GiB"))).unwrap_err();
    assert_eq!(refusal.problems[0].limit(), Some(&LimitName::Memory));
}
