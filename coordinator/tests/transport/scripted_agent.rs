//! An agent that answers as a test tells it to.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _, stream};
use throng_proto::agent::agent_server::{Agent, AgentServer};
use throng_proto::agent::*;
use throng_proto::version;
use tokio::sync::watch;
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Answers `Hello` and `Watch`, and `Facts` with its name after a delay; `Signal` is refused; nothing else is known.
#[derive(Clone)]
pub(crate) struct ScriptedAgent {
    name: String,
    delay: Arc<watch::Sender<Duration>>,
    major: u32,
}

impl ScriptedAgent {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), delay: Arc::default(), major: version::MAJOR }
    }

    pub(crate) fn of_version(self, major: u32) -> Self {
        Self { major, ..self }
    }

    /// How long `Facts` takes from now on.
    pub(crate) fn delay(&self, delay: Duration) {
        self.delay.send_replace(delay);
    }

    pub(crate) fn routes(&self) -> Routes {
        Routes::new(AgentServer::new(self.clone()))
    }
}

fn unknown<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("not scripted"))
}

#[tonic::async_trait]
impl Agent for ScriptedAgent {
    async fn hello(&self, _: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        let version = Version { major: self.major, ..version::this() };
        Ok(Response::new(HelloReply { version: Some(version), boot_id: "boot".into(), ..HelloReply::default() }))
    }

    async fn facts(&self, _: Request<FactsRequest>) -> Result<Response<HostFacts>, Status> {
        let delay = *self.delay.borrow();
        tokio::time::sleep(delay).await;
        Ok(Response::new(HostFacts { hostname: self.name.clone(), ..HostFacts::default() }))
    }

    type WatchStream = Answers<WatchBatch>;
    async fn watch(&self, _: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let ticks = stream::unfold(tokio::time::interval(Duration::from_secs(1)), |mut ticks| async {
            ticks.tick().await;
            Some((Ok(WatchBatch::default()), ticks))
        });
        Ok(Response::new(ticks.boxed()))
    }

    async fn signal(&self, _: Request<SignalRequest>) -> Result<Response<SignalReply>, Status> {
        Err(Status::failed_precondition("no such cluster here"))
    }

    async fn apply(&self, _: Request<ApplyRequest>) -> Result<Response<ApplyReply>, Status> {
        unknown()
    }
    type ExecStream = Answers<ExecOutcome>;
    async fn exec(&self, _: Request<ExecRequest>) -> Result<Response<Self::ExecStream>, Status> {
        unknown()
    }
    type TerminalStream = Answers<TerminalOutput>;
    async fn terminal(&self, _: Request<Streaming<TerminalInput>>) -> Result<Response<Self::TerminalStream>, Status> {
        unknown()
    }
    type FetchStream = Answers<FetchOutcome>;
    async fn fetch(&self, _: Request<FetchRequest>) -> Result<Response<Self::FetchStream>, Status> {
        unknown()
    }
    type LogsStream = Answers<LogBatch>;
    async fn logs(&self, _: Request<LogsRequest>) -> Result<Response<Self::LogsStream>, Status> {
        unknown()
    }
    type ReadFileStream = Answers<FileChunk>;
    async fn read_file(&self, _: Request<ReadFileRequest>) -> Result<Response<Self::ReadFileStream>, Status> {
        unknown()
    }
    async fn import_image(&self, _: Request<Streaming<ImageChunk>>) -> Result<Response<ImportImageReply>, Status> {
        unknown()
    }
    type EnsureImageStream = Answers<ImageProgress>;
    async fn ensure_image(&self, _: Request<EnsureImageRequest>) -> Result<Response<Self::EnsureImageStream>, Status> {
        unknown()
    }
    async fn audit(&self, _: Request<AuditRequest>) -> Result<Response<AuditReply>, Status> {
        unknown()
    }
    async fn sweep(&self, _: Request<SweepRequest>) -> Result<Response<SweepReply>, Status> {
        unknown()
    }
    async fn shutdown(&self, _: Request<ShutdownRequest>) -> Result<Response<ShutdownReply>, Status> {
        unknown()
    }
}
