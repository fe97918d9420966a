//! Creating and starting a node's container.

use crate::host::engine::api::Engine;
use crate::host::engine::error::EngineError;
use crate::host::engine::labels;
use crate::host::engine::model::{ContainerId, ContainerPlan, ContainerState};
use throng_failpoints::{Point, during, hit};

/// Why a container does not run.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// The engine did not do it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The engine does not have the image any more.
    #[error("image {image} was removed from the engine meanwhile: it is looked for again")]
    ImageGone {
        /// The image.
        image: String,
        /// The engine's words.
        source: EngineError,
    },
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

impl ContainerError {
    /// Whether the engine does not have the image any more.
    pub fn is_image_gone(&self) -> bool {
        matches!(self, Self::ImageGone { .. })
    }
}

fn ended_why(state: &ContainerState) -> String {
    let code = state.exit_code.map(|code| format!(" with code {code}")).unwrap_or_default();
    let killed = if state.oom_killed { ", out of memory" } else { "" };
    let error = state.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
    format!("{code}{killed}{error}")
}

/// Creates the container. One of ours with its name, left by a create call whose answer was lost, is adopted when it
/// is as planned and replaced when it is not.
pub async fn create(engine: &dyn Engine, plan: &ContainerPlan) -> Result<ContainerId, ContainerError> {
    let conflict = match during(Point::CreateSent, engine.create(plan)).await {
        Ok(id) => {
            hit(Point::CreateAnswered);
            return Ok(id);
        }
        Err(error) if error.is_conflict() => error,
        // Of all that a create call names, only its image can be missing so.
        Err(source) if source.is_not_found() => {
            return Err(ContainerError::ImageGone { image: plan.image.clone(), source });
        }
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
    if same(labels::SPEC) && same(labels::TEXTS) {
        return Ok(holder.id);
    }
    engine.remove(&holder.id).await?;
    Ok(engine.create(plan).await?)
}

/// A container that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Its first process.
    pub pid: u32,
    /// The id of the image that it was made from.
    pub image_id: Option<String>,
}

/// Starts the container.
pub async fn start(engine: &dyn Engine, id: &ContainerId) -> Result<(), ContainerError> {
    during(Point::StartSent, engine.start(id)).await?;
    hit(Point::StartAnswered);
    Ok(())
}

/// Starts the container, and looks at it.
pub async fn start_and_look(engine: &dyn Engine, id: &ContainerId) -> Result<Started, ContainerError> {
    start(engine, id).await?;
    look(engine, id).await
}

/// Looks at a container that was just started: the one inspect gives its process, and shows one that ended at once.
pub async fn look(engine: &dyn Engine, id: &ContainerId) -> Result<Started, ContainerError> {
    let state = engine.inspect(id.as_str()).await?;
    match state.pid {
        Some(pid) => Ok(Started { pid, image_id: state.image_id }),
        None => Err(ContainerError::EndedAtOnce { id: state.id.clone(), state: Box::new(state) }),
    }
}

#[cfg(test)]
mod tests;
