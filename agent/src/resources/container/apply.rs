//! Doing one step at the engine.

use crate::host::engine::api::Engine;
use crate::host::engine::error::{EngineError, EngineResult};
use crate::host::engine::labels;
use crate::host::engine::model::{ContainerId, ContainerPlan, ContainerState};

use super::reconcile::ContainerStep;

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// The engine did not do it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Somebody else has a container of this name.
    #[error(
        "the name {name} is taken by container {id}, which is not of this cluster: remove it with `docker rm -f {name}`"
    )]
    NameTaken {
        /// The name.
        name: String,
        /// The foreign container.
        id: ContainerId,
    },
    /// The container ended before it could be looked at.
    #[error("container {id} ended at once{}", ended_why(.state))]
    EndedAtOnce {
        /// The container.
        id: ContainerId,
        /// What the engine says of it.
        state: Box<ContainerState>,
    },
}

fn ended_why(state: &ContainerState) -> String {
    let code = state.exit_code.map(|code| format!(" with code {code}")).unwrap_or_default();
    let killed = if state.oom_killed { ", out of memory" } else { "" };
    let error = state.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
    format!("{code}{killed}{error}")
}

/// What a step left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// This container is there and does not run.
    There(ContainerId),
    /// This container runs, with this first process.
    Runs {
        /// The container.
        id: ContainerId,
        /// Its first process.
        pid: u32,
    },
    /// It is gone.
    Gone,
}

/// Does one step. `created` is the container that the step before left; a start without an id starts that one.
///
/// A start is followed by the one inspect that it needs: for the process id, and to see that it did not end at once.
pub async fn apply(
    engine: &dyn Engine,
    plan: &ContainerPlan,
    step: &ContainerStep,
    created: Option<&ContainerId>,
) -> Result<Done, ContainerError> {
    match step {
        ContainerStep::Adopt(id) => {
            let state = engine.inspect(id.as_str()).await?;
            Ok(state.pid.map_or_else(|| Done::There(id.clone()), |pid| Done::Runs { id: id.clone(), pid }))
        }
        ContainerStep::Stop(id) => {
            engine.stop(id, plan.stop_grace).await?;
            Ok(Done::There(id.clone()))
        }
        ContainerStep::Remove(id) => {
            engine.remove(id).await?;
            Ok(Done::Gone)
        }
        ContainerStep::Create => Ok(Done::There(create(engine, plan).await?)),
        ContainerStep::Start(Some(id)) => start(engine, id).await,
        ContainerStep::Start(None) => {
            let id = created.cloned().unwrap_or_else(|| ContainerId(plan.name.clone()));
            start(engine, &id).await
        }
    }
}

/// Creates the container. One of ours with its name, left by a create call whose answer was lost, is adopted when it
/// is as planned and replaced when it is not.
async fn create(engine: &dyn Engine, plan: &ContainerPlan) -> Result<ContainerId, ContainerError> {
    let conflict = match engine.create(plan).await {
        Ok(id) => return Ok(id),
        Err(error) if error.is_conflict() => error,
        Err(error) => return Err(error.into()),
    };
    let holder = match engine.inspect(&plan.name).await {
        Ok(holder) => holder,
        // It has gone meanwhile: the next round creates it.
        Err(error) if error.is_not_found() => return Err(conflict.into()),
        Err(error) => return Err(error.into()),
    };
    let same = |label: &str| holder.labels.get(label) == plan.labels.get(label);
    if !(same(labels::CLUSTER) && same(labels::NODE)) {
        return Err(ContainerError::NameTaken { name: plan.name.clone(), id: holder.id });
    }
    if same(labels::SPEC) {
        return Ok(holder.id);
    }
    engine.remove(&holder.id).await?;
    Ok(engine.create(plan).await?)
}

async fn start(engine: &dyn Engine, id: &ContainerId) -> Result<Done, ContainerError> {
    engine.start(id).await?;
    let state = engine.inspect(id.as_str()).await?;
    match state.pid {
        Some(pid) => Ok(Done::Runs { id: state.id, pid }),
        None => Err(ContainerError::EndedAtOnce { id: state.id.clone(), state: Box::new(state) }),
    }
}

/// All containers of a cluster, running or not, in one call.
pub async fn observe(
    engine: &dyn Engine,
    cluster: &throng_common::ids::ClusterId,
) -> EngineResult<Vec<crate::host::engine::model::ContainerSummary>> {
    engine.list(&format!("{}={cluster}", labels::CLUSTER)).await
}

#[cfg(test)]
mod tests;
