//! Process nodes through the real shim and launcher.

use std::collections::BTreeSet;
use std::time::Duration;

use throng_agent::host::procs::table::Procs;
use throng_agent::resources::cgroup::cgroups::Cgroups;
use throng_agent::resources::cgroup::group::Group;
use throng_agent::resources::process::error::ProcessError;
use throng_agent::resources::process::observe::{ProcessState, observe};
use throng_agent::resources::process::start::{Started, start};
use throng_agent::resources::process::stop::{kill, kill_leftovers, stop};
use throng_agent::shim::members::Members;
use throng_agent::shim::record::{ExitCause, ProcessId};
use throng_common::host_spec::{Limits, StopSpec};
use throng_common::ids::{ClusterId, NodeName, RoleName, random_suffix};
use throng_common::size::ByteSize;

use crate::support::process::{ProcessNode, program};
use crate::support::wait::wait_for;

const SOON: Duration = Duration::from_secs(20);
const SIGTERM: i32 = 15;
const SIGKILL: i32 = 9;

fn gently(grace: Duration) -> StopSpec {
    StopSpec { signal: SIGTERM, grace }
}

#[tokio::test]
async fn a_process_leaves_its_code_and_both_outputs_and_has_its_environment_folder_and_limits() {
    let mut node = ProcessNode::new("pwd; echo $COLOUR $HOME >&2; ulimit -n; exit 3");
    node.spec.launch.workdir = "/tmp".into();
    node.spec.launch.nofile = Some(77);
    node.start().await;
    let record = node.end().await;
    assert_eq!((record.exit, record.oom_killed), (ExitCause::Code(3), false));
    let log = node.log();
    for line in [" o /tmp\n", " e blue /root\n", " o 77\n"] {
        assert!(log.contains(line), "{line:?} in {log}");
    }
}

#[tokio::test]
async fn what_could_not_start_says_why() {
    for (change, words) in [
        (
            Box::new(|n: &mut ProcessNode| n.spec.launch.command = vec!["no-such-program".to_owned()])
                as Box<dyn Fn(&mut ProcessNode)>,
            "no program `no-such-program`",
        ),
        (Box::new(|n: &mut ProcessNode| n.spec.launch.command = vec!["/etc/passwd".to_owned()]), "cannot be run"),
        (
            Box::new(|n: &mut ProcessNode| n.spec.launch.user = "no-such-user".to_owned()),
            "user `no-such-user` is unknown",
        ),
        (Box::new(|n: &mut ProcessNode| n.spec.launch.workdir = "/no/such/folder".into()), "/no/such/folder"),
        (Box::new(|n: &mut ProcessNode| n.spec.launch.nofile = Some(1 << 40)), "lower `nofile`"),
        (Box::new(|n: &mut ProcessNode| n.spec.launch.command.clear()), "no command"),
    ] {
        let mut node = ProcessNode::new("true");
        change(&mut node);
        let Started::Ended(record) = node.start().await else { panic!("it cannot run: {words}") };
        let ExitCause::CouldNotStart(why) = record.exit else { panic!("{words}: {:?}", record.exit) };
        assert!(why.contains(words), "{words} in {why}");
        assert_eq!(node.log(), "", "a complaint is no output of the node");
    }
}

#[tokio::test]
async fn a_process_is_its_users_and_can_gain_no_privileges() {
    let mut node = ProcessNode::new("id -u; id -G; cat /proc/self/status");
    node.spec.launch.user = "54321:54322".to_owned();
    node.start().await;
    node.end().await;
    let log = node.log();
    for words in [" o 54321\n", " o 54322\n", "NoNewPrivs:\t1", "CapEff:\t0000000000000000"] {
        assert!(log.contains(words), "{words:?} in {log}");
    }
}

