use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::host::engine::fake::state::{Failure, FakeEngine};

fn planned(spec: &str, cluster: &str) -> ContainerPlan {
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    ContainerPlan {
        name: "throng-demo-worker-0001".to_owned(),
        image: "throng/test:1".to_owned(),
        hostname: "worker-0001".to_owned(),
        labels: BTreeMap::from([
            label(labels::CLUSTER, cluster),
            label(labels::NODE, "worker-0001"),
            label(labels::SPEC, spec),
        ]),
        command: Vec::new(),
        entrypoint: None,
        env: Vec::new(),
        user: None,
        workdir: None,
        binds: Vec::new(),
        scratch: Vec::new(),
        capabilities: Vec::new(),
        read_only: true,
        memory: None,
        cpu_millis: None,
        pids: None,
        nofile: None,
        init: true,
        stop_signal: 15,
        stop_grace: Duration::from_secs(5),
    }
}

#[tokio::test]
async fn a_container_whose_create_call_lost_its_answer_is_adopted() {
    let engine = FakeEngine::default();
    let plan = planned("right", "demo");
    let lost = engine.create(&plan).await.unwrap();
    assert_eq!(create(&engine, &plan).await.unwrap(), lost);
}

#[tokio::test]
async fn one_of_ours_from_another_spec_is_replaced() {
    let engine = FakeEngine::default();
    let old = engine.create(&planned("old", "demo")).await.unwrap();
    assert_ne!(create(&engine, &planned("right", "demo")).await.unwrap(), old);
    assert_eq!(engine.state().containers.len(), 1);
}

#[tokio::test]
async fn a_foreign_container_with_our_name_is_named_and_left_alone() {
    let engine = FakeEngine::default();
    engine.create(&planned("right", "somebody-else")).await.unwrap();
    let error = create(&engine, &planned("right", "demo")).await.unwrap_err();
    assert!(matches!(&error, ContainerError::NameTaken { .. }), "{error}");
    assert_eq!(engine.state().containers.len(), 1);
    assert!(!engine.state().calls.iter().any(|call| call.starts_with("remove")));
}

#[tokio::test]
async fn a_start_costs_one_inspect_and_gives_process_and_image() {
    let engine = FakeEngine::default();
    let plan = planned("right", "demo");
    let id = create(&engine, &plan).await.unwrap();
    start(&engine, &id).await.unwrap();
    let started = look(&engine, &id).await.unwrap();
    assert!(started.pid > 1);
    assert_eq!(started.image_id, Some(format!("sha256:{}", plan.image)));
    assert_eq!(engine.state().calls.iter().filter(|call| call.starts_with("inspect")).count(), 1);
}

#[tokio::test]
async fn an_engine_that_hangs_is_not_taken_for_a_failed_container() {
    let engine = FakeEngine::default();
    engine.fail("create", Failure::Hung);
    let error = create(&engine, &planned("right", "demo")).await.unwrap_err();
    assert!(matches!(error, ContainerError::Engine(error) if error.is_unreachable()));
}
