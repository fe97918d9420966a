//! The trait over what is in memory.

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use throng_common::size::ByteSize;
use throng_common::status::{EngineFacts, UnixMillis};
use tokio_stream::wrappers::BroadcastStream;

use super::state::{FIRST_PID, FakeContainer, FakeEngine};
use crate::host::engine::api::{Call, Engine, EngineTerminal, TerminalRequest, TerminalSize};
use crate::host::engine::error::{EngineError, EngineResult};
use crate::host::engine::model::{
    ContainerEvent, ContainerEventKind, ContainerId, ContainerPhase, ContainerPlan, ContainerState, ContainerSummary,
    EngineEvent, EngineInfo, ExecEnd, ExecOutput, ExecRequest, FileContents, FileSlice, ImageFacts, LogOptions, Pull,
    PullProgress, RawLogLine,
};

/// A call whose result is there already.
fn ready<'a, T: Send + 'a>(result: EngineResult<T>) -> Call<'a, T> {
    Box::pin(std::future::ready(result))
}

impl FakeEngine {
    fn create_now(&self, plan: &ContainerPlan) -> EngineResult<ContainerId> {
        let mut state = self.called("create", &plan.name)?;
        if state.find("create", &plan.name).is_ok() {
            let message = "the name is taken".to_owned();
            return Err(EngineError::Conflict { operation: "create", subject: plan.name.clone(), message });
        }
        state.created += 1;
        let id = format!("{:064x}", state.created);
        let container = FakeContainer {
            plan: plan.clone(),
            phase: ContainerPhase::Created,
            pid: None,
            exit_code: None,
            oom_killed: false,
        };
        state.containers.insert(id.clone(), container);
        Ok(ContainerId(id))
    }

    fn start_now(&self, id: &ContainerId) -> EngineResult<()> {
        let mut state = self.called("start", id.as_str())?;
        let serial = u32::try_from(state.calls.len()).unwrap_or_default();
        let (_, container) = state.find("start", id.as_str())?;
        container.phase = ContainerPhase::Running;
        container.pid.get_or_insert(FIRST_PID + serial);
        container.exit_code = None;
        drop(state);
        self.tell(id, ContainerEventKind::Started);
        Ok(())
    }

    fn end_now(&self, operation: &'static str, id: &ContainerId, exit_code: i64) -> EngineResult<()> {
        let mut state = self.called(operation, id.as_str())?;
        let (_, container) = state.find(operation, id.as_str())?;
        if !container.phase.has_process() {
            return Ok(());
        }
        container.phase = ContainerPhase::Exited;
        container.pid = None;
        container.exit_code = Some(exit_code);
        drop(state);
        self.tell(id, ContainerEventKind::Died { exit_code: Some(exit_code) });
        Ok(())
    }

    fn remove_now(&self, id: &ContainerId) -> EngineResult<()> {
        let mut state = self.called("remove", id.as_str())?;
        let key = state.find("remove", id.as_str()).map(|(key, _)| key);
        if let Ok(key) = key {
            state.containers.remove(&key);
        }
        Ok(())
    }

    fn inspect_now(&self, id_or_name: &str) -> EngineResult<ContainerState> {
        let mut state = self.called("inspect", id_or_name)?;
        let ends = state.ends_when_seen;
        let (id, container) = state.find("inspect", id_or_name)?;
        let seen = ContainerState {
            id: ContainerId(id),
            name: container.plan.name.clone(),
            phase: container.phase,
            pid: container.pid,
            exit_code: container.exit_code,
            oom_killed: container.oom_killed,
            started_at: Some(UnixMillis(10_000)),
            finished_at: container.exit_code.map(|_| UnixMillis(10_042)),
            error: None,
            labels: container.plan.labels.clone(),
            image_id: Some(format!("sha256:{}", container.plan.image)),
        };
        if let Some(code) = ends.filter(|_| container.phase.has_process()) {
            container.phase = ContainerPhase::Exited;
            container.pid = None;
            container.exit_code = Some(code);
        }
        Ok(seen)
    }

    fn list_now(&self, label: &str) -> EngineResult<Vec<ContainerSummary>> {
        let state = self.called("list", label)?;
        let (key, value) = label.split_once('=').map_or((label, None), |(key, value)| (key, Some(value)));
        let has_label =
            |plan: &ContainerPlan| plan.labels.get(key).is_some_and(|held| value.is_none_or(|value| held == value));
        let containers = state.containers.iter().filter(|(_, container)| has_label(&container.plan));
        let summary = |(id, container): (&String, &FakeContainer)| ContainerSummary {
            id: ContainerId(id.clone()),
            name: container.plan.name.clone(),
            state: container.phase,
            labels: container.plan.labels.clone(),
            image: container.plan.image.clone(),
            image_id: Some(format!("sha256:{}", container.plan.image)),
        };
        Ok(containers.map(summary).collect())
    }

    fn tell(&self, id: &ContainerId, kind: ContainerEventKind) {
        let mut state = self.state();
        let labels = state.find("event", id.as_str()).map(|(_, container)| container.plan.labels.clone());
        drop(state);
        self.emit(ContainerEvent { id: id.clone(), kind, labels: labels.unwrap_or_default(), at: UnixMillis(1) });
    }

    fn image_now(&self, name: &str) -> EngineResult<Option<ImageFacts>> {
        let facts = || ImageFacts { id: format!("sha256:{name}"), repo_digest: None, size: ByteSize::mib(2) };
        self.called("image", name).map(|state| state.images.contains(name).then(facts))
    }

