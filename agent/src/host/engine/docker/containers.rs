//! The life of a container: list, create, start, kill, end, remove, inspect.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum, ContainerSummaryStateEnum};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, KillContainerOptionsBuilder, ListContainersOptionsBuilder,
    RemoveContainerOptionsBuilder, StartContainerOptions, StopContainerOptionsBuilder,
};
use throng_common::status::UnixMillis;

use super::body::create_body;
use super::client::{Ask, CHANGE_DEADLINE, DockerEngine, READ_DEADLINE, question, within};
use crate::host::engine::error::{EngineError, EngineResult};
use crate::host::engine::model::{ContainerId, ContainerPhase, ContainerPlan, ContainerState, ContainerSummary};

impl DockerEngine {
    pub(super) async fn list_labelled(&self, label: &str) -> EngineResult<Vec<ContainerSummary>> {
        let ask = Ask { operation: "list containers labelled", subject: label };
        let filters = HashMap::from([("label", vec![label])]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let found = question(ask, self.docker.list_containers(Some(options))).await?;
        found.into_iter().map(|container| summary(ask, container)).collect()
    }

    pub(super) async fn create_container(&self, plan: &ContainerPlan) -> EngineResult<ContainerId> {
        let ask = Ask { operation: "create container", subject: &plan.name };
        let options = CreateContainerOptionsBuilder::default().name(&plan.name).build();
        let call = self.docker.create_container(Some(options), create_body(plan));
        Ok(ContainerId(within(ask, CHANGE_DEADLINE, call).await?.id))
    }

    pub(super) async fn start_container(&self, id: &ContainerId) -> EngineResult<()> {
        let ask = Ask { operation: "start container", subject: id.as_str() };
        let call = self.docker.start_container(id.as_str(), None::<StartContainerOptions>);
        unless_unchanged(self.unless_listed(ask, within(ask, CHANGE_DEADLINE, call).await).await)
    }

    pub(super) async fn end_container(&self, id: &ContainerId) -> EngineResult<()> {
        let ask = Ask { operation: "end container", subject: id.as_str() };
        // A stop without grace: unlike a bare kill it answers when the engine has seen the end.
        let options = StopContainerOptionsBuilder::default().t(0).build();
        let call = self.docker.stop_container(id.as_str(), Some(options));
        let ended = self.in_turn(within(ask, CHANGE_DEADLINE, call)).await;
        unless_unchanged(self.unless_listed(ask, ended).await)
    }

    pub(super) async fn kill_container(&self, id: &ContainerId, signal: i32) -> EngineResult<()> {
        let ask = Ask { operation: "send a signal to container", subject: id.as_str() };
        let options = KillContainerOptionsBuilder::default().signal(&signal.to_string()).build();
        let killed = within(ask, READ_DEADLINE, self.docker.kill_container(id.as_str(), Some(options))).await;
        self.unless_listed(ask, killed).await
    }

    pub(super) async fn remove_container(&self, id: &ContainerId) -> EngineResult<()> {
        let ask = Ask { operation: "remove container", subject: id.as_str() };
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        let call = self.docker.remove_container(id.as_str(), Some(options));
        let removed = self.in_turn(within(ask, CHANGE_DEADLINE, call)).await;
        match self.unless_listed(ask, removed).await {
            Err(EngineError::NotFound { .. }) => Ok(()),
            result => result,
        }
    }

    pub(super) async fn inspect_container(&self, id_or_name: &str) -> EngineResult<ContainerState> {
        let ask = Ask { operation: "inspect container", subject: id_or_name };
        let call = self.docker.inspect_container(id_or_name, None::<InspectContainerOptions>);
        let answer = question(ask, call).await;
        state(ask, self.unless_listed(ask, answer).await?)
    }

    /// Believes "not found" of a container only where the engine does not list it either: what runs must not be taken for
    /// gone by the word of one call alone.
    async fn unless_listed<T>(&self, ask: Ask<'_>, result: EngineResult<T>) -> EngineResult<T> {
        let Err(EngineError::NotFound { operation, subject, message }) = result else { return result };
        let no_answer = |why: String| EngineError::NoAnswer { operation, subject: subject.clone(), message: why };
        let (key, value) = if is_id(&subject) { ("id", subject.clone()) } else { ("name", format!("^/{subject}$")) };
        let filters = HashMap::from([(key, vec![value])]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        match question(ask, self.docker.list_containers(Some(options))).await {
            Ok(listed) if listed.is_empty() => Err(EngineError::NotFound { operation, subject, message }),
            Ok(_) => Err(no_answer(format!("it lists the container, and says: {message}"))),
            // Also of a list there can be no "not found".
            Err(EngineError::NotFound { message, .. }) => Err(no_answer(message)),
            Err(error) => Err(error),
        }
    }
}

/// Whether it is an engine's id of a container; our names of containers never look like one.
fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// "Not modified" means that it is as asked already.
fn unless_unchanged(result: EngineResult<()>) -> EngineResult<()> {
    match result {
        Err(EngineError::Refused { status: Some(304), .. }) => Ok(()),
        result => result,
    }
}

fn summary(ask: Ask<'_>, container: bollard::models::ContainerSummary) -> EngineResult<ContainerSummary> {
    let id = container.id.ok_or_else(|| ask.garbled("a container has no `Id`"))?;
    let name = container.names.unwrap_or_default().into_iter().next().unwrap_or_default();
    Ok(ContainerSummary {
        id: ContainerId(id),
        name: name.trim_start_matches('/').to_owned(),
        state: container.state.map_or(ContainerPhase::Unknown, list_phase),
        labels: container.labels.unwrap_or_default().into_iter().collect(),
        image: container.image.unwrap_or_default(),
        image_id: container.image_id,
    })
}

fn list_phase(state: ContainerSummaryStateEnum) -> ContainerPhase {
    match state {
        ContainerSummaryStateEnum::CREATED => ContainerPhase::Created,
        ContainerSummaryStateEnum::RUNNING | ContainerSummaryStateEnum::STOPPING => ContainerPhase::Running,
        ContainerSummaryStateEnum::PAUSED => ContainerPhase::Paused,
        ContainerSummaryStateEnum::RESTARTING => ContainerPhase::Restarting,
        ContainerSummaryStateEnum::REMOVING => ContainerPhase::Removing,
        ContainerSummaryStateEnum::EXITED => ContainerPhase::Exited,
        ContainerSummaryStateEnum::DEAD => ContainerPhase::Dead,
        ContainerSummaryStateEnum::EMPTY => ContainerPhase::Unknown,
    }
}

fn inspect_phase(state: ContainerStateStatusEnum) -> ContainerPhase {
    match state {
        ContainerStateStatusEnum::CREATED => ContainerPhase::Created,
        ContainerStateStatusEnum::RUNNING | ContainerStateStatusEnum::STOPPING => ContainerPhase::Running,
        ContainerStateStatusEnum::PAUSED => ContainerPhase::Paused,
        ContainerStateStatusEnum::RESTARTING => ContainerPhase::Restarting,
        ContainerStateStatusEnum::REMOVING => ContainerPhase::Removing,
        ContainerStateStatusEnum::EXITED => ContainerPhase::Exited,
        ContainerStateStatusEnum::DEAD => ContainerPhase::Dead,
        ContainerStateStatusEnum::EMPTY => ContainerPhase::Unknown,
    }
}

fn state(ask: Ask<'_>, answer: ContainerInspectResponse) -> EngineResult<ContainerState> {
    let id = answer.id.ok_or_else(|| ask.garbled("the container has no `Id`"))?;
    let state = answer.state.ok_or_else(|| ask.garbled("the container has no `State`"))?;
    let phase = state.status.map_or(ContainerPhase::Unknown, inspect_phase);
    let labels: BTreeMap<String, String> =
        answer.config.and_then(|config| config.labels).unwrap_or_default().into_iter().collect();
    let ended = matches!(phase, ContainerPhase::Exited | ContainerPhase::Dead);
    Ok(ContainerState {
        id: ContainerId(id),
        name: answer.name.unwrap_or_default().trim_start_matches('/').to_owned(),
        phase,
        pid: state.pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid != 0),
        exit_code: state.exit_code.filter(|_| ended),
        oom_killed: state.oom_killed.unwrap_or(false),
        started_at: state.started_at.as_deref().and_then(unix_millis),
        finished_at: state.finished_at.as_deref().and_then(unix_millis),
        error: state.error.filter(|error| !error.is_empty()),
        image_id: answer.image,
        labels,
    })
}

/// A time of the engine's; none for its "never", the year 1.
fn unix_millis(text: &str) -> Option<UnixMillis> {
    let at: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(at.as_millisecond()).ok().filter(|millis| *millis > 0).map(UnixMillis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_never_is_no_time() {
        assert_eq!(unix_millis("0001-01-01T00:00:00Z"), None);
        assert_eq!(unix_millis("2026-11-22T18:45:00.5Z"), Some(UnixMillis(1_795_373_100_500)));
    }
}
