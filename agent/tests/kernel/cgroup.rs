//! Groups are made, bound their members, count, kill and go.

use std::collections::BTreeSet;
use std::process::{Child, Command};
use std::time::Duration;

use throng_agent::resources::cgroup::cgroups::Cgroups;
use throng_agent::resources::cgroup::group::Group;
use throng_agent::resources::outcome::failures;
use throng_agent::shim::members::Members;
use throng_common::host_spec::Limits;
use throng_common::size::ByteSize;

use crate::names::{cluster, node};
use crate::root::demand_root;

/// Removes the test's groups whatever happens.
struct Cleanup(Cgroups, throng_common::ids::ClusterId);

impl Drop for Cleanup {
    fn drop(&mut self) {
        let group = self.0.of_cluster(&self.1);
        assert_eq!(kill_all(&group), BTreeSet::new());
        self.0.remove_cluster(&self.1).unwrap();
        assert!(!group.exists());
    }
}

fn members(group: &Group) -> Members {
    Members { procs_files: group.procs_files(), leader: None }
}

fn kill_all(group: &Group) -> BTreeSet<u32> {
    members(group).kill_all(Duration::from_secs(10))
}

fn sleeper() -> Child {
    Command::new("sleep").arg("600").spawn().unwrap()
}

#[test]
fn a_group_bounds_counts_kills_and_goes() {
    demand_root();
    let cgroups = Cgroups::discover().unwrap();
    let (cluster, node) = (cluster(), node(1));
    let cleanup = Cleanup(cgroups.clone(), cluster.clone());
    let limits = Limits { memory: Some(ByteSize::mib(32)), cpu_millis: Some(250), pids: Some(50), nofile: None };

    let made = cgroups.ensure(&cluster, &node, &limits).unwrap();
    assert_eq!(failures(&made.outcomes).map(|(step, error)| format!("{step:?}: {error}")).collect::<Vec<_>>(), [""; 0]);
    assert!(!made.outcomes.is_empty());
    let again = cgroups.ensure(&cluster, &node, &limits).unwrap();
    assert!(again.outcomes.is_empty(), "the second plan is empty: {:?}", again.outcomes);
    assert_eq!(again.unavailable, made.unavailable);

    let mut children = [sleeper(), sleeper()];
    for child in &children {
        made.group.add(child.id()).unwrap();
    }
    let pids: BTreeSet<u32> = children.iter().map(Child::id).collect();
    assert_eq!(members(&made.group).pids(), pids);
    assert_eq!(cgroups.of_process(children[0].id()).unwrap(), made.group);
    let figures = made.group.figure_paths().read().unwrap();
    assert_eq!(figures.oom_kills, 0);

    let reaper = std::thread::spawn(move || children.each_mut().map(|child| child.wait().unwrap()));
    assert_eq!(kill_all(&made.group), BTreeSet::new());
    assert!(reaper.join().unwrap().iter().all(|status| !status.success()));
    made.group.remove().unwrap();
    assert!(!made.group.exists());
    made.group.remove().unwrap();
    drop(cleanup);
    assert_eq!(cgroups.list(Some(&cluster)), [""; 0].map(std::path::PathBuf::from));
}

#[test]
fn what_a_member_allocates_is_charged_and_an_oom_kill_counted() {
    demand_root();
    let cgroups = Cgroups::discover().unwrap();
    let (cluster, node) = (cluster(), node(2));
    let _cleanup = Cleanup(cgroups.clone(), cluster.clone());
    let limits = Limits { memory: Some(ByteSize::mib(16)), ..Limits::default() };
    let made = cgroups.ensure(&cluster, &node, &limits).unwrap();
    let files = made.group.procs_files();
    let enter: Vec<_> = files.iter().map(|file| format!("echo 0 > '{}'", file.display())).collect();
    let enter = enter.join(" && ");
    // 64 MiB in a shell's variable do not fit into 16.
    let greedy = format!("{enter} && exec sh -c 'x=$(head -c 67108864 /dev/zero | tr \"\\\\0\" a); echo ${{#x}}'");
    let output = Command::new("sh").arg("-c").arg(greedy).output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stdout).contains("67108864"), "the limit holds");
    let figures = made.group.figure_paths().read().unwrap();
    assert!(figures.oom_kills >= 1, "{figures:?}");
    assert!(figures.cpu_usage_micros > 0, "{figures:?}");
}

#[test]
fn a_process_without_a_group_of_its_own_is_not_measured_as_one() {
    let Ok(cgroups) = Cgroups::discover() else {
        panic!("this host has no control groups: this test cannot pass here")
    };
    let error = cgroups.of_process(std::process::id()).unwrap_err();
    assert!(error.is_unavailable(), "{error}");
}
