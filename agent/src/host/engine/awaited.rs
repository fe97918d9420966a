//! An engine that need not be there yet: until its socket exists every call fails as unreachable.
//!
//! A host without an engine runs process nodes, and an engine that is installed or started later is found without a
//! restart of the agent.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};

use super::api::{Call, Engine, EngineTerminal, TerminalRequest, TerminalSize};
use super::docker::client::DockerEngine;
use super::error::EngineResult;
use super::model::{
    ContainerId, ContainerPlan, ContainerState, ContainerSummary, EngineEvent, EngineInfo, ExecEnd, ExecRequest,
    FileContents, FileSlice, ImageFacts, LogOptions, Pull, RawLogLine,
};

/// How often the socket is looked for where events are waited for.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// The host's engine, whether it is there or not. Clones are the same.
#[derive(Clone, Default)]
pub struct AwaitedEngine {
    found: Arc<OnceLock<DockerEngine>>,
}

impl AwaitedEngine {
    /// The engine, looked for if it has not been found yet.
    fn found(&self) -> EngineResult<&DockerEngine> {
        match self.found.get() {
            Some(engine) => Ok(engine),
            None => DockerEngine::find().map(|engine| self.found.get_or_init(|| engine)),
        }
    }
}

impl Engine for AwaitedEngine {
    fn ping(&self) -> Call<'_, ()> {
        Box::pin(async { self.found()?.ping().await })
    }

    fn info(&self) -> Call<'_, EngineInfo> {
        Box::pin(async { self.found()?.info().await })
    }

    fn list<'a>(&'a self, label: &'a str) -> Call<'a, Vec<ContainerSummary>> {
        Box::pin(async move { self.found()?.list(label).await })
    }

    fn create<'a>(&'a self, plan: &'a ContainerPlan) -> Call<'a, ContainerId> {
        Box::pin(async move { self.found()?.create(plan).await })
    }

    fn start<'a>(&'a self, id: &'a ContainerId) -> Call<'a, ()> {
        Box::pin(async move { self.found()?.start(id).await })
    }

    fn end<'a>(&'a self, id: &'a ContainerId) -> Call<'a, ()> {
        Box::pin(async move { self.found()?.end(id).await })
    }

    fn kill<'a>(&'a self, id: &'a ContainerId, signal: i32) -> Call<'a, ()> {
        Box::pin(async move { self.found()?.kill(id, signal).await })
    }

    fn remove<'a>(&'a self, id: &'a ContainerId) -> Call<'a, ()> {
        Box::pin(async move { self.found()?.remove(id).await })
    }

    fn inspect<'a>(&'a self, id_or_name: &'a str) -> Call<'a, ContainerState> {
        Box::pin(async move { self.found()?.inspect(id_or_name).await })
    }

    fn events(&self, label: &str) -> BoxStream<'static, EngineEvent> {
        let (this, label) = (self.clone(), label.to_owned());
        let opened = async move {
            loop {
                if let Ok(engine) = this.found() {
                    return engine.events(&label);
                }
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        };
        stream::once(opened).flatten().boxed()
    }

    fn exec<'a>(&'a self, id: &'a ContainerId, request: ExecRequest) -> Call<'a, ExecEnd> {
        Box::pin(async move { self.found()?.exec(id, request).await })
    }

    fn exec_terminal<'a>(&'a self, id: &'a ContainerId, request: TerminalRequest) -> Call<'a, EngineTerminal> {
        Box::pin(async move { self.found()?.exec_terminal(id, request).await })
    }

    fn resize_terminal<'a>(&'a self, exec: &'a str, size: TerminalSize) -> Call<'a, ()> {
        Box::pin(async move { self.found()?.resize_terminal(exec, size).await })
    }

    fn terminal_exit_code<'a>(&'a self, exec: &'a str) -> Call<'a, Option<i64>> {
        Box::pin(async move { self.found()?.terminal_exit_code(exec).await })
    }

    fn logs(&self, id: &ContainerId, options: LogOptions) -> BoxStream<'static, EngineResult<RawLogLine>> {
        match self.found() {
            Ok(engine) => engine.logs(id, options),
            Err(error) => stream::once(std::future::ready(Err(error))).boxed(),
        }
    }

    fn image<'a>(&'a self, name: &'a str) -> Call<'a, Option<ImageFacts>> {
        Box::pin(async move { self.found()?.image(name).await })
    }

    fn pull<'a>(&'a self, pull: Pull<'a>) -> Call<'a, ()> {
        Box::pin(async move { self.found()?.pull(pull).await })
    }

    fn import<'a>(&'a self, tag: &'a str, tar: BoxStream<'static, std::io::Result<Bytes>>) -> Call<'a, ()> {
        Box::pin(async move { self.found()?.import(tag, tar).await })
    }

    fn name_twin<'a>(&'a self, name: &'a str) -> Call<'a, bool> {
        Box::pin(async move { self.found()?.name_twin(name).await })
    }

    fn remove_image<'a>(&'a self, name: &'a str) -> Call<'a, ()> {
        Box::pin(async move { self.found()?.remove_image(name).await })
    }

    fn read_file<'a>(&'a self, id: &'a ContainerId, path: &'a str, slice: FileSlice) -> Call<'a, FileContents> {
        Box::pin(async move { self.found()?.read_file(id, path, slice).await })
    }
}
