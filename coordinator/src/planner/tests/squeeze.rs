//! Each limit is squeezed in turn: the plan names beforehand which breaks first and at which count; that many less one
//! fit, and at that count the refusal names the same limit.

use throng_common::ids::RoleName;
use throng_common::scenario::model::{Scenario, TuningProfile};
use throng_common::size::ByteSize;

use super::fixture::{host, redis, refused_for, scenario, set, try_plan, with_count};
use crate::planner::input::HostInput;
use crate::planner::limit::LimitName;

/// Plans ten workers, believes the plan, and tries both sides of the count that it names.
fn breaks_first(scenario: &Scenario, host: &HostInput, expected: &LimitName) -> u32 {
    let hosts = std::slice::from_ref(host);
    let small = try_plan(&with_count(scenario.clone(), "worker", 10), hosts, None).unwrap();
    let first = &small.limits[0];
    assert_eq!(first.name, *expected, "{:#?}", small.limits);
    let breaks_at = first.breaks_at.unwrap();
    let last = try_plan(&with_count(scenario.clone(), "worker", breaks_at - 1), hosts, None).unwrap();
    assert_eq!(last.limits[0].breaks_at, Some(breaks_at), "the larger plan names the same count");
    let refusal = try_plan(&with_count(scenario.clone(), "worker", breaks_at), hosts, None).unwrap_err();
    assert!(refused_for(&refusal).contains(expected), "{refusal:?}");
    let fits = refusal.problems.iter().find_map(|problem| match problem {
        crate::planner::refusal::Problem::OverLimit { limit, fits, .. } if limit == expected => Some(*fits),
        _ => None,
    });
    assert_eq!(fits, Some(breaks_at - 1), "the refusal names the count that fits");
    breaks_at
}

#[test]
fn memory_breaks_where_the_plan_says() {
    let mut host = host("local");
    host.facts.memory_total_bytes = ByteSize::gib(4).as_bytes();
    // (4096 - 768 reserve - 256 primary) / (16 + 6) = 139.6
    assert_eq!(breaks_first(&redis(10), &host, &LimitName::Memory), 140);
}

#[test]
fn ports_break_where_the_plan_says() {
    let mut squeezed = redis(10);
    squeezed.fleet.ports = "20000-20049".parse().unwrap();
    // 50 ports, one of them listening already, one for the primary.
    assert_eq!(breaks_first(&squeezed, &host("local"), &LimitName::Ports), 49);
}

#[test]
fn pid_max_breaks_where_the_plan_says_when_it_may_not_be_raised() {
    let mut squeezed = redis(10);
    squeezed.tuning.profile = TuningProfile::None;
    let mut host = host("local");
    set(&mut host, "kernel.pid_max", "4000");
    // (4000 - 180 now - 32 primary) / (32 + 12) = 86.09
    assert_eq!(breaks_first(&squeezed, &host, &LimitName::PidMax), 87);
}

#[test]
fn pid_max_breaks_where_the_plan_says_when_the_scenario_itself_lowers_it() {
    let squeezed = format!("{}\n[tuning]\nsysctl = {{ \"kernel.pid_max\" = 3000 }}\n", super::fixture::REDIS);
    assert_eq!(breaks_first(&scenario(&squeezed), &host("local"), &LimitName::PidMax), 64);
}

#[test]
fn tasks_break_where_the_plan_says_when_threads_max_may_not_be_raised() {
    let mut squeezed = redis(10);
    squeezed.tuning.profile = TuningProfile::None;
    let mut host = host("local");
    set(&mut host, "kernel.threads-max", "2000");
    assert_eq!(breaks_first(&squeezed, &host, &LimitName::ThreadsMax), 41);
}

#[test]
fn a_pids_limit_below_what_is_expected_makes_room_for_more() {
    let mut squeezed = redis(10);
    squeezed.tuning.profile = TuningProfile::None;
    squeezed.role.get_mut(&RoleName::new("worker").unwrap()).unwrap().pids = 8;
    let mut host = host("local");
    set(&mut host, "kernel.pid_max", "4000");
    set(&mut host, "fs.inotify.max_user_instances", "8192");
    // (4000 - 180 - 32) / (8 + 12) = 189.4
    assert_eq!(breaks_first(&squeezed, &host, &LimitName::PidMax), 190);
}