    fn info_now(&self) -> EngineResult<EngineInfo> {
        self.called("info", "engine").map(|state| EngineInfo {
            facts: EngineFacts {
                version: "fake".to_owned(),
                api_version: "1.41".to_owned(),
                socket: "/dev/null".to_owned(),
                storage_driver: "fake".to_owned(),
                cgroup_driver: "cgroupfs".to_owned(),
                live_restore: !state.has_no_live_restore,
                unusable: state.unusable.clone(),
                pid: None,
            },
            has_init: !state.has_no_init,
            data_root: "/dev/null".into(),
            nofile_hard: None,
        })
    }
}

impl Engine for FakeEngine {
    fn ping(&self) -> Call<'_, ()> {
        ready(self.called("ping", "engine").map(|_| ()))
    }

    fn info(&self) -> Call<'_, EngineInfo> {
        ready(self.info_now())
    }

    fn list<'a>(&'a self, label: &'a str) -> Call<'a, Vec<ContainerSummary>> {
        ready(self.list_now(label))
    }

    fn create<'a>(&'a self, plan: &'a ContainerPlan) -> Call<'a, ContainerId> {
        ready(self.create_now(plan))
    }

    fn start<'a>(&'a self, id: &'a ContainerId) -> Call<'a, ()> {
        ready(self.start_now(id))
    }

    fn end<'a>(&'a self, id: &'a ContainerId) -> Call<'a, ()> {
        ready(self.end_now("end", id, 137))
    }

    fn kill<'a>(&'a self, id: &'a ContainerId, signal: i32) -> Call<'a, ()> {
        ready(self.end_now("kill", id, i64::from(128 + signal)))
    }

    fn remove<'a>(&'a self, id: &'a ContainerId) -> Call<'a, ()> {
        ready(self.remove_now(id))
    }

    fn inspect<'a>(&'a self, id_or_name: &'a str) -> Call<'a, ContainerState> {
        ready(self.inspect_now(id_or_name))
    }

    fn events(&self, _label: &str) -> BoxStream<'static, EngineEvent> {
        let events = BroadcastStream::new(self.events.subscribe()).map(|event| match event {
            Ok(event) => EngineEvent::Container(event),
            Err(_) => EngineEvent::Resync { reason: Some("events were missed".to_owned()) },
        });
        stream::once(async { EngineEvent::Resync { reason: None } }).chain(events).boxed()
    }

    fn exec<'a>(&'a self, id: &'a ContainerId, _request: ExecRequest) -> Call<'a, ExecEnd> {
        ready(self.called("exec", id.as_str()).map(|state| {
            let silent = ExecOutput { code: 0, stdout: Vec::new(), stderr: Vec::new(), truncated: false };
            ExecEnd::Done(state.exec.clone().unwrap_or(silent))
        }))
    }

    fn exec_terminal<'a>(&'a self, id: &'a ContainerId, _request: TerminalRequest) -> Call<'a, EngineTerminal> {
        ready(self.called("terminal", id.as_str()).map(|_| EngineTerminal {
            exec: "fake".to_owned(),
            input: Box::pin(tokio::io::sink()),
            output: stream::empty().boxed(),
        }))
    }

    fn resize_terminal<'a>(&'a self, exec: &'a str, _size: TerminalSize) -> Call<'a, ()> {
        ready(self.called("resize", exec).map(|_| ()))
    }

    fn terminal_exit_code<'a>(&'a self, exec: &'a str) -> Call<'a, Option<i64>> {
        ready(self.called("exit-code", exec).map(|_| Some(0)))
    }

    fn logs(&self, id: &ContainerId, _options: LogOptions) -> BoxStream<'static, EngineResult<RawLogLine>> {
        let lines = self.called("logs", id.as_str()).map(|state| state.log.clone());
        match lines {
            Ok(lines) => stream::iter(lines.into_iter().map(Ok)).boxed(),
            Err(error) => stream::once(std::future::ready(Err(error))).boxed(),
        }
    }

    fn image<'a>(&'a self, name: &'a str) -> Call<'a, Option<ImageFacts>> {
        ready(self.image_now(name))
    }

    fn pull<'a>(&'a self, pull: Pull<'a>) -> Call<'a, ()> {
        (pull.progress)(PullProgress { done_bytes: 1, total_bytes: 2 });
        ready(self.called("pull", pull.image).map(|mut state| {
            state.images.insert(pull.image.to_owned());
        }))
    }

    fn import<'a>(&'a self, tag: &'a str, mut tar: BoxStream<'static, std::io::Result<Bytes>>) -> Call<'a, ()> {
        Box::pin(async move {
            while tar.next().await.is_some() {}
            self.called("import", tag)?.images.insert(tag.to_owned());
            Ok(())
        })
    }

    fn name_twin<'a>(&'a self, name: &'a str) -> Call<'a, bool> {
        ready(self.called("name-twin", name).map(|mut state| {
            let tag = |name: &str| name.rsplit_once(':').map(|(_, tag)| tag.to_owned());
            let is_twin = |known: &String| known.starts_with("throng/") && tag(known) == tag(name);
            let found = state.images.iter().any(is_twin);
            if found {
                state.images.insert(name.to_owned());
            }
            found
        }))
    }

    fn remove_image<'a>(&'a self, name: &'a str) -> Call<'a, ()> {
        ready(self.called("remove-image", name).map(|mut state| {
            state.images.remove(name);
        }))
    }

    fn read_file<'a>(&'a self, id: &'a ContainerId, path: &'a str, _slice: FileSlice) -> Call<'a, FileContents> {
        ready(
            self.called("read-file", &format!("{id} {path}"))
                .map(|_| FileContents { bytes: Vec::new(), total_bytes: 0 }),
        )
    }
}