#[tokio::test]
async fn the_shim_is_nobodys_child_and_a_second_start_is_refused() {
    let node = ProcessNode::new("sleep 1000");
    let record = node.run().await;
    let shim = Procs::default().stat(record.shim.pid).unwrap();
    assert_ne!(shim.parent, std::process::id());
    assert_eq!(
        (shim.session, Procs::default().stat(record.process.pid).unwrap().session),
        (record.shim.pid, record.process.pid)
    );
    let error = start(program(), &node.dir(), &node.spec).await.unwrap_err();
    assert!(matches!(error, ProcessError::Running { .. }), "{error}");
    stop(&node.dir(), &gently(SOON)).await.unwrap();
}

#[tokio::test]
async fn a_stop_lets_the_process_end_by_itself() {
    let node = ProcessNode::new("trap 'echo bye; exit 5' TERM; echo up; while true; do sleep 0.05; done");
    node.run().await;
    node.has_written("up").await;
    stop(&node.dir(), &gently(SOON)).await.unwrap();
    assert_eq!(node.end().await.exit, ExitCause::Code(5));
    assert!(node.log().contains(" o bye\n"));
    stop(&node.dir(), &gently(SOON)).await.expect("a second stop changes nothing");
}

#[tokio::test]
async fn a_process_that_will_not_end_is_killed_after_its_grace() {
    let node = ProcessNode::new("trap '' TERM; echo up; while true; do sleep 0.05; done");
    node.run().await;
    node.has_written("up").await;
    stop(&node.dir(), &gently(Duration::from_millis(300))).await.unwrap();
    assert_eq!(node.end().await.exit, ExitCause::Signal(SIGKILL));
}

#[tokio::test]
async fn what_a_process_started_dies_with_it() {
    let node = ProcessNode::new("sleep 1000 & echo child $!; wait");
    node.run().await;
    node.has_written("child").await;
    let log = node.log();
    let child: u32 = log.trim().rsplit(' ').next().unwrap().parse().unwrap();
    let child = ProcessId::of(child).unwrap();
    kill(&node.dir(), SIGKILL).await.unwrap();
    let record = node.end().await;
    assert_eq!(record.exit, ExitCause::Signal(SIGKILL));
    wait_for("the child is gone", SOON, async || if child.is_alive() { Err(child) } else { Ok(()) }).await;
}

/// A control group of one test's own.
struct OwnGroup {
    cgroups: Cgroups,
    cluster: ClusterId,
    node: NodeName,
}

impl OwnGroup {
    fn new(limits: &Limits) -> (Self, Vec<std::path::PathBuf>) {
        let cluster = ClusterId::new(format!("test-{}", random_suffix(6))).unwrap();
        let node = NodeName::new(RoleName::new("master").unwrap(), 0);
        let cgroups = Cgroups::discover().unwrap();
        let files = cgroups.ensure(&cluster, &node, limits).unwrap().group.procs_files();
        (Self { cgroups, cluster, node }, files)
    }

    fn group(&self) -> Group {
        self.cgroups.of_node(&self.cluster, &self.node)
    }

    fn members(&self) -> Members {
        Members { procs_files: self.group().procs_files(), leader: None }
    }
}

impl Drop for OwnGroup {
    fn drop(&mut self) {
        // A second panic would end the program, with what other tests have still to remove.
        let left = self.members().kill_all(SOON);
        let removed = self.group().remove();
        if std::thread::panicking() {
            return;
        }
        assert_eq!(left, BTreeSet::new());
        removed.unwrap();
        self.cgroups.remove_cluster(&self.cluster).unwrap();
    }
}

#[tokio::test]
async fn a_grandchild_that_left_the_session_is_found_in_the_control_group() {
    let (group, files) = OwnGroup::new(&Limits::default());
    let mut node = ProcessNode::new("setsid sh -c 'trap \"\" TERM; echo away; sleep 1000' & wait");
    node.spec.launch.procs_files = files;
    node.run().await;
    node.has_written("away").await;
    stop(&node.dir(), &gently(Duration::from_secs(2))).await.unwrap();
    assert_eq!(group.members().pids(), BTreeSet::new());
    node.end().await;
}

