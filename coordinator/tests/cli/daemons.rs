//! `stop`, and what is said when a daemon cannot be had.

use throng_proto::operator::Cluster;

use crate::fake::Script;
use crate::support::{Bench, command, ended, finish, phase_ended, script};

fn up() -> Script {
    let cluster = Cluster { cluster: "demo-k3f9".into(), scenario: "demo".into(), ..Cluster::default() };
    Script {
        clusters: vec![cluster],
        progress: script(vec![phase_ended("audit", 10), ended("pass", false)]),
        ..Script::default()
    }
}

#[tokio::test]
async fn stop_refuses_while_a_cluster_is_up_and_names_the_command() {
    let bench = Bench::new(up());
    let done = bench.throng(&["stop"]).await;
    assert_eq!(done.code, Some(2));
    assert!(done.stderr.contains("demo-k3f9") && done.stderr.contains("stop --down"), "{}", done.stderr);
    assert!(!bench.fake.calls().iter().any(|call| call.starts_with("stop")));
}

#[tokio::test]
async fn stop_down_takes_down_first_and_then_ends_the_agents_too() {
    let bench = Bench::new(up());
    let done = bench.throng(&["stop", "--down"]).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let calls = bench.fake.calls();
    let place = |call: &str| calls.iter().position(|made| made == call).unwrap_or_else(|| panic!("{call}: {calls:?}"));
    assert!(place("down demo-k3f9") < place("stop agents=true"));
    assert!(!bench.path("throng.sock").exists());
}

#[tokio::test]
async fn without_a_coordinator_stop_has_nothing_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let done = finish(command(folder.path()).arg("stop").spawn().unwrap()).await;
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), "no coordinator runs\n"));
}

#[tokio::test]
async fn an_agent_that_is_missing_is_named_with_the_command_that_builds_it() {
    let bench = Bench::new(Script::default());
    let done = bench.throng(&["doctor", "--agent", "/nowhere/throng-agent"]).await;
    assert_eq!(done.code, Some(3));
    assert!(done.stdout.contains("cargo build -p throng-agent"), "{}", done.stdout);
}
