//! What must be done so that a node's container is as wanted. Pure.

use serde::Serialize;

use crate::host::engine::labels;
use crate::host::engine::model::{ContainerId, ContainerPhase, ContainerPlan, ContainerSummary};

/// What a node's container should be doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Want {
    /// Exist and run.
    Running,
    /// Not run. A container that exists stays, so that it can be started again as the same one.
    Stopped,
    /// Not exist.
    Gone,
}

/// One step towards it. Steps are applied in order; a failed one ends the node's turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum ContainerStep {
    /// Take over a container that is as wanted and was not known: found again after a restart of the agent.
    Adopt(ContainerId),
    /// End its process as its spec says.
    Stop(ContainerId),
    /// Remove it.
    Remove(ContainerId),
    /// Create it.
    Create,
    /// Start the one that is there, or was just created.
    Start(Option<ContainerId>),
}

/// The steps for one node.
///
/// `observed` holds the containers that carry the labels of this cluster and node, `known` the id that the ledger holds.
/// Whether a container that ended by itself is to be started again is for the caller to decide beforehand: it says
/// [`Want::Stopped`] while it waits.
pub fn reconcile(
    want: Want,
    plan: &ContainerPlan,
    observed: &[ContainerSummary],
    known: Option<&ContainerId>,
) -> Vec<ContainerStep> {
    let kept = match want {
        Want::Gone => None,
        Want::Running | Want::Stopped => observed.iter().find(|container| is_as_planned(container, plan)),
    };
    let mut steps = Vec::new();
    for container in observed.iter().filter(|container| kept.is_none_or(|kept| kept.id != container.id)) {
        if container.state.has_process() {
            steps.push(ContainerStep::Stop(container.id.clone()));
        }
        steps.push(ContainerStep::Remove(container.id.clone()));
    }
    if let Some(kept) = kept.filter(|kept| known != Some(&kept.id)) {
        steps.push(ContainerStep::Adopt(kept.id.clone()));
    }
    match (want, kept) {
        (Want::Running, None) => steps.extend([ContainerStep::Create, ContainerStep::Start(None)]),
        (Want::Running, Some(kept)) if !kept.state.has_process() => {
            steps.push(ContainerStep::Start(Some(kept.id.clone())));
        }
        (Want::Stopped, Some(kept)) if kept.state.has_process() => steps.push(ContainerStep::Stop(kept.id.clone())),
        (Want::Running | Want::Stopped, Some(_)) | (Want::Stopped | Want::Gone, None) => {}
        (Want::Gone, Some(_)) => unreachable!("nothing is kept of a node that should be gone"),
    }
    steps
}

/// Whether this container can stay: created from the very same spec, and of use.
fn is_as_planned(container: &ContainerSummary, plan: &ContainerPlan) -> bool {
    let same_spec = container.label(labels::SPEC) == plan.labels.get(labels::SPEC).map(String::as_str);
    let of_use = match container.state {
        ContainerPhase::Created
        | ContainerPhase::Running
        | ContainerPhase::Paused
        | ContainerPhase::Restarting
        | ContainerPhase::Exited
        | ContainerPhase::Unknown => true,
        ContainerPhase::Removing | ContainerPhase::Dead => false,
    };
    container.name == plan.name && same_spec && of_use
}

#[cfg(test)]
pub(crate) mod samples {
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
            limits: Limits::default(),
            prepare: None,
            ready: None,
            stop: StopSpec { signal: 15, grace: Duration::from_secs(5) },
            restart: RestartSpec { when: RestartWhen::Never, max: 0, backoff: Duration::from_secs(1) },
        }
    }

    /// The container part of such a node.
    pub(crate) fn container_spec(node: &NodeSpec) -> &ContainerSpec {
        match &node.workload {
            Workload::Container(container) => container,
            Workload::Process(_) => panic!("the sample is a container"),
        }
    }
}

#[cfg(test)]
mod tests;
