//! Specs for tests.

use std::time::Duration;

use throng_common::host_spec::{ContainerSpec, DesiredState, Limits, NodeSpec, RestartSpec, StopSpec, Workload};
use throng_common::ids::{Incarnation, NodeName, RoleName};
use throng_common::scenario::model::{PullPolicy, RestartWhen};

/// A container node with nothing special.
pub(crate) fn container_node(index: u32) -> NodeSpec {
    NodeSpec {
        name: NodeName::new(RoleName::new("worker").unwrap(), index),
        desired: DesiredState::Running,
        incarnation: Incarnation(1),
        workload: Workload::Container(ContainerSpec {
            hostname: None,
            image: "throng/test:0123456789ab".to_owned(),
            pull: PullPolicy::Never,
            command: vec!["sleep".to_owned(), "1000".to_owned()],
            entrypoint: None,
            user: None,
            workdir: None,
            capabilities: Vec::new(),
            read_only: true,
            scratch: Vec::new(),
        }),
        env: vec![("COLOUR".to_owned(), "blue".to_owned())],
        files: Vec::new(),
        ports: Vec::new(),
        ramdisks: Vec::new(),
        disk: None,
        shared: vec![],
        limits: Limits::default(),
        prepare: None,
        ready: None,
        stop: StopSpec { signal: 15, grace: Duration::from_secs(5) },
        restart: RestartSpec { when: RestartWhen::Never, max: 0, backoff: Duration::from_secs(1) },
        at_once: 0,
        structure: None,
    }
}

/// The container part of such a node.
pub(crate) fn container_spec(node: &NodeSpec) -> &ContainerSpec {
    match &node.workload {
        Workload::Container(container) => container,
        Workload::Process(_) => panic!("the sample is a container"),
    }
}
