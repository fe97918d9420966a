//! The engine of this machine, and a place in it that is empty again afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use throng_agent::host::engine::api::Engine;
use throng_agent::host::engine::docker::client::DockerEngine;
use throng_agent::host::engine::labels;
use throng_agent::host::engine::model::{ContainerId, ContainerPlan};
use throng_agent::resources::image::{ensure, tag};
use throng_common::ids::random_suffix;
use throng_common::size::ByteSize;
use tokio::sync::Mutex;

/// How an engine is started where none runs.
const REMEDY: &str = "no engine answers, and these tests prove nothing without one: start it with `systemctl start docker`, or without systemd:\n  \
     setsid dockerd --bridge=none --iptables=false --live-restore >/tmp/dockerd.log 2>&1 &";

/// A cluster of one test's own in the real engine.
#[derive(Clone)]
pub(crate) struct Place {
    /// The engine.
    pub(crate) engine: Arc<DockerEngine>,
    /// The cluster's name.
    pub(crate) cluster: String,
    /// The image.
    pub(crate) image: String,
}

impl Place {
    /// The label that all its containers have.
    pub(crate) fn label(&self) -> String {
        format!("{}={}", labels::CLUSTER, self.cluster)
    }

    /// A small container that runs a shell script.
    pub(crate) fn plan(&self, node: &str, script: &str) -> ContainerPlan {
        let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        ContainerPlan {
            name: format!("throng-{}-{node}", self.cluster),
            image: self.image.clone(),
            hostname: node.to_owned(),
            labels: BTreeMap::from([
                label(labels::CLUSTER, &self.cluster),
                label(labels::NODE, node),
                label(labels::SPEC, "test"),
            ]),
            command: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
            entrypoint: None,
            env: vec![("PATH".to_owned(), "/bin".to_owned())],
            user: None,
            workdir: None,
            binds: Vec::new(),
            scratch: Vec::new(),
            capabilities: Vec::new(),
            read_only: true,
            memory: Some(ByteSize::mib(32)),
            cpu_millis: Some(500),
            pids: Some(32),
            nofile: Some(256),
            init: true,
            stop_signal: 15,
            stop_grace: Duration::from_secs(1),
        }
    }

    /// Creates and starts it.
    pub(crate) async fn run(&self, plan: &ContainerPlan) -> (ContainerId, u32) {
        let id = self.engine.create(plan).await.unwrap();
        self.engine.start(&id).await.unwrap();
        let state = self.engine.inspect(id.as_str()).await.unwrap();
        let pid = state.pid.unwrap_or_else(|| panic!("it runs: {state:?}"));
        (id, pid)
    }
}

/// Tests of this process that use the image now; the last one removes it.
static IMAGE_USERS: Mutex<usize> = Mutex::const_new(0);

/// Runs a test in a place of its own and leaves nothing in the engine, also when it fails.
pub(crate) async fn in_engine<F: Future<Output = ()> + 'static>(test: impl FnOnce(Place) -> F) {
    let engine = Arc::new(DockerEngine::find().unwrap_or_else(|error| panic!("{error}\n{REMEDY}")));
    let info = engine.info().await.unwrap_or_else(|error| panic!("{error}\n{REMEDY}"));
    assert_eq!(info.facts.unusable, None);
    let image = tag::content_tag(&format!("busybox-{}", std::process::id()), &[0; 6]);
    {
        let mut users = IMAGE_USERS.lock().await;
        let archive = tokio::fs::read(super::busybox::archive()).await.unwrap();
        let archive = stream::once(async { Ok(archive.into()) }).boxed();
        ensure::import(engine.as_ref(), &image, archive).await.unwrap();
        *users += 1;
    }
    let place = Place { engine, cluster: format!("test-{}", random_suffix(6)), image };
    let local = tokio::task::LocalSet::new();
    let result = local.run_until(async { tokio::task::spawn_local(test(place.clone())).await }).await;
    for left in place.engine.list(&place.label()).await.unwrap() {
        place.engine.remove(&left.id).await.unwrap();
    }
    let mut users = IMAGE_USERS.lock().await;
    *users -= 1;
    if *users == 0 {
        place.engine.remove_image(&place.image).await.unwrap();
    }
    drop(users);
    if let Err(error) = result {
        std::panic::resume_unwind(error.into_panic());
    }
}