#[tokio::test]
async fn what_lies_in_groups_that_the_node_made_is_ended_with_it() {
    let (group, files) = OwnGroup::new(&Limits::default());
    let pods = files.iter().map(|file| file.with_file_name("pod").display().to_string());
    let enter: Vec<String> = pods.map(|pod| format!("mkdir {pod} && echo $$ >{pod}/cgroup.procs")).collect();
    let enter = enter.join(" && ");
    // In a session of its own, only the groups tell whose it is.
    let script = format!("setsid sh -c '{enter} && echo below && exec sleep 1000' & wait");
    let mut node = ProcessNode::new(&script);
    node.spec.launch.procs_files = files;
    node.run().await;
    node.has_written("below").await;
    assert!(group.group().is_divided());
    stop(&node.dir(), &gently(SOON)).await.unwrap();
    assert_eq!(group.members().pids(), BTreeSet::new());
    node.end().await;
    group.group().remove().unwrap();
    assert!(!group.group().exists());
}

#[tokio::test]
async fn a_node_whose_processes_fork_and_end_faster_than_they_are_killed_is_ended() {
    let (group, files) = OwnGroup::new(&Limits { pids: Some(100), ..Limits::default() });
    let mut node = ProcessNode::new("echo forks; f() { f & }; for i in 1 2 3 4 5; do f; done; exec sleep 1000");
    node.spec.launch.procs_files = files;
    node.run().await;
    node.has_written("forks").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop(&node.dir(), &gently(Duration::from_millis(100))).await.unwrap();
    assert_eq!(group.members().pids(), BTreeSet::new());
}

#[tokio::test]
async fn running_out_of_memory_is_told_apart_from_another_kill() {
    let limits = Limits { memory: Some(ByteSize::mib(16)), ..Limits::default() };
    let (_group, files) = OwnGroup::new(&limits);
    let mut node = ProcessNode::new("exec tail /dev/zero");
    node.spec.launch.procs_files = files;
    node.start().await;
    let record = node.end().await;
    assert!(record.oom_killed, "{record:?}");
}

#[tokio::test]
async fn killing_the_shim_kills_its_process_and_the_node_counts_as_lost_and_starts_again() {
    let node = ProcessNode::new("sleep 1000 & wait");
    let record = node.run().await;
    // The shell runs before it has started anything.
    let children = format!("/proc/{0}/task/{0}/children", record.process.pid);
    wait_for("it has started something", SOON, async || {
        let children = std::fs::read_to_string(&children).unwrap();
        if children.is_empty() { Err(children) } else { Ok(()) }
    })
    .await;
    throng_agent::shim::members::send(record.shim.pid, Some(nix::sys::signal::Signal::SIGKILL)).unwrap();
    let seen = wait_for("it is lost", SOON, async || {
        let seen = observe(&node.dir()).unwrap();
        if seen.state == ProcessState::Lost && !record.process.is_alive() { Ok(seen) } else { Err(seen) }
    })
    .await;
    assert_ne!(seen.members.pids().len(), 0, "what it had started is left");
    kill_leftovers(&node.dir()).await.unwrap();
    assert_eq!(observe(&node.dir()).unwrap().members.pids().len(), 0);
    let again = node.run().await;
    assert_ne!(again.process, record.process);
    stop(&node.dir(), &gently(SOON)).await.unwrap();
}

#[tokio::test]
async fn a_log_keeps_the_newest_lines_within_its_bound() {
    let mut node = ProcessNode::new("seq 1 20000");
    node.spec.log_max_bytes = 50_000;
    node.start().await;
    node.end().await;
    let log = node.log();
    assert!(log.ends_with(" o 20000\n"), "{}", &log[log.len() - 100..]);
    assert!(log.len() <= 100_000 && log.len() > 50_000, "{}", log.len());
}
