//! A machine for one test: folders of its own, an engine in memory, the real kernel.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use throng_agent::host::engine::fake::state::FakeEngine;
use throng_agent::host::procs::table::Procs;
use throng_agent::ledger::Ledger;
use throng_agent::paths::Paths;
use throng_agent::reconcile::effects::{Host, HostParts};
use throng_common::host_spec::{ContainerSpec, DesiredState, Limits, NodeSpec, RestartSpec, StopSpec, Workload};
use throng_common::ids::Incarnation;
use throng_common::scenario::model::{PullPolicy, RestartWhen};

use crate::names::node;

/// The image of its containers.
pub(crate) const IMAGE: &str = "throng/test:0123456789ab";

/// An agent's host, in `folder`, on a machine whose shared files lie in `machine`.
pub(crate) fn host(machine: &Path, folder: &Path, engine: FakeEngine, procs: Procs) -> Host {
    let paths = Paths::new(&folder.join("state"), &folder.join("throng")).unwrap();
    fs::create_dir_all(paths.state_dir()).unwrap();
    Host::new(HostParts {
        fleet: "f".parse().unwrap(),
        engine: Arc::new(engine),
        ledger: Arc::new(Ledger::open(&paths.ledger()).unwrap().0),
        paths: paths.with_etc_hosts(machine.join("hosts")).with_machine_lock(machine.join("lock")),
        procs,
        cgroups: None,
        boot_id: "boot".to_owned(),
        machine: "machine".to_owned(),
        program: "/bin/false".into(),
        entrance: None,
    })
}

/// A container node without anything special.
pub(crate) fn container_node(index: u32) -> NodeSpec {
    NodeSpec {
        name: node(index),
        desired: DesiredState::Running,
        incarnation: Incarnation(1),
        workload: Workload::Container(ContainerSpec {
            hostname: None,
            image: IMAGE.to_owned(),
            pull: PullPolicy::Never,
            command: vec!["sleep".to_owned(), "1000".to_owned()],
            entrypoint: None,
            user: None,
            workdir: None,
            capabilities: Vec::new(),
            read_only: true,
            scratch: Vec::new(),
        }),
        env: Vec::new(),
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