#[test]
fn the_engines_open_files_break_where_the_plan_says() {
    let mut host = host("local");
    host.facts.engine_nofile_hard = Some(1024);
    // (1024 - 64) / 6 = 160
    assert_eq!(breaks_first(&redis(10), &host, &LimitName::EngineFiles), 161);
}

#[test]
fn open_files_in_all_keyrings_mounts_inotify_and_namespaces_break_where_the_plan_says() {
    let mut fixed = redis(10);
    fixed.tuning.profile = TuningProfile::None;
    set_and_break(&fixed, "fs.file-max", "50000", &LimitName::FileMax, 163);
    set_and_break(&fixed, "kernel.keys.root_maxkeys", "77", &LimitName::Keyrings, 73);
    set_and_break(&fixed, "fs.mount-max", "500", &LimitName::Mounts, 101);
    set_and_break(&fixed, "fs.inotify.max_user_instances", "128", &LimitName::Inotify, 97);
    set_and_break(&fixed, "user.max_ipc_namespaces", "60", &LimitName::Namespaces, 61);
}

#[test]
fn connections_that_a_firewall_follows_break_where_the_plan_says_and_those_of_others_count() {
    let mut fixed = redis(10);
    fixed.tuning.profile = TuningProfile::None;
    // (8192 - 64 primary) / 64 = 127
    set_and_break(&fixed, "net.netfilter.nf_conntrack_max", "8192", &LimitName::Followed, 128);
    let mut host = host("local");
    set(&mut host, "fs.inotify.max_user_instances", "8192");
    set(&mut host, "net.netfilter.nf_conntrack_max", "8192");
    set(&mut host, "net.netfilter.nf_conntrack_count", "1000");
    assert_eq!(breaks_first(&fixed, &host, &LimitName::Followed), 112);
    // The profile makes room for them.
    let plan = try_plan(&redis(1000), &[host], None).unwrap();
    let raised = plan.hosts[0].sysctls.iter().find(|one| one.spec.key == "net.netfilter.nf_conntrack_max").unwrap();
    assert_eq!((raised.then.as_str(), raised.spec.required), ("131072", true));
}

#[test]
fn scaling_does_not_count_the_clusters_own_connections_twice() {
    let mut host = host("local");
    set(&mut host, "net.netfilter.nf_conntrack_max", "1000000");
    set(&mut host, "net.netfilter.nf_conntrack_count", "500");
    let first = try_plan(&redis(10), std::slice::from_ref(&host), None).unwrap();
    // 11 nodes with their 64 each, and the 500 of others.
    set(&mut host, "net.netfilter.nf_conntrack_count", "1204");
    let second = try_plan(&redis(20), &[host], Some(&first)).unwrap();
    assert_eq!(second.hosts[0].baseline, first.hosts[0].baseline);
}

#[test]
fn neighbours_break_where_the_plan_says_with_several_hosts() {
    let mut fixed = redis(10);
    fixed.tuning.profile = TuningProfile::None;
    let hosts: Vec<HostInput> = (0..5)
        .map(|index| {
            let mut host = host(&format!("h{index}"));
            set(&mut host, "net.ipv4.neigh.default.gc_thresh3", if index == 4 { "4" } else { "1024" });
            host
        })
        .collect();
    // It is the number of hosts that breaks it, not that of nodes.
    let refusal = try_plan(&fixed, &hosts, None).unwrap_err();
    assert_eq!(refused_for(&refusal), [LimitName::Neighbours]);
    assert!(try_plan(&fixed, &hosts[..4], None).is_ok());
}

