//! Waiting until nodes are up by what the system under test says of itself.

use std::collections::BTreeSet;

use throng_common::scenario::model::{Each, Seen};
use throng_common::span::Span;
use throng_common::status::{NodePhase, NodeStatus, UnixMillis};

use super::*;
use crate::cluster::{Column, Sighting, sample};
use crate::planner::tests::fixture::{host, redis, try_plan};

fn worker() -> RoleName {
    "worker".parse().unwrap()
}

/// A primary and five workers, all ready; the primary is asked for the workers.
fn cluster() -> LiveCluster {
    let mut scenario = redis(5);
    let each = Each::Regex("up".to_owned());
    let seen = Seen {
        on: "primary".parse().unwrap(),
        exec: Some(vec!["who".to_owned()]),
        http: None,
        each,
        interval: Span::seconds(1),
    };
    scenario.role.get_mut(&worker()).unwrap().seen = Some(seen);
    let plan = try_plan(&scenario, &[host("a")], None).unwrap();
    let cluster = LiveCluster::new(sample::up("c-x7k2", scenario, plan));
    for node in cluster.nodes() {
        cluster.node_seen(&"a".parse().unwrap(), ready(node));
    }
    cluster
}

fn ready(node: NodeName) -> NodeStatus {
    sample::ready("c-x7k2", &node.to_string())
}

/// The system under test answers a question of this moment.
fn says(cluster: &LiveCluster, answer: Result<Sighting, &str>, asked: Instant) {
    let problem = answer.as_ref().err().map(ToString::to_string);
    cluster.role_seen(&worker(), Column { sighting: answer.ok(), problem, asked, at: UnixMillis(0) });
}

/// All five workers by name.
fn all(cluster: &LiveCluster) -> Sighting {
    let workers: BTreeSet<NodeName> = cluster.nodes().into_iter().filter(|node| *node.role() == worker()).collect();
    Sighting::Names(workers)
}

async fn wait(cluster: &LiveCluster, begun: Instant) -> Result<(), Vec<String>> {
    let ended = all_up(cluster, begun, Instant::now() + Duration::from_secs(9)).await;
    let line = |missing: MissingNode| match missing.node {
        Some(node) => format!("{node}: {}", missing.what),
        None => missing.what,
    };
    ended.map_err(|missing| missing.into_iter().map(line).collect())
}

#[tokio::test(start_paused = true)]
async fn a_count_that_stays_too_low_is_missing_without_a_name() {
    let (cluster, begun) = (cluster(), Instant::now());
    says(&cluster, Ok(Sighting::Count(3)), begun);
    let missing = "worker: the system under test knows 3 of 5, names unknown".to_owned();
    assert_eq!(wait(&cluster, begun).await, Err(vec![missing]));
    says(&cluster, Ok(Sighting::Count(5)), begun);
    assert_eq!(wait(&cluster, begun).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_system_that_does_not_answer_is_missing_with_what_it_said_instead() {
    let (cluster, begun) = (cluster(), Instant::now());
    let silent = "worker: the system under test has not answered yet".to_owned();
    assert_eq!(wait(&cluster, begun).await, Err(vec![silent]));
    says(&cluster, Err("the system under test did not answer: exit code 1"), begun);
    let refused = "worker: the system under test did not answer: exit code 1".to_owned();
    assert_eq!(wait(&cluster, begun).await, Err(vec![refused]));
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_a_question_of_before_the_wait_ends_it_not() {
    let (cluster, begun) = (cluster(), Instant::now());
    says(&cluster, Ok(all(&cluster)), begun - Duration::from_millis(1));
    let silent = "worker: the system under test has not answered yet".to_owned();
    assert_eq!(wait(&cluster, begun).await, Err(vec![silent]));
    says(&cluster, Ok(all(&cluster)), begun);
    assert_eq!(wait(&cluster, begun).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn what_is_in_the_way_of_several_roles_stands_together_and_names_the_role_where_no_node_is_named() {
    let (cluster, begun) = (cluster(), Instant::now());
    says(&cluster, Ok(Sighting::Count(4)), begun);
    cluster.node_seen(
        &"a".parse().unwrap(),
        NodeStatus { phase: NodePhase::Starting, ..ready("primary-0000".parse().unwrap()) },
    );
    cluster.node_seen(
        &"a".parse().unwrap(),
        NodeStatus { phase: NodePhase::Starting, ..ready("worker-0001".parse().unwrap()) },
    );
    let reasons = in_the_way(&cluster.memberships());
    assert_eq!(reason_lines(&reasons, &BTreeMap::new()), "  primary-0000,worker-0001 (2): starting");
    says(&cluster, Ok(Sighting::Count(2)), begun);
    let reasons = in_the_way(&cluster.memberships());
    let unnamed = "  worker: the system under test knows 2 of 5, names unknown";
    assert_eq!(
        reason_lines(&reasons, &BTreeMap::new()),
        format!("  primary-0000,worker-0001 (2): starting\n{unnamed}")
    );
}