#[test]
fn on_one_host_nobody_is_a_neighbour_whatever_its_address() {
    for address in ["127.84.0.7", "2001:db8::7"] {
        let mut fixed = redis(10);
        fixed.fleet.address = Some(address.parse().unwrap());
        let mut one = host("local");
        one.facts.addresses.push(address.parse().unwrap());
        for key in ["net.ipv4.neigh.default.gc_thresh3", "net.ipv6.neigh.default.gc_thresh3"] {
            set(&mut one, key, "1");
        }
        let plan = try_plan(&fixed, std::slice::from_ref(&one), None).unwrap();
        assert!(plan.limits.iter().all(|limit| limit.name != LimitName::Neighbours), "{:?}", plan.limits);
        // Several hosts have throng's own IPv4 addresses: one that the scenario names is refused.
        assert!(try_plan(&fixed, &[one, host("other")], None).is_err());
    }
}

fn set_and_break(scenario: &Scenario, key: &str, value: &str, expected: &LimitName, count: u32) {
    let mut host = host("local");
    // Left alone, 128 inotify instances would always break first.
    set(&mut host, "fs.inotify.max_user_instances", "8192");
    set(&mut host, key, value);
    assert_eq!(breaks_first(scenario, &host, expected), count, "{key}");
}

#[test]
fn a_role_that_asks_for_more_open_files_than_the_engine_may_give_is_refused_and_told_why() {
    let mut greedy = redis(10);
    greedy.role.get_mut(&RoleName::new("worker").unwrap()).unwrap().nofile = Some(65_536);
    let mut host = host("local");
    host.facts.engine_nofile_hard = Some(20_000);
    let refusal = try_plan(&greedy, &[host], None).unwrap_err();
    let worker = LimitName::NodeFiles(RoleName::new("worker").unwrap());
    assert_eq!(refused_for(&refusal), [worker]);
    let text = format!("{}; {}", refusal.problems[0], refusal.problems[0].remedy());
    assert!(text.contains("role.worker.nofile 65536 > 20000"), "{text}");
    assert!(text.contains("lower role.worker.nofile to 20000"), "{text}");
}

#[test]
fn an_engine_that_may_lift_limits_gives_more_open_files_than_it_has() {
    let mut greedy = redis(10);
    greedy.role.get_mut(&RoleName::new("worker").unwrap()).unwrap().nofile = Some(65_536);
    let mut host = host("local");
    host.facts.engine_nofile_hard = Some(20_000);
    host.facts.engine_lifts_limits = true;
    assert!(try_plan(&greedy, std::slice::from_ref(&host), None).is_ok());
    // What the kernel gives anybody still holds where it may not be raised.
    greedy.tuning.profile = TuningProfile::None;
    set(&mut host, "fs.nr_open", "65535");
    set(&mut host, "fs.inotify.max_user_instances", "8192");
    let worker = LimitName::NodeFiles(RoleName::new("worker").unwrap());
    assert_eq!(refused_for(&try_plan(&greedy, &[host], None).unwrap_err()), [worker]);
}

#[test]
fn the_profile_raises_what_would_break_first_and_says_that_it_must() {
    let plan = super::fixture::fitting(&redis(1000));
    let changed = |key: &str| {
        let sysctl = plan.hosts[0].sysctls.iter().find(|sysctl| sysctl.spec.key == key).unwrap();
        (sysctl.changes, sysctl.spec.required, sysctl.then.as_str())
    };
    assert_eq!(changed("kernel.pid_max"), (true, true, "1048576"));
    assert_eq!(changed("fs.inotify.max_user_instances"), (true, true, "4096"));
    assert_eq!(changed("fs.inotify.max_user_watches"), (false, false, "192536"));
}

#[test]
fn in_a_child_pid_namespace_the_limit_says_that_the_bound_around_it_is_unknown() {
    let mut host = host("local");
    host.facts.child_pid_namespace = true;
    let plan = try_plan(&redis(10), &[host], None).unwrap();
    let limit = plan.limits.iter().find(|limit| limit.name == LimitName::PidMax).unwrap();
    assert!(limit.why.contains("unknown"), "{}", limit.why);
    assert!(plan.notes.iter().any(|note| note.contains("child pid namespace")), "{:?}", plan.notes);
}
